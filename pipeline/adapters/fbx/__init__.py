"""FBX files through the package `ufbx`, the extra `doodled[fbx]`."""

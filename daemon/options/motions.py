"""The motions that a command can use, and the files that its options name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.adapters.fbx.source import FbxSource
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.files.yaml_files import found_file
from pipeline.motion.formats.sources import exists
from pipeline.motion.library import MotionLibrary


def motion_library(environ: Mapping[str, str]) -> MotionLibrary:
    """The motions that come with doodled; relative paths inside files may start in ANIMATED_DRAWINGS_ROOT."""
    return MotionLibrary(
        [asset_folder(AssetKind.MOTIONS)], [asset_folder(AssetKind.RETARGET)], roots=file_roots(environ), more_sources=[FbxSource()]
    )


def file_roots(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where relative paths may start besides the working directory."""
    root = environ.get("ANIMATED_DRAWINGS_ROOT")
    return (Path(root),) if root else ()


def find_motion_file(wanted: str, environ: Mapping[str, str]) -> str | Path:
    """The path of a motion or retarget file, looked up in the working directory and ANIMATED_DRAWINGS_ROOT; a name is returned as it is."""
    if not Path(wanted).suffix:
        return wanted
    return found_file(wanted, roots=file_roots(environ), beside=Path.cwd() / "-") or Path(wanted)


def named_clip(wanted: str) -> tuple[str, str | None]:
    """A motion's name or file, and the clip in it: "soldier.glb#Run" is Run in soldier.glb. A file that has such a name goes first."""
    name, mark, clip = wanted.rpartition("#")
    return (name, clip) if mark and Path(name).suffix and not exists(Path(wanted)) else (wanted, None)

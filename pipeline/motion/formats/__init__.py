"""Motion file formats: each reads a file into a `MotionClip`; `sources` says which one a file has.

bvh_hierarchy, bvh, kinematics -> bvh_source
gltf, scene_graph -> gltf_source (and the adapter for FBX)
point_layouts, point_tracks, smoothing -> point_source
diffusion_source
"""

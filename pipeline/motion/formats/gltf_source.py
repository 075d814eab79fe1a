"""glTF files as a source of motion clips: the joints of the file's skin, where they are in the world over time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import MotionFileError
from pipeline.motion.clip import MAX_JOINTS, MotionClip
from pipeline.motion.formats.gltf import GltfFile, animation_channels, node_parents, numbers_of, read_gltf
from pipeline.motion.formats.scene_graph import (
    AnimationChannel,
    NodeSpace,
    check_tree,
    joint_positions,
    nearest_above,
    sample_times,
    with_ancestors,
)
from pipeline.motion.humanoid.body_map import BodyMap, LimbMap
from pipeline.motion.up_axis import UpAxis

_VRM_LIMBS = {
    "arm": ("UpperArm", "LowerArm", "Hand", "MiddleProximal"),
    "leg": ("UpperLeg", "LowerLeg", "Foot", "Toes"),
}


class GltfSource:
    """glTF 2.0 in JSON and binary form, and VRM."""

    title = "glTF"
    suffixes = frozenset({".gltf", ".glb", ".vrm", ".vrma"})

    def read(self, path: Path, clip: str | None) -> MotionClip:
        """One animation by its name or number; None is the first that moves. Raises as `MotionSource.read` does."""
        file = read_gltf(path)
        number, names, channels = _chosen_animation(file, clip)
        joints = _joints(file, channels)
        parents = node_parents(file)
        needed = with_ancestors(joints, parents)
        channels = [channel for channel in channels if channel.node in needed]
        times, frame_time = sample_times(channels, len(needed), path)
        spaces = partial(_space, file)
        positions = joint_positions(parents, joints, spaces, channels, times, path=path)
        rest = joint_positions(parents, joints, spaces, [], times[:1], path=path)[0]
        titles = _names(file, joints)
        others = [name for index, name in enumerate(names) if index != number]
        notes = (
            (f"the clip is {names[number]!r}, of {len(names)}; FILE#CLIP asks for another: {', '.join(others)[:300]}",)
            if others and clip is None
            else ()
        )
        return MotionClip(
            name=path.stem if len(names) == 1 else f"{path.stem} {names[number]}",
            joint_names=titles,
            parents=np.array(nearest_above(joints, parents), dtype=np.int32),
            positions=positions,
            frame_time=frame_time,
            rest=rest,
            up=UpAxis.Y,  # section 3.4
            body=_vrm_body(file, dict(zip(joints, titles, strict=True))),
            notes=notes,
        )


def _chosen_animation(file: GltfFile, clip: str | None) -> tuple[int, list[str], list[AnimationChannel]]:
    """The number of the animation that is asked for, the names of all, and its channels."""
    animations = file.objects("animations")
    names = [str(animation.get("name") or f"animation {index}") for index, animation in enumerate(animations)]
    if not animations:
        raise MotionFileError(
            file.path, ["there is no animation in this file"], hint="a model alone does not move; bring its motion as a file"
        )
    if clip is not None:
        number = next((index for index, name in enumerate(names) if name.casefold() == clip.casefold()), None)
        number = int(clip) if number is None and clip.isdecimal() and len(clip) < 6 and int(clip) < len(names) else number
        if number is None:
            raise MotionFileError(file.path, [f"there is no clip {clip!r}, it has {', '.join(names)[:400]}"])
        return number, names, animation_channels(file, number)
    for number in range(min(len(animations), 50)):
        channels = animation_channels(file, number)
        if any(len(channel.times) > 1 and np.ptp(channel.values, axis=0).max() > 1e-4 for channel in channels):
            return number, names, channels
    raise MotionFileError(file.path, ["no animation in this file moves anything"])


def _joints(file: GltfFile, channels: list[AnimationChannel]) -> list[int]:
    """Nodes of all skins, or else all that are animated or below one, parents first."""
    parents = node_parents(file)
    skinned: set[int] = set()
    for index, skin in enumerate(file.objects("skins")):
        members = skin.get("joints", [])
        for node in members if isinstance(members, list) else []:
            file.item("nodes", node, f"skins[{index}].joints")
            skinned.add(int(node))
    moved = {channel.node for channel in channels}
    order = check_tree(parents, file.path)
    if not skinned:
        for node in order:
            if parents[node] in moved:
                moved.add(node)
        skinned = moved
    found = [node for node in order if node in skinned]
    if not found or len(found) > MAX_JOINTS:
        raise MotionFileError(file.path, [f"expected 1 to {MAX_JOINTS} joints, found {len(found)}"])
    return found


def _space(file: GltfFile, node: int) -> NodeSpace:
    has_matrix = "matrix" in file.objects("nodes")[node]
    return NodeSpace(
        numbers_of(file, node, "translation", (0, 0, 0)),
        numbers_of(file, node, "rotation", (0, 0, 0, 1)),
        numbers_of(file, node, "scale", (1, 1, 1)),
        numbers_of(file, node, "matrix", np.eye(4).ravel().tolist()).reshape(4, 4).T if has_matrix else None,
    )


def _names(file: GltfFile, joints: list[int]) -> tuple[str, ...]:
    """Unique names."""
    taken: set[str] = set()
    names = []
    for node in joints:
        given = file.objects("nodes")[node].get("name")
        name = str(given)[:200] if isinstance(given, str) and given else f"node {node}"
        name = name if name not in taken else f"{name} ({node})"
        taken.add(name)
        names.append(name)
    return tuple(names)


def _vrm_body(file: GltfFile, names: Mapping[int, str]) -> BodyMap | None:
    """The map that VRM files bring with them (VRM 0.x, VRMC_vrm 1.0, VRMC_vrm_animation 1.0), or None."""
    bones = {bone: names[node] for bone, node in _vrm_bones(file).items() if node in names}
    needed = [f"{side}{part}" for side in ("left", "right") for parts in _VRM_LIMBS.values() for part in parts[:3]]
    if not {"hips", "head", *needed} <= set(bones):
        return None

    def limb(side: str, kind: str) -> LimbMap:
        start, middle, end, tip = (f"{side}{part}" for part in _VRM_LIMBS[kind])
        return LimbMap(bones[start], bones[middle], bones[end], bones.get(tip))

    trunk = tuple(bones[bone] for bone in ("hips", "spine", "chest", "upperChest", "neck") if bone in bones)
    trunk = trunk if len(trunk) > 1 else (bones["hips"], bones["head"])
    return BodyMap(
        hips=trunk[0],
        trunk=trunk,
        neck=trunk[-1],
        head=bones["head"],
        left_arm=limb("left", "arm"),
        right_arm=limb("right", "arm"),
        left_leg=limb("left", "leg"),
        right_leg=limb("right", "leg"),
        up=UpAxis.Y,
        confidence=1.0,
        reasons=("the file says itself which bones are which (VRM)",),
    )


def _vrm_bones(file: GltfFile) -> dict[str, int]:
    extensions = file.root.get("extensions")
    for key in ("VRMC_vrm_animation", "VRMC_vrm", "VRM"):
        extension: Any = extensions.get(key) if isinstance(extensions, dict) else None
        humanoid: Any = extension.get("humanoid") if isinstance(extension, dict) else None
        bones: Any = humanoid.get("humanBones") if isinstance(humanoid, dict) else None
        if isinstance(bones, list):
            bones = {bone.get("bone"): bone for bone in bones if isinstance(bone, dict)}
        if isinstance(bones, dict):
            return {str(name): bone["node"] for name, bone in bones.items() if isinstance(bone, dict) and isinstance(bone.get("node"), int)}
    return {}

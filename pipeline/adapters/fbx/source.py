"""FBX files as a source of motion clips, read in a process of their own (`child`), which may crash without harm."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import MotionFileError
from pipeline.motion.clip import MAX_JOINTS, MotionClip
from pipeline.motion.formats.scene_graph import (
    AnimationChannel,
    NodeSpace,
    check_tree,
    joint_positions,
    nearest_above,
    sample_times,
    with_ancestors,
)
from pipeline.motion.up_axis import UpAxis
from pipeline.types import Floats

MAX_BYTES = 256 << 20
PATIENCE_S = 60.0
_CHILD = Path(__file__).with_name("child.py")
_OTHERWISE = "or save it as glTF or BVH: Blender imports FBX and exports both"


class FbxSource:
    """Autodesk's FBX, binary and ASCII, such as Mixamo's."""

    title = "FBX"
    suffixes = frozenset({".fbx"})

    def read(self, path: Path, clip: str | None) -> MotionClip:
        """One animation by its name or number; None is the first that moves. Raises as `MotionSource.read` does."""
        if importlib.util.find_spec("ufbx") is None:
            raise MotionFileError(
                path, ["this is an FBX file, which doodled reads with its extra"], hint=f"pip install 'doodled[fbx]', {_OTHERWISE}"
            )
        if path.stat().st_size > MAX_BYTES:
            raise MotionFileError(path, [f"the file is too big: expected at most {MAX_BYTES} bytes"])
        return _clip(path, clip, *_answer(path, clip))


def _answer(path: Path, clip: str | None) -> tuple[dict[str, Any], Floats]:
    """What the child found: its head, and its numbers."""
    try:
        done = subprocess.run(  # noqa: S603 - our own script, and a path as its argument
            [sys.executable, "-I", str(_CHILD), str(path.resolve()), clip or ""],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired as error:
        raise MotionFileError(path, [f"this FBX file is not read within {PATIENCE_S:g} s"], hint=_OTHERWISE.removeprefix("or ")) from error
    head, _, numbers = done.stdout.partition(b"\n")
    if done.returncode != 0 or not head:
        stderr = done.stderr.decode("utf-8", "replace").strip()[-300:]
        why = f"the reader left with status {done.returncode}" + (f": {stderr}" if stderr else "")
        raise MotionFileError(path, [f"this FBX file can't be read ({why})"], hint=_OTHERWISE.removeprefix("or "))
    found: dict[str, Any] = json.loads(head)
    return found, np.frombuffer(numbers, dtype=np.float64, count=found["numbers"])


def _clip(path: Path, clip: str | None, head: dict[str, Any], numbers: Floats) -> MotionClip:
    clips: list[str] = head["clips"]
    if not clips:
        raise MotionFileError(path, ["there is no animation in this file"], hint="download it with its motion")
    if head["clip"] < 0:
        raise MotionFileError(path, [f"there is no clip {clip!r}, it has {', '.join(clips)[:400]}"])
    if not np.isfinite(numbers).all():
        raise MotionFileError(path, ["a number in its animation is infinite or not a number"])
    nodes = head["nodes"]
    parents = [int(node[1]) for node in nodes]
    joints = _joints(path, nodes, parents)
    needed = with_ancestors(joints, parents)
    channels = [channel for channel in _channels(head, numbers) if channel.node in needed]
    times, frame_time = sample_times(channels, len(needed), path)
    spaces = partial(_space, nodes)
    others = [name for index, name in enumerate(clips) if index != head["clip"]]
    note = f"the clip is {clips[head['clip']]!r}, of {len(clips)}; FILE#CLIP asks for another: {', '.join(others)[:300]}"
    return MotionClip(
        name=path.stem,
        joint_names=_unique(str(nodes[node][0]) or f"node {node}" for node in joints),
        parents=np.array(nearest_above(joints, parents), dtype=np.int32),
        positions=joint_positions(parents, joints, spaces, channels, times, path=path),
        frame_time=frame_time,
        rest=joint_positions(parents, joints, spaces, [], times[:1], path=path)[0],
        up=UpAxis.Y,  # the child asks for it
        notes=(note,) if others and clip is None else (),
    )


def _joints(path: Path, nodes: list[Any], parents: list[int]) -> list[int]:
    """Bones, or else all nodes, parents first."""
    order = check_tree(parents, path)
    found = [node for node in order if nodes[node][2]] or order
    if len(found) > MAX_JOINTS:
        raise MotionFileError(path, [f"{len(found)} joints, expected at most {MAX_JOINTS}"])
    return found


def _channels(head: dict[str, Any], numbers: Floats) -> list[AnimationChannel]:
    channels = []
    start = 0
    for node, kind, count in head["channels"]:
        size = 4 if kind == "rotation" else 3
        times = numbers[start : start + count]
        values = numbers[start + count : start + count * (size + 1)].reshape(count, size)
        start += count * (size + 1)
        if count:
            channels.append(AnimationChannel(node, kind, times, values, "LINEAR"))
    return channels


def _space(nodes: list[Any], node: int) -> NodeSpace:
    numbers = np.array(nodes[node][3], dtype=np.float64)
    return NodeSpace(numbers[:3], numbers[3:7], numbers[7:])


def _unique(names: Any) -> tuple[str, ...]:  # noqa: ANN401 - any iterable of strings
    taken: dict[str, int] = {}
    unique = []
    for name in names:
        taken[name] = number = taken.get(name, 0) + 1
        unique.append(name if number == 1 else f"{name} ({number})")
    return tuple(unique)

"""The process that reads an FBX file: run as a script with the file and a clip's name, it writes what it finds to its standard output.

The binding of `ufbx` frees memory that is still in use when Python collects garbage, or drops a list of a scene's content: the collector is
off, `main` keeps the scene and its lists until the answer is written, and the process leaves without cleaning up. If it crashes, the caller
reports that the file can't be read.

The answer is a line of JSON, then the numbers that it counts as float64: of each channel its times, then its values.
"""

from __future__ import annotations

import gc

gc.disable()

import json  # noqa: E402 - the collector is off first
import math  # noqa: E402 - as above
import os  # noqa: E402 - as above
import resource  # noqa: E402 - as above
import sys  # noqa: E402 - as above
from array import array  # noqa: E402 - as above
from typing import Any  # noqa: E402 - as above

MAX_BAKED = 4_000_000
"""Numbers in an animation's channels, at most."""

LONGEST_S = 3600
"""An animation lasts at most this long."""

MAX_CLIPS = 50
"""Animations after this many are not looked at."""

MIN_FPS, MAX_FPS, DEFAULT_FPS = 10.0, 120.0, 30.0
"""Frame rates that animations are sampled with: the file's within the first two; the third if the file's is no number."""

MEMORY_BYTES = 3 << 30
"""Address space of this process, at most."""

CPU_S = 60
"""CPU time of this process, at most."""


def main(path: str, clip: str) -> None:
    """Write what an FBX file contains to the standard output. If this process crashes, the caller reports that the file can't be read.

    Args:
        clip: name or number of an animation; "" is the first that moves.
    Raises:
        ValueError: an animation is too long, or has too many numbers.
    """
    scene = _load(path)
    stacks, nodes = list(scene.anim_stacks), list(scene.nodes)  # kept until the end: else ufbx crashes
    names = [str(stack.name) for stack in stacks]
    index, baked = _bake_clip(scene, stacks, names, clip)
    channels, numbers = _channels(baked)
    header = {"clips": names, "clip": index, "nodes": _nodes(nodes), "channels": channels, "numbers": len(numbers)}
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + numbers.tobytes())
    sys.stdout.buffer.flush()


def _load(path: str) -> Any:  # noqa: ANN401 - ufbx has no types
    """The file's scene: y up, right-handed, meters."""
    import ufbx

    return ufbx.load_file(
        path,
        ignore_geometry=True,
        ignore_embedded=True,
        load_external_files=False,
        target_axes=ufbx.axes_right_handed_y_up,
        target_unit_meters=1.0,
        inherit_mode_handling=ufbx.InheritModeHandling.HELPER_NODES,
        node_depth_limit=2000,
    )


def _bake_clip(scene: Any, stacks: list[Any], names: list[str], clip: str) -> tuple[int, Any]:  # noqa: ANN401 - ufbx has no types
    """Index and samples of the animation with this name or number, or of the first that moves; -1 and None where there is none.

    If none moves, it is the last one.
    """
    import ufbx

    rate = scene.settings.frames_per_second
    rate = min(max(rate, MIN_FPS), MAX_FPS) if math.isfinite(rate) else DEFAULT_FPS
    chosen, baked = -1, None
    for index, stack in enumerate(stacks[:MAX_CLIPS]):
        if clip and names[index].casefold() != clip.casefold() and str(index) != clip:
            continue
        duration = stack.time_end - stack.time_begin
        if not 0 <= duration <= LONGEST_S:
            raise ValueError(f"clip {names[index]!r} lasts {duration:g} s, expected at most an hour")
        baked = ufbx.bake_anim(scene, stack.anim, resample_rate=rate, key_reduction_enabled=False)
        chosen = index
        if clip or any(not (n.constant_rotation and n.constant_translation) for n in baked.nodes):
            break
    return chosen, baked


def _channels(baked: Any) -> tuple[list[tuple[int, str, int]], array[float]]:  # noqa: ANN401 - ufbx has no types
    """Node, kind and number of keys of each channel, and the numbers of all: of each channel its times, then its values."""
    numbers = array("d")
    channels = []
    for node in baked.nodes if baked is not None else ():
        for kind, keys, size in (
            ("translation", node.translation_keys, 3),
            ("rotation", node.rotation_keys, 4),
            ("scale", node.scale_keys, 3),
        ):
            count = len(keys)
            if len(numbers) + count * (size + 1) > MAX_BAKED:
                raise ValueError(f"there are more than {MAX_BAKED} numbers in its animation")
            found = [keys[index] for index in range(count)]
            numbers.extend(key.time for key in found)
            for key in found:
                numbers.extend(_four(key.value) if size == 4 else _three(key.value))
            channels.append((node.typed_id, kind, count))
    return channels, numbers


def _nodes(nodes: list[Any]) -> list[list[object]]:
    """Name, index of the parent (-1 for none), whether it is a bone, and translation, rotation and scale at rest of each node."""
    return [
        [
            str(node.name)[:200],
            -1 if node.parent is None else node.parent.typed_id,
            node.bone is not None,
            [*_three(node.local_transform.translation), *_four(node.local_transform.rotation), *_three(node.local_transform.scale)],
        ]
        for node in nodes
    ]


def _three(vector: Any) -> list[float]:  # noqa: ANN401 - ufbx has no types
    return [vector.x, vector.y, vector.z]


def _four(quaternion: Any) -> list[float]:  # noqa: ANN401 - ufbx has no types
    return [*_three(quaternion), quaternion.w]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        main(sys.argv[1], sys.argv[2])
    except BaseException as error:  # noqa: BLE001 - said to the caller, who knows no more than what is written
        sys.stderr.write(f"{type(error).__name__}: {error}"[:500])
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)

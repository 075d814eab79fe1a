"""The process that reads an FBX file: run as a script with the file and a clip's name, it writes what it finds to its standard output.

The binding of `ufbx` frees memory that is still in use when Python collects garbage: the collector is off, nothing is ever freed, and the
process leaves without cleaning up. Whatever it does to itself, the caller only sees that no answer came.

The answer is a line of JSON, then the numbers that it counts as float64: of each channel its times, then its values.
"""

import gc

gc.disable()

import json  # noqa: E402 - the collector is off first
import math  # noqa: E402 - as above
import os  # noqa: E402 - as above
import resource  # noqa: E402 - as above
import sys  # noqa: E402 - as above
from array import array  # noqa: E402 - as above

MAX_BAKED = 4_000_000
MEMORY_BYTES, CPU_S = 3 << 30, 60


def main(path: str, clip: str) -> None:
    import ufbx

    scene = ufbx.load_file(
        path,
        ignore_geometry=True,
        ignore_embedded=True,
        load_external_files=False,
        target_axes=ufbx.axes_right_handed_y_up,
        target_unit_meters=1.0,
        inherit_mode_handling=ufbx.InheritModeHandling.HELPER_NODES,
        node_depth_limit=2000,
    )
    nodes = list(scene.nodes)
    stacks = list(scene.anim_stacks)
    names = [str(stack.name) for stack in stacks]
    rate = scene.settings.frames_per_second
    rate = min(max(rate, 10.0), 120.0) if math.isfinite(rate) else 30.0
    chosen, baked = -1, None
    for index, stack in enumerate(stacks[:50]):
        if clip and names[index].casefold() != clip.casefold() and str(index) != clip:
            continue
        if not 0 <= stack.time_end - stack.time_begin <= 3600:
            raise ValueError(f"clip {names[index]!r} lasts {stack.time_end - stack.time_begin:g} s, expected at most an hour")
        baked = ufbx.bake_anim(scene, stack.anim, resample_rate=rate, key_reduction_enabled=False)
        chosen = index
        if clip or any(not (n.constant_rotation and n.constant_translation) for n in baked.nodes):
            break
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
                value = key.value
                numbers.extend((value.x, value.y, value.z, value.w) if size == 4 else (value.x, value.y, value.z))
            channels.append([node.typed_id, kind, count])
    head = {
        "clips": names,
        "clip": chosen,
        "nodes": [
            [
                str(node.name)[:200],
                -1 if node.parent is None else node.parent.typed_id,
                node.bone is not None,
                [*_three(node.local_transform.translation), *_four(node.local_transform.rotation), *_three(node.local_transform.scale)],
            ]
            for node in nodes
        ],
        "channels": channels,
        "numbers": len(numbers),
    }
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + numbers.tobytes())
    sys.stdout.buffer.flush()


def _three(vector: object) -> list[float]:
    return [vector.x, vector.y, vector.z]  # type: ignore[attr-defined]


def _four(quaternion: object) -> list[float]:
    return [*_three(quaternion), quaternion.w]  # type: ignore[attr-defined]


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

"""Previews of motions: a skeleton's joints on the screen over time, as small JSON that a page draws as moving lines.

A motion is seen from the front or from the side, whichever shows more of it. Nothing is rendered, so a preview takes milliseconds and a few
kilobytes, and follows the page's colors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from daemon.options.motions import motion_library

if TYPE_CHECKING:
    from pipeline.types import Floats, Motion

FRAMES_S: Final = 15.0
MAX_FRAMES: Final = 150
SIDE: Final = 200
_MARGIN: Final = 12


def motion_preview(name: str, environ: Mapping[str, str]) -> bytes:
    """The preview of a motion as JSON: bones as pairs of joint numbers, and x, y of each joint in each frame, in a square of SIDE."""
    return _preview(name, tuple(sorted(environ.items())))


@lru_cache(maxsize=256)
def _preview(name: str, environ: tuple[tuple[str, str], ...]) -> bytes:
    import numpy as np

    motion = motion_library(dict(environ)).motion(name)
    step = max(1.0, motion.frame_count / max(2.0, min(MAX_FRAMES, float(motion.duration) * FRAMES_S)))
    chosen = np.unique(np.floor(np.arange(0, motion.frame_count, step)).astype(int))
    flat = _projected(motion)[chosen]
    low, high = flat.min(axis=(0, 1)), flat.max(axis=(0, 1))
    scale = (SIDE - 2 * _MARGIN) / max(float((high - low).max()), 1e-9)
    middle = (low + high) / 2
    x = SIDE / 2 + (flat[..., 0] - middle[0]) * scale
    y = SIDE / 2 - (flat[..., 1] - middle[1]) * scale
    frames = np.rint(np.stack([x, y], axis=-1)).astype(int).reshape(len(chosen), -1)
    bones = [[int(parent), joint] for joint, parent in enumerate(motion.parents) if parent >= 0]
    content = {
        "bones": bones,
        "frames": frames.tolist(),
        "frame_ms": round(1000 * step * float(motion.frame_time), 2),
        "side": SIDE,
        "loops": motion.loops,
    }
    return json.dumps(content, separators=(",", ":")).encode()


def _projected(motion: Motion) -> Floats:
    """(T, K, 2) the joints as a spectator sees them, without the path that the figure travels."""
    import numpy as np

    positions = np.asarray(motion.positions, np.float64).copy()
    root = positions[:, :1, :].copy()
    root[..., 1] = 0.0
    positions -= root
    index = {name: number for number, name in enumerate(motion.joint_names)}
    across = np.zeros(3)
    for left, right in motion.facing_pairs:
        across += (positions[:, index[right]] - positions[:, index[left]]).mean(axis=0)
    across[1] = 0.0
    across = across / np.linalg.norm(across) if np.linalg.norm(across) > 1e-9 else np.array([1.0, 0.0, 0.0])
    ahead = np.array([across[2], 0.0, -across[0]])
    from_front, from_side = positions @ across, positions @ ahead
    is_sideways = from_side.std(axis=0).sum() > 1.5 * from_front.std(axis=0).sum()
    return np.stack([from_side if is_sideways else -from_front, positions[..., 1]], axis=-1)

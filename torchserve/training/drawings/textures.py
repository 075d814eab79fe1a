"""Noise to cut grain, paper and light from: a few large tiles, made once per process, of which every use takes a random part."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 1024
SCALES = {"fine": 0.6, "grain": 1.1, "tooth": 1.8, "soft": 6.0, "patch": 22.0, "cloud": 90.0}
"""Blur of the white noise, in pixels."""


@cache
def tile(kind: str) -> NDArray[np.float32]:
    """A periodic `(SIDE, SIDE)` float32 tile with mean 0 and deviation 1. "fibre" is noise drawn out in one direction."""
    rng = np.random.default_rng(sum(kind.encode()) * 7919)
    noise = rng.standard_normal((SIDE, SIDE)).astype(np.float32)
    across, down = (SCALES[kind], SCALES[kind]) if kind in SCALES else (9.0, 0.7)
    if across > 16:  # as smooth when made small and enlarged, and far quicker
        small = cv2.GaussianBlur(np.tile(noise[: SIDE // 8, : SIDE // 8], (3, 3)), (0, 0), across / 8)
        blurred = cv2.resize(small, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)[SIDE : 2 * SIDE, SIDE : 2 * SIDE]
    else:
        margin = 64
        blurred = cv2.GaussianBlur(np.pad(noise, margin, mode="wrap"), (0, 0), across, sigmaY=down)[margin:-margin, margin:-margin]
    return np.ascontiguousarray((blurred - blurred.mean()) / blurred.std())


def cutting(rng: np.random.Generator, kind: str, height: int, width: int) -> NDArray[np.float32]:
    """A random `(height, width)` part of a tile, perhaps turned over. Sides up to `SIDE`."""
    whole = tile(kind)
    top, left = int(rng.random() * (SIDE - height + 1)), int(rng.random() * (SIDE - width + 1))
    part = whole[top : top + height, left : left + width]
    turns = int(rng.random() * 4)
    return part[:: -1 if turns & 1 else 1, :: -1 if turns & 2 else 1]

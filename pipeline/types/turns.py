"""Turns of images by multiples of 90 degrees, counted clockwise."""

from __future__ import annotations

from typing import Literal, TypeVar, get_args

import numpy as np

from pipeline.types.arrays import Bools, Bytes

Turn = Literal[0, 90, 180, 270]
TURNS: tuple[Turn, ...] = get_args(Turn)
_Pixels = TypeVar("_Pixels", Bytes, Bools)


def turned_pixels(pixels: _Pixels, turn: Turn) -> _Pixels:
    """`pixels` (H, W) or (H, W, C), turned clockwise, contiguous."""
    return np.ascontiguousarray(np.rot90(pixels, -turn // 90))


def turn_back(turn: Turn) -> Turn:
    """The turn that undoes a turn."""
    return TURNS[-(turn // 90) % 4]

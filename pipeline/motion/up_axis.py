"""The six ways in which a file's world may be set up, and turning it upright."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from pipeline.types import Floats


class UpAxis(StrEnum):
    """Which axis of the file points up. AnimatedDrawings knows the first two."""

    Y = "+y"
    Z = "+z"
    X = "+x"
    MINUS_X = "-x"
    MINUS_Y = "-y"
    MINUS_Z = "-z"


# Which of the file's axes become x, y and z, and with which sign; each is a rotation (its determinant is 1). `+z` is AnimatedDrawings'
# Euler rotation y, x of (-90, -90) degrees (etc/doc/algorithm.md, "Motion"), which exchanges the axes in a cycle without rounding.
_TURNS: dict[UpAxis, tuple[tuple[int, int, int], tuple[float, float, float]]] = {
    UpAxis.Y: ((0, 1, 2), (1.0, 1.0, 1.0)),
    UpAxis.Z: ((1, 2, 0), (1.0, 1.0, 1.0)),
    UpAxis.X: ((2, 0, 1), (1.0, 1.0, 1.0)),
    UpAxis.MINUS_X: ((1, 0, 2), (1.0, -1.0, 1.0)),
    UpAxis.MINUS_Y: ((0, 1, 2), (-1.0, -1.0, 1.0)),
    UpAxis.MINUS_Z: ((0, 2, 1), (1.0, -1.0, 1.0)),
}


def upright(positions: Floats, up: UpAxis) -> Floats:
    """`positions` (..., 3) of a world in which `up` points up, in one in which +y does."""
    if up is UpAxis.Y:
        return positions
    axes, signs = _TURNS[up]
    turned: Floats = positions[..., axes]
    return turned if up in {UpAxis.Z, UpAxis.X} else turned * np.array(signs)

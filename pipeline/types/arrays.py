"""Array types by element, and validation of shape and dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ShapeError

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]


def check_array(name: str, array: NDArray[Any], shape: tuple[int | str, ...], dtype: type[np.generic]) -> None:
    """Raise ShapeError unless `array` has `dtype` and `shape`; a letter means any length, and the same letter the same length."""
    bound: dict[str, int] = {}
    expected = f"{shape} {np.dtype(dtype)}".replace("'", "")
    actual = f"{array.shape} {array.dtype}"
    if array.dtype != dtype or array.ndim != len(shape):
        raise ShapeError(name, expected=expected, actual=actual)
    for want, have in zip(shape, array.shape, strict=True):
        if (bound.setdefault(want, have) if isinstance(want, str) else want) != have:
            raise ShapeError(name, expected=expected, actual=actual)

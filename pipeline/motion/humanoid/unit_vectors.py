"""Vectors of length 1."""

from __future__ import annotations

import numpy as np

from pipeline.types import Floats


def unit_vectors(vectors: Floats) -> Floats:
    """The directions of `vectors` (..., N) as vectors of length 1; a zero vector stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    units: Floats = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return units

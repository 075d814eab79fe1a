"""The share of a figure that a motion tears."""

from __future__ import annotations

import numpy as np

from pipeline.animate import Performance
from pipeline.types import Floats


def torn_shares(performance: Performance) -> Floats:
    """Share of the figure's area that is stretched by more than 1.5, squeezed below 0.5 or turned over, for each frame (T,).

    By the singular values of each triangle's deformation gradient.
    """
    rest, triangles = performance.meshed.figure.mesh.vertices, performance.meshed.figure.mesh.triangles

    def edges(points: Floats) -> Floats:
        first, second, third = (points[triangles[:, corner]] for corner in range(3))
        return np.stack([second - first, third - first], axis=-1)

    inverse, area = np.linalg.inv(edges(rest)), np.abs(np.linalg.det(edges(rest)))
    shares = []
    for shape in performance.moving.each_shape():
        gradient = edges(shape) @ inverse
        values = np.linalg.svd(gradient, compute_uv=False)
        torn = (values[:, 0] > 1.5) | (values[:, 1] < 0.5) | (np.linalg.det(gradient) < 0)
        shares.append(area[torn].sum() / area.sum())
    return np.array(shares)

"""Triangulation of a mask: outlines, their subdivision, and a Delaunay triangulation that contains them.

Points are (N, 2) float64 in image px with the origin at the corner of the top-left pixel (a pixel's center is at +0.5), y down.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.mesh.depth import depth_inside
from pipeline.mesh.pieces import MAX_PIECES
from pipeline.mesh.triangles import signed_areas
from pipeline.types import Bools, Floats, Ints, Singles

ENLARGED = 2
"""Outlines are traced on the mask enlarged by this factor, so that lines one pixel wide have an inside and gaps of one pixel stay open."""

RECOVERY_ROUNDS = 8
"""Rounds of halving outline segments that the triangulation lacks; thin gaps need one or two."""

MAX_EDGE_OF_SIDE = 200
"""Longest edge of a mask, with those of its holes, in lengths of its longer side. Drawings have 5 to 10. A checkerboard of 500 px has 1000,
and its 125,000 holes take minutes."""

MAX_POINTS = 20_000
"""Most points of a mask's outlines. Drawings have 300 to 800; this many take 10 s."""

SMALLEST_AREA = 5e-7
"""Triangles of at most this area, square px, have three corners on one line, and are left out."""


def excess(mask: Bools) -> str:
    """Why a mask (h, w) bool takes too long to triangulate, for a message; "" if it doesn't. Takes only as long as reading the mask."""
    padded = np.pad(mask, 1)
    limit = MAX_EDGE_OF_SIDE * max(mask.shape)
    edge = np.count_nonzero(padded[1:] != padded[:-1]) + np.count_nonzero(padded[:, 1:] != padded[:, :-1])
    if edge > limit:
        return f"its edge is too long: expected at most {limit} px, found {edge}"
    pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1
    return f"it is in too many pieces: expected at most {MAX_PIECES}, found {pieces}" if pieces > MAX_PIECES else ""


def outlines(mask: Bools, *, tolerance_px: float) -> list[Floats]:
    """Closed outlines of a mask (h, w) bool and of its holes, simplified to within `tolerance_px`; each (N, 2), N >= 3."""
    large = np.repeat(np.repeat(mask.astype(np.uint8), ENLARGED, axis=0), ENLARGED, axis=1)
    found, _ = cv2.findContours(np.pad(large, 1), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    simplified = [_simplified(np.asarray(contour, np.int32), tolerance_px * ENLARGED) for contour in found]
    return [(points - 0.5) / ENLARGED for points in simplified if len(points) >= 3]  # -1 for the padding, +0.5 to the pixel's center


def _simplified(contour: Ints, tolerance: float) -> Ints:
    """The contour (N, 1, 2) simplified, (M, 2), or with all its points if it would lose its inside."""
    points = cv2.approxPolyDP(contour, tolerance, closed=True)[:, 0]
    return np.asarray(points if len(points) >= 3 else contour[:, 0], np.int32)


def subdivided(outline: Floats, *, spacing: float) -> Floats:
    """The closed outline (N, 2) with points added evenly on each segment longer than `spacing`, px, so that none is longer."""
    steps = np.roll(outline, -1, axis=0) - outline
    parts = np.maximum(1, np.ceil(np.linalg.norm(steps, axis=1) / spacing)).astype(int)
    which = np.repeat(np.arange(len(outline)), parts)
    within = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    points: Floats = outline[which] + steps[which] * (within / parts[which])[:, None]
    return points


def interior_grid(mask: Bools, *, spacing: float, corner: Floats | None = None) -> Floats:
    """(N, 2) points of a square grid that are inside the mask, more than half a `spacing`, px, from its edge.

    Args:
        corner: (2,) top-left corner of the mask in its image, px, if it was cut out. The grid is that of the image, so that it is the same
            for all layers.
    """
    depth = depth_inside(mask)
    height, width = mask.shape
    across, down = (spacing / 2 - (np.zeros(2) if corner is None else corner)) % spacing
    x, y = np.meshgrid(np.arange(across, width, spacing), np.arange(down, height, spacing))
    deep = depth[y.astype(int), x.astype(int)] > spacing / 2
    return np.stack([x[deep], y[deep]], axis=1)


def triangulation(loops: list[Floats], inner: Floats, mask: Bools) -> tuple[Floats, Ints]:
    """Triangles that fill outlines, with the points of these and points inside as corners.

    Outline segments that the Delaunay triangulation does not contain are halved until it does (a conforming triangulation), so that no
    triangle reaches across the gap between two limbs. This stops after RECOVERY_ROUNDS, or at twice MAX_POINTS. A triangle is kept if its
    centroid is inside the outlines.

    Args:
        loops: closed outlines, (N, 2) each.
        inner: (N, 2), from `interior_grid`.
        mask: (h, w) bool; only its size is used.
    Returns:
        (V, 2) points in use; (F, 3) int32, no triangle of zero area.
    """
    points = np.concatenate([*loops, inner])
    starts = np.cumsum([0, *(len(loop) for loop in loops)])
    segments = np.concatenate([np.stack([np.arange(a, b), np.roll(np.arange(a, b), -1)], axis=1) for a, b in pairwise(starts)])
    height, width = mask.shape
    subdivision, inserted = cv2.Subdiv2D((-1, -1, width + 3, height + 3)), 0
    for _ in range(RECOVERY_ROUNDS):
        subdivision.insert(points[inserted:].tolist())
        inserted = len(points)
        triangles, corner_of_point = _delaunay_triangles(subdivision, points)
        lost = ~_are_edges(corner_of_point[segments], triangles, len(points))
        if not lost.any() or len(points) + np.count_nonzero(lost) > 2 * MAX_POINTS:
            break
        middles = points[segments[lost]].mean(axis=1)
        fresh = np.arange(len(points), len(points) + len(middles))
        halves = [np.stack([segments[lost, 0], fresh], axis=1), np.stack([fresh, segments[lost, 1]], axis=1)]
        segments = np.concatenate([segments[~lost], *halves])
        points = np.concatenate([points, middles])
    kept = triangles[_inside(points[triangles].mean(axis=1), loops, mask.shape)]
    kept = kept[np.abs(signed_areas(points, kept)) > SMALLEST_AREA]
    used, compact = np.unique(kept, return_inverse=True)
    return points[used], compact.reshape(-1, 3).astype(np.int32)


def _delaunay_triangles(subdivision: cv2.Subdiv2D, points: Floats) -> tuple[Ints, Ints]:
    """The triangles of a subdivision whose points are `points` (N, 2).

    Returns:
        (F, 3) int32; (N,) int32, which of the points in the same place is a corner: outlines may touch.
    """
    corners = np.asarray(subdivision.getTriangleList(), np.float32).reshape(-1, 2)  # OpenCV gives coordinates
    places, first, place = np.unique(_place_keys(points.astype(np.float32)), return_index=True, return_inverse=True)
    triangles = first[np.searchsorted(places, _place_keys(corners))].reshape(-1, 3)
    return triangles.astype(np.int32), first[place].astype(np.int32)


def _place_keys(points: Singles) -> NDArray[np.int64]:
    """A number (N,) int64 for each point (N, 2), the same for points in the same place."""
    return np.ascontiguousarray(points + np.float32(0.0)).view(np.int64)[:, 0]  # -0.0 + 0.0 is 0.0


def _are_edges(segments: Ints, triangles: Ints, count: int) -> Bools:
    """Whether each segment is an edge of a triangle, (S,)."""
    corners = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    codes = corners.min(axis=1) * count + corners.max(axis=1)
    wanted = segments.min(axis=1).astype(np.int64) * count + segments.max(axis=1)
    return np.asarray(np.isin(wanted, codes), np.bool_)


def _inside(points: Floats, loops: list[Floats], shape: tuple[int, int]) -> Bools:
    """Whether each point is inside the outlines (even-odd rule), to an eighth of a pixel, (N,)."""
    scale, fraction_bits = 4, 4
    drawn = np.zeros((shape[0] * scale, shape[1] * scale), np.uint8)
    corners = [np.round((loop * scale - 0.5) * 2**fraction_bits).astype(np.int32) for loop in loops]
    cv2.fillPoly(drawn, corners, 1, shift=fraction_bits)
    column = np.clip((points[:, 0] * scale).astype(int), 0, drawn.shape[1] - 1)
    row = np.clip((points[:, 1] * scale).astype(int), 0, drawn.shape[0] - 1)
    return np.asarray(drawn[row, column], np.bool_)

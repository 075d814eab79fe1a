"""Skeletons of drawn lines, their ends, and bridges over the gaps between ends that belong together.

A pencil is lifted now and then, and an outline with a gap encloses nothing. `bridges` joins stroke ends that point at each other, or at a
stroke straight ahead. Thinning: Zhang & Suen, "A fast parallel algorithm for thinning digital patterns" (CACM 1984), both of its
sub-iterations as look-up tables over the eight neighbors.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Bools, Bytes, Floats, Ints, Singles

NEIGHBOR_BITS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)
"""Which bit each neighbor sets: north first, then clockwise."""

TRACE_STEPS = 9
"""How far back a stroke is followed from its end to say where it points, px."""

MAX_ENDS = 400
"""Only so many stroke ends are used: a drawing with more of them has hatching or dirt."""

FACING = 0.5
"""Two ends face each other if each is ahead of the other: the cosine of the angle between its direction and the gap is more than this (60
degrees)."""

FACING_TOGETHER, SHORT_GAP = 0.6, 0.5
"""Two ends also face each other if their cosines sum to more than the first, over a gap shorter than the second, a share of the reach."""

AHEAD, AHEAD_REACH = 0.82, 0.7
"""A line is straight ahead of an end if the cosine of the angle between its direction and the line's nearest pixel is more than the first
(35 degrees), and if that pixel is within the second, a share of the reach."""

OWN_LINE_PX = 2
"""Pixels this close to an end are its own line's."""

AROUND = ((-1, 0), (0, 1), (1, 0), (0, -1), (-1, 1), (1, 1), (1, -1), (-1, -1))
"""The eight neighbors, straight ones first."""

IS_END = np.array([code.bit_count() == 1 for code in range(256)], np.uint8)
"""(256,) 1 for the codes, of `neighbor_codes`, of pixels with one neighbor."""


def _thinning_tables() -> tuple[Bytes, Bytes]:
    """What stays (1) of a pixel with these neighbors, in the first and the second sub-iteration."""
    codes = np.arange(256)
    n, ne, e, se, s, sw, w, nw = ((codes >> bit) & 1 for bit in range(8))
    ring = np.stack([n, ne, e, se, s, sw, w, nw])
    count = ring.sum(axis=0)
    rises = ((ring == 0) & (np.roll(ring, -1, axis=0) == 1)).sum(axis=0)
    removable = (count >= 2) & (count <= 6) & (rises == 1)
    first = removable & (n * e * s == 0) & (e * s * w == 0)
    second = removable & (n * e * w == 0) & (n * s * w == 0)
    return (~first).astype(np.uint8), (~second).astype(np.uint8)


FIRST_PASS, SECOND_PASS = _thinning_tables()


def thinned(ink: Bools, *, rounds: int = 40) -> Bools:
    """The skeleton (h, w) bool of `ink` (h, w) bool: lines one pixel wide. Shapes thicker than twice `rounds`, px, keep a core."""
    left = np.pad(ink.astype(np.uint8), 1)
    for _ in range(rounds):
        before = cv2.countNonZero(left)
        for keeps in (FIRST_PASS, SECOND_PASS):
            left &= np.asarray(cv2.LUT(neighbor_codes(left), keeps), np.uint8)
        if cv2.countNonZero(left) == before:
            break
    return left[1:-1, 1:-1].astype(bool)


def neighbor_codes(ink: Bytes) -> Bytes:
    """(h, w) uint8: one bit for each of the eight neighbors that is set in a mask (h, w) uint8 of 0 and 1; see NEIGHBOR_BITS."""
    return np.asarray(cv2.filter2D(ink, cv2.CV_8U, NEIGHBOR_BITS, borderType=cv2.BORDER_CONSTANT), np.uint8)


def stroke_ends(skeleton: Bools, thickness: Singles) -> tuple[Ints, Floats]:
    """The ends of lines and the directions in which the lines would go on.

    Args:
        skeleton: (h, w) bool, of `thinned`.
        thickness: (h, w) float32, half the width of the line at each of its px: the distance to the next pixel of paper.
    Returns:
        (E, 2) int32 x, y of end pixels; (E, 2) float64 unit vectors, where the line would go on. Lines shorter than a few px have no
        direction and are left out, and so are the spurs that thinning leaves at the corners of thick lines.
    """
    alive = np.pad(skeleton.astype(np.uint8), 1)
    _prune(alive, thickness)
    ends, directions = [], []
    for row, column in _end_pixels(alive):
        tip = int(thickness[row - 1, column - 1])  # up to here, thinning bends a thick line towards one of its corners
        path, _ = _traced(alive, row, column, TRACE_STEPS + 2 * tip)
        if len(path) >= 3:
            near = path[min(tip, len(path) // 2)]
            vector = np.array([near[1] - path[-1][1], near[0] - path[-1][0]], float)
            ends.append((column - 1, row - 1))
            directions.append(vector / np.linalg.norm(vector))
    return np.array(ends, np.int32).reshape(-1, 2), np.array(directions, float).reshape(-1, 2)


def _end_pixels(alive: Bytes) -> list[tuple[int, int]]:
    """Rows and columns of the pixels with one neighbor, MAX_ENDS of them at most."""
    rows, columns = np.nonzero((cv2.LUT(neighbor_codes(alive), IS_END) > 0) & (alive > 0))
    return list(zip(rows[:MAX_ENDS].tolist(), columns[:MAX_ENDS].tolist(), strict=True))


def _prune(alive: Bytes, thickness: Singles) -> None:
    """Remove branches that reach a fork before they have left the thickness of the line they grow on."""
    for row, column in _end_pixels(alive):
        reach = 2.0 + 1.3 * float(thickness[row - 1, column - 1])
        path, forked = _traced(alive, row, column, int(reach * 1.5) + 2)
        if forked and len(path) - 1 <= 1.3 * float(thickness[path[-1][0] - 1, path[-1][1] - 1]) + 1.5:
            for r, c in path[:-1]:
                alive[r, c] = 0


def _traced(alive: Bytes, row: int, column: int, steps: int) -> tuple[list[tuple[int, int]], bool]:
    """The line's pixels from an end on, until it forks or `steps` are done, and whether it forked. `alive` has a margin of one pixel."""
    path = [(row, column)]
    seen = {(row, column)}
    while len(path) <= steps:
        r, c = path[-1]
        onward = [(r + dr, c + dc) for dr, dc in AROUND if alive[r + dr, c + dc] and (r + dr, c + dc) not in seen]
        if not onward:
            return path, False
        if len(onward) > 2 or (len(onward) == 2 and abs(onward[0][0] - onward[1][0]) + abs(onward[0][1] - onward[1][1]) > 1):
            return path, True
        seen.update(onward)
        path.append(onward[0])
    return path, False


def bridges(ends: Ints, directions: Floats, skeleton: Bools, thickness: Singles, *, reach_px: float) -> Ints:
    """Lines that close the gaps of an outline.

    Two ends are joined if they face each other and the gap between their inks is within `reach_px`; shorter gaps first, each end once. An
    end that is left is joined to the nearest line straight ahead.

    Args:
        ends: (E, 2) int32 x, y, of `stroke_ends`.
        directions: (E, 2) float64 unit vectors.
        skeleton: (h, w) bool, of `thinned`.
        thickness: (h, w) float32, half the width of the line at each of its px.
        reach_px: the widest gap, px.
    Returns:
        (B, 4) int32: x, y of one end and x, y of the other.
    """
    if not len(ends):
        return np.zeros((0, 4), np.int32)
    overhang = thickness[ends[:, 1], ends[:, 0]].astype(np.float64)  # skeletons end before the ink does
    found = _between_ends(ends, directions, overhang, reach_px)
    joined = {tuple(end) for line in found for end in (line[:2], line[2:])}
    for end, direction, extra in zip(ends.tolist(), directions, overhang.tolist(), strict=True):
        if tuple(end) not in joined:
            hit = _straight_ahead(end, direction, skeleton, AHEAD_REACH * reach_px + 2 * extra)
            if hit is not None:
                found.append((*end, *hit))
    return np.array(found, np.int32).reshape(-1, 4)


def _between_ends(ends: Ints, directions: Floats, overhang: Floats, reach_px: float) -> list[tuple[int, ...]]:
    """Bridges x, y, x, y between ends that face each other, shortest first.

    Args:
        overhang: (E,) how far the ink goes on beyond each end of the skeleton, px.
    """
    offset = ends[None, :, :] - ends[:, None, :]
    distance = np.linalg.norm(offset, axis=2)
    towards = np.einsum("ijk,ik->ij", offset, directions) / np.maximum(distance, 1e-9)
    near = (distance > 0) & (distance <= reach_px + overhang[:, None] + overhang[None, :])
    gap = distance - overhang[:, None] - overhang[None, :]
    facing = near & (((towards > FACING) & (towards.T > FACING)) | ((towards + towards.T > FACING_TOGETHER) & (gap < SHORT_GAP * reach_px)))
    first, second = np.nonzero(np.triu(facing))
    order = np.argsort(distance[first, second])
    used: set[int] = set()
    found = []
    for i, j in zip(first[order].tolist(), second[order].tolist(), strict=True):
        if i not in used and j not in used:
            used.update((i, j))
            found.append((*ends[i].tolist(), *ends[j].tolist()))
    return found


def _straight_ahead(end: list[int], direction: Floats, skeleton: Bools, reach_px: float) -> tuple[int, int] | None:
    """The nearest pixel (x, y) of a line in a narrow fan ahead of an end (x, y), but for the end's own line; or None."""
    height, width = skeleton.shape
    reach = int(np.ceil(reach_px))
    left, top = max(0, end[0] - reach), max(0, end[1] - reach)
    rows, columns = np.nonzero(skeleton[top : min(height, end[1] + reach + 1), left : min(width, end[0] + reach + 1)])
    offset = np.stack([columns + left - end[0], rows + top - end[1]], axis=1).astype(float)
    distance = np.linalg.norm(offset, axis=1)
    ahead = (distance > OWN_LINE_PX) & (distance <= reach_px) & (offset @ direction > AHEAD * distance)
    if not ahead.any():
        return None
    best = int(np.argmin(np.where(ahead, distance, np.inf)))
    return int(columns[best] + left), int(rows[best] + top)

"""The sheet of paper under a drawing: estimate its light as a smooth surface, remove figures from it, and make its paper white.

A hole where a figure was gets the light of the paper around it and the grain of patches from elsewhere on the sheet, which are chosen so
that ruled lines, squares and the texture of the paper go on (texture synthesis by patches; Efros and Freeman, "Image Quilting", 2001).
Images are (h, w, 3) uint8 sRGB; levels are 0..255.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from pipeline.ink.regions import disc
from pipeline.types import Bools, Bytes, Singles

COARSE = 8
"""The light is estimated in cells of this side, px: it changes slowly."""

SMOOTHING_OF_SIDE = 0.04
"""Standard deviation of the Gaussian that smooths the light, as a share of the longer side."""

INK_LEVELS, INK_GRAIN = 10.0, 4.0
"""A pixel is no paper if it differs from the paper's light by at least the first, levels, and the second times the grain."""

GRAIN_OF_MEDIAN = 1.5
"""The grain's standard deviation, as a multiple of the median difference; 1.48 if differences are normally distributed."""

ROUNDS = 3
"""How often the light is estimated again from what is paper by the estimate before."""

UNCOVERED = 0.99
"""A cell counts for the light only if at least this share of it is uncovered by figures."""

RIM_OF_SIDE, REACH_OF_SIDE = 0.008, 0.03
"""A hole is larger than the figure by a rim, and by ink and shadow that hang on it within reach; shares of the figure's longer side."""

TILE_PX, CONTEXT_PX = 24, 16
"""Side of the tiles by which a hole is filled, and width of what is around each that a patch must agree with."""

FEATHER_PX = 6
"""Width over which a patch fades into what is around its tile."""

SEARCH_PX = 150
"""Patches are searched within this distance of their tile; everywhere if none is there."""

SHADE_LEVELS = 8.0
"""Pixels darker by more than this than the darkest paper around the hole are not copied, levels: they are shaded or drawn."""

LARGEST_TINT = 0.35
"""The light of the paper differs from its average by at most this share: what differs more, as a colored sky, is drawn."""

LARGEST_GAIN = 1.03
"""Whitening lifts the grain of the paper by at most this factor, so that pale crayon stays."""


def paper_light(rgb: Bytes, hidden: Bools) -> tuple[Singles, float]:
    """The color of the bare paper at each pixel, and the standard deviation of the paper's grain, levels.

    Args:
        rgb: (h, w, 3) uint8 sRGB.
        hidden: (h, w) bool, pixels of figures; the paper under them is estimated from that around them.
    Returns:
        (h, w, 3) float32, 1..255; the grain. White and 0 if everything is hidden.
    """
    height, width = rgb.shape[:2]
    small = (max(1, width // COARSE), max(1, height // COARSE))
    values = np.asarray(cv2.resize(rgb, small, interpolation=cv2.INTER_AREA), np.float32)
    weight = 1.0 - np.asarray(cv2.resize(hidden.astype(np.float32), small, interpolation=cv2.INTER_AREA), np.float32)
    weight[weight < UNCOVERED] = 0.0
    if not weight.any():
        return np.full(rgb.shape, 255.0, np.float32), 0.0
    spread = 255.0
    sigma = max(1.0, SMOOTHING_OF_SIDE * max(small))
    light = _spread_out(values, weight, sigma)
    for _ in range(ROUNDS):
        difference = np.abs(values - light).max(axis=2)
        spread = GRAIN_OF_MEDIAN * float(np.median(difference[weight > 0]))
        paper = weight * (difference < max(INK_LEVELS, INK_GRAIN * spread))
        if paper.any():
            light = _spread_out(values, paper, sigma)
    average = np.median(light.reshape(-1, 3), axis=0)
    light = np.clip(light, average * (1 - LARGEST_TINT), average * (1 + LARGEST_TINT))
    return np.asarray(cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR), np.float32).clip(1, 255), spread


def whitened(rgb: Bytes, light: Singles) -> Bytes:
    """The image (h, w, 3) uint8 on white paper: each pixel as a share of the paper's light, so that shadows go and pale colors stay.

    Args:
        light: (h, w, 3) float32, of `paper_light`.
    """
    shares = rgb.astype(np.float32) * (255.0 * LARGEST_GAIN) / light
    return np.asarray(shares.clip(0, 255) + 0.5, np.float32).clip(0, 255).astype(np.uint8)


def without_figures(rgb: Bytes, figures: Bools, others: Bools) -> Bytes:
    """The sheet (h, w, 3) uint8 without some of its figures.

    Args:
        rgb: (h, w, 3) uint8 sRGB; returned itself if no pixel is of `figures`.
        figures: (h, w) bool, pixels of the figures to remove.
        others: (h, w) bool, pixels of other figures, which stay.
    """
    if not figures.any():
        return rgb
    light, grain = paper_light(rgb, figures | others)
    rest = rgb.astype(np.float32) - light
    hole = _hole(figures, others, np.abs(rest).max(axis=2), max(INK_LEVELS, INK_GRAIN * grain))
    light, _ = paper_light(rgb, hole | others)
    rest = rgb.astype(np.float32) - light
    filled = (light + _patched(rest, hole)).clip(0, 255).astype(np.uint8)
    weight = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), 1.0)[..., None] * hole[..., None]
    weight = np.where(cv2.erode(hole.astype(np.uint8), np.ones((3, 3), np.uint8))[..., None] > 0, 1.0, weight)
    return np.asarray(rgb * (1 - weight) + filled * weight + 0.5, np.float32).clip(0, 255).astype(np.uint8)


def _spread_out(values: Singles, weight: Singles, sigma: float) -> Singles:
    """Weighted means (h, w, 3) of each pixel's neighborhood, a Gaussian; where it has no weight, of ever larger ones.

    Args:
        values: (h, w, 3).
        weight: (h, w), not 0 everywhere.
        sigma: standard deviation of the first Gaussian, px; each further one is twice as wide, and counts a thousandth of the one before.
    """
    total = np.zeros_like(values)
    known = np.zeros_like(weight)
    share = 1.0
    while True:
        around = np.asarray(cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)
        shown = np.asarray(cv2.GaussianBlur(values * weight[..., None], (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)
        total += share * shown
        known += share * around
        if known.min() > 1e-4 * share or sigma > 2 * max(weight.shape):
            return np.asarray(total / np.maximum(known, np.finfo(np.float32).tiny)[..., None], np.float32)
        sigma, share = 2 * sigma, 1e-3 * share


def _hole(figures: Bools, others: Bools, difference: Singles, min_difference: float) -> Bools:
    """The hole (h, w) that figures leave: their pixels, a rim, and the ink and soft shadow connected with them.

    Args:
        difference: (h, w) float32 from the paper's light, levels.
        min_difference: what differs more is ink or shadow.
    """
    rows, columns = np.flatnonzero(figures.any(axis=1)), np.flatnonzero(figures.any(axis=0))
    side = max(int(rows[-1] - rows[0]), int(columns[-1] - columns[0])) + 1
    rim, reach = max(2, round(RIM_OF_SIDE * side)), max(4, round(REACH_OF_SIDE * side))
    near, far = (cv2.dilate(figures.astype(np.uint8), disc(radius)) > 0 for radius in (rim, reach))
    candidates = near | (far & (cv2.blur(difference, (3, 3)) > min_difference))
    _, pieces = cv2.connectedComponents(candidates.astype(np.uint8), connectivity=8)
    is_connected = np.zeros(int(pieces.max()) + 1, np.bool_)
    is_connected[pieces[near]] = True
    hole = cv2.dilate((candidates & is_connected[pieces]).astype(np.uint8), disc(2)) > 0
    return np.asarray(hole & (figures | ~others), np.bool_)


def _patched(rest: Singles, hole: Bools) -> Singles:
    """What differs from the paper's light (h, w, 3), with patches from elsewhere on the sheet in the hole."""
    filled, unknown = np.where(hole[..., None], 0, rest).astype(np.float32), hole.copy()
    gray, sources = filled.mean(axis=2), _sources(rest, hole)
    tiles = {corner: _known_share(unknown, *corner) for corner in _tiles(hole)}
    while tiles:  # those of which most is known around them first, so that printed lines grow in from where they are
        top, left = max(tiles, key=tiles.__getitem__)
        del tiles[top, left]
        core, (rows, columns) = _tile(unknown.shape, top, left, 0), _tile(unknown.shape, top, left, CONTEXT_PX)
        found = _best_source(gray, unknown, sources, rows, columns)
        if found is None:  # the plain light is left
            break
        patch = rest[found[0] : found[0] + rows.stop - rows.start, found[1] : found[1] + columns.stop - columns.start]
        weight = _feather(core, rows, columns, unknown[rows, columns]) * hole[rows, columns]
        filled[rows, columns] = filled[rows, columns] * (1 - weight[..., None]) + patch * weight[..., None]
        gray[rows, columns] = filled[rows, columns].mean(axis=2)
        unknown[core] = False
        for corner in tiles:
            if max(abs(corner[0] - top), abs(corner[1] - left)) <= TILE_PX + CONTEXT_PX:
                tiles[corner] = _known_share(unknown, *corner)
    return filled


def _tiles(hole: Bools) -> Iterator[tuple[int, int]]:
    """Top left corners (row, column) of the tiles that cover the hole."""
    for top in range(0, hole.shape[0], TILE_PX):
        yield from ((top, left) for left in range(0, hole.shape[1], TILE_PX) if hole[_tile(hole.shape, top, left, 0)].any())


def _tile(shape: tuple[int, ...], top: int, left: int, margin: int) -> tuple[slice, slice]:
    """Rows and columns of a tile with a margin, px, inside an image of a shape."""
    height, width = shape
    rows = slice(max(0, top - margin), min(top + TILE_PX + margin, height))
    return rows, slice(max(0, left - margin), min(left + TILE_PX + margin, width))


def _known_share(unknown: Bools, top: int, left: int) -> float:
    """The share of a tile and its context that is known already."""
    return 1.0 - float(unknown[_tile(unknown.shape, top, left, CONTEXT_PX)].mean())


def _sources(rest: Singles, hole: Bools) -> Singles:
    """(h, w) float32: 0 where a pixel may be copied from, 1 where it is hidden or darker than the paper and printed lines around."""
    darkest: Singles = rest.min(axis=2)
    band = (cv2.dilate(hole.astype(np.uint8), disc(CONTEXT_PX)) > 0) & ~hole
    limit = float(np.percentile(darkest[band], 1.0)) - SHADE_LEVELS if band.any() else -255.0
    return np.asarray(hole | (darkest < limit), np.float32)


def _best_source(gray: Singles, unknown: Bools, sources: Singles, rows: slice, columns: slice) -> tuple[int, int] | None:
    """Top left corner (row, column) of the patch that agrees best with what is known in a part of the image; None if no patch is free.

    Args:
        gray: (h, w) float32, difference from the paper's light, filled as far as it is known.
        unknown: (h, w) bool, where it is not yet.
        sources: (h, w) float32, of `_sources`.
        rows, columns: of the part.
    """
    height, width = unknown.shape
    size = rows.stop - rows.start, columns.stop - columns.start
    known = (~unknown[rows, columns]).astype(np.float32)
    if not known.any():
        known[:] = 1.0
    for reach in (SEARCH_PX, max(height, width)):
        top, left = max(0, rows.start - reach), max(0, columns.start - reach)
        part = slice(top, min(height, rows.stop + reach)), slice(left, min(width, columns.stop + reach))
        hidden = np.asarray(cv2.boxFilter(sources[part], -1, size[::-1], anchor=(0, 0), normalize=False, borderType=cv2.BORDER_CONSTANT))
        allowed = hidden[: hidden.shape[0] - size[0] + 1, : hidden.shape[1] - size[1] + 1] < 0.5
        if not allowed.any():
            continue
        cost = cv2.matchTemplate(gray[part], gray[rows, columns], cv2.TM_SQDIFF, mask=known)
        row, column = np.unravel_index(int(np.argmin(np.where(allowed, cost, np.inf))), cost.shape)
        return top + int(row), left + int(column)
    return None


def _feather(core: tuple[slice, slice], rows: slice, columns: slice, unknown: Bools) -> Singles:
    """Weights (h, w) float32 of a patch: 1 where nothing is known in its tile, and falling to 0 outside of it.

    Args:
        core: rows and columns of the tile in the image.
        rows, columns: of the patch in the image.
        unknown: (h, w) bool, where nothing is known in the patch.
    """
    inside = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    inside[core[0].start - rows.start : core[0].stop - rows.start, core[1].start - columns.start : core[1].stop - columns.start] = 1
    distance = np.asarray(cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3), np.float32)
    return np.where(unknown & (inside > 0), 1.0, (1 - distance / FEATHER_PX).clip(0, 1) * (unknown | (inside == 0))).astype(np.float32)

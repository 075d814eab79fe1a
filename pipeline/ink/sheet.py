"""The sheet of paper under a drawing: its light as a smooth surface, figures taken off it, and drawings on it made white.

A hole where a figure was gets the light of the paper around it and the grain of patches from elsewhere on the sheet, which are chosen so
that ruled lines, squares and the texture of the paper go on (texture synthesis by patches; Efros and Freeman, "Image Quilting", 2001).
Pictures are (h, w, 3) uint8 sRGB.
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
"""How far paper lends its light to its neighborhood, as a share of the longer side."""

INK_LEVELS = 10.0
"""What differs from the paper's light by at least this many levels, and by 4 times the grain, is no paper."""

ROUNDS = 3

RIM_OF_SIDE, REACH_OF_SIDE = 0.008, 0.03
"""A hole is larger than the figure by a rim, and by ink and shadow that hang on it within reach; shares of the figure's longer side."""

TILE_PX, CONTEXT_PX, FEATHER_PX, SEARCH_PX = 24, 16, 6, 150
SHADE_LEVELS = 8.0
LARGEST_TINT = 0.35
"""The light of the paper differs from its average by at most this share: what differs more, as a colored sky, is drawn."""

LARGEST_GAIN = 1.03
"""Whitening lifts the grain of the paper by at most this factor, so that pale crayon stays."""


def paper_light(rgb: Bytes, hidden: Bools) -> tuple[Singles, float]:
    """The color of the bare paper at each pixel (h, w, 3) float32, 0..255, and the standard deviation of the paper's grain.

    Args:
        hidden: (h, w), pixels of figures, whose paper is estimated from that around them.
    """
    height, width = rgb.shape[:2]
    small = (max(1, width // COARSE), max(1, height // COARSE))
    values = np.asarray(cv2.resize(rgb, small, interpolation=cv2.INTER_AREA), np.float32)
    weight = 1.0 - np.asarray(cv2.resize(hidden.astype(np.float32), small, interpolation=cv2.INTER_AREA), np.float32)
    weight[weight < 0.99] = 0.0
    if not weight.any():
        return np.full(rgb.shape, 255.0, np.float32), 0.0
    spread = 255.0
    sigma = max(1.0, SMOOTHING_OF_SIDE * max(small))
    light = _spread_out(values, weight, sigma)
    for _ in range(ROUNDS):
        difference = np.abs(values - light).max(axis=2)
        spread = 1.5 * float(np.median(difference[weight > 0]))
        paper = weight * (difference < max(INK_LEVELS, 4.0 * spread))
        if paper.any():
            light = _spread_out(values, paper, sigma)
    average = np.median(light.reshape(-1, 3), axis=0)
    light = np.clip(light, average * (1 - LARGEST_TINT), average * (1 + LARGEST_TINT))
    return np.asarray(cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR), np.float32).clip(1, 255), spread


def whitened(rgb: Bytes, light: Singles) -> Bytes:
    """The picture on white paper: each pixel as a share of the paper's light, so that shadows go and pale colors stay."""
    shares = rgb.astype(np.float32) * (255.0 * LARGEST_GAIN) / light
    return np.asarray(shares.clip(0, 255) + 0.5, np.float32).clip(0, 255).astype(np.uint8)


def without_figures(rgb: Bytes, figures: Bools, others: Bools) -> Bytes:
    """The sheet without its figures.

    Args:
        figures: (h, w), pixels of the figures to take off.
        others: (h, w), pixels of other figures, which stay.
    """
    if not figures.any():
        return rgb
    light, grain = paper_light(rgb, figures | others)
    rest = rgb.astype(np.float32) - light
    hole = _grown(figures, others, np.abs(rest).max(axis=2), max(INK_LEVELS, 4.0 * grain))
    light, _ = paper_light(rgb, hole | others)
    rest = rgb.astype(np.float32) - light
    filled = (light + _patched(rest, hole)).clip(0, 255).astype(np.uint8)
    weight = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), 1.0)[..., None] * hole[..., None]
    weight = np.where(cv2.erode(hole.astype(np.uint8), np.ones((3, 3), np.uint8))[..., None] > 0, 1.0, weight)
    return np.asarray(rgb * (1 - weight) + filled * weight + 0.5, np.float32).clip(0, 255).astype(np.uint8)


def _spread_out(values: Singles, weight: Singles, sigma: float) -> Singles:
    """Weighted means of the neighborhood; where it has no weight, of ever larger ones."""
    total = np.zeros_like(values)
    known = np.zeros_like(weight)
    share = 1.0
    while True:
        around = np.asarray(cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)
        shown = np.asarray(cv2.GaussianBlur(values * weight[..., None], (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)
        total += share * shown
        known += share * around
        if known.min() > 1e-4 * share or sigma > 2 * max(weight.shape):
            return np.asarray(total / np.maximum(known, 1e-12)[..., None], np.float32)
        sigma, share = 2 * sigma, 1e-3 * share


def _grown(figures: Bools, others: Bools, difference: Singles, min_difference: float) -> Bools:
    """The figures with their rims, and with the ink and soft shadow that hangs on them."""
    rows, columns = np.flatnonzero(figures.any(axis=1)), np.flatnonzero(figures.any(axis=0))
    side = max(int(rows[-1] - rows[0]), int(columns[-1] - columns[0])) + 1
    rim, reach = max(2, round(RIM_OF_SIDE * side)), max(4, round(REACH_OF_SIDE * side))
    near, far = (cv2.dilate(figures.astype(np.uint8), disc(radius)) > 0 for radius in (rim, reach))
    candidates = near | (far & (cv2.blur(difference, (3, 3)) > min_difference))
    _, pieces = cv2.connectedComponents(candidates.astype(np.uint8), connectivity=8)
    hangs_on = np.zeros(int(pieces.max()) + 1, np.bool_)
    hangs_on[pieces[near]] = True
    hole = cv2.dilate((candidates & hangs_on[pieces]).astype(np.uint8), disc(2)) > 0
    return np.asarray(hole & (figures | ~others), np.bool_)


def _patched(rest: Singles, hole: Bools) -> Singles:
    """What differs from the paper's light (h, w, 3), with patches from elsewhere on the sheet in the hole."""
    filled, unknown = np.where(hole[..., None], 0, rest).astype(np.float32), hole.copy()
    gray, sources = filled.mean(axis=2), _sources(rest, hole)
    tiles = {corner: _known_share(unknown, *corner) for corner in _tiles(hole)}
    while tiles:  # those of which most is known around them first, so that printed lines grow in from where they are
        top, left = max(tiles, key=tiles.__getitem__)
        del tiles[top, left]
        core, (rows, columns) = _square(unknown, top, left, 0), _square(unknown, top, left, CONTEXT_PX)
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
    """Upper left corners of the tiles that cover the hole."""
    for top in range(0, hole.shape[0], TILE_PX):
        yield from ((top, left) for left in range(0, hole.shape[1], TILE_PX) if hole[_square(hole, top, left, 0)].any())


def _square(hole: Bools, top: int, left: int, margin: int) -> tuple[slice, slice]:
    """A tile with a margin, inside the picture."""
    height, width = hole.shape
    rows = slice(max(0, top - margin), min(top + TILE_PX + margin, height))
    return rows, slice(max(0, left - margin), min(left + TILE_PX + margin, width))


def _known_share(unknown: Bools, top: int, left: int) -> float:
    return 1.0 - float(unknown[_square(unknown, top, left, CONTEXT_PX)].mean())


def _sources(rest: Singles, hole: Bools) -> Singles:
    """0 where a pixel may be copied from, and 1 where it is hidden or darker than the paper near the hole with its printed lines."""
    darkest: Singles = rest.min(axis=2)
    band = (cv2.dilate(hole.astype(np.uint8), disc(CONTEXT_PX)) > 0) & ~hole
    limit = float(np.percentile(darkest[band], 1.0)) - SHADE_LEVELS if band.any() else -255.0
    return np.asarray(hole | (darkest < limit), np.float32)


def _best_source(gray: Singles, unknown: Bools, sources: Singles, rows: slice, columns: slice) -> tuple[int, int] | None:
    """Upper left corner of the patch whose pixels agree best with what is known in a part of the picture; None if there is none."""
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
    """Weight of a patch: 1 where nothing is known, and falling to 0 outside of its tile."""
    inside = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    inside[core[0].start - rows.start : core[0].stop - rows.start, core[1].start - columns.start : core[1].stop - columns.start] = 1
    distance = np.asarray(cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3), np.float32)
    return np.where(unknown & (inside > 0), 1.0, (1 - distance / FEATHER_PX).clip(0, 1) * (unknown | (inside == 0))).astype(np.float32)

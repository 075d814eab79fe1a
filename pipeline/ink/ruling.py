"""Ruled and squared paper: find printed lines by their regular distance and remove them; the strokes that they cross stay whole.

A contrast here is (h, w) float32, about 0 on paper, larger where something is drawn or printed. Lines may be tilted by MAX_TILT and bend a
little, as they do on a sheet that is not flat.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from pipeline.types import Bools, Bytes, Floats, Ints, Singles

STRIPS = 24
"""How many strips across the lines the image is divided into; in each, a line is straight."""

SAMPLES = 9
"""How many columns of each strip are sampled."""

MAX_TILT = 0.12
"""The steepest rise of a line, px a px."""

TILT_STEP = 0.005
"""Tilts are tried in steps of this, px a px, after four times as coarse ones."""

THICKEST_SHARE = 0.014
"""Printed lines are thinner than this share of the longer side."""

MIN_LINES = 5
"""Fewer lines than this are no ruling."""

REGULAR_SHARE = 0.7
"""At least this share of the distances between neighboring lines are multiples of their median."""

OFF_MULTIPLE = 0.16
"""A distance is a multiple of the median if it is off by less than this share of the median."""

OF_HIGHEST = 0.4
"""A peak is a line only if it is higher than this share of the MIN_LINES-th highest."""

FADED = 0.33
"""A line ends across where its contrast is below this share of its peak's."""

MAX_HALF_WIDTH_PX = 8
"""Upper bound of half the width of a line, px."""

MIN_PEAK, PEAK_NOISE = 0.008, 0.5
"""A line's contrast, averaged over the strips, is more than the first, and than the second times the noise of the paper."""

CORE_SHARE = 0.7
"""Pixels of a line with more than this share of its median contrast say how strong the print is."""

COVERED = 0.55
"""Each line is seen in at least this share of the strips; a figure may hide it in the others."""

SPANNED = 0.4
"""From the first line to the last it is at least this share of the image: a striped shirt is no paper."""

WANDER_PX = 3
"""A line is at most this far from straight in any strip."""

OVERDRAWN = 1.8
"""A pixel of a line belongs to a stroke drawn over it if it is darker than this many times the line's median, plus OVERDRAWN_MARGIN."""

OVERDRAWN_MARGIN = 0.06
"""Darkness that is added to the bound above which a stroke is drawn over a line, so that noise on a pale line is none."""


@dataclass(frozen=True, eq=False)
class Ruling:
    """Printed lines that run from left to right.

    Attributes:
        where: (h, w) bool, their pixels, but for those that a stroke is drawn over.
        half_px: half their thickness, px.
    """

    where: Bools
    half_px: int


def rulings(contrast: Singles, gray: Singles, noise: float) -> tuple[Ruling | None, Ruling | None]:
    """The printed lines that run across and those that run down (transposed), each None if there are none.

    Args:
        contrast: (h, w) float32, `Contrast.stroke`.
        gray: (h, w) float32, `Contrast.gray`, in which strokes stand out most from pale lines.
        noise: standard deviation of `contrast` on bare paper.
    """
    return _ruling(contrast, gray, noise), _ruling(np.ascontiguousarray(contrast.T), np.ascontiguousarray(gray.T), noise)


def without_lines(contrast: Singles, found: tuple[Ruling | None, Ruling | None]) -> Singles:
    """A contrast (h, w) without the lines that `rulings` found; a stroke that goes on at both sides of a line stays whole."""
    across, down = found
    if across is not None:
        contrast = _without_ruling(contrast, across)
    if down is not None:
        contrast = np.ascontiguousarray(_without_ruling(np.ascontiguousarray(contrast.T), down).T)
    return contrast


def _ruling(contrast: Singles, gray: Singles, noise: float) -> Ruling | None:
    """The printed lines that run across, or None; the arguments are those of `rulings`."""
    height, width = contrast.shape
    if min(height, width) < 4 * STRIPS:
        return None
    thickest = max(3, round(THICKEST_SHARE * max(height, width)))
    tall = np.ones((2 * thickest + 1, 1), np.uint8)
    thin = contrast - cv2.morphologyEx(contrast, cv2.MORPH_OPEN, tall)
    edges = np.linspace(0, width, STRIPS + 1).astype(int)
    profile_of_strip = _typical(thin, edges)
    middles = (edges[1:] + edges[:-1]) / 2 - width / 2
    tilt, profile = _straightened(profile_of_strip, middles)
    floor = max(PEAK_NOISE * noise, MIN_PEAK)
    lines = _regular(_peaks(profile, floor, spacing=2 * thickest))
    lines = lines[[_coverage(profile_of_strip, y + tilt * middles) >= COVERED for y in lines.tolist()]]
    if len(lines) < MIN_LINES or int(lines[-1] - lines[0]) < SPANNED * height:
        return None
    half = 1 + int(np.median([_half_width(profile, int(y)) for y in lines]))
    where = np.zeros(contrast.shape, np.uint8)
    for y in _with_missing(lines, height):
        _draw(where, profile_of_strip, y + tilt * middles, edges, half)
    printed = where > 0
    core = printed & (contrast > CORE_SHARE * float(np.median(profile[lines])))
    for channel in (contrast, gray) if core.any() else ():
        printed &= channel <= OVERDRAWN * float(np.median(channel[core])) + OVERDRAWN_MARGIN
    return Ruling(printed, half)


def _coverage(strips: Singles, rows: Floats) -> float:
    """The share of the strips in which a line's contrast is more than half of its upper quartile over all strips.

    Args:
        strips: (S, h) of `_typical`.
        rows: (S,) the line's row in each strip.
    """
    height = strips.shape[1]
    best = np.zeros(len(strips), np.float32)
    for offset in range(-WANDER_PX, WANDER_PX + 1):
        here = np.clip(np.round(rows).astype(int) + offset, 0, height - 1)
        best = np.maximum(best, strips[np.arange(len(strips)), here])
    return float((best > 0.5 * float(np.percentile(best, 75))).mean()) if best.max() > 0 else 0.0


def _typical(contrast: Singles, edges: Ints) -> Singles:
    """(S, h) the usual contrast of each row of each strip: the median of a few columns, so that strokes do not count."""
    shares = (np.arange(SAMPLES) + 0.5) / SAMPLES
    columns = (edges[:-1, None] + shares * np.diff(edges)[:, None]).astype(int)
    return np.median(contrast[:, columns], axis=2).T.astype(np.float32)


def _straightened(strips: Singles, middles: Floats) -> tuple[float, Singles]:
    """The tilt at which the rows of the strips fit best, and their mean profile (h,) then."""
    best = 0.0
    for step, reach in ((4 * TILT_STEP, MAX_TILT), (TILT_STEP, 3 * TILT_STEP)):
        tilts = best + np.arange(-reach, reach + step / 2, step)
        scores = [float((_profile_at(strips, middles, tilt) ** 2).sum()) for tilt in tilts.tolist()]
        best = float(tilts[int(np.argmax(scores))])
    return best, _profile_at(strips, middles, best)


def _profile_at(strips: Singles, middles: Floats, tilt: float) -> Singles:
    """(h,) the mean of the strips, each moved as a line of this tilt moves."""
    height = strips.shape[1]
    total = np.zeros(height, np.float32)
    for strip, offset in zip(strips, np.round(tilt * middles).astype(int).tolist(), strict=True):
        low, high = max(0, -offset), min(height, height - offset)
        total[low:high] += strip[low + offset : high + offset]
    return total / np.float32(len(strips))


def _peaks(profile: Singles, floor: float, *, spacing: int) -> Ints:
    """Rows (n,) int32 of the local maxima of a profile (h,): over a floor, and not much lower than the MIN_LINES highest ones."""
    largest = cv2.dilate(profile[:, None], np.ones((2 * max(2, spacing // 2) + 1, 1), np.uint8))[:, 0]
    rows = np.flatnonzero((profile >= largest) & (profile > floor))
    rows = rows[np.diff(rows, prepend=-10) > 1].astype(np.int32)
    if len(rows) < MIN_LINES:
        return np.asarray(rows, np.int32)
    return np.asarray(rows[profile[rows] > OF_HIGHEST * np.sort(profile[rows])[-MIN_LINES]], np.int32)


def _regular(peaks: Ints) -> Ints:
    """Those rows that are at regular distances, or none."""
    nothing = np.zeros(0, np.int32)
    if len(peaks) < MIN_LINES:
        return nothing
    steps = np.diff(peaks)
    multiples = steps / float(np.median(steps))
    fits = (np.abs(multiples - np.round(multiples)) < OFF_MULTIPLE) & (np.round(multiples) >= 1)
    if fits.mean() < REGULAR_SHARE:
        return nothing
    return np.asarray(peaks[np.concatenate([[False], fits]) | np.concatenate([fits, [False]])], np.int32)


def _with_missing(lines: Ints, height: int) -> list[float]:
    """The lines and those that must be between and beyond them."""
    pitch = float(np.median(np.diff(lines)))
    rows: list[float] = []
    for here, onward in pairwise(lines.tolist()):
        count = max(1, round((onward - here) / pitch))
        rows += [here + (onward - here) * k / count for k in range(count)]
    first, last = float(lines[0]), float(lines[-1])
    beyond = [last + pitch * k for k in range(1, int((height - last) / pitch) + 3)]
    return [first - pitch * k for k in range(1, int(first / pitch) + 3)] + rows + [last, *beyond]


def _half_width(profile: Singles, row: int) -> int:
    """Distance from a line's middle, px, at which it has faded on both sides."""
    for distance in range(1, MAX_HALF_WIDTH_PX + 1):
        if max(profile[max(row - distance, 0)], profile[min(row + distance, len(profile) - 1)]) < FADED * profile[row]:
            return distance
    return MAX_HALF_WIDTH_PX


def _draw(where: Bytes, strips: Singles, rows: Floats, edges: Ints, half: int) -> None:
    """Set the pixels of one line in a mask `where` (h, w), following the line through the strips.

    Args:
        strips: (S, h) of `_typical`.
        rows: (S,) about where the line is in each strip.
        edges: (S + 1,) columns between which the strips are.
        half: half the line's thickness, px.
    """
    height = strips.shape[1]
    points = []
    for number, row in enumerate(rows.tolist()):
        low, high = max(0, round(row) - WANDER_PX), min(height, round(row) + WANDER_PX + 1)
        if low >= high:
            continue
        around = strips[number, low:high]
        found = low + int(np.argmax(around)) if float(around.max()) > 0 else round(row)
        points.append(((edges[number] + edges[number + 1]) / 2, found))
    if len(points) < 2:
        return
    x, y = np.array(points).T
    y = _median_of_three(y)
    columns = np.arange(where.shape[1])
    middle = np.round(np.interp(columns, x, y)).astype(int)
    for offset in range(-half, half + 1):
        here = np.clip(middle + offset, 0, height - 1)
        where[here, columns] = 1


def _median_of_three(values: Floats) -> Floats:
    """The values (n,), each but the first and the last replaced by the median of itself and its neighbors."""
    if len(values) < 3:
        return values
    middle = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    return np.concatenate([values[:1], middle, values[-1:]])


def _without_ruling(contrast: Singles, ruling: Ruling) -> Singles:
    """A contrast (h, w) without the lines of a ruling that runs across.

    A pixel of a line keeps as much contrast as there is both above and below the line.
    """
    reach = 2 * ruling.half_px + 1
    beside = cv2.dilate(contrast * ~ruling.where, np.ones((1, reach), np.uint8))
    above = cv2.dilate(beside, np.ones((reach + 1, 1), np.uint8), anchor=(0, reach))
    below = cv2.dilate(beside, np.ones((reach + 1, 1), np.uint8), anchor=(0, 0))
    through = np.minimum(above, below)
    return np.where(ruling.where, np.minimum(through, contrast), contrast).astype(np.float32)

"""Which pixels of a crop belong to the figure, whatever paper, light and pencil.

Ink is what differs from the paper around it (`pipeline.ink.paper`); printed lines and the ground are taken out (`pipeline.ink.ruling`,
`pipeline.ink.ground`); outlines with gaps are closed and filled (`pipeline.ink.closing`); of the pieces, those that are the figure are kept
(`pipeline.ink.figure_parts`). Keypoints and a network's mask help where they are given: both are believed only where the drawing leaves a
question open.

`tracing` does what needs the picture and is the costly half; `figure_mask` can be asked again when more is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeline.errors import ShapeError
from pipeline.ink.bone_lines import bones, drawn
from pipeline.ink.closing import solid_shape
from pipeline.ink.figure_parts import (
    body_and_parts,
    see_through,
    with_rooms_at_the_border,
    with_what_is_certain,
    without_neighbours,
    without_nibs,
)
from pipeline.ink.ground import without_ground, without_strips_at_the_border
from pipeline.ink.paper import Contrast, contrast
from pipeline.ink.regions import border_contact, dilated, filled, hysteresis, perimeters, regions_of
from pipeline.ink.ruling import rulings, without_lines
from pipeline.mesh.outline import bridged
from pipeline.types import Bools, Bytes, Floats, Singles

WORKING_SIDE = 640
"""Crops with a longer side are looked at in this size, px."""

SMALLEST_SIDE = 8
"""Px; in a smaller crop everything is figure."""

GENEROUS_PX = 2
"""The mask goes so far beyond the ink, at the size that is looked at, as the original's does (COMPAT.md, section 1)."""

SEED_PX = 3
COLOUR_SEED_PX = 12
"""So many px must be surely ink for a piece to be ink."""

MOST_BONES = 0.6
BOLDER = (2.5, 5.0)
BONES_GAINED = 0.3
"""Gaps so many times as wide as usual are bridged if most of the bones are not inside the shape, and so many more are then."""

DARK_SHADE = 0.35
"""Areas so much darker than the whole sheet are filled in, if they are not shadows."""

LEAST_DARK = 0.002
"""It takes so much of the crop to ask."""

SHARP_SHARE = 0.6
"""Over the edge of a filled area, so much of its darkness is lost within a few px; over that of a shadow, less."""

VISIBLE_ALPHA = 128


@dataclass(frozen=True, eq=False)
class Tracing:
    """What is drawn in a crop, at the size that it is looked at.

    Attributes:
        ink: (h', w') bool.
        shape: (h, w) of the crop.
        visible: (h, w) bool, where the crop is opaque, or None if it is throughout.
    """

    ink: Bools
    shape: tuple[int, int]
    visible: Bools | None = None


def tracing(rgb: Bytes, *, alpha: Bytes | None = None) -> Tracing:
    """What is drawn in a crop (h, w, 3) uint8; with `alpha` (h, w) uint8, what is opaque is the drawing."""
    height, width = rgb.shape[:2]
    if alpha is not None and bool((alpha < VISIBLE_ALPHA).any()):
        visible = alpha >= VISIBLE_ALPHA
        return Tracing(visible, (height, width), visible)
    if min(height, width) < SMALLEST_SIDE:
        return Tracing(np.ones((height, width), bool), (height, width))
    seen = _without_printed_lines(contrast(_reduced(rgb)))
    return Tracing(_ink(seen), (height, width))


def figure_mask(traced: Tracing, *, prior: Singles | None = None, keypoints: Floats | None = None) -> Bools:
    """The figure's pixels (h, w) bool, in one piece or in pieces joined by thin bars; nothing drawn gives an empty mask.

    Args:
        prior: (n, m) float32 0..1, any resolution, stretched over the crop: how likely each place is figure.
        keypoints: (17, 3) float64 x, y in px of the crop, score; values that make no sense are ignored.
    Raises:
        ShapeError: keypoints of another shape.
    """
    if keypoints is not None and keypoints.shape != (17, 3):
        raise ShapeError("keypoints", expected="(17, 3)", actual=str(keypoints.shape))
    if traced.visible is not None:
        return _opaque_figure(traced.visible, keypoints)
    size = (traced.ink.shape[1], traced.ink.shape[0])
    scale = np.array([size[0] / traced.shape[1], size[1] / traced.shape[0], 1.0])
    points = None if keypoints is None else keypoints * scale
    likely = None if prior is None else np.asarray(cv2.resize(prior.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)
    return _enlarged(_figure(traced.ink, points, likely), traced.shape)


def _figure(ink: Bools, keypoints: Floats | None, prior: Singles | None) -> Bools:
    """The figure at the size that is looked at."""
    lines = None if keypoints is None else bones(keypoints)
    limbs = None if lines is None else drawn(lines, ink.shape, thickness=max(3, round(0.03 * max(ink.shape))))
    ink = without_ground(without_strips_at_the_border(ink), limbs)
    strokes = _generous(ink)
    solid = with_rooms_at_the_border(_solid(ink, lines), keypoints, lines, prior)
    if prior is not None:
        solid = filled(with_what_is_certain(solid, prior))
    figure = without_neighbours(body_and_parts(solid, keypoints, lines, prior), lines)
    figure &= ~see_through(figure, strokes, keypoints, lines, prior)
    return bridged(without_nibs(body_and_parts(figure, keypoints, lines, prior)))


def _solid(ink: Bools, lines: Floats | None) -> Bools:
    """The shape that the ink encloses. Where its bones (B, 4) lie outside, wide gaps are bridged too, if that brings them in."""
    solid = filled(_generous(solid_shape(ink)))
    if lines is None or not len(lines):
        return solid
    where = drawn(lines, ink.shape, thickness=1)
    held = _share(solid, where)
    for boldness in BOLDER if held < MOST_BONES else ():
        bolder = filled(_generous(solid_shape(ink, boldness=boldness)))
        if _share(bolder, where) > held + BONES_GAINED:
            return bolder
    return solid


def _share(mask: Bools, where: Bools) -> float:
    """Which share of `where` a mask covers."""
    return float(np.count_nonzero(mask & where)) / max(1, int(np.count_nonzero(where)))


def _generous(mask: Bools) -> Bools:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * GENEROUS_PX + 1,) * 2, np.uint8)) > 0


def _opaque_figure(visible: Bools, keypoints: Floats | None) -> Bools:
    """The figure of a picture that was cut out by someone before."""
    lines = None if keypoints is None else bones(keypoints)
    return bridged(body_and_parts(visible, keypoints, lines, None))


def _without_printed_lines(seen: Contrast) -> Contrast:
    found = rulings(seen.stroke, seen.grey, seen.stroke_noise)
    if found == (None, None):
        return seen
    return replace(seen, stroke=without_lines(seen.stroke, found), colour=without_lines(seen.colour, found))


def _ink(seen: Contrast) -> Bools:
    """(h, w) what is surely ink, and what hangs together with it and is likely ink; thresholds follow the noise and the pencil."""
    drawn_values = seen.stroke[seen.stroke > max(5 * seen.stroke_noise, 0.05)]
    strong = float(np.percentile(drawn_values, 80)) if drawn_values.size else 0.3
    low = max(2.5 * seen.stroke_noise, 0.15 * strong, 0.02)
    high = max(5 * seen.stroke_noise, min(0.4 * strong, 0.25), 0.03)
    strokes = hysteresis(_above_their_surroundings(seen.stroke, 6, 0.3), low=low, high=high, least_seeds=SEED_PX)
    low, high = max(4 * seen.colour_noise, 0.06), max(7 * seen.colour_noise, 0.14)
    coloured = hysteresis(_above_their_surroundings(seen.colour, 9, 0.5), low=low, high=high, least_seeds=COLOUR_SEED_PX)
    found = strokes | coloured
    dark = seen.shade > DARK_SHADE
    if np.count_nonzero(dark & ~found) > LEAST_DARK * dark.size:
        found |= _filled_areas(seen.shade, dark)
    return cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0


def _filled_areas(shade: Singles, inside: Bools) -> Bools:
    """(h, w) areas filled with grey or black: as dark as deep shadows, but with sharp edges, and not along the border."""
    pieces = regions_of(inside, corners_join=True)
    inner = inside & ~_eroded(inside, 4) & _eroded(inside, 1)
    labels_beyond = cv2.dilate(pieces.labels.astype(np.float32), np.ones((9, 9), np.uint8)).astype(np.int32)
    outer = ~dilated(inside, 2) & (labels_beyond > 0)
    counts = np.bincount(labels_beyond[outer], minlength=len(pieces.area))
    beyond = np.bincount(labels_beyond[outer], weights=shade[outer], minlength=len(pieces.area)) / np.maximum(counts, 1)
    within = pieces.sum_of(np.where(inner, shade, 0)) / np.maximum(pieces.touched_by(inner), 1)
    sharp = within - beyond > SHARP_SHARE * within
    along_border = border_contact(pieces).sum(axis=1) > 0.15 * perimeters(pieces)
    return pieces.among(sharp & ~along_border & (pieces.area >= COLOUR_SEED_PX))


def _eroded(mask: Bools, radius: int) -> Bools:
    return ~dilated(~mask, radius)


def _above_their_surroundings(values: Singles, radius: int, share: float) -> Singles:
    """The values, 0 where less than a share of the largest around: edges lie half-way up, however blurred they are."""
    largest = cv2.dilate(values, np.ones((2 * radius + 1, 2 * radius + 1), np.uint8))
    return np.where(values > np.float32(share) * largest, values, np.float32(0))


def _reduced(rgb: Bytes) -> Bytes:
    height, width = rgb.shape[:2]
    scale = WORKING_SIDE / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(SMALLEST_SIDE, round(width * scale)), max(SMALLEST_SIDE, round(height * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _enlarged(mask: Bools, shape: tuple[int, int]) -> Bools:
    """The mask at the crop's size, its edge smooth."""
    if mask.shape == shape:
        return mask
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)
    return cv2.resize(soft, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR) > 0.5

"""Segmentation stage: which pixels of a crop belong to the figure.

`mask_by_model`: a pose model's mask decides; color and ink place its edges to the pixel (`pipeline.ink.mask_edges`).

`mask_by_ink`: image processing alone, for models that send no mask, as those of AnimatedDrawings. Ink is what differs from the paper
around it (`pipeline.ink.paper`); printed lines and the ground are removed (`pipeline.ink.ruling`, `pipeline.ink.ground`); outlines with
gaps are closed and filled (`pipeline.ink.closing`); of the pieces, those that are the figure are kept (`pipeline.ink.figure_parts`).
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipeline.errors import ShapeError
from pipeline.ink.bone_lines import bones, drawn_lines
from pipeline.ink.closing import solid_shape
from pipeline.ink.figure_parts import (
    body_and_parts,
    see_through,
    with_enclosures_at_border,
    without_neighbors,
    without_thorns,
)
from pipeline.ink.ground import without_ground, without_strips_at_the_border
from pipeline.ink.mask_edges import BAND_SHARE, sharp_mask, with_drawn_links
from pipeline.ink.paper import Contrast, contrast
from pipeline.ink.reduction import reduced_to_side
from pipeline.ink.regions import border_contact, dilated, eroded, filled, hysteresis, perimeters, regions_of
from pipeline.ink.ruling import rulings, without_lines
from pipeline.mesh.pieces import bridged
from pipeline.types import FIGURE_PROBABILITY, Bools, Bytes, Floats, Singles

MODEL_SIDE_PX = 512
"""Longer side that crops are reduced to before the edges of a model's mask are placed."""

MIN_PIECE_SHARE = 0.002
"""Pieces that color and ink leave of a model's mask are dirt if they are smaller than this share of it."""

WORKING_SIDE_PX = 640
"""Longer side that crops are reduced to before figures are found by their ink."""

SMALLEST_SIDE_PX = 8
"""In a crop whose shorter side is less than this, everything is figure."""

GENEROUS_PX = 2
"""Width by which the mask extends beyond the ink, at the reduced size, as AnimatedDrawings' does (etc/doc/file-formats.md, "Annotation
folder")."""

STROKE_NOISE = (2.5, 5.0)
"""The contrast of pixels that are likely, and surely, on a stroke is more than this many times the noise of the paper."""

STROKE_OF_STRONG = (0.15, 0.4)
"""The contrast of pixels that are likely, and surely, on a stroke is more than this share of a strong stroke's, whatever the pencil."""

STROKE_FLOOR = (0.02, 0.03)
"""The contrast of pixels that are likely, and surely, on a stroke is more than this, 0..1, even on paper without noise."""

STRONG_FLOOR = 0.05
"""Pixels whose contrast is at most this, 0..1, do not count for a strong stroke's."""

STRONG_PERCENTILE = 80
"""Percentile of the strokes' contrasts that is a strong stroke's."""

STRONG_CONTRAST = 0.3
"""A strong stroke's contrast where no stroke is seen, 0..1."""

SURE_CONTRAST = 0.25
"""Contrast of a stroke that is surely ink however strong others are, 0..1, if noise does not reach it."""

COLOR_NOISE = (4.0, 7.0)
"""The contrast of pixels that are likely, and surely, in a colored area is more than this many times the noise of the paper."""

COLOR_FLOOR = (0.06, 0.14)
"""The contrast of pixels that are likely, and surely, in a colored area is more than this, 0..1, even on paper without noise."""

STROKE_RADIUS_PX, STROKE_SHARE = 6, 0.3
"""A pixel is on a stroke only if its contrast is more than the second, a share of the largest within the first."""

COLOR_RADIUS_PX, COLOR_SHARE = 9, 0.5
"""A pixel is in a colored area only if its contrast is more than the second, a share of the largest within the first."""

CLOSED_PX = 5
"""Ink is closed with a square of this side."""

LIMB_SHARE = 0.03
"""Thickness of bones where a ground line is distinguished from limbs, as a share of the longer side."""

EDGE_SIGMA_PX = 0.8
"""Standard deviation, px at the reduced size, of the Gaussian that smooths a mask's edge before it is enlarged."""

SEED_PX = 3
"""A stroke is ink if at least this many of its pixels are surely ink."""

COLOR_SEED_PX = 12
"""A colored or dark area is ink if at least this many of its pixels are surely ink."""

ENOUGH_BONES_SHARE = 0.6
"""If a shape holds less than this share of the bones' pixels, wider gaps in its outline are bridged."""

BOLDNESSES = (2.5, 5.0)
"""Factors by which gaps may then be wider than usual, tried in this order."""

BONES_GAINED_SHARE = 0.3
"""Wider gaps stay bridged if the shape then holds more of the bones' pixels by more than this share."""

DARK_SHADE = 0.35
"""An area that is darker than the whole sheet by more than this, 0..1, is filled in with gray or black, if it is no shadow."""

MIN_DARK_SHARE = 0.002
"""Filled areas are looked for only if more than this share of the crop is dark and not yet known as ink."""

SHARP_SHARE = 0.6
"""A filled area loses more than this share of its darkness within a few pixels of its edge; a shadow loses less."""

VISIBLE_ALPHA = 128
"""Pixels with at least this alpha, 0..255, are visible."""

ALONG_BORDER_SHARE = 0.15
"""A dark area with more than this share of its outline along the crop's border is a shadow or a desk."""


def mask_by_model(rgb: Bytes, likelihood: Singles, *, alpha: Bytes | None = None, keypoints: Floats | None = None) -> Bools:
    """The figure's pixels (h, w) bool in a crop (h, w, 3) uint8, decided by a model's mask; empty if the model sees nothing.

    In a crop that is smaller than SMALLEST_SIDE_PX, everything is figure.

    Args:
        likelihood: (n, m) float32 0..1, any resolution, stretched over the crop: how likely each place is figure.
        alpha: (h, w) uint8; what it hides is not figure.
        keypoints: (17, 3) float64 x, y in px of the crop, score; values that make no sense are ignored.
    Raises:
        ShapeError: keypoints of another shape.
    """
    _check_keypoints(keypoints)
    shape = rgb.shape[:2]
    if min(shape) < SMALLEST_SIDE_PX:
        return np.ones(shape, bool)
    small = reduced_to_side(rgb, MODEL_SIDE_PX, min_side=SMALLEST_SIDE_PX)
    size = (small.shape[1], small.shape[0])
    likely = np.asarray(cv2.resize(likelihood.astype(np.float32), size, interpolation=cv2.INTER_CUBIC), np.float32)
    points = _scaled(keypoints, shape, small.shape)
    if alpha is not None and bool((alpha < VISIBLE_ALPHA).any()):
        near = dilated(likely > FIGURE_PROBABILITY, round(BAND_SHARE * max(size)))
        figure = (alpha >= VISIBLE_ALPHA) & _enlarged(near, shape)
        return _opaque_figure(figure, keypoints) if figure.any() else figure
    body = body_and_parts(likely > FIGURE_PROBABILITY, points, None if points is None else bones(points))
    figure = sharp_mask(small, likely, points) & filled(dilated(body, round(BAND_SHARE * max(size))))
    pieces = regions_of(figure, corners_join=True)
    figure = pieces.among(pieces.area > MIN_PIECE_SHARE * np.count_nonzero(body))
    return _enlarged(bridged(with_drawn_links(small, figure)), shape)


def mask_by_ink(rgb: Bytes, *, alpha: Bytes | None = None, keypoints: Floats | None = None) -> Bools:
    """The figure's pixels (h, w) bool in a crop (h, w, 3) uint8, by image processing alone; empty if nothing is drawn.

    In a crop that is smaller than SMALLEST_SIDE_PX, everything is figure.

    Args:
        alpha: (h, w) uint8; what is opaque is the drawing.
        keypoints: (17, 3) float64 x, y in px of the crop, score; values that make no sense are ignored.
    Raises:
        ShapeError: keypoints of another shape.
    """
    _check_keypoints(keypoints)
    shape = rgb.shape[:2]
    if alpha is not None and bool((alpha < VISIBLE_ALPHA).any()):
        return _opaque_figure(alpha >= VISIBLE_ALPHA, keypoints)
    if min(shape) < SMALLEST_SIDE_PX:
        return np.ones(shape, bool)
    small = reduced_to_side(rgb, WORKING_SIDE_PX, min_side=SMALLEST_SIDE_PX)
    ink = _ink(_without_printed_lines(contrast(small)))
    return _enlarged(_figure(ink, _scaled(keypoints, shape, ink.shape)), shape)


def _check_keypoints(keypoints: Floats | None) -> None:
    """Raise `ShapeError` if there are keypoints, and not (17, 3)."""
    if keypoints is not None and keypoints.shape != (17, 3):
        raise ShapeError("keypoints", expected="(17, 3)", actual=str(keypoints.shape))


def _scaled(keypoints: Floats | None, shape: tuple[int, ...], small: tuple[int, ...]) -> Floats | None:
    """Keypoints of a crop of `shape`, in px of its reduced version of the shape `small`."""
    return None if keypoints is None else keypoints * np.array([small[1] / shape[1], small[0] / shape[0], 1.0])


def _figure(ink: Bools, keypoints: Floats | None) -> Bools:
    """The figure's pixels (h, w) from its ink (h, w), both at the reduced size, as the keypoints are."""
    lines = None if keypoints is None else bones(keypoints)
    limbs = None if lines is None else drawn_lines(lines, ink.shape, thickness=max(3, round(LIMB_SHARE * max(ink.shape))))
    ink = without_ground(without_strips_at_the_border(ink), limbs)
    strokes = _generous(ink)
    solid = with_enclosures_at_border(_solid(ink, lines), keypoints, lines)
    figure = without_neighbors(body_and_parts(solid, keypoints, lines), lines)
    figure &= ~see_through(figure, strokes, keypoints, lines)
    return bridged(without_thorns(body_and_parts(figure, keypoints, lines)))


def _solid(ink: Bools, lines: Floats | None) -> Bools:
    """The shape (h, w) that the ink encloses; with wider gaps bridged, too, if that encloses many more of its bones (B, 4)."""
    solid = filled(_generous(solid_shape(ink)))
    if lines is None or not len(lines):
        return solid
    where = drawn_lines(lines, ink.shape, thickness=1)
    held = _covered_share(solid, where)
    for boldness in BOLDNESSES if held < ENOUGH_BONES_SHARE else ():
        bolder = filled(_generous(solid_shape(ink, boldness=boldness)))
        if _covered_share(bolder, where) > held + BONES_GAINED_SHARE:
            return bolder
    return solid


def _covered_share(mask: Bools, where: Bools) -> float:
    """The share of `where` that a mask covers; 0 of nothing."""
    return float(np.count_nonzero(mask & where)) / max(1, int(np.count_nonzero(where)))


def _generous(mask: Bools) -> Bools:
    """The mask, wider by GENEROUS_PX on all sides."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * GENEROUS_PX + 1,) * 2, np.uint8)) > 0


def _opaque_figure(visible: Bools, keypoints: Floats | None) -> Bools:
    """The figure of an image whose transparent pixels, those not `visible`, are background already."""
    lines = None if keypoints is None else bones(keypoints)
    return bridged(body_and_parts(visible, keypoints, lines))


def _without_printed_lines(seen: Contrast) -> Contrast:
    """The contrast without that of ruled or squared paper."""
    found = rulings(seen.stroke, seen.gray, seen.stroke_noise)
    if found == (None, None):
        return seen
    return replace(seen, stroke=without_lines(seen.stroke, found), color=without_lines(seen.color, found))


def _ink(seen: Contrast) -> Bools:
    """(h, w) bool, strokes, colored areas, and areas filled with gray or black, with the smallest gaps closed.

    Strokes and areas are pieces of pixels that are likely ink, with enough pixels that surely are.
    """
    low, high = (max(factor * seen.color_noise, floor) for factor, floor in zip(COLOR_NOISE, COLOR_FLOOR, strict=True))
    colored = hysteresis(_near_largest(seen.color, COLOR_RADIUS_PX, COLOR_SHARE), low=low, high=high, min_seeds=COLOR_SEED_PX)
    found = _strokes(seen.stroke, seen.stroke_noise) | colored
    dark = seen.shade > DARK_SHADE
    if np.count_nonzero(dark & ~found) > MIN_DARK_SHARE * dark.size:
        found |= _filled_areas(seen.shade, dark)
    return cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((CLOSED_PX, CLOSED_PX), np.uint8)) > 0


def _strokes(darkness: Singles, noise: float) -> Bools:
    """(h, w) bool, strokes, with thresholds that follow the noise and the pencil.

    Args:
        darkness: (h, w) float32, `Contrast.stroke`.
        noise: standard deviation of `darkness` on bare paper.
    """
    drawn = darkness[darkness > max(STROKE_NOISE[1] * noise, STRONG_FLOOR)]
    strong = float(np.percentile(drawn, STRONG_PERCENTILE)) if drawn.size else STRONG_CONTRAST
    low = max(STROKE_NOISE[0] * noise, STROKE_OF_STRONG[0] * strong, STROKE_FLOOR[0])
    high = max(STROKE_NOISE[1] * noise, min(STROKE_OF_STRONG[1] * strong, SURE_CONTRAST), STROKE_FLOOR[1])
    return hysteresis(_near_largest(darkness, STROKE_RADIUS_PX, STROKE_SHARE), low=low, high=high, min_seeds=SEED_PX)


def _filled_areas(shade: Singles, inside: Bools) -> Bools:
    """(h, w) bool, the dark areas, `inside`, that are filled in with gray or black: with sharp edges, and not along the border.

    Args:
        shade: (h, w) float32, how much darker than the sheet each pixel is, 0..1.
    """
    pieces = regions_of(inside, corners_join=True)
    inner = inside & ~eroded(inside, 4) & eroded(inside, 1)
    labels_beyond = cv2.dilate(pieces.labels.astype(np.float32), np.ones((9, 9), np.uint8)).astype(np.int32)
    outer = ~dilated(inside, 2) & (labels_beyond > 0)
    counts = np.bincount(labels_beyond[outer], minlength=len(pieces.area))
    beyond = np.bincount(labels_beyond[outer], weights=shade[outer], minlength=len(pieces.area)) / np.maximum(counts, 1)
    within = pieces.sum_of(np.where(inner, shade, 0)) / np.maximum(pieces.touched_by(inner), 1)
    sharp = within - beyond > SHARP_SHARE * within
    along_border = border_contact(pieces).sum(axis=1) > ALONG_BORDER_SHARE * perimeters(pieces)
    return pieces.among(sharp & ~along_border & (pieces.area >= COLOR_SEED_PX))


def _near_largest(values: Singles, radius: int, share: float) -> Singles:
    """The values (h, w), 0 where they are at most a share of the largest within `radius` px: edges are there, however blurred they are."""
    largest = cv2.dilate(values, np.ones((2 * radius + 1, 2 * radius + 1), np.uint8))
    return np.where(values > np.float32(share) * largest, values, np.float32(0))


def _enlarged(mask: Bools, shape: tuple[int, int]) -> Bools:
    """The mask at the crop's `shape` (h, w), its edge smooth; itself if it has that size already."""
    if mask.shape == shape:
        return mask
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), EDGE_SIGMA_PX)
    return cv2.resize(soft, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR) > 0.5

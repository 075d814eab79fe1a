"""Edges of a figure's mask, placed to the pixel: the model decides what is figure, color and ink decide where exactly it ends.

A pose model's mask has cells of about 1 % of the figure, and a rim around the figure. Two corrections are made within a band along the
mask's edge. Ground, which is everything around the figure, is extended from outside up to the nearest ink; and ink that is connected with
the figure is added. Gaps that are too narrow for the model (between arm and trunk, between legs) are opened as far as the ground's color
leads into them. An area that ink encloses is figure as a whole if it mostly is: the model is often unsure about the middle of white hair.

Masks are (h, w) bool at the working size; `likelihood` is (h, w) float32 0..1, the probability that each pixel is figure. Distances are px
at the working size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.ink.bone_lines import bones, drawn_lines, see_through_areas
from pipeline.ink.channels import largest_channel
from pipeline.ink.regions import border_contact, dilated, disc, eroded, regions_of
from pipeline.types import FIGURE_PROBABILITY, Bools, Bytes, Floats, Singles

BAND_SHARE = 0.02
"""Half the width of the band, in shares of the longer side: two cells of a model whose input is 192 px wide."""

CERTAIN = 0.985
"""Ground does not extend to where the model's probability is at least this.

It is on 99 % of the pixels that are 2 % inside a synthetic figure.
"""

HINT = 0.03
"""Ink outside the mask belongs to the figure only where the model's probability is more than this."""

MIN_CONTRAST = 24.0
"""Ink differs from the ground beside it by more than this in some channel, 0..255: above JPEG noise, below pale pencil."""

NOISE_FACTOR = 5.0
"""Ink differs from the ground by more than this many of the ground's standard deviations: wood, ruling and cloth are no ink."""

OPENING_SHARE = 0.006
"""Ground extends into the mask only through openings wider than twice this share of the longer side, since outlines have small gaps."""

GAP_SHARE = 0.02
"""Half the width of the widest gap between limbs that the model may miss, in shares of the longer side."""

MIN_GAP_AREA = 0.0015
"""Gaps between limbs with at most this share of the figure's pixels are not opened."""

BESIDE_SHARE = 0.03
"""Colored areas are looked for within this distance of a gap, in shares of the longer side."""

OUTLINE_SHARE = 0.008
"""Ink within this distance of a gap, in shares of the longer side, is the outline beside it, and counts as no colored area."""

MAX_BONE = 0.15
"""A gap has bones in it along at most this share of its length."""

FILLED = 0.8
"""A gap is opened only if at least this share of what is beside it is ink: it is between colored areas.

On 210 held-out synthetic figures (seeds from 9600000) the rule opens 0.104 figures' worth of true gaps and 0.095 of figure; with
`FILLED` at 0.5, 0.154 and 0.310.
"""

MOSTLY_FIGURE = 0.5
"""An area that ink encloses is figure as a whole if the model sees figure on more than this share of it: the majority decides.

On 800 held-out synthetic figures (seeds from 21000000 and 22000000) the mean share of wrong pixels is 1.00 % without the rule, and 0.87 %
with it. Dropping areas that are mostly ground, too, does not lower it further; dropping pieces without ink lowers the IoU.
"""

INKED_EDGE = 0.5
"""A hole is kept open if at least this share of its edge is ink."""

NEAR_INK_PX = 2
"""A pixel of a hole's edge is ink if there is ink within this distance, px."""

LINK_REACH = 0.005
"""Gaps of a drawn line are at most twice as wide as this share of the longer side, and it ends within twice that of a piece it leads to."""

LINK_WIDTH = 0.012
"""Drawn lines that join pieces are at most this wide, in shares of the longer side."""

LONGEST_LINK = 1.5
"""A drawn line that leads on from a thin piece has at most this many times its pixels: a longer one is more likely to be scenery."""

END_SHARE = 0.8
"""A line touches a thin piece at its end if the other end is at least this share of the piece's extent away."""

GROUND_REDUCTION = 4
"""The ground is estimated at a size that is this many times smaller."""

WIDE_TO_NARROW = 8
"""The wide windows in which the ground is averaged are this many times as large as the narrow ones."""

WIDE_WEIGHT, WHOLE_WEIGHT = 1e-3, 1e-6
"""Weights of the wide windows' and the whole image's means, where the narrow windows' is 1: they decide only where those hold no ground."""


@dataclass(frozen=True, eq=False)
class _Ground:
    """The ground beside each pixel: color (h, w, 3) and standard deviation (h, w), float32, in levels 0..255."""

    color: Singles
    noise: Singles


def sharp_mask(rgb: Bytes, likelihood: Singles, keypoints: Floats | None = None) -> Bools:
    """The figure's pixels (h, w) bool: a model's mask with its edges placed to the pixel.

    Beyond the band around the mask, only the rest of areas is added that ink encloses and that are mostly figure: a limb that the model has
    not seen stays missing.

    Args:
        rgb: (h, w, 3) uint8 sRGB.
        likelihood: (h, w) float32 0..1, the probability that each pixel is figure.
        keypoints: (17, 3) float64 x, y in px, score 0..1, in COCO's order; without them, gaps between limbs are not opened.
    """
    band = max(2, round(BAND_SHARE * max(likelihood.shape)))
    inside = likelihood > FIGURE_PROBABILITY
    near = dilated(inside, band)
    ink = _ink(rgb, near)
    enclosed = _enclosed_areas(inside, ink)
    inside, near = inside | enclosed, near | enclosed
    ground = _ground(inside, near, ink, likelihood, band)
    if keypoints is not None:
        ground = _with_gaps(ground, inside, ink, keypoints)
    figure = _without_unfounded_holes(inside & ~ground, ink)
    return _with_ink(figure, ink & ~ground & (near & (likelihood > HINT)), band)


def with_drawn_links(rgb: Bytes, figure: Bools) -> Bools:
    """The figure with the drawn lines that lead from thin pieces to another one: a stroke of which a model has seen only a part.

    Args:
        rgb: (h, w, 3) uint8 sRGB.
    """
    pieces = regions_of(figure, corners_join=True)
    if pieces.count < 2:
        return figure
    side = max(figure.shape)
    reach = max(1, round(LINK_REACH * side))
    is_thin = pieces.touched_by(eroded(figure, max(1, round(LINK_WIDTH * side)))) == 0
    beyond = _thin_lines(rgb) & ~figure
    lines = regions_of(dilated(beyond, reach) & ~figure, corners_join=True)
    length = lines.touched_by(beyond)
    links = np.zeros_like(figure)
    for number in (1 + np.flatnonzero(is_thin[1:])).tolist():
        piece = pieces.labels == number
        here, there = dilated(piece, reach), dilated(figure & ~piece, reach)
        is_candidate = (lines.touched_by(here) > 0) & (lines.touched_by(there) > 0) & (length <= LONGEST_LINK * pieces.area[number])
        candidates = [lines.labels == line for line in (1 + np.flatnonzero(is_candidate[1:])).tolist()]
        links |= np.any([line for line in candidates if _goes_on_from_end(piece, here & line)], axis=0)
    return figure | links


def _goes_on_from_end(piece: Bools, contact: Bools) -> bool:
    """Whether a line touches a stroke at its end: one that crosses it, such as a ground line, does not belong to it."""
    rows, columns = np.nonzero(piece)
    row, column = np.argwhere(contact).mean(axis=0)
    extent = float(np.hypot(np.ptp(rows) + 1, np.ptp(columns) + 1))
    return float(np.hypot(rows - row, columns - column).max()) >= END_SHARE * extent


def _thin_lines(rgb: Bytes) -> Bools:
    """Pixels of lines that are darker or lighter than what is on both sides of them in some channel."""
    size = 2 * max(1, round(LINK_WIDTH / 2 * max(rgb.shape))) + 1
    hats = (cv2.morphologyEx(rgb, operation, np.ones((size, size), np.uint8)) for operation in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT))
    return np.asarray(cv2.max(*(largest_channel(np.asarray(hat, np.uint8)) for hat in hats)) > MIN_CONTRAST)


def _ink(rgb: Bytes, near: Bools) -> Bools:
    """Pixels that clearly differ from the ground beside them; none if `near`, where there may be a figure, is everywhere."""
    beside = _ground_beside(rgb, ~near)
    if beside is None:
        return np.zeros(near.shape, bool)
    difference = largest_channel(np.asarray(cv2.absdiff(rgb.astype(np.float32), beside.color), np.float32))
    return np.asarray(difference > np.maximum(np.float32(MIN_CONTRAST), np.float32(NOISE_FACTOR) * beside.noise))


def _ground_beside(rgb: Bytes, outside: Bools) -> _Ground | None:
    """Mean and deviation of the ground around each pixel: in narrow windows where they hold ground, in wider ones elsewhere.

    The standard deviation is that of the channel where it is largest. None if there is less than a pixel of ground at
    the reduced size.
    """
    height, width = outside.shape
    size = (max(1, width // GROUND_REDUCTION), max(1, height // GROUND_REDUCTION))
    weight = outside.astype(np.float32)
    weighted = rgb.astype(np.float32) * weight[..., None]
    parts = [weight[..., None], weighted, weighted * weighted]
    small = np.dstack([cv2.resize(part, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1) for part in parts])
    if float(small[..., 0].sum()) < 1.0:
        return None
    narrow = max(1, round(2 * BAND_SHARE * max(size)))
    means = small.mean(axis=(0, 1), keepdims=True) * np.float32(WHOLE_WEIGHT)
    for reach, share in ((WIDE_TO_NARROW * narrow, WIDE_WEIGHT), (narrow, 1.0)):
        means = means + np.float32(share) * cv2.blur(small, (2 * reach + 1,) * 2, borderType=cv2.BORDER_CONSTANT)
    means = means / means[..., :1]
    color, squares = means[..., 1:4], means[..., 4:7]
    noise = np.sqrt(np.maximum(largest_channel(squares - color * color), 0))
    return _Ground(*(np.asarray(cv2.resize(each, (width, height), interpolation=cv2.INTER_LINEAR), np.float32) for each in (color, noise)))


def _enclosed_areas(inside: Bools, ink: Bools) -> Bools:
    """The areas that ink encloses, each as a whole, of which the model's mask `inside` holds most."""
    areas = regions_of(~ink, corners_join=False)
    is_enclosed = border_contact(areas).sum(axis=1) == 0
    return areas.among(is_enclosed & (areas.mean_of(inside) > MOSTLY_FIGURE))


def _ground(inside: Bools, near: Bools, ink: Bools, likelihood: Singles, band: int) -> Bools:
    """The ground: all beyond the band, what is not ink outside the mask, and what is connected with that inside the band.

    Args:
        inside: the model's mask.
        near: the mask with its band.
        band: half the width of the band, px.
    """
    square = np.ones((2 * band + 1,) * 2, np.uint8)
    core = cv2.erode(inside.astype(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=1) > 0
    free = (~ink & ~core & (likelihood < CERTAIN)).astype(np.uint8)
    radius = max(1, round(OPENING_SHARE * max(inside.shape)))
    framed = cv2.copyMakeBorder(free, radius, radius, radius, radius, cv2.BORDER_REPLICATE)
    wide = cv2.morphologyEx(framed, cv2.MORPH_OPEN, disc(radius))[radius:-radius, radius:-radius]
    start = (~near | (~inside & ~ink)).astype(np.uint8)
    ground = _grown_within(start, np.asarray(wide, np.uint8), band)
    thin = inside & ~dilated(core, 2 * band)
    return ground & (~thin | dilated(ink & inside, band))  # where no ink is found, a thin limb stays as the model sees it


def _grown_within(start: Bytes, allowed: Bytes, steps: int) -> Bools:
    """The mask `start` grown by `steps` px, but only into the mask `allowed`; both 0 or 1. Writes to `start`."""
    square = np.ones((3, 3), np.uint8)
    for _ in range(steps):
        start |= np.asarray(cv2.dilate(start, square), np.uint8) & allowed
    return np.asarray(start > 0)


def _with_gaps(ground: Bools, inside: Bools, ink: Bools, keypoints: Floats) -> Bools:
    """The ground with the narrow gaps between limbs that lead to it: gaps with no bone in them, between colored areas.

    In a figure that is only outlined, a gap looks like the inside of a limb; there the model alone decides.
    """
    side = max(ground.shape)
    radius = max(1, round(GAP_SHARE * side))
    between = dilated(see_through_areas(keypoints, ground.shape), radius)
    free = inside & ~ink & between & ~ground
    broad = dilated(eroded(free | ground, radius), radius)
    gaps = regions_of(free & ~(broad & ~dilated(ground, radius)), corners_join=False)
    on_bones = drawn_lines(bones(keypoints), ground.shape, thickness=1)
    opened = (gaps.touched_by(dilated(ground, 1)) > 0) & (gaps.area > MIN_GAP_AREA * np.count_nonzero(inside))
    reach = round(BESIDE_SHARE * side)
    for number in np.flatnonzero(opened).tolist():
        window = _window(gaps.labels == number, reach)
        gap = gaps.labels[window] == number
        beside = dilated(gap, reach) & ~dilated(gap, round(OUTLINE_SHARE * side)) & ~ground[window]
        is_filled = np.count_nonzero(ink[window] & beside) >= FILLED * np.count_nonzero(beside)
        opened[number] = is_filled and _extent(gap & on_bones[window]) <= MAX_BONE * _extent(gap)
    return ground | gaps.among(opened)


def _window(region: Bools, margin: int) -> tuple[slice, slice]:
    """The bounds of a region, which is not empty, and `margin` px around them."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    return slice(max(0, rows[0] - margin), rows[-1] + margin + 1), slice(max(0, columns[0] - margin), columns[-1] + margin + 1)


def _extent(region: Bools) -> int:
    """The longer side of a region's bounds, px."""
    return max(int(np.ptp(np.flatnonzero(region.any(axis=axis)))) + 1 for axis in (0, 1)) if region.any() else 0


def _without_unfounded_holes(figure: Bools, ink: Bools) -> Bools:
    """The figure with those holes filled that only the model sees: a hole that one looks through is bordered by ink."""
    outside = regions_of(~figure, corners_join=False)
    around = dilated(ink, NEAR_INK_PX)
    edge_of = cv2.dilate(outside.labels.astype(np.float32), np.ones((3, 3), np.uint8)).astype(np.int32)
    edge = figure & (edge_of > 0)
    total = np.bincount(edge_of[edge], minlength=len(outside.area))
    inked = np.bincount(edge_of[edge & around], minlength=len(outside.area))
    unfounded = inked < INKED_EDGE * total
    labels = outside.labels
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        unfounded[border] = False
    return figure | outside.among(unfounded)


def _with_ink(figure: Bools, ink: Bools, band: int) -> Bools:
    """The figure and the ink that is connected with it within the band, its edge smoothed by a median of 3 x 3."""
    grown = _grown_within(figure.astype(np.uint8), ink.astype(np.uint8), band)
    return np.asarray(cv2.medianBlur(grown.astype(np.uint8), 3) > 0)

"""Edges of a figure's mask, placed to the pixel: the model decides what is figure, color and ink decide where exactly it ends.

A pose model draws its mask with cells of about 1 % of the figure, and with a rim around it. Within a band along the mask's edge, ground
flows in from outside up to the next ink, and ink that hangs on the figure is added. Gaps that are too narrow for the model (between arm
and trunk, between legs) open as far as the ground's own color leads in.

Masks are (h, w) bool at the working size; `likelihood` is (h, w) float32, how likely each pixel is figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.ink.bone_lines import bones, drawn_lines, see_through_areas
from pipeline.ink.channels import largest_channel
from pipeline.ink.regions import dilated, disc, eroded, regions_of
from pipeline.types import FIGURE_PROBABILITY, Bools, Bytes, Floats, Singles

BAND_SHARE = 0.02
"""Half the width of the band, in shares of the longer side: two cells of a model that sees 192 px."""


CERTAIN = 0.985
"""Ground does not flow to where the model is at least this sure.

It is that sure on 99 % of the pixels that are 2 % inside a synthetic figure.
"""

HINT = 0.03
"""Ink outside the mask belongs to it only where the model sees at least this."""

MIN_CONTRAST = 24.0
"""Ink differs from the ground beside it by at least this, 0..255: above JPEG noise, below pale pencil."""

NOISE_FACTOR = 5.0
"""Ink differs from the ground by more than this many of its standard deviations: wood, ruling and cloth are no ink."""

DOOR_SHARE = 0.006
"""Ground flows into the mask through openings wider than twice this share of the longer side; an outline has gaps."""

CHANNEL_SHARE = 0.02
"""Half the width of gaps between limbs that the model may miss, in shares of the longer side: it sees wider ones."""

MIN_CHANNEL = 0.0015
"""Smaller gaps than this share of the figure are not looked for."""

BESIDE_SHARE, OUTLINE_SHARE = 0.03, 0.008
"""How far beside a gap to look for color, in shares of the longer side, and how far the outline reaches that does not count."""

MAX_BONE = 0.15
"""A gap has bones in it along at most this share of its length."""

FILLED = 0.8
"""Of what is beside a gap, at least this share is ink.

On 210 held-out synthetic figures (seeds from 9600000) the rule opens 0.104 figures' worth of true gaps and 0.095 of figure; with
`FILLED` at 0.5, 0.154 and 0.310.
"""

INKED_EDGE = 0.5
"""A hole is real if at least this share of its edge is ink."""

GROUND_REDUCTION = 4
"""The ground is estimated at a size that is this many times smaller."""


@dataclass(frozen=True, eq=False)
class _Ground:
    """The ground beside each pixel: color (h, w, 3) and standard deviation (h, w), float32."""

    color: Singles
    noise: Singles


def sharp_mask(rgb: Bytes, likelihood: Singles, keypoints: Floats | None = None) -> Bools:
    """The figure's pixels (h, w) bool of an image (h, w, 3) uint8; what the model has not seen is not in it.

    Args:
        keypoints: (17, 3) float64 x, y in px, score.
    """
    band = max(2, round(BAND_SHARE * max(likelihood.shape)))
    inside = likelihood > FIGURE_PROBABILITY
    near = dilated(inside, band)
    ink = _ink(rgb, near)
    ground = _ground(inside, near, ink, likelihood, band)
    if keypoints is not None:
        ground = _with_channels(ground, inside, ink, keypoints)
    figure = _without_unfounded_holes(inside & ~ground, ink)
    return _with_ink(figure, ink & ~ground & (near & (likelihood > HINT)), band)


def _ink(rgb: Bytes, near: Bools) -> Bools:
    """Pixels that clearly differ from the ground beside them."""
    beside = _ground_beside(rgb, ~near)
    if beside is None:
        return np.zeros(near.shape, bool)
    difference = largest_channel(np.asarray(cv2.absdiff(rgb.astype(np.float32), beside.color), np.float32))
    return np.asarray(difference > np.maximum(np.float32(MIN_CONTRAST), np.float32(NOISE_FACTOR) * beside.noise))


def _ground_beside(rgb: Bytes, outside: Bools) -> _Ground | None:
    """Means over the ground around each pixel: narrow windows where they have ground, wider ones elsewhere. None without any ground."""
    height, width = outside.shape
    size = (max(1, width // GROUND_REDUCTION), max(1, height // GROUND_REDUCTION))
    weight = outside.astype(np.float32)
    weighted = rgb.astype(np.float32) * weight[..., None]
    parts = [weight[..., None], weighted, weighted * weighted]
    small = np.dstack([cv2.resize(part, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1) for part in parts])
    if float(small[..., 0].sum()) < 1.0:
        return None
    narrow = max(1, round(2 * BAND_SHARE * max(size)))
    means = small.mean(axis=(0, 1), keepdims=True) * np.float32(1e-6)
    for reach, share in ((8 * narrow, 1e-3), (narrow, 1.0)):
        means = means + np.float32(share) * cv2.blur(small, (2 * reach + 1,) * 2, borderType=cv2.BORDER_CONSTANT)
    means = means / means[..., :1]
    color, squares = means[..., 1:4], means[..., 4:7]
    noise = np.sqrt(np.maximum(largest_channel(squares - color * color), 0))
    return _Ground(*(np.asarray(cv2.resize(each, (width, height), interpolation=cv2.INTER_LINEAR), np.float32) for each in (color, noise)))


def _ground(inside: Bools, near: Bools, ink: Bools, likelihood: Singles, band: int) -> Bools:
    """Where ground is: beyond the band, outside the mask where there is no ink, and inside of it as far as ground flows in the band."""
    shut = np.ones((2 * band + 1,) * 2, np.uint8)
    core = cv2.erode(inside.astype(np.uint8), shut, borderType=cv2.BORDER_CONSTANT, borderValue=1) > 0
    free = (~ink & ~core & (likelihood < CERTAIN)).astype(np.uint8)
    radius = max(1, round(DOOR_SHARE * max(inside.shape)))
    framed = cv2.copyMakeBorder(free, radius, radius, radius, radius, cv2.BORDER_REPLICATE)
    wide = cv2.morphologyEx(framed, cv2.MORPH_OPEN, disc(radius))[radius:-radius, radius:-radius]
    start = (~near | (~inside & ~ink)).astype(np.uint8)
    ground = _flowed(start, np.asarray(wide, np.uint8), band)
    thin = inside & ~dilated(core, 2 * band)
    return ground & (~thin | dilated(ink & inside, band))  # where no ink is found, a thin limb stays as the model sees it


def _flowed(start: Bytes, through: Bytes, steps: int) -> Bools:
    """`start`, grown by `steps` px through another mask."""
    cross = np.ones((3, 3), np.uint8)
    for _ in range(steps):
        start |= np.asarray(cv2.dilate(start, cross), np.uint8) & through
    return np.asarray(start > 0)


def _with_channels(ground: Bools, inside: Bools, ink: Bools, keypoints: Floats) -> Bools:
    """The ground and the narrow gaps between limbs that lead to it: without a bone in them, between areas that are filled with color.

    In an outlined figure, a gap looks like the inside of a limb; there the model alone decides.
    """
    side = max(ground.shape)
    radius = max(1, round(CHANNEL_SHARE * side))
    between = dilated(see_through_areas(keypoints, ground.shape), radius)
    gaps = inside & ~ink & between & ~ground
    broad = dilated(eroded(gaps | ground, radius), radius)
    channels = regions_of(gaps & ~(broad & ~dilated(ground, radius)), corners_join=False)
    on_bones = drawn_lines(bones(keypoints), ground.shape, thickness=1)
    candidates = (channels.touched_by(dilated(ground, 1)) > 0) & (channels.area > MIN_CHANNEL * np.count_nonzero(inside))
    reach = round(BESIDE_SHARE * side)
    for number in np.flatnonzero(candidates).tolist():
        window = _window(channels.labels == number, reach)
        channel = channels.labels[window] == number
        beside = dilated(channel, reach) & ~dilated(channel, round(OUTLINE_SHARE * side)) & ~ground[window]
        is_filled = np.count_nonzero(ink[window] & beside) >= FILLED * np.count_nonzero(beside)
        candidates[number] = is_filled and _extent(channel & on_bones[window]) <= MAX_BONE * _extent(channel)
    return ground | channels.among(candidates)


def _window(region: Bools, margin: int) -> tuple[slice, slice]:
    """The bounds of a region, which is not empty, and `margin` px around them."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    return slice(max(0, rows[0] - margin), rows[-1] + margin + 1), slice(max(0, columns[0] - margin), columns[-1] + margin + 1)


def _extent(region: Bools) -> int:
    """The longer side of a region's bounds, px."""
    return max(int(np.ptp(np.flatnonzero(region.any(axis=axis)))) + 1 for axis in (0, 1)) if region.any() else 0


def _without_unfounded_holes(figure: Bools, ink: Bools) -> Bools:
    """The figure without holes that the model alone sees: one looks through between outlines or areas of color, not through blank paper."""
    outside = regions_of(~figure, corners_join=False)
    around = dilated(ink, 2)
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
    """The figure and the ink that hangs on it within the band, its edge smooth."""
    grown = _flowed(figure.astype(np.uint8), ink.astype(np.uint8), band)
    return np.asarray(cv2.medianBlur(grown.astype(np.uint8), 3) > 0)

"""Connected pieces of masks, and morphology: areas, perimeters, contact with the border, filling, dilation by discs.

Masks are (h, w) bool. Ink is connected over corners (8 neighbors), paper is not (4 neighbors), so that a diagonal line one pixel wide is
a wall.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Bools, Bytes, Floats, Ints, Singles

SMALL_RADIUS = 2
"""Up to this radius, px, one dilation by a disc takes less time than several by its rows."""


@dataclass(frozen=True, eq=False)
class Regions:
    """The connected pieces of a mask.

    Attributes:
        labels: (h, w) int32: 0 outside the mask, pieces are numbered from 1.
        area: (N + 1,) int64 px, for each number.
    """

    labels: Ints
    area: NDArray[np.int64]

    @property
    def count(self) -> int:
        """N, the number of pieces."""
        return len(self.area) - 1

    def among(self, chosen: Bools) -> Bools:
        """(h, w) the pixels of the pieces that are `chosen` (N + 1,); the first entry, of what is outside the mask, is ignored."""
        yes = chosen.astype(np.uint8)
        yes[0] = 0
        if len(yes) <= 256:  # a table of bytes is several times faster
            return cv2.LUT(self.labels.astype(np.uint8), np.pad(yes, (0, 256 - len(yes)))).astype(bool)
        return yes.astype(bool)[self.labels]

    def sum_of(self, values: Singles | Bools) -> Floats:
        """(N + 1,) float64: the sum of values (h, w) in each piece."""
        return np.bincount(self.labels.ravel(), weights=values.ravel(), minlength=len(self.area)).astype(np.float64)

    def mean_of(self, values: Singles | Bools) -> Floats:
        """(N + 1,) float64: the mean of values (h, w) in each piece."""
        return self.sum_of(values) / np.maximum(self.area, 1)

    def touched_by(self, mask: Bools) -> NDArray[np.int64]:
        """(N + 1,) how many px of each piece are in a mask (h, w)."""
        return np.bincount(self.labels[mask], minlength=len(self.area))


def regions_of(mask: Bools, *, corners_join: bool) -> Regions:
    """The connected pieces of a mask, with 8 neighbors if `corners_join`, else with 4."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8 if corners_join else 4)
    return Regions(np.asarray(labels, np.int32), np.bincount(labels.ravel(), minlength=count))


def pieces_with(mask: Bools, markers: Bools, *, corners_join: bool, min_share: float = 0.0) -> Bools:
    """The connected pieces of a mask that hold at least one of `markers` (h, w), and at least a share of the mask's pixels."""
    pieces = regions_of(mask, corners_join=corners_join)
    is_large = pieces.area >= min_share * max(int(pieces.area[1:].sum()), 1)
    return pieces.among((pieces.touched_by(markers) > 0) & is_large)


def hysteresis(values: Singles, *, low: float, high: float, min_seeds: int) -> Bools:
    """Pixels (h, w) over `low` in pieces with at least `min_seeds` pixels over `high` (Canny 1986, section VI)."""
    pieces = regions_of(values > low, corners_join=True)
    return pieces.among(pieces.touched_by(values > high) >= min_seeds)


def border_contact(regions: Regions) -> Ints:
    """(N + 1, 4) int32: how many px of each region lie along the left, top, right and bottom border."""
    labels = regions.labels
    sides = (labels[:, 0], labels[0, :], labels[:, -1], labels[-1, :])
    return np.stack([np.bincount(side, minlength=len(regions.area)) for side in sides], axis=1).astype(np.int32)


def corner_regions(regions: Regions) -> Bools:
    """(N + 1,) whether a region holds a corner of the image."""
    holds = np.zeros(len(regions.area), bool)
    holds[regions.labels[[0, 0, -1, -1], [0, -1, 0, -1]]] = True
    return holds


def perimeters(regions: Regions) -> Ints:
    """(N + 1,) int32: px of each region that touch another region or the image's border."""
    labels = np.pad(regions.labels, 1, constant_values=-1)
    inner = labels[1:-1, 1:-1]
    edge = (inner != labels[:-2, 1:-1]) | (inner != labels[2:, 1:-1]) | (inner != labels[1:-1, :-2]) | (inner != labels[1:-1, 2:])
    return np.bincount(inner[edge], minlength=len(regions.area)).astype(np.int32)


def filled(mask: Bools) -> Bools:
    """The mask (h, w) and everything that it encloses: what is not connected with the border over 4 neighbors."""
    room = np.pad(mask.astype(np.uint8), 1)
    cv2.floodFill(room, None, (0, 0), 2, flags=4)
    return np.asarray(room[1:-1, 1:-1] != 2)


def nearest_values(values: Ints, known: Bools) -> Ints:
    """`values` (h, w) int32, where they aren't `known` the value of the nearest pixel where they are; unchanged if none is known."""
    if not known.any():
        return values
    index, _ = nearest_index(known)
    return np.asarray(values, np.int32).ravel().take(index).reshape(values.shape)


def nearest_index(mask: Bools) -> tuple[Ints, Singles]:
    """For each pixel, which pixel of a mask is nearest; of a pixel of the mask, itself.

    Returns:
        (h * w,) int32, flat indices of pixels of the mask, all 0 if it is empty; (h, w) float32, the distances to them, px.
    """
    distance, labels = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    flat, sources = np.asarray(labels, np.int32).ravel(), np.flatnonzero(mask).astype(np.int32)
    index_of_label = np.zeros(int(flat.max()) + 1, np.int32)
    index_of_label[flat[sources]] = sources  # each pixel of the mask has a label of its own
    return index_of_label.take(flat), np.asarray(distance, np.float32)


def disc(radius: int) -> Bytes:
    """A round structuring element, (2 r + 1, 2 r + 1) uint8."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def dilated(mask: Bools, radius: int) -> Bools:
    """The mask grown by a disc, px.

    Rows of the disc that are equally wide share one dilation by a row, which begins with that of the next narrower one: for large discs
    `cv2.dilate` takes three to eight times as long.
    """
    if radius < 1:
        return mask
    shape, height = mask.astype(np.uint8), len(mask)
    if radius <= SMALL_RADIUS:
        return np.asarray(cv2.dilate(shape, disc(radius)), np.uint8).astype(bool)
    grown = np.zeros((height + 2 * radius, mask.shape[1]), np.uint8)
    widths, grown_by = disc(radius).sum(axis=1), 1
    for width in np.unique(widths).tolist():
        shape, grown_by = np.asarray(cv2.dilate(shape, np.ones((1, width - grown_by + 1), np.uint8)), np.uint8), width
        for down in np.flatnonzero(widths == width).tolist():
            grown[down : down + height] |= shape
    return grown[radius : radius + height].astype(bool)


def eroded(mask: Bools, radius: int) -> Bools:
    """The mask shrunk by a disc, px. Pixels beyond the border count as mask."""
    return ~dilated(~mask, radius)


def opened(mask: Bools, radius: int) -> Bools:
    """The mask without what is thinner than a disc, px. Pixels beyond the border count as mask."""
    if radius < 1:
        return mask
    wide = np.pad(mask, radius, mode="edge")
    return dilated(eroded(wide, radius), radius)[radius:-radius, radius:-radius]

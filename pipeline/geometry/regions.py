"""Connected pieces of a picture: what ink encloses, what touches the border, which piece is the figure.

Masks are (h, w) bool. Ink is connected over corners (8 neighbours), paper is not (4 neighbours), so that a diagonal line one pixel wide is a wall.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.types import Bools, Floats, Ints, Singles


@dataclass(frozen=True, eq=False)
class Regions:
    """The connected pieces of a mask, numbered from 1 as in `labels`; every array has a row for 0, which is all the rest.

    Attributes:
        labels: (h, w) int32.
        area: (N + 1,) int32 px.
        box: (N + 1, 4) int32: left, top, right, bottom, px, ends excluded.
        centre: (N + 1, 2) float64 x, y.
    """

    labels: Ints
    area: Ints
    box: Ints
    centre: Floats

    @property
    def count(self) -> int:
        return len(self.area) - 1

    def among(self, chosen: Bools) -> Bools:
        """(h, w) where a region is that `chosen` (N + 1,) says yes to."""
        yes = chosen.copy()
        yes[0] = False
        return yes[self.labels]

    def mean_of(self, values: Singles | Bools) -> Floats:
        """(N + 1,) mean of a picture (h, w) in each region."""
        sums = np.bincount(self.labels.ravel(), weights=values.ravel().astype(np.float64), minlength=len(self.area))
        return sums / np.maximum(self.area, 1)

    def sum_of(self, values: Singles | Bools) -> Floats:
        """(N + 1,) sum of a picture (h, w) in each region."""
        return np.bincount(self.labels.ravel(), weights=values.ravel().astype(np.float64), minlength=len(self.area))


def regions_of(mask: Bools, *, corners_join: bool) -> Regions:
    """The connected pieces of a mask, with 8 neighbours if `corners_join`, else with 4."""
    count, labels, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8 if corners_join else 4)
    box = np.stack([stats[:, 0], stats[:, 1], stats[:, 0] + stats[:, 2], stats[:, 1] + stats[:, 3]], axis=1)
    del count
    return Regions(labels, stats[:, 4].astype(np.int32), box.astype(np.int32), centres)


def hysteresis(values: Singles, *, low: float, high: float, least_seeds: int = 1) -> Bools:
    """Pixels over `low` that hang together with at least `least_seeds` pixels over `high` (Canny 1986, section VI)."""
    pieces = regions_of(values > low, corners_join=True)
    seeds = np.bincount(pieces.labels[values > high], minlength=len(pieces.area))
    return pieces.among(seeds >= least_seeds)


def border_contact(regions: Regions) -> Ints:
    """(N + 1, 4) int32: how many px of each region lie along the left, top, right and bottom border."""
    labels = regions.labels
    sides = (labels[:, 0], labels[0, :], labels[:, -1], labels[-1, :])
    return np.stack([np.bincount(side, minlength=len(regions.area)) for side in sides], axis=1).astype(np.int32)


def corner_regions(regions: Regions) -> Bools:
    """(N + 1,) whether a region holds a corner of the picture."""
    holds = np.zeros(len(regions.area), bool)
    holds[regions.labels[[0, 0, -1, -1], [0, -1, 0, -1]]] = True
    return holds


def perimeters(regions: Regions) -> Ints:
    """(N + 1,) int32: px of each region that touch another region or the picture's border."""
    labels = np.pad(regions.labels, 1, constant_values=-1)
    inner = labels[1:-1, 1:-1]
    edge = (inner != labels[:-2, 1:-1]) | (inner != labels[2:, 1:-1]) | (inner != labels[1:-1, :-2]) | (inner != labels[1:-1, 2:])
    return np.bincount(inner[edge], minlength=len(regions.area)).astype(np.int32)


def filled(mask: Bools) -> Bools:
    """The mask and everything that it keeps away from the border."""
    paper = regions_of(~mask, corners_join=False)
    return ~paper.among(border_contact(paper).any(axis=1))


def disc(radius: int) -> np.ndarray:
    """A round structuring element, (2 r + 1, 2 r + 1) uint8."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def dilated(mask: Bools, radius: int) -> Bools:
    """The mask grown by a disc, px."""
    return cv2.dilate(mask.astype(np.uint8), disc(radius)).astype(bool) if radius > 0 else mask


def opened(mask: Bools, radius: int) -> Bools:
    """The mask without what is thinner than a disc, px. What lies beyond the border counts as mask."""
    if radius < 1:
        return mask
    wide = cv2.copyMakeBorder(mask.astype(np.uint8), radius, radius, radius, radius, cv2.BORDER_REPLICATE)
    return cv2.morphologyEx(wide, cv2.MORPH_OPEN, disc(radius))[radius:-radius, radius:-radius].astype(bool)

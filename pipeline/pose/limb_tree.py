"""A mask as a trunk with branches: where its limbs end, and the ways that lead there.

The first branch leads from the thickest place to the pixel that is farthest from it, along paths inside the mask. The next leads from the
branches so far to the pixel farthest from all of them, and so on while branches are long enough. The search runs at a reduced size. Points
are (x, y), px of the mask that was given, unless they are called cells.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pipeline.mesh.depth import depth_inside
from pipeline.mesh.pieces import bridged
from pipeline.types import Bools, Floats, Singles

if TYPE_CHECKING:
    from pipeline.mesh.geodesic import PixelGraph

TREE_SIDE_PX = 120
"""The mask is reduced to at most this longer side before branches are looked for."""

COVERED_SHARE = 0.3
"""A reduced pixel is mask if more than this share of it is."""

MAX_BRANCHES = 9
"""No more branches than these are looked for."""

MIN_LENGTH_SHARE = 0.09
"""A branch is at least this share of the longer side long."""

MIN_LENGTH_TO_DEPTH = 1.6
"""A branch is at least this many times as long as the mask is deep where it begins."""


@dataclass(frozen=True, eq=False)
class Branch:
    """A way from an earlier branch to the end of a limb.

    Attributes:
        way: (n, 2) float64 px, from the tip to where it meets the rest.
        length: px along the way.
    """

    way: Floats
    length: float

    @property
    def tip(self) -> Floats:
        """(2,) px, the end of the limb."""
        return np.asarray(self.way[0])

    @property
    def foot(self) -> Floats:
        """(2,) px, where the branch leaves an earlier one or the core."""
        return np.asarray(self.way[-1])


@dataclass(frozen=True, eq=False)
class LimbTree:
    """The mask, reduced and in one piece, and its branches, longest first.

    Attributes:
        mask: (h', w') bool, reduced.
        depth: (h', w') float32, distance to the outside, reduced px.
        px: px of the given mask per reduced px.
        core: (2,) the thickest place, px.
        graph: the steps between the pixels of `mask`.
    """

    mask: Bools
    depth: Singles
    px: float
    core: Floats
    branches: tuple[Branch, ...]
    graph: PixelGraph
    _distances: dict[tuple[int, int], Floats] = field(default_factory=dict)

    def cell(self, point: Floats) -> tuple[int, int]:
        """The reduced pixel (column, row) of the mask that is nearest to a point."""
        x, y = (float(value) / self.px for value in point)
        if 0 < x < self.mask.shape[1] and 0 < y < self.mask.shape[0] and self.mask[int(y), int(x)]:
            return int(x), int(y)
        rows, columns = np.nonzero(self.mask)
        nearest = int(np.argmin((columns + 0.5 - point[0] / self.px) ** 2 + (rows + 0.5 - point[1] / self.px) ** 2))
        return int(columns[nearest]), int(rows[nearest])

    def way(self, start: Floats, end: Floats) -> Floats:
        """(n, 2) px: the shortest way inside the mask between two points, both moved into the mask; at least two points."""
        cells = downhill(self._distance_to(self.cell(end)), self.cell(start))
        return np.asarray((np.array(cells + cells[-1:] * (len(cells) == 1), float) + 0.5) * self.px)

    def _distance_to(self, goal: tuple[int, int]) -> Floats:
        """(h', w') along the shortest ways inside the mask, reduced px. Several ways lead to the same goal."""
        if goal not in self._distances:
            _, self._distances[goal] = self.graph.nearest_seeds(np.array([goal], np.int32))
        return self._distances[goal]

    def depth_at(self, point: Floats) -> float:
        """Px from a point to the outside of the mask."""
        column, row = self.cell(point)
        return float(self.depth[row, column]) * self.px


def limb_tree(mask: Bools) -> LimbTree:
    """The branches of a mask (h, w) bool with at least one pixel."""
    from pipeline.mesh.geodesic import PixelGraph  # SciPy is slow to import, and most figures have all joints

    reduced, px = _reduced(mask)
    depth = depth_inside(reduced)
    row, column = np.unravel_index(int(np.argmax(depth * _middle_weight(reduced))), reduced.shape)
    core = (int(column), int(row))
    side, graph = max(reduced.shape), PixelGraph(reduced)
    seeds: list[tuple[int, int]] = [core]
    branches = []
    for _ in range(MAX_BRANCHES):
        owner, distance = graph.nearest_seeds(np.array(seeds, np.int32))
        reach = np.where(np.isfinite(distance), distance, -1.0)
        tip_row, tip_column = np.unravel_index(int(np.argmax(reach)), reach.shape)
        length = float(reach[tip_row, tip_column])
        foot = seeds[int(owner[tip_row, tip_column])]
        if length < MIN_LENGTH_SHARE * side:
            break
        cells = downhill(distance, (int(tip_column), int(tip_row)))
        seeds += cells
        if length >= MIN_LENGTH_TO_DEPTH * float(depth[foot[1], foot[0]]):
            branches.append(Branch((np.array(cells, float) + 0.5) * px, length * px))
    return LimbTree(reduced, depth, px, (np.array(core, float) + 0.5) * px, tuple(branches), graph)


def downhill(distance: Floats, start: tuple[int, int]) -> list[tuple[int, int]]:
    """The cells (x, y) from a start down to where a distance map (h, w) is 0, each step to the lowest neighbor."""
    width = distance.shape[1] + 2
    framed = np.pad(distance, 1, constant_values=np.inf).ravel()
    around = np.add.outer((-width, 0, width), (-1, 0, 1)).ravel()
    here = (start[1] + 1) * width + start[0] + 1
    cells = [here]
    while framed[here] > 0:
        near = here + around
        there = int(near[framed[near].argmin()])
        if not framed[there] < framed[here]:
            break
        here = there
        cells.append(here)
    return [(cell % width - 1, cell // width - 1) for cell in cells]


def _reduced(mask: Bools) -> tuple[Bools, float]:
    """The mask in one piece with its longer side at most TREE_SIDE_PX, and px per reduced px."""
    px = max(1.0, max(mask.shape) / TREE_SIDE_PX)
    if px == 1.0:
        return bridged(mask), px
    size = (max(1, int(np.ceil(mask.shape[1] / px))), max(1, int(np.ceil(mask.shape[0] / px))))
    small = cv2.warpAffine(
        cv2.blur(mask.astype(np.float32), (round(px), round(px))),
        np.array([[px, 0, (px - 1) / 2], [0, px, (px - 1) / 2]]),
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    reduced = small > COVERED_SHARE
    return bridged(reduced if reduced.any() else small >= small.max()), px


def _middle_weight(mask: Bools) -> Floats:
    """(h, w) 1 in the middle of the mask, less towards its ends: the trunk, not a big hat, is the core."""
    rows, columns = np.nonzero(mask)
    y = np.abs(np.arange(mask.shape[0]) - (rows.min() + rows.max()) / 2) / max(1, np.ptp(rows) / 2)
    x = np.abs(np.arange(mask.shape[1]) - (columns.min() + columns.max()) / 2) / max(1, np.ptp(columns) / 2)
    return np.outer(np.maximum(1 - 0.5 * y, 0.3), np.maximum(1 - 0.4 * x, 0.3))


def lengths_along(way: Floats) -> Floats:
    """(n,) px from the beginning of a way (n, 2) to each of its points."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])


def point_along(way: Floats, share: float) -> Floats:
    """(2,) the point at a share of a way's length."""
    along = lengths_along(way)
    where = share * along[-1]
    return np.array([np.interp(where, along, way[:, 0]), np.interp(where, along, way[:, 1])])

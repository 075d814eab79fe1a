"""A mask as a tree: a core with branches along its limbs, found by farthest points along shortest paths inside the mask.

The first branch leads from the core, the thickest place, to the pixel that is farthest from it. The next leads from the branches so far to
the pixel that is farthest from all of them, and so on while branches are long enough. The search runs at a reduced size. Points are (x, y)
in px of the given mask; cells are (column, row) of the reduced one.
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
"""Longer side that the mask is reduced to before branches are searched."""

COVERED_SHARE = 0.3
"""A pixel of the reduced mask is set if more than this share of it is mask."""

MAX_BRANCHES = 9
"""The search ends after this many farthest points."""

MIN_LENGTH_SHARE = 0.09
"""The shortest branch, as a share of the mask's longer side."""

MIN_LENGTH_TO_DEPTH = 1.6
"""A branch is at least this many times as long as the mask is deep where it begins."""

OFF_MIDDLE_DOWN, OFF_MIDDLE_ACROSS = 0.5, 0.4
"""How much less the mask's depth counts at its top and bottom, and at its left and right end, when the core is searched."""

MIN_MIDDLE_WEIGHT = 0.3
"""No depth counts less than this by either."""


@dataclass(frozen=True, eq=False)
class Branch:
    """A path from an earlier branch to the end of a limb.

    Attributes:
        path: (n, 2) float64 px, from the tip to where it meets the rest.
        length: px along the path.
    """

    path: Floats
    length: float

    @property
    def tip(self) -> Floats:
        """(2,) px, the end of the limb."""
        return np.asarray(self.path[0])

    @property
    def foot(self) -> Floats:
        """(2,) px, where the branch leaves an earlier one or the core."""
        return np.asarray(self.path[-1])


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
        """The cell of the reduced mask that is nearest to a point (2,), px of the given mask."""
        x, y = (float(value) / self.px for value in point)
        if 0 < x < self.mask.shape[1] and 0 < y < self.mask.shape[0] and self.mask[int(y), int(x)]:
            return int(x), int(y)
        rows, columns = np.nonzero(self.mask)
        nearest = int(np.argmin((columns + 0.5 - point[0] / self.px) ** 2 + (rows + 0.5 - point[1] / self.px) ** 2))
        return int(columns[nearest]), int(rows[nearest])

    def path_between(self, start: Floats, end: Floats) -> Floats:
        """The shortest path inside the mask between two points (2,), px, both moved into the mask: (n, 2) px, n at least 2."""
        cells = downhill(self._distance_to(self.cell(end)), self.cell(start))
        return np.asarray((np.array(cells + cells[-1:] * (len(cells) == 1), float) + 0.5) * self.px)

    def _distance_to(self, goal: tuple[int, int]) -> Floats:
        """Distance (h', w') to a cell along the shortest ways inside the mask, reduced px; kept, since several ways end there."""
        if goal not in self._distances:
            _, self._distances[goal] = self.graph.nearest_seeds(np.array([goal], np.int32))
        return self._distances[goal]

    def depth_at(self, point: Floats) -> float:
        """Distance from a point (2,), px, to the outside of the mask, px; of a point outside, that of the nearest one inside."""
        column, row = self.cell(point)
        return float(self.depth[row, column]) * self.px


def limb_tree(mask: Bools) -> LimbTree:
    """The tree of a mask (h, w) bool with at least one pixel; pieces that are apart are joined first."""
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
    """The cells (column, row) from a start to where a distance map (h, w) is 0, each step to the lowest of eight neighbors.

    The path ends early where no neighbor is lower.
    """
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
    """The mask in one piece, its longer side at most TREE_SIDE_PX, and px of the given mask per reduced px, at least 1."""
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
    """(h, w) weights of the depth: 1 in the middle of the mask's bounds, less towards their sides, so that a big hat is not the core."""
    rows, columns = np.nonzero(mask)
    y = np.abs(np.arange(mask.shape[0]) - (rows.min() + rows.max()) / 2) / max(1, np.ptp(rows) / 2)
    x = np.abs(np.arange(mask.shape[1]) - (columns.min() + columns.max()) / 2) / max(1, np.ptp(columns) / 2)
    return np.outer(np.maximum(1 - OFF_MIDDLE_DOWN * y, MIN_MIDDLE_WEIGHT), np.maximum(1 - OFF_MIDDLE_ACROSS * x, MIN_MIDDLE_WEIGHT))


def lengths_along(path: Floats) -> Floats:
    """(n,) distances along a path (n, 2), px, from its beginning to each of its points."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])


def point_along(path: Floats, share: float) -> Floats:
    """The point (2,), px, at a share 0..1 of the length of a path (n, 2), interpolated."""
    along = lengths_along(path)
    where = share * along[-1]
    return np.array([np.interp(where, along, path[:, 0]), np.interp(where, along, path[:, 1])])

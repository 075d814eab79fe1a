"""Geodesic distances inside a mask: from each pixel to the nearest bone, along paths that stay in the mask.

etc/doc/algorithm.md ("Bones to triangles"): steps to the eight neighbors cost 1 and 1.414; a bone is sampled at its ends and at
nineteen evenly spaced points between.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from pipeline.types import Bools, Floats, Ints

STRAIGHT_STEP, DIAGONAL_STEP = 1.0, 1.414
"""Costs of a step to a neighbor, px, as in AnimatedDrawings."""

POINTS_PER_BONE = 21
"""Seeds along a bone, with both ends, as in AnimatedDrawings."""


def bone_points(starts: Floats, ends: Floats) -> tuple[Floats, Ints]:
    """Evenly spaced points along bones from `starts` (B, 2) to `ends` (B, 2), with both ends, in the unit of these.

    Returns:
        (B * POINTS_PER_BONE, 2) points; (B * POINTS_PER_BONE,) int32, index of each point's bone.
    """
    along = np.linspace(0.0, 1.0, POINTS_PER_BONE)[None, :, None]
    points = starts[:, None] * (1.0 - along) + ends[:, None] * along
    return points.reshape(-1, 2), np.repeat(np.arange(len(starts), dtype=np.int32), POINTS_PER_BONE)


class PixelGraph:
    """The pixels of a mask (h, w) bool and the steps between them, for several searches from different seeds."""

    def __init__(self, mask: Bools) -> None:
        self._mask = mask
        self._graph, self._node_of = _pixel_graph(mask)

    def nearest_seeds(self, seeds: Ints) -> tuple[Ints, Floats]:
        """Nearest seed and its distance for every pixel of the mask, along paths inside the mask.

        Args:
            seeds: (S, 2) int32, x and y in px; those outside the mask are ignored.
        Returns:
            (h, w) int32 index of the nearest seed, -1 if none is reachable; (h, w) float64 distance in px, inf there.
        """
        height, width = self._mask.shape
        owner = np.full(self._mask.shape, -1, np.int32)
        distance = np.full(self._mask.shape, np.inf)
        x, y = seeds[:, 0], seeds[:, 1]
        usable = np.flatnonzero((x >= 0) & (x < width) & (y >= 0) & (y < height))
        usable = usable[self._mask[y[usable], x[usable]]]
        if not usable.size:
            return owner, distance
        nodes = self._node_of[y[usable], x[usable]]
        unique_nodes, first = np.unique(nodes, return_index=True)
        reach, _, source = dijkstra(self._graph, directed=False, indices=unique_nodes, min_only=True, return_predecessors=True)
        seed_of_node = np.full(self._graph.shape[0], -1, np.int32)
        seed_of_node[unique_nodes] = usable[first]
        owner[self._mask] = np.where(source >= 0, seed_of_node[np.maximum(source, 0)], -1)
        distance[self._mask] = reach
        return owner, distance


def _pixel_graph(mask: Bools) -> tuple[sparse.csr_array, Ints]:
    """Graph of the mask's pixels with each edge once, and the node index of every pixel (h, w), -1 outside."""
    node_of = np.full(mask.shape, -1, np.int32)
    count = int(mask.sum())
    node_of[mask] = np.arange(count, dtype=np.int32)
    height, width = mask.shape
    tails, heads, costs = [], [], []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = node_of[: height - down, max(0, -right) : width - max(0, right)]
        there = node_of[down:, max(0, right) : width + min(0, right)]
        joined = (here >= 0) & (there >= 0)
        tails.append(here[joined])
        heads.append(there[joined])
        costs.append(np.full(len(tails[-1]), DIAGONAL_STEP if down and right else STRAIGHT_STEP))
    edges = (np.concatenate(tails), np.concatenate(heads))
    return sparse.csr_array((np.concatenate(costs), edges), shape=(count, count)), node_of

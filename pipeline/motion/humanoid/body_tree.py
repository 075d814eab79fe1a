"""A skeleton as an undirected tree of places: joints that are always at one place are one node, loose parts are apart.

Where the file's root is does not matter to a body: some files begin at the hips, others at the waist, the floor or a prop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.motion.humanoid.name_hints import Part, part_named
from pipeline.types import Floats, Ints

SAME_PLACE = 0.004
"""Joints closer than this share of the figure's size, in all frames, are one node."""
LOOSE = 0.25
"""A bone whose length varies by more than this share of it (standard deviation) is none: the file moves its end by itself."""
JITTER = 0.04
"""But varying by less than this share of the figure's size is jitter of a capture."""


@dataclass(frozen=True, eq=False)
class BodyTree:
    """One connected part of a skeleton.

    Attributes:
        names: of all of the file's joints.
        members: of each of the N nodes, the joints that are at its place, parents first.
        neighbors: of each node, the nodes it has a bone to.
        points: (S, N, 3) float64, the nodes' positions in some frames.
        size: about the figure's height, in the file's units.
        root: the node that holds the file's first joint of this part.
    """

    names: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]
    neighbors: tuple[tuple[int, ...], ...]
    points: Floats
    size: float
    root: int

    @cached_property
    def _lengths(self) -> dict[tuple[int, int], float]:
        ends = [(a, b) for a, around in enumerate(self.neighbors) for b in around]
        spans = np.linalg.norm(self.points[:, [a for a, _ in ends]] - self.points[:, [b for _, b in ends]], axis=2)
        return dict(zip(ends, np.median(spans, axis=0).tolist(), strict=True))

    def length(self, a: int, b: int) -> float:
        """The median length of the bone between two neighbors."""
        return self._lengths[a, b]

    def node_names(self, node: int) -> tuple[str, ...]:
        return tuple(self.names[joint] for joint in self.members[node])

    def longest_path(self, start: int, first: int) -> tuple[tuple[int, ...], float]:
        """The nodes of the longest path from `start` over its neighbor `first` to a leaf, without `start`, and its length."""
        best: tuple[tuple[int, ...], float] = ((first,), self.length(start, first))
        came = {first: (start, best[1])}
        stack = [first]
        while stack:
            node = stack.pop()
            parent, so_far = came[node]
            if so_far > best[1]:
                best = (_way_back(came, node, start), so_far)
            for other in self.neighbors[node]:
                if other != parent:
                    came[other] = (node, so_far + self.length(node, other))
                    stack.append(other)
        return best

    def path(self, start: int, end: int) -> tuple[int, ...]:
        """The nodes from `start` to `end`, both included."""
        came: dict[int, tuple[int, float]] = {start: (-1, 0.0)}
        stack = [start]
        while stack and end not in came:
            node = stack.pop()
            for other in self.neighbors[node]:
                if other not in came:
                    came[other] = (node, 0.0)
                    stack.append(other)
        return (start, *_way_back(came, end, start)) if start != end else (start,)


def _way_back(came: dict[int, tuple[int, float]], node: int, start: int) -> tuple[int, ...]:
    path = []
    while node != start:
        path.append(node)
        node = came[node][0]
    return tuple(reversed(path))


def body_trees(names: Sequence[str], parents: Ints, points: Floats) -> list[BodyTree]:
    """The connected parts of a skeleton that have joints enough for a body, the largest first.

    Args:
        points: (S, K, 3) joint positions in some frames, any axes.
    """
    size = _figure_size(points)
    if not size > 0:
        return []
    node_of, members = _merged(parents.tolist(), points, size * SAME_PLACE)
    positions = np.stack([points[:, group[0]] for group in members], axis=1)
    links = _bones(parents.tolist(), node_of, positions, members, names, size=size)
    trees = []
    for part in _components(len(members), links):
        kept = _without_stalk(part, links, node_of[0] if node_of else 0)
        if len(kept) >= 8:
            number = {node: index for index, node in enumerate(kept)}
            around: list[list[int]] = [[] for _ in kept]
            for a, b in links:
                if a in number and b in number:
                    around[number[a]].append(number[b])
                    around[number[b]].append(number[a])
            root = min(range(len(kept)), key=lambda index, kept=kept: members[kept[index]][0])  # type: ignore[misc]
            trees.append(
                BodyTree(
                    tuple(names),
                    tuple(tuple(members[node]) for node in kept),
                    tuple(tuple(row) for row in around),
                    np.ascontiguousarray(positions[:, kept]),
                    _figure_size(positions[:, kept]),
                    root,
                )
            )
    return sorted(trees, key=lambda tree: -len(tree.members))


def _figure_size(points: Floats) -> float:
    """Twice the distance within which nine of ten joints are from the middle, which a far-off helper does not change."""
    middle = np.median(points, axis=1, keepdims=True)
    return 2 * float(np.percentile(np.linalg.norm(points - middle, axis=2), 90))


def _merged(parents: list[int], points: Floats, near: float) -> tuple[list[int], list[list[int]]]:
    """The node of every joint, and the joints of every node. A joint merges with its parent, or with an elder sibling."""
    node_of: list[int] = []
    members: list[list[int]] = []
    eldest: dict[int, list[int]] = {}
    for joint, parent in enumerate(parents):
        siblings = eldest.setdefault(parent, [])
        candidates = [parent, *siblings] if parent >= 0 else []
        same = next((other for other in candidates if _coincide(points[:, joint], points[:, other], near)), None)
        siblings.append(joint)
        if same is None:
            node_of.append(len(members))
            members.append([joint])
        else:
            node_of.append(node_of[same])
            members[node_of[same]].append(joint)
    return node_of, members


def _coincide(a: Floats, b: Floats, near: float) -> bool:
    return bool(np.abs(a - b).max() < near)


def _bones(
    parents: list[int], node_of: list[int], positions: Floats, members: list[list[int]], names: Sequence[str], *, size: float
) -> list[tuple[int, int]]:
    """Links between nodes, without bones of varying length and without joints that their name calls helpers or props."""
    other = {node for node, group in enumerate(members) if all(part_named(names[joint]) is Part.OTHER for joint in group)}
    links = set()
    for joint, parent in enumerate(parents):
        a, b = (node_of[parent], node_of[joint]) if parent >= 0 else (0, 0)
        if a == b:
            continue
        lengths = np.linalg.norm(positions[:, a] - positions[:, b], axis=1)
        mean = float(lengths.mean())
        is_loose = float(lengths.std()) > max(LOOSE * mean, JITTER * size)
        if not is_loose and not _leads_to_nothing(b, other, node_of, parents):
            links.add((a, b))
    return sorted(links)


def _leads_to_nothing(node: int, other: set[int], node_of: list[int], parents: list[int]) -> bool:
    """Whether a helper or prop has nothing below it that is more."""
    if node not in other:
        return False
    below = {node}
    for joint, parent in enumerate(parents):
        if parent >= 0 and node_of[parent] in below and node_of[joint] not in below:
            below.add(node_of[joint])
    return below <= other or len(below) < 4


def _components(count: int, links: list[tuple[int, int]]) -> list[list[int]]:
    around: dict[int, list[int]] = {node: [] for node in range(count)}
    for a, b in links:
        around[a].append(b)
        around[b].append(a)
    seen: set[int] = set()
    parts = []
    for start in range(count):
        if start in seen:
            continue
        part, stack = [], [start]
        seen.add(start)
        while stack:
            node = stack.pop()
            part.append(node)
            fresh = [other for other in around[node] if other not in seen]
            seen.update(fresh)
            stack.extend(fresh)
        parts.append(sorted(part))
    return parts


def _without_stalk(part: list[int], links: list[tuple[int, int]], root: int) -> list[int]:
    """The part without a root on which all else hangs by one bone: an Armature, a Reference, a floor mark."""
    kept = set(part)
    while root in kept:
        around = [b if a == root else a for a, b in links if root in {a, b} and a in kept and b in kept]
        if len(around) != 1:
            break
        kept.discard(root)
        root = around[0]
    return sorted(kept)

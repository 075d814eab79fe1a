"""Which three nodes of a limb are its root, its middle joint and its end: shoulder, elbow, wrist; hip, knee, ankle.

A limb's path from the trunk may begin with a clavicle or a pelvis bone, and may contain twist bones and end in fingers or toes. The choice
weighs the two bones' lengths (about equal, and in proportion to the body), where the limb bends, where fingers branch off, and names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from pipeline.motion.humanoid.body_tree import BodyTree
from pipeline.motion.humanoid.limb_pairs import TwinLimbs
from pipeline.motion.humanoid.name_hints import Part, parts_named
from pipeline.types import Floats

FURTHEST = 9
"""As many nodes of a limb are looked at; a hand's fingers come later than the wrist."""


@dataclass(frozen=True)
class ChosenJoints:
    """Positions in a limb's nodes; `start` -1 is the node of the trunk where the limb begins."""

    start: int
    middle: int
    end: int
    score: float


@dataclass(frozen=True)
class _Habit:
    """What is usual for arms or legs: names of the three joints, and penalties for where the limb starts."""

    start: frozenset[Part]
    middle: frozenset[Part]
    end: frozenset[Part]
    first_bone: float
    """Length of the first bone, as a share of the leg (arms) or of the whole limb (legs)."""
    second_bone: float


_LEG = _Habit(frozenset({Part.THIGH}), frozenset({Part.SHIN}), frozenset({Part.FOOT}), 0.44, 0.42)
_ARM = _Habit(frozenset({Part.UPPER_ARM}), frozenset({Part.FOREARM}), frozenset({Part.HAND}), 0.33, 0.30)


def leg_joints(tree: BodyTree, pair: TwinLimbs) -> ChosenJoints:
    """Hip, knee and ankle, alike in both legs."""
    whole = (_reach(tree, pair.branch, pair.first) + _reach(tree, pair.branch, pair.second)) / 2
    return _chosen(tree, pair, _LEG, whole)


def arm_joints(tree: BodyTree, pair: TwinLimbs, leg_length: float) -> ChosenJoints:
    """Shoulder, elbow and wrist, alike in both arms; `leg_length` is that of thigh and shin."""
    return _chosen(tree, pair, _ARM, leg_length)


def _reach(tree: BodyTree, branch: int, path: tuple[int, ...]) -> float:
    return sum(tree.length(a, b) for a, b in pairwise((branch, *path)))


def _chosen(tree: BodyTree, pair: TwinLimbs, habit: _Habit, unit: float) -> ChosenJoints:
    count = min(len(pair.first), len(pair.second), FURTHEST)
    indices = range(-1, count)
    if len(indices) < 3:
        return ChosenJoints(-1, 0, min(1, count - 1), -math.inf)
    bends = {index: _bend(tree, pair, index) for index in range(count - 1)}
    scored = [ChosenJoints(*triple, _score(tree, pair, habit, unit, triple, bends=bends)) for triple in combinations(indices, 3)]
    return max(scored, key=lambda joints: joints.score)


def _score(
    tree: BodyTree, pair: TwinLimbs, habit: _Habit, unit: float, triple: tuple[int, int, int], *, bends: Mapping[int, float]
) -> float:
    start, middle, end = triple
    score = 0.0
    for path in (pair.first, pair.second):
        nodes = (pair.branch, *path)
        first = _reach(tree, nodes[start + 1], nodes[start + 2 : middle + 2])
        second = _reach(tree, nodes[middle + 1], nodes[middle + 2 : end + 2])
        if not (first > 0 and second > 0 and unit > 0):
            return -math.inf
        score -= (math.log(first / second) / 0.3) ** 2 / 4
        score -= ((math.log(first / unit / habit.first_bone) / 0.3) ** 2 + (math.log(second / unit / habit.second_bone) / 0.3) ** 2) / 4
        for index, parts in ((start, habit.start), (middle, habit.middle), (end, habit.end)):
            if index >= 0:
                score += 1.5 * bool(parts & parts_named(tree.node_names(nodes[index + 1])))
    score += 0.8 * bends.get(middle, 0.0)
    score -= 0.3 * max(start, 0) + (1.0 if start < 0 else 0.0) + 0.3 * (end - start - 2)
    if habit is _ARM:
        score += 1.0 * all(len(tree.neighbors[path[end]]) > 3 for path in (pair.first, pair.second))
    return score


def _bend(tree: BodyTree, pair: TwinLimbs, index: int) -> float:
    """0 to 1: how much the angle at a node changes over time, the more mobile side."""
    spreads = []
    for path in (pair.first, pair.second):
        before, node, after = (pair.branch, *path)[index], path[index], path[index + 1]
        one, other = tree.points[:, before] - tree.points[:, node], tree.points[:, after] - tree.points[:, node]
        spreads.append(float(np.std(_angles(one, other))))
    return min(1.0, max(spreads) / math.radians(25))


def _angles(one: Floats, other: Floats) -> Floats:
    cosines = (one * other).sum(axis=1) / np.maximum(np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1), 1e-12)
    angles: Floats = np.arccos(np.clip(cosines, -1.0, 1.0))
    return angles

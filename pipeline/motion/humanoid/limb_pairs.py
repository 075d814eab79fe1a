"""Pairs of limbs that mirror each other, and which two pairs are the legs and the arms."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from pipeline.motion.humanoid.body_tree import BodyTree
from pipeline.motion.humanoid.name_hints import ARM_PARTS, HEAD_PARTS, LEG_PARTS, are_mirrored, parts_named
from pipeline.motion.humanoid.unit_vectors import unit_vectors
from pipeline.types import Floats

MAX_PAIRS = 40
MIN_REACH = 0.12
MIN_SIMILARITY = 0.45
MIRRORED = 0.8
"""Limbs that are at least this similar mirror each other: the trunk is in none of them."""
ARM_TO_LEG = 0.85
"""The usual length of an arm with its collar bone and hand, as a share of a leg's with its foot."""


@dataclass(frozen=True)
class TwinLimbs:
    """Two limbs that begin at one node.

    Attributes:
        branch: the node where they begin.
        first, second: their nodes from there outwards, along the longest path.
        reach: the mean length of that path, as a share of the figure's size.
        similarity: 0 to 1, of their bones' lengths; 1 where their names differ in nothing but the side.
    """

    branch: int
    first: tuple[int, ...]
    second: tuple[int, ...]
    reach: float
    similarity: float


@dataclass(frozen=True)
class Limbs:
    """Legs, arms, the trunk between them, and a head.

    Attributes:
        trunk: nodes from the legs' branch to the arms', both included.
        head: nodes from the trunk outwards, or empty.
        neck: the node of the trunk where the head begins.
        score: the higher, the more it looks like a body.
        margin: by how much that is more than the next best reading of the skeleton.
        rivals: what the next best reading is, in words, or "".
    """

    legs: TwinLimbs
    arms: TwinLimbs
    trunk: tuple[int, ...]
    head: tuple[int, ...]
    neck: int
    score: float
    margin: float = math.inf
    rivals: str = ""


def limb_pairs(tree: BodyTree) -> list[TwinLimbs]:
    """Pairs of limbs, the longest first."""
    found = []
    for branch, around in enumerate(tree.neighbors):
        paths = [(path, reach) for path, reach in (tree.longest_path(branch, first) for first in around) if reach > MIN_REACH * tree.size]
        for (one, one_reach), (other, other_reach) in combinations(paths, 2):
            similarity = _similarity(tree, branch, one, other)
            if similarity >= MIN_SIMILARITY:
                found.append(TwinLimbs(branch, one, other, (one_reach + other_reach) / 2 / tree.size, similarity))
    return sorted(found, key=lambda pair: -pair.reach * pair.similarity)[:MAX_PAIRS]


def _similarity(tree: BodyTree, branch: int, one: tuple[int, ...], other: tuple[int, ...]) -> float:
    if any(are_mirrored(a, b) for a in tree.node_names(one[0]) for b in tree.node_names(other[0])):
        return 1.0
    small = 0.02 * tree.size
    ratios = []
    for (a, b), (c, d) in zip(_bones(branch, one), _bones(branch, other), strict=False):
        ratios.append(abs(math.log((tree.length(a, b) + small) / (tree.length(c, d) + small))))
    compared = ratios[:4]
    if len(compared) == 4 and compared[3] == max(compared):
        compared.pop()  # one hand may hold something
    return math.exp(-2.0 * float(np.mean(compared)))


def _bones(branch: int, path: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    return zip((branch, *path), path, strict=False)


def best_limbs(tree: BodyTree) -> Limbs | None:
    """Legs and arms among all pairs of limbs, or None if there are none that could be."""
    pairs = limb_pairs(tree)
    found = [limbs for legs, arms in permutations(pairs, 2) if (limbs := _body(tree, legs, arms, pairs)) is not None]
    if not found:
        return None
    found.sort(key=lambda limbs: -limbs.score)
    best = found[0]
    ends = {_tips(best.legs), _tips(best.arms)}
    rival = next(
        (other for other in found[1:] if {_tips(other.legs), _tips(other.arms)} != ends or _tips(other.legs) != _tips(best.legs)), None
    )
    margin = math.inf if rival is None else best.score - rival.score
    words = "" if rival is None else f"legs from {_where(tree, rival.legs)} and arms from {_where(tree, rival.arms)}"
    return Limbs(best.legs, best.arms, best.trunk, best.head, best.neck, best.score, margin, words)


def _tips(pair: TwinLimbs) -> frozenset[int]:
    return frozenset({pair.first[0], pair.second[0]})


def _where(tree: BodyTree, pair: TwinLimbs) -> str:
    return f"{tree.node_names(pair.first[0])[-1]} / {tree.node_names(pair.second[0])[-1]}"


def _runs_through_a_limb(trunk: tuple[int, ...], pairs: list[TwinLimbs]) -> bool:
    """Whether the trunk follows one of two mirrored limbs, as from the hips through an arm to its fingers."""
    starts = {node for pair in pairs if pair.similarity >= MIRRORED and pair.branch in trunk for node in (pair.first[0], pair.second[0])}
    return bool(starts & set(trunk[1:]))


def _holds_limbs(pair: TwinLimbs, pairs: list[TwinLimbs]) -> bool:
    """Whether one of a pair has mirrored limbs on it that are no fingers: then it is a trunk."""
    nodes = {*pair.first, *pair.second}
    return any(
        other.similarity >= MIRRORED
        and other.reach > 0.5 * pair.reach
        and other.branch in nodes
        and pair.branch not in {*other.first, *other.second}
        for other in pairs
    )


def _body(tree: BodyTree, legs: TwinLimbs, arms: TwinLimbs, pairs: list[TwinLimbs]) -> Limbs | None:
    trunk = tree.path(legs.branch, arms.branch)
    if len(trunk) < 2 or trunk[1] in {legs.first[0], legs.second[0]} or trunk[-2] in {arms.first[0], arms.second[0]}:
        return None
    limbs = {legs.first[0], legs.second[0], arms.first[0], arms.second[0]}
    neck, head, head_reach = _head(tree, trunk, limbs)
    tail = max(
        (tree.longest_path(trunk[0], first)[1] for first in tree.neighbors[trunk[0]] if first not in {*limbs, trunk[1]}), default=0.0
    )
    up = unit_vectors(tree.points[:, trunk[-1]] - tree.points[:, trunk[0]])
    leg_lean, arm_lean = _lean(tree, legs, up), _lean(tree, arms, -up)
    score = 2.5 * (legs.similarity + arms.similarity) + 2.0 * math.log(legs.reach + arms.reach)
    score += 1.5 * (arm_lean - leg_lean)  # legs go on where the trunk ends; arms reach along it or aside
    score -= (math.log(arms.reach / legs.reach / ARM_TO_LEG) / 0.5) ** 2
    score -= 4.0 * _runs_through_a_limb(trunk, pairs)
    score -= 4.0 * (_holds_limbs(legs, pairs) + _holds_limbs(arms, pairs))
    score += 1.5 * min(1.0, head_reach / (0.1 * tree.size)) - 1.0 * min(1.0, tail / (0.1 * tree.size))
    score += 0.8 * (len(tree.path(tree.root, arms.branch)) > len(tree.path(tree.root, legs.branch)))
    score += _name_score(tree, legs, ARM_PARTS, LEG_PARTS) - _name_score(tree, arms, ARM_PARTS, LEG_PARTS)
    score += 1.5 * bool(HEAD_PARTS & parts_named(name for node in head for name in tree.node_names(node)))
    return Limbs(legs, arms, trunk, head, neck, score)


def _name_score(tree: BodyTree, pair: TwinLimbs, unlike: frozenset[object], like: frozenset[object]) -> float:
    parts = parts_named(name for node in (*pair.first, *pair.second) for name in tree.node_names(node))
    return 2.0 * (bool(parts & like) - bool(parts & unlike))


def _head(tree: BodyTree, trunk: tuple[int, ...], limbs: set[int]) -> tuple[int, tuple[int, ...], float]:
    """Where the head's branch begins, its nodes and its length: of the branches off the upper trunk the one that leads on from it."""
    best: tuple[float, int, tuple[int, ...], float] = (-math.inf, trunk[-1], (), 0.0)
    up = unit_vectors(tree.points[:, trunk[-1]] - tree.points[:, trunk[0]])
    for back, node in enumerate(reversed(trunk[1:])):
        for first in tree.neighbors[node]:
            if first in limbs or first in trunk:
                continue
            path, reach = tree.longest_path(node, first)
            along = float((unit_vectors(tree.points[:, path[-1]] - tree.points[:, node]) * up).sum(axis=1).mean())
            named = bool(HEAD_PARTS & parts_named(name for other in path for name in tree.node_names(other)))
            value = 2.0 * named + along + 1.5 * min(1.0, reach / (0.15 * tree.size)) - 0.4 * back
            if value > best[0]:
                best = (value, node, path, reach)
    return best[1:]


def _lean(tree: BodyTree, pair: TwinLimbs, along: Floats) -> float:
    """The mean cosine between a pair of limbs and a direction (S, 3)."""
    ends = [path[min(len(path) - 1, 2)] for path in (pair.first, pair.second)]
    cosines = [(unit_vectors(tree.points[:, end] - tree.points[:, pair.branch]) * along).sum(axis=1).mean() for end in ends]
    return float(np.mean(cosines))

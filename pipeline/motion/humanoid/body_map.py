"""The map of a body: which joints are hips, neck, head, and the two ends and middle of each limb; which axis is up; which side is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pipeline.motion import facing
from pipeline.motion.humanoid.body_tree import BodyTree, body_trees
from pipeline.motion.humanoid.four_legs import stands_on_four
from pipeline.motion.humanoid.limb_joints import ChosenJoints, arm_joints, leg_joints
from pipeline.motion.humanoid.limb_pairs import Limbs, TwinLimbs, best_limbs
from pipeline.motion.humanoid.name_hints import ARM_PARTS, LEG_PARTS, Part, left_one, part_named, parts_named
from pipeline.motion.humanoid.orientation import BodyPositions, is_first_left, up_axis_of
from pipeline.motion.up_axis import UpAxis, upright
from pipeline.types import Floats, Ints

SAMPLES = 48
"""Frames that are looked at, evenly spread over the motion."""

ENOUGH = 0.5
"""Below this confidence a map is a guess, and the user is asked."""

_LEG_ENDS = LEG_PARTS - {Part.TOE}
_ARM_ENDS = ARM_PARTS - {Part.FINGER, Part.CLAVICLE}

HEAD_SHARE = 0.3
"""The head's own bone is at least this share of the way from the neck to its top."""


@dataclass(frozen=True)
class LimbMap:
    """Names of a limb's joints: shoulder, elbow, wrist and a finger's end; or hip, knee, ankle and the toes. `tip` may be missing."""

    start: str
    middle: str
    end: str
    tip: str | None = None

    @property
    def joints(self) -> tuple[str, ...]:
        return (self.start, self.middle, self.end, *([self.tip] if self.tip else []))


@dataclass(frozen=True)
class BodyMap:
    """Where a skeleton's body is.

    Attributes:
        hips: the trunk's lower end.
        trunk: joints from the hips to the neck, both included.
        neck: the joint between the shoulders.
        head: the joint that the head turns about, or None.
        up: which axis of the file points up.
        confidence: 0 to 1.
        reasons: what the map rests on, a sentence each.
        doubts: what is ambiguous, a sentence each; empty where nothing is.
        is_four_legged: an animal's: the arms are front legs.
    """

    hips: str
    trunk: tuple[str, ...]
    neck: str
    head: str | None
    left_arm: LimbMap
    right_arm: LimbMap
    left_leg: LimbMap
    right_leg: LimbMap
    up: UpAxis
    confidence: float
    reasons: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    is_four_legged: bool = False

    @property
    def feet(self) -> tuple[str, ...]:
        """The joints that stand on the ground: ankles, and wrists of an animal."""
        arms = (self.left_arm.end, self.right_arm.end) if self.is_four_legged else ()
        return (self.left_leg.end, self.right_leg.end, *arms)

    @property
    def facing_pairs(self) -> tuple[tuple[str, str], ...]:
        """Pairs of joints that span the body from left to right."""
        return ((self.left_arm.start, self.right_arm.start), (self.left_leg.start, self.right_leg.start))

    @property
    def joints(self) -> tuple[str, ...]:
        """Every joint that the map names, each once."""
        limbs = [joint for limb in (self.left_arm, self.right_arm, self.left_leg, self.right_leg) for joint in limb.joints]
        return tuple(dict.fromkeys([*self.trunk, *([self.head] if self.head else []), *limbs]))


def find_body(
    names: Sequence[str],
    parents: Ints,
    positions: Floats,
    *,
    rest: Floats | None = None,
    up: UpAxis | None = None,
    declared_up: UpAxis | None = None,
    facing_axis: UpAxis | None = None,
) -> BodyMap | None:
    """The map of the body, or None where the skeleton has no two pairs of limbs on a trunk.

    Args:
        positions: (T, K, 3) joint positions in the file's world.
        rest: (K, 3) the same in the rest pose, if the file has one.
        up: which axis is up, if the user says it.
        declared_up: what the file's format says about it.
        facing_axis: which axis the body faces in the first frame, if the user says it.
    """
    points = positions[np.unique(np.linspace(0, len(positions) - 1, SAMPLES).astype(int))]
    candidates = [(tree, limbs) for tree in body_trees(names, parents, points) if (limbs := best_limbs(tree)) is not None]
    if not candidates:
        return None
    tree, limbs = max(candidates, key=lambda pair: pair[1].score)
    return _Finding(tree, limbs).result(rest=rest, up=up, declared_up=declared_up, facing_axis=facing_axis)


class _Finding:
    """Joins what the other modules find about one tree."""

    def __init__(self, tree: BodyTree, limbs: Limbs) -> None:
        self.tree, self.limbs = tree, limbs
        self.legs = leg_joints(tree, limbs.legs)
        length = sum(_limb_length(tree, limbs.legs.branch, path, self.legs) for path in (limbs.legs.first, limbs.legs.second)) / 2
        self.arms = arm_joints(tree, limbs.arms, length)

    def result(self, *, rest: Floats | None, up: UpAxis | None, declared_up: UpAxis | None, facing_axis: UpAxis | None) -> BodyMap:
        limbs = self.limbs
        reasons = [f"{len(limbs.trunk)} places from hips to shoulders, two legs of the same bones below, two arms above"]
        doubts: list[str] = []
        confidence = (0.4 + 0.6 * limbs.legs.similarity) * (0.4 + 0.6 * limbs.arms.similarity)
        confidence *= self._structure(reasons, doubts)
        is_animal = self._is_four_legged(rest)
        if is_animal:
            reasons.append("four legs: arms and legs point the same way, across the trunk")
        found_up = self._up(rest, declared_up, is_animal=is_animal) if up is None else (up, 1.0, f"up is {up}, as asked for")
        confidence *= found_up[1]
        (reasons if found_up[1] > 0.7 else doubts).append(found_up[2] + ("" if found_up[1] > 0.7 else "; --up settles it"))
        first_is_left, sure = self._sides(found_up[0], facing_axis, reasons, doubts)
        order = (0, 1) if first_is_left else (1, 0)
        arms = [self._limb(limbs.arms, self.arms, side) for side in order]
        legs = [self._limb(limbs.legs, self.legs, side) for side in order]
        trunk, head = self._trunk_joints()
        return BodyMap(
            hips=trunk[0],
            trunk=trunk,
            neck=trunk[-1],
            head=head,
            left_arm=arms[0],
            right_arm=arms[1],
            left_leg=legs[0],
            right_leg=legs[1],
            up=found_up[0],
            confidence=round(confidence * sure, 2),
            reasons=tuple(reasons),
            doubts=tuple(doubts),
            is_four_legged=is_animal,
        )

    def _structure(self, reasons: list[str], doubts: list[str]) -> float:
        limbs, tree = self.limbs, self.tree
        share = min(1.0, 0.45 + 0.2 * max(0.0, limbs.margin))
        leg_parts = parts_named(name for node in (*limbs.legs.first, *limbs.legs.second) for name in tree.node_names(node))
        arm_parts = parts_named(name for node in (*limbs.arms.first, *limbs.arms.second) for name in tree.node_names(node))
        if leg_parts & LEG_PARTS and arm_parts & ARM_PARTS:
            reasons.append("the joints' names say the same")
            share = max(share, 0.97)
        else:
            reasons.append("the joints' names say nothing about it: hierarchy, lengths and symmetry decide")
            if share < 0.8:
                doubts.append(f"{limbs.rivals} would fit nearly as well; --retarget with a file of your own settles it")
        if not limbs.head:
            doubts.append("there is no head above the shoulders")
            share *= 0.9
        if min(self.arms.score, self.legs.score) < -4:
            doubts.append("a limb has no two bones of about the same length")
            share *= 0.6
        return share

    def _up(self, rest: Floats | None, declared: UpAxis | None, *, is_animal: bool) -> tuple[UpAxis, float, str]:
        legs, trunk = self.limbs.legs, self.limbs.trunk
        hips, neck = self.tree.points[:, trunk[0]], self.tree.points[:, trunk[-1]]
        feet = (self._positions(legs, self.legs.end, 0) + self._positions(legs, self.legs.end, 1)) / 2
        if is_animal:  # an animal's trunk is level: up is from the feet to the hips
            axis, certainty = up_axis_of(feet, hips, 2 * hips - feet, resting=None, declared=declared)
            return axis, certainty.value, certainty.reason
        resting = None
        if rest is not None:
            resting_feet = [self._rest(rest, legs.first[self.legs.end]), self._rest(rest, legs.second[self.legs.end])]
            resting = self._rest(rest, trunk[-1]) - (resting_feet[0] + resting_feet[1]) / 2
        axis, certainty = up_axis_of(feet, hips, neck, resting=resting, declared=declared)
        return axis, certainty.value, certainty.reason

    def _is_four_legged(self, rest: Floats | None) -> bool:
        """Whether it is an animal that moves: a person on all fours has no tail, and stands upright at rest."""
        ends = [(self.limbs.legs, self.legs), (self.limbs.arms, self.arms)]
        moving = [
            self._positions(pair, joints.end, side) - self._positions(pair, joints.start, side) for pair, joints in ends for side in (0, 1)
        ]
        trunk = self.tree.points[:, self.limbs.trunk[-1]] - self.tree.points[:, self.limbs.trunk[0]]
        if not stands_on_four(trunk, moving[0] + moving[1], moving[2] + moving[3]):
            return False
        if self._has_tail():
            return True
        if rest is None:
            return False
        still = [self._rest(rest, pair.first[joints.end]) - self._rest(rest, pair.first[max(0, joints.start)]) for pair, joints in ends]
        trunk_at_rest = self._rest(rest, self.limbs.trunk[-1]) - self._rest(rest, self.limbs.trunk[0])
        return stands_on_four(trunk_at_rest[None], still[0][None], still[1][None])

    def _has_tail(self) -> bool:
        hips, legs = self.limbs.trunk[0], self.limbs.legs
        others = set(self.tree.neighbors[hips]) - {legs.first[0], legs.second[0], self.limbs.trunk[1]}
        paths = [self.tree.longest_path(hips, first) for first in others]
        return any(len(path) > 1 and reach > 0.1 * self.tree.size for path, reach in paths)

    def _rest(self, rest: Floats, node: int) -> Floats:
        position: Floats = rest[self.tree.members[node][0]]
        return position

    def _positions(self, pair: TwinLimbs, index: int, side: int) -> Floats:
        """(S, 3) positions of a limb's node by its index; -1 is the trunk's."""
        path = (pair.first, pair.second)[side]
        positions: Floats = self.tree.points[:, path[index] if index >= 0 else pair.branch]
        return positions

    def _sides(self, up: UpAxis, facing_axis: UpAxis | None, reasons: list[str], doubts: list[str]) -> tuple[bool, float]:
        """Whether the limbs called first are the left ones, and how sure that is."""
        legs, arms = self.limbs.legs, self.limbs.arms
        arms_agree = self._same_sides(up)
        self.limbs = replace(self.limbs, arms=arms if arms_agree else replace(arms, first=arms.second, second=arms.first))
        arms = self.limbs.arms
        if facing_axis is not None:
            reasons.append(f"left and right follow from facing {facing_axis}, as asked for")
            return self._left_by_facing(up, facing_axis), 1.0
        named = self._named_side(legs) + self._named_side(arms)
        evidence, clues = is_first_left(self._body_positions(up))
        if named:
            reasons.append("left and right as the joints are named")
            if evidence * named < -0.5:
                doubts.append(f"names say the opposite of {' and '.join(clues)} about left and right: a mirrored file?")
                return named > 0, 0.8
            return named > 0, 1.0
        if abs(evidence) > 0.15:
            reasons.append(f"left and right by {' and '.join(clues)}")
            return evidence > 0, 0.6 + 0.4 * min(1.0, abs(evidence) / 0.5)
        doubts.append("nothing says which side is the left one; --facing settles it (the axis that the body faces at first)")
        return evidence >= 0, 0.55

    def _named_side(self, pair: TwinLimbs) -> int:
        sides = []
        for one, other in zip(pair.first[:6], pair.second[:6], strict=False):
            sides.append(left_one(self.tree.node_names(one)[-1:], self.tree.node_names(other)[-1:]))
        return (sum(sides) > 0) - (sum(sides) < 0)

    def _same_sides(self, up: UpAxis) -> bool:
        """Whether the first arm is on the first leg's side, by names or else by where they are."""
        by_name = self._named_side(self.limbs.legs) * self._named_side(self.limbs.arms)
        if by_name:
            return by_name > 0
        across = upright(self._positions(self.limbs.legs, self.legs.start, 1) - self._positions(self.limbs.legs, self.legs.start, 0), up)
        if not np.abs(across).max() > 0:
            across = upright(
                self._positions(self.limbs.legs, self.legs.middle, 1) - self._positions(self.limbs.legs, self.legs.middle, 0), up
            )
        above = upright(self._positions(self.limbs.arms, self.arms.start, 1) - self._positions(self.limbs.arms, self.arms.start, 0), up)
        return float((across * above).sum()) >= 0

    def _left_by_facing(self, up: UpAxis, facing_axis: UpAxis) -> bool:
        positions = self._body_positions(up)
        spans = np.stack([positions.hips_b - positions.hips_a, positions.shoulders[1] - positions.shoulders[0]], axis=1)
        ahead = facing.forward_directions(spans[:1])[0]
        wanted = np.zeros(3)
        wanted["xyz".index(facing_axis[1])] = 1.0 if facing_axis[0] == "+" else -1.0
        return float(upright(wanted, up) @ ahead) > 0

    def _body_positions(self, up: UpAxis) -> BodyPositions:
        def both(pair: TwinLimbs, index: int) -> tuple[Floats, Floats]:
            return (upright(self._positions(pair, index, 0), up), upright(self._positions(pair, index, 1), up))

        legs, arms = self.limbs.legs, self.limbs.arms
        hips = both(legs, self.legs.start)
        has_toes = min(len(legs.first), len(legs.second)) > self.legs.end + 1
        return BodyPositions(
            hips_a=hips[0],
            hips_b=hips[1],
            knees=both(legs, self.legs.middle),
            ankles=both(legs, self.legs.end),
            toes=both(legs, self.legs.end + 1) if has_toes else None,
            shoulders=both(arms, self.arms.start),
            elbows=both(arms, self.arms.middle),
            wrists=both(arms, self.arms.end),
            root=upright(self.tree.points[:, self.limbs.trunk[0]], up),
        )

    def _limb(self, pair: TwinLimbs, joints: ChosenJoints, side: int) -> LimbMap:
        path = (pair.first, pair.second)[side]
        own_start = [joint for joint in self.tree.members[pair.branch] if self._leads_to(joint, path[0])] if joints.start < 0 else []
        parts = _LEG_ENDS if pair is self.limbs.legs else _ARM_ENDS
        start = self.tree.names[own_start[-1]] if own_start else self._name(path[joints.start] if joints.start >= 0 else pair.branch, parts)
        tip = self._name(path[joints.end + 1], frozenset()) if joints.end + 1 < len(path) else None
        return LimbMap(start, self._name(path[joints.middle], parts), self._name(path[joints.end], parts), tip)

    def _leads_to(self, joint: int, node: int) -> bool:
        """Whether a joint of the trunk's node bears the side of a limb's node in its name."""
        own, others = self.tree.names[joint], self.tree.node_names(node)
        return part_named(own) in ARM_PARTS | LEG_PARTS and own[:1].lower() == others[0][:1].lower()

    def _name(self, node: int, parts: frozenset[Part]) -> str:
        """The joint of a node that speaks for it: one that is named after one of the `parts`, or else the first."""
        members = self.tree.node_names(node)
        known = [name for name in members if part_named(name) in parts and not name.endswith(" End")]
        return (known or members)[0]

    def _trunk_joints(self) -> tuple[tuple[str, ...], str | None]:
        """Joints from hips to neck, and the head's."""
        tree, limbs = self.tree, self.limbs
        shoulders = (self._positions(limbs.arms, self.arms.start, 0) + self._positions(limbs.arms, self.arms.start, 1)) / 2
        to_head = (*limbs.trunk[: limbs.trunk.index(limbs.neck) + 1], *limbs.head)
        candidates = [*limbs.trunk[1:], *limbs.head[:-1]]
        neck = min(candidates, key=lambda node: float(np.median(np.linalg.norm(tree.points[:, node] - shoulders, axis=1))))
        path = to_head if neck in to_head else limbs.trunk
        trunk = tuple(self._trunk_name(node) for node in path[: path.index(neck) + 1])
        beyond = to_head[to_head.index(neck) + 1 :] if neck in to_head else limbs.head
        return tuple(dict.fromkeys(trunk)), self._head_name(neck if neck in to_head else limbs.neck, beyond) if beyond else None

    def _trunk_name(self, node: int) -> str:
        members = self.tree.node_names(node)
        middle = [name for name in members if part_named(name) not in ARM_PARTS | LEG_PARTS | {Part.OTHER}]
        return (middle or members)[0]

    def _head_name(self, neck: int, beyond: tuple[int, ...]) -> str:
        """The joint named so, or one with a face's joints, or the last that is well before the top."""
        names = [name for node in beyond for name in self.tree.node_names(node)]
        named = next((name for name in names if part_named(name) is Part.HEAD), None)
        if named is not None:
            return named
        crowded = next((node for node in beyond if len(self.tree.neighbors[node]) > 2), None)
        if crowded is not None:
            return self._trunk_name(crowded)
        ends = np.cumsum([self.tree.length(a, b) for a, b in pairwise((neck, *beyond))])
        before = [node for node, end in zip(beyond, ends, strict=True) if end < (1 - HEAD_SHARE) * ends[-1]]
        return self._trunk_name(before[-1] if before else beyond[-1])


def _limb_length(tree: BodyTree, branch: int, path: tuple[int, ...], joints: ChosenJoints) -> float:
    nodes = (branch, *path)[joints.start + 1 : joints.end + 2]
    return sum(tree.length(a, b) for a, b in pairwise(nodes))

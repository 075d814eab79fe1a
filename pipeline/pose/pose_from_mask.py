"""Joints of a figure, estimated from its mask alone, on the assumption that it stands upright and is seen from the front.

The roundest place near the top and the middle of the mask is the head. Of the mask's branches (`pipeline.pose.limb_tree`), the lowest two
end in feet, and the outermost of those that are not on the head end in hands. Joints that the mask does not show are placed by fixed
proportions. The figure's right is on the viewer's left; points are (x, y), px of the mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.ink.regions import disc
from pipeline.pose.limb_tree import Branch, LimbTree, limb_tree, point_along
from pipeline.types import Bools, Floats
from pipeline.types.keypoints import ARMS, EARS, EYES, LEGS, NOSE

FEET_BELOW = 0.62
"""A branch that ends below this share of the figure's height, from its top, may be a foot."""

HANDS_ABOVE = 0.8
"""A branch that ends above this share of the figure's height, from its top, may be a hand."""

HEAD_ABOVE = 0.4
"""The middle of a head is above this share of the figure's height, from its top."""

HEAD_OFF = 0.3
"""The middle of a head is no farther from the trunk's middle, sideways, than this share of the figure's width."""

MIN_HEAD = 0.045
"""A head's radius is at least this share of the figure's height."""

FACE_BELOW_TOP = 0.2
"""Where the face of a figure without a neck is, in shares of its height."""

SEEN = 0.7
"""Score, 0..1, of a joint on a branch of the mask."""

GUESSED = 0.2
"""Score, 0..1, of a joint that is placed by fixed proportions."""

LOW_COUNTS = 0.5
"""How much it counts against a branch that its tip is low, where its length and its distance from the middle count 1."""

ON_HEAD = 0.9
"""A branch is on the head if the path from its tip to the trunk passes the head's middle within this share of the head's radius."""

HIP_WITHOUT_LEGS, SOLES_WITHOUT_LEGS = 0.65, 0.98
"""Where the hip of a figure is whose mask does not show two legs, and the feet of one whose mask shows none, in shares of its height,
from its top."""

HIP_ABOVE_FORK = 0.04
"""How far above the place where the legs part the hip is, as a share of the figure's height."""

HIP_BETWEEN = (0.45, 0.85)
"""The hip is between these shares of the figure's height, from its top, wherever the legs part."""

CHEST_DOWN = 0.38
"""Where the chest is, as a share of the way from the face to the hip."""

ARMS_OUT = 0.6
"""Where the mask is wider than this share of the figure's width, arms are stretched out, and it says nothing about the trunk's middle."""

HIPS_APART, SHOULDERS_APART = 0.5, 0.75
"""How far hips and shoulders are from the middle, in shares of half of the trunk's width."""

KNEE_DOWN, ANKLE_DOWN = 0.5, 0.87
"""Where knee and ankle are, as shares of the way from the hip to the foot's tip."""

ELBOW_OUT, WRIST_OUT = 0.48, 0.9
"""Where elbow and wrist are, as shares of the way from the shoulder to the hand's tip."""

HANGING_ELBOW, HANGING_WRIST = 0.8, 0.9
"""How far elbow and wrist of an arm that the mask does not show are from the middle, in shares of half of the trunk's width there."""

BROADER_THAN_ARM = 1.7
"""The mask belongs to the trunk where it is more than this many times as broad as the arm, and one reduced pixel."""

FACE_POINTS = ((0.35, 0.25), (-0.35, 0.25), (0.8, 0.1), (-0.8, 0.1))
"""Left and right eye and ear: how far to the viewer's right of the nose and above it, in shares of the head's radius."""

FACE_SCORE = 0.5
"""The score of eyes and ears, as a share of the nose's."""


@dataclass(frozen=True, eq=False)
class _Frame:
    """The figure's bounding box, px."""

    left: float
    top: float
    width: float
    height: float

    def y(self, share: float) -> float:
        """The height at a share of the box's height, from its top, px."""
        return self.top + share * self.height

    def share(self, point: Floats) -> tuple[float, float]:
        """A point (2,), px, as shares of the box's width and height, from its left and its top."""
        return float((point[0] - self.left) / self.width), float((point[1] - self.top) / self.height)


def keypoints_from_mask(mask: Bools, tree: LimbTree | None = None) -> Floats:
    """(17, 3) float64 x, y in px of the mask, and a score 0..1, in COCO's order.

    Args:
        mask: (h, w) bool, at least one pixel.
        tree: the mask's `limb_tree`, if it is known already.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    frame = _Frame(float(columns[0]), float(rows[0]), float(np.ptp(columns)) + 1.0, float(np.ptp(rows)) + 1.0)
    tree = tree or limb_tree(mask)
    points = np.zeros((17, 3))
    face, radius = _head(tree, frame)
    feet, hands = _feet_and_hands(tree, frame, face, radius)
    hip, soles, legs_seen = _hips_and_feet(tree, feet, frame)
    chest = _chest(tree, face, hip, frame)
    points[NOSE] = (*face, SEEN if radius > 0 else GUESSED)
    _put_legs(points, tree, hip, soles, seen=legs_seen)
    _put_arms(points, tree, (chest, hip), hands, frame)
    _put_eyes_and_ears(points, tree)
    return points


def _feet_and_hands(tree: LimbTree, frame: _Frame, face: Floats, radius: float) -> tuple[list[Branch | None], list[Branch | None]]:
    """The branches of the feet and of the hands, viewer's left before right; None where there is none."""
    middle = frame.share(tree.core)[0]
    outside = [b for b in tree.branches if not _is_on_head(tree, b, frame, face, radius)]
    feet = _pair([b for b in outside if frame.share(b.tip)[1] > FEET_BELOW and _goes_down(b)], frame, middle, lower=True)
    rest = [b for b in outside if b not in feet and frame.share(b.tip)[1] < HANDS_ABOVE]
    return feet, _pair(rest, frame, middle, lower=False)


def _reach(branch: Branch, frame: _Frame, middle: float) -> float:
    """How much a branch looks like an arm: long, going out, and not as low as the hem of a skirt."""
    across, down = frame.share(branch.tip)
    return branch.length / frame.height + abs(across - middle) - LOW_COUNTS * down


def _goes_down(branch: Branch) -> bool:
    return bool(branch.tip[1] > branch.foot[1])


def _is_on_head(tree: LimbTree, branch: Branch, frame: _Frame, face: Floats, radius: float) -> bool:
    """Whether a branch is the head itself, or hair, a hat or an ear on it: the path from its tip to the core leads through the head."""
    if radius == 0:
        return bool(branch.tip[1] < face[1] and abs(branch.tip[0] - face[0]) < 0.15 * frame.width)
    path = tree.path_between(branch.tip, tree.core)
    return bool(np.linalg.norm(path - face, axis=1).min() < ON_HEAD * radius)


def _head(tree: LimbTree, frame: _Frame) -> tuple[Floats, float]:
    """The middle of the head (2,) and its radius, px: the roundest place near the top and the middle.

    If no such place is apart from the core, the radius is 0, and the middle is that of the face below the mask's top.
    """
    rows, columns = np.nonzero(tree.mask)
    depth = tree.depth[rows, columns]
    widest = cv2.dilate(tree.depth, disc(3))[rows, columns]
    points = (np.stack([columns, rows], axis=1) + 0.5) * tree.px
    down = (points[:, 1] - frame.top) / frame.height
    off = np.abs(points[:, 0] - tree.core[0]) / max(frame.width, 0.5 * frame.height)
    is_peak = (depth >= widest) & (down < HEAD_ABOVE) & (off < HEAD_OFF) & (depth * tree.px > MIN_HEAD * frame.height)
    if is_peak.any():
        score = np.where(is_peak, depth * tree.px / frame.height - 0.5 * off - 0.1 * down, -np.inf)
        best = int(np.argmax(score))
        if np.linalg.norm(points[best] - tree.core) > 0.6 * depth[best] * tree.px:
            return points[best], float(depth[best]) * tree.px
    top = points[int(np.argmin(down + 0.5 * off))]
    return _middle_of_run(tree, top + np.array([0.0, FACE_BELOW_TOP * frame.height])), 0.0


def _pair(branches: list[Branch], frame: _Frame, middle: float, *, lower: bool) -> list[Branch | None]:
    """The branch with the most `_reach` on either side of the middle, None where there is none.

    If `lower`, and there are two or more, the two that reach lowest.
    """
    if lower and len(branches) >= 2:
        lowest = sorted(branches, key=lambda b: -frame.share(b.tip)[1] - 0.4 * b.length / frame.height)[:2]
        return [*sorted(lowest, key=lambda b: float(b.tip[0]))]
    found: list[Branch | None] = []
    for sign in (-1, 1):
        side = [b for b in branches if sign * (frame.share(b.tip)[0] - middle) > 0]
        found.append(max(side, key=lambda b: _reach(b, frame, middle), default=None))
    return found


def _middle_of_run(tree: LimbTree, point: Floats) -> Floats:
    """The middle of the mask's run across through a point."""
    column, row = tree.cell(point)
    left, right = _run(tree.mask, column, row)
    return np.array([((left + right) / 2 + 0.5) * tree.px, (row + 0.5) * tree.px])


def _run(mask: Bools, column: int, row: int) -> tuple[int, int]:
    """First and last column of the mask's run through a cell."""
    line = mask[row]
    left = right = column
    while left > 0 and line[left - 1]:
        left -= 1
    while right < len(line) - 1 and line[right + 1]:
        right += 1
    return left, right


def _hips_and_feet(tree: LimbTree, feet: list[Branch | None], frame: _Frame) -> tuple[Floats, list[Floats], bool]:
    """The hip, where the legs part; both feet, viewer's left first; and whether the mask shows both. Points are (2,) px."""
    if feet[0] is not None and feet[1] is not None:
        between = tree.path_between(feet[0].tip, feet[1].tip)
        highest = between[int(np.argmin(between[:, 1]))]
        low, high = (frame.y(share) for share in HIP_BETWEEN)
        level = float(np.clip(highest[1] - HIP_ABOVE_FORK * frame.height, low, high))
        return _middle_of_run(tree, np.array([highest[0], level])), [feet[0].tip, feet[1].tip], True
    only = feet[0] or feet[1]
    hip = _middle_of_run(tree, np.array([tree.core[0], frame.y(HIP_WITHOUT_LEGS)]))
    bottom = only.tip if only is not None else np.array([tree.core[0], frame.y(SOLES_WITHOUT_LEGS)])
    column, row = tree.cell(bottom)
    left, right = _run(tree.mask, column, row)
    spread = max(0.3 * (right - left + 1) * tree.px, 0.03 * frame.width)
    middle = ((left + right) / 2 + 0.5) * tree.px
    return hip, [np.array([middle - spread, (row + 0.5) * tree.px]), np.array([middle + spread, (row + 0.5) * tree.px])], False


def _chest(tree: LimbTree, face: Floats, hip: Floats, frame: _Frame) -> Floats:
    """Between the shoulders: below the head, in the middle of the trunk."""
    below = face + CHEST_DOWN * (hip - face)
    column, row = tree.cell(below)
    left, right = _run(tree.mask, column, row)
    if (right - left) * tree.px > ARMS_OUT * frame.width:
        return np.asarray(below)
    return np.array([((left + right) / 2 + 0.5) * tree.px, below[1]])


def _half_width(tree: LimbTree, center: Floats, max_half_width: float) -> float:
    """Half of the trunk's width through a point, px, not more than `max_half_width`."""
    column, row = tree.cell(center)
    left, right = _run(tree.mask, column, row)
    return float(min(0.5 * (right - left + 1) * tree.px, max_half_width))


def _put_legs(points: Floats, tree: LimbTree, hip: Floats, feet: list[Floats], *, seen: bool) -> None:
    """Set hips, knees and ankles in `points` (17, 3), along the paths from the hip to the feet."""
    spread = HIPS_APART * _half_width(tree, hip, 0.3 * float(np.abs(feet[1] - feet[0]).sum() + np.abs(feet[0] - hip).sum()))
    for viewers_side, (foot, sign) in enumerate(zip(feet, (-1, 1), strict=True)):
        hip_at, knee_at, ankle_at = LEGS[1 - viewers_side]  # the figure's right leg is on the viewer's left
        socket = hip + np.array([sign * spread, 0.0])
        path = tree.path_between(socket, foot)
        sure = SEEN if seen else GUESSED
        points[hip_at] = (*socket, sure)
        points[knee_at] = (*point_along(path, KNEE_DOWN), sure)
        points[ankle_at] = (*point_along(path, ANKLE_DOWN), sure)


def _put_arms(points: Floats, tree: LimbTree, trunk: tuple[Floats, Floats], hands: list[Branch | None], frame: _Frame) -> None:
    """Set shoulders, elbows and wrists in `points` (17, 3), along the paths to the hands; an arm without a hand hangs beside the trunk."""
    chest, hip = trunk
    spread = SHOULDERS_APART * _half_width(tree, chest, 0.35 * abs(float(hip[1] - chest[1])) + 0.06 * frame.width)
    for viewers_side, (hand, sign) in enumerate(zip(hands, (-1, 1), strict=True)):
        shoulder_at, elbow_at, wrist_at = ARMS[1 - viewers_side]
        shoulder = chest + np.array([sign * spread, 0.0])
        if hand is None:
            points[shoulder_at] = (*shoulder, GUESSED)
            side = _half_width(tree, (chest + hip) / 2, frame.width)
            points[elbow_at] = (*((chest + hip) / 2 + np.array([sign * HANGING_ELBOW * side, 0.0])), GUESSED)
            points[wrist_at] = (*(hip + np.array([sign * HANGING_WRIST * _half_width(tree, hip, frame.width), 0.0])), GUESSED)
            continue
        path = tree.path_between(shoulder, hand.tip)
        shoulder = _where_the_arm_begins(tree, path)
        arm = tree.path_between(shoulder, hand.tip)
        points[shoulder_at] = (*shoulder, SEEN)
        points[elbow_at] = (*point_along(arm, ELBOW_OUT), SEEN)
        points[wrist_at] = (*point_along(arm, WRIST_OUT), SEEN)


def _where_the_arm_begins(tree: LimbTree, path: Floats) -> Floats:
    """The last point on the path from a shoulder to a hand where the mask is much broader than an arm; at least the path's beginning."""
    breadth = cv2.dilate(tree.depth, disc(3))
    cells = np.clip((path / tree.px).astype(int), 0, [tree.mask.shape[1] - 1, tree.mask.shape[0] - 1])
    broad = breadth[cells[:, 1], cells[:, 0]]
    arm = float(np.median(broad[len(broad) // 2 :]))
    trunk = np.flatnonzero(broad[: max(1, int(0.6 * len(broad)))] > BROADER_THAN_ARM * arm + 1.0)
    return np.asarray(path[trunk[-1] if trunk.size else 0])


def _put_eyes_and_ears(points: Floats, tree: LimbTree) -> None:
    """Set eyes and ears in `points` (17, 3), around the nose, in proportion to the head's radius."""
    radius = tree.depth_at(points[NOSE, :2])
    for index, (across, up) in zip((*EYES, *EARS), FACE_POINTS, strict=True):
        points[index] = (points[NOSE, 0] + across * radius, points[NOSE, 1] - up * radius, FACE_SCORE * points[NOSE, 2])

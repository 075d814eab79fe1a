"""Repair of keypoints: those that a model did not see, or placed where they can't be, are inferred from the mask and from other joints.

Keypoints are (17, 3) float64 x, y in px of the crop, score, in COCO's order; the figure's right is on the viewer's left. The longer side of
the mask, `side_px`, is the measure of what is near.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from pipeline.ink.bone_lines import usable
from pipeline.pose.limb_tree import LimbTree, limb_tree, point_along
from pipeline.pose.pose_from_mask import SEEN, keypoints_from_mask
from pipeline.pose.stride import faces_viewer
from pipeline.types import KEYPOINT_NAMES, Bools, Floats, Ints
from pipeline.types.keypoints import ANKLES, ARMS, EARS, ELBOWS, EYES, HIPS, KNEES, LEGS, LIMB_BONES, NOSE, SHOULDERS, WRISTS

BODY = (NOSE, *SHOULDERS, *ELBOWS, *WRISTS, *HIPS, *KNEES, *ANKLES)
"""The keypoints that become joints."""

STRAY_SHARE = 0.08
"""A keypoint farther outside the mask than this share of the longer side is wrong, whatever its score."""

ENOUGH = 4
"""With fewer keypoints than this, the mask alone gives better joints."""

MIN_SPREAD = 0.25
"""Keypoints that span less than this share of the figure's longer side are on one spot, and none of them is believed."""

SAME_SHARE = 0.012
"""Neighboring joints closer than this share of the longer side are on one spot: the outer one is wrong."""

MIRRORED_SHARE = 0.01
"""The whole figure is mirrored if the right shoulder and hip are to the right of the left ones by more than this share of the longer side,
on average."""

REVERSED_SHARE = 0.03
"""Shoulders alone, or legs alone, are swapped if the right joint is to the right of the left one by more than this share of the longer
side."""

CROSSED = 0.85
"""The outer joints of both arms or both legs are swapped if that makes the bones shorter than this share of their length."""

TAKEN_SHARE = 0.08
"""The end of one of the mask's limbs belongs to a hand or foot that is closer to it than this share of the longer side."""

SHORTEST_LOWER, LONGEST_LOWER = 0.3, 2.2
"""How long the lower half of a limb can be, in lengths of its upper half."""

STRAIGHT_LOWER = 0.9
"""Length of the lower half of a limb that goes straight on where nothing shows its end, in lengths of its upper half."""

NARROWEST_PAIR, WIDEST_PAIR = 0.6, 1.8
"""How far apart two shoulders or two hips can be, in their distance by the mask alone."""

FARTHEST_HEAD = 2.5
"""The mask's head is this figure's if it is closer to the middle of the shoulders than this, in lengths of the trunk."""

GUESSED_HEAD = 0.5
"""Distance of the nose from the middle of the shoulders where the mask has no such head, in lengths of the trunk."""


@dataclass
class Repaired:
    """Keypoints in repair.

    Attributes:
        at: (17, 2) float64 px, where they are; of those that are not `known`, where the mask alone has them.
        seen: (17,) bool, which of them were believed at the start.
        known: (17,) bool, which of them need no repair, or have got it.
        mask: (h, w) bool.
        repairs: what was changed, a sentence each.
    """

    at: Floats
    seen: Bools
    known: Bools
    mask: Bools
    repairs: list[str] = field(default_factory=list)

    @cached_property
    def tree(self) -> LimbTree:
        """The mask's limbs."""
        return limb_tree(self.mask)

    @cached_property
    def by_mask(self) -> Floats:
        """(17, 3) x, y, score of the joints by the mask alone."""
        return keypoints_from_mask(self.mask, self.tree)

    def settle(self, joint: int, point: Floats, how: str) -> None:
        """Put a joint at a point (2,), and note how that was found."""
        self.at[joint] = point
        self.known[joint] = True
        self.repairs.append(f"{KEYPOINT_NAMES[joint].replace('_', ' ')} was not seen and was {how}")

    def middle(self, pair: tuple[int, int]) -> Floats:
        """The point (2,) between two joints."""
        return np.asarray((self.at[pair[0]] + self.at[pair[1]]) / 2)


def repaired(keypoints: Floats, mask: Bools) -> Repaired:
    """The keypoints, those of BODY each in a plausible place, though perhaps outside of the mask.

    Args:
        keypoints: (17, 3), any values.
        mask: (h, w) bool with at least one pixel.
    """
    side_px = max(mask.shape)
    known = _trustworthy(keypoints, mask)
    work = Repaired(np.where(known[:, None], keypoints[:, :2], 0.0), known.copy(), known, mask)
    if not known[list(BODY)].all():  # the mask is searched for limbs only where something is missing: that takes long
        work.at = np.where(known[:, None], work.at, work.by_mask[:, :2])
    if int(known[list(BODY)].sum()) < ENOUGH:
        work.at = work.by_mask[:, :2].copy()
        work.known[:], work.seen[:] = True, False
        work.repairs.append("hardly any joint was seen: all were judged by the outline alone")
        return work
    _uncross(work, side_px)
    _forget_coincident(work, side_px)
    _settle_trunk(work)
    for left, right in (ARMS, LEGS):
        _settle_limb(work, left, right, side_px)
        _settle_limb(work, right, left, side_px)
    return work


def _trustworthy(keypoints: Floats, mask: Bools) -> Bools:
    """(17,) bool, which keypoints are sure and near the mask; none if all of them are on one spot."""
    sure = usable(keypoints)
    if not sure.any():
        return sure
    height, width = mask.shape
    points = np.where(sure[:, None], keypoints[:, :2], 0.0)
    cells = np.clip(points, 0, [width - 1, height - 1]).astype(int)
    off = _px_outside(cells, mask) + np.linalg.norm(points - np.clip(points, 0, [width, height]), axis=1)
    sure &= off <= STRAY_SHARE * max(mask.shape)
    body = sure.copy()
    body[[*EYES, *EARS]] = False
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    if not body.any() or np.ptp(points[body], axis=0).max() < MIN_SPREAD * extent:
        return np.zeros_like(sure)
    return sure


def _px_outside(cells: Ints, mask: Bools) -> Floats:
    """(N,) px from pixels (N, 2), x, y, to the nearest pixel of the mask; 0 inside."""
    outside = np.flatnonzero(~mask[cells[:, 1], cells[:, 0]])
    px = np.zeros(len(cells))
    if outside.size:  # few: a distance transform of the whole mask takes longer
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        edge = np.concatenate(contours)[:, 0]
        px[outside] = np.linalg.norm(cells[outside, None] - edge, axis=2).min(axis=1)
    return px


def _uncross(work: Repaired, side_px: int) -> None:
    """Swap left and right where they are mixed up: first in the trunk, with all that hangs on it, then along each limb."""
    at, known = work.at, work.known
    pairs = [pair for pair in (SHOULDERS, HIPS) if known[list(pair)].all()]
    if pairs and np.mean([at[left, 0] - at[right, 0] for left, right in pairs]) < -MIRRORED_SHARE * side_px:
        _swap(work, (SHOULDERS, ELBOWS, WRISTS, HIPS, KNEES, ANKLES, EYES, EARS))
        work.repairs.append("left and right were swapped: the figure's right is on the viewer's left")
    elif len(pairs) == 2:
        if _are_reversed(at, SHOULDERS, side_px):
            _swap(work, (SHOULDERS,))
            work.repairs.append("left and right shoulders were swapped")
        if _are_reversed(at, HIPS, side_px) and faces_viewer(at):  # from the side, either leg may be in front
            _swap(work, (HIPS, KNEES, ANKLES))
            work.repairs.append("left and right legs were swapped")
    for inner, outer in LIMB_BONES:
        if known[[*inner, *outer]].all():
            straight = np.linalg.norm(at[list(inner)] - at[list(outer)], axis=1).sum()
            across = np.linalg.norm(at[list(inner)] - at[list(outer)][::-1], axis=1).sum()
            if across < CROSSED * straight:
                _swap(work, (outer,))
                work.repairs.append(f"left and right {_plural(outer)} were swapped")


def _are_reversed(at: Floats, pair: tuple[int, int], side_px: int) -> bool:
    """Whether the left joint of a pair is clearly on the viewer's left."""
    return bool(at[pair[0], 0] < at[pair[1], 0] - REVERSED_SHARE * side_px)


def _plural(pair: tuple[int, int]) -> str:
    return KEYPOINT_NAMES[pair[0]].removeprefix("left_") + "s"


def _swap(work: Repaired, pairs: tuple[tuple[int, int], ...]) -> None:
    for left, right in pairs:
        work.at[[left, right]] = work.at[[right, left]]
        work.known[[left, right]] = work.known[[right, left]]


def _forget_coincident(work: Repaired, side_px: int) -> None:
    """Forget the outer one of neighboring joints on one spot, and the hips if the trunk has no length."""
    same_px = SAME_SHARE * side_px
    was_known = work.known.copy()
    for root, bend, end in (*ARMS, *LEGS):
        for near, far in ((root, bend), (bend, end)):
            # A bend that was just forgotten is on the spot of the root, and so is an end beside it.
            if was_known[near] and np.linalg.norm(work.at[near] - work.at[far]) < same_px:
                work.known[far] = False
    are_known = work.known[[*SHOULDERS, *HIPS]].all()
    if are_known and np.linalg.norm(work.middle(SHOULDERS) - work.middle(HIPS)) < 2 * same_px:
        work.known[list(HIPS)] = False


def _settle_trunk(work: Repaired) -> None:
    """Nose, shoulders and hips."""
    known = work.known
    for pair in (SHOULDERS, HIPS):
        for here, other in (pair, pair[::-1]):
            if not known[here] and known[other]:
                work.settle(here, _beside(work, here, other), "placed beside its counterpart")
    if not known[list(HIPS)].any():
        for joint in HIPS:
            work.settle(joint, work.by_mask[joint, :2], "placed where the legs part")
    if not known[list(SHOULDERS)].any():
        by_mask = work.by_mask[:, :2]
        shift = work.middle(HIPS) - by_mask[list(HIPS)].mean(axis=0)
        if known[NOSE]:  # it is nearer to the shoulders than the hips are, and counts twice
            shift = (shift + 2 * (work.at[NOSE] - by_mask[NOSE])) / 3
        for joint in SHOULDERS:
            work.settle(joint, by_mask[joint] + shift, "placed at the top of the trunk")
    if not known[NOSE]:
        _settle_nose(work)


def _settle_nose(work: Repaired) -> None:
    """Put the nose where the mask has a head, if that is near the shoulders; else above them."""
    chest, hip, head = work.middle(SHOULDERS), work.middle(HIPS), work.by_mask[NOSE, :2]
    trunk_by_mask = work.by_mask[list(SHOULDERS), :2].mean(axis=0) - work.by_mask[list(HIPS), :2].mean(axis=0)
    trunk_px = max(float(np.linalg.norm(chest - hip)), float(np.linalg.norm(trunk_by_mask)))
    if float(np.linalg.norm(head - chest)) < FARTHEST_HEAD * trunk_px:
        work.settle(NOSE, head, "placed in the middle of the head")
    else:
        work.settle(NOSE, chest + GUESSED_HEAD * (chest - hip), "placed above the shoulders")


def _beside(work: Repaired, here: int, other: int) -> Floats:
    """A shoulder or hip (2,) from its counterpart: at the same level, mirrored at the trunk's axis, which other joints show.

    The distance between the two is about that of the mask alone, and just that if no axis is known.
    """
    known = work.known
    opposite = HIPS if here in SHOULDERS else SHOULDERS
    axis = work.middle(opposite)[0] if known[list(opposite)].all() else work.at[NOSE, 0] if known[NOSE] else None
    across = float(work.by_mask[here, 0] - work.by_mask[other, 0])
    if axis is not None and (axis - work.at[other, 0]) * across > 0:
        width = max(abs(2 * (axis - work.at[other, 0])), NARROWEST_PAIR * abs(across))
        across = float(np.sign(across) * min(width, WIDEST_PAIR * abs(across)))
    return np.asarray(work.at[other] + np.array([across, 0.0]))


def _settle_limb(work: Repaired, limb: tuple[int, int, int], counterpart: tuple[int, int, int], side_px: int) -> None:
    """Place the end of an arm or leg, then its bend, if they are not known. Limbs are root, bend and end."""
    root, bend, end = limb
    if not work.known[end]:
        work.settle(end, *_limb_end(work, limb, counterpart, side_px))
    if not work.known[bend]:
        work.settle(bend, point_along(work.tree.path_between(work.at[root], work.at[end]), 0.5), "placed half-way along its limb")


def _limb_end(work: Repaired, limb: tuple[int, int, int], counterpart: tuple[int, int, int], side_px: int) -> tuple[Floats, str]:
    """Where a limb ends, (2,), and how that is known: at the tip that the mask has there, straight on, or like the other side."""
    root, bend, end = limb
    other_root, _, other_end = counterpart
    at, known = work.at, work.known
    tip = work.by_mask[end]
    ends = [joint for joint in (*WRISTS, *ANKLES) if joint != end and known[joint]]
    is_taken = any(np.linalg.norm(at[joint] - tip[:2]) < TAKEN_SHARE * side_px for joint in ends)
    if tip[2] >= SEEN and not is_taken and _can_reach(work, root, bend, tip[:2]):
        return tip[:2], "taken from the end of a limb"
    if known[bend]:
        return at[bend] + STRAIGHT_LOWER * (at[bend] - at[root]), "placed straight on from its limb"
    if known[other_end] and known[other_root]:
        mirrored = (at[other_end] - at[other_root]) * np.array([-1.0, 1.0])
        return at[root] + mirrored, "placed like its counterpart"
    return tip[:2], "guessed"


def _can_reach(work: Repaired, root: int, bend: int, tip: Floats) -> bool:
    """Whether a limb can end at a tip (2,): always, unless its bend is known and the tip is too near to that or too far from it."""
    if not work.known[bend]:
        return True
    upper = float(np.linalg.norm(work.at[bend] - work.at[root]))
    lower = float(np.linalg.norm(tip - work.at[bend]))
    return SHORTEST_LOWER * upper < lower < LONGEST_LOWER * upper + 1.0  # a pixel for upper halves without a length

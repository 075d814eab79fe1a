"""Keypoints made whole: what a network did not see, or can't mean, is inferred from the mask, from the other side and from what a figure
is.

Keypoints are (17, 3) float64 x, y in px of the crop, score, in COCO's order; the figure's right is on the viewer's left.
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
from pipeline.types.keypoints import ANKLES, EARS, ELBOWS, EYES, HIPS, KNEES, LIMB_BONES, NOSE, SHOULDERS, WRISTS

BODY = (NOSE, *SHOULDERS, *ELBOWS, *WRISTS, *HIPS, *KNEES, *ANKLES)
"""The keypoints that become joints."""

STRAY_SHARE = 0.08
"""A keypoint farther outside the mask than this share of the longer side is wrong, however sure."""

ENOUGH = 4
"""With fewer keypoints to go by, the mask alone is better."""

MIN_SPREAD = 0.25
"""All keypoints together span at least this share of the mask's longer side, or they mean nothing."""

SAME_SHARE = 0.012
"""Neighboring joints closer than this are one and the same spot: the outer one is wrong."""

CROSSED = 0.85
"""Limbs are swapped if that makes them shorter than this share."""


@dataclass
class Repaired:
    """Keypoints on the way to being whole.

    Attributes:
        at: (17, 2) float64 px.
        seen: (17,) which of them were believed at the start.
        known: (17,) which of them are settled.
        mask: (h, w) bool.
        repairs: what was done, a sentence each.
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
        """(17, 3) what the mask alone says."""
        return keypoints_from_mask(self.mask, self.tree)

    def settle(self, joint: int, point: Floats, how: str) -> None:
        """Put a joint somewhere."""
        self.at[joint] = point
        self.known[joint] = True
        self.repairs.append(f"{KEYPOINT_NAMES[joint].replace('_', ' ')} was not seen and was {how}")

    def middle(self, pair: tuple[int, int]) -> Floats:
        return np.asarray((self.at[pair[0]] + self.at[pair[1]]) / 2)


def repaired(keypoints: Floats, mask: Bools) -> Repaired:
    """The keypoints of BODY, each with a place that makes sense; not necessarily inside the mask yet. The mask has at least one pixel."""
    side = max(mask.shape)
    known = _trustworthy(keypoints, mask)
    work = Repaired(np.where(known[:, None], keypoints[:, :2], 0.0), known.copy(), known, mask)
    if not known[list(BODY)].all():  # the mask is searched for limbs only where something is missing: that takes long
        work.at = np.where(known[:, None], work.at, work.by_mask[:, :2])
    if int(known[list(BODY)].sum()) < ENOUGH:
        work.known[:], work.seen[:] = True, False
        work.repairs.append("hardly any joint was seen: all were judged by the outline alone")
        return work
    _uncross(work, side)
    _separate(work, side)
    _settle_trunk(work)
    for limb in ((SHOULDERS, ELBOWS, WRISTS), (HIPS, KNEES, ANKLES)):
        for own_side in (0, 1):  # the figure's own left, then its right, as in the pairs of keypoints
            _settle_limb(work, limb, own_side, side)
    return work


def _trustworthy(keypoints: Floats, mask: Bools) -> Bools:
    """(17,) which keypoints are sure, near the mask and not all on one spot."""
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


def _uncross(work: Repaired, side: int) -> None:
    """Left and right made consistent: the trunk first, then each limb to the joint that it hangs on."""
    at, known = work.at, work.known
    pairs = [pair for pair in (SHOULDERS, HIPS) if known[list(pair)].all()]
    if pairs and np.mean([at[left, 0] - at[right, 0] for left, right in pairs]) < -0.01 * side:
        _swap(work, (SHOULDERS, ELBOWS, WRISTS, HIPS, KNEES, ANKLES, EYES, EARS))
        work.repairs.append("left and right were swapped: the figure's right is on the viewer's left")
    elif len(pairs) == 2:
        if _are_reversed(at, SHOULDERS, side):
            _swap(work, (SHOULDERS,))
            work.repairs.append("left and right shoulders were swapped")
        if _are_reversed(at, HIPS, side) and faces_viewer(at):  # from the side, either leg may be in front
            _swap(work, (HIPS, KNEES, ANKLES))
            work.repairs.append("left and right legs were swapped")
    for inner, outer in LIMB_BONES:
        if known[[*inner, *outer]].all():
            straight = np.linalg.norm(at[list(inner)] - at[list(outer)], axis=1).sum()
            across = np.linalg.norm(at[list(inner)] - at[list(outer)][::-1], axis=1).sum()
            if across < CROSSED * straight:
                _swap(work, (outer,))
                work.repairs.append(f"left and right {_plural(outer)} were swapped")


def _are_reversed(at: Floats, pair: tuple[int, int], side: int) -> bool:
    return bool(at[pair[0], 0] < at[pair[1], 0] - 0.03 * side)


def _plural(pair: tuple[int, int]) -> str:
    return KEYPOINT_NAMES[pair[0]].removeprefix("left_") + "s"


def _swap(work: Repaired, pairs: tuple[tuple[int, int], ...]) -> None:
    for left, right in pairs:
        work.at[[left, right]] = work.at[[right, left]]
        work.known[[left, right]] = work.known[[right, left]]


def _separate(work: Repaired, side: int) -> None:
    """Of neighboring joints on one spot, and of two hands or feet there, the outer ones are not believed."""
    for roots, bends, ends in ((SHOULDERS, ELBOWS, WRISTS), (HIPS, KNEES, ANKLES)):
        for root, bend, end in zip(roots, bends, ends, strict=True):
            for near, far in ((root, bend), (bend, end)):
                if work.known[far] and np.linalg.norm(work.at[near] - work.at[far]) < SAME_SHARE * side:
                    work.known[far] = not (work.known[near] or near == bend)
    both_known = work.known[[*SHOULDERS, *HIPS]].all()
    if both_known and np.linalg.norm(work.middle(SHOULDERS) - work.middle(HIPS)) < 2 * SAME_SHARE * side:
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
        model = work.by_mask[:, :2]
        shift = work.middle(HIPS) - model[list(HIPS)].mean(axis=0)
        if known[NOSE]:
            shift = (shift + 2 * (work.at[NOSE] - model[NOSE])) / 3
        for joint in SHOULDERS:
            work.settle(joint, model[joint] + shift, "placed at the top of the trunk")
    if not known[NOSE]:
        _settle_nose(work)


def _settle_nose(work: Repaired) -> None:
    """The nose where the mask has a head, if that is near the shoulders; else above them."""
    chest, hip, head = work.middle(SHOULDERS), work.middle(HIPS), work.by_mask[NOSE, :2]
    model_trunk = work.by_mask[list(SHOULDERS), :2].mean(axis=0) - work.by_mask[list(HIPS), :2].mean(axis=0)
    trunk = max(float(np.linalg.norm(chest - hip)), float(np.linalg.norm(model_trunk)))
    if float(np.linalg.norm(head - chest)) < 2.5 * trunk:
        work.settle(NOSE, head, "placed in the middle of the head")
    else:
        work.settle(NOSE, chest + 0.5 * (chest - hip), "placed above the shoulders")


def _beside(work: Repaired, here: int, other: int) -> Floats:
    """A shoulder or hip from its counterpart: as far across the trunk as the mask says, at its level."""
    model = work.by_mask[:, :2]
    known = work.known
    opposite = HIPS if here in SHOULDERS else SHOULDERS
    axis = work.middle(opposite)[0] if known[list(opposite)].all() else work.at[NOSE, 0] if known[NOSE] else None
    width = float(model[here, 0] - model[other, 0])
    if axis is not None and (axis - work.at[other, 0]) * width > 0:
        width = float(np.sign(width) * min(max(abs(2 * (axis - work.at[other, 0])), 0.6 * abs(width)), 1.8 * abs(width)))
    return np.asarray(work.at[other] + np.array([width, 0.0]))


def _settle_limb(work: Repaired, limb: tuple[tuple[int, int], ...], own_side: int, side: int) -> None:
    """The end of an arm or leg, then its bend. `own_side`: 0 for the figure's own left, 1 for its right."""
    root, bend, end = (pair[own_side] for pair in limb)
    if not work.known[end]:
        work.settle(end, *_limb_end(work, limb, own_side, side))
    if not work.known[bend]:
        work.settle(bend, point_along(work.tree.way(work.at[root], work.at[end]), 0.5), "placed half-way along its limb")


def _limb_end(work: Repaired, limb: tuple[tuple[int, int], ...], own_side: int, side: int) -> tuple[Floats, str]:
    """Where a limb ends, and how that is known: at the tip that the mask has there, like the other side, or straight on."""
    root, bend, end = (pair[own_side] for pair in limb)
    other_root, _, other_end = (pair[1 - own_side] for pair in limb)
    at, known = work.at, work.known
    tip = work.by_mask[end]
    ends = [joint for joint in (*WRISTS, *ANKLES) if joint != end and known[joint]]
    taken = any(np.linalg.norm(at[joint] - tip[:2]) < 0.08 * side for joint in ends)
    if tip[2] >= SEEN and not taken and _within_reach(work, (root, bend), tip[:2]):
        return tip[:2], "taken from the end of a limb"
    if known[bend]:
        return at[bend] + 0.9 * (at[bend] - at[root]), "placed straight on from its limb"
    if known[other_end] and known[other_root]:
        mirrored = (at[other_end] - at[other_root]) * np.array([-1.0, 1.0])
        return at[root] + mirrored, "placed like its counterpart"
    return tip[:2], "guessed"


def _within_reach(work: Repaired, limb: tuple[int, int], tip: Floats) -> bool:
    """Whether a limb whose upper half is known can end at a tip."""
    root, bend = limb
    if not work.known[bend]:
        return True
    upper = float(np.linalg.norm(work.at[bend] - work.at[root]))
    lower = float(np.linalg.norm(tip - work.at[bend]))
    return 0.3 * upper < lower < 2.2 * upper + 1.0

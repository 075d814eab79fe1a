"""Body parts that a pose model names, as evidence of which pixels belong to a limb.

A model errs in few ways, and each has its function: it takes right for left in the whole figure (`part_evidence`) or in one hand or foot
(`_exchanged`), sees a hand twice (`_without_strays`), or names parts where the joints are not (`_is_believed`).

Areas are (h, w) bool, at the size of the mask in which the limbs were measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np

from pipeline.ink.regions import dilated
from pipeline.pose.limb_measures import Limb, stroke
from pipeline.types import MIRRORED_PARTS, BodyPart, Bools, Bytes

AGREEMENT = 0.3
"""A limb's parts are believed if at least this share of its bones is on them; otherwise the joints are wrong, or the parts are."""

NEAR_HALF_WIDTHS = 1.5
"""Parts within this distance of a limb's bones are evidence that a model sees the limb, in half widths of the limb."""

UNSEEN_SHARE = 0.15
"""A model sees nothing of a limb if its parts near the bones have less than this share of the area that the bones suggest.

Of 203 arms beside the body in synthetic figures, 21 are below it: 15 are hidden (11 of them with joints in the wrong place), 2 are visible
with joints in the wrong place, and 4 are visible and lose their motion. Legs were not measured.
"""

Parts = tuple[BodyPart, ...]

_PARTS_OF_MIDDLE: Mapping[str, Parts] = MappingProxyType(
    {
        "right_elbow": (BodyPart.RIGHT_UPPER_ARM, BodyPart.RIGHT_LOWER_ARM, BodyPart.RIGHT_HAND),
        "left_elbow": (BodyPart.LEFT_UPPER_ARM, BodyPart.LEFT_LOWER_ARM, BodyPart.LEFT_HAND),
        "right_knee": (BodyPart.RIGHT_THIGH, BodyPart.RIGHT_SHANK, BodyPart.RIGHT_FOOT),
        "left_knee": (BodyPart.LEFT_THIGH, BodyPart.LEFT_SHANK, BodyPart.LEFT_FOOT),
    }
)


@dataclass(frozen=True, eq=False)
class PartEvidence:
    """What named body parts say about the pixels of a figure.

    Attributes:
        limbs: the area of each limb with what its hand holds; empty for a limb whose parts are not believed.
        body: what the model names, and none of the limbs has. Things that none of the limbs touches are in no area.
        are_unseen: for each limb, whether hardly any of its parts are near its bones: it is hidden, or its joints are in the wrong place.
            False for a limb that a hem covers: too little of it is visible to decide.
    """

    limbs: tuple[Bools, ...]
    body: Bools
    are_unseen: tuple[bool, ...]


def part_evidence(parts: Bytes, limbs: list[Limb], joint_names: tuple[str, ...], mask: Bools) -> PartEvidence:
    """What body parts say about limbs, of which there is at least one.

    Args:
        parts: (h', w') uint8, the `BodyPart` of each cell, stretched over the mask.
        limbs: in px of the mask.
        joint_names: of the rig; limbs are arms and legs with AnimatedDrawings' joint names.
        mask: (h, w) bool.
    """
    visible_parts = np.where(mask, cv2.resize(parts, mask.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8(BodyPart.NONE))
    bones = [stroke(mask.shape, limb.visible(), 1.0) & mask for limb in limbs]
    own_parts = [_PARTS_OF_MIDDLE[joint_names[limb.joints.middle]] for limb in limbs]
    straight, mirrored = ([np.isin(visible_parts, each) for each in side] for side in (own_parts, [_mirrored(each) for each in own_parts]))
    areas = mirrored if _agreement(mirrored, bones) > _agreement(straight, bones) else straight
    for area, limb in zip(areas, limbs, strict=True):
        area[: limb.first_visible_row] = False  # what covers a limb moves with the body, such as shorts
    partners = [own_parts.index(other) if (other := _mirrored(each)) in own_parts else None for each in own_parts]
    exchanged = _exchanged(areas, bones, partners)
    believed = [
        _without_strays(area, bone, limb) if _is_believed(area, bone) else np.zeros_like(area)
        for area, bone, limb in zip(exchanged, bones, limbs, strict=True)
    ]
    is_held = visible_parts == BodyPart.HELD
    body = (visible_parts != BodyPart.NONE) & ~is_held & ~np.any(areas, axis=0)
    are_unseen = tuple(not limb.hem and _is_unseen(limb, area) for limb, area in zip(limbs, exchanged, strict=True))
    return PartEvidence(tuple(_with_held(believed, is_held)), body, are_unseen)


def _is_believed(area: Bools, bone: Bools) -> bool:
    """Whether enough of a limb's bones, drawn as a line, is on the area of its parts."""
    return bool(bone.any()) and float(area[bone].mean()) >= AGREEMENT


def _is_unseen(limb: Limb, area: Bools) -> bool:
    """Whether the area of a limb's parts has hardly any pixels near the limb's bones."""
    near = stroke(area.shape, limb.visible(), NEAR_HALF_WIDTHS * limb.half_width)
    return int((area & near).sum()) < UNSEEN_SHARE * 2.0 * limb.half_width * limb.length


def _exchanged(areas: list[Bools], bones: list[Bools], partners: Sequence[int | None]) -> list[Bools]:
    """The areas, after each gave its partner the pieces that only the partner's bones run through. A model may name both hands right.

    Args:
        bones: of each limb, drawn as a line.
        partners: index of the other arm or leg; None if that is not among the limbs.
    """
    kept = [area.copy() for area in areas]
    for index, (area, partner) in enumerate(zip(areas, partners, strict=True)):
        if partner is None:
            continue
        count, pieces = cv2.connectedComponents(area.astype(np.uint8))
        own, others = (np.bincount(pieces[bones[owner]], minlength=count) for owner in (index, partner))
        is_moved = (own == 0) & (others > 0)
        is_moved[0] = False
        moved = is_moved[pieces]
        kept[index] &= ~moved
        kept[partner] |= moved
    return kept


def _without_strays(area: Bools, bone: Bools, limb: Limb) -> Bools:
    """The area without pieces off the limb's bones, if a piece on them holds the limb's end: a model may see a hand twice."""
    count, pieces = cv2.connectedComponents(area.astype(np.uint8))
    is_on_bones = np.bincount(pieces[bone], minlength=count) > 0
    is_on_bones[0] = False
    end = stroke(area.shape, limb.points[[2, 2]], limb.half_width)
    return np.asarray(is_on_bones[pieces], np.bool_) if is_on_bones[pieces[end]].any() else area


def _mirrored(parts: Parts) -> Parts:
    """The same parts of the figure's other side."""
    return tuple(BodyPart(MIRRORED_PARTS[part]) for part in parts)


def _with_held(areas: list[Bools], is_held: Bools) -> list[Bools]:
    """The areas of the limbs, each with the held things that touch it along more pixels than any other."""
    count, things = cv2.connectedComponents(is_held.astype(np.uint8))
    beside = [dilated(area, 1) for area in areas]
    for number in range(1, count):
        contacts = [int(((things == number) & near).sum()) for near in beside]
        if max(contacts) > 0:
            holder = contacts.index(max(contacts))
            areas = [area | (things == number) if index == holder else area for index, area in enumerate(areas)]
    return areas


def _agreement(areas: list[Bools], bones: list[Bools]) -> int:
    """How many pixels of all limbs' bones are on the area of their limb."""
    return sum(int((area & bone).sum()) for area, bone in zip(areas, bones, strict=True))

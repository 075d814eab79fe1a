"""Body parts that a pose model names, as evidence of which pixels belong to a limb.

Areas are (h, w) bool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np

from pipeline.ink.regions import dilated
from pipeline.pose.limb_measures import Limb, stroke
from pipeline.types import MIRRORED_PARTS, BodyPart, Bools, Bytes

AGREEMENT = 0.3
"""Parts are believed if at least this share of a limb's bones is on them; elsewhere the joints are wrong, or the parts are."""

NEAR_HALF_WIDTHS = 1.5
"""How close parts are that are close to a limb's bones, in half widths of the limb."""

UNSEEN_SHARE = 0.15
"""A model sees nothing of a limb if its parts, close to the bones, are less than this share of the area that the bones suggest.

Of 203 arms beside the body in synthetic figures, 21 are below it: 15 are hidden (11 of them with joints in the wrong place), 2 are visible
with joints in the wrong place, and 4 are visible and lose their motion. Legs were not measured.
"""

_PARTS_OF_MIDDLE = MappingProxyType(
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
        limbs: the area of each limb with what its hand holds; empty where joints and parts disagree.
        body: what belongs to none of the limbs. What a free hand holds is in none of the areas.
        are_unseen: for each limb, whether hardly any of its parts are near its bones: it is hidden, or its joints are in the wrong place.
            False for a limb that a hem covers: too little of it is visible to tell.
    """

    limbs: tuple[Bools, ...]
    body: Bools
    are_unseen: tuple[bool, ...]


def part_evidence(parts: Bytes, limbs: list[Limb], joint_names: tuple[str, ...], mask: Bools) -> PartEvidence:
    """Evidence of body parts about limbs.

    Args:
        parts: (h', w') uint8, the `BodyPart` of each cell, stretched over the mask.
    """
    seen = np.where(mask, cv2.resize(parts, mask.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8(BodyPart.NONE))
    bones = [stroke(mask.shape, limb.visible(), 1.0) & mask for limb in limbs]
    names = [_PARTS_OF_MIDDLE[joint_names[limb.joints.middle]] for limb in limbs]
    straight, mirrored = (_areas(seen, names, is_mirrored=is_mirrored) for is_mirrored in (False, True))
    areas = mirrored if _agreement(mirrored, bones) > _agreement(straight, bones) else straight
    for area, limb in zip(areas, limbs, strict=True):
        area[: max(0, round(limb.hem - limb.half_width))] = False  # what covers a limb moves with the body, such as shorts
    partners = [next((index for index, other in enumerate(names) if _mirrored(parts) == other), None) for parts in names]
    exchanged = _exchanged(areas, bones, partners)
    believed = [
        _without_strays(area, bone, limb) & (float(area[bone].mean()) >= AGREEMENT if bone.any() else False)
        for area, bone, limb in zip(exchanged, bones, limbs, strict=True)
    ]
    is_held = seen == BodyPart.HELD
    body = (seen != BodyPart.NONE) & ~is_held & ~np.any(areas, axis=0)
    are_unseen = tuple(not limb.hem and _is_unseen(limb, area) for limb, area in zip(limbs, exchanged, strict=True))
    return PartEvidence(tuple(_with_held(believed, is_held)), body, are_unseen)


def _is_unseen(limb: Limb, area: Bools) -> bool:
    near = stroke(area.shape, limb.visible(), NEAR_HALF_WIDTHS * limb.half_width)
    return int((area & near).sum()) < UNSEEN_SHARE * 2.0 * limb.half_width * limb.length


def _exchanged(areas: list[Bools], bones: list[Bools], partners: Sequence[int | None]) -> list[Bools]:
    """The areas, where pieces that only the bones of the partner run through, the other arm or leg, are the partner's.

    A model may name both hands right.
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
    """The area without pieces beside the limb's bones, if the limb's end is in another one: a model may see a hand twice."""
    count, pieces = cv2.connectedComponents(area.astype(np.uint8))
    is_on_bones = np.bincount(pieces[bone], minlength=count) > 0
    is_on_bones[0] = False
    end = stroke(area.shape, limb.points[[2, 2]], limb.half_width)
    return np.asarray(is_on_bones[pieces], np.bool_) if is_on_bones[pieces[end]].any() else area


def _mirrored(parts: tuple[BodyPart, ...]) -> tuple[BodyPart, ...]:
    return tuple(BodyPart(MIRRORED_PARTS[part]) for part in parts)


def _with_held(areas: list[Bools], is_held: Bools) -> list[Bools]:
    """The areas with the held things that touch them."""
    count, things = cv2.connectedComponents(is_held.astype(np.uint8))
    beside = [dilated(area, 1) for area in areas]
    for number in range(1, count):
        contacts = [int(((things == number) & near).sum()) for near in beside]
        if max(contacts) > 0:
            holder = contacts.index(max(contacts))
            areas = [area | (things == number) if index == holder else area for index, area in enumerate(areas)]
    return areas


def _areas(seen: Bytes, names: Sequence[tuple[BodyPart, ...]], *, is_mirrored: bool) -> list[Bools]:
    """The areas of the named parts; of the other side's parts where a model takes right for left."""
    return [np.isin(seen, _mirrored(parts) if is_mirrored else parts) for parts in names]


def _agreement(areas: list[Bools], bones: list[Bools]) -> int:
    return sum(int((area & bone).sum()) for area, bone in zip(areas, bones, strict=True))

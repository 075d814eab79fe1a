"""Where the flood that divides limbs from the body begins, by the parts that a model named and the areas between drawn lines.

A model draws the borders of parts coarsely, and ignores lines: a flat area that no line divides belongs to one side as a whole.

Positions are px (x, y), masks (h, w) bool.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.ink.regions import Regions, dilated, eroded, regions_of
from pipeline.pose.limb_measures import MARKER_WIDTH, Limb, stroke, surroundings, tip
from pipeline.pose.part_evidence import PartEvidence
from pipeline.types import Bools, Bytes

BORDER_WIDTH = 0.35
"""How precisely a model draws the border of a body part, in half widths of the limb."""

LINE_CONTRAST = 24
"""Levels between neighboring pixels of the channel that differs most, from which on a line runs between them."""

LINE_EDGE_PX = 3
"""How far a line's soft edge reaches into the areas beside it."""

DIVIDED_SHARE = 0.15
"""A model divides a flat area between limb and body if the body's share of what it names there, without borders, is larger than this."""

LARGE_AREA = 3.0
"""A flat area is large if it has more than this many squares of the limb's half width: a palm is large, a finger is not."""

NAMED_SHARE = 0.4
"""A flat area counts as named as a limb if more than this share of it is in the limb's named pixels without their border."""

LINE_WIDTH, BODY_AROUND = 0.6, 0.2
"""A flat area is beside the body if the body has more than BODY_AROUND of the ring around it that is LINE_WIDTH half widths of the limb
wide: the line around the area and what is next to it."""


def part_markers(evidence: PartEvidence, limbs: list[Limb], bones: list[Bools], trunk: Bools, areas: Regions) -> tuple[list[Bools], Bools]:
    """Markers of each limb and of the body: the named parts without borders, corrected by the flat areas between drawn lines.

    Parts know the trunk better than the lines between its joints do, except around limbs whose parts are not believed.

    Args:
        bones: (h, w) of each limb, where it certainly is.
        trunk: (h, w), lines between joints of the trunk.
        areas: from `flat_areas`.
    """
    unknown = _unknown(evidence, limbs)
    of_body = _inside(evidence.body, min(limb.half_width for limb in limbs)) & ~unknown
    named = [_inside(area, limb.half_width) for area, limb in zip(evidence.limbs, limbs, strict=True)]
    named = _without_divided_areas(named, of_body, bones, areas)
    for number, limb in enumerate(limbs):
        beside = _areas_beside(named[number], limb, evidence.body, areas)
        if beside.any():
            named[number] = named[number] & ~dilated(beside, LINE_EDGE_PX)
            of_body |= beside
    return named, of_body | (trunk & unknown)


def _unknown(evidence: PartEvidence, limbs: list[Limb]) -> Bools:
    """The surroundings of limbs whose parts are not believed: what is named body there may be the limb, such as fur that is named hair."""
    shape = evidence.body.shape
    unknown = [surroundings(limb, shape) for limb, area in zip(limbs, evidence.limbs, strict=True) if not area.any()]
    return np.asarray(np.any(unknown, axis=0), np.bool_) if unknown else np.zeros(shape, np.bool_)


def flat_areas(rgb: Bytes, mask: Bools) -> Regions:
    """The areas between drawn lines of an image (h, w, 3); where shading or grain lets lines leak, one area is most of the figure."""
    red, green, blue = cv2.split(cv2.morphologyEx(rgb, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    return regions_of(mask & (cv2.max(cv2.max(red, green), blue) < LINE_CONTRAST), corners_join=False)


def _without_divided_areas(named: list[Bools], of_body: Bools, bones: list[Bools], areas: Regions) -> list[Bools]:
    """The limbs' named pixels without flat areas that the model divides between limb and body, if no bone of the limb is in them.

    No drawn line divides a lens of glasses behind a hand, for example: all of it is the body's.
    """
    body = areas.touched_by(of_body)
    kept = []
    for inner, bone in zip(named, bones, strict=True):
        limb = areas.touched_by(inner)
        is_divided = (limb > 0) & (body > DIVIDED_SHARE * (limb + body)) & (areas.touched_by(bone) == 0)
        is_divided[0] = False  # the lines themselves
        kept.append(inner & ~dilated(areas.among(is_divided), LINE_EDGE_PX) if is_divided.any() else inner)
    return kept


def _areas_beside(named: Bools, limb: Limb, body: Bools, areas: Regions) -> Bools:
    """Large flat areas among a limb's named pixels that are beside its bones and the hand or foot that they lead to, and beside the body.

    A model may take all of a lens of glasses for the hand beside it.
    """
    along = stroke(named.shape, np.array([*limb.points, tip(limb)]), MARKER_WIDTH * limb.half_width)
    is_beside = (areas.touched_by(named) > NAMED_SHARE * areas.area) & (areas.touched_by(along) == 0)
    is_beside &= areas.area > LARGE_AREA * limb.half_width**2
    is_beside[0] = False  # the lines themselves
    found = np.zeros_like(named)
    for number in np.flatnonzero(is_beside):
        area = areas.among(np.arange(len(is_beside)) == number)
        around = dilated(area, round(LINE_WIDTH * limb.half_width)) & ~area
        if (around & body).sum() > BODY_AROUND * around.sum():
            found |= area
    return found


def _inside(area: Bools, half_width_px: float) -> Bools:
    """An area without its border."""
    return eroded(area, max(1, round(BORDER_WIDTH * half_width_px)))

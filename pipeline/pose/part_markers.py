"""Markers of limbs and body for the watershed of `limb_regions`, from the parts that a model named and the areas between drawn lines.

A model draws the borders of parts coarsely and ignores lines. An area that no line divides, a flat area, belongs to one side as a whole.

Positions are px (x, y), masks (h, w) bool, at the size of the mask in which the limbs were measured.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.ink.channels import largest_channel
from pipeline.ink.regions import Regions, dilated, eroded, regions_of
from pipeline.pose.limb_measures import MARKER_WIDTH, Limb, stroke, surroundings, tip
from pipeline.pose.part_evidence import PartEvidence
from pipeline.types import Bools, Bytes

BORDER_WIDTH = 0.35
"""Pixels within this distance of a named part's edge are its border, where a model may be wrong, in half widths of the limb."""

LINE_CONTRAST = 24
"""A pixel is on a line if one of its channels varies by at least this much in the 3 x 3 pixels around it, 0..255."""

LINE_EDGE_PX = 3
"""How far a line's soft edge reaches into the areas beside it."""

DIVIDED_SHARE = 0.15
"""A model divides a flat area if more than this share of its named pixels, without borders, is the body's, and some are the limb's."""

LARGE_AREA = 3.0
"""A flat area is large if it has more than this many squares of the limb's half width: a palm is large, a finger is not."""

NAMED_SHARE = 0.4
"""A flat area is named as a limb if more than this share of it is in the limb's named pixels, without their border."""

RING_WIDTH = 0.6
"""Width of the ring around a flat area that holds the line around it and what is next to that, in half widths of the limb."""

BODY_AROUND = 0.2
"""A flat area is beside the body if more than this share of its ring is the body's."""

OTHERS_SHARE = 0.8
"""A flat area belongs to the body or to other limbs if more than this share of its named pixels, without borders, is theirs."""

END_OF_BONE = 0.5
"""Where the end of a limb begins, as a share of its second bone: a hand on a hip, whose joint may be on the trousers."""


def part_markers(evidence: PartEvidence, limbs: list[Limb], bones: list[Bools], trunk: Bools, areas: Regions) -> tuple[list[Bools], Bools]:
    """Markers of each limb, (h, w) each, and of the body, (h, w): named parts without borders, corrected by flat areas.

    The lines of the trunk mark the body only around limbs whose parts are not believed: elsewhere the parts are more precise.

    Args:
        bones: (h, w) of each limb, pixels so close to its bones that they should be the limb's.
        trunk: (h, w), lines between joints of the trunk.
        areas: from `flat_areas`.
    """
    unknown = _around_unbelieved(evidence, limbs)
    of_body = _inside(evidence.body, min(limb.half_width for limb in limbs)) & ~unknown
    named = [_inside(area, limb.half_width) for area, limb in zip(evidence.limbs, limbs, strict=True)]
    named = _without_divided_areas(named, of_body, bones, areas)
    for number, limb in enumerate(limbs):
        beside = _areas_beside(named[number], limb, evidence.body, areas)
        named[number] = _without(named[number], beside)
        of_body |= beside
    markers = [(bone & area) | inner if area.any() else bone for bone, area, inner in zip(bones, evidence.limbs, named, strict=True)]
    return _without_areas_of_others(markers, limbs, named, of_body, areas), of_body | (trunk & unknown)


def _around_unbelieved(evidence: PartEvidence, limbs: list[Limb]) -> Bools:
    """The surroundings of limbs whose parts are not believed: what is named body there may be the limb, such as fur that is named hair."""
    shape = evidence.body.shape
    unknown = [surroundings(limb, shape) for limb, area in zip(limbs, evidence.limbs, strict=True) if not area.any()]
    return np.asarray(np.any(unknown, axis=0), np.bool_) if unknown else np.zeros(shape, np.bool_)


def flat_areas(rgb: Bytes, mask: Bools) -> Regions:
    """The flat areas of an image (h, w, 3) uint8 inside a mask; where shading or grain opens lines, one area is most of the figure."""
    steps = np.asarray(cv2.morphologyEx(rgb, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.uint8)
    return regions_of(mask & (largest_channel(steps) < LINE_CONTRAST), corners_join=False)


def _without_divided_areas(named: list[Bools], of_body: Bools, bones: list[Bools], areas: Regions) -> list[Bools]:
    """The limbs' named pixels, without flat areas that the model divides between limb and body and that no bone of the limb reaches.

    A lens of glasses behind a hand, for example, is all the body's, since no drawn line divides it.
    """
    body = areas.touched_by(of_body)
    kept = []
    for inner, bone in zip(named, bones, strict=True):
        limb = areas.touched_by(inner)
        is_divided = (limb > 0) & (body > DIVIDED_SHARE * (limb + body)) & (areas.touched_by(bone) == 0)
        kept.append(_without(inner, areas.among(is_divided)))
    return kept


def _areas_beside(named: Bools, limb: Limb, body: Bools, areas: Regions) -> Bools:
    """Large flat areas that are named as a limb, but are off its bones, hand and foot, and next to the body.

    A model may take all of a lens of glasses for the hand beside it.
    """
    along = stroke(named.shape, np.array([*limb.points, tip(limb)]), MARKER_WIDTH * limb.half_width)
    is_beside = (areas.touched_by(named) > NAMED_SHARE * areas.area) & (areas.touched_by(along) == 0)
    is_beside &= areas.area > LARGE_AREA * limb.half_width**2
    is_beside[0] = False  # the lines themselves
    found = np.zeros_like(named)
    for number in np.flatnonzero(is_beside):
        area = areas.among(np.arange(len(is_beside)) == number)
        around = dilated(area, round(RING_WIDTH * limb.half_width)) & ~area
        if (around & body).sum() > BODY_AROUND * around.sum():
            found |= area
    return found


def _without_areas_of_others(markers: list[Bools], limbs: list[Limb], named: list[Bools], of_body: Bools, areas: Regions) -> list[Bools]:
    """The limbs' markers, without flat areas that are named as something else, and that at most the limb's end reaches.

    A hand on a hip takes no trousers along: they are the legs' and the body's.
    """
    counts = np.array([areas.touched_by(inner) for inner in (*named, of_body)])
    all_named, kept = counts.sum(axis=0), []
    for own, marker, limb in zip(counts[:-1], markers, limbs, strict=True):
        elbow, end = limb.points[1:]
        beginning = stroke(
            marker.shape, np.array([limb.points[0], elbow, elbow + END_OF_BONE * (end - elbow)]), MARKER_WIDTH * limb.half_width
        )
        is_others = (own > 0) & (all_named - own > OTHERS_SHARE * all_named) & (areas.touched_by(beginning) == 0)
        kept.append(_without(marker, areas.among(is_others)))
    return kept


def _without(pixels: Bools, flat: Bools) -> Bools:
    """The pixels without those of flat areas, and of the lines' soft edges beside them."""
    return pixels & ~dilated(flat, LINE_EDGE_PX) if flat.any() else pixels


def _inside(area: Bools, half_width_px: float) -> Bools:
    """An area without its border."""
    return eroded(area, max(1, round(BORDER_WIDTH * half_width_px)))

"""Regions of limbs that touch the rest of a figure: which pixels belong to the limb, and which to everything else.

An arm that hangs at the side, rests on the hip or crosses the body is one shape with it in the mask; so are legs that touch each other,
and legs that come out from under a skirt. The border is found by a marker-based watershed (F. Meyer, "Topographic distance and watershed
lines", Signal Processing 38, 1994): markers are the limb's bones, half as wide as the limb, and everything that is clearly too far from
them; the flood meets at the drawn line between them, or half way where none is drawn.

Positions are (x, y), masks (h, w) bool. Functions that take a `Character` take and return px of its image; the others work in px of the
mask reduced to WORKING_SIDE_PX.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeline.ink.dark_lines import dark_lines
from pipeline.ink.regions import eroded, nearest_index, nearest_values, pieces_with
from pipeline.mesh.depth import depth_inside
from pipeline.pose.hems import hem_row, is_gown
from pipeline.pose.limb_measures import (
    MARKER_WIDTH,
    Limb,
    LimbJoints,
    closes_gap,
    contact_length,
    half_width,
    is_attached,
    over_body,
    points_along,
    stroke,
    surroundings,
    touches_other_leg,
    values_at,
)
from pipeline.pose.part_evidence import PartEvidence, part_evidence
from pipeline.pose.part_markers import flat_areas, part_markers
from pipeline.types import Bools, Bytes, Character, Floats, Ints

WORKING_SIDE_PX = 512
"""Longer side of the mask in which regions are found; a border that is off by a pixel of it is invisible."""

TRUNK_DISTANCE = 1.3
"""Lines of the trunk mark no body closer than this to a limb's second bone, in half widths of the limb: it may run in front of them."""

CROOK_DISTANCE = 1.15
"""Between the two bones of a bent limb, pixels farther than this from both are certainly not the limb's, in half widths of the limb.

As part of the limb they would keep it from unfolding.
"""

ROOT_SHARE = 0.3
"""A limb's marker begins at this share of its first bone: what is before it may be under the body's outline."""

MARK_PX = 4
"""Radius of the mark at the end of a limb of which a model sees nothing, image px: a few pixels with which layers.png names the limb."""

MARK_SAMPLES = 24
"""Points along each bone among which the end of such a limb is looked for."""

WHOLE_SHARE = 0.9
"""A limb stays with the body if less than this share of its pixels is in one piece: its joints are probably in the wrong place."""

RIM_WIDTH = 0.4
"""Strips of the body beside a limb are the limb's rim if they are thinner than twice this, in half widths of the limb."""

LINE_WIDTH = 0.5
"""A drawn line is at most this wide, in widths of the narrowest limb; wider ones may be limbs.

On 292 limbs of synthetic figures, shares from 0.3 to 1.0 give nearly the same: of their pixels, 7.2 % are lost, in the median, and 8.4 %
if lines are not divided.
"""

SPECK_SHARE = 0.02
"""A piece with less than this share of an area's pixels is a speck.

Specks of the body go to the nearest limb, even where a line of the trunk runs through them; specks of a limb go back to the body.
"""

CONTACT_OF_LENGTH, CONTACT_OF_HALF_WIDTH = 0.05, 0.5
"""A contact is short if it is at most this share of the limb's length, or this many of its half widths, as in the armpit of a thick arm.

A limb with a short contact needs no layer, unless it closes a gap.
"""

BACKGROUND, BODY, FIRST_LIMB = 1, 2, 3
"""Labels of the flood; each limb has the next number."""

ARM, LEG = ("shoulder", "elbow", "hand"), ("hip", "knee", "foot")
"""AnimatedDrawings' names of a limb's joints, without the side, from the root to the end."""


@dataclass(frozen=True, eq=False)
class LimbRegion:
    """A limb that touches the rest of the figure.

    Attributes:
        joints: of the limb.
        area: (h, w) bool, the limb's pixels in the character's mask; a mark of a few px if a model sees nothing of the limb.
        over_body: (h, w) bool, the part of `area` with the body on both sides of it: the limb crosses the body there.
        covered: (N, 2) float64, image px, the part of the limb's bones that a skirt or a coat covers; none for most limbs.
        half_width_px: of the limb, image px.
    """

    joints: LimbJoints
    area: Bools
    over_body: Bools
    covered: Floats
    half_width_px: float


def limbs_of(joint_names: tuple[str, ...], kind: tuple[str, str, str]) -> tuple[LimbJoints, ...]:
    """The arms or legs of a humanoid rig with AnimatedDrawings' joint names; none for other rigs."""
    index = {name: number for number, name in enumerate(joint_names)}
    chains = [[f"{side}_{joint}" for joint in kind] for side in ("right", "left")]
    return tuple(LimbJoints(*(index[name] for name in chain)) for chain in chains if all(name in index for name in chain))


def touching_limbs(character: Character, parts: Bytes | None = None) -> tuple[LimbRegion, ...]:
    """The limbs that touch the rest of the figure beyond their roots, each with its pixels: legs first, then arms.

    Args:
        parts: as in `touching_areas`.
    """
    return limb_regions(character, touching_areas(character, parts))


def touching_areas(character: Character, parts: Bytes | None = None) -> dict[LimbJoints, Bools]:
    """The pixels (h, w) bool of each limb that touches the rest of the figure beyond its root; a mark for one of which nothing is seen.

    Args:
        parts: (h', w') uint8, the `BodyPart` of each cell, stretched over the character's image, if a model named them.
    """
    mask, scale = _reduced(character.mask)
    joints = character.joints_px() * scale
    limbs = _candidates(*_legs_and_arms(character.rig.joint_names, joints, mask), mask)
    if not limbs:
        return {}
    rgb = np.asarray(cv2.resize(character.rgba, mask.shape[::-1], interpolation=cv2.INTER_AREA)[..., :3], np.uint8)
    evidence = None if parts is None else part_evidence(parts, limbs, character.rig.joint_names, mask)
    are_unseen = (False,) * len(limbs) if evidence is None else evidence.are_unseen
    areas = _areas_with_fallback(rgb, mask, joints, limbs, evidence)
    found = {
        limb.joints: _enlarged(area, mask, character.mask)
        for limb, area, is_unseen in zip(limbs, areas, are_unseen, strict=True)
        if not is_unseen and _is_in_one_piece(limb, area, mask) and touches_figure(limb, area, mask)
    }
    free = character.mask & ~np.any(list(found.values()), axis=0) if found else character.mask
    return found | {limb.joints: _mark(limb.points / scale, free) for limb, is_unseen in zip(limbs, are_unseen, strict=True) if is_unseen}


def _areas_with_fallback(rgb: Bytes, mask: Bools, joints: Floats, limbs: list[Limb], evidence: PartEvidence | None) -> list[Bools]:
    """The pixels of each limb; without named parts for a limb that these would tear: they must not undo what rig and lines show."""
    areas = _areas(rgb, mask, joints, limbs, evidence)
    are_whole = [_is_in_one_piece(limb, area, mask) for limb, area in zip(limbs, areas, strict=True)]
    if evidence is None or all(are_whole):
        return areas
    plain = _areas(rgb, mask, joints, limbs, None)
    mixed = [area if is_whole else other for area, is_whole, other in zip(areas, are_whole, plain, strict=True)]
    return _with_specks(mixed, mask, _trunk(joints, limbs, mask))  # such as the toes that parts gave to the other foot


def _mark(bones: Floats, mask: Bools) -> Bools:
    """A few pixels as near to the end of a limb's bones (3, 2) as the mask reaches: there is a limb, and nothing is seen of it.

    Empty if the bones are beside the mask: they move nothing of it then.
    """
    along = points_along(bones, MARK_SAMPLES)
    on_figure = along[values_at(mask, along) > 0]
    return stroke(mask.shape, on_figure[[-1, -1]], MARK_PX) & mask if len(on_figure) else np.zeros_like(mask)


def gown_joints(character: Character) -> tuple[int, ...]:
    """Knees and feet that a gown covers down to the ground; none for other figures."""
    legs = limbs_of(character.rig.joint_names, LEG)
    mask, scale = _reduced(character.mask)
    joints = character.joints_px() * scale
    if len(legs) < 2 or not is_gown(mask, joints[[[leg.root, leg.middle, leg.end] for leg in legs]]):
        return ()
    return tuple(joint for leg in legs for joint in (leg.middle, leg.end))


def limb_regions(character: Character, areas: Mapping[LimbJoints, Bools]) -> tuple[LimbRegion, ...]:
    """The regions of limbs whose pixels, (h, w) bool inside the character's mask, are known: legs first, then arms."""
    if not areas:
        return ()
    mask, scale = _reduced(character.mask)
    body = mask & ~_resized(np.any(list(areas.values()), axis=0), mask.shape)
    legs, arms = _legs_and_arms(character.rig.joint_names, character.joints_px() * scale, mask)
    found = []
    for limb in (limb for limb in (*legs, *arms) if limb.joints in areas):
        area = areas[limb.joints]
        crossing = np.zeros_like(area) if limb.hem else area & _resized(over_body(limb, body), area.shape)
        covered = limb.covered() / scale if limb.hem else np.zeros((0, 2))
        found.append(LimbRegion(limb.joints, area, crossing, covered, limb.half_width / scale))
    return tuple(found)


def _reduced(mask: Bools) -> tuple[Bools, float]:
    """The mask at the working size, and the factor from px of the image to px of this mask."""
    height, width = mask.shape
    scale = min(1.0, WORKING_SIDE_PX / max(height, width))
    return _resized(mask, (max(1, round(height * scale)), max(1, round(width * scale)))), scale


def _resized(area: Bools, shape: tuple[int, ...]) -> Bools:
    return np.asarray(cv2.resize(area.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST), np.bool_)


def _legs_and_arms(names: tuple[str, ...], joints: Floats, mask: Bools) -> tuple[list[Limb], list[Limb]]:
    """All limbs with their widths; legs with the hem that covers them both."""
    depth = depth_inside(mask, kernel=5)

    def measured(limb: LimbJoints, hem: int = 0) -> Limb:
        bones = Limb(limb, joints[[limb.root, limb.middle, limb.end]], hem)
        return replace(bones, half_width=half_width(bones, mask, depth))

    legs = [measured(leg) for leg in limbs_of(names, LEG)]
    if len(legs) == 2:
        hem = hem_row(mask, np.stack([leg.points for leg in legs]))
        if hem is not None:
            legs = [measured(leg.joints, hem) for leg in legs]
    return legs, [measured(arm) for arm in limbs_of(names, ARM)]


def _candidates(legs: list[Limb], arms: list[Limb], mask: Bools) -> list[Limb]:
    """The limbs that seem to touch something: both legs under a hem, or those that touch each other; and arms."""
    if len(legs) == 2 and not legs[0].hem and is_gown(mask, np.stack([leg.points for leg in legs])):
        legs = []
    touching_legs = [leg for leg in legs if leg.hem or touches_other_leg(leg, mask)]
    return touching_legs + [arm for arm in arms if is_attached(arm, mask) or closes_gap(arm, mask)]


def touches_figure(limb: Limb, area: Bools, mask: Bools) -> bool:
    """Whether a limb touches the rest of the figure beyond its root.

    Args:
        area: (h, w) bool, the limb's pixels in the figure's mask.
        mask: (h, w) bool.
    """
    short_px = max(CONTACT_OF_LENGTH * limb.length, CONTACT_OF_HALF_WIDTH * limb.half_width)
    contact_px = contact_length(limb, area, mask)
    return bool(limb.hem) or contact_px > short_px or (contact_px > 0.0 and closes_gap(limb, mask))


def _is_in_one_piece(limb: Limb, area: Bools, mask: Bools) -> bool:
    """Whether nearly all of the limb's pixels hang together, if need be over its root. Separate pieces would fly off."""
    root = stroke(mask.shape, limb.covered() if limb.hem else limb.points[:2], MARKER_WIDTH * limb.half_width) & mask
    _, pieces = cv2.connectedComponents((area | root).astype(np.uint8), connectivity=8)
    return bool(np.bincount(pieces[area], minlength=2)[1:].max(initial=0) >= WHOLE_SHARE * max(int(area.sum()), 1))


def _enlarged(area: Bools, mask: Bools, whole: Bools) -> Bools:
    """A limb's area at the size of the whole mask, without specks; pixels near its border belong to the nearer side."""
    size = (whole.shape[1], whole.shape[0])
    side = area.astype(np.float32) - (mask & ~area)
    large = np.asarray(whole & (cv2.GaussianBlur(cv2.resize(side, size, interpolation=cv2.INTER_LINEAR), (0, 0), 1.5) > 0.0), np.bool_)
    return pieces_with(large, large, corners_join=False, min_share=SPECK_SHARE)


def _areas(rgb: Bytes, mask: Bools, joints: Floats, limbs: list[Limb], evidence: PartEvidence | None) -> list[Bools]:
    """The pixels of each limb, by one watershed from markers of all limbs and of the body."""
    named = () if evidence is None else evidence.limbs
    near = np.any([*(surroundings(limb, mask.shape) for limb in limbs), *named], axis=0)
    trunk = _trunk(joints, limbs, mask)
    smooth = np.ascontiguousarray(cv2.GaussianBlur(rgb, (3, 3), 0), np.uint8)
    limb_markers, body_marker = _markers(smooth, mask, limbs, near, trunk, evidence=evidence)
    areas = _flood_areas(smooth, mask, limb_markers, body_marker, line_px=round(LINE_WIDTH * min(limb.half_width for limb in limbs)))
    return _with_specks(_with_rims(areas, mask, near, limbs), mask, trunk)


def _markers(
    rgb: Bytes, mask: Bools, limbs: list[Limb], near: Bools, trunk: Bools, *, evidence: PartEvidence | None
) -> tuple[list[Bools], Bools]:
    """Where the flood begins: the pixels that surely belong to each limb, and those that surely belong to the body.

    A limb's marker is its bones; the body's is what is not `near` any limb, and the lines of the trunk. Where a model named parts, these
    replace bones and trunk, but for the parts' borders, which a model draws coarsely.
    """
    limb_markers = [stroke(mask.shape, limb.visible(begin=ROOT_SHARE), MARKER_WIDTH * limb.half_width) & mask for limb in limbs]
    body = trunk
    if evidence is not None:
        limb_markers, body = part_markers(evidence, limbs, limb_markers, trunk, flat_areas(rgb, mask))
    crooks = [_inside_of_bend(limb, mask) for limb in limbs]
    limb_markers = [marker & ~crook for marker, crook in zip(limb_markers, crooks, strict=True)]
    body = (mask & ~near) | body | np.any(crooks, axis=0)
    beside_limbs = cv2.dilate(np.any(limb_markers, axis=0).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_)
    return limb_markers, body & ~beside_limbs  # with a pixel between them, in which the flood finds the border


def _flood_areas(rgb: Bytes, mask: Bools, limb_markers: list[Bools], body_marker: Bools, *, line_px: int) -> list[Bools]:
    """The pixels that the flood reaches from each limb's marker, in pieces that hold some of it.

    Args:
        line_px: half the width of the widest drawn lines.
    """
    markers = np.zeros(mask.shape, np.int32)
    markers[~mask], markers[body_marker] = BACKGROUND, BODY
    for number, marker in enumerate(limb_markers, start=FIRST_LIMB):
        markers[marker] = number
    label = np.asarray(cv2.watershed(rgb, markers), np.int32)
    # Outlines beside the background are flooded from there: they belong to what they are the outline of.
    label = np.where(mask, nearest_values(label, label >= BODY), 0)
    label = _with_divided_lines(label, mask, dark_lines(rgb, line_px), np.any([body_marker, *limb_markers], axis=0), line_px)
    return [pieces_with(label == number, marker, corners_join=False) for number, marker in enumerate(limb_markers, start=FIRST_LIMB)]


def _with_divided_lines(label: Ints, mask: Bools, lines: Bools, markers: Bools, line_px: int) -> Ints:
    """The labels (h, w) of a flood, where drawn lines have the label of the nearest area beside them.

    Outlines meet where a limb leaves the body. A flood that reaches them first runs along all of them, and a spike of the body's outline
    would hang from the limb, or the other way round. A line whose middle is marked, such as a stick in a hand, keeps its label.
    """
    beside, distance = nearest_index(eroded(mask & ~lines, 1) | markers)
    marked, to_mark = nearest_index(markers & lines)
    is_marked = to_mark <= depth_inside(lines, kernel=5).ravel()[marked].reshape(label.shape)
    return np.where(mask & ~is_marked & (distance <= line_px), label.ravel()[beside].reshape(label.shape), label)


def _inside_of_bend(limb: Limb, mask: Bools) -> Bools:
    """What is between the two bones of a bent limb, but not close to them. Pieces that reach the background are the limb's own outline."""
    between = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(between, np.round(limb.points * 8).astype(np.int32), 1, shift=3)
    crook = between.astype(np.bool_) & ~stroke(mask.shape, limb.points, CROOK_DISTANCE * limb.half_width)
    return crook & ~pieces_with(crook, ~mask, corners_join=False)


def _trunk(joints: Floats, limbs: list[Limb], mask: Bools) -> Bools:
    """Lines from the middle of the trunk to its joints: surely the body's, except where a limb may run in front of them."""
    in_limbs = {joint for limb in limbs for joint in (limb.joints.middle, limb.joints.end)}
    center = joints[[joint for joint in range(len(joints)) if joint not in in_limbs]]
    thin = MARKER_WIDTH * min(limb.half_width for limb in limbs)
    lines = np.any([stroke(mask.shape, np.array([center.mean(axis=0), joint]), thin) for joint in center], axis=0) & mask
    for limb in limbs:
        if not limb.hem:
            lines &= ~stroke(mask.shape, limb.points[1:], TRUNK_DISTANCE * limb.half_width)
    return np.asarray(lines, np.bool_)


def _with_rims(areas: list[Bools], mask: Bools, near: Bools, limbs: list[Limb]) -> list[Bools]:
    """The areas with the thin strips of the body beside them: masks reach a little beyond the outline of a limb."""
    rest = mask & ~np.any(areas, axis=0)
    size = 2 * max(1, round(RIM_WIDTH * min(limb.half_width for limb in limbs))) + 1
    wide = cv2.morphologyEx(rest.astype(np.uint8), cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return _with_nearest(areas, rest & near & (wide == 0))


def _with_nearest(areas: list[Bools], pixels: Bools) -> list[Bools]:
    """The areas, each with those of `pixels` that are nearest to it."""
    if not pixels.any():
        return areas
    if len(areas) == 1:
        return [areas[0] | pixels]
    distances = [cv2.distanceTransform((~area).astype(np.uint8), cv2.DIST_L2, 3)[pixels] for area in areas]
    owner = np.argmin(distances, axis=0)
    grown = [area.copy() for area in areas]
    for number, area in enumerate(grown):
        area[pixels] |= owner == number
    return grown


def _with_specks(areas: list[Bools], mask: Bools, trunk: Bools) -> list[Bools]:
    """The areas with the pieces that they cut off from the trunk, such as feet and the far side of outlines."""
    rest = mask & ~np.any(areas, axis=0)
    return _with_nearest(areas, rest & ~pieces_with(rest, trunk, corners_join=False, min_share=SPECK_SHARE))

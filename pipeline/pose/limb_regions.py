"""Regions of limbs that touch the rest of a figure: which pixels belong to the limb, and which to everything else.

An arm that hangs at the side, rests on the hip or crosses the body is one shape with it in the mask; so are legs that touch each other,
and legs that come out from under a skirt. The border is found by a marker-based watershed (F. Meyer, "Topographic distance and watershed
lines", Signal Processing 38, 1994): markers are the limb's bones, half as wide as the limb, and everything that is clearly too far from
them; the flood meets at the drawn line between them, or half way where none is drawn.

Positions are (x, y), masks (h, w) bool. Public functions take and return px of the character's image; private ones work in px of the mask
reduced to WORKING_SIDE_PX.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeline.ink.regions import nearest_values, regions_of
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
from pipeline.types import Bools, Bytes, Character, Floats

WORKING_SIDE_PX = 512
"""Regions are searched at this size; a border that is off by a pixel of it is invisible."""

TRUNK_DISTANCE = 1.3
"""Bones of the trunk closer than this to a limb's second bone don't mark the body, as the limb may run in front of them; in half widths."""

CROOK_DISTANCE = 1.15
"""Inside of a bent elbow or knee, a pixel is certainly not the limb's from this distance to its bones on, in half widths of the limb.

As part of the limb it would keep the limb from unfolding.
"""

ROOT_SHARE = 0.3
"""The first part of a limb may be under the body's outline; its marker begins behind it."""

MARK_PX, MARK_SAMPLES = 4, 24
"""Radius of the mark at the end of a limb of which nothing is seen, and at how many points along each bone that end is looked for."""

WHOLE_SHARE = 0.9
"""A limb of which less is in one piece was not understood, and stays with the body."""

RIM_WIDTH = 0.4
"""Body parts thinner than twice this many half widths, close to a limb, are its rim."""

SPECK_SHARE = 0.02
"""Smaller pieces beside a limb belong to it even where a bone of the trunk runs through them."""

CONTACT_OF_LENGTH, CONTACT_OF_HALF_WIDTH = 0.05, 0.5
"""A limb that touches the rest of the figure along less than this share of its length, or less than this many of its half widths, needs no
layer unless there is a gap between them: the armpit of a thick arm is no longer than that."""


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


ARM, LEG = ("shoulder", "elbow", "hand"), ("hip", "knee", "foot")


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
    areas = _areas(rgb, mask, joints, limbs, evidence)
    are_whole = [_is_in_one_piece(limb, area, mask) for limb, area in zip(limbs, areas, strict=True)]
    if evidence is not None and not all(are_whole):  # parts in the wrong place must not undo what rig and lines show
        plain = _areas(rgb, mask, joints, limbs, None)
        mixed = [area if is_whole else other for area, is_whole, other in zip(areas, are_whole, plain, strict=True)]
        areas = _with_specks(mixed, mask, _trunk(joints, limbs, mask))  # such as the toes that parts gave to the other foot
        are_whole = [_is_in_one_piece(limb, area, mask) for limb, area in zip(limbs, areas, strict=True)]
    unseen = [] if evidence is None else [limb for limb, is_unseen in zip(limbs, evidence.are_unseen, strict=True) if is_unseen]
    found = {
        limb.joints: _enlarged(area, mask, character.mask)
        for limb, area, is_whole in zip(limbs, areas, are_whole, strict=True)
        if is_whole and limb not in unseen and touches_figure(limb, area, mask)
    }
    free = character.mask & ~np.any(list(found.values()), axis=0) if found else character.mask
    return found | {limb.joints: _mark(limb.points / scale, free) for limb in unseen}


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
    """The mask at the working size, and its px per px of the image."""
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
    """Whether a limb with the pixels `area` touches the rest of the figure beyond its root."""
    least = max(CONTACT_OF_LENGTH * limb.length, CONTACT_OF_HALF_WIDTH * limb.half_width)
    contact = contact_length(limb, area, mask)
    return bool(limb.hem) or contact > least or (contact > 0.0 and closes_gap(limb, mask))


def _is_in_one_piece(limb: Limb, area: Bools, mask: Bools) -> bool:
    """Whether the limb's pixels reach from its root to its end without a gap. Joints in the wrong place give pieces that would fly off."""
    root = stroke(mask.shape, limb.covered() if limb.hem else limb.points[:2], MARKER_WIDTH * limb.half_width) & mask
    _, pieces = cv2.connectedComponents((area | root).astype(np.uint8), connectivity=8)
    return bool(np.bincount(pieces[area], minlength=2)[1:].max(initial=0) >= WHOLE_SHARE * max(int(area.sum()), 1))


def _enlarged(area: Bools, mask: Bools, whole: Bools) -> Bools:
    """A limb's area at the size of the whole mask, without specks; pixels on the border belong to the nearer side."""
    size = (whole.shape[1], whole.shape[0])
    side = area.astype(np.float32) - (mask & ~area)
    large = np.asarray(whole & (cv2.GaussianBlur(cv2.resize(side, size, interpolation=cv2.INTER_LINEAR), (0, 0), 1.5) > 0.0), np.bool_)
    return _pieces_with(large, large, min_share=SPECK_SHARE)


def _areas(rgb: Bytes, mask: Bools, joints: Floats, limbs: list[Limb], evidence: PartEvidence | None) -> list[Bools]:
    """The pixels of each limb, by one watershed from the bones of all limbs and from what is far from all of them.

    Body parts that a model named begin the flood, too, but for their borders, which a model draws coarsely.
    """
    limb_markers = [stroke(mask.shape, limb.visible(begin=ROOT_SHARE), MARKER_WIDTH * limb.half_width) & mask for limb in limbs]
    near = np.any([surroundings(limb, mask.shape) for limb in limbs], axis=0)
    trunk = _trunk(joints, limbs, mask)
    body = (mask & ~near) | trunk
    smooth = np.ascontiguousarray(cv2.GaussianBlur(rgb, (3, 3), 0), np.uint8)
    if evidence is not None:
        named, of_body = part_markers(evidence, limbs, limb_markers, trunk, flat_areas(smooth, mask))
        limb_markers = [
            (marker & area) | inner if area.any() else marker
            for marker, area, inner in zip(limb_markers, evidence.limbs, named, strict=True)
        ]
        near |= np.any(evidence.limbs, axis=0)
        body = (mask & ~near) | of_body
    crooks = [_inside_of_bend(limb, mask) for limb in limbs]
    limb_markers = [marker & ~crook for marker, crook in zip(limb_markers, crooks, strict=True)]
    body |= np.any(crooks, axis=0)
    for limb in limbs:
        if limb.hem:
            cover = round(limb.hem - limb.half_width)
            body[:cover] |= mask[:cover] & ~near[:cover]
    body &= ~cv2.dilate(np.any(limb_markers, axis=0).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_)
    markers = np.zeros(mask.shape, np.int32)
    markers[~mask], markers[body] = 1, 2
    for number, marker in enumerate(limb_markers, start=3):
        markers[marker] = number
    label = np.asarray(cv2.watershed(smooth, markers), np.int32)
    # Outlines beside the background are flooded from there: they belong to what they are the outline of.
    label = np.where(mask, nearest_values(label, label >= 2), 0)
    areas = [(label == number) & _pieces_with(label == number, marker) for number, marker in enumerate(limb_markers, start=3)]
    return _with_specks(_with_rims(areas, mask, near, limbs), mask, trunk)


def _inside_of_bend(limb: Limb, mask: Bools) -> Bools:
    """What is between the two bones of a bent limb, but not close to them; nothing beside a gap, where it is the limb's own outline."""
    between = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(between, np.round(limb.points * 8).astype(np.int32), 1, shift=3)
    crook = between.astype(np.bool_) & ~stroke(mask.shape, limb.points, CROOK_DISTANCE * limb.half_width)
    return crook & ~_pieces_with(crook, ~mask)


def _trunk(joints: Floats, limbs: list[Limb], mask: Bools) -> Bools:
    """Lines between the joints outside of the limbs, which surely belong to the body, except where a limb may run in front of them."""
    in_limbs = {joint for limb in limbs for joint in (limb.joints.middle, limb.joints.end)}
    center = joints[[joint for joint in range(len(joints)) if joint not in in_limbs]]
    thin = MARKER_WIDTH * min(limb.half_width for limb in limbs)
    lines = np.any([stroke(mask.shape, np.array([center.mean(axis=0), joint]), thin) for joint in center], axis=0) & mask
    for limb in limbs:
        if not limb.hem:
            lines &= ~stroke(mask.shape, limb.points[1:], TRUNK_DISTANCE * limb.half_width)
    return np.asarray(lines, np.bool_)


def _with_rims(areas: list[Bools], mask: Bools, near: Bools, limbs: list[Limb]) -> list[Bools]:
    """The areas with thin rims of the body beside them: masks reach a little beyond the outline of a limb."""
    rest = mask & ~np.any(areas, axis=0)
    size = 2 * max(1, round(RIM_WIDTH * min(limb.half_width for limb in limbs))) + 1
    wide = cv2.morphologyEx(rest.astype(np.uint8), cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return _assign_to_nearest(areas, rest & near & (wide == 0))


def _assign_to_nearest(areas: list[Bools], pixels: Bools) -> list[Bools]:
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
    specks = rest & ~_pieces_with(rest, trunk, min_share=SPECK_SHARE)
    return _assign_to_nearest(areas, specks)


def _pieces_with(area: Bools, markers: Bools, *, min_share: float = 0.0) -> Bools:
    """The connected pieces of an area that hold a marker, and at least a share of the whole area."""
    pieces = regions_of(area, corners_join=False)
    is_large = pieces.area >= min_share * max(int(pieces.area[1:].sum()), 1)
    return pieces.among((pieces.touched_by(markers) > 0) & is_large)

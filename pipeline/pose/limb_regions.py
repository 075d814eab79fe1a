"""Regions of limbs that touch the rest of a figure: which pixels belong to the limb, and which to everything else.

An arm that hangs at the side, rests on the hip or crosses the body is one shape with it in the mask; so are legs that touch each other.
The border is found by a marker-based watershed (F. Meyer, "Topographic distance and watershed lines", Signal Processing 38, 1994): markers
are the limb's bones, half as wide as the limb, and everything that is clearly too far from them; the flood meets at the drawn line between
them, or half way where none is drawn.

Positions are image px (x, y); masks are (h, w) bool.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from pipeline.mesh.depth import depth_inside
from pipeline.types import Bools, Bytes, Character, Floats, Singles

WORKING_SIDE_PX = 512
"""Regions are searched at this size; a border that is off by a pixel of it is invisible."""

WIDEST_OF_HEIGHT = 0.08
"""Upper bound of an arm's half width, as a share of the figure's height, for arms in front of the body, whose outline is not the mask's."""

TRUNK_DISTANCE = 1.3
"""Bones of the trunk mark the body up to this distance from a limb's second bone, which may run in front of them, in half widths."""

MARKER_WIDTH, BODY_DISTANCE = 0.5, 1.8
"""In half widths of the arm: up to the first a pixel is certainly the arm's, from the second on certainly not."""

HAND_LENGTH = 3.5
"""How far a hand reaches beyond its joint, in half widths of the limb."""

END_REACH = 3.0
"""How far a hand or a foot reaches around its joint, in half widths of the limb."""

ROOT_SHARE = 0.3
"""The first part of a limb may be under the body's outline; its marker begins behind it."""

FREE_REACH = 2.2
"""An arm is free where the mask ends within so many of its half widths on both sides."""

FREE_SHARE = 0.85
SAMPLES = 24

SKIRT_FLARE = 1.12
"""Trousers are at most so many times as wide as the hips; skirts widen."""

WHOLE_SHARE = 0.9
"""A limb of which less is in one piece was not understood, and stays with the body."""

RIM_WIDTH = 0.4
"""Body parts thinner than twice this many half widths, close to a limb, are its rim."""

SPECK_SHARE = 0.02
"""Smaller pieces beside a limb belong to it even where a bone of the trunk runs through them."""

UPPER_SHARE = 0.6
"""The border to the body within this share of the upper arm is the shoulder."""

CONTACT_OF_LENGTH = 0.12
"""An arm that touches the body along less than this share of its length needs no layer."""


@dataclass(frozen=True)
class LimbJoints:
    """A limb as joint indices of a rig: where it hangs on the body, its middle joint and its end."""

    root: int
    middle: int
    end: int


@dataclass(frozen=True, eq=False)
class LimbRegion:
    """A limb that touches the rest of the figure.

    Attributes:
        joints: of the limb.
        area: (h, w) bool, the limb's pixels in the character's mask.
        over_body: (h, w) bool, the part of `area` with the body on both sides of it: the limb crosses the body there.
        half_width_px: of the limb, image px.
    """

    joints: LimbJoints
    area: Bools
    over_body: Bools
    half_width_px: float


ARM, LEG = ("shoulder", "elbow", "hand"), ("hip", "knee", "foot")


def limbs_of(joint_names: tuple[str, ...], kind: tuple[str, str, str]) -> tuple[LimbJoints, ...]:
    """The arms or legs of a humanoid rig with AnimatedDrawings' joint names; none for other rigs."""
    index = {name: place for place, name in enumerate(joint_names)}
    chains = [[f"{side}_{joint}" for joint in kind] for side in ("right", "left")]
    return tuple(LimbJoints(*(index[name] for name in chain)) for chain in chains if all(name in index for name in chain))


def touching_limbs(character: Character) -> tuple[LimbRegion, ...]:
    """The limbs that touch the rest of the figure beyond their roots, each with its pixels: legs first, then arms."""
    height, width = character.mask.shape
    side = max(height, width)
    scale = min(1.0, WORKING_SIDE_PX / side)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    mask = cv2.resize(character.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)
    rgb = np.asarray(cv2.resize(character.rgba[..., :3], size, interpolation=cv2.INTER_AREA), np.uint8)
    joints = np.stack([character.rig.rest[:, 0], 1.0 - character.rig.rest[:, 1]], axis=1) * side * scale
    depth = depth_inside(mask, kernel=5)
    names = character.rig.joint_names
    legs = limbs_of(names, LEG)
    limbs = [] if _wears_skirt(joints, legs, mask) else [leg for leg in legs if _touches_other_leg(joints, leg, mask, depth)]
    limbs += [limb for limb in limbs_of(names, ARM) if _is_attached(joints, limb, mask, depth)]
    if not limbs:
        return ()
    half_widths = [_half_width(joints, limb, mask, depth) for limb in limbs]
    areas = _areas(rgb, mask, joints, limbs, half_widths)
    found = []
    for limb, half_width, area in zip(limbs, half_widths, areas, strict=True):
        touches = _contact_length(area, mask, joints, limb, half_width) > CONTACT_OF_LENGTH * _length(joints, limb)
        if touches and _is_in_one_piece(area, mask, joints, limb, half_width):
            whole = _enlarged(area, mask, character.mask)
            crossing = _over_body(joints, limb, half_width, mask & ~np.any(areas, axis=0))
            crossing = np.asarray(cv2.resize(crossing.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST), np.bool_)
            found.append(LimbRegion(limb, whole, whole & crossing, half_width / scale))
    return tuple(found)


def _is_in_one_piece(area: Bools, mask: Bools, joints: Floats, limb: LimbJoints, half_width: float) -> bool:
    """Whether the limb's pixels reach from its root to its end without a gap: joints in the wrong place give pieces that would fly off."""
    root = _polyline(mask.shape, [joints[limb.root], joints[limb.middle]], MARKER_WIDTH * half_width) & mask
    _, pieces = cv2.connectedComponents((area | root).astype(np.uint8), connectivity=8)
    return bool(np.bincount(pieces[area], minlength=2)[1:].max(initial=0) >= WHOLE_SHARE * max(int(area.sum()), 1))


def _over_body(joints: Floats, limb: LimbJoints, half_width: float, body: Bools) -> Bools:
    """A wide band along the part of the limb that has the body on both sides."""
    points, normals = _samples(joints, limb)
    steps = np.linspace(0.5, FREE_REACH, 12) * half_width
    sides = [_at(body, points[:, None] + sign * steps[None, :, None] * normals[:, None]).astype(np.bool_).any(axis=1) for sign in (1, -1)]
    crossing = np.asarray(sides[0] & sides[1], np.bool_)
    band = np.zeros_like(body)
    for first in np.flatnonzero(crossing[:-1] & crossing[1:]):
        band |= _polyline(body.shape, [points[first], points[first + 1]], FREE_REACH * half_width)
    return band


def _enlarged(area: Bools, mask: Bools, whole: Bools) -> Bools:
    """A limb's area at the size of the whole mask; pixels on the border belong to the nearer side."""
    size = (whole.shape[1], whole.shape[0])
    own, other = (
        cv2.GaussianBlur(cv2.resize(each.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), (0, 0), 1.5)
        for each in (area, mask & ~area)
    )
    return np.asarray(whole & (own > other), np.bool_)


def _samples(joints: Floats, limb: LimbJoints) -> tuple[Floats, Floats]:
    """Points along the limb from the middle of its first bone to its end, (N, 2), and unit normals."""
    points, normals = [], []
    for first, last, begin in ((limb.root, limb.middle, 0.5), (limb.middle, limb.end, 0.0)):
        bone = joints[last] - joints[first]
        length = float(np.linalg.norm(bone))
        if length < 1e-6:
            continue
        steps = np.linspace(begin, 1.0, SAMPLES)[:, None]
        points.append(joints[first] + steps * bone)
        normals.append(np.tile([-bone[1] / length, bone[0] / length], (SAMPLES, 1)))
    return (np.concatenate(points), np.concatenate(normals)) if points else (np.zeros((0, 2)), np.zeros((0, 2)))


def _length(joints: Floats, limb: LimbJoints) -> float:
    return float(np.linalg.norm(joints[limb.middle] - joints[limb.root]) + np.linalg.norm(joints[limb.end] - joints[limb.middle]))


def _height(mask: Bools) -> float:
    rows = np.flatnonzero(mask.any(axis=1))
    return float(rows[-1] - rows[0] + 1) if rows.size else 0.0


def _at(values: Singles | Bools, points: Floats) -> Floats:
    """Values at points, 0 outside of the image."""
    column, row = np.floor(points[..., 0]).astype(int), np.floor(points[..., 1]).astype(int)
    inside = (column >= 0) & (row >= 0) & (column < values.shape[1]) & (row < values.shape[0])
    found = values[np.clip(row, 0, values.shape[0] - 1), np.clip(column, 0, values.shape[1] - 1)]
    return np.asarray(np.where(inside, found, 0), np.float64)


def _half_width(joints: Floats, limb: LimbJoints, mask: Bools, depth: Singles) -> float:
    points, _ = _samples(joints, limb)
    seen = _at(depth, points)
    seen = seen[seen > 0]
    narrow = float(np.percentile(seen, 35)) if seen.size else 1.5
    return float(np.clip(narrow, 1.5, WIDEST_OF_HEIGHT * _height(mask)))


def _is_attached(joints: Floats, limb: LimbJoints, mask: Bools, depth: Singles) -> bool:
    """Whether the figure goes on beside the limb, on one side at least, along more than a small part of it."""
    points, normals = _samples(joints, limb)
    if not len(points):
        return False
    first, second = _free_sides(points, normals, mask, FREE_REACH * _half_width(joints, limb, mask, depth) + 1.0)
    return bool((first & second).mean() < FREE_SHARE)


def _touches_other_leg(joints: Floats, limb: LimbJoints, mask: Bools, depth: Singles) -> bool:
    """Whether a leg is attached on one side only: trousers touch the other leg, while a skirt surrounds the leg on both sides."""
    points, normals = _samples(joints, limb)
    if not len(points):
        return False
    first, second = _free_sides(points, normals, mask, FREE_REACH * _half_width(joints, limb, mask, depth) + 1.0)
    outer = max(first.mean(), second.mean())
    return bool(outer >= FREE_SHARE and (first & second).mean() < FREE_SHARE)


def _wears_skirt(joints: Floats, legs: tuple[LimbJoints, ...], mask: Bools) -> bool:
    """Whether the figure widens below its hips without a gap between its legs. Assumes an upright figure."""
    if len(legs) != 2:
        return False
    hips = joints[[leg.root for leg in legs]].mean(axis=0)
    knees = joints[[leg.middle for leg in legs]].mean(axis=0)
    widths = [_width_at(mask, hips + share * (knees - hips)) for share in (0.0, 0.5, 0.75, 1.0)]
    return max(widths[1:]) > SKIRT_FLARE * widths[0] > 0.0


def _width_at(mask: Bools, point: Floats) -> float:
    """Width in px of the mask's row around a point; 0 if the point is in a gap."""
    row = mask[int(np.clip(point[1], 0, mask.shape[0] - 1))]
    column = int(np.clip(point[0], 0, mask.shape[1] - 1))
    if not row[column]:
        return 0.0
    gaps = np.flatnonzero(~row)
    left, right = gaps[gaps < column], gaps[gaps > column]
    return float((right[0] if right.size else len(row)) - (left[-1] if left.size else -1) - 1)


def _free_sides(points: Floats, normals: Floats, mask: Bools, reach: float) -> tuple[Bools, Bools]:
    """Whether the mask ends within `reach` of each point, (N,) on the side of its normal, and on the other side."""
    ends = []
    for sign in (1.0, -1.0):
        ray = points[:, None] + sign * normals[:, None] * np.linspace(0.0, reach, 16)[None, :, None]
        ends.append(np.asarray(_at(mask, ray).min(axis=1) == 0))
    return ends[0], ends[1]


def _areas(rgb: Bytes, mask: Bools, joints: Floats, limbs: list[LimbJoints], half_widths: list[float]) -> list[Bools]:
    """The pixels of each limb, by one watershed from the bones of all limbs and from what is far from all of them."""
    limb_markers, near = [], np.zeros_like(mask)
    for limb, half_width in zip(limbs, half_widths, strict=True):
        root, middle, end = joints[[limb.root, limb.middle, limb.end]]
        begin = root * (1.0 - ROOT_SHARE) + middle * ROOT_SHARE
        limb_markers.append(_polyline(mask.shape, [begin, middle, end], MARKER_WIDTH * half_width) & mask)
        near |= _polyline(mask.shape, [root, middle, end], BODY_DISTANCE * half_width)
        onwards = (end - middle) / max(float(np.linalg.norm(end - middle)), 1e-6)
        near |= _polyline(mask.shape, [end, end], END_REACH * half_width)
        near |= _polyline(mask.shape, [end, end + HAND_LENGTH * half_width * onwards], BODY_DISTANCE * half_width)
    in_limbs = {joint for limb in limbs for joint in (limb.middle, limb.end)}
    body = mask & ~near
    thin = MARKER_WIDTH * min(half_widths)
    over_trunk = np.zeros_like(mask)
    for limb, half_width in zip(limbs, half_widths, strict=True):
        over_trunk |= _polyline(mask.shape, [joints[limb.middle], joints[limb.end]], TRUNK_DISTANCE * half_width)
    trunk = (
        np.any([_polyline(mask.shape, [first, last], thin) for first, last in _trunk_bones(joints, in_limbs)], axis=0) & mask & ~over_trunk
    )
    body |= trunk
    body &= ~cv2.dilate(np.any(limb_markers, axis=0).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_)
    markers = np.zeros(mask.shape, np.int32)
    markers[~mask], markers[body] = 1, 2
    for number, marker in enumerate(limb_markers, start=3):
        markers[marker] = number
    label = cv2.watershed(np.ascontiguousarray(cv2.GaussianBlur(rgb, (3, 3), 0)), markers)
    # Outlines beside the background are flooded from there: they belong to what they are the outline of.
    nearest = ndimage.distance_transform_edt(label < 2, return_distances=False, return_indices=True)
    label = np.where(mask, label[nearest[0], nearest[1]], 0)
    areas = [(label == number) & _pieces_with(label == number, marker) for number, marker in enumerate(limb_markers, start=3)]
    return _with_specks(_with_rims(areas, mask, near, half_widths), mask, trunk)


def _with_rims(areas: list[Bools], mask: Bools, near: Bools, half_widths: list[float]) -> list[Bools]:
    """The areas with thin rims of the body beside them: masks reach a little beyond the outline of a limb."""
    rest = mask & ~np.any(areas, axis=0)
    size = 2 * max(1, round(RIM_WIDTH * min(half_widths))) + 1
    opened = cv2.morphologyEx(rest.astype(np.uint8), cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return _nearest_gets(areas, rest & near & (opened == 0))


def _nearest_gets(areas: list[Bools], pixels: Bools) -> list[Bools]:
    if not pixels.any():
        return areas
    distances = np.stack([cv2.distanceTransform((~area).astype(np.uint8), cv2.DIST_L2, 3) for area in areas])
    owner = distances.argmin(axis=0)
    return [area | (pixels & (owner == number)) for number, area in enumerate(areas)]


def _trunk_bones(joints: Floats, in_limbs: set[int]) -> list[tuple[Floats, Floats]]:
    """Lines between the joints outside of the limbs: they surely belong to the body."""
    center = joints[[joint for joint in range(len(joints)) if joint not in in_limbs]]
    middle = center.mean(axis=0)
    return [(middle, joint) for joint in center]


def _with_specks(areas: list[Bools], mask: Bools, trunk: Bools) -> list[Bools]:
    """The areas with the pieces that they cut off from the trunk, such as feet and the far side of outlines."""
    rest = mask & ~np.any(areas, axis=0)
    specks = rest & ~_pieces_with(rest, trunk, least_share=SPECK_SHARE)
    return _nearest_gets(areas, specks)


def _pieces_with(area: Bools, markers: Bools, *, least_share: float = 0.0) -> Bools:
    """The connected pieces of an area that hold a marker, and at least a share of the whole area."""
    _, pieces = cv2.connectedComponents(area.astype(np.uint8), connectivity=4)
    sizes = np.bincount(pieces.ravel())
    kept = np.zeros(len(sizes), np.bool_)
    kept[np.unique(pieces[area & markers])] = True
    kept &= sizes >= least_share * max(int(area.sum()), 1)
    kept[0] = False
    return np.asarray(kept[pieces], np.bool_)


def _polyline(shape: tuple[int, ...], points: list[Floats], radius: float) -> Bools:
    canvas = np.zeros(shape, np.uint8)
    line = np.round(np.array(points) * 8).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [line], isClosed=False, color=1, thickness=max(1, round(2 * radius)), lineType=cv2.LINE_8, shift=3)
    return canvas.astype(bool)


def _contact_length(area: Bools, mask: Bools, joints: Floats, limb: LimbJoints, half_width: float) -> float:
    """Length in px of the border between the limb and the rest of the figure, away from where the limb hangs on the body."""
    rest = mask & ~cv2.dilate(area.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    beside = cv2.dilate(rest.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    border = area & beside
    row, column = np.nonzero(border)
    along = _distance_along(np.stack([column + 0.5, row + 0.5], axis=1), joints, limb)
    upper = float(np.linalg.norm(joints[limb.middle] - joints[limb.root]))
    return float((along > max(UPPER_SHARE * upper, 2.0 * half_width)).sum()) / 2.0  # the border is about two pixels deep


def _distance_along(points: Floats, joints: Floats, limb: LimbJoints) -> Floats:
    """Distance (N,) in px along the limb from its root to where each point (N, 2) is closest to it."""
    along, away = [], []
    start = 0.0
    for first, last in ((limb.root, limb.middle), (limb.middle, limb.end)):
        bone = joints[last] - joints[first]
        length = max(float(np.linalg.norm(bone)), 1e-6)
        share = np.clip((points - joints[first]) @ bone / length**2, 0.0, 1.0)
        away.append(np.linalg.norm(points - joints[first] - share[:, None] * bone, axis=1))
        along.append(start + share * length)
        start += length
    return np.asarray(np.where(away[0] <= away[1], along[0], along[1]), np.float64)

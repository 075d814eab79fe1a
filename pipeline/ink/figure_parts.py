"""Choose the solid pieces of a crop that are the figure: the body, its detached hat and hands, and nothing of its neighbors.

Masks are (h, w) bool. `keypoints` are (17, 3) float64 x, y in px, score; `lines` are their bones, (B, 4) float64 px, of
`pipeline.ink.bone_lines.bones`. Without them, size and place decide.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.ink.bone_lines import drawn_lines, see_through_areas, usable
from pipeline.ink.regions import Regions, border_contact, corner_regions, dilated, disc, opened, perimeters, regions_of
from pipeline.types import Bools, Floats

NEAR_SHARE = 0.03
"""A detached part is the figure's if it is within this share of the longer side."""

HELD_SHARE = 0.02
"""A part holds a joint that is no farther from it than this share of the longer side."""

MIN_PART = 0.004
"""Smaller parts than this share of the body are dirt, unless they hold a joint."""

CUT_SHARE = 0.12
"""A detached part with more than this share of its outline along the border is a neighbor's."""

MAX_OPEN = 0.05
"""Paper at the border belongs to the figure's inside if at most this share of its outline is along the border."""

MAX_OPEN_WITH_BONE = 0.36
"""Paper at the border with a bone in it belongs to the figure's inside if at most this share of its outline is along the border, or a third
of this share where it touches several sides of the border."""

BONE_DEPTH_SHARE, BONE_DEPTH_OF_DEEPEST = 0.012, 0.5
"""A bone is well inside an area where it is deeper in it than the first, a share of the longer side, and than the second, a share of the
area's greatest depth."""

BONE_OF_EXTENT, BONE_OF_SIDE = 0.08, 0.02
"""An area holds a bone if more px of bones than this are well inside: a share of the root of its area plus a share of the longer side."""

FRAME_WEIGHT = 0.2
"""Factor of a piece's weight as the body if it is a frame, or the edge of the sheet."""

BONELESS_WEIGHT = 0.2
"""Factor of a piece's weight as the body without bones on it; the share of the bones' pixels that are on it is added."""

FRAME_SHARE, FRAME_SIDES = 0.5, 2
"""A piece along more than this share of each of at least so many sides of the crop is a frame, or the edge of the sheet."""

PLACE_SPREAD = 0.8
"""How fast pieces weigh less towards the crop's sides: to 1/e at this share of the way from its middle to a side."""

PARTS_IN_A_ROW = 3
"""So many detached parts may follow on each other, as a hand on a detached forearm."""

FAR_SHARE = 0.2
"""Pixels farther from every bone than this share of the longer side may belong to a neighbor, if only a neck connects them."""

NECK_SHARE = 0.035
"""A neck between the figure and its neighbor is narrower than this share of the longer side."""

NECK_FROM_BONES = 0.05
"""A neck is farther from every bone than this share of the longer side."""

FEW_BONES = 4
"""With fewer bones than this, what is far from every bone may still be the figure."""

HOLE_SHARE = 0.004
"""See-through holes are at least this share of the figure."""

BETWEEN_LIMBS = 0.5
"""Paper at the border is outside of the figure if this share of it is between limbs."""

SEE_THROUGH = 0.8
"""A hole is a real gap if more than this share of it is between limbs."""

CROSSED = 0.25
"""A hole with more px of bones in it than this share of the root of its area is no gap."""

THORN_RADIUS_PX, MAX_THORN_AREA = 3, 25
"""Thorns are narrower than a disc of this radius, px, and have fewer pixels than this."""

MAX_THORNS = 0.03
"""Thorns have at most this share of a figure's pixels: a figure that would lose more is drawn as finely as thorns are."""


def with_enclosures_at_border(solid: Bools, keypoints: Floats | None, lines: Floats | None) -> Bools:
    """The solid shape with those parts of its inside that the crop's border cuts open."""
    paper = regions_of(~solid, corners_join=False)
    contact = border_contact(paper)
    share = contact.sum(axis=1) / np.maximum(perimeters(paper), 1)
    inside = (share > 0) & (share <= MAX_OPEN)
    if keypoints is not None and lines is not None and len(lines):
        one_side = (contact > 0).sum(axis=1) == 1
        candidates = (share > 0) & (share <= np.where(one_side, MAX_OPEN_WITH_BONE, MAX_OPEN_WITH_BONE / 3))
        candidates &= paper.mean_of(see_through_areas(keypoints, solid.shape)) < BETWEEN_LIMBS
        inside |= _holding_bones(paper, candidates, lines)
    inside &= ~corner_regions(paper)
    return solid | paper.among(inside)


def _holding_bones(paper: Regions, candidates: Bools, lines: Floats) -> Bools:
    """(N + 1,) which candidates have a bone well inside, not only along their edge."""
    shape = paper.labels.shape
    on_bone = drawn_lines(lines, shape, thickness=1)
    depth = cv2.distanceTransform((paper.labels > 0).astype(np.uint8), cv2.DIST_L2, 3)
    held = np.zeros(len(paper.area), bool)
    for number in np.flatnonzero(candidates & (paper.touched_by(on_bone) > 0)).tolist():
        region = paper.labels == number
        middle = region & (depth > max(BONE_DEPTH_SHARE * max(shape), BONE_DEPTH_OF_DEEPEST * float(depth[region].max())))
        held[number] = int((middle & on_bone).sum()) > BONE_OF_EXTENT * np.sqrt(paper.area[number]) + BONE_OF_SIDE * max(shape)
    return held


def body_and_parts(solid: Bools, keypoints: Floats | None, lines: Floats | None) -> Bools:
    """The solid pieces that are the body or belong to it; an empty mask stays empty."""
    pieces = regions_of(solid, corners_join=True)
    if pieces.count <= 1:
        return solid
    body = _body(pieces, lines)
    chosen = np.zeros(len(pieces.area), bool)
    chosen[body] = True
    if keypoints is not None:
        chosen |= _holding_joints(pieces, keypoints)
    side = max(solid.shape)
    big_enough = pieces.area >= MIN_PART * pieces.area[body]
    leaving = border_contact(pieces).sum(axis=1) > CUT_SHARE * perimeters(pieces)
    for _ in range(PARTS_IN_A_ROW):
        candidates = big_enough & ~leaving & ~chosen
        if not candidates[1:].any():
            break
        around = dilated(pieces.among(chosen), round(NEAR_SHARE * side))
        close = (pieces.touched_by(around) > 0) & candidates
        if not close.any():
            break
        chosen |= close
    chosen[0] = False
    return pieces.among(chosen)


def _body(pieces: Regions, lines: Floats | None) -> int:
    """The number of the piece that is largest, counted more in the middle, and most on bones."""
    height, width = pieces.labels.shape
    middle = np.outer(_bump(height), _bump(width)).astype(np.float32)
    weight = pieces.sum_of(middle)
    contact = (border_contact(pieces) > FRAME_SHARE * np.array([height, width, height, width])).sum(axis=1)
    weight = weight * np.where(contact >= FRAME_SIDES, FRAME_WEIGHT, 1.0)
    if lines is not None and len(lines):
        on_bones = pieces.touched_by(drawn_lines(lines, pieces.labels.shape, thickness=2))[1:]
        weight[1:] *= BONELESS_WEIGHT + on_bones / max(int(on_bones.sum()), 1)
    return 1 + int(np.argmax(weight[1:]))


def _bump(length: int) -> NDArray[np.float64]:
    """(length,) weights of the rows or columns of a crop: 1 in its middle, less towards its sides."""
    return np.exp(-((np.linspace(-1, 1, length) / PLACE_SPREAD) ** 2))


def _holding_joints(pieces: Regions, keypoints: Floats) -> Bools:
    """(N + 1,) which pieces have a sure keypoint in them or right beside them."""
    height, width = pieces.labels.shape
    reach = max(2, round(HELD_SHARE * max(height, width)))
    holds = np.zeros(len(pieces.area), bool)
    for x, y in np.round(keypoints[usable(keypoints), :2]).astype(int).tolist():
        if -reach <= x < width + reach and -reach <= y < height + reach:
            window = pieces.labels[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
            here = int(pieces.labels[min(max(y, 0), height - 1), min(max(x, 0), width - 1)])
            around = window[window > 0]
            holds[here or (int(np.bincount(around).argmax()) if around.size else 0)] = True
    return holds


def without_neighbors(mask: Bools, lines: Floats | None) -> Bools:
    """The mask without neighboring figures: parts without a bone that only a neck connects, far from all bones, and at the border."""
    if lines is None or len(lines) < FEW_BONES:
        return mask
    side = max(mask.shape)
    away = cv2.distanceTransform((~drawn_lines(lines, mask.shape, thickness=1)).astype(np.uint8), cv2.DIST_L2, 5)
    if not (mask & (away > FAR_SHARE * side)).any():
        return mask
    radius = max(2, round(NECK_SHARE * side / 2))
    core = regions_of(opened(mask, radius), corners_join=True)
    foreign = (core.touched_by(drawn_lines(lines, mask.shape, thickness=3)) == 0) & (border_contact(core).sum(axis=1) > 0)
    foreign &= core.touched_by(away > FAR_SHARE * side) > 0
    dropped = core.among(foreign)
    if not dropped.any():
        return mask
    own = dilated(core.among(~foreign), radius)
    left = mask & ~(dilated(dropped, radius) & ~own)
    necks = regions_of(left & ~own & (away > NECK_FROM_BONES * side), corners_join=True)
    return left & ~necks.among(necks.touched_by(dilated(dropped, radius + 2)) > 0)


def see_through(mask: Bools, ink: Bools, keypoints: Floats | None, lines: Floats | None) -> Bools:
    """(h, w) bool: the holes of a filled mask that one looks through. They are between limbs: a body that is not colored in is no hole.

    Args:
        ink: (h, w) bool; holes are areas of the mask without ink.
    """
    paper = regions_of(mask & ~ink, corners_join=False)
    if paper.count == 0:
        return np.zeros_like(mask)
    large = paper.area > HOLE_SHARE * int(mask.sum())
    holes = np.zeros(len(paper.area), bool)
    if keypoints is not None and lines is not None and len(lines):
        between = paper.mean_of(see_through_areas(keypoints, mask.shape)) > SEE_THROUGH
        crossed = paper.touched_by(drawn_lines(lines, mask.shape, thickness=2)) > CROSSED * np.sqrt(paper.area)
        holes |= large & between & ~crossed
    return paper.among(holes)


def without_thorns(mask: Bools) -> Bools:
    """The mask (h, w) without the tiny thorns that lines of ruled paper leave where they met an outline; fingers and thin limbs stay.

    Thorns are measured at the reduced size. Without them, IoU on squared paper is higher by 0.01.
    """
    whole = mask.astype(np.uint8)
    thin = cv2.subtract(whole, cv2.morphologyEx(whole, cv2.MORPH_OPEN, disc(THORN_RADIUS_PX)))
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(thin, connectivity=4)
    is_thorn = stats[:, cv2.CC_STAT_AREA] < MAX_THORN_AREA
    is_thorn[0] = False
    thorns: Bools = is_thorn[pieces] & mask
    return mask if thorns.sum() > MAX_THORNS * mask.sum() else np.asarray(mask & ~thorns, np.bool_)

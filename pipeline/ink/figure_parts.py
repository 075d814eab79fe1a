"""Which of the solid pieces in a crop are the figure: the body, its detached hat and hands, and nothing of its neighbors.

Masks are (h, w) bool. Bones (B, 4) px are what keypoints say; without them, size and place decide.
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
"""A detached part that leaves through the border for more of its outline than this is a neighbor's."""

DOOR_SHARE = 0.05
"""Paper at the border belongs to the figure's inside if the border is at most this share of what encloses it."""

OPEN_SHARE = 0.36
"""Paper at the border with a bone in it belongs to the figure's inside if the border is at most this share of what
encloses it, or a third of this share where the paper touches several sides of the border."""

FAR_SHARE = 0.2
"""What is farther from every bone than this share of the longer side, and hangs on by a neck, is a neighbor."""

NECK_SHARE = 0.035
"""A neck between the figure and its neighbor is narrower than this share of the longer side."""

FEW_BONES = 4
"""With fewer bones than this, what is far from every bone may still be the figure."""

HOLE_SHARE = 0.004
"""See-through holes are at least this share of the figure."""

BETWEEN_LIMBS = 0.5
"""Paper at the border is outside of the figure if this share of it is between limbs."""

SEE_THROUGH = 0.8
"""A hole is a real gap if this share of it is between limbs."""

MAX_NIBS = 0.03
"""Thorns have at most this share of a figure's pixels: a figure that would lose more is drawn as finely as thorns are."""


def with_enclosures_at_border(solid: Bools, keypoints: Floats | None, lines: Floats | None) -> Bools:
    """The solid with the parts of its inside that the border cuts open."""
    paper = regions_of(~solid, corners_join=False)
    contact = border_contact(paper)
    share = contact.sum(axis=1) / np.maximum(perimeters(paper), 1)
    inside = (share > 0) & (share <= DOOR_SHARE)
    if keypoints is not None and lines is not None and len(lines):
        one_side = (contact > 0).sum(axis=1) == 1
        open_enough = (share > 0) & (share <= np.where(one_side, OPEN_SHARE, OPEN_SHARE / 3))
        open_enough &= paper.mean_of(see_through_areas(keypoints, solid.shape)) < BETWEEN_LIMBS
        inside |= _with_a_bone_in_the_middle(paper, open_enough, lines)
    inside &= ~corner_regions(paper)
    return solid | paper.among(inside)


def _with_a_bone_in_the_middle(paper: Regions, candidates: Bools, lines: Floats) -> Bools:
    """(N + 1,) which candidates have a bone well inside, not only along their edge."""
    shape = paper.labels.shape
    on_bone = drawn_lines(lines, shape, thickness=1)
    depth = cv2.distanceTransform((paper.labels > 0).astype(np.uint8), cv2.DIST_L2, 3)
    held = np.zeros(len(paper.area), bool)
    for number in np.flatnonzero(candidates & (paper.touched_by(on_bone) > 0)).tolist():
        region = paper.labels == number
        middle = region & (depth > max(0.012 * max(shape), 0.5 * float(depth[region].max())))
        held[number] = int((middle & on_bone).sum()) > 0.08 * np.sqrt(paper.area[number]) + 0.02 * max(shape)
    return held


def body_and_parts(solid: Bools, keypoints: Floats | None, lines: Floats | None) -> Bools:
    """The body and the parts that belong to it; an empty mask stays empty."""
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
    for _ in range(3):  # a hand may hang on a forearm that is detached itself
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
    contact = (border_contact(pieces) > 0.5 * np.array([height, width, height, width])).sum(axis=1)
    weight = weight * np.where(contact >= 2, 0.2, 1.0)  # a frame, or the edge of the sheet
    if lines is not None and len(lines):
        on_bones = pieces.touched_by(drawn_lines(lines, pieces.labels.shape, thickness=2))[1:]
        weight[1:] *= 0.2 + on_bones / max(int(on_bones.sum()), 1)
    return 1 + int(np.argmax(weight[1:]))


def _bump(length: int) -> NDArray[np.float64]:
    return np.exp(-((np.linspace(-1, 1, length) / 0.8) ** 2))


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
    """The mask without what hangs on it by a neck, has no bone, is far from every bone, and leaves through the border."""
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
    necks = regions_of(left & ~own & (away > 0.05 * side), corners_join=True)
    return left & ~necks.among(necks.touched_by(dilated(dropped, radius + 2)) > 0)


def see_through(mask: Bools, ink: Bools, keypoints: Floats | None, lines: Floats | None) -> Bools:
    """(h, w) bool: the holes of a filled mask that one looks through, between limbs, and not into a body that is not colored in."""
    paper = regions_of(mask & ~ink, corners_join=False)
    if paper.count == 0:
        return np.zeros_like(mask)
    large = paper.area > HOLE_SHARE * int(mask.sum())
    holes = np.zeros(len(paper.area), bool)
    if keypoints is not None and lines is not None and len(lines):
        between = paper.mean_of(see_through_areas(keypoints, mask.shape)) > SEE_THROUGH
        crossed = paper.touched_by(drawn_lines(lines, mask.shape, thickness=2)) > 0.25 * np.sqrt(paper.area)
        holes |= large & between & ~crossed
    return paper.among(holes)


def without_nibs(mask: Bools) -> Bools:
    """The mask (h, w) without the tiny thorns that lines of ruled paper leave where they met an outline; fingers and thin limbs stay.

    A thorn is narrower than 7 px, and smaller than 25 px in area, at the reduced size. Without thorns, IoU on squared paper rises by 0.01.
    """
    whole = mask.astype(np.uint8)
    thin = cv2.subtract(whole, cv2.morphologyEx(whole, cv2.MORPH_OPEN, disc(3)))
    _, pieces, facts, _ = cv2.connectedComponentsWithStats(thin, connectivity=4)
    is_nib = facts[:, cv2.CC_STAT_AREA] < 25
    is_nib[0] = False
    nibs: Bools = is_nib[pieces] & mask
    return mask if nibs.sum() > MAX_NIBS * mask.sum() else np.asarray(mask & ~nibs, np.bool_)

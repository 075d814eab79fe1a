"""Outlines with gaps made whole: ink becomes the solid shape that it means.

Two ways, from the surest to the last: stroke ends that point at each other are joined by bars (`pipeline.ink.strokes`); and rooms
whose doors are much narrower than they are get their doors shut. What neither needs is left as drawn, so that arms held close to the body
stay apart from it.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.ink.regions import Regions, border_contact, dilated, disc, filled, perimeters, regions_of
from pipeline.ink.strokes import bridges, stroke_ends, thinned
from pipeline.types import Bools, Bytes, Ints

GAP_SHARE = 0.035
"""Gaps up to this share of the longer side are bridged where two ends face each other."""

DOOR_SHARES = (0.006, 0.012, 0.02)
"""Half the width of the doors that are shut, in shares of the longer side; the wider ones only between two stroke ends."""

ROOM_DEPTH = 2.0
"""A room is more than this many times as deep as half its door is wide."""

THINNING_ROUNDS = 12
"""Ink thicker than twice this is no line, and has no end to be bridged from; px at half the size."""

BORDER_SHARE = 0.12
"""Ink with more than this share of its outline along the border is not joined to anything."""

MIN_PIECE_PX = 10
"""Smaller specks of ink are joined to nothing."""


def solid_shape(ink: Bools, *, boldness: float = 1.0) -> Bools:
    """`ink` (h, w) with its gaps bridged and everything filled that is enclosed then. Pieces may stay apart.

    Args:
        boldness: factor by which gaps that are bridged may be wider than usual.
    """
    height, width = ink.shape
    # Lines are followed at half the size.
    small = np.asarray(cv2.dilate(ink.astype(np.uint8), np.ones((2, 2), np.uint8), anchor=(0, 0))[::2, ::2], np.bool_)
    thickness = np.asarray(cv2.distanceTransform(small.astype(np.uint8), cv2.DIST_L2, 3), np.float32)
    skeleton = thinned(small, rounds=THINNING_ROUNDS)
    ends, directions = stroke_ends(skeleton, thickness)
    lines = bridges(ends, directions, skeleton, thickness, reach_px=boldness * GAP_SHARE * max(small.shape))
    widths = [max(1, round(4 * min(thickness[y0, x0], thickness[y1, x1]))) for x0, y0, x1, y1 in lines.tolist()]
    joining = _joining(regions_of(small, corners_join=True), lines)
    whole = _with_bars(ink, np.minimum(2 * lines, [width - 1, height - 1] * 2), widths, joining)
    return _with_rooms(whole, boldness, [(x, y, int(thickness[y, x]) + 4) for x, y in ends.tolist()])


def _with_bars(ink: Bools, lines: Ints, widths: list[int], joining: Bools) -> Bools:
    """The filled ink with those bars that enclose something or join two pieces; the others would be warts."""
    walls = ink.astype(np.uint8)
    kept = ink.astype(np.uint8)
    for (x0, y0, x1, y1), width, joins in zip(lines.tolist(), widths, joining.tolist(), strict=True):
        for canvas in (walls, kept) if joins else (walls,):
            cv2.line(canvas, (x0, y0), (x1, y1), 1, width)
    solid, added = filled(walls > 0), (walls > 0) & ~ink
    bars = regions_of(added, corners_join=True)
    gained = solid & ~filled(ink) & (walls == 0)
    enclosing = bars.touched_by(dilated(gained, 2)) > 0
    return (solid & ~added) | bars.among(enclosing) | (kept > 0)


def _joining(pieces: Regions, lines: Ints) -> Bools:
    """(B,) which lines lead from one piece of ink to another, both more than specks, and neither the edge of the sheet or a neighbor."""
    first, second = pieces.labels[lines[:, 1], lines[:, 0]], pieces.labels[lines[:, 3], lines[:, 2]]
    fit = (pieces.area > MIN_PIECE_PX) & (border_contact(pieces).sum(axis=1) <= BORDER_SHARE * perimeters(pieces))
    return np.asarray((first != second) & fit[first] & fit[second])


def _with_rooms(solid: Bools, boldness: float, tips: list[tuple[int, int, int]]) -> Bools:
    """The shape with its rooms, looked for at half the size. `tips`: x, y and reach of stroke ends, in px of half the size."""
    half = solid[::2, ::2].astype(np.uint8)
    before = half.copy()
    for share in DOOR_SHARES:
        half = _doors_shut(half, max(1, round(boldness * share * max(half.shape))), None if share == DOOR_SHARES[0] else tips)
    gained = (half > before).astype(np.uint8)
    if not gained.any():
        return solid
    return solid | (cv2.resize(gained, (solid.shape[1], solid.shape[0]), interpolation=cv2.INTER_NEAREST) > 0)


def _doors_shut(shape: Bytes, radius: int, tips: list[tuple[int, int, int]] | None) -> Bytes:
    """The shape (0 or 1) with the rooms that a closing by a disc encloses; only through doors beside two of `tips`, if given."""
    margin = radius + 1
    wide = cv2.copyMakeBorder(shape, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, disc(radius))[margin:-margin, margin:-margin]
    doors = regions_of((closed > 0) & (shape == 0), corners_join=True)
    if tips is not None:
        closed = shape | doors.among(_tips_beside(doors, tips) >= 2)
    rooms = regions_of(filled(closed > 0) & (closed == 0), corners_join=False)
    if rooms.count == 0:
        return shape
    depth = cv2.distanceTransform((rooms.labels > 0).astype(np.uint8), cv2.DIST_L2, 3)
    chosen = rooms.among(rooms.touched_by(depth > ROOM_DEPTH * radius) > 0)
    shut = doors.among(doors.touched_by(dilated(chosen, 2)) > 0) & (closed > 0)
    return shape | chosen | shut


def _tips_beside(doors: Regions, tips: list[tuple[int, int, int]]) -> Ints:
    """(N + 1,) how many stroke ends (x, y, reach in px) are beside each door."""
    count = np.zeros(len(doors.area), np.int32)
    for x, y, reach in tips:
        window = doors.labels[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        count[np.unique(window)] += 1
    return count

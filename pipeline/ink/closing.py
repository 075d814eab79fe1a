"""Close the gaps of outlines and fill them: from ink to the solid shape that it outlines.

Two methods, the more certain one first. Stroke ends that point at each other are joined by bars (`pipeline.ink.strokes`). Then pockets are
filled: areas of paper that the ink encloses but for a mouth much narrower than they are. Everything else is left as drawn, so that arms
held close to the body stay apart from it.

Masks are (h, w) bool.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.ink.regions import Regions, border_contact, dilated, disc, filled, perimeters, regions_of
from pipeline.ink.strokes import bridges, stroke_ends, thinned
from pipeline.types import Bools, Bytes, Ints

GAP_SHARE = 0.035
"""Gaps up to this share of the longer side are bridged where two ends face each other."""

MOUTH_SHARES = (0.006, 0.012, 0.02)
"""Half the width of the mouths that are closed, in shares of the longer side; the second and third only between two stroke ends."""

POCKET_DEPTH = 2.0
"""A pocket is more than this many times as deep as half its mouth is wide."""

TIP_REACH_PX = 4
"""A stroke end is beside a mouth within this distance, px at half the size, plus half the width of the stroke."""

THINNING_ROUNDS = 12
"""Ink thicker than twice this is no line, and no bridge starts from it; px at half the size."""

BORDER_SHARE = 0.12
"""A piece of ink with more than this share of its outline along the border is joined to no other: it is the sheet's edge or a
neighboring figure."""

MIN_PIECE_PX = 10
"""Pieces of ink with at most this many pixels, at half the size, are specks and joined to no other."""


def solid_shape(ink: Bools, *, boldness: float = 1.0) -> Bools:
    """The ink with its gaps bridged and everything filled that it then encloses, (h, w) bool. Pieces may stay apart.

    Args:
        ink: (h, w) bool.
        boldness: factor by which gaps may be wider than usual and still be bridged.
    """
    height, width = ink.shape
    # Lines are traced at half the size: it has a quarter of the pixels.
    small = np.asarray(cv2.dilate(ink.astype(np.uint8), np.ones((2, 2), np.uint8), anchor=(0, 0))[::2, ::2], np.bool_)
    thickness = np.asarray(cv2.distanceTransform(small.astype(np.uint8), cv2.DIST_L2, 3), np.float32)
    skeleton = thinned(small, rounds=THINNING_ROUNDS)
    ends, directions = stroke_ends(skeleton, thickness)
    lines = bridges(ends, directions, skeleton, thickness, reach_px=boldness * GAP_SHARE * max(small.shape))
    widths = [max(1, round(4 * min(thickness[y0, x0], thickness[y1, x1]))) for x0, y0, x1, y1 in lines.tolist()]
    joining = _joining(regions_of(small, corners_join=True), lines)
    whole = _with_bars(ink, np.minimum(2 * lines, [width - 1, height - 1] * 2), widths, joining)
    return _with_pockets(whole, boldness, [(x, y, int(thickness[y, x]) + TIP_REACH_PX) for x, y in ends.tolist()])


def _with_bars(ink: Bools, lines: Ints, widths: list[int], joining: Bools) -> Bools:
    """The filled ink with those bars that enclose something or join two pieces; the others would be bumps on the outline.

    Args:
        lines: (B, 4) x, y of both ends of each bar, px.
        widths: of each bar, px.
        joining: (B,) which bars are kept whatever they enclose.
    """
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
    """(B,) which lines (B, 4) join two pieces of ink, neither of them a speck, the edge of the sheet or a neighboring figure."""
    first, second = pieces.labels[lines[:, 1], lines[:, 0]], pieces.labels[lines[:, 3], lines[:, 2]]
    fit = (pieces.area > MIN_PIECE_PX) & (border_contact(pieces).sum(axis=1) <= BORDER_SHARE * perimeters(pieces))
    return np.asarray((first != second) & fit[first] & fit[second])


def _with_pockets(solid: Bools, boldness: float, tips: list[tuple[int, int, int]]) -> Bools:
    """The shape with its pockets filled; they are searched at half the size.

    Args:
        boldness: factor by which mouths may be wider than usual.
        tips: x, y and reach of each stroke end, px at half the size.
    """
    half = solid[::2, ::2].astype(np.uint8)
    before = half.copy()
    for share in MOUTH_SHARES:
        radius = max(1, round(boldness * share * max(half.shape)))
        half = _with_mouths_closed(half, radius, None if share == MOUTH_SHARES[0] else tips)
    gained = (half > before).astype(np.uint8)
    if not gained.any():
        return solid
    return solid | (cv2.resize(gained, (solid.shape[1], solid.shape[0]), interpolation=cv2.INTER_NEAREST) > 0)


def _with_mouths_closed(shape: Bytes, radius: int, tips: list[tuple[int, int, int]] | None) -> Bytes:
    """The shape (h, w), 0 or 1, with the pockets that a closing by a disc of this radius, px, encloses.

    Args:
        tips: x, y and reach of each stroke end, px; only mouths beside at least two of them are closed. None: all mouths are.
    """
    margin = radius + 1
    wide = cv2.copyMakeBorder(shape, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, disc(radius))[margin:-margin, margin:-margin]
    mouths = regions_of((closed > 0) & (shape == 0), corners_join=True)
    if tips is not None:
        closed = shape | mouths.among(_tips_beside(mouths, tips) >= 2)
    pockets = regions_of(filled(closed > 0) & (closed == 0), corners_join=False)
    if pockets.count == 0:
        return shape
    depth = cv2.distanceTransform((pockets.labels > 0).astype(np.uint8), cv2.DIST_L2, 3)
    deep = pockets.among(pockets.touched_by(depth > POCKET_DEPTH * radius) > 0)
    shut = mouths.among(mouths.touched_by(dilated(deep, 2)) > 0) & (closed > 0)
    return shape | deep | shut


def _tips_beside(mouths: Regions, tips: list[tuple[int, int, int]]) -> Ints:
    """(N + 1,) how many stroke ends (x, y, reach in px) are beside each mouth."""
    count = np.zeros(len(mouths.area), np.int32)
    for x, y, reach in tips:
        window = mouths.labels[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        count[np.unique(window)] += 1
    return count

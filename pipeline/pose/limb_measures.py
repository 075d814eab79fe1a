"""Measures of a limb in a figure's mask: how wide it is, where it touches the rest, which pixels are close to its bones.

Positions are image px (x, y); masks are (h, w) bool.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.ink.regions import filled
from pipeline.types import Bools, Floats, Ints, Singles

MARKER_WIDTH = 0.5
"""A pixel within this distance of a limb's bones is certainly the limb's, in half widths of the limb."""

BODY_DISTANCE = 1.8
"""A pixel farther than this from a limb's bones is certainly not the limb's, in half widths of the limb; hands and feet reach farther."""

HAND_LENGTH = 3.5
"""How far a hand or a foot reaches beyond its joint, straight on, in half widths of the limb."""

END_REACH = 3.0
"""How far a hand or a foot reaches to all sides of its joint, in half widths of the limb."""

NARROW_PERCENTILE = 35
"""Percentile of the mask's depth along the bones that is a limb's half width: that of its narrow parts, and not of the body beside them."""

THINNEST_PX = 1.5
"""Lower bound of a limb's half width, px: of a line of two or three pixels."""

WIDEST_OF_HEIGHT = 0.08
"""Upper bound of a limb's half width, as a share of the figure's height: in front of the body, the mask shows no edge of the limb."""

FREE_REACH = 2.2
"""A point of a limb is free on a side if the mask ends within this distance on that side, in half widths of the limb."""

FREE_SHARE = 0.85
"""A limb is free on a side, or on both, if at least this share of its points is."""

SAMPLES = 24
"""Points along each bone of a limb at which the mask is read on both sides."""

RAY_SAMPLES = 16
"""Points from each of these outwards."""

DENSE_SAMPLES = 96
"""Points along each bone that are compared with the level of a hem."""

GAP_SHARE = 0.1
"""A limb closes a gap if more than this share of its points is, on one side, next to a gap that the figure surrounds."""

UPPER_SHARE = 0.4
"""Where a limb touches the body within this share of its first bone, it is the shoulder or the hip, and no contact.

Beyond that, a sleeve hangs on the shirt: with 0.6, a figure with such sleeves is torn by 13 % in jumping jacks, with 0.4 by 2 %.
"""


@dataclass(frozen=True)
class LimbJoints:
    """A limb as joint indices of a rig: where it hangs on the body, its middle joint and its end."""

    root: int
    middle: int
    end: int


@dataclass(frozen=True, eq=False)
class Limb:
    """A limb's bones in a mask.

    Attributes:
        joints: of the rig.
        points: (3, 2) float64, px: root, middle and end.
        hem: first row below the hem that covers the limb's upper part; 0 where nothing does.
        half_width: px.
    """

    joints: LimbJoints
    points: Floats
    hem: int = 0
    half_width: float = 0.0

    @property
    def length(self) -> float:
        """Length of both bones, px."""
        return float(np.linalg.norm(np.diff(self.points, axis=0), axis=1).sum())

    @property
    def first_visible_row(self) -> int:
        """The first row that may show the limb; above it is what covers the limb. 0 where nothing does."""
        return max(0, round(self.hem - self.half_width)) if self.hem else 0

    def visible(self, *, begin: float = 0.0) -> Floats:
        """(N, 2) px, a polyline: the part of the bones that is surely not covered, without the share `begin` of the first bone."""
        points = np.array([self.points[0] * (1.0 - begin) + self.points[1] * begin, *self.points[1:]])
        if not self.hem:
            return points
        dense = points_along(points, DENSE_SAMPLES)
        below = dense[dense[:, 1] >= self.hem + self.half_width]
        return below if len(below) else self.points[2:]

    def covered(self) -> Floats:
        """(N, 2) px, a polyline: the part of the bones that the hem covers, and half a width more."""
        dense = points_along(self.points, DENSE_SAMPLES)
        return dense[dense[:, 1] < self.hem + self.half_width]


def half_width(limb: Limb, mask: Bools, depth: Singles) -> float:
    """Half of the limb's width where it is narrow, px.

    Args:
        depth: (h, w) float32, each pixel's distance from the mask's edge.
    """
    points, _ = samples(limb)
    depths = values_at(depth, points)
    depths = depths[depths > 0]
    narrow = float(np.percentile(depths, NARROW_PERCENTILE)) if depths.size else THINNEST_PX
    return float(np.clip(narrow, THINNEST_PX, WIDEST_OF_HEIGHT * _height(mask)))


def is_attached(limb: Limb, mask: Bools) -> bool:
    """Whether the figure continues beside the limb, on at least one side, along more than a small part of it."""
    first, second = _free_sides(limb, mask)
    return bool(first.size and (first & second).mean() < FREE_SHARE)


def touches_other_leg(limb: Limb, mask: Bools) -> bool:
    """Whether a leg is attached on one side only: in trousers it touches the other leg, while a skirt is on both sides of it."""
    first, second = _free_sides(limb, mask)
    return bool(first.size and max(first.mean(), second.mean()) >= FREE_SHARE and (first & second).mean() < FREE_SHARE)


def closes_gap(limb: Limb, mask: Bools) -> bool:
    """Whether the limb touches the figure on the far side of a gap, however little: a hand on the hip, a thin bridge in the mask."""
    gaps = filled(mask) & ~mask
    rays = _rays(limb) if gaps.any() else ()
    first = [values_at(gaps, ray)[np.arange(len(ray)), values_at(mask, ray).argmin(axis=1)] for ray in rays]
    return any(seen.size and float(seen.mean()) > GAP_SHARE for seen in first)


def contact_length(limb: Limb, area: Bools, mask: Bools) -> float:
    """Length, px, of the border between the limb's pixels, `area`, and the rest of the figure; without shoulder or hip."""
    rest = mask & ~cv2.dilate(area.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    beside = cv2.dilate(rest.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    row, column = np.nonzero(area & beside)
    along = _distance_along(np.stack([column + 0.5, row + 0.5], axis=1), limb.points)
    upper = float(np.linalg.norm(limb.points[1] - limb.points[0]))
    return float((along > max(UPPER_SHARE * upper, 2.0 * limb.half_width)).sum()) / 2.0  # the border is about two pixels deep


def over_body(limb: Limb, body: Bools) -> Bools:
    """(h, w) bool, a wide band along the part of the limb that has the body, (h, w), on both sides."""
    points, normals = samples(limb)
    steps = np.linspace(0.5, FREE_REACH, 12) * limb.half_width
    sides = [
        values_at(body, points[:, None] + sign * steps[None, :, None] * normals[:, None]).astype(np.bool_).any(axis=1) for sign in (1, -1)
    ]
    crossing = np.asarray(sides[0] & sides[1], np.bool_)
    band = np.zeros_like(body)
    for first in np.flatnonzero(crossing[:-1] & crossing[1:]):
        band |= stroke(body.shape, points[[first, first + 1]], FREE_REACH * limb.half_width)
    return band


def samples(limb: Limb) -> tuple[Floats, Floats]:
    """(N, 2) px, points from the middle of the limb's first bone to its end, below its hem; and (N, 2), unit normals there.

    N is 0 for a limb without a length, and at least 1 for any other.
    """
    points, normals = [], []
    for first, last, begin in ((limb.points[0], limb.points[1], 0.5), (limb.points[1], limb.points[2], 0.0)):
        bone = last - first
        length = float(np.linalg.norm(bone))
        if length < 1e-6:
            continue
        steps = np.linspace(begin, 1.0, SAMPLES)[:, None]
        points.append(first + steps * bone)
        normals.append(np.tile([-bone[1] / length, bone[0] / length], (SAMPLES, 1)))
    if not points:
        return np.zeros((0, 2)), np.zeros((0, 2))
    along, across = np.concatenate(points), np.concatenate(normals)
    is_visible = along[:, 1] >= limb.hem
    return (along[is_visible], across[is_visible]) if is_visible.any() else (along[-1:], across[-1:])


def values_at(values: Singles | Bools | Ints, points: Floats) -> Floats:
    """Values (...) of an image (h, w) at points (..., 2) px; 0 outside of the image."""
    column, row = np.floor(points[..., 0]).astype(int), np.floor(points[..., 1]).astype(int)
    inside = (column >= 0) & (row >= 0) & (column < values.shape[1]) & (row < values.shape[0])
    found = values[np.clip(row, 0, values.shape[0] - 1), np.clip(column, 0, values.shape[1] - 1)]
    return np.asarray(np.where(inside, found, 0), np.float64)


def stroke(shape: tuple[int, ...], points: Floats, radius: float) -> Bools:
    """(h, w) bool, the pixels within `radius` px of a polyline (N, 2); at least a line one pixel wide."""
    canvas = np.zeros(shape, np.uint8)
    line = np.round(points * 8).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [line], isClosed=False, color=1, thickness=max(1, round(2 * radius)), lineType=cv2.LINE_8, shift=3)
    return canvas.astype(np.bool_)


def tip(limb: Limb) -> Floats:
    """(2,) px, where a large hand or foot would end: beyond the last joint, in the direction of the second bone."""
    way = limb.points[2] - limb.points[1]
    return np.asarray(limb.points[2] + HAND_LENGTH * limb.half_width * way / max(float(np.linalg.norm(way)), 1e-6))


def surroundings(limb: Limb, shape: tuple[int, ...]) -> Bools:
    """(h, w) bool, where a limb may be: around its bones, and where its hand or foot may reach; nothing that its cover hides."""
    points = limb.visible()
    end = points[-1]
    near = stroke(shape, points, BODY_DISTANCE * limb.half_width)
    near |= stroke(shape, np.array([end, end]), END_REACH * limb.half_width)
    near |= stroke(shape, np.array([end, tip(limb)]), BODY_DISTANCE * limb.half_width)
    near[: limb.first_visible_row] = False
    return near


def points_along(bones: Floats, samples: int) -> Floats:
    """(2 * samples, 2) points along a limb's two bones (3, 2), from its root to its end; the middle joint is there twice."""
    return np.concatenate([np.linspace(bones[row], bones[row + 1], samples) for row in (0, 1)])


def _height(mask: Bools) -> float:
    """Height of a mask's bounds, px."""
    rows = np.flatnonzero(mask.any(axis=1))
    return float(rows[-1] - rows[0] + 1) if rows.size else 0.0


def _free_sides(limb: Limb, mask: Bools) -> tuple[Bools, Bools]:
    """Whether the mask ends close to each sample, (N,), on the side of its normal, and on the other side."""
    first, second = (np.asarray(values_at(mask, ray).min(axis=1) == 0) for ray in _rays(limb))
    return first, second


def _rays(limb: Limb) -> tuple[Floats, Floats]:
    """Points (N, RAY_SAMPLES, 2) from each sample outwards, on the side of its normal, and on the other side."""
    points, normals = samples(limb)
    steps = np.linspace(0.0, FREE_REACH * limb.half_width + 1.0, RAY_SAMPLES)[None, :, None]
    return points[:, None] + steps * normals[:, None], points[:, None] - steps * normals[:, None]


def _distance_along(points: Floats, limb: Floats) -> Floats:
    """Distance (N,) in px along a limb (3, 2) from its root to where each point (N, 2) is closest to it."""
    along, away = [], []
    start = 0.0
    for first, last in ((limb[0], limb[1]), (limb[1], limb[2])):
        bone = last - first
        length = max(float(np.linalg.norm(bone)), 1e-6)
        share = np.clip((points - first) @ bone / length**2, 0.0, 1.0)
        away.append(np.linalg.norm(points - first - share[:, None] * bone, axis=1))
        along.append(start + share * length)
        start += length
    return np.asarray(np.where(away[0] <= away[1], along[0], along[1]), np.float64)

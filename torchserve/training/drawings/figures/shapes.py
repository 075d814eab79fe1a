"""Ideal outlines, before a hand wobbles them: ovals, boxes, profiles turned into bodies, limbs with a thickness."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from drawings.figures.marks import Points

Place = Sequence[float] | Points
"""One point."""
Profile = Sequence[tuple[float, float]]
"""Half-widths of a body: (share of its length from the top, half-width), ascending."""


def points(*pairs: tuple[float, float]) -> Points:
    """A polyline from its corners."""
    return np.array(pairs, np.float64)


def oval(center: Place, rx: float, ry: float, *, squareness: float = 0.0, start: float = -np.pi / 2, count: int = 28) -> Points:
    """A closed superellipse: squareness 0 is an ellipse, 1 nearly a box. The first point isn't repeated."""
    angles = start + np.linspace(0, 2 * np.pi, count, endpoint=False)
    cos, sin = np.cos(angles), np.sin(angles)
    if squareness > 0:
        power = 1 - 0.75 * squareness
        cos, sin = np.sign(cos) * np.abs(cos) ** power, np.sign(sin) * np.abs(sin) ** power
    return np.column_stack([center[0] + rx * cos, center[1] + ry * sin])


def arc(center: Place, rx: float, ry: float, first: float, last: float, *, count: int = 10) -> Points:
    """Part of an ellipse between two angles in radians (0 is right, positive turns down)."""
    angles = np.linspace(first, last, count)
    return np.column_stack([center[0] + rx * np.cos(angles), center[1] + ry * np.sin(angles)])


def smooth(corners: Points, *, closed: bool, per_segment: int = 6) -> Points:
    """A Catmull-Rom curve through the corners."""
    count = len(corners)
    if count < 3:
        return corners
    if closed:
        around = corners[np.arange(-1, count + 2) % count]
    else:
        around = np.concatenate([2 * corners[:1] - corners[1:2], corners, 2 * corners[-1:] - corners[-2:-1]])
    p0, p1, p2, p3 = (around[shift : len(around) - 3 + shift, None] for shift in range(4))
    t = np.linspace(0, 1, per_segment, endpoint=False)[None, :, None]
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    flat = curve.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, corners[-1:]])


def half_width(profile: Profile, share: float) -> float:
    """A body's half-width at a share of its length."""
    shares, widths = zip(*profile, strict=True)
    return float(np.interp(share, shares, widths))


def body_outline(profile: Profile, length: float, *, rounded: bool) -> Points:
    """The closed outline of a body that hangs from (0, 0) down to (0, length), clockwise from its top left."""
    shares, widths = np.array(profile).T
    right = np.column_stack([widths, shares * length])
    left = np.column_stack([-widths, shares * length])[::-1]
    corners = np.concatenate([right, left])
    keep = np.ones(len(corners), bool)
    keep[1:] = np.linalg.norm(np.diff(corners, axis=0), axis=1) > 1e-6
    return smooth(corners[keep], closed=True) if rounded else corners[keep]


def limb(axis: Points, root_radius: float, tip_radius: float, *, capped: bool = True) -> Points:
    """The outline of a thick limb around its axis, open at the root: down one side, around the tip, back on the other."""
    along = np.gradient(axis, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    normals = along[:, ::-1] * (1, -1)
    radii = np.linspace(root_radius, tip_radius, len(axis))[:, None]
    one, other = axis + normals * radii, (axis - normals * radii)[::-1]
    if not capped:
        return np.concatenate([one, other])
    turn = np.linspace(0, np.pi, 7)[1:-1, None]
    cap = axis[-1] + tip_radius * (np.cos(turn) * normals[-1] + np.sin(turn) * along[-1])
    return np.concatenate([one, cap, other])


def chain_axis(joints: Points, *, curved: bool) -> Points:
    """The line through a limb's joints: with corners, or as a noodle."""
    if curved:
        return smooth(joints, closed=False, per_segment=6)
    share = np.linspace(0, 1, 5)[:, None]
    legs = [first + share[:-1] * (second - first) for first, second in pairwise(joints)]
    return np.concatenate([*legs, joints[-1:]])


def arc_lengths(path: Points) -> Points:
    """How far along a polyline each of its points is, `(N,)`."""
    steps = path[1:] - path[:-1]
    lengths = np.zeros(len(path))
    np.cumsum(np.hypot(steps[:, 0], steps[:, 1]), out=lengths[1:])
    return lengths


def unit(vector: Points) -> Points:
    """The vector at length 1, or (0, 0)."""
    return np.asarray(vector / max(float(np.hypot(*vector)), 1e-9))


def normals(path: Points) -> Points:
    """The unit vectors across a polyline at its points, `(N, 2)`."""
    along = np.gradient(path, axis=0)
    return np.asarray(along[:, ::-1] * (1, -1) / np.maximum(np.hypot(*along.T), 1e-9)[:, None])


def kept_runs(path: Points, is_kept: NDArray[np.bool_]) -> list[Points]:
    """The pieces of a polyline whose points are all kept; single points are dropped."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_kept.astype(np.int8), [0]])))
    return [path[first:last] for first, last in edges.reshape(-1, 2) if last - first > 1]


def turned(shape: Points, degrees: float) -> Points:
    """The shape turned clockwise about (0, 0), as seen on the page."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(shape @ turn)

"""A character's mask becomes a mesh, held by its joints, each triangle belonging to a bone.

The original follows the outline to a quarter of a pixel; we only follow it to a pixel or so, since the soft edge of the picture (the
`sprite` stage) lies inside the mesh: less than half the triangles, the same look. Kept is its rule that a triangle belongs to the bone
that is nearest on a way inside the figure (COMPAT.md, section 9).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from pipeline.errors import CharacterError
from pipeline.mesh import geodesic, outline
from pipeline.mesh.arap import Pins
from pipeline.mesh.depth import depth_inside, middle_line
from pipeline.mesh.seams import cut_apart
from pipeline.mesh.triangles import barycentric_coordinates, containing_triangles, nearest_centroids, signed_areas
from pipeline.types import Bools, Character, Floats, Ints, Mesh, Rig

GRID_CELLS = 32
"""Mesh points along the square's side. The original has 40, with 45 % more triangles; seen against 80, points of char1-char4 then move by
0.1 % of the figure's size less on average (jumping jacks, wave, dab), which nobody sees, and which costs a tenth of the whole time."""

TOLERANCE_OF_SIDE = 0.0015
"""How closely the outline is followed, as a share of the square's side: 0.9 px of 600. Thin limbs are followed closer, down to..."""

CLOSEST_TOLERANCE_PX = 0.25

THIN_SHARE_PERCENT = 10
"""...so much of the figure's middle line may be thinner than what the tolerance is made for."""

OWNERSHIP_SIDE_PX = 320
"""Distances to bones are measured on a mask of about this size: a pixel of error in who owns a triangle is not seen."""

INSIDE_LEVEL = 96
"""Of 255: a reduced pixel is inside if so much of it is; at a half, thin limbs would break."""


@dataclass(frozen=True, eq=False)
class Figure:
    """A mesh that a rig holds.

    Attributes:
        mesh: unit square.
        pins: one for each joint of the rig, in its order.
        owner: (F,) int32, the joint at whose end of its bone each triangle is (the bone runs from its parent to it).
        distance: (F,) float64, of each triangle from its bone inside the figure; only its order means something.
    """

    mesh: Mesh
    pins: Pins
    owner: Ints
    distance: Floats

    def triangles_in(self, joint_order: tuple[int, ...]) -> Ints:
        """(F', 3) triangles as drawn: joint by joint, in each the farthest from its bone first."""
        by_distance = np.argsort(-self.distance, kind="stable")
        owners = self.owner[by_distance]
        drawn: Ints = self.mesh.triangles[np.concatenate([by_distance[owners == joint] for joint in joint_order])]
        return drawn


def figure_of(character: Character) -> Figure:
    """Mesh, pins and bones of a character.

    Raises:
        CharacterError: the mask encloses no area.
    """
    mask = outline.bridged(character.mask)
    side = max(mask.shape)
    spacing = side / GRID_CELLS
    loops = [outline.subdivided(loop, spacing=spacing) for loop in outline.outlines(mask, tolerance_px=_tolerance_px(mask))]
    if not loops:
        raise CharacterError(f"the mask of {character.name} encloses no area", hint="it should cover the whole figure")
    points, triangles = outline.triangulation(loops, outline.interior_grid(mask, spacing=spacing), mask)
    if not len(triangles):
        raise CharacterError(f"the mask of {character.name} encloses no area", hint="it should cover the whole figure")
    mesh = _wound(Mesh(np.stack([points[:, 0] / side, 1.0 - points[:, 1] / side], axis=1), triangles))
    owner, distance = bone_ownership(mesh, character.rig, mask)
    whole = Mesh(*cut_apart(mesh.vertices, mesh.triangles, owner, character.rig.parents))
    return Figure(whole, pins_at(whole, character.rig.rest), owner, distance)


def figure_on(mesh: Mesh, rig: Rig, mask: Bools) -> Figure:
    """The same for a mesh that is given: its pins and bones."""
    owner, distance = bone_ownership(mesh, rig, mask)
    return Figure(mesh, pins_at(mesh, rig.rest), owner, distance)


def pins_at(mesh: Mesh, points: Floats) -> Pins:
    """A pin for each point (P, 2).

    A point outside the mesh (by less than the outline's tolerance, since joints are moved into the mask when a character is read) holds
    the nearest triangle at the nearest of its corners or edges.
    """
    triangle, weights = containing_triangles(mesh.vertices, mesh.triangles, points)
    outside = np.flatnonzero(triangle < 0)
    if outside.size:
        triangle[outside] = nearest_centroids(mesh.vertices, mesh.triangles, points[outside])
        clamped = np.clip(barycentric_coordinates(mesh.vertices, mesh.triangles[triangle[outside]], points[outside]), 0.0, 1.0)
        weights[outside] = clamped / clamped.sum(axis=1, keepdims=True)
    return Pins(mesh.triangles[triangle], weights)


def bone_ownership(mesh: Mesh, rig: Rig, mask: Bools, *, side_px: int = OWNERSHIP_SIDE_PX) -> tuple[Ints, Floats]:
    """Which joint's bone each triangle belongs to, by its centroid, and how far from it it lies.

    Args:
        side_px: work on the mask reduced to about this many pixels; a mask that is smaller is used as it is.
    Returns:
        (F,) int32 joint index; (F,) float64 px.
    """
    factor = max(1, round(max(mask.shape) / side_px))
    small = _reduced(mask, factor)
    px_per_unit = max(mask.shape) / factor
    bones = np.flatnonzero(rig.parents >= 0)
    if not bones.size:
        return np.zeros(len(mesh.triangles), np.int32), np.zeros(len(mesh.triangles))
    points, bone_of_point = geodesic.bone_points(rig.rest[rig.parents[bones]], rig.rest[bones])
    nearest, distance = geodesic.nearest_seeds(small, _pixels(points, px_per_unit))
    if (nearest < 0).all():
        raise CharacterError("no bone of the rig lies inside the mask", hint="joints and mask must belong to the same picture")
    reach = ndimage.distance_transform_edt(nearest < 0, return_distances=False, return_indices=True)
    at = _pixels(mesh.vertices[mesh.triangles].mean(axis=1), px_per_unit)
    column, row = np.clip(at[:, 0], 0, small.shape[1] - 1), np.clip(at[:, 1], 0, small.shape[0] - 1)
    cell = (reach[0][row, column], reach[1][row, column])
    return bones[bone_of_point[nearest[cell]]].astype(np.int32), distance[cell]


def _tolerance_px(mask: Bools) -> float:
    """How far the mesh's outline may be from the mask's: a quarter of the thin limbs' half width, so that none is cut through."""
    depth = depth_inside(mask, kernel=3)
    middle = middle_line(mask, depth)
    thin = float(np.percentile(depth[middle], THIN_SHARE_PERCENT)) if middle.any() else 0.0
    return float(max(CLOSEST_TOLERANCE_PX, min(TOLERANCE_OF_SIDE * max(mask.shape), thin / 4)))


def _pixels(points: Floats, px_per_unit: float) -> Ints:
    """Unit square -> whole pixels (column, row), as the original rounds them."""
    return np.round(np.stack([points[:, 0], 1.0 - points[:, 1]], axis=1) * px_per_unit).astype(np.int32)


def _reduced(mask: Bools, factor: int) -> Bools:
    """The mask at 1/factor: a pixel is inside if INSIDE_LEVEL of it is."""
    if factor == 1:
        return mask
    height, width = (-(-length // factor) for length in mask.shape)
    padded = np.zeros((height * factor, width * factor), np.uint8)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    share = cv2.resize(padded * 255, (width, height), interpolation=cv2.INTER_AREA)
    return share >= INSIDE_LEVEL


def _wound(mesh: Mesh) -> Mesh:
    """The mesh with every triangle counter-clockwise."""
    clockwise = signed_areas(mesh.vertices, mesh.triangles) < 0
    triangles = mesh.triangles.copy()
    triangles[clockwise] = triangles[clockwise][:, [0, 2, 1]]
    return Mesh(mesh.vertices, triangles)

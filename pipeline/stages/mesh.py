"""Mesh stage: triangulates a character's mask, pins it to the joints, and assigns each triangle to a bone.

AnimatedDrawings follows the outline to a quarter of a pixel. Here about one pixel suffices, since the sprite's soft edge is inside the
mesh: fewer than half the triangles, the same look. A triangle belongs to the nearest bone along paths inside the figure, as there
(etc/doc/algorithm.md, "Bones to triangles").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.errors import CharacterError
from pipeline.ink.regions import nearest_values
from pipeline.mesh import geodesic, outline
from pipeline.mesh.arap import Pins
from pipeline.mesh.depth import depth_inside, middle_line
from pipeline.mesh.pieces import bridged
from pipeline.mesh.seams import cut_apart
from pipeline.mesh.triangles import barycentric_coordinates, containing_triangles, nearest_centroids, signed_areas
from pipeline.types import Bools, Character, CharacterLayer, Floats, Ints, Mesh, Rig

GRID_CELLS = 32
"""Mesh points along the square's side. AnimatedDrawings has 40, with 45 % more triangles. Against a grid of 80, points of char1 to char4
(jumping jacks, wave, dab) would then deviate by 0.1 % of the figure's size less on average, for a tenth of the total time."""

TOLERANCE_OF_SIDE = 0.0015
"""Tolerance of the outline as a share of the square's side: 0.9 px of 600. Figures with thin limbs get a smaller one."""

CLOSEST_TOLERANCE_PX = 0.25
"""The smallest tolerance of the outline, for figures with the thinnest limbs."""

THIN_SHARE_PERCENT = 10
"""Share of the figure's medial axis that may be thinner than the tolerance allows for."""

OWNERSHIP_SIDE_PX = 320
"""Size of the mask for distances to bones: an error of a pixel in a triangle's bone is invisible."""

INSIDE_LEVEL = 96
"""Threshold of 255 for a reduced pixel to be inside; at a half, thin limbs would break."""


@dataclass(frozen=True, eq=False)
class Figure:
    """A mesh pinned to a rig; the meshes of several layers follow one another.

    Attributes:
        mesh: unit square.
        pins: pinned points of the mesh.
        pin_joints: (P,) int32, the joint of the rig that each pin follows.
        layer_of_vertex: (V,) int32, index of each vertex's layer.
        owner: (F,) int32, the joint whose bone (from its parent to it) each triangle belongs to.
        distance: (F,) float64, geodesic distance of each triangle from its bone; only used for sorting.
        is_behind: (F,) bool, triangles of layers that are always drawn first.
    """

    mesh: Mesh
    pins: Pins
    pin_joints: Ints
    layer_of_vertex: Ints
    owner: Ints
    distance: Floats
    is_behind: Bools

    def triangles_in(self, joint_order: tuple[int, ...]) -> Ints:
        """Triangles (F', 3) in draw order: joint by joint, the farthest from the bone first; those of layers behind the body before all."""
        by_distance = np.argsort(-self.distance, kind="stable")
        owners = self.owner[by_distance]
        ordered = np.concatenate([by_distance[owners == joint] for joint in joint_order])
        drawn: Ints = self.mesh.triangles[ordered[np.argsort(~self.is_behind[ordered], kind="stable")]]
        return drawn


def figure_of(character: Character, layers: Sequence[CharacterLayer]) -> Figure:
    """Mesh, pins and bones of a character's layers.

    Raises:
        CharacterError: a mask encloses no area, or would take minutes.
    """
    tolerance_px = _tolerance_px(character.mask)
    figures = [_layer_figure(character, layer, number, tolerance_px) for number, layer in enumerate(layers)]
    if len(figures) == 1:
        return figures[0]
    starts = np.cumsum([0] + [len(figure.mesh.vertices) for figure in figures[:-1]]).tolist()
    pairs = list(zip(figures, starts, strict=True))
    return Figure(
        Mesh(
            np.concatenate([figure.mesh.vertices for figure in figures]),
            np.concatenate([figure.mesh.triangles + start for figure, start in pairs]).astype(np.int32),
        ),
        Pins(
            np.concatenate([figure.pins.triangles + start for figure, start in pairs]).astype(np.int32),
            np.concatenate([figure.pins.weights for figure in figures]),
        ),
        np.concatenate([figure.pin_joints for figure in figures]),
        np.concatenate([figure.layer_of_vertex for figure in figures]),
        np.concatenate([figure.owner for figure in figures]),
        np.concatenate([figure.distance for figure in figures]),
        np.concatenate([figure.is_behind for figure in figures]),
    )


def _layer_figure(character: Character, layer: CharacterLayer, number: int, tolerance_px: float) -> Figure:
    mask = bridged(layer.mask)
    points, triangles = _triangulated(mask, tolerance_px)
    if not len(triangles):
        raise CharacterError(f"the mask of {character.name} encloses no area", hint="it should cover the whole figure")
    side = max(mask.shape)
    mesh = _wound(Mesh(np.stack([points[:, 0] / side, 1.0 - points[:, 1] / side], axis=1), triangles))
    rig = character.rig
    owner, distance = bone_ownership(mesh, rig, mask, bones=np.array(layer.bones, np.int32))
    whole = Mesh(*cut_apart(mesh.vertices, mesh.triangles, owner, rig.parents)) if layer.has_touching_limbs else mesh
    pin_joints = np.array(layer.pins, np.int32)
    layer_of_vertex = np.full(len(whole.vertices), number, np.int32)
    is_behind = np.full(len(whole.triangles), layer.is_behind)
    return Figure(whole, pins_at(whole, rig.rest[pin_joints]), pin_joints, layer_of_vertex, owner, distance, is_behind)


def _triangulated(mask: Bools, tolerance_px: float) -> tuple[Floats, Ints]:
    """Points (V, 2), image px, and triangles (F, 3) that fill a mask; none if it encloses no area."""
    nothing = np.zeros((0, 2)), np.zeros((0, 3), np.int32)
    side = max(mask.shape)
    spacing = side / GRID_CELLS
    left, top, wide, high = cv2.boundingRect(mask.astype(np.uint8))  # a limb fills a small part of the image
    if not wide:
        return nothing
    corner = np.array([left, top], np.float64)
    part = mask[top : top + high, left : left + wide]
    loops = [outline.subdivided(loop, spacing=spacing) for loop in outline.outlines(part, tolerance_px=tolerance_px)]
    if not loops:
        return nothing
    count = sum(map(len, loops))
    if count > outline.MAX_POINTS:
        problem = f"expected at most {outline.MAX_POINTS} points, found {count}"
        raise CharacterError(f"the outline of the mask has too many corners: {problem}", hint="draw it as one shape, without small holes")
    points, triangles = outline.triangulation(loops, outline.interior_grid(part, spacing=spacing, corner=corner), part)
    return points + corner, triangles


def figure_on(mesh: Mesh, rig: Rig, mask: Bools) -> Figure:
    """Pins and bones for a given mesh, in one layer."""
    joints = np.arange(len(rig.joint_names), dtype=np.int32)
    owner, distance = bone_ownership(mesh, rig, mask, bones=np.flatnonzero(rig.parents >= 0).astype(np.int32))
    layer_of_vertex = np.zeros(len(mesh.vertices), np.int32)
    return Figure(mesh, pins_at(mesh, rig.rest), joints, layer_of_vertex, owner, distance, np.zeros(len(mesh.triangles), np.bool_))


def pins_at(mesh: Mesh, points: Floats) -> Pins:
    """A pin for each point (P, 2).

    A point outside the mesh is pinned to the closest point of the nearest triangle. It is outside by less than the outline's
    tolerance, since joints move into the mask when a character is read.
    """
    triangle, weights = containing_triangles(mesh.vertices, mesh.triangles, points)
    outside = np.flatnonzero(triangle < 0)
    if outside.size:
        triangle[outside] = nearest_centroids(mesh.vertices, mesh.triangles, points[outside])
        clamped = np.clip(barycentric_coordinates(mesh.vertices, mesh.triangles[triangle[outside]], points[outside]), 0.0, 1.0)
        weights[outside] = clamped / clamped.sum(axis=1, keepdims=True)
    return Pins(mesh.triangles[triangle], weights)


def bone_ownership(mesh: Mesh, rig: Rig, mask: Bools, *, bones: Ints, side_px: int = OWNERSHIP_SIDE_PX) -> tuple[Ints, Floats]:
    """The bone that each triangle belongs to by its centroid, and its distance.

    Args:
        bones: (B,) joints whose bones may own triangles.
        side_px: reduce the mask to about this side; a smaller mask is used unchanged.
    Returns:
        (F,) int32 joint index; (F,) float64 px.
    """
    factor = max(1, round(max(mask.shape) / side_px))
    small = _reduced(mask, factor)
    px_per_unit = max(mask.shape) / factor
    if not bones.size:
        return np.zeros(len(mesh.triangles), np.int32), np.zeros(len(mesh.triangles))
    left, top, wide, high = cv2.boundingRect(small.astype(np.uint8))  # a limb fills a small part of the image
    corner, small = np.array([left, top], np.int32), small[top : top + high, left : left + wide]
    points, bone_of_point = geodesic.bone_points(rig.rest[rig.parents[bones]], rig.rest[bones])
    nearest, distance = geodesic.PixelGraph(small).nearest_seeds(_pixels(points, px_per_unit) - corner)
    if (nearest < 0).all():
        raise CharacterError("no bone of the rig is inside the mask", hint="joints and mask must belong to the same image")
    at = _pixels(mesh.vertices[mesh.triangles].mean(axis=1), px_per_unit) - corner
    column, row = np.clip(at[:, 0], 0, small.shape[1] - 1), np.clip(at[:, 1], 0, small.shape[0] - 1)
    if (nearest[row, column] < 0).any():
        # By OpenCV, though up to 0.4 px farther than the nearest: most figures then need nothing of SciPy's image filters.
        indices = nearest_values(np.arange(nearest.size, dtype=np.int32).reshape(nearest.shape), nearest >= 0)
        row, column = np.divmod(indices[row, column], nearest.shape[1])
    return bones[bone_of_point[nearest[row, column]]].astype(np.int32), distance[row, column]


def _tolerance_px(mask: Bools) -> float:
    """Tolerance of the outlines of all layers, px: a quarter of the half width of the figure's thin limbs, so that none is cut through.

    The layers' own slivers, where they were cut apart, don't count: they hold no limb, and would double the triangles.
    """
    depth = depth_inside(mask, kernel=3)
    middle = middle_line(mask, depth)
    thin = float(np.percentile(depth[middle], THIN_SHARE_PERCENT)) if middle.any() else 0.0
    return float(max(CLOSEST_TOLERANCE_PX, min(TOLERANCE_OF_SIDE * max(mask.shape), thin / 4)))


def _pixels(points: Floats, px_per_unit: float) -> Ints:
    """Whole pixels (column, row) of unit square points, rounded as in AnimatedDrawings."""
    return np.round(np.stack([points[:, 0], 1.0 - points[:, 1]], axis=1) * px_per_unit).astype(np.int32)


def _reduced(mask: Bools, factor: int) -> Bools:
    """The mask reduced by `factor`; a pixel is inside if INSIDE_LEVEL of it is."""
    if factor == 1:
        return mask
    height, width = (-(-length // factor) for length in mask.shape)
    padded = np.zeros((height * factor, width * factor), np.uint8)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    share = cv2.resize(padded * 255, (width, height), interpolation=cv2.INTER_AREA)
    return share >= INSIDE_LEVEL


def _wound(mesh: Mesh) -> Mesh:
    """The mesh with all triangles counter-clockwise."""
    clockwise = signed_areas(mesh.vertices, mesh.triangles) < 0
    triangles = mesh.triangles.copy()
    triangles[clockwise] = triangles[clockwise][:, [0, 2, 1]]
    return Mesh(mesh.vertices, triangles)

"""Debug views that show why a figure moves as it does: rig, mesh lines, driving skeleton, floor, layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.mesh.triangles import undirected_edges
from pipeline.types import LAYER_COLORS, CharacterLayer, DebugViews, Floats, Ints, LayerLabel, Singles, Strokes

BONE_RGBA = (0.85, 0.1, 0.1, 1.0)
MESH_RGBA = (0.1, 0.1, 0.1, 0.45)
SKELETON_RGBA = (0.1, 0.35, 0.9, 1.0)
FLOOR_RGBA = ((0.15, 0.15, 0.15, 1.0), (0.92, 0.92, 0.92, 1.0))
FLOOR_TILES = 10
BODY_TINT = (150, 150, 150)
"""RGB; the body is white in layers.png, which would be invisible on paper."""
TINT = 0.6
"""Share of a layer's color in the view of the layers; the rest is the texture in gray."""


def stroke_colors(debug: DebugViews) -> list[tuple[int, int, int]]:
    """RGB colors, 0..255, of the enabled views; a palette must contain them."""
    drawn = [
        *([BONE_RGBA] if debug.rig else []),
        *([MESH_RGBA] if debug.mesh_lines else []),
        *([SKELETON_RGBA] if debug.skeleton else []),
        *(FLOOR_RGBA if debug.floor else []),
    ]
    return [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b, _ in drawn]


def rig_strokes(joints: Floats, parents: Ints, root: Floats) -> Strokes:
    """A line for each bone. `joints` (J, 2) are relative to the position `root` (3,), world space."""
    return lines(_in_space(joints + root[:2], root[2]), _bones(parents), BONE_RGBA)


def mesh_strokes(vertices: Floats, triangles: Ints, z: float) -> Strokes:
    """A line for each edge. `vertices` (V, 2), world space."""
    return lines(_in_space(vertices, z), undirected_edges(triangles), MESH_RGBA)


def skeleton_strokes(skeleton: Floats, parents: Ints) -> Strokes:
    """A line for each bone of the driving skeleton (K, 3), world space."""
    return lines(skeleton, _bones(parents), SKELETON_RGBA)


def floor_strokes() -> Strokes:
    """Ten by ten black and white tiles on the ground, as in AnimatedDrawings."""
    edge = np.arange(FLOOR_TILES) - FLOOR_TILES / 2
    x, z = (axis.ravel() for axis in np.meshgrid(edge, edge))
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1)], float)
    points = np.zeros((len(x), 6, 3))
    points[..., 0] = x[:, None] + corners[:, 0]
    points[..., 2] = z[:, None] + corners[:, 1]
    shade = ((x + z) % 2).astype(int)
    rgba = np.repeat(np.array(FLOOR_RGBA)[shade], 6, axis=0)
    return Strokes(points.reshape(-1, 3).astype(np.float32), rgba.astype(np.float32), filled=True, behind=True)


def tinted(layer: CharacterLayer, label: LayerLabel) -> CharacterLayer:
    """The layer with its image in the color of its label, as in layers.png."""
    color = BODY_TINT if label is LayerLabel.BODY else LAYER_COLORS[label]
    mixed = (1.0 - TINT) * layer.rgb.mean(axis=2, keepdims=True) + TINT * np.array(color)
    return replace(layer, rgb=np.rint(mixed).astype(np.uint8))


def lines(points: Floats, pairs: Ints, rgba: tuple[float, float, float, float]) -> Strokes:
    """Lines between the points (N, 3) of each pair (L, 2)."""
    ends: Singles = points[pairs].reshape(-1, 3).astype(np.float32)
    return Strokes(ends, np.tile(np.array(rgba, np.float32), (len(ends), 1)))


def _in_space(flat: Floats, z: float) -> Floats:
    return np.column_stack([flat, np.full(len(flat), z)])


def _bones(parents: Ints) -> Ints:
    children = np.flatnonzero(parents >= 0)
    return np.stack([parents[children], children], axis=1).astype(np.int32)

"""The picture that is stretched over the mesh: clean at its edge, and about as fine as the screen.

Two things make a cut-out ugly: paper that shines through at its edge, and a photograph of 2000 px sampled down to 200 on the
fly. So colours are carried outwards from inside the figure (whatever a filter picks up there is the figure's own), alpha falls
softly inside the cut, and the picture is averaged down once to the size at which it will be seen: that also takes the camera's
noise out, which is what makes GIFs large.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Bools, Bytes, Character, Ints, Mesh, Singles, Sprite

RIM_OF_SIDE = 0.004
"""Width of the rim whose colours are replaced by those behind it, as a share of the square's side: masks are drawn generously."""


def sprite_of(character: Character, mesh: Mesh, *, px_per_unit: float, colours: Singles | None = None) -> Sprite:
    """A character's picture, ready for the renderer.

    Args:
        px_per_unit: how many screen pixels one unit of the unit square covers.
        colours: (V, 3) 0..1, for the debug view that paints by joint.
    """
    height, width = character.mask.shape
    side = max(height, width)
    rgb = bled(character.rgba[..., :3], character.mask, rim_px=RIM_OF_SIDE * side)
    rgba: Bytes = np.dstack([rgb, soft_alpha(character.mask)])
    factor = px_per_unit / side
    if factor < 1.0:
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        rgba = np.asarray(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA), np.uint8)
    uv = np.stack([mesh.vertices[:, 0] * side / width, (1.0 - mesh.vertices[:, 1]) * side / height], axis=1)
    return Sprite(np.ascontiguousarray(rgba), uv.astype(np.float32), colours)


def soft_alpha(mask: Bools) -> Bytes:
    """(h, w) uint8: 255 inside, half on the outermost pixels of the mask, 0 outside; lines of one pixel keep their half."""
    depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    alpha: Bytes = np.minimum(depth * 127.5, 255.0).astype(np.uint8)
    return alpha


def bled(rgb: Bytes, mask: Bools, *, rim_px: float) -> Bytes:
    """`rgb` (h, w, 3) with every pixel outside the mask, and in the mask's rim, given the colour of the nearest pixel further inside.

    A line thinner than two rims keeps the colours of its middle.
    """
    depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    ridge = mask & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))
    inside = (depth > rim_px + 0.5) | ridge
    _, labels = cv2.distanceTransformWithLabels((~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colour_of_label = np.zeros((labels.max() + 1, 3), np.uint8)
    colour_of_label[labels[inside]] = rgb[inside]
    filled: Bytes = np.where(inside[..., None], rgb, colour_of_label[labels])
    return filled


def joint_colours(owner_of_vertex: Ints, joint_count: int) -> Singles:
    """(V, 3) a colour for each vertex by its joint: hues spread evenly, so that neighbours differ."""
    hue = (np.arange(joint_count) * 0.618034) % 1.0 * 179.0  # the golden ratio spreads any number of hues
    hsv = np.stack([hue, np.full(joint_count, 170.0), np.full(joint_count, 235.0)], axis=1).astype(np.uint8)
    rgb = cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0]
    colours: Singles = (rgb[owner_of_vertex] / 255.0).astype(np.float32)
    return colours

"""Sprite stage: the texture of a figure, with a clean edge and at the resolution of the output.

Masks extend a little beyond the ink, onto paper. That rim becomes transparent where its color is close to the nearby paper's. Colors are
extended outwards from inside the figure, so that texture filtering mixes in no paper. The texture is averaged down once to its visible
size, which also removes camera noise, the main cause of large GIFs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.ink.channels import largest_channel
from pipeline.ink.regions import nearest_index
from pipeline.mesh.depth import depth_inside, middle_line
from pipeline.types import Bools, Bytes, Character, CharacterLayer, Ints, Mesh, Singles, Sprite

RIM_OF_SIDE = 0.012
"""Depth to which paper is searched inside the mask, as a share of the square's side."""

NEIGHBORHOOD_OF_SIDE = 0.04
"""Radius around a pixel in which the paper's color is measured, as a share of the square's side: light is uneven."""

PAPER_SHARE = 0.35
"""Paper differs from the surrounding paper by less than this share of the ink's difference."""

LARGEST_PAPER_DIFFERENCE = 48.0
"""Upper bound of the difference by which paper differs from the surrounding paper, levels 0..255, however dark the ink is."""

INK_PERCENTILE = 90
"""Percentile of the differences inside a figure that is the ink's."""

MIN_RIM_PX = 3.5
"""Lower bound of the depth to which paper is searched inside the mask, px; it counts in small images."""

INK_SHARE = 0.75
"""A pixel of an outline is pure ink if it differs from the paper by this share of the largest difference within two pixels."""

MARGIN_PX = 8
"""Width of what is kept around each layer, px, so that texture filtering at its edge mixes in no other layer."""

PAPER_REDUCTION = 4
"""The paper's color is measured at a size that is this many times smaller: it changes slowly."""

ENOUGH_PAPER = 0.01
"""The paper's color is known where more than this share of the neighborhood is paper."""

GOLDEN_RATIO = 0.618034
"""Hues that differ by this share of the circle are evenly spread, however many they are."""

HUES, SATURATION, BRIGHTNESS = 179.0, 170.0, 235.0
"""OpenCV's range of 8-bit hues, and the saturation and brightness of joints' colors, 0..255."""


@dataclass(frozen=True, eq=False)
class LayerImage:
    """What a texture shows of a layer, as large as in the character's image.

    Attributes:
        rgba: (h, w, 4) uint8, straight alpha; colors extend beyond the edge.
        left, upper: its place in the character's image, px.
    """

    rgba: Bytes
    left: int
    upper: int


def layer_images(character: Character, layers: Sequence[CharacterLayer]) -> tuple[LayerImage, ...]:
    """The image of each layer of a character, with soft edges and without the paper at them, in the layers' order.

    An only layer's image is as large as the character's; of several, each is cut to its layer.
    """
    mask, opacity = character.mask, own_opacity(character)
    hidden = opacity < 255
    difference = paper_difference(character.rgb, mask | hidden, reach_px=NEIGHBORHOOD_OF_SIDE * max(mask.shape))
    alpha = np.minimum(inked_alpha(difference, mask, hidden=hidden), opacity)
    difference[hidden] = 0
    if len(layers) == 1:
        return (LayerImage(_with_clean_edge(layers[0].rgb, alpha, mask, difference), 0, 0),)
    images = []
    for layer in layers:
        window, (left, upper) = _window_of(layer.mask)
        cut = layer.mask[window]
        cut_alpha = np.minimum(alpha[window], soft_alpha(cut))
        images.append(LayerImage(_with_clean_edge(layer.rgb[window], cut_alpha, cut, difference[window]), left, upper))
    return tuple(images)


def sprite_of(
    images: Sequence[LayerImage],
    mesh: Mesh,
    layer_of_vertex: Ints,
    *,
    side_px: int,
    px_per_unit: float,
    colors: Singles | None = None,
) -> Sprite:
    """Texture of a character for the renderer: the images of its layers, one below the other.

    Args:
        images: of `layer_images`.
        mesh: its vertices are in the unit square.
        layer_of_vertex: (V,) index of the layer that each vertex belongs to.
        side_px: the longer side of the character's image, which is the unit square's.
        px_per_unit: output pixels per unit of the unit square.
        colors: (V, 3) 0..1, for the debug view that colors by joint.
    """
    points = np.stack([mesh.vertices[:, 0] * side_px, (1.0 - mesh.vertices[:, 1]) * side_px], axis=1)
    factor = px_per_unit / side_px
    if len(images) == 1:
        whole = images[0].rgba
        uv = (points / (whole.shape[1], whole.shape[0])).astype(np.float32)
        return Sprite(np.ascontiguousarray(_scaled(whole, factor)), uv, colors)
    parts, uv, top = [], np.zeros_like(points), 0
    for number, image in enumerate(images):
        scaled = _scaled(image.rgba, factor)
        scale = np.array([scaled.shape[1] / image.rgba.shape[1], scaled.shape[0] / image.rgba.shape[0]])
        own = layer_of_vertex == number
        uv[own] = (points[own] - (image.left, image.upper)) * scale + (0, top)
        parts.append(scaled)
        top += scaled.shape[0]
    atlas = _stacked(parts)
    return Sprite(atlas, (uv / (atlas.shape[1], atlas.shape[0])).astype(np.float32), colors)


def _stacked(parts: Sequence[Bytes]) -> Bytes:
    """Images (h, w, 4) one below the other, transparent on the right of narrower ones."""
    atlas = np.zeros((sum(part.shape[0] for part in parts), max(part.shape[1] for part in parts), 4), np.uint8)
    top = 0
    for part in parts:
        atlas[top : top + part.shape[0], : part.shape[1]] = part
        top += part.shape[0]
    return atlas


def _with_clean_edge(rgb: Bytes, alpha: Bytes, mask: Bools, difference: Bytes) -> Bytes:
    """The image (h, w, 4) with this alpha, its colors extended outwards from where it is opaque; `difference` is from the paper."""
    solid = alpha == 255
    extended = bled(rgb, solid if solid.any() else mask, np.where(mask, difference, np.uint8(0)), rim_px=1.0)
    rgba = np.asarray(cv2.cvtColor(extended, cv2.COLOR_RGB2RGBA), np.uint8)
    rgba[..., 3] = alpha
    return rgba


def _scaled(rgba: Bytes, factor: float) -> Bytes:
    """The image (h, w, 4), averaged down by a factor; itself if that is 1 or more: the renderer enlarges."""
    if factor >= 1.0:
        return rgba
    size = (max(1, round(rgba.shape[1] * factor)), max(1, round(rgba.shape[0] * factor)))
    return np.asarray(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA), np.uint8)


def _window_of(mask: Bools) -> tuple[tuple[slice, slice], tuple[int, int]]:
    """The part of the image that holds the mask, with a margin for texture filtering, and its left and upper edge."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    upper, left = max(0, int(rows[0]) - MARGIN_PX), max(0, int(columns[0]) - MARGIN_PX)
    return (slice(upper, int(rows[-1]) + 1 + MARGIN_PX), slice(left, int(columns[-1]) + 1 + MARGIN_PX)), (left, upper)


def own_opacity(character: Character) -> Bytes:
    """The image's own alpha, (h, w) uint8, doubled: 255 where it is at least half opaque.

    Doubled, so that pale washes don't vanish from a GIF. An alpha that hides the whole figure counts as unset, as some programs leave it.
    """
    alpha = character.rgba[..., 3]
    return np.asarray(cv2.add(alpha, alpha), np.uint8) if alpha[character.mask].any() else np.full_like(alpha, 255)


def inked_alpha(difference: Bytes, mask: Bools, *, hidden: Bools | None = None) -> Bytes:
    """Alpha (h, w) uint8: `soft_alpha` of the mask without the paper between its edge and the ink.

    Paper is reachable from outside without crossing ink, is not deep inside the mask, and hardly differs from the surrounding paper; alpha
    rises with the difference, so the ink keeps its soft edge. Without paper for comparison, nothing changes.

    Args:
        difference: (h, w) uint8 from the paper, of `paper_difference`.
        hidden: (h, w) bool, pixels that the image's own alpha hides: their color, mostly black, is neither paper nor ink.
    """
    side = max(mask.shape)
    depth = depth_inside(mask, kernel=3)
    alpha = _soft_alpha(depth)
    inside = mask if hidden is None else mask & ~hidden
    ink = float(np.percentile(difference[inside], INK_PERCENTILE)) if inside.any() else 0.0
    limit = min(LARGEST_PAPER_DIFFERENCE, PAPER_SHARE * ink)
    if limit < 1.0:
        return alpha
    paper = mask & (depth <= max(MIN_RIM_PX, RIM_OF_SIDE * side)) & (difference < limit)
    _, pieces = cv2.connectedComponents((paper | ~mask).astype(np.uint8), connectivity=8)
    is_outside = np.zeros(pieces.max() + 1, np.bool_)
    is_outside[pieces[~mask]] = True
    rim = np.flatnonzero(paper)  # a small part of the image
    fringe = rim[is_outside[pieces.ravel()[rim]]]
    flat = alpha.ravel()
    flat[fringe] = np.minimum(flat[fringe], difference.ravel()[fringe] * (255.0 / limit)).astype(np.uint8)
    return alpha


def paper_difference(rgb: Bytes, mask: Bools, *, reach_px: float) -> Bytes:
    """Difference (h, w) uint8 of each pixel from the paper within `reach_px`, in levels of the channel that differs most.

    Args:
        rgb: (h, w, 3) uint8 sRGB.
        mask: (h, w) bool; everything outside is paper. The difference is 0 where there is none within reach.
        reach_px: half the side of the square in which the paper's color is averaged, px.
    """
    height, width = mask.shape
    small = (-(-width // PAPER_REDUCTION), -(-height // PAPER_REDUCTION))
    outside = (~mask).astype(np.uint8) * np.uint8(255)
    weight = cv2.resize(outside, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    shown = cv2.resize(cv2.copyTo(rgb, outside), small, interpolation=cv2.INTER_AREA).astype(np.float32)
    kernel = (2 * max(1, round(reach_px / PAPER_REDUCTION)) + 1,) * 2
    around, total = (np.asarray(cv2.boxFilter(values, -1, kernel), np.float32) for values in (weight, shown))
    known = around > 255 * ENOUGH_PAPER
    paper = (total * (255.0 / np.where(known, around, 255.0))[..., None]).clip(0, 255).astype(np.uint8)
    apart = cv2.absdiff(rgb, cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR))
    is_known = cv2.resize(known.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    difference: Bytes = largest_channel(np.asarray(apart, np.uint8)) * np.asarray(is_known, np.uint8)
    return difference


def soft_alpha(mask: Bools) -> Bytes:
    """Alpha (h, w) uint8: 255 inside, half on the outermost pixels of the mask, 0 outside; lines of one pixel keep their half."""
    return _soft_alpha(depth_inside(mask, kernel=3))


def _soft_alpha(depth: Singles) -> Bytes:
    """`soft_alpha` of a mask's `depth_inside` (h, w), px."""
    alpha: Bytes = np.minimum(depth * 127.5, 255.0).astype(np.uint8)
    return alpha


def bled(rgb: Bytes, mask: Bools, inkiness: Bytes, *, rim_px: float) -> Bytes:
    """`rgb` (h, w, 3) where every pixel outside the mask and in its rim has the color of the nearest pixel further inside.

    A line thinner than two rims keeps the colors of its middle, and a thin outline its own: where the rim differs from the paper more than
    what is inside of it, and about as much as anything around, it is ink, and not mixed with paper.

    Args:
        inkiness: (h, w) uint8, `paper_difference` in the whole figure, whose outermost pixels may be outside `mask`; 0 elsewhere.
    """
    depth = depth_inside(mask)
    inside = (depth > rim_px + 0.5) | middle_line(mask, depth)
    (index, _), height = nearest_index(inside), mask.shape[0]
    rim = np.flatnonzero((inkiness > 0) & ~inside)
    levels, strongest = inkiness.ravel(), cv2.dilate(inkiness, np.ones((5, 5), np.uint8)).ravel()
    is_ink = (levels[rim] > levels[index[rim]]) & (levels[rim] >= INK_SHARE * strongest[rim])
    if is_ink.any():
        inside.ravel()[rim[is_ink]] = True
        index, _ = nearest_index(inside)
    whole_colors = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA)).view(np.uint32).ravel()  # looked up at once
    filled = whole_colors.take(index).view(np.uint8).reshape(height, -1, 4)
    return np.asarray(cv2.cvtColor(filled, cv2.COLOR_RGBA2RGB), np.uint8)


def joint_colors(owner_of_vertex: Ints, joint_count: int) -> Singles:
    """A color for each vertex by its joint, (V, 3) float32 0..1: evenly spread hues, so that neighboring joints differ.

    Args:
        owner_of_vertex: (V,) int32, index of each vertex's joint.
    """
    hue = (np.arange(joint_count) * GOLDEN_RATIO) % 1.0 * HUES
    hsv = np.stack([hue, np.full(joint_count, SATURATION), np.full(joint_count, BRIGHTNESS)], axis=1).astype(np.uint8)
    rgb = cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0]
    colors: Singles = (rgb[owner_of_vertex] / 255.0).astype(np.float32)
    return colors

"""Layer stage: divides a figure into layers where limbs touch the body, so that a moving limb does not tear it.

AnimatedDrawings deforms the figure as one sheet; an arm that touches the body drags it along, and legs pull the skirt apart. Here such a
limb becomes a layer of its own that shares its shoulder or its hip with the body. What another layer covers is completed: the body behind
an arm that crosses it, and the legs under a skirt. A figure whose limbs are free stays in one layer.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipeline.ink.regions import filled
from pipeline.mesh.depth import nearest_pixels
from pipeline.pose.limb_labels import layer_limbs
from pipeline.pose.limb_measures import points_along, stroke, values_at
from pipeline.pose.limb_regions import ARM, LimbRegion, gown_joints, limbs_of
from pipeline.types import Bools, Bytes, Character, CharacterLayer, Floats

ROOT_OF_LIMB = 0.9
"""Radius of the limb's round end at the shoulder or the hip, in half widths of the limb."""

ROOT_OF_BODY = 1.15
"""Radius around the shoulder or the hip that stays with the body, too, so that no gap opens, in half widths of the limb."""

HAND_HALF_WIDTHS = 3.0
"""Radius around a limb's end within which the body behind the limb is completed, too, in half widths of the limb."""

DENT_HALF_WIDTHS = 1.8
"""Half the width of the widest dents of the body that are completed behind a limb, in half widths of the limb."""

EXIT_HALF_WIDTHS = 2.5
"""Radius around the place where a covered limb comes out within which its color is measured, in half widths of the limb."""

CORE_HALF_WIDTHS = 0.5
"""Distance from a covered limb's edge from which on its color is measured, in half widths of the limb."""

SCRAP_OF_AREA = 0.45
"""A limb with fewer pixels than this share of the area that its bones suggest may be a scrap, which was not understood."""

SCRAP_OF_BONES = 0.5
"""Such a limb is a scrap if less than this share of its bones is on it. Of 325 limbs of real and synthetic drawings, six were scraps."""

HANGING_SHARE = 0.8
"""A limb of which less than this share is connected with its root, the shoulder or the hip, was not understood: the rest would fly."""

STROKE_OF_SIDE = 0.006
"""Half width of a drawn line between limb and body, as a share of the longer side; both layers keep the line."""

OUTLINED_SHARE = 0.4
"""A figure with lines along this share of its edge is drawn in outlines; completed parts get one, too."""

SAMPLES = 50
"""At how many points along each bone its limb's pixels are looked up."""

INK_CONTRAST = 28
"""Levels by which a line is darker than what is beside it."""


def character_layers(character: Character) -> tuple[CharacterLayer, ...]:
    """Layers of a character: the body first, then each limb that touches it. A single layer if no limb does.

    A limb that was not understood keeps still: its scraps would fly beside the body, and its bones would tear it.
    """
    (whole,) = single_layer_character(character)
    points, found = character.joints_px(), layer_limbs(character)
    limbs = tuple(limb for limb in found if len(limb.covered) or _is_understood(limb, points, character.mask))
    held = {joint for limb in found for joint in (limb.joints.middle, limb.joints.end)}
    loose = held | set(gown_joints(character))  # a gown hangs from the hips: knees would bulge it
    pins, bones = (tuple(joint for joint in joints if joint not in loose) for joints in (whole.pins, whole.bones))
    has_touching_limbs = not limbs_of(character.rig.joint_names, ARM)  # for a person, those that touch are layers
    if not limbs:
        return (replace(whole, pins=pins, bones=bones, has_touching_limbs=has_touching_limbs),)
    lines = _drawn_lines(whole.rgb, character.mask)
    body = character.mask & ~np.any([limb.area for limb in limbs], axis=0)
    mask, hidden = _body_mask(limbs, character.mask, points, lines, body)
    rest = CharacterLayer(mask, _completed(whole.rgb, hidden, body, lines), pins, bones, has_touching_limbs=has_touching_limbs)
    first_bones = [points[[limb.joints.root, limb.joints.middle]] for limb in limbs]
    return (rest, *(_limb_layer(limb, whole, bone, lines, body) for limb, bone in zip(limbs, first_bones, strict=True)))


def _is_understood(limb: LimbRegion, points: Floats, mask: Bools) -> bool:
    """Whether a limb's pixels plausibly belong to it.

    They hang on its root, and are about as many as its bones suggest, or on most of these.
    """
    bones = points[[limb.joints.root, limb.joints.middle, limb.joints.end]]
    lengths = np.repeat(np.linalg.norm(np.diff(bones, axis=0), axis=1), SAMPLES)
    on_bones = float(np.average(values_at(limb.area, points_along(bones, SAMPLES)), weights=lengths + 1e-6))
    expected = 2.0 * limb.half_width_px * lengths.sum() / SAMPLES
    is_scrap = on_bones < SCRAP_OF_BONES and float(limb.area.sum()) < SCRAP_OF_AREA * expected
    return not is_scrap and _hangs_on_its_root(limb, bones[:2], mask)


def _hangs_on_its_root(limb: LimbRegion, bone: Floats, mask: Bools) -> bool:
    """Whether most of a limb is in one piece with the end of it that is shared with the body, along its first bone (2, 2), image px."""
    _, pieces = cv2.connectedComponents((limb.area | (mask & _root_end(limb, bone))).astype(np.uint8), connectivity=8)
    along = values_at(np.asarray(pieces, np.int32), np.linspace(bone[0], bone[1], SAMPLES))
    first = along[np.argmax(along > 0)]
    return bool(first) and float((pieces[limb.area] == first).mean()) >= HANGING_SHARE


def _root_end(limb: LimbRegion, root: Floats) -> Bools:
    """The round end with which a limb hangs on the body, along its first bone (2, 2), image px."""
    return stroke(limb.area.shape, _up_to(limb.area, root, limb.half_width_px), ROOT_OF_LIMB * limb.half_width_px)


def single_layer_character(character: Character) -> tuple[CharacterLayer]:
    """A character as a single layer."""
    joints = tuple(range(len(character.rig.joint_names)))
    bones = tuple(joint for joint in joints if character.rig.parents[joint] >= 0)
    return (CharacterLayer(character.mask, character.rgb, joints, bones),)


def _limb_layer(limb: LimbRegion, whole: CharacterLayer, root: Floats, lines: Bools, body: Bools) -> CharacterLayer:
    """A limb with a round end where it hangs on the body, and with the line that is drawn between them; a covered limb goes on to its hip.

    Args:
        root: (2, 2) first bone of the limb, image px.
    """
    joints, mask, rgb = limb.joints, whole.mask, whole.rgb
    pins, bones = (joints.root, joints.middle, joints.end), (joints.middle, joints.end)
    if len(limb.covered):
        hidden = stroke(mask.shape, limb.covered, limb.half_width_px) & mask & ~limb.area
        return CharacterLayer(mask & filled(limb.area | hidden), _continued(rgb, hidden, limb, lines), pins, bones, is_behind=True)
    shared = lines & body & _grown(limb.area, _stroke_px(mask))
    return CharacterLayer(mask & filled(_joined_to(limb.area, limb.area | _root_end(limb, root) | shared)), rgb, pins, bones)


def _up_to(area: Bools, bone: Floats, reach_px: float) -> Floats:
    """The beginning of a bone (2, 2), image px, until it is `reach_px` inside an area; the whole bone if it never is.

    Beyond that, what is beside the bone is the body's.
    """
    length = max(float(np.linalg.norm(bone[1] - bone[0])), 1e-6)
    shares = np.linspace(0.0, 1.0, max(2, round(length)))
    inside = values_at(area, bone[0] + shares[:, None] * (bone[1] - bone[0])) > 0
    if not inside.any():
        return bone
    end = min(1.0, float(shares[np.argmax(inside)]) + reach_px / length)
    return np.array([bone[0], bone[0] + end * (bone[1] - bone[0])])


def _joined_to(area: Bools, whole: Bools) -> Bools:
    """The pieces of `whole` that hold pixels of an area."""
    _, pieces = cv2.connectedComponents(whole.astype(np.uint8), connectivity=8)
    return whole & np.isin(pieces, np.unique(pieces[area]))


def _body_mask(limbs: tuple[LimbRegion, ...], mask: Bools, points: Floats, lines: Bools, body: Bools) -> tuple[Bools, Bools]:
    """The body's pixels, and those of them that a limb covers in the drawing."""
    whole, hidden = body.copy(), np.zeros_like(body)
    for limb in limbs:
        if len(limb.covered):
            continue
        shared = lines & limb.area & _grown(body, _stroke_px(mask))
        hand = _disc(mask.shape, points[limb.joints.end], HAND_HALF_WIDTHS * limb.half_width_px)
        behind = _closed_in(limb.over_body | (limb.area & hand), body, max(1, round(DENT_HALF_WIDTHS * limb.half_width_px)))
        behind = _without_slivers(behind, mask)
        root = mask & _disc(mask.shape, points[limb.joints.root], ROOT_OF_BODY * limb.half_width_px)
        whole |= behind | root | (shared & ~behind)
        hidden |= behind & ~root
    holes = filled(whole) & mask & ~whole
    return whole | holes, hidden | _without_slivers(holes, mask)


def _without_slivers(hidden: Bools, mask: Bools) -> Bools:
    """The pieces that are wider than a drawn line; the others are the line between limb and body, which the body keeps as it is."""
    return _joined_to(_shrunk(hidden, _stroke_px(mask)), hidden)


def _completed(rgb: Bytes, hidden: Bools, body: Bools, lines: Bools) -> Bytes:
    """The image with the hidden part of the body filled by the nearest colors of the body, smoothed, and with its outline drawn on."""
    if not hidden.any():
        return rgb
    stroke_px = _stroke_px(body)
    rows, columns = np.nonzero(_grown(hidden, 8 * stroke_px))
    window = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    replaced = (_grown(hidden, 2 * stroke_px) | (lines & _grown(hidden, 4 * stroke_px)))[window]  # the limb's own outline goes, too
    unknown = replaced | ~body[window]
    if unknown.all():
        return rgb
    patch = rgb[window][nearest_pixels(unknown)]
    patch = np.asarray(cv2.GaussianBlur(patch, (0, 0), 2.0 * stroke_px), np.uint8)
    result = rgb.copy()
    result[window] = np.where(replaced[..., None], patch, rgb[window])
    _outline(result, rgb, hidden, body, lines)
    return result


def _continued(rgb: Bytes, hidden: Bools, limb: LimbRegion, lines: Bools) -> Bytes:
    """The image with the hidden part of a limb in the color that the limb has where it comes out from under its cover."""
    core = _shrunk(limb.area, CORE_HALF_WIDTHS * limb.half_width_px) & _disc(
        hidden.shape, limb.covered[-1], EXIT_HALF_WIDTHS * limb.half_width_px
    )
    seen = rgb[core if core.any() else limb.area]  # without outlines, and without the paper along the edge
    result = rgb.copy()
    result[hidden] = np.median(seen, axis=0).astype(np.uint8)
    _outline(result, rgb, hidden, limb.area, lines)
    return result


def _outline(result: Bytes, rgb: Bytes, hidden: Bools, area: Bools, lines: Bools) -> None:
    """Draw the edge of the hidden part of an area into `result` as the edge of the visible part is drawn."""
    stroke_px = _stroke_px(area)
    rim = area & ~_shrunk(area, stroke_px)
    if rim.any() and lines[rim].mean() > OUTLINED_SHARE:
        result[hidden & ~_shrunk(area | hidden, stroke_px)] = np.median(rgb[rim & lines], axis=0).astype(np.uint8)


def _drawn_lines(rgb: Bytes, mask: Bools) -> Bools:
    """Dark thin lines of a drawing: where closing removes them (black hat)."""
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    size = 4 * _stroke_px(mask) + 1
    return np.asarray(cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, np.ones((size, size), np.uint8)) > INK_CONTRAST)


def _stroke_px(mask: Bools) -> int:
    return max(1, round(STROKE_OF_SIDE * float(max(mask.shape))))


def _closed_in(part: Bools, area: Bools, radius: int) -> Bools:
    """The pixels of a part of the image that are in an area whose dents, up to twice the radius wide, are filled."""
    left, top, wide, high = cv2.boundingRect(part.astype(np.uint8))
    if not wide:
        return part
    around = np.pad(area, 2 * radius)[top : top + high + 4 * radius, left : left + wide + 4 * radius]
    closed = np.zeros_like(part)
    closed[top : top + high, left : left + wide] = _shrunk(_grown(around, radius), radius)[
        2 * radius : -2 * radius, 2 * radius : -2 * radius
    ]
    return part & closed


def _grown(area: Bools, radius: float) -> Bools:
    """An area with all pixels within a radius of it. By distances: the radii here are large, and dilation takes longer for them."""
    left, top, wide, high = cv2.boundingRect(area.astype(np.uint8))
    margin = int(radius) + 1
    window = np.s_[max(0, top - margin) : top + high + margin, max(0, left - margin) : left + wide + margin]
    grown = np.zeros_like(area)
    if wide:
        grown[window] = cv2.distanceTransform((~area[window]).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= radius
    return grown


def _shrunk(area: Bools, radius: float) -> Bools:
    """An area without the pixels within a radius of its edge; pixels beyond the border count as area."""
    left, top, wide, high = cv2.boundingRect(area.astype(np.uint8))
    window = np.s_[max(0, top - 1) : top + high + 1, max(0, left - 1) : left + wide + 1]
    shrunk = np.zeros_like(area)
    if wide:
        shrunk[window] = cv2.distanceTransform(area[window].astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) > radius
    return shrunk


def _disc(shape: tuple[int, ...], center: Floats, radius: float) -> Bools:
    canvas = np.zeros(shape, np.uint8)
    cv2.circle(canvas, (round(center[0]), round(center[1])), max(1, round(radius)), 1, cv2.FILLED)
    return canvas.astype(np.bool_)

"""Layer stage: divides a figure into layers where limbs touch the body, so that a moving limb does not tear it.

AnimatedDrawings deforms the figure as one sheet; an arm that touches the body drags it along, and legs pull the skirt apart. Here such a
limb becomes a layer of its own that shares its shoulder or its hip with the body. What another layer covers is completed: the body behind
an arm that crosses it, and the legs under a skirt. A figure whose limbs are free stays in one layer.

Masks are (h, w) bool, images (h, w, 3) uint8, both of the character's size; positions are image px (x, y). `lines` are drawn lines, which
are dark and thin.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipeline.ink.dark_lines import dark_lines
from pipeline.ink.regions import filled, pieces_with
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
"""A covered limb's color is measured within this distance of where the limb comes out, in half widths of the limb."""

CORE_HALF_WIDTHS = 0.5
"""A covered limb's color is measured farther from its edge than this, in half widths of the limb: without outlines and paper."""

SCRAP_OF_AREA = 0.45
"""A limb may be a scrap, which was not understood, if it has less than this share of the area that its bones suggest."""

SCRAP_OF_BONES = 0.5
"""Such a limb is a scrap if less than this share of its bones is on it. Of 325 limbs of real and synthetic drawings, six were scraps."""

HANGING_SHARE = 0.8
"""A limb was not understood if less than this share of it is connected with its shoulder or hip: the rest would fly."""

STROKE_OF_SIDE = 0.006
"""Half width of a drawn line between limb and body, as a share of the longer side; both layers keep the line."""

RIM_STROKES, OUTLINE_STROKES = 2, 4
"""Around a hidden part of the body, everything up to the first distance is painted over, and lines up to the second: they are the limb's
outline. In half widths of a line."""

COLOR_STROKES = 8
"""Colors for a hidden part of the body are taken from this far around its bounds, in half widths of a line."""

BLUR_STROKES = 2.0
"""Standard deviation by which these colors are blurred, in half widths of a line: a nearest color leaves streaks."""

OUTLINED_SHARE = 0.4
"""A figure with lines along more than this share of its edge is drawn in outlines; completed parts get one, too."""

SAMPLES = 50
"""Points along each bone at which its limb's pixels are read."""


def character_layers(character: Character) -> tuple[CharacterLayer, ...]:
    """Layers of a character: the body first, then each limb that touches it. A single layer if no limb does.

    A limb that was not understood keeps still: its scraps would fly beside the body, and its bones would tear it.
    """
    (whole,) = single_layer_character(character)
    points, found = character.joints_px(), layer_limbs(character)
    limbs = tuple(limb for limb in found if len(limb.covered) or _is_understood(limb, points, character.mask))
    joints_of_limbs = {joint for limb in found for joint in (limb.joints.middle, limb.joints.end)}
    no_body_joints = joints_of_limbs | set(gown_joints(character))  # a gown hangs from the hips: knees would bulge it
    pins, bones = (tuple(joint for joint in joints if joint not in no_body_joints) for joints in (whole.pins, whole.bones))
    has_touching_limbs = not limbs_of(character.rig.joint_names, ARM)  # for a person, those that touch are layers
    body = replace(whole, pins=pins, bones=bones, has_touching_limbs=has_touching_limbs)
    if not limbs:
        return (body,)
    lines = dark_lines(whole.rgb, 2 * _half_stroke_px(whole.mask.shape))
    visible = character.mask & ~np.any([limb.area for limb in limbs], axis=0)
    mask, hidden = _body_mask(limbs, character.mask, points, lines, visible)
    body = replace(body, mask=mask, rgb=_completed(whole.rgb, hidden, visible, lines))
    first_bones = [points[[limb.joints.root, limb.joints.middle]] for limb in limbs]
    return (body, *(_limb_layer(limb, whole, bone, lines, visible) for limb, bone in zip(limbs, first_bones, strict=True)))


def _is_understood(limb: LimbRegion, points: Floats, mask: Bools) -> bool:
    """Whether a limb's pixels plausibly are the limb.

    They are connected with its root, and there are about as many as its bones suggest, or they are on most of these bones.

    Args:
        points: (J, 2), all joints of the rig.
        mask: of the character.
    """
    bones = points[[limb.joints.root, limb.joints.middle, limb.joints.end]]
    lengths = np.repeat(np.linalg.norm(np.diff(bones, axis=0), axis=1), SAMPLES)
    share_of_bones = float(np.average(values_at(limb.area, points_along(bones, SAMPLES)), weights=lengths + 1e-6))
    expected_px = 2.0 * limb.half_width_px * lengths.sum() / SAMPLES
    is_scrap = share_of_bones < SCRAP_OF_BONES and float(limb.area.sum()) < SCRAP_OF_AREA * expected_px
    return not is_scrap and _hangs_on_its_root(limb, bones[:2], mask)


def _hangs_on_its_root(limb: LimbRegion, bone: Floats, mask: Bools) -> bool:
    """Whether most of a limb is in one piece with its round end on the body. `bone` is its first one (2, 2), from the root on."""
    _, pieces = cv2.connectedComponents((limb.area | (mask & _root_end(limb, bone))).astype(np.uint8), connectivity=8)
    along = values_at(np.asarray(pieces, np.int32), np.linspace(bone[0], bone[1], SAMPLES))
    first = along[np.argmax(along > 0)]
    return bool(first) and float((pieces[limb.area] == first).mean()) >= HANGING_SHARE


def _root_end(limb: LimbRegion, bone: Floats) -> Bools:
    """The round end with which a limb hangs on the body, drawn along the limb's first bone (2, 2) until that is well inside the limb."""
    return stroke(limb.area.shape, _beginning(bone, limb.area, limb.half_width_px), ROOT_OF_LIMB * limb.half_width_px)


def single_layer_character(character: Character) -> tuple[CharacterLayer]:
    """A character as a single layer."""
    joints = tuple(range(len(character.rig.joint_names)))
    bones = tuple(joint for joint in joints if character.rig.parents[joint] >= 0)
    return (CharacterLayer(character.mask, character.rgb, joints, bones),)


def _limb_layer(limb: LimbRegion, whole: CharacterLayer, bone: Floats, lines: Bools, body: Bools) -> CharacterLayer:
    """A limb with a round end where it hangs on the body, and with the line that is drawn between them; a covered limb goes on to its hip.

    Args:
        bone: (2, 2) first bone of the limb.
        body: the pixels of the figure that are in none of the limbs.
    """
    joints, mask, rgb = limb.joints, whole.mask, whole.rgb
    pins, bones = (joints.root, joints.middle, joints.end), (joints.middle, joints.end)
    if len(limb.covered):
        hidden = stroke(mask.shape, limb.covered, limb.half_width_px) & mask & ~limb.area
        return CharacterLayer(mask & filled(limb.area | hidden), _continued(rgb, hidden, limb, lines), pins, bones, is_behind=True)
    shared = lines & body & _grown(limb.area, _half_stroke_px(mask.shape))
    joined = pieces_with(limb.area | _root_end(limb, bone) | shared, limb.area, corners_join=True)
    return CharacterLayer(mask & filled(joined), rgb, pins, bones)


def _beginning(bone: Floats, area: Bools, reach_px: float) -> Floats:
    """The beginning of a bone (2, 2), until it is `reach_px` inside an area; the whole bone if it never is."""
    length = max(float(np.linalg.norm(bone[1] - bone[0])), 1e-6)
    shares = np.linspace(0.0, 1.0, max(2, round(length)))
    inside = values_at(area, bone[0] + shares[:, None] * (bone[1] - bone[0])) > 0
    if not inside.any():
        return bone
    end = min(1.0, float(shares[np.argmax(inside)]) + reach_px / length)
    return np.array([bone[0], bone[0] + end * (bone[1] - bone[0])])


def _body_mask(limbs: tuple[LimbRegion, ...], mask: Bools, points: Floats, lines: Bools, body: Bools) -> tuple[Bools, Bools]:
    """The pixels of the body's layer, and those of them that a limb covers in the drawing.

    Args:
        points: (J, 2), all joints of the rig.
        body: the pixels of the figure that are in none of the limbs.
    """
    whole, hidden = body.copy(), np.zeros_like(body)
    for limb in limbs:
        if len(limb.covered):  # it is drawn behind the body, and hides none of it
            continue
        shared = lines & limb.area & _grown(body, _half_stroke_px(mask.shape))
        hand = _round_area(mask.shape, points[limb.joints.end], HAND_HALF_WIDTHS * limb.half_width_px)
        behind = _closed_in(limb.over_body | (limb.area & hand), body, max(1, round(DENT_HALF_WIDTHS * limb.half_width_px)))
        behind = _without_slivers(behind, mask)
        root = mask & _round_area(mask.shape, points[limb.joints.root], ROOT_OF_BODY * limb.half_width_px)
        whole |= behind | root | (shared & ~behind)
        hidden |= behind & ~root
    holes = filled(whole) & mask & ~whole
    return whole | holes, hidden | _without_slivers(holes, mask)


def _without_slivers(hidden: Bools, mask: Bools) -> Bools:
    """The pieces that are wider than a drawn line; the others are the line between limb and body, which the body keeps as it is."""
    return pieces_with(hidden, _shrunk(hidden, _half_stroke_px(mask.shape)), corners_join=True)


def _completed(rgb: Bytes, hidden: Bools, body: Bools, lines: Bools) -> Bytes:
    """The image with the hidden part of the body in the nearest colors of its visible part, `body`, blurred, and with an outline."""
    if not hidden.any():
        return rgb
    half_px = _half_stroke_px(body.shape)
    rows, columns = np.nonzero(_grown(hidden, COLOR_STROKES * half_px))
    window = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    replaced = (_grown(hidden, RIM_STROKES * half_px) | (lines & _grown(hidden, OUTLINE_STROKES * half_px)))[window]
    unknown = replaced | ~body[window]
    if unknown.all():
        return rgb
    patch = rgb[window][nearest_pixels(unknown)]
    patch = np.asarray(cv2.GaussianBlur(patch, (0, 0), BLUR_STROKES * half_px), np.uint8)
    result = rgb.copy()
    result[window] = np.where(replaced[..., None], patch, rgb[window])
    _draw_outline(result, rgb, hidden, body, lines)
    return result


def _continued(rgb: Bytes, hidden: Bools, limb: LimbRegion, lines: Bools) -> Bytes:
    """The image with the hidden part of a limb in the color that the limb has where it comes out from under its cover."""
    exit_area = _round_area(hidden.shape, limb.covered[-1], EXIT_HALF_WIDTHS * limb.half_width_px)
    core = _shrunk(limb.area, CORE_HALF_WIDTHS * limb.half_width_px) & exit_area
    seen = rgb[core if core.any() else limb.area]
    result = rgb.copy()
    result[hidden] = np.median(seen, axis=0).astype(np.uint8)
    _draw_outline(result, rgb, hidden, limb.area, lines)
    return result


def _draw_outline(result: Bytes, rgb: Bytes, hidden: Bools, area: Bools, lines: Bools) -> None:
    """Draw the edge of the hidden part of an area into `result`, if and as the edge of its visible part, `area`, is drawn in `rgb`."""
    half_px = _half_stroke_px(area.shape)
    rim = area & ~_shrunk(area, half_px)
    if rim.any() and lines[rim].mean() > OUTLINED_SHARE:
        result[hidden & ~_shrunk(area | hidden, half_px)] = np.median(rgb[rim & lines], axis=0).astype(np.uint8)


def _half_stroke_px(shape: tuple[int, ...]) -> int:
    """Half width of a drawn line in an image (h, w), px."""
    return max(1, round(STROKE_OF_SIDE * float(max(shape))))


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
    """An area with all pixels within a radius of it, px. By distances: for the large radii here, dilation takes longer."""
    left, top, wide, high = cv2.boundingRect(area.astype(np.uint8))
    margin = int(radius) + 1
    window = np.s_[max(0, top - margin) : top + high + margin, max(0, left - margin) : left + wide + margin]
    grown = np.zeros_like(area)
    if wide:
        grown[window] = cv2.distanceTransform((~area[window]).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= radius
    return grown


def _shrunk(area: Bools, radius: float) -> Bools:
    """An area without the pixels within a radius of its edge, px; pixels beyond the image's border count as area."""
    left, top, wide, high = cv2.boundingRect(area.astype(np.uint8))
    window = np.s_[max(0, top - 1) : top + high + 1, max(0, left - 1) : left + wide + 1]
    shrunk = np.zeros_like(area)
    if wide:
        shrunk[window] = cv2.distanceTransform(area[window].astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) > radius
    return shrunk


def _round_area(shape: tuple[int, ...], center: Floats, radius: float) -> Bools:
    """The pixels within a radius of a point (2,), px."""
    canvas = np.zeros(shape, np.uint8)
    cv2.circle(canvas, (round(center[0]), round(center[1])), max(1, round(radius)), 1, cv2.FILLED)
    return canvas.astype(np.bool_)

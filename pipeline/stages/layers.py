"""Layer stage: divides a figure into layers where arms touch the body, so that a moving arm does not tear it.

AnimatedDrawings deforms the figure as one sheet; an arm that touches the body drags it along. Here such an arm becomes a layer of its own
that shares its shoulder with the body. The body behind an arm that crosses it is completed. A figure whose arms are free stays in one
layer.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from pipeline.ink.regions import dilated, disc
from pipeline.pose.limb_regions import LimbRegion, touching_limbs
from pipeline.types import Bools, Bytes, Character, CharacterLayer, Floats

SHOULDER_OF_ARM = 0.9
"""Radius of the arm's round end at the shoulder, in half widths of the arm."""

SHOULDER_OF_BODY = 1.15
"""Radius around the shoulder that stays with the body, too, so that no gap opens, in half widths of the arm."""

HAND, BRIDGED = 3.0, 1.8
"""Around a hand, dents of the body that are up to twice so many half widths wide are completed, too."""

STROKE_OF_SIDE = 0.006
"""Half width of a drawn line between arm and body, as a share of the longer side; both layers keep the line."""

OUTLINED_SHARE = 0.4
"""A figure with lines along this share of its edge is drawn in outlines; completed parts get one, too."""

INK_CONTRAST = 28
"""Levels by which a line is darker than what is beside it."""


def character_layers(character: Character) -> tuple[CharacterLayer, ...]:
    """Layers of a character: the body first, then each arm that touches it. A single layer if no arm does."""
    (whole,) = whole_character(character)
    arms = touching_limbs(character)
    if not arms:
        return (whole,)
    rgb = whole.rgb
    lines = _drawn_lines(rgb, character.mask)
    points = _joint_pixels(character)
    body = character.mask.copy()
    for arm in arms:
        body &= ~arm.area
    layers = []
    for arm in arms:
        chain = points[[arm.joints.root, arm.joints.middle]]
        layers.append(
            CharacterLayer(_arm_mask(arm, character.mask, chain, lines, body), rgb, _pins(arm), (arm.joints.middle, arm.joints.end))
        )
    mask, completed = _body_mask(arms, character.mask, points, lines, body)
    held = {joint for arm in arms for joint in (arm.joints.middle, arm.joints.end)}
    rest = CharacterLayer(
        mask,
        _completed(rgb, completed, body, lines),
        tuple(joint for joint in whole.pins if joint not in held),
        tuple(joint for joint in whole.bones if joint not in held),
    )
    return (rest, *layers)


def whole_character(character: Character) -> tuple[CharacterLayer]:
    """A character as a single layer."""
    joints = tuple(range(len(character.rig.joint_names)))
    bones = tuple(joint for joint in joints if character.rig.parents[joint] >= 0)
    return (CharacterLayer(character.mask, np.ascontiguousarray(character.rgba[..., :3]), joints, bones),)


def _pins(arm: LimbRegion) -> tuple[int, ...]:
    return (arm.joints.root, arm.joints.middle, arm.joints.end)


def _arm_mask(arm: LimbRegion, mask: Bools, chain: Floats, lines: Bools, body: Bools) -> Bools:
    """The arm with a round end at its shoulder, and with the line that is drawn between it and the body."""
    upper = _stroke(mask.shape, chain, SHOULDER_OF_ARM * arm.half_width_px)
    shared = lines & body & dilated(arm.area, _stroke_px(mask))
    return mask & (arm.area | upper | shared)


def _body_mask(arms: tuple[LimbRegion, ...], mask: Bools, points: Floats, lines: Bools, body: Bools) -> tuple[Bools, Bools]:
    """The body's pixels, and those of them that an arm covers in the drawing."""
    whole, hidden = body.copy(), np.zeros_like(body)
    for arm in arms:
        hand = _disc(mask.shape, points[arm.joints.end], HAND * arm.half_width_px)
        behind = (arm.over_body | (arm.area & hand)) & _closed(body, max(1, round(BRIDGED * arm.half_width_px)))
        shoulder = mask & _disc(mask.shape, points[arm.joints.root], SHOULDER_OF_BODY * arm.half_width_px)
        shared = lines & arm.area & dilated(body, _stroke_px(mask)) & ~behind
        whole |= behind | shoulder | shared
        hidden |= behind & ~shoulder
    return whole, hidden


def _completed(rgb: Bytes, hidden: Bools, body: Bools, lines: Bools) -> Bytes:
    """The image with the hidden part of the body filled by the nearest colors of the body, smoothed, and with its outline drawn on."""
    if not hidden.any():
        return rgb
    stroke = _stroke_px(body)
    rows, columns = np.nonzero(dilated(hidden, 8 * stroke))
    window = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    replaced = (dilated(hidden, 2 * stroke) | (lines & dilated(hidden, 4 * stroke)))[window]  # the limb's own outline goes, too
    unknown = replaced | ~body[window]
    if unknown.all():
        return rgb
    nearest = ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
    patch = rgb[window][nearest[0], nearest[1]]
    patch = np.asarray(cv2.GaussianBlur(patch, (0, 0), 2.0 * stroke), np.uint8)
    result = rgb.copy()
    result[window] = np.where(replaced[..., None], patch, rgb[window])
    rim = body & ~_eroded(body, stroke)
    if rim.any() and lines[rim].mean() > OUTLINED_SHARE:
        whole = body | hidden
        result[hidden & ~_eroded(whole, stroke)] = np.median(rgb[rim & lines], axis=0).astype(np.uint8)
    return result


def _drawn_lines(rgb: Bytes, mask: Bools) -> Bools:
    """Dark thin lines of a drawing: where closing removes them (black hat)."""
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    size = 4 * _stroke_px(mask) + 1
    return np.asarray(cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, np.ones((size, size), np.uint8)) > INK_CONTRAST)


def _stroke_px(mask: Bools) -> int:
    return max(1, round(STROKE_OF_SIDE * float(max(mask.shape))))


def _joint_pixels(character: Character) -> Floats:
    side = float(max(character.mask.shape))
    return np.asarray(np.stack([character.rig.rest[:, 0], 1.0 - character.rig.rest[:, 1]], axis=1) * side, np.float64)


def _eroded(area: Bools, radius: int) -> Bools:
    return ~dilated(~area, radius)


def _closed(area: Bools, radius: int) -> Bools:
    padded = cv2.copyMakeBorder(area.astype(np.uint8), radius, radius, radius, radius, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disc(radius))
    return np.asarray(closed[radius:-radius, radius:-radius], np.bool_)


def _stroke(shape: tuple[int, ...], points: Floats, radius: float) -> Bools:
    canvas = np.zeros(shape, np.uint8)
    line = np.round(points).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [line], isClosed=False, color=1, thickness=max(1, round(2 * radius)))
    return canvas.astype(np.bool_)


def _disc(shape: tuple[int, ...], center: Floats, radius: float) -> Bools:
    canvas = np.zeros(shape, np.uint8)
    cv2.circle(canvas, (round(center[0]), round(center[1])), max(1, round(radius)), 1, cv2.FILLED)
    return canvas.astype(np.bool_)

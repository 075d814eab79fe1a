"""Labels of a figure's pixels, as in layers.png, from the regions of its limbs, and back."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pipeline.pose.limb_measures import LimbJoints, points_along
from pipeline.pose.limb_regions import ARM, LEG, LimbRegion, limb_regions, limbs_of, touching_areas, touching_limbs
from pipeline.types import Bools, Bytes, Character, CharacterLayer, LayerLabel

SAMPLES = 24
"""Points along each of a limb's two bones at which labels are read."""

Pixels = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns, (N,) each."""

_LABEL_OF_MIDDLE = MappingProxyType(
    {
        "right_elbow": LayerLabel.RIGHT_ARM,
        "left_elbow": LayerLabel.LEFT_ARM,
        "right_knee": LayerLabel.RIGHT_LEG,
        "left_knee": LayerLabel.LEFT_LEG,
    }
)


def layer_limbs(character: Character) -> tuple[LimbRegion, ...]:
    """The limbs that become layers, legs first: those that its labels name, or else those that touch the rest of the figure."""
    return touching_limbs(character) if character.layer_labels is None else labeled_limbs(character, character.layer_labels)


def derived_labels(character: Character, parts: Bytes | None = None) -> Bytes | None:
    """The `LayerLabel` of each pixel, (h, w) uint8; None if there are no parts and none of the limbs touches the figure.

    A figure that parts show in one layer is all BODY: without labels, rig, mask and drawn lines alone would decide later.

    Args:
        parts: as in `touching_areas`; without them, rig, mask and drawn lines decide.
    """
    areas = touching_areas(character, parts)
    if not areas and parts is None:
        return None
    labels = np.where(character.mask, np.uint8(LayerLabel.BODY), np.uint8(LayerLabel.NONE))
    for limb, area in areas.items():
        labels[area] = _label(character, limb)
    return labels


def labeled_limbs(character: Character, labels: Bytes) -> tuple[LimbRegion, ...]:
    """The regions of the limbs that have pixels of their own in `labels` (h, w) uint8.

    A user may exchange right and left joints after the labels were made. So the labels of both arms, or both legs, are exchanged if more of
    the bones are on them then. Pixels of a label that no bone of its limb reaches belong to the body.
    """
    found: dict[LimbJoints, Bools] = {}
    for kind in (LEG, ARM):
        limbs = limbs_of(character.rig.joint_names, kind)
        areas = [(labels == _label(character, limb)) & character.mask for limb in limbs]
        bones = [_bone_pixels(character, limb) for limb in limbs]
        if _hits(areas[::-1], bones) > _hits(areas, bones):
            areas.reverse()
        found |= {limb: area for limb, area, at in zip(limbs, areas, bones, strict=True) if _hits([area], [at])}
    return limb_regions(character, found)


def layer_label(layer: CharacterLayer, joint_names: tuple[str, ...]) -> LayerLabel:
    """The label of a layer, whose first bone ends at the elbow or the knee if it is a limb's; BODY for any other."""
    return _LABEL_OF_MIDDLE.get(joint_names[layer.bones[0]], LayerLabel.BODY) if layer.bones else LayerLabel.BODY


def _label(character: Character, limb: LimbJoints) -> LayerLabel:
    """The label of a limb of a character."""
    return _LABEL_OF_MIDDLE[character.rig.joint_names[limb.middle]]


def _bone_pixels(character: Character, limb: LimbJoints) -> Pixels:
    """Pixels along the limb's bones."""
    height, width = character.mask.shape
    joints = character.joints_px()[[limb.root, limb.middle, limb.end]]
    pixels = np.floor(points_along(joints, SAMPLES)).astype(np.intp)
    return np.clip(pixels[:, 1], 0, height - 1), np.clip(pixels[:, 0], 0, width - 1)


def _hits(areas: list[Bools], bones: list[Pixels]) -> int:
    """How many pixels of all limbs' bones are in the area of their limb."""
    return sum(int(area[at].sum()) for area, at in zip(areas, bones, strict=True))

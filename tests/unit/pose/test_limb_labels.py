"""Labels of layers: derived from a figure, and limbs made from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_person import SIDE, person

from pipeline.pose.limb_labels import derived_labels, labeled_limbs, layer_limbs
from pipeline.pose.limb_regions import touching_limbs
from pipeline.stages.layers import character_layers
from pipeline.types import Bytes, Character, LayerLabel

TRUNK = (np.s_[80:150], np.s_[90:150])


def body_labels(character: Character) -> Bytes:
    return np.where(character.mask, np.uint8(LayerLabel.BODY), np.uint8(LayerLabel.NONE))


def mirrored(name: str) -> str:
    side, _, joint = name.partition("_")
    return f"{'left' if side == 'right' else 'right'}_{joint}" if joint else name


def middle_names(character: Character) -> list[str]:
    return [character.rig.joint_names[limb.joints.middle] for limb in layer_limbs(character)]


def test_labels_name_limbs_that_touch_the_body() -> None:
    character = person()
    labels = derived_labels(character)
    assert labels is not None
    assert set(np.unique(labels).tolist()) == {LayerLabel.NONE, LayerLabel.BODY, LayerLabel.RIGHT_ARM, LayerLabel.LEFT_ARM}
    assert ((labels != LayerLabel.NONE) == character.mask).all()
    assert labels[130, 81] == LayerLabel.RIGHT_ARM, "the figure's own right is on our left"
    assert labels[130, 159] == LayerLabel.LEFT_ARM
    assert (labels[TRUNK] == LayerLabel.BODY).mean() > 0.9
    assert (labels[190:] <= LayerLabel.BODY).all(), "free legs stay with the body"


def test_figure_with_free_limbs_has_no_labels() -> None:
    assert derived_labels(person(arms="spread")) is None


def test_labels_restore_the_limbs_that_they_were_derived_from() -> None:
    character = person()
    derived, restored = touching_limbs(character), labeled_limbs(character, derived_labels(character))
    assert [limb.joints for limb in restored] == [limb.joints for limb in derived]
    for before, after in zip(derived, restored, strict=True):
        assert (before.area == after.area).all()
        assert (before.over_body == after.over_body).all()
        assert before.half_width_px == after.half_width_px


def test_labels_without_limbs_keep_the_figure_in_one_layer() -> None:
    character = person()
    assert len(character_layers(character)) == 3
    assert len(character_layers(replace(character, layer_labels=body_labels(character)))) == 1


def test_labels_make_a_free_limb_a_layer() -> None:
    character = person()
    labels = body_labels(character)
    labels[165:][(labels == LayerLabel.BODY)[165:] & (np.arange(SIDE) > 120)] = LayerLabel.LEFT_LEG
    layers = character_layers(replace(character, layer_labels=labels))
    assert middle_names(replace(character, layer_labels=labels)) == ["left_knee"]
    assert layers[1].mask[215, 141]
    assert not layers[0].mask[215, 141]


def test_enlarged_limb_takes_pixels_from_the_body() -> None:
    character = person()
    labels = derived_labels(character)
    assert labels is not None
    labels[100:130, 90:105] = LayerLabel.RIGHT_ARM
    _, arm, _ = character_layers(replace(character, layer_labels=labels))
    assert arm.mask[100:130, 90:105].all()


def test_limb_follows_its_joints_after_right_and_left_were_exchanged() -> None:
    """As with the button of the joint editor, on a folder whose layers a user edited."""
    character = person()
    labels = derived_labels(character)
    swapped = [mirrored(name) for name in character.rig.joint_names]
    rest = character.rig.rest[[character.rig.joint_names.index(name) for name in swapped]]
    other = replace(character, rig=replace(character.rig, rest=rest), layer_labels=labels)
    right, left = layer_limbs(other)
    assert [character.rig.joint_names[limb.joints.middle] for limb in (right, left)] == ["right_elbow", "left_elbow"]
    assert right.area[130, 159]
    assert left.area[130, 81]


def test_label_far_from_the_bones_of_its_limb_stays_with_the_body() -> None:
    character = person()
    labels = body_labels(character)
    labels[30:50, 110:130] = LayerLabel.RIGHT_ARM
    assert layer_limbs(replace(character, layer_labels=labels)) == ()


@pytest.mark.parametrize("label", [LayerLabel.RIGHT_ARM, LayerLabel.LEFT_LEG])
def test_labels_of_a_rig_with_other_joint_names_change_nothing(label: LayerLabel) -> None:
    character = person()
    names = tuple(f"joint {number}" for number in range(len(character.rig.joint_names)))
    other = replace(character, rig=replace(character.rig, joint_names=names), layer_labels=np.full((SIDE, SIDE), label, np.uint8))
    assert len(character_layers(other)) == 1


def test_labels_turn_with_the_character() -> None:
    character = person()
    turned = replace(character, layer_labels=derived_labels(character)).turned(90)
    assert turned.layer_labels is not None
    assert turned.layer_labels[81, SIDE - 1 - 130] == LayerLabel.RIGHT_ARM
    assert ((turned.layer_labels != LayerLabel.NONE) == turned.mask).all()

"""Characters whose image is reduced for a small output."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn_person import SIDE, person

from pipeline.pose.limb_labels import derived_labels
from pipeline.stages.layers import single_layer_character
from pipeline.stages.reduce import reduced_character, reduced_layer
from pipeline.types import Character, LayerLabel


def test_reduced_character_keeps_shape_and_joints() -> None:
    character = person(arms="spread")
    small = reduced_character(character, SIDE // 2)
    assert (small.mask.shape, small.rgba.shape) == ((SIDE // 2, SIDE // 2), (SIDE // 2, SIDE // 2, 4))
    assert small.rig is character.rig
    assert small.mask.sum() == pytest.approx(character.mask.sum() / 4, rel=0.1)


def test_character_that_is_small_enough_stays_as_it_is() -> None:
    character = person()
    assert reduced_character(character, SIDE) is character
    (layer,) = single_layer_character(character)
    assert reduced_layer(layer, (SIDE, SIDE)) is layer


def test_thin_line_survives_reduction() -> None:
    mask = np.zeros((400, 300), np.uint8)
    cv2.line(mask, (20, 20), (280, 390), 1, 3)
    character = person()
    thin = Character(np.full((400, 300, 4), 255, np.uint8), mask.astype(np.bool_), character.rig)
    small = reduced_character(thin, 100).mask
    assert small.shape == (100, 75)
    assert cv2.connectedComponents(small.astype(np.uint8), connectivity=8)[0] == 2  # the ground, and one unbroken line


@pytest.mark.parametrize("shape", [(401, 299), (299, 401), (203, 150), (100, 3)])
def test_any_size_is_reduced_by_any_factor(shape: tuple[int, int]) -> None:
    """A square in the lower right corner stays there."""
    mask = np.zeros(shape, np.bool_)
    mask[shape[0] // 2 :, shape[1] // 2 :] = True
    character = Character(np.dstack([mask.astype(np.uint8) * 200] * 4), mask, person().rig)
    small = reduced_character(character, 90)
    assert max(small.mask.shape) == 90
    height, width = small.mask.shape
    assert small.mask[height // 2 + 1 :, width // 2 + 1 :].all()
    assert not small.mask[: height // 2 - 1].any()
    assert (small.rgba[-1, -1] == 200).all()


def test_rim_of_a_limb_belongs_to_the_limb() -> None:
    character = person(arms="at the side")
    labels = derived_labels(character)
    assert labels is not None
    labeled = Character(character.rgba, character.mask, character.rig, layer_labels=labels)
    small = reduced_character(labeled, SIDE // 3)
    assert small.layer_labels is not None
    assert ((small.layer_labels > 0) == small.mask).all()
    assert set(np.unique(small.layer_labels)) == set(np.unique(labels)) > {LayerLabel.NONE, LayerLabel.BODY}


def test_layer_is_reduced_as_its_character() -> None:
    character = person()
    (layer,) = single_layer_character(character)
    small = reduced_layer(layer, (SIDE // 2, SIDE // 2))
    assert (small.mask == reduced_character(character, SIDE // 2).mask).all()
    assert small.rgb.shape == (SIDE // 2, SIDE // 2, 3)
    assert (small.pins, small.bones) == (layer.pins, layer.bones)

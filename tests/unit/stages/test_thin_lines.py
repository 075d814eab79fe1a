"""Lines that are too thin for the size of the output."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from sample_scene import rig

from pipeline.stages.thin_lines import thickened, visible_character
from pipeline.types import Bools, Character, LayerLabel, View

SIDE, INK, PAPER = 600, (20, 30, 160), (255, 255, 255)
HAND = (560, 300)


def wire_figure(*, line_px: int) -> Character:
    """A ball with an arm, which is a straight line from its middle to a hand."""
    rgb, mask = np.full((SIDE, SIDE, 3), PAPER, np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    for canvas, value in ((rgb, INK), (mask, 1)):
        cv2.line(canvas, (200, 300), HAND, value, line_px)
        cv2.circle(canvas, (200, 300), 120, value, cv2.FILLED)
        cv2.circle(canvas, HAND, 25, value, cv2.FILLED)
    labels = mask * np.uint8(LayerLabel.BODY)
    labels[:, 330:] *= np.uint8(LayerLabel.LEFT_ARM)
    joints = {"root": (200, 300, None), "left_hand": (*HAND, "root")}
    return Character(np.dstack([rgb, np.full_like(mask, 255)]), mask.astype(np.bool_), rig(joints, SIDE), layer_labels=labels)


def widths(mask: Bools) -> np.ndarray:
    """Of the arm, px."""
    return mask[:, 350:500].sum(axis=0)


@pytest.mark.parametrize("line_px", [1, 2, 3])
def test_thin_arm_is_wide_enough_for_a_small_output(line_px: int) -> None:
    """It is more than a pixel of the output wide; everything else keeps its shape."""
    character = wire_figure(line_px=line_px)
    seen = visible_character(character, View(width=200, height=240))
    assert widths(seen.mask).min() > SIDE / (0.75 * 200)
    assert not (seen.mask & ~character.mask)[:, :300].any()
    added = seen.mask & ~character.mask
    assert (seen.rgba[added, :3] == INK).all()
    assert seen.layer_labels is not None
    assert (seen.layer_labels[added] > 0).all()


def test_wide_enough_lines_stay_as_they_are() -> None:
    assert visible_character(wire_figure(line_px=9), View(width=200, height=200)).mask.sum() == wire_figure(line_px=9).mask.sum()
    thin = wire_figure(line_px=4)
    assert visible_character(thin, View(width=1000, height=1000)) is thin


def test_rough_edges_are_no_lines() -> None:
    character = wire_figure(line_px=30)
    noise = np.random.default_rng(1).random(character.mask.shape) < 0.5
    rim = character.mask & ~cv2.erode(character.mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.bool_)
    rough = Character(character.rgba, character.mask & ~(rim & noise), character.rig)
    assert thickened(rough, 3.0) is rough

"""Cut lines: the limb ends exactly at a line that reaches from outline to outline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from editor_figures import write_person

from daemon.web.editor.cuts import cut_labels, limb_names
from daemon.web.editor.edits import CutLine
from daemon.web.editor.figures import EditableFigure, read_figure
from pipeline.errors import OptionError
from pipeline.types import LayerLabel

ACROSS_LEFT_ARM = CutLine("left_arm", ((205, 70), (205, 110)))
"""Across the upper arm of the person who spreads both."""


@pytest.fixture
def figure(tmp_path: Path) -> EditableFigure:
    return read_figure(write_person(tmp_path / "person", arms="spread"))


def test_line_across_a_limb_is_its_border(figure: EditableFigure) -> None:
    labels = cut_labels(figure, None, [ACROSS_LEFT_ARM])
    assert set(np.unique(labels)) == {LayerLabel.NONE, LayerLabel.BODY, LayerLabel.LEFT_ARM}
    assert np.array_equal(labels > LayerLabel.NONE, figure.mask)
    columns = np.flatnonzero((labels == LayerLabel.LEFT_ARM).any(axis=0))
    assert abs(columns.min() - 205) <= 2
    assert columns.max() == np.flatnonzero(figure.mask.any(axis=0)).max()


def test_line_between_arm_and_trunk_separates_them(tmp_path: Path) -> None:
    figure = read_figure(write_person(tmp_path / "person"))
    line = CutLine("left_arm", ((151, 75), (151, 160)))
    labels = cut_labels(figure, None, [line])
    arm = labels == LayerLabel.LEFT_ARM
    assert arm[110:150, 153:].sum() == figure.mask[110:150, 153:].sum(), "all that is beyond the line, below the shoulder"
    assert not arm[:, :150].any()


def test_other_limbs_keep_their_layers(figure: EditableFigure) -> None:
    before = cut_labels(figure, None, [CutLine("right_arm", ((35, 70), (35, 110)))])
    labels = cut_labels(figure, before, [ACROSS_LEFT_ARM])
    assert np.array_equal(labels == LayerLabel.RIGHT_ARM, before == LayerLabel.RIGHT_ARM)
    assert (labels == LayerLabel.LEFT_ARM).any()


def test_second_line_replaces_the_first_area_of_its_limb(figure: EditableFigure) -> None:
    first = cut_labels(figure, None, [ACROSS_LEFT_ARM])
    nearer = CutLine("left_arm", ((170, 70), (170, 110)))
    labels = cut_labels(figure, first, [nearer])
    assert (labels == LayerLabel.LEFT_ARM).sum() > (first == LayerLabel.LEFT_ARM).sum()


@pytest.mark.parametrize("name", ["left_wing", "body", "none", ""])
def test_refuses_limbs_that_are_none(figure: EditableFigure, name: str) -> None:
    with pytest.raises(OptionError, match="limb must be one of right_arm, left_arm, right_leg, left_leg"):
        cut_labels(figure, None, [CutLine(name, ((1, 1), (2, 2)))])


def test_names_only_limbs_that_a_rig_has(figure: EditableFigure) -> None:
    assert limb_names(figure.config.joint_names) == ["right_arm", "left_arm", "right_leg", "left_leg"]
    assert limb_names(["root", "head"]) == []

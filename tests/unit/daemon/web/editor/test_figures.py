"""Editable figures: what an edit makes of them, and what it must fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from editor_figures import MARGIN, write_person

from daemon.log.stopwatch import WallStopwatch
from daemon.web.editor.edits import Edit, FigureSource
from daemon.web.editor.figures import EditableFigure, edited_figure, figure_in_box, read_figure
from daemon.web.editor.runs import label_runs, mask_runs
from pipeline.adapters.reading.image_reader import read_drawing
from pipeline.errors import CharacterError, OptionError
from pipeline.types import LayerLabel


@pytest.fixture
def source(tmp_path: Path) -> FigureSource:
    return write_person(tmp_path / "person", with_drawing=True)


@pytest.fixture
def figure(source: FigureSource) -> EditableFigure:
    return read_figure(source)


def test_reads_what_the_folder_has(figure: EditableFigure) -> None:
    assert (figure.width, figure.height, figure.name) == (240, 240, "person")
    assert figure.box is not None
    assert (figure.box.left, figure.box.bottom) == (MARGIN, 240 + MARGIN)
    assert figure.labels is not None
    assert not figure.has_own_layers
    assert figure.is_humanoid


def test_box_of_another_shape_is_not_used(source: FigureSource) -> None:
    assert source.folder is not None
    (source.folder / "bounding_box.yaml").write_text("{left: 0, top: 0, right: 10, bottom: 200}")
    assert read_figure(source).box is None


def test_refuses_images_of_another_size(source: FigureSource) -> None:
    assert source.folder is not None
    config = source.folder / "char_cfg.yaml"
    config.write_text(config.read_text().replace("width: 240", "width: 300"))
    with pytest.raises(CharacterError, match=r"240 x 240 and 240 x 240 px: expected 300 x 240 px"):
        read_figure(source)


def test_moved_joints_give_up_derived_layers(figure: EditableFigure) -> None:
    after = edited_figure(figure, Edit(joints={"left_hand": (170, 150)}), None, name="person")
    assert after.labels is None
    assert after.config.locations[after.config.joint_names.index("left_hand")].tolist() == [170, 150]
    assert edited_figure(figure, Edit(joints={}), None, name="person").labels is not None


def test_own_layers_stay_with_moved_joints_and_a_painted_mask(figure: EditableFigure) -> None:
    own = np.where(figure.mask, np.uint8(LayerLabel.BODY), np.uint8(LayerLabel.NONE))
    own[:, 150:][figure.mask[:, 150:]] = LayerLabel.LEFT_ARM
    mask = figure.mask.copy()
    mask[100:130, 165:180] = True
    edit = Edit(joints={"left_hand": (170, 150)}, mask=tuple(mask_runs(mask)), labels=tuple(label_runs(own)), has_own_layers=True)
    after = edited_figure(figure, edit, None, name="person")
    assert after.has_own_layers
    assert after.labels is not None
    assert np.array_equal(after.labels > 0, mask)
    assert (after.labels[100:130, 165:180] == LayerLabel.LEFT_ARM).all(), "painted pixels belong to the layer beside them"


def test_own_layers_can_be_given_up(figure: EditableFigure) -> None:
    own = np.where(figure.mask, np.uint8(LayerLabel.BODY), np.uint8(LayerLabel.NONE))
    with_own = edited_figure(figure, Edit(labels=tuple(label_runs(own)), has_own_layers=True), None, name="person")
    assert edited_figure(with_own, Edit(labels=()), None, name="person").labels is None


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (Edit(joints={"left_hnd": (1, 1)}), "left_hnd is no joint of this figure"),
        (Edit(joints={"left_hand": (240, 1)}), "left_hand: expected a pixel of the image, which is 240 x 240 px"),
        (Edit(mask=(3,)), "the runs of the mask must have 57600 px"),
        (Edit(labels=(1, 3)), "the runs of the layers must have 57600 px"),
        (Edit(box=(0, 0, 100, 100)), "the drawing of this figure was not kept"),
    ],
)
def test_refuses_edits_that_do_not_fit(figure: EditableFigure, edit: Edit, problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        edited_figure(figure, edit, None, name="person")


def test_another_box_cuts_the_figure_out_anew(source: FigureSource, figure: EditableFigure) -> None:
    assert source.drawing is not None
    drawing = read_drawing(source.drawing)
    found, _ = figure_in_box(
        drawing, (MARGIN - 10, MARGIN, 240 + MARGIN, 230 + MARGIN), None, figure, name="person", stopwatch=WallStopwatch()
    )
    assert (found.width, found.height) == (250, 230)
    overlap = found.mask[:220, 10:] & figure.mask[:220]
    assert overlap.sum() > 0.95 * figure.mask[:220].sum(), "without a model, the ink decides"
    joints = {name: (int(x), int(y)) for name, (x, y) in zip(found.config.joint_names, found.config.locations, strict=True)}
    edit = Edit(box=(MARGIN - 10, MARGIN, 240 + MARGIN, 230 + MARGIN), joints=joints, mask=tuple(mask_runs(found.mask)))
    after = edited_figure(figure, edit, drawing, name="person")
    assert np.array_equal(after.rgba, found.rgba)
    assert np.array_equal(after.mask, found.mask)
    assert {name: tuple(at) for name, at in zip(after.config.joint_names, after.config.locations.tolist(), strict=True)} == joints
    with pytest.raises(OptionError, match="root: expected a location in the new box"):
        edited_figure(figure, Edit(box=edit.box), drawing, name="person")


def test_drawing_without_figure_gets_one_from_its_box(source: FigureSource) -> None:
    assert source.drawing is not None
    drawing = read_drawing(source.drawing)
    box = (MARGIN, MARGIN, 240 + MARGIN, 240 + MARGIN)
    found, _ = figure_in_box(drawing, box, None, None, name="drawing", stopwatch=WallStopwatch())
    joints = {name: (int(x), int(y)) for name, (x, y) in zip(found.config.joint_names, found.config.locations, strict=True)}
    after = edited_figure(None, Edit(box=box, joints=joints, mask=tuple(mask_runs(found.mask))), drawing, name="drawing")
    assert after.character(Path("drawing/char_cfg.yaml")).name == "drawing"
    with pytest.raises(OptionError, match="there is no figure yet"):
        edited_figure(None, Edit(), drawing, name="drawing")


@pytest.mark.parametrize("box", [(0, 0, 10, 100), (500, 500, 600, 600), (100, 100, 50, 50)])
def test_refuses_boxes_that_hold_nothing(source: FigureSource, box: tuple[int, int, int, int]) -> None:
    assert source.drawing is not None
    with pytest.raises(OptionError, match="the box must have at least 16 x 16 px inside the drawing"):
        figure_in_box(read_drawing(source.drawing), box, None, None, name="drawing", stopwatch=WallStopwatch())

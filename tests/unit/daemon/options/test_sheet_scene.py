"""Figures in their places on their own sheet: where they begin, what is behind them, and what is refused.

TestPlace: a figure at rest covers its place in the drawing, whatever its size. TestSheet: turns, masks and white paper.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sample_scene

from daemon.options.motions import motion_library
from daemon.options.scene_builder import RenderRequest, build_plan
from daemon.options.sheet_scene import DARK_NOTE, NO_PAPER_NOTE, Sheet, sheet_plan, whitened_character
from daemon.options.values import Background, CameraChoice, Size
from pipeline.animate import perform_scene, scene_clock
from pipeline.errors import OptionError
from pipeline.files.character_files import read_character
from pipeline.stages.frame import canvas_of_view
from pipeline.types import AnnotatedFigure, Annotation, Box, Character, Drawing, Floats, Quality

KING = Path(__file__).parents[4] / "etc" / "characters" / "stick_king"
PAPER = Background.parse_color("paper")


@pytest.fixture(scope="module")
def king() -> Character:
    return read_character(KING)


def sheet_of(king: Character, *boxes: Box, size: tuple[int, int] = (600, 900)) -> Sheet:
    """A gray sheet on which the king is drawn in each box."""
    drawing = Drawing(np.full((*size, 3), 180, np.uint8), None, "0" * 64)
    figures = [AnnotatedFigure(Annotation(box, np.zeros((17, 3)), 1.0), king, Quality(1.0)) for box in boxes]
    return Sheet.of(drawing, figures, whiten=False)


def box_at(king: Character, left: float, top: float, height: float) -> Box:
    rows, columns = king.mask.shape
    return Box(left, top, left + round(height * columns / rows), top + height)


def on_screen(points: Floats, matrix: Floats, width: int, height: int) -> Floats:
    clip = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray((clip[:, :2] / clip[:, 3:] * (0.5, -0.5) + 0.5) * (width, height))


class TestPlace:
    def test_figures_of_two_sizes_begin_where_they_are_drawn(self, king: Character) -> None:
        large, small = box_at(king, 300, 150, 400), box_at(king, 60, 300, 120)
        sheet = sheet_of(king, large, small)
        request = RenderRequest(Path("me.jpg"), motion="idle", background=PAPER, size=Size(900, 900))
        plan = sheet_plan(sheet, [0, 1], request, {}, motion_library({}), name="me")
        view = plan.scene.view
        matrix = canvas_of_view(view, []).view_projection.astype(float)
        assert (view.width, view.height) == (900, 600)  # as the sheet: 1 px is 1 px
        for performance, box in zip(
            perform_scene(plan.scene, scene_clock(plan.scene), stopwatch=sample_scene.NoStopwatch()), (large, small), strict=True
        ):
            rest, side = king.rig.rest, max(box.width, box.height)
            drawn = np.array([box.left, box.top]) + np.stack([rest[:, 0], 1 - rest[:, 1]], axis=1) * side
            first = performance.track.joints[0] + performance.track.root[0, :2]
            seen = on_screen(np.column_stack([first, np.full(len(first), performance.z)]), matrix, view.width, view.height)
            assert seen[0, 0] == pytest.approx(drawn[0, 0], abs=1.0)
            assert seen[:, 1].max() == pytest.approx(drawn[:, 1].max(), abs=1.0)
            assert np.ptp(seen[:, 1]) == pytest.approx(np.ptp(drawn[:, 1]), rel=0.15)

    def test_animation_has_the_shape_of_the_sheet(self, king: Character) -> None:
        request = RenderRequest(Path("me.jpg"), background=PAPER, size=Size(300, 300))
        plan = sheet_plan(sheet_of(king, box_at(king, 300, 200, 300)), [0], request, {}, motion_library({}), name="me")
        assert (plan.scene.view.width, plan.scene.view.height) == (300, 200)
        assert plan.output == Path("me.wave.gif")

    def test_sheet_goes_on_where_motions_need_room(self, king: Character) -> None:
        request = RenderRequest(Path("me.jpg"), background=PAPER)
        plan = sheet_plan(sheet_of(king, box_at(king, 0, 0, 600)), [0], request, {}, motion_library({}), name="me")
        image = plan.scene.view.background_image
        assert image is not None
        assert image.shape[0] / image.shape[1] > 600 / 900
        assert set(np.unique(image)) <= {*range(178, 183), 255}

    def test_without_paper_the_frame_keeps_its_size_and_sees_all(self, king: Character) -> None:
        sheet = sheet_of(king, box_at(king, 30, 30, 100), box_at(king, 700, 400, 150))
        request = RenderRequest(Path("me.jpg"), size=Size(320, 200), background=Background.parse_color("red"))
        view = sheet_plan(sheet, [0, 1], request, {}, motion_library({}), name="me").scene.view
        assert (view.width, view.height, view.background, view.background_image) == (320, 200, (1.0, 0.0, 0.0, 1.0), None)

    def test_refuses_a_camera_that_does_not_see_the_sheet(self, king: Character) -> None:
        request = RenderRequest(Path("me.jpg"), background=PAPER, camera=CameraChoice.ORIGINAL)
        with pytest.raises(OptionError, match="does not see the sheet"):
            sheet_plan(sheet_of(king, box_at(king, 0, 0, 600)), [0], request, {}, motion_library({}), name="me")

    def test_character_folder_has_no_paper(self) -> None:
        with pytest.raises(OptionError, match="have no paper"):
            build_plan(RenderRequest(KING, background=PAPER), {}, motion_library({}))


class TestSheet:
    def test_whitening_keeps_the_figure_and_whitens_its_paper(self, king: Character) -> None:
        box = box_at(king, 300, 20, king.mask.shape[0])
        drawing = Drawing(np.full((600, 900, 3), (150, 160, 170), np.uint8), None, "0" * 64)
        figure = AnnotatedFigure(Annotation(box, np.zeros((17, 3)), 1.0), king, Quality(1.0))
        sheet = Sheet.of(drawing, [replace(figure, character=replace(king, rgba=resized_crop(drawing, box, king)))], whiten=True)
        assert sheet.drawing.rgb.min() == 255
        assert sheet.figures[0].character.rgba.min() == 255

    def test_leaves_dark_board_as_it_is(self, king: Character) -> None:
        board = np.full((600, 900, 3), 30, np.uint8)
        board[100:500, 440:444] = 220
        figure = AnnotatedFigure(Annotation(box_at(king, 300, 150, 400), np.zeros((17, 3)), 1.0), king, Quality(1.0))
        sheet = Sheet.of(Drawing(board, None, "0" * 64), [figure], whiten=True)
        assert sheet.notes == (DARK_NOTE,)
        assert np.array_equal(sheet.drawing.rgb, board)

    def test_character_is_whitened_by_the_paper_of_its_own_crop(self, king: Character) -> None:
        gray = replace(king, rgba=np.dstack([np.full((*king.mask.shape, 3), 140, np.uint8), np.full(king.mask.shape, 255, np.uint8)]))
        assert whitened_character(gray)[0].rgba.min() == 255
        cut_out = replace(gray, rgba=np.dstack([gray.rgba[..., :3], np.where(king.mask, 255, 0).astype(np.uint8)]))
        assert whitened_character(cut_out)[1] == (NO_PAPER_NOTE,)


def resized_crop(drawing: Drawing, box: Box, king: Character) -> np.ndarray:
    color = drawing.rgb[int(box.top), int(box.left)]
    return np.dstack([np.broadcast_to(color, (*king.mask.shape, 3)), np.full(king.mask.shape, 255)]).astype(np.uint8)

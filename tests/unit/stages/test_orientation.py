from __future__ import annotations

import numpy as np
import pytest

from pipeline.stages.orientation import best_score, best_turn, is_convincing, turn_note, turned_drawing
from pipeline.types import TURNS, Box, Character, Detection, Drawing, Rig, turn_back, turned_pixels

WIDTH, HEIGHT = 7, 4


def test_clearly_better_turn_wins():
    assert best_turn({0: 0.3, 90: 0.9, 270: 0.1, 180: 0.4}) == 90
    assert best_turn({0: 0.0, 180: 0.35}) == 180


def test_slightly_better_turn_does_not_win():
    assert best_turn({0: 0.55, 90: 0.6, 180: 0.62}) == 0
    assert best_turn({0: 0.0}) == 0


def test_sure_figure_needs_no_other_turns():
    assert is_convincing(best_score([Detection(Box(0, 0, 5, 5), 0.4), Detection(Box(0, 0, 5, 5), 0.93)]))
    assert not is_convincing(best_score([]))


def test_note_names_the_turn():
    assert "180 degrees" in turn_note(180)[0]
    assert turn_note(0) == ()


@pytest.mark.parametrize("turn", TURNS)
def test_box_and_joints_turn_with_the_pixels(turn):
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rgb[1, 5] = 255
    box = Box(5.0, 1.0, 6.0, 2.0).turned(turn, width=WIDTH, height=HEIGHT)
    drawing = turned_drawing(Drawing(rgb, rgb[..., 0], "0" * 64), turn)
    rows, columns = np.nonzero(drawing.rgb[..., 0])
    assert (box.left, box.top, box.right, box.bottom) == (columns[0], rows[0], columns[0] + 1, rows[0] + 1)
    assert np.array_equal(drawing.alpha, drawing.rgb[..., 0])
    rig = Rig(("root",), np.array([-1], np.int32), np.array([[5 / WIDTH, 1 - 1 / WIDTH]]))
    turned = Character(np.dstack([rgb, rgb[..., 0]]), rgb[..., 0] > 0, rig).turned(turn)
    assert turned.rig.rest[0] * WIDTH == pytest.approx([columns[0], WIDTH - rows[0]])
    back = turned.turned(turn_back(turn))
    assert np.array_equal(back.rgba[..., :3], rgb)
    assert back.rig.rest == pytest.approx(rig.rest)


def test_clockwise_quarter_turn_moves_the_top_row_to_the_right():
    pixels = np.array([[1, 2], [3, 4]], np.uint8)
    assert turned_pixels(pixels, 90).tolist() == [[3, 1], [4, 2]]

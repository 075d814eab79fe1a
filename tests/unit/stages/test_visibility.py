"""Whether anything is to be seen: in one frame, and in an animation that may become blank on its way."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.errors import BlankAnimation, RenderFailed
from pipeline.stages.visibility import COARSE, VisibilityCheck, has_content
from pipeline.types import Canvas, Frame, Layer, PixelLayout

SIDE = 40
CANVAS = Canvas(SIDE, SIDE, (1.0, 1.0, 1.0, 0.0), None, np.eye(4, dtype=np.float32))
TRIANGLE = np.array([[0, 1, 2]], np.int32)
IN_VIEW = Layer(np.array([[-0.5, -0.5], [0.5, -0.5], [0.0, 0.5]], np.float32), 0.0, TRIANGLE)
HALF_IN_VIEW = Layer(np.array([[0.0, -0.5], [1.5, -0.5], [1.0, 0.5]], np.float32), 0.0, TRIANGLE)
OUT_OF_VIEW = Layer(np.array([[1.5, -0.5], [2.5, -0.5], [2.0, 0.5]], np.float32), 0.0, TRIANGLE)


def blank(layout: PixelLayout, size: int = SIDE) -> np.ndarray:
    return np.full((size, size, 4), 255 if layout is PixelLayout.OPAQUE else 0, np.uint8)


def frame(pixels: np.ndarray, pts: int = 0) -> Frame:
    return Frame(pixels, 0, 0, Fraction(pts))


@pytest.mark.parametrize("layout", PixelLayout)
def test_a_single_pixel_is_content_wherever_it_is(layout: PixelLayout) -> None:
    pixels = blank(layout)
    assert not has_content(pixels, layout)
    pixels[COARSE + 1, 3] = (10, 20, 30, 255)
    assert has_content(pixels, layout)


@pytest.mark.parametrize("layout", PixelLayout)
def test_no_pixels_are_no_content(layout: PixelLayout) -> None:
    assert not has_content(np.zeros((0, 0, 4), np.uint8), layout)


def test_an_animation_of_which_nothing_was_seen_is_blank() -> None:
    visibility_check = VisibilityCheck(CANVAS, PixelLayout.RGBA)
    visibility_check.note(frame(blank(PixelLayout.RGBA)), [OUT_OF_VIEW])
    with pytest.raises(BlankAnimation):
        visibility_check.check()


def test_a_background_alone_is_nothing_to_be_seen() -> None:
    """It fills every frame, so figures out of view leave content behind."""
    visibility_check = VisibilityCheck(CANVAS, PixelLayout.RGBA)
    visibility_check.note(frame(np.full((SIDE, SIDE, 4), 255, np.uint8)), [OUT_OF_VIEW])
    with pytest.raises(BlankAnimation):
        visibility_check.check()


def test_a_figure_too_small_to_be_sure_of_a_pixel_is_no_loss() -> None:
    """A graphics card that was asked for two pixels and drew none is not lost."""
    canvas = Canvas(4, SIDE, CANVAS.background, None, CANVAS.view_projection)
    visibility_check = VisibilityCheck(canvas, PixelLayout.RGBA)
    visibility_check.note(frame(np.full((2, 2, 4), 255, np.uint8)), [IN_VIEW])
    visibility_check.note(frame(blank(PixelLayout.RGBA, 0)), [IN_VIEW])
    visibility_check.check()


@pytest.mark.parametrize(("layer", "is_lost"), [(IN_VIEW, True), (HALF_IN_VIEW, False), (OUT_OF_VIEW, False)])
def test_a_blank_frame_is_a_loss_only_where_a_whole_figure_is_in_view(layer: Layer, is_lost: bool) -> None:
    visibility_check = VisibilityCheck(CANVAS, PixelLayout.RGBA)
    visibility_check.note(frame(np.full((2, 2, 4), 255, np.uint8)), [IN_VIEW])
    visibility_check.note(frame(blank(PixelLayout.RGBA, 0), pts=3), [layer])
    if is_lost:
        with pytest.raises(RenderFailed, match=r"at 3\.000 s"):
            visibility_check.check()
    else:
        visibility_check.check()

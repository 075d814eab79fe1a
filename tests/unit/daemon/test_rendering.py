"""The path from a plan to an output file that all commands and the worker share: frame times, and what formats have in common."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image
from sample_scene import NoStopwatch

from daemon.log.stopwatch import WallStopwatch
from daemon.options.motions import motion_library
from daemon.options.scene_builder import Plan, RenderRequest, build_plan
from daemon.options.values import FrameRate, Size
from daemon.rendering import SceneRendering
from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.types import Format

KING = asset_folder(AssetKind.CHARACTERS) / "stick_king"


def plan(rate: str, size: str = "32x32") -> Plan:
    return build_plan(RenderRequest(KING, size=Size.parse(size), rate=FrameRate.parse(rate)), {}, motion_library({}))


def test_gif_has_at_most_fifty_frames_a_second() -> None:
    rendering = SceneRendering(plan("100"), WallStopwatch())
    assert rendering.clock(Format.GIF).frame_time == Fraction(1, 50)
    assert rendering.clock(Format.MP4).frame_time == Fraction(1, 100)


def test_notes_that_a_gif_has_fewer_frames_than_asked_for() -> None:
    rendering = SceneRendering(plan("60"), WallStopwatch())
    assert rendering.notes(Format.GIF) == ("the GIF has 50 frames a second, not 60: players show no frame for a shorter time",)
    assert rendering.notes(Format.MP4) == SceneRendering(plan("50"), WallStopwatch()).notes(Format.GIF) == ()


def test_formats_of_the_same_frame_times_share_their_performances() -> None:
    rendering = SceneRendering(plan("4"), WallStopwatch())
    performances = rendering.performances(rendering.clock(Format.GIF))
    assert rendering.performances(rendering.clock(Format.WEBP)) is performances
    fast = SceneRendering(plan("100"), WallStopwatch())
    assert fast.performances(fast.clock(Format.GIF)) is not fast.performances(fast.clock(Format.MP4))


@pytest.mark.gl
def test_preview_is_the_whole_motion_in_eight_small_frames(renderer: GLRenderer, tmp_path: Path) -> None:
    gif, still = tmp_path / "preview.gif", tmp_path / "preview.png"
    wanted = plan("10", "400x300")
    SceneRendering(wanted, WallStopwatch()).write_preview(gif, still, renderer)
    with Image.open(gif) as frames, Image.open(still) as first:
        assert (frames.n_frames, frames.size) == (8, (200, 150))
        assert (first.format, first.size, first.mode) == ("PNG", (200, 150), "RGBA")
        assert first.tobytes() == frames.convert("RGBA").tobytes()
        each_ms = []
        for number in range(8):
            frames.seek(number)
            each_ms.append(frames.info["duration"])
    assert sum(each_ms) == pytest.approx(1000 * float(wanted.scene.actors[0].motion.duration), abs=10)


@pytest.mark.gl
def test_animation_is_the_same_after_a_preview(renderer: GLRenderer, tmp_path: Path) -> None:
    stopwatch = WallStopwatch()
    with_preview = SceneRendering(plan("10", "300x300"), stopwatch)
    with_preview.write_preview(tmp_path / "preview.gif", tmp_path / "preview.png", renderer)
    assert with_preview.write(tmp_path / "a.gif", Format.GIF, renderer).sha256 == (
        SceneRendering(plan("10", "300x300"), NoStopwatch()).write(tmp_path / "b.gif", Format.GIF, renderer).sha256
    )
    assert set(stopwatch.spent_s) == {"scene", "preview", "retarget", "deform", "render", "encode", "write"}

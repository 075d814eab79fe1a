"""The path from a plan to an output file that all commands and the worker share: frame times, and what formats have in common."""

from __future__ import annotations

from fractions import Fraction

from daemon.log.stopwatch import WallStopwatch
from daemon.options.motions import motion_library
from daemon.options.scene_builder import Plan, RenderRequest, build_plan
from daemon.options.values import FrameRate, Size
from daemon.rendering import SceneRendering
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.types import Format

KING = asset_folder(AssetKind.CHARACTERS) / "stick_king"


def plan(rate: str) -> Plan:
    return build_plan(RenderRequest(KING, size=Size(32, 32), rate=FrameRate.parse(rate)), {}, motion_library({}))


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

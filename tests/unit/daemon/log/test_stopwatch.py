"""Stopwatch of the steps of a job, and the printed timing lines."""

from __future__ import annotations

import pytest

from daemon.log.stopwatch import WallStopwatch, timing_lines


def test_laps_of_a_step_add_up_even_if_they_fail() -> None:
    ticks = iter([0.0, 1.0, 3.0, 10.0, 14.0, 20.0])
    stopwatch = WallStopwatch(now=lambda: next(ticks))
    with stopwatch.lap("render"):
        pass
    with pytest.raises(RuntimeError), stopwatch.lap("render"):
        raise RuntimeError
    assert stopwatch.spent_s == {"render": 6.0}
    assert stopwatch.total_s == 20.0


def test_timing_lines_keep_their_form() -> None:
    spent = {"detect": 0.5, "pose": 0.25, "scene": 0.1, "retarget": 0.01, "deform": 0.02, "render": 0.3, "encode": 0.04, "write": 0.005}
    first, second = timing_lines(spent, 2.0, kind="GIF", inference="TorchServe")
    assert first == (
        "[Pipeline timing] image_to_annotations (TorchServe): 0.75 s | "
        "annotations_to_animation (retarget+render+GIF): 1.25 s | total: 2.00 s"
    )
    assert second == "[Animation breakdown] scene: 0.10 s | retarget: 0.03 s | render: 0.30 s | read+queue: 0.04 s | write_file: 0.01 s"


def test_timing_line_without_inference() -> None:
    assert "image_to_annotations" not in timing_lines({}, 1.0, kind="MP4")[0]

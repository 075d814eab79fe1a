"""Stage names: every step belongs to one stage, and the printed lines use only known steps."""

from __future__ import annotations

from daemon.log.stages import ANALYSIS_STAGES, BREAKDOWN, STAGES, stage_of, stage_times


def test_step_belongs_to_one_stage() -> None:
    steps = [step for of_stage in STAGES.values() for step in of_stage]
    assert len(steps) == len(set(steps))


def test_printed_lines_use_known_stages_and_steps() -> None:
    assert set(ANALYSIS_STAGES) < set(STAGES)
    assert {step for steps in BREAKDOWN.values() for step in steps} < {step for steps in STAGES.values() for step in steps}


def test_times_are_added_up_by_stage_in_order() -> None:
    spent = {"render": 5.0, "pose": 1.0, "detect": 2.0, "verify": 0.0}
    assert list(stage_times(spent).items()) == [("infer", 3.0), ("render", 5.0)]


def test_unknown_step_is_its_own_stage() -> None:
    assert stage_of("polish") == "polish"
    assert stage_times({"polish": 1.5}) == {"polish": 1.5}

"""Stages of a job: their names, the steps that each consists of, and how the printed timing lines group them.

A *step* is what a stopwatch measures (`pipeline.ports.Stopwatch.lap`). A *stage* is a group of steps; log records, metrics, manifests, the
web application, `doodled report` and `doodled measure` all use these names. Nothing else defines stage names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "decode": ("decode",),
    "infer": ("models", "detect", "pose"),
    "segment": ("segment", "rig"),
    "scene": ("read", "context", "scene"),
    "preview": ("preview",),
    "retarget": ("retarget", "deform"),
    "render": ("render",),
    "encode": ("encode", "write", "verify"),
    "annotations": ("annotations",),
}
"""Stages in the order in which a job runs through them, each with its steps."""

PUBLISH: Final = "publish"
"""The stage after the worker's: moving results into the outbox. The daemon measures it itself."""

IMPORTS: Final = "imports"
OTHER: Final = "other"
"""Steps of a command alone: loading its libraries, and all that is in no other step, such as closing OpenGL."""

ANALYSIS_STAGES: Final = ("decode", "infer", "segment")
"""The stages from an image to its annotations; `image_to_annotations` in the printed lines."""

BREAKDOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "scene": STAGES["scene"],
    "retarget": STAGES["retarget"],
    "render": STAGES["render"],
    "read+queue": ("encode",),
    "write_file": ("write",),
}
"""Columns of the printed line `[Animation breakdown]`, each with its steps. Users of the original service parse these names."""

_STAGE_OF: Final[Mapping[str, str]] = {step: stage for stage, steps in STAGES.items() for step in steps}


def stage_of(step: str) -> str:
    """The stage that a step belongs to; an unknown step is its own stage."""
    return _STAGE_OF.get(step, step)


def stage_times(spent: Mapping[str, float]) -> dict[str, float]:
    """Time by stage from time by step, in the order of `STAGES`; stages that took no time are left out. Any unit."""
    totals = dict.fromkeys(STAGES, 0.0)
    for step, value in spent.items():
        totals[stage_of(step)] = totals.get(stage_of(step), 0.0) + value
    return {stage: total for stage, total in totals.items() if total}

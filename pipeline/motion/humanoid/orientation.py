"""Which way is up in a file, and which of two mirrored limbs is the left one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.motion import facing
from pipeline.motion.humanoid.unit_vectors import unit_vectors
from pipeline.motion.up_axis import UpAxis
from pipeline.types import Floats


@dataclass(frozen=True)
class Certainty:
    """How sure a finding is, 0 to 1, and why."""

    value: float
    reason: str


def up_axis_of(feet: Floats, hips: Floats, neck: Floats, *, resting: Floats | None, declared: UpAxis | None) -> tuple[UpAxis, Certainty]:
    """The axis that points from feet to neck most of the time.

    Args:
        feet, hips, neck: (S, 3) positions over time, the file's axes.
        resting: (3,) from feet to neck in the rest pose, or None if the file has none.
        declared: what the file's format or the file says.
    """
    reach = unit_vectors(neck - hips) + unit_vectors(hips - feet)
    mean = unit_vectors(unit_vectors(reach).mean(axis=0))
    steady = float(np.linalg.norm(unit_vectors(reach).mean(axis=0)))
    axis, share = _closest(mean)
    rest_axis = None if resting is None or not resting.any() else _closest(unit_vectors(resting))
    if declared is not None and axis is not declared:
        along = float(unit_vectors(reach)[:, "xyz".index(declared[1])].max()) * (1 if declared[0] == "+" else -1)
        if share < 0.9 or along > 0.7 or (rest_axis is not None and rest_axis[0] is declared):
            return declared, Certainty(0.9, f"up is {declared}, as the file says; the body lies or leans for most of the time")
    if declared is not None and axis is declared:
        return axis, Certainty(1.0, f"up is {axis}, as the file says and as the body is from feet to neck")
    if share < 0.85 and rest_axis is not None and rest_axis[1] > 0.9:
        return rest_axis[0], Certainty(0.75, f"up is {rest_axis[0]}, as the body is at rest; it leans or lies for most of the time")
    best = float(unit_vectors(reach)[:, "xyz".index(rest_axis[0][1])].max()) if rest_axis else 0.0
    if (
        rest_axis is not None
        and rest_axis[0] is not axis
        and rest_axis[1] > 0.9
        and best > 0.9
        and rest_axis[0][0] == "+"
        and steady < 0.97
    ):
        return rest_axis[0], Certainty(
            0.75, f"up is {rest_axis[0]}, as the body is at rest and in some frames; it lies for most of the time"
        )
    sure = min(1.0, 0.4 + 0.6 * max(0.0, (share - 0.6) / 0.3))
    return axis, Certainty(sure, f"up is {axis}: the body reaches along it from feet to neck ({share:.0%} of its direction)")


def _closest(direction: Floats) -> tuple[UpAxis, float]:
    index = int(np.argmax(np.abs(direction)))
    sign = "+" if direction[index] >= 0 else "-"
    return UpAxis(f"{sign}{'xyz'[index]}"), float(abs(direction[index]))


@dataclass(frozen=True)
class BodyPositions:
    """Places (S, 3) with y up; `a` and `b` are the two sides, in no order; None where a limb has no such part."""

    hips_a: Floats
    hips_b: Floats
    knees: tuple[Floats, Floats]
    ankles: tuple[Floats, Floats]
    toes: tuple[Floats, Floats] | None
    shoulders: tuple[Floats, Floats]
    elbows: tuple[Floats, Floats]
    wrists: tuple[Floats, Floats]
    root: Floats


def is_first_left(body: BodyPositions) -> tuple[float, tuple[str, ...]]:
    """Evidence in -1 to 1 that side `a` is the left one, in a right-handed world, and what it rests on.

    Feet point ahead, knees are in front of the line from hip to ankle, elbows behind that from shoulder to wrist, and people walk forwards.
    """
    spans = np.stack([body.hips_b - body.hips_a, body.shoulders[1] - body.shoulders[0]], axis=1)
    ahead = facing.forward_directions(spans)
    leg = float(np.median(np.linalg.norm(body.ankles[0] - body.hips_a, axis=1))) or 1.0
    clues: list[tuple[str, float, float]] = []
    if body.toes is not None:
        reach = np.concatenate([_along(toe - ankle, ahead) for toe, ankle in zip(body.toes, body.ankles, strict=True)])
        clues.append(("the feet's direction", float(np.mean(reach)) / leg, 8.0))
    hips = (body.hips_a, body.hips_b)
    bends = [_along(knee - (hip + ankle) / 2, ahead) for hip, knee, ankle in zip(hips, body.knees, body.ankles, strict=True)]
    clues.append(("the knees' bend", float(np.mean(bends)) / leg, 8.0))
    bends = [-_along(e - (s + w) / 2, ahead) for s, e, w in zip(body.shoulders, body.elbows, body.wrists, strict=True)]
    clues.append(("the elbows' bend", float(np.mean(bends)) / leg, 3.0))
    if len(body.root) > 1:
        steps = np.diff(body.root, axis=0)
        distance = float(np.linalg.norm(steps, axis=1).sum())
        travel = float(_along(steps, ahead[:-1]).sum()) / distance if distance > 0.5 * leg else 0.0
        clues.append(("the direction of the walk", travel, 0.5))
    weighted = [(name, value * weight) for name, value, weight in clues]
    total = float(np.clip(sum(value for _, value in weighted), -1.0, 1.0))
    agreeing = tuple(name for name, value in weighted if value * total > 0 and abs(value) > 0.05)
    return total, agreeing


def _along(vectors: Floats, directions: Floats) -> Floats:
    along: Floats = (vectors * directions).sum(axis=1)
    return along

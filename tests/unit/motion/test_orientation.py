"""Which way is up and which side is left, where the evidence disagrees: `up_axis_of`, `is_first_left`."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.motion.humanoid.orientation import BodyPositions, is_first_left, up_axis_of
from pipeline.motion.up_axis import UpAxis

ORIGIN = np.zeros((10, 3))


def body(direction: np.ndarray) -> dict[str, np.ndarray]:
    """Feet at the origin and the neck along `direction` (3,) or (10, 3)."""
    way = np.broadcast_to(direction, (10, 3)).astype(np.float64)
    return {"feet": ORIGIN, "hips": way, "neck": 2 * way}


Y, Z = np.array([0.0, 1, 0]), np.array([0.0, 0, 1])
RISING = np.stack([np.cos(a) * Y + np.sin(a) * Z for a in np.linspace(0, np.pi / 2, 10) ** 0.2 * (np.pi / 2) ** 0.8])


@pytest.mark.parametrize(
    ("direction", "resting", "declared", "expected"),
    [
        (Y, None, None, UpAxis.Y),
        (Z, Y, None, UpAxis.Z),  # an exporter that turns the root
        (Z, Y, UpAxis.Y, UpAxis.Y),  # lies all the time, and the format says where up is
        (RISING, Y, None, UpAxis.Y),  # lies down
        (np.array([0, 0.8, 0.7]), Y, None, UpAxis.Y),  # leans
        (np.array([0, -1.0, 0.1]), None, UpAxis.Y, UpAxis.MINUS_Y),  # the format is wrong
        (np.array([0, 0.2, 1.0]), Z, UpAxis.Y, UpAxis.Z),  # as above, and the rest pose agrees
    ],
)
def test_up_is_where_the_body_reaches_unless_it_is_lying(direction, resting, declared, expected) -> None:
    axis, certainty = up_axis_of(**body(direction), resting=resting, declared=declared)
    assert axis is expected
    assert certainty.value >= 0.7
    assert str(expected) in certainty.reason


def test_a_body_aslant_is_uncertain() -> None:
    _, certainty = up_axis_of(**body(np.array([1.0, 1.0, 1.0])), resting=None, declared=None)
    assert certainty.value < 0.5


def places(*, ahead: float, toes: bool = True, steps: float = 0.0) -> BodyPositions:
    """A body whose first side is at +x, which makes it the left one if it looks to +z; `ahead` is the sign of where it looks."""

    def at(x: float, y: float, z: float) -> np.ndarray:
        return np.array([x, y, z]) + np.arange(10)[:, None] * np.array([0, 0, steps])

    def pair(x: float, y: float, z: float) -> tuple[np.ndarray, np.ndarray]:
        return (at(x, y, z), at(-x, y, z))

    return BodyPositions(
        hips_a=at(10, 90, 0),
        hips_b=at(-10, 90, 0),
        knees=pair(10, 48, 3 * ahead),
        ankles=pair(10, 8, 0),
        toes=pair(10, 2, 14 * ahead) if toes else None,
        shoulders=pair(17, 140, 0),
        elbows=pair(20, 113, -3 * ahead),
        wrists=pair(20, 88, 0),
        root=at(0, 95, 0),
    )


@pytest.mark.parametrize("toes", [True, False])
@pytest.mark.parametrize("ahead", [1.0, -1.0])
def test_feet_knees_and_elbows_say_where_ahead_is(ahead, toes) -> None:
    evidence, clues = is_first_left(places(ahead=ahead, toes=toes))
    assert evidence * ahead > 0.15
    assert ("the feet's direction" in clues) is toes
    assert "the knees' bend" in clues


def test_a_walk_is_a_clue_of_its_own() -> None:
    evidence, clues = is_first_left(places(ahead=0.0, toes=False, steps=10.0))
    assert evidence > 0.15
    assert clues == ("the direction of the walk",)

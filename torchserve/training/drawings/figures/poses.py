"""How figures stand: angles of limbs in degrees from straight down, outwards positive on the limb's own side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drawings.figures.reaches import REACHES

Angles = tuple[float, float]
"""Of the upper and the lower half of a limb."""


@dataclass(frozen=True)
class Pose:
    """Limbs are (the figure's right, its left); the figure's right is the viewer's left. An arm that `reaches` for something takes no
    notice of its angles. Who runs past us with swinging arms `has_legs_exchanged` if the shoulders are narrow, as seen from the side: the
    leg ahead is on the side of the arm behind.
    """

    name: str
    arms: tuple[Angles, Angles]
    legs: tuple[Angles, Angles]
    lean: float = 0.0
    nod: float = 0.0
    reaches: tuple[str, str] = ("", "")
    has_legs_exchanged: bool = False


ARM_KINDS: dict[str, tuple[float, float, float, float]] = {
    # name: upper from, to; lower minus upper from, to
    "spread": (60, 112, -14, 14),
    "down": (8, 48, -16, 16),
    "along": (-4, 13, -9, 9),
    "up": (122, 172, -12, 25),
    "cactus": (62, 112, 50, 105),
    "hips": (28, 68, -125, -75),
    "folded": (4, 32, -120, -75),
    "bent": (18, 85, -60, 75),
    "dangling": (62, 105, -95, -50),
    "shrug": (20, 50, 60, 110),
}
SYMMETRIC = ("spread", "spread", "spread", "down", "down", "up", "cactus", "hips", "folded", "bent", "shrug", "dangling", "along", "along")
RUNNING, SWINGING = 0.5, 0.8
"""Share of figures seen from the side that run, and of these whose arms swing."""
LEG_KINDS: dict[str, tuple[float, float, float, float]] = {
    "straight": (-2, 14, -4, 4),
    "apart": (12, 34, -5, 5),
    "knock": (-8, 8, 0, 22),
    "bowed": (12, 38, -52, -20),
    "squat": (35, 72, -85, -45),
}


def _angles(rng: np.random.Generator, kind: tuple[float, float, float, float]) -> Angles:
    upper = rng.uniform(kind[0], kind[1])
    return upper, upper + rng.uniform(kind[2], kind[3])


def _like(rng: np.random.Generator, angles: Angles, spread: float) -> Angles:
    upper, lower = np.asarray(angles) + rng.normal(0, spread, 2)
    return float(upper), float(lower)


def _arms(rng: np.random.Generator) -> tuple[str, tuple[Angles, Angles]]:
    draw = rng.random()
    if draw < 0.62:
        name = SYMMETRIC[rng.integers(len(SYMMETRIC))]
        right = _angles(rng, ARM_KINDS[name])
        return name, (right, _like(rng, right, 7.0))
    if draw < 0.9:
        names = [list(ARM_KINDS)[rng.integers(len(ARM_KINDS))] for _ in range(2)]
        if draw < 0.74:
            names = ["up" if rng.random() < 0.6 else "cactus", "down"]
        if rng.random() < 0.5:
            names.reverse()
        return "+".join(names), (_angles(rng, ARM_KINDS[names[0]]), _angles(rng, ARM_KINDS[names[1]]))
    # both arms to one side: walking, pointing, zombies
    aim = rng.uniform(25, 110)
    bend = rng.uniform(-5, 45)
    right, left = (aim, aim + bend), (-aim * rng.uniform(0.5, 1), -aim * rng.uniform(0.5, 1) - bend)
    return "sideways", (right, left) if rng.random() < 0.5 else (left, right)


def _legs(rng: np.random.Generator) -> tuple[str, tuple[Angles, Angles]]:
    draw = rng.random()
    if draw < 0.74:
        name = "straight" if draw < 0.4 else "apart" if draw < 0.58 else "knock" if draw < 0.63 else "bowed" if draw < 0.69 else "squat"
        right = _angles(rng, LEG_KINDS[name])
        return name, (right, _like(rng, right, 4.0))
    if draw < 0.92:
        front, bend = rng.uniform(10, 42), rng.uniform(0, 50)
        right, left = (front, front - bend * 0.4), (-front * 0.6 + 6, -front * 0.5 + bend)
        return "walk", (right, left) if rng.random() < 0.5 else (left, right)
    kick = rng.uniform(35, 85)
    right, left = (kick, kick + rng.uniform(-60, 20)), (rng.uniform(-6, 10), rng.uniform(-6, 8))
    return "kick", (right, left) if rng.random() < 0.5 else (left, right)


def _reaches(rng: np.random.Generator) -> tuple[str, str]:
    """Both arms alike, or one of them."""
    kind = REACHES[rng.integers(len(REACHES))]
    draw = rng.random()
    return (kind, kind) if draw < 0.55 else (kind, "") if draw < 0.7 else ("", kind) if draw < 0.85 else (kind, REACHES[rng.integers(12)])


def _run(rng: np.random.Generator, aim: float) -> tuple[Angles, Angles]:
    """Legs of a figure that runs to one side: one thigh forwards, the other shank up behind."""
    front = aim * rng.uniform(25, 80)
    back = -aim * rng.uniform(5, 45)
    # angles are outwards on each limb's own side: the right limb's are mirrored
    ahead, behind = (front, front - aim * rng.uniform(0, 80)), (back, back - aim * rng.uniform(10, 90))
    # the figure's right leg is the one on the viewer's left, as people mark them
    right, left = (ahead, behind) if np.sin(np.radians(ahead)).sum() < np.sin(np.radians(behind)).sum() else (behind, ahead)
    return (-right[0], -right[1]), left


def _swinging(rng: np.random.Generator, aim: float) -> tuple[Angles, Angles]:
    """Arms of a runner: one forwards with the fist up, the other back."""
    ahead, behind = rng.uniform(20, 85), rng.uniform(20, 85)
    forwards, back = (ahead, ahead + rng.uniform(0, 110)), (behind, behind - rng.uniform(0, 110))
    return (forwards, back) if aim < 0 else (back, forwards)


def sampled_pose(rng: np.random.Generator, *, grown_up: bool = False, from_side: bool = False) -> Pose:
    """A pose as children draw it: mostly facing us with arms out, sometimes moving. A `grown_up` figure more often has its arms along the
    body, on the hips, in pockets or folded; a figure drawn `from_side`, if that can be seen without a face, often runs.
    """
    arms, arm_angles = _arms(rng)
    legs, leg_angles = _legs(rng)
    draw = rng.random()
    if draw < (0.3 if grown_up else 0.04):
        first = _angles(rng, ARM_KINDS["along"])
        arms, arm_angles = "along", (first, _like(rng, first, 4.0))
    reaches = _reaches(rng) if rng.random() < (0.3 if grown_up else 0.07) else ("", "")
    if grown_up and rng.random() < 0.35:
        first = (rng.uniform(-3, 8), rng.uniform(-3, 5))
        legs, leg_angles = "standing", (first, _like(rng, first, 2.5))
    elif rng.random() < (RUNNING if from_side else 0.12):
        aim = float(rng.choice([-1.0, 1.0]))
        legs, leg_angles = "run", _run(rng, aim)
        if from_side and rng.random() < SWINGING:
            arms, arm_angles, reaches = "swing", _swinging(rng, aim), ("", "")
    lean = rng.normal(0, 5)
    if rng.random() < (0.5 if legs == "run" else 0.05):
        lean = rng.normal(0, 16)  # who runs leans into it, who dances or falls leans anywhere
    name = f"{'+'.join(sorted({reach or arms for reach in reaches}))}/{legs}"
    return Pose(
        name,
        arm_angles,
        leg_angles,
        lean=float(np.clip(lean, -35, 35)),
        nod=float(rng.normal(0, 6)),
        reaches=reaches,
        has_legs_exchanged=arms == "swing",
    )

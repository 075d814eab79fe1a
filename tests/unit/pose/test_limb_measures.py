from __future__ import annotations

import numpy as np

from pipeline.pose.limb_measures import Limb, LimbJoints, surroundings

LEG = np.array([[50.0, 0.0], [50.0, 60.0], [50.0, 120.0]])


def leg(*, hem: int, half_width: float) -> Limb:
    return Limb(LimbJoints(0, 1, 2), LEG, hem, half_width)


def test_surroundings_begin_at_the_hem() -> None:
    near = surroundings(leg(hem=30, half_width=8.0), (200, 100))
    assert not near[:22].any()
    assert near[38:120, 50].all()


def test_wide_leg_under_a_hem_near_the_top_keeps_its_surroundings() -> None:
    near = surroundings(leg(hem=14, half_width=20.0), (200, 100))
    assert near[40:120, 50].all()


def test_uncovered_leg_is_visible_from_the_first_row() -> None:
    assert leg(hem=0, half_width=8.0).first_visible_row == 0
    assert surroundings(leg(hem=0, half_width=8.0), (200, 100))[:120, 50].all()

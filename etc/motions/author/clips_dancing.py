"""Clips that jump and dance, seen from the front: jump, jumping_jacks, march, hop, dance, floss."""

from __future__ import annotations

import numpy as np
from curves import drag, flight, keyed, lag, repeated, spring, wave
from figure import Arm, Clip, Leg, Plane, Tracks

BOTH = ("Left", "Right")


def jump() -> Clip:
    """Crouches, leaps with everything spread, lands deep, wobbles upright."""
    n = 84
    takeoff, landing = 24, 48
    air = flight(n, takeoff, landing, 46)
    push = keyed(
        n, (0, 0), (4, 0.8), (17, -24), (20, -22), (takeoff, 1.5, 3.8), (landing, 0.5, -4.0), (54, -26), (57, -24), (68, -0.8), (76, -0.4)
    )
    arms = keyed(n, (0, 30), (4, 34), (17, 14), (19, 16), (30, 140), (38, 128), (landing, 110), (55, 32), (66, 22), (76, 31))
    spread = keyed(n, (0, 10), (takeoff, 10), (36, 40), (landing, 14), (70, 14), (80, 10))
    tuck = keyed(n, (takeoff, 0), (36, 13), (landing, 0), (70, 0))
    step = keyed(n, (landing, 0), (70, 0), (76, 3), (82, 0), (83, 0))
    tracks = Tracks(
        rise=air + push,
        across=keyed(n, (0, 0), (17, -2), (36, 1.5), (54, 1), (72, 0)),
        lean=keyed(n, (0, 0), (17, -5), (34, 3), (54, 5), (66, -3), (76, 0)),
        nod=spring(keyed(n, (0, 0), (17, 5), (34, -5), (54, -9), (64, 4), (76, 0)), 2.4, 0.4),
        left_arm=Arm(
            up=arms, elbow=keyed(n, (0, -10), (17, 46), (22, 30), (34, 4), (landing, 22), (56, 52), (68, -6)), hand=drag(arms, 2), depth=10
        ),
        right_arm=Arm(up=lag(arms, 1), elbow=keyed(n, (0, -10), (18, 50), (23, 30), (35, 8), (landing, 26), (57, 56), (70, -8))),
        left_leg=Leg(out=spread, lift=air + tuck + step),
        right_leg=Leg(out=spread + 1, lift=air + 1.2 * tuck + lag(step, -3)),
    )
    return Clip("jump", "Jump", Plane.FRONT, n, tracks, tuple((side, 50, 68) for side in BOTH))


def jumping_jacks() -> Clip:
    """Apart and together, twice; arms a touch behind the feet, knees give at every landing."""
    beat = 32
    n = 2 * beat
    air = repeated(flight(beat, 3, 12, 9) + flight(beat, 19, 28, 9), 2)
    apart = repeated(keyed(beat, (3, 6, 0.4), (12, 29, 0.6), (13, 29), (19, 29, -0.4), (28, 6, -0.6), (29, 6)), 2)
    knees = repeated(keyed(beat, (0, -6), (3, -1, 1.2), (12, -1, -1.5), (16, -9), (19, -2, 1.5), (28, -1, -1.2)), 2)
    drop = repeated(keyed(beat, (3, 0), (12, -7), (19, -7), (28, 0)), 2)
    arms = repeated(keyed(beat, (1, 22), (13, 150), (17, 143), (29, 18)), 2)
    tilt = wave(n, 1)
    tracks = Tracks(
        across=1.5 * tilt,
        rise=air + knees + drop,
        lean=1.5 * lag(tilt, 6),
        nod=3 * lag(tilt, 14) + repeated(keyed(beat, (0, 1.5), (16, -1.5)), 2),
        left_arm=Arm(up=arms, elbow=-4 + 0.8 * drag(arms, 2), hand=0.6 * drag(arms, 3), depth=8),
        right_arm=Arm(up=lag(arms, 1), elbow=-4 + 0.8 * drag(lag(arms, 1), 2), hand=0.6 * drag(lag(arms, 1), 3), depth=10),
        left_leg=Leg(out=apart, lift=air),
        right_leg=Leg(out=apart, lift=air),
    )
    planted = tuple(
        (side, start + cycle, stop + cycle) for side in BOTH for cycle in (0, beat) for start, stop in ((0, 3), (13, 19), (29, 32))
    )
    return Clip("jumping_jacks", "Jumping jacks", Plane.FRONT, n, tracks, planted)


def march() -> Clip:
    """Knees up on the spot, arms against legs, a bob on every step."""
    beat = 32
    n = 2 * beat
    lift = repeated(keyed(beat, (2, 0), (9, 31), (16, 0), (24, 0)), 2)
    knee = repeated(keyed(beat, (2, 7), (9, 27), (16, 7), (24, 7)), 2)
    sway = repeated(keyed(beat, (1, 0, -0.8), (8, -5), (17, 0, 0.8), (24, 5)), 2)
    bob = repeated(keyed(16, (0, -4), (3, -5), (9, -0.4), (12, -0.6)), 4)
    swing = repeated(keyed(beat, (1, -0.8), (10, 1), (17, 0.8), (26, -1)), 2)
    proud = wave(n, 1)
    tracks = Tracks(
        across=sway,
        rise=bob,
        lean=0.75 * lag(sway, 1) + 0.6 * proud,
        bend=-0.9 * lag(sway, 3),
        nod=-1.2 * lag(sway, 5) + 1.5 * proud,
        left_arm=Arm(up=44 - 24 * lag(swing, 1), elbow=24 - 34 * lag(swing, 4), hand=-14 * lag(swing, 6), depth=13),
        right_arm=Arm(up=44 + 24 * lag(swing, 1), elbow=24 + 34 * lag(swing, 4), hand=14 * lag(swing, 6)),
        left_leg=Leg(out=knee, lift=lift),
        right_leg=Leg(out=lag(knee, 16), lift=lag(lift, 16)),
    )
    planted = tuple((side, start + cycle, start + cycle + 16) for side, start in (("Left", 16), ("Right", 1)) for cycle in (0, beat))
    return Clip("march", "March on the spot", Plane.FRONT, n, tracks, planted)


def hop() -> Clip:
    """Hops to one side and back for joy, arms flapping after."""
    beat = 18
    n = 4 * beat
    air = repeated(flight(beat, 5, 16, 15), 4)
    squash = repeated(keyed(beat, (1, -13), (5, 0, 2.6), (16, -1, -2.6)), 4)
    place = keyed(
        n, (5, -13, 2.3), (16, 13, 2.3), (17, 13), (23, 13), (34, 0), (35, 0), (41, 0, -1), (52, -13, -1), (53, -13), (59, -13), (70, -13)
    )
    flap = repeated(keyed(beat, (2, 38), (10, 104), (16, 92)), 4)
    tilt = np.gradient(place)
    kick = keyed(n, (5, 0), (11, 9), (16, 0), (23, 0), (29, 3), (34, 0), (41, 0), (47, 10), (52, 0))
    tracks = Tracks(
        across=spring(place, 5.5, 0.8),
        rise=air + squash - 0.5,
        lean=spring(2.4 * tilt, 2.6, 0.5),
        nod=spring(-3.4 * tilt, 2.2, 0.4) + repeated(keyed(beat, (1, 3), (10, -3)), 4) * np.sign(wave(n, 1, start=-9)) * 0.5,
        left_arm=Arm(up=flap, elbow=14 + 0.9 * drag(flap, 3), hand=0.8 * drag(flap, 4), depth=9),
        right_arm=Arm(up=lag(flap, 1), elbow=14 + 0.9 * drag(lag(flap, 1), 3), hand=0.8 * drag(lag(flap, 1), 4)),
        left_leg=Leg(out=place + 9, lift=air + kick),
        right_leg=Leg(out=9 - place, lift=air + lag(kick[::-1], 21)),
    )
    return Clip("hop", "Happy hops", Plane.FRONT, n, tracks)


def dance() -> Clip:
    """Eight counts: step and touch both ways, roll the arms, point to the sky."""
    beat = 15
    n = 8 * beat
    bounce = repeated(keyed(beat, (0, -6.5), (4, -8), (10, -1.5)), 8)
    hips = np.concatenate([repeated(keyed(4 * beat, (0, 9), (12, 10), (30, -9), (42, -10)), 1)] * 2)
    roll = wave(n, 4)
    point = keyed(n, (58, 0), (68, 1), (74, 0.8), (82, 1), (88, 0.75), (96, 1), (110, 0))
    other = keyed(n, (76, 0), (84, 0), (90, 0))
    left_up = 62 + 26 * wave(n, 4, start=4) + point * 76 - 6 * other
    right_up = 62 - 26 * wave(n, 4, start=4) - point * 14
    tracks = Tracks(
        across=hips,
        rise=bounce,
        lean=-0.55 * lag(hips, 2),
        bend=0.9 * lag(hips, 4),
        nod=spring(0.9 * lag(hips, 5), 2.6, 0.4) + 2 * lag(roll, 3),
        left_arm=Arm(up=left_up, elbow=(1 - point) * (62 + 34 * lag(roll, 9)) + point * 8, hand=16 * lag(roll, 12), depth=12),
        right_arm=Arm(
            up=right_up, elbow=(1 - point) * (62 - 34 * lag(roll, 9)) + point * (88 + 10 * lag(roll, 5)), hand=-16 * lag(roll, 12), depth=16
        ),
        left_leg=Leg(
            out=repeated(keyed(60, (0, 20), (12, 20), (24, 9), (36, 9), (44, 9), (54, 20)), 2),
            lift=repeated(keyed(60, (12, 0), (18, 7), (24, 0), (44, 0), (49, 6), (54, 0)), 2),
        ),
        right_leg=Leg(
            out=repeated(keyed(60, (6, 9), (14, 9), (24, 20), (42, 20), (54, 9)), 2),
            lift=repeated(keyed(60, (14, 0), (19, 6), (24, 0), (42, 0), (48, 7), (54, 0)), 2),
        ),
    )
    planted = tuple(
        (side, start + cycle, stop + cycle)
        for cycle in (0, 60)
        for side, start, stop in (("Left", 0, 12), ("Left", 25, 44), ("Right", 25, 42))
    )
    return Clip("dance", "Dance", Plane.FRONT, n, tracks, planted)


def floss() -> Clip:
    """Straight arms swing to one side, hips to the other; one arm before the body, one behind, by turns."""
    beat = 16
    n = 4 * beat
    swing = repeated(keyed(beat, (0, 1), (1.5, 1), (8, -1), (9.5, -1)), 4)
    slack = lag(swing, 1)
    behind = keyed(n, (0, 1), (2, 1), (14, 1), (18, -1), (46, -1), (50, 1))
    tracks = Tracks(
        across=-9.5 * lag(swing, 1),
        rise=-3.5 - 2 * np.abs(lag(swing, 3)) + 1.5 * (1 - np.abs(swing)),
        lean=3.5 * swing,
        bend=3 * slack,
        nod=-4 * lag(swing, 2),
        left_arm=Arm(up=8 + 40 * swing, elbow=-6 * drag(swing, 2), hand=-12 * drag(swing, 3), depth=18 * behind),
        right_arm=Arm(up=8 - 40 * swing, elbow=6 * drag(swing, 2), hand=12 * drag(swing, 3), depth=-18 * behind),
        left_leg=Leg(out=13),
        right_leg=Leg(out=13),
    )
    return Clip("floss", "Floss", Plane.FRONT, n, tracks, tuple((side, 0, n) for side in BOTH))


CLIPS = (jump, jumping_jacks, march, hop, dance, floss)

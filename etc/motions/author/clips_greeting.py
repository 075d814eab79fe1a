"""Clips that stand and gesture, seen from the front: idle, wave, shrug, dab, cheer, fly."""

from __future__ import annotations

import numpy as np
from curves import drag, flight, keyed, lag, repeated, spring, wave
from figure import Arm, Clip, Leg, Plane, Tracks

BOTH = ("Left", "Right")


def idle() -> Clip:
    """Breathes, shifts its weight, looks about."""
    n = 120
    breath = wave(n, 2)
    shift = keyed(n, (0, 0), (28, 5), (52, 4.4), (84, -4.5), (108, -3))
    look = keyed(n, (0, 0), (20, 9), (50, 7.5), (64, -11), (96, -10), (114, 0))
    tracks = Tracks(
        across=shift,
        rise=-0.35 + 0.3 * breath - 0.1 * np.abs(shift),
        lean=-0.5 * shift + 0.3 * breath,
        bend=0.6 * shift,
        nod=spring(look, 2.2, 0.45),
        left_arm=Arm(up=30 + 3.0 * lag(breath, 4) + 0.9 * lag(shift, 7), elbow=-9 + 4 * lag(breath, 8), depth=13),
        right_arm=Arm(up=31 + 2.6 * lag(breath, 6) - 0.9 * lag(shift, 9), elbow=-11 + 4 * lag(breath, 11)),
    )
    return Clip("idle", "Stand and breathe", Plane.FRONT, n, tracks, tuple((side, 0, n) for side in BOTH))


def hello() -> Clip:
    """Winds up, waves the left hand clear of the head, lets it fall."""
    n = 120
    raised = keyed(n, (0, 30), (8, 22), (24, 120), (32, 108), (60, 111), (86, 107), (92, 115), (110, 26), (116, 31))
    shown = keyed(n, (8, 0), (28, 1), (84, 1), (94, 0))
    swing = shown * wave(n, 8, 24, start=22)
    weight = keyed(n, (0, 0), (8, 2), (26, -5), (86, -4.5), (108, 1.5))
    tracks = Tracks(
        across=weight,
        rise=-0.5 + keyed(n, (0, 0), (9, -3.5), (24, 0.4), (34, 0), (90, 0), (108, -2.5)) + 0.4 * shown * wave(n, 16, 1, start=24),
        lean=keyed(n, (0, 0), (8, 3), (26, -5), (86, -4), (108, 2)),
        bend=0.06 * lag(swing, 2),
        nod=spring(keyed(n, (0, 0), (10, -4), (30, 11), (84, 10), (104, -3)), 2.0, 0.4) + 0.08 * lag(swing, 5),
        left_arm=Arm(up=raised + 0.18 * swing, elbow=-10 + shown * 34 + lag(swing, 2), hand=0.5 * lag(swing, 5), depth=10),
        right_arm=Arm(
            up=30 + spring(keyed(n, (0, 0), (8, -4), (28, 16), (84, 13), (106, -2)), 1.6), elbow=-10 + keyed(n, (0, 0), (32, 10), (90, 8))
        ),
    )
    return Clip("wave", "Wave hello", Plane.FRONT, n, tracks, tuple((side, 0, n) for side in BOTH))


def shrug() -> Clip:
    """Dips, throws up its hands, wags its head: no idea."""
    n = 90
    pull = keyed(n, (0, 0), (9, -0.28), (19, 1.1), (25, 1), (56, 1), (74, -0.1), (82, 0))
    hang = spring(pull, 2.4, 0.45)
    wag = keyed(n, (0, 0), (12, -3), (24, 13), (38, -8), (50, 10), (70, -2), (80, 0))
    tracks = Tracks(
        across=keyed(n, (0, 0), (20, 2), (56, 1.5), (74, -0.5)),
        rise=-0.3 + keyed(n, (0, 0), (9, -6), (20, 0.3), (28, 0), (54, 0), (66, -4), (80, 0)),
        lean=keyed(n, (0, 0), (22, 3), (56, 2.5), (72, -1)),
        nod=wag,
        left_arm=Arm(up=30 + 26 * pull, elbow=-10 + 92 * hang, hand=30 * lag(hang, 3), depth=14),
        right_arm=Arm(up=30 + 23 * lag(pull, 1), elbow=-10 + 88 * lag(hang, 2), hand=30 * lag(hang, 5), depth=11),
        left_leg=Leg(out=9),
        right_leg=Leg(out=9),
    )
    return Clip("shrug", "Shrug", Plane.FRONT, n, tracks, tuple((side, 0, n) for side in BOTH))


def dab() -> Clip:
    """Coils the wrong way, snaps into the dab, holds, lets go."""
    n = 96
    snap = keyed(n, (0, 0), (14, -0.22), (21, 1.07), (27, 1), (62, 1), (76, -0.06), (86, 0))
    trail = lag(snap, 1)
    tracks = Tracks(
        across=keyed(n, (0, 0), (14, 6), (21, -7), (62, -6), (78, 1)),
        rise=-0.4 + keyed(n, (0, 0), (14, -10), (21, -1.5), (26, -5), (36, -3.5), (60, -3.5), (70, -7), (84, 0)),
        lean=-11 * snap,
        bend=-3 * lag(snap, 2),
        nod=spring(-17 * snap, 3.0, 0.5),
        left_arm=Arm(up=30 + 78 * trail, elbow=-10 + 12 * trail, hand=6 * lag(snap, 3), depth=9),
        right_arm=Arm(up=30 + 122 * snap, elbow=-10 + 112 * lag(snap, 1), depth=20),
        left_leg=Leg(out=12),
        right_leg=Leg(out=12),
    )
    return Clip("dab", "Dab", Plane.FRONT, n, tracks, tuple((side, 0, n) for side in BOTH))


def cheer() -> Clip:
    """Two hops with the arms thrown up, the second one higher, and hands that shake at the top."""
    n = 90
    crouch = keyed(n, (0, -2), (9, -14), (15, 0.5, 2.0), (33, 0, -2.0), (39, -14), (47, -13), (53, 0.5, 2.4), (74, 0, -2.4), (80, -15))
    air = flight(n, 15, 33, 20) + flight(n, 53, 74, 30)
    arms = keyed(n, (0, 42), (10, 34), (23, 140), (30, 133), (43, 62), (49, 58), (60, 148), (71, 140), (84, 48))
    shake = keyed(n, (12, 0), (20, 1), (30, 1), (40, 0), (50, 0), (58, 1), (72, 1), (82, 0)) * wave(n, 15, 13)
    spread = keyed(n, (0, 11), (15, 11), (24, 17), (33, 11), (53, 11), (63, 24), (74, 11))
    tracks = Tracks(
        across=keyed(n, (0, 0), (15, 0), (33, 5, 0.1), (53, 5), (74, 0, -0.1)) * 0.7,
        rise=air + crouch,
        lean=keyed(n, (0, 0), (9, -2), (24, 5), (40, 1), (63, -6), (80, 0)),
        nod=spring(keyed(n, (0, 0), (9, 3), (24, -7), (40, 0), (63, 8), (80, 0)), 2.4),
        left_arm=Arm(up=arms, elbow=keyed(n, (0, 40), (11, 70), (26, 6), (44, 60), (64, 4), (84, 48)) + shake, hand=lag(shake, 2), depth=9),
        right_arm=Arm(
            up=lag(arms, 1) - 3, elbow=keyed(n, (0, 44), (12, 74), (27, 8), (45, 64), (65, 6), (85, 50)) - shake, hand=-lag(shake, 2)
        ),
        left_leg=Leg(out=spread, lift=air + keyed(n, (0, 0), (15, 0), (24, 5), (33, 0), (53, 0), (63, 8), (74, 0))),
        right_leg=Leg(out=spread, lift=air + keyed(n, (0, 0), (15, 0), (25, 8), (33, 0), (53, 0), (64, 12), (74, 0))),
    )
    return Clip("cheer", "Cheer", Plane.FRONT, n, tracks)


def fly() -> Clip:
    """Flaps with its arms like a bird and all but hovers; the legs dangle behind."""
    n = 80
    beat = repeated(keyed(20, (0, 1), (8, -1), (10, -1), (19, 1)), 4)
    drift = wave(n, 1)
    height = 27 + 3 * wave(n, 1, start=20) - 5.5 * lag(beat, 6)
    dangle = spring(-7 * drift + 2 * lag(beat, 8), 1.2, 0.3)
    paddle = wave(n, 2)
    tracks = Tracks(
        across=9 * drift,
        rise=height,
        lean=5 * lag(drift, -12),
        bend=2 * lag(drift, -6),
        nod=-4 * lag(drift, -8) + 1.5 * lag(beat, 9),
        left_arm=Arm(up=98 + 44 * beat, elbow=-4 + 26 * drag(beat, 3), hand=22 * drag(beat, 4), depth=9),
        right_arm=Arm(up=98 + 42 * lag(beat, 1), elbow=-4 + 26 * drag(beat, 4), hand=22 * drag(beat, 5)),
        left_leg=Leg(out=9 * drift + 11 + dangle + paddle, lift=height + 4 + 3 * lag(beat, 9) + 3 * paddle),
        right_leg=Leg(out=-9 * drift + 11 - dangle - paddle, lift=height + 5 + 3 * lag(beat, 11) - 3 * paddle),
    )
    return Clip("fly", "Fly like a bird", Plane.FRONT, n, tracks)


CLIPS = (idle, hello, shrug, dab, cheer, fly)

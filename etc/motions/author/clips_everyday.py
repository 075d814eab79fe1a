"""Clips of everyday feelings and doings, seen from the front: clap, cry, laugh, point, think, celebrate, stretch, air_guitar, climb."""

from __future__ import annotations

import numpy as np
from curves import drag, flight, keyed, lag, repeated, spring, wave
from figure import Arm, Clip, Leg, Plane, Tracks

BOTH = ("Left", "Right")


def clap() -> Clip:
    """Claps in front of the belly, bouncing, and opens the arms wide once in between."""
    beat = 12
    n = 6 * beat
    shut = repeated(keyed(beat, (0, 0), (5, 1), (6, 1)), 6)
    wide = keyed(n, (0, 0), (44, 0), (54, 1), (60, 1), (71, 0))
    open_arms = 44 + 26 * wide
    close = shut * (1 - 0.9 * wide)
    bounce = repeated(keyed(beat, (0, -1), (5, -4.5), (9, 0)), 6)
    sway = wave(n, 1)
    tracks = Tracks(
        across=3 * sway,
        rise=-0.6 + bounce,
        lean=2 * lag(sway, 5),
        nod=4 * lag(sway, 9) + spring(0.8 * bounce, 2.8) - 6 * wide,
        left_arm=Arm(up=open_arms - 32 * close, elbow=-26 - 44 * close + 40 * wide, hand=-8 * drag(close, 2), depth=18),
        right_arm=Arm(up=open_arms - 32 * close, elbow=-26 - 44 * close + 40 * wide, hand=-8 * drag(close, 2), depth=18),
        left_leg=Leg(out=10),
        right_leg=Leg(out=10),
    )
    return Clip("clap", "Clap hands", Plane.FRONT, n, tracks, tuple((side, 0, n) for side in BOTH))


def cry() -> Clip:
    """Sobs with both fists at the eyes, sinks, takes a long breath, sobs on."""
    n = 120
    sob = wave(n, 12) * keyed(n, (0, 1), (70, 1), (84, 0.1), (98, 0.1), (112, 1))
    breath = keyed(n, (0, 0), (72, 0), (88, 1), (94, 1), (108, 0))
    rub = wave(n, 8, 7)
    tracks = Tracks(
        across=1.5 * wave(n, 2),
        rise=-7 + 2.2 * sob + 5 * breath,
        lean=2 * wave(n, 2, start=8),
        bend=2 * lag(sob, 2),
        nod=7 * wave(n, 2, start=14) + 2 * lag(sob, 3),
        left_arm=Arm(up=84 + 5 * breath + 2 * sob + 0.5 * rub, elbow=140 + rub - 6 * breath, hand=12, depth=20),
        right_arm=Arm(up=82 + 5 * breath + 2 * sob - 0.5 * rub, elbow=140 - rub - 6 * breath, hand=12, depth=20),
        left_leg=Leg(out=4),
        right_leg=Leg(out=4),
    )
    return Clip("cry", "Cry", Plane.FRONT, n, tracks, tuple((side, 0, n) for side in BOTH))


def laugh() -> Clip:
    """Holds its belly, shakes with laughter, throws back, slaps a knee."""
    n = 120
    shake = wave(n, 20) * keyed(n, (0, 0.7), (30, 1), (60, 0.8), (90, 1), (112, 0.6))
    double = keyed(n, (0, 0), (26, 0.1), (44, 1), (64, 0.9), (86, -0.2), (104, 0))
    slap = keyed(n, (0, 0), (48, 0), (54, 1), (57, 0.3), (62, 1), (66, 0.4), (80, 0))
    tracks = Tracks(
        across=2 * double + 0.6 * shake,
        rise=-4 - 8 * double + 1.8 * shake,
        lean=13 * double + 1.2 * lag(shake, 2),
        bend=5 * lag(double, 4),
        nod=spring(12 * double - 7 * keyed(n, (0, 0), (84, 0), (94, 1), (108, 0)), 2.0) + 2 * lag(shake, 3),
        left_arm=Arm(up=26 + 36 * slap + 2 * shake, elbow=-66 + 44 * slap, hand=-6, depth=18),
        right_arm=Arm(up=24 + 2 * lag(shake, 1), elbow=-68, hand=-8, depth=18),
        left_leg=Leg(out=12),
        right_leg=Leg(out=10),
    )
    return Clip("laugh", "Laugh out loud", Plane.FRONT, n, tracks, tuple((side, 0, n) for side in BOTH))


def point() -> Clip:
    """Spots something, points at it with three jabs, looks back to see that all have noticed."""
    n = 108
    reach = keyed(n, (0, 0), (10, -0.2), (20, 1.06), (26, 1), (78, 1), (94, -0.05), (102, 0))
    jab = keyed(n, (28, 0), (34, 1), (40, 0), (46, 1), (52, 0), (58, 1), (66, 0))
    back = keyed(n, (0, 0), (60, 0), (70, 1), (84, 1), (96, 0))
    tracks = Tracks(
        across=keyed(n, (0, 0), (10, -4), (22, 6), (76, 5), (96, 0)) + 1.5 * jab,
        rise=-0.5 - 2 * np.abs(reach) - 1.5 * jab,
        lean=7 * reach + 2 * jab,
        bend=2 * lag(reach, 3),
        nod=spring(12 * reach - 26 * back, 2.2, 0.5),
        left_arm=Arm(up=30 + 66 * reach - 5 * jab, elbow=-10 + 14 * reach + keyed(n, (10, 0), (15, 40), (22, 0)) - 6 * jab, depth=8),
        right_arm=Arm(up=30 + 16 * lag(reach, 2), elbow=-10 - 60 * lag(reach, 3), hand=-10 * reach, depth=12),
        left_leg=Leg(out=11),
        right_leg=Leg(out=9),
    )
    return Clip("point", "Point over there", Plane.FRONT, n, tracks, tuple((side, 0, n) for side in BOTH))


def think() -> Clip:
    """Hand at the chin, head to one side and the other; a foot taps; then an idea, with a finger in the air."""
    n = 144
    idea = keyed(n, (0, 0), (92, 0), (98, -0.12), (106, 1.08), (112, 1), (126, 1), (140, 0))
    muse = 1 - np.clip(idea, 0, 1)
    tilt = keyed(n, (0, 4), (24, 11), (44, 9), (66, -9), (88, -7), (104, 2), (124, 1))
    tap = muse * keyed(n, *((frame + shift, value) for frame in range(8, 88, 16) for shift, value in ((0, 0), (5, 1), (10, 0))))
    tracks = Tracks(
        across=keyed(n, (0, -2), (60, -4), (92, -3), (108, 1), (130, 0)),
        rise=-1.2 - 3 * muse * 0.4 + keyed(n, (0, 0), (92, 0), (98, -4), (106, 1.2), (116, 0)),
        lean=-2 + 3 * idea,
        bend=2 * lag(idea, 2),
        nod=spring(tilt, 1.8, 0.5) - 6 * idea,
        left_arm=Arm(up=20 + 10 * idea, elbow=-64 + 50 * idea, hand=-6 * muse, depth=20),
        right_arm=Arm(
            up=70 + 62 * idea + 1.5 * wave(n, 4) * muse,
            elbow=136 - 122 * np.clip(idea, 0, None) + 3 * wave(n, 6) * muse,
            hand=6 * muse,
            depth=16,
        ),
        left_leg=Leg(out=9),
        right_leg=Leg(out=9, lift=4.5 * tap),
    )
    return Clip("think", "Think, and get an idea", Plane.FRONT, n, tracks, (("Left", 0, n),))


def celebrate() -> Clip:
    """Pumps a fist twice, leaps with both arms up, lands and shakes the fists overhead."""
    n = 108
    pump = keyed(n, (0, 0), (8, 1), (14, 0.1), (22, 1), (28, 0.1), (40, 0), (100, 0))
    leap = flight(n, 48, 68, 34)
    push = keyed(
        n, (0, -2), (8, -6), (14, -1), (22, -7), (28, -1), (42, -20), (48, 1, 3.4), (68, 0.5, -3.4), (74, -18), (86, -2), (100, -2)
    )
    high = keyed(n, (0, 0), (40, -0.1), (54, 1), (92, 0.92), (104, 0))
    shake = keyed(n, (68, 0), (76, 1), (90, 1), (100, 0)) * wave(n, 12, 12)
    spread = keyed(n, (0, 10), (48, 10), (58, 24), (68, 12), (84, 12), (100, 10))
    tracks = Tracks(
        across=keyed(n, (0, 0), (22, 3), (48, 0), (68, 0), (90, -2)),
        rise=leap + push,
        lean=3 * pump + 2 * wave(n, 2) * high,
        nod=spring(keyed(n, (0, 0), (8, 6), (14, 0), (22, 6), (32, 0), (56, -8), (72, 4), (90, -3)), 2.4),
        left_arm=Arm(up=34 - 4 * pump + 100 * high, elbow=20 + 80 * pump - 14 * high + shake, hand=6 * high, depth=10),
        right_arm=Arm(up=34 + 92 * pump + 98 * lag(high, 1), elbow=20 + 44 * pump - 14 * high - shake, hand=6 * high, depth=10),
        left_leg=Leg(out=spread, lift=leap + keyed(n, (48, 0), (58, 9), (68, 0))),
        right_leg=Leg(out=spread, lift=leap + keyed(n, (48, 0), (60, 14), (68, 0))),
    )
    return Clip("celebrate", "Celebrate a goal", Plane.FRONT, n, tracks)


def stretch() -> Clip:
    """Reaches up on its toes, leans to one side and the other, lets go with a sigh."""
    n = 132
    up = keyed(n, (0, 0), (10, -0.06), (36, 1), (92, 0.96), (112, -0.05), (122, 0))
    side = keyed(n, (0, 0), (40, 0), (54, 1), (62, 0.95), (78, -1), (86, -0.95), (100, 0))
    sigh = keyed(n, (0, 0), (96, 0), (114, 1), (126, 0))
    tracks = Tracks(
        across=-4 * side,
        rise=-0.6 - 6 * sigh + 0.3 * up,
        lean=11 * side,
        bend=7 * lag(side, 3),
        nod=spring(3 * side - 9 * sigh, 1.8, 0.5),
        left_arm=Arm(up=30 + 118 * up - 6 * sigh, elbow=-8 + 18 * lag(up, 3), hand=10 * lag(up, 5), depth=12),
        right_arm=Arm(up=30 + 118 * lag(up, 1) - 6 * sigh, elbow=-8 + 18 * lag(up, 4), hand=10 * lag(up, 6), depth=12),
        left_leg=Leg(out=9),
        right_leg=Leg(out=9),
    )
    return Clip("stretch", "Stretch", Plane.FRONT, n, tracks, tuple((foot, 0, n) for foot in BOTH))


def air_guitar() -> Clip:
    """Rocks: one hand on the neck, the other strums; the head bangs, a knee pops up for the big chord."""
    n = 96
    strum = wave(n, 12)
    bang = repeated(keyed(16, (0, 0), (6, 1), (12, 0)), 6)
    chord = keyed(n, (0, 0), (58, 0), (66, 1), (76, 0.9), (88, 0))
    slide = keyed(n, (0, 0), (20, 1), (40, -0.6), (60, 0.6), (80, -1))
    tracks = Tracks(
        across=2 * slide,
        rise=-7 - 3 * bang + 5 * chord,
        lean=-6 - 7 * chord + 2 * bang,
        bend=2 * slide,
        nod=spring(12 * bang - 8 * chord, 3.0, 0.5),
        left_arm=Arm(up=62 + 7 * slide + 8 * chord, elbow=52 + 8 * slide, hand=14 * wave(n, 6), depth=14),
        right_arm=Arm(up=40 + 8 * strum + 60 * chord, elbow=-58 + 10 * lag(strum, 1) + 50 * chord, hand=10 * lag(strum, 2), depth=20),
        left_leg=Leg(out=15),
        right_leg=Leg(out=14, lift=20 * keyed(n, (56, 0), (66, 1), (74, 0.9), (84, 0))),
    )
    return Clip("air_guitar", "Air guitar", Plane.FRONT, n, tracks, (("Left", 0, n),))


def climb() -> Clip:
    """Climbs a ladder on the spot: hand over hand, knee after knee."""
    beat = 36
    n = 2 * beat
    pull = repeated(keyed(beat, (0, 1), (4, 1), (18, -1), (22, -1)), 2)
    step = repeated(keyed(beat, (0, 0), (2, 0), (14, 1), (20, 1), (34, 0)), 2)
    other = lag(step, beat // 2)
    heave = repeated(keyed(beat // 2, (0, 0), (7, -4), (13, 2)), 4)
    tracks = Tracks(
        across=3.5 * lag(pull, 4),
        rise=-9 + heave,
        lean=4 * lag(pull, 6),
        bend=-3 * lag(pull, 8),
        nod=-4 * lag(pull, 10),
        left_arm=Arm(up=132 + 30 * pull, elbow=34 - 28 * lag(pull, 2), hand=6 * pull, depth=14),
        right_arm=Arm(up=132 - 30 * pull, elbow=34 + 28 * lag(pull, 2), hand=-6 * pull, depth=14),
        left_leg=Leg(out=11 + 4 * other, lift=25 * other),
        right_leg=Leg(out=11 + 4 * step, lift=25 * step),
    )
    return Clip("climb", "Climb a ladder", Plane.FRONT, n, tracks)


CLIPS = (clap, cry, laugh, point, think, celebrate, stretch, air_guitar, climb)

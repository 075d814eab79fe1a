"""Clips that are seen from the side, moving to the screen's right: walk, run, skip, tiptoe, zombie, bow, kick.

Walkers stay on the spot: the floor runs backwards under them, at the same speed under either foot.
"""

from __future__ import annotations

import numpy as np
from curves import Track, drag, flight, keyed, lag, repeated, spring, wave
from figure import Arm, Clip, Leg, Plane, Tracks

BOTH = ("Left", "Right")


def stride(frame_count: int, contact: int, stance: int, reach: float, lift: float, *, kick: float = 0.35) -> tuple[Track, Track]:
    """One foot's way, forwards and up, over one step cycle.

    It lands `reach` ahead at frame `contact`, is carried back by the floor for `stance` frames, then swings; `lift` is highest at
    the part `kick` of the swing (early: the heel kicks up behind; late: the knee is carried high).
    """
    speed = 2 * reach / stance
    swing = frame_count - stance
    out = keyed(frame_count, (0, reach, -speed), (stance, -reach, -speed))
    up = keyed(frame_count, (0, 0), (stance, 0), (stance + kick * swing, lift), (stance + 0.85 * swing, 0.3 * lift))
    return lag(out, contact), lag(up, contact)


def walk() -> Clip:
    """A brisk, bouncing walk."""
    beat, half = 32, 16
    n = 2 * beat
    out, up = (repeated(track, 2) for track in stride(beat, 0, 17, 29, 15))
    bob = repeated(keyed(half, (0, -4.2), (2, -5), (9, 0.4)), 4)
    swing = repeated(keyed(beat, (0, -1), (16, 1)), 2)
    mood = wave(n, 1)
    tracks = Tracks(
        rise=bob,
        lean=4 + 0.5 * lag(bob, 2),
        bend=1.5 * lag(swing, 2) * 0.4,
        nod=-3 - 0.9 * lag(bob, 4) + 2 * mood,
        left_arm=Arm(up=6 + 34 * lag(swing, 1), elbow=24 + 18 * lag(swing, 5), hand=10 * lag(swing, 8), depth=14),
        right_arm=Arm(up=-2 - 30 * lag(swing, 1), elbow=18 - 13 * lag(swing, 5), hand=-10 * lag(swing, 8), depth=14),
        left_leg=Leg(out=out, lift=up),
        right_leg=Leg(out=lag(out, half), lift=lag(up, half)),
    )
    planted = tuple(
        (side, start + cycle, start + cycle + 17)
        for side, start in (("Left", 0), ("Right", half))
        for cycle in (0, beat)
        if start + cycle + 17 <= n
    )
    return Clip("walk", "Walk", Plane.SIDE, n, tracks, planted, ground=2 * 29 / 17)


def run() -> Clip:
    """Runs as if the last bus were leaving: long flights, high heels, pumping arms."""
    beat, half = 20, 10
    n = 4 * beat
    out, up = (repeated(track, 4) for track in stride(beat, 0, 7, 26, 40, kick=0.42))
    air = repeated(flight(half, 6.5, 10, 5), 8)
    bob = repeated(keyed(half, (0, -5), (3, -9), (7, -1), (8.5, 1)), 8)
    swing = repeated(keyed(beat, (0, -1), (10, 1)), 4)
    effort = wave(n, 1)
    out = out - 4
    tracks = Tracks(
        across=2 * effort,
        rise=bob + air + 0.5,
        lean=15 + 2 * lag(effort, -8) + 0.4 * lag(bob, 2),
        bend=2,
        nod=-12 - 0.8 * lag(bob, 3),
        left_arm=Arm(up=2 + 50 * lag(swing, 1), elbow=70 + 20 * lag(swing, 2), hand=8 * lag(swing, 4), depth=12),
        right_arm=Arm(up=2 - 50 * lag(swing, 1), elbow=70 - 20 * lag(swing, 2), hand=-8 * lag(swing, 4)),
        left_leg=Leg(out=out, lift=up + 0.8 * air),
        right_leg=Leg(out=lag(out, half), lift=lag(up, half) + 0.8 * air),
    )
    planted = tuple(("Left", start, start + 5) for start in range(0, n, beat)) + tuple(
        ("Right", start, start + 5) for start in range(half, n, beat)
    )
    return Clip("run", "Run", Plane.SIDE, n, tracks, planted, ground=2 * 26 / 7)


def skip() -> Clip:
    """A step and a hop on the same foot, then the other: the knee flies up, the arms fling wide."""
    half = 22
    beat = 2 * half
    n = 2 * beat
    air = flight(half, 9, 19, 17)
    hops = repeated(air, 4)
    bob = repeated(keyed(half, (0, -5), (4, -10), (9, 0.5, 1.8), (19, 0, -2.2)), 4)
    out = keyed(beat, (0, 16, -2.2), (9, -6, -2.2), (20, -12, -2.2), (24, -18, -1.0), (32, 14), (38, 24), (42, 20, -2.2))
    lift = np.concatenate([air, np.zeros(half)]) + keyed(beat, (0, 0), (21, 0), (27, 14), (35, 40), (42, 4))
    swing = repeated(keyed(beat, (2, -0.8), (12, 1), (18, 0.9), (24, 0.8), (34, -1), (40, -0.9)), 2)
    tracks = Tracks(
        rise=hops + bob + 1,
        lean=3 + 0.5 * lag(bob, 2),
        bend=2 * lag(swing, 3),
        nod=-4 + spring(-0.25 * hops, 2.8) + 3 * lag(swing, 5),
        left_arm=Arm(up=18 + 62 * -swing, elbow=26 - 16 * lag(swing, 3), hand=22 * drag(-swing, 4), depth=18),
        right_arm=Arm(up=-2 + 46 * swing, elbow=22 + 14 * lag(swing, 3), hand=22 * drag(swing, 4), depth=18),
        left_leg=Leg(out=repeated(out, 2), lift=repeated(lift, 2)),
        right_leg=Leg(out=lag(repeated(out, 2), half), lift=lag(repeated(lift, 2), half)),
    )
    return Clip("skip", "Skip along", Plane.SIDE, n, tracks)


def tiptoe() -> Clip:
    """Sneaks: a long careful step, a wobbling pause, the other foot."""
    half = 36
    beat = 2 * half
    n = beat
    pace = repeated(keyed(half, (0, 0), (6, 0.2), (18, 2.9), (30, 0.3)), 2)
    way = np.cumsum(pace)
    per_step = way[half - 1]
    reach = per_step / 2 + 2
    carried = reach - (way - way[0])
    swing = keyed(beat, (half + 4, reach - per_step), (half + 18, 6), (half + 27, reach + 7), (beat - 1, reach))
    out = np.where(np.arange(beat) <= half + 4, carried, swing)
    lift = keyed(beat, (0, 0), (half + 2, 0), (half + 13, 44), (half + 22, 46), (half + 33, 3))
    sink = repeated(keyed(half, (0, -13), (8, -15), (18, -9), (28, -10)), 2)
    paw = repeated(keyed(half, (2, 0), (18, 1), (26, 0.9)), 2)
    balance = keyed(beat, (0, 0), (18, 1), (36, 0), (54, -1))
    tracks = Tracks(
        rise=sink,
        lean=16 - 5 * lag(paw, 2),
        bend=6,
        nod=-16 + spring(8 * paw, 1.8, 0.4),
        left_arm=Arm(up=38 + 12 * lag(paw, 1) - 9 * balance, elbow=88 - 12 * lag(paw, 4), hand=-62 + 14 * lag(paw, 6), depth=14),
        right_arm=Arm(up=20 + 12 * lag(paw, 3) + 9 * balance, elbow=88 - 12 * lag(paw, 6), hand=-62 + 14 * lag(paw, 8), depth=14),
        left_leg=Leg(out=out, lift=lift),
        right_leg=Leg(out=lag(out, half), lift=lag(lift, half)),
    )
    return Clip("tiptoe", "Tiptoe", Plane.SIDE, n, tracks, (("Left", 0, half + 4), ("Right", half, beat)), ground=pace)


def zombie() -> Clip:
    """Lurches on: one long step, one leg dragged after; arms out, head lolling."""
    beat = 60
    n = 2 * beat
    pace = keyed(beat, (0, 0.3), (12, 2.2), (24, 0.3), (42, 1.5), (54, 0.2))
    way = np.cumsum(pace)
    total = way[-1]
    walked = way - way[0]
    left_reach = total * 0.40
    left_swing = keyed(beat, (34, left_reach - walked[34]), (45, 4), (54, left_reach), (beat - 1, left_reach))
    left = np.where(np.arange(beat) <= 34, left_reach - walked, left_swing)
    lurch = repeated(keyed(beat, (0, -3), (10, -8), (22, -1.5), (34, -3), (44, -7), (56, -1.5)), 2)
    tail = keyed(beat, (0, 4), (8, -2), (34, -26), (40, -27), (56, -4))
    stagger = repeated(keyed(beat, (0, 0), (12, 1), (30, 0.2), (46, -1)), 2)
    odd = wave(n, 1)
    groan = spring(lurch, 1.7, 0.22)
    lean = 7 + 4 * stagger + 1.5 * odd
    loll = 4 + spring(5 * stagger + 5 * odd, 1.1, 0.35)
    level = 84 + 0.8 * (lean + loll)
    tracks = Tracks(
        across=2.5 * stagger,
        rise=lurch - 1,
        lean=lean,
        bend=3 + 2 * lag(stagger, 5),
        nod=loll,
        left_arm=Arm(up=level + 2 * groan + 4 * odd, elbow=6 + 1.4 * lag(groan, 4), hand=-34 + 3 * lag(groan, 7), depth=10),
        right_arm=Arm(up=level - 8 + 2.4 * lag(groan, 4) - 4 * odd, elbow=14 + 1.6 * lag(groan, 9), hand=-40 + 3 * lag(groan, 11)),
        left_leg=Leg(out=repeated(left, 2), lift=repeated(keyed(beat, (0, 0), (34, 0), (45, 13), (54, 0)), 2)),
        right_leg=Leg(out=repeated(tail, 2), lift=repeated(keyed(beat, (0, 2), (10, 0), (38, 0), (48, 4)), 2)),
    )
    planted = (("Left", 0, 34), ("Left", beat, beat + 34))
    return Clip("zombie", "Zombie", Plane.SIDE, n, tracks, planted, ground=repeated(pace, 2))


def bow() -> Clip:
    """Draws itself up, sweeps an arm and bows deeply, comes up again."""
    n = 105
    down = keyed(n, (0, 0), (13, -0.13), (36, 1.03), (46, 1), (62, 1), (84, -0.05), (94, 0))
    sweep = keyed(n, (0, 0), (8, 0.1), (20, 1), (34, 0.86), (64, 0.9), (84, 0))
    tracks = Tracks(
        across=-9 * down,
        rise=-0.8 + keyed(n, (0, 0), (12, 0.6), (30, -5), (60, -5), (76, -3), (90, 0)),
        lean=40 * down,
        bend=12 * lag(down, 3),
        nod=spring(15 * down, 1.8, 0.5),
        left_arm=Arm(
            up=17 + keyed(n, (0, 0), (18, 95), (38, 74), (62, 72), (84, -4)),
            elbow=8 + keyed(n, (0, 0), (18, 6), (40, 30), (64, 26), (86, 0)),
            hand=14 * lag(down, 4),
        ),
        right_arm=Arm(up=-13 - 30 * lag(sweep, 3), elbow=8 + 8 * lag(sweep, 8), hand=-14 * lag(sweep, 11), depth=16),
        left_leg=Leg(out=9),
        right_leg=Leg(out=-7),
    )
    return Clip("bow", "Bow", Plane.SIDE, n, tracks, tuple((side, 0, n) for side in BOTH))


def kick() -> Clip:
    """Bounces on guard, chambers the knee, kicks high, snaps back."""
    n = 90
    bounce = keyed(n, (0, -5), (7, -9), (13, -4), (21, -13), (28, -3), (36, 0.5), (44, -2), (54, -7), (64, -10), (73, -5), (81, -9))
    reach = keyed(n, (0, 13), (22, 13), (29, 16), (32, 20), (36, 72), (40, 70), (47, 18), (60, 14), (70, 13))
    lift = keyed(n, (0, 0), (23, 0), (29, 42), (32, 52), (36, 78), (40, 77), (47, 44), (59, 0), (70, 0))
    strike = keyed(n, (0, 0), (21, -0.2), (31, 0.4), (36, 1), (41, 1), (54, 0.1), (66, 0))
    guard = wave(n, 6, 1.0, start=2) * keyed(n, (0, 1), (18, 0.5), (26, 0), (60, 0), (74, 1))
    tracks = Tracks(
        across=keyed(n, (0, 0), (21, 5), (30, -8), (36, -10), (42, -9), (58, 2), (70, 0)),
        rise=bounce,
        lean=6 - 34 * strike,
        bend=2 - 6 * lag(strike, 1),
        nod=-2 + 22 * lag(strike, 1),
        left_arm=Arm(up=40 + 5 * guard + 8 * strike, elbow=84 - 6 * lag(guard, 3) - 40 * strike, hand=6 * guard, depth=14),
        right_arm=Arm(
            up=14 + 5 * lag(guard, 4) - 76 * lag(strike, 1), elbow=76 - 6 * lag(guard, 7) - 60 * lag(strike, 2), hand=6 * guard, depth=14
        ),
        left_leg=Leg(out=reach, lift=lift),
        right_leg=Leg(out=-10),
    )
    return Clip("kick", "Karate kick", Plane.SIDE, n, tracks, (("Right", 0, n), ("Left", 0, 22), ("Left", 72, n)))


CLIPS = (walk, run, skip, tiptoe, zombie, bow, kick)

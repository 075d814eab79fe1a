"""Clips of sports, stage and rest: sleep, sit_down, karate, moonwalk, swim, row from the side; ballet_turn and disco from the front."""

from __future__ import annotations

import numpy as np
from curves import drag, keyed, lag, repeated, spring, wave
from figure import Arm, Clip, Leg, Plane, Tracks

BOTH = ("Left", "Right")


def sleep() -> Clip:
    """Lies on its back and breathes deeply, an arm under the head; a knee rocks; it mutters once."""
    n = 144
    breath = wave(n, 3)
    mutter = keyed(n, (0, 0), (88, 0), (94, 1), (99, -0.6), (104, 0.5), (110, 0))
    rock = wave(n, 1)
    tracks = Tracks(
        across=-4 + 0.3 * breath,
        rise=-78 + 0.8 * breath,
        lean=-84 + 1.5 * breath,
        bend=3 + 2.5 * lag(breath, 4),
        nod=10 + 3 * lag(breath, 8) + 5 * mutter,
        # A drawing's arms turn with its trunk: these angles are the bed's.
        left_arm=Arm(up=-6 + 3 * lag(breath, 5) + 12 * mutter, elbow=20 + 4 * lag(breath, 9), hand=6, depth=16),
        right_arm=Arm(up=152 + 2 * breath, elbow=58 + 3 * mutter, depth=14),
        left_leg=Leg(out=44 + 3 * rock, lift=0.4),
        right_leg=Leg(out=74 + 0.6 * breath),
    )
    return Clip("sleep", "Sleep", Plane.SIDE, n, tracks, (("Right", 0, n),))


def sit_down() -> Clip:
    """Looks for the chair, sits down with a bump, swings its heels, leans forward and gets up."""
    n = 150
    seat = keyed(n, (0, 0), (10, -0.03), (34, 1.04), (40, 0.98), (46, 1), (112, 1), (138, -0.02), (146, 0))
    lean = keyed(n, (0, 0), (22, 26), (36, 4), (46, -6), (104, -5), (116, 24), (134, 2))
    swing = keyed(n, (0, 0), (52, 0), (60, 1), (68, 0), (76, 1), (84, 0), (92, 1), (100, 0))
    tracks = Tracks(
        across=-30 * seat,
        rise=-0.5 - 40 * seat,
        lean=lean,
        bend=0.2 * lag(lean, 3),
        nod=spring(keyed(n, (0, 0), (12, -10), (30, -12), (46, 4), (70, 7), (104, 0), (118, -10), (136, 0)), 2.0, 0.5),
        left_arm=Arm(up=6 + 36 * seat + 0.8 * lean, elbow=8 + 30 * seat, hand=4, depth=14),
        right_arm=Arm(up=-2 + 30 * seat + 0.7 * lean, elbow=8 + 34 * seat, hand=4, depth=14),
        left_leg=Leg(out=8 + 20 * swing, lift=9 * swing),
        right_leg=Leg(out=-4 + 20 * lag(swing, 8), lift=9 * lag(swing, 8)),
    )
    return Clip("sit_down", "Sit down", Plane.SIDE, n, tracks, (("Left", 0, 50), ("Right", 0, 56)))


def karate() -> Clip:
    """Guard, two straight punches, a high block, a low bow of the head."""
    n = 108
    first = keyed(n, (0, 0), (14, -0.15), (20, 1.04), (27, 1), (38, 0))
    second = keyed(n, (0, 0), (34, -0.15), (41, 1.04), (50, 1), (64, 0))
    block = keyed(n, (0, 0), (62, -0.1), (70, 1.05), (78, 1), (96, 0))
    bounce = wave(n, 9, 1.0) * keyed(n, (0, 1), (10, 0.3), (20, 0), (92, 0), (102, 1))
    drive = first + second
    tracks = Tracks(
        across=7 * drive - 6 * block,
        rise=-14 + 1.5 * bounce - 4 * drive + 3 * block,
        lean=4 + 9 * drive - 9 * block,
        bend=3 * lag(drive, 1),
        nod=-3 - 7 * drive + 5 * block,
        left_arm=Arm(
            up=34 + 3 * bounce + 56 * first - 24 * lag(second, 1) + 76 * block, elbow=82 - 78 * first + 14 * second - 20 * block, depth=16
        ),
        right_arm=Arm(
            up=14 + 3 * lag(bounce, 3) - 34 * lag(first, 1) + 76 * second - 6 * block, elbow=86 + 10 * first - 82 * second, depth=16
        ),
        left_leg=Leg(out=30),
        right_leg=Leg(out=-28),
    )
    return Clip("karate", "Karate", Plane.SIDE, n, tracks, tuple((side, 0, n) for side in BOTH))


def moonwalk() -> Clip:
    """Glides backwards: one foot flat and sliding, the other on its toes; the arms swing late, the shoulders roll."""
    beat, half = 36, 18
    n = 2 * beat
    reach = 17
    # The foot that bears stays with the floor, which runs ahead; the other slides back over it.
    way = keyed(beat, (0, -reach, 2 * reach / half), (half, reach, 2 * reach / half), (27, 2), (34, -reach + 1))
    heel = keyed(beat, (0, 7), (13, 7), (half, 0), (33, 0))
    out, lift = repeated(way, 2), repeated(heel, 2)
    roll = repeated(keyed(half, (0, 0), (9, 1)), 4)
    swing = repeated(keyed(beat, (0, -1), (half, 1)), 2)
    tracks = Tracks(
        across=1.5 * lag(swing, 4),
        rise=-5 + 1.2 * roll,
        lean=9 - 2 * roll,
        bend=-3 + 2 * lag(roll, 4),
        nod=8 * roll - 10,
        left_arm=Arm(up=8 + 18 * lag(swing, 5), elbow=20 + 8 * lag(swing, 9), hand=6, depth=14),
        right_arm=Arm(up=4 - 18 * lag(swing, 5), elbow=20 - 8 * lag(swing, 9), hand=6, depth=14),
        left_leg=Leg(out=out, lift=lift),
        right_leg=Leg(out=lag(out, half), lift=lag(lift, half)),
    )
    return Clip("moonwalk", "Moonwalk", Plane.SIDE, n, tracks, ground=-2 * reach / half)


def swim() -> Clip:
    """Crawls through the water: arms go round, legs flutter, a breath every second stroke."""
    stroke = 40
    n = 2 * stroke
    turn = 360 * np.arange(n) / stroke
    bob = wave(n, 2)
    flutter = wave(n, 6)
    breathe = keyed(n, (0, 0), (30, 0), (42, 1), (50, 1), (64, 0))
    across = 2 * wave(n, 2)
    bent = 26 + 26 * repeated(keyed(stroke, (0, 0), (12, 0), (24, 1), (32, 0.6)), 2)
    tracks = Tracks(
        across=across,
        rise=-30 + 2.5 * bob,
        lean=80 - 2 * bob,
        bend=-3 + 2 * lag(bob, 4),
        nod=-12 - 12 * breathe + 2 * bob,
        left_arm=Arm(up=170 - turn, elbow=bent, depth=14),
        right_arm=Arm(up=350 - turn, elbow=lag(bent, stroke // 2), depth=14),
        left_leg=Leg(out=-80 + across, lift=50 + 10 * flutter + bob),
        right_leg=Leg(out=-80 + across, lift=50 - 10 * flutter + bob),
    )
    return Clip("swim", "Swim", Plane.SIDE, n, tracks)


def row() -> Clip:
    """Rows: slides up to the toes, catches, drives back with straight arms, pulls the handle to the chest."""
    beat = 40
    n = 2 * beat
    slide = keyed(beat, (0, -1), (4, -1), (18, 1), (23, 1))
    pull = keyed(beat, (0, 0), (9, 0), (19, 1), (23, 1), (31, 0))
    swing = keyed(beat, (0, 26), (4, 27), (20, -18), (24, -18), (32, 12))
    slide, pull, swing = (repeated(track, 2) for track in (slide, pull, swing))
    tracks = Tracks(
        across=-28 - 13 * slide,
        rise=-68 + 0.6 * slide,
        lean=swing,
        bend=0.25 * lag(swing, 2),
        nod=-0.45 * lag(swing, 3),
        left_arm=Arm(up=78 - 56 * pull + 0.2 * swing, elbow=2 + 82 * pull, hand=2, depth=12),
        right_arm=Arm(up=76 - 56 * pull + 0.2 * swing, elbow=2 + 82 * pull, hand=2, depth=16),
        left_leg=Leg(out=39, lift=6),
        right_leg=Leg(out=37, lift=6),
    )
    return Clip("row", "Row a boat", Plane.SIDE, n, tracks)


def ballet_turn() -> Clip:
    """Rises on one foot, the other at the knee; whips the leg out and in as a dancer does who turns, arms opening and closing."""
    beat = 36
    n = 3 * beat
    whip = repeated(keyed(beat, (0, 0), (4, 0), (13, 1), (17, 1), (26, 0)), 3)
    arms = repeated(keyed(beat, (0, 1), (5, 1), (15, -1), (19, -1), (30, 1)), 3)
    rise = repeated(keyed(beat, (0, 3), (6, 3), (14, -7), (18, -7), (28, 3)), 3)
    spot = repeated(keyed(beat, (0, 0), (12, 0), (20, 9), (24, -9), (29, 0)), 3)
    tracks = Tracks(
        across=-9 + 2 * whip,
        rise=rise + 1,
        lean=-3 * whip,
        bend=2 * lag(whip, 3),
        nod=spring(spot, 3.0, 0.5),
        left_arm=Arm(up=112 + 26 * arms, elbow=24 + 12 * arms, hand=8, depth=10),
        right_arm=Arm(up=112 + 26 * arms, elbow=24 + 12 * arms, hand=8, depth=10),
        left_leg=Leg(out=14 + 44 * whip, lift=44 + 12 * whip),
        right_leg=Leg(out=5, lift=np.clip(rise + 1, 0, None)),
    )
    return Clip("ballet_turn", "Ballet turn", Plane.FRONT, n, tracks)


def disco() -> Clip:
    """Points up and across and down, hips out, on the beat."""
    beat = 24
    n = 4 * beat
    cross = repeated(keyed(beat, (0, 1), (4, 1), (12, -1), (16, -1)), 4)
    hips = repeated(keyed(beat, (0, -1), (12, 1)), 4)
    bob = repeated(keyed(beat // 2, (0, -2), (4, -6), (9, -1)), 8)
    tracks = Tracks(
        across=7 * hips,
        rise=bob - 3,
        lean=-5 * hips,
        bend=3 * lag(hips, 3),
        nod=-7 * lag(hips, 5),
        left_arm=Arm(up=80 + 56 * cross, elbow=4 + 10 * drag(cross, 3), hand=4, depth=9),
        right_arm=Arm(up=34 + 14 * cross, elbow=-56 + 12 * cross, hand=-8, depth=14),
        left_leg=Leg(out=16),
        right_leg=Leg(out=14, lift=3.5 * repeated(keyed(beat, (6, 0), (12, 1), (18, 0)), 4)),
    )
    return Clip("disco", "Disco", Plane.FRONT, n, tracks, (("Left", 0, n),))


CLIPS = (sleep, sit_down, karate, moonwalk, swim, row, ballet_turn, disco)

"""A clip's tracks become the skeleton's pose.

Our clips are drawn animation: a drawing takes over the angles of the bones in ONE plane (the screen) and the path of the hips,
and nothing of what happens along the line of sight. So a clip is written in its plane, `Plane.FRONT` (the figure faces us; across is its
left, the screen's right) or `Plane.SIDE` (across is forward, again the screen's right), and depth only says what covers what.

The hips never turn: a drawn figure's hip joints don't either, which keeps planted feet planted. Arm angles are
the plane's, not the chest's; a drawing adds the tilt of the head and shoulders by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from curves import Track
from skeleton import ANKLE_HEIGHT, HIP_DROP, HIPS_HEIGHT, SHIN, THIGH, Floats, bvh_text, joint_positions

Value = Track | float

SOFT_KNEES = 0.25
"""How far the hips hang below straight legs when `Tracks.rise` is 0, cm."""

SOFT_REACH = 1.2
"""A leg's last centimeters of stretch come ever more slowly, so that knees don't snap straight (nor does the foot quite get there)."""


class Plane(Enum):
    """The plane that a clip is seen in; the value is the order of its Euler angles, the plane's own turn first."""

    FRONT = "ZYX"
    SIDE = "XYZ"


@dataclass(frozen=True)
class Arm:
    """Degrees. `up`: 0 hangs, 90 points outwards (FRONT) or forwards (SIDE), 180 up; `elbow` and `hand` bend on in that sense.

    `depth` leans the arm out of the plane: towards us in FRONT, away from the body in SIDE.
    """

    up: Value = 30.0
    elbow: Value = -10.0
    hand: Value = 0.0
    depth: Value = 12.0


@dataclass(frozen=True)
class Leg:
    """Where the ankle is, cm: `out`wards (FRONT) or forwards (SIDE) of its hip at rest, `lift`ed above where it stands."""

    out: Value = 7.0
    lift: Value = 0.0
    depth: Value = 3.0


@dataclass(frozen=True)
class Tracks:
    """Everything that moves; numbers stand still.

    Attributes:
        across, rise: the hips' path in the plane, cm, from standing; falling `rise` bends the knees.
        lean: tilt of the trunk; `bend`: more of it in the chest; `nod`: more of it in neck and head. Degrees, + to the screen's right.
    """

    across: Value = 0.0
    rise: Value = 0.0
    lean: Value = 0.0
    bend: Value = 0.0
    nod: Value = 0.0
    left_arm: Arm = field(default_factory=Arm)
    right_arm: Arm = field(default_factory=Arm)
    left_leg: Leg = field(default_factory=Leg)
    right_leg: Leg = field(default_factory=Leg)


@dataclass(frozen=True)
class Clip:
    """A finished loop.

    Attributes:
        name, title: of the files, and for people.
        planted: (side, first frame, end frame): an ankle that stays where it is on the floor meanwhile.
        ground: how fast the floor runs backwards under a figure that walks on the spot, cm per frame (a number, or one per frame).
    """

    name: str
    title: str
    plane: Plane
    frame_count: int
    tracks: Tracks
    planted: tuple[tuple[str, int, int], ...] = ()
    ground: Value = 0.0

    def pose(self) -> tuple[Floats, dict[str, Floats]]:
        """The hips' path (N, 3) cm and every joint's rotation (N, 3, 3), both in BVH world."""
        return _Poser(self).pose()

    def positions(self) -> dict[str, Floats]:
        """Every joint's place, (N, 3) cm, BVH world."""
        return joint_positions(*self.pose())

    def bvh(self) -> str:
        """The clip as a BVH file's text."""
        return bvh_text(*self.pose(), self.plane.value)


class _Poser:
    """Works out one clip's pose; holds what the limbs share."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self.across, self.rise = self.full(clip.tracks.across), self.full(clip.tracks.rise) - SOFT_KNEES

    def full(self, value: Value) -> Track:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (self.clip.frame_count,))

    def pose(self) -> tuple[Floats, dict[str, Floats]]:
        tracks, still = self.clip.tracks, np.zeros(self.clip.frame_count)
        height = HIPS_HEIGHT + self.rise
        front = self.clip.plane is Plane.FRONT
        hips = np.stack([self.across, height, still] if front else [still, height, self.across], axis=1)
        rotations = {"Hips": self.tilt(still), **self.trunk()}
        for side, sign, arm, leg in (("Left", 1, tracks.left_arm, tracks.left_leg), ("Right", -1, tracks.right_arm, tracks.right_leg)):
            rotations |= self.arm(side, sign, arm) | self.leg(side, sign, leg)
        return hips, rotations

    def trunk(self) -> dict[str, Floats]:
        tracks = self.clip.tracks
        lean = self.full(tracks.lean)
        chest = lean + self.full(tracks.bend)
        nod = self.full(tracks.nod)
        return {
            name: self.tilt(angle)
            for name, angle in zip(("Spine", "Chest", "Neck", "Head"), (lean, chest, chest + nod, chest + nod), strict=True)
        }

    def tilt(self, angle: Track) -> Floats:
        """The rotation that takes up a little towards the screen's right."""
        sine, cosine, zero, one = np.sin(np.radians(angle)), np.cos(np.radians(angle)), np.zeros_like(angle), np.ones_like(angle)
        if self.clip.plane is Plane.FRONT:
            rows = [[cosine, sine, zero], [-sine, cosine, zero], [zero, zero, one]]
        else:
            rows = [[one, zero, zero], [zero, cosine, -sine], [zero, sine, cosine]]
        return np.moveaxis(np.array(rows), 2, 0)

    def arm(self, side: str, sign: int, arm: Arm) -> dict[str, Floats]:
        upper = self.full(arm.up)
        fore = upper + self.full(arm.elbow)
        hand = self.limb(sign, fore + self.full(arm.hand), self.full(arm.depth), arm=True)
        shoulder = self.limb(sign, upper, self.full(arm.depth), arm=True)
        elbow = self.limb(sign, fore, self.full(arm.depth), arm=True)
        return {f"{side}Shoulder": shoulder, f"{side}Elbow": elbow, f"{side}Wrist": hand, f"{side}HandTip": hand}

    def leg(self, side: str, sign: int, leg: Leg) -> dict[str, Floats]:
        """Two-bone inverse kinematics in the leg's (slightly leaning) plane; knees bend outwards (FRONT) or forwards (SIDE)."""
        hips_out = self.across * (sign if self.clip.plane is Plane.FRONT else 1)
        depth = self.full(leg.depth)
        shortening = np.cos(np.radians(depth))
        out = (self.full(leg.out) - hips_out) / shortening
        down = (HIPS_HEIGHT + self.rise - HIP_DROP - ANKLE_HEIGHT - self.full(leg.lift)) / shortening
        reach = _softly_reached(np.hypot(out, down))
        towards = np.degrees(np.arctan2(out, down))
        opening = np.degrees(np.arccos(np.clip((THIGH**2 + reach**2 - SHIN**2) / (2 * THIGH * reach), -1, 1)))
        closing = np.degrees(np.arccos(np.clip((SHIN**2 + reach**2 - THIGH**2) / (2 * SHIN * reach), -1, 1)))
        foot = self.foot(sign, self.full(leg.lift))
        return {
            f"{side}Hip": self.limb(sign, towards + opening, depth, arm=False),
            f"{side}Knee": self.limb(sign, towards - closing, depth, arm=False),
            f"{side}Ankle": foot,
            f"{side}Toe": foot,
        }

    def foot(self, sign: int, lift: Track) -> Floats:
        """Feet point a little outwards; the toes hang as soon as the foot is up."""
        pitch, yaw = np.radians(35 * np.clip(lift / 20, 0, 1)), np.full_like(lift, np.radians(15.0 * sign))
        sin_p, cos_p, sin_y, cos_y = np.sin(pitch), np.cos(pitch), np.sin(yaw), np.cos(yaw)
        rows = [[cos_y, sin_y * sin_p, sin_y * cos_p], [np.zeros_like(lift), cos_p, -sin_p], [-sin_y, cos_y * sin_p, cos_y * cos_p]]
        return np.moveaxis(np.array(rows), 2, 0)

    def limb(self, sign: int, angle: Track, depth: Track, *, arm: bool) -> Floats:
        """World rotation (N, 3, 3) of a bone that points `angle` degrees up from hanging, leaning out of the plane by `depth`."""
        up = np.array([0.0, 1.0, 0.0])
        outward, forward = np.array([float(sign), 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
        across, off = (outward, forward) if self.clip.plane is Plane.FRONT else (forward, outward)
        sine, cosine = np.sin(np.radians(angle))[:, None], np.cos(np.radians(angle))[:, None]
        lean = np.radians(depth)[:, None]
        along = np.cos(lean) * (sine * across - cosine * up) + np.sin(lean) * off
        bending = cosine * across + sine * up
        rest_along = outward if arm else -up
        rest_bending = (up if self.clip.plane is Plane.FRONT else forward) if arm else across
        rest = np.stack([rest_along, rest_bending, np.cross(rest_along, rest_bending)])
        posed: Floats = np.stack([along, bending, np.cross(along, bending)], axis=2) @ rest
        return posed


def _softly_reached(distance: Track) -> Track:
    """The distance between hip and ankle for a wanted one: the same, but never quite the whole leg's length."""
    whole = THIGH + SHIN
    over = np.clip(distance - (whole - SOFT_REACH), 0, None)
    soft: Track = np.where(over > 0, whole - SOFT_REACH * np.exp(-over / SOFT_REACH), np.clip(distance, 1.0, None))
    return soft

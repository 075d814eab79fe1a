"""A motion, and how it drives a character: clips, retarget configurations, poses over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np

from pipeline.types.arrays import Floats, Ints, check_array


class Travel(StrEnum):
    """What is shown of the path that a figure travels."""

    FOLLOW = "follow"
    """The camera follows where the figure leaves its place."""
    IN_PLACE = "in-place"
    """The figure moves in place."""
    FULL = "full"
    """The whole path is in view."""


@dataclass(frozen=True, eq=False)
class Motion:
    """A motion-capture clip: where every joint is in every frame.

    Attributes:
        name: for messages and listings.
        joint_names: K names (an `End Site` is called "<parent> End").
        parents: (K,) int32, -1 for the root; parents come before their children.
        positions: (T, K, 3) float64, BVH world with y up, frames already cut to the clip.
        frame_time: seconds from one frame to the next, exact.
        ground_joint: the joint that stands on the floor in the first frame.
        facing_pairs: pairs of joints, each spanning the body from left to right.
        scale: BVH units -> world units, for drawing the skeleton.
        loops: the last frame leads back into the first.
        travel: what is shown of the path.
        feet: joints that keep their place while they are on the ground, whatever the drawing's proportions; may be empty.
    """

    name: str
    joint_names: tuple[str, ...]
    parents: Ints
    positions: Floats
    frame_time: Fraction
    ground_joint: str
    facing_pairs: tuple[tuple[str, str], ...]
    scale: float
    loops: bool = False
    travel: Travel = Travel.FULL
    feet: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.joint_names)
        check_array("Motion.parents", self.parents, (count,), np.int32)
        check_array("Motion.positions", self.positions, ("T", count, 3), np.float64)

    @property
    def frame_count(self) -> int:
        return int(self.positions.shape[0])

    @property
    def duration(self) -> Fraction:
        """Seconds; every frame is shown for one frame time, the last one too."""
        return self.frame_count * self.frame_time


class ProjectionMethod(StrEnum):
    """How a group of motion joints becomes two-dimensional."""

    PCA = "pca"
    SAGITTAL = "sagittal"
    FRONTAL = "frontal"


@dataclass(frozen=True)
class ProjectionGroup:
    """Motion joints that share one projection plane."""

    name: str
    joints: tuple[str, ...]
    method: ProjectionMethod


@dataclass(frozen=True)
class DrawGroup:
    """Character joints drawn together; the mean depth of the motion joints `depth_drivers` says when."""

    depth_drivers: tuple[str, ...]
    joints: tuple[str, ...]


@dataclass(frozen=True)
class RootOffset:
    """How far the figure travels: limb chains whose lengths are compared, and the plane that is traveled in."""

    motion_chains: tuple[tuple[str, ...], ...]
    character_chains: tuple[tuple[str, ...], ...]
    projection_group: str


@dataclass(frozen=True)
class AboveCheck:
    """Drop `target` from the mapping if its joint rests below the line from `first` to `second`."""

    target: str
    first: str
    second: str


@dataclass(frozen=True)
class RetargetConfig:
    """Which motion joints drive which character joints (etc/doc/file-formats.md, "Retarget configuration")."""

    name: str
    starting_location: tuple[float, float, float]
    projection_groups: tuple[ProjectionGroup, ...]
    draw_groups: tuple[DrawGroup, ...]
    root_offset: RootOffset
    mapping: Mapping[str, tuple[str, str]]
    checks: tuple[AboveCheck, ...] = ()

    @property
    def motion_joints(self) -> tuple[str, ...]:
        """Every motion joint that the configuration names, each once, in order of appearance."""
        named = [j for g in self.projection_groups for j in g.joints]
        named += [j for g in self.draw_groups for j in g.depth_drivers]
        named += [j for chain in self.root_offset.motion_chains for j in chain]
        named += [j for pair in self.mapping.values() for j in pair]
        return tuple(dict.fromkeys(named))

    @property
    def needed_joints(self) -> tuple[str, ...]:
        """The motion joints that must be there: those that drive a bone, say what is in front, or measure the path."""
        named = [j for pair in self.mapping.values() for j in pair]
        named += [j for g in self.draw_groups for j in g.depth_drivers]
        named += [j for chain in self.root_offset.motion_chains for j in chain]
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True, eq=False)
class PoseTrack:
    """A rig's joints over all output frames.

    Attributes:
        joints: (T, J, 2) float64, unit square's scale, relative to the root joint.
        root: (T, 3) float64, world: add its x, y to the joints; its z is the figure's depth.
        draw_orders: distinct orders of joint indices, back to front; joints in no group are absent (not drawn).
        order_of_frame: (T,) int32, which of `draw_orders` each frame uses.
        skeleton: (T, K, 3) float64, world: the driving skeleton, for the debug view, or None.
    """

    joints: Floats
    root: Floats
    draw_orders: tuple[tuple[int, ...], ...]
    order_of_frame: Ints
    skeleton: Floats | None = None

    def __post_init__(self) -> None:
        frames = self.joints.shape[0]
        check_array("PoseTrack.joints", self.joints, ("T", "J", 2), np.float64)
        check_array("PoseTrack.root", self.root, (frames, 3), np.float64)
        check_array("PoseTrack.order_of_frame", self.order_of_frame, (frames,), np.int32)

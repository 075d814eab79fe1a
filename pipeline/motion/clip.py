"""A clip: where a file's joints are over time, whatever format the file has, before anything is known about a body.

`MotionSource` is what each format implements. A clip keeps the file's own world: which axis is up and which units it has is found later.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from pipeline.motion.humanoid.body_map import BodyMap
from pipeline.motion.up_axis import UpAxis
from pipeline.types import Floats, Ints, check_array

MAX_JOINTS = 2000
MAX_JOINT_FRAMES = 5_000_000
"""Ten minutes of 65 joints at 120 Hz; a hundred bytes are needed for each."""


@dataclass(frozen=True, eq=False)
class MotionClip:
    """Joint positions over time.

    Attributes:
        name: what the clip is called in its file, or the file's stem.
        joint_names: K names, unique.
        parents: (K,) int32, -1 for roots; parents come before their children.
        positions: (T, K, 3) float64, the file's world and units.
        frame_time: seconds, exact.
        rest: (K, 3) float64, joint positions in the rest pose, or None where the file has none.
        up: which axis points up, where the format or the file says it.
        body: the map of the body, where the format fixes its joints, or None: then it is searched for.
        is_flat: the positions are an image's: x, y upwards, and no depth.
        notes: what is odd but readable, or was chosen, a sentence each.
    """

    name: str
    joint_names: tuple[str, ...]
    parents: Ints
    positions: Floats
    frame_time: Fraction
    rest: Floats | None = None
    up: UpAxis | None = None
    body: BodyMap | None = None
    is_flat: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.joint_names)
        check_array("MotionClip.parents", self.parents, (count,), np.int32)
        check_array("MotionClip.positions", self.positions, ("T", count, 3), np.float64)


class MotionSource(Protocol):
    """A motion file format."""

    @property
    def title(self) -> str:
        """The format's name for people."""

    @property
    def suffixes(self) -> frozenset[str]:
        """File name suffixes, lower case, with the dot."""

    def read(self, path: Path, clip: str | None) -> MotionClip:
        """A clip of a file; None is the one that the file offers first.

        Raises:
            MotionFileError: the file can't be read, or has no such clip.
        """

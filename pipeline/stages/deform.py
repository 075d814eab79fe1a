"""Deformation stage: the mesh follows the joints, a few frames at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.mesh.arap import ArapSolver
from pipeline.types import Floats, Ints, PoseTrack

FRAMES_AT_ONCE = 32
"""Frames whose shapes are in memory together; `arap.FRAMES_AT_ONCE` of them are solved together."""


@dataclass(frozen=True, eq=False)
class MovingMesh:
    """A moving mesh; shapes are computed on demand and not kept.

    Attributes:
        solver: of the mesh at rest.
        track: where the joints are in each frame.
        pin_joints: (P,) int32, the joint of the rig that each of the solver's pins follows.
    """

    solver: ArapSolver
    track: PoseTrack
    pin_joints: Ints

    @property
    def frame_count(self) -> int:
        return len(self.track.joints)

    def shapes(self, frames: NDArray[np.int64]) -> Floats:
        """World positions (N, V, 2) float64 of the vertices in the frames with these indices (N,)."""
        return self.solver.solve(self.track.joints[frames][:, self.pin_joints]) + self.track.root[frames, None, :2]

    def each_shape(self) -> Iterator[Floats]:
        """World positions (V, 2) float64 of the vertices in every frame, in order."""
        for start in range(0, self.frame_count, FRAMES_AT_ONCE):
            yield from self.shapes(np.arange(start, min(start + FRAMES_AT_ONCE, self.frame_count)))

    def bounds(self, *, step: int) -> Floats:
        """Lowest and highest x, y (2, 2) float64 over the motion, world units, from every `step`-th frame and the last."""
        lowest, highest = np.full(2, np.inf), np.full(2, -np.inf)
        sampled = np.unique(np.append(np.arange(0, self.frame_count, step), self.frame_count - 1))
        for start in range(0, len(sampled), FRAMES_AT_ONCE):
            shapes = self.shapes(sampled[start : start + FRAMES_AT_ONCE])
            lowest, highest = np.minimum(lowest, shapes.min(axis=(0, 1))), np.maximum(highest, shapes.max(axis=(0, 1)))
        return np.stack([lowest, highest])

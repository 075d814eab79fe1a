"""BVH files as a source of motion clips: position channels of all joints are honored, which AnimatedDrawings' own files don't ask for."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import MotionFileError
from pipeline.motion.clip import MotionClip
from pipeline.motion.formats.bvh import Bvh, read_bvh
from pipeline.motion.formats.kinematics import rest_positions, world_positions


class BvhSource:
    """Biovision hierarchies."""

    title = "BVH"
    suffixes = frozenset({".bvh"})

    def read(self, path: Path, clip: str | None) -> MotionClip:
        """The file's only clip. Raises as `MotionSource.read` does."""
        if clip is not None:
            raise MotionFileError(path, [f"there is no clip {clip!r}: a BVH file has one, without a name"])
        return bvh_clip(read_bvh(path), path.stem)


def bvh_clip(bvh: Bvh, name: str) -> MotionClip:
    """A BVH file's content as a clip."""
    rest = rest_positions(bvh)
    return MotionClip(
        name=name,
        joint_names=bvh.joint_names,
        parents=bvh.parents,
        positions=world_positions(bvh, bones_move=True),
        frame_time=bvh.frame_time,
        rest=rest if rest.any() else None,
        notes=bvh.warnings,
    )

"""Writes all our clips: a BVH file and a motion configuration each, into the folder above this one.

    python etc/motions/author/write_motions.py

The same sources give the same bytes; the files are kept in the repository, so that this need not be run.
"""

from __future__ import annotations

import sys
from pathlib import Path

import clips_dancing
import clips_everyday
import clips_greeting
import clips_side
import clips_sports
from figure import Clip, Plane
from skeleton import HIPS_HEIGHT

CLIPS = (*clips_greeting.CLIPS, *clips_dancing.CLIPS, *clips_side.CLIPS, *clips_everyday.CLIPS, *clips_sports.CLIPS)
WORLD_PER_CM = 0.55 / HIPS_HEIGHT
"""Draws the driving skeleton (the debug view) about as large as a figure."""

RETARGET = {Plane.FRONT: "doodled", Plane.SIDE: "doodled_side"}


def configuration(clip: Clip) -> str:
    """The clip's motion configuration, as YAML."""
    return f"""\
title: {clip.title}
filepath: {clip.name}.bvh
start_frame_idx: 0
end_frame_idx: {clip.frame_count}
groundplane_joint: LeftAnkle
forward_perp_joint_vectors:
  - - LeftShoulder
    - RightShoulder
  - - LeftHip
    - RightHip
scale: {WORLD_PER_CM:.4f}
up: +y
loops: true
retarget: {RETARGET[clip.plane]}
"""


def write(folder: Path) -> list[Path]:
    """Write every clip's two files into `folder`; returns them."""
    written = []
    for make in CLIPS:
        clip = make()
        for suffix, text in ((".bvh", clip.bvh()), (".yaml", configuration(clip))):
            path = folder / (clip.name + suffix)
            path.write_text(text, encoding="ascii", newline="\n")
            written.append(path)
    return written


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1]
    paths = write(target)
    print(f"{len(paths)} files, {sum(path.stat().st_size for path in paths) / 1e6:.2f} MB, in {target}")

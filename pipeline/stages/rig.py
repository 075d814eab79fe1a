"""Rig a figure: 17 keypoints and a mask become AnimatedDrawings' sixteen joints, whatever the model saw.

Joints follow etc/doc/file-formats.md ("Keypoints to joints"): `root` and `hip` are the middle of the hips, `torso` that of the shoulders,
`neck` is the nose. Joints that were not seen are inferred (`pipeline.pose.joint_repair`), every joint ends inside the mask, and the
quality says how much of that was necessary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.errors import CharacterError, ShapeError
from pipeline.pose.inside_mask import moved_inside, nudged_apart, well_inside
from pipeline.pose.joint_repair import BODY, Repaired, repaired
from pipeline.types import Bools, Floats, Rig
from pipeline.types.keypoints import ANKLES, ELBOWS, HIPS, KNEES, LIMB_BONES, NOSE, SHOULDERS, WRISTS

JOINTS: tuple[tuple[str, str | None, tuple[int, ...]], ...] = (
    ("root", None, HIPS),
    ("hip", "root", HIPS),
    ("torso", "hip", SHOULDERS),
    ("neck", "torso", (NOSE,)),
    ("right_shoulder", "torso", (SHOULDERS[1],)),
    ("right_elbow", "right_shoulder", (ELBOWS[1],)),
    ("right_hand", "right_elbow", (WRISTS[1],)),
    ("left_shoulder", "torso", (SHOULDERS[0],)),
    ("left_elbow", "left_shoulder", (ELBOWS[0],)),
    ("left_hand", "left_elbow", (WRISTS[0],)),
    ("right_hip", "root", (HIPS[1],)),
    ("right_knee", "right_hip", (KNEES[1],)),
    ("right_foot", "right_knee", (ANKLES[1],)),
    ("left_hip", "root", (HIPS[0],)),
    ("left_knee", "left_hip", (KNEES[0],)),
    ("left_foot", "left_knee", (ANKLES[0],)),
)
"""Name, parent, and the keypoints whose mean it is (etc/doc/file-formats.md, "Keypoints to joints")."""

MIN_BONE = 0.02
"""Bones of arms and legs are at least this share of the longer side long."""

GUIDES = ((SHOULDERS, WRISTS), (SHOULDERS, ELBOWS), (HIPS, ANKLES), (HIPS, KNEES))
"""For each of LIMB_BONES, the joints from and to which the direction is taken in which the outer end moves if the bone is too short.

An elbow moves in the direction from shoulder to wrist. A wrist moves in the direction from shoulder to elbow, so that the arm goes straight
on. Knees and ankles do likewise.
"""

FAR_MOVE = 0.04
"""A joint that had to move farther than this share of the longer side to be inside the mask is reported."""

MIN_COVER = 0.02
"""A figure that covers less than this share of its box is doubted: the mask hardly has all of it."""

MIN_SPAN = 0.5
"""Joints that span less than this share of the figure, in width and in height, are doubted: hardly all of them are right."""


@dataclass(frozen=True, eq=False)
class Rigging:
    """A rig, and how it was made.

    Attributes:
        rig: AnimatedDrawings' sixteen joints, in the unit square of the crop.
        repairs: what was inferred, swapped or moved, a sentence each.
        doubts: reasons why the rig may be wrong, a sentence each.
    """

    rig: Rig
    repairs: tuple[str, ...]
    doubts: tuple[str, ...]


def rigging(keypoints: Floats, mask: Bools) -> Rigging:
    """The rig of a figure.

    Args:
        keypoints: (17, 3) float64 x, y in px of the crop, score 0..1, in COCO's order; values that make no sense are repaired.
        mask: (h, w) bool, of the crop.
    Raises:
        CharacterError: the mask is empty.
        ShapeError: keypoints of another shape.
    """
    if keypoints.shape != (17, 3):
        raise ShapeError("keypoints", expected="(17, 3)", actual=str(keypoints.shape))
    if not mask.any():
        raise CharacterError("the figure has no pixels", hint="is anything drawn inside its box?")
    work = repaired(np.asarray(keypoints, np.float64), mask)
    good = well_inside(mask)
    points = moved_inside(work.at, good)
    moved = _names_of_far(points, work.at, max(mask.shape))
    _separate_joints(points, good)
    joints = moved_inside(np.array([points[list(sources)].mean(axis=0) for _, _, sources in JOINTS]), good)
    repairs = tuple(work.repairs + [f"{name} was outside the figure and was moved into it" for name in moved])
    names = tuple(name for name, _, _ in JOINTS)
    parents = np.array([-1 if parent is None else names.index(parent) for _, parent, _ in JOINTS], np.int32)
    rest = joints / max(mask.shape) * [1.0, -1.0] + [0.0, 1.0]
    return Rigging(Rig(names, parents, rest), repairs, tuple(_doubts(work, points, mask, moved)))


def _names_of_far(points: Floats, before: Floats, side_px: int) -> list[str]:
    """Names of the keypoints that become joints, (17, 2), and moved far."""
    is_far = np.linalg.norm(points - before, axis=1) > FAR_MOVE * side_px
    names = {sources[0]: name.replace("_", " ") for name, _, sources in JOINTS if len(sources) == 1}
    return [names[joint] for joint in BODY if is_far[joint]]


def _separate_joints(points: Floats, good: Bools) -> None:
    """Move the outer ends of limb bones that are too short away from the inner ones, in the directions of GUIDES.

    Args:
        points: (17, 2) px, changed in place.
        good: (h, w) bool, where joints may be.
    """
    min_px = MIN_BONE * max(good.shape)
    for (inner, outer), guides in zip(LIMB_BONES, GUIDES, strict=True):
        for near, end, start, aim in zip(inner, outer, *guides, strict=True):
            if np.linalg.norm(points[near] - points[end]) < min_px:
                way = points[aim] - points[start] if (points[aim] != points[start]).any() else np.array([0.0, 1.0])
                towards = points[near] + min_px * way / np.linalg.norm(way)
                points[end] = nudged_apart(points[end], points[near], good, min_px=min_px, towards=towards)


def _doubts(work: Repaired, points: Floats, mask: Bools, moved: list[str]) -> list[str]:
    """Repairs, and contradictions between mask and joints."""
    body = list(BODY)
    doubts = []
    unseen = int((~work.seen[body]).sum())
    if unseen:
        doubts.append(f"{unseen} of {len(body)} joints were not seen")
    if moved:
        doubts.append(f"{len(moved)} joints were outside the figure: {', '.join(moved)}")
    if any("swapped" in repair for repair in work.repairs):
        doubts.append("left and right were mixed up")
    share = float(mask.mean())
    if share < MIN_COVER:
        doubts.append(f"the figure covers {share:.1%} of its box only")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    spanned = float(max(np.ptp(points[body, 0]) / len(columns), np.ptp(points[body, 1]) / len(rows)))
    if spanned < MIN_SPAN:
        doubts.append(f"the joints span {spanned:.0%} of the figure only")
    return doubts

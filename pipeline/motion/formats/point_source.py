"""Keypoints over time as a source of motion clips: what a pose estimator has read from a video makes a drawing dance."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.errors import MotionFileError
from pipeline.motion.clip import MotionClip
from pipeline.motion.formats.point_layouts import JOINTS, POINTS, joints_from_points, points_body
from pipeline.motion.formats.point_tracks import MAX_FRAMES, USUAL_RATE, PointError, PointTracks, frame_number, point_tracks
from pipeline.motion.formats.smoothing import smoothed
from pipeline.motion.humanoid.orientation import up_axis_of
from pipeline.motion.up_axis import UpAxis
from pipeline.types import Floats

MAX_BYTES = 64 << 20
MIN_CONFIDENCE = 0.2
"""A point that is seen with less confidence than this is a gap."""
LONG_GAP_S = 0.5


class PointSource:
    """JSON of pose tools, a file or a folder with one for each frame: COCO-17, BODY_25, MediaPipe's 33 and their kin."""

    title = "keypoints as JSON"
    suffixes = frozenset({".json"})

    def read(self, path: Path, clip: str | None) -> MotionClip:
        """The tracks of the person who is seen largest, smoothed, gaps filled. Raises as `MotionSource.read` does."""
        if clip is not None:
            raise MotionFileError(path, [f"there is no clip {clip!r}: a keypoint file has one, without a name"])
        try:
            tracks = point_tracks(_read_json_files(path))
            return points_clip(tracks, path.stem)
        except PointError as error:
            raise MotionFileError(path, [str(error)]) from error


def _read_json_files(path: Path) -> object:
    """A file's JSON, or that of a folder's files, one a frame in the order of the numbers in their names, as OpenPose writes them."""
    if not path.is_dir():
        return _read_json(path, MAX_BYTES)
    frames = []
    left = MAX_BYTES
    for file in sorted(path.glob("*.json"), key=lambda file: (frame_number(file.stem), file.name))[: MAX_FRAMES + 1]:
        frames.append(_read_json(file, left))
        left -= file.stat().st_size
    return frames


def _read_json(path: Path, max_bytes: int) -> object:
    try:
        with path.open("rb") as file:
            content = file.read(max(0, max_bytes) + 1)
    except OSError as error:
        raise MotionFileError(path, [f"the file can't be read: {error.strerror or error}"]) from error
    if len(content) > max_bytes:
        raise MotionFileError(path, [f"too big: expected at most {MAX_BYTES} bytes"])
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MotionFileError(path, [f"this is no JSON: {str(error)[:120]}"]) from error


def points_clip(tracks: PointTracks, name: str) -> MotionClip:
    """The clip of one person's keypoints.

    Raises:
        PointError: shoulders or hips are never seen.
    """
    rate = tracks.rate or USUAL_RATE
    notes = [] if tracks.rate else [f"the file does not say its rate: {USUAL_RATE} frames a second are taken"]
    if tracks.people > 1:
        notes.append(f"there are {tracks.people} people in it: the one who is seen largest at first is followed")
    is_flat = not tracks.is_world
    positions = _upwards(tracks, notes) if is_flat else tracks.positions
    points, unseen, gap_s = _smooth_points(tracks, positions, 1 / rate)
    for part in ("hip", "shoulder"):
        if {f"left_{part}", f"right_{part}"} <= unseen:
            raise PointError(f"the {part}s are never seen")
    _complete(points, unseen, notes, down=-1.0 if is_flat else None)
    if gap_s > LONG_GAP_S:
        notes.append(f"a joint is out of sight for up to {gap_s:.1f} s: its path is filled in")
    positions, parents = joints_from_points(points)
    up = UpAxis.Y if is_flat else _up(positions)
    return MotionClip(
        name=name,
        joint_names=JOINTS,
        parents=parents,
        positions=positions,
        frame_time=1 / rate,
        up=up,
        body=points_body(tracks.layout.name, up),
        is_flat=is_flat,
        notes=tuple(notes),
    )


def _upwards(tracks: PointTracks, notes: list[str]) -> Floats:
    """(T, N, 3): an image's positions with y upwards, square pixels, and no depth."""
    positions = tracks.positions
    seen = positions[tracks.confidences > 0][:, :2]
    width, height = tracks.size or (1.0, 1.0)
    is_share = bool(len(seen)) and float(np.abs(seen).max()) <= 2.0
    if is_share and tracks.size is None:
        notes.append("places are shares of the image, whose width and height the file does not say: a square is taken")
    scale = np.array([width, height] if is_share else [1.0, 1.0])
    flat = positions[..., :2] * scale
    return np.stack([flat[..., 0], -flat[..., 1], np.zeros(flat.shape[:2])], axis=-1)


def _smooth_points(tracks: PointTracks, positions: Floats, frame_time: Fraction) -> tuple[dict[str, Floats], set[str], float]:
    """Positions (T, 3) of `POINTS`, those that are never seen, and the longest gap between two sightings, s."""
    points: dict[str, Floats] = {}
    unseen: set[str] = set()
    longest = 0
    for point in POINTS:
        column = tracks.layout.indices[point]
        weights = np.where(tracks.confidences[:, column] >= MIN_CONFIDENCE, tracks.confidences[:, column], 0.0)
        seen = np.flatnonzero(weights)
        if len(seen) == 0:
            unseen.add(point)
        longest = max(longest, int(np.diff(seen).max()) if len(seen) > 1 else 0)
        points[point] = smoothed(positions[:, column], weights, float(frame_time))
    return points, unseen, float(longest * frame_time)


def _complete(points: dict[str, Floats], unseen: set[str], notes: list[str], *, down: float | None) -> None:
    """Put what is never seen where it would hang, in place.

    Args:
        down: the sign of y downwards where that is known; None is down along the trunk.
    """
    if not unseen:
        return
    for part, other, share in (("shoulder", "hip", 1.5), ("hip", "shoulder", 0.6)):
        for side, opposite in (("left", "right"), ("right", "left")):
            if f"{side}_{part}" in unseen:
                across = np.zeros(3)
                if not {f"left_{other}", f"right_{other}"} & unseen:
                    across = share * (points[f"{side}_{other}"] - points[f"{opposite}_{other}"])
                points[f"{side}_{part}"] = points[f"{opposite}_{part}"] + across
    shoulders, hips = ((points[f"left_{part}"] + points[f"right_{part}"]) / 2 for part in ("shoulder", "hip"))
    trunk = shoulders - hips
    up = trunk if down is None else np.array([0.0, -down, 0.0]) * float(np.median(np.linalg.norm(trunk, axis=1)))
    for part, above, share in (("elbow", "shoulder", 0.55), ("wrist", "elbow", 0.55), ("knee", "hip", 0.8), ("ankle", "knee", 0.8)):
        for side in ("left", "right"):
            if f"{side}_{part}" in unseen:
                points[f"{side}_{part}"] = points[f"{side}_{above}"] - share * up
    if "nose" in unseen:
        points["nose"] = shoulders + 0.4 * up
    notes.append(f"never seen, and put where they would hang: {', '.join(sorted(unseen))}")


def _up(positions: Floats) -> UpAxis:
    feet = positions[:, [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]].mean(axis=1)
    hips, neck = positions[:, JOINTS.index("hips")], positions[:, JOINTS.index("neck")]
    return up_axis_of(feet, hips, neck, resting=None, declared=None)[0]

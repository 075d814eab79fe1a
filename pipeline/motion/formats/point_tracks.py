"""Keypoints over time in the JSON of pose tools, as one person's tracks.

Read are: lists of frames (each a list of points, a list of people, or an object with one), OpenPose's `people` with `pose_keypoints_2d`,
COCO results and AlphaPose (`image_id`, `keypoints`), MMPose (`instance_info`, `instances`), MediaPipe (`landmarks`, `pose_world_landmarks`
with x, y, z, visibility). Numbers of a point are x, y and a confidence; with `"dimensions": 3`, or as world landmarks, x, y, z and one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.motion.formats.point_layouts import PointLayout, layout_of
from pipeline.types import Floats

MAX_FRAMES = 100_000
MAX_PEOPLE = 50
USUAL_RATE = Fraction(30)
_FRAME_LISTS = ("frames", "instance_info", "annotations", "results", "predictions", "keypoints", "landmarks", "data", "poses")
_WORLD_LISTS = ("pose_world_landmarks", "poseWorldLandmarks", "world_landmarks", "worldLandmarks")
_PEOPLE = ("people", "instances", "persons", "poses", "pose_landmarks", "poseLandmarks", "landmarks", "keypoints", *_WORLD_LISTS)
_POINT_LISTS = ("pose_keypoints_2d", "pose_keypoints_3d", "keypoints", "keypoints3D", "landmarks", "landmark", "joints", *_WORLD_LISTS)
_SCORES = ("keypoint_scores", "keypoints_visible", "scores", "confidence")
_RATES = ("fps", "frame_rate", "frameRate", "framerate")
MAX_DIGITS = 100
"""Only the last digits of a longer number count: Python refuses to read thousands of them."""
_GAP = (math.nan,) * 3
"""A point that is missing: without a place, whether there is depth or not."""


class PointError(ValueError):
    """What is wrong, with its place in the file: "frame 3, person 0: ..."."""


@dataclass(frozen=True, eq=False)
class PointTracks:
    """One person's keypoints.

    Attributes:
        positions: (T, N, D) float64, D 2 or 3, as in the file; anything where the confidence is 0.
        confidences: (T, N) float64, 0 to 1.
        rate: frames a second, or None if the file does not say it.
        size: the image's width and height, px, or None.
        is_world: positions are in the world, with depth, not in an image.
        people: how many people the fullest frame has.
    """

    layout: PointLayout
    positions: Floats
    confidences: Floats
    rate: Fraction | None
    size: tuple[float, float] | None
    is_world: bool
    people: int


def point_tracks(root: object) -> PointTracks:
    """The tracks of the person who is seen largest and longest.

    Raises:
        PointError: the JSON holds no keypoints that are known.
    """
    facts: dict[str, Any] = root if isinstance(root, dict) else {}
    frames = _frames(root)
    people = [_people(frame, index) for index, frame in enumerate(frames)]
    counts = [len(points) for frame in people for points in frame]
    if not counts:
        raise PointError("no frame has a person in it")
    count = max(set(counts), key=counts.count)
    layout = layout_of(count)
    if layout is None:
        raise PointError(f"expected 17 (COCO), 25 (BODY_25) or 33 (MediaPipe) points for each person, found {count}")
    with_people = (frame for frame, found in zip(frames, people, strict=True) if found and isinstance(frame, dict))
    frame_keys = (_first_key(frame, _PEOPLE, list) for frame in with_people)
    has_world = not {_frames_key(facts), *frame_keys}.isdisjoint(_WORLD_LISTS)
    is_world = has_world or facts.get("dimensions") == 3
    positions, confidences = _tracked_person(people, count, 3 if is_world else 2)
    return PointTracks(layout, positions, confidences, _rate(facts), _size(facts), is_world, max(map(len, people)))


def _frames(root: object) -> list[Any]:
    for _ in range(4):  # lists may be in objects in objects
        if not isinstance(root, dict):
            break
        key = _frames_key(root)
        if key is None:
            break
        root = root[key]
    if isinstance(root, dict) and root and all(re.fullmatch(r"\D*\d+\D*", str(key)) for key in root):
        root = [root[key] for key in sorted(root, key=frame_number)]  # frames by number or by file name
    if not isinstance(root, list) or not root:
        raise PointError("expected a list of frames, or an object with one as `frames`")
    if len(root) > MAX_FRAMES * 4:
        raise PointError(f"{len(root)} frames, expected at most {MAX_FRAMES}")
    frames = _by_image(root) if all(isinstance(one, dict) and "image_id" in one for one in root) else root
    if len(frames) > MAX_FRAMES:
        raise PointError(f"{len(frames)} frames, expected at most {MAX_FRAMES}")
    return frames


def _frames_key(values: Mapping[str, Any]) -> str | None:
    return _first_key(values, (*_FRAME_LISTS, *_WORLD_LISTS), (list, dict))


def _first_key(values: Mapping[str, Any], keys: Sequence[str], kind: type | tuple[type, ...]) -> str | None:
    """The first of `keys` that has a value of this kind, or None."""
    return next((key for key in keys if isinstance(values.get(key), kind)), None)


def _by_image(results: Sequence[Mapping[str, Any]]) -> list[Any]:
    """COCO's and AlphaPose's results, one a person, as people by frame; frames without a result are empty."""
    found: dict[int, list[Any]] = {}
    for result in results:
        found.setdefault(frame_number(str(result["image_id"])), []).append(result)
    first, last = min(found), max(found)
    if last - first > MAX_FRAMES:
        return [{"people": found[number]} for number in sorted(found)]
    return [{"people": found.get(number, [])} for number in range(first, last + 1)]


def frame_number(text: str) -> int:
    """The last number in a name of a frame; 0 if there is none."""
    digits = re.findall(r"\d+", str(text))
    return int(digits[-1][-MAX_DIGITS:]) if digits else 0


def _people(frame: object, index: int) -> list[list[tuple[float, ...]]]:
    """All people in a frame, each a list of points."""
    if frame is None:
        return []
    inner = frame
    if isinstance(frame, dict):
        key = _first_key(frame, _PEOPLE, list)
        if key is None:
            raise PointError(f"frame {index}: expected people or keypoints, found {', '.join(map(str, frame))[:80]}")
        inner = frame[key]
        if key in _POINT_LISTS and inner and not _is_list_of_people(inner):
            return [_points(frame, index, 0)]
    if not isinstance(inner, list):
        raise PointError(f"frame {index}: expected a list, found {type(inner).__name__}")
    if not inner:
        return []
    if not _is_list_of_people(inner):
        return [_points(inner, index, 0)]
    return [_points(person, index, number) for number, person in enumerate(inner[:MAX_PEOPLE])]


def _is_list_of_people(values: list[Any]) -> bool:
    first = values[0]
    if isinstance(first, dict):
        return not {"x", "y"} <= set(first)
    return isinstance(first, list) and bool(first) and isinstance(first[0], (list, dict))


def _points(person: object, frame: int, number: int) -> list[tuple[float, ...]]:
    where = f"frame {frame}, person {number}"
    scores: Any = None
    if isinstance(person, dict):
        scores = next((person[key] for key in _SCORES if isinstance(person.get(key), list)), None)
        key = next((key for key in _POINT_LISTS if isinstance(person.get(key), list)), None)
        if key is None:
            raise PointError(f"{where}: expected keypoints, found {', '.join(map(str, person))[:80]}")
        person = person[key]
    if not isinstance(person, list):
        raise PointError(f"{where}: expected a list of points, found {type(person).__name__}")
    if person and all(isinstance(value, (int, float)) for value in person):
        person = _grouped(person, where)
    points = [_point(point, f"{where}, point {index}") for index, point in enumerate(person[:200])]
    if scores is not None and len(scores) == len(points):
        given = [len(raw) if isinstance(raw, list) else len(point) - 1 for raw, point in zip(person, points, strict=False)]
        points = [(*point[:width], _real(score, where)) for point, width, score in zip(points, given, scores, strict=False)]
    return points


def _grouped(numbers: list[Any], where: str) -> list[Any]:
    """A flat list of numbers as points of three, or two, or four."""
    for width in (3, 2, 4):
        if len(numbers) % width == 0 and layout_of(len(numbers) // width) is not None:
            return [numbers[start : start + width] for start in range(0, len(numbers), width)]
    raise PointError(f"{where}: expected 17, 25 or 33 points of 3 numbers each, found {len(numbers)} numbers")


def _point(point: object, where: str) -> tuple[float, ...]:
    if point is None:
        return _GAP
    if isinstance(point, dict):
        sure = next((point[key] for key in ("visibility", "score", "confidence", "c", "v") if point.get(key) is not None), 1.0)
        values = [point.get("x"), point.get("y"), *([point["z"]] if point.get("z") is not None else []), sure]
    elif isinstance(point, list) and 2 <= len(point) <= 4:
        values = [*point, 1.0] if len(point) == 2 else point
    else:
        raise PointError(f"{where}: expected x, y and a confidence, found {str(point)[:40]}")
    if any(value is None for value in values):
        return _GAP
    return tuple(_real(value, where) for value in values)


def _real(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e9:
        if isinstance(value, float) and math.isnan(value):
            return math.nan  # a gap
        raise PointError(f"{where}: expected a number below 1e9, found {str(value)[:40]}")
    return float(value)


def _tracked_person(people: list[list[list[tuple[float, ...]]]], count: int, depth: int) -> tuple[Floats, Floats]:
    """One person's positions (T, N, D) and confidences (T, N): the largest at first, then the one nearest to the last position."""
    positions = np.zeros((len(people), count, depth))
    confidences = np.zeros((len(people), count))
    last: Floats | None = None
    for index, everyone in enumerate(people):
        found = [_arrays(points, depth) for points in everyone if len(points) == count]
        if not found:
            continue
        best = max(found, key=_extent) if last is None else _nearest(found, last)
        positions[index], confidences[index] = best
        if (best[1] > 0).any():
            last = _middle(best)
    return positions, confidences


def _arrays(points: list[tuple[float, ...]], depth: int) -> tuple[Floats, Floats]:
    rows = np.array([(*point, 1.0) if depth == 3 and len(point) == 3 else (*point[:depth], point[-1]) for point in points])
    sure = np.clip(rows[:, -1], 0.0, 1.0)
    gap = ~np.isfinite(rows).all(axis=1) | ((rows[:, :depth] == 0).all(axis=1) & (depth == 2))
    return np.where(gap[:, None], 0.0, rows[:, :depth]), np.where(gap, 0.0, sure)


def _extent(one: tuple[Floats, Floats]) -> float:
    seen = one[0][one[1] > 0]
    return float(np.ptp(seen, axis=0).sum() * len(seen)) if len(seen) else 0.0


def _middle(one: tuple[Floats, Floats]) -> Floats:
    middle: Floats = one[0][one[1] > 0].mean(axis=0)
    return middle


def _nearest(found: list[tuple[Floats, Floats]], last: Floats) -> tuple[Floats, Floats]:
    return min(found, key=lambda one: _apart(one, last))


def _apart(one: tuple[Floats, Floats], last: Floats) -> float:
    return float(np.linalg.norm(_middle(one) - last)) if (one[1] > 0).any() else math.inf


def _rate(facts: Mapping[str, Any]) -> Fraction | None:
    inner = [facts, *(value for value in facts.values() if isinstance(value, dict))]
    for values in inner:
        for key in _RATES:
            rate = values.get(key)
            if isinstance(rate, (int, float)) and not isinstance(rate, bool) and 1 <= rate <= 1000:
                return Fraction(rate).limit_denominator(1001)
    return None


def _size(facts: Mapping[str, Any]) -> tuple[float, float] | None:
    inner = [facts, *(value for value in facts.values() if isinstance(value, dict))]
    for values in inner:
        width, height = (values.get(key, values.get(f"image_{key}")) for key in ("width", "height"))
        if all(isinstance(side, (int, float)) and not isinstance(side, bool) and 0 < side < 1e6 for side in (width, height)):
            return (float(width), float(height))
    return None

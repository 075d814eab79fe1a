"""TorchServe's answers, checked: bytes in, detections or keypoints out, or `Garbage` with the reason.

The protocol (COMPAT.md, section 1): the detector answers `[{"class_name", "bbox": [left, top, right, bottom], "score"}]`, the pose
estimator `[{"keypoints": [[x, y, score] x 17]}]` in COCO's order. An extra field `mask` of a detection, a base64 PNG or a nested list of
numbers 0..1, is stretched over the box. What comes from a network is taken for what it may be: anything.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import Any, Final, NoReturn

import cv2
import numpy as np

from pipeline.types import KEYPOINT_NAMES, Box, Detection, Floats, Singles

_MAX_FIGURES: Final = 1000
_MAX_MASK_SIDE: Final = 4096
_MAX_NUMBER: Final = 1e9
_SLACK_SHARE: Final = 0.05
"""How far outside the picture a coordinate may lie, as a share of its side, and is moved to the border: networks overshoot."""
_SCORE_SLACK: Final = 0.5
"""Peaks of heatmaps, which pose estimators give as scores, may exceed 1 a little."""
_PNG_HEADER: Final = b"\x89PNG\r\n\x1a\n"


class Garbage(ValueError):  # translated before anybody outside the adapter sees it
    """A reply that is not what the protocol says; its text names what is wrong."""


class NothingSeen(Garbage):
    """A pose estimator that found no figure in the crop: a proper reply, but no answer."""


def detections(body: bytes, *, width: int, height: int, scale: float = 1.0) -> tuple[Detection, ...]:
    """Every figure of a detector's reply about a picture of `width` x `height` px, best first; boxes multiplied by `scale`.

    Boxes that exceed the picture a little are clipped to it.

    Raises:
        Garbage: it is none.
    """
    found = [_detection(entry, f"detection {place}", width, height, scale) for place, entry in enumerate(_entries(body))]
    return tuple(sorted(found, key=lambda detection: -detection.score))


def keypoints(body: bytes, *, width: int, height: int, scale: float = 1.0) -> Floats:
    """(17, 3) float64 x, y, score: the surest figure of a pose estimator's reply about a crop of `width` x `height` px; x, y times `scale`.

    Points a little outside the crop are moved to its border; points farther outside too, with score 0.

    Raises:
        NothingSeen: it has no figure.
        Garbage: it is no such reply.
    """
    figures = [_keypoints(entry, f"figure {place}", width, height) for place, entry in enumerate(_entries(body))]
    if not figures:
        raise NothingSeen("no figure in it")
    best = max(figures, key=lambda figure: float(figure[:, 2].mean()))
    result: Floats = best * np.array([scale, scale, 1.0])
    return result


def _entries(body: bytes) -> list[Any]:
    try:
        content = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Garbage("no JSON" if not isinstance(error, Garbage) else str(error)) from None
    if not isinstance(content, list):
        raise Garbage(f"expected a list, found {type(content).__name__}")
    if len(content) > _MAX_FIGURES:
        raise Garbage(f"expected at most {_MAX_FIGURES} figures, found {len(content)}")
    return content


def _no_number(name: str) -> NoReturn:
    raise Garbage(f"expected numbers, found {name}")


def _field(entry: object, where: str, name: str) -> Any:  # noqa: ANN401  # it is anything until it is checked
    if not isinstance(entry, dict) or name not in entry:
        raise Garbage(f"{where} has no {name}")
    return entry[name]


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MAX_NUMBER:
        raise Garbage(f"{where} is no sensible number")
    return float(value)


def _score(value: object, where: str) -> float:
    score = _number(value, where)
    if not -_SCORE_SLACK <= score <= 1.0 + _SCORE_SLACK:
        raise Garbage(f"{where} must be 0..1, found {score:g}")
    return min(max(score, 0.0), 1.0)


def _detection(entry: object, where: str, width: int, height: int, scale: float) -> Detection:
    if not isinstance(_field(entry, where, "class_name"), str):
        raise Garbage(f"{where}: class_name is no text")
    corners = _field(entry, where, "bbox")
    if not isinstance(corners, list) or len(corners) != 4:
        raise Garbage(f"{where}: bbox must be [left, top, right, bottom]")
    numbers = [_number(corner, f"{where}: bbox") for corner in corners]
    left, top, right, bottom = (_inside(number, side, f"{where}: bbox") for number, side in zip(numbers, (width, height) * 2, strict=True))
    if not (left < right and top < bottom):
        raise Garbage(f"{where}: bbox must have left < right and top < bottom inside the picture, found {numbers}")
    box = Box(left * scale, top * scale, right * scale, bottom * scale)
    score = _score(_field(entry, where, "score"), f"{where}: score")
    mask = entry.get("mask") if isinstance(entry, dict) else None
    return Detection(box, score, None if mask is None else _mask(mask, f"{where}: mask"))


def _inside(number: float, side: int, where: str) -> float:
    slack = 2.0 + _SLACK_SHARE * side
    if not -slack <= number <= side + slack:
        raise Garbage(f"{where} lies outside the picture: {number:g} of {side} px")
    return min(max(number, 0.0), float(side))


def _keypoints(entry: object, where: str, width: int, height: int) -> Floats:
    points = _field(entry, where, "keypoints")
    if not isinstance(points, list) or len(points) != len(KEYPOINT_NAMES):
        raise Garbage(f"{where} must have {len(KEYPOINT_NAMES)} keypoints")
    result = np.empty((len(points), 3))
    for row, point in enumerate(points):
        if not isinstance(point, list) or len(point) != 3:
            raise Garbage(f"{where}: keypoint {row} must be [x, y, score]")
        name = f"{where}: keypoint {row}"
        result[row] = (_number(point[0], name), _number(point[1], name), _score(point[2], name))
    sides = np.array([width, height], dtype=np.float64)
    inside: Floats = np.clip(result[:, :2], 0.0, sides)
    astray = np.any(np.abs(result[:, :2] - inside) > 2.0 + _SLACK_SHARE * sides, axis=1)
    if np.all(astray):
        raise Garbage(f"{where}: every keypoint lies outside the picture")
    result[:, :2] = inside
    result[astray, 2] = 0.0
    return result


def _mask(value: object, where: str) -> Singles:
    if isinstance(value, str):
        return _png(value, where)
    if not isinstance(value, list):
        raise Garbage(f"{where} must be a base64 PNG or a list of rows")
    try:
        mask = np.array(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        raise Garbage(f"{where} has rows of different lengths, or of something else than numbers") from None
    if mask.ndim != 2 or mask.size == 0 or max(mask.shape) > _MAX_MASK_SIDE:
        raise Garbage(f"{where} must have rows of numbers, found the shape {mask.shape}")
    low, high = float(mask.min()), float(mask.max())
    if not (math.isfinite(low) and low >= -_SCORE_SLACK and high <= 1.0 + _SCORE_SLACK):
        raise Garbage(f"{where} must hold numbers 0..1, found {low:g}..{high:g}")
    return np.clip(mask, 0.0, 1.0).astype(np.float32)


def _png(text: str, where: str) -> Singles:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Garbage(f"{where} is no base64") from None
    if not content.startswith(_PNG_HEADER) or len(content) < 24:
        raise Garbage(f"{where} is no PNG")
    sides = int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
    if not all(1 <= side <= _MAX_MASK_SIDE for side in sides):  # looked at before anything is unpacked
        raise Garbage(f"{where} is too big: {sides[0]} x {sides[1]} px")
    try:
        grey = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        grey = None
    if grey is None:
        raise Garbage(f"{where} is a damaged PNG")
    return grey.astype(np.float32) / np.float32(255.0)

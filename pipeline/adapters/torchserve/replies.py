"""Validation of TorchServe's replies: bytes in, detections or poses out, or `InvalidReply` with the reason.

Protocol (etc/doc/file-formats.md, "Keypoints to joints"): the detector answers `[{"class_name", "bbox": [left, top, right, bottom],
"score"}]`, the pose estimator `[{"keypoints": [[x, y, score] x 17]}]` in COCO's order. Either may carry `mask`, a base64 PNG or nested
lists of numbers 0..1, and `parts`, a base64 PNG of `BodyPart`s; both cover the box, or the crop. Replies are untrusted input.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import Annotated, Any, Final, TypeVar

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.adapters.model_server.failures import InvalidReply, NoFigureInReply
from pipeline.types import KEYPOINT_NAMES, BodyPart, Box, Bytes, Detection, Floats, Pose, Singles

_MAX_FIGURES: Final = 1000
_MAX_MASK_SIDE: Final = 4096
_MAX_NUMBER: Final = 1e9
_MARGIN_SHARE: Final = 0.05
"""How far outside the image a coordinate may be, as a share of its side: models overshoot, and such coordinates move to the border."""
_SCORE_MARGIN: Final = 0.5
"""Pose estimators return heat map peaks as scores, which may exceed 1 a little."""
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

_EntryT = TypeVar("_EntryT", bound=BaseModel)
_Number = Annotated[float, Field(strict=True, gt=-_MAX_NUMBER, lt=_MAX_NUMBER)]
_Score = Annotated[float, Field(strict=True, ge=-_SCORE_MARGIN, le=1.0 + _SCORE_MARGIN)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    mask: Any = None


class _DetectionEntry(_Entry):
    class_name: Annotated[str, Field(strict=True)]
    bbox: tuple[_Number, _Number, _Number, _Number]
    score: _Score


class _FigureEntry(_Entry):
    parts: Any = None
    keypoints: Annotated[list[tuple[_Number, _Number, _Score]], Field(min_length=len(KEYPOINT_NAMES), max_length=len(KEYPOINT_NAMES))]


_DETECTIONS: Final = TypeAdapter(Annotated[list[_DetectionEntry], Field(max_length=_MAX_FIGURES)])
_FIGURES: Final = TypeAdapter(Annotated[list[_FigureEntry], Field(max_length=_MAX_FIGURES)])


def detections(body: bytes, *, width: int, height: int, scale: float = 1.0) -> tuple[Detection, ...]:
    """Figures in a detector's reply about an image of `width` x `height` px, best score first; boxes are multiplied by `scale`.

    Boxes that exceed the image a little are clipped to it.

    Raises:
        InvalidReply: the reply does not follow the protocol.
    """
    entries = _validated(_DETECTIONS, body)
    found = [_detection(entry, f"detection {index}", width, height, scale) for index, entry in enumerate(entries)]
    return tuple(sorted(found, key=lambda detection: -detection.score))


def pose(body: bytes, *, width: int, height: int, scale: float = 1.0) -> Pose:
    """The figure with the best mean score of its keypoints; x and y are multiplied by `scale`.

    Points a little outside the crop of `width` x `height` px move to its border; points farther outside do, too, with score 0.

    Raises:
        NoFigureInReply: the reply has no figure.
        InvalidReply: the reply does not follow the protocol.
    """
    entries = _validated(_FIGURES, body)
    figures = [_keypoints(np.array(entry.keypoints), f"figure {index}", width, height) for index, entry in enumerate(entries)]
    if not figures:
        raise NoFigureInReply("no figure in it")
    best = max(range(len(figures)), key=lambda index: float(figures[index][:, 2].mean()))
    parts, where = entries[best].parts, f"figure {best}"
    named = None if parts is None else _parts(parts, f"{where}: parts")
    return Pose(figures[best] * np.array([scale, scale, 1.0]), _entry_mask(entries[best], where), named)


def _validated(adapter: TypeAdapter[list[_EntryT]], body: bytes) -> list[_EntryT]:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise InvalidReply.of(error) from None


def _detection(entry: _DetectionEntry, where: str, width: int, height: int, scale: float) -> Detection:
    corners = zip(entry.bbox, (width, height) * 2, strict=True)
    left, top, right, bottom = (_clipped(number, side, f"{where}: bbox") for number, side in corners)
    if not (left < right and top < bottom):
        raise InvalidReply(f"{where}: bbox must have left < right and top < bottom inside the image, found {list(entry.bbox)}")
    box = Box(left * scale, top * scale, right * scale, bottom * scale)
    return Detection(box, _clipped_score(entry.score), _entry_mask(entry, where))


def _entry_mask(entry: _Entry, where: str) -> Singles | None:
    return None if entry.mask is None else _mask(entry.mask, f"{where}: mask")


def _clipped_score(score: float) -> float:
    return min(max(score, 0.0), 1.0)


def _clipped(number: float, side: int, where: str) -> float:
    margin = 2.0 + _MARGIN_SHARE * side
    if not -margin <= number <= side + margin:
        raise InvalidReply(f"{where} is outside the image: {number:g} of {side} px")
    return min(max(number, 0.0), float(side))


def _keypoints(points: Floats, where: str, width: int, height: int) -> Floats:
    sides = np.array([width, height], dtype=np.float64)
    inside: Floats = np.clip(points[:, :2], 0.0, sides)
    is_outside = np.any(np.abs(points[:, :2] - inside) > 2.0 + _MARGIN_SHARE * sides, axis=1)
    if np.all(is_outside):
        raise InvalidReply(f"{where}: every keypoint is outside the image")
    scores = np.where(is_outside, 0.0, np.clip(points[:, 2], 0.0, 1.0))
    return np.column_stack([inside, scores])


def _mask(value: object, where: str) -> Singles:
    if isinstance(value, str):
        return _png(value, where).astype(np.float32) / np.float32(255.0)
    if not isinstance(value, list):
        raise InvalidReply(f"{where} must be a base64 PNG or a list of rows")
    try:
        mask = np.array(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        raise InvalidReply(f"{where} has rows of different lengths, or values that are not numbers") from None
    if mask.ndim != 2 or mask.size == 0 or max(mask.shape) > _MAX_MASK_SIDE:
        raise InvalidReply(f"{where} must have rows of numbers, found the shape {mask.shape}")
    low, high = float(mask.min()), float(mask.max())
    if not (math.isfinite(low) and low >= -_SCORE_MARGIN and high <= 1.0 + _SCORE_MARGIN):
        raise InvalidReply(f"{where} must hold numbers 0..1, found {low:g}..{high:g}")
    return np.clip(mask, 0.0, 1.0).astype(np.float32)


def _parts(value: object, where: str) -> Bytes:
    if not isinstance(value, str):
        raise InvalidReply(f"{where} must be a base64 PNG")
    parts = _png(value, where)
    if parts.max() > max(BodyPart):
        raise InvalidReply(f"{where} must hold body parts 0..{max(BodyPart):d}, found {parts.max()}")
    return parts


def _png(text: str, where: str) -> Bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidReply(f"{where} is not valid base64") from None
    if not content.startswith(_PNG_SIGNATURE) or len(content) < 24:
        raise InvalidReply(f"{where} is not a PNG")
    sides = int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
    if not all(1 <= side <= _MAX_MASK_SIDE for side in sides):  # before anything is decompressed
        raise InvalidReply(f"{where} is too big: {sides[0]} x {sides[1]} px")
    try:
        gray = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        gray = None
    if gray is None:
        raise InvalidReply(f"{where} is a damaged PNG")
    return np.asarray(gray, np.uint8)

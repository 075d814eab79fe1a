"""Types of a drawing and of the figures found in it: boxes, keypoints, body parts, quality."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from pipeline.types.arrays import Bytes, Floats, Singles, check_array
from pipeline.types.character import Character
from pipeline.types.keypoints import KEYPOINT_NAMES
from pipeline.types.turns import Turn


@dataclass(frozen=True, eq=False)
class Drawing:
    """A decoded image, upright.

    Attributes:
        rgb: (H, W, 3) uint8, sRGB; where alpha is 0 it is white.
        alpha: (H, W) uint8 straight alpha, or None if the image has none or is opaque.
        sha256: of the source's bytes, hexadecimal.
        notes: remarks on decoding, a sentence each (rotated, reduced, wrong suffix, ...).
    """

    rgb: Bytes
    alpha: Bytes | None
    sha256: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_array("Drawing.rgb", self.rgb, ("H", "W", 3), np.uint8)
        if self.alpha is not None:
            check_array("Drawing.alpha", self.alpha, (self.rgb.shape[0], self.rgb.shape[1]), np.uint8)


@dataclass(frozen=True)
class Box:
    """A rectangle in image px, edges as coordinates: a box around one pixel (3, 5) is left 3, top 5, right 4, bottom 6."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def turned(self, turn: Turn, *, width: float, height: float) -> Box:
        """The box after its image, `width` x `height` px, was turned clockwise."""
        match turn:
            case 90:
                return Box(height - self.bottom, self.left, height - self.top, self.right)
            case 180:
                return Box(width - self.right, height - self.bottom, width - self.left, height - self.top)
            case 270:
                return Box(self.top, width - self.right, self.bottom, width - self.left)
            case _:
                return self


FIGURE_PROBABILITY = 0.5
"""A cell of a model's mask belongs to the figure if its probability is more than this."""


@dataclass(frozen=True, eq=False)
class Detection:
    """A figure found by a detector.

    Attributes:
        box: px of the image given to the detector.
        score: 0..1.
        mask: (h, w) float32 0..1, probability that each cell of the box belongs to the figure, any resolution, covering the box; or None.
    """

    box: Box
    score: float
    mask: Singles | None = None


class BodyPart(IntEnum):
    """What a pixel of a figure belongs to; where parts overlap, the one in front. Left and right are the figure's own, which faces us."""

    NONE = 0
    HEAD = 1
    HAIR = 2  # hats, horns and bows, too
    TRUNK = 3  # skirts, too
    RIGHT_UPPER_ARM = 4
    RIGHT_LOWER_ARM = 5
    RIGHT_HAND = 6
    RIGHT_THIGH = 7
    RIGHT_SHANK = 8
    RIGHT_FOOT = 9
    LEFT_UPPER_ARM = 10
    LEFT_LOWER_ARM = 11
    LEFT_HAND = 12
    LEFT_THIGH = 13
    LEFT_SHANK = 14
    LEFT_FOOT = 15
    HELD = 16
    WORN = 17  # tails, wings, capes, backpacks


MIRRORED_PARTS = (0, 1, 2, 3, 10, 11, 12, 13, 14, 15, 4, 5, 6, 7, 8, 9, 16, 17)
"""Where each `BodyPart` goes in a mirror: the figure's own left becomes its right."""


@dataclass(frozen=True, eq=False)
class Pose:
    """What a pose model sees in the crop of one figure.

    Attributes:
        keypoints: (17, 3) float64: x, y in px of the crop, score 0..1; order of KEYPOINT_NAMES.
        mask: (h, w) float32 0..1, probability that each cell belongs to the figure, any resolution, stretched over the crop; None from
            models that draw none.
        parts: (h, w) uint8, the `BodyPart` of each cell, any resolution, stretched over the crop; None from models that name none.
    """

    keypoints: Floats
    mask: Singles | None = None
    parts: Bytes | None = None


@dataclass(frozen=True, eq=False)
class Annotation:
    """One figure found in a drawing: its box and its keypoints. Its mask is the character's.

    Attributes:
        box: image px of the drawing, whole numbers, inside the image.
        keypoints: (17, 3) float64: x, y in px of the box, score 0..1; order of KEYPOINT_NAMES.
        detection_score: 0..1.
    """

    box: Box
    keypoints: Floats
    detection_score: float

    def __post_init__(self) -> None:
        check_array("Annotation.keypoints", self.keypoints, (len(KEYPOINT_NAMES), 3), np.float64)


@dataclass(frozen=True)
class Quality:
    """Confidence in a character: 1 is a clear figure with every joint visible, 0 a guess.

    Attributes:
        reasons: why it is lower than 1, a sentence each.
    """

    score: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class AnnotatedFigure:
    """One figure of a drawing as a character that can be animated, with the annotation that it was made from.

    Attributes:
        annotation, character: of the drawing after it was turned, so that the figure is upright.
        turn: degrees clockwise by which the drawing was turned.
    """

    annotation: Annotation
    character: Character
    quality: Quality
    turn: Turn = 0

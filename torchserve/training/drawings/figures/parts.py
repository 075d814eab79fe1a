"""The body parts that marks belong to, and the page codes of limbs until `drawings.labels` splits them at elbows and knees."""

from __future__ import annotations

from typing import Final

from settings import REPOSITORY  # noqa: F401  # makes `pipeline` importable

from pipeline.types import BodyPart
from pipeline.types.keypoints import ARMS, LEGS

BOTH_LEGS: Final = 30
"""Of a garment around both legs: each of its pixels belongs to the nearest thigh or shank."""

ARM: Final = {-1: BodyPart.RIGHT_UPPER_ARM, 1: BodyPart.LEFT_UPPER_ARM}
HAND: Final = {-1: BodyPart.RIGHT_HAND, 1: BodyPart.LEFT_HAND}
LEG: Final = {-1: BodyPart.RIGHT_THIGH, 1: BodyPart.LEFT_THIGH}
FOOT: Final = {-1: BodyPart.RIGHT_FOOT, 1: BodyPart.LEFT_FOOT}
"""By the side of the page on which the figure has them: -1 is the viewer's left, the figure's right."""
LIMB_ROWS: Final[dict[int, tuple[int, int, int]]] = {
    ARM[-1]: ARMS[1],
    ARM[1]: ARMS[0],
    LEG[-1]: LEGS[1],
    LEG[1]: LEGS[0],
}
"""Rows of the joints along each limb, by the part at its root."""

__all__ = ["ARM", "BOTH_LEGS", "FOOT", "HAND", "LEG", "LIMB_ROWS", "BodyPart"]

"""What people write on a command line, as values: sizes, rates, backgrounds, formats."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from pipeline.errors import OptionError
from pipeline.types import Bytes, Format

DEFAULT_RATE = Fraction(25)
"""Frames a second: four centiseconds each, so that a GIF plays evenly."""

HIGHEST_GIF_RATE = Fraction(50)
"""Players show no GIF frame for less than two centiseconds."""

MAX_SIDE_PX = 8192
# No exponents: Fraction("1e999999999") would calculate for hours.
_RATE = re.compile(r"[0-9]{0,12}(\.?[0-9]{0,24}|/[0-9]{1,12})")
RGBA = tuple[float, float, float, float]
TRANSPARENT: RGBA = (1.0, 1.0, 1.0, 0.0)


class CameraChoice(StrEnum):
    """Where the camera stands."""

    AUTO = "auto"
    ORIGINAL = "original"


class Overlay(StrEnum):
    """What can be shown besides the drawing."""

    RIG = "rig"
    MESH = "mesh"
    COLOURS = "colours"
    FLOOR = "floor"
    SKELETON = "skeleton"


def size_px(text: str) -> tuple[int, int]:
    """Width and height of a text such as "640x480".

    Raises:
        OptionError: not two whole numbers from 1 to MAX_SIDE_PX.
    """
    match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text.strip())
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(1 <= side <= MAX_SIDE_PX for side in size):
        raise OptionError(f"size {text!r} is not WIDTHxHEIGHT in pixels, 1 to {MAX_SIDE_PX}", hint="such as 500x500")
    return size


def frame_rate(text: str) -> Fraction | None:
    """Frames a second of "25", "29.97" or "30000/1001"; of "native", the rate of the motion itself, None.

    Raises:
        OptionError: not a number above 0 and up to 240.
    """
    if text.strip().lower() == "native":
        return None
    try:
        rate = Fraction(text.strip()) if _RATE.fullmatch(text.strip()) else Fraction(0)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 240:
        raise OptionError(f"frame rate {text!r} is neither a number above 0 and up to 240, nor 'native'")
    return rate


def background(text: str | None) -> tuple[RGBA, Bytes | None]:
    """A colour's RGBA, 0..1, and a picture's pixels (h, w, 4), one of which was asked for.

    A colour is a CSS name, #rgb, #rrggbb, #rrggbbaa, rgb(...) or "transparent"; anything else is a picture file.

    Raises:
        OptionError: neither a colour nor a readable picture.
    """
    if text is None or text.strip().lower() == "transparent":
        return TRANSPARENT, None
    if os.path.isfile(text):  # noqa: PTH113 - Path's own fails on long names
        return TRANSPARENT, _picture(Path(text))
    named = colour(text)
    if named is None:
        raise OptionError(f"background {text!r} is neither a colour nor a file", hint="such as white, #ffcc00 or beach.jpg")
    return named, None


def colour(text: str) -> RGBA | None:
    """A colour's RGBA, 0..1, by its CSS name, #rgb, #rrggbb, #rrggbbaa, rgb(...) or "transparent"; None if it is no colour."""
    from PIL import ImageColor

    if text.strip().lower() == "transparent":
        return TRANSPARENT
    try:
        named = ImageColor.getcolor(text, "RGBA")
    except ValueError:
        return None
    red, green, blue, alpha = named if isinstance(named, tuple) else (named, named, named, 255)
    return (_clamped(red), _clamped(green), _clamped(blue), _clamped(alpha))


def _clamped(channel: int) -> float:
    """0..1, as CSS has it: Pillow returns rgb(300, 0, 0) as it is."""
    return min(max(channel / 255, 0.0), 1.0)


def _picture(path: Path) -> Bytes:
    from pipeline.errors import FileProblems
    from pipeline.files.picture_files import read_rgba

    try:
        return read_rgba(path, upright=True)
    except FileProblems as error:
        raise OptionError(f"the background can't be read: {error}") from error


def output_format(path: Path) -> Format:
    """The format that a file's suffix names.

    Raises:
        OptionError: it names none.
    """
    suffix = path.suffix.lower().removeprefix(".")
    if suffix == "png":
        return Format.APNG
    if suffix not in set(Format):
        raise OptionError(f"{path.name}: the suffix must be one of {', '.join('.' + f for f in Format)}", hint="it chooses the format")
    return Format(suffix)


def default_format(environ: Mapping[str, str]) -> Format:
    """MP4 where the seeds' AD_OUTPUT_MP4 asks for it, else GIF."""
    return Format.MP4 if environ.get("AD_OUTPUT_MP4", "").strip().lower() in {"1", "true", "yes", "on"} else Format.GIF

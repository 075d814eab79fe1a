"""Option values that users write, parsed once where they enter (command line, settings, sidecar) and passed on as typed values.

Each type keeps its text, or writes it again, because manifests and logs show the options of a job.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipeline.errors import OptionError
from pipeline.types import Bytes, Format, LayerMode

HIGHEST_GIF_RATE = Fraction(50)
"""Players show no GIF frame for less than two centiseconds."""

MAX_SIDE_PX = 8192
MIN_RATE = Fraction(1, 10)
"""Formats store how long a frame is shown in few bits: a GIF 655 s at most."""
MAX_RATE = 240
# No exponents: Fraction("1e999999999") would calculate for hours.
_RATE = re.compile(r"[0-9]{0,12}(\.?[0-9]{0,24}|/[0-9]{1,12})")
RGBA = tuple[float, float, float, float]
PAPER = "paper"
TRANSPARENT: RGBA = (1.0, 1.0, 1.0, 0.0)


class CameraChoice(StrEnum):
    """How the camera frames the figure."""

    AUTO = "auto"
    ORIGINAL = "original"


class Overlay(StrEnum):
    """Debug views that can be drawn over an animation."""

    RIG = "rig"
    MESH = "mesh"
    COLORS = "colors"
    FLOOR = "floor"
    SKELETON = "skeleton"
    LAYERS = "layers"


@dataclass(frozen=True)
class Size:
    """Width and height of an animation in pixels, 1 to MAX_SIDE_PX."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """A size such as "640x480". Raises OptionError."""
        match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text.strip())
        size = (int(match[1]), int(match[2])) if match else (0, 0)
        if not all(1 <= side <= MAX_SIDE_PX for side in size):
            raise OptionError(f"size must be WIDTHxHEIGHT in pixels, 1 to {MAX_SIDE_PX} (found {text!r})", hint="such as 500x500")
        return cls(*size)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class FrameRate:
    """Frames a second of an animation.

    Attributes:
        text: as written.
        per_s: from MIN_RATE to MAX_RATE; None is the motion's own rate.
    """

    text: str
    per_s: Fraction | None

    @classmethod
    def parse(cls, text: str) -> FrameRate:
        """A rate such as "25", "29.97", "30000/1001" or "native". Raises OptionError."""
        if text.lower() == "native":
            return cls(text, None)
        try:
            rate = Fraction(text) if _RATE.fullmatch(text) else Fraction(0)
        except (ValueError, ZeroDivisionError):
            rate = Fraction(0)
        if not MIN_RATE <= rate <= MAX_RATE:
            raise OptionError(f"frame rate must be a number from {float(MIN_RATE):g} to {MAX_RATE}, or native (found {text!r})")
        return cls(text, rate)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Background:
    """What is behind the figure: a color, the drawing's own paper, or an image from the user's own command line.

    Attributes:
        text: as written.
        color: RGBA, 0..1, straight alpha.
        image: pixels (h, w, 4) uint8 that cover the color, or None.
        is_paper: the figure moves on its own sheet of paper.
    """

    text: str
    color: RGBA
    image: Bytes | None = field(default=None, compare=False)
    is_paper: bool = False

    @classmethod
    def parse_color(cls, text: str) -> Background:
        """A color: a CSS name, #rgb, #rrggbb, #rrggbbaa, rgb(...) or "transparent"; or "paper". Raises OptionError."""
        if text.strip().lower() == PAPER:
            return cls(PAPER, TRANSPARENT, is_paper=True)
        color = _rgba(text)
        if color is None:
            raise OptionError(f"background must be a color such as white, #ffcc00 or transparent, or paper (found {text!r})")
        return cls(text, color)

    @classmethod
    def parse(cls, text: str) -> Background:
        """A color, "paper", or the path of an image file. Raises OptionError."""
        if text.strip().lower() == PAPER:
            return cls.parse_color(text)
        if text.strip().lower() != "transparent" and os.path.isfile(text):  # noqa: PTH113 - Path's own fails on long names
            return cls(text, TRANSPARENT, _read_image(Path(text)))
        color = _rgba(text)
        if color is None:
            raise OptionError(f"background {text!r} is neither a color nor a file", hint="such as white, #ffcc00, paper or beach.jpg")
        return cls(text, color)

    def __str__(self) -> str:
        return self.text


DEFAULT_SIZE = Size(500, 500)
DEFAULT_RATE = FrameRate("25", Fraction(25))
"""Four centiseconds a frame, so that a GIF plays evenly."""
DEFAULT_BACKGROUND = Background("transparent", TRANSPARENT)


@dataclass(frozen=True)
class JobOptions:
    """Which animations the daemon makes of one drawing: one for each motion and format.

    Attributes:
        motions: names of the motion library.
        all_figures: every figure of the drawing, not only the best.
        layers: whether limbs that touch the body move apart from it.
        whiten: make the paper inside the figures white.
        review: a person looks at doubtful figures before they are animated.
    """

    motions: tuple[str, ...]
    formats: tuple[Format, ...]
    size: Size = DEFAULT_SIZE
    fps: FrameRate = DEFAULT_RATE
    background: Background = DEFAULT_BACKGROUND
    all_figures: bool = False
    layers: LayerMode = LayerMode.AUTO
    review: bool = False
    whiten: bool = False

    def as_json(self) -> dict[str, Any]:
        """The options as manifests show them."""
        texts = {"size": str(self.size), "fps": str(self.fps), "background": str(self.background)}
        choices = {"all_figures": self.all_figures, "layers": self.layers, "review": self.review, "whiten": self.whiten}
        return {"motions": self.motions, "formats": self.formats, **texts, **choices}


def _rgba(text: str) -> RGBA | None:
    """A color's RGBA, 0..1; None for a text that names no color."""
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


def _read_image(path: Path) -> Bytes:
    from pipeline.errors import FileProblems
    from pipeline.files.image_files import read_rgba

    try:
        return read_rgba(path, upright=True)
    except FileProblems as error:
        raise OptionError(f"the background can't be read: {error}") from error


def output_format(path: Path) -> Format:
    """The format that a file's suffix names. Raises OptionError if it names none."""
    suffix = path.suffix.lower().removeprefix(".")
    if suffix == "png":
        return Format.APNG
    if suffix not in set(Format):
        raise OptionError(f"{path.name}: the suffix must be one of {', '.join('.' + f for f in Format)}", hint="it chooses the format")
    return Format(suffix)


def default_format(environ: Mapping[str, str]) -> Format:
    """MP4 if AD_OUTPUT_MP4, a variable of AnimatedDrawings' services, asks for it, else GIF."""
    return Format.MP4 if environ.get("AD_OUTPUT_MP4", "").strip().lower() in {"1", "true", "yes", "on"} else Format.GIF

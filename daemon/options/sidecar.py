"""What is to become of one drawing: defaults, the folder it was dropped into, and its sidecar `picture.json`.

    {"motions": ["dab", "wave"], "formats": ["gif", "mp4"], "size": "640x480", "fps": 25, "background": "#ffcc00", "figures": "all"}

Strict: unknown keys and wrong values are all reported at once. Motions are names of the library, never paths, and a background is a
colour, never a file: strangers write sidecars.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from daemon.options import values as option_values
from pipeline.errors import FileProblems, OptionError
from pipeline.types import Format

MAX_BYTES = 16 * 1024
MAX_MOTIONS = 20
_NAME = re.compile(r"\w[\w -]{0,63}")
_RATE = re.compile(r"\d{1,6}(\.\d{1,6})?(/\d{1,6})?|native")
"""No exponents: 1e999999999 would be worked out digit by digit."""

_KEYS = ("motion", "motions", "format", "formats", "size", "fps", "background", "figures")


class SidecarError(FileProblems):
    """A sidecar that does not say what it must; the picture beside it is fine."""


@dataclass(frozen=True)
class JobOptions:
    """What is to become of one drawing.

    Attributes:
        motions: names, each an animation of its own.
        size, fps, background: as `doodled animate` takes them.
        all_figures: every figure of the drawing, not only the best.
    """

    motions: tuple[str, ...]
    formats: tuple[Format, ...]
    size: str = "500x500"
    fps: str = "25"
    background: str = "transparent"
    all_figures: bool = False

    def as_json(self) -> dict[str, Any]:
        """For manifests."""
        return asdict(self)


def chosen_options(
    defaults: JobOptions, folder: Sequence[str], sidecar: bytes | None, known: Sequence[str], max_side_px: int
) -> JobOptions:
    """The options of one drawing.

    Args:
        folder: names of the inbox's folders that it lay in, outermost first; the innermost that is a motion's name chooses it.
        sidecar: the bytes of `picture.json`, or None.
        known: the names of all motions.
        max_side_px: of the animation.
    Raises:
        SidecarError: everything that is wrong in the sidecar.
    """
    named = next((name for name in reversed(folder) if name in known), None)
    options = replace(defaults, motions=(named,)) if named else defaults
    return options if sidecar is None else _Sidecar(sidecar, options, known, max_side_px).options()


class _Sidecar:
    """One sidecar being read."""

    def __init__(self, content: bytes, options: JobOptions, known: Sequence[str], max_side_px: int) -> None:
        self._content, self._defaults, self._known, self._max_side_px = content, options, known, max_side_px
        self._problems: list[str] = []

    def options(self) -> JobOptions:
        fields = self._fields()
        self._problems += [f"{_shown(key)}: unknown, expected one of {', '.join(_KEYS)}" for key in fields if key not in _KEYS]
        for one, several in (("motion", "motions"), ("format", "formats")):
            if one in fields and several in fields:
                self._problems.append(f"{one}: expected either this or {several}, found both")
        defaults = self._defaults
        options = JobOptions(
            motions=self._motions(fields.get("motions", fields.get("motion"))) or defaults.motions,
            formats=self._formats(fields.get("formats", fields.get("format"))) or defaults.formats,
            size=self._size(fields.get("size")) or defaults.size,
            fps=self._fps(fields.get("fps")) or defaults.fps,
            background=self._background(fields.get("background")) or defaults.background,
            all_figures=self._figures(fields.get("figures"), default=defaults.all_figures),
        )
        if self._problems:
            raise SidecarError("its sidecar", self._problems, hint="see `Choices` in the README; `doodled motions` lists the motions")
        return options

    def _fields(self) -> dict[str, Any]:
        if len(self._content) > MAX_BYTES:
            raise SidecarError("its sidecar", [f"expected at most {MAX_BYTES} bytes, found more"])
        try:
            fields = json.loads(self._content.decode("utf-8-sig"))
        except (UnicodeDecodeError, ValueError, RecursionError) as error:
            raise SidecarError("its sidecar", [f"this is no JSON in UTF-8: {str(error)[:200]}"]) from error
        if not isinstance(fields, dict):
            raise SidecarError("its sidecar", ['expected an object such as {"motion": "dab"}'])
        return fields

    def _motions(self, value: object) -> tuple[str, ...]:
        names = self._texts("motions", value)
        if len(names) > MAX_MOTIONS:
            self._problems.append(f"motions: expected at most {MAX_MOTIONS}, found {len(names)}")
            return ()
        for name in names:
            if not _NAME.fullmatch(name) or name not in self._known:
                self._problems.append(f"motions: there is no motion {_shown(name)}")
        return names

    def _formats(self, value: object) -> tuple[Format, ...]:
        names = self._texts("formats", value)
        unknown = [name for name in names if name not in set(Format)]
        self._problems += [f"formats: expected {', '.join(Format)}, found {_shown(name)}" for name in unknown]
        return () if unknown else tuple(Format(name) for name in names)

    def _texts(self, key: str, value: object) -> tuple[str, ...]:
        """One text or a list of them, without doubles."""
        if value is None:
            return ()
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(each, str) for each in values):
            self._problems.append(f"{key}: expected a name or a list of names, found {_shown(value)}")
            return ()
        return tuple(dict.fromkeys(values))

    def _size(self, value: object) -> str:
        if value is None:
            return ""
        try:
            width, height = option_values.size_px(value) if isinstance(value, str) else (0, 0)
        except OptionError:
            width = height = 0
        if not (1 <= width <= self._max_side_px and 1 <= height <= self._max_side_px):
            expected = f'"WIDTHxHEIGHT" in pixels, at most {self._max_side_px} each'
            self._problems.append(f"size: expected {expected}, found {_shown(value)}")
            return ""
        return f"{width}x{height}"

    def _fps(self, value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, bool) or not _RATE.fullmatch(str(value)) or not _is_rate(str(value)):
            self._problems.append(f'fps: expected a number above 0 and up to 240, or "native", found {_shown(value)}')
            return ""
        return str(value)

    def _background(self, value: object) -> str:
        if value is None:
            return ""
        colour = option_values.colour(value) if isinstance(value, str) and len(value) <= 64 else None
        if colour is None:
            self._problems.append(f"background: expected a colour such as white, #ffcc00 or transparent, found {_shown(value)}")
            return ""
        return str(value)

    def _figures(self, value: object, *, default: bool) -> bool:
        if value is None or value in ("best", "all"):
            return default if value is None else value == "all"
        self._problems.append(f'figures: expected "best" or "all", found {_shown(value)}')
        return default


def _shown(value: object) -> str:
    """A stranger's value, short and on one line."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _is_rate(text: str) -> bool:
    try:
        option_values.frame_rate(text)
    except OptionError:
        return False
    return True

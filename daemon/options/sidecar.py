"""Options of one drawing: the settings' defaults, then the inbox folder it was dropped into, then its sidecar `<name>.json`.

    {"motions": ["dab", "wave"], "formats": ["gif", "mp4"], "size": "640x480", "fps": 25, "background": "#ffcc00", "figures": "all",
     "layers": "off", "review": true, "whiten": true}

Sidecars are untrusted: unknown keys and wrong values are refused, all of them at once. Motions are names of the library, never paths, and
a background is a color or the drawing's paper, never a file.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, PlainValidator, StrictBool, ValidationError, ValidationInfo

from daemon.options.fields import ColorField, RateField, problem, refusal, shown_value
from daemon.options.values import DEFAULT_BACKGROUND, DEFAULT_RATE, DEFAULT_SIZE, JobOptions, Size
from pipeline.errors import FileProblems, OptionError
from pipeline.motion.library import matching_name
from pipeline.types import Format, LayerMode

MAX_BYTES = 16 * 1024
MAX_MOTIONS = 20
_NAME = re.compile(r"\w[\w -]{0,63}")
_PLURALS: Final = {"motion": "motions", "format": "formats"}


class SidecarError(FileProblems):
    """A sidecar that can't be used; the image beside it is fine."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("its sidecar", problems, hint='its keys are described in Configuration, section "Options of one drawing"')


def drawing_options(
    defaults: JobOptions, folder: Sequence[str], sidecar: bytes | None, known: Sequence[str], max_side_px: int
) -> JobOptions:
    """The options of one drawing.

    Args:
        folder: names of the inbox folders above the drawing, outermost first; the innermost that is a motion's name chooses that motion.
        sidecar: content of the sidecar, or None.
        known: the names of all motions.
        max_side_px: greatest width and height that a sidecar may ask for.
    Raises:
        SidecarError: lists everything that is wrong in the sidecar.
    """
    named = next((match for name in reversed(folder) if (match := matching_name(name, known))), None)
    options = replace(defaults, motions=(named,)) if named else defaults
    if sidecar is None:
        return options
    fields = _parse_json(sidecar)
    problems = [f"{one} must not be given beside {many}" for one, many in _PLURALS.items() if one in fields and many in fields]
    fields = {_PLURALS.get(key, key): value for key, value in fields.items() if value is not None or key not in _KEYS}
    try:
        parsed = _Sidecar.model_validate(fields, context={"known": known, "max_side_px": max_side_px})
    except ValidationError as error:
        problems += [_problem(entry) for entry in error.errors()]
    if problems:
        raise SidecarError(problems)
    return replace(options, **parsed.options())


def _names(value: object) -> tuple[str, ...]:
    """One name or a list of them, without repetitions."""
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) for name in names):
        raise refusal("a name or a list of names", value)
    return tuple(dict.fromkeys(names))


def _motions(value: object, info: ValidationInfo) -> tuple[str, ...]:
    names, known = _names(value), (info.context or {})["known"]
    if len(names) > MAX_MOTIONS:
        raise refusal(f"at most {MAX_MOTIONS} names", len(names))
    found = {name: matching_name(name, known) if _NAME.fullmatch(name) else None for name in names}
    unknown = [name for name, match in found.items() if match is None]
    if unknown:
        raise refusal("names from `doodled motions`", unknown[0])
    return tuple(dict.fromkeys(match for match in found.values() if match))


def _formats(value: object) -> tuple[Format, ...]:
    names = _names(value)
    unknown = [name for name in names if name not in set(Format)]
    if unknown:
        raise refusal(f"one of {', '.join(Format)}, or a list of them", unknown[0])
    return tuple(map(Format, names))


def _size(value: object, info: ValidationInfo) -> Size:
    max_side: int = (info.context or {})["max_side_px"]
    try:
        size = Size.parse(value) if isinstance(value, str) else None
    except OptionError:
        size = None
    if size is None or max(size.width, size.height) > max_side:
        raise refusal(f'"WIDTHxHEIGHT" in pixels, at most {max_side} each', value)
    return size


def _figures(value: object) -> bool:
    if value not in ("best", "all"):
        raise refusal('"best" or "all"', value)
    return value == "all"


def _layers(value: object) -> LayerMode:
    if not isinstance(value, str) or value not in set(LayerMode):  # a list or an object can't be looked up
        raise refusal(" or ".join(f'"{mode}"' for mode in LayerMode), value)
    return LayerMode(value)


class _Sidecar(BaseModel):
    """What a sidecar may contain; what it leaves out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    motions: Annotated[tuple[str, ...], PlainValidator(_motions)] = ()
    formats: Annotated[tuple[Format, ...], PlainValidator(_formats)] = ()
    size: Annotated[Size, PlainValidator(_size)] = DEFAULT_SIZE
    fps: RateField = DEFAULT_RATE
    background: ColorField = DEFAULT_BACKGROUND
    figures: Annotated[bool, PlainValidator(_figures)] = False
    layers: Annotated[LayerMode, PlainValidator(_layers)] = LayerMode.AUTO
    review: StrictBool = False
    whiten: StrictBool = False

    def options(self) -> dict[str, Any]:
        """The fields that were given, by their names in `JobOptions`."""
        return {"all_figures" if name == "figures" else name: getattr(self, name) for name in self.model_fields_set}


_KEYS: Final = (*_PLURALS, *_Sidecar.model_fields)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no key is given twice: JSON leaves open which of the two holds."""
    fields = dict(pairs)
    doubled = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if doubled:
        raise SidecarError([f"{shown_value(key)} is given twice" for key in doubled])
    return fields


def _parse_json(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_BYTES:
        raise SidecarError([f"the file must have at most {MAX_BYTES} bytes (found more)"])
    try:
        fields = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_without_duplicates)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise SidecarError([f"the file must be JSON in UTF-8 ({str(error)[:200]})"]) from error
    except ValueError as error:  # more digits than Python converts (sys.get_int_max_str_digits)
        raise SidecarError(["a number in the file has too many digits"]) from error
    except RecursionError as error:
        raise SidecarError(["the file is nested too deeply"]) from error
    if not isinstance(fields, dict):
        raise SidecarError([f'the file must be an object such as {{"motion": "dab"}} (found {shown_value(fields)})'])
    return fields


def _problem(error: Any) -> str:  # noqa: ANN401 - an entry of pydantic's list
    key = error["loc"][0] if error["loc"] else "each key"
    return problem(key if key in _Sidecar.model_fields else shown_value(key), error, _KEYS)

"""Pydantic fields for option values, and validation errors as sentences, for settings and sidecars alike.

A problem reads "<key> must be <what is expected> (found <value>)", also where pydantic found it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError

from daemon.options.values import MAX_RATE, MIN_RATE, Background, FrameRate, Size
from pipeline.errors import OptionError

LONGEST_SHOWN: Final = 80
LONGEST_VALUE: Final = 64
_REFUSED: Final = "refused"

_EXPECTED: Final = {
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "finite_number": "must be a finite number",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "too_short": "must name at least one",
    "string_type": "must be a text",
    "string_unicode": "must be a text in UTF-8",
    "model_type": "must be a section",
    "path_type": "must be a path",
    "string_pattern_mismatch": "must match {pattern}",
    "tuple_type": "must be a list",
    "ip_any_address": "must be an IP address",
    **dict.fromkeys(("float_parsing", "float_type"), "must be a number"),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "must be true or false"),
}
"""What is expected, by pydantic's type of error; its own message is used for all others."""


def refusal(expected: str, found: object) -> PydanticCustomError:
    """The error for a validator to raise: `expected` continues "must be"."""
    return refusal_because(f"must be {expected} (found {shown_value(found)})")


def refusal_because(message: str) -> PydanticCustomError:
    """As `refusal`, with the whole message and without the value, which may be a secret."""
    return PydanticCustomError(_REFUSED, "{message}", {"message": message})


def shown_value(value: object) -> str:
    """A value from outside as ASCII on one short line."""
    text = ascii(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def problem(name: str, error: Mapping[str, Any], known: Iterable[str] = ()) -> str:
    """One entry of `ValidationError.errors()` as a sentence about the key `name`, one of `known`."""
    if error["type"] == "extra_forbidden":
        return f"{name} is unknown (expected one of {', '.join(known)})"
    if error["type"] == _REFUSED:
        return f"{name} {error['msg']}"
    expected = _EXPECTED.get(error["type"])
    message = expected.format_map(error.get("ctx", {})) if expected else str(error["msg"])
    return f"{name} {message} (found {shown_value(error.get('input'))})"


def _text_validator(expected: str, parse: Callable[[str], Any], kind: type) -> PlainValidator:
    def validate(value: object) -> Any:  # noqa: ANN401 - whatever `parse` returns
        if isinstance(value, kind):
            return value
        if isinstance(value, str | int | float) and not isinstance(value, bool) and len(str(value)) <= LONGEST_VALUE:
            try:
                return parse(str(value))
            except OptionError:
                pass
        raise refusal(expected, value)

    return PlainValidator(validate)


SizeField = Annotated[Size, _text_validator('"WIDTHxHEIGHT" in pixels', Size.parse, Size), PlainSerializer(str)]
RateField = Annotated[
    FrameRate,
    _text_validator(f'a number from {float(MIN_RATE):g} to {MAX_RATE}, or "native"', FrameRate.parse, FrameRate),
    PlainSerializer(str),
]
ColorField = Annotated[
    Background,
    _text_validator("a color such as white, #ffcc00 or transparent, or paper", Background.parse_color, Background),
    PlainSerializer(str),
]

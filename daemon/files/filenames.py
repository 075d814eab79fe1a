"""File names of strangers: which are left alone, and how the others are shown and reused without harm."""

from __future__ import annotations

import base64
import os
import re
import unicodedata
from collections.abc import Iterable
from fnmatch import translate
from pathlib import Path

IGNORED = (
    ".*",
    "*.part",
    "*.partial",
    "*.filepart",
    "*.crdownload",
    "*.tmp",
    "~$*",
    "*~",
    "Thumbs.db",
    "desktop.ini",
    "@eaDir",
    "__MACOSX",
)
"""Unfinished copies and the litter of other programs. Hidden names cover rsync's .name.XXXXXX, .nfs*, .stfolder and our own temporaries."""

MAX_NAME_BYTES = 255
"""Of Linux's file systems."""

ROOM_FOR_SUFFIXES_BYTES = 60
"""What a result's name may add to its picture's: a number, a motion, the format."""


_IGNORED = re.compile("|".join(translate(pattern.lower()) for pattern in IGNORED))
"""As one expression: a scan asks for each of ten thousand names."""


def is_ignored(name: str) -> bool:
    """Whether nobody dropped this name to have it animated."""
    return _IGNORED.match(name.lower()) is not None


def is_plain_name(value: object) -> bool:
    """Whether a value can be the name of one file in one folder, and no path."""
    if not isinstance(value, str) or value in {"", ".", ".."} or "/" in value or "\0" in value:
        return False
    try:
        return len(os.fsencode(value)) <= MAX_NAME_BYTES
    except UnicodeEncodeError:
        return False


def _is_hostile(character: str) -> bool:
    """Control characters, changes of the writing direction, half surrogates: what moves a cursor or forges a line."""
    return character in '/\\"%' or unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"}


def shown_name(name: str) -> str:
    """A name as it can be printed anywhere: hostile characters and bytes that are no UTF-8 become %XX."""
    return "".join(
        "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape")) if _is_hostile(character) else character
        for character in name
    )


def printable(text: str) -> str:
    """A text whose control characters, half surrogates and changes of the writing direction are spaces."""
    return "".join(character if character.isprintable() else " " for character in text)


def shown_path(parts: Iterable[str]) -> str:
    """Names of folders, and perhaps of what lies in the last, as they can be printed anywhere."""
    return "/".join(map(shown_name, parts))


def name_fields(name: str) -> dict[str, str]:
    """The fields of a log record that stand for a file's name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return {"file_name": shown_name(name), "file_name_b64": base64.b64encode(os.fsencode(name)).decode("ascii")}
    return {"file_name": shown_name(name)}


def result_stem(name: str, *, is_folder: bool) -> str:
    """What the results of a dropped name are called, without suffix: safe to print, to type and to keep."""
    stem = name if is_folder else Path(name).stem
    stem = re.sub(r"^[-.~]", lambda match: f"%{ord(match[0]):02X}", shown_name(stem))
    return clipped(stem, MAX_NAME_BYTES - ROOM_FOR_SUFFIXES_BYTES)


def clipped(name: str, most_bytes: int) -> str:
    """The beginning of a name that fits into so many bytes, with whole characters; bytes that are no UTF-8 count as one each."""
    size = 0
    for end, character in enumerate(name):
        size += len(character.encode("utf-8", "surrogateescape"))
        if size > most_bytes:
            return name[:end]
    return name

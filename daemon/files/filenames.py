"""Untrusted file names: which are ignored, and how the others are printed, logged and reused safely."""

from __future__ import annotations

import base64
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from fnmatch import translate
from itertools import count
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
    "#recycle",
    "#snapshot",
    "@Recycle",
    "@Recently-Snapshot",
    "$RECYCLE.BIN",
    "RECYCLER",
    "System Volume Information",
    "lost+found",
)
"""Partial copies, metadata of other programs, and the bins and snapshots of network storage, Windows and ext4. Hidden names are rsync's
.name.XXXXXX, .nfs*, .stfolder and our own temporary files."""

MAX_NAME_BYTES = 255
"""Longest file name of Linux's file systems."""

ROOM_BYTES = 20
"""What the name of a failed drawing may get: a number, the suffix of its error report."""

ROOM_FOR_SUFFIXES_BYTES = 60
"""What the name of a result may add to that of its drawing: a number, a motion, the format."""


_IGNORED = re.compile("|".join(translate(pattern.lower()) for pattern in IGNORED))
"""One expression, because a scan may match ten thousand names."""


def is_ignored(name: str) -> bool:
    """Whether a name is not a drawing but a partial copy or another program's metadata."""
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
    """Whether a character could move the cursor or forge output: control codes, direction changes, lone surrogates, quotes, slashes."""
    return character in '/\\"%' or unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"}


def shown_name(name: str) -> str:
    """A name that is safe to print anywhere: hostile characters and bytes outside UTF-8 as %XX."""
    return "".join(
        "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape")) if _is_hostile(character) else character
        for character in name
    )


def printable(text: str) -> str:
    """A text with spaces instead of control characters, lone surrogates and direction changes."""
    return "".join(character if character.isprintable() else " " for character in text)


def shown_path(parts: Iterable[str]) -> str:
    """A relative path that is safe to print anywhere, of its components."""
    return "/".join(map(shown_name, parts))


def shown_result(folder: Iterable[str], name: str) -> str:
    """The path of a published file in the outbox, safe to print: its name needs no escapes (`result_stem`), its folders are as dropped."""
    return "/".join((*map(shown_name, folder), printable(name)))


def name_fields(name: str) -> dict[str, str]:
    """The log fields of a file name; one that is not UTF-8 is added in base 64."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return {"file_name": shown_name(name), "file_name_b64": base64.b64encode(os.fsencode(name)).decode("ascii")}
    return {"file_name": shown_name(name)}


def result_stem(name: str, *, is_folder: bool) -> str:
    """The name, without suffix, of the results of a dropped file; it needs no quoting and is no hidden file."""
    stem = name if is_folder else Path(name).stem
    stem = re.sub(r"^[-.~]", lambda match: f"%{ord(match[0]):02X}", shown_name(stem))
    return truncated_name(stem, MAX_NAME_BYTES - ROOM_FOR_SUFFIXES_BYTES)


def numbered_names(name: str, *, is_folder: bool) -> Iterator[str]:
    """The name, then the name with 2, 3, ... before its suffix; each leaves ROOM_BYTES for what others append."""
    stem, dot, suffix = (name, "", "") if is_folder else name.rpartition(".")
    stem, ending = (stem, dot + suffix) if stem and len(suffix) <= 8 else (name, "")
    if len(os.fsencode(name)) > MAX_NAME_BYTES - ROOM_BYTES:
        stem = truncated_name(stem, MAX_NAME_BYTES - ROOM_BYTES - len(os.fsencode(ending)))
    yield f"{stem}{ending}"
    for number in count(2):
        yield f"{stem}-{number}{ending}"


def truncated_name(name: str, max_bytes: int) -> str:
    """The longest beginning of a name, in whole characters, of at most `max_bytes` bytes as a file name."""
    size = 0
    for end, character in enumerate(name):
        size += len(character.encode("utf-8", "surrogateescape"))
        if size > max_bytes:
            return name[:end]
    return name

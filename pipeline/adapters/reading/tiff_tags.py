"""Integer tags of the first TIFF directory, in TIFF files and in EXIF blocks of other formats.

Reads just enough for the checks before a decoder runs: orientation, compression, tile size, and marks of camera raw files. Never raises:
damaged tags are absent. Pillow's own reader keeps only the last of repeated tags, while decoders may use another one, so the check
needs all of them. TIFF 6.0, section 2.
"""

from __future__ import annotations

import struct

ORIENTATION = 0x0112
_SIZES = {1: 1, 3: 2, 4: 4}
"""Bytes per value by field type: BYTE, SHORT, LONG, the only ones of the tags in use."""
_LETTERS = {1: "B", 3: "H", 4: "I"}
_MAX_ENTRIES = 4096
_MAX_VALUES = 1_000_000

Tags = dict[int, tuple[int, ...]]


def tiff_tags(source: bytes) -> Tags:
    """Integers by tag number; all of them for a repeated tag. Empty if `source` is not a classic TIFF."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(source[:4])
    if order is None or len(source) < 8:
        return {}
    tags: Tags = {}
    for entry in _entries(source, order):
        tag, kind, count = struct.unpack(order + "HHI", entry[:8])
        if kind in _SIZES and 0 < count <= _MAX_VALUES:
            tags[tag] = tags.get(tag, ()) + _values(source, order, kind, count, entry[8:])
    return tags


def exif_orientation(exif: bytes) -> int:
    """Orientation 1..8 from an EXIF block, with or without its "Exif" prefix; 1 if it has no valid one."""
    values = tiff_tags(exif.removeprefix(b"Exif\0\0")).get(ORIENTATION, ())
    return values[0] if values and 1 <= values[0] <= 8 else 1


def has_more_pages(source: bytes) -> bool:
    """Whether a second directory follows the first."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(source[:4])
    if order is None:
        return False
    end = _directory_end(source, order)
    return end is not None and source[end : end + 4] not in {b"\0\0\0\0", b""}


def _directory_start(source: bytes, order: str) -> tuple[int, int] | None:
    """Offset of the first entry, and the number of entries."""
    (start,) = struct.unpack(order + "I", source[4:8]) if len(source) >= 8 else (0,)
    if start < 8 or start + 2 > len(source):
        return None
    (count,) = struct.unpack(order + "H", source[start : start + 2])
    return start + 2, min(count, _MAX_ENTRIES)


def _directory_end(source: bytes, order: str) -> int | None:
    directory = _directory_start(source, order)
    return None if directory is None else directory[0] + 12 * directory[1]


def _entries(source: bytes, order: str) -> list[bytes]:
    directory = _directory_start(source, order)
    if directory is None:
        return []
    first, count = directory
    entries = [source[at : at + 12] for at in range(first, first + 12 * count, 12)]
    return [entry for entry in entries if len(entry) == 12]


def _values(source: bytes, order: str, kind: int, count: int, inline: bytes) -> tuple[int, ...]:
    size = count * _SIZES[kind]
    held = inline[:size]
    if size > 4:
        (at,) = struct.unpack(order + "I", inline)
        held = source[at : at + size]
    return struct.unpack(f"{order}{count}{_LETTERS[kind]}", held) if len(held) == size else ()

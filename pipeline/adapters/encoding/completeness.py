"""Whether an animation's file goes as far as it says: a decoder takes what is there of the last picture, and does not complain."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.types import Format

_GIF_TRAILER: Final = b"\x3b"
_PNG_END: Final = b"\0\0\0\0IEND\xaeB`\x82"
_SEGMENT: Final = b"\x18\x53\x80\x67"
_FIRST_BYTES: Final = 4096


def is_whole(path: Path, kind: Format) -> bool:
    """Whether the file's own marks of its end (GIF89a, 27; PNG, 11.2.5; RIFF; ISO 14496-12, 4.2; Matroska) lie where it ends.

    Raises:
        OSError: it can't be read.
        ValueError, struct.error: it is no such file.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        match kind:
            case Format.GIF:
                return _ends_with(file, _GIF_TRAILER)
            case Format.APNG:
                return _ends_with(file, _PNG_END)
            case Format.WEBP:
                return 8 + int(struct.unpack("<4sI", file.read(8))[1]) == size
            case Format.MP4:
                return _boxes_end(file, size) == size
            case Format.WEBM:
                return _segment_end(file.read(_FIRST_BYTES)) == size


def _ends_with(file: BinaryIO, mark: bytes) -> bool:
    file.seek(0, io.SEEK_END)
    file.seek(-min(len(mark), file.tell()), io.SEEK_END)
    return file.read() == mark


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Where the last of an MP4's outermost boxes ends."""
    position = 0
    while position < size:
        file.seek(position)
        length = int(struct.unpack(">I", file.read(4))[0])
        if length == 1:  # 64 bits of it come after the name
            length = int(struct.unpack(">4sQ", file.read(12))[1])
        if length < 8:  # 0 is "to the end", which says nothing
            return -1
        position += length
    return position


def _segment_end(start: bytes) -> int:
    """Where a WebM's segment ends: after its name comes its length, as long as the first byte's leading zeros say (RFC 8794, 4)."""
    at = start.index(_SEGMENT) + len(_SEGMENT)
    width = 9 - start[at].bit_length()
    length = int.from_bytes(start[at : at + width], "big") & ((1 << 7 * width) - 1)
    return at + width + length

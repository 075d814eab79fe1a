"""Check that an animation file is complete. Decoders don't: they accept a truncated last frame without an error."""

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


def is_complete_file(path: Path, kind: Format) -> bool:
    """Whether the file ends where its format says: at the trailer or at the end of the outermost box.

    Sources: GIF89a, 27; PNG, 11.2.5; RIFF; ISO 14496-12, 4.2; Matroska.

    Raises:
        OSError: it can't be read.
        ValueError, struct.error: the file has another format.
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
    """End of the last outermost box of an MP4, bytes."""
    position = 0
    while position < size:
        file.seek(position)
        length = int(struct.unpack(">I", file.read(4))[0])
        if length == 1:  # a 64-bit length follows the name
            length = int(struct.unpack(">4sQ", file.read(12))[1])
        if length < 8:  # 0 means "to the end of the file", which proves nothing
            return -1
        position += length
    return position


def _segment_end(start: bytes) -> int:
    """End of a WebM's segment, bytes. Its length follows its id; leading zeros of the first byte give the length's size (RFC 8794, 4)."""
    at = start.index(_SEGMENT) + len(_SEGMENT)
    width = 9 - start[at].bit_length()
    length = int.from_bytes(start[at : at + width], "big") & ((1 << 7 * width) - 1)
    return at + width + length

"""Whether an image file has no end yet: by the first and the last bytes of its format, without decoding it.

Some writers open a file several times and append to it. Between two appends no process has the file open, so that it would pass for
complete (`daemon.inbox.stability`). Formats that are not listed here, and files that are no images, count as complete.
"""

from __future__ import annotations

import os
from typing import Final

TAIL_BYTES: Final = 4096
"""Number of last bytes in which the end is looked for, since cameras append data of their own."""


def looks_truncated(file: int, size: int) -> bool:
    """Whether an open file of `size` bytes is the beginning of a PNG, JPEG, GIF, WebP or BMP. Raises OSError."""
    head = os.pread(file, 16, 0)
    if head.startswith((b"RIFF", b"BM")):
        is_riff = head[8:12] == b"WEBP"
        if head.startswith(b"RIFF") and not is_riff:
            return False
        expected = 8 + int.from_bytes(head[4:8], "little") if is_riff else int.from_bytes(head[2:6], "little")
        return size < expected
    end = next((end for start, end in _ENDS.items() if head.startswith(start)), None)
    return end is not None and end not in os.pread(file, TAIL_BYTES, max(0, size - TAIL_BYTES))


_ENDS: Final = {b"\x89PNG\r\n\x1a\n": b"IEND", b"\xff\xd8\xff": b"\xff\xd9", b"GIF8": b"\x00;"}
"""First bytes of a format, and what is near its end. Compressed JPEG data can't contain its end."""

"""Whole files of untrusted size, read up to a limit."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import FileProblems


def read_bounded(path: Path, *, max_bytes: int, error: type[FileProblems]) -> bytes:
    """The contents of a file.

    Raises:
        FileProblems: of the class `error`: the file can't be read, or has more than `max_bytes` bytes.
    """
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)  # it may be growing
    except OSError as cause:
        raise error(path, [f"the file can't be read: {cause.strerror or cause}"]) from cause
    if len(content) > max_bytes:
        raise error(path, [f"the file is too big: expected at most {max_bytes} bytes"])
    return content

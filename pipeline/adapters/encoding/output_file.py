"""Output file handling shared by all formats: an unfinished file is removed, a finished one is described.

No temporary names and no renaming here: the caller chooses the path and publishes the file.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from pipeline.errors import OptionError, OutputFailed, ShapeError
from pipeline.types import Animation, Canvas, Format, Frame, PixelLayout


class Writing(Protocol):
    """A sink that knows whether it is finished, and can release its resources."""

    @property
    def finished(self) -> bool: ...

    def close(self) -> None:
        """Free threads and files. May be called twice, and after an error."""
        ...


@contextmanager
def remove_unless_finished(path: Path, sink: Writing) -> Iterator[None]:
    """Close `sink` at the end, whatever happens, and remove the file unless it was finished without an error.

    Only a regular file is removed: writing to /dev/null must not remove /dev/null.
    """
    kept = False
    try:
        yield
        kept = sink.finished
    finally:
        sink.close()
        if not kept and path.is_file():
            path.unlink(missing_ok=True)


@contextmanager
def map_write_errors(path: Path, kind: str, *foreign: type[Exception]) -> Iterator[None]:
    """Map errors of the disk, and the codec's `foreign` errors, to OutputFailed."""
    caught: tuple[type[Exception], ...] = (OSError, *foreign)
    try:
        yield
    except caught as error:
        raise OutputFailed(
            f"the {kind} can't be written: {error}", path=path, hint="is the disk full?" if _is_full(error) else ""
        ) from error


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def check_size(path: Path, name: str, canvas: Canvas, largest_side: int) -> None:
    """Raise OptionError if the canvas is larger than the format allows; `name` is the format's name with its article."""
    if max(canvas.width, canvas.height) > largest_side:
        raise OptionError(f"{name} is at most {largest_side} px wide and high, not {canvas.width} x {canvas.height}", path=path)


def check_frame(frame: Frame, canvas: Canvas, layout: PixelLayout, *, whole: bool) -> None:
    """Raise ShapeError unless the pixels have `layout` and are inside the canvas; all of it if `whole`."""
    height, width = frame.pixels.shape[:2]
    inside = frame.left >= 0 and frame.top >= 0 and frame.left + width <= canvas.width and frame.top + height <= canvas.height
    covers = inside and (height, width) == (canvas.height, canvas.width)
    if frame.pixels.shape[2:] != (4,) or frame.pixels.dtype != np.uint8 or not (covers if whole else inside or frame.pixels.size == 0):
        extent = "all" if whole else "within"
        raise ShapeError(
            "Frame.pixels",
            expected=f"{layout} uint8 pixels {extent} of {canvas.width} x {canvas.height}",
            actual=f"{frame.pixels.shape} {frame.pixels.dtype} at ({frame.left}, {frame.top})",
        )


def describe_animation(path: Path, kind: Format, *, frame_count: int, duration: Fraction, size: tuple[int, int]) -> Animation:
    """Describe the finished file at `path`, including its hash.

    `frame_count`, `size` (width and height, px) and `duration` (seconds) are those stored in the file.

    Raises:
        OutputFailed: it can't be read back.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            byte_count = file.tell()
    except OSError as error:
        raise OutputFailed(f"the finished {kind} can't be read back: {error.strerror}", path=path) from error
    return Animation(path, kind, byte_count, frame_count, duration, *size, digest)

"""Which format a motion file has, and whose job it is to read it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import MotionFileError
from pipeline.motion.clip import MotionSource
from pipeline.motion.formats.bvh_source import BvhSource
from pipeline.motion.formats.diffusion_source import DiffusionSource
from pipeline.motion.formats.gltf_source import GltfSource
from pipeline.motion.formats.point_source import PointSource

_LOOKED_AT = 4096
# How image files begin: PNG, JPEG, GIF, WebP, BMP.
_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")


def builtin_sources() -> tuple[MotionSource, ...]:
    """The formats that need nothing but numpy."""
    return (BvhSource(), GltfSource(), PointSource(), DiffusionSource())


def source_of(path: Path, sources: Sequence[MotionSource]) -> MotionSource:
    """The format of a file that is there, by its content or else by its suffix; a folder may have keypoints, one JSON file a frame.

    Raises:
        MotionFileError: a folder, an unreadable file, or one of no format that is known; the message says what it is instead.
    """
    if path.is_dir():
        by_frame = next((source for source in sources if ".json" in source.suffixes), None)
        if by_frame is not None and next(path.glob("*.json"), None) is not None:
            return by_frame
        raise MotionFileError(path, ["this is a folder, expected a motion file"])
    try:
        with path.open("rb") as file:
            start = file.read(_LOOKED_AT)
    except OSError as error:
        raise MotionFileError(path, [f"the file can't be read: {error.strerror or error}"]) from error
    suffix = suffix_by_content(start) or path.suffix.lower()
    found = next((source for source in sources if suffix in source.suffixes), None)
    if found is not None:
        return found
    raise MotionFileError(path, [_what_it_is(start, path, sources)])


def suffix_by_content(start: bytes) -> str:
    """The suffix that belongs to what a file begins with, or ""."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:9].upper() == b"HIERARCHY":
        return ".bvh"
    if start[:4] == b"glTF":
        return ".glb"
    if start.startswith(b"Kaydara FBX") or (text[:1] == b";" and b"FBX" in text[:200]):
        return ".fbx"
    if start[:6] == b"\x93NUMPY":
        return ".npy"
    return ""


def _what_it_is(start: bytes, path: Path, sources: Sequence[MotionSource]) -> str:
    known = ", ".join(source.title for source in sources)
    if not start:
        return "the file is empty"
    if start.startswith(_IMAGES):
        return f"this is an image, expected a motion ({known})"
    if start[4:8] == b"ftyp":
        return f"this is a video, expected a motion ({known}): a pose estimator can make keypoints of it"
    return f"a file with the suffix {path.suffix or 'none'} is no motion that is known here, expected {known}, or a motion's YAML file"


def exists(path: Path) -> bool:
    """Whether there is a file or folder; False for names that can't be."""
    try:
        os.stat(path)  # noqa: PTH116 - Path's own fails on long names
    except (OSError, ValueError):
        return False
    return True

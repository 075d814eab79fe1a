"""Checks of a command's input and output paths: an input of the wrong kind is refused, with the command that takes it.

An output that can't be written is refused before the work begins.
"""

from __future__ import annotations

import os
from pathlib import Path

from daemon.options.values import output_format
from pipeline.errors import OptionError
from pipeline.motion.formats.sources import suffix_by_content
from pipeline.types import Format

_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_CHARACTER = "char_cfg.yaml"


def check_render_target(path: Path) -> None:
    """Refuse an image or a motion file, which are no character and no scene.

    Raises:
        OptionError: says what the file is and which command takes it.
    """
    start = _start(path)
    if start.startswith(_IMAGES) or start[8:12] == b"WEBP" or start[4:8] == b"ftyp":
        raise OptionError(
            f"{path} is an image or a video, expected a character folder or a scene file",
            hint=f"`doodled animate {path}` animates a drawing",
        )
    if suffix_by_content(start):
        raise OptionError(
            f"{path} is a motion, expected a character folder or a scene file", hint=f"`doodled render CHARACTER --motion {path}` plays it"
        )


def check_drawing(path: Path) -> None:
    """Refuse a folder or a motion file, which are no drawing.

    Raises:
        OptionError: says what it is and which command takes it.
    """
    if is_folder(path):
        is_character = os.path.isfile(path / _CHARACTER)  # noqa: PTH113 - Path's own fails on long names
        hint = (
            f"`doodled render {path}` animates a character folder"
            if is_character
            else "name one image in it, or drop images into the inbox of `doodled run`"
        )
        raise OptionError(f"{path} is a folder, expected an image of a drawing", hint=hint)
    if suffix_by_content(_start(path)):
        raise OptionError(f"{path} is a motion, expected an image of a drawing", hint=f"`doodled animate PHOTO --motion {path}` plays it")


def check_output(path: Path | None, wanted: Format | None, *, are_several: bool = False) -> None:
    """Refuse an output before the work for it begins, if --output names a file that can't be written.

    Args:
        are_several: there will be several files, so that the output must be an existing folder.
    Raises:
        OptionError: its suffix names no format, or another than `wanted`; or as `check_file_to_write`.
    """
    if path is None or is_folder(path):
        return
    if are_several:
        raise OptionError(f"several animations need a folder, but --output {path} is none", hint=f"make it first: mkdir {path}")
    check_file_to_write(path)
    try:
        named = output_format(path)
    except OptionError:
        if wanted is None:
            raise
    else:
        if wanted not in {None, named}:
            hint = f"leave --format out, or name the file {path.with_suffix(f'.{wanted}').name}"
            raise OptionError(f"--format {wanted} contradicts --output {path}, which names {named}", hint=hint)


def check_file_to_write(path: Path | None) -> None:
    """Refuse a file that an option names for output, if its folder is missing or it is a folder. Raises OptionError."""
    if path is not None and is_folder(path):
        raise OptionError(f"{path} is a folder, expected a file to write")
    check_folder_of(path)


def check_folder_of(path: Path | None) -> None:
    """Refuse a file or folder that an option names for output, if the folder that it is in is missing. Raises OptionError."""
    if path is not None and not is_folder(path.parent):
        raise OptionError(f"{path} can't be written: there is no folder {path.parent}", hint="make it first")


def is_folder(path: Path) -> bool:
    """Whether a path is a folder, or a link to one; False for paths that no file can have."""
    return os.path.isdir(path)  # noqa: PTH112 - Path's own fails on long names


def _start(path: Path) -> bytes:
    """The first bytes of a file, or none if it can't be read, which its reader reports."""
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except (OSError, ValueError):
        return b""

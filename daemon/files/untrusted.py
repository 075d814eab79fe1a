"""Reads untrusted files: no links, no pipes, no more bytes than expected.

The owner of a claimed character folder can still replace its files while they are read. So each file is read once, through a name that
must not be a link, and all work is done on the copy.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from daemon.files.durable import read_content
from pipeline.errors import DecodeError, DecodeReason
from pipeline.files.character_names import CONFIG_NAME, LAYERS_NAME, MASK_NAME, TEXTURE_NAME


def read_untrusted(path: Path, max_bytes: int) -> bytes:
    """At most `max_bytes` + 1 bytes of a regular file; never follows a link nor blocks on a pipe.

    Raises:
        DecodeError: it is not a regular file.
        OSError: it can't be read.
    """
    try:
        return read_content(path, max_bytes)
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.ENXIO, errno.EINVAL}:
            raise
        raise DecodeError(DecodeReason.UNREADABLE, "expected an image, found a link or a special file", path=path.name) from error


def copy_character(source: Path, target: Path, max_bytes: int) -> tuple[str, int]:
    """Copy the files of a character folder, each of at most `max_bytes` bytes, to the folder `target`; missing files are skipped.

    Returns:
        SHA-256 of names and contents in hexadecimal, and the number of bytes.
    Raises:
        DecodeError: a file is a link, not a regular file, or too big.
        OSError: a file can't be read, or the disk refused.
    """
    shutil.rmtree(target, ignore_errors=True)  # from an earlier attempt
    target.mkdir()
    digest, size = hashlib.sha256(), 0
    for name, content in _character_files(source, max_bytes):
        (target / name).write_bytes(content)
        digest.update(_digest_part(name, content))
        size += len(content)
    return digest.hexdigest(), size


def digest_character(source: Path, max_bytes: int) -> tuple[str, int]:
    """SHA-256 and number of bytes of a character folder, as `copy_character` returns and raises them."""
    digest, size = hashlib.sha256(), 0
    for name, content in _character_files(source, max_bytes):
        digest.update(_digest_part(name, content))
        size += len(content)
    return digest.hexdigest(), size


def _character_files(source: Path, max_bytes: int) -> Iterator[tuple[str, bytes]]:
    for name in (CONFIG_NAME, MASK_NAME, TEXTURE_NAME, LAYERS_NAME):
        try:
            content = read_untrusted(source / name, max_bytes)
        except FileNotFoundError:
            continue  # reading the copy reports what is missing
        if len(content) > max_bytes:
            raise DecodeError(DecodeReason.TOO_MANY_BYTES, f"{name} is too big: expected at most {max_bytes} bytes", path=name)
        yield name, content


def _digest_part(name: str, content: bytes) -> bytes:
    return f"{name}\0{len(content)}\0".encode() + content

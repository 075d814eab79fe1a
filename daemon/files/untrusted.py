"""What strangers dropped, read without being led elsewhere: no links, no pipes, no more than expected.

A claimed character folder still belongs to whoever dropped it, and so its files may be exchanged while they are read. Each is read once, by
a name that must not be a link, and everything else is done with the copy.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
from pathlib import Path

from daemon.files.durable import content_of
from pipeline.errors import DecodeError, DecodeReason
from pipeline.files.character_files import CONFIG_NAME, MASK_NAME, TEXTURE_NAME


def bytes_of(path: Path, most: int) -> bytes:
    """At most `most` + 1 bytes of a regular file; never through a link, never waiting for a pipe.

    Raises:
        DecodeError: it is no regular file.
        OSError: it can't be read.
    """
    try:
        return content_of(path, most)
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.ENXIO, errno.EINVAL}:
            raise
        raise DecodeError(DecodeReason.UNREADABLE, "this is no ordinary file: expected a picture", path=path.name) from error


def copied_character(source: Path, target: Path, most: int) -> tuple[str, int]:
    """Copy a character folder's files, each of at most `most` bytes, to the folder `target`; a missing one is left out.

    Returns:
        the hash of names and contents in hexadecimal, and the number of bytes.
    Raises:
        DecodeError: one of them is a link, no file, or too big.
        OSError: it can't be read, or the disk refused.
    """
    shutil.rmtree(target, ignore_errors=True)  # of an attempt before
    target.mkdir()
    digest, size = hashlib.sha256(), 0
    for name in (CONFIG_NAME, MASK_NAME, TEXTURE_NAME):
        try:
            content = bytes_of(source / name, most)
        except FileNotFoundError:
            continue  # whoever reads the copy says what is missing
        if len(content) > most:
            raise DecodeError(DecodeReason.TOO_MANY_BYTES, f"{name} is too big: expected at most {most} bytes", path=name)
        (target / name).write_bytes(content)
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
        size += len(content)
    return digest.hexdigest(), size

"""Public ids of drawings: part of the file name that an upload gets in the inbox, so that they survive the claim, retries and restarts.

    garlic.jpg, uploaded  ->  inbox/garlic-wgkr3z4sj7sxm3tq6.jpg  ->  outbox/garlic-wgkr3z4sj7sxm3tq6.gif   id wgkr3z4sj7sxm3tq6

The first ten characters after the "w" are random, or a hash of the caller's idempotency key; the last six are a hash of the content and its
options. The same key therefore leads to the same ten characters, on any day and in any process, without a table of keys.

A drawing that was dropped by hand has its job id once it is claimed, and before that an id made of its path.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from daemon.files.filenames import MAX_NAME_BYTES, shown_name, truncated_name
from daemon.spool.job_ids import is_job_id

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
KEY_LENGTH: Final = 10
_CONTENT_LENGTH: Final = 6
_UPLOAD: Final = re.compile(rf"w[{_ALPHABET}]{{{KEY_LENGTH + _CONTENT_LENGTH}}}")
_NAME: Final = re.compile(rf"(.+)-({_UPLOAD.pattern})((?:\.[^.]*)*)", re.DOTALL)
_DROPPED: Final = re.compile(rf"i[{_ALPHABET}]{{16}}")
_MAX_STEM_BYTES: Final = MAX_NAME_BYTES - 120


def _digits(digest: bytes, count: int) -> str:
    value = int.from_bytes(digest[:16], "big")
    return "".join(_ALPHABET[value >> 5 * position & 31] for position in range(count))


def upload_id(key: str | None, content: bytes) -> str:
    """The id of an upload.

    Args:
        key: idempotency key with its owner, or None for a random id.
        content: digest of the file and its options.
    """
    first = secrets.token_bytes(16) if key is None else hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return f"w{_digits(first, KEY_LENGTH)}{_digits(content, _CONTENT_LENGTH)}"


def dropped_id(folder: Sequence[str], name: str) -> str:
    """The id of a file in the inbox that is no upload."""
    path = "/".join((*folder, name))
    return f"i{_digits(hashlib.sha256(os.fsencode(path)).digest(), 16)}"


def is_public_id(text: str) -> bool:
    """Whether a text can be the id of a drawing."""
    return bool(_UPLOAD.fullmatch(text) or _DROPPED.fullmatch(text)) or is_job_id(text)


def id_in_name(name: str) -> str | None:
    """The id in the name of an upload or of one of its results, or None."""
    found = _NAME.fullmatch(name)
    return found[2] if found else None


def name_without_id(name: str) -> str:
    """The name of a drawing or of a result as users know it."""
    found = _NAME.fullmatch(name)
    return found[1] + found[3] if found else name


def stem_for(name: str) -> str:
    """What a user's file name contributes to the name in the inbox: harmless on every system, never hidden, never empty."""
    name = PurePosixPath(name_without_id(name.replace("\\", "/"))).name
    stem = name.rpartition(".")[0] or name
    kept = "".join(character if shown_name(character) == character and character not in '<>:|?*"' else "_" for character in stem)
    kept = " ".join(kept.split()).strip(" .-~_")
    return truncated_name(kept, _MAX_STEM_BYTES).rstrip(" .") or "drawing"

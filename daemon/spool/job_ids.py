"""Names of jobs: ULIDs (github.com/ulid/spec), which sort by the time at which they were made."""

from __future__ import annotations

import re
import secrets
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80
_PATTERN = re.compile(rf"[0-7][{_ALPHABET}]{{25}}")


def job_id(now_s: float | None = None, chance: int | None = None) -> str:
    """26 characters: 48 bits of milliseconds since 1970, 80 bits of chance, in Crockford's base 32."""
    milliseconds = int((time.time() if now_s is None else now_s) * 1000) & (1 << 48) - 1
    value = milliseconds << _RANDOM_BITS | (secrets.randbits(_RANDOM_BITS) if chance is None else chance)
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def is_job_id(text: str) -> bool:
    """Whether `text` is such a name."""
    return _PATTERN.fullmatch(text) is not None


def made_at_s(name: str) -> float:
    """When a job was named, seconds since 1970."""
    value = 0
    for character in name:
        value = value << 5 | _ALPHABET.index(character)
    return (value >> _RANDOM_BITS) / 1000

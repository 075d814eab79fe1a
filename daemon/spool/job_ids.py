"""Job ids: ULIDs (github.com/ulid/spec), which sort by creation time."""

from __future__ import annotations

import re
import secrets
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80
_PATTERN = re.compile(rf"[0-7][{_ALPHABET}]{{25}}")


def job_id(now_s: float | None = None, chance: int | None = None) -> str:
    """A new id: 48 bits of milliseconds since 1970 and 80 random bits as 26 characters in Crockford's base 32."""
    milliseconds = int((time.time() if now_s is None else now_s) * 1000) & (1 << 48) - 1
    value = milliseconds << _RANDOM_BITS | (secrets.randbits(_RANDOM_BITS) if chance is None else chance)
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def is_job_id(text: str) -> bool:
    """Whether `text` is a job id."""
    return _PATTERN.fullmatch(text) is not None


def made_at_s(name: str) -> float:
    """Creation time in a job id, seconds since 1970."""
    value = 0
    for character in name:
        value = value << 5 | _ALPHABET.index(character)
    return (value >> _RANDOM_BITS) / 1000

"""Limits of an untrusted image, and the factors by which large images are reduced while they are decoded."""

from __future__ import annotations

from dataclasses import dataclass

_MIN_SHARE = 0.75
"""A whole-number reduction is taken even if it ends this far below the working size: it is faster and sharper than resampling."""


@dataclass(frozen=True)
class DecodeLimits:
    """Limits of an untrusted image, and the size that it is reduced to. They are checked before anything is decoded.

    Attributes:
        max_bytes: of the file.
        max_pixels: width times height.
        max_side: longer side, px.
        min_side: shorter side, px; also of the reduced image. No figure can be found in less.
        working_side: longer side, px, that bigger images are reduced to.
        max_memory_bytes: what decoding may take beside the file itself, by an estimate per format.
    """

    max_bytes: int = 64 * 2**20
    max_pixels: int = 100_000_000
    max_side: int = 30_000
    min_side: int = 16
    working_side: int = 2048
    max_memory_bytes: int = 800_000_000


def integer_reduction(longer_side: int, working_side: int) -> int:
    """The factor (1, 2, 3, ...) by which averaging blocks of pixels comes close to the working size.

    The result may still be longer than `working_side`: then the rest is to be resampled.
    """
    factor = max(1, -(-longer_side // working_side))
    return factor if factor == 1 or longer_side / factor >= _MIN_SHARE * working_side else factor - 1


def halving_reduction(longer_side: int, working_side: int) -> int:
    """As `integer_reduction`, of the factors 1, 2, 4, 8 that a JPEG's cosine transform gives away for nothing."""
    return next(factor for factor in (8, 4, 2, 1) if factor == 1 or longer_side / factor >= _MIN_SHARE * working_side)

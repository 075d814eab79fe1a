"""Random damage to a file, for the fuzzers of readers."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence


def damaged(
    source: bytes, other: bytes, dice: random.Random, *, changes: Sequence[int], put_number: Callable[[bytearray, int, random.Random], None]
) -> bytes:
    """A copy of a file with some bytes, numbers or pieces changed, doubled, left out or taken from another file.

    Args:
        changes: how many changes are made, one of these.
        put_number: writes an odd number at an offset of the copy, as the file's format spells numbers.
    """
    held = bytearray(source)
    for _ in range(dice.choice(changes)):
        at = int(dice.random() ** dice.choice((1, 3)) * len(held))  # headers more often than what follows
        length = dice.choice((1, 2, 4, 8, 40, 300))
        match dice.randrange(8):
            case 0:
                held[at : at + 1] = bytes([dice.randrange(256)])
            case 1 if at < len(held):
                held[at] ^= 1 << dice.randrange(8)
            case 2 | 3:
                put_number(held, at, dice)
            case 4:
                del held[at : at + length]
            case 5:
                held[at:at] = held[at : at + length] * dice.choice((1, 2, 50))
            case 6:
                start = dice.randrange(max(1, len(other)))
                held[at : at + length] = other[start : start + length]
            case _ if dice.random() < 0.2:
                del held[at:]
    return bytes(held)

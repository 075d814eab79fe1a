"""Captions: a stroke alphabet of our own for block letters, loops for running hands, lines of print."""

from __future__ import annotations

import numpy as np

from drawings.figures.hand import Hand
from drawings.figures.marks import Mark, Points

GLYPHS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "A": (((0, 1), (0.5, 0), (1, 1)), ((0.2, 0.6), (0.8, 0.6))),
    "B": (((0, 1), (0, 0), (0.7, 0.1), (0.7, 0.4), (0, 0.5), (0.9, 0.6), (0.9, 0.9), (0, 1)),),
    "C": (((0.9, 0.15), (0.5, 0), (0.05, 0.3), (0.05, 0.7), (0.5, 1), (0.9, 0.85)),),
    "D": (((0, 1), (0, 0), (0.6, 0.1), (0.9, 0.5), (0.6, 0.9), (0, 1)),),
    "E": (((0.9, 0), (0, 0), (0, 1), (0.9, 1)), ((0, 0.5), (0.7, 0.5))),
    "H": (((0, 0), (0, 1)), ((1, 0), (1, 1)), ((0, 0.5), (1, 0.5))),
    "I": (((0.5, 0), (0.5, 1)),),
    "K": (((0, 0), (0, 1)), ((0.9, 0), (0.1, 0.5), (0.9, 1))),
    "L": (((0, 0), (0, 1), (0.8, 1)),),
    "M": (((0, 1), (0.1, 0), (0.5, 0.7), (0.9, 0), (1, 1)),),
    "N": (((0, 1), (0, 0), (0.9, 1), (0.9, 0)),),
    "O": (((0.5, 0), (0.1, 0.2), (0, 0.6), (0.3, 1), (0.7, 1), (1, 0.6), (0.9, 0.2), (0.5, 0)),),
    "P": (((0, 1), (0, 0), (0.8, 0.1), (0.8, 0.4), (0, 0.5)),),
    "R": (((0, 1), (0, 0), (0.8, 0.1), (0.8, 0.4), (0, 0.5), (0.9, 1)),),
    "S": (((0.9, 0.1), (0.4, 0), (0.1, 0.25), (0.8, 0.65), (0.7, 0.95), (0.05, 0.95)),),
    "T": (((0, 0), (1, 0)), ((0.5, 0), (0.5, 1))),
    "U": (((0, 0), (0.05, 0.8), (0.5, 1), (0.9, 0.8), (1, 0)),),
    "X": (((0, 0), (1, 1)), ((1, 0), (0, 1))),
    "Y": (((0, 0), (0.5, 0.5), (1, 0)), ((0.5, 0.5), (0.5, 1))),
    "2": (((0, 0.2), (0.5, 0), (0.9, 0.3), (0, 1), (1, 1)),),
    "7": (((0, 0), (1, 0), (0.3, 1)),),
    "!": (((0.5, 0), (0.5, 0.7)), ((0.5, 0.95), (0.5, 1))),
}


def printed_lines(hand: Hand, filled: float) -> list[Mark]:
    """A block of small writing: dashes of word length in rows."""
    del filled
    rng = hand.rng
    strokes: list[Points] = []
    for row in np.linspace(0.2, 0.8, int(rng.integers(2, 6))):
        ends = np.sort(rng.uniform(0, 1, 2 * int(rng.integers(2, 6))))
        for start, end in ends.reshape(-1, 2):
            count = max(3, int((end - start) * 40))
            heights = row + rng.uniform(-0.035, 0.035, count)
            strokes.append(np.column_stack([np.linspace(start, end, count), heights]))
    strokes.append(np.array([[0.0, 0.85], [0.5, 0.85]]))
    return [hand.strokes(*strokes, width=0.5)]


def caption(hand: Hand, filled: float) -> list[Mark]:
    """A word or two in block letters or a running hand, 1 wide."""
    del filled
    rng = hand.rng
    count = int(rng.integers(2, 10))
    height = min(rng.uniform(1.2, 2.0) / count, 0.5)
    if rng.random() < 0.35:
        way = np.linspace(0, 1, count * 9)
        loops = np.column_stack(
            [
                way + 0.3 / count * np.sin(way * count * 6.3),
                0.5 + height * 0.4 * np.sin(way * count * 6.3 + 1.3) * rng.uniform(0.4, 1.2, len(way)),
            ]
        )
        return [hand.strokes(loops)]
    names = list(GLYPHS)
    strokes: list[Points] = []
    for index in range(count):
        if count > 4 and rng.random() < 0.12:
            continue
        corner = np.array([(index + 0.1) / count, 0.5 + rng.normal(0, 0.04) * height])
        size = np.array([0.7 / count, height]) * rng.uniform(0.8, 1.1)
        strokes += [corner + np.array(stroke) * size for stroke in GLYPHS[names[rng.integers(len(names))]]]
    return [hand.strokes(*strokes)] if strokes else []

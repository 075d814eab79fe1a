# ruff: noqa: RUF005 - adding a pair to an array moves it
"""Backdrops that fill the whole image behind figures: skies, meadows, seas, streets, rooms, patterns, the checkers of fake transparency."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from drawings.canvas import Canvas
from drawings.figures.colors import BRIGHT, any_of, varied
from drawings.figures.hand import Hand
from drawings.figures.marks import Color, Mark, Points
from drawings.figures.shapes import arc, oval, points, smooth
from drawings.mediums import Pen
from drawings.scenery.things import THINGS

SKIES: tuple[Color, ...] = (
    (170, 215, 250),
    (120, 190, 240),
    (250, 200, 150),
    (230, 170, 190),
    (40, 50, 100),
    (210, 225, 235),
    (150, 130, 190),
)
GRASS: tuple[Color, ...] = ((110, 190, 80), (80, 150, 60), (170, 200, 90), (215, 195, 130), (235, 240, 250), (150, 120, 90))
SEA: tuple[Color, ...] = ((60, 140, 210), (90, 190, 220), (30, 90, 160))


def draw_backdrop(canvas: Canvas, rng: np.random.Generator, hand: Hand, pen: Pen) -> None:
    """Fill a canvas with scenery. It shows through figures that are not colored in, or the paper does."""
    kinds = (_landscape, _landscape, _landscape, _waves, _room, _pattern, _wash)
    kinds[rng.integers(len(kinds))](canvas, rng, hand, pen)
    if rng.random() < 0.35:
        canvas.paper[:] = canvas.image


def draw_checkers(canvas: Canvas, rng: np.random.Generator) -> None:
    """The gray and white squares that stand for transparency in a file that has none; what was white in the figure stays white."""
    height, width = canvas.owned.shape
    side = max(2, round(rng.uniform(0.01, 0.045) * max(height, width)))
    rows, columns = np.indices((height, width)) // side
    light, dark = rng.uniform(240, 256), rng.uniform(190, 238)
    squares: np.ndarray = np.where((rows + columns) % 2, light, dark).astype(np.float32)
    if rng.random() < 0.2:
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), 45, 1.5)
        squares = cv2.warpAffine(squares, turn, (width, height), borderMode=cv2.BORDER_REFLECT)
    canvas.image[:] = squares[:, :, None]
    canvas.paper[:] = 255


def _below(line: Points, height: int) -> Points:
    """The area from a line that runs across the page down to its lower edge."""
    return np.concatenate([line, points((line[-1, 0], height + 9), (line[0, 0], height + 9))])


def _across(rng: np.random.Generator, hand: Hand, width: int, level: float, swing: float) -> Points:
    """A line from side to side, about level."""
    xs = np.linspace(-0.02, 1.02, int(rng.integers(3, 7)))
    line = smooth(np.column_stack([xs, rng.normal(0, swing, len(xs))]), closed=False)
    return hand.line(line) * width + (0, level)


def _sky(canvas: Canvas, rng: np.random.Generator) -> None:
    height = canvas.owned.shape[0]
    first, last = (np.array(varied(rng, any_of(rng, SKIES), 20), np.float32) for _ in range(2))
    if rng.random() < 0.5:
        last = np.clip(first + np.float32(rng.normal(0, 30)), 0, 255)
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    canvas.image[:] = first * (1 - share) + last * share


def _painted(rng: np.random.Generator, pen: Pen) -> str:
    """How a large area is colored in."""
    return "flood" if pen.medium.ground == "screen" or rng.random() < 0.25 else ("scribble", "rub", "hatch")[rng.integers(3)]


def _landscape(canvas: Canvas, rng: np.random.Generator, hand: Hand, pen: Pen) -> None:
    """A sky with clouds over hills or meadows, with houses and trees."""
    height, width = canvas.owned.shape
    kind = _painted(rng, pen)
    if kind == "flood":
        _sky(canvas, rng)
    elif rng.random() < 0.7:
        sky = np.array([[-9, -9], [width + 9, -9], [width + 9, height * 0.75], [-9, height * 0.75]])
        canvas.draw(Mark((), sky, fill=any_of(rng, SKIES), loose=True), pen, opaque=False, fill_kind=kind)
    for _ in range(int(rng.integers(0, 4))):
        at, size = rng.uniform((0, 0), (width, 0.5 * height)), rng.uniform(0.04, 0.12) * width
        for spot in np.linspace(-1, 1, 3):
            cloud = oval(at + (spot * size, rng.normal(0, 0.2) * size), size, size * 0.7)
            canvas.draw(Mark((), cloud, fill=(250, 250, 252), loose=True), replace(pen, opacity=1.0), opaque=True, fill_kind="flood")
    for level in np.sort(rng.uniform(0.45, 0.95, int(rng.integers(1, 4)))):
        line = _across(rng, hand, width, level * height, 0.03)
        lines = (line,) if rng.random() < 0.6 else ()
        canvas.draw(Mark(lines, _below(line, height), fill=any_of(rng, GRASS), loose=True), pen, opaque=True, fill_kind=kind)
    for _ in range(int(rng.integers(0, 5))):
        side = rng.uniform(0.15, 0.5) * min(height, width)
        corner = np.array([rng.uniform(-0.2, 1.0) * width, rng.uniform(0.3, 0.8) * height - side * 0.6])
        for mark in THINGS[rng.integers(len(THINGS))](hand, max(pen.medium.filled, 0.6)):
            placed = mark.moved(lambda shape, corner=corner, side=side: shape * side + corner)  # type: ignore[misc]
            canvas.draw(replace(placed, loose=True), pen, opaque=True, fill_kind=kind)


def _waves(canvas: Canvas, rng: np.random.Generator, _: Hand, pen: Pen) -> None:
    """The sea: rows of waves, perhaps up to the figure's waist, under a sky."""
    height, width = canvas.owned.shape
    kind = _painted(rng, pen)
    if kind == "flood":
        _sky(canvas, rng)
    color = any_of(rng, SEA)
    first = rng.uniform(0.3, 0.85) * height
    gap = rng.uniform(0.04, 0.12) * height
    for level in np.arange(first, height + gap, gap):
        xs = np.linspace(-0.02, 1.02, int(rng.integers(20, 60)))
        bumps = np.abs(np.sin(xs * rng.uniform(10, 40) + rng.uniform(0, 6))) if rng.random() < 0.5 else np.sin(xs * rng.uniform(10, 40))
        line = np.column_stack([xs * width, level - bumps * gap * rng.uniform(0.2, 0.5)])
        fill = varied(rng, color, 10) if rng.random() < 0.7 else None
        canvas.draw(Mark((line,), _below(line, height), ink=color, fill=fill, loose=True), pen, opaque=True, fill_kind=kind)


def _room(canvas: Canvas, rng: np.random.Generator, hand: Hand, pen: Pen) -> None:
    """The inside of a house: a floor, and a wall with framed pictures."""
    height, width = canvas.owned.shape
    canvas.image[:] = varied(rng, any_of(rng, BRIGHT), 30) if rng.random() < 0.6 else rng.uniform(150, 250)
    floor = rng.uniform(0.6, 0.92) * height
    canvas.image[int(floor) :] = varied(rng, any_of(rng, GRASS), 30)
    if rng.random() < 0.5:
        stripe = max(4, int(rng.uniform(0.03, 0.1) * width))
        canvas.image[: int(floor), (np.arange(width) // stripe) % 2 == 0] *= np.float32(rng.uniform(0.85, 0.97))
    for _ in range(int(rng.integers(1, 6))):
        size = rng.uniform(0.08, 0.35, 2) * min(height, width)
        at = rng.uniform((0, 0), (width, floor))
        frame = at + points((0, 0), (1, 0), (1, 1), (0, 1)) * size
        drawn = hand.line(frame / width, closed=True) * width
        canvas.draw(Mark((drawn,), drawn, fill=any_of(rng, BRIGHT), loose=True), pen, opaque=True, fill_kind="flood")


def _pattern(canvas: Canvas, rng: np.random.Generator, hand: Hand, pen: Pen) -> None:
    """A card's ground: one color, a gradient, stripes, dots, rays, a disc behind the figure."""
    height, width = canvas.owned.shape
    first, second = (np.array(varied(rng, any_of(rng, BRIGHT), 25), np.float32) for _ in range(2))
    canvas.image[:] = first
    draw = rng.random()
    ys, xs = np.indices((height, width)).astype(np.float32)
    if draw < 0.25:
        share = np.clip((xs * rng.normal() + ys * rng.normal()) / max(height, width) + 0.5, 0, 1)[:, :, None]
        canvas.image[:] = first * (1 - share) + second * share
    elif draw < 0.5:
        gap, angle = rng.uniform(0.03, 0.15) * width, rng.uniform(0, np.pi)
        is_second = (xs * np.float32(np.cos(angle)) + ys * np.float32(np.sin(angle))) % gap < gap * rng.uniform(0.2, 0.6)
        canvas.image[is_second] = second
    elif draw < 0.7:
        gap = rng.uniform(0.05, 0.15) * width
        is_second = np.hypot(xs % gap - gap / 2, ys % gap - gap / 2) < gap * rng.uniform(0.1, 0.35)
        canvas.image[is_second] = second
    else:
        middle = rng.uniform(0.35, 0.65, 2) * (width, height)
        disc = hand.line(oval(middle / width, *(rng.uniform(0.25, 0.5),) * 2), closed=True) * width
        canvas.draw(Mark((), disc, fill=any_of(rng, BRIGHT), loose=True), pen, opaque=False, fill_kind="flood")


def _wash(canvas: Canvas, rng: np.random.Generator, hand: Hand, pen: Pen) -> None:
    """Color rubbed or scribbled all over the paper, or along a few strokes."""
    height, width = canvas.owned.shape
    page = np.array([[-9, -9], [width + 9, -9], [width + 9, height + 9], [-9, height + 9]], float)
    colors = (any_of(rng, SKIES), any_of(rng, GRASS), any_of(rng, BRIGHT))
    kind = ("scribble", "rub", "hatch")[rng.integers(3)]
    canvas.draw(Mark((), page, fill=colors[0], loose=True), replace(pen, opacity=rng.uniform(0.3, 0.9)), opaque=False, fill_kind=kind)
    for _ in range(int(rng.integers(0, 6))):
        at, reach = rng.uniform((0, 0), (width, height)), rng.uniform(0.1, 0.5) * width
        first = rng.uniform(0, 6.3)
        line = hand.line(arc(at / width, reach / width, reach / width, first, first + rng.uniform(0.5, 3))) * width
        canvas.draw(Mark((line,), ink=colors[rng.integers(3)], width=rng.uniform(1, 6), loose=True), pen, opaque=False, fill_kind="flood")

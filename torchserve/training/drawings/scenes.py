"""Puts figures and other things onto a page, and labels the figures while they are being drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from drawings.canvas import Canvas
from drawings.figures.colors import BRIGHT, any_of, varied
from drawings.figures.hand import Hand
from drawings.figures.marks import Color, DrawnFigure, Mark, Points
from drawings.figures.shapes import points
from drawings.labels import split_limbs
from drawings.mediums import Medium, Pen, sampled_pen
from drawings.scenery.animals import ANIMALS
from drawings.scenery.letters import caption, printed_lines
from drawings.scenery.things import THINGS

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class DrawnLabel:
    """A figure on the page: its joints `(17, 3)` in page pixels, the page's pixels that are its own, `(H, W)` uint8, 0 or 255, and the
    `BodyPart` that each of them belongs to, `(H, W)` uint8.
    """

    joints: NDArray[np.float64]
    owned: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    style: str


def tilted(rng: np.random.Generator, figure: DrawnFigure) -> DrawnFigure:
    """The figure as a whole a little askew: turned, stretched, mirrored lines bent by the sheet's turning under the hand."""
    spread = 5.0 if rng.random() < 0.88 else 20.0
    angle = np.radians(rng.normal(0, spread))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * (1, rng.uniform(0.86, 1.16))
    bend, wave, phase = rng.normal(0, 0.012, 2), rng.uniform(3, 9, 2), rng.uniform(0, 6.3, 2)

    def move(shape: Points) -> Points:
        return np.asarray((shape + bend * np.sin(shape[:, ::-1] * wave + phase)) @ turn)

    return figure.moved(move)


def fitted(figure: DrawnFigure, box: Box) -> tuple[DrawnFigure, float]:
    """The figure in a box, its proportions kept, centerd; and its height in pixels."""
    left, top, right, bottom = figure.bounds()
    scale = min((box[2] - box[0]) / (right - left), (box[3] - box[1]) / (bottom - top))
    center = np.array([(left + right) / 2, (top + bottom) / 2])
    target = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    return figure.moved(lambda shape: np.asarray((shape - center) * scale + target)), scale * (bottom - top)


def page_pen(canvas: Canvas, rng: np.random.Generator, medium: Medium, figure_height: float) -> Pen:
    """A pen whose width follows the figure and, less, the page: small figures have thick lines."""
    red, green, blue = (int(level) for level in canvas.image[::16, ::16].mean(axis=(0, 1)))
    return sampled_pen(rng, medium, figure_height**0.65 * len(canvas.paper) ** 0.35, (red, green, blue))


def draw_figure(canvas: Canvas, figure: DrawnFigure, pen: Pen, *, opaque: bool, fills: tuple[str, ...]) -> DrawnLabel:
    """Draw one figure, given in page pixels, each area filled in one of the ways."""
    canvas.owned[:], canvas.parts[:] = 0, 0
    for row, mark in enumerate(figure.marks):
        canvas.draw(mark, pen, opaque=opaque, fill_kind=fills[row % len(fills)])
    parts = split_limbs(canvas.parts, figure.joints)
    return DrawnLabel(figure.seen_joints(opaque=opaque), canvas.owned.copy(), parts, figure.style)


def _thing(rng: np.random.Generator, hand: Hand, filled: float) -> list[Mark]:
    draw = rng.random()
    makers = THINGS if draw < 0.55 else ANIMALS if draw < 0.75 else (caption, caption, caption, printed_lines)
    return makers[rng.integers(len(makers))](hand, filled)


def _overlap(box: Box, other: Box) -> float:
    """The share of the first box that is in the other."""
    width, height = min(box[2], other[2]) - max(box[0], other[0]), min(box[3], other[3]) - max(box[1], other[1])
    return max(width, 0) * max(height, 0) / max((box[2] - box[0]) * (box[3] - box[1]), 1e-9)


def draw_things(canvas: Canvas, hand: Hand, pen: Pen, count: int, *, taken: list[Box], sizes: tuple[float, float]) -> None:
    """Things, animals and words where no box in `taken` is; their sides are shares of the page's shorter side."""
    height, width = canvas.owned.shape
    rng = hand.rng
    for _ in range(count):
        side = rng.uniform(*sizes) * min(height, width)
        for _attempt in range(6):
            corner = rng.uniform((-0.15 * side, -0.15 * side), (width - 0.85 * side, height - 0.85 * side))
            box = (corner[0], corner[1], corner[0] + side, corner[1] + side)
            if all(_overlap(box, other) < 0.06 and _overlap(other, box) < 0.06 for other in taken):
                break
        else:
            continue
        ink = pen.ink if rng.random() < 0.5 else any_of(rng, pen.medium.colors)
        marks = _thing(rng, hand, pen.medium.filled)
        stretch = np.array([side, side * rng.uniform(0.75, 1.2)])
        for mark in marks:
            placed = mark.moved(lambda shape, corner=corner, stretch=stretch: shape * stretch + corner)  # type: ignore[misc]
            canvas.draw(placed, replace(pen, ink=ink), opaque=True, fill_kind=pen.medium.fills[rng.integers(len(pen.medium.fills))])
        taken.append(box)


def draw_toolbar(canvas: Canvas, rng: np.random.Generator) -> None:
    """A drawing program's bar of tools and colors along one side of a screen; it is no part of the page and stays when it is wiped."""
    height, width = canvas.owned.shape
    depth = int(rng.uniform(0.04, 0.1) * max(height, width))
    image = canvas.image if rng.random() < 0.6 else canvas.image.transpose(1, 0, 2)
    bar = image[:depth] if rng.random() < 0.7 else image[-depth:]
    bar[:] = rng.uniform(30, 245)
    icon = max(4, int(depth * 0.6))
    for left in range(icon // 2, int(bar.shape[1] * rng.uniform(0.4, 1.0)) - icon, int(icon * rng.uniform(1.2, 2.2))):
        bar[(depth - icon) // 2 : (depth + icon) // 2, left : left + icon] = any_of(rng, BRIGHT)
    canvas.paper[:] = canvas.image


def draw_ground(canvas: Canvas, rng: np.random.Generator, hand: Hand, pen: Pen) -> None:
    """A simple background behind figures: a ground line, grass, a strip of sky, on screens a whole colored background."""
    height, width = canvas.owned.shape
    level = rng.uniform(0.7, 0.96) * height
    wide = np.array([width, height], float)
    line = hand.line(points((-0.02, level / height), (0.5, level / height + rng.normal(0, 0.02)), (1.02, level / height))) * wide
    draw = rng.random()
    if pen.medium.ground == "screen" and draw < 0.5:
        sky = np.array(varied(rng, (170, 215, 250), 30), np.float32)
        shade = (
            np.linspace(rng.uniform(-40, 10), rng.uniform(-10, 30), height, dtype=np.float32)[:, None, None]
            if rng.random() < 0.5
            else np.float32(0)
        )
        canvas.image[:] = np.clip(sky + shade, 0, 255)
        if rng.random() < 0.7:
            hill = np.concatenate([line, np.array([[width + 9, height + 9], [-9, height + 9]])])
            canvas.draw(Mark((), hill, fill=any_of(rng, BRIGHT[3:5])), pen, opaque=False, fill_kind="flood")
        if rng.random() < 0.7:
            canvas.paper[:] = canvas.image
        return
    if draw < 0.8:
        color: Color = any_of(rng, pen.medium.colors)
        canvas.draw(Mark((line,), ink=color), pen, opaque=False, fill_kind="flood")
    if draw < 0.35 or draw > 0.9:
        grass = np.concatenate([line, np.array([[width + 9, height + 9], [-9, height + 9]])])
        canvas.draw(Mark((), grass, fill=varied(rng, (90, 170, 70))), pen, opaque=False, fill_kind=_loose_fill(rng, pen))
    if draw > 0.75:
        depth = rng.uniform(0.05, 0.25) * height
        sky_strip = np.array([[-9, -9], [width + 9, -9], [width + 9, depth], [-9, depth * rng.uniform(0.7, 1.2)]])
        canvas.draw(Mark((), sky_strip, fill=varied(rng, (120, 180, 235))), pen, opaque=False, fill_kind=_loose_fill(rng, pen))


def _loose_fill(rng: np.random.Generator, pen: Pen) -> str:
    return "flood" if pen.medium.ground == "screen" else ("scribble", "rub", "hatch")[rng.integers(3)]

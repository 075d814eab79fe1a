"""Line styles of whole figures: sketched, broken, one-sided, calligraphic, colored, inverse or contour only; construction lines, halos.

A line style changes the marks of a figure in page pixels, never its joints. What it adds around the figure is loose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from drawings.figures.colors import BRIGHT, any_of
from drawings.figures.extras import merged
from drawings.figures.marks import INK, Color, DrawnFigure, Mark, Points
from drawings.figures.parts import LIMB_ROWS, BodyPart
from drawings.figures.shapes import kept_runs
from drawings.mediums import Pen
from pipeline.types.keypoints import EARS, EYES, HIPS, NOSE, SHOULDERS

DARKS: tuple[Color, ...] = ((20, 20, 24), (40, 30, 70), (20, 60, 60), (90, 20, 30), (60, 60, 64))
STYLED_SHARE = 0.38
"""Share of pages whose lines are not plain."""
CONSTRUCTION_SHARE, CONSTRUCTION_IF_SKETCHED = 0.03, 0.25
"""Share of figures on construction lines."""
AROUND_SHARE = 0.1
"""Share of figures, in mediums that cover, with a border, a glow or a shadow behind them."""


def _facing(mark: Mark, stroke: Points, towards: Points) -> NDArray[np.float64]:
    """How far the outline of a mark faces a direction at each of its points, -1 to 1."""
    assert mark.area is not None
    x, y = mark.area.T
    turn = np.sign(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) or 1.0
    along = np.gradient(stroke, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    return np.asarray(turn * (along[:, 1] * towards[0] - along[:, 0] * towards[1]))


def _random_direction(rng: np.random.Generator) -> Points:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def _sketched(rng: np.random.Generator, figure: DrawnFigure, pen: Pen) -> tuple[Mark, ...]:
    """Every line two or three times, lightly, none quite where the other is."""
    count, reach = int(rng.integers(2, 4)), pen.width * rng.uniform(0.5, 1.2) + 0.4

    def again(stroke: Points) -> Points:
        way = np.linspace(0, 1, len(stroke))[:, None]
        bend = rng.normal(0, reach, (1, 2)) + rng.normal(0, reach, (1, 2)) * np.sin(
            2 * np.pi * (rng.uniform(0.4, 1.2) * way + rng.random())
        )
        first = int(rng.uniform(0, 0.15) * len(stroke))
        return np.asarray((stroke + bend)[first:])

    return tuple(
        mark
        if mark.loose or not mark.strokes
        else replace(mark, strokes=tuple(again(stroke) for stroke in mark.strokes for _ in range(count)), width=0.6 * mark.width)
        for mark in figure.marks
    )


def _with_gaps(rng: np.random.Generator, figure: DrawnFigure, pen: Pen) -> tuple[Mark, ...]:
    """Outlines with gaps. Lines without an area stay whole, because in their gaps there would be no figure."""
    del pen

    def broken(stroke: Points) -> list[Points]:
        kept = np.ones(len(stroke), bool)
        for _ in range(int(rng.integers(1, 4))):
            first = int(rng.integers(len(stroke)))
            kept[first : first + max(2, int(rng.uniform(0.03, 0.1) * len(stroke)))] = False
        return kept_runs(stroke, kept)

    return tuple(
        replace(mark, strokes=tuple(run for stroke in mark.strokes for run in broken(stroke))) if mark.is_solid else mark
        for mark in figure.marks
    )


def _one_sided(rng: np.random.Generator, figure: DrawnFigure, pen: Pen) -> tuple[Mark, ...]:
    """No outline on the side of the light."""
    del pen
    light, least = _random_direction(rng), rng.uniform(0.4, 0.8)
    return tuple(
        replace(mark, strokes=tuple(run for stroke in mark.strokes for run in kept_runs(stroke, _facing(mark, stroke, light) < least)))
        if mark.is_solid and mark.fill is not None
        else mark
        for mark in figure.marks
    )


def _heavy_sided(rng: np.random.Generator, figure: DrawnFigure, pen: Pen) -> tuple[Mark, ...]:
    """Thicker outlines on the side of the shade, or in one direction of the pen's nib."""
    del pen
    shade, heavier, is_nib = _random_direction(rng), rng.uniform(1.7, 3.0), rng.random() < 0.4
    marks: list[Mark] = []
    for mark in figure.marks:
        marks.append(mark)
        if mark.is_solid:
            facings = [(stroke, _facing(mark, stroke, shade)) for stroke in mark.strokes if len(stroke) > 2]
            heavy = [run for stroke, facing in facings for run in kept_runs(stroke, (np.abs(facing) if is_nib else facing) > 0.4)]
            marks.append(replace(mark, strokes=tuple(heavy), area=None, fill=None, width=heavier * mark.width, see_through=True))
    return tuple(marks)


def _colored(rng: np.random.Generator, figure: DrawnFigure, pen: Pen) -> tuple[Mark, ...]:
    """Outlines in a darker tone of what they enclose, or all in one hue."""
    del pen
    darker = rng.uniform(0.35, 0.8)
    hue = any_of(rng, BRIGHT[:9]) if rng.random() < 0.4 else None

    def tone(mark: Mark) -> Color:
        if hue or mark.fill is None or mark.fill == INK:
            return hue or mark.ink
        red, green, blue = (int(level * darker) for level in mark.fill)
        return red, green, blue

    return tuple(replace(mark, ink=tone(mark)) if mark.ink == INK and not mark.loose else mark for mark in figure.marks)


def _inverse(rng: np.random.Generator, figure: DrawnFigure, pen: Pen) -> tuple[Mark, ...]:
    """Light lines on dark parts."""
    if not pen.medium.covers:
        return _colored(rng, figure, pen)
    dark = any_of(rng, DARKS)
    light = (245, 245, 245) if rng.random() < 0.6 else any_of(rng, ((250, 220, 90), (130, 230, 240), (250, 150, 190)))
    return tuple(
        mark
        if mark.loose
        else replace(mark, fill=dark if mark.is_solid else None, ink=light if mark.is_solid or mark.see_through else dark)
        for mark in figure.marks
    )


def contour(rng: np.random.Generator, figure: DrawnFigure, pen: Pen) -> tuple[Mark, ...]:
    """One line around the whole figure and nothing inside, but perhaps the face."""
    del pen
    has_face = rng.random() < 0.5
    solid = [mark for mark in figure.marks if mark.is_solid]
    lines = [mark for mark in figure.marks if mark.area is None and not (mark.see_through or mark.loose)]
    limbs = [mark for mark in lines if mark.part not in (BodyPart.HEAD, BodyPart.TRUNK)]
    face = [mark for mark in figure.marks if mark.part == BodyPart.HEAD and (mark.see_through or mark.area is None) and not mark.loose]
    loose = [mark for mark in figure.marks if mark.loose]
    fill = None if rng.random() < 0.8 else any_of(rng, BRIGHT)
    return (*loose, *limbs, *merged(solid, fill), *(face if has_face else []))


LineStyle = Callable[[np.random.Generator, DrawnFigure, Pen], tuple[Mark, ...]]
LINE_STYLES: tuple[LineStyle, ...] = (
    _sketched, _sketched, _with_gaps, _with_gaps, _one_sided, _heavy_sided, _heavy_sided, _colored, _colored,
    _inverse, contour, contour,
)  # fmt: skip


def _construction(rng: np.random.Generator, figure: DrawnFigure) -> list[Mark]:
    """Construction lines of a sketch: circles at joints, bones, a line down the middle, a cross on the face."""
    spots, seen = figure.joints[:, :2], figure.joints[:, 2] > 0
    left, top, right, bottom = figure.bounds()
    size = max(right - left, bottom - top)
    turn = np.linspace(0, 2 * np.pi, 14)[:, None]
    ring = np.hstack([np.cos(turn), np.sin(turn)]) * size * rng.uniform(0.012, 0.03)
    strokes: list[Points] = []
    if rng.random() < 0.7:
        strokes += [spots[row] + ring for chain in LIMB_ROWS.values() for row in chain if seen[row]]
    if rng.random() < 0.5:
        strokes += [spots[list(chain)] for chain in LIMB_ROWS.values() if seen[list(chain)].all()]
    nose, hips, eyes = spots[NOSE], spots[list(HIPS)].mean(axis=0), spots[list(EYES)].mean(axis=0)
    if rng.random() < 0.6:
        strokes += [nose + (hips - nose) * np.array([[-0.3], [0.5], [1.2]]), spots[list(SHOULDERS)], spots[list(HIPS)]]
    if rng.random() < 0.7:
        ears = spots[list(EARS)]
        strokes += [ears + (eyes - ears.mean(axis=0)), eyes + (nose - eyes + np.array([0.0, 0.05 * size])) * np.array([[-1.5], [1.5]])]
    gray = int(rng.uniform(110, 200))
    ink = (gray, gray, gray) if rng.random() < 0.6 else any_of(rng, ((120, 170, 230), (230, 130, 130)))
    return [Mark(tuple(strokes), ink=ink, width=rng.uniform(0.3, 0.7), loose=True)] if strokes else []


def _outlines(figure: DrawnFigure) -> list[Points]:
    """All lines of a figure and the edges of its areas, closed."""
    edges = [np.concatenate([mark.area, mark.area[:1]]) for mark in figure.marks if mark.is_solid and mark.area is not None]
    return [*edges, *(stroke for mark in figure.marks if mark.area is None and not mark.loose for stroke in mark.strokes)]


def _around(rng: np.random.Generator, figure: DrawnFigure, pen: Pen) -> list[Mark]:
    """A sticker's border, a glow, a shadow that falls on the page: behind the figure."""
    left, top, right, bottom = figure.bounds()
    size = max(right - left, bottom - top)
    lines = tuple(_outlines(figure))
    wide = size * rng.uniform(0.015, 0.06) / pen.width
    draw = rng.random()
    if draw < 0.4:
        offset = _random_direction(rng) * size * rng.uniform(0.015, 0.06)
        gray = int(rng.uniform(90, 210))
        shade = (gray, gray, gray)
        areas = [mark.area + offset for mark in figure.marks if mark.is_solid and mark.area is not None]
        cast = [Mark((), area, fill=shade, loose=True, see_through=True) for area in areas]
        return [*cast, Mark(tuple(line + offset for line in lines), ink=shade, loose=True)]
    if draw < 0.7:
        gray = int(rng.uniform(0, 220))
        border = Mark(lines, ink=(gray, gray, gray), width=2 * wide + 2, loose=True)
        return [border, Mark(lines, ink=(255, 255, 255), width=2 * wide, loose=True)]
    color = any_of(rng, BRIGHT)
    tones = ([int(level + (255 - level) * share) for level in color] for share in (0.7, 0.4))
    return [
        Mark(lines, ink=(red, green, blue), width=wide * factor, loose=True)
        for (red, green, blue), factor in zip(tones, (2.4, 1.3), strict=True)
    ]


def with_line_style(rng: np.random.Generator, line_style: LineStyle | None, figure: DrawnFigure, pen: Pen) -> DrawnFigure:
    """A figure on the page, drawn in a line style; perhaps on construction lines, or with something around it."""
    marks = figure.marks
    # most styles need parts with outlines of their own
    if line_style is not None and (not figure.is_one_area or line_style in (_colored, _with_gaps)):
        marks = line_style(rng, figure, pen)
    construction_share = CONSTRUCTION_IF_SKETCHED if line_style is _sketched else CONSTRUCTION_SHARE
    after = _construction(rng, figure) if rng.random() < construction_share else []
    before = _around(rng, figure, pen) if pen.medium.covers and rng.random() < AROUND_SHARE else []
    return replace(figure, marks=(*before, *marks, *after), is_one_area=figure.is_one_area or line_style is contour)


def sampled_line_style(rng: np.random.Generator) -> LineStyle | None:
    """How a whole page is drawn: mostly with plain lines."""
    return LINE_STYLES[rng.integers(len(LINE_STYLES))] if rng.random() < STYLED_SHARE else None

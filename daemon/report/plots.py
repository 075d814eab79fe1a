"""Plots of a report: SVG for shapes, which scale with the page, and HTML for text, which does not.

Each plot is a figure with a sentence for screen readers; hovering over an interval shows its values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

from daemon.report.numbers import Bucket
from daemon.report.tables import milliseconds, moment

WIDTH, HEIGHT = 1000.0, 100.0
_MAX_TICKS = 4
_MAX_DATES = 7
_DATE_STEPS_S = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_419_200)


@dataclass(frozen=True)
class Series:
    """Values over time, None where there is none; `name` is shown in the legend, `color` is a custom property of the style sheet."""

    name: str
    color: str
    values: Sequence[float | None]


def lines_plot(caption: str, sentence: str, buckets: Sequence[Bucket], series: Sequence[Series]) -> str:
    """Durations as lines, interrupted where no job completed."""
    maximum = _maximum(value for each in series for value in each.values)
    ticks = time_ticks(maximum)
    shapes = "".join(_line(each, ticks[-1]) for each in series)
    return _plot(caption, sentence, buckets, series, _Drawn(shapes, ticks, milliseconds))


def bars_plot(caption: str, sentence: str, buckets: Sequence[Bucket], series: Sequence[Series]) -> str:
    """Counts as stacked bars."""
    sums = [sum(value or 0 for value in values) for values in zip(*(each.values for each in series), strict=True)]
    ticks = count_ticks(_maximum(sums))
    shapes = []
    for slot in range(len(buckets)):
        below = 0.0
        for each in series:
            value = each.values[slot] or 0
            shapes.append(_bar(slot, len(buckets), below / ticks[-1], value / ticks[-1], each.color))
            below += value
    return _plot(caption, sentence, buckets, series, _Drawn("".join(shapes), ticks, "{:,.0f}".format))


def shares_bar(sentence: str, shares: Sequence[tuple[str, float, str]]) -> str:
    """A bar that is divided into shares of (name, 0..1, color)."""
    left, shapes = 0.0, ""
    for name, share, color in shares:
        width = WIDTH * share
        shapes += f'<rect x="{left:.2f}" y="0" width="{max(0.0, width - 1.5):.2f}" height="100" fill="var({color})">'
        shapes += f"<title>{escape(name)}: {100 * share:.1f} %</title></rect>"
        left += width
    return (
        f'<svg class="shares" viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="{escape(sentence)}">{shapes}</svg>'
    )


def meter(color: str, share: float, beyond: float = 0.0) -> str:
    """A bar in a table cell: `share` in full color, up to `beyond` pale. Hidden from screen readers, because the numbers are beside it."""
    shapes = f'<rect width="{WIDTH * min(1.0, beyond):.1f}" height="100" fill="var({color})" opacity="0.35"/>' if beyond else ""
    shapes += f'<rect width="{WIDTH * min(1.0, share):.1f}" height="100" fill="var({color})"/>'
    return f'<svg class="meter" viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">{shapes}</svg>'


# --- elements --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Drawn:
    """Shapes, the values of the axis from 0 to its end, and the format of values."""

    shapes: str
    ticks: Sequence[float]
    as_label: Callable[[float], str]


def _plot(caption: str, sentence: str, buckets: Sequence[Bucket], series: Sequence[Series], drawn: _Drawn) -> str:
    ticks, as_label = drawn.ticks, drawn.as_label
    grid = "".join(f'<line class="grid" x1="0" x2="1000" y1="{y:.2f}" y2="{y:.2f}"/>' for y in (_y(tick / ticks[-1]) for tick in ticks))
    labels = "".join(
        f'<span style="bottom:{100 * tick / ticks[-1]:.2f}%">{_short(as_label(tick)) if tick else "0"}</span>' for tick in ticks
    )
    legend = "".join(f'<li><span class="key" style="background:var({each.color})"></span>{escape(each.name)}</li>' for each in series)
    hover = "".join(_hover(slot, len(buckets), bucket.start, series, as_label) for slot, bucket in enumerate(buckets))
    svg = f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="{escape(sentence)}">'
    svg += f"{grid}{drawn.shapes}{hover}</svg>"
    return (
        f'<figure><figcaption><strong>{escape(caption)}</strong><ul class="legend">{legend}</ul></figcaption>'
        f'<div class="plot"><div class="values" aria-hidden="true">{labels}</div>{svg}'
        f'<div class="times" aria-hidden="true">{_dates(buckets)}</div></div></figure>'
    )


def _short(as_label: str) -> str:
    return re.sub(r"\.0+(?=\D|$)|(?<=\.\d)0+(?=\D)", "", as_label)


def _y(share: float) -> float:
    return HEIGHT * (1 - share)


def _x(slot: float, count: int) -> float:
    return WIDTH * slot / count


def _line(series: Series, top: float) -> str:
    """A path with gaps where there is no value; a single value becomes a dot (a line of no length with round ends)."""
    path, is_down = "", False
    for slot, value in enumerate(series.values):
        if value is None:
            is_down = False
            continue
        point = f"{_x(slot + 0.5, len(series.values)):.2f} {_y(value / top):.2f}"
        path += f"L{point}" if is_down else f"M{point}L{point}"
        is_down = True
    return f'<path class="line" d="{path}" stroke="var({series.color})"/>' if path else ""


def _bar(slot: int, count: int, below: float, share: float, color: str) -> str:
    if not share:
        return ""
    gap = WIDTH / count * 0.12
    x, width = _x(slot, count) + gap / 2, WIDTH / count - gap
    return f'<rect x="{x:.2f}" y="{_y(below + share):.2f}" width="{width:.2f}" height="{HEIGHT * share:.2f}" fill="var({color})"/>'


def _hover(slot: int, count: int, start: datetime, series: Sequence[Series], as_label: Callable[[float], str]) -> str:
    """The tooltip of one interval."""
    values = ((each.name, each.values[slot]) for each in series)
    text = ", ".join(f"{name} {as_label(value)}" for name, value in values if value is not None) or "nothing"
    x, width = _x(slot, count), WIDTH / count
    title = escape(f"{moment(start)}: {text}")
    return f'<rect class="hover" x="{x:.2f}" y="0" width="{width:.2f}" height="100"><title>{title}</title></rect>'


def _dates(buckets: Sequence[Bucket]) -> str:
    """Dates below the plot; narrow pages hide every other one."""
    if not buckets:
        return ""
    count = len(buckets)
    slots = _dated(buckets)
    length = buckets[-1].start - buckets[0].start
    form = "%H:%M:%S" if length < timedelta(minutes=10) else "%H:%M" if length < timedelta(hours=26) else "%-d %b"
    if timedelta(hours=26) <= length < timedelta(days=4):
        form = "%-d %b %H:%M"
    if all(not buckets[slot].start.timestamp() % 86_400 for slot in slots):
        form = "%-d %b"
    return "".join(f'<span style="left:{100 * (slot + 0.5) / count:.2f}%">{buckets[slot].start:{form}}</span>' for slot in slots)


def _dated(buckets: Sequence[Bucket]) -> list[int]:
    """Indices of buckets that begin at a round time, at most _MAX_DATES."""
    begins = [round(bucket.start.timestamp()) for bucket in buckets]
    for step_s in _DATE_STEPS_S:
        slots = [slot for slot, begin in enumerate(begins) if begin % step_s == 0]
        if len(slots) <= _MAX_DATES:
            return slots or [0]
    return list(range(0, len(buckets), math.ceil(len(buckets) / _MAX_DATES)))


def count_ticks(maximum: float) -> list[float]:
    """Round values from 0 to at least `maximum`: steps of 1, 2 or 5 times a power of ten."""
    step = _round_up(max(maximum, 1.0) / _MAX_TICKS, (1, 2, 5, 10))
    step = max(1.0, step)
    return [step * number for number in range(math.ceil(max(maximum, 1.0) / step) + 1)]


def time_ticks(maximum_ms: float) -> list[float]:
    """Round values for milliseconds, in steps that are round in the unit that shows them."""
    unit = next((unit for unit in (3_600_000.0, 60_000.0, 1000.0) if maximum_ms >= 2 * unit), 1.0)
    step = unit * _round_up(max(maximum_ms, 1.0) / unit / _MAX_TICKS, (1, 2, 5, 10) if unit < 60_000 else (1, 2, 5, 10, 15, 30))
    return [step * number for number in range(math.ceil(max(maximum_ms, 1.0) / step) + 1)]


def _round_up(value: float, steps: Sequence[float]) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return power * next(step for step in (*steps, 10 * steps[-1]) if step * power >= value * (1 - 1e-9))


def _maximum(values: Iterable[float | None]) -> float:
    return max((value for value in values if value is not None), default=0.0)

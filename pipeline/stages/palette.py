"""The colors of an indexed animation, chosen from what will be drawn, before anything is drawn.

Owns the choice of colors and the table that maps any color to one of them. Refuses to look at frames: they hold only the sprites'
and the background's colors, so the palette is ready before the first frame and no frame waits for another.

The method is a histogram on the table's own grid of 32 levels a channel, greedy binary splitting of the box with the largest squared
error at the plane that lowers the error most (after Wu, "Efficient statistical computations for optimal color quantization", Graphics
Gems II, 1991, here along the box's most scattered axis), then a few rounds of Lloyd's k-means. Splitting stops as soon as the error is
invisible: pen on paper needs 25 colors. Fewer colors make longer runs and so smaller files.

On char1 + dab, 339 frames of 500 x 500: 35 colors 5.4 MB at 41.7 dB, 26 colors 4.9 MB at 40.7 dB, 22 colors 4.6 MB at 40.1 dB.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ShapeError
from pipeline.types import HALF_SEEN, Bytes, Canvas, Floats, Palette, Sprite

MAX_COLORS = 255
"""A GIF's table holds 256, and one index means "nothing here"."""

INVISIBLE_ERROR = 6.0
"""Mean squared error of a channel, in levels squared, below which more colors are not worth their bytes: 40.3 dB."""

_FOR_DRAWINGS = (63, INVISIBLE_ERROR)
"""Most colors, and the error that is good enough. A crayon drawing looks the same in 63 colors as in 255, and is a third smaller."""

_FOR_BACKGROUNDS = (MAX_COLORS, 1.0)
"""A background's smooth skies would show bands."""

_LEVELS = 32
"""A channel of `Palette.lookup`."""

_MAX_BINS = 4096
_MAX_SAMPLES = 200_000
_ROUNDS = 5


@dataclass(frozen=True, eq=False)
class _Bins:
    """Occupied cells of the color grid.

    Attributes:
        cells: (n,) numbers of the cells, ascending.
        colors: (n, 3) float64, mean of the pixels in each, 0..255.
        weights: (n,) float64, summing to 1.
        spread: squared error of standing for every pixel by its cell's mean, summed over the channels.
    """

    cells: NDArray[np.intp]
    colors: Floats
    weights: Floats
    spread: float


def palette_of(
    sprites: Sequence[Sprite],
    canvas: Canvas,
    *,
    exact: Iterable[tuple[int, int, int]] = (),
    max_colors: int | None = None,
    invisible_error: float | None = None,
) -> Palette:
    """The palette for drawing `sprites` on `canvas`.

    Args:
        sprites: what is drawn. Each weighs as much as the others. Over an opaque plain background its soft rim counts blended;
            otherwise pixels with alpha below 128 do not count.
        canvas: its background image weighs as much as all sprites together; an opaque plain background becomes a color of its own
            where it is seen, also through the image.
        exact: RGB colors, 0..255, that must come out as they are (debug views).
        max_colors: 1..255; None is 63 for drawings alone, and 255 where a background image needs them.
        invisible_error: mean squared error of a channel, levels squared, at which to stop adding colors; None is the one for
            drawings, or with a background image a smaller one, because its smooth skies would show bands.
    Returns:
        at least one color; the colors in `exact` and the plain background come last. Of those that share a cell of the table
        the last is answered.
    Raises:
        ShapeError: `max_colors` out of range, or too small for the exact colors.
    """
    fixed = _fixed_colors(canvas, exact)
    usual_count, usual_error = _FOR_DRAWINGS if canvas.background_image is None else _FOR_BACKGROUNDS
    max_count = min(usual_count + len(fixed), MAX_COLORS) if max_colors is None else max_colors
    tolerated = usual_error if invisible_error is None else invisible_error
    if not max(1, len(fixed)) <= max_count <= MAX_COLORS:
        raise ShapeError("max_colors", expected=f"{max(1, len(fixed))} to {MAX_COLORS}", actual=str(max_count))
    bins = _bins(_samples(sprites, canvas))
    if bins is None:
        colors = fixed if len(fixed) else np.zeros((1, 3))
        return Palette(colors=colors.astype(np.uint8), lookup=_lookup(colors, fixed, None))
    few = _thinned(bins)
    colors = np.rint(_refined(few, _split(few, max_count - len(fixed), tolerated), fixed))
    return Palette(colors=colors.astype(np.uint8), lookup=_lookup(colors, fixed, bins))


def _fixed_colors(canvas: Canvas, exact: Iterable[tuple[int, int, int]]) -> Floats:
    plain = _plain_background(canvas)
    unique = dict.fromkeys([*(tuple(color) for color in exact), *([] if plain is None else [plain])])
    return np.array(list(unique), dtype=np.float64).reshape(-1, 3)


def _plain_background(canvas: Canvas) -> tuple[int, ...] | None:
    is_hidden = canvas.background_image is not None and bool(np.all(canvas.background_image[..., 3] == 255))
    if is_hidden or canvas.background[3] < HALF_SEEN:
        return None
    return tuple(round(255 * channel) for channel in canvas.background[:3])


def _samples(sprites: Sequence[Sprite], canvas: Canvas) -> list[tuple[NDArray[np.uint8], float]]:
    """Pixels (n, 3) with the weight of each one, the weights summing to 1."""
    behind = _plain_background(canvas)
    images = [_visible(sprite.rgba, behind) for sprite in sprites]
    images += [(255 * np.unique(s.colors, axis=0)).round().astype(np.uint8) for s in sprites if s.colors is not None]
    shares = [1.0 / max(1, len(images))] * len(images)
    if canvas.background_image is not None:
        images.append(_visible(canvas.background_image, behind))
        shares.append(1.0)
    filled = [(pixels, share) for pixels, share in zip(images, shares, strict=True) if len(pixels)]
    total = sum(share for _, share in filled)
    return [(pixels, share / total / len(pixels)) for pixels, share in filled]


def _visible(rgba: Bytes, behind: tuple[int, ...] | None = None) -> NDArray[np.uint8]:
    """(n, 3) the pixels that are seen, or some of them if they are many."""
    step = max(1, int(np.ceil(np.sqrt(rgba.shape[0] * rgba.shape[1] / _MAX_SAMPLES))))
    thinned = rgba[::step, ::step]
    if behind is None:
        return thinned[thinned[..., 3] >= 128][:, :3]
    seen = thinned[thinned[..., 3] > 0].astype(np.float32)
    cover = seen[:, 3:] / 255
    blended = seen[:, :3] * cover + np.array(behind, dtype=np.float32) * (1 - cover)
    return np.rint(blended).astype(np.uint8)


def _bins(samples: list[tuple[NDArray[np.uint8], float]]) -> _Bins | None:
    """The histogram of the samples; None without any."""
    if not samples:
        return None
    pixels = np.concatenate([pixels for pixels, _ in samples])
    weights = np.concatenate([np.full(len(pixels), weight) for pixels, weight in samples])
    key = _cells(pixels)
    total = np.bincount(key, weights, minlength=_LEVELS**3)
    occupied = np.flatnonzero(total)
    channels = pixels.astype(np.float64).T
    sums = np.stack([np.bincount(key, weights * channel, minlength=_LEVELS**3)[occupied] for channel in channels], axis=1)
    colors = sums / total[occupied, None]
    squares = float(weights @ np.square(channels).sum(axis=0))
    spread = squares - float(total[occupied] @ np.square(colors).sum(axis=1))
    return _Bins(occupied, colors, total[occupied].astype(np.float64), spread)


def _cells(rgb: NDArray[Any]) -> NDArray[np.intp]:
    """(n,) the number of the cell that holds each color (n, 3), 0..255; red counts most."""
    red, green, blue = (rgb // (256 // _LEVELS)).T.astype(np.intp)
    numbers: NDArray[np.intp] = (red * _LEVELS + green) * _LEVELS + blue
    return numbers


def _thinned(bins: _Bins) -> _Bins:
    """The same histogram with so few cells, evenly picked, that clustering them takes milliseconds."""
    step = -(-len(bins.weights) // _MAX_BINS)
    weights = bins.weights[::step] / bins.weights[::step].sum()
    return _Bins(bins.cells[::step], bins.colors[::step], weights, bins.spread)


def _split(bins: _Bins, max_count: int, invisible_error: float) -> Floats:
    """At most `max_count` colors (k, 3), fewer if the error is invisible with fewer. May be none if `max_count` is 0."""
    if max_count <= 0:
        return np.zeros((0, 3))
    boxes = [np.arange(len(bins.weights))]
    errors = [_error(bins, boxes[0])]
    while len(boxes) < max_count and sum(errors) + bins.spread > 3 * invisible_error:
        worst = int(np.argmax(errors))
        if errors[worst] <= 0:
            break
        low, high = _halves(bins, boxes[worst])
        boxes[worst], errors[worst] = low, _error(bins, low)
        boxes.append(high)
        errors.append(_error(bins, high))
    return np.array([bins.weights[box] @ bins.colors[box] / bins.weights[box].sum() for box in boxes])


def _error(bins: _Bins, box: NDArray[np.intp]) -> float:
    """Squared error of one color for a whole box; exactly 0 for a single bin."""
    if len(box) == 1:
        return 0.0
    weights, colors = bins.weights[box], bins.colors[box]
    mean = weights @ colors / weights.sum()
    return float(weights @ np.square(colors - mean).sum(axis=1))


def _halves(bins: _Bins, box: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """A box of two bins or more, cut across its most scattered channel where the squared error of the two halves is least."""
    weights, colors = bins.weights[box], bins.colors[box]
    offsets = colors - weights @ colors / weights.sum()
    axis = int(np.argmax(weights @ np.square(offsets)))
    order = np.argsort(offsets[:, axis], kind="stable")
    below = np.cumsum(weights[order])[:-1]
    moments = np.cumsum(weights[order, None] * offsets[order], axis=0)[:-1]
    # The offsets sum to zero, so both halves have the same first moment but for its sign.
    gain = np.square(moments).sum(axis=1) * (1 / below + 1 / np.maximum(weights.sum() - below, 1e-300))
    cut = int(np.argmax(gain)) + 1
    return box[order[:cut]], box[order[cut:]]


def _refined(bins: _Bins, chosen: Floats, fixed: Floats) -> Floats:
    """(k, 3): `chosen` after some rounds of k-means beside the immovable `fixed`, which follow it."""
    colors = np.concatenate([chosen, fixed])
    for _ in range(_ROUNDS):
        nearest = _nearest(bins.colors, colors)
        weights = np.bincount(nearest, bins.weights, minlength=len(colors))
        sums = np.stack([np.bincount(nearest, bins.weights * c, minlength=len(colors)) for c in bins.colors.T], axis=1)
        movable = (weights > 0) & (np.arange(len(colors)) < len(chosen))
        colors[movable] = sums[movable] / weights[movable, None]
    return colors


def _nearest(points: NDArray[np.floating], colors: Floats) -> NDArray[np.intp]:
    """(n,) which of `colors` (k, 3) is closest to each of `points` (n, 3)."""
    table = colors.astype(np.float32)
    distances = points.astype(np.float32) @ (-2 * table.T)
    distances += np.square(table).sum(axis=1)
    nearest: NDArray[np.intp] = np.argmin(distances, axis=1)
    return nearest


def _lookup(colors: Floats, fixed: Floats, bins: _Bins | None) -> Bytes:
    """(32, 32, 32) uint8, axes red, green, blue: the nearest color to each cell.

    A cell that holds sprite colors answers for their mean, the others, which only blends reach, for their own centers.
    """
    step = 256 // _LEVELS
    asked = (np.indices((_LEVELS,) * 3).reshape(3, -1).T + 0.5) * step - 0.5
    if bins is not None:
        asked[bins.cells] = bins.colors
    lookup = _nearest(asked, colors).astype(np.uint8)
    lookup[_cells(fixed)] = np.arange(len(colors) - len(fixed), len(colors))
    return lookup.reshape((_LEVELS,) * 3)

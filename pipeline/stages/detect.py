"""Choose the figures among a detector's boxes, and the size of the crop around each.

AnimatedDrawings takes the best box as it is, even if that cuts a limb (etc/doc/file-formats.md, "Annotation folder"). Here boxes of one
figure are merged, padded, and grown where the figure goes on beyond them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from pipeline.errors import NoFigureFound
from pipeline.types import Bools, Box, Detection

SAME_OVERLAP = 0.5
"""Boxes show the same figure if their intersection over union is more than this."""

INSIDE_SHARE = 0.8
"""A box with more than this share of its area inside another one shows a part of the same figure."""

MAX_PART_OVERLAP = 0.1
"""Two boxes are apart if less than this share of the smaller one is in both."""

COMPARABLE = 0.6
"""A second box of a figure widens the best one if its score is at least this share of the best one's."""

PADDING_SHARE = 0.06
"""Boxes are padded on each side by this share of their longer side."""

GROWTH_SHARE = 0.18
"""A box grows by this share of its width or height on each side that the figure touches."""

MIN_SIDE_PX = 12
"""Boxes with a shorter side are no figures."""

TOUCH_PX = 2
"""A figure with a pixel this close to a side of its crop touches that side."""

CUT_SHARE = 0.2
"""A figure that runs along an edge of the image for this share of its longer side is cut off there: feet and hands touch it for a tenth."""

HALF_SHARE = 0.5
"""A figure that runs along the left or the right edge of the image for this share of its crop's longer side is only half there."""

PART_SHARE = 0.6
"""Side of the parts of an image, as a share of its own: they overlap by a fifth of it, so that a figure of that size is whole in one."""

MIN_PART_SCORE = 0.6
"""Least score of detections in parts of an image: of 69 synthetic images without a figure none has one (at 0.3: one)."""


@dataclass(frozen=True)
class Chosen:
    """A figure to be cut out.

    Attributes:
        box: padded, whole px, inside the image.
        detection: the detector's, its box as it was merged.
    """

    box: Box
    detection: Detection


@dataclass(frozen=True)
class Sides:
    """Yes or no for each side of a box; true if any is."""

    left: bool
    top: bool
    right: bool
    bottom: bool

    def __bool__(self) -> bool:
        return self.left or self.top or self.right or self.bottom


def chosen_boxes(detections: Sequence[Detection], width: int, height: int, *, min_score: float) -> tuple[Chosen, ...]:
    """The figures of an image of `width` x `height` px, best first: boxes of one figure are merged, and those around groups left out.

    Args:
        min_score: of the best box of each figure, 0..1.
    Raises:
        NoFigureFound: no box is good enough; says how good the best one is.
    """
    inside = [found for found in (_cut_to_image(d, width, height) for d in detections) if found is not None]
    good = sorted((d for d in inside if d.score >= min_score), key=lambda d: (-d.score, -d.box.width * d.box.height))
    if not good:
        best = max((d.score for d in inside), default=None)
        found = "nothing that looks like a figure" if best is None else f"the best candidate scored {best:.2f}, {min_score:.2f} is needed"
        raise NoFigureFound(
            f"no drawn figure was found: {found}", best_score=best, hint="is the whole figure in the image, and drawn clearly?"
        )
    merged = _merged(_without_groups(good))
    return tuple(Chosen(padded_box(d.box, width, height), d) for d in merged)


def overlapping_parts(width: int, height: int) -> tuple[Box, ...]:
    """Parts of an image in which small figures are large enough to be found: the corners and the middle, PART_SHARE of each side."""
    wide, tall = math.ceil(PART_SHARE * width), math.ceil(PART_SHARE * height)
    corners = [(0, 0), (width - wide, 0), (0, height - tall), (width - wide, height - tall), ((width - wide) // 2, (height - tall) // 2)]
    return tuple(Box(float(x), float(y), float(x + wide), float(y + tall)) for x, y in corners)


def moved_from_part(detection: Detection, part: Box, width: int, height: int) -> Detection | None:
    """A detection in a part of an image, in px of the image; None if the part's edge cuts it."""
    box = detection.box
    moved = Box(box.left + part.left, box.top + part.top, box.right + part.left, box.bottom + part.top)
    is_cut = (
        (moved.left < part.left + TOUCH_PX and part.left > 0)
        or (moved.top < part.top + TOUCH_PX and part.top > 0)
        or (moved.right > part.right - TOUCH_PX and part.right < width)
        or (moved.bottom > part.bottom - TOUCH_PX and part.bottom < height)
    )
    return None if is_cut else replace(detection, box=moved)


def padded_box(box: Box, width: int, height: int) -> Box:
    """The box with a margin, on whole px, inside an image of `width` x `height` px."""
    margin = PADDING_SHARE * max(box.width, box.height)
    return _on_pixels(Box(box.left - margin, box.top - margin, box.right + margin, box.bottom + margin), width, height)


def touched_sides(mask: Bools) -> Sides:
    """Which sides of its crop a mask (h, w) bool touches, within TOUCH_PX."""
    return Sides(
        left=bool(mask[:, :TOUCH_PX].any()),
        top=bool(mask[:TOUCH_PX].any()),
        right=bool(mask[:, -TOUCH_PX:].any()),
        bottom=bool(mask[-TOUCH_PX:].any()),
    )


def cut_off_note(mask: Bools, box: Box, width: int, height: int) -> tuple[str, ...]:
    """What to report about a figure, a mask (h, w) in a box, that the edges of its image cut off; nothing if it is whole."""
    cut = [side for side, share in _cut_shares(mask, box, width, height).items() if share >= CUT_SHARE]
    return (f"the image cuts the figure off ({', '.join(cut)}): what is missing can't move",) if cut else ()


def is_cut_in_half(mask: Bools, box: Box, width: int, height: int) -> bool:
    """Whether the left or the right edge of its image runs through a figure, a mask (h, w) in a box, from about its head to its feet.

    A figure that runs along both is whole: the image was cropped to it.
    """
    shares = _cut_shares(mask, box, width, height)
    return (shares["left"] >= HALF_SHARE) != (shares["right"] >= HALF_SHARE)


def _cut_shares(mask: Bools, box: Box, width: int, height: int) -> dict[str, float]:
    """How far a figure runs along each edge of its image, as a share of its crop's longer side."""
    rims = {
        "left": (mask[:, :TOUCH_PX], box.left <= 0),
        "top": (mask[:TOUCH_PX].T, box.top <= 0),
        "right": (mask[:, -TOUCH_PX:], box.right >= width),
        "bottom": (mask[-TOUCH_PX:].T, box.bottom >= height),
    }
    return {side: _longest_run(rim) / max(mask.shape) if is_edge else 0.0 for side, (rim, is_edge) in rims.items()}


def _longest_run(rim: Bools) -> int:
    """The greatest number of neighboring rows of a mask (n, TOUCH_PX) that are not empty."""
    steps = np.flatnonzero(np.diff(rim.any(axis=1).astype(np.int8), prepend=0, append=0))
    return int((steps[1::2] - steps[::2]).max(initial=0))


def grown_box(box: Box, touched: Sides, width: int, height: int) -> Box:
    """The box, larger on each side that the figure touches, on whole px, inside an image of `width` x `height` px."""
    across, down = GROWTH_SHARE * box.width, GROWTH_SHARE * box.height
    wider = Box(
        box.left - across * touched.left,
        box.top - down * touched.top,
        box.right + across * touched.right,
        box.bottom + down * touched.bottom,
    )
    return _on_pixels(wider, width, height)


def final_box(first: Box, last: Box, touched: Sides) -> Box:
    """The last of several grown boxes, but as the first was on the sides where even the last is touched.

    What goes on however far the box grows is a ground line or a neighbor.
    """
    return Box(
        first.left if touched.left else last.left,
        first.top if touched.top else last.top,
        first.right if touched.right else last.right,
        first.bottom if touched.bottom else last.bottom,
    )


def _on_pixels(box: Box, width: int, height: int) -> Box:
    """The box, its edges moved outwards to whole px, but not beyond the image."""
    return Box(
        float(max(0, math.floor(box.left))),
        float(max(0, math.floor(box.top))),
        float(min(width, math.ceil(box.right))),
        float(min(height, math.ceil(box.bottom))),
    )


def _cut_to_image(detection: Detection, width: int, height: int) -> Detection | None:
    """The detection, its box and mask cut to the image; None if the box is not finite or too small there."""
    box = detection.box
    if not all(map(math.isfinite, (box.left, box.top, box.right, box.bottom, detection.score))):
        return None
    inside = Box(max(0.0, box.left), max(0.0, box.top), min(float(width), box.right), min(float(height), box.bottom))
    min_side = min(MIN_SIDE_PX, width, height)
    if inside.width < min_side or inside.height < min_side:
        return None
    if inside == box:
        return detection
    mask = detection.mask
    return replace(detection, box=inside, mask=None if mask is None else mask[_rows_columns(box, inside, mask.shape)])


def _rows_columns(box: Box, inside: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a mask of a shape (h, w), stretched over `box`, that are over the box `inside` it; at least one each."""
    rows, columns = shape
    x = np.clip([(inside.left - box.left) / box.width * columns, (inside.right - box.left) / box.width * columns], 0, columns)
    y = np.clip([(inside.top - box.top) / box.height * rows, (inside.bottom - box.top) / box.height * rows], 0, rows)
    return slice(int(y[0]), max(int(y[0]) + 1, round(y[1]))), slice(int(x[0]), max(int(x[0]) + 1, round(x[1])))


def _without_groups(detections: list[Detection]) -> list[Detection]:
    """The detections without boxes around several others that are apart from each other and at least as sure."""
    kept = []
    for whole in detections:
        parts = [d for d in detections if d is not whole and d.score >= whole.score and _share_inside(d.box, whole.box) > INSIDE_SHARE]
        if not any(_is_apart(one.box, other.box) for one, other in combinations(parts, 2)):
            kept.append(whole)
    return kept


def _is_apart(one: Box, other: Box) -> bool:
    """Whether two boxes hardly overlap, so that they show different figures of a group."""
    return _intersection(one, other) < MAX_PART_OVERLAP * min(_area(one), _area(other))


def _merged(detections: list[Detection]) -> list[Detection]:
    """One detection a figure, best first."""
    figures: list[Detection] = []
    for seen in detections:
        for number, figure in enumerate(figures):
            if _is_same(seen.box, figure.box):
                figures[number] = _united(figure, seen)
                break
        else:
            figures.append(seen)
    return figures


def _is_same(one: Box, other: Box) -> bool:
    """Whether two boxes show the same figure: they overlap, or one is mostly inside the other."""
    common = _intersection(one, other)
    union = _area(one) + _area(other) - common
    return common > SAME_OVERLAP * union or common > INSIDE_SHARE * min(_area(one), _area(other))


def _united(best: Detection, second: Detection) -> Detection:
    """The better detection, its box widened if the other one is nearly as sure. A mask fits its own box only: a widened box has none."""
    if second.score < COMPARABLE * best.score:
        return best
    one, other = best.box, second.box
    box = Box(min(one.left, other.left), min(one.top, other.top), max(one.right, other.right), max(one.bottom, other.bottom))
    return best if box == one else Detection(box, best.score, None)


def _area(box: Box) -> float:
    """Px^2; 0 of a box without extent."""
    return max(0.0, box.width) * max(0.0, box.height)


def _intersection(one: Box, other: Box) -> float:
    """The area that two boxes share, px^2."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    tall = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0.0, wide) * max(0.0, tall)


def _share_inside(part: Box, whole: Box) -> float:
    return _intersection(part, whole) / max(_area(part), 1e-9)

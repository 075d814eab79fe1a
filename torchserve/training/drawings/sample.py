"""One synthetic photograph with exact labels, from a seed: `drawn_sample`. START HERE.

A choice of framing, medium and paper; figures and other things drawn on a page; the page photographed; the labels taken along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from drawings import mediums, papers
from drawings.canvas import Canvas, Shading
from drawings.figures.hand import Hand
from drawings.figures.head_variants import with_head_variant
from drawings.figures.marks import GUESSED, VISIBLE, DrawnFigure
from drawings.figures.mixed import MIXED
from drawings.figures.outfits import with_outfit
from drawings.figures.people import PEOPLE
from drawings.figures.person import HELD_OUT_STYLES, STYLES, drawn_person
from drawings.labels import with_rim
from drawings.line_styles import contour, sampled_line_style, with_line_style
from drawings.mediums import Medium
from drawings.photographs import exposed, grain_and_jpeg, lit
from drawings.scenery.backdrops import draw_backdrop, draw_checkers
from drawings.scenery.distractors import with_distractors
from drawings.scenes import Box, DrawnLabel, draw_figure, draw_ground, draw_things, draw_toolbar, fitted, page_pen, tilted
from drawings.surroundings import View, cluttered, held, laid, room, sampled_view, table
from pipeline.types.keypoints import FIRST_BODY_KEYPOINT

Split = Literal["train", "heldout"]
NOTHING, CLOSE, PAGE, FAR, SHEET = "nothing", "close", "page", "far", "sheet"
"""How much of the image a figure takes up: none there; all of it; a good part; little; most of a sheet that is itself a part of it."""

MIXED_SHARE = 0.25
"""Share of the figures of training images that are put together from several kinds."""
RARE_POSE_SHARE, RARE_POSE_SHARE_IF_MIXED = 0.1, 0.35
"""Share of the figures of training images that have a rare pose: of one style, and of a mixed one."""
LINE_ART_SHARE, PEOPLE_IN_LINE_ART = 0.15, 0.7
"""Share of training images that are line art, and of their unmixed figures that are people or dressed animals for sure."""
MIXED_FILLS = 0.15
"""Share of training pages on which the areas of a figure are filled in several ways."""


@dataclass(frozen=True)
class LabeledFigure:
    """A figure in the image, in image pixels (pixel centers at whole coordinates).

    Attributes:
        box: left, top, right, bottom: the mask's bounds, right and bottom exclusive.
        keypoints: `(17, 3)` float32, COCO order, x, y, visibility: 0 absent or outside the image, 1 guessed, 2 visible; left and
            right are the figure's own, which faces us (its right is on the viewer's left).
        mask: `(H, W)` bool: all of the figure, interior filled, with a rim of `labels.MASK_RIM` around it that closes no gap.
        parts: `(H, W)` uint8: the `BodyPart` of each pixel of the mask, the one in front; 0 outside.
        style: what kind of figure.
    """

    box: Box
    keypoints: NDArray[np.float32]
    mask: NDArray[np.bool_]
    parts: NDArray[np.uint8]
    style: str


@dataclass(frozen=True)
class Sample:
    """A synthetic photograph.

    Attributes:
        rgb: `(H, W, 3)` uint8; its longer side is the size asked for.
        figures: none on images without a figure.
    """

    rgb: NDArray[np.uint8]
    figures: tuple[LabeledFigure, ...]
    medium: str
    paper: str
    seed: int

    @property
    def style(self) -> str:
        """The first figure's style, or "none"."""
        return self.figures[0].style if self.figures else "none"


@dataclass(frozen=True)
class _Choices:
    """Decisions about an image before anything is drawn."""

    medium: Medium
    paper: str
    maker: papers.PaperMaker
    framing: str
    held_out: bool
    """Figures and lines are of the plain kinds only, so that measurements stay comparable while training images become more varied."""


def drawn_sample(seed: int, *, size: int = 384, split: Split = "train") -> Sample:
    """The image that belongs to a seed, its longer side `size` pixels (64 to 1024). The splits never share an image; "heldout" also has
    styles, mediums and papers that "train" hasn't. Same arguments, same image.
    """
    rng = np.random.default_rng([seed, 0 if split == "train" else 1])
    choices = _choices(rng, held_out=split == "heldout")
    hand = Hand.sampled(rng, steady=choices.medium.name in mediums.STEADY)
    figures = _figures(rng, hand, choices)
    frame = _frame_shape(rng, figures, choices.framing, size)
    is_sheet = choices.framing == SHEET
    laid_out = is_sheet or (choices.medium.ground != "screen" and rng.random() < (0.1 if choices.framing == CLOSE else 0.5))
    canvas = Canvas(papers.clean(choices.maker(rng, *frame)), rng)
    drawn = _drawn_page(canvas, rng, hand, figures, choices)
    image, view = canvas.image, View(np.eye(3), frame)
    if not figures and rng.random() < 0.12:
        image = table(rng, *frame) if rng.random() < 0.5 else room(rng, *frame)
    if laid_out:
        cover = rng.uniform(0.4, 0.9) if is_sheet else rng.uniform(0.8 if choices.framing == FAR else 0.5, 1.08)
        view = sampled_view(rng, frame, frame, cover=cover)
        image = laid(rng, image, view, in_room=bool(rng.random() < (0.45 if is_sheet else 0.1)))
    labels = [label for label in (_labeled(label, view, moved=laid_out) for label in drawn) if label is not None]
    boxes = [label.box for label in labels]
    if laid_out and rng.random() < 0.15:
        image = cluttered(rng, image, boxes)
    if laid_out and rng.random() < 0.2:
        image = held(rng, image, boxes)
    for _ in range(int(rng.integers(1, 3)) if is_sheet and rng.random() < 0.4 else 0):
        image = held(rng, image, boxes, view)
    if choices.medium.ground != "screen" or is_sheet:
        image = exposed(rng, lit(rng, image, rng.random()))
    rgb = grain_and_jpeg(rng, image, screen=choices.medium.ground == "screen" and not is_sheet)
    return Sample(rgb, tuple(labels), choices.medium.name, choices.paper, seed)


def shows_nothing(seed: int, *, split: Split = "train") -> bool:
    """Whether the image that belongs to a seed is meant to be without a figure; known without drawing it."""
    rng = np.random.default_rng([seed, 0 if split == "train" else 1])
    return _choices(rng, held_out=split == "heldout").framing == NOTHING


def _choices(rng: np.random.Generator, *, held_out: bool) -> _Choices:
    medium = mediums.common_medium(rng)
    if held_out and rng.random() < 0.3:
        medium = list(mediums.HELD_OUT.values())[rng.integers(len(mediums.HELD_OUT))]
    elif not held_out and rng.random() < LINE_ART_SHARE:
        medium = mediums.LINE_ART
    grounds = papers.PAPERS[medium.ground]
    if held_out and medium.ground == "paper" and rng.random() < 0.4:
        grounds = papers.HELD_OUT
    paper = "white" if "white" in grounds and rng.random() < 0.45 else list(grounds)[rng.integers(len(grounds))]
    draw = rng.random()
    framing = NOTHING if draw < 0.08 else CLOSE if draw < 0.5 else PAGE if draw < 0.72 else FAR if draw < 0.82 else SHEET
    return _Choices(medium, paper, grounds[paper], framing, held_out)


def _figures(rng: np.random.Generator, hand: Hand, choices: _Choices) -> list[DrawnFigure]:
    """The figures of the page, in figure units."""
    if choices.framing == NOTHING:
        return []
    count = int(rng.integers(2, 6)) if choices.framing in (PAGE, FAR) and rng.random() < 0.3 else 1
    filled = choices.medium.filled if rng.random() < 0.7 else 0.0
    inks = choices.medium.colors if filled > 0.3 and rng.random() < 0.3 else ()
    flat = choices.medium.name == "vector" and rng.random() < 0.35
    figures = []
    for _ in range(count):
        styles = HELD_OUT_STYLES if choices.held_out and rng.random() < 0.4 else STYLES
        style, rare_poses = styles[rng.integers(len(styles))], 0.0
        if not choices.held_out:
            if choices.medium is mediums.LINE_ART and rng.random() < PEOPLE_IN_LINE_ART:
                style = PEOPLE[rng.integers(len(PEOPLE))]
            style = MIXED if rng.random() < MIXED_SHARE else style
            rare_poses = RARE_POSE_SHARE_IF_MIXED if style == MIXED else RARE_POSE_SHARE
        figure = drawn_person(rng, hand, style, filled=filled, inks=inks, flat=flat, rare_poses=rare_poses)
        if not choices.held_out:
            figure = with_distractors(hand, with_head_variant(hand, with_outfit(hand, figure)), filled)
        figures.append(tilted(rng, figure))
    return figures


def _frame_shape(rng: np.random.Generator, figures: list[DrawnFigure], framing: str, size: int) -> tuple[int, int]:
    """Height and width of the image: about the figure's own where that fills it."""
    if framing == CLOSE or (framing == SHEET and rng.random() < 0.6):
        left, top, right, bottom = figures[0].bounds()
        aspect = float(np.clip((right - left) / (bottom - top) * rng.uniform(0.85, 1.3), 0.42, 1.7))
    else:
        aspect = rng.uniform(0.62, 1.0) if rng.random() < 0.7 else rng.uniform(1.0, 1.6)
    return (size, round(size * aspect)) if aspect <= 1 else (round(size / aspect), size)


def _drawn_page(canvas: Canvas, rng: np.random.Generator, hand: Hand, figures: list[DrawnFigure], choices: _Choices) -> list[DrawnLabel]:
    height, width = canvas.owned.shape
    boxes = _boxes(rng, len(figures), height, width, choices.framing)
    placed = [fitted(figure, box) for figure, box in zip(figures, boxes, strict=True)]
    mean_height = float(np.mean([tall for _, tall in placed])) if placed else height * rng.uniform(0.3, 0.9)
    pen = page_pen(canvas, rng, choices.medium, mean_height)
    is_screen = choices.medium.ground == "screen"
    if is_screen and rng.random() < 0.08:
        draw_toolbar(canvas, rng)
    elif is_screen and rng.random() < 0.1:
        draw_checkers(canvas, rng)
    elif rng.random() < (0.16 if is_screen else 0.1):
        draw_backdrop(canvas, rng, hand, pen)
        pen = page_pen(canvas, rng, choices.medium, mean_height)
    elif rng.random() < (0.12 if choices.framing == CLOSE else 0.3):
        draw_ground(canvas, rng, hand, pen)
    taken = [figure.bounds() for figure, _ in placed]
    if choices.framing == NOTHING:
        count, sizes = (1, (0.6, 1.1)) if rng.random() < 0.45 else (int(rng.integers(0, 6)), (0.12, 0.5))
    else:
        count = int(rng.integers(0, 6)) if choices.framing != CLOSE and rng.random() < 0.75 else int(rng.random() < 0.25)
        sizes = (0.08, 0.42)
    draw_things(canvas, hand, pen, count, taken=[] if rng.random() < 0.12 else taken, sizes=sizes)
    fills: tuple[str, ...] = (choices.medium.fills[rng.integers(len(choices.medium.fills))],)
    if not choices.held_out and rng.random() < MIXED_FILLS:
        fills = (*choices.medium.fills, "hatch", "scribble")
    if rng.random() < (0.4 if is_screen else 0.12):
        angle = rng.uniform(0, 2 * np.pi)
        canvas.shading = Shading(rng.uniform(0.1, 0.4), (float(np.cos(angle)), float(np.sin(angle))), soft=bool(rng.random() < 0.5))
    opaque = bool(rng.random() < (0.97 if choices.medium.name in mediums.STEADY else 0.8))
    labels: list[DrawnLabel] = []
    # a contour wipes what is inside, so that it must be opaque
    line_style = None if choices.held_out else sampled_line_style(rng)
    for figure, _ in placed:
        drawn = figure if choices.held_out else with_line_style(rng, line_style, figure, pen)
        label = draw_figure(canvas, drawn, pen, opaque=opaque or line_style is contour, fills=fills)
        labels = [*(_behind(earlier, label) for earlier in labels), label]
    return labels


def _behind(label: DrawnLabel, later: DrawnLabel) -> DrawnLabel:
    """A figure's label after another one was drawn over it."""
    joints = label.joints.copy()
    height, width = later.owned.shape
    columns, rows = joints[:, :2].round().astype(int).T
    is_inside = (rows >= 0) & (columns >= 0) & (rows < height) & (columns < width)
    is_covered = is_inside & (later.owned[rows.clip(0, height - 1), columns.clip(0, width - 1)] > 0) & (joints[:, 2] == VISIBLE)
    joints[is_covered, 2] = GUESSED
    return replace(label, owned=label.owned & ~later.owned, parts=np.where(later.owned > 0, 0, label.parts), joints=joints)


def _boxes(rng: np.random.Generator, count: int, height: int, width: int, framing: str) -> list[Box]:
    """Where figures go: next to each other if there are several; beyond the border if the image shall crop them."""
    if count == 0:
        return []
    if count > 1:
        wide = width / count
        scales = rng.uniform(0.5, 0.95, count) * (1 if framing == PAGE else 0.6)
        tops = rng.uniform(0.02, 0.98, count) * height * (1 - scales)
        gap = wide * (0.06 if rng.random() < 0.75 else -0.08)
        return [(i * wide + gap, tops[i], (i + 1) * wide - gap, tops[i] + height * scales[i]) for i in range(count)]
    low, high = {CLOSE: (0.8, 1.0), PAGE: (0.35, 0.85), FAR: (0.15, 0.4), SHEET: (0.55, 0.95)}[framing]
    share = rng.uniform(low, high)
    if framing == CLOSE and rng.random() < 0.08:
        share = rng.uniform(1.02, 1.25)
    corner = np.array([width, height]) * (1 - share) * (rng.uniform(0, 1, 2) if framing != CLOSE else rng.uniform(0.2, 0.8, 2))
    return [(corner[0], corner[1], corner[0] + width * share, corner[1] + height * share)]


def _labeled(drawn: DrawnLabel, view: View, *, moved: bool) -> LabeledFigure | None:
    """A page's label in the image; None if hardly anything of the figure is in it."""
    parts = with_rim(drawn.parts)
    parts = view.parts(parts) if moved else parts
    mask = parts > 0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) < 6 or len(columns) < 4:
        return None
    height, width = mask.shape
    keypoints = drawn.joints.astype(np.float32)
    keypoints[:, :2] = view.moved(drawn.joints[:, :2]) if moved else drawn.joints[:, :2]
    outside = (keypoints[:, 0] < 0) | (keypoints[:, 1] < 0) | (keypoints[:, 0] > width - 1) | (keypoints[:, 1] > height - 1)
    keypoints[outside | (keypoints[:, 2] == 0)] = 0
    if (keypoints[FIRST_BODY_KEYPOINT:, 2] > 0).sum() < 5:
        return None
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return LabeledFigure(box, keypoints, mask, parts, drawn.style)

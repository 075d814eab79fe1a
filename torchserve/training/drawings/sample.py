"""One synthetic photograph with exact labels, from a seed: `drawn_sample`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from drawings import mediums, papers
from drawings.canvas import Canvas
from drawings.figures.hand import Hand
from drawings.figures.marks import DrawnFigure, Points
from drawings.figures.person import STYLES, drawn_person
from drawings.photographs import grain_and_jpeg, lit

Split = Literal["train", "heldout"]


@dataclass(frozen=True)
class LabelledFigure:
    """A figure in the picture, in picture pixels (pixel centres at whole coordinates).

    Attributes:
        box: left, top, right, bottom: the mask's bounds, right and bottom exclusive.
        keypoints: `(17, 3)` float32, COCO order, x, y, visibility: 0 absent or outside, 1 guessed, 2 visible. Left and right are the figure's own.
        mask: `(H, W)` bool: all of the figure, interior filled, a pixel generous.
        style: what kind of figure.
    """

    box: tuple[float, float, float, float]
    keypoints: NDArray[np.float32]
    mask: NDArray[np.bool_]
    style: str


@dataclass(frozen=True)
class Sample:
    """A synthetic photograph.

    Attributes:
        rgb: `(H, W, 3)` uint8; its longer side is the size asked for.
        figures: none on pictures that shall show that there is nothing.
    """

    rgb: NDArray[np.uint8]
    figures: tuple[LabelledFigure, ...]
    medium: str
    paper: str
    seed: int

    @property
    def style(self) -> str:
        """The first figure's style, or "none"."""
        return self.figures[0].style if self.figures else "none"


def drawn_sample(seed: int, *, size: int = 384, split: Split = "train") -> Sample:
    """The picture that belongs to a seed, its longer side `size` pixels. The splits never share a picture; "heldout" also has
    styles, mediums and papers that "train" hasn't. Same arguments, same picture.
    """
    rng = np.random.default_rng([seed, 0 if split == "train" else 1])
    aspect = rng.uniform(0.6, 1.0)
    height, width = (size, round(size * aspect)) if rng.random() < 0.7 else (round(size * aspect), size)
    names = list(mediums.MEDIUMS)
    medium = mediums.MEDIUMS[names[rng.integers(len(names))]]
    grounds = papers.PAPERS[medium.ground]
    paper = list(grounds)[rng.integers(len(grounds))]
    canvas = Canvas(papers.clean(grounds[paper](rng, height, width)), rng)
    labelled = []
    if rng.random() > 0.08:
        style = STYLES[rng.integers(len(STYLES))]
        figure = drawn_person(rng, Hand.sampled(rng), style, filled=medium.filled)
        share = rng.uniform(0.4, 1.0)
        placed, scale = _placed(rng, figure, height, width, share)
        pen = mediums.sampled_pen(rng, medium, scale)
        fill_kind = medium.fills[rng.integers(len(medium.fills))]
        opaque = rng.random() < 0.8
        for mark in placed.marks:
            canvas.draw(mark, pen, opaque=opaque, fill_kind=fill_kind)
        label = _label(placed, canvas.owned)
        if label is not None:
            labelled.append(label)
    picture = canvas.picture
    if medium.ground != "screen":
        picture = lit(rng, picture, rng.uniform(0, 1))
    return Sample(grain_and_jpeg(rng, picture, screen=medium.ground == "screen"), tuple(labelled), medium.name, paper, seed)


def _placed(rng: np.random.Generator, figure: DrawnFigure, height: int, width: int, share: float) -> tuple[DrawnFigure, float]:
    """The figure in pixels: tilted, sized so that it takes up a share of the picture, and put somewhere."""
    angle = np.radians(rng.normal(0, 5))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * (1, rng.uniform(0.9, 1.1))
    turned = figure.moved(lambda shape: shape @ turn)
    left, top, right, bottom = turned.bounds()
    scale = share * min(width / (right - left), height / (bottom - top)) * 0.97
    room = np.array([width - scale * (right - left), height - scale * (bottom - top)])
    corner = room * rng.uniform(0.02, 0.98, 2)

    def move(shape: Points) -> Points:
        return (shape - (left, top)) * scale + corner

    return turned.moved(move), scale * (bottom - top)


def _label(figure: DrawnFigure, owned: NDArray[np.uint8]) -> LabelledFigure | None:
    mask = cv2.dilate(owned, np.ones((3, 3), np.uint8)) > 0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    height, width = mask.shape
    keypoints = figure.joints.astype(np.float32)
    outside = (keypoints[:, 0] < 0) | (keypoints[:, 1] < 0) | (keypoints[:, 0] > width - 1) | (keypoints[:, 1] > height - 1)
    keypoints[outside] = 0
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return LabelledFigure(box, keypoints, mask, figure.style)

"""A contact sheet of synthetic drawings with their boxes, joints and masks: to judge by eye whether they look real.

`python torchserve/training/drawings/contact_sheet.py OUT.png --first 0 --count 24 [--split heldout] [--bare]`
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from drawings.sample import Sample, drawn_sample
from pipeline.types.keypoints import FIRST_BODY_KEYPOINT, NOSE, SKELETON

PART_COLORS = np.array(
    [(0, 0, 0), (255, 220, 120), (150, 90, 30), (120, 190, 255), (0, 120, 0), (0, 180, 60), (120, 255, 120), (0, 90, 110), (0, 150, 150),
     (120, 230, 230), (150, 0, 0), (220, 60, 60), (255, 160, 160), (120, 0, 120), (180, 60, 200), (240, 170, 255),
     (255, 255, 0), (70, 70, 70)],
    float,
)  # fmt: skip
"""By `BodyPart`: the figure's right in green and teal, its left in red and violet, upper halves darker."""
LEFT, RIGHT, MIDDLE = (230, 40, 40), (20, 160, 60), (200, 40, 220)


def annotated(sample: Sample) -> NDArray[np.uint8]:
    """The image with masks tinted by body part, boxes, and joints: left red, right green, face magenta; guessed ones hollow."""
    image = sample.rgb.copy()
    for figure in sample.figures:
        tint = PART_COLORS[figure.parts][figure.mask]
        image[figure.mask] = (image[figure.mask] * 0.5 + tint * 0.5).astype(np.uint8)
        left, top, right, bottom = (int(side) for side in figure.box)
        cv2.rectangle(image, (left, top), (right - 1, bottom - 1), (255, 160, 0), 1)
        spots = np.round(figure.keypoints[:, :2]).astype(int).tolist()
        seen = figure.keypoints[:, 2]
        for one, other in SKELETON:
            if seen[one] and seen[other]:
                cv2.line(
                    image,
                    spots[one],
                    spots[other],
                    LEFT if one % 2 and other % 2 else RIGHT if not (one % 2 or other % 2) else MIDDLE,
                    1,
                    cv2.LINE_AA,
                )
        for index, spot in enumerate(spots):
            if seen[index]:
                color = MIDDLE if index == NOSE else LEFT if index % 2 else RIGHT
                radius = 3 if index == NOSE or index >= FIRST_BODY_KEYPOINT else 1
                cv2.circle(image, spot, radius, color, -1 if seen[index] == 2 else 1, cv2.LINE_AA)
    return image


def sheet(samples: list[Sample], *, bare: bool, cell: int, columns: int) -> NDArray[np.uint8]:
    """All samples in a grid of square cells."""
    rows = -(-len(samples) // columns)
    page = np.full((rows * cell, columns * cell, 3), 110, np.uint8)
    for index, sample in enumerate(samples):
        image = sample.rgb if bare else annotated(sample)
        scale = (cell - 4) / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = index // columns * cell, index % columns * cell
        page[top : top + small.shape[0], left : left + small.shape[1]] = small
        caption = f"{sample.seed} {sample.style} {sample.medium} {sample.paper}"
        cv2.putText(page, caption, (left + 3, top + cell - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.33, (255, 255, 0), 1, cv2.LINE_AA)
    return page


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--split", choices=("train", "heldout"), default="train")
    parser.add_argument("--bare", action="store_true", help="without labels")
    parser.add_argument("--cell", type=int, default=256)
    parser.add_argument("--columns", type=int, default=6)
    chosen = parser.parse_args()
    samples = [drawn_sample(seed, split=chosen.split) for seed in range(chosen.first, chosen.first + chosen.count)]
    page = sheet(samples, bare=chosen.bare, cell=chosen.cell, columns=chosen.columns)
    cv2.imwrite(str(chosen.out), page[:, :, ::-1])


if __name__ == "__main__":
    main()

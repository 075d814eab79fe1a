"""Makes the sample photographs beside it, with the generator that our networks learn from: `python etc/drawings/draw_samples.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "torchserve" / "training"))

from drawings.sample import drawn_sample  # noqa: E402 - found through the path above

SAMPLES = {"crayon_on_ruled_paper": 910045, "mouse_monster": 910033, "green_crayon": 910074}
"""Seeds that the networks don't learn from."""

LONGER_SIDE_PX = 1000


def main() -> None:
    for name, seed in SAMPLES.items():
        image = drawn_sample(seed, size=LONGER_SIDE_PX, split="train").rgb
        cv2.imwrite(str(HERE / f"{name}.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()

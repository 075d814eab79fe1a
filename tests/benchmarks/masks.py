"""How well figures are cut out of good and bad photographs, compared with the original's method. Prints a table:

    ANIMATED_DRAWINGS_ROOT=... python tests/benchmarks/masks.py [folder for overlays]

IoU with the original's masks of char1 to char4, which are right by eye; as it is, and made worse.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import numpy as np

from pipeline.stages.segment import mask_by_ink
from tests.benchmarks import worse_drawings as worse


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def overlay(rgb: np.ndarray, mask: np.ndarray, expected: np.ndarray) -> np.ndarray:
    image = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    image[~mask] = (image[~mask] * 0.6 + np.array([180, 120, 60]) * 0.4).astype(np.uint8)
    for shape, color in ((expected, (0, 200, 0)), (mask, (0, 0, 255))):
        outline, _ = cv2.findContours(shape.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, outline, -1, color, 1)
    return image


def main() -> None:
    root = worse.drawings_root()
    if root is None:
        print("set ANIMATED_DRAWINGS_ROOT to the folder with AnimatedDrawings' examples: there is nothing to measure without them")
        return
    cv2.setNumThreads(1)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    print(f"{'':16}" + "".join(f"{name:>16}" for name in worse.NAMES) + f"{'mean':>16}      ms")
    for worsening in worse.WORSENINGS:
        ours, theirs, times = [], [], []
        for name in worse.NAMES:
            rgb, expected = worsening(*worse.crop_and_mask(root, name))
            start = time.process_time()
            mask = mask_by_ink(rgb)
            times.append(time.process_time() - start)
            ours.append(iou(mask, expected))
            theirs.append(iou(worse.threshold_and_flood_mask(rgb), expected))
            if folder is not None:
                cv2.imwrite(str(folder / f"{worsening.__name__}_{name}.png"), overlay(rgb, mask, expected))
        cells = "".join(f"   {a:.3f} ({b:.3f})" for a, b in zip(ours, theirs, strict=True))
        print(f"{worsening.__name__:16}{cells}   {np.mean(ours):.3f} ({np.mean(theirs):.3f})  {1e3 * np.median(times):6.0f}")
    print("ours (the original's); ms of processor time: median of the four")


if __name__ == "__main__":
    main()

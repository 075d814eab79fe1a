"""What the analysis of a drawing costs, stage by stage, from the file to the character. Prints a table for each image:

    python tests/benchmarks/analysis.py [--against CHECKOUT] [--runs 15] [IMAGE ...]

`--against` names another checkout, such as a `git worktree` of an earlier commit: both analyze the same image in turns, so that a busy
machine disturbs both alike. Each checkout has a process of its own, whose first run is not counted. Milliseconds, medians: of processor
time, which is what to compare on a busy machine, and of wall time. Without images, a sample drawing and a photograph of 12 megapixels
that is made of it are measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "etc" / "drawings" / "green_crayon.jpg"
STAGES = ("decode", "detect", "pose", "segment", "rig", "total")
ANALYZE = "--analyze"

Costs = dict[str, tuple[float, float]]
"""Seconds of processor time and of wall time by stage."""


class CostStopwatch:
    """A stopwatch (`pipeline.ports.Stopwatch`) that adds up processor time and wall time."""

    def __init__(self) -> None:
        self.costs: Costs = {}

    @contextmanager
    def lap(self, stage: str) -> Iterator[None]:
        began = (time.process_time(), time.perf_counter())
        try:
            yield
        finally:
            so_far = self.costs.get(stage, (0.0, 0.0))
            self.costs[stage] = (so_far[0] + time.process_time() - began[0], so_far[1] + time.perf_counter() - began[1])


def analyze() -> None:
    """Analyze each image named on standard input, and print its costs."""
    from pipeline.adapters.embedded import EmbeddedPredictor
    from pipeline.adapters.reading.image_reader import read_drawing
    from pipeline.annotate import annotate

    predictor = EmbeddedPredictor()
    for line in sys.stdin:
        stopwatch = CostStopwatch()
        with stopwatch.lap("total"):
            with stopwatch.lap("decode"):
                drawing = read_drawing(Path(line.rstrip("\n")))
            annotate(drawing, predictor, stopwatch=stopwatch)
        print(json.dumps(stopwatch.costs), flush=True)


class Checkout:
    """A process that analyzes images with the code of a checkout."""

    def __init__(self, root: Path) -> None:
        environ = {**os.environ, "PYTHONPATH": str(root)}
        command = [sys.executable, str(Path(__file__).resolve()), ANALYZE]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)

    def costs(self, image: Path) -> Costs:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(image, file=self._process.stdin, flush=True)
        answer: Costs = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def photograph_of(sample: Path, folder: Path) -> Path:
    """The sample as a phone photographs it: 12 megapixels, noise, stored sideways with an EXIF orientation."""
    import cv2
    import numpy as np
    from PIL import Image

    drawing = np.asarray(Image.open(sample).convert("RGB"))
    large = cv2.resize(drawing, None, fx=3024 / drawing.shape[1], fy=3024 / drawing.shape[1], interpolation=cv2.INTER_CUBIC)
    rows = 4032 - large.shape[0]
    large = cv2.copyMakeBorder(large, rows // 2, rows - rows // 2, 0, 0, cv2.BORDER_REFLECT)
    noisy = np.clip(large + np.random.default_rng(0).normal(0, 4, large.shape), 0, 255).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = folder / "photograph_of_12_megapixels.jpg"
    Image.fromarray(np.rot90(noisy)).save(path, quality=90, exif=exif)
    return path


def medians(runs: list[Costs], stage: str) -> tuple[float, float]:
    """Milliseconds of processor time and of wall time."""
    return (
        1e3 * statistics.median(run.get(stage, (0.0, 0.0))[0] for run in runs),
        1e3 * statistics.median(run.get(stage, (0.0, 0.0))[1] for run in runs),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, nargs="*", metavar="IMAGE")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    roots = [root for root in (options.against, REPOSITORY) if root is not None]
    checkouts = [Checkout(root) for root in roots]
    with tempfile.TemporaryDirectory(prefix="doodled-analysis-") as folder:
        for image in options.images or [SAMPLE, photograph_of(SAMPLE, Path(folder))]:
            runs: list[list[Costs]] = [[] for _ in checkouts]
            for _ in range(options.runs + 1):
                for of_one, checkout in zip(runs, checkouts, strict=True):
                    of_one.append(checkout.costs(image))
            print(f"{image.name:36}" + "".join(f"{title:>16}" for title in ("before", "now")[-len(roots) :]) + "    processor (wall), ms")
            for stage in STAGES:
                cells = [medians(of_one[1:], stage) for of_one in runs]
                print(f"  {stage:34}" + "".join(f"{cpu:8.0f} ({wall:5.0f})" for cpu, wall in cells), flush=True)
    for checkout in checkouts:
        checkout.close()


if __name__ == "__main__":
    if sys.argv[1:] == [ANALYZE]:
        analyze()
    else:
        main()

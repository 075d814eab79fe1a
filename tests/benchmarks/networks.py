"""The models in this process compared with the same models on a TorchServe with one worker each. Prints a table:

    python tests/benchmarks/networks.py [--torchserve-python VENV/bin/python] [--drawings 40]

One request is what a drawing needs: its figures, and the joints of the best one. `concurrency` callers ask at the same time, each the next
one as soon as it has its answer. Memory is the proportional share (PSS) of everything that answers, the callers' images not counted:
this process's growth, or Java and its workers.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import numpy as np

from pipeline.adapters.embedded import EmbeddedPredictor
from pipeline.adapters.reading.image_reader import read_drawing
from pipeline.adapters.torchserve.predictor import TorchServePredictor
from pipeline.ports import Predictor
from pipeline.types import Bytes
from tests.integration.real_torchserve import RealTorchServe

DRAWINGS = sorted((Path(__file__).parents[2] / "etc" / "drawings").glob("*.jpg"))
CONCURRENCY = (1, 2, 4, 8)
PROFILES = {"latency": "config.local.properties", "throughput": "config.throughput.properties"}
LONGEST_SIDE_PX = 1000


@dataclass(frozen=True)
class Outcome:
    """Measurements of one configuration at one concurrency."""

    latencies_ms: np.ndarray
    wall_s: float
    memory_mb: float

    def row(self, name: str, concurrency: int) -> str:
        p50, p95, p99 = np.percentile(self.latencies_ms, [50, 95, 99])
        rate = len(self.latencies_ms) / self.wall_s
        return f"{name:24} {concurrency:11d} {p50:8.0f} {p95:8.0f} {p99:8.0f} {rate:8.1f} {self.memory_mb:10.0f}"


def images() -> list[Bytes]:
    found = []
    for path in DRAWINGS:
        rgb = read_drawing(path).rgb
        scale = min(1.0, LONGEST_SIDE_PX / max(rgb.shape[:2]))
        found.append(np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8))
    return found


def one_drawing(predictor: Predictor, rgb: Bytes) -> float:
    """Median latency, ms."""
    began_s = time.perf_counter()
    box = predictor.detections(rgb)[0].box
    top, left = max(int(box.top), 0), max(int(box.left), 0)
    predictor.pose(np.ascontiguousarray(rgb[top : int(box.bottom) + 1, left : int(box.right) + 1]))
    return (time.perf_counter() - began_s) * 1e3


def measured(predictor: Predictor, concurrency: int, count: int, memory_mb: Callable[[], float]) -> Outcome:
    """Measure `count` drawings, after a few to warm up."""
    for rgb in images():
        one_drawing(predictor, rgb)
    work = list(islice(cycle(images()), count))
    with ThreadPoolExecutor(concurrency) as callers:
        began_s = time.perf_counter()
        latencies = list(callers.map(lambda rgb: one_drawing(predictor, rgb), work))
        wall_s = time.perf_counter() - began_s
    return Outcome(np.array(latencies), wall_s, memory_mb())


def pss_mb(*pids: int) -> float:
    total_kb = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        total_kb += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total_kb / 1024.0


@contextmanager
def served(python: Path, profile: str) -> Iterator[tuple[Predictor, Callable[[], float]]]:
    with tempfile.TemporaryDirectory() as folder:
        server = RealTorchServe(python, Path(folder), profile=profile, has_networks=True)
        try:
            server.start()
            predictor = TorchServePredictor(server.settings)
            yield predictor, lambda: pss_mb(server.pid, *server.workers())
            predictor.close()
            server.stop()
        finally:
            server.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torchserve-python", type=Path, default=os.environ.get("DOODLED_TORCHSERVE_PYTHON"))
    parser.add_argument("--drawings", type=int, default=40)
    arguments = parser.parse_args()
    print(f"{'networks':24} {'concurrency':>11} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'per s':>8} {'memory MB':>10}")
    before_mb = pss_mb(os.getpid())
    embedded = EmbeddedPredictor()
    for concurrency in CONCURRENCY:
        outcome = measured(embedded, concurrency, arguments.drawings, lambda: pss_mb(os.getpid()) - before_mb)
        print(outcome.row("embedded", concurrency), flush=True)
    if arguments.torchserve_python is None:
        print("TorchServe: not measured; --torchserve-python names no environment with it")
        return
    for name, profile in PROFILES.items():
        with served(Path(arguments.torchserve_python), profile) as (predictor, memory_mb):
            for concurrency in CONCURRENCY:
                outcome = measured(predictor, concurrency, arguments.drawings, memory_mb)
                print(outcome.row(f"TorchServe, {name}", concurrency), flush=True)


if __name__ == "__main__":
    main()

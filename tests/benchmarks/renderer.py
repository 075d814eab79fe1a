"""Cost of a frame by pixel layout, size and kind of context, for a synthetic figure of about 1200 triangles.

    python tests/benchmarks/renderer.py [--frames 339] [--repeats 5] [--triangles 1200] [--kind egl-surfaceless]

Prints seconds for the whole clip, drawing and reading back included, context and uploads not: the median wall time, the
fastest, and the processor time of the median run over all threads. Each kind runs in a process of its own, because PyOpenGL
serves one OpenGL library per process.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from pipeline.adapters.opengl.contexts import ContextKind  # noqa: E402  (a script: the checkout comes first)
from pipeline.adapters.opengl.renderer import GLRenderer  # noqa: E402
from pipeline.errors import RenderUnavailable  # noqa: E402
from pipeline.types import Canvas, Layer, PixelLayout, Sprite  # noqa: E402

SIZES = ((300, 300), (500, 500), (1280, 720))
MARGIN_PX = 4


def figure(triangle_count: int, texels: int = 600) -> tuple[Sprite, np.ndarray, np.ndarray]:
    """A star with a soft outline: its sprite, the mesh in -1..1 around its middle, and the triangles."""
    side = int(np.sqrt(triangle_count / 2 / 0.38)) + 1
    steps = np.linspace(-1, 1, side + 1)
    x, y = np.meshgrid(steps, steps)
    vertices = np.stack([x, y], axis=-1).reshape(-1, 2)
    number = np.arange((side + 1) ** 2, dtype=np.int32).reshape(side + 1, side + 1)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]
    triangles = np.concatenate([np.stack(corners, axis=-1).reshape(-1, 3) for corners in ((a, b, c), (a, c, d))])
    middle = vertices[triangles].mean(axis=1)
    triangles = np.ascontiguousarray(triangles[np.hypot(*middle.T) < star(middle) + 0.05])

    pixels = (np.arange(texels) + 0.5) / texels * 2 - 1
    place = np.stack(np.meshgrid(pixels, -pixels), axis=-1)
    inside = (star(place) - np.hypot(place[..., 0], place[..., 1])) * texels / 2 / MARGIN_PX
    rng = np.random.default_rng(0)
    rgba = np.full((texels, texels, 4), 200, np.uint8)
    rgba[..., :3] = (128 + 100 * np.sin(place[..., :1] * (7, 11, 13)) + rng.integers(0, 20, (texels, texels, 3))).astype(np.uint8)
    rgba[..., 3] = np.clip(inside * 255, 0, 255).astype(np.uint8)
    uv = np.stack([(vertices[:, 0] + 1) / 2, (1 - vertices[:, 1]) / 2], axis=-1).astype(np.float32)
    return Sprite(rgba, uv), vertices, triangles


def star(place: np.ndarray) -> np.ndarray:
    """How far the outline is from the middle, in the direction of each place."""
    return 0.6 + 0.25 * np.cos(5 * np.arctan2(place[..., 0], place[..., 1]))


def poses(vertices: np.ndarray, frames: int) -> np.ndarray:
    """The figure swaying across the image: (T, V, 2) float32, world."""
    phase = np.arange(frames)[:, None] * 0.1
    x, y = vertices.T
    bent = x + 0.25 * np.sin(phase + 1.5 * y), y + 0.1 * np.sin(1.3 * phase + 2 * x)
    return (np.stack(bent, axis=-1) * 0.55).astype(np.float32)


def seconds(stage: Any, layers: Sequence[Layer]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    for number, layer in enumerate(layers):
        stage.draw([layer], [], Fraction(number, 30))
    return time.perf_counter() - wall, time.process_time() - processor


def measure(kind: ContextKind, frames: int, repeats: int, triangle_count: int) -> None:
    sprite, vertices, triangles = figure(triangle_count)
    layers = [Layer(pose, 0.0, triangles) for pose in poses(vertices, frames)]
    began = time.perf_counter()
    with GLRenderer.open(kind) as renderer:
        print(f"\n{renderer.name}: open in {(time.perf_counter() - began) * 1000:.0f} ms, {len(triangles)} triangles, {frames} frames")
        print(f"{'layout':<10}{'size':>12}{'median s':>10}{'best s':>9}{'cpu s':>8}{'ms/frame':>10}")
        for width, height in SIZES:
            projection = np.diag(np.array([height / width, 1, -0.1, 1], np.float32))
            canvas = Canvas(width, height, (1.0, 1.0, 1.0, 0.0), None, projection)
            for layout in PixelLayout:
                with renderer.open_scene(canvas, [sprite], layout=layout) as stage:
                    seconds(stage, layers[:10])
                    runs = sorted(seconds(stage, layers) for _ in range(repeats))
                wall = statistics.median(run[0] for run in runs)
                best, processor = runs[0][0], statistics.median(run[1] for run in runs)
                print(
                    f"{layout:<10}{f'{width} x {height}':>12}{wall:>10.3f}{best:>9.3f}{processor:>8.3f}{wall / frames * 1000:>10.2f}",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description="What a frame costs to draw and read back.")
    parser.add_argument("--frames", type=int, default=339)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--triangles", type=int, default=1200)
    parser.add_argument("--kind", type=ContextKind, choices=list(ContextKind), help="only this kind of context")
    chosen = parser.parse_args()
    if chosen.kind is not None:
        try:
            measure(chosen.kind, chosen.frames, chosen.repeats, chosen.triangles)
        except RenderUnavailable as refusal:
            print(f"\n{chosen.kind}: {refusal.tried[chosen.kind]}")
        return
    for kind in ContextKind:
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--kind", kind], check=True)


if __name__ == "__main__":
    main()

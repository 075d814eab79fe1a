"""What a graphics card gains: frames a second through EGL, whether they look like Mesa's, and the latency of the models in batches.

    python tests/benchmarks/gpu.py [--repeat 5] [--size 500]

One call measures everything that the machine can do. Without a card it prints that in its first line, measures software rendering, compares
Mesa's two ways of rendering with each other, and ends with 0; it ends with 1 only if two renderers draw different images. The models run on
ONNX Runtime (`onnxruntime-gpu` for the card) as TorchServe's handlers run them, and, where PyTorch is installed, as PyTorch modules of the
same shape, without training. Each measurement has a process of its own: OpenGL and CUDA can be chosen only once in a process.

Times are of the fastest half of the runs, because a shared machine disturbs the others.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "torchserve" / "training")]

CHARACTER, MOTION = REPOSITORY / "etc/characters/crayon_girl", "dance"
KEPT = 5
"""Every fifth frame is compared."""
BATCHES = (1, 4, 8)
FAR = 24
MAX_FAR, MIN_DB = 1e-3, 40.0
"""Frames are the same if not one value in a thousand is off by more than 24 of 255, and by at least 40 dB of PSNR."""
CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--size", type=int, default=500, help="pixels, of a side")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        print(json.dumps(CHILDREN[json.loads(chosen.child)["does"]](chosen, json.loads(chosen.child))))
        return
    is_same = drawing(chosen)
    networks(chosen)
    sys.exit(0 if is_same else 1)


# --- drawing -----------------------------------------------------------------------------------------------------------


def drawing(chosen: argparse.Namespace) -> bool:
    """Print the table of renderers; returns whether all drew the same."""
    from pipeline.adapters.opengl.context_reports import describe_contexts
    from pipeline.adapters.opengl.contexts import ContextKind, is_software

    offered = {each.kind: each for each in describe_contexts(os.environ)}
    card = next((each for each in offered.values() if each.available and not is_software(each.driver)), None)
    print(f"card: {card.driver} ({card.kind}), OpenGL {card.version}" if card else f"no card: {offered[ContextKind.EGL_DEVICE].reason}")
    ways = [*([(card.kind, False)] if card else []), (ContextKind.EGL_SURFACELESS, True), (ContextKind.OSMESA, True)]
    print(f"\n{CHARACTER.name}, {MOTION}, {chosen.size} x {chosen.size}, drawn and read back")
    print(f"{'GL_RENDERER':<58}{'frames':>8}{'ms/frame':>10}{'frames/s':>10}{'of llvmpipe':>13}")
    with tempfile.TemporaryDirectory() as folder:
        drawn = []
        for kind, in_software in ways:
            asked = {"does": "draw", "kind": kind, "software": in_software, "out": f"{folder}/{kind}-{in_software}.npy"}
            answer = child(chosen, asked)
            if "refused" in answer:
                print(f"{kind}: {answer['refused']}")
            else:
                drawn.append(answer | asked)
        llvmpipe = next((each for each in drawn if each["software"]), None)
        for each in drawn:
            times = f"{llvmpipe['frame_ms'] / each['frame_ms']:.1f} x" if llvmpipe else "-"
            name = f"{each['driver']} ({each['kind']})"
            print(f"{name:<58}{each['frames']:>8}{each['frame_ms']:>10.2f}{1000 / each['frame_ms']:>10.0f}{times:>13}")
        others = [each for each in drawn if each is not llvmpipe]
        return llvmpipe is None or all([same_frames(llvmpipe, each) for each in others])  # noqa: C419 - each is printed


def same_frames(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Print how much the frames of two renderers differ; returns whether they are similar enough."""
    a, b = (np.load(each["out"]).astype(np.int16) for each in (one, other))
    apart = np.abs(a - b)
    error = float((apart.astype(np.float64) ** 2).mean())
    psnr_db = 10 * np.log10(255**2 / error) if error else float("inf")
    far = float((apart > FAR).mean())
    is_same = far <= MAX_FAR and psnr_db >= MIN_DB
    verdict = "the same" if is_same else "NOT the same"
    numbers = f"{psnr_db:.1f} dB, at most {apart.max()} of 255 off, {far:.4%} of the values off by more than {FAR}"
    print(f"{one['driver'].split(' ')[0]} ({one['kind']}) and {other['driver'].split(' ')[0]} ({other['kind']}): {verdict}; {numbers}")
    return is_same


def draw(chosen: argparse.Namespace, asked: dict[str, Any]) -> dict[str, Any]:
    """In a child process: draw the clip again and again, and write its frames to a file."""
    from daemon.log.stopwatch import WallStopwatch
    from daemon.options.motions import motion_library
    from daemon.options.scene_builder import RenderRequest, build_plan
    from daemon.options.values import Background, Size
    from pipeline.adapters.opengl.contexts import ContextKind
    from pipeline.adapters.opengl.renderer import GLRenderer
    from pipeline.animate import animate, perform_scene, scene_clock
    from pipeline.errors import RenderUnavailable

    environ = dict(os.environ) | ({"AD_USE_MESA": "1"} if asked["software"] else {})
    size, background = Size(chosen.size, chosen.size), Background.parse("white")
    request = RenderRequest(CHARACTER, Path("frames.mp4"), MOTION, size=size, background=background)
    plan = build_plan(request, environ, motion_library(environ))
    clock = scene_clock(plan.scene, rate=Fraction(25))
    performances = perform_scene(plan.scene, clock, stopwatch=WallStopwatch())
    album, runs = Album(), []
    encoder: Any = album  # of OPAQUE frames only, and its own `open`
    try:
        with GLRenderer.open(ContextKind(asked["kind"]), environ) as renderer:
            for _ in range(chosen.repeat + 1):  # the first warms up
                stopwatch = WallStopwatch()
                album.frames.clear()
                animate(plan.scene, clock, plan.output, renderer=renderer, encoder=encoder, stopwatch=stopwatch, performances=performances)
                runs.append(stopwatch.spent_s["render"] / album.count * 1000)
            driver = renderer.name.rpartition(" (")[0]
    except RenderUnavailable as refusal:
        return {"refused": "; ".join(refusal.tried.values())}
    np.save(asked["out"], np.stack(album.frames))
    return {"driver": driver, "frames": album.count, "frame_ms": of_the_fast_half(runs[1:])}


class Album:
    """An encoder (`pipeline.ports.Encoder`) that keeps the frames unchanged."""

    def __init__(self) -> None:
        from pipeline.types import Format

        self.format = Format.MP4
        self.frames: list[np.ndarray] = []
        self.count = 0

    def layout(self, _: object) -> Any:
        from pipeline.types import PixelLayout

        return PixelLayout.OPAQUE

    @contextmanager
    def open(self, _: object, canvas: Any, *__: object, **___: object) -> Iterator[Album]:
        self.count, self.blank = 0, np.full((canvas.height, canvas.width, 3), 255, np.uint8)
        yield self

    def write(self, frame: Any) -> None:
        if self.count % KEPT == 0:
            whole, (height, width) = self.blank.copy(), frame.pixels.shape[:2]
            whole[frame.top : frame.top + height, frame.left : frame.left + width] = frame.pixels[..., :3]
            self.frames.append(whole)
        self.count += 1

    def finish(self) -> None:
        """Write nothing."""


# --- networks ----------------------------------------------------------------------------------------------------------


def networks(chosen: argparse.Namespace) -> None:
    """Print the table of latencies."""
    print(f"\n{'networks, ms a request':<58}" + "".join(f"{f'batch {size}':>10}" for size in BATCHES) + f"{'times faster':>20}")
    on_cpu: dict[str, list[float]] = {}
    for asked in ({"does": "ask", "provider": CPU}, {"does": "ask", "provider": CUDA}, {"does": "torch"}):
        answer = child(chosen, asked)
        if "refused" in answer:
            print(answer["refused"])
            continue
        for title, times_ms in answer["times_ms"].items():
            before = on_cpu.setdefault(title.partition(":")[0], times_ms)
            gain = "  ".join(f"{slow / fast:.1f}" for slow, fast in zip(before, times_ms, strict=True))
            print(f"{title:<58}" + "".join(f"{each:>10.1f}" for each in times_ms) + f"{gain:>20}")


def ask(chosen: argparse.Namespace, asked: dict[str, Any]) -> dict[str, Any]:
    """In a child process: run both models as TorchServe's handlers do, with everything before and after them."""
    import onnxruntime

    from pipeline.adapters.embedded import EmbeddedPredictor
    from pipeline.adapters.reading.image_reader import read_drawing

    provider = asked["provider"]
    if provider not in onnxruntime.get_available_providers():
        return {"refused": f"{provider}: onnxruntime {onnxruntime.__version__} has none (install onnxruntime-gpu)"}
    predictor = EmbeddedPredictor(threads=len(os.sched_getaffinity(0)), providers=[provider, CPU])
    detector: Any = predictor._detector
    in_use = detector._session.get_providers()[0]  # the only place that shows whether it fell back to the CPU
    if in_use != provider:
        return {"refused": f"{provider}: ONNX Runtime fell back to {in_use}"}
    images = [read_drawing(path).rgb for path in sorted((REPOSITORY / "etc/drawings").glob("*.jpg"))]
    times_ms = {}
    for name, call in (("detector", predictor.detections_in), ("pose estimator", predictor.poses_in)):
        title = f"{name}, images to answers: {provider.removesuffix('ExecutionProvider')}"
        times_ms[title] = [timed(partial(call, (images * size)[:size]), chosen.repeat) / size for size in BATCHES]
    return {"times_ms": times_ms}


def ask_torch(chosen: argparse.Namespace, _: dict[str, Any]) -> dict[str, Any]:
    """In a child process: run networks of the same shape in PyTorch, and nothing else, on the CPU and on the card."""
    try:
        import torch
    except ImportError:
        return {"refused": "PyTorch: not installed"}
    from network import new_network  # of torchserve/training
    from settings import configuration

    tables, times_ms = configuration(), {}
    devices = {"cpu": f"PyTorch {torch.__version__}, CPU"}
    if torch.cuda.is_available():
        devices["cuda"] = torch.cuda.get_device_name()
    with torch.inference_mode():
        for name in ("detector", "pose"):
            table = tables[name]
            for device, title in devices.items():
                network = new_network(name, table).eval().to(device)

                def work(size: int, network: Any = network, table: dict[str, Any] = table, device: str = device) -> None:
                    pixels = torch.zeros((size, 3, table["side"], table["side"]), device=device)
                    network(pixels)[0].cpu()  # waits for the card

                times_ms[f"{name} alone: {title}"] = [timed(partial(work, size), chosen.repeat) / size for size in BATCHES]
    return {"times_ms": times_ms}


# --- both --------------------------------------------------------------------------------------------------------------


def timed(work: Callable[[], object], repeat: int) -> float:
    """Milliseconds; the first run warms up."""
    work()
    runs = []
    for _ in range(repeat):
        began = time.perf_counter()
        work()
        runs.append((time.perf_counter() - began) * 1000)
    return of_the_fast_half(runs)


def of_the_fast_half(times: list[float]) -> float:
    return statistics.mean(sorted(times)[: (len(times) + 1) // 2])


def child(chosen: argparse.Namespace, asked: dict[str, Any]) -> dict[str, Any]:
    """The output of a separate process: if a driver crashes it, this process continues."""
    command = [sys.executable, __file__, "--repeat", str(chosen.repeat), "--size", str(chosen.size), "--child", json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return {"refused": f"{asked}: ended with {done.returncode}: {done.stderr.strip().rpartition(chr(10))[2]}"}
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


CHILDREN = {"draw": draw, "ask": ask, "torch": ask_torch}

if __name__ == "__main__":
    main()

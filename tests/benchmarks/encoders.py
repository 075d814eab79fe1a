"""What each format costs, and what it does to the image: `python tests/benchmarks/encoders.py [format ...]`.

A synthetic clip always; the example character char1 dancing the dab too, if ANIMATED_DRAWINGS_ROOT is set (needs OpenGL).

Seconds are for encoding alone, median of three. Quality is measured on pixels that are opaque in the original: PSNR in dB; SSIM of the
luma in windows of 7 px; flicker, the mean change of the error from one frame to the next, in levels.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import av
import cv2
import numpy as np
from PIL import Image, ImageSequence

from pipeline.adapters.encoding.encoders import encoder_for
from pipeline.adapters.encoding.verification import verify
from pipeline.stages.palette import palette_of
from pipeline.types import Animation, Canvas, Format, Frame, OutputClock, Palette, PixelLayout, Sprite

REPEATS = 3
EVERY = 7
"""Quality is measured in every seventh frame and the one after it."""


@dataclass(frozen=True)
class Material:
    """A clip ready for any encoder: crops with soft alpha (RGBA), and the same ones cut out."""

    name: str
    canvas: Canvas
    clock: OutputClock
    frames: list[Frame]
    cut_out: list[Frame]
    palette: Palette

    def whole(self, frame: Frame, *, opaque: bool) -> np.ndarray:
        image = np.zeros((self.canvas.height, self.canvas.width, 4), np.uint8)
        height, width = frame.pixels.shape[:2]
        image[frame.top : frame.top + height, frame.left : frame.left + width] = frame.pixels
        if not opaque:
            return image
        cover = image[..., 3:].astype(np.float32) / 255
        mixed = image[..., :3] * cover + 255 * (1 - cover)
        return np.dstack([np.rint(mixed).astype(np.uint8), np.full(image.shape[:2], 255, np.uint8)])

    def given(self, layout: PixelLayout) -> list[Frame]:
        """Frames as the renderer would produce them."""
        if layout is PixelLayout.OPAQUE:
            return [Frame(self.whole(frame, opaque=True), 0, 0, frame.pts) for frame in self.frames]
        return self.cut_out if layout is PixelLayout.CUT_OUT else self.frames


def synthetic() -> Material:
    """A grainy disc with a dark outline that wanders and turns, 150 frames of 400 x 400."""
    side, count = 180, 150
    random = np.random.default_rng(1)
    rgb = np.clip(np.array([190, 180, 165]) + cv2.GaussianBlur(random.normal(0, 30, (side, side, 3)), (0, 0), 1.0), 0, 255).astype(np.uint8)
    center, radius = (side // 2, side // 2), side // 2 - 6
    cv2.circle(rgb, center, radius - 3, (40, 30, 110), 7, cv2.LINE_AA)
    cv2.putText(rgb, "abc", (30, 105), cv2.FONT_HERSHEY_SIMPLEX, 2, (60, 40, 130), 6, cv2.LINE_AA)
    alpha = cv2.circle(np.zeros((side, side), np.uint8), center, radius, 255, -1, cv2.LINE_AA)
    rgba = np.dstack([rgb, alpha])
    clock = OutputClock(count, Fraction(1, 30))
    frames = []
    for index in range(count):
        turn = cv2.getRotationMatrix2D(center, 40 * np.sin(index / 12), 1.0)
        place = int(110 + 100 * np.sin(index / 20)), int(110 + 60 * np.cos(index / 9))
        frames.append(Frame(cv2.warpAffine(rgba, turn, (side, side)).astype(np.uint8), *place, index * clock.frame_time))
    canvas = Canvas(400, 400, (1.0, 1.0, 1.0, 0.0), None, np.eye(4, dtype=np.float32))
    cut_out = [replace(frame, pixels=frame.pixels * (frame.pixels[..., 3:] >= 128)) for frame in frames]
    return Material("synthetic", canvas, clock, frames, cut_out, palette_of([Sprite(rgba, np.zeros((3, 2), np.float32))], canvas))


class _Recorder:
    """An encoder that only keeps the frames and the arguments that it is opened with."""

    format = Format.APNG

    def __init__(self, wanted: PixelLayout) -> None:
        self.wanted = wanted
        self.frames: list[Frame] = []
        self.palette: Palette | None = None

    def layout(self, canvas: Canvas) -> PixelLayout:
        self.canvas = canvas
        return self.wanted

    @contextmanager
    def open(self, path: Path, canvas: Canvas, clock: OutputClock, *, palette: Palette | None = None) -> Iterator[_Recorder]:  # noqa: ARG002  the port's
        self.path, self.duration, self.palette = path, clock.duration, palette
        yield self

    def write(self, frame: Frame) -> None:
        self.frames.append(replace(frame, pixels=frame.pixels.copy()))

    def finish(self) -> Animation:
        return Animation(self.path, self.format, 0, len(self.frames), self.duration, self.canvas.width, self.canvas.height, "")


class _NoStopwatch:
    def lap(self, stage: str) -> nullcontext[None]:
        del stage
        return nullcontext()


def reference(root: Path) -> Material:
    """AnimatedDrawings' char1, dancing the dab, as its own camera shows it."""
    from pipeline import animate
    from pipeline.adapters.opengl.renderer import GLRenderer
    from pipeline.files.character_files import read_character
    from pipeline.files.scene_files import DEFAULT_CAMERA
    from pipeline.motion.library import MotionLibrary
    from pipeline.types import Actor, Scene, View

    examples = root / "examples"
    library = MotionLibrary((), (), roots=(root,))
    motion = library.motion(examples / "config" / "motion" / "dab.yaml")
    retarget = library.retarget(examples / "config" / "retarget" / "fair1_ppf.yaml")
    actor = Actor(read_character(examples / "characters" / "char1"), motion, retarget)
    scene = Scene((actor,), View(camera=DEFAULT_CAMERA))
    clock, watch = animate.scene_clock(scene), _NoStopwatch()
    soft, cut = _Recorder(PixelLayout.RGBA), _Recorder(PixelLayout.CUT_OUT)
    with GLRenderer.open() as renderer:
        for recorder in (soft, cut):
            animate.animate(scene, clock, Path(os.devnull), renderer=renderer, encoder=recorder, stopwatch=watch)
    assert cut.palette is not None
    return Material("char1 + dab", soft.canvas, clock, soft.frames, cut.frames, cut.palette)


def written(material: Material, kind: Format, folder: Path) -> tuple[Animation, float, float]:
    """The file, and median wall and processor seconds."""
    encoder = encoder_for(kind)
    frames = material.given(encoder.layout(material.canvas))
    walls, cpus = [], []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        with encoder.open(folder / f"clip.{kind}", material.canvas, material.clock, palette=material.palette) as sink:
            for frame in frames:
                sink.write(frame)
            animation = sink.finish()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return verify(animation), statistics.median(walls), statistics.median(cpus)


def decoded(animation: Animation) -> Iterator[np.ndarray]:
    """(h, w, 3) of each image in the file."""
    if animation.format in {Format.MP4, Format.WEBM}:
        with av.open(str(animation.path)) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24")
        return
    with Image.open(animation.path) as file:
        for still in ImageSequence.Iterator(file):
            yield np.array(still.convert("RGBA"))[..., :3]


def similarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """SSIM of every pixel (Wang et al. 2004) in windows of 7 px, of two gray images."""
    first, second = first.astype(np.float32), second.astype(np.float32)
    means = [cv2.blur(image, (7, 7)) for image in (first, second, first * first, second * second, first * second)]
    covariance = means[4] - means[0] * means[1]
    variances = means[2] - means[0] ** 2 + means[3] - means[1] ** 2
    luminance = (2 * means[0] * means[1] + 6.5) / (means[0] ** 2 + means[1] ** 2 + 6.5)
    return luminance * (2 * covariance + 58.5) / (variances + 58.5)


def quality(material: Material, animation: Animation) -> tuple[float, float, float]:
    """PSNR, SSIM and flicker; only where the file holds every frame."""
    squares, similarities, flickers, before = [], [], [], None
    for index, (image, frame) in enumerate(zip(decoded(animation), material.frames, strict=True)):
        if index % EVERY > 1:
            continue
        whole = material.whole(frame, opaque=False)
        seen = whole[..., 3] == 255
        shown = np.where(seen[..., None], image[: seen.shape[0], : seen.shape[1]], np.uint8(255))
        wanted = np.where(seen[..., None], whole[..., :3], np.uint8(255))
        error = shown.astype(int) - wanted
        squares.append(np.square(error[seen]).mean())
        similarities.append(similarity(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY), cv2.cvtColor(wanted, cv2.COLOR_RGB2GRAY))[seen].mean())
        if index % EVERY == 1 and before is not None:
            both = seen & before[1]
            flickers.append(np.abs(error - before[0])[both].mean())
        before = (error, seen)
    mean = float(np.mean(squares))
    return (10 * float(np.log10(255**2 / mean)) if mean else float("inf")), float(np.mean(similarities)), float(np.mean(flickers))


def main() -> None:
    materials = [synthetic()]
    if root := os.environ.get("ANIMATED_DRAWINGS_ROOT"):
        materials.append(reference(Path(root)))
    for material in materials:
        size = f"{material.canvas.width} x {material.canvas.height}"
        print(f"\n{material.name}: {len(material.frames)} frames of {size}, {len(material.palette.colors)} colors")
        print(f"{'format':8}{'seconds':>9}{'cpu-s':>8}{'MB':>8}{'PSNR':>8}{'SSIM':>8}{'flicker':>9}")
        with tempfile.TemporaryDirectory() as folder:
            for kind in map(Format, sys.argv[1:]) if sys.argv[1:] else Format:
                animation, wall, cpu = written(material, kind, Path(folder))
                psnr, ssim, flicker = quality(material, animation)
                megabytes = animation.byte_count / 1e6
                print(f"{kind:8}{wall:9.3f}{cpu:8.3f}{megabytes:8.2f}{psnr:8.2f}{ssim:8.4f}{flicker:9.2f}", flush=True)


if __name__ == "__main__":
    main()

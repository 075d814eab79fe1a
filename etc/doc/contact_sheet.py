"""Draws a contact sheet of motions: one row a motion, frames over time, characters taking turns.

Usage: python etc/doc/contact_sheet.py OUT.png [CHARACTER_DIR ...] [--motions wave,dance] [--frames 10] [--side 150] [--columns 2]
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from daemon.log.stopwatch import WallStopwatch
from daemon.options.motions import motion_library
from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.animate import animate, scene_clock
from pipeline.files.character_files import read_character
from pipeline.types import Actor, Animation, Bytes, Canvas, Format, Frame, OutputClock, Palette, PixelLayout, Scene, View

CHARACTERS = Path(__file__).parents[1] / "characters"
PAPER = (255, 255, 255)
LABEL_HEIGHT = 22


@dataclass
class FramesKept:
    """An encoder that keeps the images."""

    format: Format = Format.APNG
    images: list[Bytes] = field(default_factory=list)

    def layout(self, canvas: Canvas) -> PixelLayout:  # noqa: ARG002 - the port's signature
        return PixelLayout.OPAQUE

    @contextmanager
    def open(self, path: Path, canvas: Canvas, clock: OutputClock, *, palette: Palette | None = None) -> Iterator[FramesKept]:  # noqa: ARG002
        yield self

    def write(self, frame: Frame) -> None:
        self.images.append(frame.pixels[..., 2::-1].copy())

    def finish(self) -> Animation:
        return Animation(Path(), self.format, 0, len(self.images), Fraction(0), 1, 1, "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("characters", nargs="*", type=Path)
    parser.add_argument("--motions")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--side", type=int, default=110)
    parser.add_argument("--columns", type=int, default=2)
    options = parser.parse_args()
    library = motion_library(os.environ)
    names = options.motions.split(",") if options.motions else list(library.names())
    folders = options.characters or sorted(path.parent for path in CHARACTERS.glob("*/char_cfg.yaml"))
    characters = [read_character(folder) for folder in folders]
    strips = []
    with GLRenderer.open(environ=os.environ) as renderer:
        for number, name in enumerate(names):
            motion = library.motion(name)
            actor = Actor(characters[number % len(characters)], motion, library.matching_retarget(motion))
            scene = Scene((actor,), View(options.side, options.side))
            kept = FramesKept()
            clock = scene_clock(scene, rate=Fraction(options.frames) / motion.duration)
            animate(scene, clock, Path(), renderer=renderer, encoder=kept, stopwatch=WallStopwatch())
            strips.append(labeled(np.hstack(kept.images[: options.frames]), f"{name}  {float(motion.duration):.1f} s"))
    while len(strips) % options.columns:
        strips.append(np.full_like(strips[0], 255))
    rows = [np.hstack(strips[start : start + options.columns]) for start in range(0, len(strips), options.columns)]
    cv2.imwrite(str(options.output), np.vstack(rows), [cv2.IMWRITE_PNG_COMPRESSION, 9])


def labeled(strip: Bytes, text: str) -> Bytes:
    """The strip with its name above it and a line below."""
    label = np.full((LABEL_HEIGHT, strip.shape[1], 3), PAPER, np.uint8)
    cv2.putText(label, text, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (60, 60, 60), 1, cv2.LINE_AA)
    label[0] = 215
    return np.vstack([label, strip])


if __name__ == "__main__":
    main()

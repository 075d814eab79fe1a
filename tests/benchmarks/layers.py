"""How much layers reduce the tearing of figures whose limbs touch the body, and what they cost. Prints a table, a row for each figure:

    python tests/benchmarks/layers.py [CHARACTER_DIR ...] [--drawn 12] [--motions wave,dance,jumping_jacks] [--sheet OUT.jpg]

Torn is the share of the figure's area whose triangles are stretched by more than 1.5, squeezed below 0.5 or turned over (singular values of
the deformation gradient): the mean over all frames at 8 a second, and the worst frame. Milliseconds are processor time for a frame of 500 x
500 px without encoding, and for what precedes the first frame. Each is given in one sheet, as AnimatedDrawings deforms a figure, and in
layers. `--sheet` writes an image of both, frame by frame. Without folders, figures with arms at the side, on the hips, crossed or under a
skirt are drawn by the generator of the training.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path

import cv2
import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "torchserve" / "training")]

from daemon.log.stopwatch import WallStopwatch  # noqa: E402  # a script finds the packages only after the line above
from daemon.options.motions import motion_library  # noqa: E402
from etc.doc.contact_sheet import FramesKept  # noqa: E402
from pipeline.adapters.opengl.renderer import GLRenderer  # noqa: E402
from pipeline.animate import animate, perform_scene, scene_clock  # noqa: E402
from pipeline.files.character_files import read_character  # noqa: E402
from pipeline.pose.limb_regions import touching_limbs  # noqa: E402
from pipeline.stages.rig import rigging  # noqa: E402
from pipeline.types import (  # noqa: E402
    Actor,
    Bytes,
    Character,
    Floats,
    LayerMode,
    Scene,
    View,
)
from tests.torn import torn_shares  # noqa: E402

RATE = Fraction(8)
FIRST_SEED = 20_000_000
SIDE, MIN_SIDE = 640, 400
"""Of a drawn image, and of the figure in it, px."""
TILE, FRAMES_SHOWN = 150, 4


@dataclass(frozen=True)
class Result:
    """One figure and one motion in one mode.

    Attributes:
        torn: (T,) share of the area in each frame.
    """

    layers: int
    torn: Floats
    preparation_ms: float
    frame_ms: float
    images: list[Bytes]


def drawn_figures(wanted: int) -> Iterator[Character]:
    """Figures of the generator with limbs that touch the body."""
    from drawings.sample import drawn_sample

    found = 0
    for seed in count(FIRST_SEED):
        sample = drawn_sample(seed, size=SIDE, split="heldout")  # these stand upright; training figures also sit, kneel and lean
        if len(sample.figures) != 1 or found == wanted:
            if found == wanted:
                return
            continue
        (figure,) = sample.figures
        left, top, right, bottom = (int(edge) for edge in figure.box)
        if max(right - left, bottom - top) < MIN_SIDE or (figure.keypoints[5:, 2] == 0).any():
            continue
        rows, columns = slice(top, bottom), slice(left, right)
        mask = np.ascontiguousarray(figure.mask[rows, columns])
        keypoints = figure.keypoints.astype(np.float64) - (left, top, 0)
        keypoints[:, 2] /= 2.0
        rgba = np.dstack([sample.rgb[rows, columns], np.full(mask.shape, 255, np.uint8)])
        character = Character(rgba, mask, rigging(keypoints, mask).rig, f"{figure.style} {seed}")
        if touching_limbs(character):
            found += 1
            yield character


def measured(character: Character, motion_name: str, mode: LayerMode, renderer: GLRenderer) -> Result:
    """A figure in a motion, as one sheet or in layers."""
    library = motion_library(os.environ)
    motion = library.motion(motion_name)
    scene = Scene((Actor(character, motion, library.matching_retarget(motion)),), View(), mode)
    clock, stopwatch = scene_clock(scene, rate=RATE), WallStopwatch()
    began = time.process_time()
    performances = perform_scene(scene, clock, stopwatch=stopwatch)
    prepared = time.process_time()
    kept = FramesKept()
    animate(scene, clock, Path(), renderer=renderer, encoder=kept, stopwatch=stopwatch, performances=performances)
    frame_ms = 1000.0 * (time.process_time() - prepared) / len(kept.images)
    layers = int(performances[0].meshed.figure.layer_of_vertex.max()) + 1
    return Result(layers, torn_shares(performances[0]), 1000.0 * (prepared - began), frame_ms, kept.images)


def strip(images: list[Bytes]) -> Bytes:
    """Frames over time, side by side."""
    shown = [images[int(place)] for place in np.linspace(0, len(images) - 1, FRAMES_SHOWN + 1)[:-1]]
    return np.hstack([np.asarray(cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_AREA), np.uint8) for image in shown])


def main() -> None:
    """Print the table, and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("characters", nargs="*", type=Path)
    parser.add_argument("--drawn", type=int, default=12)
    parser.add_argument("--motions", default="wave,dance,jumping_jacks")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    characters = (read_character(folder) for folder in options.characters) if options.characters else drawn_figures(options.drawn)
    rows: list[Bytes] = []
    totals: dict[LayerMode, list[Floats]] = {mode: [] for mode in LayerMode}
    print(f"{'figure':26s} {'motion':14s} layers   torn in one sheet    in layers            ms a frame       ms before")
    with GLRenderer.open(environ=os.environ) as renderer:
        for character in characters:
            for name in options.motions.split(","):
                whole, layered = (measured(character, name, mode, renderer) for mode in (LayerMode.OFF, LayerMode.AUTO))
                totals[LayerMode.OFF].append(whole.torn)
                totals[LayerMode.AUTO].append(layered.torn)
                torn = "   ".join(f"{one.torn.mean():6.1%} (worst {one.torn.max():6.1%})" for one in (whole, layered))
                frame = f"{whole.frame_ms:5.1f} -> {layered.frame_ms:5.1f}"
                before = f"{whole.preparation_ms:5.0f} -> {layered.preparation_ms:5.0f}"
                print(f"{character.name[:26]:26s} {name:14s} {layered.layers:6d}  {torn}   {frame}   {before}", flush=True)
            rows.append(np.hstack([strip(whole.images), np.full((TILE, 12, 3), 225, np.uint8), strip(layered.images)]))
    for mode, shares in totals.items():
        print(f"{mode}: {np.mean([one.mean() for one in shares]):.2%} on average, worst mean {max(one.mean() for one in shares):.1%}, "
              f"worst frame {max(one.max() for one in shares):.1%}")  # fmt: skip
    if options.sheet:
        half = -(-len(rows) // 2)
        rows += [np.full_like(rows[0], 255)] * (2 * half - len(rows))
        gap = np.full((half * TILE, 24, 3), 160, np.uint8)
        cv2.imwrite(str(options.sheet), np.hstack([np.vstack(rows[:half]), gap, np.vstack(rows[half:])]), [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == "__main__":
    main()

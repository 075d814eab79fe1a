"""Synthetic drawings rendered ahead of the training, into files that can be mapped into memory.

A shard is a folder: `pictures.npy` (n, S, S, 4) uint8, whole images letterboxed, RGB and the mask of all figures; `crops.npy`
(m, C, C, 4) uint8, one figure each with what is around it, RGB and the `BodyPart` of each pixel; `labels.npz` with boxes, joints, and what
was drawn with what on what. A shard is written beside its place and renamed, so that a training that is under way may pick it up.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import cv2
import numpy as np
from drawings.sample import Sample, drawn_sample
from settings import configuration
from views import parts_in

from pipeline.pose.letterbox import Letterbox, paper_color

MAX_FIGURES = 12
"""Boxes that an image has room for; those of further figures are left out."""

NEGATIVES_OF_EMPTY = 4.0
"""How many times as often an image without figures gives a crop without one."""

AROUND_THINGS = 0.85
"""How often a crop without a figure shows something drawn, where there is such a thing."""

TRIES = 8
"""How often a random box is drawn until one is beside all figures."""

SURROUNDINGS_PX = 41
"""Side of the square whose median is the color of a pixel's surroundings."""

MIN_LEVELS = 40
"""A pixel is drawn if it differs from its surroundings by more than this in some channel, 0..255."""

GROWN_PX = 9
"""Side of the square by which drawn pixels are grown."""

MIN_THING_PX, MAX_THING_SHARE = 36.0, 0.95
"""Least and greatest longer side of something drawn: px, and a share of the image's."""

NO_KEYPOINTS = np.zeros((17, 3), np.float32)


@dataclass
class Shard:
    """The contents of one shard, collected sample by sample."""

    images: list[np.ndarray] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    crops: list[np.ndarray] = field(default_factory=list)
    keypoints: list[np.ndarray] = field(default_factory=list)
    crop_boxes: list[np.ndarray] = field(default_factory=list)
    kinds: list[tuple[str, str, str]] = field(default_factory=list)
    crop_kinds: list[tuple[str, str, str]] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)


def add_sample(shard: Shard, seed: int, sample: Sample, config: dict[str, Any]) -> None:
    """Add an image, a crop of each figure that is large enough, and now and then a crop of something that is no figure.

    Args:
        seed: the sample's; it also decides about the crop without a figure.
        config: the table `shards`.
    """
    kind = (str(sample.style), str(sample.medium), str(sample.paper))
    everything = np.zeros(sample.rgb.shape[:2], np.uint8)
    for figure in sample.figures:
        everything[figure.mask] = 255
    side = config["picture_side"]
    whole = Letterbox.whole(sample.rgb.shape[1], sample.rgb.shape[0], side)
    boxes = np.full((MAX_FIGURES, 4), np.nan, np.float32)
    for row, figure in enumerate(sample.figures[:MAX_FIGURES]):
        boxes[row] = whole.into(_corners(figure.box)).reshape(4)
    shard.images.append(np.dstack([_window(sample.rgb, whole), whole.cut(everything, (0.0, 0.0, 0.0))]))
    shard.boxes.append(boxes)
    shard.kinds.append(kind)
    shard.seeds.append(seed)
    for figure in sample.figures:
        left, top, right, bottom = _corners(figure.box).reshape(4)
        if max(right - left, bottom - top) >= config["smallest_figure"]:
            mine = np.dstack([sample.rgb, figure.parts])
            _add_crop(shard, mine, (left, top, right, bottom), np.asarray(figure.keypoints, np.float32), kind, config)
    rng = np.random.default_rng([seed, 7])
    if rng.random() < config["negatives_share"] * (NEGATIVES_OF_EMPTY if not sample.figures else 1.0):
        empty = _box_without_figure(sample, rng)
        if empty is not None:
            bare = np.dstack([sample.rgb, np.zeros(sample.rgb.shape[:2], np.uint8)])
            _add_crop(shard, bare, empty, NO_KEYPOINTS, kind, config)


def write_shard(shard: Shard, folder: Path) -> None:
    """Write `shard` as `folder`, beside its place first, and then rename it; at least one image and one crop."""
    draft = folder.with_name(f".{folder.name}.draft")
    draft.mkdir(parents=True, exist_ok=True)
    np.save(draft / "pictures.npy", np.stack(shard.images))
    np.save(draft / "crops.npy", np.stack(shard.crops))
    np.savez(
        draft / "labels.npz",
        boxes=np.stack(shard.boxes),
        keypoints=np.stack(shard.keypoints),
        crop_boxes=np.stack(shard.crop_boxes),
        kinds=np.array(shard.kinds),
        crop_kinds=np.array(shard.crop_kinds),
        seeds=np.array(shard.seeds),
    )
    draft.rename(folder)


def _add_crop(
    shard: Shard, layers: np.ndarray, box: tuple[float, ...], keypoints: np.ndarray, kind: tuple[str, str, str], config: dict[str, Any]
) -> None:
    """Add a crop around a box (left, top, right, bottom), px of the image, and its labels in px of the crop.

    Args:
        layers: (h, w, 4) uint8, the image's RGB and `BodyPart`s.
        keypoints: (17, 3) px of the image, pixel centers counted from 0, and visibility.
    """
    window = Letterbox.around(box, config["crop_side"], fill=config["crop_share"])
    placed = keypoints.copy()
    placed[:, :2] = window.into(keypoints[:, :2] + 0.5)  # from pixel centers counted from 0, as the generator does, to +0.5
    rgb, parts = np.ascontiguousarray(layers[:, :, :3]), np.ascontiguousarray(layers[:, :, 3])
    shard.crops.append(np.dstack([_window(rgb, window), parts_in(parts, window, window.side)]))
    shard.keypoints.append(placed)
    shard.crop_boxes.append(window.into(np.array(box, np.float64).reshape(2, 2)).reshape(4).astype(np.float32))
    shard.crop_kinds.append(kind)


def _window(rgb: np.ndarray, window: Letterbox) -> np.ndarray:
    """The window of an image, with paper around it."""
    return window.cut(rgb, paper_color(rgb))


def _corners(box: Any) -> np.ndarray:
    """Top left and bottom right, (2, 2) float64, of a box or of four numbers."""
    edges = (box.left, box.top, box.right, box.bottom) if hasattr(box, "left") else box
    return np.asarray(edges, np.float64).reshape(2, 2)


def _box_without_figure(sample: Sample, rng: np.random.Generator) -> tuple[float, ...] | None:
    """A box beside all figures, mostly around something drawn, if there is such a thing, else anywhere; None if none was found."""
    height, width = sample.rgb.shape[:2]
    taken = [_corners(figure.box).reshape(4) for figure in sample.figures]
    things = [box for box in _drawn_boxes(sample.rgb) if all(_common_area(box, other) <= 0.0 for other in taken)]
    if things and rng.random() < AROUND_THINGS:
        return things[int(rng.integers(len(things)))]
    for _ in range(TRIES):
        side = float(rng.uniform(0.15, 0.9)) * min(height, width)
        wide, tall = side * float(rng.uniform(0.5, 1.0)), side
        left, top = float(rng.uniform(0, width - wide)), float(rng.uniform(0, height - tall))
        box = (left, top, left + wide, top + tall)
        if all(_common_area(box, other) <= 0.0 for other in taken):
            return box
    return None


def _drawn_boxes(rgb: np.ndarray) -> list[tuple[float, ...]]:
    """Boxes, px, of areas that differ from their surroundings and are large enough for a crop."""
    away = cv2.absdiff(rgb, cv2.medianBlur(rgb, SURROUNDINGS_PX)).max(axis=2)
    ink = cv2.dilate((away > MIN_LEVELS).astype(np.uint8), np.ones((GROWN_PX, GROWN_PX)))
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink)
    boxes = [tuple(float(edge) for edge in (x, y, x + wide, y + tall)) for x, y, wide, tall, _ in stats[1:]]
    most = MAX_THING_SHARE * max(rgb.shape[:2])
    return [box for box in boxes if MIN_THING_PX <= max(box[2] - box[0], box[3] - box[1]) <= most]


def _common_area(one: Any, other: Any) -> float:
    """The area that two boxes share, px^2."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, float(wide)) * max(0.0, float(tall))


def main() -> None:
    """Render shards until there are so many, or the minutes are over; those that exist are kept."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--split", default="train")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first shard")
    parser.add_argument("--pictures", type=int, default=0, help="in a shard; 0 for what the configuration says")
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--stop-file", type=Path, default=None, help="stop once this file exists")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    config = configuration()["shards"]
    began = monotonic()
    count = arguments.pictures or config["pictures_a_shard"]
    for number in range(arguments.first, arguments.first + arguments.shards):
        place = arguments.out / f"{arguments.split}-{number:05d}"
        if place.exists():
            continue
        shard = Shard()
        for seed in range(number * count, (number + 1) * count):
            size = int(np.random.default_rng([seed, 3]).choice(config["picture_sizes"]))
            add_sample(shard, seed, drawn_sample(seed, size=size, split=arguments.split), config)
        write_shard(shard, place)
        passed = (monotonic() - began) / 60.0
        print(json.dumps({"shard": place.name, "pictures": count, "crops": len(shard.crops), "minutes": round(passed, 2)}), flush=True)
        if passed > arguments.minutes or (arguments.stop_file is not None and arguments.stop_file.exists()):
            return


if __name__ == "__main__":
    main()

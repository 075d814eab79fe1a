"""Batches from shards, for the pose network and the detector; their content depends only on the seed, the step and the shards."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from augmentation import Rng, figure_crop, whole_image
from losses import UNKNOWN_PART
from torch import Tensor

Batch = tuple[Tensor, dict[str, Tensor]]
"""Pixels (N, 3, S, S) uint8, and the targets of the loss by name."""

DETECTOR_STRIDE = 4
"""Px of the square per cell of the detector's maps."""

BUMP_WIDTH, BUMP_CELLS = 0.11, 0.5
"""Standard deviation of the bump around a center: a share of the box's side, plus a part of a cell."""

SIDES_FROM = 0.35
"""The sides of a box are learned in cells where its bump is higher than this."""

DRAWS = 100
"""How often a place of the wanted kind is drawn before any is taken."""


@dataclass(frozen=True)
class Place:
    """One crop or whole image of a shard.

    Attributes:
        pixels: (n, C, C, 4) uint8, the memory-mapped file; RGB and `BodyPart`s of crops, or the mask, 0 or 255, of images.
        row: which of the n it is.
        keypoints: (17, 3) px and visibility, of crops; of images, as `boxes`, and unused.
        boxes: of crops (4,) left, top, right, bottom of the figure, px; of images (k, 4), of all figures, NaN where there is none.
        kind: style, medium and paper.
    """

    pixels: np.ndarray
    row: int
    keypoints: np.ndarray
    boxes: np.ndarray
    kind: tuple[str, ...]


def crops_of(folders: list[Path]) -> list[Place]:
    """Every crop in the shards."""
    found = []
    for folder in folders:
        pixels, labels = np.load(folder / "crops.npy", mmap_mode="r"), np.load(folder / "labels.npz")
        keypoints, boxes, kinds = labels["keypoints"], labels["crop_boxes"], labels["crop_kinds"]
        found += [Place(pixels, row, keypoints[row], boxes[row], tuple(kinds[row])) for row in range(len(pixels))]
    return found


def images_of(folders: list[Path]) -> list[Place]:
    """Every whole image in the shards."""
    found = []
    for folder in folders:
        pixels, labels = np.load(folder / "pictures.npy", mmap_mode="r"), np.load(folder / "labels.npz")
        boxes, kinds = labels["boxes"], labels["kinds"]
        found += [Place(pixels, row, boxes[row], boxes[row], tuple(kinds[row])) for row in range(len(pixels))]
    return found


def is_figure(place: Place) -> bool:
    """Whether a crop holds a figure."""
    return bool((place.keypoints[:, 2] > 0).any())


def pose_batch(places: list[Place], rng: Rng, config: dict[str, Any]) -> Batch:
    """`config["batch"]` crops, augmented, and the targets of `losses.pose_loss`; a share `config["negatives"]` shows no figure."""
    side, count = config["side"], config["batch"]
    rgb = np.empty((count, side, side, 3), np.uint8)
    masks = np.empty((count, side, side), np.float32)
    parts = np.empty((count, side // 2, side // 2), np.int64)
    keypoints = np.empty((count, 17, 3), np.float32)
    figures = np.empty(count, np.float32)
    for row in range(count):
        place = _drawn_place(places, rng, figure=bool(rng.random() >= config["negatives"]))
        crop = np.asarray(place.pixels[place.row])
        rgb[row], mask, parts[row], keypoints[row] = figure_crop(crop, place.keypoints, place.boxes, rng, side, config["augmentation"])
        masks[row] = mask / 255.0
        figures[row] = (keypoints[row, :, 2] > 0).any()
        if is_figure(place) and not figures[row]:
            parts[row] = UNKNOWN_PART
    target = {"mask": masks, "keypoints": keypoints, "is_figure": figures, "parts": parts}
    return _tensor(rgb), {name: torch.from_numpy(array) for name, array in target.items()}


def detector_batch(places: list[Place], rng: Rng, config: dict[str, Any]) -> Batch:
    """`config["batch"]` images, augmented, and the targets of `losses.detector_loss`."""
    side, count = config["side"], config["batch"]
    cells = side // DETECTOR_STRIDE
    rgb = np.empty((count, side, side, 3), np.uint8)
    masks = np.empty((count, side // 2, side // 2), np.float32)
    centers, weight = np.zeros((2, count, cells, cells), np.float32)
    sides = np.zeros((count, 4, cells, cells), np.float32)
    for row, number in enumerate(rng.integers(len(places), size=count)):
        place = places[number]
        rgb[row], mask, boxes = whole_image(np.asarray(place.pixels[place.row]), place.boxes, rng, side, config["augmentation"])
        masks[row] = mask / 255.0
        for box in boxes:
            draw_box(box / DETECTOR_STRIDE, centers[row], sides[row], weight[row])
    target = {"mask": masks, "centres": centers, "sides": sides, "weight": weight}
    return _tensor(rgb), {name: torch.from_numpy(array) for name, array in target.items()}


def _drawn_place(places: list[Place], rng: Rng, *, figure: bool) -> Place:
    """A random place with a figure, or one without; any if there seems to be none of that kind."""
    place = places[rng.integers(len(places))]
    for _ in range(DRAWS):
        if is_figure(place) == figure:
            break
        place = places[rng.integers(len(places))]
    return place


def draw_box(box: np.ndarray, centers: np.ndarray, sides: np.ndarray, weight: np.ndarray) -> None:
    """Draw a box into the detector's targets: a bump at its center, as wide as the figure, and its sides where the bump is high.

    Args:
        box: (4,) left, top, right, bottom, cells.
        centers: (C, C) the highest bump so far; written to.
        sides: (4, C, C) distances to left, top, right, bottom, shares of the square's side; written to.
        weight: (C, C) the bump of the box whose sides are in `sides`; written to.
    """
    cells = len(centers)
    across = np.arange(cells) + 0.5
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    wide, tall = max(box[2] - box[0], 1.0), max(box[3] - box[1], 1.0)
    column, row = min(cells - 1, int(x)), min(cells - 1, int(y))
    bump = np.exp(-(((across - (column + 0.5)) / (BUMP_WIDTH * wide + BUMP_CELLS)) ** 2) / 2)[None, :]
    bump = bump * np.exp(-(((across - (row + 0.5)) / (BUMP_WIDTH * tall + BUMP_CELLS)) ** 2) / 2)[:, None]
    is_highest = (bump > SIDES_FROM) & (bump > weight)
    weight[is_highest] = bump[is_highest]
    np.maximum(centers, bump, out=centers)
    distances = (across[None, :] - box[0], across[:, None] - box[1], box[2] - across[None, :], box[3] - across[:, None])
    for number, distance in enumerate(distances):
        share = np.broadcast_to(np.maximum(distance / cells, 0.0), centers.shape)
        sides[number][is_highest] = share[is_highest]


def ahead(make: Callable[[int], Batch], first: int, depth: int = 4) -> Iterator[Batch]:
    """`make(first)`, `make(first + 1)`, ... without end, at most `depth` of them prepared ahead by another thread.

    An error in `make` is raised where its batch would be yielded.
    """
    waiting: queue.Queue[Batch | BaseException] = queue.Queue(depth)

    def prepare() -> None:
        step = first
        while True:
            try:
                waiting.put(make(step))
            except BaseException as error:  # noqa: BLE001  # raised again where the batch is awaited
                waiting.put(error)
                return
            step += 1

    threading.Thread(target=prepare, daemon=True).start()
    while True:
        batch = waiting.get()
        if isinstance(batch, BaseException):
            raise batch
        yield batch


def _tensor(rgb: np.ndarray) -> Tensor:
    """Images (N, S, S, 3) as a tensor (N, 3, S, S)."""
    return torch.from_numpy(rgb).permute(0, 3, 1, 2)  # stays channels-last in memory

"""Quick measures during a training, on crops and images that it does not learn from; `evaluate.py` measures the exported networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from batches import Place, is_figure
from network import IS_BFLOAT16_FAST
from settings import REPOSITORY  # noqa: F401  # makes `pipeline` importable
from torch import nn
from views import parts_in

from pipeline.pose.heatmaps import box_overlap, center_peaks, joint_peaks
from pipeline.pose.letterbox import Letterbox, paper_color
from pipeline.types import BodyPart
from pipeline.types.keypoints import FIRST_BODY_KEYPOINT

FILL = 0.82
"""Longer side of a figure's box, as a share of the square's side."""

NEAR_SHARE = 0.1
"""A joint is near within this share of the box's longer side."""

FOUND_OVERLAP, MIN_SCORE = 0.5, 0.3
"""A figure is found if a detection with more than the second, its score, has a box with an IoU of more than the first."""

BATCH = 32
"""Crops or images that a network is given at once."""


@dataclass(frozen=True, eq=False)
class _PoseMeasures:
    """The measures of a figure in one crop.

    Attributes:
        near: of each visible joint, whether it is near; `near_limbs` of the limbs' joints alone.
        mask_iou: IoU of the mask at the network's resolution.
        parts_common, parts_either: (18,) pixels of each `BodyPart` in both, and in either, of answer and label.
    """

    near: list[bool]
    near_limbs: list[bool]
    mask_iou: float
    parts_common: np.ndarray
    parts_either: np.ndarray


def pose_metrics(network: nn.Module, places: list[Place], config: dict[str, Any]) -> dict[str, float]:
    """Measures of a `PoseNetwork` on crops, 0..1.

    Returns:
        PCK of all visible joints and of the limbs' (`pck`, `pck_limbs`), the share of figures with all visible limb joints near
        (`limbs_correct`), mean IoU of masks and of body parts (`mask_iou`, `parts_miou`), and the shares of crops with and without a
        figure that are recognized as such (`figures_known`, `negatives_known`).
    """
    side = config["side"]
    figures: list[_PoseMeasures] = []
    chances: dict[bool, list[float]] = {True: [], False: []}
    for start in range(0, len(places), BATCH):
        part = places[start : start + BATCH]
        windows = [Letterbox.around(tuple(place.boxes), side, fill=FILL) for place in part]
        answers = _answers(network, np.stack([_square(place, window) for place, window in zip(part, windows, strict=True)]))
        for place, window, heat, mask, logits, named in zip(part, windows, *answers, strict=True):
            chances[is_figure(place)].append(1.0 / (1.0 + float(np.exp(-logits[-1]))))
            if is_figure(place):
                figures.append(_pose_measures(place, window, heat, mask[0], named))
    common = np.sum([one.parts_common for one in figures], axis=0)
    either = np.sum([one.parts_either for one in figures], axis=0)
    result = {
        "pck": np.mean([joint for one in figures for joint in one.near]),
        "pck_limbs": np.mean([joint for one in figures for joint in one.near_limbs]),
        "limbs_correct": np.mean([all(one.near_limbs) for one in figures]),
        "mask_iou": np.mean([one.mask_iou for one in figures]),
        "parts_miou": (common[1:] / np.maximum(either[1:], 1)).mean(),
        "figures_known": np.mean(np.array(chances[True]) > 0.5),
    }
    if chances[False]:
        result["negatives_known"] = np.mean(np.array(chances[False]) < 0.5)
    return {name: float(value) for name, value in result.items()}


def _square(place: Place, window: Letterbox) -> np.ndarray:
    """A crop's colors in the network's square, (S, S, 3) uint8."""
    rgb = np.ascontiguousarray(np.asarray(place.pixels[place.row])[:, :, :3])
    return window.cut(rgb, paper_color(rgb))


def _pose_measures(place: Place, window: Letterbox, heat: np.ndarray, mask: np.ndarray, parts: np.ndarray) -> _PoseMeasures:
    """The network's answer for a crop, compared with its labels.

    Args:
        heat: (17, C, C) logits of the joints.
        mask: (S, S) logits.
        parts: (18, S/2, S/2) logits of each `BodyPart`.
    """
    found = window.back(joint_peaks(heat, window.side)[:, :2])
    reach = NEAR_SHARE * max(place.boxes[2] - place.boxes[0], place.boxes[3] - place.boxes[1])
    near = np.hypot(*(found - place.keypoints[:, :2]).T) <= reach
    visible = place.keypoints[:, 2] > 0
    labels = np.asarray(place.pixels[place.row])[:, :, 3]
    wanted = window.cut((labels > 0).astype(np.uint8) * 255, (0.0, 0.0, 0.0)) > 127
    found_parts, wanted_parts = parts.argmax(axis=0), parts_in(labels, window, window.side // 2)
    pairs = [(found_parts == part, wanted_parts == part) for part in BodyPart]
    return _PoseMeasures(
        near[visible].tolist(),
        near[FIRST_BODY_KEYPOINT:][visible[FIRST_BODY_KEYPOINT:]].tolist(),
        float((wanted & (mask > 0)).sum() / max(1, (wanted | (mask > 0)).sum())),
        np.array([(one & other).sum() for one, other in pairs], np.float64),
        np.array([(one | other).sum() for one, other in pairs], np.float64),
    )


def detector_metrics(network: nn.Module, places: list[Place], config: dict[str, Any]) -> dict[str, float]:
    """Measures of a `DetectorNetwork` on images, 0..1.

    Returns:
        The share of figures that are found (`found`), the mean IoU of their boxes (`box_iou`), the mean IoU of masks (`mask_iou`), and the
        share of images without a figure in which one is detected (`alarms`).
    """
    side = config["side"]
    found, overlaps, masks_iou, alarms = [], [], [], []
    for start in range(0, len(places), BATCH):
        part = places[start : start + BATCH]
        pixels = [cv2.resize(np.asarray(place.pixels[place.row]), (side, side), interpolation=cv2.INTER_AREA) for place in part]
        centers, sides, masks = _answers(network, np.stack([p[:, :, :3] for p in pixels]))
        for place, image, heat, distances, mask in zip(part, pixels, centers, sides, masks, strict=True):
            seen = center_peaks(heat[0], distances, side)
            seen = seen[seen[:, 4] > MIN_SCORE]
            zoom = side / place.pixels.shape[1]
            boxes = place.boxes[~np.isnan(place.boxes[:, 0])] * zoom
            best = [max((box_overlap(box, other) for other in seen), default=0.0) for box in boxes]
            found += [overlap > FOUND_OVERLAP for overlap in best]
            overlaps += [overlap for overlap in best if overlap > FOUND_OVERLAP]
            if not len(boxes):
                alarms.append(len(seen) > 0)
            else:
                wanted = cv2.resize(image[:, :, 3], mask.shape[1:], interpolation=cv2.INTER_AREA) > 127
                masks_iou.append((wanted & (mask[0] > 0)).sum() / max(1, (wanted | (mask[0] > 0)).sum()))
    result = {"found": np.mean(found), "box_iou": np.mean(overlaps) if overlaps else 0.0, "mask_iou": np.mean(masks_iou)}
    if alarms:
        result["alarms"] = np.mean(alarms)
    return {name: float(value) for name, value in result.items()}


def _answers(network: nn.Module, rgb: np.ndarray) -> list[np.ndarray]:
    """The network's outputs for images (N, S, S, 3) uint8."""
    network.eval()
    pixels = torch.from_numpy(rgb).permute(0, 3, 1, 2).float().div_(255.0)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=IS_BFLOAT16_FAST):
        return [part.float().numpy() for part in network(pixels.contiguous(memory_format=torch.channels_last))]

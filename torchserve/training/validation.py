"""Quick measures during a training, on crops and images that it does not learn from; `evaluate.py` measures the exported networks."""

from __future__ import annotations

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


def pose_metrics(network: nn.Module, places: list[Place], config: dict[str, Any]) -> dict[str, float]:
    """Measures of a `PoseNetwork` on crops, 0..1.

    Returns:
        PCK of all visible joints and of the limbs' (`pck`, `pck_limbs`), the share of figures with all limbs' joints near (`all_right`),
        mean IoU of masks and of body parts (`mask_iou`, `parts_miou`), and the shares of crops with and without a figure that are
        recognized as such (`figures_known`, `negatives_known`).
    """
    side = config["side"]
    near, near_limbs, right, overlaps = [], [], [], []
    common, either = np.zeros(len(BodyPart)), np.zeros(len(BodyPart))
    chances: dict[bool, list[float]] = {True: [], False: []}
    for start in range(0, len(places), BATCH):
        part = places[start : start + BATCH]
        windows = [Letterbox.around(tuple(place.boxes), side, fill=FILL) for place in part]
        crops = [np.asarray(place.pixels[place.row]) for place in part]
        rgb = [
            w.cut(np.ascontiguousarray(c[:, :, :3]), paper_color(np.ascontiguousarray(c[:, :, :3])))
            for w, c in zip(windows, crops, strict=True)
        ]
        joints, masks, presence, parts = _answers(network, np.stack(rgb))
        for place, window, crop, heat, mask, logits, named in zip(part, windows, crops, joints, masks, presence, parts, strict=True):
            chances[is_figure(place)].append(1.0 / (1.0 + float(np.exp(-logits[-1]))))
            if not is_figure(place):
                continue
            found = window.back(joint_peaks(heat, side)[:, :2])
            reach = NEAR_SHARE * max(place.boxes[2] - place.boxes[0], place.boxes[3] - place.boxes[1])
            is_near = np.hypot(*(found - place.keypoints[:, :2]).T) <= reach
            seen = place.keypoints[:, 2] > 0
            near += is_near[seen].tolist()
            limbs = is_near[FIRST_BODY_KEYPOINT:][seen[FIRST_BODY_KEYPOINT:]]
            near_limbs += limbs.tolist()
            right.append(bool(limbs.all()))
            shape = (crop[:, :, 3] > 0).astype(np.uint8) * 255
            wanted = window.cut(shape, (0.0, 0.0, 0.0)) > 127
            found_parts, wanted_parts = named.argmax(axis=0), parts_in(crop[:, :, 3], window, side // 2)
            for row in BodyPart:
                common[row] += ((found_parts == row) & (wanted_parts == row)).sum()
                either[row] += ((found_parts == row) | (wanted_parts == row)).sum()
            overlaps.append((wanted & (mask[0] > 0)).sum() / max(1, (wanted | (mask[0] > 0)).sum()))
    result = {"pck": np.mean(near), "pck_limbs": np.mean(near_limbs), "all_right": np.mean(right), "mask_iou": np.mean(overlaps)}
    result["parts_miou"] = (common[1:] / np.maximum(either[1:], 1)).mean()
    result["figures_known"] = np.mean(np.array(chances[True]) > 0.5)
    if chances[False]:
        result["negatives_known"] = np.mean(np.array(chances[False]) < 0.5)
    return {name: float(value) for name, value in result.items()}


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
        centres, sides, masks = _answers(network, np.stack([p[:, :, :3] for p in pixels]))
        for place, image, heat, distances, mask in zip(part, pixels, centres, sides, masks, strict=True):
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

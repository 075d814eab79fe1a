"""Loss functions of the pose network and the detector.

N images in a batch, squares of S px, maps of C x C cells.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

FACE_WEIGHT, ELBOW_WEIGHT, WRIST_WEIGHT = 0.3, 1.4, 2.0
"""Weights of nose, eyes and ears, which the rig uses only for the head's place; of elbows; of wrists, the hardest. Others' are 1."""

JOINT_WEIGHTS = (*[FACE_WEIGHT] * 5, *[1.0] * 2, *[ELBOW_WEIGHT] * 2, *[WRIST_WEIGHT] * 2, *[1.0] * 6)
"""Weights of COCO's 17 keypoints, in their order."""

HIDDEN, HIDDEN_WEIGHT = 1, 0.5
"""Visibility of a joint that something covers, and the factor of its weight: its place can only be guessed."""

PART_WEIGHTS = (0.3, 1.0, 1.0, 1.0, *(1.3, 1.3, 2.0, 1.3, 1.3, 2.0) * 2, 1.0, 0.7)
"""Weights of each `BodyPart`, in their order: limbs, hands and feet are small, and it is along them that figures are cut apart."""

UNKNOWN_PART = 255
"""Label of pixels that don't count for the body parts."""

IS_CENTER = 0.999
"""A cell of a detector's target with more than this is the very center of a figure."""

FOCUS, NEAR_FOCUS = 2, 4
"""Exponents of CenterNet's focal loss, alpha and beta: how much less cells that are right already, and those near a center, count."""

SIDE_ERROR_WEIGHT = 2.0
"""Weight of the sides' error in the loss of boxes, where 1 - IoU counts 1."""

DICE_WEIGHT, DICE_SMOOTHING = 0.5, 20.0
"""Weight of the Dice coefficient in the loss of masks, where cross entropy counts 1; and px that are added to both of its terms, so that
they are not 0 for empty masks."""


def pose_loss(answer: tuple[Tensor, ...], target: dict[str, Tensor], config: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
    """The loss of a `PoseNetwork`: of joints, mask, presence and body parts, weighted by `config["losses"]`.

    Args:
        answer: logits (N, 17, C, C), (N, 1, S, S), (N, 18) and (N, 18, S/2, S/2).
        target: keypoints (N, 17, 3) px of the square and visibility (0 absent, 1 hidden, 2 visible); mask (N, S, S) 0..1; is_figure (N,)
            0 or 1; parts (N, S/2, S/2) int64 `BodyPart`, or UNKNOWN_PART.
        config: the table of the pose network.
    Returns:
        The loss, and its terms before they are weighted, by name.
    """
    joints, mask, presence, parts = (part.float() for part in answer)
    keypoints = target["keypoints"]
    joint_loss = _joint_loss(joints, keypoints, target["mask"].shape[-1] / joints.shape[-1], float(config["sigma_cells"]))
    mask_loss = _overlap_loss(mask[:, 0], target["mask"])
    is_drawn = (keypoints[..., 2] > 0).float()
    wanted_presence = torch.cat([is_drawn, target["is_figure"][:, None]], dim=1)
    presence_loss = functional.binary_cross_entropy_with_logits(presence, wanted_presence)
    part_loss = functional.cross_entropy(parts, target["parts"], torch.tensor(PART_WEIGHTS), ignore_index=UNKNOWN_PART)
    weights = config["losses"]
    total = weights["joints"] * joint_loss + weights["mask"] * mask_loss + weights["presence"] * presence_loss
    total = total + weights["parts"] * part_loss
    terms = {"joints": joint_loss, "mask": mask_loss, "presence": presence_loss, "parts": part_loss}
    return total, {name: term.item() for name, term in terms.items()}


def _joint_loss(joints: Tensor, keypoints: Tensor, stride: float, sigma_cells: float) -> Tensor:
    """Cross entropy between the softmax of joint logits (N, 17, C, C) and a Gaussian around each keypoint, the mean of the drawn ones.

    Args:
        keypoints: (N, 17, 3) px of the square and visibility.
        stride: px per cell.
        sigma_cells: standard deviation of the Gaussian, cells.
    """
    places = torch.arange(joints.shape[-1]) + 0.5
    spread = 2.0 * sigma_cells**2
    at = keypoints[..., :2] / stride
    across = torch.exp(-((places - at[..., :1]) ** 2) / spread)
    down = torch.exp(-((places - at[..., 1:]) ** 2) / spread)
    wanted = (down[..., :, None] * across[..., None, :]).flatten(2)
    wanted = wanted / wanted.sum(dim=2, keepdim=True).clamp_min(1e-6)
    weight = (keypoints[..., 2] > 0).float() * torch.tensor(JOINT_WEIGHTS)
    weight = torch.where(keypoints[..., 2] == HIDDEN, weight * HIDDEN_WEIGHT, weight)
    surprise = -(wanted * functional.log_softmax(joints.flatten(2), dim=2)).sum(dim=2)
    return (surprise * weight).sum() / weight.sum().clamp_min(1.0)


def detector_loss(
    answer: tuple[Tensor, Tensor, Tensor], target: dict[str, Tensor], config: dict[str, Any]
) -> tuple[Tensor, dict[str, float]]:
    """The loss of a `DetectorNetwork`: focal loss of the centers (CenterNet, equation 1), IoU and sides of the boxes, overlap of the mask.

    Args:
        answer: logits (N, 1, C, C), sides (N, 4, C, C) and logits (N, 1, S/2, S/2).
        target: `centres` (N, C, C) 0..1 with 1 at the very center; sides (N, 4, C, C) left, top, right, bottom distances from each cell,
            shares of the square's side; weight (N, C, C) how much they count; mask (N, S/2, S/2) 0..1.
        config: the table of the detector.
    Returns:
        The loss, and its terms before they are weighted, by name.
    """
    centers, sides, mask = (part.float() for part in answer)
    wanted = target["centres"]
    sure = functional.logsigmoid(centers[:, 0])
    unsure = functional.logsigmoid(-centers[:, 0])
    chance = centers[:, 0].sigmoid()
    is_center = (wanted > IS_CENTER).float()
    missed = is_center * (1 - chance) ** FOCUS * sure
    imagined = (1 - is_center) * (1 - wanted) ** NEAR_FOCUS * chance**FOCUS * unsure
    focal = -(missed + imagined)
    center_loss = focal.sum() / is_center.sum().clamp_min(1.0)
    weight = target["weight"]
    side_loss = (_box_loss(sides, target["sides"]) * weight).sum() / weight.sum().clamp_min(1.0)
    mask_loss = _overlap_loss(mask[:, 0], target["mask"])
    weights = config["losses"]
    total = weights["centres"] * center_loss + weights["sides"] * side_loss + weights["mask"] * mask_loss
    return total, {"centres": center_loss.item(), "sides": side_loss.item(), "mask": mask_loss.item()}


def _box_loss(sides: Tensor, wanted: Tensor) -> Tensor:
    """(N, C, C): 1 - IoU of boxes around the same point, plus the error of their sides (N, 4, C, C), shares of the square's side."""
    common = torch.minimum(sides, wanted)
    inner = (common[:, 0] + common[:, 2]) * (common[:, 1] + common[:, 3])
    area = (sides[:, 0] + sides[:, 2]) * (sides[:, 1] + sides[:, 3])
    wanted_area = (wanted[:, 0] + wanted[:, 2]) * (wanted[:, 1] + wanted[:, 3])
    overlap = inner / (area + wanted_area - inner).clamp_min(1e-6)
    return 1.0 - overlap + SIDE_ERROR_WEIGHT * (sides - wanted).abs().sum(dim=1)


def _overlap_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross entropy and the Dice coefficient of masks (N, h, w), logits and 0..1; the latter weighs thin figures as much as large ones."""
    entropy = functional.binary_cross_entropy_with_logits(logits, wanted)
    chance = logits.sigmoid()
    common = (chance * wanted).sum(dim=(1, 2))
    dice = 1.0 - (2.0 * common + DICE_SMOOTHING) / (chance.sum(dim=(1, 2)) + wanted.sum(dim=(1, 2)) + DICE_SMOOTHING)
    return entropy + DICE_WEIGHT * dice.mean()

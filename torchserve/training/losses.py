"""What the networks are told they got wrong."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

FACE_WEIGHT, ELBOW_WEIGHT, WRIST_WEIGHT, HIDDEN_WEIGHT = 0.3, 1.4, 2.0, 0.5
"""Of nose, eyes and ears, of which the rig uses only where the head is; of elbows and of wrists, which are hardest; others weigh 1. Of a
joint that something covers, which can only be guessed, this share of it."""

PART_WEIGHTS = (0.3, 1.0, 1.0, 1.0, *(1.3, 1.3, 2.0, 1.3, 1.3, 2.0) * 2, 1.0, 0.7)
"""Of each `BodyPart`: limbs, hands and feet are small, and what is cut apart."""
UNKNOWN_PART = 255


def pose_loss(answer: tuple[Tensor, ...], target: dict[str, Tensor], config: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
    """Of a `PoseNetwork`.

    Args:
        target: keypoints (N, 17, 3) px of the square and visibility; mask (N, S, S) 0..1; is_figure (N,) 0 or 1; parts (N, S/2, S/2)
            int64 `BodyPart`, or `UNKNOWN_PART`.
    """
    joints, mask, presence, parts = (part.float() for part in answer)
    cells = joints.shape[-1]
    stride = target["mask"].shape[-1] / cells
    places = torch.arange(cells) + 0.5
    spread = 2.0 * float(config["sigma_cells"]) ** 2
    at = target["keypoints"][..., :2] / stride
    across = torch.exp(-((places - at[..., :1]) ** 2) / spread)
    down = torch.exp(-((places - at[..., 1:]) ** 2) / spread)
    wanted = (down[..., :, None] * across[..., None, :]).flatten(2)
    wanted = wanted / wanted.sum(dim=2, keepdim=True).clamp_min(1e-6)
    is_seen = (target["keypoints"][..., 2] > 0).float()
    weight = is_seen * torch.tensor([FACE_WEIGHT] * 5 + [1.0] * 2 + [ELBOW_WEIGHT] * 2 + [WRIST_WEIGHT] * 2 + [1.0] * 6)
    weight = torch.where(target["keypoints"][..., 2] == 1, weight * HIDDEN_WEIGHT, weight)
    surprise = -(wanted * functional.log_softmax(joints.flatten(2), dim=2)).sum(dim=2)
    joint_loss = (surprise * weight).sum() / weight.sum().clamp_min(1.0)
    mask_loss = _overlap_loss(mask[:, 0], target["mask"])
    wanted_presence = torch.cat([is_seen, target["is_figure"][:, None]], dim=1)
    presence_loss = functional.binary_cross_entropy_with_logits(presence, wanted_presence)
    part_loss = functional.cross_entropy(parts, target["parts"], torch.tensor(PART_WEIGHTS), ignore_index=UNKNOWN_PART)
    weights = config["losses"]
    total = weights["joints"] * joint_loss + weights["mask"] * mask_loss + weights["presence"] * presence_loss
    total = total + weights["parts"] * part_loss
    terms = {"joints": joint_loss, "mask": mask_loss, "presence": presence_loss, "parts": part_loss}
    return total, {name: term.item() for name, term in terms.items()}


def detector_loss(
    answer: tuple[Tensor, Tensor, Tensor], target: dict[str, Tensor], config: dict[str, Any]
) -> tuple[Tensor, dict[str, float]]:
    """Of a `DetectorNetwork`: focal loss of the centres (CenterNet, equation 1), generalised IoU of the boxes, overlap of the mask.

    Args:
        target: centres (N, C, C) 0..1 with 1 at the very centre; sides (N, 4, C, C) shares of the picture; weight (N, C, C) where sides
            count; mask (N, S/2, S/2) 0..1.
    """
    centres, sides, mask = (part.float() for part in answer)
    wanted = target["centres"]
    sure = functional.logsigmoid(centres[:, 0])
    unsure = functional.logsigmoid(-centres[:, 0])
    chance = centres[:, 0].sigmoid()
    is_centre = (wanted > 0.999).float()
    focal = -(is_centre * (1 - chance) ** 2 * sure + (1 - is_centre) * (1 - wanted) ** 4 * chance**2 * unsure)
    centre_loss = focal.sum() / is_centre.sum().clamp_min(1.0)
    weight = target["weight"]
    side_loss = (_box_loss(sides, target["sides"]) * weight).sum() / weight.sum().clamp_min(1.0)
    mask_loss = _overlap_loss(mask[:, 0], target["mask"])
    weights = config["losses"]
    total = weights["centres"] * centre_loss + weights["sides"] * side_loss + weights["mask"] * mask_loss
    return total, {"centres": centre_loss.item(), "sides": side_loss.item(), "mask": mask_loss.item()}


def _box_loss(sides: Tensor, wanted: Tensor) -> Tensor:
    """1 - IoU of boxes around the same point, plus their sides' relative error."""
    common = torch.minimum(sides, wanted)
    inner = (common[:, 0] + common[:, 2]) * (common[:, 1] + common[:, 3])
    area = (sides[:, 0] + sides[:, 2]) * (sides[:, 1] + sides[:, 3])
    wanted_area = (wanted[:, 0] + wanted[:, 2]) * (wanted[:, 1] + wanted[:, 3])
    overlap = inner / (area + wanted_area - inner).clamp_min(1e-6)
    return 1.0 - overlap + 2.0 * (sides - wanted).abs().sum(dim=1)


def _overlap_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross entropy and the Dice coefficient, which cares for thin figures."""
    entropy = functional.binary_cross_entropy_with_logits(logits, wanted)
    chance = logits.sigmoid()
    common = (chance * wanted).sum(dim=(1, 2))
    dice = 1.0 - (2.0 * common + 20.0) / (chance.sum(dim=(1, 2)) + wanted.sum(dim=(1, 2)) + 20.0)
    return entropy + 0.5 * dice.mean()

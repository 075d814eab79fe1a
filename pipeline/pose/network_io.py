"""Inputs and outputs of the two networks: the pixels that they are given, and how their answers become detections and poses.

The detector is given the whole image and proposes boxes. The pose network is then given a square around each box. Its mask moves the box's
edges to where the figure ends, and its probability that a drawn humanoid is there goes into the score. Later the pose network is given the
figure's crop, once as it is and once as its mirror image, and the mean of both answers gives the joints, the mask and the body parts.

All functions are pure and take arrays, so that a network gives the same result in this process and on a model server. Positions in the
image are px, origin top-left; positions in a network's square are px of the square, unless they are called shares of its side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from pipeline.pose.heatmaps import box_overlap, center_peaks, joint_chances, peaks_of_chances
from pipeline.pose.letterbox import Letterbox, paper_color
from pipeline.pose.limb_choice import ARM_WEIGHTS, LEG_WEIGHTS, LimbPair, with_limbs_chosen
from pipeline.pose.stride import with_legs_distinguished
from pipeline.types import FIGURE_PROBABILITY, MIRRORED_PARTS, BodyPart, Box, Bytes, Detection, Floats, Pose, Singles
from pipeline.types.keypoints import ARMS, FIRST_BODY_KEYPOINT, LEGS, MIRRORED_KEYPOINTS

MAX_FIGURES: Final = 12
"""At most this many proposals are looked at closely, which bounds the time for a crowd. Drawings of one figure have one or two."""
MIN_PROPOSAL_SCORE: Final = 0.08
"""Proposals with a lower score are not looked at."""
CLOSE_FILL: Final = 0.76
"""Longer side of a proposed box, as a share of the square's side: the box may be too small, and the network was trained with such views."""
CROP_FILL: Final = 0.9
"""Longer side of a crop, as a share of the square's side: a crop includes a margin around the figure already."""
SAME_FIGURE_OVERLAP: Final = 0.6
"""Detections are the same figure if the intersection over union (IoU) of their boxes is more than this."""
SMALL_PIECE_SHARE: Final = 0.02
"""A piece of a mask that is smaller than this share of the largest one does not move the box."""
PIECE_GAP: Final = 0.02
"""Pieces of a mask that are no farther apart than this share of the square's side are one, as lines of chalk or crayon leave gaps."""
STRAY_REACH: Final = 0.1
"""Pieces of a mask may reach this far beyond the proposed box, as a share of the box's longer side."""
MIN_INSIDE: Final = 0.5
"""A piece whose bounds have at most this share of their area within that reach is stray: it belongs to something else."""
MIN_AGREEMENT: Final = 0.4
"""A mask moves the proposed box's edges only if the IoU of its bounds and the box is more than this; else it shows something else."""
SETTLED_OVERLAP: Final = 0.85
"""A box whose IoU with the one before is at least this moved too little for the network to be run again."""
AGREEMENT: Final = (0.0, 0.5)
"""A detection's score rises from 0 to its full value while the IoU of the mask's bounds and the proposed box rises between these."""
FIRMNESS: Final = (0.3, 0.9)
"""It does the same while the firmness of the joints rises between these: 99 of 100 held-out figures have a firmness of at least 0.67, 95 of
100 images without a figure at most 0.67."""
MIN_BOX_PX: Final = 1.0
"""Proposals with a shorter side, px of the image, are dropped."""
MAX_LOGIT: Final = 30.0
"""Logits are clipped to this magnitude, so that their exponential is finite in float32."""
MASK_SIDE: Final = 224
"""Longer side of a detection's or a pose's mask, px."""

LIMB_PAIRS: Final = (LimbPair(*ARMS, ARM_WEIGHTS), LimbPair(*LEGS, LEG_WEIGHTS))


@dataclass(frozen=True, eq=False)
class NetworkView:
    """The square of pixels that a network is given.

    Attributes:
        pixels: (S, S, 3) uint8 sRGB.
        window: position and scale of the image in it.
    """

    pixels: Bytes
    window: Letterbox


@dataclass(frozen=True, eq=False)
class Proposal:
    """A box that the detector proposes.

    Attributes:
        box: (4,) float64 left, top, right, bottom, px of the image.
        score: 0..1.
    """

    box: Floats
    score: float


@dataclass(frozen=True, eq=False)
class PoseAnswer:
    """The pose network's answer for one square.

    Attributes:
        chances: (17, C, C) float32, the probability of each cell for each joint; each joint's sum to 1.
        mask: (S, S) float32 0..1, the probability that each pixel is figure.
        presence: (18,) float32 0..1, the probability that each joint is in the drawing; last, that there is a drawn humanoid.
        parts: (18, P, P) float32 logits of each `BodyPart`, any resolution P; None from networks without body parts.
    """

    chances: Singles
    mask: Singles
    presence: Singles
    parts: Singles | None = None


def whole_view(rgb: Bytes, side: int) -> NetworkView:
    """A whole image (H, W, 3) uint8 in a square of `side` px, for the detector."""
    window = Letterbox.whole(rgb.shape[1], rgb.shape[0], side)
    return NetworkView(window.cut(rgb, paper_color(rgb)), window)


def proposals(centers: Singles, sides: Singles, view: NetworkView, rgb: Bytes) -> list[Proposal]:
    """The boxes in the detector's answer, cut to the image, best first; at most MAX_FIGURES.

    Args:
        centers: (1, C, C) float32, logits of the figures' centers.
        sides: (4, C, C) float32, distances from each cell to the box's left, top, right and bottom, shares of the square's side.
        view: what the detector was given.
        rgb: (H, W, 3) uint8, the image; only its size is used.
    """
    height, width = rgb.shape[:2]
    found = []
    for peak in center_peaks(centers[0], sides, view.window.side, max_count=MAX_FIGURES, min_score=MIN_PROPOSAL_SCORE):
        corners = view.window.back(peak[:4].reshape(2, 2))
        box = np.clip(corners, 0.0, (width, height)).reshape(4)
        if box[2] - box[0] >= MIN_BOX_PX and box[3] - box[1] >= MIN_BOX_PX:
            found.append(Proposal(box, float(peak[4])))
    return found


def can_score(proposal: Proposal, min_score: float) -> bool:
    """Whether a proposal can become a `detection` with at least this score, which is at most the root of the proposal's."""
    return bool(math.sqrt(proposal.score) >= min_score)


def close_view(rgb: Bytes, proposal: Proposal, side: int) -> NetworkView:
    """A proposed box of an image (H, W, 3) uint8, with its surroundings, in a square of `side` px, for the pose network."""
    window = Letterbox.around(tuple(proposal.box), side, fill=CLOSE_FILL)
    return NetworkView(window.cut(rgb, paper_color(rgb)), window)


def crop_view(rgb: Bytes, side: int) -> NetworkView:
    """A figure's crop (h, w, 3) uint8, with paper around it, in a square of `side` px, for the pose network."""
    height, width = rgb.shape[:2]
    window = Letterbox.around((0.0, 0.0, float(width), float(height)), side, fill=CROP_FILL)
    return NetworkView(window.cut(rgb, paper_color(rgb)), window)


def stacked_pixels(views: list[NetworkView]) -> Bytes:
    """The views' pixels as a batch, (n, S, S, 3) uint8; at least one view."""
    return np.stack([view.pixels for view in views])


def with_mirrors(views: list[NetworkView]) -> Bytes:
    """The views and then their mirror images as a batch, (2 n, S, S, 3) uint8."""
    straight = stacked_pixels(views)
    return np.concatenate([straight, straight[:, :, ::-1]])


def box_answers(joints: Singles, masks: Singles, presence: Singles, _: Singles | None = None) -> list[PoseAnswer]:
    """The answers to n views without their mirror images: exact enough for a box, at half the cost. Body parts are left out.

    Args:
        joints: (n, 17, C, C) float32 logits.
        masks: (n, 1, S, S) float32 logits.
        presence: (n, 18) float32 logits.
    """
    each = zip(joints, masks, presence, strict=True)
    return [PoseAnswer(joint_chances(joint), _sigmoid(mask[0]), _sigmoid(there)) for joint, mask, there in each]


def pose_answers(joints: Singles, masks: Singles, presence: Singles, parts: Singles | None = None) -> list[PoseAnswer]:
    """The answers to n views, each the mean of the answers to a view and to its mirror image, as `with_mirrors` orders them.

    Args:
        joints: (2 n, 17, C, C) float32 logits.
        masks: (2 n, 1, S, S) float32 logits.
        presence: (2 n, 18) float32 logits.
        parts: (2 n, 18, P, P) float32 logits; None from networks without body parts.
    """
    count = len(joints) // 2
    answers = []
    for row in range(count):
        twin = count + row
        mirrored = joint_chances(joints[twin])[list(MIRRORED_KEYPOINTS), :, ::-1]
        chances = (joint_chances(joints[row]) + mirrored) * np.float32(0.5)
        mask = (_sigmoid(masks[row, 0]) + _sigmoid(masks[twin, 0, :, ::-1])) / 2
        straight, other = _sigmoid(presence[row]), _sigmoid(presence[twin])
        there = (straight + other[[*MIRRORED_KEYPOINTS, len(MIRRORED_KEYPOINTS)]]) * np.float32(0.5)
        named = None if parts is None else (parts[row] + parts[twin][list(MIRRORED_PARTS), :, ::-1]) * np.float32(0.5)
        answers.append(PoseAnswer(chances, np.ascontiguousarray(mask), there, named))
    return answers


def fitted_proposal(proposal: Proposal, view: NetworkView, answer: PoseAnswer, rgb: Bytes) -> Proposal:
    """The proposal with its box's edges moved to where the mask ends; unchanged if the mask shows something else.

    Args:
        view: what the pose network was given.
        answer: what it answered.
        rgb: (H, W, 3) uint8, the image; only its size is used.
    """
    closer, agreement = _seen_box(proposal, view, answer, rgb)
    return replace(proposal, box=closer) if agreement > MIN_AGREEMENT else proposal


def is_settled(before: Proposal, after: Proposal) -> bool:
    """Whether a box moved so little that the network, given its new surroundings, would answer the same."""
    return box_overlap(before.box, after.box) >= SETTLED_OVERLAP


def detection(proposal: Proposal, view: NetworkView, answer: PoseAnswer, rgb: Bytes) -> Detection:
    """The detection that a proposal becomes: its box's edges where the mask ends, its score from both networks.

    The score is the geometric mean of the detector's score and the pose network's probability of a drawn humanoid. It is lowered if the
    joints have no clear places, and if the mask covers only a part of the box or reaches beyond it, as of things that are no humanoid.

    Args:
        view: what the pose network was given.
        answer: what it answered.
        rgb: (H, W, 3) uint8, the image; only its size is used.
    """
    box = fitted_proposal(proposal, view, answer, rgb).box
    _, agreement = _seen_box(proposal, view, answer, rgb, strays=True)
    doubts = _rising(_firmness(answer), FIRMNESS) * _rising(agreement, AGREEMENT)
    score = float(np.sqrt(proposal.score * answer.presence[-1]) * doubts)
    mask = _over(box, view, answer.mask)
    return Detection(Box(*(float(edge) for edge in box)), min(max(score, 0.0), 1.0), mask)


def without_duplicates(found: list[Detection]) -> tuple[Detection, ...]:
    """The detections, best first, without second ones of the same figure."""
    kept: list[Detection] = []
    for candidate in sorted(found, key=lambda one: -one.score):
        if all(box_overlap(_edges(candidate.box), _edges(other.box)) <= SAME_FIGURE_OVERLAP for other in kept):
            kept.append(candidate)
    return tuple(kept)


def pose(view: NetworkView, answer: PoseAnswer, rgb: Bytes) -> Pose:
    """Joints (px of the crop), mask and body parts of a crop. A joint's score is high if the joint is drawn and its place is clear.

    Args:
        view: what the pose network was given, of `crop_view`.
        answer: what it answered.
        rgb: (h, w, 3) uint8, the crop; only its size is used.
    """
    peaks = with_limbs_chosen(peaks_of_chances(answer.chances, 1.0), answer.chances, answer.mask, LIMB_PAIRS)
    peaks = with_legs_distinguished(peaks, answer.chances)
    placed = np.clip(view.window.back(peaks[:, :2] * view.window.side), 0.0, (rgb.shape[1], rgb.shape[0]))
    keypoints = np.column_stack([placed, np.clip(peaks[:, 2] * answer.presence[: len(peaks)], 0.0, 1.0)])
    crop = np.array([0.0, 0.0, rgb.shape[1], rgb.shape[0]])
    mask = _over(crop, view, answer.mask)
    return Pose(keypoints, mask, None if answer.parts is None else _parts_over(crop, view, answer.parts, mask))


def _seen_box(proposal: Proposal, view: NetworkView, answer: PoseAnswer, rgb: Bytes, *, strays: bool = False) -> tuple[Floats, float]:
    """The mask's bounds (4,), px of the image, with or without stray pieces, and their IoU with the proposed box.

    If the mask is empty, the proposed box and 0.
    """
    edges = _mask_bounds(answer.mask, None if strays else view.window.into(proposal.box.reshape(2, 2)).reshape(4))
    if edges is None:
        return proposal.box, 0.0
    height, width = rgb.shape[:2]
    closer: Floats = np.clip(view.window.back(edges.reshape(2, 2)), 0.0, (width, height)).reshape(4)
    return closer, box_overlap(closer, proposal.box)


def _firmness(answer: PoseAnswer) -> float:
    """How clear the places of the body's joints are, 0..1: the mean probability near each one's peak, weighted by its presence."""
    limbs = slice(FIRST_BODY_KEYPOINT, len(answer.chances))
    firmness = peaks_of_chances(answer.chances[limbs], 1.0)[:, 2]
    weights = answer.presence[limbs] + 1e-6
    return float((firmness * weights).sum() / weights.sum())


def _rising(value: float, between: tuple[float, float]) -> float:
    """A linear ramp: 0 up to the first of two numbers, 1 from the second on."""
    low, high = between
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _edges(box: Box) -> Floats:
    return np.array([box.left, box.top, box.right, box.bottom])


def _mask_bounds(mask: Singles, proposed: Floats | None) -> Floats | None:
    """Left, top, right, bottom (4,) of a mask's pieces, px of the square, without specks; None of an empty mask.

    Args:
        proposed: (4,) the proposed box, px of the square; if it is given, pieces that are stray of it don't count, but for the largest.
    """
    drawn = (mask > FIGURE_PROBABILITY).astype(np.uint8)
    reach = 2 * max(1, round(PIECE_GAP * len(mask) / 2)) + 1
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(drawn, np.ones((reach, reach), np.uint8)), connectivity=8)
    if count < 2:
        return None
    areas = np.bincount(labels[drawn > 0], minlength=count)
    largest = int(np.argmax(areas))
    kept = [piece for piece in range(1, count) if areas[piece] >= SMALL_PIECE_SHARE * areas[largest]]
    if proposed is not None:
        margin = STRAY_REACH * max(proposed[2] - proposed[0], proposed[3] - proposed[1])
        near = proposed + np.array([-margin, -margin, margin, margin])
        kept = [piece for piece in kept if piece == largest or _share_inside(stats[piece], near) > MIN_INSIDE]
    ys, xs = np.nonzero(np.isin(labels, kept) & (drawn > 0))
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float64)


def _share_inside(stats: Floats, box: Floats) -> float:
    """The share of a piece's bounds that is inside a box; `stats` is the piece's row of `connectedComponentsWithStats`."""
    left, top = stats[cv2.CC_STAT_LEFT], stats[cv2.CC_STAT_TOP]
    wide, tall = stats[cv2.CC_STAT_WIDTH], stats[cv2.CC_STAT_HEIGHT]
    across = min(left + wide, box[2]) - max(left, box[0])
    down = min(top + tall, box[3]) - max(top, box[1])
    return float(max(across, 0.0) * max(down, 0.0) / max(wide * tall, 1))


def _over(box: Floats, view: NetworkView, layer: Singles) -> Singles:
    """A layer (P, P) of the square, of any resolution, resampled over a box of the image, its longer side MASK_SIDE px; 0 beyond it."""
    wide, tall = box[2] - box[0], box[3] - box[1]
    zoom = MASK_SIDE / max(wide, tall)
    size = (max(1, round(wide * zoom)), max(1, round(tall * zoom)))
    fine = len(layer) / view.window.side
    corner = view.window.into(box[:2]) * fine
    step_x, step_y = fine * view.window.scale * wide / size[0], fine * view.window.scale * tall / size[1]
    # from the result's pixel centers, which cv2 counts from 0, to the layer's
    matrix = np.array([[step_x, 0.0, corner[0] + 0.5 * step_x - 0.5], [0.0, step_y, corner[1] + 0.5 * step_y - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(layer, matrix, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0.0), np.float32)


def _parts_over(box: Floats, view: NetworkView, parts: Singles, mask: Singles) -> Bytes:
    """The likeliest `BodyPart`, (h, w) uint8, of each cell of a mask (h, w) over a box; NONE where the mask has no figure."""
    likeliest, best = np.full(mask.shape, BodyPart.NONE, np.uint8), np.full(mask.shape, -np.inf, np.float32)
    for part in BodyPart:  # a running maximum: an argmax over a stack of layers takes twice as long
        if part is not BodyPart.NONE:
            layer = _over(box, view, np.ascontiguousarray(parts[part]))
            np.copyto(likeliest, np.uint8(part), where=np.asarray(layer > best))
            best = np.maximum(best, layer)
    return np.where(mask > FIGURE_PROBABILITY, likeliest, np.uint8(BodyPart.NONE))


def _sigmoid(logits: Singles) -> Singles:
    chances: Singles = (1.0 / (1.0 + np.exp(-np.clip(logits, -MAX_LOGIT, MAX_LOGIT)))).astype(np.float32)
    return chances

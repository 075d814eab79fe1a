"""Inputs and outputs of our two networks: what they are shown, and what their answers mean.

The detector sees the whole picture and proposes boxes. The pose network then looks at each box closely: its mask moves the box's edges to
where the figure ends, and its opinion whether that is a drawn humanoid at all goes into the score. The same network, asked again with the
crop that was made of the box, gives the joints. It is asked for them twice, the second time in a mirror, and the mean counts.

Pure array functions, so that networks in process and on a model server give the same answers; who runs them hands in arrays.
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

MAX_FIGURES: Final = 5
"""At most this many proposals are looked at closely."""
MIN_PROPOSAL_SCORE: Final = 0.08
"""Proposals with a lower score are not looked at."""
CLOSE_FILL: Final = 0.76
"""Of the square: the longer side of a proposed box, which may be too small; so the network was trained."""
CROP_FILL: Final = 0.9
"""Of the square: the longer side of a crop, which has its margin."""
SAME_FIGURE_OVERLAP: Final = 0.6
"""Detections whose boxes overlap more are the same figure."""
SMALL_PIECE_SHARE: Final = 0.02
"""A piece of a mask that is smaller than this share of the largest one does not move the box."""
PIECE_GAP: Final = 0.02
"""Of the square's side: pieces of a mask that are no farther apart are one, as lines of chalk or crayon leave gaps."""
STRAY_REACH: Final = 0.1
"""Of the proposed box's longer side: pieces of a mask with most of their area farther outside belong to something else."""
MIN_AGREEMENT: Final = 0.4
"""A mask whose bounds overlap the proposed box less is of something else, and does not move it."""
SETTLED_OVERLAP: Final = 0.85
"""A box that overlaps the one before by at least this moved too little to be looked at again."""
AGREEMENT: Final = (0.0, 0.5)
"""The score of a detection rises from 0 to its full value while the overlap of mask and proposed box rises between these."""
FIRMNESS: Final = (0.3, 0.9)
"""It does the same while the firmness of the joints rises between these: 99 of 100 held-out figures have a firmness of at least 0.67, 95 of
100 images without a figure at most 0.67."""
MASK_SIDE: Final = 224
"""Longer side of a detection's or a pose's mask, px."""

LIMB_PAIRS: Final = (LimbPair(*ARMS, ARM_WEIGHTS), LimbPair(*LEGS, LEG_WEIGHTS))


@dataclass(frozen=True, eq=False)
class NetworkView:
    """What a network is shown.

    Attributes:
        pixels: (S, S, 3) uint8.
        window: position and scale of the image in it.
    """

    pixels: Bytes
    window: Letterbox


@dataclass(frozen=True, eq=False)
class Proposal:
    """A box that the detector proposes, in px of the picture, and its score 0..1."""

    box: Floats
    score: float


@dataclass(frozen=True, eq=False)
class PoseAnswer:
    """What the pose network says about one square.

    Attributes:
        chances: (17, C, C) float32, the chance of each place for each joint.
        mask: (S, S) float32 0..1.
        presence: (18,) float32 0..1: each joint is in the drawing; last, there is a drawn humanoid.
        parts: (18, P, P) float32 logits, one for each `BodyPart`, of the square at any resolution; None from networks that know none.
    """

    chances: Singles
    mask: Singles
    presence: Singles
    parts: Singles | None = None


def whole_view(rgb: Bytes, side: int) -> NetworkView:
    """A whole picture (H, W, 3) uint8 for the detector."""
    window = Letterbox.whole(rgb.shape[1], rgb.shape[0], side)
    return NetworkView(window.cut(rgb, paper_color(rgb)), window)


def proposals(centers: Singles, sides: Singles, view: NetworkView, rgb: Bytes) -> list[Proposal]:
    """The boxes in the detector's answer (1, C, C) center logits and (4, C, C) sides, inside the picture, best first."""
    height, width = rgb.shape[:2]
    found = []
    for peak in center_peaks(centers[0], sides, view.window.side, max_count=MAX_FIGURES, min_score=MIN_PROPOSAL_SCORE):
        corners = view.window.back(peak[:4].reshape(2, 2))
        box = np.clip(corners, 0.0, (width, height)).reshape(4)
        if box[2] - box[0] >= 1.0 and box[3] - box[1] >= 1.0:
            found.append(Proposal(box, float(peak[4])))
    return found


def can_score(proposal: Proposal, min_score: float) -> bool:
    """Whether the close look can give a proposal so high a score: it only doubts, see `detection`."""
    return bool(math.sqrt(proposal.score) >= min_score)


def close_view(rgb: Bytes, proposal: Proposal, side: int) -> NetworkView:
    """A proposed box with what is around it, for the pose network."""
    window = Letterbox.around(tuple(proposal.box), side, fill=CLOSE_FILL)
    return NetworkView(window.cut(rgb, paper_color(rgb)), window)


def crop_view(rgb: Bytes, side: int) -> NetworkView:
    """A crop (h, w, 3) uint8 that a figure fills, with paper around it, for the pose network."""
    height, width = rgb.shape[:2]
    window = Letterbox.around((0.0, 0.0, float(width), float(height)), side, fill=CROP_FILL)
    return NetworkView(window.cut(rgb, paper_color(rgb)), window)


def stacked_pixels(views: list[NetworkView]) -> Bytes:
    """(n, S, S, 3) uint8."""
    return np.stack([view.pixels for view in views])


def with_mirrors(views: list[NetworkView]) -> Bytes:
    """(2 n, S, S, 3) uint8: each view, then each view in a mirror."""
    straight = stacked_pixels(views)
    return np.concatenate([straight, straight[:, :, ::-1]])


def box_answers(joints: Singles, masks: Singles, presence: Singles, _: Singles | None = None) -> list[PoseAnswer]:
    """The n answers to n views, from logits (n, 17, C, C), (n, 1, S, S), (n, 18): enough for a box, and half the work."""
    each = zip(joints, masks, presence, strict=True)
    return [PoseAnswer(joint_chances(joint), _sigmoid(mask[0]), _sigmoid(there)) for joint, mask, there in each]


def pose_answers(joints: Singles, masks: Singles, presence: Singles, parts: Singles | None = None) -> list[PoseAnswer]:
    """The n answers to `with_mirrors` of n views, from logits (2 n, 17, C, C), (2 n, 1, S, S), (2 n, 18) and, if any, (2 n, 18, P, P)."""
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
    """The proposed box with its edges where the mask ends; as it was, if the mask shows something else."""
    closer, agreement = _seen_box(proposal, view, answer, rgb)
    return replace(proposal, box=closer) if agreement > MIN_AGREEMENT else proposal


def is_settled(before: Proposal, after: Proposal) -> bool:
    """Whether the box moved so little that another look, at where it is now, would show the same."""
    return box_overlap(before.box, after.box) >= SETTLED_OVERLAP


def detection(proposal: Proposal, view: NetworkView, answer: PoseAnswer, rgb: Bytes) -> Detection:
    """A proposed box after the close look: its edges where the mask ends, its score what both networks think.

    What is no humanoid gives itself away threefold: the pose network says so, knows no place for the joints, or sees a figure in only a
    part of the box, or also outside of it.
    """
    box = fitted_proposal(proposal, view, answer, rgb).box
    _, agreement = _seen_box(proposal, view, answer, rgb, strays=True)
    doubts = _rising(_firmness(answer), FIRMNESS) * _rising(agreement, AGREEMENT)
    score = float(np.sqrt(proposal.score * answer.presence[-1]) * doubts)
    mask = _over(box, view, answer.mask)
    return Detection(Box(*(float(edge) for edge in box)), min(max(score, 0.0), 1.0), mask)


def without_duplicates(found: list[Detection]) -> tuple[Detection, ...]:
    """Best first, without a second detection of the same figure."""
    kept: list[Detection] = []
    for candidate in sorted(found, key=lambda one: -one.score):
        if all(box_overlap(_edges(candidate.box), _edges(other.box)) <= SAME_FIGURE_OVERLAP for other in kept):
            kept.append(candidate)
    return tuple(kept)


def pose(view: NetworkView, answer: PoseAnswer, rgb: Bytes) -> Pose:
    """Joints, mask and body parts of a crop. A joint's score is high if the joint is drawn and its place is clear."""
    peaks = with_limbs_chosen(peaks_of_chances(answer.chances, 1.0), answer.chances, answer.mask, LIMB_PAIRS)
    peaks = with_legs_distinguished(peaks, answer.chances)
    placed = np.clip(view.window.back(peaks[:, :2] * view.window.side), 0.0, (rgb.shape[1], rgb.shape[0]))
    keypoints = np.column_stack([placed, np.clip(peaks[:, 2] * answer.presence[: len(peaks)], 0.0, 1.0)])
    crop = np.array([0.0, 0.0, rgb.shape[1], rgb.shape[0]])
    mask = _over(crop, view, answer.mask)
    return Pose(keypoints, mask, None if answer.parts is None else _parts_over(crop, view, answer.parts, mask))


def _seen_box(proposal: Proposal, view: NetworkView, answer: PoseAnswer, rgb: Bytes, *, strays: bool = False) -> tuple[Floats, float]:
    """The bounds of the mask in px of the picture, and how far they overlap the proposed box; with or without stray pieces."""
    edges = _mask_bounds(answer.mask, None if strays else view.window.into(proposal.box.reshape(2, 2)).reshape(4))
    if edges is None:
        return proposal.box, 0.0
    height, width = rgb.shape[:2]
    closer: Floats = np.clip(view.window.back(edges.reshape(2, 2)), 0.0, (width, height)).reshape(4)
    return closer, box_overlap(closer, proposal.box)


def _firmness(answer: PoseAnswer) -> float:
    """How firmly the limb joints that are there have their places, 0..1."""
    limbs = slice(FIRST_BODY_KEYPOINT, len(answer.chances))
    firmness = peaks_of_chances(answer.chances[limbs], 1.0)[:, 2]
    weights = answer.presence[limbs] + 1e-6
    return float((firmness * weights).sum() / weights.sum())


def _rising(value: float, between: tuple[float, float]) -> float:
    """0 up to the first number, 1 from the second on."""
    low, high = between
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _edges(box: Box) -> Floats:
    return np.array([box.left, box.top, box.right, box.bottom])


def _mask_bounds(mask: Singles, proposed: Floats | None) -> Floats | None:
    """Of a mask's pieces, in px of the square; only of those near the proposed box, if one is given. None if there are none."""
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
        kept = [piece for piece in kept if piece == largest or _share_inside(stats[piece], near) > 0.5]
    ys, xs = np.nonzero(np.isin(labels, kept) & (drawn > 0))
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float64)


def _share_inside(stats: Floats, box: Floats) -> float:
    """Share of a piece's bounds inside the box."""
    left, top = stats[cv2.CC_STAT_LEFT], stats[cv2.CC_STAT_TOP]
    wide, tall = stats[cv2.CC_STAT_WIDTH], stats[cv2.CC_STAT_HEIGHT]
    across = min(left + wide, box[2]) - max(left, box[0])
    down = min(top + tall, box[3]) - max(top, box[1])
    return float(max(across, 0.0) * max(down, 0.0) / max(wide * tall, 1))


def _over(box: Floats, view: NetworkView, layer: Singles) -> Singles:
    """A layer of the square, (P, P) of any resolution, stretched over a box of the picture, its longer side `MASK_SIDE`; 0 beyond it."""
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
    """The likeliest part of each cell of a mask over a box, `BodyPart.NONE` where the mask has no figure."""
    likeliest, best = np.full(mask.shape, BodyPart.NONE, np.uint8), np.full(mask.shape, -np.inf, np.float32)
    for part in BodyPart:  # the highest so far: an argmax over a stack of layers takes twice as long
        if part is not BodyPart.NONE:
            layer = _over(box, view, np.ascontiguousarray(parts[part]))
            np.copyto(likeliest, np.uint8(part), where=np.asarray(layer > best))
            best = np.maximum(best, layer)
    return np.where(mask > FIGURE_PROBABILITY, likeliest, np.uint8(BodyPart.NONE))


def _sigmoid(logits: Singles) -> Singles:
    chances: Singles = (1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0)))).astype(np.float32)
    return chances

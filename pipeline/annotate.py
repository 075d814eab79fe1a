"""START HERE for the analysis. Find the figures of a drawing and turn them into characters, one line per stage.

    drawing --detect--> boxes --pose--> keypoints, model's masks --segment--> masks --rig--> characters

The predictor is passed in as a port (`pipeline.ports`). A box grows while the figure touches its border, so that no limb is cut, and pose
and mask are made again in the larger one. If the detector sends no masks, image processing alone finds how far a box must grow, before the
pose model is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeline.errors import NoFigureFound, PredictionRefused
from pipeline.ink.reduction import reduced_to_side
from pipeline.ports import Predictor, Stopwatch
from pipeline.pose.limb_labels import derived_labels
from pipeline.stages.detect import (
    MIN_PART_SCORE,
    Chosen,
    chosen_boxes,
    cut_off_note,
    final_box,
    grown_box,
    is_cut_in_half,
    moved_from_part,
    overlapping_parts,
    touched_sides,
)
from pipeline.stages.orientation import OTHER_TURNS, best_score, best_turn, is_convincing, score_to_turn, turn_note, turned_drawing
from pipeline.stages.quality import evidence, quality_of
from pipeline.stages.rig import rigging
from pipeline.stages.segment import mask_by_ink, mask_by_model
from pipeline.types import (
    KEYPOINT_NAMES,
    AnnotatedFigure,
    Annotation,
    Bools,
    Box,
    Bytes,
    Character,
    Detection,
    Drawing,
    Floats,
    Pose,
    Singles,
    Turn,
    turned_pixels,
)

DETECTOR_SIDE = 1000
"""The detector receives the image with at most this longer side, px, as AnimatedDrawings' does."""

CROP_SIDE = 1000
"""A figure is cut out with at most this longer side, px; in a frame that shows it larger, it is enlarged."""

LIKELIHOOD_SIDE = 224
"""Longer side of a detection's mask in a crop, px: as fine as models draw it."""

GROWTH_ROUNDS = 3
"""A box whose figure is found by its ink grows at most this often."""

POSE_ROUNDS = 4
"""The pose model is asked at most this often, each time in a box that has grown where its mask shows that the figure goes on."""

FALLBACK_ATTEMPT = 1
"""Index of the attempt that counts where even the last mask leads out of its box. What goes on and on is a ground line or a neighbor, and
the second box, which has grown once, holds less of it than later ones."""


@dataclass(frozen=True)
class AnnotateOptions:
    """What to look for.

    Attributes:
        all_figures: every figure, not only the best.
        min_score: detections below it are ignored, 0..1.
    """

    all_figures: bool = False
    min_score: float = 0.3


@dataclass(frozen=True, eq=False)
class _Crop:
    """A part of a drawing, `box`, at the size that it is cut out at."""

    box: Box
    rgb: Bytes
    alpha: Bytes | None

    def rgba(self) -> Bytes:
        """Colors and alpha, opaque if the drawing has none."""
        rgba = np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2RGBA), np.uint8)
        if self.alpha is not None:
            rgba[..., 3] = self.alpha
        return rgba


@dataclass(frozen=True, eq=False)
class _CutOut:
    """A crop with what was found in it.

    Attributes:
        mask: (h, w) bool, the figure's pixels in the crop.
        refusal: why there is no pose, at most one sentence; empty if there is one.
    """

    crop: _Crop
    pose: Pose
    mask: Bools
    refusal: tuple[str, ...]


def annotate(
    drawing: Drawing, predictor: Predictor, *, options: AnnotateOptions | None = None, stopwatch: Stopwatch
) -> tuple[AnnotatedFigure, ...]:
    """Find the figures of a drawing, best first; never none.

    Raises:
        NoFigureFound: no box is good enough, nothing is drawn in those that are, or the image's edge cuts the figure in half.
        PredictionRefused: the detector can't process this image. (If the pose model can't, the mask alone gives the joints.)
        UpstreamError: the model server is unavailable.
    """
    options = options or AnnotateOptions()
    with stopwatch.lap("detect"):
        turn, drawing, detections = _upright(drawing, predictor, options.min_score)
        height, width = drawing.rgb.shape[:2]
        chosen = chosen_boxes(detections, width, height, min_score=options.min_score)
    found, refused = [], []
    names = _names(len(chosen)) if options.all_figures else ["figure"] * len(chosen)
    for choice, name in zip(chosen, names, strict=True):
        try:
            found.append(_with_turn(_figure(drawing, choice, predictor, name, stopwatch), turn))
        except NoFigureFound as error:
            refused.append(error)
        if found and not options.all_figures:
            break
    if not found:
        raise refused[0]
    return tuple(found)


def annotate_box(drawing: Drawing, box: Box, predictor: Predictor | None, *, turn: Turn = 0, stopwatch: Stopwatch) -> AnnotatedFigure:
    """Cut out the figure in a box that a user drew, px of the drawing: the detector is not asked, and the box stays as it is.

    Args:
        predictor: only its pose model is asked; without one, image processing alone finds mask and joints.
        turn: degrees clockwise by which the drawing has to be turned to be upright.
    Raises:
        NoFigureFound: nothing is drawn in the box.
        UpstreamError: the model server is unavailable.
    """
    height, width = drawing.rgb.shape[:2]
    box, drawing = box.turned(turn, width=width, height=height), turned_drawing(drawing, turn)
    crop = _cut(drawing, box)
    pose, refusal = Pose(np.zeros((len(KEYPOINT_NAMES), 3))), tuple[str, ...]()
    if predictor is not None:
        with stopwatch.lap("pose"):
            pose, refusal = _pose(predictor, crop.rgb)
    detection = Detection(box, 1.0)
    with stopwatch.lap("segment"):
        mask = _mask(crop, pose, detection)
    if not mask.any():
        raise NoFigureFound("nothing is drawn in this box", best_score=1.0, hint="draw the box around the whole figure")
    return _with_turn(_rigged(drawing, _CutOut(crop, pose, mask, refusal), detection, "figure", stopwatch), turn)


def crop_pixels(drawing: Drawing, box: Box) -> Bytes:
    """The colors and alpha (h, w, 4) uint8 of a figure's crop: the box, reduced if it is larger than CROP_SIDE."""
    return _cut(drawing, box).rgba()


def _names(count: int) -> list[str]:
    return ["figure"] if count == 1 else [f"figure {number}" for number in range(1, count + 1)]


def _upright(drawing: Drawing, predictor: Predictor, min_score: float) -> tuple[Turn, Drawing, tuple[Detection, ...]]:
    """By how much the drawing was turned to be upright, the turned drawing, and the detections in it, in its px.

    Other turns than the given one are tried only if that one does not convince, and parts of the image only if no turn has a figure.
    """
    small = _downscaled(drawing.rgb, DETECTOR_SIDE)
    found: dict[Turn, tuple[Detection, ...]] = {0: predictor.detections(small)}
    scores: dict[Turn, float] = {0: best_score(found[0])}
    for turn in OTHER_TURNS:
        if is_convincing(scores[best_turn(scores)]):
            break
        found[turn] = predictor.detections(turned_pixels(small, turn), min_score=score_to_turn(scores))
        scores[turn] = best_score(found[turn])
    turn = best_turn(scores)
    if scores[turn] < min_score:
        turn, found[0] = 0, found[0] + _detections_in_parts(small, predictor)
    scale = max(drawing.rgb.shape[:2]) / max(small.shape[:2])
    return turn, turned_drawing(drawing, turn), tuple(_scaled(detection, scale) for detection in found[turn])


def _detections_in_parts(small: Bytes, predictor: Predictor) -> tuple[Detection, ...]:
    """Sure detections of figures that are small in the image, in its px."""
    height, width = small.shape[:2]
    found: list[Detection] = []
    for part in overlapping_parts(width, height):
        rows, columns = slice(int(part.top), int(part.bottom)), slice(int(part.left), int(part.right))
        detections = predictor.detections(np.ascontiguousarray(small[rows, columns]), min_score=MIN_PART_SCORE)
        moved = (moved_from_part(one, part, width, height) for one in detections if one.score >= MIN_PART_SCORE)
        found += [one for one in moved if one is not None]
    return tuple(found)


def _scaled(detection: Detection, scale: float) -> Detection:
    box = detection.box
    return replace(detection, box=Box(box.left * scale, box.top * scale, box.right * scale, box.bottom * scale))


def _figure(drawing: Drawing, chosen: Chosen, predictor: Predictor, name: str, stopwatch: Stopwatch) -> AnnotatedFigure:
    """One figure, cut out and rigged. Raises NoFigureFound if there is none in its box, or only half of one."""
    found = _cut_out(drawing, chosen, predictor, stopwatch)
    score, (height, width) = chosen.detection.score, drawing.rgb.shape[:2]
    if not found.mask.any():
        raise NoFigureFound("the detector saw a figure, but nothing is drawn there", best_score=score, hint="is the drawing too faint?")
    if found.pose.mask is not None and is_cut_in_half(found.mask, found.crop.box, width, height):
        summary = "the edge of the image cuts the figure in half"
        raise NoFigureFound(summary, best_score=score, hint="photograph or scan it again, with the whole figure in the image")
    return _rigged(drawing, found, chosen.detection, name, stopwatch)


def _rigged(drawing: Drawing, cut_out: _CutOut, detection: Detection, name: str, stopwatch: Stopwatch) -> AnnotatedFigure:
    """A figure with joints, layers and quality."""
    crop, pose, mask = cut_out.crop, cut_out.pose, cut_out.mask
    with stopwatch.lap("rig"):
        rigged = rigging(pose.keypoints, mask)
        character = Character(crop.rgba(), mask, rigged.rig, name, cut_out.refusal + rigged.repairs)
        character = replace(character, layer_labels=derived_labels(character, pose.parts))
    annotation = _annotation(crop, pose.keypoints, detection.score)
    found = evidence(detection.score, pose.keypoints, mask, pose.mask)
    reasons = cut_out.refusal + rigged.doubts + cut_off_note(mask, crop.box, drawing.rgb.shape[1], drawing.rgb.shape[0])
    return AnnotatedFigure(annotation, character, quality_of(found, reasons, pose.keypoints))


def _cut_out(drawing: Drawing, chosen: Chosen, predictor: Predictor, stopwatch: Stopwatch) -> _CutOut:
    """A crop that holds all of a figure, with its pose and mask.

    The model's mask decides what is figure. Image processing alone decides where the model sends none, or sees nothing.
    """
    height, width = drawing.rgb.shape[:2]
    box = chosen.box if chosen.detection.mask is not None else _box_by_ink(drawing, chosen.box, stopwatch)
    tried = []
    for _ in range(POSE_ROUNDS):
        crop = _cut(drawing, box)
        with stopwatch.lap("pose"):
            pose, refusal = _pose(predictor, crop.rgb)
        with stopwatch.lap("segment"):
            mask = _mask(crop, pose, chosen.detection)
        tried.append(_CutOut(crop, pose, mask, refusal))
        larger = grown_box(box, touched_sides(mask), width, height)
        if pose.mask is None or larger == box:
            return tried[-1]
        box = larger
    return tried[FALLBACK_ATTEMPT]


def _mask(crop: _Crop, pose: Pose, detection: Detection) -> Bools:
    likelihood = pose.mask if pose.mask is not None else _likelihood(detection, crop.box)
    if likelihood is not None:
        mask = mask_by_model(crop.rgb, likelihood, alpha=crop.alpha, keypoints=pose.keypoints)
        if mask.any():
            return mask
    return mask_by_ink(crop.rgb, alpha=crop.alpha, keypoints=pose.keypoints)


def _with_turn(figure: AnnotatedFigure, turn: Turn) -> AnnotatedFigure:
    """The figure with the turn of its drawing, which is noted among its quality's reasons."""
    return replace(figure, turn=turn, quality=replace(figure.quality, reasons=turn_note(turn) + figure.quality.reasons))


def _annotation(crop: _Crop, keypoints: Floats, score: float) -> Annotation:
    """The crop's findings in the drawing's px."""
    height, width = crop.rgb.shape[:2]
    return Annotation(crop.box, keypoints * np.array([crop.box.width / width, crop.box.height / height, 1.0]), score)


def _box_by_ink(drawing: Drawing, box: Box, stopwatch: Stopwatch) -> Box:
    """The box, grown until no limb leads out of it."""
    first, (height, width) = box, drawing.rgb.shape[:2]
    with stopwatch.lap("segment"):
        for _ in range(GROWTH_ROUNDS):
            crop = _cut(drawing, box)
            touched = touched_sides(mask_by_ink(crop.rgb, alpha=crop.alpha))
            larger = grown_box(box, touched, width, height)
            if larger == box:
                return box
            box = larger
        crop = _cut(drawing, box)
        return final_box(first, box, touched_sides(mask_by_ink(crop.rgb, alpha=crop.alpha)))


def _cut(drawing: Drawing, box: Box) -> _Crop:
    rows, columns = slice(int(box.top), int(box.bottom)), slice(int(box.left), int(box.right))
    alpha = None if drawing.alpha is None else _downscaled(drawing.alpha[rows, columns], CROP_SIDE)
    return _Crop(box, _downscaled(drawing.rgb[rows, columns], CROP_SIDE), alpha)


def _likelihood(detection: Detection, box: Box) -> Singles | None:
    """The detection's mask, moved to the crop of a box, longer side LIKELIHOOD_SIDE; 0 beyond the detection."""
    if detection.mask is None:
        return None
    scale = LIKELIHOOD_SIDE / max(box.width, box.height)
    likelihood = np.zeros((max(1, round(box.height * scale)), max(1, round(box.width * scale))), np.float32)
    detected = detection.box
    left, right = (round((x - box.left) * scale) for x in (detected.left, detected.right))
    top, bottom = (round((y - box.top) * scale) for y in (detected.top, detected.bottom))
    if right <= left or bottom <= top:
        return None
    stretched = cv2.resize(detection.mask, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    rows, columns = slice(max(0, top), min(likelihood.shape[0], bottom)), slice(max(0, left), min(likelihood.shape[1], right))
    likelihood[rows, columns] = stretched[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return likelihood


def _pose(predictor: Predictor, rgb: Bytes) -> tuple[Pose, tuple[str, ...]]:
    """What the pose model sees; or nothing, and why."""
    try:
        return predictor.pose(rgb), ()
    except PredictionRefused as error:
        return Pose(np.zeros((len(KEYPOINT_NAMES), 3))), (f"the pose estimator refused this figure: {error.summary}",)


def _downscaled(image: Bytes, side: int) -> Bytes:
    """The image (h, w) or (h, w, 3), contiguous in memory, reduced if its longer side is longer than `side`, px."""
    return np.ascontiguousarray(reduced_to_side(image, side))

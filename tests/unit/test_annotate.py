from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import cv2
import numpy as np
import pytest
import yaml
from drawn_person import SHIRT, person

from pipeline.annotate import AnnotateOptions, annotate
from pipeline.errors import NoFigureFound, PredictionRefused
from pipeline.files.annotation_files import write_annotations
from pipeline.files.character_files import read_character
from pipeline.stages.detect import MIN_PART_SCORE
from pipeline.types import KEYPOINT_NAMES, Box, Detection, Drawing, LayerLabel, Pose, Turn, turn_back, turned_pixels
from tests.drawn_figures import drawn_figure


class Laps:
    """A stopwatch that only notes what was measured."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    @contextmanager
    def lap(self, stage: str) -> Iterator[None]:
        self.stages.append(stage)
        yield


class Sheet:
    """A sheet with figures on it, and a predictor that knows where they are."""

    def __init__(self, *styles: str, boxes_cut: float = 0.0, scale: int = 1, room: int = 0) -> None:
        figures = [drawn_figure(style, seed=number) for number, style in enumerate(styles)]
        self.rgb = np.concatenate([np.pad(f.rgb, ((90, 90), (70, 70), (0, 0)), mode="edge") for f in figures], axis=1)
        self.rgb = np.pad(self.rgb, ((room, room), (room, room), (0, 0)), mode="edge")
        self.rgb = np.repeat(np.repeat(self.rgb, scale, axis=0), scale, axis=1)
        self.boxes: list[Box] = []
        for number, figure in enumerate(figures):
            left, top = room + 70 + number * 480, room + 90
            rows, columns = np.flatnonzero(figure.mask.any(axis=1)), np.flatnonzero(figure.mask.any(axis=0))
            cut = boxes_cut * len(columns)
            edges = np.array([left + columns[0] + cut, top + rows[0], left + columns[-1] + 1 - cut, top + rows[-1] + 1])
            self.boxes.append(Box(*(scale * edges).tolist()))
        self.asked: list[tuple[int, ...]] = []
        self.min_scores: list[float] = []
        self.detection_masks: list[np.ndarray | None] = [None] * len(figures)
        self.pose_mask: np.ndarray | None = None
        self.refuses = False
        self.turn: Turn = 0

    @property
    def drawing(self) -> Drawing:
        return Drawing(self.rgb, None, "0" * 64)

    def detections(self, rgb: np.ndarray, *, min_score: float = 0.0) -> tuple[Detection, ...]:
        self.asked.append(rgb.shape)
        self.min_scores.append(min_score)
        if self.turn and not np.array_equal(turned_pixels(self.rgb, self.turn), rgb):
            return (Detection(Box(10.0, 10.0, 200.0, 200.0), 0.4),)
        factor = rgb.shape[0] / (self.upright if self.turn else self.rgb.shape)[0]
        boxes = [Box(*(np.array([b.left, b.top, b.right, b.bottom]) * factor).tolist()) for b in self.boxes]
        return tuple(Detection(box, 0.9 - 0.1 * n, self.detection_masks[n]) for n, box in enumerate(boxes))

    def lie_down(self, turn: Turn) -> None:
        """Turn the sheet, so that its figures are found only after `turn` more degrees clockwise."""
        self.upright = self.rgb.shape
        self.rgb = turned_pixels(self.rgb, turn_back(turn))
        self.turn = turn

    def pose(self, rgb: np.ndarray) -> Pose:
        self.asked.append(rgb.shape)
        if self.refuses:
            raise PredictionRefused("no skeleton", model="pose")
        return Pose(np.zeros((17, 3)), self.pose_mask)


def test_a_drawing_becomes_a_character():
    sheet, laps = Sheet("outlined"), Laps()
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=laps)
    assert laps.stages == ["detect", "segment", "pose", "segment", "rig"]
    box = figure.annotation.box
    assert figure.character.mask.shape == (box.height, box.width)
    assert np.array_equal(figure.character.rgba[..., :3], sheet.rgb[int(box.top) : int(box.bottom), int(box.left) : int(box.right)])
    assert figure.annotation.detection_score == 0.9
    assert figure.character.name == "figure"
    assert figure.quality.score < 0.5


class Portrait:
    """A person whose arms touch the body, and a predictor that knows where the joints are."""

    def __init__(self, *, arms: str = "at the side") -> None:
        self.character = person(arms=arms)
        self.drawing = Drawing(self.character.rgba[..., :3], None, "0" * 64)

    def detections(self, rgb: np.ndarray) -> tuple[Detection, ...]:
        height, width = rgb.shape[:2]
        return (Detection(Box(5.0, 5.0, width - 5.0, height - 5.0), 0.9, self.character.mask[5:-5, 5:-5].astype(np.float32)),)

    def pose(self, rgb: np.ndarray) -> Pose:
        moved = np.argwhere((self.drawing.rgb == SHIRT).all(axis=2))[0] - np.argwhere((rgb == SHIRT).all(axis=2))[0]
        rig, side = self.character.rig, max(self.character.mask.shape)
        at = {name: (x * side - moved[1], (1 - y) * side - moved[0]) for name, (x, y) in zip(rig.joint_names, rig.rest, strict=True)}
        own = {"wrist": "hand", "ankle": "foot"}
        keypoints = np.zeros((17, 3))
        for index, name in enumerate(KEYPOINT_NAMES):
            left_or_right, _, part = name.partition("_")
            keypoints[index] = (*at.get(f"{left_or_right}_{own.get(part, part)}", at["neck"]), 0.9)
        return Pose(keypoints)


def test_arms_that_touch_the_body_get_labels(tmp_path):
    portrait = Portrait()
    (figure,) = annotate(portrait.drawing, portrait, stopwatch=Laps())
    labels = figure.character.layer_labels
    assert set(np.unique(labels).tolist()) == {LayerLabel.NONE, LayerLabel.BODY, LayerLabel.RIGHT_ARM, LayerLabel.LEFT_ARM}
    write_annotations(tmp_path, portrait.drawing, figure)
    assert (read_character(tmp_path).layer_labels == labels).all()


def test_figure_with_free_arms_gets_no_labels(tmp_path):
    portrait = Portrait(arms="spread")
    (figure,) = annotate(portrait.drawing, portrait, stopwatch=Laps())
    assert figure.character.layer_labels is None
    write_annotations(tmp_path, portrait.drawing, figure)
    assert not (tmp_path / "layers.png").exists()


def test_the_crop_and_not_the_sheet_goes_to_the_pose_estimator():
    sheet = Sheet("crayon", "outlined")
    annotate(sheet.drawing, sheet, stopwatch=Laps())
    assert sheet.asked[0] == sheet.rgb.shape
    assert sheet.asked[1][1] < 400


def test_all_figures_get_names_of_their_own():
    sheet = Sheet("crayon", "outlined")
    both = annotate(sheet.drawing, sheet, options=AnnotateOptions(all_figures=True), stopwatch=Laps())
    assert [f.character.name for f in both] == ["figure 1", "figure 2"]
    assert both[0].annotation.box.right < both[1].annotation.box.left


def test_a_box_that_cuts_both_hands_grows_until_they_are_inside():
    whole = annotate(Sheet("outlined").drawing, Sheet("outlined"), stopwatch=Laps())[0]
    sheet = Sheet("outlined", boxes_cut=0.16)
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=Laps())
    assert abs(int(figure.character.mask.sum()) - int(whole.character.mask.sum())) < 0.02 * whole.character.mask.sum()


def test_a_large_drawing_is_seen_small_by_the_detector_and_cut_out_at_a_sensible_size():
    sheet = Sheet("outlined", scale=4)
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=Laps())
    assert max(sheet.asked[0]) == 1000
    assert max(figure.character.mask.shape) == 1000
    box = figure.annotation.box
    assert abs(box.height - 4 * 400) < 200


def test_keypoints_of_the_annotation_are_px_of_its_box():
    sheet = Sheet("outlined", scale=4)
    original = sheet.pose

    def middle_of_the_crop(rgb: np.ndarray) -> Pose:
        original(rgb)
        return Pose(np.tile([rgb.shape[1] / 2, rgb.shape[0] / 2, 0.9], (17, 1)))

    sheet.pose = middle_of_the_crop  # type: ignore[method-assign]
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=Laps())
    box = figure.annotation.box
    assert figure.annotation.keypoints[0] == pytest.approx([box.width / 2, box.height / 2, 0.9])


def test_a_pose_estimator_that_refuses_leaves_it_to_the_outline():
    sheet = Sheet("outlined")
    sheet.refuses = True
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=Laps())
    assert "the pose estimator refused this figure: no skeleton" in figure.quality.reasons
    assert figure.character.repairs[0] in figure.quality.reasons


def test_models_mask_decides_where_it_is_sent():
    sheet = Sheet("outlined", "crayon")
    left, right = (int(edge) for edge in (sheet.boxes[0].left, sheet.boxes[0].right))
    plain = annotate(sheet.drawing, sheet, stopwatch=Laps())[0].character.mask
    sheet.pose_mask = np.ones((20, 20), np.float32)
    sheet.pose_mask[:, :10] = 0.0
    laps = Laps()
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=laps)
    middle = round(figure.annotation.box.left + figure.annotation.box.width / 2)
    assert left < middle < right
    assert not figure.character.mask[:, : round(0.4 * figure.annotation.box.width)].any()
    assert plain[:, : round(0.4 * plain.shape[1])].any()


def test_detectors_mask_decides_where_the_pose_model_sends_none():
    sheet = Sheet("outlined")
    mask = np.ones((40, 40), np.float32)
    mask[:, :16] = 0.0
    sheet.detection_masks = [mask]
    laps = Laps()
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=laps)
    assert laps.stages == ["detect", "pose", "segment", "rig"]
    seen = figure.annotation.box
    beyond = int(sheet.boxes[0].left + 0.3 * sheet.boxes[0].width - seen.left)
    assert not figure.character.mask[:, :beyond].any()
    assert figure.character.mask.any()


def test_box_grows_where_the_models_mask_leads_out_of_it():
    sheet = Sheet("outlined", boxes_cut=0.2, room=600)
    sheet.detection_masks = [np.ones((8, 8), np.float32)]
    sheet.pose_mask = np.ones((20, 20), np.float32)
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=Laps())
    assert 1.2 < figure.annotation.box.width / sheet.boxes[0].width < 1.8, "as after the first growth: what goes on and on is no figure"
    assert len(sheet.asked) == 5  # one detection, four poses: this mask leads out of every box


def test_box_grows_once_more_only_while_the_mask_leads_out_of_it():
    sheet = Sheet("outlined", boxes_cut=0.2)
    sheet.detection_masks = [np.ones((8, 8), np.float32)]
    original, poses = sheet.pose, []

    def whole_in_the_third(rgb: np.ndarray) -> Pose:
        poses.append(rgb.shape)
        seen = np.zeros((20, 20), np.float32)
        seen[4:16, 4:16] = 1.0
        return replace(original(rgb), mask=np.ones_like(seen) if len(poses) < 3 else seen)

    sheet.pose = whole_in_the_third  # type: ignore[method-assign]
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=Laps())
    assert len(poses) == 3
    assert figure.annotation.box.width > 1.6 * sheet.boxes[0].width


def test_a_transparent_drawing_keeps_its_alpha():
    sheet = Sheet("outlined")
    figure = drawn_figure("outlined")
    alpha = np.zeros(sheet.rgb.shape[:2], np.uint8)
    alpha[90:510, 70:410][figure.mask] = 255
    (result,) = annotate(Drawing(sheet.rgb, alpha, "0" * 64), sheet, stopwatch=Laps())
    assert np.array_equal(result.character.mask, result.character.rgba[..., 3] > 0)


def test_an_empty_box_is_no_figure():
    sheet = Sheet("outlined")
    sheet.rgb = np.full_like(sheet.rgb, 210)
    with pytest.raises(NoFigureFound, match="nothing is drawn there") as caught:
        annotate(sheet.drawing, sheet, stopwatch=Laps())
    assert caught.value.best_score == 0.9


@pytest.mark.parametrize(("cut", "is_half"), [(np.s_[2:18], True), (np.s_[2:8], False)])
def test_figure_that_the_image_cuts_in_half_is_refused_and_one_that_lacks_an_arm_reported(cut: slice, is_half: bool):
    sheet = Sheet("crayon")
    whole = annotate(sheet.drawing, sheet, stopwatch=Laps())[0]
    sheet.pose_mask = np.zeros((20, 20), np.float32)
    sheet.pose_mask[2:18, 5:14] = 1.0
    sheet.pose_mask[cut, :14] = 1.0
    middle = round((sheet.boxes[0].left + sheet.boxes[0].right) / 2)
    sheet.rgb = sheet.rgb[:, middle:].copy()
    sheet.boxes = [Box(0.0, sheet.boxes[0].top, sheet.boxes[0].right - middle, sheet.boxes[0].bottom)]
    if is_half:
        with pytest.raises(NoFigureFound, match="cuts the figure in half"):
            annotate(sheet.drawing, sheet, stopwatch=Laps())
        return
    half = annotate(sheet.drawing, sheet, stopwatch=Laps())[0]
    assert "the image cuts the figure off (left): what is missing can't move" in half.quality.reasons
    assert not [reason for reason in whole.quality.reasons if "cuts" in reason]


@pytest.mark.parametrize("all_figures", [False, True])
def test_whole_figure_beside_one_that_is_cut_in_half_is_found(all_figures: bool):
    sheet = Sheet("crayon", "outlined")
    sheet.pose_mask = np.zeros((20, 20), np.float32)
    sheet.pose_mask[2:18, :14] = 1.0
    middle = round((sheet.boxes[0].left + sheet.boxes[0].right) / 2)
    sheet.rgb = sheet.rgb[:, middle:].copy()
    sheet.boxes = [Box(max(0.0, box.left - middle), box.top, box.right - middle, box.bottom) for box in sheet.boxes]
    options = AnnotateOptions(all_figures=all_figures)
    (figure,) = annotate(sheet.drawing, sheet, options=options, stopwatch=Laps())
    assert figure.annotation.box.left > sheet.boxes[0].right


def test_figure_whose_feet_touch_the_edge_of_the_image_is_whole():
    sheet = Sheet("crayon")
    bottom = round(sheet.boxes[0].bottom)
    sheet.rgb = sheet.rgb[:bottom].copy()
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=Laps())
    assert figure.character.mask[-2:].any()
    assert not [reason for reason in figure.quality.reasons if "cuts" in reason]


def test_a_ground_line_that_leads_on_for_ever_does_not_widen_the_box():
    sheet = Sheet("crayon")
    y = int(sheet.boxes[0].bottom) - 3
    cv2.line(sheet.rgb, (0, y), (sheet.rgb.shape[1], y + 3), (80, 80, 80), 3)
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=Laps())
    assert figure.annotation.box.width < 360


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_drawing_on_its_side_gives_the_same_character_and_says_so(turn):
    sheet = Sheet("outlined")
    (upright,) = annotate(sheet.drawing, sheet, stopwatch=Laps())
    sheet.lie_down(turn)
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=Laps())
    assert figure.turn == turn
    assert np.array_equal(figure.character.rgba, upright.character.rgba)
    assert np.array_equal(figure.character.mask, upright.character.mask)
    assert figure.annotation.box == upright.annotation.box
    assert f"turned by {turn} degrees clockwise" in figure.quality.reasons[0]
    assert upright.turn == 0
    assert not any("turned" in reason for reason in upright.quality.reasons)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_annotation_folder_of_drawing_on_its_side_matches_the_given_image_and_reads_upright(tmp_path, turn):
    sheet = Sheet("outlined")
    sheet.lie_down(turn)
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=Laps())
    write_annotations(tmp_path, sheet.drawing, figure)
    image, texture = (cv2.imread(str(tmp_path / name))[..., ::-1] for name in ("image.png", "texture.png"))
    box = yaml.safe_load((tmp_path / "bounding_box.yaml").read_text())
    assert np.array_equal(image, sheet.rgb)
    assert np.array_equal(image[box["top"] : box["bottom"], box["left"] : box["right"]], texture)
    config = yaml.safe_load((tmp_path / "char_cfg.yaml").read_text())
    assert config["turned"] == turn
    mask = cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_GRAYSCALE)
    assert all(mask[y, x] for x, y in (joint["loc"] for joint in config["skeleton"]))
    again = read_character(tmp_path)
    assert np.array_equal(again.mask, figure.character.mask)
    assert np.abs(again.rig.rest - figure.character.rig.rest).max() * max(again.mask.shape) <= 1.5


def test_upright_drawing_with_sure_detection_is_not_turned_to_look_again():
    sheet = Sheet("outlined")
    annotate(sheet.drawing, sheet, stopwatch=Laps())
    assert len(sheet.asked) == 2  # one detection, one pose


def test_other_turns_are_asked_only_for_figures_that_would_be_chosen():
    sheet = Sheet("outlined")
    sheet.lie_down(180)
    annotate(sheet.drawing, sheet, stopwatch=Laps())
    assert sheet.min_scores == pytest.approx([0.0, 0.48, 0.48, 0.48])  # 0.4 as given, and 0.08 better


class FarSheet(Sheet):
    """A sheet on a large table: its figure is seen only in a part of the image."""

    def __init__(self, *, score: float = 0.8) -> None:
        super().__init__("outlined")
        self.near, self.score = self.rgb, score
        height, width = self.rgb.shape[:2]
        self.rgb = np.full((3 * height, 3 * width, 3), 120, np.uint8)
        self.rgb[40 : 40 + height, 30 : 30 + width] = self.near

    def detections(self, rgb: np.ndarray, *, min_score: float = 0.0) -> tuple[Detection, ...]:
        self.asked.append(rgb.shape)
        self.min_scores.append(min_score)
        corner = rgb[40 : 40 + self.near.shape[0], 30 : 30 + self.near.shape[1]]
        if rgb.shape == self.rgb.shape or not np.array_equal(corner, self.near):
            return ()
        box = self.boxes[0]
        return (Detection(Box(box.left + 30, box.top + 40, box.right + 30, box.bottom + 40), self.score),)


@pytest.fixture
def large_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images are not reduced, so that a part is found again by its pixels."""
    monkeypatch.setattr("pipeline.annotate.DETECTOR_SIDE", 10_000)


@pytest.mark.usefixtures("large_detector")
def test_small_figure_is_found_in_a_part_of_the_image():
    sheet = FarSheet()
    (figure,) = annotate(sheet.drawing, sheet, stopwatch=Laps())
    box, seen = figure.annotation.box, sheet.boxes[0]
    assert box.left <= seen.left + 30 < seen.right + 30 <= box.right
    assert box.top <= seen.top + 40 < seen.bottom + 40 <= box.bottom
    assert figure.turn == 0
    assert set(sheet.min_scores[4:]) == {MIN_PART_SCORE}


@pytest.mark.usefixtures("large_detector")
def test_unsure_figure_in_a_part_of_the_image_is_not_believed():
    sheet = FarSheet(score=0.4)
    with pytest.raises(NoFigureFound):
        annotate(sheet.drawing, sheet, stopwatch=Laps())

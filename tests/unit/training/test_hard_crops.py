"""Which crops count as hard, and that they are learnt from more often."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "torchserve" / "training"))

pytest.importorskip("torch", reason="the training needs torch, which doodled itself does without")
pytest.importorskip("onnxruntime", reason="the networks run on it")

from batches import Place, _drawn_place, crops_of  # after the test that torch is there
from drawings.sample import drawn_sample
from hard_crops import FILL, are_hard
from settings import configuration
from shards import Shard, add_sample, written

from pipeline.pose.letterbox import Letterbox

SIDE, CELLS = 64, 16
WRIST = 9


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A shard of a few pictures."""
    shard = Shard()
    for seed in range(6):
        add_sample(shard, seed, drawn_sample(seed, size=128), configuration()["shards"] | {"crop_side": 96, "smallest_figure": 10})
    place = tmp_path_factory.mktemp("shards") / "train-00000"
    written(shard, place)
    return place


def answers(figures: list[Place], *, wrist_off: int, without_mask: int):
    """What a network would say that knows all figures but one's wrist and another one's mask."""
    made = iter(range(len(figures)))

    def answer(views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        joints = np.zeros((len(views), 17, CELLS, CELLS), np.float32)
        masks = np.full((len(views), 1, SIDE, SIDE), -9.0, np.float32)
        for row, number in zip(range(len(views)), made, strict=False):
            place = figures[number]
            window = Letterbox.around(tuple(place.boxes), SIDE, fill=FILL)
            points = window.into(place.keypoints[:, :2])
            if number == wrist_off:
                points[WRIST] = SIDE - points[WRIST]
            cells = np.clip(points * CELLS / SIDE, 0, CELLS - 1).astype(int)
            joints[row, np.arange(17), cells[:, 1], cells[:, 0]] = 30.0
            shape = (np.asarray(place.pixels[place.row])[:, :, 3] > 0).astype(np.uint8) * 255
            if number != without_mask:
                masks[row, 0][window.cut(shape, (0.0, 0.0, 0.0)) > 127] = 9.0
        return joints, masks

    return answer


def test_wrong_joints_and_wrong_masks_are_hard(folder):
    places = crops_of([folder])
    rows = [row for row, place in enumerate(places) if (place.keypoints[:, 2] > 0).any()]
    figures = [places[row] for row in rows]
    off = next(
        number
        for number, place in enumerate(figures)
        if place.keypoints[WRIST, 2] > 0 and np.abs(place.keypoints[WRIST, :2] - place.boxes.reshape(2, 2).mean(axis=0)).max() > 15
    )
    empty = (off + 1) % len(figures)
    hard = are_hard(answers(figures, wrist_off=off, without_mask=empty), SIDE, places)
    assert sorted(np.flatnonzero(hard)) == sorted((rows[off], rows[empty]))


def test_crops_are_hard_where_their_shard_says_so(folder):
    assert not any(place.is_hard for place in crops_of([folder]))
    np.save(folder / "hard.npy", np.arange(len(crops_of([folder]))) == 1)
    assert [place.is_hard for place in crops_of([folder])].index(True) == 1


def test_hard_crops_are_drawn_where_they_are_asked_for():
    keypoints = np.full((17, 3), 2.0)
    places = [Place(np.zeros((9, 1, 1, 4), np.uint8), row, keypoints, np.zeros(4), ("", "", ""), row == 5) for row in range(9)]
    rng = np.random.default_rng(0)
    assert {_drawn_place(places, rng, figure=True, hard=True).row for _ in range(20)} == {5}
    assert len({_drawn_place(places, rng, figure=True, hard=False).row for _ in range(99)}) == 9

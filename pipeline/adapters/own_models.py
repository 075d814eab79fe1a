"""Figures and joints by our two models, wherever these run: in this process, or on a server that speaks the Open Inference Protocol.

`pipeline.pose.network_io` prepares the inputs and decodes the outputs; a `Model` runs one of the two networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pipeline.adapters.own_outputs import DETECTOR_OUTPUTS, OPTIONAL_POSE_OUTPUTS, POSE_OUTPUTS
from pipeline.errors import ShapeError
from pipeline.pose import network_io
from pipeline.pose.network_io import NetworkView, PoseAnswer, Proposal
from pipeline.types import Bytes, Detection, Pose, Singles, check_array

Refinement = tuple[Proposal, NetworkView, PoseAnswer]


class Model(Protocol):
    """One of our models: squares in, named outputs out."""

    @property
    def side(self) -> int:
        """Of the squares, px."""
        ...

    def answer(self, squares: Bytes, outputs: Sequence[str]) -> list[Singles]:
        """Outputs of these names for (n, side, side, 3) uint8, n first in each shape; without those that are optional and missing."""
        ...


class OwnModels:
    """Predictor port on a detector and a pose model. As thread-safe as they are."""

    def __init__(self, detector: Model, pose: Model) -> None:
        self._detector = detector
        self._pose = pose

    def detections(self, rgb: Bytes, *, min_score: float = 0.0) -> tuple[Detection, ...]:
        """See `pipeline.ports.Predictor`."""
        return self.detections_in([rgb], min_score=min_score)[0]

    def pose(self, rgb: Bytes) -> Pose:
        """See `pipeline.ports.Predictor`."""
        return self.poses_in([rgb])[0]

    def detections_in(self, images: Sequence[Bytes], *, min_score: float = 0.0) -> list[tuple[Detection, ...]]:
        """Find the figures in each of several images, in one batch. Images in which nothing can score so high are not looked at closely."""
        for image in images:
            _check(image)
        wholes = [network_io.whole_view(image, self._detector.side) for image in images]
        centers, sides = self._detector.answer(np.stack([whole.pixels for whole in wholes]), DETECTOR_OUTPUTS)
        proposals = [network_io.proposals(*each) for each in zip(centers, sides, wholes, images, strict=True)]
        worth_it = [of_one if any(network_io.can_score(one, min_score) for one in of_one) else [] for of_one in proposals]
        close = [(images[index], one, index) for index, of_one in enumerate(worth_it) for one in of_one]
        looks = self._refine([(image, one) for image, one, _ in close])
        found: list[list[Detection]] = [[] for _ in images]
        for (image, _, index), (one, view, answer) in zip(close, looks, strict=True):
            found[index].append(network_io.detection(one, view, answer, image))
        return [network_io.without_duplicates(of_one) for of_one in found]

    def poses_in(self, crops: Sequence[Bytes]) -> list[Pose]:
        """Find joints and mask in each of several crops, in one batch."""
        for crop in crops:
            _check(crop)
        views = [network_io.crop_view(crop, self._pose.side) for crop in crops]
        return [network_io.pose(*each) for each in zip(views, self._pose_answers(views), crops, strict=True)]

    def _refine(self, close: Sequence[tuple[Bytes, Proposal]]) -> list[Refinement]:
        """Refine each proposal with a close view, and with a second one if the first moved the box far and the second moves it less."""
        views = [network_io.close_view(image, one, self._pose.side) for image, one in close]
        looks = [(one, view, answer) for (_, one), view, answer in zip(close, views, self._box_answers(views), strict=True)]
        again = []
        for row, ((image, one), look) in enumerate(zip(close, looks, strict=True)):
            after = network_io.fitted_proposal(*look, image)
            if not network_io.is_settled(one, after):
                again.append((row, after))
        views = [network_io.close_view(close[row][0], after, self._pose.side) for row, after in again]
        for (row, after), view, answer in zip(again, views, self._box_answers(views), strict=True):
            if network_io.is_settled(after, network_io.fitted_proposal(after, view, answer, close[row][0])):
                looks[row] = (after, view, answer)  # otherwise the box drifts to a neighboring object
        return looks

    def _box_answers(self, views: list[NetworkView]) -> list[PoseAnswer]:
        return network_io.box_answers(*self._pose.answer(network_io.stacked_pixels(views), POSE_OUTPUTS)) if views else []

    def _pose_answers(self, views: list[NetworkView]) -> list[PoseAnswer]:
        outputs = (*POSE_OUTPUTS, *OPTIONAL_POSE_OUTPUTS)
        return network_io.pose_answers(*self._pose.answer(network_io.with_mirrors(views), outputs)) if views else []


def _check(rgb: Bytes) -> None:
    check_array("rgb", rgb, ("H", "W", 3), np.uint8)
    if not rgb.size:
        raise ShapeError("rgb", expected="an image with pixels", actual=str(rgb.shape))

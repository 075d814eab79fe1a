"""`drawn_humanoid_pose_estimator`: the joints of the figure that fills a crop, COCO's 17 in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from answering import Answering


class PoseEstimator(Answering):
    """TorchServe makes one of these in each worker."""

    def handle(self, rows: Sequence[dict[str, Any]] | None, context: Any) -> list[Any] | None:
        """`[{"keypoints": [[x, y, score] x 17]}]` for each request."""
        predictor = self.predictor
        if rows is None or predictor is None:
            return None
        return self.answers(rows, context, lambda crops: [[{"keypoints": points.tolist()}] for points in predictor.keypoints_in(crops)])

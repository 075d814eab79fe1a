"""`drawn_humanoid_pose_estimator`: the joints of the figure that fills a crop, COCO's 17 in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from answering import Answering, layers

from pipeline.types import Pose


class PoseEstimator(Answering):
    """TorchServe makes one of these in each worker."""

    def handle(self, rows: Sequence[dict[str, Any]] | None, context: Any) -> list[Any] | None:
        """`[{"keypoints": [[x, y, score] x 17], "mask", "parts"}]` for each request; the latter two are base64
        PNGs over the crop: 0..255 for how likely the figure is there, and the `BodyPart` of each pixel.
        """
        predictor = self.predictor
        if rows is None or predictor is None:
            return None
        return self.answers(rows, context, lambda crops: [[_entry(one)] for one in predictor.poses_in(crops)])


def _entry(found: Pose) -> dict[str, Any]:
    return {"keypoints": found.keypoints.tolist(), **layers(found.mask, found.parts)}

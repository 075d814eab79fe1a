"""`drawn_humanoid_detector`: the figures in an image, as AnimatedDrawings' clients expect them, each with a mask that they ignore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from answering import Answering, layers

from pipeline.types import Detection


class Detector(Answering):
    """TorchServe makes one of these in each worker."""

    def handle(self, rows: Sequence[dict[str, Any]] | None, context: Any) -> list[Any] | None:
        """`[{"class_name", "bbox": [left, top, right, bottom], "score", "mask"}]` for each request; the mask is a base64 PNG over the
        box, 0..255 for how likely the figure is there.
        """
        predictor = self.predictor
        if rows is None or predictor is None:
            return None
        return self.answers(rows, context, lambda images: [[_entry(one) for one in found] for found in predictor.detections_in(images)])


def _entry(found: Detection) -> dict[str, Any]:
    box = [found.box.left, found.box.top, found.box.right, found.box.bottom]
    entry: dict[str, Any] = {"class_name": "drawn_humanoid", "bbox": box, "score": found.score}
    return entry | layers(found.mask)

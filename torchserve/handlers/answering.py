"""What both handlers share: images out of requests, a whole batch through the networks at once, JSON back.

Runs inside TorchServe's Python, from an archive that `build_archives` packed: the parts of `pipeline` that it imports lie beside it. On a
GPU where ONNX Runtime can use one, else on the CPU. A request that holds no image is answered with 400 and does not harm its batch.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from pipeline.adapters.embedded import CPU, EmbeddedPredictor

GPU = "CUDAExecutionProvider"
MAX_PIXELS = 50_000_000
FIELDS = ("data", "body")
THREADS = 2

ImageArray = np.ndarray


class Answering:
    """One worker's networks, and how it answers a batch."""

    def __init__(self) -> None:
        self.predictor: EmbeddedPredictor | None = None

    def initialize(self, context: Any) -> None:
        """Load the networks out of the unpacked archive."""
        import onnxruntime  # not before `embedded` has told it to keep quiet

        folder = Path(context.system_properties["model_dir"])
        wanted = [GPU, CPU] if context.system_properties.get("gpu_id") is not None else [CPU]
        available = set(onnxruntime.get_available_providers())
        self.predictor = EmbeddedPredictor(folder, threads=THREADS, providers=[name for name in wanted if name in available])

    def answers(self, rows: Sequence[dict[str, Any]], context: Any, predict: Callable[[list[ImageArray]], list[Any]]) -> list[Any]:
        """A reply for each request, in order; images that can be read go through `predict` together."""
        images = [_image(row) for row in rows]
        readable = [image for image in images if image is not None]
        replies = iter(predict(readable) if readable else [])
        answers = []
        for place, image in enumerate(images):
            context.set_response_content_type(place, "application/json")
            if image is None:
                context.set_response_status(code=400, phrase="Bad Request", idx=place)
                answers.append({"code": 400, "type": "BadRequest", "message": "the field data holds no image that can be read"})
            else:
                answers.append(next(replies))
        return answers


def layers(mask: ImageArray | None, parts: ImageArray | None = None) -> dict[str, str]:
    """Fields `mask` and `parts` of a reply, base64 PNGs: 0..255 for how likely the figure is there, and the `BodyPart` of each pixel."""
    content = {"mask": None if mask is None else np.round(mask * 255.0).astype(np.uint8), "parts": parts}
    return {name: _png(layer) for name, layer in content.items() if layer is not None}


def _png(layer: ImageArray) -> str:
    _, content = cv2.imencode(".png", layer)
    return base64.b64encode(content.tobytes()).decode("ascii")


def _image(row: dict[str, Any]) -> ImageArray | None:
    content = next((row[name] for name in FIELDS if row.get(name) is not None), None)
    if not isinstance(content, bytes | bytearray):
        return None
    try:
        with Image.open(io.BytesIO(content)) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                return None
            rgb = np.asarray(opened.convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return np.ascontiguousarray(rgb) if rgb.size else None

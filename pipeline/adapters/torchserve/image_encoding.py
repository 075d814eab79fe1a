"""Encoding of images for TorchServe: reduced to the size that a model uses, with the scale that maps answers back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from pipeline.adapters.torchserve.settings import ImageEncoding
from pipeline.errors import ShapeError
from pipeline.files.image_files import FAST_PNG
from pipeline.types import Bytes, check_array

_ENCODER_PARAMETERS: Final[Mapping[ImageEncoding, Sequence[int]]] = {
    ImageEncoding.PPM: (),
    ImageEncoding.PNG: FAST_PNG,
    ImageEncoding.JPEG: (cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
}


@dataclass(frozen=True)
class EncodedImage:
    """An image encoded for a request.

    Attributes:
        width, height: size of the encoded image, px.
        scale: px of the original image for one px of the encoded one.
    """

    content: bytes
    media_type: str
    width: int
    height: int
    scale: float


def encoded_image(rgb: Bytes, *, longest_side_px: int, encoding: ImageEncoding) -> EncodedImage:
    """Encode an image (H, W, 3) uint8 with its longer side at most `longest_side_px`.

    AnimatedDrawings sends 1000 px at most (etc/doc/file-formats.md).

    Raises:
        ShapeError: another shape or dtype, or no pixels.
    """
    check_array("rgb", rgb, ("H", "W", 3), np.uint8)
    height, width = rgb.shape[:2]
    if not rgb.size:
        raise ShapeError("rgb", expected="an image with pixels", actual=str(rgb.shape))
    scale = max(height, width) / min(longest_side_px, max(height, width))
    if scale > 1.0:
        size = (max(round(width / scale), 1), max(round(height / scale), 1))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    _, content = cv2.imencode(f".{encoding}", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), _ENCODER_PARAMETERS[encoding])
    return EncodedImage(content.tobytes(), encoding.media_type, rgb.shape[1], rgb.shape[0], scale)


def probe_image() -> Bytes:
    """A stick figure on white paper, (96, 64, 3) uint8, for probes."""
    rgb = np.full((96, 64, 3), 255, dtype=np.uint8)
    cv2.circle(rgb, (32, 18), 9, (20, 20, 20), 3)
    for start, end in (((32, 27), (32, 58)), ((32, 34), (14, 48)), ((32, 34), (50, 48)), ((32, 58), (20, 86)), ((32, 58), (44, 86))):
        cv2.line(rgb, start, end, (20, 20, 20), 4)
    return rgb

"""Writes the thumbnail of a drawing into its job's folder, for the web application."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from daemon.spool.thumbnails import SUFFIX, THUMBNAIL

if TYPE_CHECKING:
    from pipeline.types import Bytes

SIDE_PX: Final = 320
_QUALITY: Final = 80
_SAMPLES: Final = 4


def write_thumbnail(job_folder: Path, rgb: Bytes, alpha: Bytes | None = None) -> None:
    """Write a thumbnail of at most SIDE_PX by SIDE_PX pixels. Raises nothing: a disk that refuses it must not fail the job.

    Args:
        job_folder: the job's folder.
        rgb: (H, W, 3) uint8.
        alpha: (H, W) uint8 straight alpha, or None; the background is white.
    """
    import cv2
    import numpy as np

    height, width = rgb.shape[:2]
    scale = min(1.0, SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    step = max(1, max(height, width) // (_SAMPLES * SIDE_PX))  # of a large photograph, a few samples a pixel do
    small = cv2.resize(np.ascontiguousarray(rgb[::step, ::step]), size, interpolation=cv2.INTER_AREA)
    if alpha is not None:
        share = cv2.resize(np.ascontiguousarray(alpha[::step, ::step]), size, interpolation=cv2.INTER_AREA)[..., None] / 255.0
        small = np.rint(small * share + 255 * (1 - share)).astype(np.uint8)
    encoded = cv2.imencode(SUFFIX, np.ascontiguousarray(small[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    with suppress(OSError):
        (job_folder / THUMBNAIL).write_bytes(encoded.tobytes())

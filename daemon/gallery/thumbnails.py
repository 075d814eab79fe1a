"""Small pictures of drawings, for the gallery: made by the worker that has the drawing decoded anyway, kept beside the gallery's pages.

The daemon itself never decodes what strangers dropped. A thumbnail is a file in the job's own folder; when the job leaves the spool's work
it gets a second name in `outbox/.gallery/`, where it stays for as long as its result does: the source itself is removed after the
retention time.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from daemon.files.durable import exists, link, open_folder

if TYPE_CHECKING:
    from pipeline.types import Bytes

FOLDER: Final = ".gallery"
THUMBNAIL: Final = "thumbnail.jpg"
SUFFIX: Final = ".jpg"
SIDE_PX: Final = 320
_QUALITY: Final = 80
_SAMPLES: Final = 4


def write_thumbnail(place: Path, rgb: Bytes, alpha: Bytes | None = None) -> None:
    """Write a small picture of a drawing into its job's folder. That the disk refuses is no reason to fail a job.

    Args:
        rgb: (H, W, 3) uint8.
        alpha: (H, W) uint8 straight alpha, or None; what lies behind is white.
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
        (place / THUMBNAIL).write_bytes(encoded.tobytes())


def keep_thumbnail(outbox: Path, place: Path, job: str) -> None:
    """Give a job's thumbnail, if it has one, its name beside the gallery. Never in the way of the job."""
    with suppress(OSError):
        if exists(place / THUMBNAIL):
            with open_folder(outbox, (FOLDER,), make=True) as gallery:
                link(place / THUMBNAIL, job + SUFFIX, gallery)

"""Registry of encoders by output format.

An encoder is imported when it is requested: a daemon that makes only GIFs never loads FFmpeg.
"""

from __future__ import annotations

from importlib import import_module

from pipeline.ports import Encoder
from pipeline.types import Format

_ENCODERS = {
    Format.GIF: ("gif", "GifEncoder"),
    Format.MP4: ("mp4", "Mp4Encoder"),
    Format.WEBM: ("webm", "WebmEncoder"),
    Format.WEBP: ("webp", "WebpEncoder"),
    Format.APNG: ("apng", "ApngEncoder"),
}


def encoder_for(kind: Format) -> Encoder:
    """Encoder of a format."""
    module, name = _ENCODERS[kind]
    encoder: Encoder = getattr(import_module(f"{__package__}.{module}"), name)()
    return encoder

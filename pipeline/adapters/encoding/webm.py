"""WebM: VP9, with an alpha plane where the canvas is transparent.

Chooses the encoder settings: libvpx's real-time mode at its fastest. Players with alpha support (Chrome, Firefox, libvpx-vp9 in FFmpeg)
show it; others play the colors alone.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from pipeline.adapters.encoding.video import Recipe, open_video
from pipeline.ports import Sink
from pipeline.types import Canvas, Format, OutputClock, Palette, PixelLayout

_OPAQUE = Recipe(
    kind=Format.WEBM,
    codec="libvpx-vp9",
    layout=PixelLayout.OPAQUE,
    largest_side=16384,
    codec_options={"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "crf": "24", "b": "0", "lag-in-frames": "0"},
)
_TRANSPARENT = replace(_OPAQUE, layout=PixelLayout.RGBA, metadata={"alpha_mode": "1"})


class WebmEncoder:
    """Encoder for WebM."""

    def layout(self, canvas: Canvas) -> PixelLayout:
        """See `Encoder.layout`."""
        return _recipe(canvas).layout

    def open(self, path: Path, canvas: Canvas, clock: OutputClock, *, palette: Palette | None = None) -> AbstractContextManager[Sink]:  # noqa: ARG002  the port's
        """See `Encoder.open`.

        Raises:
            OptionError: a canvas beyond 16384 px.
            OutputFailed: the file can't be made.
        """
        return open_video(path, _recipe(canvas), canvas, clock)


def _recipe(canvas: Canvas) -> Recipe:
    return _OPAQUE if canvas.is_opaque else _TRANSPARENT

"""What the pipeline asks of the outside world; `pipeline.adapters` implements it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from pipeline.types import (
    Animation,
    Bytes,
    Canvas,
    Detection,
    Floats,
    Frame,
    Layer,
    Motion,
    OutputClock,
    Palette,
    PixelLayout,
    RetargetConfig,
    Sprite,
    Strokes,
)


class Predictor(Protocol):
    """Finds figures and their joints: networks in process, or on a model server."""

    def detections(self, rgb: Bytes) -> tuple[Detection, ...]:
        """Every figure seen in a picture (H, W, 3) uint8, best first; none is an empty tuple, not an error.

        Raises:
            PredictionRefused: this picture can't be answered, however often one asks.
            UpstreamError: the server can't answer anybody now.
        """
        ...

    def keypoints(self, rgb: Bytes) -> Floats:
        """The joints of the one figure that fills a crop (h, w, 3) uint8: (17, 3) float64 x, y in px of the crop, score 0..1.

        Raises: as above.
        """
        ...


class Stage(Protocol):
    """An animation being rendered: textures are up, frames can be drawn one after the other."""

    def draw(self, layers: Sequence[Layer], strokes: Sequence[Strokes], pts: Fraction) -> Frame:
        """Draw one frame, `layers[i]` with sprite i, in order of their z, far to near.

        Returns:
            the frame, cropped to the figures where the layout is transparent, whole otherwise.
        Raises:
            RenderFailed: OpenGL reported an error.
        """
        ...


class Renderer(Protocol):
    """Turns meshes into pixels. Belongs to the thread that made it."""

    @property
    def name(self) -> str:
        """What renders, in the driver's words (GL_RENDERER), and through which context."""
        ...

    def stage(self, canvas: Canvas, sprites: Sequence[Sprite], *, layout: PixelLayout) -> AbstractContextManager[Stage]:
        """Upload what stays the same; free it at the end."""
        ...


class Sink(Protocol):
    """An animation file being written."""

    def write(self, frame: Frame) -> None:
        """Take the next frame; its pixels are copied or encoded before this returns.

        Raises:
            OutputFailed: the codec or the disk refused.
        """
        ...

    def finish(self) -> Animation:
        """Write what is outstanding, close the file and describe it. To be called once, after the last frame."""
        ...


class Encoder(Protocol):
    """Writes one format."""

    def layout(self, canvas: Canvas) -> PixelLayout:
        """What pixels it wants for this canvas: opaque ones, whatever the canvas is, if the format can't be transparent."""
        ...

    def open(self, path: Path, canvas: Canvas, clock: OutputClock, *, palette: Palette | None = None) -> AbstractContextManager[Sink]:
        """Start a file at `path`. Leaving the context without `finish` removes the file. `palette` goes with `PixelLayout.CUT_OUT`.

        Raises:
            OutputFailed: the codec or the disk refused.
        """
        ...


class Stopwatch(Protocol):
    """Measures the stages; the pipeline itself never looks at a clock."""

    def lap(self, stage: str) -> AbstractContextManager[None]:
        """Add the time spent inside to `stage`."""
        ...


class MotionReader(Protocol):
    """Reads motions and retarget configurations; `pipeline.motion.library` implements it."""

    def motion(self, wanted: str | Path) -> Motion:
        """The motion with a name or path. Raises PermanentError if there is none or its file is wrong."""
        ...

    def retarget(self, wanted: str | Path) -> RetargetConfig:
        """The retarget configuration with a name or path. Raises PermanentError if there is none or its file is wrong."""
        ...

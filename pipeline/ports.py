"""Ports: the protocols through which the pipeline uses models, OpenGL, codecs and clocks. `pipeline.adapters` implements them."""

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
    Frame,
    Layer,
    Motion,
    OutputClock,
    Palette,
    PixelLayout,
    Pose,
    RetargetConfig,
    Sprite,
    Strokes,
)


class Predictor(Protocol):
    """Finds figures and their joints, with models in process or on a model server."""

    def detections(self, rgb: Bytes, *, min_score: float = 0.0) -> tuple[Detection, ...]:
        """Find all figures in an image (H, W, 3) uint8, best score first; an empty tuple if there are none.

        Args:
            min_score: 0..1; if no figure scores as high, the answer may be empty, which can save time.
        Raises:
            PredictionRefused: the model can't process this image; a retry won't help.
            UpstreamError: the model server is unavailable.
        """
        ...

    def pose(self, rgb: Bytes) -> Pose:
        """Find the joints of the figure that fills a crop (h, w, 3) uint8, and its mask if the model draws one.

        Raises: as above.
        """
        ...


class SceneRenderer(Protocol):
    """Renders the frames of one animation; its textures are on the graphics card."""

    def draw(self, layers: Sequence[Layer], strokes: Sequence[Strokes], pts: Fraction) -> Frame:
        """Draw one frame: `layers[i]` with sprite i, far to near by z.

        Returns:
            the frame, cropped to the figures if the layout is transparent, whole otherwise.
        Raises:
            RenderFailed: OpenGL reported an error.
        """
        ...


class Renderer(Protocol):
    """Turns meshes into pixels. Use it only on the thread that made it."""

    @property
    def name(self) -> str:
        """The driver's name (GL_RENDERER) and the kind of OpenGL context."""
        ...

    def open_scene(self, canvas: Canvas, sprites: Sequence[Sprite], *, layout: PixelLayout) -> AbstractContextManager[SceneRenderer]:
        """Upload canvas and sprites; leaving the context frees them."""
        ...


class Sink(Protocol):
    """An animation file being written."""

    def write(self, frame: Frame) -> None:
        """Add the next frame; its pixels are copied or encoded before this returns.

        Raises:
            OutputFailed: the codec or the disk refused.
        """
        ...

    def finish(self) -> Animation:
        """Flush and close the file, and describe it. Call it once, after the last frame."""
        ...


class Encoder(Protocol):
    """Encoder of one output format."""

    def layout(self, canvas: Canvas) -> PixelLayout:
        """The pixel layout that this format needs for a canvas; opaque if the format has no transparency."""
        ...

    def open(self, path: Path, canvas: Canvas, clock: OutputClock, *, palette: Palette | None = None) -> AbstractContextManager[Sink]:
        """Open a file at `path`. Leaving the context without `finish` removes it. `palette` is for `PixelLayout.CUT_OUT`.

        Raises:
            OutputFailed: the codec or the disk refused.
        """
        ...


class Stopwatch(Protocol):
    """Measures the stages; the pipeline itself reads no clock."""

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

"""Types of a scene: actors, view, output clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from pipeline.types.arrays import Bytes
from pipeline.types.character import Character
from pipeline.types.motion import Motion, RetargetConfig


@dataclass(frozen=True)
class Actor:
    """One character with the motion that drives it.

    Attributes:
        root_position: where the root joint is in the drawing, x, y, z in world space: the motion begins there, with the lowest joint as
            high as drawn. None begins where the retarget configuration says.
    """

    character: Character
    motion: Motion
    retarget: RetargetConfig
    root_position: tuple[float, float, float] | None = None


class LayerMode(StrEnum):
    """Whether a figure is divided into layers where its limbs touch the body."""

    AUTO = "auto"
    OFF = "off"
    """One sheet, as in AnimatedDrawings."""


@dataclass(frozen=True)
class Camera:
    """A fixed perspective camera (etc/doc/algorithm.md, "Camera"), world space.

    Attributes:
        position: where it is.
        backward: direction from the scene towards the camera, of any length; AnimatedDrawings calls it CAMERA_FWD.
    """

    position: tuple[float, float, float]
    backward: tuple[float, float, float]


@dataclass(frozen=True)
class DebugViews:
    """Debug views to draw in addition to the drawing, or instead of it."""

    texture: bool = True
    rig: bool = False
    colors: bool = False
    mesh_lines: bool = False
    floor: bool = False
    skeleton: bool = False
    layers: bool = False


@dataclass(frozen=True)
class View:
    """Size, background and camera of the output.

    Attributes:
        width, height: pixels.
        background: RGBA, 0..1, straight alpha; alpha 0 is a transparent animation.
        background_image: (h, w, 4) uint8 straight alpha, stretched over the frame, or None.
        camera: None frames the figures automatically over the whole motion.
    """

    width: int = 500
    height: int = 500
    background: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 0.0)
    background_image: Bytes | None = field(default=None, compare=False)
    camera: Camera | None = None
    debug: DebugViews = DebugViews()


@dataclass(frozen=True)
class Scene:
    """Actors and view of an animation."""

    actors: tuple[Actor, ...]
    view: View
    layers: LayerMode = LayerMode.AUTO


@dataclass(frozen=True)
class OutputClock:
    """Times of the output frames: frame k at k * frame_time, exact."""

    frame_count: int
    frame_time: Fraction

    @property
    def duration(self) -> Fraction:
        return self.frame_count * self.frame_time

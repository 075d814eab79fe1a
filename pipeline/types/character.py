"""Types of a figure that is cut out of its drawing: image, mask, rig, mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from types import MappingProxyType
from typing import Final

import numpy as np

from pipeline.errors import ShapeError
from pipeline.types.arrays import Bools, Bytes, Floats, Ints, check_array
from pipeline.types.turns import Turn, turned_pixels

ROUNDING_PX = 1e-6
"""A joint this close to the next pixel is in it, px: the way to the unit square and back rounds."""


@dataclass(frozen=True, eq=False)
class Rig:
    """A figure's joints at rest.

    Attributes:
        joint_names: J unique names.
        parents: (J,) int32, -1 for the root; parents come before their children.
        rest: (J, 2) float64, unit square.
    """

    joint_names: tuple[str, ...]
    parents: Ints
    rest: Floats

    def __post_init__(self) -> None:
        count = len(self.joint_names)
        check_array("Rig.parents", self.parents, (count,), np.int32)
        check_array("Rig.rest", self.rest, (count, 2), np.float64)
        if len(set(self.joint_names)) != count:
            raise ShapeError("Rig.joint_names", expected="unique names", actual=str(self.joint_names))
        if count == 0 or self.parents[0] != -1 or np.any(self.parents[1:] < 0) or np.any(self.parents >= np.arange(count)):
            raise ShapeError("Rig.parents", expected="one root first, parents before children", actual=str(self.parents))


class LayerLabel(IntEnum):
    """The layer that a pixel of a figure belongs to. Left and right are the figure's own, which faces us."""

    NONE = 0
    BODY = 1
    RIGHT_ARM = 2
    LEFT_ARM = 3
    RIGHT_LEG = 4
    LEFT_LEG = 5


LAYER_COLORS: Final[Mapping[LayerLabel, tuple[int, int, int]]] = MappingProxyType(
    {
        LayerLabel.NONE: (0, 0, 0),
        LayerLabel.BODY: (255, 255, 255),
        LayerLabel.RIGHT_ARM: (230, 60, 50),
        LayerLabel.LEFT_ARM: (50, 90, 230),
        LayerLabel.RIGHT_LEG: (250, 210, 50),
        LayerLabel.LEFT_LEG: (40, 170, 80),
    }
)
"""RGB colors of the labels in layers.png. Without limbs the image is a mask; a mixture of two colors is far from every third one."""


@dataclass(frozen=True, eq=False)
class Character:
    """A figure cut out of its drawing.

    Attributes:
        rgba: (h, w, 4) uint8, straight alpha, image px of the crop. `mask` is the cut-out; alpha only hides pixels
            inside it.
        mask: (h, w) bool.
        rig: joints in the unit square of max(h, w).
        name: for messages.
        repairs: repairs made while reading it, a sentence each.
        layer_labels: (h, w) uint8, the `LayerLabel` of each pixel, NONE outside of the mask; None where rig and mask decide.
    """

    rgba: Bytes
    mask: Bools
    rig: Rig
    name: str = "character"
    repairs: tuple[str, ...] = ()
    layer_labels: Bytes | None = None

    def __post_init__(self) -> None:
        height, width = self.mask.shape
        check_array("Character.mask", self.mask, ("h", "w"), np.bool_)
        check_array("Character.rgba", self.rgba, (height, width, 4), np.uint8)
        if self.layer_labels is not None:
            check_array("Character.layer_labels", self.layer_labels, (height, width), np.uint8)

    @property
    def rgb(self) -> Bytes:
        """(h, w, 3) uint8, a contiguous copy of the colors. OpenCV takes 0.05 ms for 1,000 x 700 px, and NumPy 5."""
        import cv2  # not needed by the daemon itself, which imports these types

        return np.asarray(cv2.cvtColor(self.rgba, cv2.COLOR_RGBA2RGB), np.uint8)

    def joint_cells(self) -> Floats:
        """(J, 2) whole numbers: column and row of the pixel that contains each joint, perhaps outside of the image."""
        return np.asarray(np.floor(self.joints_px() + ROUNDING_PX), np.float64)

    def turned(self, turn: Turn) -> Character:
        """The character turned clockwise; joints stay in the pixels that contain them, as far from their corners as before."""
        height, width = self.mask.shape
        cells = self.joint_cells()
        (across, down), in_cells = cells.T, self.joints_px() - cells
        match turn:
            case 90:
                across, down = height - 1 - down, across
            case 180:
                across, down = width - 1 - across, height - 1 - down
            case 270:
                across, down = down, width - 1 - across
            case _:
                return self
        x, y = (np.stack([across, down], axis=1) + in_cells).T
        rest = np.stack([x, max(height, width) - y], axis=1) / max(height, width)
        return replace(
            self,
            rgba=turned_pixels(self.rgba, turn),
            mask=turned_pixels(self.mask, turn),
            rig=replace(self.rig, rest=rest),
            layer_labels=None if self.layer_labels is None else turned_pixels(self.layer_labels, turn),
        )

    def joints_px(self) -> Floats:
        """(J, 2) float64 image px, x and y of the joints at rest, y down."""
        return np.asarray(np.stack([self.rig.rest[:, 0], 1 - self.rig.rest[:, 1]], axis=1) * max(self.mask.shape), np.float64)


@dataclass(frozen=True, eq=False)
class CharacterLayer:
    """A part of a figure that is deformed and drawn by itself: the body, or a limb that touches it.

    Attributes:
        mask: (h, w) bool, the layer's pixels in the character's image; layers overlap where they hang together.
        rgb: (h, w, 3) uint8, the character's image, completed where another layer covers this one.
        pins: joint indices that hold the layer.
        bones: joint indices whose bones (from their parent to them) own the layer's triangles.
        is_behind: always drawn behind the body, as legs under a skirt; else the motion's depth decides.
        has_touching_limbs: distant limbs may touch each other in this layer, and are cut apart where their triangles meet.
    """

    mask: Bools
    rgb: Bytes
    pins: tuple[int, ...]
    bones: tuple[int, ...]
    is_behind: bool = False
    has_touching_limbs: bool = True


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangulated figure at rest.

    Attributes:
        vertices: (V, 2) float64, unit square.
        triangles: (F, 3) int32, counter-clockwise (y up).
    """

    vertices: Floats
    triangles: Ints

    def __post_init__(self) -> None:
        check_array("Mesh.vertices", self.vertices, ("V", 2), np.float64)
        check_array("Mesh.triangles", self.triangles, ("F", 3), np.int32)
        if self.triangles.size and (self.triangles.min() < 0 or self.triangles.max() >= len(self.vertices)):
            raise ShapeError(
                "Mesh.triangles", expected="indices of vertices", actual=f"up to {self.triangles.max()} of {len(self.vertices)}"
            )

"""The frozen data types that travel between the stages.

Arrays are checked once, here, and trusted afterwards. Spaces:

- *image px*: origin top-left, y down, pixel centres at +0.5.
- *unit square*: image px divided by the longer side of the character's picture, y up, origin bottom-left.
- *world*: the unit square's scale, moved by the figure's root path and starting location; y up, camera looks along -z.
- *BVH world*: the motion file's own units, y up.

Durations are seconds, exact where they decide what is shown (`Fraction`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ShapeError

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]


def checked(name: str, array: NDArray[Any], shape: tuple[int | str, ...], dtype: type[np.generic]) -> None:
    """Raise ShapeError unless `array` has `dtype` and `shape`; a letter stands for any length, the same letter for the same."""
    bound: dict[str, int] = {}
    expected = f"{shape} {np.dtype(dtype)}".replace("'", "")
    actual = f"{array.shape} {array.dtype}"
    if array.dtype != dtype or array.ndim != len(shape):
        raise ShapeError(name, expected=expected, actual=actual)
    for want, have in zip(shape, array.shape, strict=True):
        if (bound.setdefault(want, have) if isinstance(want, str) else want) != have:
            raise ShapeError(name, expected=expected, actual=actual)


# --- a drawing and what is found in it -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Drawing:
    """A decoded picture, upright.

    Attributes:
        rgb: (H, W, 3) uint8, sRGB; where alpha is 0 it is white.
        alpha: (H, W) uint8 straight alpha, or None if the picture has none (or is opaque throughout).
        sha256: of the source's bytes, hexadecimal.
        notes: what had to be done to read it, a sentence each (rotated, reduced, wrong suffix, ...).
    """

    rgb: Bytes
    alpha: Bytes | None
    sha256: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checked("Drawing.rgb", self.rgb, ("H", "W", 3), np.uint8)
        if self.alpha is not None:
            checked("Drawing.alpha", self.alpha, (self.rgb.shape[0], self.rgb.shape[1]), np.uint8)


@dataclass(frozen=True)
class Box:
    """A rectangle in image px, edges as coordinates: a box around one pixel (3, 5) is left 3, top 5, right 4, bottom 6."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True, eq=False)
class Detection:
    """A figure that a detector saw.

    Attributes:
        box: image px of the picture that was asked about.
        score: 0..1.
        mask: (h, w) float32 0..1, how likely each cell of the box belongs to the figure, any resolution, stretched over the box; or None.
    """

    box: Box
    score: float
    mask: Singles | None = None


KEYPOINT_NAMES = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""COCO's keypoints in their order; left and right are the figure's own."""


@dataclass(frozen=True, eq=False)
class Annotation:
    """One figure found in a drawing: where it is, what belongs to it, where its joints are.

    Attributes:
        box: image px of the drawing, whole numbers, inside the picture.
        keypoints: (17, 3) float64: x, y in px of the crop, score 0..1; order of KEYPOINT_NAMES.
        mask: (h, w) bool, the crop's figure.
        detection_score: 0..1.
    """

    box: Box
    keypoints: Floats
    mask: Bools
    detection_score: float

    def __post_init__(self) -> None:
        checked("Annotation.keypoints", self.keypoints, (len(KEYPOINT_NAMES), 3), np.float64)
        checked("Annotation.mask", self.mask, (round(self.box.height), round(self.box.width)), np.bool_)


@dataclass(frozen=True)
class Quality:
    """How far a character can be trusted: 1 is a clear figure with every joint seen, 0 a guess.

    Attributes:
        reasons: what lowered it, a sentence each.
    """

    score: float
    reasons: tuple[str, ...] = ()


# --- a character -----------------------------------------------------------------------------------------------------


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
        checked("Rig.parents", self.parents, (count,), np.int32)
        checked("Rig.rest", self.rest, (count, 2), np.float64)
        if len(set(self.joint_names)) != count:
            raise ShapeError("Rig.joint_names", expected="unique names", actual=str(self.joint_names))
        if count == 0 or self.parents[0] != -1 or np.any(self.parents[1:] < 0) or np.any(self.parents >= np.arange(count)):
            raise ShapeError("Rig.parents", expected="one root first, parents before children", actual=str(self.parents))


@dataclass(frozen=True, eq=False)
class Character:
    """A figure cut out of its drawing.

    Attributes:
        rgba: (h, w, 4) uint8, straight alpha, image px of the crop. Its alpha is not the cut-out: `mask` is.
        mask: (h, w) bool.
        rig: joints in the unit square of max(h, w).
        name: what to call it in messages.
        repairs: what had to be mended while reading it, a sentence each.
    """

    rgba: Bytes
    mask: Bools
    rig: Rig
    name: str = "character"
    repairs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        height, width = self.mask.shape
        checked("Character.mask", self.mask, ("h", "w"), np.bool_)
        checked("Character.rgba", self.rgba, (height, width, 4), np.uint8)


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
        checked("Mesh.vertices", self.vertices, ("V", 2), np.float64)
        checked("Mesh.triangles", self.triangles, ("F", 3), np.int32)
        if self.triangles.size and (self.triangles.min() < 0 or self.triangles.max() >= len(self.vertices)):
            raise ShapeError(
                "Mesh.triangles", expected="indices of vertices", actual=f"up to {self.triangles.max()} of {len(self.vertices)}"
            )


# --- a motion and how it drives a character --------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Motion:
    """A motion-capture clip: where every joint is in every frame.

    Attributes:
        name: for messages and listings.
        joint_names: K names (an `End Site` is called "<parent> End").
        parents: (K,) int32, -1 for the root; parents come before their children.
        positions: (T, K, 3) float64, BVH world with y up, frames already cut to the clip.
        frame_time: seconds from one frame to the next, exact.
        ground_joint: the joint that stands on the floor in the first frame.
        facing_pairs: pairs of joints, each spanning the body from left to right.
        scale: BVH units -> world units, for drawing the skeleton.
        loops: the last frame leads back into the first.
    """

    name: str
    joint_names: tuple[str, ...]
    parents: Ints
    positions: Floats
    frame_time: Fraction
    ground_joint: str
    facing_pairs: tuple[tuple[str, str], ...]
    scale: float
    loops: bool = False

    def __post_init__(self) -> None:
        count = len(self.joint_names)
        checked("Motion.parents", self.parents, (count,), np.int32)
        checked("Motion.positions", self.positions, ("T", count, 3), np.float64)

    @property
    def frame_count(self) -> int:
        return int(self.positions.shape[0])

    @property
    def duration(self) -> Fraction:
        """Seconds; every frame is shown for one frame time, the last one too."""
        return self.frame_count * self.frame_time


class ProjectionMethod(StrEnum):
    """How a group of motion joints becomes two-dimensional."""

    PCA = "pca"
    SAGITTAL = "sagittal"
    FRONTAL = "frontal"


@dataclass(frozen=True)
class ProjectionGroup:
    """Motion joints that share one projection plane."""

    name: str
    joints: tuple[str, ...]
    method: ProjectionMethod


@dataclass(frozen=True)
class DrawGroup:
    """Character joints drawn together; the mean depth of the motion joints `depth_drivers` says when."""

    depth_drivers: tuple[str, ...]
    joints: tuple[str, ...]


@dataclass(frozen=True)
class RootOffset:
    """How far the figure travels: limb chains whose lengths are compared, and the plane that is travelled in."""

    motion_chains: tuple[tuple[str, ...], ...]
    character_chains: tuple[tuple[str, ...], ...]
    projection_group: str


@dataclass(frozen=True)
class AboveCheck:
    """Drop `target` from the mapping if its joint rests below the line from `first` to `second`."""

    target: str
    first: str
    second: str


@dataclass(frozen=True)
class RetargetConfig:
    """Which motion joints drive which character joints (COMPAT.md, section 5)."""

    name: str
    starting_location: tuple[float, float, float]
    projection_groups: tuple[ProjectionGroup, ...]
    draw_groups: tuple[DrawGroup, ...]
    root_offset: RootOffset
    mapping: Mapping[str, tuple[str, str]]
    checks: tuple[AboveCheck, ...] = ()

    @property
    def motion_joints(self) -> tuple[str, ...]:
        """Every motion joint that the configuration names, each once, in order of appearance."""
        named = [j for g in self.projection_groups for j in g.joints]
        named += [j for g in self.draw_groups for j in g.depth_drivers]
        named += [j for chain in self.root_offset.motion_chains for j in chain]
        named += [j for pair in self.mapping.values() for j in pair]
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True, eq=False)
class PoseTrack:
    """A rig's joints over all output frames.

    Attributes:
        joints: (T, J, 2) float64, unit square's scale, relative to the root joint.
        root: (T, 3) float64, world: add its x, y to the joints; its z is the figure's depth.
        draw_orders: distinct orders of joint indices, back to front; joints in no group are absent (not drawn).
        order_of_frame: (T,) int32, which of `draw_orders` each frame uses.
        skeleton: (T, K, 3) float64, world: the driving skeleton, for the debug view, or None.
    """

    joints: Floats
    root: Floats
    draw_orders: tuple[tuple[int, ...], ...]
    order_of_frame: Ints
    skeleton: Floats | None = None

    def __post_init__(self) -> None:
        frames = self.joints.shape[0]
        checked("PoseTrack.joints", self.joints, ("T", "J", 2), np.float64)
        checked("PoseTrack.root", self.root, (frames, 3), np.float64)
        checked("PoseTrack.order_of_frame", self.order_of_frame, (frames,), np.int32)


# --- a scene ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Actor:
    """One character with the motion that drives it."""

    character: Character
    motion: Motion
    retarget: RetargetConfig


@dataclass(frozen=True)
class Camera:
    """A fixed perspective camera (COMPAT.md, section 9): at `position`, looking along -`forward`, world space."""

    position: tuple[float, float, float]
    forward: tuple[float, float, float]


@dataclass(frozen=True)
class DebugViews:
    """What is drawn besides, or instead of, the drawing itself."""

    texture: bool = True
    rig: bool = False
    colours: bool = False
    mesh_lines: bool = False
    floor: bool = False
    skeleton: bool = False


@dataclass(frozen=True)
class View:
    """Size, background and camera of the picture.

    Attributes:
        width, height: pixels.
        background: RGBA, 0..1, straight alpha; alpha 0 is a transparent animation.
        picture: (h, w, 4) uint8 straight alpha, stretched over the frame, or None.
        camera: None frames the figures automatically over the whole motion.
    """

    width: int = 500
    height: int = 500
    background: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 0.0)
    picture: Bytes | None = field(default=None, compare=False)
    camera: Camera | None = None
    debug: DebugViews = DebugViews()


@dataclass(frozen=True)
class Scene:
    """Everything that is to be seen."""

    actors: tuple[Actor, ...]
    view: View


@dataclass(frozen=True)
class OutputClock:
    """When each output frame is shown: frame k at k * frame_time, exact."""

    frame_count: int
    frame_time: Fraction

    @property
    def duration(self) -> Fraction:
        return self.frame_count * self.frame_time


# --- what the renderer draws and the encoder writes ------------------------------------------------------------------


class PixelLayout(StrEnum):
    """What one frame's pixels are."""

    CUT_OUT = "cut_out"
    """(h, w, 4) uint8, for on-off transparency: alpha 0 where nothing is to be seen, above 0 where something is; colours as they are
    to be seen, whatever the alpha."""
    RGBA = "rgba"
    """(h, w, 4) uint8, straight alpha."""
    OPAQUE = "opaque"
    """(h, w, 4) uint8, composited over the background, alpha 255."""


@dataclass(frozen=True, eq=False)
class Palette:
    """Colours of an indexed animation.

    Attributes:
        colours: (n, 3) uint8, n <= 255.
        transparent: the index that means "nothing here": n.
        lookup: (32, 32, 32) uint8: the index for a colour, axes red, green, blue, 8 levels a cell.
    """

    colours: Bytes
    lookup: Bytes

    def __post_init__(self) -> None:
        checked("Palette.colours", self.colours, ("n", 3), np.uint8)
        checked("Palette.lookup", self.lookup, (32, 32, 32), np.uint8)
        if not 1 <= len(self.colours) <= 255:
            raise ShapeError("Palette.colours", expected="1 to 255 colours", actual=str(len(self.colours)))

    @property
    def transparent(self) -> int:
        return len(self.colours)


@dataclass(frozen=True, eq=False)
class Sprite:
    """What the renderer keeps of one figure for a whole animation.

    Attributes:
        rgba: (h, w, 4) uint8, straight alpha, soft at the cut; colours are bled outwards, so that no filter picks up paper.
        uv: (V, 2) float32, 0..1, origin at the top-left corner of `rgba`.
        colours: (V, 3) float32 0..1 for the debug view that paints each joint's triangles, or None.
    """

    rgba: Bytes
    uv: Singles
    colours: Singles | None = None

    def __post_init__(self) -> None:
        checked("Sprite.rgba", self.rgba, ("h", "w", 4), np.uint8)
        checked("Sprite.uv", self.uv, ("V", 2), np.float32)


@dataclass(frozen=True, eq=False)
class Layer:
    """One sprite in one frame.

    Attributes:
        vertices: (V, 2) float32, world x, y.
        z: world depth of the whole figure.
        triangles: (F, 3) int32, in draw order, back to front.
    """

    vertices: Singles
    z: float
    triangles: Ints


@dataclass(frozen=True, eq=False)
class Strokes:
    """Plain coloured geometry of the debug views.

    Attributes:
        points: (N, 3) float32, world; two a line, or three a triangle.
        rgba: (N, 4) float32, 0..1, straight alpha.
        filled: triangles instead of lines.
        behind: drawn before the figures instead of after them.
    """

    points: Singles
    rgba: Singles
    filled: bool = False
    behind: bool = False


@dataclass(frozen=True, eq=False)
class Canvas:
    """What stays the same in every frame of an animation.

    Attributes:
        width, height: pixels.
        background: RGBA, 0..1, straight alpha.
        picture: (h, w, 4) uint8, stretched over the frame, or None.
        view_projection: (4, 4) float32: world -> clip space, column vectors, y up.
    """

    width: int
    height: int
    background: tuple[float, float, float, float]
    picture: Bytes | None
    view_projection: Singles

    @property
    def is_opaque(self) -> bool:
        """Every pixel is covered whatever is drawn."""
        if self.picture is not None and bool(np.all(self.picture[..., 3] == 255)):
            return True
        return self.background[3] >= 1.0


@dataclass(frozen=True, eq=False)
class Frame:
    """One rendered picture, cropped to what is in it.

    Attributes:
        pixels: (h, w, 4) uint8, meant as its `PixelLayout` says, top row first. A view of a reused buffer: valid until the next frame
            is drawn. May be empty (h or w 0): nothing is to be seen in this frame.
        left, top: where the crop lies in the canvas, px.
        pts: seconds from the start, exact.
    """

    pixels: Bytes
    left: int
    top: int
    pts: Fraction


class Format(StrEnum):
    """Output formats, by their file suffix."""

    GIF = "gif"
    MP4 = "mp4"
    WEBM = "webm"
    WEBP = "webp"
    APNG = "apng"


@dataclass(frozen=True)
class Animation:
    """A finished file.

    Attributes:
        duration: seconds, as stored in the file (a GIF rounds to centiseconds), exact.
    """

    path: Path
    format: Format
    byte_count: int
    frame_count: int
    duration: Fraction
    width: int
    height: int
    sha256: str

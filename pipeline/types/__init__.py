"""The frozen data types that travel between the stages.

Arrays are checked once, at construction, and trusted afterwards. Spaces:

- *image px*: origin top-left, y down, pixel centers at +0.5.
- *unit square*: image px divided by the longer side of the character's image, y up, origin bottom-left.
- *world*: the unit square's scale, moved by the figure's root path and starting location; y up, camera looks along -z.
- *BVH world*: the motion file's own units, y up.

Durations are seconds, exact (`Fraction`) where they decide which frame is shown.
"""

from __future__ import annotations

from pipeline.types.arrays import Bools, Bytes, Floats, Ints, Singles, check_array
from pipeline.types.character import LAYER_COLORS, Character, CharacterLayer, LayerLabel, Mesh, Rig
from pipeline.types.drawing import (
    FIGURE_PROBABILITY,
    MIRRORED_PARTS,
    AnnotatedFigure,
    Annotation,
    BodyPart,
    Box,
    Detection,
    Drawing,
    Pose,
    Quality,
)
from pipeline.types.keypoints import KEYPOINT_NAMES
from pipeline.types.motion import (
    AboveCheck,
    DrawGroup,
    Motion,
    PoseTrack,
    ProjectionGroup,
    ProjectionMethod,
    RetargetConfig,
    RootOffset,
    Travel,
)
from pipeline.types.rendering import HALF_SEEN, Animation, Canvas, Format, Frame, Layer, Palette, PixelLayout, Sprite, Strokes
from pipeline.types.scene import Actor, Camera, DebugViews, LayerMode, OutputClock, Scene, View
from pipeline.types.turns import TURNS, Turn, turn_back, turned_pixels

__all__ = [
    "FIGURE_PROBABILITY",
    "HALF_SEEN",
    "KEYPOINT_NAMES",
    "LAYER_COLORS",
    "MIRRORED_PARTS",
    "TURNS",
    "AboveCheck",
    "Actor",
    "Animation",
    "AnnotatedFigure",
    "Annotation",
    "BodyPart",
    "Bools",
    "Box",
    "Bytes",
    "Camera",
    "Canvas",
    "Character",
    "CharacterLayer",
    "DebugViews",
    "Detection",
    "DrawGroup",
    "Drawing",
    "Floats",
    "Format",
    "Frame",
    "Ints",
    "Layer",
    "LayerLabel",
    "LayerMode",
    "Mesh",
    "Motion",
    "OutputClock",
    "Palette",
    "PixelLayout",
    "Pose",
    "PoseTrack",
    "ProjectionGroup",
    "ProjectionMethod",
    "Quality",
    "RetargetConfig",
    "Rig",
    "RootOffset",
    "Scene",
    "Singles",
    "Sprite",
    "Strokes",
    "Travel",
    "Turn",
    "View",
    "check_array",
    "turn_back",
    "turned_pixels",
]

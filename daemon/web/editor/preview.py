"""Preview of an edited figure: its motion as a small GIF, rendered by the code of `doodled render` from a reduced figure."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from daemon.log.stopwatch import WallStopwatch
from daemon.options.scene_builder import RenderRequest, character_plan
from daemon.options.values import FrameRate, Size
from daemon.rendering import SceneRendering
from pipeline.motion.library import MotionLibrary
from pipeline.ports import Renderer
from pipeline.types import Character, Format

SIZE = Size(320, 320)
RATE = FrameRate.parse("16")
FIGURE_SIDE_PX = 400
"""The figure is reduced to this longer side: no preview shows more of it, and its mesh takes a fifth of the time."""


@dataclass(frozen=True)
class Preview:
    """A rendered preview.

    Attributes:
        notes: repairs of the character, as sentences for the user.
    """

    gif: bytes
    notes: tuple[str, ...]


def render_preview(
    character: Character, request: RenderRequest, environ: Mapping[str, str], library: MotionLibrary, renderer: Renderer
) -> Preview:
    """Render a character's motion.

    Args:
        request: the motion and how it is retargeted.
    Raises:
        DoodledError: as `doodled render`.
    """
    request = replace(request, size=SIZE, rate=RATE, format=Format.GIF)
    plan = character_plan(reduced_character(character), request, environ, library)
    with tempfile.TemporaryDirectory(prefix="doodled-edit-") as folder:
        output = Path(folder) / "preview.gif"
        SceneRendering(plan, WallStopwatch()).write(output, Format.GIF, renderer)
        return Preview(output.read_bytes(), plan.notes)


def reduced_character(character: Character) -> Character:
    """The character with a longer side of at most FIGURE_SIDE_PX; its joints are in shares of that side and stay."""
    height, width = character.mask.shape
    scale = FIGURE_SIDE_PX / max(height, width)
    if scale >= 1:
        return character
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    labels = character.layer_labels
    return replace(
        character,
        rgba=np.asarray(cv2.resize(character.rgba, size, interpolation=cv2.INTER_AREA), np.uint8),
        mask=np.asarray(cv2.resize(character.mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 127, np.bool_),
        layer_labels=None if labels is None else np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint8),
    )

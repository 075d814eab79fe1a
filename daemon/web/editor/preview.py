"""Preview of an edited figure: its motion as a small GIF, byte for byte what `doodled render` makes with this size and rate."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from daemon.log.stopwatch import WallStopwatch
from daemon.options.scene_builder import RenderRequest, character_plan
from daemon.options.values import FrameRate, Size
from daemon.rendering import SceneRendering
from pipeline.motion.library import MotionLibrary
from pipeline.ports import Renderer
from pipeline.types import Character, Format

SIZE = Size(320, 320)
RATE = FrameRate.parse("16")


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
    plan = character_plan(character, request, environ, library)
    with tempfile.TemporaryDirectory(prefix="doodled-edit-") as folder:
        output = Path(folder) / "preview.gif"
        SceneRendering(plan, WallStopwatch()).write(output, Format.GIF, renderer)
        return Preview(output.read_bytes(), plan.notes)

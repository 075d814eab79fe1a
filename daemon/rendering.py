"""Render a scene into files: the one path from a plan to a finished animation, for worker, commands and the editor's previews.

The caller opens the renderer and chooses path and format; encoder, output clock and the highest rate of a GIF are chosen here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from PIL import Image

from daemon.options.scene_builder import Plan
from daemon.options.values import HIGHEST_GIF_RATE
from pipeline.adapters.encoding.encoders import encoder_for
from pipeline.adapters.encoding.output_file import map_write_errors
from pipeline.animate import MeshedActor, Performance, animate, mesh_actors, perform, reduced_actor, scene_clock, with_images
from pipeline.ports import Renderer, Stopwatch
from pipeline.types import Animation, Format, Mesh, OutputClock, Scene

PREVIEW_FRAMES: Final = 8
PREVIEW_SIDE_PX: Final = 200


class SceneRendering:
    """One plan being rendered, into one format or several. All share the meshes; formats of the same frame times share the joints, too.

    Args:
        meshes: for each actor, a mesh to use instead of its own, or None.
    """

    def __init__(self, plan: Plan, stopwatch: Stopwatch, meshes: Sequence[Mesh | None] | None = None) -> None:
        self._plan, self._stopwatch, self._meshes = plan, stopwatch, meshes
        self._performances: dict[OutputClock, list[Performance]] = {}
        self._meshed: list[MeshedActor] | None = None

    def clock(self, output_format: Format) -> OutputClock:
        """The frame times of an output. Raises OptionError for a scene without characters."""
        max_rate = HIGHEST_GIF_RATE if output_format is Format.GIF else None
        return scene_clock(self._plan.scene, rate=self._plan.rate, max_rate=max_rate)

    def notes(self, output_format: Format) -> tuple[str, ...]:
        """How an output differs from what was asked for, as sentences for the user."""
        rate = self._plan.rate or 1 / self._plan.scene.actors[0].motion.frame_time
        if output_format is not Format.GIF or rate <= HIGHEST_GIF_RATE:
            return ()
        return (f"the GIF has {HIGHEST_GIF_RATE} frames a second, not {float(rate):g}: players show no frame for a shorter time",)

    def performances(self, clock: OutputClock) -> list[Performance]:
        """Every actor, meshed and retargeted for the frame times of `clock`."""
        if clock not in self._performances:
            self._performances[clock] = perform(self._complete_actors(), self._plan.scene.view, clock, stopwatch=self._stopwatch)
        return self._performances[clock]

    def _complete_actors(self) -> list[MeshedActor]:
        actors = self._actors(images_too=True)
        with self._stopwatch.lap("scene"):
            self._meshed = actors if self._plan.scene.view.debug.layers else [with_images(actor) for actor in actors]
        return self._meshed

    def _actors(self, *, images_too: bool) -> list[MeshedActor]:
        self._meshed = self._meshed or mesh_actors(self._plan.scene, stopwatch=self._stopwatch, meshes=self._meshes, images_too=images_too)
        return self._meshed

    def write(
        self, path: Path, output_format: Format, renderer: Renderer, on_frame: Callable[[int, int], None] = lambda _, __: None
    ) -> Animation:
        """Render into the file `path`.

        Args:
            on_frame: called after each frame with the number of finished frames and of all frames.
        Raises:
            DoodledError: as `pipeline.animate.animate`; the file is removed.
        """
        clock = self.clock(output_format)
        return animate(
            self._plan.scene,
            clock,
            path,
            renderer=renderer,
            encoder=encoder_for(output_format),
            stopwatch=self._stopwatch,
            performances=self.performances(clock),
            on_frame=lambda done: on_frame(done, clock.frame_count),
        )

    def write_preview(self, gif: Path, still: Path, renderer: Renderer) -> None:
        """Render a quick look: the whole motion in a few small frames, and the first of them as a PNG.

        The meshes are those that the animation needs anyway.

        Raises:
            DoodledError: as `write`.
        """
        actors, scene = self._actors(images_too=False), _small(self._plan.scene)
        with self._stopwatch.lap("preview"):
            untimed, encoder = _Untimed(), encoder_for(Format.GIF)
            clock = scene_clock(scene, rate=PREVIEW_FRAMES / max((actor.motion.duration for actor in scene.actors), default=Fraction(1)))
            performances = perform([reduced_actor(actor, scene) for actor in actors], scene.view, clock, stopwatch=untimed)
            animate(scene, clock, gif, renderer=renderer, encoder=encoder, stopwatch=untimed, performances=performances)
            with map_write_errors(still, "png"), Image.open(gif) as first:
                first.convert("RGBA").save(still, compress_level=1)


class _Untimed:
    """Stopwatch for the steps of a preview, which are one step of the whole."""

    @staticmethod
    def lap(_: str) -> AbstractContextManager[None]:
        return nullcontext()


def _small(scene: Scene) -> Scene:
    view = scene.view
    scale = min(1.0, PREVIEW_SIDE_PX / max(view.width, view.height))
    return replace(scene, view=replace(view, width=max(1, round(scale * view.width)), height=max(1, round(scale * view.height))))

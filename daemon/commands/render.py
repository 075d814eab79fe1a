"""`doodled render`: a character folder, or a scene file, becomes an animation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from daemon.log.stopwatch import WallStopwatch
from daemon.options import values as option_values
from daemon.options.motions import motion_library
from daemon.options.scene_builder import Plan, RenderRequest, build_plan
from daemon.rendering import SceneRendering
from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.animate import Performance
from pipeline.errors import OptionError, OutputFailed
from pipeline.types import Animation, Mesh, OutputClock, Scene


@dataclass(frozen=True)
class Rendered:
    """What came of it.

    Attributes:
        renderer: who drew it, in the driver's words.
        notes: what was mended or understood differently on the way.
    """

    animation: Animation
    renderer: str
    notes: tuple[str, ...]


def render(
    request: RenderRequest, environ: Mapping[str, str], stopwatch: WallStopwatch, on_frame: Callable[[int, int], None] = lambda _, __: None
) -> Rendered:
    """Render a character folder or a scene file.

    Args:
        environ: the process's environment (AD_USE_MESA, AD_OUTPUT_MP4, ANIMATED_DRAWINGS_ROOT).
        on_frame: told how many frames are done, and of how many.
    Raises:
        DoodledError: whatever is wrong, as `pipeline.errors` describes it.
    """
    with stopwatch.lap("read"):
        plan = build_plan(request, environ, motion_library(environ))
    return carried_out(plan, request, environ, stopwatch, on_frame)


def carried_out(
    plan: Plan, request: RenderRequest, environ: Mapping[str, str], stopwatch: WallStopwatch, on_frame: Callable[[int, int], None]
) -> Rendered:
    """The same, once it is clear what is to be seen."""
    output_format = request.format or option_values.output_format(plan.output)
    rendering = SceneRendering(plan, stopwatch, _given_meshes(request, plan.scene))
    clock = rendering.clock(output_format)
    performances = rendering.performances(clock)
    if request.dump:
        _dump(request.dump, performances[0], clock)
    with ExitStack() as stack:
        with stopwatch.lap("context"):
            renderer = stack.enter_context(GLRenderer.open(request.context, environ))
        _make_folder(plan.output)
        animation = rendering.write(plan.output, output_format, renderer, on_frame)
        return Rendered(animation, renderer.name, plan.notes)


def _make_folder(output: Path) -> None:
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFailed(f"its folder can't be made: {error.strerror}", path=output) from error


def _given_meshes(request: RenderRequest, scene: Scene) -> list[Mesh | None] | None:
    if request.mesh is None:
        return None
    try:
        with np.load(request.mesh, allow_pickle=False) as arrays:
            mesh = Mesh(arrays["rest_vertices"].astype(np.float64), arrays["triangles"].astype(np.int32))
    except (OSError, ValueError, KeyError) as error:
        raise OptionError(f"--mesh {request.mesh}: expected an .npz with rest_vertices (V, 2) and triangles (F, 3): {error}") from error
    return [mesh, *[None] * (len(scene.actors) - 1)]


def _dump(path: Path, performance: Performance, clock: OutputClock) -> None:
    """Write the first actor's joints and shapes over time, in the figure's unit space."""
    track, figure = performance.track, performance.figure
    try:
        np.savez_compressed(
            path,
            joint_names=np.array(performance.actor.character.rig.joint_names),
            joints=track.joints + track.root[:, None, :2],
            root=track.root[:, :2],
            rest_vertices=figure.mesh.vertices,
            triangles=figure.mesh.triangles,
            vertices=np.stack(list(performance.moving.each_shape())),
            frame_time=float(clock.frame_time),
        )
    except OSError as error:
        raise OutputFailed(f"the dump can't be written: {error.strerror}", path=path) from error

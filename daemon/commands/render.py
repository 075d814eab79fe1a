"""`doodled render`: animate a character folder or a scene file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from daemon.log.stopwatch import WallStopwatch
from daemon.options.motions import motion_library, requested_motions
from daemon.options.scene_builder import Plan, RenderRequest, build_plan
from daemon.options.targets import check_file_to_write, check_output
from daemon.options.values import output_format
from daemon.rendering import SceneRendering
from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.animate import Performance
from pipeline.errors import OptionError, OutputFailed
from pipeline.types import Animation, Mesh, OutputClock, Scene


@dataclass(frozen=True)
class RenderResult:
    """A finished animation.

    Attributes:
        renderer: name of the OpenGL driver.
        notes: repairs and reinterpretations of input files, as sentences for the user.
    """

    animation: Animation
    renderer: str
    notes: tuple[str, ...]


def each_motion(request: RenderRequest, environ: Mapping[str, str], stopwatch: WallStopwatch) -> tuple[RenderRequest, ...]:
    """The request for each of the motions that it names. Raises OptionError, UnknownName."""
    if request.motion is None:
        return (request,)
    with stopwatch.lap("read"):
        motions = requested_motions(request.motion, motion_library(environ), environ)
    if len(motions) > 1 and request.dump:
        raise OptionError(f"--dump writes one motion, but --motion names {len(motions)}", hint="name one")
    check_output(request.output, request.format, are_several=len(motions) > 1)
    return tuple(replace(request, motion=motion) for motion in motions)


def render(
    request: RenderRequest, environ: Mapping[str, str], stopwatch: WallStopwatch, on_frame: Callable[[int, int], None] = lambda _, __: None
) -> RenderResult:
    """Render a character folder or a scene file.

    Args:
        environ: the process's environment (AD_USE_MESA, AD_OUTPUT_MP4, ANIMATED_DRAWINGS_ROOT).
        on_frame: called after each frame with the number of finished frames and of all frames.
    Raises:
        DoodledError: an input, option, renderer, codec or disk failed.
    """
    check_output(request.output, request.format)
    check_file_to_write(request.dump)
    with stopwatch.lap("read"):
        plan = build_plan(request, environ, motion_library(environ))
    with ExitStack() as stack:
        rendering = SceneRendering(plan, stopwatch, _custom_meshes(request, plan.scene))
        return render_plan(plan, request, rendering, lambda: open_renderer(stack, request, environ, stopwatch), on_frame)


def open_renderer(stack: ExitStack, request: RenderRequest, environ: Mapping[str, str], stopwatch: WallStopwatch) -> GLRenderer:
    """Open the OpenGL context that is asked for; it is closed with `stack`. Raises RenderUnavailable."""
    with stopwatch.lap("context"):
        return stack.enter_context(GLRenderer.open(request.context, environ))


def render_plan(
    plan: Plan,
    request: RenderRequest,
    rendering: SceneRendering,
    renderer_of: Callable[[], GLRenderer],
    on_frame: Callable[[int, int], None],
) -> RenderResult:
    """Render a plan to its output. Other parameters and errors as for `render`.

    Args:
        rendering: of this plan.
        renderer_of: called once everything else is ready.
    """
    file_format = request.format or output_format(plan.output)
    clock = rendering.clock(file_format)
    performances = rendering.performances(clock)
    if request.dump:
        _write_dump(request.dump, performances[0], clock)
    renderer = renderer_of()
    _make_folder(plan.output)
    animation = rendering.write(plan.output, file_format, renderer, on_frame)
    return RenderResult(animation, renderer.name, (*plan.notes, *rendering.notes(file_format)))


def _make_folder(output: Path) -> None:
    """Make the folder of a scene file's own output, as AnimatedDrawings does; that of --output must be there."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFailed(f"its folder can't be created: {error.strerror}", path=output) from error


def _custom_meshes(request: RenderRequest, scene: Scene) -> list[Mesh | None] | None:
    if request.mesh is None:
        return None
    try:
        with np.load(request.mesh, allow_pickle=False) as arrays:
            mesh = Mesh(arrays["rest_vertices"].astype(np.float64), arrays["triangles"].astype(np.int32))
    except (OSError, ValueError, KeyError) as error:
        raise OptionError(f"--mesh {request.mesh} must be an .npz file with rest_vertices (V, 2) and triangles (F, 3): {error}") from error
    return [mesh, *[None] * (len(scene.actors) - 1)]


def _write_dump(path: Path, performance: Performance, clock: OutputClock) -> None:
    """Write the first actor's joints and vertices at each frame, in the figure's unit space."""
    track, figure = performance.track, performance.meshed.figure
    try:
        np.savez_compressed(
            path,
            joint_names=np.array(performance.meshed.actor.character.rig.joint_names),
            joints=track.joints + track.root[:, None, :2],
            root=track.root[:, :2],
            rest_vertices=figure.mesh.vertices,
            triangles=figure.mesh.triangles,
            vertices=np.stack(list(performance.moving.each_shape())),
            frame_time=float(clock.frame_time),
        )
    except OSError as error:
        raise OutputFailed(f"the dump can't be written: {error.strerror}", path=path) from error

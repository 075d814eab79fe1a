"""`doodled render`: a character folder, or a scene file, becomes an animation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from daemon import choices
from daemon.choices import CameraChoice, Overlay
from daemon.motions import file_roots, located, motion_library
from daemon.stopwatch import WallStopwatch
from pipeline.adapters.encoders import encoder_for
from pipeline.adapters.gl_context import ContextKind
from pipeline.adapters.renderer import GLRenderer
from pipeline.animate import Performance, animated, performed, scene_clock
from pipeline.character_files import read_character
from pipeline.errors import OptionError, OutputFailed
from pipeline.motion.library import MotionLibrary
from pipeline.scene_files import DEFAULT_CAMERA, read_scene_file
from pipeline.types import Actor, Animation, DebugViews, Format, Mesh, OutputClock, Scene, View

DEFAULT_MOTION = "wave"
DEFAULT_SIZE = (500, 500)


@dataclass(frozen=True)
class RenderRequest:
    """What was asked for; None is "not said"."""

    target: Path
    output: Path | None = None
    motion: str | None = None
    retarget: str | None = None
    size: str | None = None
    rate: str | None = None
    background: str | None = None
    camera: CameraChoice | None = None
    format: Format | None = None
    overlays: tuple[Overlay, ...] = ()
    context: ContextKind | None = None
    dump: Path | None = None
    mesh: Path | None = None


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
    """Do it.

    Args:
        environ: the process's environment (AD_USE_MESA, AD_OUTPUT_MP4, ANIMATED_DRAWINGS_ROOT).
        on_frame: told how many frames are done, and of how many.
    Raises:
        DoodledError: whatever is wrong, as `pipeline.errors` describes it.
    """
    with stopwatch.lap("read"):
        plan = planned(request, environ, motion_library(environ))
    scene, output = plan.scene, plan.output
    output_format = request.format or choices.output_format(output)
    clock = scene_clock(scene, rate=plan.rate, max_rate=choices.HIGHEST_GIF_RATE if output_format is Format.GIF else None)
    performances = performed(scene, clock, stopwatch=stopwatch, meshes=_given_meshes(request, scene))
    if request.dump:
        _dump(request.dump, performances[0], clock)
    with ExitStack() as stack:
        with stopwatch.lap("context"):
            renderer = stack.enter_context(GLRenderer.open(request.context, environ))
        _make_folder(output)
        animation = animated(
            scene,
            clock,
            output,
            renderer=renderer,
            encoder=encoder_for(output_format),
            stopwatch=stopwatch,
            performances=performances,
            on_frame=lambda done: on_frame(done, clock.frame_count),
        )
        return Rendered(animation, renderer.name, plan.notes)


@dataclass(frozen=True)
class Plan:
    """What a request comes down to.

    Attributes:
        rate: frames a second; None is the first motion's own.
        notes: what was mended or understood differently.
    """

    scene: Scene
    output: Path
    rate: Fraction | None
    notes: tuple[str, ...]


def planned(request: RenderRequest, environ: Mapping[str, str], library: MotionLibrary) -> Plan:
    """The scene that is asked for, read from its files. Raises as `render` does."""
    if request.target.suffix.lower() in {".yaml", ".yml"} and request.target.name != "char_cfg.yaml":
        return _planned_from_scene(request, environ, library)
    character = read_character(request.target)
    wanted = request.motion or DEFAULT_MOTION
    motion = library.motion(located(wanted, environ))
    retarget = library.retarget(located(request.retarget, environ)) if request.retarget else library.matching_retarget(motion)
    suffix = request.format or choices.default_format(environ)
    output = request.output or Path(f"{character.name}.{Path(wanted).stem}.{suffix}")
    camera = DEFAULT_CAMERA if request.camera is CameraChoice.ORIGINAL else None
    view = View(*DEFAULT_SIZE, camera=camera)
    rate = choices.DEFAULT_RATE if request.rate is None else choices.frame_rate(request.rate)
    notes = (*character.repairs, *library.warnings(located(wanted, environ)))
    return Plan(Scene((Actor(character, motion, retarget),), _asked_view(view, request)), output, rate, notes)


def _planned_from_scene(request: RenderRequest, environ: Mapping[str, str], library: MotionLibrary) -> Plan:
    if request.motion or request.retarget:
        raise OptionError("a scene file says itself which motions to play", hint="leave --motion and --retarget out")
    found = read_scene_file(request.target, library, roots=file_roots(environ))
    view = found.scene.view if request.camera is not CameraChoice.AUTO else replace(found.scene.view, camera=None)
    output = request.output or (found.output.with_suffix(f".{request.format}") if request.format else found.output)
    rate = None if request.rate is None else choices.frame_rate(request.rate)
    repairs = tuple(repair for actor in found.scene.actors for repair in actor.character.repairs)
    return Plan(Scene(found.scene.actors, _asked_view(view, request)), output, rate, (*found.notes, *repairs))


def _asked_view(view: View, request: RenderRequest) -> View:
    """The view with what the request says about it."""
    if request.size:
        width, height = choices.size_px(request.size)
        view = replace(view, width=width, height=height)
    if request.background:
        colour, picture = choices.background(request.background)
        view = replace(view, background=colour, picture=picture)
    shown = set(request.overlays)
    debug = DebugViews(
        texture=view.debug.texture,
        rig=view.debug.rig or Overlay.RIG in shown,
        colours=view.debug.colours or Overlay.COLOURS in shown,
        mesh_lines=view.debug.mesh_lines or Overlay.MESH in shown,
        floor=view.debug.floor or Overlay.FLOOR in shown,
        skeleton=view.debug.skeleton or Overlay.SKELETON in shown,
    )
    return replace(view, debug=debug)


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

"""From what was asked for to what is to be seen: a request becomes a scene."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from daemon.options import values as option_values
from daemon.options.motions import file_roots, located, named_clip
from daemon.options.values import CameraChoice, Overlay
from pipeline.adapters.opengl.contexts import ContextKind
from pipeline.errors import OptionError
from pipeline.files.character_files import read_character
from pipeline.files.scene_files import DEFAULT_CAMERA, read_scene_file
from pipeline.motion.derived import AS_FOUND, MotionChoices
from pipeline.motion.library import MotionLibrary
from pipeline.types import Actor, Character, DebugViews, Format, Scene, View

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
    moves: MotionChoices = AS_FOUND


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
    is_file = not os.path.isdir(request.target)  # a folder may be called king.yaml  # noqa: PTH112 - Path's own fails on long names
    if is_file and request.target.suffix.lower() in {".yaml", ".yml"} and request.target.name != "char_cfg.yaml":
        return _planned_from_scene(request, environ, library)
    return character_plan(read_character(request.target), request, environ, library)


def character_plan(character: Character, request: RenderRequest, environ: Mapping[str, str], library: MotionLibrary) -> Plan:
    """One character before the camera. Raises as `render` does."""
    wanted = request.motion or DEFAULT_MOTION
    named, clip = named_clip(wanted)
    place = located(named, environ)
    asked = located(request.retarget, environ) if request.retarget else None
    choices = replace(request.moves, retarget=asked, clip=clip)
    motion = library.motion(place, choices)
    retarget = library.retarget(asked) if asked else library.matching_retarget(motion)
    suffix = request.format or option_values.default_format(environ)
    output = request.output or Path(f"{character.name}.{Path(named).stem}.{suffix}")
    camera = DEFAULT_CAMERA if request.camera is CameraChoice.ORIGINAL else None
    view = View(*DEFAULT_SIZE, camera=camera)
    rate = option_values.DEFAULT_RATE if request.rate is None else option_values.frame_rate(request.rate)
    notes = (*character.repairs, *library.warnings(place, choices))
    return Plan(Scene((Actor(character, motion, retarget),), _asked_view(view, request)), output, rate, notes)


def _planned_from_scene(request: RenderRequest, environ: Mapping[str, str], library: MotionLibrary) -> Plan:
    if request.motion or request.retarget or request.moves != AS_FOUND:
        raise OptionError(
            "a scene file says itself which motions to play", hint="leave --motion, --retarget, --travel, --loop, --up and --facing out"
        )
    found = read_scene_file(request.target, library, roots=file_roots(environ))
    view = found.scene.view if request.camera is not CameraChoice.AUTO else replace(found.scene.view, camera=None)
    output = request.output or (found.output.with_suffix(f".{request.format}") if request.format else found.output)
    rate = None if request.rate is None else option_values.frame_rate(request.rate)
    repairs = tuple(repair for actor in found.scene.actors for repair in actor.character.repairs)
    return Plan(Scene(found.scene.actors, _asked_view(view, request)), output, rate, (*found.notes, *repairs))


def _asked_view(view: View, request: RenderRequest) -> View:
    """The view with what the request says about it."""
    if request.size:
        width, height = option_values.size_px(request.size)
        view = replace(view, width=width, height=height)
    if request.background:
        colour, picture = option_values.background(request.background)
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

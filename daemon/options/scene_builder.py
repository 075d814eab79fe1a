"""Build the scene that a request asks for: character, motion, retargeting, view, frame rate and output file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from daemon.options.motions import file_roots, find_motion_file, motion_label, split_clip_name
from daemon.options.targets import check_render_target, is_folder
from daemon.options.values import DEFAULT_RATE, DEFAULT_SIZE, Background, CameraChoice, FrameRate, Overlay, Size, default_format
from pipeline.adapters.opengl.contexts import ContextKind
from pipeline.errors import OptionError
from pipeline.files.character_files import read_character
from pipeline.files.scene_files import DEFAULT_CAMERA, read_scene_file
from pipeline.motion.derived import AS_FOUND, MotionChoices
from pipeline.motion.library import MotionLibrary
from pipeline.types import Actor, Character, DebugViews, Format, LayerMode, Motion, RetargetConfig, Scene, View

DEFAULT_MOTION = "wave"


@dataclass(frozen=True)
class RenderRequest:
    """What the user asks for; None leaves the choice to the scene file or to the default.

    Attributes:
        output: a file, or an existing folder for a file with the default name.
        motion: one name or file.
    """

    target: Path
    output: Path | None = None
    motion: str | None = None
    retarget: str | None = None
    size: Size | None = None
    rate: FrameRate | None = None
    background: Background | None = None
    camera: CameraChoice | None = None
    format: Format | None = None
    overlays: tuple[Overlay, ...] = ()
    context: ContextKind | None = None
    dump: Path | None = None
    mesh: Path | None = None
    moves: MotionChoices = AS_FOUND
    layers: LayerMode = LayerMode.AUTO
    whiten: bool = False


@dataclass(frozen=True)
class Plan:
    """A scene ready to be rendered.

    Attributes:
        rate: frames a second; None is the first motion's own.
        notes: repairs and reinterpretations of input files, as sentences for the user.
    """

    scene: Scene
    output: Path
    rate: Fraction | None
    notes: tuple[str, ...]


def build_plan(request: RenderRequest, environ: Mapping[str, str], library: MotionLibrary) -> Plan:
    """The plan for a character folder or a scene file, read from disk. Raises DoodledError."""
    if request.background and request.background.is_paper:
        hint = "`doodled animate PHOTO --background paper` shows a figure on its sheet"
        raise OptionError("a character folder and a scene file have no paper", hint=hint)
    is_file = not is_folder(request.target)  # which may be called king.yaml
    if is_file and request.target.suffix.lower() in {".yaml", ".yml"} and request.target.name != "char_cfg.yaml":
        return _scene_file_plan(request, environ, library)
    if is_file:
        check_render_target(request.target)
    return character_plan(read_character(request.target), request, environ, library)


@dataclass(frozen=True)
class CharacterClip:
    """A character with the motion that a request asks for.

    Attributes:
        rate: frames a second; None is the motion's own.
        notes: as in `Plan`.
    """

    character: Character
    motion: Motion
    retarget: RetargetConfig
    rate: Fraction | None
    notes: tuple[str, ...]


def character_clip(character: Character, request: RenderRequest, environ: Mapping[str, str], library: MotionLibrary) -> CharacterClip:
    """A character with the motion that a request asks for. Raises DoodledError."""
    name, clip = split_clip_name(request.motion or DEFAULT_MOTION)
    motion_file = find_motion_file(name, environ)
    retarget_file = find_motion_file(request.retarget, environ) if request.retarget else None
    choices = replace(request.moves, retarget=retarget_file, clip=clip)
    motion = library.motion(motion_file, choices)
    retarget = library.retarget(retarget_file) if retarget_file else library.matching_retarget(motion, character.rig.joint_names)
    notes = (*character.repairs, *library.warnings(motion_file, choices))
    return CharacterClip(character, motion, retarget, (request.rate or DEFAULT_RATE).per_s, notes)


def character_plan(character: Character, request: RenderRequest, environ: Mapping[str, str], library: MotionLibrary) -> Plan:
    """The plan for one character. Raises DoodledError."""
    clip = character_clip(character, request, environ, library)
    camera = DEFAULT_CAMERA if request.camera is CameraChoice.ORIGINAL else None
    view = View(DEFAULT_SIZE.width, DEFAULT_SIZE.height, camera=camera)
    scene = Scene((Actor(character, clip.motion, clip.retarget),), requested_view(view, request), request.layers)
    return Plan(scene, output_file(character.name, request, environ), clip.rate, clip.notes)


def output_file(name: str, request: RenderRequest, environ: Mapping[str, str]) -> Path:
    """The file for an animation of what is called `name`."""
    suffix = request.format or default_format(environ)
    return _output_file(request.output, Path(f"{name}.{motion_label(request.motion or DEFAULT_MOTION)}.{suffix}"))


def _scene_file_plan(request: RenderRequest, environ: Mapping[str, str], library: MotionLibrary) -> Plan:
    if request.motion or request.retarget or request.moves != AS_FOUND:
        hint = "leave --motion, --retarget, --travel, --loop, --up and --facing out"
        raise OptionError("a scene file names its own motions", hint=hint)
    file = read_scene_file(request.target, library, roots=file_roots(environ))
    view = file.scene.view if request.camera is not CameraChoice.AUTO else replace(file.scene.view, camera=None)
    output = _output_file(request.output, file.output.with_suffix(f".{request.format}") if request.format else file.output)
    rate = request.rate.per_s if request.rate else None
    repairs = tuple(repair for actor in file.scene.actors for repair in actor.character.repairs)
    scene = Scene(file.scene.actors, requested_view(view, request), request.layers)
    return Plan(scene, output, rate, (*file.notes, *repairs))


def _output_file(wanted: Path | None, own: Path) -> Path:
    """The file that --output names; the output's own name in the folder that it names, or in the working directory."""
    if wanted is None:
        return own
    return wanted / own.name if is_folder(wanted) else wanted


def requested_view(view: View, request: RenderRequest) -> View:
    """The view with the size, background and debug views of the request."""
    if request.size:
        view = replace(view, width=request.size.width, height=request.size.height)
    if request.background:
        view = replace(view, background=request.background.color, background_image=request.background.image)
    shown = set(request.overlays)
    debug = DebugViews(
        texture=view.debug.texture,
        rig=view.debug.rig or Overlay.RIG in shown,
        colors=view.debug.colors or Overlay.COLORS in shown,
        mesh_lines=view.debug.mesh_lines or Overlay.MESH in shown,
        floor=view.debug.floor or Overlay.FLOOR in shown,
        skeleton=view.debug.skeleton or Overlay.SKELETON in shown,
        layers=view.debug.layers or Overlay.LAYERS in shown,
    )
    return replace(view, debug=debug)

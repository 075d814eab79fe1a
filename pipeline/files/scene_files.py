"""Reader of AnimatedDrawings' scene files ("mvc configs"): characters, view, output file (etc/doc/file-formats.md, "Scene file").

Each section is overlaid on its defaults. All keys are read; keys without an effect here are reported in `SceneFile.notes` (an interactive
window is rendered to a file instead, and the kind of context is not part of a scene). An unknown key is an error that names it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar, cast

from pipeline.errors import FileProblems, PermanentError
from pipeline.files.character_files import read_character
from pipeline.files.image_files import read_rgba
from pipeline.files.yaml_files import Section, raise_problems, shown_value, yaml_mapping
from pipeline.ports import MotionReader
from pipeline.types import Actor, Bytes, Camera, Character, DebugViews, Format, Scene, View

DEFAULT_CAMERA = Camera(position=(0.0, 0.7, 2.0), backward=(0.0, 0.5, 2.0))
H264 = "avc1"
MAX_SIDE = 8192
MAX_ACTORS = 100
_SHORTEST_DIRECTION = 1e-100  # its square is still a number
_INTERACTIVE_OUTPUT = "./video.gif"
_RENDER_OUTPUT = "./output_video.mp4"

_T = TypeVar("_T")


class Mode(StrEnum):
    """AnimatedDrawings' modes: show a scene in a window or render it to a file."""

    INTERACTIVE = "interactive"
    VIDEO_RENDER = "video_render"


@dataclass(frozen=True)
class SceneFile:
    """A scene and its output file.

    Attributes:
        scene: the scene, with the file's camera.
        output: the animation file; a relative path starts in the working directory.
        format: by the output's suffix.
        notes: differences from AnimatedDrawings, a sentence each.
    """

    scene: Scene
    output: Path
    format: Format
    notes: tuple[str, ...] = ()


def read_scene_file(path: Path, library: MotionReader, *, roots: Sequence[Path] = ()) -> SceneFile:
    """Read a scene and all files that it names; relative paths start in the working directory, in `roots`, or beside the scene file.

    Raises:
        ConfigError: with all problems of the file and of the files that it names.
    """
    problems: list[str] = []
    notes: list[str] = []
    fields = Section(yaml_mapping(path), problems)
    folders = _SearchFolders(path, tuple(roots))
    scene, view, controller = (fields.section(name, {}) for name in ("scene", "view", "controller"))
    debug = DebugViews(
        texture=view.flag("DRAW_AD_TXTR", default=True),
        rig=view.flag("DRAW_AD_RIG", default=False),
        colors=view.flag("DRAW_AD_COLOR", default=False),
        mesh_lines=view.flag("DRAW_AD_MESH_LINES", default=False),
        floor=scene.flag("ADD_FLOOR", default=False),
        skeleton=scene.flag("ADD_AD_RETARGET_BVH", default=False),
    )
    actors = _actors(scene, library, folders)
    scene_view = _view(view, folders, debug)
    output = _output(controller, notes)
    if view.flag("USE_MESA", default=False):
        notes.append("view.USE_MESA is left to the renderer, which finds out by itself what there is")
    for section in (scene, view, controller, fields):
        section.finish()
    raise_problems(path, problems)
    return SceneFile(Scene(actors, scene_view), output, Format(output.suffix[1:].lower()), tuple(notes))


@dataclass(frozen=True)
class _SearchFolders:
    """Folders in which a scene file's relative paths may start."""

    scene_file: Path
    roots: tuple[Path, ...]

    def file(self, section: Section, key: str) -> Path | None:
        """The file that a key names; None, with a problem noted, if it is missing."""
        return section.file(key, roots=self.roots, beside=self.scene_file)


def _actors(scene: Section, library: MotionReader, folders: _SearchFolders) -> tuple[Actor, ...]:
    entries = scene.sections("ANIMATED_CHARACTERS", minimum=1)
    if len(entries) > MAX_ACTORS:
        scene.note("ANIMATED_CHARACTERS", f"expected at most {MAX_ACTORS}, found {len(entries)}")
        return ()
    characters: dict[Path, Character] = {}
    actors = (_actor(entry, library, folders, characters) for entry in entries)
    return tuple(actor for actor in actors if actor)


def _actor(entry: Section, library: MotionReader, folders: _SearchFolders, characters: dict[Path, Character]) -> Actor | None:
    """One character with its motion, or None with a problem noted for each invalid file."""
    files = {key: folders.file(entry, key) for key in ("character_cfg", "motion_cfg", "retarget_cfg")}
    entry.finish()
    character_file = files["character_cfg"]
    character = characters.get(character_file) if character_file else None
    character = character or _read(entry, "character_cfg", character_file, read_character)
    motion = _read(entry, "motion_cfg", files["motion_cfg"], library.motion)
    retarget = _read(entry, "retarget_cfg", files["retarget_cfg"], library.retarget)
    if character and character_file:
        characters[character_file] = character
    return Actor(character, motion, retarget) if character and motion and retarget else None


def _read(entry: Section, key: str, file: Path | None, read: Callable[[Path], _T]) -> _T | None:
    """Content of a file, or None with all its problems noted."""
    try:
        return read(file) if file else None
    except PermanentError as error:
        for problem in error.problems if isinstance(error, FileProblems) else (error.summary,):
            entry.note(key, f"{error.path or file}: {problem}")
        return None


def _view(view: Section, folders: _SearchFolders, debug: DebugViews) -> View:
    width, height = view.numbers("WINDOW_DIMENSIONS", 2, (500, 500), minimum=1, maximum=MAX_SIDE)
    if width != int(width) or height != int(height):
        view.note("WINDOW_DIMENSIONS", f"expected whole numbers, found {width:g}, {height:g}")
    noted = len(view.problems)
    backward = view.numbers("CAMERA_FWD", 3, DEFAULT_CAMERA.backward)
    if math.hypot(*backward) < _SHORTEST_DIRECTION and len(view.problems) == noted:
        view.note("CAMERA_FWD", "expected a direction, found zeros")
    return View(
        width=int(width),
        height=int(height),
        background=cast("tuple[float, float, float, float]", view.numbers("CLEAR_COLOR", 4, (1.0, 1.0, 1.0, 0.0), minimum=0, maximum=1)),
        background_image=_background(view, folders),
        camera=Camera(
            cast("tuple[float, float, float]", view.numbers("CAMERA_POS", 3, DEFAULT_CAMERA.position)),
            cast("tuple[float, float, float]", backward),
        ),
        debug=debug,
    )


def _background(view: Section, folders: _SearchFolders) -> Bytes | None:
    if not view.has("BACKGROUND_IMAGE"):
        view.allow("BACKGROUND_IMAGE")
        return None
    file = folders.file(view, "BACKGROUND_IMAGE")
    try:
        return read_rgba(file, upright=True) if file else None
    except FileProblems as error:
        view.note("BACKGROUND_IMAGE", f"{file}: {'; '.join(error.problems)}")
        return None


def _output(controller: Section, notes: list[str]) -> Path:
    mode = controller.choice("MODE", Mode, Mode.INTERACTIVE)
    controller.number("KEYBOARD_TIMESTEP", 0.0333, above=0)
    codec = _text_or(controller, "OUTPUT_VIDEO_CODEC", H264)
    if codec.lower() != H264:
        notes.append(f"controller.OUTPUT_VIDEO_CODEC {codec} is left to the encoder: MP4 is H.264")
    written = _text_or(controller, "OUTPUT_VIDEO_PATH", _INTERACTIVE_OUTPUT if mode is Mode.INTERACTIVE else _RENDER_OUTPUT)
    output = Path(written)
    known = [f".{each}" for each in Format]
    if written and output.suffix.lower() not in known:
        controller.note("OUTPUT_VIDEO_PATH", f"expected a file ending in {', '.join(known)}, found {shown_value(written)}")
    if mode is Mode.INTERACTIVE:
        notes.append("there is no interactive window: the animation is written to a file")
    return output


def _text_or(section: Section, key: str, default: str) -> str:
    """A string; null means the default, since AnimatedDrawings accepts null where it needs no string."""
    if section.has(key):
        return section.text(key)
    section.allow(key)
    return default

"""Motions and retarget configurations by name or path, each read once.

A name is the stem of a YAML file in one of the library's folders, the first folder that has it wins. A motion capture file without a YAML
file is taken as well: what its YAML file would say is found in its skeleton and its frames.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pipeline.errors import ConfigError, UnknownName
from pipeline.motion.clip import MotionClip, MotionSource
from pipeline.motion.configs import MotionConfig, read_motion_config, read_retarget_config, spelt_as
from pipeline.motion.configured import configured_motion
from pipeline.motion.derived import AS_FOUND, MotionChoices, body_of, derived_motion
from pipeline.motion.formats.bvh import Bvh, read_bvh
from pipeline.motion.formats.sources import builtin_sources, exists, source_of
from pipeline.motion.humanoid.body_config import FOUR_LEGGED_JOINTS, body_config, four_legged_config
from pipeline.motion.humanoid.body_map import ENOUGH, BodyMap, find_body
from pipeline.motion.joint_names import without_namespace
from pipeline.motion.up_axis import UpAxis
from pipeline.types import Motion, RetargetConfig

_YAML = (".yaml", ".yml")
# The shipped configurations in the order in which they are tried on an unknown motion: those that name the most joints first.
_FAMILIES = ("doodled", "cmu", "fair", "mixamo")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]")

_T = TypeVar("_T")


class _FileCache(Generic[_T]):
    """Things read from files; read again when a file has changed."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[tuple[int, int], _T]] = {}

    def get(self, path: Path, read: Callable[[Path], _T]) -> _T:
        stamp = _stamp(path)
        kept = self._read.get(path)
        if kept is None or kept[0] != stamp:
            kept = (stamp, read(path))
            self._read[path] = kept
        return kept[1]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise ConfigError(path, [f"the file can't be read: {error.strerror or error}"]) from error
    return (status.st_mtime_ns, status.st_size)


@dataclass(frozen=True, eq=False)
class _LoadedMotion:
    """A motion, and what it was made of: it is made anew when that has been read anew."""

    config: MotionConfig | None
    content: Bvh | MotionClip
    motion: Motion
    body: BodyMap | None
    notes: tuple[str, ...]


class MotionLibrary:
    """Motions and retarget configurations.

    Args:
        motion_dirs: folders with motion YAML files.
        retarget_dirs: folders with retarget YAML files.
        roots: where relative paths inside motion files may start, besides the working directory and the file's own folder.
        more_sources: motion file formats besides those that need nothing but numpy.
    """

    def __init__(
        self,
        motion_dirs: Sequence[Path],
        retarget_dirs: Sequence[Path],
        roots: Sequence[Path] = (),
        more_sources: Sequence[MotionSource] = (),
    ) -> None:
        self._motion_dirs = tuple(motion_dirs)
        self._retarget_dirs = tuple(retarget_dirs)
        self._roots = tuple(roots)
        self._sources = (*builtin_sources(), *more_sources)
        self._configs: _FileCache[MotionConfig] = _FileCache()
        self._files: _FileCache[Bvh] = _FileCache()
        self._clips: dict[str | None, _FileCache[MotionClip]] = {}
        self._retargets: _FileCache[RetargetConfig] = _FileCache()
        self._motions: dict[tuple[Path, MotionChoices], _LoadedMotion] = {}

    def names(self) -> tuple[str, ...]:
        """All motions that are known by name."""
        return _names(self._motion_dirs)

    def retarget_names(self) -> tuple[str, ...]:
        """All retarget configurations that are known by name."""
        return _names(self._retarget_dirs)

    def motion(self, wanted: str | Path, choices: MotionChoices = AS_FOUND) -> Motion:
        """A motion by name, whatever its case, hyphens and spaces, or by the path of a motion YAML or motion capture file.

        Raises:
            UnknownName: there is no such name or file.
            ConfigError, MotionFileError: its files are not in order.
        """
        return self._load_motion(wanted, choices).motion

    def warnings(self, wanted: str | Path, choices: MotionChoices = AS_FOUND) -> tuple[str, ...]:
        """What was odd about a motion's files, but readable, or understood in one of several ways. Raises as `motion` does."""
        return self._load_motion(wanted, choices).notes

    def body(self, wanted: str | Path, choices: MotionChoices = AS_FOUND) -> BodyMap | None:
        """The map of the body of a motion capture file, however doubtful; None if none is found. Raises as `motion` does otherwise."""
        path = self._motion_path(wanted)
        clip = self._clip(path, choices.clip)
        return body_of(clip, choices, self._family(clip, choices))

    def clip(self, wanted: str | Path, choices: MotionChoices = AS_FOUND) -> MotionClip:
        """A motion capture file's clip. Raises as `motion` does."""
        return self._clip(self._motion_path(wanted), choices.clip)

    def path(self, wanted: str | Path) -> Path:
        """The file of a motion by name or path. Raises UnknownName."""
        return self._motion_path(wanted)

    def title(self, wanted: str | Path) -> str:
        """What people are shown for a motion's name. Raises as `motion` does, short of reading its motion capture file."""
        path = self._motion_path(wanted)
        return self._config(path).title if path.suffix.lower() in _YAML else path.stem

    def retarget(self, wanted: str | Path) -> RetargetConfig:
        """A retarget configuration by name or path.

        Raises:
            UnknownName: there is no such name or file.
            ConfigError: the file is not in order.
        """
        return self._retargets.get(_path("retarget configuration", wanted, self._retarget_dirs, any_file=False), read_retarget_config)

    def matching_retarget(self, motion: Motion, rig_joints: Collection[str] = ()) -> RetargetConfig:
        """The configuration that drives a figure with `rig_joints`, or else a humanoid, by the motion's joints.

        That is what the motion's YAML file recommends, or else the first that needs only joints which the motion has (the shipped ones for
        figures drawn from the front are tried first, then the others by name), or else one made from the map of the motion's body.

        Raises:
            UnknownName: none fits, and no body is found.
        """
        kept = next((kept for kept in self._motions.values() if kept.motion is motion), None)
        is_animal = set(rig_joints) >= FOUR_LEGGED_JOINTS
        if kept is not None and kept.config is not None and kept.config.retarget and not is_animal:
            return self.retarget(kept.config.retarget)
        body = kept.body if kept is not None else None
        named = self._named_retarget(motion.joint_names)
        if named is not None and not is_animal and not (body is not None and body.is_four_legged):
            return named
        if body is None:
            body = find_body(motion.joint_names, motion.parents, motion.positions, up=UpAxis.Y)
        if body is None or body.confidence < ENOUGH:
            raise UnknownName("retarget configuration for the joints of motion", motion.name, self.retarget_names())
        if is_animal:
            return four_legged_config(body, f"found in {motion.name}")
        is_flat = isinstance(kept, _LoadedMotion) and isinstance(kept.content, MotionClip) and kept.content.is_flat
        return body_config(body, f"found in {motion.name}", is_flat=is_flat)

    def _named_retarget(self, joint_names: Sequence[str]) -> RetargetConfig | None:
        """The first configuration all of whose joints are there, or else the first whose needed ones are: toes may be missing."""
        have = set(joint_names)
        names = self.retarget_names()
        families = [name for name in _FAMILIES if name in names]
        configs = [self.retarget(name) for name in (*families, *(name for name in names if name not in families))]
        spelt = [spelt_as(config, joint_names) for config in configs]
        whole = (config for config, named in zip(configs, spelt, strict=True) if have.issuperset(named.motion_joints))
        enough = (config for config, named in zip(configs, spelt, strict=True) if have.issuperset(named.needed_joints))
        return next(whole, None) or next(enough, None)

    def _config(self, path: Path) -> MotionConfig:
        return self._configs.get(path, lambda file: read_motion_config(file, roots=self._roots))

    def _clip(self, path: Path, clip: str | None) -> MotionClip:
        source = source_of(path, self._sources)
        return self._clips.setdefault(clip, _FileCache()).get(path, lambda file: source.read(file, clip))

    def _family(self, clip: MotionClip, choices: MotionChoices) -> RetargetConfig | None:
        """The retarget configuration that says where a clip's body is: the one that is asked for, or else one with its joints' names."""
        if choices.retarget is not None:
            return self.retarget(choices.retarget)
        return None if clip.body is not None else self._named_retarget(without_namespace(clip.joint_names))

    def _motion_path(self, wanted: str | Path) -> Path:
        return _path("motion", wanted, self._motion_dirs, any_file=True)

    def _load_motion(self, wanted: str | Path, choices: MotionChoices) -> _LoadedMotion:
        path = self._motion_path(wanted)
        config = self._config(path) if path.suffix.lower() in _YAML else None
        if config is not None and config.root is None and config.bvh_path.suffix.lower() == ".bvh":
            content: Bvh | MotionClip = self._files.get(config.bvh_path, read_bvh)
        else:
            content = self._clip(config.bvh_path if config else path, choices.clip or (config.clip if config else None))
        kept = self._motions.get((path, choices))
        if kept is None or kept.config is not config or kept.content is not content:
            kept = self._build_motion(path, config, content, choices)
            self._motions[path, choices] = kept
        return kept

    def _build_motion(self, path: Path, config: MotionConfig | None, content: Bvh | MotionClip, choices: MotionChoices) -> _LoadedMotion:
        if config is not None:
            motion, notes = configured_motion(path, config, content, choices)
            return _LoadedMotion(config, content, motion, None, notes)
        if isinstance(content, Bvh):
            raise TypeError("a motion without a YAML file is made of a clip")
        derived = derived_motion(path, content, choices, self._family(content, choices))
        return _LoadedMotion(None, content, derived.motion, derived.body, derived.notes)


def _names(folders: Sequence[Path]) -> tuple[str, ...]:
    files = (path for folder in folders if folder.is_dir() for path in folder.iterdir() if path.suffix in _YAML and path.is_file())
    return tuple(sorted({path.stem for path in files}))


def matching_name(wanted: str, known: Iterable[str]) -> str | None:
    """The known name that is meant: the same but for case, hyphens and spaces; None if there is none."""
    names = list(known)
    if wanted in names:
        return wanted
    return next((name for name in names if _plain(name) == _plain(wanted)), None)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip()).casefold()


def _path(kind: str, wanted: str | Path, folders: Sequence[Path], *, any_file: bool) -> Path:
    """The file that is meant by a name or a path."""
    as_path = Path(wanted)
    is_plain = as_path.name == str(wanted)  # a plain name can't lead out of the folders
    if is_plain and (name := matching_name(str(wanted), _names(folders))) is not None:
        candidates = [folder / f"{name}{suffix}" for folder in folders for suffix in _YAML]
        return next(candidate for candidate in candidates if candidate.is_file())
    if as_path.suffix.lower() in _YAML and os.path.isfile(as_path):  # noqa: PTH113 - Path's own fails on long names
        return as_path
    if any_file and as_path.name and (as_path.suffix or not is_plain) and exists(as_path):
        return as_path
    raise UnknownName(kind, str(wanted), _names(folders), note=_file_note(str(wanted)))


def _file_note(wanted: str) -> str:
    """What to do about a name that is meant for a file, or ""."""
    if _WINDOWS_PATH.match(wanted):
        inner = wanted[2:].replace("\\", "/").lstrip("/")
        return f"this is a path of Windows: under WSL it is /mnt/{wanted[0].lower()}/{inner}"
    if Path(wanted).suffix or "/" in wanted:
        return "there is no such file; `doodled motions` lists the motions that have names"
    return ""

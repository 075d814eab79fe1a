"""Motions and retarget configurations by name or path, each read once.

A name is the stem of a YAML file in one of the library's folders, the first folder that has it wins. A BVH file without a YAML file is
taken as well: what its YAML file would say is derived from its joint names and its frames.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from pipeline.errors import ConfigError, MotionFileError, UnknownName
from pipeline.files.yaml_files import nearest, raise_problems, shown
from pipeline.motion.bvh import Bvh, UpAxis, read_bvh
from pipeline.motion.configs import MotionConfig, read_motion_config, read_retarget_config, spelt_as
from pipeline.motion.joint_names import facing_pairs, ground_joint, up_axis, without_namespace
from pipeline.motion.kinematics import world_positions
from pipeline.types import Motion, RetargetConfig

_YAML = (".yaml", ".yml")
# The shipped configurations in the order in which they are tried on an unknown motion: those that name the most joints first.
_FAMILIES = ("doodled", "cmu", "fair", "mixamo")

_T = TypeVar("_T")


class _Shelf(Generic[_T]):
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
class _Kept:
    """A motion, and what it was made of: it is made anew when that has been read anew."""

    config: MotionConfig | None
    bvh: Bvh
    motion: Motion
    warnings: tuple[str, ...]


class MotionLibrary:
    """Motions and retarget configurations.

    Args:
        motion_dirs: folders with motion YAML files.
        retarget_dirs: folders with retarget YAML files.
        roots: where relative paths inside motion files may start, besides the working directory and the file's own folder.
    """

    def __init__(self, motion_dirs: Sequence[Path], retarget_dirs: Sequence[Path], roots: Sequence[Path] = ()) -> None:
        self._motion_dirs = tuple(motion_dirs)
        self._retarget_dirs = tuple(retarget_dirs)
        self._roots = tuple(roots)
        self._configs: _Shelf[MotionConfig] = _Shelf()
        self._files: _Shelf[Bvh] = _Shelf()
        self._retargets: _Shelf[RetargetConfig] = _Shelf()
        self._motions: dict[Path, _Kept] = {}

    def names(self) -> tuple[str, ...]:
        """All motions that are known by name."""
        return _names(self._motion_dirs)

    def retarget_names(self) -> tuple[str, ...]:
        """All retarget configurations that are known by name."""
        return _names(self._retarget_dirs)

    def motion(self, wanted: str | Path) -> Motion:
        """A motion by name, or by the path of a motion YAML or BVH file.

        Raises:
            UnknownName: there is no such name or file.
            ConfigError, MotionFileError: its files are not in order.
        """
        return self._kept(wanted).motion

    def warnings(self, wanted: str | Path) -> tuple[str, ...]:
        """What was odd about a motion's files, but readable. Raises as `motion` does."""
        return self._kept(wanted).warnings

    def title(self, wanted: str | Path) -> str:
        """What people are shown for a motion's name. Raises as `motion` does, short of reading the BVH file."""
        path = _path("motion", wanted, self._motion_dirs, (*_YAML, ".bvh"))
        return path.stem if path.suffix.lower() == ".bvh" else self._config(path).title

    def retarget(self, wanted: str | Path) -> RetargetConfig:
        """A retarget configuration by name or path.

        Raises:
            UnknownName: there is no such name or file.
            ConfigError: the file is not in order.
        """
        return self._retargets.get(_path("retarget configuration", wanted, self._retarget_dirs, _YAML), read_retarget_config)

    def matching_retarget(self, motion: Motion) -> RetargetConfig:
        """The configuration that the motion's YAML file recommends, or else the first that names only joints which the motion has.

        The shipped ones for figures drawn from the front are tried first, then the others by name.

        Raises:
            UnknownName: none fits.
        """
        recommended = next((kept.config.retarget for kept in self._motions.values() if kept.motion is motion and kept.config), None)
        if recommended:
            return self.retarget(recommended)
        have = set(motion.joint_names)
        names = self.retarget_names()
        families = [name for name in _FAMILIES if name in names]
        for name in (*families, *(name for name in names if name not in families)):
            config = self.retarget(name)
            if have.issuperset(spelt_as(config, motion.joint_names).motion_joints):
                return config
        raise UnknownName("retarget configuration for the joints of motion", motion.name, names)

    def _config(self, path: Path) -> MotionConfig:
        return self._configs.get(path, lambda file: read_motion_config(file, roots=self._roots))

    def _kept(self, wanted: str | Path) -> _Kept:
        path = _path("motion", wanted, self._motion_dirs, (*_YAML, ".bvh"))
        config = None if path.suffix.lower() == ".bvh" else self._config(path)
        bvh = self._files.get(config.bvh_path if config else path, read_bvh)
        kept = self._motions.get(path)
        if kept is None or kept.config is not config or kept.bvh is not bvh:
            motion, warnings = _configured(path, config, bvh) if config else (_derived(path, bvh), bvh.warnings)
            kept = _Kept(config, bvh, motion, warnings)
            self._motions[path] = kept
        return kept


def _configured(path: Path, config: MotionConfig, bvh: Bvh) -> tuple[Motion, tuple[str, ...]]:
    """The motion that a YAML file describes, and what was odd about it."""
    new = dict(zip(bvh.joint_names, without_namespace(bvh.joint_names), strict=True))
    names = tuple(new.values())
    problems: list[str] = []
    frame_count = len(bvh.values)
    if config.start_frame >= frame_count:
        problems.append(
            f"start_frame_idx: expected less than the {frame_count} frames of {config.bvh_path.name}, found {config.start_frame}"
        )
    ground = new.get(config.ground_joint, config.ground_joint)
    pairs = tuple((new.get(left, left), new.get(right, right)) for left, right in config.facing_pairs)
    used = [("groundplane_joint", ground), *(("forward_perp_joint_vectors", joint) for pair in pairs for joint in pair)]
    problems += [
        f"{key}: {config.bvh_path.name} has no joint {shown(joint)}{nearest(joint, names)}" for key, joint in used if joint not in names
    ]
    raise_problems(path, problems, hint=f"its joints are {', '.join(names[:40])}")
    warnings = bvh.warnings
    if config.end_frame is not None and config.end_frame > frame_count:
        warnings += (f"end_frame_idx: {config.end_frame} is past the {frame_count} frames of {config.bvh_path.name}",)
    kept = replace(bvh, values=bvh.values[config.start_frame : config.end_frame])
    motion = Motion(
        name=config.name,
        joint_names=names,
        parents=bvh.parents,
        positions=world_positions(kept, config.up),
        frame_time=config.frame_time or bvh.frame_time,
        ground_joint=ground,
        facing_pairs=pairs,
        scale=config.scale,
        loops=config.loops,
    )
    return motion, warnings


def _derived(path: Path, bvh: Bvh) -> Motion:
    """The motion of a BVH file that comes without a YAML file; scaled to a figure one unit high."""
    names = without_namespace(bvh.joint_names)
    pairs = facing_pairs(names)
    if not pairs:
        raise MotionFileError(
            path,
            [f"no shoulders or hips are known among its joints: {', '.join(names[:40])}"],
            hint="write a motion YAML file that names them as forward_perp_joint_vectors",
        )
    positions = world_positions(bvh)
    if up_axis(names, positions) is UpAxis.Z:
        positions = world_positions(bvh, UpAxis.Z)
    height = float(positions[0, :, 1].max() - positions[0, :, 1].min())
    return Motion(
        name=path.stem,
        joint_names=names,
        parents=bvh.parents,
        positions=positions,
        frame_time=bvh.frame_time,
        ground_joint=ground_joint(names, positions[0]),
        facing_pairs=pairs,
        scale=1 / height if height > 0 else 1.0,
    )


def _names(folders: Sequence[Path]) -> tuple[str, ...]:
    return tuple(sorted({path.stem for folder in folders if folder.is_dir() for path in folder.iterdir() if path.suffix in _YAML}))


def _path(kind: str, wanted: str | Path, folders: Sequence[Path], suffixes: Sequence[str]) -> Path:
    """The file that is meant by a name or a path."""
    as_path = Path(wanted)
    candidates = [as_path] if as_path.suffix.lower() in suffixes else []
    if not candidates and as_path.name == str(wanted):  # a plain name can't lead out of the folders
        candidates = [folder / f"{wanted}{suffix}" for folder in folders for suffix in _YAML]
    for candidate in candidates:
        if os.path.isfile(candidate):  # noqa: PTH113 - Path's own fails on long names
            return candidate
    raise UnknownName(kind, str(wanted), _names(folders))

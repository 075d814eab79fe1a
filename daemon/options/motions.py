"""The motions that a command can use, and `doodled motions`, which lists them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import DoodledError
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.files.yaml_files import found_file
from pipeline.motion.library import MotionLibrary
from pipeline.motion.sources import exists


def motion_library(environ: Mapping[str, str]) -> MotionLibrary:
    """The motions that come with doodled; relative paths inside files may start in ANIMATED_DRAWINGS_ROOT."""
    return MotionLibrary([asset_folder(AssetKind.MOTIONS)], [asset_folder(AssetKind.RETARGET)], roots=file_roots(environ))


def file_roots(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where relative paths may start besides the working directory."""
    root = environ.get("ANIMATED_DRAWINGS_ROOT")
    return (Path(root),) if root else ()


def located(wanted: str, environ: Mapping[str, str]) -> str | Path:
    """A name as it is; a file's path as found from the working directory or ANIMATED_DRAWINGS_ROOT."""
    if not Path(wanted).suffix:
        return wanted
    return found_file(wanted, roots=file_roots(environ), beside=Path.cwd() / "-") or Path(wanted)


def named_clip(wanted: str) -> tuple[str, str | None]:
    """A motion's name or file, and the clip in it: "soldier.glb#Run" is Run in soldier.glb. A file that has such a name goes first."""
    name, mark, clip = wanted.rpartition("#")
    return (name, clip) if mark and Path(name).suffix and not exists(Path(wanted)) else (wanted, None)


def motion_table(environ: Mapping[str, str]) -> str:
    """One line a motion: name, seconds, joints, retarget configuration, title; a broken one says what is wrong with it."""
    library = motion_library(environ)
    rows = [("name", "seconds", "joints", "loops", "retarget", "title")]
    broken = []
    for name in library.names():
        try:
            motion = library.motion(name)
            config = library.matching_retarget(motion).name
        except DoodledError as error:
            broken.append(f"{name}: {error}")
            continue
        length = f"{float(motion.duration):.2f}"
        rows.append((name, length, str(len(motion.joint_names)), "yes" if motion.loops else "no", config, library.title(name)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *broken])

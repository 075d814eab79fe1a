"""The motions that a command can use, and the files that its options name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from daemon.files.filenames import shown_name
from pipeline.adapters.fbx.source import FbxSource
from pipeline.errors import OptionError
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.files.yaml_files import find_file
from pipeline.motion.formats.sources import exists
from pipeline.motion.library import MotionLibrary

ALL_MOTIONS = "all"
"""What `--motion` calls every motion that comes with doodled."""


def motion_library(environ: Mapping[str, str]) -> MotionLibrary:
    """The motions that come with doodled; relative paths inside files may start in ANIMATED_DRAWINGS_ROOT."""
    return MotionLibrary(
        [asset_folder(AssetKind.MOTIONS)], [asset_folder(AssetKind.RETARGET)], roots=file_roots(environ), more_sources=[FbxSource()]
    )


def file_roots(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where relative paths may start besides the working directory."""
    root = environ.get("ANIMATED_DRAWINGS_ROOT")
    return (Path(root),) if root else ()


def find_motion_file(wanted: str, environ: Mapping[str, str]) -> str | Path:
    """The path of a motion or retarget file, looked up in the working directory and ANIMATED_DRAWINGS_ROOT; a name is returned as it is."""
    if not Path(wanted).suffix:
        return wanted
    return find_file(wanted, roots=file_roots(environ), beside=Path.cwd() / "-") or Path(wanted)


def requested_motions(text: str, library: MotionLibrary, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The motions that --motion names, each once: names or files with commas between them, or "all". A file of that very name goes first.

    Raises:
        UnknownName: the library has no such name or file; checked here, before any image is read.
        OptionError: the text names no motion, or several of one name.
    """
    if text.strip().lower() == ALL_MOTIONS:
        return library.names()
    is_file = bool(Path(text).suffix) and os.path.isfile(find_motion_file(text, environ))  # noqa: PTH113 - Path's own fails on long names
    motions = (text,) if is_file else tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not motions:
        raise OptionError(f"--motion must name at least one motion (found {text!r})", hint="such as -m dance,wave")
    for motion in motions:
        name, _ = split_clip_name(motion)
        library.path(find_motion_file(name, environ))
    check_names("motions", map(motion_label, motions))
    return motions


def check_names(kind: str, names: Iterable[str]) -> None:
    """Refuse inputs whose animations would have the same name, in whatever case. Raises OptionError."""
    name, count = Counter(name.casefold() for name in names).most_common(1)[0]
    if count > 1:
        hint = "animate them one after the other, with a folder as --output each"
        raise OptionError(f"{count} {kind} are called {shown_name(name)}, and their animations would replace each other", hint=hint)


def motion_label(wanted: str) -> str:
    """What a motion adds to the name of an output: its name, or that of its file, and of the clip in it."""
    name, clip = split_clip_name(wanted)
    return shown_name(".".join(filter(None, (Path(name).stem, clip))))


def split_clip_name(wanted: str) -> tuple[str, str | None]:
    """A motion's name or file, and the clip in it: "soldier.glb#Run" is Run in soldier.glb. A file that has such a name goes first."""
    name, mark, clip = wanted.rpartition("#")
    return (name, clip) if mark and Path(name).suffix and not exists(Path(wanted)) else (wanted, None)

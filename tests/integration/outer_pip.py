"""The settings of this machine's pip, and every file that they name, for a machine or an image build that pip runs in.

Settings keep their sections; environment variables (`PIP_...`) override them, as they do outside. Files and folders are mounted where
they are outside, since pages of links and nested requirements refer to each other by path; certificates alone move, as Debian's package
`ca-certificates` writes its own file.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

CERTIFICATES = ("cert", "client-cert")
WRITTEN = ("cache-dir", "log")  # pip writes its files outside only
REQUIREMENTS = ("constraint", "build-constraint", "requirement")
_ENVIRONMENT = ":env:"
_REFERENCE = re.compile(
    r"^\s*(?:-r|-c|--requirement|--constraint|-f|--find-links|-i|--index-url|--extra-index-url)[ =]\s*(\S+)", re.MULTILINE
)

Settings = dict[str, dict[str, str]]
"""Values by section (`global`, `install`) and key (`find-links`)."""


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine, read-only, and where it is seen inside."""

    outside: Path
    inside: str


def pip_mounts(folder: Path) -> list[Mount]:
    """What to mount for pip. The settings are written to `folder`."""
    listing = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    settings, mounts = carried_settings(pip_settings(listing), Path.cwd())
    (folder / "pip.conf").write_text(config_file(settings))
    return [*mounts, Mount(folder / "pip.conf", "/etc/pip.conf")]


def pip_settings(listing: str) -> Settings:
    """The settings in the output of `pip config list`, lines such as `global.find-links='/opt/wheels'`."""
    settings: Settings = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        settings.setdefault(section, {})[key] = str(ast.literal_eval(value))
    for key, value in settings.pop(_ENVIRONMENT, {}).items():
        for values in settings.values():
            values.pop(key, None)
        settings.setdefault("global", {})[key] = value
    return settings


def config_file(settings: Settings) -> str:
    """A `pip.conf` of these settings. pip splits lists at any whitespace."""
    lines = []
    for section, values in settings.items():
        lines += [f"[{section}]", *(f"{key} = {' '.join(value.split())}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def carried_settings(settings: Settings, working_folder: Path) -> tuple[Settings, list[Mount]]:
    """The settings with absolute paths, and a mount for each file and folder that they name.

    Args:
        settings: of this machine.
        working_folder: what relative paths are relative to.
    """
    mounts: dict[str, Mount] = {}
    carried: Settings = {}
    for section, values in settings.items():
        carried[section] = {key: value for key, value in values.items() if key not in WRITTEN}
        for key, value in carried[section].items():
            words = []
            for word in value.split():
                place = _place(word, working_folder, key)
                for mount in [] if place is None else _mounts(key, word, place):
                    mounts[mount.inside] = mount
                words.append(word if place is None or word.startswith("file:") else _inside(key, place))
            carried[section][key] = " ".join(words)
    return carried, list(mounts.values())


def _place(word: str, folder: Path, key: str) -> Path | None:
    """The existing file or folder that a word of a setting means; only known settings hold relative paths."""
    if word.startswith("file:"):
        place = Path(unquote(urlparse(word).path))
    elif word.startswith(("/", "~")) or key in {*CERTIFICATES, *REQUIREMENTS, "find-links"}:
        place = folder / Path(word).expanduser()
    else:
        return None
    return place if place.exists() else None


def _inside(key: str, place: Path) -> str:
    return f"/etc/pip-{key}.pem" if key in CERTIFICATES else str(place)


def _mounts(key: str, word: str, place: Path) -> Iterator[Mount]:
    beside = place.parent
    if word.startswith("file:") and beside != Path("/"):
        yield Mount(beside, str(beside))  # the files of an index are beside its pages
    else:
        yield Mount(place.resolve(), _inside(key, place))
    if key in REQUIREMENTS and place.is_file():
        for reference in _REFERENCE.findall(place.read_text()):
            nested = _place(reference, beside, key)
            if nested is not None:
                yield from _mounts(key, reference, nested)

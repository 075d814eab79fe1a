"""`doodled config`: check the settings without starting the daemon, and show the effective settings and where each comes from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from daemon.commands.check import missing_codecs
from daemon.settings import LoadedSettings, Settings, SettingsError, load_settings, root_folder

_DEFAULT: Final = "default"
_STATE_FOLDER: Final = "STATE_DIRECTORY"
_COLUMN: Final = 42
"""Where the sources begin in the output of `config show`."""


def check_config(config: Path | None, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """Check the settings as the daemon does at its start, and the files and folders that they name.

    Returns:
        a line about what was checked, and notes about what this user can't use now. Nothing is created.
    Raises:
        SettingsError: lists every problem; the daemon would refuse to start.
    """
    loaded = load_settings(config, environ)
    root = root_folder(loaded.settings, environ)
    blocking = next((folder for folder in (root, *root.parents) if folder.exists() and not folder.is_dir()), None)
    if blocking is not None:
        name = _root_source(loaded, environ)
        raise SettingsError(loaded.file or "the environment", [f"root {root} ({name}) can't be a folder: {blocking} is a file"])
    where = str(loaded.file) if loaded.file else "no settings file"
    count = len(loaded.sources)
    text = f"{where}: fine ({count} key{'s' * (count != 1)} set, all others have their defaults)"
    return text, list(_notes(loaded, root))


def show_config(config: Path | None, environ: Mapping[str, str]) -> str:
    """All settings as TOML, each with where it comes from. Raises SettingsError."""
    loaded = load_settings(config, environ)
    lines = [_line("root", str(root_folder(loaded.settings, environ)), _root_source(loaded, environ))]
    for name, section in loaded.settings:
        if name == "root":
            continue
        lines += ["", f"[{name}]"]
        lines += [
            _line(key, value, loaded.sources.get(f"{name}.{key}", _DEFAULT)) for key, value in section.model_dump(mode="json").items()
        ]
    return "\n".join(lines)


def _root_source(loaded: LoadedSettings, environ: Mapping[str, str]) -> str:
    return loaded.sources.get("root") or (_STATE_FOLDER if environ.get(_STATE_FOLDER) else _DEFAULT)


def _line(key: str, value: Any, source: str) -> str:  # noqa: ANN401 - whatever JSON holds
    """A key as TOML. Only the host of a webhook's URL is shown, because the rest is often a secret."""
    if value is None:
        return f"# {key} is not set"
    if key.startswith("on_") and isinstance(value, str):
        value = f"{urlsplit(value).scheme}://{urlsplit(value).hostname}/..."
    text = json.dumps(value, ensure_ascii=False)  # not JSON's escapes: TOML has no pairs of surrogates
    text = f"{key} = {''.join(each if each.isprintable() else _escaped(each) for each in text)}"
    return f"{text:<{_COLUMN}} # {source}"


def _escaped(character: str) -> str:
    """A character as TOML's strings escape it (TOML 1.0, "String")."""
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def _notes(loaded: LoadedSettings, root: Path) -> Iterator[str]:
    for variable in loaded.ignored:
        yield f"{variable} is not a setting and is ignored"
    nearest = next((folder for folder in (root, *root.parents) if folder.exists()), root)
    if not os.access(nearest, os.W_OK | os.X_OK):
        yield f"this user can't write to {nearest}; the daemon's user must"
    yield from _file_notes(loaded.settings)
    for kind in loaded.settings.animation.formats:
        if missing := missing_codecs(kind):
            yield f"[animation] formats: {kind} can't be written on this machine, without {', '.join(missing)}"


def _file_notes(settings: Settings) -> Iterator[str]:
    """Files that are missing now, but may be there when the daemon runs: systemd provides credentials only then."""
    to_read = {
        "[dask] ca_file": settings.dask.ca_file,
        "[dask] cert_file": settings.dask.cert_file,
        "[dask] key_file": settings.dask.key_file,
        "[torchserve] key_file": settings.torchserve.key_file,
        "[oip] key_file": settings.oip.key_file,
        "[hooks] secret_file": settings.hooks.secret_file,
    }
    for name, path in to_read.items():
        if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
            yield f"{name}: {path} is missing, or this user can't read it"
    folder = settings.metrics.textfile.parent if settings.metrics.textfile else None
    if folder is not None and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        yield f"[metrics] textfile: {folder} is missing, or this user can't write to it"
    for name, hook in settings.hooks:
        if isinstance(hook, tuple) and not (os.access(hook[0], os.X_OK) and Path(hook[0]).is_file()):
            yield f"[hooks] {name}: {hook[0]} is missing, or this user can't run it"

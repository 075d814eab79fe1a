"""Reload of the settings: which keys take effect at once, and which only when the daemon starts again.

`etc/doodled.toml` marks the latter with "(restart)".
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError

from daemon.settings import DaskSettings, HooksSettings, MetricsSettings, OipSettings, Settings

PAUSES: Final = ("probe_first_s", "probe_max_s")
"""Keys of the pauses while no model server answers."""

RETENTION: Final = "storage.retention_h"
"""Takes effect at once, unless `inbox.duplicates`, which does not, forbids the new value."""

RESTART_KEYS: Final = (
    "root",
    *(f"inbox.{key}" for key in ("debounce_s", "stable_s", "stable_samples", "max_depth", "private", "duplicates")),
    *(f"jobs.{key}" for key in ("executor", "workers", "max_attempts", "memory_limit_mb", "recycle_after", "retry_first_s", "retry_max_s")),
    *(f"dask.{key}" for key in DaskSettings.model_fields),
    *(f"{server}.{key}" for server in ("torchserve", "oip") for key in PAUSES),
    *(f"log.{key}" for key in ("to", "format", "journal_socket")),
    *(f"metrics.{key}" for key in MetricsSettings.model_fields),
    *(f"hooks.{key}" for key in HooksSettings.model_fields),
)
"""Keys whose changes take effect only after a restart."""


def settings_in_force(started: Settings, read: Settings) -> tuple[Settings, list[str]]:
    """The settings that apply after a reload, and the keys that would be different after a restart.

    Args:
        started: the settings that the daemon started with.
        read: the settings as they are now in the file and in the environment.
    """
    pending = [key for key in RESTART_KEYS if _value(started, key) != _value(read, key)]
    pending += [key for key in _server_keys(started, read) if key not in pending]
    in_force = _merged(started, read, pending)
    if not _is_valid(in_force):  # the policy for duplicates, which stays, needs it
        pending.append(RETENTION)
        in_force = _merged(started, read, pending)
    return in_force, pending


def _server_keys(started: Settings, read: Settings) -> list[str]:
    """The keys of the pauses that another protocol's servers would have: the daemon keeps those of the servers at the start."""
    section = "oip" if isinstance(read.model_server, OipSettings) else "torchserve"
    return [f"{section}.{key}" for key in PAUSES if getattr(started.model_server, key) != getattr(read.model_server, key)]


def _is_valid(settings: Settings) -> bool:
    """Whether keys of different sections fit together."""
    try:
        Settings.model_validate(dict(settings))
    except ValidationError:
        return False
    return True


def _merged(started: Settings, read: Settings, pending: list[str]) -> Settings:
    """The settings that were read, with the pending keys as they were at the start."""
    kept: dict[str, Any] = {}
    for key in pending:
        section, _, name = key.rpartition(".")
        if section:
            kept[section] = kept.get(section, getattr(read, section)).model_copy(update={name: _value(started, key)})
        else:
            kept[name] = _value(started, key)
    return read.model_copy(update=kept)


def _value(settings: Settings, key: str) -> Any:  # noqa: ANN401 - each key has its own type
    section, _, name = key.rpartition(".")
    return getattr(getattr(settings, section) if section else settings, name)

"""Reload of the settings: which keys take effect at once, and which only when the daemon starts again.

`etc/doodled.toml` marks the latter with "(restart)".
"""

from __future__ import annotations

from typing import Any, Final

from daemon.settings import DaskSettings, HooksSettings, MetricsSettings, Settings

RESTART_KEYS: Final = (
    "root",
    *(f"inbox.{key}" for key in ("debounce_s", "stable_s", "stable_samples", "max_depth", "private", "duplicates")),
    *(f"jobs.{key}" for key in ("executor", "workers", "max_attempts", "memory_limit_mb", "recycle_after", "retry_first_s", "retry_max_s")),
    *(f"dask.{key}" for key in DaskSettings.model_fields),
    *(f"{server}.{key}" for server in ("torchserve", "oip") for key in ("probe_first_s", "probe_max_s")),
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
    kept: dict[str, Any] = {}
    for key in pending:
        section, _, name = key.rpartition(".")
        if section:
            kept[section] = kept.get(section, getattr(read, section)).model_copy(update={name: _value(started, key)})
        else:
            kept[name] = _value(started, key)
    return read.model_copy(update=kept), pending


def _value(settings: Settings, key: str) -> Any:  # noqa: ANN401 - each key has its own type
    section, _, name = key.rpartition(".")
    return getattr(getattr(settings, section) if section else settings, name)

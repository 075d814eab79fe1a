"""Version of doodled, from the metadata of the installed distribution; pyproject.toml defines it."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """The version, or "0" if doodled is not installed."""
    try:
        return metadata.version("doodled")
    except metadata.PackageNotFoundError:
        return "0"

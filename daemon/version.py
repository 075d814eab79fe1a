"""Which doodled this is; pyproject.toml is the one place that says it."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """Of the installed distribution; 0 where doodled was never installed."""
    try:
        return metadata.version("doodled")
    except metadata.PackageNotFoundError:
        return "0"

"""Versions that a lock file pins, and those that are installed."""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LIST_VERSIONS = """
import importlib.metadata as metadata
for found in metadata.distributions():
    print(found.name, found.version)
"""
"""A program that prints what is installed where it runs."""


def installed_versions(listing: str) -> dict[str, str]:
    """Version by canonical name, as `LIST_VERSIONS` prints them."""
    return {canonicalize_name(name): version for name, version in (line.split() for line in listing.splitlines())}


def pins(lock: Path, python: str) -> dict[str, str]:
    """Version by canonical name, of the pins that apply to this machine under a Python such as "3.14".

    Raises:
        ValueError: a line is not an exact pin, or two apply to one package.
    """
    environment = {"python_version": python, "python_full_version": f"{python}.0"}  # the rest is this machine's
    found: dict[str, str] = {}
    for line in lock.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        requirement = Requirement(text)
        (pin,) = requirement.specifier
        if pin.operator != "==":
            raise ValueError(f"{lock}: expected an exact version, found {line}")
        if requirement.marker is None or requirement.marker.evaluate(environment):
            name = canonicalize_name(requirement.name)
            if name in found:
                raise ValueError(f"{lock}: {name} is pinned twice for Python {python}")
            found[name] = pin.version
    return found

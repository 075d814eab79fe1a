"""The page of dependencies: each is there, with its license as its metadata state it."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.locked import pins

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PAGE = (ROOT / "etc/doc/dependencies.md").read_text()
LICENSES = dict(re.findall(r"^\| ([\w.-]+) \| ([^|`]+) \| [^|]+ \|$", PAGE, re.MULTILINE))
RUNTIME = [*PROJECT["project"]["dependencies"], *(each for extra in PROJECT["project"]["optional-dependencies"].values() for each in extra)]
DECLARED = {Requirement(each).name for each in [*RUNTIME, *(each for group in PROJECT["dependency-groups"].values() for each in group)]}


def is_installed(name: str) -> bool:
    try:
        return bool(metadata(name))
    except PackageNotFoundError:
        return False


def test_every_declared_package_has_a_row() -> None:
    assert {name for name in LICENSES if name not in {"Package", "---"}} == DECLARED


@pytest.mark.parametrize("name", sorted(name for name in DECLARED if is_installed(name)))
def test_licenses_are_those_of_the_metadata(name: str) -> None:
    stated = metadata(name).get("License-Expression")
    assert stated in {None, LICENSES[name]}


def test_what_they_bring_along_is_named() -> None:
    found = {Requirement(each).name for each in PROJECT["project"]["dependencies"]}
    unread = list(found)
    while unread:
        for each in map(Requirement, requires(unread.pop()) or ()):
            if each.name not in found and (each.marker is None or each.marker.evaluate({"extra": ""})):
                found.add(each.name)
                unread.append(each.name)
    found = {canonicalize_name(name) for name in found} & set(pins(ROOT / "requirements.lock", "3.11"))  # older ones have others
    assert {name for name in found if not re.search(rf"\b{re.escape(name.replace('_', '-'))}\b", PAGE, re.IGNORECASE)} == set()

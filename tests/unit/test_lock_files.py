"""The lock files: exact versions of everything that is declared, on every Python, and no word about where they come from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.locked import pins

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYTHONS = [version.rpartition(" ")[2] for version in PROJECT["project"]["classifiers"] if re.fullmatch(r".*Python :: 3\.\d+", version)]
DECLARED = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    *PROJECT["project"]["optional-dependencies"]["fbx"],
    *PROJECT["project"]["optional-dependencies"]["dask"],  # the extra `systemd` compiles against this machine's libsystemd
    *(requirement for group in PROJECT["dependency-groups"].values() for requirement in group),
]


def declared_for_torchserve() -> list[str]:
    lines = (ROOT / "torchserve/requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("declared", DECLARED)
def test_a_declared_version_is_pinned(declared: str, python: str) -> None:
    requirement = Requirement(declared)
    versions = pins(ROOT / "requirements.lock", python)
    assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("declared", declared_for_torchserve())
def test_a_version_for_torchserve_is_pinned(declared: str) -> None:
    requirement = Requirement(declared)
    versions = pins(ROOT / "torchserve/requirements.lock", "3.11")
    assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("name", ["requirements.lock", "torchserve/requirements.lock", "torchserve/mlserver/requirements.lock"])
def test_no_index_is_named(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-", text, re.MULTILINE), "options of pip are this machine's"


def test_supported_pythons_are_those_that_the_lock_is_checked_for() -> None:
    (checked,) = re.findall(r"pythons=\((.*?)\)", (ROOT / ".ci/lock").read_text())
    assert checked.split() == PYTHONS
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"

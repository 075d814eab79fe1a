"""The table of packages that break the tests, without installing any."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci/try_versions.py"
LOCKED = {"numpy": "2.1", "scipy": "1.9", "pebble": "5.2.1", "pytest": "9"}
DECLARED = ["numpy>=2.0", "scipy>=1.5", "pebble>=5.2,<5.3"]
SUMMARY = """
=================== short test summary info ===================
FAILED tests/unit/test_a.py::test_x[as process 1] - ValueError: no - really
ERROR tests/unit/test_b.py - DeprecationWarning: old
ERROR tests/unit/test_b.py - DeprecationWarning: old
FAILED tests/unit/test_c.py::test_y
SKIPPED [1] tests/unit/test_d.py:3: no GPU
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("try_versions", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses ask for it
    spec.loader.exec_module(module)
    return module


class Environment:
    """Packages of which some fail the tests: `broken` maps name and version to the tests that fail."""

    def __init__(self, script: Any, newest: dict[str, str], broken: dict[str, list[str]]) -> None:
        self._script, self._newest, self._broken = script, newest, broken
        self._installed: dict[str, str] = {}
        self.runs = 0

    def resolve(self, requirements: Any, *options: str, preferred: str = "") -> dict[str, str]:
        self.asked = list(requirements)
        if not preferred:
            return self._newest
        if not options:
            return LOCKED
        return LOCKED | dict(option.split("==") for option in options if "==" in option)

    def install(self, versions: dict[str, str]) -> None:
        self._installed = versions

    def test(self, tests: Any) -> tuple[str, list[Any]]:
        self.runs += 1
        self.tests = tests
        failing = {test for name, version in self._installed.items() for test in self._broken.get(f"{name}=={version}", [])}
        return "", [self._script.Failure(test, "no") for test in sorted(failing)]


@pytest.fixture(autouse=True)
def _locked(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "pins", lambda *_: LOCKED)
    monkeypatch.setattr(script, "TOOLS", ("pytest",))


def lines(script: Any, environment: Environment, mode: str = "newest") -> tuple[list[tuple[str, str, str]], bool]:
    rows, has_passed = script.compare(environment, script.Mode(mode), DECLARED)
    return [(row.package, row.tried, row.result) for row in rows], has_passed


def test_failures_are_read_from_the_summary_of_pytest(script: Any) -> None:
    assert [(failure.test, failure.message) for failure in script.failures(SUMMARY)] == [
        ("tests/unit/test_a.py::test_x[as process 1]", "ValueError: no - really"),
        ("tests/unit/test_b.py", "DeprecationWarning: old"),
        ("tests/unit/test_c.py::test_y", ""),
    ]


@pytest.mark.parametrize(("declared", "alone"), [("pebble>=5.2,<5.3", "pebble>=5.2"), ("PyYAML>=6.0", "PyYAML>=6.0"), ("uv", "uv")])
def test_upper_caps_are_left_out(script: Any, declared: str, alone: str) -> None:
    assert script.uncapped(declared) == alone


def test_locked_versions_are_not_tried_again(script: Any) -> None:
    environment = Environment(script, LOCKED, {})
    (row,), has_passed = lines(script, environment)
    assert has_passed
    assert "lock file" in row[2]
    assert environment.runs == 0
    assert "pebble>=5.2" in environment.asked


def test_versions_that_pass_are_one_line(script: Any) -> None:
    environment = Environment(script, LOCKED | {"numpy": "2.5"}, {})
    assert lines(script, environment) == ([("all, 1 of them not as locked", "newest", "passed")], True)


def test_the_package_that_breaks_something_is_named(script: Any) -> None:
    newest = LOCKED | {"numpy": "2.5", "scipy": "2.0", "pebble": "5.3"}
    environment = Environment(script, newest, {"scipy==2.0": ["tests/a", "tests/b"], "pebble==5.3": ["tests/c"]})
    rows, has_passed = lines(script, environment)
    assert not has_passed
    assert rows == [("pebble", "5.3", "breaks tests/c: no"), ("scipy", "2.0", "breaks tests/a: no")]


def test_tests_that_fail_anyway_are_no_packages_fault(script: Any) -> None:
    broken = {"numpy==2.5": ["tests/a"], "pytest==9": ["tests/b"]}
    environment = Environment(script, LOCKED | {"numpy": "2.5"}, broken)
    assert lines(script, environment, "lowest") == ([("numpy", "2.5", "breaks tests/a: no")], False)
    environment = Environment(script, LOCKED | {"numpy": "2.5"}, {"pytest==9": ["tests/b"]})
    assert lines(script, environment, "lowest") == ([("all together", "lowest", "1 failed, with the locked versions, too: tests/b")], True)


def test_halves_that_pass_are_not_looked_into(script: Any) -> None:
    tried: list[list[str]] = []

    def fails(names: list[str]) -> str | None:
        tried.append(names)
        return "breaks it" if "k" in names else None

    assert script.culprits(list("abcdefghijklmnop"), fails, has_time=lambda: True) == ({"k": "breaks it"}, [])
    assert len(tried) <= 8


def test_one_test_a_module_is_repeated(script: Any) -> None:
    assert script.one_a_module(["a.py::x", "b.py::z", "a.py::y", "c.py"]) == ["a.py::x", "b.py::z", "c.py"]


def test_packages_that_only_break_together_are_reported(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment(script, LOCKED | {"numpy": "2.5"}, {"numpy==2.5": ["tests/a"]})
    monkeypatch.setattr(script, "culprits", lambda *_, **__: ({}, []))
    (row,), has_passed = lines(script, environment)
    assert not has_passed
    assert row[2].startswith("1 failed, no package alone breaks them")


def test_packages_without_time_left_are_reported(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "TRIALS_S", -1.0)
    environment = Environment(script, LOCKED | {"numpy": "2.5"}, {"numpy==2.5": ["tests/a"]})
    assert lines(script, environment) == ([("numpy", "2.5", "not tried alone: no time left")], False)


@pytest.mark.parametrize(("mode", "status"), [("lowest", 1), ("newest", 0)])
def test_only_a_lower_bound_fails_the_run(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, status: int) -> None:
    environment = Environment(script, LOCKED | {"numpy": "2.5"}, {"numpy==2.5": ["tests/a"]})
    monkeypatch.setattr(script, "Environment", lambda *_: environment)
    monkeypatch.setattr(sys, "argv", ["try_versions", mode, str(tmp_path)])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(SCRIPT.parents[1])
    assert script.main() == status
    assert "numpy" in (tmp_path / f"{mode}.txt").read_text()


def test_versions_that_can_not_be_installed_are_a_line(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise script.Unresolvable("no wheel of numpy")

    monkeypatch.setattr(script, "Environment", refused)
    monkeypatch.setattr(sys, "argv", ["try_versions", "newest", str(tmp_path)])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(SCRIPT.parents[1])
    assert script.main() == 0
    assert "can't be installed: no wheel of numpy" in (tmp_path / "newest.txt").read_text()

"""Unit and property tests with other versions of the dependencies, and a table of the packages that break them.

usage: python .ci/try_versions.py lowest|newest VENV     (from the checkout's root; `make lowest`, `make newest`)

- lowest: the lower bounds that pyproject.toml declares. A failure means that a bound is not true: exit status 1.
- newest: whatever was released last, upper caps and the lock file ignored. A failure is news, not a fault of the checkout: exit status 0.

If tests fail, they run again with the locked versions, and then with one package exchanged at a time, to name the package. The table
goes to VENV/MODE.txt, too.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.locked import pins

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LOCK = Path("requirements.lock")
TESTS = ("tests/unit", "tests/property")
TOOLS = ("hatchling", "httpx2", "hypothesis", "packaging", "pip", "pytest", "pytest-randomly", "pytest-xdist")
"""What these tests need besides doodled's dependencies."""
TRIALS_S = 150.0
"""For all packages one by one; those that are left are reported as not tried."""
RUN_S = 420.0
"""For one run of the tests. A release that makes them hang is one that breaks them."""
_FAILURE = re.compile(r"^(?:FAILED|ERROR) (tests/.*?)(?: - (.*))?$", re.MULTILINE)

NO_TEST = "the run of all tests"

Versions = Mapping[str, str]
"""Version by canonical name."""


class Mode(StrEnum):
    """Which versions."""

    LOWEST = "lowest"
    NEWEST = "newest"


@dataclass(frozen=True)
class Failure:
    """A test, or a module that could not be imported, and the start of its message."""

    test: str
    message: str


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    package: str
    locked: str
    tried: str
    result: str


class Unresolvable(Exception):
    """No set of versions satisfies what was asked for; the message is uv's."""


def uncapped(requirement: str) -> str:
    """A requirement with its lower bound only."""
    parsed = Requirement(requirement)
    return parsed.name + ",".join(str(each) for each in parsed.specifier if each.operator == ">=")


def failures(output: str) -> list[Failure]:
    """The failures in the summary of a pytest run."""
    found = {test: Failure(test, message) for test, message in _FAILURE.findall(output)}
    return list(found.values())


def culprits(
    changed: Sequence[str], fails: Callable[[Sequence[str]], str | None], *, has_time: Callable[[], bool]
) -> tuple[dict[str, str], list[str]]:
    """What each package breaks, by name, and the packages that there was no time for. Halves that pass are not looked into.

    Args:
        changed: packages that together fail.
        fails: what goes wrong with these packages exchanged, or None.
        has_time: whether another trial may begin.
    """
    middle = (len(changed) + 1) // 2
    broken: dict[str, str] = {}
    untried: list[str] = []
    for half in (changed[:middle], changed[middle:]):
        if not half:
            continue
        if not has_time():
            untried += half
            continue
        problem = fails(half)
        if problem is not None and len(half) == 1:
            broken[half[0]] = problem
        elif problem is not None:
            more, left = culprits(half, fails, has_time=has_time)
            broken |= more
            untried += left
    return broken, untried


def one_a_module(tests: Sequence[str]) -> list[str]:
    """The first test of each module, of twenty modules at most: enough to tell which package is to blame."""
    firsts = {test.partition("::")[0]: test for test in reversed(tests)}
    return [test for test in tests if test in firsts.values()][:20]


def table(rows: Iterable[Row]) -> str:
    """The rows, aligned."""
    cells = [("package", "locked", "tried", "unit and property tests"), *((row.package, row.locked, row.tried, row.result) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(3)]
    return "\n".join("  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3]]) for line in cells)


class Environment:
    """A virtual environment whose packages uv exchanges in seconds."""

    def __init__(self, uv: Path, folder: Path) -> None:
        self._uv = uv
        self._python = folder / "bin/python"
        self._call("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))

    def resolve(self, requirements: Iterable[str], *options: str, preferred: str = "") -> Versions:
        """Versions that satisfy `requirements`, those in the text `preferred` where possible.

        Raises:
            Unresolvable: there are none.
        """
        with tempfile.TemporaryDirectory() as folder:
            asked, found = Path(folder, "in.txt"), Path(folder, "out.txt")
            asked.write_text("\n".join(requirements))
            found.write_text(preferred)
            self._call("pip", "compile", "--quiet", "--python-version", PYTHON, "--output-file", str(found), *options, str(asked))
            return pins(found, PYTHON)

    def install(self, versions: Versions) -> None:
        """Put exactly these versions in, and doodled itself."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join([*(f"{name}=={version}" for name, version in versions.items()), "-e ."]))
            file.flush()
            self._call("pip", "sync", "--quiet", "--python", str(self._python), file.name)

    def test(self, tests: Sequence[str]) -> tuple[str, list[Failure]]:
        """Run tests; returns the output, and what failed."""
        command: list[str | Path] = [self._python, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *tests]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=RUN_S, check=False
            )
        except subprocess.TimeoutExpired:
            return "", [Failure(NO_TEST, f"no end within {RUN_S:g} s")]
        found = failures(done.stdout)
        if done.returncode != 0 and not found:
            found = [Failure(NO_TEST, done.stdout.strip().rpartition("\n")[2])]
        return done.stdout, found

    def _call(self, *arguments: str) -> None:
        environ = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
        done = subprocess.run([self._uv, *arguments], env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Unresolvable(" ".join(done.stderr.split()))


def tried_versions(environment: Environment, mode: Mode, declared: Sequence[str], locked: Versions) -> Versions:
    """The versions of a mode. Test tools are those of the lock file where the lower bounds are tried."""
    only_wheels = ("--only-binary", ":all:")
    if mode is Mode.NEWEST:
        return environment.resolve([*map(uncapped, declared), *TOOLS], *only_wheels)
    lowest = environment.resolve(declared, "--resolution", "lowest-direct", *only_wheels)
    return environment.resolve(
        [*(f"{name}=={version}" for name, version in lowest.items()), *(f"{name}=={locked[name]}" for name in TOOLS)]
    )


def locked_for(environment: Environment, declared: Sequence[str], locked: Versions, *options: str) -> Versions:
    """The locked versions of what the tests need, or others where the options say so."""
    preferred = "\n".join(f"{name}=={version}" for name, version in locked.items())
    return environment.resolve([*map(uncapped, declared), *TOOLS], *options, preferred=preferred)


def compare(environment: Environment, mode: Mode, declared: Sequence[str]) -> tuple[list[Row], bool]:
    """The rows of the table, and whether all tests passed."""
    locked = pins(LOCK, PYTHON)
    versions = tried_versions(environment, mode, declared, locked)
    own = {canonicalize_name(Requirement(requirement).name) for requirement in declared}
    changed = sorted((name for name, version in versions.items() if version != locked.get(name)), key=lambda name: (name not in own, name))
    if not changed:
        return [Row("all", "", "", "passed before: they are those of the lock file")], True
    environment.install(versions)
    output, found = environment.test(TESTS)
    if not found:
        return [Row(f"all, {len(changed)} of them not as locked", "", mode, "passed")], True
    print(output[-6000:])
    tests = [failure.test for failure in found if failure.test != NO_TEST]
    if not tests:
        return [Row("all together", "", mode, found[0].message)], False
    environment.install(locked_for(environment, declared, locked))
    anyway = {failure.test for failure in environment.test(tests)[1]}
    tests = [test for test in tests if test not in anyway]
    if not tests:
        return [Row("all together", "", mode, f"{len(anyway)} failed, with the locked versions, too: {min(anyway)}")], True
    deadline_s = time.monotonic() + TRIALS_S

    chosen = one_a_module(tests)

    def fails(names: Sequence[str]) -> str | None:
        try:
            wanted = [option for name in names for option in ("--upgrade-package", f"{name}=={versions[name]}")]
            environment.install(locked_for(environment, declared, locked, *wanted))
        except Unresolvable as error:
            return f"can't be installed: {error}"[:200]
        again = environment.test(chosen)[1]
        return f"breaks {again[0].test}: {again[0].message}"[:300] if again else None

    broken, untried = culprits(changed, fails, has_time=lambda: time.monotonic() < deadline_s)
    rows = [Row(name, locked.get(name, "-"), versions[name], problem) for name, problem in broken.items()]
    rows += [Row(name, locked.get(name, "-"), versions[name], "not tried alone: no time left") for name in untried]
    if not rows:
        rows = [
            Row("all together", "", mode, f"{len(found)} failed, no package alone breaks them: {found[0].test}: {found[0].message}"[:300])
        ]
    return rows, False


def main() -> int:
    """Exit status: 1 if a lower bound is not true."""
    parser = argparse.ArgumentParser(description="unit and property tests with other versions of the dependencies")
    parser.add_argument("mode", type=Mode, choices=list(Mode))
    parser.add_argument("venv", type=Path, help="a virtual environment with the development tools and uv")
    given = parser.parse_args()
    mode, venv = Mode(given.mode), Path(given.venv)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "doodled-ci"
    cache.mkdir(parents=True, exist_ok=True)
    (venv / f"{mode}.txt").unlink(missing_ok=True)
    declared = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    try:
        rows, has_passed = compare(Environment(venv / "bin/uv", cache / f"versions-{mode}"), mode, declared)
    except Unresolvable as error:
        rows, has_passed = [Row("all together", "", mode, f"can't be installed: {error}")], False
    text = table(rows)
    (venv / f"{mode}.txt").write_text(f"{text}\n", encoding="utf-8")
    print(text)
    return int(mode is Mode.LOWEST and not has_passed)


if __name__ == "__main__":
    sys.exit(main())

"""axe-core, which finds accessibility problems of pages; from npm, for tests only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.browser import Browser

VERSION = "4"
SERIOUS = {"serious", "critical"}


@cache
def axe_script() -> str:
    """The script of axe-core. Skips where npm or its registry is missing."""
    path = f"{sys.prefix}/bin:{os.environ['PATH']}"  # `.ci/setup` puts npm and Node into the virtual environment of a machine without
    npm = shutil.which("npm", path=path)
    if npm is None:
        pytest.skip("needs npm: apt-get install npm")
    folder = Path(mkdtemp())
    try:
        done = subprocess.run(
            [npm, "pack", "--silent", f"axe-core@{VERSION}"],
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        archives = sorted(folder.glob("axe-core-*.tgz"))
        if done.returncode or not archives:
            pytest.skip(f"npm can't fetch axe-core: {done.stderr.strip()[-200:]}")
        with tarfile.open(archives[-1]) as archive:  # Debian 12's Python 3.11.2 can't filter what it unpacks
            script = archive.extractfile("package/axe.min.js")
            assert script is not None
            return script.read().decode()
    finally:
        shutil.rmtree(folder)


def faults(page: Browser) -> list[dict[str, Any]]:
    """The serious problems of a page: the rule, and the elements."""
    page.value(f"(() => {{ {axe_script()} }})() || 1")
    found = page.value("axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)")
    return [
        {"rule": each["id"], "help": each["help"], "elements": [node["html"][:200] for node in each["nodes"]][:5]}
        for each in found
        if each["impact"] in SERIOUS
    ]

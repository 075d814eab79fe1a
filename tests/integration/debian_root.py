"""A bare Debian 12, made once by debootstrap and kept in the user's cache: what tests boot, and what they build images from.

A tar file, so that no test can change it: unpack it (`tar -xpf`, as root), or import it as an image. Needs root, and Debian's
mirror the first time.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
DEADLINE_S = 900.0


def cache_folder() -> Path:
    """Where tests keep what is expensive to make and the same every time."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "doodled-ci"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def debian_tar() -> Path:
    """The tar file of a Debian 12 of essential packages and apt (debootstrap's variant minbase)."""
    if os.geteuid() != 0:
        pytest.skip("only root can unpack a Debian")
    if shutil.which("debootstrap") is None:
        pytest.skip("debootstrap is not installed")
    folder = cache_folder()
    made = folder / f"debian-{SUITE}-minbase.tar"
    with (folder / f"{made.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several tests may ask at the same time: one makes it
        if not made.exists():
            root, draft = folder / f"{made.name}.root", folder / f"{made.name}.draft"
            shutil.rmtree(root, ignore_errors=True)
            try:
                checked("debootstrap", "--variant=minbase", SUITE, str(root), MIRROR)
                for leftover in (root / "var/cache/apt/archives").glob("*.deb"):
                    leftover.unlink()
                checked("tar", "-C", str(root), "--numeric-owner", "-cf", str(draft), ".")
                draft.rename(made)
            finally:
                shutil.rmtree(root, ignore_errors=True)
    return made


def checked(*command: str) -> None:
    """Run a program that must succeed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"

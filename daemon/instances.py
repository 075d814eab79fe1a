"""Folders of instances, and the locks that say whether their daemon is alive (`daemon.spool`)."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from daemon.durable import rename, sync_folder

LOCK: Final = ".lock"


def locked_folder(work: Path, instance: str) -> int:
    """Make an instance's folder; it appears under its name with its lock held."""
    temporary = work / f".new-{instance}"
    temporary.mkdir(exist_ok=True)
    lock = os.open(temporary / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    rename(temporary, work / instance)
    sync_folder(work)
    return lock


def remove_if_empty(instance: Path) -> None:
    """Remove an instance's folder unless it holds jobs, even such as appear just now. Raises OSError."""
    if {entry.name for entry in instance.iterdir()} <= {LOCK}:
        (instance / LOCK).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            instance.rmdir()


def is_alive(instance: Path) -> bool:
    """Whether a daemon holds the lock of its folder. A shared lock is tried, which is let go at once."""
    try:
        lock = os.open(instance / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False

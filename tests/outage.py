"""A file server that is unavailable for a while: calls time out."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.files.durable import rename
from daemon.spool import recovery


def timed_out() -> OSError:
    """The error of a call that gets no answer."""
    return OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))


def blind_lstat(monkeypatch: pytest.MonkeyPatch, is_unavailable: Callable[[], bool]) -> None:
    """Let `os.lstat` time out whenever `is_unavailable` says so; it is asked once for each call."""
    lstat = os.lstat

    def blinded(*arguments: Any, **more: Any) -> os.stat_result:
        if is_unavailable():
            raise timed_out()
        return lstat(*arguments, **more)

    monkeypatch.setattr(os, "lstat", blinded)


def cut_off_takeover(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server become unavailable once a takeover has moved a job, so that the job can't be moved back."""
    is_blind = False

    def then_blind(source: Path, target: Path) -> None:
        nonlocal is_blind
        if is_blind:
            raise timed_out()
        rename(source, target)
        is_blind = True

    monkeypatch.setattr(recovery, "rename", then_blind)
    blind_lstat(monkeypatch, lambda: is_blind)

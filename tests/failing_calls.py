"""System calls that change the disk, failing in this process as a test chooses."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from fault.old_libc import Ctypes

from daemon.files import durable

CHANGING = ("rename", "link", "unlink", "rmdir", "mkdir", "open", "write", "fsync")


class FailingCalls:
    """Counts and fails calls while `is_on`.

    Attributes:
        failure: the errno with which the N-th call of a name fails, or None.
        happens: failing calls are carried out all the same, as when a reply is lost.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_on = False
        self.happens = False
        self.count = 0
        self.failure: Callable[[str, int], int | None] = lambda _name, _number: None
        for name in CHANGING:
            monkeypatch.setattr(os, name, self._wrapped(name, getattr(os, name)))
        monkeypatch.setattr(durable, "ctypes", Ctypes)

    def restart(self, failure: Callable[[str, int], int | None]) -> None:
        """Count from zero, and fail the given call with this error."""
        self.failure, self.count = failure, 0

    def _wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **more: Any) -> Any:
            is_change = name != "open" or arguments[1] & os.O_CREAT
            if not self.is_on or not is_change:
                return None if name == "fsync" else call(*arguments, **more)
            code = self.failure(name, self.count)
            self.count += 1
            result = call(*arguments, **more) if name != "fsync" and (code is None or self.happens) else None
            if code is not None:
                raise OSError(code, os.strerror(code), *(arguments[:1] if isinstance(arguments[0], str) else ()))
            return result

        return wrapped

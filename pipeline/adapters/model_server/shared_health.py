"""Health of model servers, shared by the workers of one daemon: what one of them learned spares the others the same wait.

A small file holds it. A lock (flock) guards it, which the kernel releases when a worker is killed; a file that can't be read or written
costs nothing but the sharing. Times are on the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

_MAX_BYTES: Final = 256 * 1024


@dataclass(frozen=True)
class ServerHealth:
    """What is known about one model on one server.

    Attributes:
        failures: failures that have not been forgiven.
        is_failing: it must answer a tiny prediction before it gets images, as long as another server answers.
        avoided_until_s: it is left alone until then, monotonic seconds.
        forgiven_from_s: an answer from then on makes up for all failures.
    """

    failures: int = 0
    is_failing: bool = False
    avoided_until_s: float = 0.0
    forgiven_from_s: float = 0.0


HEALTHY: Final = ServerHealth()


class SharedHealth:
    """Health of servers by key, in memory and, if there is a file, shared with other processes. Thread-safe."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._known: dict[str, ServerHealth] = {}

    def get(self, key: str) -> ServerHealth:
        """What is known about a server."""
        with self._lock:
            if self._has_changed():
                with _lock_file(self._path) as file:
                    self._read(file)
            return self._known.get(key, HEALTHY)

    def update(self, key: str, change: Callable[[ServerHealth], ServerHealth]) -> bool:
        """Change what is known about a server; False if `change` returned what it got."""
        with self._lock, _lock_file(self._path) as file:
            self._read(file)
            before = self._known.get(key, HEALTHY)
            after = self._known[key] = change(before)
            if file is not None and after != before:
                with suppress(OSError):
                    os.ftruncate(file, 0)
                    os.pwrite(file, _text(self._known), 0)
            return after != before

    def _has_changed(self) -> bool:
        """Whether the file is another one than `get` has read last."""
        if self._path is None:
            return False
        try:
            found = self._path.stat()
        except OSError:
            return False
        before, self._stamp = self._stamp, (found.st_mtime_ns, found.st_size, found.st_ino)
        return self._stamp != before

    def _read(self, file: int | None) -> None:
        if file is not None:
            with suppress(OSError):
                self._known = _parse_entries(os.pread(file, _MAX_BYTES, 0))


@contextmanager
def _lock_file(path: Path | None) -> Iterator[int | None]:
    """Descriptor of the file, created if it is missing and locked; None if there can be none."""
    file = None
    try:
        if path is not None:
            with suppress(OSError):
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        if file is not None:
            os.close(file)


def _text(known: Mapping[str, ServerHealth]) -> bytes:
    return json.dumps({key: astuple(health) for key, health in known.items() if health != HEALTHY}).encode()


def _parse_entries(content: bytes) -> dict[str, ServerHealth]:
    """The entries of a file; those of a damaged one are forgotten."""
    try:
        entries: Any = json.loads(content) if content else {}
        return {str(key): _entry(*fields) for key, fields in entries.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _entry(failures: Any, is_failing: Any, avoided_until_s: Any, forgiven_from_s: Any) -> ServerHealth:  # noqa: ANN401  # from a file
    return ServerHealth(int(failures), bool(is_failing), float(avoided_until_s), float(forgiven_from_s))

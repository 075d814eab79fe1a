"""Status file: what the daemon does, as JSON for other processes on the same machine; its age shows whether the daemon is alive.

The main loop touches the file at each iteration, where it also pings systemd's watchdog, so the file of a daemon that hangs grows old.
Touching needs no free space, so a full disk does not look like a daemon that hangs.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from daemon.files.durable import write_new

SCHEMA: Final = 1
TOUCH_INTERVAL_S: Final = 1.0


class StatusFile:
    """The status file of one instance. Its methods raise nothing, because no job depends on it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._published = ""
        self._touch_at_s = 0.0

    def move(self, path: Path) -> None:
        """Continue in another file and remove the present one."""
        if path != self._path:
            self.remove()
            self._path, self._published = path, ""

    def publish(self, status: dict[str, Any]) -> None:
        """Write the status, if it has changed."""
        text = json.dumps({"schema": SCHEMA, "host": socket.gethostname(), "pid": os.getpid(), **status})
        if text != self._published:
            self._published = text
            temporary = self._path.with_suffix(".tmp")
            try:
                temporary.unlink(missing_ok=True)  # of a daemon that died, or a pipe or link of another user
                write_new(temporary, text.encode("ascii"))
                temporary.replace(self._path)
            except OSError:
                with suppress(OSError):  # no inode or no space is left: the old status would hide that
                    _overwrite(self._path, text.encode("ascii"))

    def touch(self, now: float) -> None:
        """Renew the file's time if it is due; call this at each iteration of the main loop."""
        if now < self._touch_at_s:
            return
        self._touch_at_s = now + TOUCH_INTERVAL_S
        try:
            os.utime(self._path, ns=(time.time_ns(),) * 2)  # by our clock, even if a file server would take its own
        except OSError:
            self._published = ""  # it could not be written or was removed: write it again

    def remove(self) -> None:
        """Remove the file, because the daemon stops."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _overwrite(path: Path, content: bytes) -> None:
    """Replace the content of a file in place, which needs no inode, and no space but for its growth. Raises OSError."""
    file = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if os.pwrite(file, content, 0) == len(content):
            os.ftruncate(file, len(content))
    finally:
        os.close(file)

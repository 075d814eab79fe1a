"""What a daemon says of itself to people on the same disk: one file, whose age is its pulse.

The main loop touches it at every turn, where it also pings systemd's watchdog: a loop that hangs has no pulse. Touching needs no room on
the disk, so a full one looks like no hang.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

SCHEMA: Final = 1
PULSE_S: Final = 1.0


class StatusFile:
    """One daemon's; no job depends on it, so nothing is raised."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._published = ""
        self._touch_at_s = 0.0

    def move(self, path: Path) -> None:
        """From now on, another file."""
        if path != self._path:
            self.remove()
            self._path, self._published = path, ""

    def publish(self, status: dict[str, Any]) -> None:
        """Write it, if anything has changed."""
        text = json.dumps({"schema": SCHEMA, "host": socket.gethostname(), "pid": os.getpid(), **status})
        if text != self._published:
            self._published = text
            temporary = self._path.with_suffix(".tmp")
            with suppress(OSError):
                temporary.write_text(text, encoding="ascii")
                temporary.replace(self._path)

    def touch(self, now: float) -> None:
        """The loop has turned; to be called at every turn."""
        if now < self._touch_at_s:
            return
        self._touch_at_s = now + PULSE_S
        try:
            os.utime(self._path, ns=(time.time_ns(),) * 2)  # our clock, also where a server's would be taken
        except OSError:
            self._published = ""  # it could not be written, or somebody has removed it: once more

    def remove(self) -> None:
        """The daemon is gone."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

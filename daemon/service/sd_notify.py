"""What systemd is told (sd_notify(3)): readiness, a line of status, that we are alive, that we stop. Without systemd, nothing happens.

Through systemd-python where it is installed, else by the protocol itself: a datagram to NOTIFY_SOCKET. Told by the main loop, never by a
thread of its own: a ping must mean that the loop turns.
"""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress


class SdNotifier:
    """Tells systemd.

    Args:
        send: takes "KEY=value" lines.
        watchdog_s: between two pings, or None if nobody waits for them.
    """

    def __init__(self, send: Callable[[str], None], watchdog_s: float | None) -> None:
        self._send = send
        self.watchdog_s = watchdog_s
        self._status = ""
        self._pinged_s: float | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> SdNotifier:
        """As systemd says in the environment; it asks for pings within WATCHDOG_USEC, and gets them twice as often."""
        watchdog = environ.get("WATCHDOG_USEC", "")
        interval_s = int(watchdog) / 2e6 if watchdog.isdigit() and int(watchdog) else None
        return cls(_sender(environ.get("NOTIFY_SOCKET", "")), interval_s)

    def ready(self, status: str) -> None:
        """The daemon works."""
        self._status = _line(status)
        self._send(f"READY=1\nSTATUS={self._status}")

    def status(self, text: str) -> None:
        """What it is doing, if that has changed."""
        status = _line(text)
        if status != self._status:
            self._status = status
            self._send(f"STATUS={status}")

    def ping(self, now: float) -> None:
        """The loop has turned; to be called at every turn."""
        if self.watchdog_s is not None and (self._pinged_s is None or now - self._pinged_s >= self.watchdog_s):
            self._pinged_s = now
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The daemon is on its way out."""
        self._send("STOPPING=1\nSTATUS=stopping")


def _line(text: str) -> str:
    """On one line: a second one would be an order to systemd, and a model server's answer may be part of the text."""
    return " ".join(text.split())


def _sender(address: str) -> Callable[[str], None]:
    if not address:
        return lambda _: None
    with suppress(ImportError):
        notify: Callable[[str], object] = importlib.import_module("systemd.daemon").notify
        return lambda text: _ignored(notify(text))
    return lambda text: _send(address, text)


def _send(address: str, text: str) -> None:
    """One datagram. That nobody takes it is no reason to stop working."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(0)
        channel.sendto(text.encode(), "\0" + address[1:] if address.startswith("@") else address)


def _ignored(_: object) -> None:
    """Nothing is made of it: whether somebody listens is systemd's business."""

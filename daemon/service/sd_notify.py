"""sd_notify(3): reports readiness, status, watchdog pings and stopping to systemd. Does nothing without systemd.

Uses systemd-python where it is installed, else the protocol itself: a datagram to NOTIFY_SOCKET. Only the main loop calls this, never a
thread of its own, so a watchdog ping proves that the loop runs.
"""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress


class SdNotifier:
    """Notifier of systemd.

    Args:
        send: takes lines "KEY=value".
        watchdog_s: seconds between two watchdog pings, or None if systemd asks for none.
    """

    def __init__(self, send: Callable[[str], None], watchdog_s: float | None) -> None:
        self._send = send
        self.watchdog_s = watchdog_s
        self._status = ""
        self._pinged_s: float | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> SdNotifier:
        """Use the socket and the watchdog interval of the environment; pings go out twice as often as WATCHDOG_USEC asks."""
        watchdog = environ.get("WATCHDOG_USEC", "")
        interval_s = int(watchdog) / 2e6 if watchdog.isdigit() and int(watchdog) else None
        return cls(_sender(environ.get("NOTIFY_SOCKET", "")), interval_s)

    def notify_ready(self, status: str) -> None:
        """Report that the daemon is ready."""
        self._status = _one_line(status)
        self._send(f"READY=1\nSTATUS={self._status}")

    def notify_status(self, text: str) -> None:
        """Report the status, if it has changed."""
        status = _one_line(text)
        if status != self._status:
            self._status = status
            self._send(f"STATUS={status}")

    def ping(self, now: float) -> None:
        """Send a watchdog ping if it is time; call this at each iteration of the main loop."""
        if self.watchdog_s is not None and (self._pinged_s is None or now - self._pinged_s >= self.watchdog_s):
            self._pinged_s = now
            self._send("WATCHDOG=1")

    def notify_stopping(self) -> None:
        """Report that the daemon stops."""
        self._send("STOPPING=1\nSTATUS=stopping")


def _one_line(text: str) -> str:
    """The text on one line: systemd would read a second line as a command, and the text may quote a model server."""
    return " ".join(text.split())


def _sender(address: str) -> Callable[[str], None]:
    if not address:
        return lambda _: None
    with suppress(ImportError):
        send: Callable[[str], None] = importlib.import_module("systemd.daemon").notify
        return send
    return lambda text: _send(address, text)


def _send(address: str, text: str) -> None:
    """Send one datagram. Raises nothing: the daemon works without a listener."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(0)
        channel.sendto(text.encode(), "\0" + address[1:] if address.startswith("@") else address)

"""Notifications to systemd, with and without its library; and the status file."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from daemon.service.sd_notify import SdNotifier
from daemon.service.status_file import StatusFile


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "systemd.daemon", None)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0doodled-test-{os.getpid()}-{tmp_path.name}")
        channel.setblocking(False)
        yield channel


def received(channel: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(channel.recv(4096).decode())
        except BlockingIOError:
            return found


@pytest.mark.usefixtures("without_library")
def test_notifies_systemd_from_ready_to_stopping(listener: socket.socket) -> None:
    address = "@" + listener.getsockname().decode()[1:]
    notifier = SdNotifier.from_environ({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "4000000"})
    assert notifier.watchdog_s == 2.0
    notifier.notify_ready("starting")
    notifier.notify_status("starting")  # unchanged
    notifier.notify_status("working")
    for now in (10.0, 11.9, 12.0, 13.0):
        notifier.ping(now)
    notifier.notify_stopping()
    assert received(listener) == ["READY=1\nSTATUS=starting", "STATUS=working", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1\nSTATUS=stopping"]


def test_status_text_cannot_inject_commands() -> None:
    received: list[str] = []
    notifier = SdNotifier(received.append, None)
    notifier.notify_ready("the server said: no\nMAINPID=1")
    notifier.notify_status("the server said: no\rmore\n\nSTOPPING=1")
    notifier.notify_status("the server said: no more STOPPING=1")
    assert received == ["READY=1\nSTATUS=the server said: no MAINPID=1", "STATUS=the server said: no more STOPPING=1"]


@pytest.mark.usefixtures("without_library")
def test_socket_path_works_with_and_without_listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind("notify")
        channel.setblocking(False)
        SdNotifier.from_environ({"NOTIFY_SOCKET": "notify"}).notify_ready("here")
        assert received(channel) == ["READY=1\nSTATUS=here"]
    SdNotifier.from_environ({"NOTIFY_SOCKET": "notify"}).notify_ready("here")
    SdNotifier.from_environ({"NOTIFY_SOCKET": "nowhere"}).notify_ready("here")


@pytest.mark.parametrize("watchdog", ["", "0", "soon", "-1"])
def test_does_nothing_without_systemd(watchdog: str) -> None:
    notifier = SdNotifier.from_environ({"WATCHDOG_USEC": watchdog})
    assert notifier.watchdog_s is None
    notifier.notify_ready("here")
    notifier.ping(1.0)


def test_uses_systemd_library_if_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    library: Any = ModuleType("systemd.daemon")
    library.notify = said.append
    monkeypatch.setitem(sys.modules, "systemd", ModuleType("systemd"))
    monkeypatch.setitem(sys.modules, "systemd.daemon", library)
    SdNotifier.from_environ({"NOTIFY_SOCKET": "/run/notify"}).notify_ready("here")
    assert said == ["READY=1\nSTATUS=here"]


# --- the status file -------------------------------------------------------------------------------------------------


def test_status_file_is_written_on_change_and_touched_each_second(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    file = StatusFile(path)
    file.publish({"summary": "idle"})
    first = path.stat().st_ino
    file.publish({"summary": "idle"})
    assert path.stat().st_ino == first
    file.publish({"summary": "busy"})
    assert '"busy"' in path.read_text()
    os.utime(path, (0, 0))
    file.touch(10.0)
    assert path.stat().st_mtime > 1e9
    os.utime(path, (0, 0))
    file.touch(10.5)
    assert path.stat().st_mtime == 0
    file.touch(11.0)
    assert path.stat().st_mtime > 1e9


def test_removed_status_file_comes_back_and_moved_one_is_removed(tmp_path: Path) -> None:
    file = StatusFile(tmp_path / "one.json")
    file.publish({"summary": "idle"})
    (tmp_path / "one.json").unlink()
    file.touch(1.0)
    file.publish({"summary": "idle"})
    assert (tmp_path / "one.json").exists()
    file.move(tmp_path / "two.json")
    file.move(tmp_path / "two.json")
    file.publish({"summary": "idle"})
    assert [path.name for path in tmp_path.iterdir()] == ["two.json"]
    file.remove()
    file.remove()
    assert not list(tmp_path.iterdir())


def test_status_file_survives_disk_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = StatusFile(tmp_path / "one.json")
    monkeypatch.setattr(Path, "write_text", full)
    file.publish({"summary": "idle"})
    monkeypatch.undo()
    file.touch(1.0)
    file.publish({"summary": "idle"})
    assert (tmp_path / "one.json").exists()

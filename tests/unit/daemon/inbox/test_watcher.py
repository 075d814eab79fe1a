"""Hints of changes in the inbox, and whether the watch can still give any."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.inbox import watcher as watching
from daemon.inbox.watcher import Watcher, WatchMode, is_on_network

PATIENCE_S = 30.0


class Hints:
    """Counts hints and waits for them."""

    def __init__(self) -> None:
        self.count = 0
        self._heard = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        self._heard.set()

    def heard(self) -> bool:
        heard = self._heard.wait(PATIENCE_S)
        self._heard.clear()
        return heard


@pytest.fixture
def hints() -> Hints:
    return Hints()


@pytest.fixture
def watch(tmp_path: Path, hints: Hints) -> Iterator[Watcher]:
    (tmp_path / "inbox").mkdir()
    made = Watcher(tmp_path / "inbox", hints, is_network=False)
    yield made
    made.stop()


def watches_of(watch: Watcher) -> int:
    """Watches of this process in the kernel (proc(5), fdinfo)."""
    inotify: Any = watch._observer
    return Path(f"/proc/self/fdinfo/{inotify._inotify_fd._inotify_fd}").read_text().count("inotify wd:")


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        threading.Event().wait(0.02)


def test_claimed_folders_leave_no_watches(tmp_path: Path, watch: Watcher, hints: Hints) -> None:
    inbox, spool = tmp_path / "inbox", tmp_path / "spool"
    for number in range(60):
        (inbox / str(number) / "inner").mkdir(parents=True)
    spool.mkdir()
    watch.start()
    until(lambda: watches_of(watch) == 121)
    for number in range(60):
        (inbox / str(number)).rename(spool / str(number))
    until(lambda: watches_of(watch) == 1)
    (inbox / "0").mkdir()
    until(lambda: watches_of(watch) == 2)
    hints.heard()
    (inbox / "0" / "new.png").touch()
    assert hints.heard()
    (inbox / "0").rename(inbox / "1")
    (inbox / "1" / "other.png").touch()
    assert hints.heard()
    assert watch.is_working()


def test_hints_at_dropped_files_in_any_folder(tmp_path: Path, watch: Watcher, hints: Hints) -> None:
    watch.start()
    assert (watch.mode, watch.problem) == (WatchMode.EVENTS, "")
    (tmp_path / "inbox" / "a.png").touch()
    assert hints.heard()
    (tmp_path / "b.png").touch()
    (tmp_path / "b.png").rename(tmp_path / "inbox" / "b.png")
    assert hints.heard()
    assert watch.is_working()


def test_polls_before_start_and_after_stop(watch: Watcher) -> None:
    assert (watch.mode, watch.is_working()) == (WatchMode.POLLING, True)
    watch.start()
    watch.stop()
    watch.stop()
    assert watch.mode is WatchMode.POLLING


def test_polls_on_network_file_systems(tmp_path: Path, hints: Hints) -> None:
    watch = Watcher(tmp_path, hints, is_network=True)
    watch.start()
    assert (watch.mode, watch.problem, watch.is_working()) == (WatchMode.POLLING, "", True)
    watch.stop()


def test_notices_replaced_inbox(tmp_path: Path, watch: Watcher, hints: Hints) -> None:
    watch.start()
    (tmp_path / "inbox").rename(tmp_path / "old")
    assert not watch.is_working()
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "keeps the old inode from being used again").mkdir()
    assert not watch.is_working()
    watch.restart()
    assert watch.is_working()
    hints.count = 0
    (tmp_path / "inbox" / "a.png").touch()
    assert hints.heard()


def test_notices_dead_thread_of_the_watch(watch: Watcher) -> None:
    """As watchdog's does when two folders of one name have left the inbox, as two characters do, and the later one is removed first."""
    watch.start()
    assert watch.is_working()
    observer: Any = watch._observer
    observer._inotify_fd.stop()
    observer._inotify_fd.join(PATIENCE_S)
    assert not watch.is_working()
    watch.restart()
    assert watch.is_working()


def test_missing_inbox_is_a_problem_until_it_returns(tmp_path: Path, watch: Watcher) -> None:
    (tmp_path / "inbox").rmdir()
    watch.start()
    assert (watch.mode, watch.problem) == (WatchMode.POLLING, "No such file or directory")
    assert not watch.is_working()
    (tmp_path / "inbox").mkdir()
    watch.restart()
    assert (watch.mode, watch.problem, watch.is_working()) == (WatchMode.EVENTS, "", True)


def test_reports_why_inotify_is_unavailable(watch: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(watching, "Observer", none_left)
    watch.start()
    assert (watch.mode, watch.problem) == (WatchMode.POLLING, "Too many open files")


def test_counts_and_hints_at_queue_overflows(watch: Watcher, hints: Hints) -> None:
    watch.start()
    log = logging.getLogger("watchdog.observers.inotify_c")
    log.warning("something else")
    assert (watch.overflows, hints.count) == (0, 0)
    log.warning("Inotify queue overflow")
    assert (watch.overflows, hints.count) == (1, 1)
    watch.stop()
    log.warning("Inotify queue overflow")
    assert watch.overflows == 1


MOUNTS = r"""
22 28 0:21 / /proc rw shared:1 - proc proc rw
28 1 8:1 / / rw shared:2 - ext4 /dev/sda1 rw
40 28 0:50 / /srv/nfs rw - nfs4 server:/export rw
41 40 0:51 / /srv/nfs/local rw - tmpfs tmpfs rw
42 28 0:52 / /mnt/with\040blank rw - cifs //server/share rw
45 28 0:54 / /mnt/Zeichnungen\040für\134Anna rw - nfs4 server:/export rw
43 28 0:53 / /srv/fuse rw - fuse.sshfs host: rw
a line that means nothing
44 28 - short
"""


@pytest.mark.parametrize(
    ("path", "is_network"),
    [
        ("/home/inbox", False),
        ("/srv/nfs", True),
        ("/srv/nfs/deep/inbox", True),
        ("/srv/nfs/local/inbox", False),
        ("/srv/nfsx", False),
        ("/mnt/with blank/inbox", True),
        ("/mnt/Zeichnungen für\\Anna/inbox", True),
        ("/srv/fuse/inbox", True),
    ],
)
def test_innermost_mount_decides_whether_folder_is_on_network(path: str, *, is_network: bool) -> None:
    assert is_on_network(Path(path), MOUNTS) == is_network


def test_link_to_a_folder_on_a_network_is_on_the_network(tmp_path: Path) -> None:
    (tmp_path / "share" / "inbox").mkdir(parents=True)
    (tmp_path / "root").symlink_to(tmp_path / "share")
    mounts = f"{MOUNTS}50 28 0:60 / {tmp_path}/share rw - nfs4 server:/export rw\n"
    assert is_on_network(tmp_path / "root" / "inbox", mounts)
    assert not is_on_network(tmp_path, mounts)


def test_unknown_mounts_count_as_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_on_network(tmp_path)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EACCES, "no /proc")))
    assert not is_on_network(tmp_path)

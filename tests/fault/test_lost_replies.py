"""Rows 10, 11 and 16 of etc/doc/faults.md: each call that changes the disk fails, succeeds but reports failure, or is the first without
free space."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from failing_calls import FailingCalls
from fault.stub_daemon import fake_result
from outage import blind_lstat
from spool_oracle import Places, check_published, check_tidy
from stepped_daemon import SteppedDaemon

from daemon.worker.task import Task, TaskResult

AGAIN = {"rename": errno.ENOENT, "link": errno.EEXIST, "unlink": errno.ENOENT, "rmdir": errno.ENOENT, "mkdir": errno.EEXIST}
"""The error of a call that is sent again because its reply was lost."""

SIDECAR = b'{"motion": "dab"}'
CONTENTS = [b"a drawing", b"refuse this"]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> FailingCalls:
    return FailingCalls(monkeypatch)


def drop_file(root: Path, content: bytes) -> None:
    (root / "inbox" / "dab").mkdir(parents=True)
    (root / "inbox" / "dab" / "garlic.json").write_bytes(SIDECAR)
    (root / "inbox" / "dab" / "garlic.jpg").write_bytes(content)


def check_ending(root: Path, content: bytes) -> None:
    check_tidy(root)
    if content.startswith(b"refuse"):
        names = ["garlic.jpg", "garlic.jpg.error.json", "garlic.jpg.options.json"]
        assert sorted(path.name for path in (root / "failed").iterdir()) == names
        assert (root / "failed" / "garlic.jpg").read_bytes() == content
    else:
        assert not list((root / "failed").iterdir())
        check_published(root, "garlic.jpg", content)
        assert sorted(path.name for path in (root / "outbox" / "dab").iterdir()) == ["garlic.gif", "garlic.json"]


def run_daemon(root: Path, content: bytes, calls: FailingCalls, *, is_from_start: bool) -> None:
    """Run a daemon from start to end; calls fail as configured, from the beginning or once it has started."""
    drop_file(root, content)
    calls.is_on = is_from_start
    try:
        with SteppedDaemon.opened(root) as daemon:
            calls.is_on = True
            daemon.run(1000.0)
    finally:
        calls.is_on = False


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("code", ["again", errno.EIO, errno.ETIMEDOUT])
def test_lost_reply_of_any_call_changes_nothing(tmp_path: Path, calls: FailingCalls, content: bytes, code: int | str) -> None:
    names: list[str] = []
    calls.restart(lambda name, _: names.append(name))
    run_daemon(tmp_path / "clean", content, calls, is_from_start=code == "again")
    calls.happens = True
    tried = [number for number, name in enumerate(names) if name in AGAIN]
    assert len(tried) > 10
    for failing in tried:
        root = tmp_path / str(failing)
        calls.restart(lambda name, number, failing=failing: (AGAIN[name] if code == "again" else code) if number == failing else None)
        run_daemon(root, content, calls, is_from_start=code == "again")
        with SteppedDaemon.opened(root) as heir:  # it may have failed to clean up at its end
            heir.run(2000.0)
        check_ending(root, content)


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("blind", [1, 2, 3, 4, 6, 8])
def test_lost_reply_of_rename_before_checks_fail_loses_no_drawing(
    tmp_path: Path, calls: FailingCalls, monkeypatch: pytest.MonkeyPatch, content: bytes, blind: int
) -> None:
    """As when a file server is unavailable for a while: the next calls of lstat, which would find the outcome, fail as well."""
    names: list[str] = []
    calls.restart(lambda name, _: names.append(name))
    run_daemon(tmp_path / "clean", content, calls, is_from_start=False)
    calls.happens, left = True, [0]

    def is_unavailable() -> bool:
        if not (calls.is_on and left[0]):
            return False
        left[0] -= 1
        return True

    blind_lstat(monkeypatch, is_unavailable)
    tried = [number for number, name in enumerate(names) if name == "rename"]
    assert len(tried) >= 3
    for failing in tried:

        def failure(_: str, number: int, failing: int = failing) -> int | None:
            if number != failing:
                return None
            left[0] = blind
            return errno.ETIMEDOUT

        root = tmp_path / str(failing)
        calls.restart(failure)
        left[0] = 0
        run_daemon(root, content, calls, is_from_start=False)
        with SteppedDaemon.opened(root) as heir:
            heir.run(2000.0)
        check_ending(root, content)


def test_file_claimed_by_rival_after_probe_is_left(tmp_path: Path) -> None:
    drop_file(tmp_path, b"a drawing")
    with SteppedDaemon.opened(tmp_path) as daemon:
        daemon.step(1000.0)
        claim = daemon.spool.claim

        def late(*arguments: object, **more: object) -> object:
            os.rename(tmp_path / "inbox" / "dab" / "garlic.jpg", tmp_path / "taken")  # noqa: PTH104 - the daemon's own calls are replaced
            return claim(*arguments, **more)  # type: ignore[arg-type]

        daemon.spool.claim = late  # type: ignore[assignment, method-assign]
        daemon.run(1001.0, until_s=1010.0)
        assert not daemon.logged("job.claimed")
        assert not daemon.scheduler.waiting
    assert not list((tmp_path / "spool" / "work").iterdir())


@pytest.mark.parametrize("content", CONTENTS)
def test_disk_full_from_any_call_on_only_delays(tmp_path: Path, calls: FailingCalls, content: bytes) -> None:
    def work(task: Task) -> TaskResult:
        if calls.failure("write", calls.count) is not None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return fake_result(task)

    full_from = 10**9

    def full(name: str, number: int) -> int | None:
        return errno.ENOSPC if number >= full_from and name not in {"unlink", "rmdir"} else None

    calls.restart(full)
    run_daemon(tmp_path / "clean", content, calls, is_from_start=False)
    most = calls.count
    assert most > 20
    for number in range(most):
        root = tmp_path / str(number)
        drop_file(root, content)
        full_from = 10**9
        with SteppedDaemon.opened(root, work=work) as daemon:
            full_from = number
            calls.restart(full)
            calls.is_on = True
            daemon.run(1000.0, until_s=1010.0)
            calls.is_on = False
            if not content.startswith(b"refuse"):
                assert not list((root / "failed").iterdir())
            for manifest in Places(root).manifests():
                assert manifest.with_suffix(".gif").read_bytes() == content
            full_from = 10**9
            daemon.run(1100.0)
            ends = [record["attempt"] for record in [*daemon.logged("job.done"), *daemon.logged("job.failed")]]
            assert ends == [1], f"full from call {number} on: {ends}"
        with SteppedDaemon.opened(root) as heir:
            heir.run(2000.0)
        check_ending(root, content)


@pytest.mark.parametrize("content", CONTENTS)
def test_disk_full_during_takeover_only_delays(tmp_path: Path, calls: FailingCalls, content: bytes) -> None:
    full_from = 0

    def full(name: str, number: int) -> int | None:
        return errno.ENOSPC if number >= full_from and name not in {"unlink", "rmdir"} else None

    for number in range(0, 40, 5):
        for second in range(0, 24, 5):
            root = tmp_path / f"{number}-{second}"
            drop_file(root, content)
            calls.is_on = False
            with SteppedDaemon.opened(root) as daemon:
                full_from, calls.is_on = number, True
                calls.restart(full)
                daemon.run(1000.0, until_s=1005.0)
            calls.is_on = False
            with SteppedDaemon.opened(root) as daemon:
                full_from, calls.is_on = second, True
                calls.restart(full)
                daemon.run(2000.0, until_s=2010.0)
                calls.is_on = False
                daemon.run(2100.0)
            with SteppedDaemon.opened(root) as heir:
                heir.run(3000.0)
            check_ending(root, content)

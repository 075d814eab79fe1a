"""The daemon under faults: crashing workers, signals, other daemons, outages, strange files.

The daemon is real, its workers are fakes (stub_daemon.py).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import waiting
from spool_oracle import ROOT, STUB, Places, check_published, check_tidy

from daemon.spool.spool import Spool

PATIENCE_S = 40.0
ENVIRON = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "DOODLED_INBOX_DEBOUNCE_S": "0.02",
    "DOODLED_JOBS_RETRY_FIRST_S": "0.02",
    "DOODLED_TORCHSERVE_PROBE_FIRST_S": "0.1",
    "DOODLED_TORCHSERVE_PROBE_MAX_S": "0.2",
}


def command(root: Path, *arguments: object) -> list[str]:
    return [sys.executable, str(STUB), str(root), *map(str, arguments)]


def run_until_done(root: Path, *arguments: object, environ: Mapping[str, str] = ENVIRON) -> list[dict[str, Any]]:
    """Run a daemon until its work is done; returns its records."""
    done = subprocess.run(command(root, "--drain", *arguments), env=environ, capture_output=True, timeout=90, check=False)
    assert done.stderr == b""
    return [{**json.loads(line), "status": done.returncode} for line in done.stdout.splitlines()]


def events(records: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [record for record in records if record["event"] == event]


@contextmanager
def running_daemon(root: Path, *arguments: object, environ: Mapping[str, str] = ENVIRON) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon that is ready; killed at the end if it still runs."""
    log = root.parent / f"{root.name}.{time.monotonic_ns()}.log"
    with log.open("wb") as file, subprocess.Popen(command(root, *arguments), env=environ, stdout=file) as daemon:
        until(lambda: b"daemon.ready" in log.read_bytes())
        try:
            yield daemon
        finally:
            daemon.kill()


def until(is_so: Callable[[], object]) -> None:
    waiting.until(is_so, PATIENCE_S)


def drop(root: Path, name: str | bytes, content: bytes) -> bytes:
    path = root / "inbox" / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return content


def test_crashing_file_fails_alone(tmp_path: Path) -> None:
    for name in ("segfault", "hang", "hog"):
        drop(tmp_path, f"{name}.png", name.encode())
    others = {f"fine{number}.png": drop(tmp_path, f"fine{number}.png", b"fine %d" % number) for number in range(6)}
    records = run_until_done(tmp_path, "--pool", environ={**ENVIRON, "DOODLED_JOBS_DEADLINE_S": "0.7"})
    for name, content in others.items():
        check_published(tmp_path, name, content)
    expected = {"segfault": "crash", "hang": "deadline", "hog": "oom"}
    reasons = {name: Places(tmp_path).failed(f"{name}.png") for name in expected}
    assert {name: reason and reason["error_type"] for name, reason in reasons.items()} == expected
    assert sorted(record["attempt"] for record in events(records, "job.failed")) == [2, 2, 3]  # beyond its time or memory: twice
    assert "SIGSEGV" in str(reasons["segfault"])
    check_tidy(tmp_path)


def test_bad_file_fails_once_with_hint(tmp_path: Path) -> None:
    content = drop(tmp_path, "dab/refused.png", b"refuse me")
    records = run_until_done(tmp_path)
    reason = Places(tmp_path).failed("refused.png")
    assert reason is not None
    assert (reason["error_type"], reason["attempts"], reason["folder"]) == ("no_figure", 1, ["dab"])
    assert reason["what_to_do"]
    assert (tmp_path / "failed" / "refused.png").read_bytes() == content
    assert len(events(records, "job.failed")) == 1


def test_outage_fails_no_job_and_recovery_is_noticed(tmp_path: Path) -> None:
    contents = [drop(tmp_path, f"drawing{number}.png", b"outage %d" % number) for number in range(20)]
    records = run_until_done(tmp_path)
    assert records[-1]["status"] == 75
    assert not list((tmp_path / "failed").iterdir())
    assert len(events(records, "breaker.opened")) == 1
    (tmp_path / "models-are-back").touch()
    records = run_until_done(tmp_path)
    assert records[-1]["status"] == 0
    for content in contents:
        check_published(tmp_path, "drawing", content)
    assert all(record["attempt"] == 1 for record in events(records, "job.done"))
    check_tidy(tmp_path)


def test_only_probe_runs_during_outage(tmp_path: Path) -> None:
    for number in range(20):
        drop(tmp_path, f"drawing{number}.png", b"outage %d" % number)
    with running_daemon(tmp_path) as daemon:
        until(lambda: "model server" in statuses(tmp_path))
        until(lambda: len(Places(tmp_path).claimed()) <= 4)
        (tmp_path / "models-are-back").touch()
        until(lambda: len(Places(tmp_path).manifests()) == 20)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 0
    check_tidy(tmp_path)


def statuses(root: Path) -> str:
    return "".join(path.read_text() for path in (root / "spool" / "status").glob("*.json"))


def test_stop_finishes_running_jobs_only(tmp_path: Path) -> None:
    for number in range(12):
        drop(tmp_path, f"drawing{number}.png", b"slow %d" % number)
    with running_daemon(tmp_path, 2) as daemon:
        until(lambda: Places(tmp_path).claimed())
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 0
    left = len(list(Places(tmp_path).inbox.iterdir())) + len(Places(tmp_path).claimed())
    assert left + len(Places(tmp_path).manifests()) == 12
    assert left >= 6
    run_until_done(tmp_path, 12)
    assert len(Places(tmp_path).manifests()) == 12
    check_tidy(tmp_path)


def test_second_signal_stops_at_once_and_returns_attempts(tmp_path: Path) -> None:
    content = drop(tmp_path, "stuck.png", b"hang")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(PATIENCE_S)
        with running_daemon(
            tmp_path, "--pool", environ={**ENVIRON, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        ) as daemon:
            until(lambda: b'"is_under_way": true' in b"".join(path.read_bytes() for path in tmp_path.glob("spool/work/*/*/job.json")))
            daemon.send_signal(signal.SIGTERM)
            said = []
            while not said or "STOPPING=1" not in said[-1]:
                said.append(channel.recv(4096).decode())
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(PATIENCE_S) == 0
    assert said[0].startswith("READY=1\nSTATUS=")
    assert "WATCHDOG=1" in said
    job = json.loads(next(tmp_path.glob("spool/work/*/*/job.json")).read_text())
    assert (job["attempts"], job["is_under_way"]) == (0, False)
    assert next(tmp_path.glob("spool/work/*/*/source")).read_bytes() == content


def test_jobs_of_killed_daemon_are_taken_over_and_workers_die(tmp_path: Path) -> None:
    contents = [drop(tmp_path, f"drawing{number}.png", b"slow %d" % number) for number in range(5)]
    with running_daemon(tmp_path, 5) as daemon:
        until(lambda: len(Places(tmp_path).claimed()) == 5)
        daemon.send_signal(signal.SIGKILL)
        daemon.wait(PATIENCE_S)
    records = run_until_done(tmp_path, 5)
    assert len(events(records, "job.recovered")) == 5
    for content in contents:
        check_published(tmp_path, "drawing", content)
    assert {record["attempt"] for record in events(records, "job.done")} == {1}
    check_tidy(tmp_path)


def test_daemons_share_inbox_while_one_is_killed_and_one_stopped(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as killed, running_daemon(tmp_path) as paused, running_daemon(tmp_path) as steady:
        contents = [drop(tmp_path, f"drawing{number}.png", b"drawing %d" % number) for number in range(300)]
        until(lambda: len(Places(tmp_path).manifests()) > 20)
        killed.kill()
        paused.send_signal(signal.SIGSTOP)
        until(lambda: len(Places(tmp_path).manifests()) > 100)
        paused.send_signal(signal.SIGCONT)
        until(lambda: len(list(Places(tmp_path).inbox.iterdir())) == 0)
        for daemon in (paused, steady):
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(PATIENCE_S) == 0
    run_until_done(tmp_path)
    assert len(Places(tmp_path).manifests()) == 300
    for content in contents:
        check_published(tmp_path, "drawing", content)
    check_tidy(tmp_path)


def test_waits_for_writer_that_pauses(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        path = tmp_path / "inbox" / "slow upload.png"
        with path.open("wb") as file:
            file.write(b"first half, ")
            file.flush()
            os.utime(path, (1, 1))
            until(lambda: '"writer"' in statuses(tmp_path))
            file.write(b"second half")
        until(lambda: Places(tmp_path).manifests())
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 0
    check_published(tmp_path, "slow upload.png", b"first half, second half")


def test_renders_again_after_write_to_claimed_file(tmp_path: Path) -> None:
    drop(tmp_path, "changing.png", b"slow start")
    with running_daemon(tmp_path) as daemon:
        until(lambda: Places(tmp_path).claimed())
        with Places(tmp_path).claimed()[0].open("ab") as file:
            file.write(b", and more")
        until(lambda: Places(tmp_path).manifests())
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 0
    check_published(tmp_path, "changing.png", b"slow start, and more")


@pytest.mark.parametrize(
    "name",
    [
        b"new\nline.png",
        b"\x1b[31mred.png",
        b'quo"te.png',
        b"-rf.png",
        b"x" * 251 + b".png",
        b"\xff\xfe.png",
        "\u202egnp.png".encode(),
        b"nosuffix",
    ],
)
def test_hostile_names_are_animated_and_escaped_in_log(tmp_path: Path, name: bytes) -> None:
    content = drop(tmp_path, name, b"anything")
    drop(tmp_path, b"f" + name[1:], b"refuse")
    records = run_until_done(tmp_path)
    check_published(tmp_path, "hostile", content)
    assert [len(events(records, event)) for event in ("job.done", "job.failed")] == [1, 1]
    assert all(path.name.isprintable() for path in (tmp_path / "outbox").iterdir())
    assert all(str(record.get("file_name", "")).isprintable() for record in records)
    check_tidy(tmp_path)


def test_results_never_replace_each_other(tmp_path: Path) -> None:
    contents = []
    for number in range(4):
        contents.append(drop(tmp_path, "same.png", b"number %d" % number))
        contents.append(drop(tmp_path, "dab/same.png", b"number %d of dab" % number))
        run_until_done(tmp_path)
    for content in contents:
        check_published(tmp_path, "same.png", content)
    names = {path.name for path in (tmp_path / "outbox").iterdir()}
    assert names >= {"same.gif", "same-2.gif", "same-3.gif", "same-4.json"}
    assert (tmp_path / "outbox" / "dab" / "same-4.gif").read_bytes() == b"number 3 of dab"
    check_tidy(tmp_path)


def test_irregular_files_stay_and_are_logged_once(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"not yours")
    (inbox / "link.png").symlink_to(secret)
    (inbox / "outside").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(inbox / "pipe.png")
    (inbox / "directory.png").mkdir()
    (inbox / ".hidden.png").write_bytes(b"hidden")
    (inbox / "half.png.part").write_bytes(b"half")
    records = run_until_done(tmp_path)
    assert {record["file_name"] for record in events(records, "file.rejected")} == {"link.png", "outside", "pipe.png"}
    assert not Places(tmp_path).manifests()
    assert secret.read_bytes() == b"not yours"
    assert len(list(inbox.iterdir())) == 6


def test_linked_outbox_folder_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox" / "dab").symlink_to(elsewhere, target_is_directory=True)
    drop(tmp_path, "dab/drawing.png", b"drawing")
    run_until_done(tmp_path)
    assert not list(elsewhere.iterdir())
    reason = Places(tmp_path).failed("drawing.png")
    assert reason is not None
    assert reason["error_type"] == "output"


def test_damaged_job_file_loses_only_the_name(tmp_path: Path) -> None:
    with Spool.open(tmp_path) as spool:
        for number, damage in enumerate((b"", b"{", b'{"schema": 0}', b"\xff")):
            drop(tmp_path, f"drawing{number}.png", b"drawing %d" % number)
            job = spool.claim(f"drawing{number}.png", (), is_folder=False, sidecar=None, now_s=1e9)
            assert job is not None
            (spool.path(job) / "job.json").write_bytes(damage)
    fine = drop(tmp_path, "fine.png", b"fine")
    records = run_until_done(tmp_path)
    check_published(tmp_path, "fine.png", fine)
    assert [record["from_state"] for record in events(records, "job.recovered")] == ["damaged"] * 4
    for number in range(4):
        check_published(tmp_path, "rebuilt from its source", b"drawing %d" % number)
    assert len(list(tmp_path.glob("spool/done/*/job.json.damaged"))) == 4
    check_tidy(tmp_path)


def test_jobs_of_later_version_wait_for_it(tmp_path: Path) -> None:
    content = drop(tmp_path, "drawing.png", b"drawing")
    with Spool.open(tmp_path) as spool:
        job = spool.claim("drawing.png", (), is_folder=False, sidecar=None, now_s=1e9)
        assert job is not None
        fields = json.loads((spool.path(job) / "job.json").read_text())
        (spool.path(job) / "job.json").write_text(json.dumps({**fields, "schema": 99, "mood": "fine"}))
    for _ in range(2):
        assert [record["from_state"] for record in events(run_until_done(tmp_path), "job.recovered")] == ["newer"]
    kept = Places(tmp_path).claimed()
    assert [path.read_bytes() for path in kept] == [content]
    assert json.loads(kept[0].with_name("job.json").read_text())["mood"] == "fine"


def test_works_while_log_is_not_read(tmp_path: Path) -> None:
    content = drop(tmp_path, "drawing.png", b"drawing")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command(tmp_path, "--drain"), env=ENVIRON, stdout=write, timeout=60, check=False)
    os.close(write)
    assert done.returncode == 0
    check_published(tmp_path, "drawing.png", content)


def test_inbox_may_disappear_and_return(tmp_path: Path) -> None:
    with running_daemon(tmp_path, environ={**ENVIRON, "DOODLED_INBOX_RESCAN_S": "0.2"}) as daemon:
        (tmp_path / "inbox").rmdir()
        until(lambda: "inbox can't be read" in statuses(tmp_path))
        content = drop(tmp_path, "drawing.png", b"drawing")
        until(lambda: Places(tmp_path).manifests())
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 0
    check_published(tmp_path, "drawing.png", content)


def test_sighup_reloads_settings_and_rejects_invalid_ones(tmp_path: Path) -> None:
    config = tmp_path / "doodled.toml"
    config.write_text('[animation]\nmotions = ["dab"]\n')
    root = tmp_path / "root"
    with running_daemon(root, environ={**ENVIRON, "DOODLED_CONFIG": str(config)}) as daemon:
        log = next(tmp_path.glob("root.*.log"))
        config.write_text("[animation]\nmotion = 3\n")
        daemon.send_signal(signal.SIGHUP)
        until(lambda: b"config.rejected" in log.read_bytes())
        assert b"[animation] motion is unknown" in log.read_bytes()
        config.write_text('[animation]\nmotions = ["wave"]\n')
        daemon.send_signal(signal.SIGHUP)
        until(lambda: b"config.reloaded" in log.read_bytes())
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 0


def test_full_disk_only_delays(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("mounts are forbidden here")
    script = [sys.executable, str(STUB.with_name("full_disk.py")), str(tmp_path)]
    environ = {**ENVIRON, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    done = subprocess.run(["unshare", "-m", *script], env=environ, capture_output=True, text=True, timeout=90, check=False)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("mounts are forbidden here")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "disk_full" in done.stdout

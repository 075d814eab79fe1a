"""Rows 28 and 33 to 39 of etc/doc/faults.md: inotify is exhausted, the log's disk is full, systemd is missing, versions change."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fault.test_daemon import ENVIRON, PATIENCE_S, command, drop, events, run_until_done, running_daemon, until
from spool_oracle import ROOT, Places, check_published, check_tidy

from daemon.log.processors import MAX_RECORD_BYTES
from daemon.spool.spool import Spool

QUICK = {**ENVIRON, "DOODLED_INBOX_RESCAN_S": "0.5", "DOODLED_INBOX_POLL_S": "0.2"}
MAX_RECORDS = 12


def records(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_bytes().splitlines() if line.endswith(b"}")]


@contextmanager
def limited_daemon(root: Path, limit: str, value: int) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A daemon in its own user namespace, where one limit of namespaces(7) is low."""
    log = root.parent / "log"
    if shutil.which("unshare") is None:
        pytest.skip("namespaces are forbidden here: there is no unshare")
    script = f'echo {value} > /proc/sys/user/{limit} && exec "$@"'
    outer = ["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh", *command(root)]
    with log.open("wb") as file, subprocess.Popen(outer, env=QUICK, stdout=file, stderr=subprocess.PIPE) as daemon:
        assert daemon.stderr is not None
        try:
            until(lambda: b"daemon.ready" in log.read_bytes() or daemon.poll() is not None)
            if daemon.returncode is not None:
                said = daemon.stderr.read().decode()
                if "unshare" in said or "sh:" in said:
                    pytest.skip(f"namespaces are forbidden here: {said}")
                raise AssertionError(said)
            yield daemon, log
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(PATIENCE_S) == 0
            assert daemon.stderr.read() == b""
        finally:
            daemon.kill()


def test_polls_and_logs_once_without_inotify(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with limited_daemon(root, "max_inotify_instances", 0) as (_, log):
        content = drop(root, "drawing.png", b"drawing")
        until(lambda: Places(root).manifests())
        until(lambda: events(records(log), "watch.restarted"))
        found = records(log)
    assert [record["watch_mode"] for record in events(found, "daemon.ready")] == ["polling"]
    (warning,) = events(found, "watch.restarted")
    assert (warning["level"], warning["watch_mode"]) == ("warning", "polling")
    assert warning["reason"]
    check_published(root, "drawing.png", content)


def test_finds_files_after_watches_run_out(tmp_path: Path) -> None:
    """Each folder of the inbox needs an inotify watch."""
    root = tmp_path / "root"
    with limited_daemon(root, "max_inotify_watches", 3):
        for number in range(8):
            (root / "inbox" / f"folder{number}").mkdir()
        contents = [drop(root, f"folder{number}/drawing.png", b"drawing %d" % number) for number in range(8)]
        until(lambda: len(Places(root).manifests()) == 8)
    for content in contents:
        check_published(root, "drawing.png", content)
    check_tidy(root)


# --- the log ---------------------------------------------------------------------------------------------------------


def test_log_on_full_disk_stops_no_job(tmp_path: Path) -> None:
    content = drop(tmp_path, "drawing.png", b"drawing")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command(tmp_path, "--drain"), env=ENVIRON, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    check_published(tmp_path, "drawing.png", content)
    check_tidy(tmp_path)


def test_huge_error_is_shortened(tmp_path: Path) -> None:
    drop(tmp_path, "babble.png", b"babble")
    done = subprocess.run(command(tmp_path, "--pool", "--drain"), env=ENVIRON, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert max(len(line) for line in done.stdout.splitlines()) <= MAX_RECORD_BYTES
    (failed,) = events([json.loads(line) for line in done.stdout.splitlines()], "job.failed")
    assert failed["error_message"].isprintable()
    assert (tmp_path / "failed" / "babble.png.error.json").stat().st_size < 10_000


def test_every_job_writes_few_records(tmp_path: Path) -> None:
    for content in (b"fine", b"refuse", b"break", b"segfault"):
        drop(tmp_path, f"dab/{content.decode()}.png", content)
        drop(tmp_path, f"{content.decode()} again.png", content)
    found = run_until_done(tmp_path, "--pool")
    per_job = Counter(record["job_id"] for record in found if "job_id" in record)
    assert len(per_job) == 8
    assert max(per_job.values()) <= MAX_RECORDS
    assert len(found) <= MAX_RECORDS * 8


# --- no systemd ------------------------------------------------------------------------------------------------------


def test_runs_as_process_1_without_environment(tmp_path: Path) -> None:
    """No NOTIFY_SOCKET, no journal, no HOME, no PATH. The kernel delivers only handled signals to process 1."""
    root = tmp_path / "root"
    log = tmp_path / "log"
    bare = {"PYTHONPATH": str(ROOT), "DOODLED_INBOX_DEBOUNCE_S": "0.02"}
    outer = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", *command(root, "--pool")]
    if shutil.which("unshare") is None:
        pytest.skip("namespaces are forbidden here: there is no unshare")
    outer[0] = str(shutil.which("unshare"))
    with log.open("wb") as file, subprocess.Popen(outer, env=bare, stdout=file, stderr=subprocess.PIPE, cwd="/") as daemon:
        assert daemon.stderr is not None
        try:
            until(lambda: b"daemon.ready" in log.read_bytes() or daemon.poll() is not None)
            if daemon.returncode is not None:
                pytest.skip(f"namespaces are forbidden here: {daemon.stderr.read().decode()}")
            contents = [drop(root, f"{name}.png", name.encode()) for name in ("fine", "segfault")]
            until(lambda: len(events(records(log), "job.failed")) == 1 and Places(root).manifests())
            child = int(Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text())
            os.kill(child, signal.SIGTERM)
            assert daemon.wait(PATIENCE_S) == 0
            assert daemon.stderr.read() == b""
        finally:
            daemon.kill()
    found = records(log)
    assert found[0]["pid"] == 1
    assert (found[-1]["event"], found[-1]["reason"]) == ("daemon.stop", "signal")
    check_published(root, "fine.png", contents[0])
    check_tidy(root)


# --- changes at run time ---------------------------------------------------------------------------------------------


def test_reload_does_not_disturb_running_jobs(tmp_path: Path) -> None:
    config, root = tmp_path / "doodled.toml", tmp_path / "root"
    config.write_text("[storage]\nretention_h = 1\n")
    with running_daemon(root, 2, environ={**ENVIRON, "DOODLED_CONFIG": str(config)}) as daemon:
        log = next(tmp_path.glob("root.*.log"))
        contents = [drop(root, f"drawing{number}.png", b"slow %d" % number) for number in range(4)]
        for text, event in (("[storage]\nretention = 2\n", b"config.rejected"), ("[storage]\nretention_h = 2\n", b"config.reloaded")):
            until(lambda: Places(root).claimed())
            config.write_text(text)
            daemon.send_signal(signal.SIGHUP)
            until(lambda event=event: event in log.read_bytes())
        until(lambda: len(Places(root).manifests()) == 4)
        found = records(log)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 0
    assert {record["attempt"] for record in events(found, "job.done")} == {1}
    assert not events(found, "job.retried")
    for content in contents:
        check_published(root, "drawing.png", content)


def test_backlog_survives_upgrade_and_downgrade(tmp_path: Path) -> None:
    """This version leaves jobs of a later version alone, and the later version finishes them."""
    with Spool.open(tmp_path) as spool:
        for number in range(2):
            drop(tmp_path, f"drawing{number}.png", b"drawing %d" % number)
        for number, schema in enumerate((1, 2)):
            job = spool.claim(f"drawing{number}.png", (), is_folder=False, sidecar=None, now_s=1e9 + number)
            assert job is not None
            fields = json.loads((spool.path(job) / "job.json").read_text())
            (spool.path(job) / "job.json").write_text(json.dumps({**fields, "schema": schema}))
    found = run_until_done(tmp_path)
    assert [record["from_state"] == "newer" for record in events(found, "job.recovered")].count(True) == 1
    check_published(tmp_path, "drawing0.png", b"drawing 0")
    (kept,) = Places(tmp_path).claimed()
    fields = json.loads(kept.with_name("job.json").read_text())
    kept.with_name("job.json").write_text(json.dumps({**fields, "schema": 1}))
    run_until_done(tmp_path)
    check_published(tmp_path, "drawing1.png", b"drawing 1")
    check_tidy(tmp_path)


@pytest.mark.parametrize("what", ["source", "."])
def test_removed_source_is_logged_and_stops_no_other_job(tmp_path: Path, what: str) -> None:
    drop(tmp_path, "removed.png", b"break")
    with running_daemon(tmp_path, environ={**ENVIRON, "DOODLED_JOBS_RETRY_FIRST_S": "0.3"}) as daemon:
        log = next(tmp_path.parent.glob(f"{tmp_path.name}.*.log"))
        until(lambda: events(records(log), "job.retried"))
        (place,) = [source.parent / what for source in Places(tmp_path).claimed()]
        if what == "source":
            place.unlink()
        else:
            shutil.rmtree(place)
        until(lambda: events(records(log), "job.lost"))
        content = drop(tmp_path, "fine.png", b"fine")
        until(lambda: Places(tmp_path).manifests())
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 0
        assert len(events(records(log), "job.lost")) == 1
    check_published(tmp_path, "fine.png", content)
    check_tidy(tmp_path)

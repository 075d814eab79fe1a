"""The composed daemon in this process, with fake workers: start, main loop, signals, reload, shutdown."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fault.stub_daemon import FakeWorkers
from spool_oracle import Places, check_published, check_tidy

from daemon.inbox import scanner
from daemon.log.factory import json_log
from daemon.service import main
from daemon.service.main import EXIT_REJECTED, EXIT_TRANSIENT, Wakeup, run
from daemon.service.scan_loop import ScanLoop
from daemon.worker.task import Task, TaskResult

PATIENCE_S = 60.0
QUICK = {
    "DOODLED_LOG_FORMAT": "json",
    "DOODLED_STORAGE_RESERVE_MB": "0",
    "DOODLED_INBOX_DEBOUNCE_S": "0.01",
    "DOODLED_INBOX_DRAIN_PATIENCE_S": "0.2",
    "DOODLED_JOBS_RETRY_FIRST_S": "0.01",
}


def drop(root: Path, name: str, content: bytes = b"a drawing") -> Path:
    path = root / "inbox" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


class Run:
    """A run of the daemon in this process, and its log records."""

    def __init__(self, root: Path, capfd: pytest.CaptureFixture[str], **environ: str) -> None:
        self._environ = {**QUICK, "DOODLED_ROOT": str(root), **environ}
        self._capfd = capfd
        self.records: list[dict[str, Any]] = []
        self.status = -1

    def run(self, *, drain: bool = True, make_workers: main.WorkerFactory = FakeWorkers.factory(2), config: Path | None = None) -> Run:  # noqa: B008 - a constant
        try:
            self.status = run(config, self._environ, drain=drain, make_workers=make_workers)
        finally:
            self.records += [json.loads(line) for line in self._capfd.readouterr().out.splitlines()]
        return self

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["event"] == event]


class Busy(FakeWorkers):
    """Workers that never finish, and call a function when they get their first task."""

    def __init__(self, then: Callable[[], None], wake: Callable[[], None]) -> None:
        super().__init__(2, wake)
        self._then = then
        self.future: Future[TaskResult] = Future()
        self.is_closed = False

    def start(self, task: Task, deadline_s: float) -> Future[TaskResult]:
        del task, deadline_s
        self.future.set_running_or_notify_cancel()
        self._then()
        self._wake()
        return self.future

    def close(self) -> None:
        self.is_closed = True


def signalled(*numbers: signal.Signals) -> Callable[[], None]:
    def send() -> None:
        for number in numbers:
            os.kill(os.getpid(), number)

    return send


@pytest.mark.parametrize("drain", [False, True])
def test_terminal_shows_where_to_drop_images(drain: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    drop(tmp_path, "garlic.png")
    stop = partial(Busy, signalled(signal.SIGTERM, signal.SIGTERM))
    environ = {**QUICK, "DOODLED_ROOT": str(tmp_path), "DOODLED_LOG_FORMAT": "pretty"}
    assert run(None, environ, drain=drain, make_workers=FakeWorkers.factory(1) if drain else stop) == 0
    hint = f"drop images into {tmp_path / 'inbox'}; their animations appear in {tmp_path / 'outbox'}\n"
    assert (hint in capfd.readouterr().out) is not drain


def test_runs_from_start_to_stop(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = b"a drawing"
    drop(tmp_path, "garlic.png", content)
    finished = Run(tmp_path, capfd).run()
    assert finished.status == 0
    assert [finished.records[0]["event"], finished.records[-1]["event"]] == ["daemon.start", "daemon.stop"]
    assert finished.logged("daemon.start")[0]["drain"] is True
    assert finished.logged("daemon.start")[0]["config"] == "defaults"
    assert len(finished.logged("daemon.ready")) == 1
    stop = finished.logged("daemon.stop")[0]
    assert (stop["reason"], stop["done"], stop["failed"], stop["left"], stop["in_flight"]) == ("drained", 1, 0, 0, 0)
    check_published(tmp_path, "garlic.png", content)
    check_tidy(tmp_path)
    assert not list((tmp_path / "spool" / "status").iterdir())


def test_drain_exits_transient_during_outage(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    drop(tmp_path, "garlic.png", b"outage")
    finished = Run(tmp_path, capfd).run()
    assert finished.status == EXIT_TRANSIENT
    assert finished.logged("daemon.stop")[0]["reason"] == "waiting"
    assert len(Places(tmp_path).claimed()) == 1


def test_drain_ends_despite_unfinished_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    drop(tmp_path, "empty.png", b"")
    (tmp_path / "inbox" / "link.png").symlink_to("/etc/passwd")
    finished = Run(tmp_path, capfd).run()
    assert (finished.status, finished.logged("daemon.stop")[0]["reason"]) == (EXIT_TRANSIENT, "unfinished files")


def test_drain_of_an_unreadable_inbox_exits_transient(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path, "a.png")

    def refuse(path: Path, parts: tuple[str, ...] = (), **_: object) -> None:
        raise PermissionError(errno.EACCES, "permission denied", str(path.joinpath(*parts)))

    monkeypatch.setattr(scanner, "open_folder", refuse)
    finished = Run(tmp_path, capfd).run()
    assert finished.status == EXIT_TRANSIENT
    assert finished.logged("daemon.stop")[0]["reason"] == "waiting"
    assert finished.logged("inbox.degraded")


def test_drain_exit_status_says_that_files_are_left(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    drop(tmp_path, "garlic.png")
    drop(tmp_path, "onion.json", b"{}")
    finished = Run(tmp_path, capfd).run()
    stop = finished.logged("daemon.stop")[0]
    assert (finished.status, stop["reason"], stop["done"]) == (EXIT_REJECTED, "rejected files", 1)


def test_second_signal_stops_without_waiting(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    drop(tmp_path, "garlic.png")
    made: list[Busy] = []

    def make(wake: Callable[[], None]) -> Busy:
        made.append(Busy(signalled(signal.SIGTERM, signal.SIGINT), wake))
        return made[0]

    before = signal.getsignal(signal.SIGTERM)
    finished = Run(tmp_path, capfd).run(drain=False, make_workers=make)
    assert signal.getsignal(signal.SIGTERM) is before
    stop = finished.logged("daemon.stop")[0]
    assert (finished.status, stop["reason"], stop["in_flight"]) == (0, "signal", 1)
    assert stop["in_flight_jobs"] == [finished.logged("job.claimed")[0]["job_id"]]
    assert made[0].is_closed
    (source,) = Places(tmp_path).claimed()
    job = json.loads(source.with_name("job.json").read_text())
    assert (job["attempts"], job["is_under_way"]) == (0, False)


def test_stop_waits_for_running_jobs_up_to_timeout(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    drop(tmp_path, "garlic.png")
    finished = Run(tmp_path, capfd, DOODLED_JOBS_STOP_TIMEOUT_S="0.3")
    finished.run(drain=False, make_workers=lambda wake: Busy(signalled(signal.SIGTERM), wake))
    assert finished.logged("daemon.stop")[0]["in_flight"] == 1


def test_job_finished_within_stop_timeout_is_published(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    drop(tmp_path, "garlic.png", b"slow")

    class Stopping(FakeWorkers):
        def start(self, task: Task, deadline_s: float) -> Future[TaskResult]:
            signalled(signal.SIGTERM)()
            return super().start(task, deadline_s)

    finished = Run(tmp_path, capfd).run(drain=False, make_workers=lambda wake: Stopping(1, wake))
    assert (finished.logged("daemon.stop")[0]["done"], finished.logged("daemon.stop")[0]["in_flight"]) == (1, 0)
    check_published(tmp_path, "garlic.png", b"slow")


def test_error_in_loop_is_logged_and_raised(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("unexpected error")

    monkeypatch.setattr(ScanLoop, "step", breaks)
    finished = Run(tmp_path, capfd)
    with pytest.raises(RuntimeError, match="unexpected"):
        finished.run()
    assert finished.logged("daemon.stop")[0]["reason"] == "error"


# --- settings --------------------------------------------------------------------------------------------------------


def test_reload_applies_valid_settings_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "doodled.toml"
    config.write_text("[storage]\nretention_h = 1\n")
    texts = ["[storage]\nretention = 2\n", "[storage]\nretention_h = 2\n[jobs]\nworkers = 3\n"]

    class Reloading(FakeWorkers):
        """Rewrites the settings and drops one more file for each text, then stops the daemon."""

        def start(self, task: Task, deadline_s: float) -> Future[TaskResult]:
            if texts:
                config.write_text(texts.pop(0))
                signalled(signal.SIGHUP)()
            else:
                signalled(signal.SIGTERM)()
            drop(tmp_path, f"{len(texts)}-{task.name}")
            return super().start(task, deadline_s)

    drop(tmp_path, "a.png")
    finished = Run(tmp_path, capfd).run(drain=False, config=config, make_workers=lambda wake: Reloading(1, wake))
    (rejected,) = finished.logged("config.rejected")
    assert rejected["path"] == str(config)
    assert "retention" in rejected["problems"][0]
    (reloaded,) = finished.logged("config.reloaded")
    assert reloaded["after_restart"] == ["jobs.workers"]
    assert reloaded["config_digest"] != finished.logged("daemon.start")[0]["config_digest"]
    assert finished.logged("daemon.start")[0]["config"] == str(config)


def test_second_reload_still_names_what_waits_for_a_restart(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "doodled.toml"
    config.write_text("[jobs]\nworkers = 2\n")
    texts = ["[jobs]\nworkers = 3\n[log]\nformat = 'ecs'\n", "[jobs]\nworkers = 3\nstop_timeout_s = 0.1\n", "[jobs]\nworkers = 2\n"]

    class Reloading(FakeWorkers):
        def start(self, task: Task, deadline_s: float) -> Future[TaskResult]:
            if texts:
                config.write_text(texts.pop(0))
                signalled(signal.SIGHUP)()
                drop(tmp_path, f"{len(texts)}.png", b"%d" % len(texts))
            else:
                signalled(signal.SIGTERM)()
            return super().start(task, deadline_s)

    drop(tmp_path, "a.png")
    running = Run(tmp_path, capfd, DOODLED_LOG_FORMAT="")
    del running._environ["DOODLED_LOG_FORMAT"]
    finished = running.run(drain=False, config=config, make_workers=lambda wake: Reloading(1, wake))
    reloads = [record.get("after_restart") for record in finished.logged("config.reloaded")]
    assert reloads == [["jobs.workers", "log.format"], ["jobs.workers"], None]


def test_metrics_start_and_stop_with_daemon(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    drop(tmp_path, "garlic.png")
    (tmp_path / "metrics").mkdir()
    before = {thread.name for thread in threading.enumerate()}
    wanted = {"DOODLED_METRICS_TEXTFILE": str(tmp_path / "metrics" / "doodled.prom")}
    finished = Run(tmp_path, capfd, **wanted).run()
    assert finished.status == 0
    assert "doodled_" in (tmp_path / "metrics" / "doodled.prom").read_text()
    assert not {thread.name for thread in threading.enumerate()} - before


def test_default_pool_follows_settings() -> None:
    settings = main.Settings.model_validate({"jobs": {"workers": 3}})
    pool = main._workers(settings, json_log(lambda _: None, instance="x"))(lambda: None)
    assert pool.count == 3
    pool.close()


# --- the wakeup ------------------------------------------------------------------------------------------------------


def test_many_wakes_wake_once() -> None:
    wakeup = Wakeup()
    assert not wakeup.wait(0.0)
    for _ in range(70_000):  # more than fit into a pipe
        wakeup.wake()
    assert wakeup.wait(PATIENCE_S)
    while wakeup.wait(0.0):
        pass
    wakeup.wake()
    assert wakeup.wait(-1.0)
    wakeup.close()
    wakeup.wake()  # no reader is left

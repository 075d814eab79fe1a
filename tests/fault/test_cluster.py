"""Jobs on a Dask cluster under faults: crashing drawings, lost workers, a lost scheduler, other installations, TLS.

Scheduler, workers and daemons are real processes on the loopback interface; only the work is fake (stub_worker.py).
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import waiting
from dask_cluster import PATIENCE_S, Cluster, make_certificates
from spool_oracle import Places, check_published, check_tidy

pytest.importorskip("distributed", reason="the extra doodled[dask] is not installed")

LEAVE_S = 25.0
"""What systemd adds to `jobs.stop_timeout_s` before it kills a worker, less some for a busy machine."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster.opened(tmp_path / "cluster") as opened:
        yield opened


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder for temporary files: pytest's are too deep for the sockets in it."""
    with tempfile.TemporaryDirectory(prefix="doodled-") as folder:
        yield Path(folder)


def drop(root: Path, name: str, content: bytes) -> bytes:
    path = root / "inbox" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return content


def until(is_so: object) -> None:
    waiting.until(is_so, PATIENCE_S)  # type: ignore[arg-type]


def test_bad_drawings_fail_alone_and_the_log_names_the_host(cluster: Cluster, tmp_path: Path) -> None:
    root = tmp_path / "root"
    contents = {f"fine{number}.png": drop(root, f"fine{number}.png", b"fine %d" % number) for number in range(8)}
    contents["talks.png"] = drop(root, "talks.png", b"print this")
    for name in ("segfault", "hang", "refuse", "doubt"):
        drop(root, f"{name}.png", name.encode())
    drop(root, "doubt.json", b'{"review": true}')
    (root / "inbox" / "whole").mkdir()
    drop(root, "whole/char_cfg.yaml", b"width: 9")
    cluster.environ |= {"DOODLED_JOBS_DEADLINE_S": "3", "DOODLED_JOBS_MAX_ATTEMPTS": "1"}
    cluster.start_scheduler()
    for name in ("left", "right"):
        cluster.start_worker(name)
    until(lambda: all("joined" in cluster.log(name) for name in ("left", "right")))
    assert cluster.start_daemon(root, "--drain").wait(PATIENCE_S) == 0
    for name, content in contents.items():
        check_published(root, name, content)
    check_tidy(root)
    assert (root / "outbox" / "whole.gif").read_bytes() == b"character"
    assert Places(root).reviewed("doubt.png") is not None
    reasons = {name: Places(root).failed(f"{name}.png") for name in ("segfault", "hang", "refuse")}
    kinds = {name: (reason["error_type"], reason["attempts"]) for name, reason in reasons.items() if reason}
    assert kinds == {"segfault": ("crash", 1), "hang": ("deadline", 1), "refuse": ("no_figure", 1)}
    assert {record["host"] for record in cluster.records("job.done")} == {socket.gethostname()}
    (line,) = cluster.records("worker.output")
    assert (line["file_name"], line["text"], line["host"]) == ("talks.png", "these words are for the operator", socket.gethostname())
    assert len(cluster.records("worker.joined")) == 2
    assert not cluster.records("breaker.opened")


def test_lost_scheduler_costs_no_attempt(cluster: Cluster, tmp_path: Path) -> None:
    root = tmp_path / "root"
    contents = {f"slow{number}.png": drop(root, f"slow{number}.png", b"slow %d" % number) for number in range(12)}
    daemon = cluster.start_daemon(root)
    cluster.start_worker("left")
    cluster.wait_for("breaker.opened")
    status = next((root / "spool" / "status").glob("*.json"))
    until(lambda: "can't be reached" in status.read_text())
    assert not Places(root).claimed()
    scheduler = cluster.start_scheduler()
    cluster.wait_for("job.done", 2)
    scheduler.kill()
    scheduler.wait()
    cluster.wait_for("breaker.opened", 2)
    cluster.start_scheduler()
    cluster.wait_for("job.done", len(contents))
    for name, content in contents.items():
        check_published(root, name, content)
    assert {record["attempt"] for record in cluster.records("job.done")} == {1}
    assert {record["reason"] for record in cluster.records("job.deferred")} == {"no_worker"}
    assert {record["breaker"] for record in cluster.records("breaker.closed")} == {"workers"}
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(PATIENCE_S) == 0
    check_tidy(root)


def test_killed_worker_loses_no_drawing_and_stopped_one_hands_over(cluster: Cluster, tmp_path: Path) -> None:
    root = tmp_path / "root"
    contents = {f"slow{number}.png": drop(root, f"slow{number}.png", b"slow %d" % number) for number in range(12)}
    cluster.start_scheduler()
    killed, stopped, _ = (cluster.start_worker(name) for name in ("killed", "stopped", "stays"))
    daemon = cluster.start_daemon(root)
    cluster.wait_for("worker.joined", 3)
    cluster.wait_for("job.done", 2)
    killed.kill()
    cluster.wait_for("job.done", 4)
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(PATIENCE_S) == 0
    cluster.wait_for("job.done", len(contents))
    cluster.wait_for("worker.left", 2)
    for name, content in contents.items():
        check_published(root, name, content)
    assert {record["attempt"] for record in cluster.records("job.done")} == {1}
    assert not cluster.records("job.deferred")
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(PATIENCE_S) == 0


def test_stopped_worker_leaves_in_time_whatever_its_job_does(cluster: Cluster, tmp_path: Path, short_folder: Path) -> None:
    """The job goes to another worker, and no attempt counts."""
    root, temporary = tmp_path / "root", short_folder
    drop(root, "hang.png", b"hang")
    cluster.environ |= {"DOODLED_JOBS_STOP_TIMEOUT_S": "1", "DOODLED_JOBS_DEADLINE_S": "200", "TMPDIR": str(temporary)}
    cluster.start_scheduler()
    stopped = cluster.start_worker("stopped")
    cluster.start_daemon(root)
    until(lambda: list(temporary.glob("doodled-job-*")))
    started_s = time.monotonic()
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(PATIENCE_S) == 0
    assert time.monotonic() - started_s < LEAVE_S
    assert "another worker gets it" in cluster.log("stopped")
    cluster.wait_for("worker.left")
    cluster.start_worker("other")
    until(lambda: list(temporary.glob("doodled-job-*/source")))
    assert not cluster.records("job.failed") + cluster.records("job.retried")
    (claimed,) = Places(root).claimed()
    assert json.loads((claimed.parent / "job.json").read_text())["attempts"] == 1


def test_other_installation_is_refused_in_a_sentence(cluster: Cluster, tmp_path: Path) -> None:
    root = tmp_path / "root"
    content = drop(root, "one.png", b"one")
    cluster.start_scheduler()
    cluster.start_worker("other", "--motions", "0123456789ab")
    cluster.start_daemon(root)
    cluster.wait_for("worker.refused")
    (refused,) = cluster.records("worker.refused")
    assert "it has motions 0123456789ab instead of " in refused["reason"]
    status = next((root / "spool" / "status").glob("*.json"))
    until(lambda: "all workers are refused, such as that on" in status.read_text())
    cluster.start_worker("same")
    cluster.wait_for("job.done")
    check_published(root, "one.png", content)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl, which makes certificates, is missing")
def test_members_with_certificates_meet_and_others_stay_outside(tmp_path: Path) -> None:
    files = make_certificates(tmp_path / "certificates")
    root = tmp_path / "root"
    content = drop(root, "one.png", b"one")
    arguments = ("--tls-ca-file", str(files["ca"]), "--tls-cert", str(files["cert"]), "--tls-key", str(files["key"]))
    with Cluster.opened(tmp_path / "cluster", scheduler_arguments=arguments) as cluster:
        port = cluster.address.rpartition(":")[2]
        cluster.address = f"tls://127.0.0.1:{port}"
        cluster.environ |= {f"DOODLED_DASK_{name.upper()}_FILE": str(files[name]) for name in ("ca", "cert", "key")}
        cluster.start_scheduler()
        cluster.start_worker("member")
        until(lambda: "joined" in cluster.log("member"))
        stranger = make_certificates(tmp_path / "others")
        cluster.environ["DOODLED_DASK_CERT_FILE"], cluster.environ["DOODLED_DASK_KEY_FILE"] = str(stranger["cert"]), str(stranger["key"])
        cluster.start_worker("stranger")
        until(lambda: f"can't join the cluster of {cluster.address}" in cluster.log("stranger"))
        cluster.environ |= {"DOODLED_DASK_CERT_FILE": str(files["cert"]), "DOODLED_DASK_KEY_FILE": str(files["key"])}
        assert cluster.start_daemon(root, "--drain").wait(PATIENCE_S) == 0
        check_published(root, "one.png", content)
        assert len(cluster.records("worker.joined")) == 1

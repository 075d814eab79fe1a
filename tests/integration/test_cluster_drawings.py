"""Real drawings on a Dask cluster of one machine: what comes back is what the machine itself makes, byte by byte."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from dask_cluster import PATIENCE_S, Cluster
from spool_oracle import ROOT

pytest.importorskip("distributed", reason="the extra doodled[dask] is not installed")
pytestmark = pytest.mark.gl

PHOTOGRAPH = ROOT / "etc" / "drawings" / "mouse_monster.jpg"
CHARACTER = ROOT / "etc" / "characters" / "stick_king"
TIMES = ("job_id", "finished", "stages_ms")


ADAPTIVE = """
import signal, sys
import dask
from distributed import LocalCluster
if __name__ == "__main__":
    dask.config.set({"distributed.worker.daemon": False})
    preload = {"preload": ["daemon.cluster.preload"], "memory_limit": 0}
    with LocalCluster(n_workers=0, threads_per_worker=1, scheduler_port=int(sys.argv[1]), dashboard_address=None, **preload) as cluster:
        cluster.adapt(minimum=0, maximum=2, interval="500ms", wait_count=4)
        signal.pause()
"""
"""The settings of etc/doc/scaling.md ("Adaptive clusters")."""


def published(root: Path) -> dict[str, Any]:
    """Contents of all published files by path; of manifests, what does not depend on time."""
    found: dict[str, Any] = {}
    for path in (root / "outbox").rglob("*"):
        if path.is_file():
            content: Any = path.read_bytes()
            if path.suffix == ".json":
                content = {key: value for key, value in json.loads(content).items() if key not in TIMES}
            found[str(path.relative_to(root))] = content
    return found


def kept(root: Path) -> dict[str, bytes]:
    """What is kept of the drawings besides their sources: annotations."""
    return {
        str(path.relative_to(place)): path.read_bytes()
        for place in (root / "spool/done").iterdir()
        for path in place.rglob("annotations/*")
    }


def test_cluster_makes_the_same_bytes(tmp_path: Path) -> None:
    roots = {executor: tmp_path / executor for executor in ("dask", "local")}
    with Cluster.opened(tmp_path / "cluster", environ={"DOODLED_ANIMATION_FORMATS": "gif,mp4"}) as cluster:
        cluster.start_scheduler()
        cluster.start_worker("worker", is_fake=False)
        for executor, root in roots.items():
            inbox = root / "inbox"
            (inbox / "dab").mkdir(parents=True)
            shutil.copy(PHOTOGRAPH, inbox / "dab")
            shutil.copytree(CHARACTER, inbox / "king")
            (inbox / "words.png").write_bytes(b"no image")
            if executor == "local":
                cluster.environ["DOODLED_JOBS_WORKERS"] = "1"
            daemon = cluster.start_daemon(root, executor=executor)
            done = 2 * len([each for each in roots if (roots[each] / "inbox").exists()])
            cluster.wait_for("job.done", done)
            cluster.wait_for("job.failed", done // 2)
            daemon.terminate()
            assert daemon.wait(PATIENCE_S) == 0
    assert len(published(roots["local"])) >= 6
    assert published(roots["dask"]) == published(roots["local"])
    assert kept(roots["dask"]) == kept(roots["local"])
    reports = [json.loads((root / "failed" / "words.png.error.json").read_text()) for root in roots.values()]
    assert reports[0]["message"] == reports[1]["message"]


def test_adaptive_cluster_starts_workers_for_drawings_and_ends_them(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "inbox").mkdir(parents=True)
    shutil.copytree(CHARACTER, root / "inbox" / "king")
    with Cluster.opened(tmp_path / "cluster", environ={"DOODLED_JOBS_WORKERS": "2"}) as cluster:
        program = cluster.folder / "adaptive.py"
        program.write_text(ADAPTIVE)
        cluster.start("adaptive", [sys.executable, str(program), cluster.address.rpartition(":")[2]])
        daemon = cluster.start_daemon(root)
        cluster.wait_for("job.done")
        cluster.wait_for("worker.left")
        daemon.terminate()
        assert daemon.wait(PATIENCE_S) == 0
    assert (root / "outbox" / "king.gif").is_file()

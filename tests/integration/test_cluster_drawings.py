"""Real drawings on a Dask cluster of one machine: what comes back is what the machine itself makes, byte by byte."""

from __future__ import annotations

import json
import shutil
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

"""Real drawings on a Dask cluster of one machine: results are those of local workers, byte by byte."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from dask_cluster import PATIENCE_S, Cluster
from published import kept, published
from spool_oracle import ROOT

pytest.importorskip("distributed", reason="the extra doodled[dask] is not installed")
pytestmark = pytest.mark.gl

PHOTOGRAPH = ROOT / "etc" / "drawings" / "mouse_monster.jpg"
CHARACTER = ROOT / "etc" / "characters" / "stick_king"


def adaptive_program(port: str) -> str:
    """The example of etc/doc/scaling.md ("Adaptive clusters"), which waits for a signal in place of Enter."""
    _, _, example = (ROOT / "etc" / "doc" / "scaling.md").read_text(encoding="utf-8").partition("```python\n")
    example, _, _ = example.partition("```")
    changes = {
        "import dask\n": "import signal\n\nimport dask\n",
        "=8786,": f"={port},",
        'input("Enter ends the cluster")': "signal.pause()",
    }
    for old, new in changes.items():
        assert example.count(old) == 1
        example = example.replace(old, new)
    return example


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


@pytest.mark.parametrize("policy", ["link", "skip"])
def test_daemon_finds_duplicates_itself(tmp_path: Path, policy: str) -> None:
    """The worker sees none of the repeated drawings."""
    root, inbox = tmp_path / "root", tmp_path / "root" / "inbox"
    (inbox / "dab").mkdir(parents=True)
    with Cluster.opened(tmp_path / "cluster", environ={"DOODLED_INBOX_DUPLICATES": policy}) as cluster:
        cluster.start_scheduler()
        cluster.start_worker("worker", is_fake=False)
        daemon = cluster.start_daemon(root)
        shutil.copy(PHOTOGRAPH, inbox / "first.jpg")
        shutil.copytree(CHARACTER, inbox / "king")
        cluster.wait_for("job.done", 2)
        shutil.copy(PHOTOGRAPH, inbox / "second.jpg")
        shutil.copytree(CHARACTER, inbox / "queen")
        shutil.copy(PHOTOGRAPH, inbox / "dab" / "other.jpg")  # another motion
        (inbox / "sidecar.json").write_text('{"motions": ["wave"], "format": "gif"}')  # the same in other words
        shutil.copy(PHOTOGRAPH, inbox / "sidecar.jpg")
        (inbox / "wrong.json").write_text('{"motions": ["flight of the bumblebee"]}')
        shutil.copy(PHOTOGRAPH, inbox / "wrong.jpg")
        cluster.wait_for("job.done", 6)
        cluster.wait_for("job.failed")
        daemon.terminate()
        assert daemon.wait(PATIENCE_S) == 0
    found = {record["file_name"]: record for record in cluster.records("job.done")}
    repeated = {"second.jpg": "first", "sidecar.jpg": "first", "queen": "king"}
    assert {name for name, record in found.items() if "host" not in record} == set(repeated)
    assert {record["policy"] for record in cluster.records("job.duplicate")} == {policy}
    for name, original in repeated.items():
        manifest = json.loads((root / "outbox" / name).with_suffix(".json").read_text())
        assert manifest["duplicate_of"]["job_id"] == found[{"first": "first.jpg"}.get(original, original)]["job_id"]
        copy = (root / "outbox" / name).with_suffix(".gif")
        assert copy.exists() == bool(manifest["outputs"]) == (policy == "link")
        assert policy == "skip" or copy.samefile(root / "outbox" / f"{original}.gif")


def test_adaptive_cluster_starts_workers_for_drawings_and_ends_them(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "inbox").mkdir(parents=True)
    shutil.copytree(CHARACTER, root / "inbox" / "king")
    with Cluster.opened(tmp_path / "cluster", environ={"DOODLED_JOBS_WORKERS": "2"}) as cluster:
        program = cluster.folder / "adaptive.py"
        program.write_text(adaptive_program(cluster.address.rpartition(":")[2]))
        cluster.start("adaptive", [sys.executable, str(program)])
        daemon = cluster.start_daemon(root)
        cluster.wait_for("job.done")
        cluster.wait_for("worker.left")
        daemon.terminate()
        assert daemon.wait(PATIENCE_S) == 0
    assert (root / "outbox" / "king.gif").is_file()

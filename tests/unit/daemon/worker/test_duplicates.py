"""The lookup of repeated drawings before a job is sent to another machine; that it finds them is in test_cluster_drawings.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from daemon.options.inference import InferenceRequest
from daemon.settings import DuplicatePolicy, Settings
from daemon.spool.layout import Layout
from daemon.spool.originals import Originals
from daemon.worker.duplicates import repeated_result
from daemon.worker.task import Task

MOTIONS = ("wave", "dab")


@pytest.fixture
def task(tmp_path: Path) -> Task:
    job_folder = tmp_path / "job"
    job_folder.mkdir()
    (job_folder / "source").write_bytes(b"drawing")
    options = Settings().animation.options()
    originals = Originals(Layout(tmp_path), DuplicatePolicy.LINK, "")
    return Task(job_folder, "garlic.png", (), False, options, 2048, InferenceRequest(), 1.0, True, originals=originals)


def test_new_drawing_is_animated(task: Task) -> None:
    assert repeated_result(task, MOTIONS) is None


def test_nothing_is_read_unless_duplicates_are_looked_for(task: Task) -> None:
    (task.job_folder / "source").unlink()
    assert repeated_result(replace(task, originals=None), MOTIONS) is None


@pytest.mark.parametrize("fault", ["sidecar", "link", "folder"])
def test_faults_are_left_for_the_worker_to_report(task: Task, fault: str) -> None:
    source = task.job_folder / "source"
    if fault == "sidecar":
        (task.job_folder / "sidecar.json").write_text('{"motions": ["flight of the bumblebee"]}')
    else:
        source.unlink()
        source.symlink_to("/etc/passwd") if fault == "link" else source.mkdir()
    assert repeated_result(task, MOTIONS) is None


def test_unreadable_source_is_an_error_of_the_disk(task: Task) -> None:
    (task.job_folder / "source").unlink()
    with pytest.raises(FileNotFoundError):
        repeated_result(task, MOTIONS)

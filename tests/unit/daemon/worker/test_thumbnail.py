"""Thumbnails: written by a worker into the job's folder, linked beside the result, and removed with it."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from daemon.spool import thumbnails
from daemon.spool.layout import Layout, prepare
from daemon.spool.thumbnails import FOLDER, THUMBNAIL, keep_thumbnail, remove_stale_thumbnails, remove_thumbnail
from daemon.worker.thumbnail import SIDE_PX, write_thumbnail


def test_thumbnail_is_small_and_upright_on_white(tmp_path: Path) -> None:
    rgb = np.zeros((600, 1200, 3), np.uint8)
    rgb[:, :600] = (250, 10, 10)
    alpha = np.full((600, 1200), 255, np.uint8)
    alpha[300:] = 0
    write_thumbnail(tmp_path, rgb, alpha)
    small = cv2.imread(str(tmp_path / THUMBNAIL))
    assert small is not None
    assert small.shape == (SIDE_PX // 2, SIDE_PX, 3)
    assert small[20, 20].tolist() == pytest.approx([10, 10, 250], abs=6)
    assert small[20, 300].max() < 6
    assert small[140].min() > 245
    write_thumbnail(tmp_path / "missing", rgb)  # a disk that refuses is no reason to fail


def test_kept_thumbnail_outlives_job(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    prepare(layout)
    job_folder = layout.work / "job"
    job_folder.mkdir()
    keep_thumbnail(layout.outbox, (), job_folder, "one.json")
    assert not (layout.outbox / FOLDER).exists()  # without a thumbnail, no folder is made
    write_thumbnail(job_folder, np.zeros((9, 9, 3), np.uint8))
    keep_thumbnail(layout.outbox, ("dab",), job_folder, "one.json")
    keep_thumbnail(layout.outbox, ("dab",), job_folder, "one.json")
    (job_folder / THUMBNAIL).unlink()
    assert (layout.outbox / "dab" / FOLDER / "one.json.jpg").stat().st_size > 0
    keep_thumbnail(layout.outbox, (), layout.root / "gone", "two.json")


def test_new_thumbnail_replaces_that_of_removed_result(tmp_path: Path) -> None:
    for number, job_folder in enumerate((tmp_path / "first", tmp_path / "second")):
        job_folder.mkdir()
        (job_folder / THUMBNAIL).write_bytes(bytes([number]))
        keep_thumbnail(tmp_path, (), job_folder, "one.json")
    assert (tmp_path / FOLDER / "one.json.jpg").read_bytes() == b"\1"


def test_thumbnails_of_removed_results_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (tmp_path, tmp_path / "dab"):
        (folder / FOLDER).mkdir(parents=True)
        (folder / "kept.json").touch()
        for name in ("kept.json.jpg", "gone.json.jpg"):
            (folder / FOLDER / name).touch()
    list(remove_stale_thumbnails(tmp_path))
    assert (tmp_path / FOLDER / "gone.json.jpg").exists()  # its result may be about to be published
    monkeypatch.setattr(thumbnails.time, "time", lambda: time.time_ns() / 1e9 + 2 * thumbnails.SETTLED_S)
    list(remove_stale_thumbnails(tmp_path))
    list(remove_stale_thumbnails(tmp_path / "missing"))
    for folder in (tmp_path, tmp_path / "dab"):
        assert [path.name for path in (folder / FOLDER).iterdir()] == ["kept.json.jpg"]
    remove_thumbnail(tmp_path, ("dab",), "kept.json")
    remove_thumbnail(tmp_path, ("dab",), "kept.json")
    assert not list((tmp_path / "dab" / FOLDER).iterdir())

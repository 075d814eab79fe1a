"""Thumbnails: written by a worker into the job's folder, and linked beside the gallery's pages."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from daemon.spool.layout import Layout, prepare
from daemon.spool.thumbnails import FOLDER, THUMBNAIL, keep_thumbnail
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
    place = layout.work / "job"
    place.mkdir()
    keep_thumbnail(layout.outbox, place, "one")
    assert not (layout.outbox / FOLDER).exists()  # without a thumbnail, no folder is made
    write_thumbnail(place, np.zeros((9, 9, 3), np.uint8))
    keep_thumbnail(layout.outbox, place, "one")
    keep_thumbnail(layout.outbox, place, "one")
    (place / THUMBNAIL).unlink()
    assert (layout.outbox / FOLDER / "one.jpg").stat().st_size > 0
    keep_thumbnail(layout.outbox, layout.root / "gone", "two")

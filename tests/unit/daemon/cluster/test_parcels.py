"""Parcels: what goes out, what comes back, and what is refused on the way."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import pytest

from daemon.cluster import parcels
from daemon.cluster.parcels import pack_result, pack_task, unpack_result, unpack_task
from daemon.options.inference import InferenceRequest
from daemon.policy.failures import ErrorType
from daemon.settings import Settings
from daemon.worker.task import Task, TaskResult
from pipeline.errors import DecodeError, OutputFailed
from pipeline.types.decode_limits import DecodeLimits


def task(job_folder: Path, **more: Any) -> Task:
    fields = {"is_folder": False, **more}
    return Task(
        job_folder, "garlic.png", (), fields.pop("is_folder"), Settings().animation.options(), 2048, InferenceRequest(), 1.0, True, **fields
    )


def place_in(folder: Path, name: str) -> Path:
    job_folder = folder / name
    job_folder.mkdir()
    return job_folder


def rendered(job_folder: Path, content: bytes = b"frames") -> TaskResult:
    """What a job leaves in its place."""
    for name, written in {"result/0000.gif": content, "annotations/figure/mask.png": b"mask", "thumbnail.jpg": b"small"}.items():
        (job_folder / name).parent.mkdir(parents=True, exist_ok=True)
        (job_folder / name).write_bytes(written)
    output = {"result": "0000.gif", "sha256": hashlib.sha256(content).hexdigest()}
    return TaskResult({"outputs": [output]}, steps_ms={"render": 2.0})


def test_image_travels_with_its_sidecar(tmp_path: Path) -> None:
    here, there = place_in(tmp_path, "here"), place_in(tmp_path, "there")
    (here / "source").write_bytes(b"drawing")
    (here / "sidecar.json").write_bytes(b"{}")
    (here / "job.json").write_bytes(b"of the daemon alone")
    arrived = unpack_task(pack_task(task(here, viewers_file=tmp_path / "viewers", health_file=tmp_path / "health")), there)
    assert arrived == task(there)
    assert {path.name: path.read_bytes() for path in there.iterdir()} == {"source": b"drawing", "sidecar.json": b"{}"}


def test_character_folder_travels_with_the_files_that_it_has(tmp_path: Path) -> None:
    here, there = place_in(tmp_path, "here"), place_in(tmp_path, "there")
    place_in(here, "source")
    for name in ("char_cfg.yaml", "mask.png", "other.txt"):
        (here / "source" / name).write_bytes(name.encode())
    unpack_task(pack_task(task(here, is_folder=True)), there)
    assert sorted(path.name for path in (there / "source").iterdir()) == ["char_cfg.yaml", "mask.png"]


def test_self_test_has_no_files(tmp_path: Path) -> None:
    assert unpack_task(pack_task(task(tmp_path / "missing", is_self_test=True)), tmp_path).is_self_test


def test_too_big_source_arrives_too_big(tmp_path: Path) -> None:
    """The worker then refuses it with the words that it would use on the daemon's machine."""
    here, there = place_in(tmp_path, "here"), place_in(tmp_path, "there")
    most = DecodeLimits().max_bytes
    with (here / "source").open("wb") as file:
        file.truncate(most + 1000)
    unpack_task(pack_task(task(here)), there)
    assert (there / "source").stat().st_size == most + 1


def test_link_is_refused_as_elsewhere(tmp_path: Path) -> None:
    here = place_in(tmp_path, "here")
    (here / "source").symlink_to("/etc/hostname")
    with pytest.raises(DecodeError, match="found a link"):
        pack_task(task(here))


def test_result_replaces_what_an_earlier_attempt_left(tmp_path: Path) -> None:
    here, there = place_in(tmp_path, "here"), place_in(tmp_path, "there")
    rendered(here, b"old")
    (here / "result" / "0001.gif").write_bytes(b"old, too")
    (here / "job.json").write_bytes(b"of the daemon alone")
    result = unpack_result(pack_result(rendered(there), there), here)
    assert result.steps_ms == {"render": 2.0}
    found = {str(path.relative_to(here)): path.read_bytes() for path in here.rglob("*") if path.is_file()}
    assert found == {
        "result/0000.gif": b"frames",
        "annotations/figure/mask.png": b"mask",
        "thumbnail.jpg": b"small",
        "job.json": b"of the daemon alone",
    }


def test_damaged_or_missing_file_is_noticed(tmp_path: Path) -> None:
    job_folder = place_in(tmp_path, "place")
    result = rendered(job_folder)
    (job_folder / "result" / "0000.gif").write_bytes(b"frame")
    parcel = pack_result(result, job_folder)
    with pytest.raises(OutputFailed, match="missing or damaged"):
        unpack_result(parcel, job_folder)


@pytest.mark.parametrize("name", ["job.json", "../other/result/x", "result/../job.json", "/etc/passwd", "result/a/b/c/d", "source"])
def test_files_in_other_places_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputFailed, match="none of its own"):
        unpack_result(pickle.dumps((TaskResult(), ((name, b"x"),))), tmp_path)
    assert not list(tmp_path.iterdir())


def test_too_many_bytes_fail_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "MAX_RESULT_BYTES", 10)
    there, here = place_in(tmp_path, "there"), place_in(tmp_path, "here")
    result = unpack_result(pack_result(rendered(there), there), here)
    assert result.manifest is None
    assert result.failure is not None
    assert (result.failure.kind, result.failure.hint) == (ErrorType.INPUT, "choose a smaller size, or fewer motions and formats")
    assert not list(here.iterdir())


def test_lost_job_is_an_error(tmp_path: Path) -> None:
    job_folder = place_in(tmp_path, "place")
    with pytest.raises(FileNotFoundError):
        unpack_result(pack_result(rendered(job_folder), job_folder), tmp_path / "taken over")

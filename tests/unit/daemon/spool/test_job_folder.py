"""The job file: what it keeps, and what is refused as damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from claimed_jobs import claim_file

from daemon.spool import job_folder
from daemon.spool.job_folder import Job, read_job, read_json
from daemon.spool.spool import Spool

ID = "01HF7YAT00ABCDEFGHJKMNPQRS"


def test_names_of_files_in_the_spool_never_change() -> None:
    module = job_folder
    names = [module.JOB_FILE, module.SOURCE, module.SIDECAR, module.MANIFEST, module.ERROR, module.RESULT]
    assert names == ["job.json", "source", "sidecar.json", "manifest.json", "error.json", "result"]
    assert [module.ANNOTATIONS, module.CHARACTER, module.SCHEMA] == ["annotations", "character", 1]


def test_job_file_keeps_any_name() -> None:
    for name in ("garlic.png", "\udcff\udcfe.png", "\N{GARLIC}.png", 'quo"te'):
        job = Job(
            ID, name, ("dab", "inner"), is_folder=True, sidecar="garlic.json", attempts=2, recoveries=1, is_under_way=True, claimed_at_s=3.5
        )
        assert Job.from_json(job.to_json()) == job
        assert job.to_json().isascii()


def test_new_job_has_no_attempts() -> None:
    job = Job.from_json(json.dumps({"schema": 1, "id": ID, "name": "garlic.png"}).encode())
    assert job == Job(ID, "garlic.png", (), is_folder=False, sidecar=None, attempts=0, recoveries=0, is_under_way=False, claimed_at_s=0.0)


def test_returned_attempt_is_not_counted() -> None:
    job = Job(ID, "garlic.png")
    assert not job.return_attempt()
    job.begin_attempt()
    job.end_attempt()
    job.begin_attempt()
    assert (job.attempts, job.is_under_way) == (2, True)
    assert job.return_attempt()
    assert not job.return_attempt()
    assert (job.attempts, job.is_under_way) == (1, False)


SOUND = json.loads(Job(ID, "garlic.png", ("dab",), sidecar="garlic.json").to_json())


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"schema": None},
        {"id": "no ULID"},
        {"id": None},
        {"name": ".."},
        {"name": "a/b"},
        {"name": None},
        {"folder": ["dab", ".."]},
        {"folder": 7},
        {"sidecar": "../garlic.json"},
        {"sidecar": 1},
        {"attempts": 1.5},
        {"attempts": True},
        {"recoveries": "1"},
        {"is_folder": 1},
        {"is_under_way": None},
        {"claimed_at_s": "now"},
        {"claimed_at_s": True},
        {"mood": "fine"},
    ],
)
def test_refuses_damaged_job_files(change: dict[str, object]) -> None:
    Job.from_json(json.dumps(SOUND).encode())
    with pytest.raises(ValueError, match="job file"):
        Job.from_json(json.dumps({**SOUND, **change}).encode())


@pytest.mark.parametrize("content", [b"", b"[]", b"1", b"{", b"\xff", b"[" * 100_000])
def test_refuses_json_that_is_no_object(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of json, or of ours
        Job.from_json(content)
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(ValueError):  # noqa: PT011 - as above
        read_json(tmp_path / "manifest.json")


def test_refuses_job_file_of_another_job(spool: Spool) -> None:
    job = claim_file(spool)
    other = spool.instance_folder / ID
    spool.path(job).rename(other)
    with pytest.raises(ValueError, match="another job"):
        read_job(other)


def test_json_files_are_objects(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"outputs": []}')
    assert read_json(tmp_path / "manifest.json") == {"outputs": []}

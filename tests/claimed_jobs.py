"""Claimed jobs for tests of the spool."""

from __future__ import annotations

from pathlib import Path

from daemon.spool.job_folder import RESULT, SOURCE, Job
from daemon.spool.spool import Spool

NOW_S = 1_700_000_000.0


def drop_file(
    spool: Spool, name: str = "garlic.png", content: bytes = b"a drawing", folder: tuple[str, ...] = (), sidecar: bytes | None = None
) -> str:
    """Drop a file into the inbox, with a sidecar if given; returns the sidecar's name, or ""."""
    place = spool.layout.inbox.joinpath(*folder)
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(content)
    if sidecar is None:
        return ""
    options = Path(name).with_suffix(".json")
    (place / options).write_bytes(sidecar)
    return str(options)


def claim_file(
    spool: Spool, name: str = "garlic.png", content: bytes = b"a drawing", folder: tuple[str, ...] = (), sidecar: bytes | None = None
) -> Job:
    """Drop a file and claim it."""
    options = drop_file(spool, name, content, folder, sidecar)
    job = spool.claim(name, folder, is_folder=False, sidecar=options or None, now_s=NOW_S)
    assert job is not None
    return job


def write_results(spool: Spool, job: Job, *contents: bytes) -> dict[str, object]:
    """Write numbered results of a job; returns its manifest."""
    result = spool.path(job) / RESULT
    result.mkdir()
    for number, content in enumerate(contents):
        (result / f"{number:04d}.gif").write_bytes(content)
    labels = [[str(number + 1)] * (len(contents) > 1) for number in range(len(contents))]
    outputs = [{"result": f"{number:04d}.gif", "label": label, "format": "gif"} for number, label in enumerate(labels)]
    return {"source": {"name": job.name}, "outputs": outputs}


def names_below(folder: Path) -> list[str]:
    """Relative paths of all files below a folder, without locks."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() and path.name != ".lock")


def source_of(spool: Spool, job: Job) -> bytes:
    return (spool.path(job) / SOURCE).read_bytes()

"""Publishes results to the outbox: media first, manifest last, without replacing any file, and each result once.

Results are complete and durable in the job's own folder before. In the outbox they are hard links to the same files: a link never replaces
a file, and after a crash the inode shows which names are ours. If `garlic.json` exists, the files that it names are complete.

The manifest is written to the job's folder just before the first link, so a daemon that takes over the job knows the names that the former
owner was going to use. Links name the job's files by full path: after a takeover, the former owner can create no more links.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from daemon.files.durable import create_durably, exists, link, open_folder, unlink_own_links, write_durably
from daemon.files.filenames import is_plain_name, result_stem
from daemon.spool.job_folder import MANIFEST, RESULT, Job, read_json
from pipeline.errors import OutputFailed

MAX_SUFFIXES = 100_000


def publish(outbox: Path, job_folder: Path, job: Job, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Link a job's results and its manifest into the outbox, under the first free name.

    Args:
        manifest: each of its "outputs" has a "result", a file in result/, and a "label", which distinguishes its name from the others.
    Returns:
        the manifest as published, with the name of each output as "file".
    Raises:
        OSError: the disk refused; it may succeed later.
        OutputFailed: no name is free.
    """
    with open_folder(outbox, job.folder, make=True) as target:
        for stem in _stems(result_stem(job.name, is_folder=job.is_folder)):
            named = _named(manifest, stem)
            if any(exists(name, target) for name in _names(named)):
                continue
            _write_manifest(job_folder, json.dumps(named, indent=2, ensure_ascii=True).encode() + b"\n")
            if _link_files(named, job_folder, target):
                return named
    raise OutputFailed(f"all {MAX_SUFFIXES} names for the result are taken", path=outbox)


def finish_publishing(outbox: Path, job_folder: Path, job: Job) -> dict[str, Any]:
    """Finish `publish` for a job whose daemon died after it wrote the manifest. Raises as `publish`; ValueError if that is damaged."""
    named = checked_manifest(read_json(job_folder / MANIFEST))
    with open_folder(outbox, job.folder, make=True) as target:
        # A user may have removed the published files before the daemon could acknowledge the job.
        is_out = (job_folder / MANIFEST).lstat().st_nlink > 1
        if is_out or _link_files(named, job_folder, target):
            return named
    return publish(outbox, job_folder, job, named)


def checked_manifest(named: dict[str, Any]) -> dict[str, Any]:
    """A manifest that was read back from a job's folder. Raises ValueError if it is none, or if a name in it is a path."""
    outputs = named.get("outputs")
    if not isinstance(outputs, list) or not all(isinstance(output, dict) and isinstance(output.get("label"), list) for output in outputs):
        raise ValueError("the manifest has no valid outputs")
    names = [output.get(key) for output in outputs for key in ("result", "file")] + [named.get("manifest")]
    names += [part for output in outputs for part in output["label"]]
    if not all(is_plain_name(name) for name in names):
        raise ValueError("the manifest contains names that no daemon writes")
    return named


def _write_manifest(job_folder: Path, content: bytes) -> None:
    """Write the job's manifest. Recovery treats a partial one as missing, and animates the drawing again."""
    try:
        create_durably(job_folder, MANIFEST, content)
    except FileExistsError:  # from an earlier attempt, or for a name that was taken
        write_durably(job_folder, MANIFEST, content)


def _stems(stem: str) -> Iterator[str]:
    yield stem
    for number in count(2):
        if number > MAX_SUFFIXES:
            return
        yield f"{stem}-{number}"


def _named(manifest: Mapping[str, Any], stem: str) -> dict[str, Any]:
    outputs = [
        {**output, "file": ".".join(filter(None, (stem, *output["label"], Path(output["result"]).suffix.removeprefix("."))))}
        for output in manifest["outputs"]
    ]
    return {**manifest, "manifest": f"{stem}.json", "outputs": outputs}


def _names(named: Mapping[str, Any]) -> list[str]:
    return [*(output["file"] for output in named["outputs"]), named["manifest"]]


def _link_files(named: Mapping[str, Any], job_folder: Path, target: int) -> bool:
    """Link everything, durably; returns False if a name is taken. Then, or after an error, no link is left."""
    media = [(job_folder / RESULT / output["result"], output["file"]) for output in named["outputs"]]
    manifest = [(job_folder / MANIFEST, named["manifest"])]
    try:
        for group in (media, manifest):
            for source, name in group:
                if not link(source, name, target):
                    unlink_own_links([*manifest, *media], target)
                    return False
            os.fsync(target)
    except OSError:
        unlink_own_links([*manifest, *media], target)
        raise
    return True

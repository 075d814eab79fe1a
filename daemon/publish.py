"""Results into the outbox: media first, the manifest last, never over anything that is there, and the same result never twice.

Results are made in the job's own folder, durable and checked, before this begins. They appear in the outbox as hard links to those very
files: a link never replaces, and after a crash the inode says which names are ours. Who sees `garlic.json` sees complete files beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from daemon.durable import create_durably, exists, is_same_file, opened_folder, write_durably
from daemon.names import result_stem
from daemon.spool import MANIFEST, RESULT, Job, read_json
from pipeline.errors import OutputFailed

MOST_SUFFIXES = 100_000


def publish(outbox: Path, place: Path, job: Job, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Link the results of `manifest["outputs"]` (their key "result" is a file in result/, "label" what tells them apart) and a manifest.

    Returns:
        the manifest as published, each output with its name "file".
    Raises:
        OSError: the disk refused; it can be tried again.
        OutputFailed: there is no name left.
    """
    with opened_folder(outbox, job.folder, make=True) as target, opened_folder(place) as work:
        for stem in _stems(result_stem(job.name, is_folder=job.is_folder)):
            named = _named(manifest, stem)
            if any(exists(name, target) for name in _names(named)):
                continue
            _write_manifest(work, json.dumps(named, indent=2, ensure_ascii=True).encode() + b"\n")
            if _linked(named, work, target):
                return named
    raise OutputFailed("every name that it could have is taken", path=outbox)


def finish_publishing(outbox: Path, place: Path, job: Job) -> dict[str, Any]:
    """The same for a job whose manifest had been written when its daemon died. Raises as `publish`, or ValueError if it is damaged."""
    named = read_json(place / MANIFEST)
    with opened_folder(outbox, job.folder, make=True) as target, opened_folder(place) as work:
        # Somebody may have taken a finished result away before its daemon could say that it is finished.
        is_out = os.lstat(MANIFEST, dir_fd=work).st_nlink > 1
        if is_out or _linked(named, work, target):
            return named
    return publish(outbox, place, job, named)


def _write_manifest(work: int, content: bytes) -> None:
    """For recovery, half a manifest is none: the drawing is made again."""
    try:
        create_durably(work, MANIFEST, content)
    except FileExistsError:  # of an attempt, or for a name, that came to nothing
        write_durably(work, MANIFEST, content)


def _stems(stem: str) -> Iterator[str]:
    yield stem
    for number in count(2):
        if number > MOST_SUFFIXES:
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


def _linked(named: Mapping[str, Any], work: int, target: int) -> bool:
    """Link everything, durably. False if one of the names is somebody else's; then, or after an error, nothing of it is left."""
    media = [(f"{RESULT}/{output['result']}", output["file"]) for output in named["outputs"]]
    manifest = [(MANIFEST, named["manifest"])]
    try:
        for group in (media, manifest):
            for source, name in group:
                if not _is_linked(source, name, work, target):
                    _unlink_ours([*manifest, *media], work, target)
                    return False
            os.fsync(target)
    except OSError:
        _unlink_ours([*manifest, *media], work, target)
        raise
    return True


def _is_linked(source: str, name: str, work: int, target: int) -> bool:
    try:
        os.link(source, name, src_dir_fd=work, dst_dir_fd=target, follow_symlinks=False)
    except FileExistsError:
        return is_same_file(name, target, source, work)
    return True


def _unlink_ours(pairs: list[tuple[str, str]], work: int, target: int) -> None:
    for source, name in pairs:
        if is_same_file(name, target, source, work):
            os.unlink(name, dir_fd=target)

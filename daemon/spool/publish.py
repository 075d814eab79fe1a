"""Results into the outbox: media first, the manifest last, never over anything that is there, and the same result never twice.

Results are made in the job's own folder, durable and checked, before this begins. They appear in the outbox as hard links to those very
files: a link never replaces, and after a crash the inode says which names are ours. Who sees `garlic.json` sees complete files beside it.

The manifest is the last thing that is written before the first link, so whoever takes a job over knows the names that its owner was
about to use. Files of the job are named by their whole path: once it has been taken over, a link can't be made any more, however long
ago its former owner had begun.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from daemon.files.durable import create_durably, exists, link, open_folder, unlink_ours, write_durably
from daemon.files.filenames import is_plain_name, result_stem
from daemon.spool.spool import MANIFEST, RESULT, Job, read_json
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
    with open_folder(outbox, job.folder, make=True) as target:
        for stem in _stems(result_stem(job.name, is_folder=job.is_folder)):
            named = _named(manifest, stem)
            if any(exists(name, target) for name in _names(named)):
                continue
            _write_manifest(place, json.dumps(named, indent=2, ensure_ascii=True).encode() + b"\n")
            if _linked(named, place, target):
                return named
    raise OutputFailed("every name that it could have is taken", path=outbox)


def finish_publishing(outbox: Path, place: Path, job: Job) -> dict[str, Any]:
    """The same for a job whose manifest had been written when its daemon died. Raises as `publish`, or ValueError if it is damaged."""
    named = _sound(read_json(place / MANIFEST))
    with open_folder(outbox, job.folder, make=True) as target:
        # Somebody may have taken a finished result away before its daemon could say that it is finished.
        is_out = (place / MANIFEST).lstat().st_nlink > 1
        if is_out or _linked(named, place, target):
            return named
    return publish(outbox, place, job, named)


def _sound(named: dict[str, Any]) -> dict[str, Any]:
    """A manifest that was read back. Raises ValueError unless it is one, whose names lead nowhere else."""
    outputs = named.get("outputs")
    if not isinstance(outputs, list) or not all(isinstance(output, dict) and isinstance(output.get("label"), list) for output in outputs):
        raise ValueError("a manifest without its outputs")
    names = [output.get(key) for output in outputs for key in ("result", "file")] + [named.get("manifest")]
    names += [part for output in outputs for part in output["label"]]
    if not all(is_plain_name(name) for name in names):
        raise ValueError("a manifest with names that no daemon writes")
    return named


def _write_manifest(place: Path, content: bytes) -> None:
    """For recovery, half a manifest is none: the drawing is made again."""
    try:
        create_durably(place, MANIFEST, content)
    except FileExistsError:  # of an attempt, or for a name, that came to nothing
        write_durably(place, MANIFEST, content)


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


def _linked(named: Mapping[str, Any], place: Path, target: int) -> bool:
    """Link everything, durably. False if one of the names is somebody else's; then, or after an error, nothing of it is left."""
    media = [(place / RESULT / output["result"], output["file"]) for output in named["outputs"]]
    manifest = [(place / MANIFEST, named["manifest"])]
    try:
        for group in (media, manifest):
            for source, name in group:
                if not link(source, name, target):
                    unlink_ours([*manifest, *media], target)
                    return False
            os.fsync(target)
    except OSError:
        unlink_ours([*manifest, *media], target)
        raise
    return True

"""A job's folder: the names of its files, and the job file, which says what was claimed and how often it was attempted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from daemon.files.durable import read_content
from daemon.files.filenames import is_plain_name
from daemon.spool.job_ids import is_job_id

SCHEMA: Final = 1
MAX_JSON_BYTES: Final = 8 << 20
"""Size of a JSON file of the spool; a manifest of 100 figures in 40 motions has 2 MB."""

JOB_FILE: Final = "job.json"
SOURCE: Final = "source"
SIDECAR: Final = "sidecar.json"
MANIFEST: Final = "manifest.json"
ERROR: Final = "error.json"
REVIEW: Final = "review.json"
RESULT: Final = "result"
ANNOTATIONS: Final = "annotations"
CHARACTER: Final = "character"


@dataclass
class Job:
    """A claimed drawing, as `job.json` stores it.

    Attributes:
        name: as dropped; bytes outside UTF-8 are surrogates.
        folder: names of the inbox folders above it, outermost first.
        is_folder: a character folder, not an image.
        sidecar: name of the sidecar beside it, or None.
        attempts: number of attempts that count, including the one under way.
        recoveries: number of daemons that died during an attempt.
        is_under_way: an attempt has started and not ended.
        claimed_at_s: time of the claim, seconds since 1970.
    """

    id: str
    name: str
    folder: tuple[str, ...] = ()
    is_folder: bool = False
    sidecar: str | None = None
    attempts: int = 0
    recoveries: int = 0
    is_under_way: bool = False
    claimed_at_s: float = 0.0

    @classmethod
    def from_json(cls, content: bytes) -> Job:
        """Raises ValueError unless `content` is a job file of this schema."""
        fields = _parse_json(content)
        if not isinstance(fields, dict) or fields.pop("schema", None) != SCHEMA or not is_job_id(str(fields.get("id"))):
            raise ValueError("not a job file of this version")
        try:
            job = cls(**{**fields, "folder": tuple(fields.get("folder", ()))})
        except TypeError as error:
            raise ValueError("not a job file of this version") from error
        if not job._is_valid():
            raise ValueError("the job file contains values that no daemon writes")
        return job

    def _is_valid(self) -> bool:
        """Whether names are no paths and values have their types: a damaged disk may return anything."""
        names = (self.name, *self.folder, *([] if self.sidecar is None else [self.sidecar]))
        return (
            all(is_plain_name(name) for name in names)
            and all(type(count) is int for count in (self.attempts, self.recoveries))
            and all(type(flag) is bool for flag in (self.is_folder, self.is_under_way))
            and type(self.claimed_at_s) in {int, float}
        )

    def begin_attempt(self) -> None:
        """Count an attempt, which is under way from now on."""
        self.attempts += 1
        self.is_under_way = True

    def end_attempt(self) -> None:
        """The attempt under way has ended, and counts."""
        self.is_under_way = False

    def return_attempt(self) -> bool:
        """End the attempt under way, and don't count it, because it says nothing about the drawing; returns False if there is none."""
        if not self.is_under_way:
            return False
        self.is_under_way = False
        self.attempts -= 1
        return True

    def to_json(self) -> bytes:
        """The content of `job.json`: ASCII, which represents any file name."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}).encode("ascii")


def read_job(job_folder: Path) -> Job:
    """The job in a folder. Raises OSError or ValueError if its job file is unreadable or damaged."""
    job = Job.from_json(_read_bounded(job_folder / JOB_FILE))
    if job.id != job_folder.name:
        raise ValueError("the job file belongs to another job")
    return job


def read_json(path: Path) -> dict[str, Any]:
    """An object from a JSON file of the spool. Raises OSError or ValueError if it is unreadable or damaged."""
    fields = _parse_json(_read_bounded(path))
    if not isinstance(fields, dict):
        raise ValueError(f"{path.name} must be a JSON object")  # noqa: TRY004 - as for any other damage
    return fields


def _read_bounded(path: Path) -> bytes:
    """The content of a file in a folder that other users may write to: no link, no pipe, not endless."""
    content = read_content(path, MAX_JSON_BYTES)
    if len(content) > MAX_JSON_BYTES:
        raise ValueError(f"{path.name} is too big: expected at most {MAX_JSON_BYTES} bytes")
    return content


def _parse_json(content: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error

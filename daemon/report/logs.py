"""Log files for `doodled report`, wherever they lie: as they are, rotated and gzipped, from a pipe, or out of systemd's journal."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from pipeline.errors import OptionError

_GZIP: Final = b"\x1f\x8b"
_OTHERS: Final = {b"\xfd7zXZ": "xz", b"(\xb5/\xfd": "zstd", b"BZh": "bzip2"}
_NATIVE: Final = frozenset({"MESSAGE", "MESSAGE_ID", "PRIORITY", "SYSLOG_IDENTIFIER"})
_LEVELS: Final = {"3": "error", "4": "warning"}
_TEXTS: Final = frozenset({"job_id", "file_name", "instance", "version", "error_id", "config_digest", "reason", "error_message"})
"""Fields that are texts even when they look like numbers: the journal has only texts."""


def linked_logs(files: Sequence[Path], folder: Path) -> list[Path]:
    """The files under plain names in `folder`, so that no name is taken for a pattern, and .gz says truly what is gzipped.

    "-" is standard input; pipes are copied.

    Raises:
        OptionError: a file can't be read, or is compressed with something else than gzip.
    """
    return [_linked(file, folder / f"{number:06d}") for number, file in enumerate(files)]


def _linked(file: Path, place: Path) -> Path:
    try:
        if str(file) == "-" or not file.is_file():
            with sys.stdin.buffer if str(file) == "-" else file.open("rb") as source, place.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            source_path = place
        else:
            source_path = file.absolute()
        with source_path.open("rb") as opened:
            start = opened.read(6)
    except OSError as error:
        raise OptionError(f"the log can't be read: {error.strerror or error}", path=file) from error
    other = next((name for magic, name in _OTHERS.items() if start.startswith(magic)), None)
    if other is not None:
        raise OptionError(f"the log is compressed with {other}: expected JSON lines, or those gzipped", path=file, hint="unpack it first")
    named = place.with_suffix(".log.gz" if start.startswith(_GZIP) else ".log")
    named.symlink_to(source_path)
    return named


def journal_log(folder: Path, *, since: datetime | None, journal_file: Path | None = None) -> Path:
    """What the journal has of us, as JSON lines in a file in `folder`: native fields, or the JSON that a daemon wrote on stdout.

    Raises:
        OptionError: there is no journal to be read.
    """
    command = ["journalctl", "--output=json", "--all", "--quiet", "--identifier=doodled"]
    command += [f"--since={since:%Y-%m-%d %H:%M:%S} UTC"] if since is not None else []
    command += [f"--file={journal_file}"] if journal_file is not None else []
    place = folder / "journal.log"
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as journal, place.open("w") as file:  # noqa: S603 - ours
            file.writelines(f"{line}\n" for line in _records(journal.stdout))
            problem = journal.stderr.read().decode(errors="replace").strip() if journal.stderr is not None else ""
    except OSError as error:
        raise OptionError(f"the journal can't be read: {error.strerror or error}", hint="is this a machine with systemd?") from error
    if journal.returncode:
        raise OptionError(f"the journal can't be read: {problem or journal.returncode}", hint="members of systemd-journal may read it")
    return place


def _records(entries: IO[bytes] | None) -> Iterator[str]:
    for line in entries or ():
        entry: dict[str, Any] = json.loads(line)
        message = entry.get("MESSAGE")
        if "EVENT" in entry:
            yield json.dumps(native_record(entry))
        elif isinstance(message, str):
            yield message


def native_record(entry: dict[str, Any]) -> dict[str, Any]:
    """The record that an entry with native fields was made of, as far as the journal keeps it: numbers are numbers again."""
    at = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1e6, UTC)
    level = _LEVELS.get(str(entry.get("PRIORITY")), "info")
    told = {name.lower(): value for name, value in entry.items() if not name.startswith("_") and name not in _NATIVE}
    fields = {name: value if name in _TEXTS else _value(value) for name, value in told.items()}
    return {"timestamp": at.isoformat(timespec="milliseconds"), "level": level, "service": "doodled", **fields}


def _value(text: object) -> object:
    """What a field's text stood for."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text

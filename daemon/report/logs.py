"""Log sources of a report: files, gzipped or not, pipes, and systemd's journal."""

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
_OTHER_FORMATS: Final = {b"\xfd7zXZ": "xz", b"(\xb5/\xfd": "zstd", b"BZh": "bzip2"}
_NATIVE: Final = frozenset({"MESSAGE", "MESSAGE_ID", "PRIORITY", "SYSLOG_IDENTIFIER"})
_LEVELS: Final = {"3": "error", "4": "warning", "7": "debug"}
_TEXTS: Final = frozenset(
    {
        *("job_id", "file_name", "folder", "failed_path", "review_path", "host", "instance", "version", "error_id", "config_digest"),
        *("reason", "error_message", "text"),
    }
)
"""Text fields whose values may look like numbers: the journal stores only texts."""


def link_logs(files: Sequence[Path], folder: Path) -> list[Path]:
    """Links to the files in `folder`, with names that contain no pattern characters and end in .gz if the file is gzipped.

    "-" is standard input; pipes are copied.

    Raises:
        OptionError: a file can't be read, or is compressed in another format than gzip.
    """
    return [_link(file, folder / f"{number:06d}") for number, file in enumerate(files)]


def _link(file: Path, target: Path) -> Path:
    try:
        if str(file) == "-" or not file.is_file():
            with sys.stdin.buffer if str(file) == "-" else file.open("rb") as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            source_path = target
        else:
            source_path = file.absolute()
        with source_path.open("rb") as opened:
            start = opened.read(6)
    except OSError as error:
        raise OptionError(f"the log can't be read: {error.strerror or error}", path=file) from error
    other = next((name for magic, name in _OTHER_FORMATS.items() if start.startswith(magic)), None)
    if other is not None:
        raise OptionError(f"expected JSON lines, gzipped or not, found {other}", path=file, hint="decompress it first")
    named = target.with_suffix(".log.gz" if start.startswith(_GZIP) else ".log")
    named.symlink_to(source_path)
    return named


def export_journal(folder: Path, *, since: datetime | None, journal_file: Path | None = None) -> Path:
    """The daemon's records in the journal as a file of JSON lines in `folder`, from native fields or from JSON on stdout.

    Raises:
        OptionError: the journal can't be read.
    """
    command = ["journalctl", "--output=json", "--all", "--quiet", "--identifier=doodled"]
    command += [f"--since={since:%Y-%m-%d %H:%M:%S} UTC"] if since is not None else []
    command += [f"--file={journal_file}"] if journal_file is not None else []
    exported = folder / "journal.log"
    try:
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as journal,  # noqa: S603 - constants
            exported.open("w", encoding="utf-8") as file,
        ):
            file.writelines(f"{line}\n" for line in _records(journal.stdout))
            problem = journal.stderr.read().decode(errors="replace").strip() if journal.stderr is not None else ""
    except OSError as error:
        raise OptionError(f"the journal can't be read: {error.strerror or error}", hint="the journal needs systemd") from error
    if journal.returncode:
        raise OptionError(f"the journal can't be read: {problem or journal.returncode}", hint="members of systemd-journal may read it")
    return exported


def _records(entries: IO[bytes] | None) -> Iterator[str]:
    for line in entries or ():
        entry: dict[str, Any] = json.loads(line)
        message = entry.get("MESSAGE")
        if "EVENT" in entry:
            yield json.dumps(native_record(entry))
        elif isinstance(message, str):
            yield message


def native_record(entry: dict[str, Any]) -> dict[str, Any]:
    """The record that a journal entry with native fields was made from; numbers are numbers again."""
    at = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1e6, UTC)
    level = _LEVELS.get(str(entry.get("PRIORITY")), "info")
    texts = {name.lower(): value for name, value in entry.items() if not name.startswith("_") and name not in _NATIVE}
    fields = {name: value if name in _TEXTS else _value(value) for name, value in texts.items()}
    return {"timestamp": at.isoformat(timespec="milliseconds"), "level": level, "service": "doodled", **fields}


def _value(text: object) -> object:
    """The JSON value of a field's text, or the text itself."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text

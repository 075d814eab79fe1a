"""The command line of `doodled report`."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from daemon.options.targets import check_file_to_write
from pipeline.errors import OptionError, OutputFailed

if TYPE_CHECKING:
    from daemon.report.numbers import Report

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Logs = Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="JSON logs, plain or gzipped; - is standard input.")]
Journal = Annotated[bool, typer.Option("--journal", help="Read systemd's journal.")]
JournalFile = Annotated[Path | None, typer.Option("--journal-file", metavar="FILE", help="Read this journal file.")]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Only records after this time: 90s, 30m, 1h, 2d or 1w ago, or 2026-11-22T08:00."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print all numbers as JSON.")]
AsPage = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a self-contained page with plots.")]


def report(  # noqa: PLR0917 - every option of the command is a parameter here
    files: Logs = None,
    journal: Journal = False,  # noqa: FBT002 - an option
    journal_file: JournalFile = None,
    since: Since = None,
    as_json: AsJson = False,  # noqa: FBT002 - an option
    html: AsPage = None,
) -> None:
    """Report how long stages took, what failed and why, from the daemon's log."""
    if as_json and html is not None:
        raise OptionError("--json and --html exclude each other", hint="choose one")
    check_file_to_write(html)
    begin = since_time(since, datetime.now(UTC)) if since else None
    done = _count(_log_files(files, is_journal=journal or journal_file is not None), journal_file, begin)
    if as_json:
        typer.echo(json.dumps(as_numbers(done), indent=2))
    elif html is not None:
        _write_page(done, html)
    else:
        from daemon.report.tables import print_report

        print_report(done)


def _log_files(files: list[Path] | None, *, is_journal: bool) -> list[Path]:
    """The log files; none if the journal is read."""
    if is_journal and files:
        raise OptionError("log files and a journal exclude each other", hint="choose one")
    if not files and not is_journal:
        if sys.stdin.isatty():
            raise OptionError("there is nothing to report on", hint="name log files, - for standard input, or --journal")
        return [Path("-")]
    return files or []


def _count(files: list[Path], journal_file: Path | None, since: datetime | None) -> Report:
    from daemon.report.counting import report_of, require_duckdb
    from daemon.report.logs import export_journal, link_logs

    require_duckdb()
    with tempfile.TemporaryDirectory(prefix="doodled-report-") as name:
        folder = Path(name)
        logs = link_logs(files, folder) if files else [export_journal(folder, since=since, journal_file=journal_file)]
        return report_of(logs, folder, since=since)


def _write_page(done: Report, path: Path) -> None:
    from daemon.report.page import page

    try:
        path.write_text(page(done, made=datetime.now(UTC)), encoding="utf-8")
    except OSError as error:
        raise OutputFailed(f"the page can't be written: {error.strerror or error}", path=path) from error
    typer.echo(path)


def as_numbers(done: Report) -> dict[str, object]:
    """A report as plain values for JSON, times as ISO 8601."""
    derived = {"per_hour": done.per_hour, "restarts": done.restarts, "retry_rate": done.retry_rate}
    numbers: dict[str, object] = json.loads(json.dumps({"schema": 1, **asdict(done), **derived}, default=datetime.isoformat))
    return numbers


def since_time(text: str, now: datetime) -> datetime:
    """The time of --since: a duration before now, or a date, in the local time zone if it names none. Raises OptionError."""
    length = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", text.strip().removeprefix("-"))
    try:
        if length:
            return now - timedelta(**{_UNITS[length[2]]: float(length[1])})
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise OptionError(
            f"--since must be a duration such as 90s, 30m, 1h, 2d, 1w, or a date such as 2026-11-22 (found {text!r})"
        ) from error

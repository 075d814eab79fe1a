"""A report as tables for a terminal (rich)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from daemon.report.numbers import Report, Spread

BAR_WIDTH = 24
_SPARKS = " ▁▂▃▄▅▆▇█"
MAX_FILES = 5
_UNITS = ((99.95, "ms", 1, 1), (999.5, "ms", 1, 0), (9995.0, "s", 1000, 2), (99_950.0, "s", 1000, 1), (5_400_000.0, "min", 60_000, 1))
"""(limit in ms, unit, ms per unit, digits): a time below the limit is shown in this unit."""


def report_tables(report: Report) -> RenderableType:
    """All tables, from the summary to the details."""
    tables: dict[str, Table] = {}
    if report.stages:
        tables |= {"Where the time goes": _stages(report), "Job durations": _waits(report), "Over time": _over_time(report)}
    if report.failures:
        tables["Failures"] = _failures(report)
    if report.retried_requests:
        tables[f"Retried requests to model servers: {100 * report.retry_rate:.1f} % of all requests"] = _retried_requests(report)
    if report.hosts:
        tables["Machines of the cluster"] = _hosts(report)
    if report.slowest:
        tables["Slowest drawings"] = _slowest(report)
    if report.runs:
        tables[f"Starts: {len(report.runs)}"] = _runs(report)
    if report.incidents:
        tables["Other warnings"] = _incidents(report)
    titled = [part for title, table in tables.items() for part in (Text(f"\n{title}", style="bold"), table)]
    return Group(_heading(report), *titled)


def _heading(report: Report) -> Text:
    lines = [f"{report.done} done, {report.failed} failed"]
    more = {"not completed": len(report.unfinished), "deferred": report.deferred, "retried": report.retried}
    lines[0] += "".join(f", {count} {name}" for name, count in (more | {"duplicates": report.duplicates}).items() if count)
    if report.first is not None and report.last is not None:
        lines.append(
            f"{moment(report.first)} to {moment(report.last)} UTC ({span(report.last - report.first)}), {report.per_hour:.1f} per hour"
        )
    lines.append(source_summary(report))
    return Text("\n".join(lines))


def source_summary(report: Report) -> str:
    """How many records were read, and how many lines were skipped."""
    log = report.log
    skipped = [f"{log.unreadable} unreadable"] * bool(log.unreadable) + [f"{log.foreign} of another program or schema"] * bool(log.foreign)
    files = f"{log.files} file" + "s" * (log.files != 1)
    return f"{log.records} records in {files}" + (f"; skipped: {', '.join(skipped)}" if skipped else "")


def _stages(report: Report) -> Table:
    table = _table("stage", "jobs", "p50", "p95", "max", "share", text_columns=1)
    table.add_column("")
    for stage in report.stages:
        bar = Text(_bar(BAR_WIDTH * stage.share), style="cyan")
        table.add_row(Text(stage.stage), *_spread(stage.spread), f"{100 * stage.share:.1f} %", bar)
    return table


def _waits(report: Report) -> Table:
    table = _table("", "jobs", "p50", "p95", "max", text_columns=1)
    rows = {
        "waiting in the inbox": report.queue_wait,
        "waiting for a worker": report.worker_wait,
        "claim to completion": report.duration,
    }
    for name, spread in rows.items():
        table.add_row(name, *_spread(spread))
    return table


def _over_time(report: Report) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    length = span(timedelta(seconds=report.bucket_s))
    rows: dict[str, list[float]] = {
        f"done in {length}": [bucket.done for bucket in report.buckets],
        f"failed in {length}": [bucket.failed for bucket in report.buckets],
        "p95 claim to completion": [bucket.p95_ms or 0 for bucket in report.buckets],
    }
    for name, values in rows.items():
        maximum = max(values, default=0)
        shown = milliseconds(maximum) if name.startswith("p95") else f"{maximum:.0f}"
        table.add_row(name, Text(sparks(values), style="cyan"), f"max {shown}")
    return table


def _failures(report: Report) -> Table:
    table = _table("error type", "jobs", "last", text_columns=1)
    table.add_column("message and drawings", overflow="fold")
    for failure in report.failures:
        files = ", ".join(failure.files[:MAX_FILES]) + (", ..." if failure.count > MAX_FILES else "")
        table.add_row(Text(failure.error_type), str(failure.count), moment(failure.last), Text(f"{failure.message}\n{files}"))
    return table


def _retried_requests(report: Report) -> Table:
    table = _table("server", "reason", "retries", "jobs", text_columns=2)
    for request in report.retried_requests:
        table.add_row(Text(request.server), Text(request.reason), str(request.count), str(request.jobs))
    return table


def _hosts(report: Report) -> Table:
    table = _table("machine", "done", "failed", "work p50", "p95", "max", text_columns=1)
    for each in report.hosts:
        table.add_row(Text(each.host), str(each.done), str(each.failed), *_spread(each.work)[1:])
    return table


def _slowest(report: Report) -> Table:
    table = _table("drawing", "completed", "duration", "work", "longest stage", text_columns=1)
    for job in report.slowest[:10]:
        table.add_row(Text(job.file_name), moment(job.ended), milliseconds(job.duration_ms), milliseconds(job.work_ms), Text(job.stage))
    return table


def _runs(report: Report) -> Table:
    table = _table("started", "stopped", "reason", "version", text_columns=4)
    for run in report.runs[-10:]:
        stopped = moment(run.ended) if run.ended is not None else "unknown"
        table.add_row(moment(run.started), stopped, Text(run.reason), Text(run.version))
    return table


def _incidents(report: Report) -> Table:
    table = _table("event", "count", "last", text_columns=1)
    for incident in report.incidents:
        table.add_row(incident.event, str(incident.count), moment(incident.last))
    return table


def _table(*columns: str, text_columns: int) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number < text_columns else "right", overflow="fold")
    return table


def _spread(spread: Spread) -> tuple[str, ...]:
    if not spread.count:
        return ("0", "", "", "")
    return (str(spread.count), *(milliseconds(value) for value in (spread.p50_ms, spread.p95_ms, spread.max_ms)))


def sparks(values: Sequence[float]) -> str:
    """Values as a row of bar characters; any value above zero is visible."""
    maximum = max(values, default=0)
    top = len(_SPARKS) - 1
    return "".join(_SPARKS[max(1, round(top * value / maximum)) if value else 0] for value in values)


def _bar(length: float) -> str:
    whole, eighths = divmod(round(8 * length), 8)
    return "█" * whole + " ▏▎▍▌▋▊▉"[eighths].strip()


def milliseconds(value: float) -> str:
    """A duration with about three digits: 12.3 ms, 480 ms, 2.45 s, 5.2 min."""
    for below, unit, per_unit, digits in _UNITS:
        if value < below:
            return f"{value / per_unit:.{digits}f} {unit}"
    return f"{value / 3_600_000:.1f} h"


def span(length: timedelta) -> str:
    """A length of time in round units: 45 s, 15 min, 6 h, 3 days."""
    seconds = length.total_seconds()
    for unit_s, name in ((86_400, "day"), (3600, "h"), (60, "min")):
        if seconds >= unit_s:
            value = f"{seconds / unit_s:.1f}".removesuffix(".0")
            return f"{value} {name}" + "s" * (name == "day" and value != "1")
    return f"{seconds:.0f} s"


def moment(time: datetime) -> str:
    """A time to the second, UTC."""
    return f"{time:%Y-%m-%d %H:%M:%S}"


def print_report(report: Report) -> None:
    """Print the tables to standard output, as wide as the terminal, else 120 columns."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=120)
    console.print(report_tables(report))

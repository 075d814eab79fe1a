"""A report as tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from daemon.report.numbers import Report, Spread

BAR_WIDTH = 24
_SPARKS = " ▁▂▃▄▅▆▇█"
MOST_FILES = 5
_UNITS = ((99.95, "ms", 1, 1), (999.5, "ms", 1, 0), (9995.0, "s", 1000, 2), (99_950.0, "s", 1000, 1), (5_400_000.0, "min", 60_000, 1))
"""Below how many ms a time is told in which unit, of how many ms, with how many digits."""


def report_tables(report: Report) -> RenderableType:
    """Everything, from the whole to the details."""
    tables: dict[str, Table] = {}
    if report.stages:
        tables |= {"Where the time goes": _stages(report), "A job": _waits(report), "Over time": _over_time(report)}
    if report.failures:
        tables["What failed"] = _failures(report)
    if report.retries:
        tables[f"Asked the model server again: {100 * report.retry_rate:.1f} % of all attempts"] = _retries(report)
    if report.slowest:
        tables["Slowest drawings"] = _slowest(report)
    if report.lives:
        tables[f"Starts: {len(report.lives)}"] = _lives(report)
    if report.incidents:
        tables["What else happened"] = _incidents(report)
    titled = [part for title, table in tables.items() for part in (Text(f"\n{title}", style="bold"), table)]
    return Group(_heading(report), *titled)


def _heading(report: Report) -> Text:
    lines = [f"{report.done} done, {report.failed} failed"]
    more = {"without an end": len(report.unfinished), "deferred": report.deferred, "tried again": report.retried}
    lines[0] += "".join(f", {count} {name}" for name, count in (more | {"sent twice": report.duplicates}).items() if count)
    if report.first is not None and report.last is not None:
        lines.append(
            f"{moment(report.first)} to {moment(report.last)} UTC ({span(report.last - report.first)}), {report.per_hour:.1f} an hour"
        )
    lines.append(read(report))
    return Text("\n".join(lines))


def read(report: Report) -> str:
    """What was read, and what could not be."""
    log = report.log
    left_out = [f"{log.unreadable} unreadable"] * bool(log.unreadable) + [f"{log.foreign} of another program or schema"] * bool(log.foreign)
    files = f"{log.files} file" + "s" * (log.files != 1)
    return f"{log.records} records counted, in {files}" + (f"; left out: {', '.join(left_out)}" if left_out else "")


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
        "waited in the inbox": report.queue_wait,
        "waited for a worker": report.worker_wait,
        "from claim to end": report.duration,
    }
    for name, spread in rows.items():
        table.add_row(name, *_spread(spread))
    return table


def _over_time(report: Report) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    step = span(timedelta(seconds=report.step_s))
    rows: dict[str, list[float]] = {
        f"done in {step}": [bucket.done for bucket in report.buckets],
        f"failed in {step}": [bucket.failed for bucket in report.buckets],
        "p95 from claim to end": [bucket.p95_ms or 0 for bucket in report.buckets],
    }
    for name, values in rows.items():
        most = max(values, default=0)
        shown = milliseconds(most) if name.startswith("p95") else f"{most:.0f}"
        table.add_row(name, Text(sparks(values), style="cyan"), f"at most {shown}")
    return table


def _failures(report: Report) -> Table:
    table = _table("reason", "jobs", "last", text_columns=1)
    table.add_column("why, and which", overflow="fold")
    for failure in report.failures:
        files = ", ".join(failure.files[:MOST_FILES]) + (", ..." if failure.count > MOST_FILES else "")
        table.add_row(Text(failure.error_type), str(failure.count), moment(failure.last), Text(f"{failure.message}\n{files}"))
    return table


def _retries(report: Report) -> Table:
    table = _table("server", "reason", "times", "jobs", text_columns=2)
    for retry in report.retries:
        table.add_row(Text(retry.upstream), Text(retry.reason), str(retry.count), str(retry.jobs))
    return table


def _slowest(report: Report) -> Table:
    table = _table("drawing", "ended", "from claim", "at work", "mostly", text_columns=1)
    for job in report.slowest[:10]:
        table.add_row(Text(job.file_name), moment(job.ended), milliseconds(job.duration_ms), milliseconds(job.work_ms), Text(job.stage))
    return table


def _lives(report: Report) -> Table:
    table = _table("started", "stopped", "why", "version", text_columns=4)
    for life in report.lives[-10:]:
        stopped = moment(life.ended) if life.ended is not None else "not told"
        table.add_row(moment(life.started), stopped, Text(life.reason), Text(life.version))
    return table


def _incidents(report: Report) -> Table:
    table = _table("event", "times", "last", text_columns=1)
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
    """Values as a row of bars; anything above nothing is seen."""
    most = max(values, default=0)
    top = len(_SPARKS) - 1
    return "".join(_SPARKS[max(1, round(top * value / most)) if value else 0] for value in values)


def _bar(length: float) -> str:
    whole, eighths = divmod(round(8 * length), 8)
    return "█" * whole + " ▏▎▍▌▋▊▉"[eighths].strip()


def milliseconds(value: float) -> str:
    """A time in three digits or so: 12.3 ms, 480 ms, 2.45 s, 5.2 min."""
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
    """A time for people, to the second, UTC."""
    return f"{time:%Y-%m-%d %H:%M:%S}"


def print_report(report: Report) -> None:
    """On standard output, as wide as it is; 120 columns where it is no terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=120)
    console.print(report_tables(report))

"""A report as one HTML page with plots and tables, light and dark, for phones and screen readers; no network access and no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape
from importlib import resources

from daemon.report.numbers import Report, Spread
from daemon.report.plots import Series, bars_plot, lines_plot, meter, shares_bar
from daemon.report.tables import milliseconds, moment, source_summary, span

MAX_FILES = 4
MAX_RUNS = 12
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is fetched and nothing is executed, because names in a log are untrusted input."""


def page(report: Report, *, made: datetime) -> str:
    """The page.

    Args:
        made: when the report was made, UTC.
    """
    style = resources.files("daemon.report").joinpath("report.css").read_text(encoding="utf-8")
    sections = [
        _tiles(report),
        _stages(report),
        _over_time(report),
        _failures(report),
        _slowest(report),
        _waits(report),
        _retried_requests(report),
        _hosts(report),
    ]
    body = "".join((*sections, _runs(report), _incidents(report), _unfinished(report)))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>doodled: {report.done} done, {report.failed} failed</title>
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#content">Skip to content</a>
<header>
<h1>doodled report</h1>
<p>{_period(report)}</p>
</header>
<main id="content">
{body}
</main>
<footer>
<p>{escape(source_summary(report))}. Created by <code>doodled report</code> at {moment(made)} UTC. All times are UTC.</p>
</footer>
</body>
</html>
"""


def _period(report: Report) -> str:
    if report.first is None or report.last is None:
        return "These logs contain no records."
    first, last = (f'<time datetime="{at.isoformat()}">{moment(at)}</time>' for at in (report.first, report.last))
    return f"{first} to {last} UTC, {span(report.last - report.first)}"


def _tiles(report: Report) -> str:
    ended = report.done + report.failed
    share = f" ({100 * report.failed / ended:.1f} %)" if ended else ""
    tiles = [
        (f"{report.done:,}", "drawings animated", ""),
        (f"{report.failed:,}", f"failed{share}", "bad" if report.failed else ""),
        (milliseconds(report.duration.p50_ms), "median job, claim to completion", ""),
        (milliseconds(report.duration.p95_ms), "p95 job, claim to completion", ""),
        (milliseconds(report.queue_wait.p95_ms), "p95 wait in the inbox", ""),
        (f"{report.per_hour:,.0f}" if report.per_hour >= 10 else f"{report.per_hour:.1f}", "jobs per hour", ""),
        (f"{report.restarts}", "restart" + "s" * (report.restarts != 1), ""),
    ]
    items = "".join(
        f'<li><span class="number {kind}">{number}</span> <span class="name">{name}</span></li>' for number, name, kind in tiles
    )
    return f'<ul class="tiles">{items}</ul>'


def _stages(report: Report) -> str:
    if not report.stages:
        return ""
    colors = [f"--stage-{min(number, 8)}" for number in range(len(report.stages))]
    longest_ms = max(stage.spread.p95_ms for stage in report.stages) or 1.0
    rows = []
    for stage, color in zip(report.stages, colors, strict=True):
        steps = ", ".join(f"{step} {milliseconds(ms / stage.spread.count)}" for step, ms in stage.steps_ms.items())
        named = f'<span class="key" style="background:var({color})"></span>{escape(stage.stage)}'
        named += f"<br><small>{escape(steps)}</small>" if len(stage.steps_ms) > 1 else ""
        bar = meter(color, stage.spread.p50_ms / longest_ms, stage.spread.p95_ms / longest_ms)
        rows.append([f'<th scope="row">{named}</th>', *_spread(stage.spread), _cell(f"{100 * stage.share:.1f} %"), _bar_cell(bar)])
    shares = [(stage.stage, stage.share, color) for stage, color in zip(report.stages, colors, strict=True)]
    summary = ", ".join(f"{name} {100 * share:.0f} %" for name, share, _ in sorted(shares, key=lambda each: -each[1]))
    head = [
        ("stage", "text"),
        ("jobs", "more"),
        ("p50", ""),
        ("p95", ""),
        ("max", "more"),
        ("share", ""),
        ("p50, p95 pale", "bar text"),
    ]
    return _section(
        "Stages",
        shares_bar(f"Share of the work time: {summary}", shares) + _table("Duration of each stage", head, rows),
        "Share of each stage in the time that workers spent. Below a stage: the mean time of its steps.",
    )


def _over_time(report: Report) -> str:
    buckets = report.buckets
    if not buckets:
        return ""
    length = span(timedelta(seconds=report.bucket_s))
    slowest = max((each.p95_ms for each in buckets if each.p95_ms is not None), default=0.0)
    busiest = max(each.done + each.failed for each in buckets)
    latency = lines_plot(
        "Job duration",
        f"Line chart: in the slowest {length}, 95 % of jobs took less than {milliseconds(slowest)}",
        buckets,
        [
            Series("p50", "--p50", [each.p50_ms for each in buckets]),
            Series("p95", "--p95", [each.p95_ms for each in buckets]),
        ],
    )
    waiting = lines_plot(
        "Wait in the inbox",
        "Line chart: the time within which 95 % of jobs were claimed",
        buckets,
        [Series("p95", "--stage-4", [each.waited_p95_ms for each in buckets])],
    )
    throughput = bars_plot(
        f"Jobs in {length}",
        f"Bar chart: at most {busiest} jobs completed in {length}; in total {report.done} were done and {report.failed} failed",
        buckets,
        [Series("done", "--good", [each.done for each in buckets]), Series("failed", "--bad", [each.failed for each in buckets])],
    )
    return _section("Over time", throughput + latency + waiting + _bucket_table(report))


def _bucket_table(report: Report) -> str:
    rows = [
        [
            _head(moment(each.start)),
            _cell(str(each.done)),
            _cell(str(each.failed)),
            *(_cell(milliseconds(value) if value is not None else "") for value in (each.p50_ms, each.p95_ms, each.waited_p95_ms)),
        ]
        for each in report.buckets
    ]
    head = [("from", "text"), ("done", ""), ("failed", ""), ("p50", ""), ("p95", ""), ("wait p95", "")]
    return f"<details><summary>Show as a table</summary>{_table('Jobs over time', head, rows)}</details>"


def _failures(report: Report) -> str:
    if not report.failures:
        return ""
    max_count = max(each.count for each in report.failures)
    rows = []
    for each in report.failures:
        named = ", ".join(_name(file) for file in each.files[:MAX_FILES])
        more = f" and {each.count - MAX_FILES:,} more" if each.count > MAX_FILES else ""
        why = f'<td class="wide">{escape(each.message)}<div class="names">{named}{more}</div></td>'
        bar = _bar_cell(meter("--bad", each.count / max_count), 18)
        rows.append([_head(each.error_type), _cell(f"{each.count:,}"), bar, _cell(moment(each.last), "more"), why])
    head = [("error type", "text"), ("jobs", ""), ("", "bar"), ("last", "more"), ("message and drawings", "text")]
    return _section("Failures", _table("Failures by error type", head, rows))


def _slowest(report: Report) -> str:
    if not report.slowest:
        return ""
    longest_ms = report.slowest[0].duration_ms or 1.0
    rows = [
        [
            f'<th scope="row" class="wide">{_name(job.file_name)}<br><small><code>{escape(job.job_id)}</code></small></th>',
            _cell(milliseconds(job.duration_ms)),
            _cell(milliseconds(job.work_ms), "more"),
            _cell(job.stage),
            _bar_cell(meter("--p95", job.work_ms / longest_ms, job.duration_ms / longest_ms), 20),
            _cell(moment(job.ended), "more"),
        ]
        for job in report.slowest[:10]
    ]
    bar = ("work, waiting pale", "bar text")
    head = [("drawing", "text"), ("duration", ""), ("work", "more"), ("longest stage", ""), bar, ("completed", "more")]
    return _section("Slowest drawings", _table("Slowest drawings", head, rows))


def _waits(report: Report) -> str:
    named = {"in the inbox": report.queue_wait, "for a worker": report.worker_wait}
    rows = [[_head(name), *_spread(spread)] for name, spread in named.items() if spread.count]
    head = [("drawings waited", "text"), ("jobs", "more"), ("p50", ""), ("p95", ""), ("max", "more")]
    return _section("Waiting", _table("Waiting times", head, rows)) if rows else ""


def _retried_requests(report: Report) -> str:
    if not report.retried_requests:
        return ""
    groups = report.retried_requests
    rows = [[_head(each.server), _cell(each.reason), _cell(f"{each.count:,}"), _cell(f"{each.jobs:,}")] for each in groups]
    head = [("model server", "text"), ("reason", ""), ("retries", ""), ("jobs", "")]
    share = f"{100 * report.retry_rate:.1f} % of the requests were retried."
    return _section("Model servers", _table("Retried requests", head, rows), share)


def _hosts(report: Report) -> str:
    if not report.hosts:
        return ""
    rows = [[_head(each.host), _cell(f"{each.done:,}"), _cell(f"{each.failed:,}"), *_spread(each.work)[1:]] for each in report.hosts]
    head = [("machine", "text"), ("done", ""), ("failed", ""), ("work p50", ""), ("p95", ""), ("max", "more")]
    return _section("Machines", _table("Machines of the cluster", head, rows))


def _runs(report: Report) -> str:
    if not report.runs:
        return ""
    rows = [
        [
            _head(moment(each.started)),
            _cell(moment(each.ended) if each.ended is not None else "unknown"),
            _cell(span(each.ended - each.started) if each.ended is not None else "", "more"),
            _cell(each.reason),
            _cell(each.version, "more"),
        ]
        for each in reversed(report.runs)
    ]
    head = [("started", "text"), ("stopped", ""), ("ran for", "more"), ("reason", ""), ("version", "more")]
    lead = "A run without a stop is still running, or was killed."
    more = f" Last {MAX_RUNS} of {len(rows):,}." if len(rows) > MAX_RUNS else ""
    return _section("Starts", _table("Starts and stops", head, rows[:MAX_RUNS]), lead + more)


def _incidents(report: Report) -> str:
    if not report.incidents:
        return ""
    rows = [[_head(each.event), _cell(f"{each.count:,}"), _cell(moment(each.last))] for each in report.incidents]
    return _section("Other warnings", _table("Other warnings", [("event", "text"), ("count", ""), ("last", "")], rows))


def _unfinished(report: Report) -> str:
    if not report.unfinished:
        return ""
    names = ", ".join(_name(name) for name in report.unfinished[:50])
    more = f" and {len(report.unfinished) - 50:,} more" if len(report.unfinished) > 50 else ""
    text = f'<div class="names">{names}{more}</div>'
    return _section("Not completed", text, "Claimed drawings without a record of completion: they run, wait, or are stuck.")


# --- elements --------------------------------------------------------------------------------------------------------


def _section(title: str, content: str, lead: str = "") -> str:
    name = title.lower().replace(" ", "-")
    opening = f"<p>{escape(lead)}</p>" if lead else ""
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(title)}</h2>{opening}{content}</section>\n'


def _table(label: str, head: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> str:
    """A table that scrolls within the page where it is too wide, also with the keyboard."""
    cells = "".join(f'<th scope="col" class="{kind}">{escape(name)}</th>' if name else f'<td class="{kind}"></td>' for name, kind in head)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">{table}</div>'


def _spread(spread: Spread) -> list[str]:
    times = [_cell(milliseconds(value)) for value in (spread.p50_ms, spread.p95_ms)]
    return [_cell(f"{spread.count:,}", "more"), *times, _cell(milliseconds(spread.max_ms), "more")]


def _cell(text: str, kind: str = "") -> str:
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"


def _bar_cell(bar: str, width_percent: int = 30) -> str:
    return f'<td class="bar" style="width:{width_percent}%">{bar}</td>'


def _head(text: str) -> str:
    return f'<th scope="row">{escape(text)}</th>'


def _name(text: str) -> str:
    return f"<bdi>{escape(text)}</bdi>"

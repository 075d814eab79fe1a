"""A report as one HTML page: plots, tables, light and dark, readable on a phone and by a screen reader; needs no network and no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape
from importlib import resources

from daemon.report.numbers import Report, Spread
from daemon.report.plots import Series, bars_plot, lines_plot, meter, shares_bar
from daemon.report.tables import milliseconds, moment, read, span

MOST_FILES = 4
MOST_STARTS = 12
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is fetched, nothing is run: names in a log come from strangers."""


def page(report: Report, *, made: datetime) -> str:
    """The whole page.

    Args:
        made: when, UTC.
    """
    style = resources.files("daemon.report").joinpath("report.css").read_text(encoding="utf-8")
    sections = [_tiles(report), _stages(report), _over_time(report), _failures(report), _slowest(report), _waits(report), _retries(report)]
    body = "".join((*sections, _lives(report), _incidents(report), _unfinished(report)))
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
<a class="skip" href="#content">To the numbers</a>
<header>
<h1>doodled: where the time goes</h1>
<p>{_period(report)}</p>
</header>
<main id="content">
{body}
</main>
<footer>
<p>{escape(read(report))}. Made by <code>doodled report</code>, {moment(made)} UTC. All times are UTC.</p>
</footer>
</body>
</html>
"""


def _period(report: Report) -> str:
    if report.first is None or report.last is None:
        return "There is nothing in these logs."
    first, last = (f'<time datetime="{at.isoformat()}">{moment(at)}</time>' for at in (report.first, report.last))
    return f"{first} to {last} UTC, {span(report.last - report.first)}"


def _tiles(report: Report) -> str:
    ended = report.done + report.failed
    share = f" ({100 * report.failed / ended:.1f} %)" if ended else ""
    tiles = [
        (f"{report.done:,}", "animations made", ""),
        (f"{report.failed:,}", f"failed{share}", "bad" if report.failed else ""),
        (milliseconds(report.duration.p50_ms), "a job, claim to end: half are faster", ""),
        (milliseconds(report.duration.p95_ms), "95 of 100 are faster", ""),
        (milliseconds(report.queue_wait.p95_ms), "waited in the inbox, 95 of 100 less", ""),
        (f"{report.per_hour:,.0f}" if report.per_hour >= 10 else f"{report.per_hour:.1f}", "an hour", ""),
        (f"{report.restarts}", "restart" + "s" * (report.restarts != 1), ""),
    ]
    items = "".join(
        f'<li><span class="number {kind}">{number}</span> <span class="name">{name}</span></li>' for number, name, kind in tiles
    )
    return f'<ul class="tiles">{items}</ul>'


def _stages(report: Report) -> str:
    if not report.stages:
        return ""
    colours = [f"--stage-{min(number, 8)}" for number in range(len(report.stages))]
    longest_ms = max(stage.spread.p95_ms for stage in report.stages) or 1.0
    rows = []
    for stage, colour in zip(report.stages, colours, strict=True):
        parts = ", ".join(f"{part} {milliseconds(ms / stage.spread.count)}" for part, ms in stage.parts_ms.items())
        named = f'<span class="key" style="background:var({colour})"></span>{escape(stage.stage)}'
        named += f"<br><small>{escape(parts)}</small>" if len(stage.parts_ms) > 1 else ""
        bar = meter(colour, stage.spread.p50_ms / longest_ms, stage.spread.p95_ms / longest_ms)
        rows.append([f'<th scope="row">{named}</th>', *_spread(stage.spread), _cell(f"{100 * stage.share:.1f} %"), _bar_cell(bar)])
    shares = [(stage.stage, stage.share, colour) for stage, colour in zip(report.stages, colours, strict=True)]
    told = ", ".join(f"{name} {100 * share:.0f} %" for name, share, _ in sorted(shares, key=lambda each: -each[1]))
    head = [
        ("stage", "text"),
        ("jobs", "more"),
        ("p50", ""),
        ("p95", ""),
        ("max", "more"),
        ("share", ""),
        ("p50, and p95 in pale", "bar text"),
    ]
    return _section(
        "Stages",
        shares_bar(f"Share of the time at work: {told}", shares) + _table("Times of each stage", head, rows),
        "The work on a drawing, stage by stage: shares of all the time that workers spent. Below a stage: its parts, on average.",
    )


def _over_time(report: Report) -> str:
    buckets = report.buckets
    if not buckets:
        return ""
    step = span(timedelta(seconds=report.step_s))
    slowest = max((each.p95_ms for each in buckets if each.p95_ms is not None), default=0.0)
    busiest = max(each.done + each.failed for each in buckets)
    latency = lines_plot(
        "From claim to end",
        f"Lines over time: in the slowest {step}, 95 of 100 jobs took less than {milliseconds(slowest)}",
        buckets,
        [
            Series("p50", "--p50", [each.p50_ms for each in buckets]),
            Series("p95", "--p95", [each.p95_ms for each in buckets]),
        ],
    )
    waiting = lines_plot(
        "Waited in the inbox",
        "A line over time: how long 95 of 100 jobs waited at most before they were claimed",
        buckets,
        [Series("p95", "--stage-4", [each.waited_p95_ms for each in buckets])],
    )
    throughput = bars_plot(
        f"Jobs in {step}",
        f"Bars over time: at most {busiest} jobs ended in {step}; {report.done} were done and {report.failed} failed altogether",
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
    head = [("from", "text"), ("done", ""), ("failed", ""), ("p50", ""), ("p95", ""), ("waited p95", "")]
    return f"<details><summary>The same as numbers</summary>{_table('Jobs over time', head, rows)}</details>"


def _failures(report: Report) -> str:
    if not report.failures:
        return ""
    most = max(each.count for each in report.failures)
    rows = []
    for each in report.failures:
        named = ", ".join(_name(file) for file in each.files[:MOST_FILES])
        more = f" and {each.count - MOST_FILES:,} more" if each.count > MOST_FILES else ""
        why = f'<td class="wide">{escape(each.message)}<div class="names">{named}{more}</div></td>'
        bar = _bar_cell(meter("--bad", each.count / most), 18)
        rows.append([_head(each.error_type), _cell(f"{each.count:,}"), bar, _cell(moment(each.last), "more"), why])
    head = [("reason", "text"), ("jobs", ""), ("", "bar"), ("last", "more"), ("why, and which drawings", "text")]
    return _section("Failures", _table("Failures by reason", head, rows))


def _slowest(report: Report) -> str:
    if not report.slowest:
        return ""
    most = report.slowest[0].duration_ms or 1.0
    rows = [
        [
            f'<th scope="row" class="wide">{_name(job.file_name)}<br><small><code>{escape(job.job_id)}</code></small></th>',
            _cell(milliseconds(job.duration_ms)),
            _cell(milliseconds(job.work_ms), "more"),
            _cell(job.stage),
            _bar_cell(meter("--p95", job.work_ms / most, job.duration_ms / most), 20),
            _cell(moment(job.ended), "more"),
        ]
        for job in report.slowest[:10]
    ]
    bar = ("at work, and waiting in pale", "bar text")
    head = [("drawing", "text"), ("claim to end", ""), ("at work", "more"), ("mostly", ""), bar, ("ended", "more")]
    return _section("Slowest drawings", _table("Slowest drawings", head, rows))


def _waits(report: Report) -> str:
    named = {"in the inbox, before its claim": report.queue_wait, "for a worker, after it": report.worker_wait}
    rows = [[_head(name), *_spread(spread)] for name, spread in named.items() if spread.count]
    head = [("a drawing waited", "text"), ("jobs", "more"), ("p50", ""), ("p95", ""), ("max", "more")]
    return _section("Waiting", _table("Waiting times", head, rows)) if rows else ""


def _retries(report: Report) -> str:
    if not report.retries:
        return ""
    rows = [[_head(each.upstream), _cell(each.reason), _cell(f"{each.count:,}"), _cell(f"{each.jobs:,}")] for each in report.retries]
    head = [("model server", "text"), ("reason", ""), ("asked again", ""), ("jobs", "")]
    share = f"{100 * report.retry_rate:.1f} % of all attempts had to be made again."
    return _section("Model servers", _table("Questions asked again", head, rows), share)


def _lives(report: Report) -> str:
    if not report.lives:
        return ""
    rows = [
        [
            _head(moment(each.started)),
            _cell(moment(each.ended) if each.ended is not None else "not told"),
            _cell(span(each.ended - each.started) if each.ended is not None else "", "more"),
            _cell(each.reason),
            _cell(each.version, "more"),
        ]
        for each in reversed(report.lives)
    ]
    head = [("started", "text"), ("stopped", ""), ("ran for", "more"), ("why it stopped", ""), ("version", "more")]
    lead = "A stop that is not told: it still runs, or was killed."
    more = f" The last {MOST_STARTS} of {len(rows):,}." if len(rows) > MOST_STARTS else ""
    return _section("Starts", _table("Starts and stops", head, rows[:MOST_STARTS]), lead + more)


def _incidents(report: Report) -> str:
    if not report.incidents:
        return ""
    rows = [[_head(each.event), _cell(f"{each.count:,}"), _cell(moment(each.last))] for each in report.incidents]
    return _section("What else happened", _table("Incidents", [("event", "text"), ("times", ""), ("last", "")], rows))


def _unfinished(report: Report) -> str:
    if not report.unfinished:
        return ""
    names = ", ".join(_name(name) for name in report.unfinished[:50])
    more = f" and {len(report.unfinished) - 50:,} more" if len(report.unfinished) > 50 else ""
    text = f'<div class="names">{names}{more}</div>'
    return _section("No end told", text, "Drawings that were claimed, and of which these logs tell no end: they run, wait, or are stuck.")


# --- pieces ----------------------------------------------------------------------------------------------------------


def _section(title: str, content: str, lead: str = "") -> str:
    name = title.lower().replace(" ", "-")
    opening = f"<p>{escape(lead)}</p>" if lead else ""
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(title)}</h2>{opening}{content}</section>\n'


def _table(label: str, head: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> str:
    """A table that scrolls by itself where it is wider than the page, with the keyboard, too."""
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

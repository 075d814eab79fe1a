"""Statistics of a log, computed by DuckDB: durations, failures, retries, restarts.

Reads the JSON lines that etc/doc/logging.md describes. Durations of stages come from the canonical records (`job.done`, `job.failed`),
which every job has once, whatever `log.stages` says. Lines of other programs or of another schema are counted and skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from daemon.log.events import SCHEMA, WARNINGS, Event
from daemon.log.processors import clean
from daemon.log.stages import STAGES
from daemon.report.numbers import (
    Bucket,
    FailureGroup,
    HostTimes,
    Incident,
    LogSummary,
    Report,
    RetriedRequests,
    Run,
    SlowJob,
    Spread,
    StageTimes,
)
from pipeline.errors import OptionError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MAX_ROWS: Final = 15
"""At most this many slowest drawings, and files per error type, are named."""

LONGEST_MS: Final = 86_400_000 * 365
"""Longer durations, negative ones and infinity are no measurements: they count as missing, as values of another type do."""

MEMORY_MB: Final = 300
_BUCKETS_S: Final = (1, 5, 15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86_400, 7 * 86_400, 28 * 86_400)
_MAX_BUCKETS: Final = 60

_COLUMNS: Final = {
    "timestamp": "TIMESTAMP",
    "event": "VARCHAR",
    "schema": "BIGINT",
    "service": "VARCHAR",
    "instance": "VARCHAR",
    "version": "VARCHAR",
    "job_id": "VARCHAR",
    "file_name": "VARCHAR",
    "host": "VARCHAR",
    "stage": "VARCHAR",
    "duration_ms": "DOUBLE",
    "queue_wait_ms": "DOUBLE",
    "error_type": "VARCHAR",
    "error_message": "VARCHAR",
    "reason": "VARCHAR",
    "server_address": "VARCHAR",
    "server_port": "BIGINT",
    "status_code": "BIGINT",
    "attempt": "BIGINT",
    "is_recovered": "BOOLEAN",
    "log_dropped": "BIGINT",
    "overflows": "BIGINT",
    "oldest_pending_s": "DOUBLE",
    "steps_ms": "MAP(VARCHAR, DOUBLE)",
}
"""Fields that are read. A value of another type counts as missing (DuckDB's `ignore_errors`)."""

_LOAD: Final = """
create table seen as select * from read_json(?, format = 'newline_delimited', ignore_errors = true, columns = {columns})
where event is distinct from 'stage.done' or service is distinct from 'doodled' or schema is distinct from {schema} or "timestamp" is null;
"""
_SPLIT: Final = """
create macro sane(ms) as case when ms between 0 and {longest_ms} then ms end;
create view l as select * replace (sane(duration_ms) as duration_ms, sane(queue_wait_ms) as queue_wait_ms, sane(log_dropped) as log_dropped,
    map_from_entries([step for step in map_entries(steps_ms) if step.value between 0 and {longest_ms}]) as steps_ms)
  from seen where service = 'doodled' and schema = {schema} and event is not null and "timestamp" is not null
  and "timestamp" >= {since};
create view ended as select *, event = 'job.done' as is_done from l where event in ('job.done', 'job.failed');
create table steps as select job_id, step.key as step, step.value as ms
  from (select job_id, unnest(map_entries(steps_ms)) as step from ended where steps_ms is not null);
"""
_INCIDENTS: Final = WARNINGS - {Event.STAGE_FAILED, Event.INFERENCE_RETRIED, Event.JOB_RETRIED, Event.JOB_DEFERRED}
"""Warnings that no other table shows."""

_SPREAD: Final = "count({0}), coalesce(quantile_cont({0}, 0.5), 0), coalesce(quantile_cont({0}, 0.95), 0), coalesce(max({0}), 0)"


def require_duckdb() -> None:
    """Check that DuckDB is installed, before anything is read or written.

    Raises:
        OptionError: DuckDB is not installed.
    """
    if find_spec("duckdb") is None:
        hint = "pip install duckdb; in a container, save the log (docker logs doodled >log.jsonl) and run doodled report outside"
        raise OptionError("a report needs DuckDB, which is not installed", hint=hint)


def report_of(logs: Sequence[Path], folder: Path, *, since: datetime | None = None) -> Report:
    """The statistics of these log files.

    Args:
        folder: for DuckDB's temporary files.
        since: earlier records are skipped.
    Raises:
        OptionError: a file ends within its gzip data, or has a line that is too long for a record of the daemon.
    """
    import duckdb

    settings: dict[str, Any] = {"memory_limit": f"{MEMORY_MB}MB", "temp_directory": str(folder), "preserve_insertion_order": False}
    with duckdb.connect(":memory:", config=settings) as con:
        columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in _COLUMNS.items()) + "}"
        try:
            con.execute(_LOAD.format(columns=columns, schema=SCHEMA), [[str(log) for log in logs]])
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            for log in logs:
                file = log.resolve()  # users know neither links of ours nor copies of what they pipe
                reason = reason.replace(str(log), "standard input or a pipe" if file.parent == folder.resolve() else str(file))
            raise OptionError(f"the log can't be read: {reason}", hint="leave this file out, or mend it") from error
        begin = f"TIMESTAMP '{since.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'" if since is not None else "TIMESTAMP '-infinity'"
        con.execute(_SPLIT.format(schema=SCHEMA, since=begin, longest_ms=LONGEST_MS))
        return _Queries(con).report(len(logs))


class _Queries:
    """Queries on the tables above."""

    def __init__(self, con: DuckDBPyConnection) -> None:
        self._con = con

    def report(self, files: int) -> Report:
        first, last = self._row('select min("timestamp"), max("timestamp") from l')
        bucket_s = _bucket_s(first, last)
        counts = dict(self._rows("select event, count(*) from l group by 1"))
        (inferences,) = self._row("select count(*) from steps where step = 'detect'")
        return Report(
            log=self._summary(files),
            first=_utc(first),
            last=_utc(last),
            done=counts.get("job.done", 0),
            failed=counts.get("job.failed", 0),
            deferred=counts.get("job.deferred", 0),
            retried=counts.get("job.retried", 0),
            duplicates=counts.get("job.duplicate", 0),
            duration=self._spread("duration_ms", "ended"),
            queue_wait=self._spread("queue_wait_ms", "l where event = 'job.claimed'"),
            worker_wait=self._worker_wait(),
            stages=self._stages(),
            bucket_s=bucket_s,
            buckets=self._buckets(bucket_s),
            failures=self._failures(),
            retried_requests=self._retried_requests(),
            inferences=inferences,
            hosts=self._hosts(),
            slowest=self._slowest(),
            runs=self._runs(),
            incidents=self._incidents(),
            unfinished=self._unfinished(),
        )

    def _rows(self, query: str, values: object = None) -> list[Any]:
        """Rows with sanitized texts, because names in a log are untrusted input."""
        return [tuple(clean(value) for value in row) for row in self._con.execute(query, values).fetchall()]

    def _row(self, query: str) -> Any:  # noqa: ANN401 - a tuple of the selected columns
        return self._rows(query)[0]

    def _spread(self, column: str, source: str) -> Spread:
        return Spread(*self._row(f"select {_SPREAD.format(column)} from {source}"))  # noqa: S608 - constants

    def _summary(self, files: int) -> LogSummary:
        return LogSummary(
            files,
            *self._row(
                f"""select (select count(*) from l), count(*) filter (event is null or "timestamp" is null),
                count(*) filter (event is not null and "timestamp" is not null
                                 and (service is distinct from 'doodled' or schema is distinct from {SCHEMA})) from seen""",  # noqa: S608
            ),
        )

    def _worker_wait(self) -> Spread:
        return self._spread(
            "wait_ms",
            """(select greatest(0, duration_ms - list_sum(map_values(steps_ms))) as wait_ms from ended
                where is_done and attempt = 1 and duration_ms is not null)""",
        )

    def _stages(self) -> list[StageTimes]:
        self._con.execute("create or replace table stage_of (step varchar, stage varchar, ordinal integer)")
        known = [(step, stage, ordinal) for ordinal, (stage, steps) in enumerate(STAGES.items()) for step in steps]
        self._con.executemany("insert into stage_of values (?, ?, ?)", known)
        rows = self._rows(
            f"""with jobs as (select job_id, coalesce(stage, step) as stage, coalesce(ordinal, 99) as ordinal, sum(ms) as ms
                from steps left join stage_of using (step) group by all)
            select stage, {_SPREAD.format("ms")}, sum(ms), coalesce(sum(ms) / nullif(sum(sum(ms)) over (), 0), 0) from jobs
            group by stage, ordinal order by ordinal, stage""",  # noqa: S608 - constants
        )
        steps = dict[str, dict[str, float]]()
        for stage, step, ms in self._rows(
            "select coalesce(stage, step), step, sum(ms) from steps left join stage_of using (step) group by all order by 3 desc",
        ):
            steps.setdefault(stage, {})[step] = ms
        return [StageTimes(stage, Spread(*spread), total_ms, share, steps[stage]) for stage, *spread, total_ms, share in rows]

    def _buckets(self, bucket_s: int) -> list[Bucket]:
        rows = self._rows(
            f"""with counted as (select time_bucket(interval {bucket_s} second, "timestamp") as start,
                  count(*) filter (is_done) as done, count(*) filter (not is_done) as failed,
                  quantile_cont(duration_ms, 0.5) as p50, quantile_cont(duration_ms, 0.95) as p95,
                  quantile_cont(queue_wait_ms, 0.95) as waited from ended group by 1),
                starts as (select unnest(generate_series(time_bucket(interval {bucket_s} second, min("timestamp")),
                  max("timestamp"), interval {bucket_s} second)) as start from l)
            select start, coalesce(done, 0), coalesce(failed, 0), p50, p95, waited
            from starts left join counted using (start) order by start""",  # noqa: S608 - constants
        )
        return [Bucket(start.replace(tzinfo=UTC), *rest) for start, *rest in rows]

    def _failures(self) -> list[FailureGroup]:
        rows = self._rows(
            f"""select coalesce(error_type, 'unknown'), count(*), coalesce(arg_max(error_message, "timestamp"), ''), max("timestamp"),
              list(coalesce(file_name, job_id) order by "timestamp" desc)[:{MAX_ROWS}]
            from ended where not is_done group by 1 order by 2 desc, 1""",  # noqa: S608 - constants
        )
        return [FailureGroup(kind, count, message, _utc(last) or datetime.now(UTC), files) for kind, count, message, last, files in rows]

    def _retried_requests(self) -> list[RetriedRequests]:
        return [
            RetriedRequests(*row)
            for row in self._rows(
                """select coalesce(concat_ws(':', server_address, server_port), '?'), concat_ws(' ', status_code, error_type) as reason,
                  count(*), count(distinct job_id)
                from l where event = 'inference.retried' group by 1, 2 order by 3 desc, 1, 2""",
            )
        ]

    def _hosts(self) -> list[HostTimes]:
        rows = self._rows(
            f"""with worked as (select host, is_done, list_sum(map_values(steps_ms)) as work_ms from ended where host is not null)
            select host, count(*) filter (is_done), count(*) filter (not is_done), {_SPREAD.format("work_ms")}
            from worked group by 1 order by 2 desc, 1""",  # noqa: S608 - constants
        )
        return [HostTimes(host, done, failed, Spread(*spread)) for host, done, failed, *spread in rows]

    def _slowest(self) -> list[SlowJob]:
        rows = self._rows(
            f"""with slow as (select job_id, coalesce(file_name, '') as file_name, "timestamp", duration_ms,
                coalesce(list_sum(map_values(steps_ms)), 0) as work_ms
              from ended where duration_ms is not null order by duration_ms desc, job_id limit {MAX_ROWS}),
            longest as (select job_id, arg_max(coalesce(stage, step), ms) as stage from steps semi join slow using (job_id)
              left join stage_of using (step) group by 1)
            select slow.*, coalesce(longest.stage, '') from slow left join longest using (job_id) order by duration_ms desc, job_id""",  # noqa: S608
        )
        return [SlowJob(job, name, at.replace(tzinfo=UTC), *rest) for job, name, at, *rest in rows]

    def _runs(self) -> list[Run]:
        rows = self._rows(
            """select instance, any_value(version), min("timestamp") filter (event = 'daemon.start') as started,
              max("timestamp") filter (event = 'daemon.stop'), coalesce(any_value(reason) filter (event = 'daemon.stop'), '')
            from l where instance is not null group by 1 having started is not null order by started""",
        )
        return [Run(name, version or "", _utc(began) or datetime.now(UTC), _utc(ended), why) for name, version, began, ended, why in rows]

    def _incidents(self) -> list[Incident]:
        rows = self._rows(
            """with incidents as (
              select event, 1 as n, "timestamp" from l where list_contains(?, event)
              union all
              select 'log records dropped', max(log_dropped), max("timestamp") from l where log_dropped > 0 group by instance)
            select event, sum(n)::bigint, max("timestamp") from incidents group by 1 order by 2 desc, 1""",
            [sorted(map(str, _INCIDENTS))],
        )
        return [Incident(event, count, last.replace(tzinfo=UTC)) for event, count, last in rows]

    def _unfinished(self) -> list[str]:
        return [
            name
            for (name,) in self._rows(
                """select coalesce(any_value(file_name), job_id) from l where job_id is not null group by job_id
                having bool_or(event in ('job.claimed', 'job.recovered'))
                and not bool_or(event in ('job.done', 'job.failed', 'job.review', 'job.unclaimed'))
                order by min("timestamp")""",
            )
        ]


def _utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time is not None else None


def _bucket_s(first: datetime | None, last: datetime | None) -> int:
    """The shortest round length of which at most `_MAX_BUCKETS` cover the time."""
    length = (last - first) if first is not None and last is not None else timedelta()
    return next((step for step in _BUCKETS_S if length.total_seconds() <= step * _MAX_BUCKETS), _BUCKETS_S[-1])

"""Messages: a record in one sentence that says what happened to which file.

They become MESSAGE in systemd's journal, `message` in ECS, `body` in OpenTelemetry, and the line on a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from daemon.inbox.rejections import rejection_text
from daemon.log.events import Event

_MB: Final = 1_000_000


def message_of(record: Mapping[str, Any]) -> str:
    """What happened, in one sentence. Fields may be missing or shortened: the sentence is then about what is there."""
    words = _MESSAGES.get(record["event"])
    try:
        return words(_Fields(record)) if words is not None else str(record["event"])
    except (TypeError, ValueError, AttributeError):  # a field that was shortened, and is a text now
        return " ".join(str(record[name]) for name in ("event", "file_name") if name in record)


class _Fields:
    """Fields of a record as words."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        return self._record.get(name, "?")

    @property
    def file(self) -> str:
        return str(self._record.get("file_name") or "a file")

    @property
    def why(self) -> str:
        """A colon and the reason, or ""."""
        reason = next((self._record[name] for name in ("error_message", "reason", "error_type") if self._record.get(name)), "")
        return f": {reason}" if reason else ""

    def time(self, name: str, before: str = "") -> str:
        """A duration in ms, or "" if it is unknown."""
        value = self._record.get(name)
        if value is None:
            return ""
        return f"{before}{value:.0f} ms" if value < 10_000 else f"{before}{value / 1000:.0f} s"

    def count(self, name: str, noun: str) -> str:
        value = self._record.get(name, 0)
        number = len(value) if isinstance(value, list) else int(value)
        return f"{number} {noun}{'s' * (number != 1)}"

    def megabytes(self, name: str) -> str:
        value = self._record.get(name)
        return "?" if value is None else f"{value / _MB:,.0f} MB"

    def part(self, template: str, name: str) -> str:
        """`template` with the field in it, or "" without the field."""
        value = self._record.get(name)
        return template.format(", ".join(map(str, value)) if isinstance(value, list) else value) if value else ""


def _job_done(fields: _Fields) -> str:
    if not fields["outputs"]:
        return f"{fields.file} done, without outputs of its own"
    return f"{fields.file} animated: {fields.count('outputs', 'output')}{fields.time('duration_ms', ' in ')}"


def _job_duplicate(fields: _Fields) -> str:
    done = {"skip": "not animated again", "link": "its results are published again"}.get(str(fields["policy"]), "animated again")
    return f"{fields.file} is the same drawing, with the same options, as job {fields['original_job_id']}; {done}"


def _job_failed(fields: _Fields) -> str:
    return f"{fields.file} not animated{fields.why}{fields.part(' (moved to failed/{})', 'failed_path')}"


def _daemon_stop(fields: _Fields) -> str:
    return f"stopped ({fields['reason']}): {fields['done']} done, {fields['failed']} failed, {fields['left']} left"


def _heartbeat(fields: _Fields) -> str:
    running = f"{fields['in_flight']} running, {fields['jobs_waiting']} waiting, {fields['inbox_depth']} in the inbox"
    return f"{running}; in the last hour {fields['done_1h']} done, {fields['failed_1h']} failed"


def _ready(fields: _Fields) -> str:
    recovered = f", {fields.count('recovered_jobs', 'recovered job')}" if fields.part("{}", "recovered_jobs") else ""
    return f"ready{fields.part(', watching the inbox by {}', 'watch_mode')}{recovered}"


def _inference_retried(fields: _Fields) -> str:
    request = f"request to {fields['model']} at {fields['server_address']}:{fields['server_port']}"
    answer = f"{fields.part('HTTP {} ', 'status_code')}{fields['error_type']}"
    return f"{fields.file}: {request} failed ({answer}), retried{fields.time('wait_ms', ' after ')}"


def _disk(fields: _Fields) -> str:
    return f"{fields.megabytes('disk_free_bytes')} free, {fields.megabytes('reserve_bytes')} reserved"


_MESSAGES: Final[Mapping[str, Callable[[_Fields], str]]] = {
    Event.DAEMON_START: lambda fields: f"doodled {fields['version']} starts in {fields['root']}",
    Event.DAEMON_READY: _ready,
    Event.TAKEOVER_BARRED: lambda fields: (
        f"{fields.count('count', 'job')} of a dead daemon of user {fields['user']} can't be taken over: {fields['what_to_do']}"
    ),
    Event.WORKERS_UNFIT: lambda fields: f"drawings wait{fields.why}",
    Event.WORKERS_RECOVERED: lambda _: "the workers animate again",
    Event.WORKER_JOINED: lambda fields: f"a worker on {fields['host']} has joined the cluster",
    Event.WORKER_LEFT: lambda fields: f"a worker on {fields['host']} has left the cluster",
    Event.WORKER_REFUSED: lambda fields: f"the worker on {fields['host']} gets no drawings{fields.why}",
    Event.WORKER_OUTPUT: lambda fields: f"{fields.file} on {fields['host']}: {fields['text']}",
    Event.DAEMON_STOP: _daemon_stop,
    Event.DAEMON_HEARTBEAT: _heartbeat,
    Event.DAEMON_SUPERSEDED: lambda fields: f"another daemon took over this one's jobs; it continues as {fields['new_instance']}",
    Event.SCAN_DONE: lambda fields: f"inbox scanned: {fields['entries']} entries, {fields['new']} new{fields.time('duration_ms', ', ')}",
    Event.WATCH_OVERFLOW: lambda _: "the kernel lost inbox events; scans find the files",
    Event.WATCH_RESTARTED: lambda fields: f"inbox watch restarted ({fields['watch_mode']}){fields.why}",
    Event.INBOX_DEGRADED: lambda fields: f"inbox unavailable{fields.why}{fields.part(' ({})', 'path')}{fields.part(' ({})', 'file_name')}",
    Event.INBOX_RECOVERED: lambda fields: f"inbox available again{fields.part(' ({})', 'path')}",
    Event.FILE_REJECTED: lambda fields: (
        fields.part("{} further files left in the inbox", "count")
        or f"{fields.file} left in the inbox: {rejection_text(str(fields['reason']), fields.file)}"
    ),
    Event.JOB_CLAIMED: lambda fields: f"{fields.file} claimed{fields.time('queue_wait_ms', ' after ')}",
    Event.JOB_UNCLAIMED: lambda fields: f"{fields.file} is no longer claimed{fields.why}",
    Event.STAGE_DONE: lambda fields: f"{fields.file}: {fields['stage']} done{fields.time('duration_ms', ' in ')}",
    Event.STAGE_FAILED: lambda fields: f"{fields.file}: {fields['stage']} failed{fields.time('duration_ms', ' after ')}{fields.why}",
    Event.INFERENCE_RETRIED: _inference_retried,
    Event.BREAKER_OPENED: lambda fields: f"{fields['breaker']} unavailable, drawings wait{fields.why}",
    Event.BREAKER_HALF_OPEN: lambda fields: f"{fields.file} probes whether the models are available again",
    Event.BREAKER_CLOSED: lambda fields: f"{fields['breaker']} available again{fields.part(' after {} s', 'open_for_s')}",
    Event.JOB_RETRIED: lambda fields: f"{fields.file} will be retried{fields.part(' in {} s', 'wait_s')}{fields.why}",
    Event.JOB_DEFERRED: lambda fields: f"{fields.file} deferred{fields.why}",
    Event.JOB_DUPLICATE: _job_duplicate,
    Event.JOB_RECOVERED: lambda fields: f"{fields.file} taken over from a dead daemon ({fields['from_state']})",
    Event.JOB_LOST: lambda fields: f"{fields.file} given up by this daemon{fields.why}",
    Event.JOB_DONE: _job_done,
    Event.JOB_FAILED: _job_failed,
    Event.JOB_REVIEW: lambda fields: f"{fields.file} waits for review{fields.why}{fields.part(' (in review/{})', 'review_path')}",
    Event.AUTH_REJECTED: lambda fields: f"the model server rejected the key{fields.why}",
    Event.CONFIG_RELOADED: lambda fields: f"settings reloaded{fields.part('; restart to change {}', 'after_restart')}",
    Event.CONFIG_REJECTED: lambda fields: f"settings not reloaded, {fields['path']} has {fields.count('problems', 'problem')}",
    Event.DISK_LOW: lambda fields: f"no job starts{fields.why}: {_disk(fields)}",
    Event.DISK_RECOVERED: lambda fields: f"disk has room again: {_disk(fields)}",
    Event.METRICS_READY: lambda fields: f"metrics available at {fields['where']}",
    Event.METRICS_UNAVAILABLE: lambda fields: f"metrics unavailable at {fields['where']}{fields.why}",
    Event.HOOK_DELIVERED: lambda fields: (
        f"{fields.file}: {fields['hook']} delivered to {fields['target']}{fields.time('duration_ms', ' in ')}"
    ),
    Event.HOOK_RETRIED: lambda fields: (
        f"{fields.file}: {fields['hook']} not delivered{fields.why}; retried{fields.part(' in {} s', 'wait_s')}"
    ),
    Event.HOOK_FAILED: lambda fields: f"{fields.file}: {fields['hook']} given up{fields.why}",
    Event.HOOK_UNAVAILABLE: lambda fields: f"hooks can't read or write {fields['path']}{fields.why}",
}

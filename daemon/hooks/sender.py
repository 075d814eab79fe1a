"""Sender of hooks: delivers the events of the spool, one thread for each hook, at least once, and never delays a job.

An event is a file (`daemon.spool.events`) that stays until its delivery succeeded or was given up, so the sender keeps no state of its own
between two lives of the daemon. Of several daemons with one spool, the one that holds a hook's lock delivers.

Order and waits: the oldest event first. One that fails waits for its turn by exponential backoff, and others go on meanwhile; if different
events fail in a row, the receiver is unavailable, and the whole hook waits. An event that fails for `hooks.deadline_s` is given up. The
monotonic clock decides, so a deadline begins anew with each life of the daemon.
"""

from __future__ import annotations

import fcntl
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from tenacity import RetryCallState, Retrying, stop_after_delay, wait_exponential_jitter

from daemon.files.filenames import printable
from daemon.files.timestamps import time_now
from daemon.hooks.command import CommandHook
from daemon.hooks.delivery import DeliveryFailure
from daemon.hooks.event_document import EventDocument, event_document
from daemon.hooks.webhook import Webhook
from daemon.log.events import Event, EventLog
from daemon.settings import Hook, HooksSettings
from daemon.spool.events import EventKind, SpoolEvent, forget_event, give_up, pending_events, read_event
from daemon.spool.layout import Layout

SCAN_S: Final = 15.0
"""Events of other daemons, and events that are to be retried, are noticed within this time."""

FIRST_WAIT_S: Final = 1.0
MAX_WAIT_S: Final = 300.0
STOP_S: Final = 10.0
"""At a stop, deliveries go on for this long; the others follow at the next start."""

_WAIT: Final = wait_exponential_jitter(initial=FIRST_WAIT_S, max=MAX_WAIT_S, jitter=0.5)


class Receiver(Protocol):
    """Where one hook delivers to. `target` names it in the log."""

    target: str

    def deliver(self, document: EventDocument, until_s: Callable[[], float]) -> DeliveryFailure | None: ...
    def close(self) -> None: ...


class Hooks:
    """All hooks that the settings have, each on a thread of its own."""

    def __init__(self, settings: HooksSettings, layout: Layout, log: EventLog, environ: Mapping[str, str]) -> None:
        self._threads = []
        for kind in EventKind:
            hook: Hook | None = getattr(settings, f"on_{kind}")
            if hook is not None:
                receiver = _receiver(hook, settings, layout, environ)
                queue = DeliveryQueue(kind, receiver, layout, log, timeout_s=settings.timeout_s, deadline_s=settings.deadline_s)
                self._threads.append(_HookThread(queue))
        log.observe(self.observe)

    def observe(self, event: Event, fields: Mapping[str, Any]) -> None:
        """Look for new events when a job ends."""
        del fields
        for thread in self._threads:
            if event in thread.queue.causes:
                thread.wake()

    def start(self) -> None:
        """Deliver from now on."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Deliver what can be delivered within STOP_S, and stop."""
        for thread in self._threads:
            thread.stop()
        for thread in self._threads:
            thread.join()


def _receiver(hook: Hook, settings: HooksSettings, layout: Layout, environ: Mapping[str, str]) -> Receiver:
    if isinstance(hook, str):
        return Webhook(hook, secret_file=settings.secret_file)
    return CommandHook(hook, root=layout.root, environ=environ)


class _HookThread(threading.Thread):
    """Runs a queue until it is stopped."""

    def __init__(self, queue: DeliveryQueue) -> None:
        super().__init__(name=f"hook {queue.name}", daemon=True)
        self.queue = queue
        self._woken = threading.Event()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self.queue.stop(time.monotonic() + STOP_S)
        self._woken.set()

    def join(self, timeout: float | None = None) -> None:
        super().join(STOP_S + 3.0 if timeout is None else timeout)

    def run(self) -> None:
        is_last = False
        while not is_last:
            self._woken.clear()
            is_last = self.queue.is_stopping
            due_s = self.queue.step()
            if not is_last:
                self._woken.wait(max(0.0, min(due_s - time.monotonic(), SCAN_S)))
        self.queue.close()


@dataclass
class _Pending:
    """An event that is not delivered, in this life of the daemon; times are on the monotonic clock.

    Attributes:
        tries: counts them, and holds their times for tenacity's strategies.
        due_s: when it may be tried.
    """

    event: SpoolEvent
    tries: RetryCallState
    due_s: float = -math.inf
    failure: DeliveryFailure | None = None


@dataclass
class _Pause:
    """Wait of a whole hook whose receiver is unavailable."""

    tries: RetryCallState
    until_s: float = -math.inf
    failed: set[str] = field(default_factory=set)


class DeliveryQueue:
    """The events of one hook.

    Attributes:
        name: of the setting.
        causes: log events after which there may be new events.
    """

    def __init__(
        self,
        kind: EventKind,
        receiver: Receiver,
        layout: Layout,
        log: EventLog,
        *,
        timeout_s: float,
        deadline_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"on_{kind}"
        self.causes = frozenset({_CAUSES[kind]})
        self._kind, self._receiver, self._layout, self._log = kind, receiver, layout, log
        self._timeout_s, self._is_over = timeout_s, stop_after_delay(deadline_s)
        self._clock = clock
        self._end_s = math.inf
        self._scan_at_s = -math.inf
        self._pending: dict[str, _Pending] = {}
        self._delivered: set[str] = set()  # those whose file could not be removed yet
        self._pause = _Pause(_tries(clock()))
        self._lock = -1
        self._is_unavailable = False

    @property
    def is_stopping(self) -> bool:
        return self._end_s != math.inf

    def stop(self, end_s: float) -> None:
        """Let `step` return by then, on the monotonic clock. Call it from any thread."""
        self._end_s = end_s

    def close(self) -> None:
        """Let another daemon deliver."""
        self._receiver.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def step(self) -> float:
        """Deliver everything that is due; returns when something is due again, on the monotonic clock."""
        with self._log_error_once():
            if self._take_lock():
                self._scan()
                for pending in self._due():
                    self._deliver(pending)
                    if self._clock() >= self._scan_at_s:
                        self._scan()
        return self._due_s()

    # --- events ------------------------------------------------------------------------------------------------------

    def _scan(self) -> None:
        """Find new events; forget those that another process removed."""
        now = self._clock()
        self._scan_at_s = now + SCAN_S
        known, self._pending = self._pending, {}
        for event in pending_events(self._layout, self._kind):
            if event.id in self._delivered:
                self._forget(event)
            else:
                self._pending[event.id] = known.get(event.id) or _Pending(event, _tries(now))

    def _due(self) -> Iterator[_Pending]:
        """The events that are due, one by one, for as long as the receiver is available."""
        while self._pending and self._clock() < self._end_s:
            now = self._clock()
            if now < self._pause.until_s:
                return
            # Events that have failed are few, because a receiver that fails for all events pauses the hook.
            failed = [each for each in self._pending.values() if each.failure is not None and each.due_s <= now]
            fresh = (each for each in self._pending.values() if each.failure is None)
            chosen = min(failed, key=lambda each: each.due_s) if failed else next(fresh, None)
            if chosen is None or (self.is_stopping and chosen.failure is not None):
                return
            yield chosen

    def _due_s(self) -> float:
        if not self._pending or self._lock < 0:
            return self._scan_at_s if self._scan_at_s > self._clock() else self._clock() + SCAN_S
        return max(min(each.due_s for each in self._pending.values()), self._pause.until_s)

    def _take_lock(self) -> bool:
        """Take the lock of this hook, unless this daemon holds it; returns False if another daemon delivers its events. Raises OSError."""
        if self._lock >= 0:
            return True
        self._layout.events.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._layout.events / f".{self.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    # --- delivering --------------------------------------------------------------------------------------------------

    def _deliver(self, pending: _Pending) -> None:
        """Try one event, and record the outcome. Raises OSError if the spool can't be written."""
        event, started_s = pending.event, self._clock()
        name, failure = self._try(event, started_s)
        if event.id not in self._pending:
            return
        now = self._clock()
        fields = self._fields(pending, name, duration_ms=round(1000 * (now - started_s), 1))
        if failure is None:
            del self._pending[event.id]
            self._pause = _Pause(_tries(now))
            self._delivered.add(event.id)
            self._log.emit(Event.HOOK_DELIVERED, **fields)
            self._forget(event)
            return
        if self.is_stopping and now >= self._end_s:  # this daemon gave it no time; the next one tries again
            return
        pending.failure, pending.tries.outcome_timestamp = failure, now
        if failure.is_final or self._is_over(pending.tries):
            self._give_up(pending, failure, name=name)
            self._give_up_overdue(now)
            return
        wait_s = max(_WAIT(pending.tries), failure.retry_after_s or 0.0)
        pending.tries.prepare_for_next_attempt()
        pending.due_s = now + wait_s
        self._pause_after(event, failure, now)
        wait_s = max(pending.due_s, self._pause.until_s) - now
        self._log.emit(Event.HOOK_RETRIED, **fields, reason=failure.reason, status_code=failure.status_code, wait_s=round(wait_s, 1))

    def _try(self, event: SpoolEvent, started_s: float) -> tuple[str, DeliveryFailure | None]:
        """Deliver an event once. Returns the drawing's name, and why the try failed."""
        try:
            document = event_document(event, read_event(self._layout, event))
        except FileNotFoundError:  # another process has removed it
            del self._pending[event.id]
            return "?", None
        except OSError as error:
            return "?", DeliveryFailure(f"{event.file} can't be read: {error.strerror or error}")
        except ValueError as error:
            return "?", DeliveryFailure(str(error), is_final=True)
        return document.name, self._receiver.deliver(document, lambda: min(started_s + self._timeout_s, self._end_s))

    def _forget(self, event: SpoolEvent) -> None:
        forget_event(self._layout, event)
        self._delivered.discard(event.id)

    def _pause_after(self, event: SpoolEvent, failure: DeliveryFailure, now: float) -> None:
        """Let the whole hook wait if different events failed in a row, or if the receiver asks for it."""
        pause = self._pause
        pause.failed.add(event.id)
        if len(pause.failed) > 1:
            pause.tries.outcome_timestamp = now
            pause.until_s = now + _WAIT(pause.tries)
            pause.tries.prepare_for_next_attempt()
        pause.until_s = max(pause.until_s, now + (failure.retry_after_s or 0.0))

    def _give_up_overdue(self, now: float) -> None:
        """Give up the other events whose deadline is over, if the receiver has failed for all: none would be heard."""
        if len(self._pause.failed) < 2:
            return
        for pending in list(self._pending.values()):
            pending.tries.outcome_timestamp = now
            if self._is_over(pending.tries):
                reason = pending.failure or DeliveryFailure(f"{self._receiver.target} took no event in that time")
                self._give_up(pending, reason, name="?")

    def _give_up(self, pending: _Pending, failure: DeliveryFailure, *, name: str) -> None:
        event, tries = pending.event, pending.tries.attempt_number
        reason = {"hook": self.name, "target": self._receiver.target, "name": name, "reason": failure.reason, "tries": tries}
        give_up(self._layout, event, {**reason, "given_up": time_now()})
        self._pending.pop(event.id, None)
        self._log.emit(Event.HOOK_FAILED, **self._fields(pending, name), reason=failure.reason, status_code=failure.status_code)

    def _fields(self, pending: _Pending, name: str, **more: object) -> dict[str, object]:
        head = {"job_id": pending.event.job_id, "file_name": name, "hook": self.name, "target": self._receiver.target}
        return {**head, "request_attempt": pending.tries.attempt_number, **more}

    @contextmanager
    def _log_error_once(self) -> Iterator[None]:
        """Log an error once, until the next success: a dead thread would leave no trace."""
        try:
            yield
            self._is_unavailable = False
        except Exception as error:  # noqa: BLE001 - as above
            if not self._is_unavailable:
                reason = printable((error.strerror if isinstance(error, OSError) else None) or f"{type(error).__name__}: {error}")
                path = str(error.filename) if isinstance(error, OSError) and error.filename else str(self._layout.events)
                self._log.emit(Event.HOOK_UNAVAILABLE, hook=self.name, errno=getattr(error, "errno", None), reason=reason, path=path)
            self._is_unavailable = True
            self._pause.until_s = self._clock() + SCAN_S


_CAUSES: Final[Mapping[EventKind, Event]] = {
    EventKind.DONE: Event.JOB_DONE,
    EventKind.FAILED: Event.JOB_FAILED,
    EventKind.REVIEW: Event.JOB_REVIEW,
}


def _tries(now: float) -> RetryCallState:
    """Tries of an event, or of a hook, that begin now: tenacity's strategies read counts and times from it."""
    state = RetryCallState(Retrying(), None, (), {})
    state.start_time = state.outcome_timestamp = now
    return state

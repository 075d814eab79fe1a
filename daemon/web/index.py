"""Index of all drawings, kept in memory: what waits, runs, failed and is done, read from the public files of the spool.

A refresh lists only folders whose modification time has changed, and parses only files that are new. It reads the folders in the order in
which a drawing passes through them (inbox, work, outbox, failed and review), so that one that moves meanwhile is never missed. No lock of
the spool is taken, and nothing is written.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from daemon.files.durable import read_content
from daemon.inbox.rejections import rejection_text
from daemon.spool.drawing_states import DrawingState
from daemon.spool.job_folder import ANNOTATIONS, JOB_FILE, MANIFEST, RESULT, Job
from daemon.spool.job_ids import is_job_id
from daemon.spool.layout import Layout
from daemon.spool.previews import PREVIEW
from daemon.spool.thumbnails import THUMBNAIL
from daemon.web.drawing_ids import id_in_name
from daemon.web.drawings import DrawingEntry, newest_first, read_object, shown_path_of, shown_text
from daemon.web.folders import FailedReader, InboxReader, OutboxReader, ReviewReader, is_folder

GRACE_S: Final = 3.0
"""An upload that is found nowhere is kept for so long: it may have moved back, from work to inbox, while the folders were read."""

ALIVE_S: Final = 15.0
"""A daemon touches its status file at least every five seconds."""

MAX_STATUS_BYTES: Final = 1 << 20
_MAX_JOB_BYTES: Final = 64 << 10
_RECENT: Final = 30


@dataclass(frozen=True)
class DaemonStatus:
    """What the daemons' status files say together.

    Attributes:
        alive: names of the instances that run.
        rejected: entries of the inbox that will not be taken, by path as it is shown, with `daemon.inbox.rejections.Rejection`.
    """

    alive: frozenset[str] = frozenset()
    summary: str = ""
    running: frozenset[str] = frozenset()
    deferred: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_alive(self) -> bool:
        """Whether a daemon runs."""
        return bool(self.alive)


@dataclass(frozen=True)
class Snapshot:
    """All drawings at one moment.

    Attributes:
        version: differs when anything differs.
        waiting: in the order of their turn; active: claimed, oldest first; rejected, failed, review, done: newest first.
        by_id: all of them.
        positions: position of each waiting drawing in its queue, from 1.
        seconds_each: time that one drawing takes, as recent ones did; 0 if there are none.
    """

    version: int = 0
    waiting: tuple[DrawingEntry, ...] = ()
    active: tuple[DrawingEntry, ...] = ()
    rejected: tuple[DrawingEntry, ...] = ()
    failed: tuple[DrawingEntry, ...] = ()
    review: tuple[DrawingEntry, ...] = ()
    done: tuple[DrawingEntry, ...] = ()
    by_id: Mapping[str, DrawingEntry] = field(default_factory=dict)
    positions: Mapping[str, int] = field(default_factory=dict)
    status: DaemonStatus = DaemonStatus()
    seconds_each: float = 0.0

    def expected_s(self, drawing: DrawingEntry, now_s: float) -> float | None:
        """Seconds until a drawing is done, or None if that can't be known."""
        if not self.seconds_each or not self.status.is_alive:
            return None
        left = self.seconds_each
        if drawing.state is DrawingState.RUNNING:
            left -= max(0.0, now_s - drawing.at_s)
            return left if left > 0 else None
        if drawing.state is DrawingState.WAITING:
            return left * (1 + self.positions.get(drawing.id, 1) / max(1, len(self.status.running)))
        return None


class Index:
    """Reader of the spool's public files. `refresh` runs on one thread; everything else may be called from any."""

    def __init__(self, layout: Layout, *, max_depth: int, clock: Callable[[], float] = time.time) -> None:
        self._layout, self._clock = layout, clock
        self._inbox = InboxReader(layout.inbox, max_depth)
        self._outbox = OutboxReader(layout.outbox)
        self._failed = FailedReader(layout.failed)
        self._review = ReviewReader(layout.review)
        self._jobs: dict[str, Job] = {}
        self._with_preview: frozenset[Path] = frozenset()
        self._lock = threading.Lock()
        self._added: dict[str, DrawingEntry] = {}
        self._forgotten: dict[str, float] = {}
        self._last_seen_s: dict[str, float] = {}
        self._lists: tuple[list[DrawingEntry], ...] = ()
        self._active: list[DrawingEntry] = []
        self._is_keeping = False
        self.snapshot = Snapshot()

    def get(self, drawing_id: str) -> DrawingEntry | None:
        """The drawing with a public id, or None."""
        return self.snapshot.by_id.get(drawing_id) or self._added.get(drawing_id)

    def find_upload(self, beginning: str) -> DrawingEntry | None:
        """The upload whose id begins so (`daemon.web.drawing_ids.KEY_LENGTH`), or None."""
        with self._lock:
            known = (*self._added, *self.snapshot.by_id)
        found = next((each for each in known if each.startswith(beginning)), None)
        return self.get(found) if found else None

    def add(self, drawing: DrawingEntry) -> None:
        """Show a drawing that was put into the inbox just now."""
        with self._lock:
            self._added[drawing.id] = drawing
            self._last_seen_s[drawing.id] = self._clock()
            self._forgotten.pop(drawing.id, None)

    def forget(self, drawing_id: str) -> None:
        """Stop showing a drawing whose files were removed just now."""
        with self._lock:
            self._added.pop(drawing_id, None)
            self._forgotten[drawing_id] = self._clock()
            before = self.snapshot
            by_id = {key: each for key, each in before.by_id.items() if key != drawing_id}
            self.snapshot = self._composed(by_id.values(), before.status)

    @property
    def waiting_count(self) -> int:
        """Number of drawings that no worker has had."""
        now = self.snapshot
        return len(now.waiting) + sum(1 for each in list(self._added) if each not in now.by_id)

    @property
    def expects_previews(self) -> bool:
        """Whether there are drawings of which a daemon may make previews now."""
        now = self.snapshot
        return now.status.is_alive and (self.waiting_count > 0 or any(each.state is DrawingState.RUNNING for each in now.active))

    def has_new_preview(self) -> bool:
        """Whether a preview has appeared since the last refresh: cheap enough to be asked many times a second."""
        return any(job_folder not in self._with_preview and is_folder(job_folder / PREVIEW) for job_folder in self._job_folders())

    def refresh(self) -> bool:
        """Read what has changed; returns whether anything has. Raises OSError if a folder of the spool can't be read."""
        now_s = self._clock()
        status = self._read_status(now_s)
        waiting = self._inbox.read(now_s)
        active = list(self._read_work(status))
        done, failed, review = self._outbox.read(now_s), self._failed.read(now_s), self._review.read(now_s)
        lists = waiting, done, failed, review
        is_same = all(one is other for one, other in zip(lists, self._lists, strict=False)) and active == self._active
        if is_same and self._lists and status == self.snapshot.status and not (self._added or self._forgotten or self._is_keeping):
            return False
        self._lists, self._active = lists, active
        failed = [*failed, *review]
        finished = {each.job for each in (*done, *failed)}
        found = {each.id: each for each in done}
        for each in failed:  # one that failed later than it was published was retried
            if each.id not in found or found[each.id].at_s < each.at_s:
                found[each.id] = each
        found |= {each.id: each for each in active if each.job not in finished}
        found |= {each.id: each for each in waiting}
        found |= {each.id: each for each in self._rejected(status)}
        with self._lock:
            self._keep_moving(found, now_s)
            before = self.snapshot
            if found == before.by_id and status == before.status:
                return False
            self.snapshot = self._composed(found.values(), status)
        return True

    def _keep_moving(self, found: dict[str, DrawingEntry], now_s: float) -> None:
        """Keep uploads that were seen a moment ago, and leave out what was removed a moment ago."""
        self._last_seen_s |= dict.fromkeys((key for key in found if key.startswith("w")), now_s)
        self._is_keeping = False
        for key, seen_s in self._last_seen_s.items():
            known = self._added.get(key) or self.snapshot.by_id.get(key)
            if key not in found and known is not None and now_s - seen_s < GRACE_S:
                found[key] = known
                self._is_keeping = True
        self._forgotten = {key: at_s for key, at_s in self._forgotten.items() if now_s - at_s < GRACE_S}
        for key in self._forgotten:
            found.pop(key, None)
        self._last_seen_s = {key: seen_s for key, seen_s in self._last_seen_s.items() if key in found}
        self._added = {key: each for key, each in self._added.items() if found.get(key) is each}

    def _composed(self, drawings: Iterable[DrawingEntry], status: DaemonStatus) -> Snapshot:
        groups: dict[DrawingState, list[DrawingEntry]] = {state: [] for state in DrawingState}
        for each in drawings:
            groups[each.state].append(each)
        waiting = sorted(groups[DrawingState.WAITING], key=lambda each: (each.at_s, each.file))
        claimed = (DrawingState.RUNNING, DrawingState.DEFERRED, DrawingState.ORPHANED)
        active = sorted((each for state in claimed for each in groups[state]), key=lambda each: (each.at_s, each.id))
        done = newest_first(iter(groups[DrawingState.DONE]))
        spent = [each.work_s for each in done[:_RECENT] if each.work_s]
        return Snapshot(
            version=self.snapshot.version + 1,
            waiting=tuple(waiting),
            active=tuple(active),
            rejected=tuple(newest_first(iter(groups[DrawingState.REJECTED]))),
            failed=tuple(newest_first(iter(groups[DrawingState.FAILED]))),
            review=tuple(newest_first(iter(groups[DrawingState.REVIEW]))),
            done=tuple(done),
            by_id={each.id: each for group in groups.values() for each in group},
            positions={each.id: position for position, each in enumerate(waiting, start=1)},
            status=status,
            seconds_each=statistics.median(spent) if spent else 0.0,
        )

    def _rejected(self, status: DaemonStatus) -> Iterator[DrawingEntry]:
        """Entries of the inbox that the daemon will not take until a user changes them."""
        for path, reason in status.rejected.items():
            entry = self._inbox.find(path)
            if entry is not None:
                yield replace(entry, state=DrawingState.REJECTED, why=rejection_text(reason, shown_text(entry.file)))

    # --- claimed jobs ------------------------------------------------------------------------------------------------

    def _read_work(self, status: DaemonStatus) -> Iterator[DrawingEntry]:
        known, self._jobs = self._jobs, {}
        folders = tuple(self._job_folders())
        self._with_preview = frozenset(job_folder for job_folder in folders if is_folder(job_folder / PREVIEW))
        for job_folder in folders:
            job = known.get(job_folder.name) or _job(job_folder)
            if job is not None:
                self._jobs[job_folder.name] = job
                yield _claimed(job, job_folder, status)

    def _job_folders(self) -> Iterator[Path]:
        for instance in _names(self._layout.work):
            for name in _names(self._layout.work / instance):
                if is_job_id(name):
                    yield self._layout.work / instance / name

    def _read_status(self, now_s: float) -> DaemonStatus:
        running: set[str] = set()
        deferred: dict[str, str] = {}
        rejected: dict[str, str] = {}
        alive, summaries = [], []
        for name in _names(self._layout.status):
            path = self._layout.status / name
            with suppress(OSError):
                if name.endswith(".json") and abs(now_s - path.stat().st_mtime) < ALIVE_S:
                    fields = read_object(path, MAX_STATUS_BYTES)
                    alive.append(name.removesuffix(".json"))
                    summaries.append(shown_text(fields.get("summary", "")))
                    running |= {job for job in _items(fields.get("running"), list) if isinstance(job, str)}
                    deferred |= {str(job): shown_text(why) for job, why in _items(fields.get("deferred"), dict).items()}
                    listed = (each for each in _items(fields.get("rejected"), list) if isinstance(each, dict))
                    rejected |= {str(each.get("name")): shown_text(each.get("why", "")) for each in listed}
        return DaemonStatus(frozenset(alive), "; ".join(summaries), frozenset(running), deferred, rejected)


def _items(value: object, kind: type[Any]) -> Any:  # noqa: ANN401 - a list or a dict of whatever JSON holds
    return value if isinstance(value, kind) else kind()


def _names(folder: Path) -> list[str]:
    """Names in a folder that are not hidden; none if it is no folder, or gone."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208 - names
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _job(job_folder: Path) -> Job | None:
    with suppress(OSError, ValueError):
        return Job.from_json(read_content(job_folder / JOB_FILE, _MAX_JOB_BYTES))
    return None


def _claimed(job: Job, job_folder: Path, status: DaemonStatus) -> DrawingEntry:
    """A claimed drawing. One that its daemon doesn't defer runs, or begins before the next status says so."""
    instance = job_folder.parent.name
    state, why = DrawingState.ORPHANED, "its daemon has stopped: another one goes on with it"
    if job.id in status.deferred:
        state, why = DrawingState.DEFERRED, status.deferred[job.id]
    elif instance in status.alive or job.id in status.running:
        state, why = DrawingState.RUNNING, ""
    elif not status.is_alive:
        why = "no daemon is running"
    names = set(_names(job_folder)) if state is DrawingState.RUNNING else set()
    return DrawingEntry(
        id=id_in_name(job.name) or job.id,
        name=shown_path_of(job.folder, shown_text(job.name)),
        state=state,
        at_s=job.claimed_at_s,
        folder=job.folder,
        file=job.name,
        job=job.id,
        is_folder=job.is_folder,
        why=why,
        attempts=job.attempts,
        stage=_stage(job_folder, names, job) if state is DrawingState.RUNNING else "",
        instance=instance,
        has_preview=PREVIEW in names,
    )


def _stage(job_folder: Path, names: set[str], job: Job) -> str:
    """What a worker does now, by the files that it has written."""
    if MANIFEST in names:
        return "publishing"
    written = len(_names(job_folder / RESULT)) if RESULT in names else 0
    if written:
        return f"animating, {written} written"
    if {PREVIEW, ANNOTATIONS} & names or (job.is_folder and THUMBNAIL in names):
        return "animating"
    return "finding the figure" if THUMBNAIL in names else "reading"

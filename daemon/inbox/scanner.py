"""Scanner of the inbox: finds candidates, probes those that are due, and yields complete ones in a fair order.

A scan is the only source of truth; events of `daemon.inbox.watcher` only trigger it sooner. Subfolders share the workers, so that a drawing
in one does not wait for ten thousand in another, or for those that take long; within a folder, first come, first served. A scan reads names
and stat; files are opened, by a probe, only when they are due and it is their turn.
"""

from __future__ import annotations

import errno
import heapq
import math
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path

from daemon.files.durable import open_folder
from daemon.files.filenames import is_ignored
from daemon.inbox.probe import combine, is_movable, probe_file
from daemon.inbox.rejections import Rejection
from daemon.inbox.stability import Observation, StabilityRules, StabilityTracker
from pipeline.files.character_names import CONFIG_NAME

NOT_REGULAR = frozenset({errno.EINVAL, errno.ELOOP, errno.ENXIO})
"""Errors of a probe of a link, a pipe or a socket; other errors may be temporary."""

SIDECAR_SUFFIX = ".json"
PROBE_PAUSE_S = 0.05
"""Between two steps when more candidates are due than are probed in one."""

REJECTED_PAUSE_S = 5.0
"""Until a rejected candidate is probed again: its permissions may have changed."""

REJECTED_AFTER_S = 30.0
"""Time after which an empty file, or a sidecar without a drawing, counts as left behind, and not as one that is being dropped."""

Key = tuple[tuple[str, ...], str]


@dataclass(slots=True)
class Candidate:
    """A file or character folder in the inbox that may become a job.

    Attributes:
        folder: names of the inbox folders above it, outermost first.
        sidecar: name of the sidecar beside it, or None.
        rejected: why it will not be claimed as it is, or None.
    """

    folder: tuple[str, ...]
    name: str
    is_folder: bool
    stability: StabilityTracker
    sidecar: str | None = None
    rejected: Rejection | None = None

    @property
    def key(self) -> Key:
        return (self.folder, self.name)


@dataclass
class ScanResult:
    """Result of one scan.

    Attributes:
        entries: names in the inbox that are not ignored.
        new: candidates that the scan before did not find.
        rejected: (folder, name, reason) of entries that will not be claimed, each reported once.
        problems: folders that can't be read, with the error.
    """

    entries: int = 0
    new: int = 0
    rejected: list[tuple[tuple[str, ...], str, Rejection]] = field(default_factory=list)
    problems: list[tuple[str, OSError]] = field(default_factory=list)


class Scanner:
    """The candidates of an inbox.

    Attributes:
        has_leases: whether the file system supports leases; network file systems report a writer of every file.
    """

    def __init__(
        self,
        inbox: Path,
        rules: StabilityRules,
        *,
        max_depth: int,
        has_leases: bool,
        is_allowed: Callable[[tuple[str, ...]], bool] | None = None,
    ) -> None:
        """`is_allowed` returns whether drawings may be claimed from a folder; None allows all."""
        self._is_allowed = is_allowed
        self._inbox = inbox
        self._rules = rules
        self._max_depth = max_depth
        self.has_leases = has_leases
        self._candidates: dict[tuple[str, ...], dict[str, Candidate]] = {}
        self._rejected: dict[Key, Rejection] = {}
        self._lone_sidecars: dict[Key, float] = {}
        self._turn: tuple[str, ...] = ()

    @property
    def rejected(self) -> Mapping[Key, Rejection]:
        """Everything in the inbox, as of the last scan, that will not be claimed until a user changes it."""
        return self._rejected

    @property
    def lone_sidecars(self) -> frozenset[Key]:
        """Sidecars without a drawing, also those that came a moment ago."""
        return frozenset(self._lone_sidecars)

    @property
    def count(self) -> int:
        """Number of candidates that are not rejected."""
        return sum(1 for each in self.candidates() if not each.rejected)

    def candidates(self) -> Iterator[Candidate]:
        """All candidates, complete or not."""
        for of_folder in self._candidates.values():
            yield from of_folder.values()

    def scan(self, now: float) -> ScanResult:
        """Scan the whole inbox. A folder that can't be read keeps its candidates, since its files may still exist."""
        scan = _Scan(self._inbox, now, self._candidates, self._rejected, self._lone_sidecars, self._rules, self._max_depth)
        scan.scan_folder(())
        self._candidates = {folder: candidates for folder, candidates in scan.seen.items() if candidates}
        self._rejected, self._lone_sidecars = scan.rejected, scan.lone_sidecars
        return scan.result

    # --- order -------------------------------------------------------------------------------------------------------

    def take_complete(
        self, now: float, *, max_probes: int, include_images: bool = True, running: Mapping[tuple[str, ...], int] | None = None
    ) -> Iterator[Candidate]:
        """Probe due candidates, folders taking turns; remove those that are complete from the scanner and yield them.

        Args:
            include_images: yield images, which need the models, and not only character folders.
            running: how many drawings of each folder workers have now.
        """
        for candidate in self._in_turn(now, running or {}):
            if max_probes <= 0:
                return
            if not (include_images or candidate.is_folder):
                continue
            max_probes -= 1
            if self._probe(now, candidate):
                self._turn = candidate.folder
                del self._candidates[candidate.folder][candidate.name]
                yield candidate

    def put_back(self, candidate: Candidate, now: float) -> None:
        """Return a candidate that could not be claimed; it is probed again later."""
        candidate.rejected, candidate.stability.due_s = Rejection.IMMOVABLE, now + REJECTED_PAUSE_S
        self._candidates.setdefault(candidate.folder, {})[candidate.name] = candidate

    def next_probe_s(self, now: float, *, include_images: bool = True) -> float:
        """When the next candidate is due; later than `now`, perhaps never (infinity)."""
        due = (each.stability.due_s for each in self.candidates() if not each.rejected and (include_images or each.is_folder))
        return max(min(due, default=math.inf), now + PROBE_PAUSE_S)

    def _in_turn(self, now: float, running: Mapping[tuple[str, ...], int]) -> Iterator[Candidate]:
        """Due candidates, of the folder that has the fewest workers; of equal ones in turn, starting after that of the last complete one.

        Within a folder, the candidate that has been due for longest comes first: the oldest, unless it was probed and is not complete.
        """
        folders = sorted(self._candidates)
        later = [folder for folder in folders if folder > self._turn]
        in_turn = (*later, *folders[: len(folders) - len(later)])
        queues = [(running.get(folder, 0), turn, iter(self._due(folder, now))) for turn, folder in enumerate(in_turn)]
        heapq.heapify(queues)
        while queues:
            had, turn, queue = queues[0]
            candidate = next(queue, None)
            if candidate is None:
                heapq.heappop(queues)
                continue
            yield candidate
            heapq.heapreplace(queues, (had + 1, turn, queue))  # one that is not complete counts, too: it has cost a probe

    def _due(self, folder: tuple[str, ...], now: float) -> list[Candidate]:
        due = [candidate for candidate in self._candidates[folder].values() if candidate.stability.due_s <= now]
        return sorted(due, key=attrgetter("stability.due_s"))

    def _probe(self, now: float, candidate: Candidate) -> bool:
        """Probe a candidate, and reject it or schedule its next probe; returns whether it is complete."""
        if self._is_allowed is not None and not self._is_allowed(candidate.folder):
            candidate.rejected, candidate.stability.due_s = Rejection.NOT_PRIVATE, now + REJECTED_PAUSE_S
            return False
        try:
            with open_folder(self._inbox, candidate.folder) as folder:
                observations = [probe_file(candidate.name, folder, has_leases=self.has_leases)]
                if candidate.sidecar:
                    sidecar = probe_file(candidate.sidecar, folder, has_leases=self.has_leases)
                    observations.append(replace(sidecar, size=max(1, sidecar.size)))  # an empty sidecar is invalid; don't wait for content
                may_be_moved = is_movable(candidate.name, folder, is_folder=candidate.is_folder)
        except FileNotFoundError:
            candidate.stability.due_s = now + self._rules.stable_s  # it is gone; the next scan removes it
            return False
        except OSError as error:
            candidate.rejected = Rejection.NOT_REGULAR if error.errno in NOT_REGULAR else Rejection.UNREADABLE
            candidate.stability.due_s = now + REJECTED_PAUSE_S
            return False
        is_complete = may_be_moved and candidate.stability.update(now, combine(observations))
        candidate.rejected = None if may_be_moved else Rejection.IMMOVABLE
        if may_be_moved and candidate.stability.is_left_empty(now, REJECTED_AFTER_S):
            candidate.rejected = Rejection.EMPTY
        if candidate.rejected:
            candidate.stability.due_s = now + REJECTED_PAUSE_S
        return is_complete


@dataclass
class _Scan:
    """One scan of the inbox, compared with the scan before."""

    inbox: Path
    now: float
    before: dict[tuple[str, ...], dict[str, Candidate]]
    rejected_before: Mapping[Key, Rejection]
    lone_sidecars_before: Mapping[Key, float]
    rules: StabilityRules
    max_depth: int
    seen: dict[tuple[str, ...], dict[str, Candidate]] = field(default_factory=dict)
    rejected: dict[Key, Rejection] = field(default_factory=dict)
    lone_sidecars: dict[Key, float] = field(default_factory=dict)
    result: ScanResult = field(default_factory=ScanResult)

    def scan_folder(self, folder: tuple[str, ...]) -> None:
        try:
            with open_folder(self.inbox, folder) as opened, os.scandir(opened) as entries:
                listed = [(entry.name, entry.stat(follow_symlinks=False)) for entry in _existing(entries) if not is_ignored(entry.name)]
            listed.sort(key=lambda one: (one[1].st_ctime_ns, one[0]))  # in order of arrival: a rename sets ctime, too
        except OSError as error:
            if not folder or error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:  # else it was renamed or removed a moment ago
                self.result.problems.append(("/".join(folder), error))
                self.seen |= {known: candidates for known, candidates in self.before.items() if known[: len(folder)] == folder}
                if folder and error.errno in {errno.EACCES, errno.EPERM}:
                    self._reject((folder[:-1], folder[-1]), Rejection.UNREADABLE)
            return
        self.result.entries += len(listed)
        self.seen.setdefault(folder, {})
        sidecars = _sidecars(name for name, status in listed if not stat.S_ISDIR(status.st_mode))  # a folder is no sidecar
        for name, status in listed:
            if stat.S_ISDIR(status.st_mode):
                self._scan_subfolder(folder, name, status, sidecars)
            elif not stat.S_ISREG(status.st_mode):
                self._reject((folder, name), Rejection.NOT_REGULAR)
            elif not is_sidecar(name):  # a sidecar waits for its image and is claimed with it
                self._add(folder, name, status, sidecars.get(sidecar_stem(name)))
        used = {candidate.sidecar for candidate in self.seen[folder].values()}
        for name, status in listed:
            if stat.S_ISREG(status.st_mode) and is_sidecar(name) and name not in used:
                self._add_lone_sidecar((folder, name))

    def _scan_subfolder(self, folder: tuple[str, ...], name: str, status: os.stat_result, sidecars: Mapping[str, str]) -> None:
        if self._is_character((*folder, name)):
            self._add(folder, name, status, sidecars.get(name))
        elif len(folder) < self.max_depth:
            self.scan_folder((*folder, name))
        elif self._has_entries((*folder, name)):
            self._reject((folder, name), Rejection.TOO_DEEP)

    def _add(self, folder: tuple[str, ...], name: str, status: os.stat_result, sidecar: str | None) -> None:
        self.seen[folder][name] = self._candidate(folder, name, status, sidecar)

    def _candidate(self, folder: tuple[str, ...], name: str, status: os.stat_result, sidecar: str | None) -> Candidate:
        candidate, is_folder = self.before.get(folder, {}).get(name), stat.S_ISDIR(status.st_mode)
        if candidate is None or candidate.is_folder != is_folder:
            self.result.new += 1
            candidate = Candidate(folder, name, is_folder, StabilityTracker(self.now, Observation.of_stat(status), self.rules))
        elif candidate.rejected:
            self._reject(candidate.key, candidate.rejected)
        candidate.sidecar = sidecar
        return candidate

    def _add_lone_sidecar(self, key: Key) -> None:
        """A sidecar without a drawing, which may be about to come."""
        self.lone_sidecars[key] = self.lone_sidecars_before.get(key, self.now)
        if self.now - self.lone_sidecars[key] >= REJECTED_AFTER_S:
            self._reject(key, Rejection.NO_DRAWING)

    def _reject(self, key: Key, reason: Rejection) -> None:
        """Report an entry once for as long as it is there."""
        self.rejected[key] = reason
        if key not in self.rejected_before:
            self.result.rejected.append((*key, reason))

    def _has_entries(self, parts: Sequence[str]) -> bool:
        """Whether a folder that is not scanned holds anything."""
        with suppress(OSError), open_folder(self.inbox, parts) as folder, os.scandir(folder) as entries:
            return any(not is_ignored(entry.name) for entry in entries)
        return False

    def _is_character(self, parts: Sequence[str]) -> bool:
        with suppress(OSError), open_folder(self.inbox, parts) as folder:
            return stat.S_ISREG(os.lstat(CONFIG_NAME, dir_fd=folder).st_mode)
        return False


def is_sidecar(name: str) -> bool:
    """Whether a file of this name holds the options of a drawing."""
    return name.lower().endswith(SIDECAR_SUFFIX)


def sidecar_stem(name: str) -> str:
    """What the names of an image and of its sidecar share."""
    return os.path.splitext(name)[0]  # noqa: PTH122 - faster than Path; a scan may call it ten thousand times


def _sidecars(names: Iterable[str]) -> dict[str, str]:
    """The sidecars among some names, by the stem of their drawing; of x.json and x.JSON the former."""
    return {sidecar_stem(name): name for name in sorted(names) if is_sidecar(name)}  # capitals come first, and are replaced


def _existing(entries: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    """Entries that still exist when their status is read."""
    for entry in entries:
        with suppress(FileNotFoundError):
            entry.stat(follow_symlinks=False)
            yield entry

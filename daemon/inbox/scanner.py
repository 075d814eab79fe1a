"""What lies in the inbox, and whose turn it is. The scan is the truth; whoever hints at changes only makes it happen sooner.

Sub-folders take turns, so that ten thousand drawings of one don't keep one of another waiting; within a folder, first come, first served.
Looks at nothing but names and stat until a file's turn is near.
"""

from __future__ import annotations

import errno
import math
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path

from daemon.files.durable import open_folder
from daemon.files.filenames import is_ignored
from daemon.inbox.probe import is_movable, observed, plain_observation, together
from daemon.inbox.stability import StabilityRules, StabilityTracker
from pipeline.files.character_files import CONFIG_NAME

NOT_REGULAR = frozenset({errno.EINVAL, errno.ELOOP, errno.ENXIO})
"""What a look at a link, a pipe, a socket says; anything else is trouble that may pass."""

SIDECAR_SUFFIX = ".json"
LOOK_PAUSE_S = 0.05
"""Between two turns in which more is due than can be looked at in one."""

REJECTED_PAUSE_S = 5.0
"""Until another look at what can't be taken: somebody may have changed its permissions."""

Key = tuple[tuple[str, ...], str]


@dataclass(slots=True)
class Candidate:
    """Something that may become a job.

    Attributes:
        folder: names of the inbox's folders that it lies in, outermost first.
        sidecar: name of the file beside it that holds its options, or None.
        rejected: why it can't be taken, or "".
    """

    folder: tuple[str, ...]
    name: str
    is_folder: bool
    settling: StabilityTracker
    sidecar: str | None = None
    rejected: str = ""

    @property
    def key(self) -> Key:
        return (self.folder, self.name)


@dataclass
class ScanResult:
    """What a scan came to.

    Attributes:
        rejected: (folder, name, reason) of what is new and can't be taken.
        problems: folders that can't be read, with the reason.
    """

    entries: int = 0
    new: int = 0
    rejected: list[tuple[tuple[str, ...], str, str]] = field(default_factory=list)
    problems: list[tuple[str, OSError]] = field(default_factory=list)


class Scanner:
    """The inbox as last seen.

    Attributes:
        has_leases: whether the kernel can say who writes to a file; on network file systems it says of every file that somebody does.
    """

    def __init__(self, inbox: Path, rules: StabilityRules, *, max_depth: int, has_leases: bool) -> None:
        self._inbox = inbox
        self._rules = rules
        self._max_depth = max_depth
        self.has_leases = has_leases
        self._candidates: dict[tuple[str, ...], dict[str, Candidate]] = {}
        self._told: set[Key] = set()
        self._turn: tuple[str, ...] = ()

    @property
    def out_of_reach(self) -> frozenset[Key]:
        """What was there at the last scan and can't be taken, until somebody does something about it."""
        return frozenset(self._told)

    @property
    def count(self) -> int:
        """How many candidates there are."""
        return sum(len(of_folder) for of_folder in self._candidates.values())

    def waiting(self) -> Iterator[Candidate]:
        """All candidates."""
        for of_folder in self._candidates.values():
            yield from of_folder.values()

    def scan(self, now: float) -> ScanResult:
        """Look at the whole inbox. A folder that can't be read keeps its candidates: what can't be seen is not gone."""
        scan = _Scan(self._inbox, now, self._candidates, self._told, self._rules, self._max_depth)
        scan.look_into(())
        self._candidates = {folder: candidates for folder, candidates in scan.seen.items() if candidates}
        self._told = scan.told
        return scan.result

    # --- whose turn it is --------------------------------------------------------------------------------------------

    def complete(self, now: float, *, looks: int, pictures: bool = True) -> Iterator[Candidate]:
        """Candidates that are complete, folders taking turns; each is left out of further turns, and is to be claimed or forgotten.

        Args:
            looks: how many are looked at, at most.
            pictures: whether those that need the networks are wanted, too.
        """
        for candidate in self._turns(now):
            if looks <= 0:
                return
            if not (pictures or candidate.is_folder):
                continue
            looks -= 1
            if self._is_complete(now, candidate):
                self._turn = candidate.folder
                del self._candidates[candidate.folder][candidate.name]
                yield candidate

    def refused(self, candidate: Candidate, now: float) -> None:
        """It could not be taken: it stays, and is looked at again later."""
        candidate.rejected, candidate.settling.due_s = "immovable", now + REJECTED_PAUSE_S
        self._candidates.setdefault(candidate.folder, {})[candidate.name] = candidate

    def next_look_s(self, now: float, *, pictures: bool = True) -> float:
        """When the next candidate is worth a look; later than `now`, or never."""
        due = (c.settling.due_s for c in self.waiting() if not c.rejected and (pictures or c.is_folder))
        return max(min(due, default=math.inf), now + LOOK_PAUSE_S)

    def _turns(self, now: float) -> Iterator[Candidate]:
        """What is due, round and round, beginning after the folder that had its turn last.

        In each, first what has been due for longest: that is who came first, unless it was looked at and is still not complete.
        """
        folders = sorted(self._candidates)
        later = [folder for folder in folders if folder > self._turn]
        queues = [iter(self._due(folder, now)) for folder in (*later, *folders[: len(folders) - len(later)])]
        while queues:
            still = []
            for queue in queues:
                candidate = next(queue, None)
                if candidate is not None:
                    still.append(queue)
                    yield candidate
            queues = still

    def _due(self, folder: tuple[str, ...], now: float) -> list[Candidate]:
        due = [candidate for candidate in self._candidates[folder].values() if candidate.settling.due_s <= now]
        return sorted(due, key=attrgetter("settling.due_s"))

    def _is_complete(self, now: float, candidate: Candidate) -> bool:
        try:
            with open_folder(self._inbox, candidate.folder) as folder:
                looks = [observed(candidate.name, folder, has_leases=self.has_leases)]
                if candidate.sidecar:
                    look = observed(candidate.sidecar, folder, has_leases=self.has_leases)
                    looks.append(replace(look, size=max(1, look.size)))  # an empty one is wrong, and no reason to wait for ever
                may_be_taken = is_movable(candidate.name, folder, is_folder=candidate.is_folder)
        except FileNotFoundError:
            candidate.settling.due_s = now + self._rules.stable_s  # gone; the next scan takes it out
            return False
        except OSError as error:
            candidate.rejected = "not_regular" if error.errno in NOT_REGULAR else "unreadable"
            candidate.settling.due_s = now + REJECTED_PAUSE_S
            return False
        candidate.rejected = "" if may_be_taken else "immovable"
        if not may_be_taken:
            candidate.settling.due_s = now + REJECTED_PAUSE_S
            return False
        return candidate.settling.step(now, together(looks))


@dataclass
class _Scan:
    """One look at the inbox, next to what was seen before."""

    inbox: Path
    now: float
    before: dict[tuple[str, ...], dict[str, Candidate]]
    told_before: set[Key]
    rules: StabilityRules
    max_depth: int
    seen: dict[tuple[str, ...], dict[str, Candidate]] = field(default_factory=dict)
    told: set[Key] = field(default_factory=set)
    result: ScanResult = field(default_factory=ScanResult)

    def look_into(self, folder: tuple[str, ...]) -> None:
        try:
            with open_folder(self.inbox, folder) as opened, os.scandir(opened) as entries:
                listed = [(entry.name, entry.stat(follow_symlinks=False)) for entry in _steady(entries) if not is_ignored(entry.name)]
            listed.sort(key=lambda one: (one[1].st_ctime_ns, one[0]))  # as they arrived: a rename sets it, too
        except OSError as error:
            if not folder or error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:  # else renamed or removed just now
                self.result.problems.append(("/".join(folder), error))
                self.seen |= {known: kept for known, kept in self.before.items() if known[: len(folder)] == folder}
                if folder and error.errno in {errno.EACCES, errno.EPERM}:
                    self._reject((folder[:-1], folder[-1]), "unreadable")
            return
        self.result.entries += len(listed)
        names = {name for name, status in listed if not stat.S_ISDIR(status.st_mode)}  # a folder is nobody's sidecar
        here = self.seen.setdefault(folder, {})
        for name, status in listed:
            is_character = stat.S_ISDIR(status.st_mode) and self._is_character((*folder, name))
            if stat.S_ISDIR(status.st_mode) and not is_character:
                if len(folder) < self.max_depth:
                    self.look_into((*folder, name))
            elif not is_character and not stat.S_ISREG(status.st_mode):
                self._reject((folder, name), "not_regular")
            elif is_character or not name.lower().endswith(SIDECAR_SUFFIX):  # a sidecar waits for its picture, or goes with it
                sidecar = os.path.splitext(name)[0] + SIDECAR_SUFFIX  # noqa: PTH122 - ten thousand times a scan
                here[name] = self._candidate(folder, name, status, sidecar if sidecar in names and not is_character else None)

    def _candidate(self, folder: tuple[str, ...], name: str, status: os.stat_result, sidecar: str | None) -> Candidate:
        candidate = self.before.get(folder, {}).get(name)
        if candidate is None:
            self.result.new += 1
            candidate = Candidate(
                folder, name, stat.S_ISDIR(status.st_mode), StabilityTracker(self.now, plain_observation(status), self.rules)
            )
        elif candidate.rejected:
            self._reject(candidate.key, candidate.rejected)
        candidate.sidecar = sidecar
        return candidate

    def _reject(self, key: Key, reason: str) -> None:
        """Tell once for as long as it lies there."""
        self.told.add(key)
        if key not in self.told_before:
            self.result.rejected.append((*key, reason))

    def _is_character(self, parts: Sequence[str]) -> bool:
        with suppress(OSError), open_folder(self.inbox, parts) as folder:
            return stat.S_ISREG(os.lstat(CONFIG_NAME, dir_fd=folder).st_mode)
        return False


def _steady(entries: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    """Entries that are still there when they are looked at."""
    for entry in entries:
        with suppress(FileNotFoundError):
            entry.stat(follow_symlinks=False)
            yield entry

"""Fault 4 of etc/doc/faults.md: a daemon is killed again and again, at random times, during a backlog of 500 files.

    python tests/benchmarks/soak.py --minutes 30 [--seed 0] [--root FOLDER] [--nice 0] [--real]

Each life ends by SIGKILL between 0.2 and 5 s after its start, every other pair so long after it became ready (on a busy machine, the others
often die while they start). When a backlog is done, the next is dropped, until the time is up; then a last life drains what is left.
Workers pretend (tests/fault/stub_daemon.py), in process or as a pool in turns: half of the files take half a second each, every fiftieth
fails for good, some have a sidecar or are in a sub-folder. With --real, the samples of etc/drawings are animated instead, small.
Ends with status 1 unless every file was published or failed exactly once, and what was done stayed done.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from load_daemon import PRETENDING, REAL, REPOSITORY, counted, logged, machine, started

BACKLOG = 500
LIFE_S = (0.2, 5.0)
REFUSED = b"refuse this, number %d"
SMALL = {"animation_size": "64x64", "animation_fps": "5", "jobs_workers": "2"}
PATIENCE_S = 900.0


@dataclass(frozen=True)
class Progress:
    """Progress of the backlog."""

    ended: int
    taken: int


@dataclass(frozen=True)
class Life:
    """One life of the daemon.

    Attributes:
        has_pool: its workers were processes, which have to start first.
        worked_s: from its readiness to its death; None if it never became ready.
        kept: steps that were taken and stayed: claims, and jobs that ended.
    """

    has_pool: bool
    worked_s: float | None
    kept: int
    is_backward: bool


class Soak:
    """Drops backlogs and runs daemons that are killed."""

    def __init__(self, root: Path, seed: int, *, is_real: bool) -> None:
        self.root, self.dice, self.is_real = root, random.Random(seed), is_real
        self.contents: list[bytes] = []
        self.lives: list[Life] = []
        self.backlogs = 0
        self._samples = [path.read_bytes() for path in sorted((REPOSITORY / "etc" / "drawings").glob("*.jpg"))]

    def drop_backlog(self) -> None:
        self.backlogs += 1
        for _ in range(BACKLOG):
            self._drop(len(self.contents))

    def _drop(self, number: int) -> None:
        content = self._content(number)
        self.contents.append(content)
        folder = self.root / "inbox" / ("dab" if number % 10 == 3 else "")
        folder.mkdir(parents=True, exist_ok=True)
        if number % 10 == 7:
            (folder / f"drawing{number:05d}.json").write_text('{"motion": "dab"}')
        (folder / f"drawing{number:05d}.jpg").write_bytes(content)

    def _content(self, number: int) -> bytes:
        if number % 50 == 49:
            return REFUSED % number
        if self.is_real:
            return self._samples[number % len(self._samples)] + b"\n%d" % number
        return b"slow, number %d" % number if number % 2 else b"a drawing, number %d" % number

    def progress(self) -> Progress:
        """Count the files themselves: the daemon's own numbers are not trusted."""
        ended = sum(1 for name in self._names("outbox") if name.endswith(".json"))
        ended += sum(1 for name in self._names("failed") if name.endswith(".jpg"))
        left = sum(1 for name in self._names("inbox") if name.endswith(".jpg"))
        return Progress(ended, len(self.contents) - left)

    def _names(self, place: str) -> list[str]:
        return [name for _, _, names in os.walk(self.root / place) for name in names]

    def live(self, until_s: float) -> None:
        """Run one life of the daemon; returns it with what it kept."""
        lived_s = self.dice.uniform(*LIFE_S)
        before = self.progress()
        start_s = time.monotonic()
        is_timed_when_ready = len(self.lives) % 4 >= 2
        ready_s: float | None = None
        with started(
            self.root, self._command(), is_ready=False, is_quiet=True, **(SMALL if self.is_real else {}), intake_quiet_s=0.02
        ) as daemon:
            while time.monotonic() < min(start_s + lived_s, until_s + PATIENCE_S):
                if ready_s is None and daemon.records("daemon.ready"):
                    ready_s = time.monotonic()
                if is_timed_when_ready:
                    start_s = ready_s or time.monotonic()
                time.sleep(0.01)
            daemon.process.kill()
            daemon.process.wait()
            end_s = time.monotonic()
        for log in self.root.glob("daemon.*.log"):
            log.unlink()
        after = self.progress()
        kept = after.ended - before.ended + after.taken - before.taken
        is_backward = after.ended < before.ended
        self.lives.append(Life(self._has_pool(), None if ready_s is None else end_s - ready_s, kept, is_backward))

    def _command(self) -> tuple[str, ...]:
        if self.is_real:
            return REAL
        return (*PRETENDING, "--pool") if self._has_pool() else PRETENDING

    def _has_pool(self) -> bool:
        return self.is_real or len(self.lives) % 2 == 0

    def finish(self) -> int:
        """Run the last life until it ends by itself; returns its exit status."""
        command = (*(REAL if self.is_real else PRETENDING), "--drain")
        with started(self.root, command, is_ready=False, **(SMALL if self.is_real else {}), intake_quiet_s=0.02) as daemon:
            return daemon.process.wait(PATIENCE_S)


def report(soak: Soak, status: int) -> bool:
    worked = [life for life in soak.lives if life.worked_s is not None]
    idle = [life for life in worked if not life.kept]
    places = counted(soak.root, [content for content in soak.contents if not content.startswith(b"refuse")])
    refused = Counter(path.read_bytes() for path in (soak.root / "failed").rglob("*.jpg"))
    wanted = [content for content in soak.contents if content.startswith(b"refuse")]
    left = [*(soak.root / "spool" / "work").rglob("*"), *(path for path in (soak.root / "inbox").rglob("*") if path.is_file())]
    temporary = [path for place in ("outbox", "failed") for path in (soak.root / place).rglob(".*")]
    backward = sum(life.is_backward for life in soak.lives)
    logged(
        {
            "lives, ended by SIGKILL": len(soak.lives),
            "  of which became ready": f"{len(worked)}, and worked {sum(life.worked_s or 0.0 for life in worked):.0f} s in all",
            "  of those, without processes, kept no step": _idle([life for life in idle if not life.has_pool]),
            "  of those, with processes, kept no step": _idle([life for life in idle if life.has_pool]),
            "  after which less was done than before": backward,
            "backlogs of 500": soak.backlogs,
            "last life's exit status": status,
            **places,
            "to be refused": len(wanted),
            "refused once": sum(refused[content] == 1 for content in wanted),
            "refused for nothing": len(refused) - sum(refused[content] > 0 for content in wanted),
            "left in work and inbox": len(left),
            "temporary names left": len(temporary),
        }
    )
    is_whole = places["published once"] == places["dropped"] and all(refused[content] == 1 for content in wanted)
    return is_whole and not (places["files without manifest"] or left or temporary or backward or status)


def _idle(lives: list[Life]) -> str:
    return f"{len(lives)}, which worked {max((life.worked_s or 0.0 for life in lives), default=0.0):.2f} s at most"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    os.nice(options.nice)
    root = Path(tempfile.mkdtemp(prefix="doodled-soak-", dir=options.root))
    print(f"soak of {options.minutes:g} minutes, seed {options.seed}: {machine()}, {root}", flush=True)
    soak = Soak(root, options.seed, is_real=options.real)
    end_s = time.monotonic() + 60 * options.minutes
    while time.monotonic() < end_s:
        if soak.progress().ended >= len(soak.contents):
            soak.drop_backlog()
        soak.live(end_s)
    is_fine = report(soak, soak.finish())
    print(f"  ({machine()})", flush=True)
    if is_fine:
        shutil.rmtree(root, ignore_errors=True)
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())

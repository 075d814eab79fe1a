"""Whether the daemon's resources stay flat under every kind of drop, for hours: memory, descriptors, threads, inotify watches.

    python tests/benchmarks/soak_drops.py --minutes 120 [--seed 0] [--root FOLDER] [--nice 0]

One daemon with real workers lives throughout. Every few seconds something is dropped: drawings written at once, slowly, renamed in, with
sidecars, in folders that come and go; character folders, PDF files, ZIP archives, duplicates, images of all formats; and what is no
drawing: empty, truncated and hostile files, pipes, links, misspelt sidecars, files of network storage. Meanwhile users take the results
away, an operator retries and discards what failed and reloads the settings, and kept sources expire after three minutes.
Ends with status 1 unless each claimed job ended exactly once, the daemon stopped cleanly, and the last quarter's resources are those of the
second quarter, within a tenth, with no more watches than the inbox has folders. `--minutes` should be at least ten.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from load_daemon import REAL, REPOSITORY, Daemon, logged, machine, started, until
from PIL import Image

sys.path.insert(0, str(REPOSITORY))

from tests.unit.adapters.reading import image_corpus

PAUSE_S = (0.5, 6.0)
SAMPLE_S = 60.0
SETTLING_S = 900.0
GROWTH = 1.1
MAX_WAITING = 80
"""Nothing is dropped while the inbox has more entries than this: a slow machine must not gather a backlog."""

SETTINGS = {
    "animation_size": "96x96",
    "animation_fps": "10",
    "jobs_workers": "2",
    "jobs_recycle_after": "100",
    "inbox_stable_s": "1.5",
    "storage_retention_h": "0.05",
    "log_heartbeat_s": "30",
}


@dataclass(frozen=True)
class Sample:
    """Resources at one moment, of the daemon and of its workers together.

    Attributes:
        rss_mb, workers_rss_mb: resident memory.
        watches: inotify watches of the daemon; it needs one for each of the inbox's folders.
        processes: the daemon and its children.
    """

    rss_mb: float
    workers_rss_mb: float
    descriptors: int
    threads: int
    watches: int
    folders: int
    processes: int


def sample(daemon: Daemon) -> Sample:
    pid, *children = daemon.family()
    descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    watches = 0
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        with suppress(OSError):
            watches += info.read_text().count("inotify wd:")
    threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    folders = 1 + sum(path.is_dir() and not path.is_symlink() for path in (daemon.root / "inbox").rglob("*"))
    workers_mb = round(sum(map(_rss_mb, children)), 1)
    return Sample(round(_rss_mb(pid), 1), workers_mb, len(descriptors), threads, watches, folders, 1 + len(children))


def _rss_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
    except OSError:  # it has ended
        return 0.0


class Drops:
    """Users and an operator: each call of `act` does one thing at random."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.dice = root, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self._outside = root / "outside"
        self._outside.mkdir()
        self._number = 0
        self._samples = [path.read_bytes() for path in sorted((REPOSITORY / "etc/drawings").glob("*.jpg"))]
        self._corpus = [(name, content) for name, content in image_corpus.samples().items() if "/" not in name]
        self._characters = sorted(path for path in (REPOSITORY / "etc/characters").iterdir() if path.is_dir())
        self._slow: list[tuple[float, Path, bytes]] = []
        self._kinds: Sequence[tuple[Callable[[], None], int]] = (
            (self.plain, 4),
            (self.renamed, 3),
            (self.slow, 2),
            (self.with_sidecar, 3),
            (self.in_folder, 3),
            (self.in_new_folder, 3),
            (self.character, 3),
            (self.document, 2),
            (self.duplicate, 3),
            (self.of_any_format, 4),
            (self.withdrawn, 2),
            (self.no_drawing, 4),
            (self.odd_entry, 3),
            (self.litter, 1),
        )

    def act(self) -> None:
        """Drop something unless too much waits, and continue slow writers."""
        self.continue_writing()
        if sum(1 for _ in (self.root / "inbox").rglob("*")) > MAX_WAITING:
            return
        (kind,) = self.dice.choices([kind for kind, _ in self._kinds], [weight for _, weight in self._kinds])
        kind()
        self.counts[kind.__name__] += 1

    def continue_writing(self, *, is_last: bool = False) -> None:
        """Write the second half of files that are due."""
        for each in [each for each in self._slow if is_last or time.monotonic() >= each[0]]:
            self._slow.remove(each)
            with suppress(FileNotFoundError), each[1].open("r+b") as file:  # only if it still waits there
                file.seek(0, os.SEEK_END)
                file.write(each[2])

    # --- drawings ----------------------------------------------------------------------------------------------------

    def plain(self) -> None:
        self._inbox("jpg").write_bytes(self._drawing())

    def renamed(self) -> None:
        path = self._inbox("jpg")
        outside = self._outside / path.name
        outside.write_bytes(self._drawing())
        outside.rename(path)

    def slow(self) -> None:
        path, content = self._inbox("jpg"), self._drawing()
        path.write_bytes(content[: len(content) // 2])
        self._slow.append((time.monotonic() + self.dice.uniform(0.2, 1.0), path, content[len(content) // 2 :]))

    def with_sidecar(self) -> None:
        path = self._inbox("jpg")
        options = self.dice.choice(
            ('{"motion": "dab"}', '{"formats": ["mp4", "webp"]}', '{"fps": 5, "size": "64x64"}', '{"motion": 7}', "{")
        )
        path.with_suffix(".json").write_text(options)
        path.write_bytes(self._drawing())

    def in_folder(self) -> None:
        path = self._inbox("jpg", self.dice.choice(("dab", "dance", "school/class 1")))
        path.write_bytes(self._drawing())

    def in_new_folder(self) -> None:
        path = self._inbox("jpg", f"day {self._number}/inner")
        path.write_bytes(self._drawing())

    def character(self) -> None:
        self._number += 1
        name, source = f"character{self._number}", self.dice.choice(self._characters)
        shutil.copytree(source, self._outside / name)
        (self._outside / name).rename(self.root / "inbox" / name)

    def document(self) -> None:
        pages = [Image.open(io.BytesIO(self._drawing())) for _ in range(2)]
        buffer = io.BytesIO()
        if self.dice.random() < 0.5:
            pages[0].save(buffer, "PDF", save_all=True, append_images=pages[1:])
            self._inbox("pdf").write_bytes(buffer.getvalue())
            return
        with zipfile.ZipFile(buffer, "w") as archive:
            for number in range(2):
                archive.writestr(f"page {number}.jpg", self._drawing())
        self._inbox("zip").write_bytes(buffer.getvalue())

    def duplicate(self) -> None:
        self._inbox("jpg").write_bytes(self._samples[0])

    def of_any_format(self) -> None:
        name, content = self.dice.choice(self._corpus)
        self._inbox(name.rpartition(".")[2]).write_bytes(content)

    def withdrawn(self) -> None:
        path = self._inbox("jpg")
        path.write_bytes(self._drawing())
        time.sleep(self.dice.uniform(0, 0.3))
        path.unlink(missing_ok=True)

    # --- others ------------------------------------------------------------------------------------------------------

    def no_drawing(self) -> None:
        drawing = self._drawing()
        content = self.dice.choice(
            (b"", b"no drawing\n", drawing[: len(drawing) // 3], self.dice.randbytes(3000), b"%PDF-1.7\n", b"PK\3\4")
        )
        self._inbox(self.dice.choice(("jpg", "png", "pdf", "txt"))).write_bytes(content)

    def odd_entry(self) -> None:
        self._number += 1
        inbox, name = self.root / "inbox", f"odd{self._number}"
        match self.dice.randrange(6):
            case 0:
                os.mkfifo(inbox / f"{name}.png")
            case 1:
                (inbox / f"{name}.png").symlink_to("/dev/zero")
            case 2:
                (inbox / f"{name}.jpg.json").write_text("{}")
            case 3:
                deep = inbox.joinpath(name, *"abcdefg")
                deep.mkdir(parents=True)
                (deep / "deep.jpg").write_bytes(self._samples[1])
            case 4:
                Path(os.fsdecode(os.fsencode(inbox) + b"/\xff\x1b[31m\n" + name.encode() + b".jpg")).write_bytes(self._drawing())
            case 5:
                (inbox / f"{name}{'n' * 200}.jpg").write_bytes(self._drawing())

    def litter(self) -> None:
        for name in ("#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found", "@eaDir"):
            (self.root / "inbox" / name).mkdir(exist_ok=True)
            (self.root / "inbox" / name / "old.jpg").write_bytes(b"litter")
        (self.root / "inbox" / "Thumbs.db").write_bytes(b"litter")

    # --- what else happens -------------------------------------------------------------------------------------------

    def tidy(self) -> None:
        """Users take results away, and remove what was not taken from the inbox."""
        for path in sorted((self.root / "outbox").rglob("*"), reverse=True):
            _remove(path, older_than_s=90.0)
        for path in sorted((self.root / "inbox").rglob("*"), reverse=True):
            _remove(path, older_than_s=300.0)

    def operate(self, daemon: Daemon) -> None:
        """An operator reloads the settings, retries what failed, and discards the rest."""
        daemon.process.send_signal(signal.SIGHUP)
        failed = [path.name for path in (self.root / "failed").iterdir() if not path.name.endswith(".json") and path.is_file()]
        if failed:
            self._doodled("jobs", "retry", self.dice.choice(failed))
        self._doodled("jobs", "list", "--done")
        if len(failed) > 20:
            self._doodled("jobs", "discard", "--all", "--yes")

    def _doodled(self, *arguments: str) -> None:
        environ = {**os.environ, "DOODLED_ROOT": str(self.root), "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run([sys.executable, "-m", "daemon", *arguments], env=environ, capture_output=True, text=True, check=False)
        self.counts[f"doodled {' '.join(arguments[:2])}: status {done.returncode}"] += 1

    def _inbox(self, suffix: str, folder: str = "") -> Path:
        self._number += 1
        place = self.root / "inbox" / folder
        place.mkdir(parents=True, exist_ok=True)
        return place / f"drawing{self._number:06d}.{suffix}"

    def _drawing(self) -> bytes:
        return self.dice.choice(self._samples) + b"\n%d" % self._number


def _remove(path: Path, *, older_than_s: float) -> None:
    with suppress(OSError):  # taken meanwhile, or a folder that is not empty
        if time.time() - path.lstat().st_ctime > older_than_s:
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def soak(root: Path, minutes: float, seed: int) -> bool:
    """Print the numbers; returns whether all requirements hold."""
    drops, samples = Drops(root, seed), []
    with started(root, REAL, is_ready=False, **SETTINGS, metrics_textfile=root / "doodled.prom") as daemon:
        until(lambda: daemon.records("daemon.ready"), "the daemon is not ready", SETTLING_S, pause_s=0.5)
        start_s = time.monotonic()
        end_s, sample_at_s, operate_at_s = start_s + 60 * minutes, start_s, start_s + 120
        while time.monotonic() < end_s and daemon.process.poll() is None:
            drops.act()
            if time.monotonic() >= sample_at_s:
                sample_at_s += SAMPLE_S
                drops.tidy()
                samples.append(sample(daemon))
                print(f"{(time.monotonic() - start_s) / 60:6.1f} min  {json.dumps(asdict(samples[-1]))}  ({machine()})", flush=True)
            if time.monotonic() >= operate_at_s:
                operate_at_s += 300
                drops.operate(daemon)
            time.sleep(drops.dice.uniform(*PAUSE_S))
        drops.continue_writing(is_last=True)
        until(lambda: not list((root / "spool/work").glob("*/*/source")), "jobs are left", SETTLING_S, pause_s=1.0)
        status = daemon.stop()
        records = daemon.records("job.claimed", "job.done", "job.failed", "job.recovered", "file.rejected", "job.duplicate", "worker.died")
    return report(drops, samples, records, status)


def report(drops: Drops, samples: Sequence[Sample], records: Sequence[dict[str, object]], status: int) -> bool:
    events = Counter(str(record["event"]) for record in records)
    claimed = Counter(record["job_id"] for record in records if record["event"] == "job.claimed")
    ended = Counter(record["job_id"] for record in records if record["event"] in {"job.done", "job.failed"})
    quarter = max(1, len(samples) // 4)
    logged({f"dropped {kind}": count for kind, count in sorted(drops.counts.items())})
    logged(dict(sorted(events.items())))
    is_flat = True
    for field in fields(Sample):
        before, after = (
            statistics.median(getattr(each, field.name) for each in part) for part in (samples[quarter : 2 * quarter], samples[-quarter:])
        )
        first, last = getattr(samples[0], field.name), getattr(samples[-1], field.name)
        logged({field.name: f"first {first:g}, second quarter {before:g}, last quarter {after:g}, last {last:g}"})
        if field.name not in {"watches", "folders"}:
            is_flat = is_flat and after <= GROWTH * before + 1
    is_flat = is_flat and samples[-1].watches <= samples[-1].folders + 2
    is_whole = claimed.keys() == ended.keys() and set(ended.values()) == {1}
    logged({"each claimed job ended once": is_whole, "resources are flat": is_flat, "exit status": status})
    return is_whole and is_flat and status == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--nice", type=int, default=0)
    options = parser.parse_args()
    os.nice(options.nice)
    root = Path(tempfile.mkdtemp(prefix="doodled-soak-", dir=options.root))
    print(f"soak of {options.minutes:g} minutes, seed {options.seed}: {machine()}, {root}", flush=True)
    is_fine = soak(root, options.minutes, options.seed)
    print(f"  ({machine()})", flush=True)
    if is_fine:
        shutil.rmtree(root, ignore_errors=True)
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())

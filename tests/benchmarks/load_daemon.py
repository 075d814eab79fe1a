"""A daemon under load, observed from outside: its records, memory and processor time; and users who drop files into its inbox."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
STUB = REPOSITORY / "tests" / "fault" / "stub_daemon.py"
TICKS_A_S = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 120.0

REAL = (sys.executable, "-m", "daemon", "run")
PRETENDING = (sys.executable, str(STUB))
"""Its worker only copies the source's bytes; everything else is real."""


class Daemon:
    """A daemon process and its records.

    Attributes:
        root: the folder of inbox, outbox, failed and spool.
    """

    def __init__(self, root: Path, process: subprocess.Popen[bytes], log: Path) -> None:
        self.root, self.process, self._log = root, process, log

    def records(self, *events: str) -> list[dict[str, Any]]:
        """Its log records so far, of these events or of all."""
        lines = self._log.read_bytes().split(b"\n")[:-1]
        wanted = [line for line in lines if not events or any(b'"event": "%s"' % event.encode() in line for event in events)]
        return [json.loads(line) for line in wanted]

    def status(self) -> dict[str, Any]:
        """The status that it published last, as `doodled jobs list` reads it."""
        for path in (self.root / "spool" / "status").glob("*.json"):
            with suppress(OSError, ValueError):
                status: dict[str, Any] = json.loads(path.read_text())
                if status["pid"] == self.process.pid:
                    return status
        return {}

    def rss_bytes(self) -> int:
        """Resident memory of the daemon without its workers."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    def state(self) -> str:
        """State of the process as in proc(5): R, S, T for stopped, ..."""
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def family(self) -> list[int]:
        """The daemon and its children, by process id."""
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                with suppress(OSError):
                    found += [int(child) for child in task.read_text().split()]
        return found

    def cpu_s(self) -> float:
        """Processor time of the daemon and its children so far."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.family()]
        return sum(int(each[11]) + int(each[12]) for each in fields) / TICKS_A_S

    def wakeups(self) -> int:
        """Voluntary context switches so far: how often a thread of the daemon or of its children went to sleep."""
        count = 0
        for pid in self.family():
            for path in Path(f"/proc/{pid}/task").glob("*/status"):
                with suppress(OSError):
                    count += int(path.read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0])
        return count

    def stop(self) -> int:
        """Stop the daemon as systemd does; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def started(
    root: Path, command: Sequence[object] = PRETENDING, *, is_ready: bool = True, is_quiet: bool = False, **settings: object
) -> Iterator[Daemon]:
    """Start a daemon for the `with` block; it is killed at the end if it still runs.

    Args:
        is_ready: wait until the daemon is ready.
        is_quiet: discard its stderr: multiprocessing complains there when its process is killed.
        settings: environment variables without DOODLED_, in lower case.
    """
    root.mkdir(parents=True, exist_ok=True)
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY), "DOODLED_ROOT": str(root), "DOODLED_LOG_FORMAT": "json"}
    environ |= {"DOODLED_STORAGE_RESERVE_MB": "0"} | {f"DOODLED_{name.upper()}": str(value) for name, value in settings.items()}
    words = [str(word) for word in command]
    if str(STUB) in words:
        words.insert(words.index(str(STUB)) + 1, str(root))
    log = root / f"daemon.{time.monotonic_ns()}.log"
    errors = subprocess.DEVNULL if is_quiet else None
    with log.open("wb") as file, subprocess.Popen(words, env=environ, stdout=file, stderr=errors, cwd=root) as process:
        daemon = Daemon(root, process, log)
        try:
            if is_ready:
                until(lambda: b"daemon.ready" in log.read_bytes(), "the daemon never became ready")
            yield daemon
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()


def until(is_so: Callable[[], object], otherwise: str, patience_s: float = PATIENCE_S, pause_s: float = 0.01) -> float:
    """Wait until a condition holds; returns how long that took, s."""
    start_s = time.monotonic()
    while not is_so():
        if time.monotonic() > start_s + patience_s:
            raise TimeoutError(f"{otherwise} within {patience_s:g} s")
        time.sleep(pause_s)
    return time.monotonic() - start_s


def drop(inbox: Path, contents: Iterable[bytes], stem: str = "drawing") -> dict[str, bytes]:
    """Write each content to a file, directly under its final name, as programs that copy files do. Returns the contents by name."""
    inbox.mkdir(parents=True, exist_ok=True)
    dropped = {f"{stem}{number:05d}.png": content for number, content in enumerate(contents)}
    folder = os.open(inbox, os.O_RDONLY)
    try:
        for name, content in dropped.items():
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=folder)
            os.write(file, content)
            os.close(file)
    finally:
        os.close(folder)
    return dropped


def rename_in(root: Path, name: str, content: bytes) -> None:
    """Drop a file as careful programs do: write it elsewhere, then rename it."""
    outside = root / f"outside.{name}"
    outside.write_bytes(content)
    outside.rename(root / "inbox" / name)


def counted(root: Path, contents: Iterable[bytes]) -> dict[str, int]:
    """Check that no dropped file is lost or published twice; returns where the files are, and how often each was published."""
    published: Counter[str] = Counter()
    for path in (root / "outbox").rglob("*.json"):
        manifest = json.loads(path.read_text())
        digest = manifest["source"]["sha256"]
        published[digest] += 1
        for output in manifest["outputs"]:
            if hashlib.sha256(path.with_name(output["file"]).read_bytes()).hexdigest() != output["sha256"]:
                raise ValueError(f"{path}: {output['file']} is not what its manifest says")
    wanted = [hashlib.sha256(content).hexdigest() for content in contents]
    waiting = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (root / "inbox").rglob("*.png")}
    waiting |= {hashlib.sha256(path.read_bytes()).hexdigest() for path in (root / "spool" / "work").glob("*/*/source")}
    return {
        "dropped": len(wanted),
        "published once": sum(published[digest] == 1 for digest in wanted),
        "published more than once": sum(published[digest] > 1 for digest in wanted),
        "in inbox or work": len(waiting),
        "in failed": sum(1 for path in (root / "failed").glob("*") if not path.name.endswith(".json")),
        "lost": sum(not published[digest] and digest not in waiting for digest in wanted),
        "files without manifest": _orphans(root),
    }


def _orphans(root: Path) -> int:
    named = set()
    for path in (root / "outbox").rglob("*.json"):
        named |= {path} | {path.with_name(output["file"]) for output in json.loads(path.read_text())["outputs"]}
    return sum(1 for path in (root / "outbox").rglob("*") if path.is_file() and path not in named)


def percentiles(values: Sequence[float]) -> str:
    """Median, 95th percentile and worst, for a table."""
    ordered = sorted(values)
    if not ordered:
        return "nothing measured"
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"median {statistics.median(ordered):7.1f}   p95 {p95:7.1f}   worst {ordered[-1]:7.1f}   (n = {len(ordered)})"


def logged(rows: Mapping[str, object]) -> None:
    """Print a table of two columns."""
    for name, value in rows.items():
        print(f"  {name:44} {value}", flush=True)


def disk(folder: Path) -> str:
    """Time to write a small file durably; the daemon waits for the disk about four times as long for each job."""
    spent_ms = []
    opened = os.open(folder, os.O_RDONLY)
    for number in range(40):
        start_s = time.perf_counter()
        path = folder / f".probe{number}"
        with path.open("wb") as file:
            file.write(b"x" * 300)
            file.flush()
            os.fsync(file.fileno())
        os.fsync(opened)
        spent_ms.append(1000 * (time.perf_counter() - start_s))
        path.unlink()
    os.close(opened)
    return percentiles(spent_ms)


def machine() -> str:
    """Load averages, which show what else ran during the measurement."""
    return f"{os.cpu_count()} cores, load {' '.join(f'{load:.1f}' for load in os.getloadavg())}"

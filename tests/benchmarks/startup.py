"""Cost of commands from a cold start, and memory of a service at rest. Prints a table of each:

    python tests/benchmarks/startup.py [--against CHECKOUT] [--runs 10] [--memory]

`--against` names another checkout, such as a `git worktree` of an earlier commit: both run in turns, so that a busy machine disturbs both
alike. Processor time of the whole process, which is what to compare on a busy machine, and wall time; the least of all runs, since what
disturbs a run only adds to it. Bytecode is compiled before, as an installation does.

`--memory` starts the service with two workers, lets it animate the sample drawings, waits until it rests, and adds up the proportional
memory (PSS, proc_pid_smaps(5)) of its processes.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = sorted((REPOSITORY / "etc" / "drawings").glob("*.jpg"))
KING = REPOSITORY / "etc" / "characters" / "stick_king"
COMMANDS = {
    "doodled --version": ("--version",),
    "doodled --help": ("--help",),
    "doodled animate --help": ("animate", "--help"),
    "doodled motions": ("motions",),
    "doodled animate, small drawing to GIF": ("animate", str(SAMPLES[0]), "--quiet", "--output", "{folder}/drawing.gif"),
    "doodled render, character to GIF": ("render", str(KING), "--quiet", "--output", "{folder}/king.gif"),
}
REST_S = 75.0
"""Workers give memory back after 5 s without a task, and end after 60 s."""
PATIENCE_S = 600.0


def command_cost(checkout: Path, arguments: tuple[str, ...], folder: str) -> tuple[float, float]:
    """Seconds of processor time and of wall time."""
    environ = {**os.environ, "PYTHONPATH": str(checkout)}
    began_s = time.perf_counter()
    words = [sys.executable, "-m", "daemon", *(word.format(folder=folder) for word in arguments)]
    process = subprocess.Popen(words, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(words)} in {checkout} ended with {status}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - began_s


def print_costs(checkouts: list[Path], runs: int) -> None:
    print("least ms: processor time, wall time", *(f"| {checkout}" for checkout in checkouts))
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in COMMANDS.items():
            costs: dict[Path, list[tuple[float, float]]] = {checkout: [] for checkout in checkouts}
            for _ in range(runs):
                for checkout in checkouts:
                    costs[checkout].append(command_cost(checkout, arguments, folder))
            cells = (f"| {min(cpu for cpu, _ in each) * 1000:.0f}, {min(wall for _, wall in each) * 1000:.0f}" for each in costs.values())
            print(name, *cells, flush=True)


def processes(process: int) -> list[int]:
    """A process and all its descendants."""
    found = [process]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def print_memory(checkout: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        settings = {"ROOT": folder, "JOBS_WORKERS": "2", "STORAGE_RESERVE_MB": "0", "JOBS_DEADLINE_S": str(PATIENCE_S)}
        environ = {**os.environ, "PYTHONPATH": str(checkout), **{f"DOODLED_{name}": value for name, value in settings.items()}}
        (root / "inbox").mkdir()
        for number, sample in enumerate((*SAMPLES, SAMPLES[0])):
            shutil.copy(sample, root / "inbox" / f"{number}.jpg")
        command = [sys.executable, "-m", "daemon", "run"]
        daemon = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until_s = time.monotonic() + PATIENCE_S
            while len(list((root / "outbox").glob("*.json"))) <= len(SAMPLES) and time.monotonic() < until_s:
                time.sleep(0.5)
            time.sleep(REST_S)
            sizes = []
            for process in processes(daemon.pid):
                rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
                sizes.append(int(rollup.split("\nPss:")[1].split()[0]) / 1024)
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait()
    print(f"{checkout}: {sum(sizes):.0f} MB in {len(sizes)} processes: {', '.join(f'{size:.0f}' for size in sizes)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    checkouts = [*([options.against.resolve()] if options.against else []), REPOSITORY]
    for checkout in checkouts:
        for package in ("daemon", "pipeline"):
            compileall.compile_dir(checkout / package, quiet=1)
    print(f"load average: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if options.memory:
        for checkout in checkouts:
            print_memory(checkout)
    else:
        print_costs(checkouts, options.runs)


if __name__ == "__main__":
    main()

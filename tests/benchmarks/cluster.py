"""Jobs on a Dask cluster, all processes on this machine: what a job costs each process, and whether drawings survive faults.

python tests/benchmarks/cluster.py costs [JOBS [QUEUED]]   processor time for jobs without work; memory with this many in the inbox
python tests/benchmarks/cluster.py paired [ROUNDS]         real drawings, on the cluster and locally in turns: throughput, overhead
python tests/benchmarks/cluster.py share [ROUNDS]          the same with jobs that sleep for half a second: a busy machine disturbs less
python tests/benchmarks/cluster.py bytes                   bytes sent for each sample drawing
python tests/benchmarks/cluster.py troubles [JOBS]         a machine cut off, one killed, the scheduler restarted; needs root
python tests/benchmarks/cluster.py real [DRAWINGS] [FOLDER...]   the same with copies of the samples, and of the images and character
                                                           folders in FOLDER; all results are compared with those of local workers
"""

from __future__ import annotations

import itertools
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import waiting  # noqa: E402 - found by the path above
from dask_cluster import Cluster  # noqa: E402 - as above
from dask_networks import animate_through_troubles, slow_drawings  # noqa: E402 - as above
from published import kept, published  # noqa: E402 - as above

DRAWINGS = sorted((ROOT / "etc" / "drawings").glob("*.jpg"))
PATIENCE_S = 3600.0
SLEEPERS, SLEEPER_BYTES = 40, 1_000_000
LOCAL = """
import os, sys
from daemon.service.main import run
from daemon.worker.pool import ProcessWorkerPool
from fault.stub_worker import remote_result

def workers(wake):
    return ProcessWorkerPool(2, recycle_after=0, memory_limit_mb=0, wake=wake, work=remote_result)

if __name__ == "__main__":
    sys.exit(run(None, os.environ, drain=True, make_workers=workers))
"""
"""A daemon with two local workers that do the same fake work as those of the cluster."""
COPIES = 10
SMALL = "160x160"
_TICKS = os.sysconf("SC_CLK_TCK")


def processor_s(process: int) -> float:
    """Processor time of a process with all its threads, without its children, s."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def tree_processor_s(process: int) -> float:
    """Processor time of a process and all its descendants, also of those that have ended, s."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:  # it has ended
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS + sum(tree_processor_s(int(child)) for child in children)


def resident_mb(process: int) -> float:
    """Memory of a process, MB."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def load() -> str:
    return f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"


def costs(folder: Path, count: int, queued: int = 0) -> None:
    """Run jobs without work: a few bytes go out and come back. Of `queued` drawings in the inbox, `count` are waited for."""
    root = folder / "root"
    (root / "inbox").mkdir(parents=True)
    with Cluster.opened(folder / "cluster") as cluster:
        processes = {"scheduler": cluster.start_scheduler()}
        processes |= {name: cluster.start_worker(name) for name in ("worker 1", "worker 2")}
        processes["daemon"] = cluster.start_daemon(root)
        cluster.wait_for("worker.joined", 2)
        (root / "inbox" / "first.png").write_bytes(b"first")
        cluster.wait_for("job.done")
        before_mb, idle_mb = resident_mb(processes["daemon"].pid), 0.0
        queued = max(count, queued)
        for number in range(queued):
            (root / "inbox" / f".{number}.png").write_bytes(b"drawing %d" % number)
        for number in range(queued):
            (root / "inbox" / f".{number}.png").rename(root / "inbox" / f"{number}.png")
        before = {name: processor_s(process.pid) for name, process in processes.items()}
        started_s = time.monotonic()

        def is_done() -> bool:
            nonlocal idle_mb
            idle_mb = max(idle_mb, resident_mb(processes["daemon"].pid))
            time.sleep(0.3)
            return len(cluster.records("job.done")) > count

        waiting.until(is_done, PATIENCE_S)
        took_s = time.monotonic() - started_s
        spent_ms = {name: 1000 * (processor_s(process.pid) - before[name]) / count for name, process in processes.items()}
        print(f"{count} jobs without work in {took_s:.0f} s, {queued} drawings in the inbox, {load()}")
        for name, each_ms in spent_ms.items():
            print(f"  {name}: {each_ms:.1f} ms of processor time a job, {resident_mb(processes[name].pid):.0f} MB")
        print(f"  memory of the daemon: {before_mb:.0f} MB before, {idle_mb:.0f} MB at most, +{idle_mb - before_mb:.0f}")


def paired(folder: Path, rounds: int) -> None:
    """Run real drawings, thirty a round: on two workers of a cluster, then on two local ones, and so on."""
    found: dict[str, list[tuple[float, float, float, float]]] = {"dask": [], "local": []}
    with Cluster.opened(folder / "cluster") as cluster:
        others = [cluster.start_scheduler().pid]
        others += [cluster.start_worker(name, is_fake=False).pid for name in ("left", "right")]
        waiting.until(lambda: all("joined" in cluster.log(name) for name in ("left", "right")), 300)
        for number in range(rounds):
            for executor, rows in found.items():
                rows.append(_round(cluster, folder / f"{executor}-{number}", executor, others if executor == "dask" else []))
                per_minute, overhead_ms, work_s, spent_s = rows[-1]
                print(
                    f"{executor}: {per_minute:.1f} drawings a minute, daemon's share {overhead_ms:.1f} ms, work {work_s:.2f} s, "
                    f"{spent_s:.2f} s of processor time for each in all processes; {load()}",
                    flush=True,
                )
    middle = {name: [statistics.median(values) for values in zip(*each, strict=True)] for name, each in found.items()}
    print(
        f"throughput {100 * middle['dask'][0] / middle['local'][0]:.0f} % of local; "
        f"share {middle['dask'][1] - middle['local'][1]:+.1f} ms; "
        f"by processor time, {100 * middle['local'][3] / middle['dask'][3]:.1f} % of local"
    )
    alike = [
        (folder / "dask-0/outbox" / path.name).read_bytes() == path.read_bytes() for path in (folder / "local-0" / "outbox").glob("*.gif")
    ]
    print(f"{sum(alike)} of {len(alike)} outputs are byte-identical")


def _round(cluster: Cluster, root: Path, executor: str, others: Sequence[int]) -> tuple[float, float, float, float]:
    """Drawings a minute without the first three, medians of the daemon's share in ms and of the work in s, processor time for each in s.

    Args:
        others: processes that work for the daemon, apart from its own children.
    """
    (root / "inbox").mkdir(parents=True)
    for copy in range(COPIES):
        for path in DRAWINGS:
            shutil.copy(path, root / "inbox" / f"{copy}-{path.name}")
    log = cluster.folder / "daemon.log"
    log.unlink(missing_ok=True)
    cluster.environ["DOODLED_JOBS_WORKERS"] = "2" if executor == "local" else "0"
    daemon = cluster.start_daemon(root, "--drain", executor=executor)
    cluster.wait_for("job.done", 3)
    before_s = after_s = sum(map(tree_processor_s, (daemon.pid, *others)))
    before = len(cluster.records("job.done"))
    while daemon.poll() is None:
        after_s = max(after_s, sum(map(tree_processor_s, (daemon.pid, *others))))
        time.sleep(0.2)
    done = cluster.records("job.done")
    assert len(done) == COPIES * len(DRAWINGS)
    times = [waiting_time(record) for record in done]
    return (
        60 * (len(times) - 3) / (times[-1] - times[2]),
        statistics.median(record["overhead_ms"] for record in done),
        statistics.median(record["work_ms"] for record in done) / 1000,
        (after_s - before_s) / (len(done) - before),
    )


def share(folder: Path, rounds: int) -> None:
    """Run jobs of half a second that return SLEEPER_BYTES each, on two workers of a cluster and on two local ones in turns."""
    found: dict[str, list[tuple[float, float]]] = {"dask": [], "local": []}
    with Cluster.opened(folder / "cluster", environ={"TMPDIR": "/dev/shm"}) as cluster:
        cluster.start_scheduler()
        for name in ("left", "right"):
            cluster.start_worker(name)
        waiting.until(lambda: all("joined" in cluster.log(name) for name in ("left", "right")), 300)
        (folder / "local.py").write_text(LOCAL)
        for number in range(rounds):
            for executor, rows in found.items():
                root = folder / f"{executor}-{number}"
                (root / "inbox").mkdir(parents=True)
                for each in range(SLEEPERS):
                    (root / "inbox" / f"{each}.png").write_bytes(b"slow %d" % each + bytes(SLEEPER_BYTES))
                (cluster.folder / "daemon.log").unlink(missing_ok=True)
                if executor == "dask":
                    daemon = cluster.start_daemon(root, "--drain")
                else:
                    daemon = cluster.start("daemon", [sys.executable, str(folder / "local.py")], {"DOODLED_ROOT": str(root)})
                status = daemon.wait(PATIENCE_S)
                assert status == 0, (status, cluster.log("daemon")[-3000:])
                done = cluster.records("job.done")[4:]  # without those that wait for the first start of a process
                times = [waiting_time(record) for record in done]
                rows.append(((len(times) - 1) / (times[-1] - times[0]), statistics.median(record["overhead_ms"] for record in done)))
                print(f"{executor}: {rows[-1][0]:.2f} jobs a second, daemon's share {rows[-1][1]:.1f} ms; {load()}", flush=True)
    middle = {name: [statistics.median(values) for values in zip(*each, strict=True)] for name, each in found.items()}
    print(
        f"throughput {100 * middle['dask'][0] / middle['local'][0]:.0f} % of local; share {middle['dask'][1] - middle['local'][1]:+.1f} ms"
    )


def waiting_time(record: dict[str, Any]) -> float:
    """Time of a record, s."""
    hours, minutes, seconds = record["timestamp"][11:-1].split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def traveling_bytes(folder: Path) -> None:
    """Print the bytes that each sample drawing sends to a worker and gets back."""
    from daemon.cluster.parcels import pack_result, pack_task, unpack_task
    from daemon.options.inference import InferenceRequest
    from daemon.settings import Settings
    from daemon.spool.job_folder import Job
    from daemon.spool.layout import Layout
    from daemon.worker.runner import run_task
    from daemon.worker.task import task_for

    for number, path in enumerate(DRAWINGS):
        here, there = folder / f"here{number}", folder / f"there{number}"
        here.mkdir()
        there.mkdir()
        shutil.copy(path, here / "source")
        out = pack_task(task_for(Job("x", path.name), here, Settings(), InferenceRequest(), layout=Layout(folder)))
        back = pack_result(run_task(unpack_task(out, there)), there)
        print(f"{path.name}: {len(out) / 1e6:.2f} MB out, {len(back) / 1e6:.2f} MB back")


def troubles(folder: Path, count: int) -> None:
    """Run drawings of half a second while machines vanish."""
    started_s = time.monotonic()
    done = animate_through_troubles(folder, slow_drawings(folder / "drawings", count)).records("job.done")
    _print_troubles(done, started_s)


def real_troubles(folder: Path, count: int, more: list[Path]) -> None:
    """Run real drawings, small, through the same faults; then the same ones on local workers."""
    environ = {"DOODLED_ANIMATION_SIZE": SMALL}
    sources = [path for place in (ROOT / "etc" / "drawings", ROOT / "etc" / "characters", *more) for path in _drawings_in(place)]
    print(f"{count} copies of {len(sources)} drawings", flush=True)
    started_s = time.monotonic()
    done = animate_through_troubles(folder, _copies(folder / "remote", sources, count), is_fake=False, environ=environ).records("job.done")
    _print_troubles(done, started_s)
    local, started_s = folder / "local", time.monotonic()
    local.mkdir()
    _copies(local / "inbox", sources, count)
    with Cluster.opened(folder / "none", environ={**environ, "DOODLED_JOBS_WORKERS": "2"}) as cluster:
        assert cluster.start_daemon(local, "--drain", executor="local").wait(PATIENCE_S) == 0
        assert len(cluster.records("job.done")) == count
    print(f"locally in {time.monotonic() - started_s:.0f} s; {load()}")
    for what, found in (("published files", published), ("kept annotations", kept)):
        theirs, ours = found(folder / "root"), found(local)
        alike = [name for name in ours if theirs.get(name) == ours[name]]
        print(f"{what}: {len(alike)} of {len(ours)} alike, {len(theirs.keys() - ours.keys())} others")


def _drawings_in(place: Path) -> list[Path]:
    """Images, and character folders, which have a texture of their own."""
    return sorted(path for path in place.iterdir() if path.suffix in {".jpg", ".png"} or (path / "char_cfg.yaml").is_file())


def _copies(folder: Path, sources: list[Path], count: int) -> list[Path]:
    """Copies with names of their own, taken from the sources in turns."""
    folder.mkdir()
    made = []
    for number, source in zip(range(count), itertools.cycle(sources), strict=False):
        made.append(folder / f"{number}-{source.name}")
        shutil.copytree(source, made[-1]) if source.is_dir() else shutil.copy(source, made[-1])
    return made


def _print_troubles(done: list[dict[str, Any]], started_s: float) -> None:
    hosts = {host: sum(record["host"] == host for record in done) for host in ("west", "east")}
    print(f"{len(done)} drawings, each published once, none failed, in {time.monotonic() - started_s:.0f} s; by {hosts}; {load()}")


def main(arguments: list[str]) -> None:
    numbers = [int(each) for each in arguments[1:] if each.isdigit()]
    folders = [Path(each) for each in arguments[1:] if not each.isdigit()]
    commands: dict[str, Callable[[Path], None]] = {
        "costs": lambda folder: costs(folder, *(numbers or [1000])),
        "paired": lambda folder: paired(folder, *(numbers or [3])),
        "share": lambda folder: share(folder, *(numbers or [3])),
        "bytes": traveling_bytes,
        "troubles": lambda folder: troubles(folder, *(numbers or [300])),
        "real": lambda folder: real_troubles(folder, next(iter(numbers), 300), folders),
    }
    if not arguments or arguments[0] not in commands:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        commands[arguments[0]](Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])

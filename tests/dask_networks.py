"""Three simulated machines as network namespaces with host names of their own: one for scheduler and daemon, two for workers."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import waiting
from dask_cluster import PATIENCE_S, Cluster
from spool_oracle import Places, check_tidy

HUB, HOSTS = "hub", ("west", "east")
ADDRESS = "10.231.7.1"
FAST = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s", "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "20s"}
"""Settings with which a lost machine is noticed after some seconds instead of half a minute."""


class Forbidden(Exception):
    """This user may not make namespaces."""


@dataclass(frozen=True)
class Networks:
    """Names of the namespaces; they contain the process id, so that runs at the same time don't collide."""

    name: str

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Networks]:
        """Make the namespaces and their links. Raises Forbidden."""
        networks = cls(f"dd{os.getpid()}")
        with ExitStack() as stack:
            for place in (HUB, *HOSTS):
                _ip("netns", "add", networks.space(place))
                stack.callback(_ip, "netns", "del", networks.space(place))
            networks.inside(HUB, "link", "add", "bridge", "type", "bridge")
            networks.inside(HUB, "addr", "add", f"{ADDRESS}/24", "dev", "bridge")
            for number, host in enumerate(HOSTS, start=2):
                _ip(
                    "link",
                    "add",
                    host,
                    "netns",
                    networks.space(HUB),
                    "type",
                    "veth",
                    "peer",
                    "name",
                    "outside",
                    "netns",
                    networks.space(host),
                )
                networks.inside(HUB, "link", "set", host, "master", "bridge", "up")
                networks.inside(host, "addr", "add", f"{ADDRESS[:-1]}{number}/24", "dev", "outside")
                networks.inside(host, "link", "set", "outside", "up")
            for place in (HUB, *HOSTS):
                networks.inside(place, "link", "set", "lo", "up")
            networks.inside(HUB, "link", "set", "bridge", "up")
            yield networks

    def space(self, place: str) -> str:
        return f"{self.name}{place}"

    def inside(self, place: str, *arguments: str) -> None:
        _ip("netns", "exec", self.space(place), "ip", *arguments)

    def cut(self, host: str) -> None:
        """Cut a machine off: its packets vanish, and no connection is closed."""
        self.inside(HUB, "link", "set", host, "down")

    def mend(self, host: str) -> None:
        """Connect the machine again."""
        self.inside(HUB, "link", "set", host, "up")

    def prefixes(self) -> Mapping[str, Sequence[str]]:
        """The prefix that starts a process on each machine, with the machine's name as its host name."""
        renamed = 'echo "$0" >/proc/sys/kernel/hostname && exec "$@"'
        places = {"scheduler": HUB, "daemon": HUB, **dict(zip(HOSTS, HOSTS, strict=True))}
        return {
            name: ("ip", "netns", "exec", self.space(place), "unshare", "--uts", "sh", "-c", renamed, place)
            for name, place in places.items()
        }


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Forbidden(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def slow_drawings(folder: Path, count: int) -> list[Path]:
    """Drawings of half a second for fake workers."""
    folder.mkdir()
    paths = [folder / f"slow{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(b"slow drawing %d" % number)
    return paths


def animate_through_troubles(
    folder: Path, drawings: Sequence[Path], *, is_fake: bool = True, environ: Mapping[str, str] = MappingProxyType({})
) -> Cluster:
    """Animate drawings while a machine is cut off, the scheduler restarts and a machine dies; checks that each is published once.

    Each trouble comes while drawings of its own batch are under way.

    Args:
        drawings: files and character folders with different names, on the file system of `folder`; they are moved.
        is_fake: whether the work of the workers is.
        environ: variables for all processes.
    Returns:
        the cluster, whose log can be read.

    Raises:
        Forbidden: this user may not make namespaces.
    """
    root, count = folder / "root", len(drawings)
    (root / "inbox").mkdir(parents=True)
    batches = [drawings[number::4] for number in range(4)]
    with (
        Networks.opened() as networks,
        Cluster.opened(
            folder / "cluster", address=f"tcp://{ADDRESS}:8786", prefix=networks.prefixes(), environ=FAST | dict(environ)
        ) as cluster,
    ):

        def wait_for_joined(host: str, times: int) -> None:
            waiting.until(lambda: sum(each["host"] == host for each in cluster.records("worker.joined")) >= times, PATIENCE_S)

        def begin(number: int) -> None:
            for path in batches[number]:
                path.rename(root / "inbox" / path.name)
            done = sum(map(len, batches[:number]))
            waiting.until(lambda: len(cluster.records("job.done")) > done, PATIENCE_S)

        def finish(number: int) -> None:
            done = sum(map(len, batches[: number + 1]))
            waiting.until(lambda: len(cluster.records("job.done")) >= done, PATIENCE_S + 2.0 * count)

        scheduler = cluster.start_scheduler()
        workers = {host: cluster.start_worker(host, is_fake=is_fake) for host in HOSTS}
        daemon = cluster.start_daemon(root)
        cluster.wait_for("worker.joined", 2)
        begin(0)
        networks.cut("west")
        cluster.wait_for("worker.left")
        finish(0)
        begin(1)
        networks.mend("west")
        wait_for_joined("west", 2)
        finish(1)
        begin(2)
        scheduler.kill()
        scheduler.wait()
        cluster.wait_for("breaker.opened")
        cluster.start_scheduler()
        wait_for_joined("west", 3)
        wait_for_joined("east", 2)
        finish(2)
        begin(3)
        workers["east"].kill()
        finish(3)
        daemon.terminate()
        assert daemon.wait(PATIENCE_S) == 0
    check_tidy(root)
    assert not [path for path in (root / "failed").rglob("*") if path.is_file()]
    published = Counter(str(manifest["source"]["name"]) for manifest in Places(root).manifests().values())
    assert published == Counter(path.name for path in drawings)
    assert len(list((root / "spool" / "done").glob("*/source"))) == count
    for path, manifest in Places(root).manifests().items():
        for output in manifest["outputs"]:
            assert hashlib.sha256(path.with_name(output["file"]).read_bytes()).hexdigest() == output["sha256"]
    return cluster

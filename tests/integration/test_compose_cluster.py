"""The profile "cluster" of etc/compose.yaml, started by podman-compose as users start it.

The image is built beforehand, because builds need this machine's settings of pip (`containers`). podman-compose 1.0 has no `--profile`; it
starts the service that is named, and those that this one depends on, as `docker compose --profile cluster up cluster-daemon` does.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from tests.integration.containers import Container, Containers, own_containers

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSE = CHECKOUT / "etc/compose.yaml"
DRAWINGS = sorted((CHECKOUT / "etc/drawings").glob("*.jpg"))
DAEMON, WORKERS = "cluster-daemon", ("worker-1", "worker-2")
USER_ID = 4321
START_S = 300.0
NO_EXTRA_TMPFS = "--read-only-tmpfs=false --cgroups=disabled --ulimit=nproc=4096:4096"
"""Docker adds no writable /tmp to a read-only container; podman would. The others are concessions of `containers`."""


@dataclass(frozen=True)
class Project:
    """A project of podman-compose; its containers are named after it."""

    containers: Containers
    drop: Path
    name: str

    def compose(self, *command: str) -> str:
        """Run podman-compose on the file."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        options = f"--podman-run-args={NO_EXTRA_TMPFS} --ulimit=nofile={files}:{files}"
        environ = (f"DOODLED_UID={USER_ID}", f"DOODLED_GID={USER_ID}", f"DOODLED_DROP={self.drop}")
        done = self.containers.run(
            "env", *environ, "podman-compose", "-f", COMPOSE, "-p", self.name, options, *command, check=False, within_s=START_S
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def container(self, service: str) -> Container:
        return Container(self.containers, f"{self.name}_{service}_1")

    def drop_in(self, drawing: Path, name: str) -> None:
        draft = self.drop / f".{name}.part"
        shutil.copy(drawing, draft)
        os.chown(draft, USER_ID, USER_ID)
        draft.rename(self.drop / "inbox" / name)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    for program in ("podman-compose", "iptables", "/usr/lib/podman/netavark", "/usr/lib/podman/aardvark-dns"):
        if shutil.which(program) is None:
            pytest.skip(f"{Path(program).name} is not installed")
    service = yaml.safe_load(COMPOSE.read_text())["services"][DAEMON]
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)  # pytest's are private to root
    drop = tmp_path / "drop"
    drop.mkdir()
    os.chown(drop, USER_ID, USER_ID)
    with own_containers() as containers:
        arguments = [f"--build-arg={name}={value}" for name, value in service["build"]["args"].items()]
        containers.build(CHECKOUT, CHECKOUT / service["build"]["dockerfile"], service["image"], *arguments)
        found = Project(containers, drop, f"doodledtest{os.getpid()}")
        try:
            yield found
        finally:
            containers.run("podman", "rm", "--all", "--force", "--time=5", check=False)
            containers.run("podman", "network", "rm", "--force", f"{found.name}_inference", check=False)


def records(container: Container, event: str) -> list[dict[str, Any]]:
    return [record for line in container.log_lines() if (record := json.loads(line))["event"] == event]


def test_cluster_of_containers_animates_drawings(project: Project) -> None:
    project.compose("up", "--no-build", "--detach", DAEMON)
    daemon = project.container(DAEMON)
    daemon.until(lambda: len(records(daemon, "worker.joined")) == len(WORKERS), "both workers have joined", START_S)
    for drawing in DRAWINGS:
        project.drop_in(drawing, drawing.name)
    manifests = [project.drop / "outbox" / f"{drawing.stem}.json" for drawing in DRAWINGS]
    daemon.until(lambda: all(manifest.exists() for manifest in manifests), "every drawing is animated", START_S)
    for manifest in manifests:
        with Image.open(manifest.with_suffix(".gif")) as animation:
            assert (animation.size, animation.n_frames > 20) == ((500, 500), True)
        assert manifest.stat().st_uid == USER_ID
    hosts = {project.container(worker).exec("hostname").stdout.strip(): project.container(worker) for worker in WORKERS}
    done = records(daemon, "job.done")
    assert {record["host"] for record in done} <= set(hosts)
    assert {record["attempt"] for record in done} == {1}
    for record in done:
        assert any(f"job {record['job_id']} animated" in line for line in hosts[record["host"]].log_lines())
    assert not records(daemon, "worker.refused")
    for worker in WORKERS:
        assert project.container(worker).exec("touch", "/somewhere", check=False).returncode != 0

    assert project.container("worker-1").stop() == 0
    daemon.until(lambda: len(records(daemon, "worker.left")) == 1, "the stopped worker has left")
    project.drop_in(DRAWINGS[0], "again.jpg")
    daemon.until((project.drop / "outbox/again.json").exists, "the other worker goes on", START_S)
    assert daemon.stop() == 0
    assert project.container("worker-2").stop() == 0

"""Images built by buildah and containers run by podman, as users do with Docker, in a store for the tests alone.

Real tools and a real image, with three concessions to machines in which tests run, none of them to the daemon:

- Where no image registry can be reached, the base image is a Debian from debootstrap, slimmed as Debian's own `bookworm-slim` is, under the
  name that the Dockerfiles ask for.
- Builds are isolated by chroot, since their network is this machine's. pip finds what it finds outside (`outer_pip`).
- crun refuses machines with both sorts of cgroups, so podman runs in a mount namespace without the second sort; containers get no cgroup of
  their own and this machine's limit of open files. Namespaces, capabilities, seccomp and the read-only root are podman's own.

podman has no systemd here to ask about health every half a minute: the tests run the image's HEALTHCHECK themselves.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.debian_root import debian_tar
from tests.integration.outer_pip import pip_mounts

BASE = "docker.io/library/debian:bookworm-slim"
FAT = ("share/doc/", "share/man/", "share/info/", "share/locale/", "lib/apt/lists/", "cache/", "log/")
NAMESPACE = "grep -q cgroup2 /proc/self/mounts && mountpoint -q /sys/fs/cgroup/unified && umount /sys/fs/cgroup/unified; echo; exec cat"
BUILD_S = 900.0
PATIENCE_S = 120.0
HARDENED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
"""The options that etc/doc/container.md recommends, and no writable /tmp."""


class Containers:
    """buildah and podman, with images and containers in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        places = "\n".join(f'{name} = "{folder / name}"' for name in ("graphroot", "runroot"))
        (folder / "storage.conf").write_text(f'[storage]\ndriver = "overlay"\n{places}\n')
        self._environ = os.environ | {"CONTAINERS_STORAGE_CONF": str(folder / "storage.conf")}
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", NAMESPACE]
        self._namespace = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._namespace.stdout is not None
        self._namespace.stdout.readline()

    def run(self, *command: str | Path, check: bool = True, within_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """Run podman or buildah."""
        inside = ["nsenter", f"--target={self._namespace.pid}", "--mount", "--", *map(str, command)]
        done = subprocess.run(
            inside, env=self._environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=within_s, check=False
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-5000:]}"
        return done

    def has_base(self) -> None:
        """The base image, imported as our Debian unless it can be pulled."""
        if self.run("buildah", "pull", "--quiet", BASE, check=False).returncode != 0:
            slim = self._folder / "slim.tar"
            _slimmed(debian_tar(), slim)
            self.run("podman", "import", "--quiet", slim, BASE)
            slim.unlink()

    def build(self, context: Path, dockerfile: Path, tag: str, *arguments: str) -> None:
        """Build an image as its Dockerfile says; `arguments` are those of `buildah bud`."""
        volumes = [f"--volume={mount.outside}:{mount.inside}:ro" for mount in pip_mounts(self._folder)]
        kind = ["--isolation=chroot", "--format=docker", "--pull-never"]
        self.run("buildah", "bud", *kind, *volumes, *arguments, f"--file={dockerfile}", f"--tag={tag}", context, within_s=BUILD_S)

    def start(self, image: str, *command: str, options: tuple[str, ...] = ()) -> Container:
        """A container in the background."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        limits = [f"--ulimit=nofile={files}:{files}", "--ulimit=nproc=4096:4096", "--cgroups=disabled"]
        started = self.run("podman", "run", "--detach", *limits, *options, image, *command)
        return Container(self, started.stdout.strip())

    @contextmanager
    def mounted(self, image: str) -> Iterator[list[Path]]:
        """Paths of all files of an image."""
        place = self.run("podman", "image", "mount", image).stdout.strip()
        try:
            listed = self.run("find", place, "-xdev", "-printf", "/%P\\0").stdout
            yield [Path(name) for name in listed.split("\0") if name]
        finally:
            self.run("podman", "image", "unmount", image)

    def close(self) -> None:
        """Remove all containers and images."""
        self.run("podman", "rm", "--all", "--force", "--time=5", check=False)
        self.run("podman", "image", "umount", "--all", check=False)
        self._namespace.communicate()  # what was mounted in the namespace goes with it
        shutil.rmtree(self._folder)


class Container:
    """A container that was started."""

    def __init__(self, containers: Containers, name: str) -> None:
        self._containers = containers
        self.name = name

    def state(self) -> dict[str, Any]:
        """The container's state as podman reports it."""
        found = json.loads(self._containers.run("podman", "inspect", self.name).stdout)[0]["State"]
        assert isinstance(found, dict)
        return found

    def exec(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as its user."""
        return self._containers.run("podman", "exec", self.name, *command, check=check)

    def health(self) -> tuple[int, str]:
        """Exit status and text of the image's HEALTHCHECK, run now."""
        status = self._containers.run("podman", "healthcheck", "run", self.name, check=False).returncode
        found = self.state().get("Healthcheck") or self.state()["Health"]
        return status, str(found["Log"][-1].get("Output", "")) if found.get("Log") else ""

    def log_lines(self) -> list[str]:
        """Lines that the container wrote to stdout and stderr."""
        done = self._containers.run("podman", "logs", self.name)
        return (done.stdout + done.stderr).splitlines()

    def stop(self, within_s: int = 70) -> int:
        """Send SIGTERM; returns the exit status."""
        self._containers.run("podman", "stop", f"--time={within_s}", self.name)
        return self.wait()

    def wait(self) -> int:
        """Wait until the container ends; returns its exit status."""
        return int(self._containers.run("podman", "wait", self.name).stdout)

    def until(self, holds: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
        """Wait until a condition holds."""
        end_s = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > end_s:
                raise AssertionError(f"not within {within_s:.0f} s: {what}\n" + "\n".join(self.log_lines()[-20:]))
            time.sleep(0.2)


@contextmanager
def own_containers() -> Iterator[Containers]:
    """buildah and podman for the `with` block."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("mounts are forbidden here: building and running images needs root")
    for program in ("buildah", "podman", "crun"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    containers = Containers(Path(tempfile.mkdtemp(prefix="doodled-containers-", dir="/var/tmp")))
    try:
        containers.has_base()
        yield containers
    finally:
        containers.close()


def _slimmed(fat: Path, slim: Path) -> None:
    """Remove what Debian's slim images lack."""
    with tarfile.open(fat) as source, tarfile.open(slim, "w", format=tarfile.PAX_FORMAT) as target:
        for member in source:
            if member.isdir() or not member.name.removeprefix("./usr/").removeprefix("./var/").startswith(FAT):
                target.addfile(member, source.extractfile(member) if member.isreg() else None)

"""A Debian 12 for tests, booted by systemd-nspawn: a machine as an operator has it, on which systemd runs.

It shares the network of this machine (apt and pip need it), and nothing else. Commands are run in it by `nsenter`, as root or as one of
its users. pip finds what it finds outside: its settings, certificates and cache are handed in when the machine boots.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.debian_root import SUITE, cache_folder, checked, debian_tar
from tests.integration.outer_pip import pip_mounts

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = "usr/src/doodled"
SHIPPED = (
    "daemon",
    "pipeline",
    "etc",
    "systemd",
    "torchserve",
    "pyproject.toml",
    "requirements.lock",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
)
PACKAGES = ("systemd-sysv", "dbus", "libpam-systemd", "ca-certificates", "procps", "acl")
TORCHSERVE_PACKAGES = "/mnt/torchserve-packages"
BOOT_S = 60.0
PATIENCE_S = 120.0
CGROUPS = Path("/sys/fs/cgroup")


class Machine:
    """A booted Debian.

    Attributes:
        root: its file system, as seen from outside.
    """

    def __init__(self, root: Path, binds: list[str]) -> None:
        self.root = root
        self._binds = binds
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._cgroup = f"doodled-test-{os.getpid()}-{root.name}"
        self._console = root.parent / f"{root.name}.console"

    def boot(self) -> None:
        """Start the machine, and wait until its services have started."""
        command = [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--console=pipe",
            "--resolv-conf=copy-host",
            "--suppress-sync=yes",
        ]
        command += [f"--directory={self.root}", f"--machine={self.root.name}", *self._binds]
        with self._console.open("ab") as console:
            self._process = subprocess.Popen(
                ["sh", "-c", _IN_OWN_CGROUP, self._cgroup, *command], stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        self.wait_for(self._is_up, "the machine boots", BOOT_S)

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"systemd-nspawn gave up:\n{self._console.read_text()}")
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        if not children:
            return False
        self._leader = int(children[0])
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in {"running", "degraded"}

    def shut_down(self) -> None:
        """Shut the machine down as `poweroff` does, which stops its services first."""
        if self._process is not None:
            self.run("systemctl", "--no-block", "poweroff", check=False)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(BOOT_S)
            self.kill()

    def kill(self) -> None:
        """Kill the machine, like a power cut."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            for hierarchy in (CGROUPS, CGROUPS / "systemd", CGROUPS / "unified"):
                _remove_cgroup(hierarchy / self._cgroup)

    def run(
        self, *command: str | Path, user: str = "root", check: bool = True, deadline_s: float = PATIENCE_S, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on the machine, with `text` on its standard input."""
        inside = [
            "nsenter",
            f"--target={self._leader}",
            "--all",
            "env",
            "-i",
            "--chdir=/",
            "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL=C.UTF-8",
        ]
        inside += ["HOME=/root"] if user == "root" else ["runuser", "-u", user, "--"]
        done = subprocess.run([*inside, *map(str, command)], input=text, capture_output=True, text=True, timeout=deadline_s, check=False)
        assert not check or done.returncode == 0, f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def output(self, *command: str | Path, user: str = "root") -> str:
        """The output of a program, which must succeed."""
        return self.run(*command, user=user).stdout.strip()

    def service_property(self, service: str, name: str) -> str:
        """A property of a service, see `systemctl show`."""
        return self.output("systemctl", "show", "--property", name, "--value", service)

    def wait_for(self, question: Callable[[], object], what: str, deadline_s: float = PATIENCE_S) -> None:
        """Wait until a condition holds."""
        end_s = time.monotonic() + deadline_s
        while not question():
            assert time.monotonic() < end_s, f"not within {deadline_s:.0f} s: {what}\n{self._last_journal_lines()}"
            time.sleep(0.1)

    def _last_journal_lines(self) -> str:
        return self.run("journalctl", "--no-pager", "--lines=40", check=False).stdout if self._leader else ""

    def put_sources(self) -> Path:
        """Copy the checkout to the machine; returns its path there."""
        target = self.root / SOURCES
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in SHIPPED:
            source = CHECKOUT / name
            if source.is_dir():
                shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__", "model-store"))
            else:
                shutil.copy(source, target / name)
        return Path("/") / SOURCES


_IN_OWN_CGROUP = """
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
  [ -e "$hierarchy/cgroup.procs" ] || continue
  mkdir -p "$hierarchy/$0" && echo $$ >"$hierarchy/$0/cgroup.procs"
done
exec "$@"
"""
"""Without --register, systemd-nspawn makes `payload` below the cgroup that it is started in: two machines of one shell would share it."""


def _remove_cgroup(folder: Path) -> None:
    if folder.is_dir():
        for place, _, _ in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):
                Path(place).rmdir()


@contextlib.contextmanager
def booted_machine() -> Iterator[Machine]:
    """A booted Debian with systemd and nothing of ours, removed afterwards. Skips where none can boot."""
    _refuse_where_impossible()
    base = _debian_with_systemd()
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix="machine-", dir=cache_folder()))
    lock = (folder / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with _packages_kept(folder) as packages:
            machine = Machine(folder / "debian", [packages, *_package_settings(folder), *_torchserve()])
            machine.root.mkdir()
            checked("tar", "-C", str(machine.root), "--numeric-owner", "-xpf", str(base))
            try:
                machine.boot()
                yield machine
            finally:
                machine.shut_down()
    finally:
        lock.close()
        checked("rm", "-rf", str(folder))


def _remove_abandoned() -> None:
    """Remove machines whose tests were killed."""
    for lock in cache_folder().glob("machine-*/lock"):
        with lock.open("w") as file, contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            checked("rm", "-rf", str(lock.parent))


def _refuse_where_impossible() -> None:
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("mounts are forbidden here: booting a machine needs root")
    if shutil.which("systemd-nspawn") is None:
        pytest.skip("systemd-nspawn is not installed")


def _debian_with_systemd() -> Path:
    """A bare Debian with systemd, which its essential packages do not include, as a tar file; made once."""
    folder = cache_folder()
    packages_digest = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:8]
    made = folder / f"debian-{SUITE}-systemd-{packages_digest}.tar"
    with (folder / f"{made.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            bare = debian_tar()
            work = Path(tempfile.mkdtemp(prefix="systemd-", dir=folder))
            try:
                root = work / "debian"
                root.mkdir()
                checked("tar", "-C", str(root), "--numeric-owner", "-xpf", str(bare))
                with _packages_kept(work) as packages:
                    inside = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--resolv-conf=copy-host", packages]
                    inside += [f"--directory={root}", "env", "DEBIAN_FRONTEND=noninteractive"]
                    checked(*inside, "apt-get", "-qq", "update")
                    checked(*inside, "apt-get", "-qq", "install", "-y", "--no-install-recommends", *PACKAGES)
                (root / "etc/machine-id").write_text("")
                checked("tar", "-C", str(root), "--numeric-owner", "-cf", str(work / "draft"), ".")
                (work / "draft").rename(made)
            finally:
                shutil.rmtree(work)
    return made


@contextlib.contextmanager
def _packages_kept(folder: Path) -> Iterator[str]:
    """A mount for apt's downloads, with those of earlier machines. One for each machine, because apt locks it and does not wait."""
    kept, own = cache_folder() / "apt-archives", folder / "apt-archives"
    kept.mkdir(exist_ok=True)
    (own / "partial").mkdir(parents=True)
    for package in kept.glob("*.deb"):
        os.link(package, own / package.name)
    try:
        yield f"--bind={own}:/var/cache/apt/archives"
    finally:
        for package in own.glob("*.deb"):
            with contextlib.suppress(FileExistsError):
                os.link(package, kept / package.name)


def _package_settings(folder: Path) -> list[str]:
    """Mounts with which pip inside finds the same packages as outside, and its cache."""
    binds = [f"--bind-ro={mount.outside}:{mount.inside}" for mount in pip_mounts(folder)]
    cache = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    Path(cache).mkdir(parents=True, exist_ok=True)
    return [*binds, f"--bind={cache}:/root/.cache/pip"]


def _torchserve() -> list[str]:
    """The packages of the prepared environment, if there is one: torch is too large to be downloaded for every machine."""
    python = os.environ.get("DOODLED_TORCHSERVE_PYTHON", "")
    if not python:
        return []
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    return [f"--bind-ro={packages}:{TORCHSERVE_PACKAGES}"]

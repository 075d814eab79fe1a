"""The Debian package: built, checked by lintian, installed on a booted Debian, used, upgraded, removed and purged.

One test, because each step needs the one before, and building takes a minute.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from dask_cluster import free_port

from tests.integration.booted import Machine, booted_machine
from tests.integration.installed_doodled import LONG, PERSON, QUICK, SPOOL, InstalledDoodled

BUILD_S = 900.0
FAST = "DPKG_DEB_COMPRESSOR_TYPE=none"
OF_FAST = "uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball"
"""Complaints of lintian about the package."""

PACKAGES = "usr/src/packages"
SETTINGS = "etc/doodled/doodled.toml"

WEB_PORT = 8399
"""Not the usual one: machines of tests share a network."""


CLUSTER = ("doodled-scheduler.service", "doodled-worker@1.service")


def test_package_from_build_to_purge() -> None:
    with booted_machine() as machine, ThreadPoolExecutor(1) as beside:
        package = built(machine)
        lintian = beside.submit(check_with_lintian, machine, package)
        doodled = installed(machine, package)
        check_drawing_is_animated(doodled)
        check_pages_and_completions(doodled)
        check_script_for_private_folders_is_there(doodled)
        check_web_application_starts_when_it_is_enabled(doodled)
        check_cluster_animates_when_it_is_enabled(doodled)
        check_upgrade_keeps_settings_and_jobs(doodled, package)
        check_removal_leaves_data_and_settings(doodled)
        check_purge_leaves_drawings_alone(doodled, package)
        lintian.result()


def built(machine: Machine) -> Path:
    """Build the package on the machine; returns its path there."""
    apt(machine, "update")
    apt(machine, "install", "binutils", "python3-venv")
    sources = machine.put_sources()
    machine.run("env", FAST, sources / "etc/debian/build", f"/{PACKAGES}", deadline_s=BUILD_S)
    (found,) = (machine.root / PACKAGES).glob("doodled_*.deb")
    return Path("/") / PACKAGES / found.name


def installed(machine: Machine, package: Path) -> InstalledDoodled:
    """The service as the package starts it, with a user who may use it."""
    apt(machine, "install", str(package))
    machine.run("useradd", "--create-home", "--groups", "doodled", PERSON)
    doodled = InstalledDoodled(machine)
    assert doodled.is_active()
    doodled.environ(QUICK)
    doodled.restart()
    return doodled


def apt(machine: Machine, *command: str) -> str:
    options = ("-qq", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0")
    done = machine.run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *options, *command, deadline_s=BUILD_S)
    return done.stdout + done.stderr


def check_script_for_private_folders_is_there(doodled: InstalledDoodled) -> None:
    """Messages of `[inbox] private` name it."""
    said = doodled.machine.output("bash", "/usr/share/doc/doodled/examples/private_folders", "--print", PERSON)
    assert f"d /{SPOOL}/inbox/{PERSON} 0700 doodled doodled -" in said


def check_with_lintian(machine: Machine, package: Path) -> None:
    if shutil.which("lintian") is None:
        return
    command = ["lintian", "--allow-root", "--fail-on", "error", "--suppress-tags", OF_FAST, "--tag-display-limit", "0"]
    command.append(str(machine.root / package.relative_to("/")))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr


def check_drawing_is_animated(doodled: InstalledDoodled) -> None:
    doodled.drop("packaged.jpg")
    assert doodled.manifest("packaged.jpg")["outputs"]
    doodled.as_person("doodled jobs list --done | grep packaged.jpg; doodled config check")
    doodled.record("job.done", FILE_NAME="packaged.jpg")


def check_pages_and_completions(doodled: InstalledDoodled) -> None:
    for place in (
        "usr/share/man/man1/doodled.1.gz",
        "usr/share/man/man5/doodled.toml.5.gz",
        "usr/share/man/man8/doodled.8.gz",
        "usr/share/bash-completion/completions/doodled",
        "usr/share/zsh/vendor-completions/_doodled",
        "usr/share/fish/vendor_completions.d/doodled.fish",
        "usr/lib/systemd/user/doodled.service",
    ):
        assert (doodled.machine.root / place).stat().st_size > 100
    load = ". /usr/share/bash-completion/completions/doodled"
    script = f"{load}; COMP_WORDS=(doodled ani); COMP_CWORD=1; _doodled_completion doodled; echo ${{COMPREPLY[@]}}"
    assert doodled.machine.output("bash", "-c", script) == "animate"


def check_web_application_starts_when_it_is_enabled(doodled: InstalledDoodled) -> None:
    machine = doodled.machine
    assert machine.run("systemctl", "is-active", "doodled-web", check=False).stdout.strip() == "inactive"
    drop_in = machine.root / "etc/systemd/system/doodled-web.service.d/port.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(f"[Service]\nEnvironment=DOODLED_WEB_PORT={WEB_PORT}\nSocketBindAllow=tcp:{WEB_PORT}\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", "--now", "doodled-web")
    machine.wait_for(is_web_ready, "it answers")


def is_web_ready() -> bool:
    try:
        return requests.get(f"http://localhost:{WEB_PORT}/readyz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def check_cluster_animates_when_it_is_enabled(doodled: InstalledDoodled) -> None:
    """The daemon is local again afterwards; scheduler and worker stay."""
    machine, port = doodled.machine, free_port()
    scheduler = {"DOODLED_DASK_SCHEDULER": f"tcp://127.0.0.1:{port}"}
    drop_in(machine, "doodled-scheduler.service", f'"SCHEDULER_OPTIONS=--host 127.0.0.1 --port {port}"')
    drop_in(machine, "doodled-worker@.service", f"DOODLED_DASK_SCHEDULER={scheduler['DOODLED_DASK_SCHEDULER']}")
    assert machine.run("systemctl", "is-active", *CLUSTER, check=False).stdout.split() == ["inactive"] * len(CLUSTER)
    machine.run("systemctl", "enable", "--now", *CLUSTER)
    doodled.environ({**QUICK, **scheduler, "DOODLED_JOBS_EXECUTOR": "dask"})
    doodled.restart()
    doodled.drop("far.jpg")
    assert doodled.record("job.done", FILE_NAME="far.jpg")["HOST"] == machine.output("hostname")
    doodled.environ(QUICK)
    doodled.restart()


def drop_in(machine: Machine, unit: str, environment: str) -> None:
    folder = machine.root / f"etc/systemd/system/{unit}.d"
    folder.mkdir()
    (folder / "test.conf").write_text(f"[Service]\nEnvironment={environment}\n")
    machine.run("systemctl", "daemon-reload")


def check_upgrade_keeps_settings_and_jobs(doodled: InstalledDoodled, package: Path) -> None:
    machine = doodled.machine
    file = machine.root / SETTINGS
    mine = file.read_text().replace('motions = ["wave"]', 'motions = ["jump"]')
    file.write_text(mine)
    doodled.drop("upgraded.jpg", sidecar=LONG)
    machine.wait_for(lambda: doodled.is_begun("upgraded.jpg"), "it is worked on")
    apt(machine, "install", str(next_version(machine, package)))
    assert doodled.manifest("upgraded.jpg")["outputs"]
    assert doodled.published("upgraded") == ["upgraded.json"]
    assert file.read_text() == mine
    units = ("doodled", "doodled-web", *CLUSTER)
    assert machine.output("systemctl", "is-active", *units).split() == ["active"] * len(units)


def next_version(machine: Machine, package: Path) -> Path:
    """Build the same package with a greater version: installed files stay as they are, and are not packed again."""
    new = package.with_name("next.deb")
    script = f"""
        dpkg-deb --control {package} /tmp/next
        sed -i 's/^Version: .*/&+next/' /tmp/next/control
        tar -C /tmp/next -cf /tmp/control.tar .
        cp {package} {new}
        ar r {new} /tmp/control.tar
    """
    machine.run("sh", "-euc", script, deadline_s=BUILD_S)
    return new


def check_removal_leaves_data_and_settings(doodled: InstalledDoodled) -> None:
    machine = doodled.machine
    apt(machine, "remove", "doodled")
    assert not doodled.is_active()
    assert machine.service_property("doodled", "LoadState") == "not-found"
    assert not (machine.root / "usr/lib/doodled").exists()
    assert doodled.place("outbox", "packaged.gif").exists()
    assert (machine.root / SETTINGS).exists()


def check_purge_leaves_drawings_alone(doodled: InstalledDoodled, package: Path) -> None:
    machine = doodled.machine
    assert "rm -r /var/lib/doodled" in apt(machine, "purge", "doodled")
    assert not (machine.root / "etc/doodled").exists()
    assert doodled.place("outbox", "packaged.gif").exists()
    assert not list((machine.root / "etc/systemd/system").glob("*.wants/doodled*"))
    machine.run("sh", "-c", f"rm -r /{SPOOL} /etc/systemd/system/doodled*.d")
    apt(machine, "install", str(package))
    assert doodled.is_active()
    apt(machine, "purge", "doodled")
    assert not (machine.root / SPOOL).exists()
    assert machine.output("find", "/etc", "/usr", "/var", "-name", "*doodled*", "-not", "-path", "/usr/src/*").splitlines() == []

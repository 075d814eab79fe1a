"""Workers of a Dask cluster as services: `systemd/install --with-dask` on a booted Debian, a scheduler, two workers and the daemon."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from dask_cluster import free_port

from tests.integration.installed_doodled import LONG, InstalledDoodled, exposure

INSTANCES = (1, 2)
SCHEDULER = "doodled-scheduler.service"
SCHEDULER_DROP_INS = f"etc/systemd/system/{SCHEDULER}.d"
UNITS = "usr/local/lib/systemd/system"
SETTINGS = "etc/doodled/doodled.toml"


@pytest.fixture(scope="module")
def cluster(installed: InstalledDoodled) -> Iterator[InstalledDoodled]:
    """Machine, scheduler, daemon and two workers; afterwards the machine is as it was before."""
    machine, port = installed.machine, free_port()  # machines of tests share a network
    settings = machine.root / SETTINGS
    shipped = settings.read_text()
    machine.run("cp", "--archive", "--link", "/opt/doodled-releases", "/opt/kept")
    installed.install("--with-dask")
    changed = shipped.replace('executor = "local"', 'executor = "dask"').replace('scheduler = ""', f'scheduler = "tcp://127.0.0.1:{port}"')
    settings.write_text(changed)
    machine.run("mkdir", f"/{SCHEDULER_DROP_INS}")
    options = f'[Service]\nEnvironment="SCHEDULER_OPTIONS=--host 127.0.0.1 --port {port}"\n'
    (machine.root / SCHEDULER_DROP_INS / "test.conf").write_text(options)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", "--now", SCHEDULER, *map(unit, INSTANCES))
    installed.restart()
    wait_until_all_joined(installed)
    yield installed
    settings.write_text(shipped)
    check_removal(installed)
    machine.run("rm", "-r", f"/{SCHEDULER_DROP_INS}")
    machine.run("mv", "/opt/kept", "/opt/doodled-releases")  # saves a minute
    installed.install()


def check_removal(doodled: InstalledDoodled) -> None:
    """Workers that run are stopped, and no instance is left enabled."""
    doodled.install("--uninstall")
    machine = doodled.machine
    assert {machine.service_property(each, "ActiveState") for each in (SCHEDULER, *map(unit, INSTANCES))} == {"inactive"}
    assert machine.output("find", "/etc/systemd/system", f"/{UNITS}", "-name", "doodled*.service") == ""


def unit(number: int) -> str:
    return f"doodled-worker@{number}.service"


def printed(doodled: InstalledDoodled, number: int) -> list[str]:
    """Lines of the present process of a worker."""
    invocation = doodled.machine.service_property(unit(number), "InvocationID")
    return doodled.machine.output("journalctl", "--output=cat", f"_SYSTEMD_INVOCATION_ID={invocation}").splitlines()


def wait_until_all_joined(doodled: InstalledDoodled) -> None:
    """The present processes of both workers can be used by the present daemon."""
    machine = doodled.machine
    invocation = machine.service_property("doodled", "InvocationID")
    addresses = []
    for number in INSTANCES:
        machine.wait_for(lambda number=number: address(doodled, number), f"worker {number} joins")
        addresses.append(address(doodled, number))
    for each in addresses:
        machine.wait_for(
            lambda each=each: doodled.events("worker.joined", WORKER=each, _SYSTEMD_INVOCATION_ID=invocation), f"the daemon sees {each}"
        )


def address(doodled: InstalledDoodled, number: int) -> str:
    """Address of the present process of a worker in the cluster; "" if it has not joined."""
    return next((line.rpartition(" as ")[2] for line in printed(doodled, number) if " joined " in line), "")


def busy_worker(doodled: InstalledDoodled) -> int:
    """The worker that has a job, once one has."""
    machine = doodled.machine

    found: list[str] = []

    def look() -> bool:
        found[:] = machine.run("sh", "-c", "ls -d /run/doodled-worker/*/doodled-job-*", check=False).stdout.split()
        return bool(found)

    machine.wait_for(look, "a worker has the job")
    return int(found[0].split("/")[3])


def done(doodled: InstalledDoodled, name: str) -> dict[str, Any]:
    assert doodled.manifest(name)["outputs"]
    assert doodled.published(name.partition(".")[0]) == [name.replace(".jpg", ".json")]
    return doodled.record("job.done", FILE_NAME=name)


def test_workers_animate_drawings_and_both_journals_name_the_job(cluster: InstalledDoodled) -> None:
    names = [f"spread{number}.jpg" for number in range(4)]
    for name in names:
        cluster.drop(name)
    host = cluster.machine.output("hostname")
    for name in names:
        record = done(cluster, name)
        assert (record["HOST"], record["ATTEMPT"]) == (host, "1")
        lines = [line for number in INSTANCES for line in printed(cluster, number) if record["JOB_ID"] in line]
        assert len(lines) == 1
        assert re.fullmatch(rf"doodled worker: job {record['JOB_ID']} animated in \d+\.\d s", lines[0])


def test_sandbox_is_tight(cluster: InstalledDoodled) -> None:
    assert exposure(cluster, unit(1)) <= 1.9
    assert exposure(cluster, SCHEDULER) <= 1.9
    pid = cluster.machine.service_property(unit(1), "MainPID")
    output = cluster.machine.output("grep", "-E", "^(CapBnd|CapEff|NoNewPrivs|Seccomp):", f"/proc/{pid}/status")
    assert re.findall(r"\S+$", output, re.MULTILINE) == ["0000000000000000", "0000000000000000", "1", "2"]


def test_stop_lets_the_job_finish(cluster: InstalledDoodled) -> None:
    cluster.drop("worker-stopped.jpg", sidecar=LONG)
    number = busy_worker(cluster)
    invocation = cluster.machine.service_property(unit(number), "InvocationID")
    try:
        cluster.machine.run("systemctl", "stop", unit(number))
        assert cluster.machine.service_property(unit(number), "Result") == "success"
        record = done(cluster, "worker-stopped.jpg")
        assert record["ATTEMPT"] == "1"
        output = cluster.machine.output(
            "journalctl", "--output=cat", f"_SYSTEMD_INVOCATION_ID={invocation}", "+", f"INVOCATION_ID={invocation}"
        )
        assert f"job {record['JOB_ID']} animated" in output
        assert "SIGKILL" not in output
        assert cluster.machine.run("test", "-e", f"/run/doodled-worker/{number}", check=False).returncode != 0
    finally:
        cluster.machine.run("systemctl", "start", unit(number))
    wait_until_all_joined(cluster)


def test_killed_worker_is_started_again_and_its_job_goes_to_the_other(cluster: InstalledDoodled) -> None:
    cluster.drop("worker-killed.jpg", sidecar=LONG)
    number = busy_worker(cluster)
    restarts = int(cluster.machine.service_property(unit(number), "NRestarts"))
    cluster.machine.run("kill", "-KILL", cluster.machine.service_property(unit(number), "MainPID"))
    assert done(cluster, "worker-killed.jpg")["ATTEMPT"] == "1"
    cluster.machine.wait_for(lambda: int(cluster.machine.service_property(unit(number), "NRestarts")) > restarts, "systemd starts it again")
    wait_until_all_joined(cluster)


def test_worker_without_a_scheduler_in_its_settings_stays_stopped(cluster: InstalledDoodled) -> None:
    """A restart would not help."""
    drop_in = cluster.machine.root / "etc/systemd/system/doodled-worker@3.service.d/none.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nEnvironment=DOODLED_CONFIG=/dev/null\n")
    cluster.machine.run("systemctl", "daemon-reload")
    try:
        cluster.machine.run("systemctl", "start", unit(3))
        cluster.machine.wait_for(lambda: cluster.machine.service_property(unit(3), "ActiveState") == "failed", "systemd gives up")
        assert "no scheduler is named" in cluster.machine.output("journalctl", "--unit", unit(3), "--output=cat")
    finally:
        cluster.machine.run("rm", "-r", "/etc/systemd/system/doodled-worker@3.service.d")
        cluster.machine.run("systemctl", "daemon-reload")
        cluster.machine.run("systemctl", "reset-failed", unit(3), check=False)


def main_pids(doodled: InstalledDoodled) -> set[str]:
    return {doodled.machine.service_property(each, "MainPID") for each in (SCHEDULER, *map(unit, INSTANCES))}


def test_upgrade_leaves_a_daemon_stopped_that_is_disabled(cluster: InstalledDoodled) -> None:
    """As on a machine of workers only."""
    cluster.machine.run("systemctl", "disable", "--now", "doodled")
    try:
        cluster.install()
        assert cluster.machine.run("systemctl", "is-enabled", "doodled", check=False).stdout.strip() == "disabled"
        assert not cluster.is_active()
    finally:
        cluster.machine.run("systemctl", "enable", "--now", "doodled")
    wait_until_all_joined(cluster)


def test_upgrade_restarts_the_workers_that_run_and_keeps_the_jobs(cluster: InstalledDoodled) -> None:
    project = cluster.sources / "pyproject.toml"
    before = project.read_text()
    names = [f"worker-upgraded{number}.jpg" for number in range(3)]
    for name in names:
        cluster.drop(name, sidecar=LONG)
    busy_worker(cluster)
    processes = main_pids(cluster)
    project.write_text(re.sub(r'(?m)^version = "(.*)"$', r'version = "\1.post7"', before))
    try:
        cluster.install()
    finally:
        project.write_text(before)
    for name in names:
        done(cluster, name)
    assert not processes & main_pids(cluster)
    assert cluster.events("daemon.start")[-1]["VERSION"].endswith(".post7")
    wait_until_all_joined(cluster)
    assert {cluster.machine.output("systemctl", "is-enabled", unit(number)) for number in INSTANCES} == {"enabled"}
    assert len(list((cluster.machine.root / "opt/doodled-releases").iterdir())) == 1

"""TorchServe as a service beside doodled, installed by `systemd/install --with-torchserve`, with tokens on.

torch is too large to be downloaded by a test: packages come from the environment that `DOODLED_TORCHSERVE_PYTHON` names, bound into the
machine; everything else is what the installation makes.
"""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.integration.booted import TORCHSERVE_PACKAGES
from tests.integration.installed_doodled import PERSON, QUICK, InstalledDoodled, exposure
from tests.integration.real_torchserve import free_ports

pytestmark = pytest.mark.skipif(
    not os.environ.get("DOODLED_TORCHSERVE_PYTHON"), reason="DOODLED_TORCHSERVE_PYTHON names no environment with TorchServe"
)
PUBLIC_KEY, KEYS = "/run/torchserve/inference.key", "/var/lib/torchserve/key_file.json"
MAX_MEMORY_MB = 2000


@dataclass
class Pair:
    """Both services, and the model server's address."""

    doodled: InstalledDoodled
    url: str

    def serving(self, verb: str) -> None:
        self.doodled.machine.run("systemctl", verb, "torchserve")

    def answer_without_token(self) -> int | None:
        """The HTTP status of a request without a token; None while nothing listens, as for some seconds after a start."""
        request = urllib.request.Request(f"{self.url}/predictions/drawn_humanoid_detector", data=b"image")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except urllib.error.URLError:
            return None

    def memory_mb(self, user: str) -> float:
        """Memory of all processes of a user, what they share divided among them (PSS, proc_pid_smaps(5))."""
        script = f"for pid in $(pgrep -u {user}); do cat /proc/$pid/smaps_rollup; done"
        return sum(map(int, re.findall(r"^Pss:\s+(\d+)", self.doodled.machine.output("sh", "-c", script), re.MULTILINE))) / 1024


@pytest.fixture(scope="module")
def both(installed: InstalledDoodled) -> Iterator[Pair]:
    """Both installed and started; only doodled is left afterwards."""
    machine = installed.machine
    machine.run("python3", "-m", "venv", "--without-pip", "/opt/torchserve")
    (place,) = (machine.root / "opt/torchserve/lib").glob("python3*/site-packages")
    (place / "bound.pth").write_text(f"{TORCHSERVE_PACKAGES}\n")
    installed.install("--with-torchserve", "--no-start")
    ports = free_ports(5)  # the machine shares our network
    file = machine.root / "etc/torchserve/config.properties"
    settings = file.read_text()
    for name, port in zip(("inference", "management", "metrics"), ports[:3], strict=True):
        settings = re.sub(rf"(?m)^{name}_address=.*$", f"{name}_address=http://127.0.0.1:{port}", settings)
    file.write_text(settings + f"\ngrpc_inference_port={ports[3]}\ngrpc_management_port={ports[4]}\n")
    pair = Pair(installed, f"http://127.0.0.1:{ports[0]}")
    probes = {"DOODLED_TORCHSERVE_PROBE_FIRST_S": "0.5", "DOODLED_TORCHSERVE_PROBE_MAX_S": "2", "DOODLED_TORCHSERVE_DEADLINE_S": "10"}
    installed.environ({**QUICK, **probes, "DOODLED_TORCHSERVE_URL": pair.url})
    pair.serving("start")
    installed.restart()
    yield pair
    machine.run("systemctl", "disable", "--now", "torchserve")
    (machine.root / "usr/local/lib/systemd/system/doodled.service.d/torchserve.conf").unlink()
    installed.environ(QUICK)
    installed.restart()


def test_a_drawing_is_animated_with_the_help_of_torchserve(both, record_property):
    both.doodled.drop("served.jpg")
    both.doodled.manifest("served.jpg")
    done = both.doodled.record("job.done", FILE_NAME="served.jpg")
    assert done["INFERENCE"] == "TorchServe"
    assert exposure(both.doodled, "torchserve.service") <= 1.2
    for user in ("torchserve", "doodled"):
        used_mb = both.memory_mb(user)
        record_property(f"memory_{user}_mb", round(used_mb))
        print(f"memory of {user}: {used_mb:.0f} MB (PSS)")
        assert 0 < used_mb < MAX_MEMORY_MB


def test_only_doodled_has_a_key_and_only_one(both):
    machine = both.doodled.machine
    assert machine.output("stat", "-c", "%a %U %G", PUBLIC_KEY) == "640 torchserve torchserve"
    machine.run("cat", PUBLIC_KEY, user="doodled")
    for user, file in (("doodled", KEYS), (PERSON, PUBLIC_KEY), (PERSON, KEYS)):
        assert machine.run("cat", file, user=user, check=False).returncode != 0
    assert machine.output("cat", PUBLIC_KEY) not in both.doodled.machine.output(
        "journalctl", "--unit=doodled", "--unit=torchserve", "--all"
    )
    machine.wait_for(lambda: both.answer_without_token() in {400, 401}, "TorchServe listens, and refuses requests without a token")


@pytest.mark.parametrize("is_started_before", [True, False], ids=["started before TorchServe", "outlived TorchServe"])
def test_an_outage_of_torchserve_costs_no_drawing(both, is_started_before):
    doodled, names = both.doodled, [f"outage{number}-{is_started_before}.jpg" for number in range(3)]
    both.serving("stop")
    if is_started_before:
        doodled.restart()
    for name in names:
        doodled.drop(name)
    doodled.machine.wait_for(lambda: " for " in doodled.status and "waiting" in doodled.status, "the status tells what it waits for")
    print(f"status: {doodled.status}")
    doodled.machine.wait_for(lambda: any(doodled.events("job.deferred", FILE_NAME=name) for name in names), "one has tried in vain")
    assert doodled.is_active()
    both.serving("start")
    for name in names:
        doodled.manifest(name)
        done = doodled.record("job.done", FILE_NAME=name)
        assert (done["ATTEMPT"], done["INFERENCE"]) == ("1", "TorchServe")
        assert not doodled.events("job.failed", FILE_NAME=name)

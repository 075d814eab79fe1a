"""doodled, installed by systemd/install on a booted Debian, and two users."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.booted import CHECKOUT, Machine

INSTALL_S = 900.0
SPOOL = "var/lib/doodled"
PERSON = "alice"
OTHER_USER = "bob"
DROP_INS = "etc/systemd/system/doodled.service.d"
QUICK = {"DOODLED_ANIMATION_SIZE": "128x128", "DOODLED_INBOX_STABLE_S": "0.5", "DOODLED_STORAGE_RESERVE_MB": "0"}
"""Small images and a short wait for writers, which shorten all tests."""

LONG = {"motions": ["wave", "dab", "jump"], "formats": ["webm"], "size": "640x640"}
"""A sidecar for a job that takes many seconds."""


@dataclass
class InstalledDoodled:
    """The service, with the user alice, who is in its group, and bob, who is not.

    Attributes:
        machine: where it is installed.
    """

    machine: Machine

    # --- the service -------------------------------------------------------------------------------------------------

    def install(self, *options: str) -> str:
        """Run systemd/install; returns its output."""
        done = self.machine.run(f"/{self.sources.relative_to(self.machine.root)}/systemd/install", *options, deadline_s=INSTALL_S)
        return done.stdout

    @property
    def sources(self) -> Path:
        return self.machine.root / "usr/src/doodled"

    def drop_in(self, name: str, content: str = "") -> None:
        """Change the unit as `systemctl edit` does, or take the change back."""
        file = self.machine.root / DROP_INS / f"{name}.conf"
        if content:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        else:
            file.unlink(missing_ok=True)
        self.machine.run("systemctl", "daemon-reload")

    def environ(self, environ: Mapping[str, str]) -> None:
        """Set variables of the service, from its next start on."""
        self.drop_in("zzz-test", "[Service]\n" + "".join(f"Environment={name}={value}\n" for name, value in environ.items()))

    def restart(self) -> None:
        self.machine.run("systemctl", "restart", "doodled")

    @property
    def main_pid(self) -> int:
        return int(self.machine.service_property("doodled", "MainPID"))

    @property
    def restarts(self) -> int:
        return int(self.machine.service_property("doodled", "NRestarts"))

    @property
    def status(self) -> str:
        """The line that `systemctl status` shows."""
        return self.machine.service_property("doodled", "StatusText")

    def is_active(self) -> bool:
        return self.machine.service_property("doodled", "ActiveState") == "active"

    # --- drawings ----------------------------------------------------------------------------------------------------

    def place(self, *parts: str) -> Path:
        """A path below the root of the spool, as seen from outside."""
        return self.machine.root.joinpath(SPOOL, *parts)

    def drop(self, name: str, drawing: str = "green_crayon.jpg", sidecar: object = None, *, umask: str = "022") -> None:
        """Drop one of the sample drawings into the inbox, as alice."""
        target = f"/{SPOOL}/inbox/{name}"
        if sidecar is not None:
            self.as_person(f"umask {umask}; cat >'{Path(target).with_suffix('.json')}'", text=json.dumps(sidecar))
        self.as_person(f"umask {umask}; mkdir -p '{Path(target).parent}'; cp /usr/src/doodled/etc/drawings/{drawing} '{target}'")

    def as_person(self, script: str, *, user: str = PERSON, text: str = "") -> str:
        return self.machine.run("sh", "-euc", script, user=user, text=text).stdout

    def manifest(self, name: str) -> dict[str, Any]:
        """The manifest of a drawing, once it is published."""
        file = self.place("outbox", name).with_suffix(".json")
        self.machine.wait_for(file.exists, f"{name} is published")
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def published(self, stem: str) -> list[str]:
        """Names of the manifests of a drawing: one, if it was published once."""
        return sorted(path.name for path in self.place("outbox").glob(f"{stem}*.json"))

    def is_begun(self, name: str) -> bool:
        """Whether a worker has begun the drawing."""
        for file in self.place("spool", "work").glob("*/*/job.json"):
            with contextlib.suppress(OSError, ValueError):
                if json.loads(file.read_text())["name"] == name and (file.parent / "result").exists():
                    return True
        return False

    def unfinished(self) -> list[Path]:
        """Jobs in the spool."""
        return [path for path in self.place("spool", "work").glob("*/*") if path.is_dir()]

    # --- the journal -------------------------------------------------------------------------------------------------

    def events(self, event: str, **fields: str) -> list[dict[str, Any]]:
        """Records of the service in the journal, of all boots, whose fields are as given."""
        matches = [f"EVENT={event}", *(f"{name}={value}" for name, value in fields.items())]
        lines = self.machine.output("journalctl", "--unit=doodled", "--output=json", "--all", *matches).splitlines()
        return [json.loads(line) for line in lines]

    def record(self, event: str, **fields: str) -> dict[str, Any]:
        """The only such record, once it is logged: a drawing is published, or moved to `failed/`, before its record is written."""
        self.machine.wait_for(lambda: self.events(event, **fields), f"{event} is logged with {fields}")
        (found,) = self.events(event, **fields)
        return found


@contextlib.contextmanager
def installed_doodled(machine: Machine) -> Iterator[InstalledDoodled]:
    """Install doodled from this checkout, with a user who may use it, and one who may not."""
    doodled = InstalledDoodled(machine)
    machine.put_sources()
    doodled.install("--no-start")
    for user in (PERSON, OTHER_USER):
        machine.run("useradd", "--create-home", user)
    machine.run("usermod", "-aG", "doodled", PERSON)
    doodled.environ(QUICK)
    machine.run("systemctl", "start", "doodled")
    yield doodled


def exposure(doodled: InstalledDoodled, service: str) -> float:
    """Exposure of a service, 0 to 10, as systemd-analyze rates it."""
    output = doodled.machine.output("systemd-analyze", "security", "--no-pager", service)
    found = re.search(r"Overall exposure level for .*: ([\d.]+)", output)
    assert found, output
    return float(found[1])


def copy_of_character(machine: Machine) -> str:
    """A character folder in alice's home; returns its place inside."""
    target = machine.root / "home" / PERSON / "stick_king"
    shutil.copytree(CHECKOUT / "etc/characters/stick_king", target, dirs_exist_ok=True)
    machine.run("chown", "-R", PERSON, f"/home/{PERSON}/stick_king")
    return f"/home/{PERSON}/stick_king"

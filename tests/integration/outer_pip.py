"""What makes pip find inside a machine or a build what it finds outside: its settings as a file, and the folders that they name."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

CERTIFICATES = "/etc/pip-certificates.pem"


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine, read-only, and where it is seen inside."""

    outside: Path
    inside: str


def pip_mounts(folder: Path) -> list[Mount]:
    """All that pip needs, as `pip config list` says it here. The settings are written to `folder`."""
    said = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    said_by = {name: ast.literal_eval(value) for name, _, value in (line.partition("=") for line in said.splitlines())}
    settings = {
        name.removeprefix(f"{section}."): str(value)
        for section in ("global", "install", ":env:")  # what comes later counts
        for name, value in said_by.items()
        if name.startswith(f"{section}.")
    }
    mounts = []
    if "cert" in settings:
        mounts.append(Mount(Path(settings["cert"]).resolve(), CERTIFICATES))
        settings["cert"] = CERTIFICATES
    for word in " ".join(settings.values()).split():
        place = Path(urlparse(word).path)
        place = place.parent if word.startswith("file:") else place  # an index's files lie beside it
        if re.match("/|file:", word) and place.is_dir():
            mounts.append(Mount(place, str(place)))
    lines = ["[global]", *(f"{key} = {value}".replace("\n", " ") for key, value in settings.items())]
    (folder / "pip.conf").write_text("\n".join(lines) + "\n")
    return [*mounts, Mount(folder / "pip.conf", "/etc/pip.conf")]

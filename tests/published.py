"""What a daemon has made of drawings, without what depends on time: to compare the results of two daemons byte by byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TIMES = ("job_id", "finished", "stages_ms")


def published(root: Path) -> dict[str, Any]:
    """Contents of all published files by path; of manifests, what does not depend on time."""
    found: dict[str, Any] = {}
    for path in (root / "outbox").rglob("*"):
        if path.is_file():
            content: Any = path.read_bytes()
            if path.suffix == ".json":
                content = {key: value for key, value in json.loads(content).items() if key not in TIMES}
            found[str(path.relative_to(root))] = content
    return found


def kept(root: Path) -> dict[str, bytes]:
    """What is kept of the drawings besides their sources, by name of the manifest: annotations."""
    return {
        f"{manifest.relative_to(root)}: {path.relative_to(place)}": path.read_bytes()
        for manifest in (root / "outbox").rglob("*.json")
        for place in [root / "spool/done" / json.loads(manifest.read_text())["job_id"]]
        for path in place.rglob("annotations/**/*")
        if path.is_file()
    }

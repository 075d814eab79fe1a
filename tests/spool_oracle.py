"""Oracle for faults: after any fault, each dropped file is in exactly one place, complete, and never half published."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
STUB = Path(__file__).parent / "fault" / "stub_daemon.py"


@dataclass(frozen=True)
class Places:
    """The files below a root."""

    root: Path

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    def manifests(self) -> dict[Path, dict[str, object]]:
        return {path: json.loads(path.read_text()) for path in sorted((self.root / "outbox").rglob("*.json"))}

    def published(self, content: bytes) -> list[Path]:
        """The manifests of results of a source with this content."""
        digest = hashlib.sha256(content).hexdigest()
        return [path for path, manifest in self.manifests().items() if manifest["source"]["sha256"] == digest]  # type: ignore[index]

    def failed(self, name: str) -> dict[str, object] | None:
        """The error.json of a file in `failed/`, or None."""
        if not (self.root / "failed" / name).exists():
            return None
        reason: dict[str, object] = json.loads((self.root / "failed" / f"{name}.error.json").read_text())
        return reason

    def reviewed(self, name: str) -> dict[str, object] | None:
        """The review.json of a folder in `review/`, complete with drawing and figures, or None."""
        place = self.root / "review" / name
        if not place.exists():
            return None
        reason: dict[str, object] = json.loads((place / "review.json").read_text())
        assert reason["review"] == name
        assert (place / str(reason["file"])).is_file()
        assert all((place / figure["folder"] / "char_cfg.yaml").read_bytes() for figure in reason["figures"])  # type: ignore[attr-defined]
        return reason

    def claimed(self) -> list[Path]:
        return sorted((self.root / "spool" / "work").glob("*/*/source"))

    def kept(self) -> list[bytes]:
        return [path.read_bytes() for path in (self.root / "spool" / "done").glob("*/source") if path.is_file()]


def check_published(root: Path, name: str, content: bytes) -> None:
    """Check that `name` was published once and completely, that its source is kept, and that nothing else is left."""
    places = Places(root)
    manifests = places.published(content)
    assert len(manifests) == 1, f"{name} was published {len(manifests)} times"
    manifest = places.manifests()[manifests[0]]
    for output in manifest["outputs"]:  # type: ignore[attr-defined]
        file = manifests[0].with_name(output["file"])
        assert hashlib.sha256(file.read_bytes()).hexdigest() == output["sha256"]
    assert places.kept().count(content) == 1


def check_tidy(root: Path) -> None:
    """Check that nothing unfinished is left."""
    places = Places(root)
    assert not places.claimed()
    assert not [path for path in places.inbox.rglob("*") if path.is_file()]
    left = sorted((root / "spool" / "work").rglob("*"))
    assert not left, left
    named = {output["file"] for manifest in places.manifests().values() for output in manifest["outputs"]}  # type: ignore[attr-defined]
    named |= {path.name for path in places.manifests()}
    assert {path.name for path in (root / "outbox").rglob("*") if path.is_file() and path.parent.name != ".thumbnails"} == named

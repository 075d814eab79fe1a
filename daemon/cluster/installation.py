"""What decides how a drawing is animated on a machine: the versions of doodled, of its models and of its motions.

A worker offers a Dask resource that is named after its installation, and every job asks for the daemon's own: so the scheduler itself never
gives a drawing to a worker that would animate it differently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import pipeline
from daemon.version import version
from pipeline.files.assets import AssetKind, asset_folder

MODELS = Path(pipeline.__file__).resolve().parent / "models"


@dataclass(frozen=True)
class Installation:
    """Versions on one machine.

    Attributes:
        doodled: version of the package.
        models, motions: first digits of the SHA-256 of all files.
    """

    doodled: str
    models: str
    motions: str

    @classmethod
    def local(cls) -> Self:
        """The installation on this machine. Raises OSError if a file can't be read."""
        motions = [path for kind in (AssetKind.MOTIONS, AssetKind.RETARGET) for path in asset_folder(kind).iterdir()]
        return cls(version(), _digest(MODELS.glob("*.onnx")), _digest(path for path in motions if path.suffix in {".bvh", ".yaml"}))

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """The installation that another machine states; what it does not state is "?"."""
        return cls(*(str(fields.get(name, "?")) for name in ("doodled", "models", "motions")))

    def fields(self) -> dict[str, str]:
        """The versions by name, for the scheduler's list of workers."""
        return asdict(self)

    @property
    def resource(self) -> str:
        """Name of the Dask resource that workers of this installation offer."""
        return "doodled " + hashlib.sha256(repr(self).encode()).hexdigest()[:12]

    def difference_from(self, other: Installation) -> str:
        """What differs, in one sentence without its end; "" if nothing does."""
        ours, theirs = self.fields(), other.fields()
        differing = [f"{name} {theirs[name]} instead of {ours[name]}" for name in ours if ours[name] != theirs[name]]
        return f"it has {', '.join(differing)}" if differing else ""


def _digest(paths: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.name):
        found.update(f"{path.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:12]

"""Folders of the data that ships with doodled: `pipeline/assets/<kind>` in an installed wheel, `etc/<kind>` in a checkout."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pipeline.errors import PermanentError

_PACKAGE = Path(__file__).resolve().parents[1]


class AssetKind(StrEnum):
    """Kinds of shipped data."""

    MOTIONS = "motions"
    RETARGET = "retarget"
    CHARACTERS = "characters"


def asset_folder(kind: AssetKind, *, package: Path = _PACKAGE) -> Path:
    """The folder that holds one kind of data.

    Raises:
        PermanentError: neither folder exists.
    """
    folders = (package / "assets" / kind, package.parent / "etc" / kind)
    for folder in folders:
        if folder.is_dir():
            return folder
    listed = " or ".join(map(str, folders))
    raise PermanentError(f"the shipped {kind} are missing: expected them in {listed}", hint="install doodled again")

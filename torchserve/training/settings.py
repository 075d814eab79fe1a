"""The configuration file of the training, as it is written; and where our own packages are found."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
CONFIG = HERE / "config.toml"

if str(REPOSITORY) not in sys.path:  # the shared steps before and after the networks live in `pipeline`
    sys.path.append(str(REPOSITORY))


def configuration(path: Path = CONFIG) -> dict[str, Any]:
    """The tables of the TOML file at `path`."""
    return tomllib.loads(path.read_text(encoding="utf-8"))

"""Makes the clips' author scripts importable: they are plain modules beside each other, no package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MOTIONS = Path(__file__).parents[3] / "etc" / "motions"


@pytest.fixture(scope="session")
def author() -> Iterator[Callable[[str], Any]]:
    """A function from a module's name to the author's module."""
    place = str(MOTIONS / "author")
    sys.path.insert(0, place)
    yield importlib.import_module
    sys.path.remove(place)


@pytest.fixture(scope="session")
def clips(author: Callable[[str], Any]) -> dict[str, Any]:
    """Every clip, by name."""
    return {clip.name: clip for clip in (make() for make in author("write_motions").CLIPS)}

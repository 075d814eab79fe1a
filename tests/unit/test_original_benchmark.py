"""The benchmark that runs AnimatedDrawings beside doodled, on a stand-in for its checkout."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.benchmarks import original

STAND_IN = """
import yaml
def start(scene):
    told = yaml.safe_load(open(scene))
    assert told["view"]["USE_MESA"] and told["scene"]["ANIMATED_CHARACTERS"][0]["character_cfg"].endswith("char1/char_cfg.yaml")
    open(told["controller"]["OUTPUT_VIDEO_PATH"], "w").write("GIF89a")
"""


def checkout(root: Path, start: str) -> dict[str, str]:
    (root / "animated_drawings").mkdir()
    (root / "animated_drawings" / "__init__.py").write_text("")
    (root / "animated_drawings" / "render.py").write_text(start)
    return {"ANIMATED_DRAWINGS_ROOT": str(root), "ANIMATED_DRAWINGS_PYTHON": sys.executable}


def seconds(rival: original.Original) -> float:
    return rival.seconds(Path("char1"), Path("dab.yaml"), Path("fair1_ppf.yaml"), "gif")


def test_a_checkout_with_its_python_is_run(tmp_path: Path) -> None:
    rival = original.found(checkout(tmp_path, STAND_IN))
    assert rival is not None
    assert seconds(rival) > 0.0


def test_a_run_without_a_file_is_no_time(tmp_path: Path) -> None:
    rival = original.found(checkout(tmp_path, "def start(scene): raise SystemExit('no context')"))
    assert rival is not None
    with pytest.raises(RuntimeError, match="no context"):
        seconds(rival)


def test_examples_alone_are_no_checkout(tmp_path: Path) -> None:
    assert original.found({"ANIMATED_DRAWINGS_ROOT": str(tmp_path)}) is None
    assert original.found({}) is None

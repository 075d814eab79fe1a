"""AnimatedDrawings itself, timed side by side, where ANIMATED_DRAWINGS_ROOT is a checkout of it with its environment.

Its Python is looked for in `.venv/`, `venv/` or `env/` of the checkout, or named by ANIMATED_DRAWINGS_PYTHON. The same scene, size and
format, rendered by Mesa, each in a new process: this is how its users run it, imports included.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

MEASURED_ELSEWHERE_S = {"gif": 21.6, "mp4": 19.0}
"""char1 + dab, 339 frames, 500 x 500: on two cores of a Xeon with Mesa, cold, when this project began."""
CODE = "import sys; from animated_drawings import render; render.start(sys.argv[1])"
PATIENCE_S = 900.0


@dataclass(frozen=True)
class Original:
    """A checkout that can be run."""

    root: Path
    python: Path

    def seconds(self, character: Path, motion: Path, retarget: Path, kind: str) -> float:
        """Wall time of a new process until its file is finished. Raises RuntimeError with its last output if it ends without a file."""
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / f"original.{kind}"
            scene = Path(folder) / "scene.yaml"
            scene.write_text(yaml.safe_dump(scene_of(character, motion, retarget, output)), encoding="utf-8")
            environ = os.environ | {"PYOPENGL_PLATFORM": "osmesa"}
            began_s = time.perf_counter()
            command: list[str | Path] = [self.python, "-c", CODE, scene]
            done = subprocess.run(command, cwd=self.root, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
            taken_s = time.perf_counter() - began_s
            if done.returncode or not output.is_file():
                raise RuntimeError(f"AnimatedDrawings wrote nothing: {(done.stderr or done.stdout)[-500:]}")
        return taken_s


def found(environ: Mapping[str, str]) -> Original | None:
    """The checkout that the environment names, if it is one and its Python exists."""
    root = Path(environ.get("ANIMATED_DRAWINGS_ROOT") or "/nonexistent").absolute()
    if not (root / "animated_drawings" / "render.py").is_file():
        return None
    named = [Path(environ["ANIMATED_DRAWINGS_PYTHON"])] if environ.get("ANIMATED_DRAWINGS_PYTHON") else []
    pythons = [*named, *(root / folder / "bin" / "python" for folder in (".venv", "venv", "env"))]
    return next((Original(root, python) for python in pythons if python.is_file()), None)


def scene_of(character: Path, motion: Path, retarget: Path, output: Path) -> dict[str, object]:
    """Content of a scene file (etc/doc/file-formats.md, "Scene file"): transparent background, default camera, 500 x 500."""
    figure = {"character_cfg": str(character / "char_cfg.yaml"), "motion_cfg": str(motion), "retarget_cfg": str(retarget)}
    return {
        "scene": {"ANIMATED_CHARACTERS": [figure]},
        "view": {"USE_MESA": True, "WINDOW_DIMENSIONS": [500, 500]},
        "controller": {"MODE": "video_render", "OUTPUT_VIDEO_PATH": str(output), "OUTPUT_VIDEO_CODEC": "mp4v"},
    }

"""Response times of the editor. Prints a table:

    python tests/benchmarks/editor.py [CHARACTER ...]

Requests are those of the page, to the application of `doodled edit` with its child process: a joint is moved and a motion previewed, a box
is drawn, an edge snapped, a limb cut. Without arguments it takes the sample characters, and the sample drawings as `doodled annotate` cuts
them out. "-" marks a refused request: a box without a drawing, a band without paper beside it.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from starlette.testclient import TestClient

from daemon.options.inference import InferenceRequest
from daemon.web.editor.edits import EditorSettings
from daemon.web.editor.local_app import local_app
from daemon.web.editor.local_figures import LocalFigures, folder_drawing
from daemon.web.editor.process import EditorProcess
from daemon.web.editor.tasks import EditorTasks

ROOT = Path(__file__).resolve().parents[2]
MOTIONS = ("wave", "dance", "dab", "walk")
REPEATS = 3


def main() -> None:
    settings = EditorSettings(InferenceRequest(), dict(os.environ))
    with tempfile.TemporaryDirectory() as drafts:
        folders = [Path(argument) for argument in sys.argv[1:]] or [*_samples(), *_annotated(settings, Path(drafts))]
        print(f"{'ms, median (worst)':40}" + "".join(f"{name:>16}" for name in ("preview", "box", "smart edge", "cut")))
        for folder in folders:
            _measure(folder, settings)


def _samples() -> list[Path]:
    return sorted(path.parent for path in (ROOT / "etc/characters").glob("*/char_cfg.yaml"))


def _annotated(settings: EditorSettings, drafts: Path) -> list[Path]:
    tasks = EditorTasks(settings)
    found = []
    for image in sorted((ROOT / "etc/drawings").glob("*.jpg")):
        tasks.annotate(image, drafts / image.stem)
        (drafts / image.stem / "figure_1").rename(drafts / f"{image.stem}_drawn")
        found.append(drafts / f"{image.stem}_drawn")
    return found


def _measure(folder: Path, settings: EditorSettings) -> None:
    figures = LocalFigures(folder_drawing(folder, "wave"), (folder,), lambda _: None)
    app = local_app(figures, EditorProcess(settings))
    with TestClient(app, base_url="http://localhost") as client:
        here = f"/{app.page()}/0"
        figure = client.get(here).json()["figure"]

        def timed(what: str, bodies: list[dict[str, Any]]) -> str:
            times = []
            for body in [bodies[0], *bodies * REPEATS]:  # the first opens what stays open
                started = time.perf_counter()
                answer = client.post(f"{here}/{what}", json=body)
                times.append(1000 * (time.perf_counter() - started))
                if answer.status_code != 200:
                    return "-"
            return f"{statistics.median(times[1:]):.0f} ({max(times[1:]):.0f})"

        at = {joint["name"]: joint["at"] for joint in figure["joints"]}
        edit = {"joints": {"left_hand": [round(at["left_hand"][0]) - 2, round(at["left_hand"][1])]}}
        previews = timed("preview", [{"edit": edit, "motion": motion} for motion in MOTIONS])
        box = [*(edge + 5 for edge in figure["box"][:2]), *(edge - 5 for edge in figure["box"][2:])] if figure["box"] else [0, 0, 0, 0]
        boxes = timed("box", [{"box": box}])
        x, y = (round(each) for each in at["neck"])
        snaps = timed("snap", [{"edit": {}, "points": [[x - 30, y], [x + 30, y]], "radius": 10}])
        (left, top), (right, bottom) = (at[f"left_{joint}"] for joint in ("shoulder", "elbow"))
        middle, across = ((left + right) / 2, (top + bottom) / 2), (0.6 * (bottom - top), 0.6 * (left - right))
        line = [[round(place + side * far) for place, far in zip(middle, across, strict=True)] for side in (-1, 1)]
        cuts = timed("cut", [{"edit": {}, "lines": [{"limb": "left_arm", "points": line}]}])
        size = f"{folder.name}, {figure['width']} x {figure['height']} px"
        print(f"{size:40}" + "".join(f"{cell:>16}" for cell in (previews, boxes, snaps, cuts)))


if __name__ == "__main__":
    main()

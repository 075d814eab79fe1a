"""What the editor's child process keeps between calls."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from editor_figures import write_person

from daemon.options.inference import InferenceRequest
from daemon.web.editor.edits import Edit, EditorSettings
from daemon.web.editor.tasks import EditorTasks
from pipeline.errors import CharacterError


def test_another_drawing_under_the_same_name_is_read_again(tmp_path: Path) -> None:
    """A failed character folder that was put right and fails again has the name of the first one in failed/."""
    source = replace(write_person(tmp_path / "person"), is_untrusted=True)
    assert source.folder is not None
    tasks = EditorTasks(EditorSettings(InferenceRequest(), {}, None, None))
    first = tasks.describe(source)["figure"]["joints"]
    assert tasks.describe(source)["figure"]["joints"] == first
    shutil.rmtree(source.folder)
    write_person(source.folder)
    config = source.folder / "char_cfg.yaml"
    x, y = next(map(int, joint["at"]) for joint in first if joint["name"] == "neck")
    config.write_text(config.read_text().replace(f"- {x}\n  - {y}\n  name: neck", f"- {x + 3}\n  - {y}\n  name: neck"))
    joints = {joint["name"]: joint["at"] for joint in tasks.describe(source)["figure"]["joints"]}
    assert joints["neck"] == [x + 3, y]
    assert tasks.folder_files(source, Edit())["char_cfg.yaml"] == config.read_bytes()
    for kept in tasks._kept.values():  # in the child, its parent does that
        if isinstance(kept, tempfile.TemporaryDirectory):
            kept.cleanup()


def test_figure_without_a_pixel_is_not_animated_again(tmp_path: Path) -> None:
    """It would leave failed/ or review/, and fail."""
    source = write_person(tmp_path / "person")
    tasks = EditorTasks(EditorSettings(InferenceRequest(), {}, None, None))
    figure = tasks.describe(source)["figure"]
    with pytest.raises(CharacterError, match="empty"):
        tasks.folder_files(source, Edit(mask=(figure["width"] * figure["height"],)))

"""Previews that a worker writes into the job's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon.worker.preview import write_preview
from pipeline.errors import BlankAnimation, RenderFailed


class Rendering:
    """A scene whose preview is written, or fails."""

    def __init__(self, content: bytes, error: Exception | None = None) -> None:
        self._content, self._error = content, error

    def write_preview(self, gif: Path, still: Path, renderer: object) -> None:
        assert renderer == "renderer"
        gif.write_bytes(self._content)
        if self._error is not None:
            raise self._error
        still.write_bytes(b"still")


def written(job_folder: Path, rendering: Any) -> dict[str, bytes]:
    """What is in the job's folder after a preview."""
    renderer: Any = "renderer"
    write_preview(job_folder, rendering, renderer)
    return {str(path.relative_to(job_folder)): path.read_bytes() for path in job_folder.rglob("[!.]*") if path.is_file()}


def test_preview_appears_whole_and_is_replaced(tmp_path: Path) -> None:
    assert written(tmp_path, Rendering(b"one")) == {"preview/preview.gif": b"one", "preview/preview.png": b"still"}
    assert written(tmp_path, Rendering(b"two")) == {"preview/preview.gif": b"two", "preview/preview.png": b"still"}
    assert [path.name for path in tmp_path.iterdir()] == ["preview"]


@pytest.mark.parametrize("error", [RenderFailed("the driver"), BlankAnimation("nothing"), OSError(28, "No space left on device")])
def test_preview_that_fails_is_left_out(tmp_path: Path, error: Exception) -> None:
    written(tmp_path, Rendering(b"half", error))
    assert not (tmp_path / "preview").exists()
    assert set(written(tmp_path, Rendering(b"whole"))) == {"preview/preview.gif", "preview/preview.png"}


def test_job_that_was_taken_over_gets_no_preview(tmp_path: Path) -> None:
    assert written(tmp_path / "elsewhere", Rendering(b"one")) == {}
    assert not (tmp_path / "elsewhere").exists()

"""Writes the preview of a job's first animation into its folder, for the web application."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.spool.previews import MOVING, PREVIEW, STILL
from pipeline.errors import DoodledError

if TYPE_CHECKING:
    from daemon.rendering import SceneRendering
    from pipeline.ports import Renderer


def write_preview(job_folder: Path, rendering: SceneRendering, renderer: Renderer) -> None:
    """Write a preview. Raises nothing of its own: what fails in the animation, too, is reported there.

    Args:
        job_folder: the job's folder.
    """
    draft = job_folder / f".{PREVIEW}"
    with suppress(DoodledError, OSError):
        for folder in (draft, job_folder / PREVIEW):  # of an earlier attempt
            shutil.rmtree(folder, ignore_errors=True)
        draft.mkdir()
        rendering.write_preview(draft / MOVING, draft / STILL, renderer)
        draft.rename(job_folder / PREVIEW)

"""The editor's child process: what comes back, and what happens when it fails."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from editor_figures import write_person

from daemon.options.inference import InferenceRequest
from daemon.web.editor import process as editor_process
from daemon.web.editor.edits import Edit, EditorSettings, FigureSource
from daemon.web.editor.process import EditorBusy, EditorProcess, EditorRefused


def with_process(work: Callable[[EditorProcess], Coroutine[Any, Any, None]]) -> None:
    """Run a test on an event loop with a child process that ends with it."""

    async def run() -> None:
        process = EditorProcess(EditorSettings(InferenceRequest(), os.environ))
        try:
            await work(process)
        finally:
            process.close()

    asyncio.run(run())


def test_results_and_errors_come_back(tmp_path: Path) -> None:
    source = write_person(tmp_path / "person")

    async def work(process: EditorProcess) -> None:
        assert (await process.call("describe", source))["figure"]["width"] == 240
        assert (await process.call("motions", "DAB"))[0] == "dab"
        assert "dab" in await process.call("motions", "no such motion")
        with pytest.raises(EditorRefused, match="left_hnd is no joint"):
            await process.call("layers", source, Edit(joints={"left_hnd": (1, 1)}))
        with pytest.raises(EditorRefused, match="one of the motions that the page offers"):
            await process.call("preview", source, Edit(), "/etc/passwd.bvh", "wave")
        (tmp_path / "person/mask.png").unlink()
        with pytest.raises(EditorRefused, match="the image is missing") as refusal:
            await process.call("texture_image", source)
        assert str(tmp_path) not in str(refusal.value)

    with_process(work)


def test_dead_child_is_replaced(tmp_path: Path) -> None:
    source = write_person(tmp_path / "person")

    async def work(process: EditorProcess) -> None:
        await process.call("describe", source)
        (child,) = process._pool._pool_manager.worker_manager.workers  # type: ignore[union-attr]
        os.kill(child, signal.SIGKILL)
        for _ in range(3):  # pebble may notice the death only with the next call
            try:
                found = await process.call("describe", source)
            except EditorBusy:
                continue
            assert found["figure"]["width"] == 240
            return
        pytest.fail("no child was started again")

    with_process(work)


def test_too_many_calls_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editor_process, "MAX_WAITING", 0)

    async def work(process: EditorProcess) -> None:
        with pytest.raises(EditorBusy, match="too much is asked"):
            await process.call("motions", "dab")

    with_process(work)


def test_idle_child_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editor_process, "IDLE_S", 0.0)
    source = write_person(tmp_path / "person")

    async def work(process: EditorProcess) -> None:
        await process.call("describe", source)
        for _ in range(1000):
            if process._pool is None:
                break
            await asyncio.sleep(0)
        assert process._pool is None

    with_process(work)


def test_copies_of_untrusted_files_leave_with_the_child(tmp_path: Path) -> None:
    write_person(tmp_path / "person")
    drafts: list[Path] = []

    async def work(process: EditorProcess) -> None:
        await process.call("describe", FigureSource(tmp_path / "person", None, "person", is_untrusted=True))
        assert process._drafts is not None
        drafts.append(Path(process._drafts.name))
        assert len(list(drafts[0].glob("*/figure/mask.png"))) == 1

    with_process(work)
    assert not drafts[0].exists()


def test_files_of_the_spool_are_read_without_following_links(tmp_path: Path) -> None:
    write_person(tmp_path / "person")
    (tmp_path / "person/texture.png").rename(tmp_path / "elsewhere.png")
    (tmp_path / "person/texture.png").symlink_to(tmp_path / "elsewhere.png")

    async def work(process: EditorProcess) -> None:
        with pytest.raises(EditorRefused, match="found a link or a special file"):
            await process.call("describe", FigureSource(tmp_path / "person", None, "person", is_untrusted=True))

    with_process(work)

"""Corrections in the web application, as a person makes them, with a real daemon: a result and a failure become new versions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from browser import Browser, browser
from editor_page import EditorPage
from PIL import Image
from spool_oracle import ROOT
from waiting import stop, until

from daemon.spool.layout import Layout

pytestmark = pytest.mark.gl

PATIENCE_S = 90.0
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
SETTINGS = '[animation]\nmotions = ["dab"]\nsize = "96x96"\n[storage]\nreserve_mb = 0\n[jobs]\nworkers = 1\n'


@contextmanager
def running(root: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command over a spool."""
    (root / "doodled.toml").write_text(SETTINGS)
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "DOODLED_ROOT": str(root), "DOODLED_CONFIG": str(root / "doodled.toml")}
    log = (root / f"{arguments[0]}.log").open("w")
    command = [sys.executable, "-m", "daemon", *arguments]
    with (
        log,
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE if arguments[0] == "web" else log, stderr=log, text=True) as started,
    ):
        try:
            yield started
        finally:
            stop(started)


@pytest.fixture(params=SIZES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Layout, Browser, str]]:
    """A spool with daemon and web application, a browser, and the address."""
    layout, size = Layout(tmp_path / "spool"), SIZES[request.param]
    layout.root.mkdir()
    with running(layout.root, "run"):
        until(lambda: layout.failed.is_dir() and any(layout.status.glob("*.json")), PATIENCE_S)
        with running(layout.root, "web", "--port", "0") as web, browser(tmp_path / "profile", size=f"{size[0]},{size[1]}") as chromium:
            assert web.stdout is not None
            chromium.ask("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=size[0] < 500)
            yield layout, chromium, web.stdout.readline().split()[1]
            assert chromium.complaints == []


def follow(chromium: Browser, url: str, link: str) -> EditorPage:
    """Open a drawing's page, once the application knows it, and click on its link to the editor."""
    element = f"document.querySelector('a[href*=\"{link}\"]')"

    def is_there() -> bool:
        chromium.go(url)
        return bool(chromium.value(f"Boolean({element})"))

    until(is_there, PATIENCE_S)
    chromium.complaints.clear()  # it may not have been there yet

    def is_followed() -> bool:
        if chromium.value(f"Boolean({element})"):
            chromium.value(f"{element}.scrollIntoViewIfNeeded()")
            chromium.click(element)  # again, if an image was loaded meanwhile and moved it away
        return bool(chromium.value(f"location.pathname.includes('{link}') && document.readyState === 'complete'"))

    until(is_followed, PATIENCE_S)
    return EditorPage(chromium)


def test_corrected_result_is_published_beside_the_first(site: tuple[Layout, Browser, str]) -> None:
    layout, chromium, address = site
    shutil.copy(ROOT / "etc/drawings/mouse_monster.jpg", layout.inbox / "mouse.jpg")
    until((layout.outbox / "mouse.json").exists, PATIENCE_S)
    first = (layout.outbox / "mouse.gif").read_bytes()
    job = json.loads((layout.outbox / "mouse.json").read_text())["job_id"]
    until(lambda: job in {place.name for place in layout.done.iterdir()}, PATIENCE_S)
    page = follow(chromium, f"{address}drawings/{job}", "edit/done-")
    page.choose("brush")
    x, y = page.joint("left_hand")
    page.drag((x, y), (x - 60, y + 60))
    page.choose("joints")
    page.drag((x, y), (x - 40, y - 20))
    page.drag(page.joint("right_hand"), page.joint("right_elbow"))
    hands = [[round(each) for each in page.joint(f"{side}_hand")] for side in ("left", "right")]
    assert page.accept().startswith("It is in the queue.")
    until((layout.outbox / "mouse-2.json").exists, PATIENCE_S)
    manifest = json.loads((layout.outbox / "mouse-2.json").read_text())
    assert manifest["inference"] is None, "no model was asked"
    assert (manifest["options"]["motions"], manifest["options"]["size"]) == (["dab"], "96x96")
    assert (layout.outbox / "mouse.gif").read_bytes() == first, "what was published stays"
    assert (layout.outbox / "mouse-2.gif").read_bytes() != first
    until(lambda: manifest["job_id"] in {place.name for place in layout.done.iterdir()}, PATIENCE_S)
    chromium.go(f"{address}edit/done-{manifest['job_id']}")
    again = EditorPage(chromium)
    assert [[round(each) for each in again.joint(f"{side}_hand")] for side in ("left", "right")] == hands, "it can be corrected again"
    assert again.value("drawingSize") is not None, "and its box, too"


def test_failed_drawing_becomes_an_animation(site: tuple[Layout, Browser, str]) -> None:
    layout, chromium, address = site
    sheet = np.full((300, 400, 3), 250, np.uint8)
    sheet[140:160, 100:300] = sheet[60:260, 190:210] = 30
    Image.fromarray(sheet).save(layout.root / "cross.png")
    original = (layout.root / "cross.png").read_bytes()
    (layout.root / "cross.png").rename(layout.inbox / "cross.png")
    until((layout.failed / "cross.png").exists, PATIENCE_S)
    job = json.loads((layout.failed / "cross.png.error.json").read_text())["job_id"]
    page = follow(chromium, f"{address}drawings/{job}", "edit/failed-")
    assert page.message() == "No figure was found: draw a box around it."
    page.draw_box(80, 40, 320, 280)
    assert page.accept().startswith("It is in the queue.")
    until((layout.outbox / "cross.json").exists, PATIENCE_S)
    until(lambda: not (layout.failed / "cross.png").exists(), PATIENCE_S)
    done = json.loads((layout.outbox / "cross.json").read_text())["job_id"]
    until((layout.done / done / "source" / "original.png").exists, PATIENCE_S)
    assert (layout.done / done / "source" / "original.png").read_bytes() == original


def test_figure_that_is_not_kept_any_more_is_explained(site: tuple[Layout, Browser, str]) -> None:
    _, chromium, address = site
    chromium.go(f"{address}edit/done-01J00000000000000000000000")
    assert "storage.retention_h" in chromium.value("document.getElementById('main').innerText")
    chromium.complaints.clear()  # the answer's status is 404

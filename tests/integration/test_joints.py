"""`doodled joints` as a person uses it: in a browser, with a mouse and with keys."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from browser import Browser, browser
from PIL import Image
from spool_oracle import ROOT
from waiting import until

pytestmark = pytest.mark.gl

PATIENCE_S = 60.0


@pytest.fixture
def king(tmp_path: Path) -> Path:
    """A copy of a sample character."""
    place = tmp_path / "king"
    shutil.copytree(ROOT / "etc" / "characters" / "stick_king", place)
    return place


@contextmanager
def opened(place: Path, profile: Path) -> Iterator[tuple[subprocess.Popen[str], Browser]]:
    """The command, and a browser at the address that it printed, once the figure dances there."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("DISPLAY", None)
    command = [sys.executable, "-m", "daemon", "joints", str(place), "--motion", "dab"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            with browser(profile) as chromium:
                chromium.go(running.stdout.readline().strip())
                until(lambda: chromium.value("shown.src !== '' && !isShowing"), PATIENCE_S)
                yield running, chromium
        finally:
            running.kill()


def handle(name: str) -> str:
    """What a person grasps to move a joint."""
    return f"handles.find((handle) => handle.names.includes('{name}'))"


def joints(place: Path) -> dict[str, list[int]]:
    return {joint["name"]: joint["loc"] for joint in yaml.safe_load((place / "char_cfg.yaml").read_text())["skeleton"]}


def test_a_joint_is_dragged_the_figure_moves_with_it_and_it_is_saved(king: Path, tmp_path: Path) -> None:
    before = joints(king)
    with opened(king, tmp_path / "profile") as (running, page):
        assert page.value("motion.value") == "dab"
        shown = page.value("shown.src")
        scale = page.value("figure.getScreenCTM().a")
        start = page.middle(f"{handle('left_hand')}.dot")
        page.drag(start, (start[0] + 20 * scale, start[1] - 10 * scale))
        until(lambda: page.value("shown.src") != shown and page.value("!isShowing"), PATIENCE_S)
        assert joints(king) == before, "nothing is saved before somebody says so"
        page.click("save")
        until(lambda: page.value("told.textContent") == "Saved.", PATIENCE_S)
        assert page.value("save.disabled")
        assert page.complaints == []
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) == 0
        assert running.stdout is not None
        assert f"saved: {king / 'char_cfg.yaml'}" in running.stdout.read()
    x, y = before["left_hand"]
    after = joints(king)
    assert after.pop("left_hand") == pytest.approx([x + 20, y - 10], abs=1.5)
    before.pop("left_hand")
    assert after == before


def test_keys_move_joints_and_take_it_back(king: Path, tmp_path: Path) -> None:
    with opened(king, tmp_path / "profile") as (_, page):
        x, y = page.value("places.right_elbow")
        page.value(f"{handle('right_elbow')}.group.focus()")
        page.press("ArrowUp")
        page.press("ArrowRight", shift=True)
        assert page.value("places.right_elbow") == [x + 10, y - 1]
        page.press("z", control=True)
        assert page.value("places.right_elbow") == [x, y - 1]
        page.press("z", control=True)
        assert page.value("places.right_elbow") == [x, y]
        assert page.value("save.disabled")
        page.press("y", control=True)
        assert page.value("places.right_elbow") == [x, y - 1]
        page.press("s", control=True)
        until(lambda: page.value("told.textContent") == "Saved.", PATIENCE_S)
    assert joints(king)["right_elbow"] == [x, y - 1]


def test_sides_are_swapped_and_a_joint_off_the_figure_is_marked(king: Path, tmp_path: Path) -> None:
    before = joints(king)
    with opened(king, tmp_path / "profile") as (_, page):
        assert page.value("document.querySelectorAll('.off').length") == 0
        page.click("swap")
        assert page.value("[places.left_hand, places.right_hand]") == [before["right_hand"], before["left_hand"]]
        page.drag(page.middle(f"{handle('neck')}.dot"), page.middle("figure.querySelector('image')"))
        page.drag(page.middle(f"{handle('left_hand')}.dot"), (0.0, 0.0))
        assert page.value("places.left_hand") == [0, 0], "no joint leaves the picture"
        assert page.value("document.querySelector('.off').getAttribute('aria-label')") == "left hand, at 0, 0, off the figure"


def test_the_root_and_the_hip_upon_it_are_one_handle(king: Path, tmp_path: Path) -> None:
    assert joints(king)["root"] == joints(king)["hip"]
    with opened(king, tmp_path / "profile") as (_, page):
        names = page.value("handles.map((handle) => handle.names.join())")
        assert "root,hip" in names
        assert len(names) == len(joints(king)) - 1


def test_what_the_browser_shows_is_what_render_makes(king: Path, tmp_path: Path) -> None:
    """The same frames, pixel by pixel, as from the command with the same options."""
    output = tmp_path / "king.gif"
    options = ["--motion", "dab", "--size", "360x360", "--fps", "20", "-o", str(output)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "daemon", "render", str(king), *options], env=environ, check=True, capture_output=True)
    with opened(king, tmp_path / "profile") as (_, page):
        assert page.value("shown.naturalWidth") == 360
        sent = page.value("shown.src").removeprefix("data:image/gif;base64,")
    with Image.open(output) as made:
        assert made.n_frames > 10
    assert base64.b64decode(sent) == output.read_bytes()

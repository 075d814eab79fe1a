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

import numpy as np
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
def _usual_signals() -> Iterator[None]:
    """Those of a terminal, however the tests were started: in the background of a shell SIGINT is ignored, and below nohup SIGHUP."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


@contextmanager
def opened(place: Path, profile: Path) -> Iterator[tuple[subprocess.Popen[str], Browser]]:
    """The command, and a browser at the address that it printed, once the figure dances there."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("DISPLAY", None)
    command = [sys.executable, "-m", "daemon", "joints", str(place), "--motion", "dab"]
    with _usual_signals():
        started = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    with started as running:
        try:
            assert running.stdout is not None
            with browser(profile) as chromium:
                chromium.go(running.stdout.readline().strip())
                until(lambda: chromium.value("shown.src !== '' && !isShowing"), PATIENCE_S)
                yield running, chromium
        finally:
            running.kill()


def handle(name: str) -> str:
    """JavaScript expression of the handle of a joint."""
    return f"handles.find((handle) => handle.names.includes('{name}'))"


def joints(place: Path) -> dict[str, list[int]]:
    return {joint["name"]: joint["loc"] for joint in yaml.safe_load((place / "char_cfg.yaml").read_text())["skeleton"]}


def test_drags_joint_previews_and_saves(king: Path, tmp_path: Path) -> None:
    before = joints(king)
    with opened(king, tmp_path / "profile") as (running, page):
        assert page.value("motion.value") == "dab"
        shown = page.value("shown.src")
        scale = page.value("figure.getScreenCTM().a")
        start = page.middle(f"{handle('left_hand')}.dot")
        page.drag(start, (start[0] + 20 * scale, start[1] - 10 * scale))
        until(lambda: page.value("shown.src") != shown and page.value("!isShowing"), PATIENCE_S)
        assert joints(king) == before, "nothing is saved before the user saves"
        page.click("save")
        until(lambda: page.value("message.textContent") == "Saved.", PATIENCE_S)
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


def test_keys_move_joints_and_undo(king: Path, tmp_path: Path) -> None:
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
        until(lambda: page.value("message.textContent") == "Saved.", PATIENCE_S)
    assert joints(king)["right_elbow"] == [x, y - 1]


def test_swaps_sides_and_marks_joints_outside_the_figure(king: Path, tmp_path: Path) -> None:
    before = joints(king)
    with opened(king, tmp_path / "profile") as (_, page):
        assert page.value("document.querySelectorAll('.off').length") == 0
        page.click("swap")
        assert page.value("[places.left_hand, places.right_hand]") == [before["right_hand"], before["left_hand"]]
        page.drag(page.middle(f"{handle('neck')}.dot"), page.middle("figure.querySelector('image')"))
        page.drag(page.middle(f"{handle('left_hand')}.dot"), (0.0, 0.0))
        assert page.value("places.left_hand") == [0, 0], "no joint leaves the image"
        assert page.value("document.querySelector('.off').getAttribute('aria-label')") == "left hand, at 0, 0, outside the figure"


def test_root_and_hip_share_a_handle(king: Path, tmp_path: Path) -> None:
    assert joints(king)["root"] == joints(king)["hip"]
    with opened(king, tmp_path / "profile") as (_, page):
        names = page.value("handles.map((handle) => handle.names.join())")
        assert "root,hip" in names
        assert len(names) == len(joints(king)) - 1


def test_preview_equals_rendered_file(king: Path, tmp_path: Path) -> None:
    """Byte for byte the file of `doodled render` with the same options."""
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


def edited(place: Path, **locations: tuple[float, float]) -> None:
    path = place / "char_cfg.yaml"
    fields = yaml.safe_load(path.read_text())
    for joint in fields["skeleton"]:
        joint["loc"] = list(locations.get(joint["name"], joint["loc"]))
    path.write_text(yaml.safe_dump(fields))


def test_drags_the_nearest_of_crowded_joints(king: Path, tmp_path: Path) -> None:
    """The hips cover the root's handle between them; a neck on the torso can be dragged off it."""
    x, y = joints(king)["torso"]
    edited(king, neck=(x, y))
    with opened(king, tmp_path / "profile") as (_, page):
        hips, (root_x, root_y) = page.value("[places.left_hip, places.right_hip]"), page.value("places.root")
        for name in ("root", "neck"):
            start = page.middle(f"{handle(name)}.dot")
            page.drag(start, (start[0], start[1] - 60))
        assert page.value("[places.left_hip, places.right_hip]") == hips
        assert page.value("places.root") == page.value("places.hip")
        assert page.value("places.root[0]") == root_x
        assert page.value("places.root[1]") < root_y - 20
        assert page.value("places.torso") == [x, y]
        assert page.value("places.neck[1]") < y - 20


def test_saves_only_moved_joints(king: Path, tmp_path: Path) -> None:
    """Others may be between pixels, outside the image, or moved by another page."""
    edited(king, left_knee=(254.25, 420.5), right_hand=(-40, 264))
    with opened(king, tmp_path / "profile") as (_, page):
        assert "right_hand lay off the figure at (-40, 264)" in page.value("notes.innerText")
        edited(king, left_foot=(250, 500))
        page.value(f"{handle('neck')}.group.focus()")
        page.press("ArrowUp")
        page.press("ArrowDown")
        page.press("ArrowUp")
        page.press("s", control=True)
        until(lambda: page.value("message.textContent") == "Saved.", PATIENCE_S)
        after = joints(king)
        assert [after[name] for name in ("left_knee", "right_hand", "left_foot")] == [[254.25, 420.5], [-40, 264], [250, 500]]
        saved = after["neck"]
        page.press("z", control=True)
        page.press("s", control=True)
        until(lambda: page.value("message.textContent") == "Saved.", PATIENCE_S)
    assert joints(king)["neck"] == [saved[0], saved[1] + 1], "undoing a saved change can be saved"


def test_ignores_undo_and_keys_during_a_drag(king: Path, tmp_path: Path) -> None:
    edited(king, right_hand=(0, 264))
    with opened(king, tmp_path / "profile") as (_, page):
        page.value(f"{handle('right_hand')}.group.focus()")
        page.press("ArrowLeft")
        assert page.value("undo.disabled && save.disabled"), "a key that moves nothing adds no undo step"
        before = page.value("JSON.stringify(places)")
        x, y = page.middle(f"{handle('left_hand')}.dot")
        mouse = {"x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
        page.ask("Input.dispatchMouseEvent", type="mousePressed", **mouse)
        page.ask("Input.dispatchMouseEvent", type="mouseMoved", **{**mouse, "y": y - 50})
        for key in ("z", "y"):
            page.press(key, control=True)
        page.value("swap.click()")
        page.press("ArrowUp")
        page.ask("Input.dispatchMouseEvent", type="mouseMoved", **{**mouse, "y": y - 90})
        page.ask("Input.dispatchMouseEvent", type="mouseReleased", **{**mouse, "y": y - 90})
        after = page.value("JSON.stringify(places)")
        assert page.value("undoStack.length") == 1
        page.press("z", control=True)
        assert page.value("JSON.stringify(places)") == before
        page.press("y", control=True)
        assert page.value("JSON.stringify(places)") == after


def test_touch_drags_one_joint_and_scrolls_elsewhere(king: Path, tmp_path: Path) -> None:
    with opened(king, tmp_path / "profile") as (_, page):
        page.ask("Emulation.setDeviceMetricsOverride", width=420, height=700, deviceScaleFactor=2, mobile=True)
        page.ask("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
        before = page.value("places")
        until(lambda: page.value("figure.getBoundingClientRect().width < 420"), PATIENCE_S)
        scale = page.value("figure.getScreenCTM().a")
        one, other = page.middle(f"{handle('right_hand')}.dot"), page.middle(f"{handle('left_foot')}.dot")
        page.swipe((one, (one[0] + 10 * scale, one[1] - 100 * scale)), (other, (other[0], other[1] - 50)))
        x, y = before["right_hand"]
        assert page.value("places.right_hand") == pytest.approx([x + 10, y - 100], abs=1.5)
        assert page.value("places.left_foot") == before["left_foot"]
        assert page.value("scrollY") == 0
        page.value("undo.click()")
        assert page.value("places") == before
        corner = page.value("(({left, bottom}) => [left + 20, bottom - 40])(figure.getBoundingClientRect())")
        page.swipe((corner, (corner[0], corner[1] - 200)))
        until(lambda: page.value("scrollY > 0"), PATIENCE_S)


def test_clears_message_after_next_success(king: Path, tmp_path: Path) -> None:
    with opened(king, tmp_path / "profile") as (_, page):
        page.value("motion.append(new Option('nonsense')); motion.value = 'nonsense'; motion.dispatchEvent(new Event('change'))")
        until(lambda: "must be one of dab" in page.value("message.textContent"), PATIENCE_S)
        page.value("motion.value = 'wave'; motion.dispatchEvent(new Event('change'))")
        until(lambda: page.value("!isShowing"), PATIENCE_S)
        assert page.value("message.textContent") == ""
        assert page.value("shown.alt") == "the figure: wave"


def test_shows_still_frame_on_request(king: Path, tmp_path: Path) -> None:
    with opened(king, tmp_path / "profile") as (_, page):
        seen = "document.elementFromPoint(stage.getBoundingClientRect().x + 50, stage.getBoundingClientRect().y + 50).id"
        assert page.value(seen) == "shown"
        page.click("plays")
        assert page.value(seen) == "still"
        assert page.value("still.getContext('2d').getImageData(0, 0, 360, 360).data.some((value) => value > 0)")
        page.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
        url = page.value("location.href")
        page.go("about:blank")
        page.go(url)
        assert page.value(seen) == "still"


def test_shows_texture_without_exif_rotation(king: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    with Image.open(king / "texture.png") as texture:
        texture.load()
    texture.save(king / "texture.png", exif=exif)
    with opened(king, tmp_path / "profile") as (_, page):
        page.value("document.querySelectorAll('#figure > :not(:first-child)').forEach((each) => each.remove())")
        page.picture(tmp_path / "seen.png")
        left, top, width, height = page.value("(({a, e, f}) => [e, f, width * a, height * a])(figure.getScreenCTM())")
    with Image.open(tmp_path / "seen.png") as seen:
        crop = seen.convert("RGB").crop((round(left), round(top), round(left + width), round(top + height))).resize((42, 55))
    wanted = texture.convert("RGB").resize((42, 55))
    assert np.abs(np.asarray(crop, float) - np.asarray(wanted, float)).mean() < 12


def test_closed_terminal_stops_it_like_ctrl_c(king: Path, tmp_path: Path) -> None:
    with opened(king, tmp_path / "profile") as (running, page):
        page.value("motion.dispatchEvent(new Event('change'))")
        running.send_signal(signal.SIGHUP)
        assert running.wait(PATIENCE_S) == 0

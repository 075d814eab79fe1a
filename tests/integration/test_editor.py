"""`doodled edit` in a browser, used with a mouse, with fingers and with keys."""

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
from browser import browser
from editor_figures import write_person
from editor_page import PAGE, PATIENCE_S, EditorPage
from PIL import Image
from spool_oracle import ROOT
from waiting import stop, until

from daemon.web.editor.preview import RATE, SIZE
from pipeline.files.annotation_files import read_box
from pipeline.files.character_files import read_character
from pipeline.files.layer_files import has_edited_layers
from pipeline.types import LayerLabel
from tests.integration.axe import faults

pytestmark = pytest.mark.gl

DESKTOP, PHONE, ENLARGED = (1280, 800), (390, 844), (640, 400)
MOUSE = ROOT / "etc/drawings/mouse_monster.jpg"


@pytest.fixture
def king(tmp_path: Path) -> Path:
    """A copy of a sample character."""
    place = tmp_path / "king"
    shutil.copytree(ROOT / "etc" / "characters" / "stick_king", place)
    return place


@contextmanager
def usual_signals() -> Iterator[None]:
    """Those of a terminal, however the tests were started: in the background of a shell SIGINT is ignored, and below nohup SIGHUP."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


@contextmanager
def opened(target: Path, size: tuple[int, int] = DESKTOP, *options: str) -> Iterator[tuple[subprocess.Popen[str], EditorPage]]:
    """The command, and a browser at the address that it printed, once the figure moves there."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("DISPLAY", None)
    command = [sys.executable, "-m", "daemon", "edit", str(target), *options]
    with usual_signals():
        started = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True, cwd=target.parent)
    with started as running:
        try:
            assert running.stdout is not None
            with browser(target.parent / "profile", size=f"{size[0]},{size[1]}") as chromium:
                width, height = size
                chromium.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
                chromium.go(running.stdout.readline().strip())
                yield running, EditorPage(chromium)
                assert chromium.complaints == []
        finally:
            stop(running)


def higher(place: tuple[float, float]) -> tuple[float, float]:
    return place[0], place[1] - 20


def joints(place: Path) -> dict[str, list[int]]:
    return {joint["name"]: joint["loc"] for joint in yaml.safe_load((place / "char_cfg.yaml").read_text())["skeleton"]}


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_drags_joint_previews_and_saves(king: Path, size: tuple[int, int]) -> None:
    before = joints(king)
    with opened(king, size, "--motion", "dab") as (running, page):
        assert page.browser.value("document.getElementById('motion').value") == "dab"
        shown = page.browser.value("document.getElementById('shown').src")
        x, y = page.joint("left_hand")
        page.drag((x, y), (x + 20, y - 10))
        assert page.browser.value("document.getElementById('shown').src") != shown
        assert joints(king) == before, "nothing is saved before the user saves"
        assert page.accept() == "Saved."
        assert page.browser.value("document.getElementById('accept').disabled")
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) == 0
        assert running.stdout is not None
        assert f"saved: {king}" in running.stdout.read()
    after = joints(king)
    assert after.pop("left_hand") == pytest.approx([x + 20, y - 10], abs=1.5)
    before.pop("left_hand")
    assert after == before


def test_keys_and_pointers_do_nothing_before_the_figure_is_there(king: Path) -> None:
    with opened(king) as (_, page):
        chromium = page.browser
        chromium.ask("Fetch.enable", patterns=[{"urlPattern": "*/figures"}])
        chromium.value("window.isOld = true")
        chromium.ask("Page.reload")
        until(lambda: chromium.value(f"!window.isOld && document.readyState !== 'loading' && Boolean({PAGE}?.stage)"))
        assert chromium.value("[...document.querySelectorAll('#tools input')].every((input) => input.disabled)")
        chromium.value("document.getElementById('stage').focus()")
        for key in ("ArrowLeft", " ", "ArrowLeft", "Enter", "Escape", "+", "0"):
            chromium.press(key)
        x, y = chromium.middle("document.getElementById('stage')")
        chromium.drag((x, y), (x + 50, y + 50))
        chromium.answer_paused(503)
        until(page.message)
        assert not [each for each in chromium.complaints if "exceptionDetails" in each]
        chromium.complaints.clear()  # of the answer's status


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_paints_and_wipes_the_mask_and_undoes_it(king: Path, size: tuple[int, int]) -> None:
    with opened(king, size) as (_, page):
        first = page.mask_size()
        page.choose("brush")
        page.drag((40, 480), (90, 500))
        painted = page.mask_size()
        assert painted > first + 300
        page.choose("eraser")
        page.drag((40, 480), (60, 490))
        assert page.mask_size() < painted
        page.press("z", control=True)
        page.press("z", control=True)
        assert page.mask_size() == first
        page.press("y", control=True)
        assert page.mask_size() == painted
        assert page.accept() == "Saved."
    with Image.open(king / "mask.png") as mask:
        assert int((np.asarray(mask) > 0).sum()) == painted
    assert (king / "mask.png.before").read_bytes() == (ROOT / "etc/characters/stick_king/mask.png").read_bytes()
    assert joints(king) == joints(ROOT / "etc/characters/stick_king")


def test_fills_holes_and_removes_pieces(king: Path) -> None:
    with opened(king) as (_, page):
        first = page.mask_size()
        page.choose("brush")
        page.drag((20, 500), (40, 500))
        page.choose("fill")
        page.drag((30, 500), (30, 500))
        assert page.mask_size() == first, "the piece is gone"
        page.drag((5, 5), (5, 5))
        assert "open to the edge" in page.message()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_cuts_an_arm_from_the_body(king: Path, size: tuple[int, int]) -> None:
    with opened(king, size) as (_, page):
        shoulder, elbow = np.array(page.joint("left_shoulder")), np.array(page.joint("left_elbow"))
        middle, across = shoulder * 0.7 + elbow * 0.3, (elbow - shoulder)[::-1] * [1, -1] * 0.6
        page.choose("cut")
        page.drag(tuple(middle - across), tuple(middle + across))
        assert page.message() == "The left arm moves apart from the body."
        join = "[...document.querySelectorAll('#apart button')].find((button) => button.textContent === 'Join left arm')"
        assert page.accept() == "Saved."
        labels = read_character(king).layer_labels
        assert labels is not None
        assert (labels == LayerLabel.LEFT_ARM).sum() > 1000
        assert has_edited_layers(king / "layers.png")
        page.click(join)
        page.rest()
        assert not page.value(f"state.labels.includes({int(LayerLabel.LEFT_ARM)})")


def test_shown_layers_are_those_of_the_present_joints(tmp_path: Path) -> None:
    write_person(tmp_path / "person")
    moves = {"left_elbow": (6, 0), "left_shoulder": (0, 60)}
    layers: list[list[int]] = []
    with opened(tmp_path / "person") as (_, page):
        for name, (right, down) in moves.items():
            page.choose("joints")
            x, y = page.joint(name)
            page.drag((x, y), (x + right, y + down))
            page.choose("cut")
            until(lambda: page.value("shownLabels !== null"), PATIENCE_S)
            layers.append([page.value(f"shownLabels.filter((label) => label === {label}).length") for label in LayerLabel])
    assert layers[0] != layers[1]


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_finds_the_figure_of_a_photograph_and_in_another_box(tmp_path: Path, size: tuple[int, int]) -> None:
    shutil.copy(MOUSE, tmp_path / "mouse.jpg")
    with opened(tmp_path / "mouse.jpg", size) as (_, page):
        assert not (tmp_path / "mouse").exists()
        left, top, right, bottom = page.value("state.frame.box")
        page.choose("box")
        page.draw_box(left, top, left + 15, top + 9)  # its corner
        assert page.message() == "This is the figure in the box."
        assert page.value("state.frame.box") == pytest.approx([left + 15, top + 9, right, bottom], abs=3)
        page.choose("joints")
        page.drag(page.joint("neck"), higher(page.joint("neck")))
        assert page.accept() == "Saved."
        box = read_box(tmp_path / "mouse/bounding_box.yaml")
        assert [box.left, box.top, box.right, box.bottom] == page.value("state.frame.box")
        assert not page.value("hasChanges")
        page.press("z", control=True)
        page.press("z", control=True)
        assert page.value("state.frame.box") == [left, top, right, bottom], "undo works over everything"
    assert read_character(tmp_path / "mouse").repairs == ()


def test_drawing_without_a_figure_waits_for_its_box(tmp_path: Path) -> None:
    """A stroke that no detector takes for a figure."""
    sheet = np.full((300, 400, 3), 250, np.uint8)
    sheet[140:160, 100:300] = sheet[60:260, 190:210] = 30
    Image.fromarray(sheet).save(tmp_path / "cross.png")
    with opened(tmp_path / "cross.png") as (_, page):
        assert page.message() == "No figure was found: draw a box around it."
        assert page.browser.value("document.getElementById('accept').disabled")
        page.draw_box(80, 40, 320, 280)
        assert page.message() == "This is the figure in the box."
        assert page.mask_size() > 4000
        assert page.accept() == "Saved."
    assert {"char_cfg.yaml", "mask.png", "texture.png", "image.png", "bounding_box.yaml"} <= {
        each.name for each in (tmp_path / "cross").iterdir()
    }


def test_snaps_the_edge_to_the_ink(king: Path) -> None:
    with opened(king) as (_, page):
        page.choose("brush")
        x, y = page.joint("neck")
        page.drag((x + 60, y - 40), (x + 60, y + 40))
        painted = page.mask_size()
        page.choose("edge")
        page.browser.value(
            "Object.assign(document.getElementById('size'), { value: 60 }).dispatchEvent(new Event('input', { bubbles: true }))"
        )
        page.drag((x + 60, y - 40), (x + 60, y + 40))
        assert page.mask_size() != painted


def test_keys_alone_move_joints_and_paint(king: Path) -> None:
    """Tab leads to every tool and joint; a cursor paints."""
    with opened(king) as (_, page):
        x, y = page.joint("right_elbow")
        page.browser.value(
            "[...document.querySelectorAll('.joint')].find((joint) => joint.getAttribute('aria-label').startsWith('right elbow')).focus()"
        )
        page.press("ArrowUp")
        page.press("ArrowRight", shift=True)
        assert page.joint("right_elbow") == (x + 10, y - 1)
        page.press("z", control=True)
        assert page.joint("right_elbow") == (x, y - 1)
        page.browser.value("document.querySelector('#tools input:checked').focus()")
        page.press("ArrowRight")
        assert page.browser.value("document.querySelector('#tools input:checked').value") == "brush"
        first = page.mask_size()
        page.browser.value("document.getElementById('stage').focus()")
        page.press("ArrowLeft", "ArrowLeft", "ArrowUp", shift=True)
        page.press(" ")
        assert page.message().startswith("Pen down")
        page.press("ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft", shift=True)
        page.press("Enter")
        assert page.mask_size() != first
        page.press("s", control=True)
        until(lambda: page.message() == "Saved.", PATIENCE_S)
    assert joints(king)["right_elbow"] == [x, y - 1]


def test_undo_waits_for_the_end_of_a_stroke(king: Path) -> None:
    """A stroke ends on the state that it began on: it would paint the mask of one box into another."""
    with opened(king) as (_, page):
        x, y = page.joint("right_elbow")
        page.drag((x, y), (x + 20, y))
        moved = page.joint("right_elbow")
        page.choose("brush")
        page.browser.value("document.getElementById('stage').focus()")
        page.press("ArrowLeft", "ArrowLeft", shift=True)
        page.press(" ")
        page.press("z", control=True)
        assert page.joint("right_elbow") == moved
        page.press("ArrowLeft", shift=True)
        page.press(" ")
        page.press("z", "z", control=True)
        assert page.joint("right_elbow") == (x, y)


def test_figures_that_were_found_right_are_saved(tmp_path: Path) -> None:
    photo = tmp_path / "two.png"
    one = np.asarray(Image.open(MOUSE).convert("RGB"))
    Image.fromarray(np.concatenate([one, one[:, ::-1]], axis=1)).save(photo)
    with opened(photo) as (_, page):
        assert not (tmp_path / "two").exists()
        assert page.accept() == "Saved."
        assert page.browser.value("document.getElementById('accept').disabled")
    assert [read_character(tmp_path / "two" / name).repairs for name in ("figure_1", "figure_2")] == [(), ()]


def test_figure_that_does_not_load_can_be_chosen_again(tmp_path: Path) -> None:
    photo = tmp_path / "two.png"
    one = np.asarray(Image.open(MOUSE).convert("RGB"))
    Image.fromarray(np.concatenate([one, one[:, ::-1]], axis=1)).save(photo)
    with opened(photo) as (_, page):
        chromium, chosen = page.browser, "document.getElementById('figure')"
        choose = f"Object.assign({chosen}, {{ value: '1' }}).dispatchEvent(new Event('change', {{ bubbles: true }}))"
        chromium.ask("Fetch.enable", patterns=[{"urlPattern": "*/1"}])
        chromium.value(choose)
        chromium.answer_paused(503)
        until(page.message)
        assert (page.value("number"), chromium.value(f"{chosen}.value")) == (0, "0")
        chromium.ask("Fetch.disable")
        chromium.value(choose)
        until(lambda: page.value("number") == 1, PATIENCE_S)
        page.rest()
        assert page.message() == ""
        chromium.complaints.clear()  # of the answer's status


def test_figure_that_does_not_load_takes_back_no_later_choice(tmp_path: Path) -> None:
    photo = tmp_path / "three.png"
    one = np.asarray(Image.open(MOUSE).convert("RGB"))
    Image.fromarray(np.concatenate([one, one[:, ::-1], one], axis=1)).save(photo)
    with opened(photo) as (_, page):
        chromium, chosen = page.browser, "document.getElementById('figure')"
        chromium.ask("Fetch.enable", patterns=[{"urlPattern": "*/1"}, {"urlPattern": "*/2"}])
        for number in (1, 2):
            chromium.value(f"Object.assign({chosen}, {{ value: '{number}' }}).dispatchEvent(new Event('change', {{ bubbles: true }}))")
        chromium.answer_paused(503)
        chromium.ask("Fetch.disable")
        until(lambda: page.value("number") == 2, PATIENCE_S)
        page.rest()
        assert (chromium.value(f"{chosen}.value"), page.message()) == ("2", "")
        chromium.complaints.clear()  # of the answer's status


def test_fingers_drag_joints_and_pinch(king: Path) -> None:
    with opened(king, PHONE) as (_, page):
        page.browser.ask("Emulation.setTouchEmulationEnabled", enabled=True)
        x, y = page.joint("left_hand")
        page.browser.swipe((page.on_screen((x, y)), page.on_screen((x - 30, y + 30))))
        page.rest()
        assert page.joint("left_hand") == pytest.approx((x - 30, y + 30), abs=4)
        scale, hand = page.value("stage.view.scale"), page.joint("left_hand")
        left, right = page.on_screen((150, 300)), page.on_screen((250, 300))
        page.browser.swipe((left, (left[0] - 40, left[1])), (right, (right[0] + 40, right[1])))
        page.rest()
        assert page.value("stage.view.scale") > 1.3 * scale
        assert page.joint("left_hand") == hand, "two fingers move no joint"


def test_swaps_sides_and_marks_joints_outside_the_figure(king: Path) -> None:
    before = joints(king)
    with opened(king) as (_, page):
        assert page.browser.value("document.querySelectorAll('.off').length") == 0
        page.click("document.getElementById('swap')")
        page.rest()
        assert [list(page.joint(f"{side}_hand")) for side in ("left", "right")] == [before["right_hand"], before["left_hand"]]
        page.drag(page.joint("left_hand"), (-40, -40))
        assert page.joint("left_hand") == (0, 0), "no joint leaves the image"
        assert page.browser.value("document.querySelector('.off').getAttribute('aria-label')") == "left hand, at 0, 0, outside the figure"


def test_saves_only_moved_joints(king: Path) -> None:
    """Others may be between pixels, outside the image, or moved by another page."""
    text = (king / "char_cfg.yaml").read_text()
    fields = yaml.safe_load(text)
    for joint in fields["skeleton"]:
        joint["loc"] = {"left_knee": [254.25, 420.5], "right_hand": [-40, 264]}.get(joint["name"], joint["loc"])
    (king / "char_cfg.yaml").write_text(yaml.safe_dump(fields))
    with opened(king) as (_, page):
        assert "right_hand was outside the figure at (-40, 264)" in page.browser.value("document.getElementById('notes').innerText")
        page.drag(page.joint("neck"), higher(page.joint("neck")))
        assert page.accept() == "Saved."
    after = joints(king)
    assert (after["left_knee"], after["right_hand"]) == ([254.25, 420.5], [-40, 264])


def test_preview_equals_rendered_file(king: Path, tmp_path: Path) -> None:
    """Byte for byte the file of `doodled render` with the same options."""
    output = tmp_path / "king.gif"
    options = ["--motion", "dab", "--size", str(SIZE), "--fps", str(RATE), "-o", str(output)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "daemon", "render", str(king), *options], env=environ, check=True, capture_output=True)
    with opened(king, DESKTOP, "--motion", "dab") as (_, page):
        sent = "{ method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ edit: {}, motion: 'dab' }) }"
        gif = page.browser.value(
            f"fetch(location.pathname + '/0/preview', {sent}).then((answer) => answer.json()).then(({{ gif }}) => gif)"
        )
        assert base64.b64decode(gif) == output.read_bytes()


def test_still_for_those_who_prefer_it(king: Path) -> None:
    with opened(king) as (_, page):
        page.browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
        page.browser.value("window.isFormer = true")
        page.browser.ask("Page.reload")
        until(lambda: page.browser.value("!window.isFormer && document.readyState === 'complete'"), PATIENCE_S)
        page.rest()
        assert page.browser.value("[document.getElementById('plays').checked, document.getElementById('still').hidden]") == [False, False]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE, ENLARGED])
def test_axe_finds_no_serious_fault(king: Path, size: tuple[int, int], scheme: str) -> None:
    with opened(king, size) as (_, page):
        page.browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for tool in ("joints", "brush", "cut"):
            page.choose(tool)
            assert faults(page.browser) == []
            assert page.browser.value("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off"

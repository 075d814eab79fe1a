"""Joints corrected by hand: what is served, what is refused, and what becomes of the folder."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import os
import re
import shutil
import signal
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import yaml
from PIL import Image

from daemon.commands.joints import correct_joints
from daemon.commands.render import render
from daemon.log.stopwatch import WallStopwatch
from daemon.options.scene_builder import RenderRequest
from daemon.options.values import FrameRate, Size
from daemon.web.folder import BEFORE_NAME, CharacterFolder, Render
from daemon.web.page import page, policy
from daemon.web.server import MOST_BYTES, JointsServer
from pipeline.errors import CharacterError, ConfigError, OptionError, OutputFailed, RenderFailed, UnknownName
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.files.character_configs import moved_joints, read_character_config

CHARACTERS = asset_folder(AssetKind.CHARACTERS)
SECRET = "0123456789abcdef"
JOINTS = {"root": (100, 150), "hip": (100, 150), "torso": (100, 60), "left_hand": (170, 60), "right_hand": (30, 60)}
PARENTS = {"root": None, "hip": "root", "torso": "hip", "left_hand": "torso", "right_hand": "torso"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A cross of 200 x 200 px, with joints, and with a key of somebody's own."""
    folder = tmp_path / "cross"
    folder.mkdir()
    mask = np.zeros((200, 200), np.uint8)
    mask[10:190, 80:120] = mask[40:80, 10:190] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save(folder / "texture.png")
    skeleton = [{"loc": list(at), "name": name, "parent": PARENTS[name], "note": "ours"} for name, at in JOINTS.items()]
    text = yaml.safe_dump({"width": 200, "height": 200, "drawn_by": "Ää", "skeleton": skeleton}, allow_unicode=True, sort_keys=False)
    (folder / "char_cfg.yaml").write_text(text, encoding="utf-8")
    return folder


def render_quietly(request: RenderRequest) -> tuple[str, ...]:
    return render(request, {}, WallStopwatch()).notes


def opened(place: Path, renders: Render = render_quietly) -> CharacterFolder:
    return CharacterFolder(place, RenderRequest(place, size=Size(96, 96), rate=FrameRate.parse("5")), {}, renders)


@contextmanager
def serving(place: Path) -> Iterator[SimpleNamespace]:
    """A server, how often it told that it saved, and a way to ask it."""
    told: list[str] = []
    server = JointsServer(opened(place), port=0, secret=SECRET, motions=("wave", "dab"), on_save=lambda: told.append("saved"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def ask(method: str, path: str, body: bytes | str | None = None, **headers: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read()
        finally:
            connection.close()

    def sent(what: str, **content: object) -> tuple[int, Any]:
        status, _, said = ask("POST", f"/{SECRET}/{what}", json.dumps(content))
        return status, json.loads(said)

    try:
        yield SimpleNamespace(server=server, told=told, ask=ask, sent=sent)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_saving_moves_joints_and_leaves_everything_else_as_it_was(place: Path) -> None:
    (place / "char_cfg.yaml").chmod(0o640)
    before = (place / "char_cfg.yaml").read_text(encoding="utf-8")
    folder = opened(place)
    assert folder.save({"left_hand": (160, 50)}) == ()
    assert (place / "char_cfg.yaml").read_text(encoding="utf-8") == before.replace("- 170\n  - 60", "- 160\n  - 50")
    assert (place / "char_cfg.yaml").stat().st_mode & 0o777 == 0o640
    assert folder.save({"left_hand": (165, 55)}) == ()
    assert (place / BEFORE_NAME).read_text(encoding="utf-8") == before, "the joints as they were at first are kept"
    assert sorted(path.name for path in place.iterdir()) == ["char_cfg.yaml", BEFORE_NAME, "mask.png", "texture.png"]


def test_an_overlay_that_is_there_shows_the_joints_as_they_are_now(place: Path) -> None:
    Image.new("RGB", (3, 3)).save(place / "joint_overlay.png")
    opened(place).save({"left_hand": (160, 50)})
    with Image.open(place / "joint_overlay.png") as overlay:
        assert overlay.size == (800, 800)


def test_links_are_followed_to_the_joints_and_nowhere_else(place: Path) -> None:
    """A folder from somebody else may hold links to anywhere."""
    (place / "char_cfg.yaml").rename(place.parent / "joints.yaml")
    (place / "char_cfg.yaml").symlink_to("../joints.yaml")
    precious = place.parent / "precious"
    precious.write_text("precious")
    (place / "joint_overlay.png").symlink_to(precious)
    (place / BEFORE_NAME).symlink_to(place.parent / "nothing_yet")
    opened(place).save({"left_hand": (160, 50)})
    assert (place / "char_cfg.yaml").is_symlink()
    assert read_character_config(place.parent / "joints.yaml").locations.tolist()[3] == [160, 50]
    assert precious.read_text() == "precious"
    assert sorted(path.name for path in place.parent.iterdir()) == ["cross", "joints.yaml", "precious"]
    with Image.open(place / "joint_overlay.png") as overlay:
        assert overlay.size == (800, 800)


def test_joints_are_saved_also_where_their_overlay_can_not_be(place: Path) -> None:
    (place / "joint_overlay.png").mkdir()
    (note,) = opened(place).save({"left_hand": (160, 50)})
    assert note.startswith("the joints are saved, but joint_overlay.png is as it was: ")
    assert opened(place).config().locations.tolist()[3] == [160, 50]


def test_what_will_be_mended_is_said(place: Path) -> None:
    (note,) = opened(place).save({"left_hand": (170, 120)})
    assert note.startswith("left_hand lay off the figure at (170, 120) px")


@pytest.mark.parametrize(
    ("moved", "problem"),
    [
        ({"left_hand": (200, 60)}, r"left_hand: expected a pixel of the picture, which is 200 x 200 px, found \(200, 60\)"),
        ({"left_hand": (-1, 60)}, "left_hand: expected a pixel"),
        ({"left_hands": (1, 1)}, "left_hands: is no joint of this figure; did you mean left_hand"),
    ],
)
def test_joints_that_make_no_sense_change_nothing(place: Path, moved: dict[str, tuple[int, int]], problem: str) -> None:
    before = (place / "char_cfg.yaml").read_bytes()
    with pytest.raises(ConfigError, match=problem):
        opened(place).save({"right_hand": (40, 60), **moved})
    assert (place / "char_cfg.yaml").read_bytes() == before
    assert not (place / BEFORE_NAME).exists()


def test_a_disk_that_refuses_is_told_and_leaves_the_file_whole(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (place / "char_cfg.yaml").read_bytes()
    folder = opened(place)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("daemon.web.folder.os.fsync", full)
    with pytest.raises(OutputFailed, match="No space left"):
        folder.save({"left_hand": (160, 50)})
    assert (place / "char_cfg.yaml").read_bytes() == before
    assert sorted(path.name for path in place.iterdir()) == ["char_cfg.yaml", "mask.png", "texture.png"], "no half of a copy, either"


def test_a_folder_that_could_not_be_animated_is_refused_at_once(place: Path) -> None:
    (place / "mask.png").unlink()
    with pytest.raises(CharacterError):
        opened(place)


def test_a_folder_may_be_named_by_its_file_but_a_picture_is_no_folder(place: Path) -> None:
    assert opened(place / "char_cfg.yaml").place == place
    with pytest.raises(OptionError, match="annotate PICTURE"):
        opened(place / "texture.png")
    with pytest.raises(ConfigError, match=r"nowhere/char_cfg\.yaml: the file can't be read"):
        opened(place / "nowhere")


def test_the_end_waits_for_what_is_being_drawn_and_nothing_is_drawn_after_it(place: Path) -> None:
    """A process that ends while another thread is inside of OpenGL crashes."""
    begun, goes_on, order = threading.Event(), threading.Event(), []

    def slow(_: RenderRequest) -> tuple[str, ...]:
        begun.set()
        assert goes_on.wait(30)
        order.append("drawn")
        raise OptionError("that is enough")

    def show() -> None:
        with suppress(OptionError):
            folder.shown({}, "wave")

    folder = opened(place, slow)
    thread = threading.Thread(target=show)
    thread.start()
    assert begun.wait(30)
    finisher = threading.Thread(target=lambda: (folder.finish(), order.append("over")))
    finisher.start()
    goes_on.set()
    for each in (thread, finisher):
        each.join(30)
    assert order == ["drawn", "over"]
    with pytest.raises(RenderFailed, match="about to end"):
        folder.shown({}, "wave")


HAND_MADE = (
    "\ufeff# by hand\r\nwidth: 200 # px\r\nheight: 200\r\nskeleton:\r\n  - {loc: [100, 150], name: root, parent: ~}\r\n"
    "  - loc: !!python/tuple [ 1.0e+2 ,60.5]  # the neck\r\n    name: 'neck'\r\n    parent: root\r\n"
    '  - {"name": "hand", loc: [&x 0x1e, !!int "60"], parent: neck}\r\n\r\n# the end'
)


def test_moving_joints_changes_their_numbers_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "char_cfg.yaml"
    path.write_bytes(HAND_MADE.encode())
    made = moved_joints(path, {"neck": (111, 7), "hand": (3, 4)})
    assert made == HAND_MADE.replace("1.0e+2 ,60.5", "111 ,7").replace('&x 0x1e, !!int "60"', "3, 4")
    assert moved_joints(path, {}) == HAND_MADE
    path.write_bytes(made.encode())
    assert read_character_config(path).locations.tolist() == [[100, 150], [111, 7], [3, 4]]


@pytest.mark.parametrize("hip", ["{loc: *here, name: hip, parent: root}", "{<<: {loc: [100, 150]}, name: hip, parent: root}"])
def test_joints_that_share_a_place_in_the_file_part(tmp_path: Path, hip: str) -> None:
    path = tmp_path / "char_cfg.yaml"
    path.write_text(f"width: 200\nheight: 200\nskeleton:\n- {{loc: &here [100, 150], name: root, parent: null}}\n- {hip}\nours: 1\n")
    path.write_text(moved_joints(path, {"hip": (3, 4)}))
    assert read_character_config(path).locations.tolist() == [[100, 150], [3, 4]]
    assert yaml.safe_load(path.read_text())["ours"] == 1


def test_moved_joints_are_those_that_are_read(place: Path) -> None:
    moved = {name: (x + 1, y + 2) for name, (x, y) in JOINTS.items()}
    (place / "char_cfg.yaml").write_text(moved_joints(place / "char_cfg.yaml", moved), encoding="utf-8")
    config = read_character_config(place / "char_cfg.yaml")
    assert dict(zip(config.joint_names, map(tuple, config.locations.tolist()), strict=True)) == moved


# --- over HTTP -------------------------------------------------------------------------------------------------------


def test_the_page_and_its_pictures_are_served(place: Path) -> None:
    with serving(place) as it:
        assert it.server.url == f"http://127.0.0.1:{it.server.server_port}/{SECRET}/"
        status, kind, said = it.ask("GET", f"/{SECRET}/")
        assert (status, kind) == (200, "text/html; charset=utf-8")
        assert b"<title>cross - joints</title>" in said
        assert it.ask("GET", f"/{SECRET}/texture.png") == (200, "image/png", (place / "texture.png").read_bytes())


@pytest.mark.parametrize("kind", ["grey", "of 0 and 1", "palette", "transparent", "another's JPEG"])
def test_the_shade_is_clear_where_render_sees_the_figure(place: Path, kind: str) -> None:
    """Whatever kind of picture a mask is, and whatever browsers make of that."""
    with Image.open(place / "mask.png") as mask:
        inside = np.asarray(mask) > 0
    made = {
        "grey": Image.fromarray(inside.astype(np.uint8) * 255),
        "of 0 and 1": Image.fromarray(inside.astype(np.uint8)),
        "palette": Image.fromarray(inside.astype(np.uint8) * 255).convert("P"),
        "transparent": Image.fromarray(np.dstack([np.full((200, 200, 3), 255, np.uint8), inside.astype(np.uint8) * 255])),
        "another's JPEG": Image.fromarray(inside.astype(np.uint8) * 255),
    }[kind]
    made.save(place / "mask.png", "JPEG" if "JPEG" in kind else "PNG")
    with serving(place) as it:
        status, content_type, said = it.ask("GET", f"/{SECRET}/shade.png")
    assert (status, content_type) == (200, "image/png")
    with Image.open(io.BytesIO(said)) as shade:
        clear = np.asarray(shade.convert("RGBA"))[:, :, 3] == 0
    assert np.array_equal(clear, inside)


def test_an_address_that_others_may_see_leads_to_the_page_once(place: Path) -> None:
    """A browser's arguments are in the list of processes."""
    with serving(place) as it:
        address = urlsplit(it.server.url_for_once())
        assert SECRET not in address.path
        assert it.ask("GET", address.path, Host="evil.example")[0] == 404
        connection = http.client.HTTPConnection("127.0.0.1", it.server.server_port, timeout=60)
        connection.request("GET", address.path)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (303, f"/{SECRET}/")
        connection.close()
        assert it.ask("GET", address.path)[0] == 404
        assert it.ask("GET", "/")[0] == 404


def test_nobody_is_asked_what_this_machine_is_called(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no name service answers, that takes half a minute, in which no address is printed."""
    monkeypatch.setattr("socket.getfqdn", lambda *_: pytest.fail("asked the name service"))
    with serving(place) as it:
        assert it.ask("GET", f"/{SECRET}/")[0] == 200


@pytest.mark.parametrize(
    "path", ["/", "/wrong/", f"/{SECRET}", f"/{SECRET}/char_cfg.yaml", f"/{SECRET}/../cross/mask.png", "//", "//[", f"/{SECRET}/mask.png"]
)
def test_nothing_else_is_served(place: Path, path: str) -> None:
    with serving(place) as it:
        assert it.ask("GET", path)[0] == 404
        assert it.ask("POST", path, b"{}")[0] == 404


def test_a_page_of_somebody_else_can_not_ask_by_a_name_of_its_own(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DNS rebinding: the browser believes that this machine is evil.example."""
    with serving(place) as it:
        assert it.ask("GET", f"/{SECRET}/", Host="evil.example")[0] == 404
        assert it.ask("POST", f"/{SECRET}/save", json.dumps({"joints": {}}), Host="evil.example:80")[0] == 404
        assert it.ask("GET", f"/{SECRET}/", Host="localhost:9000")[0] == 200, "through a tunnel, say"
        for nonsense in ("[", "[::1", "", "127.0.0.1@evil.example"):
            assert it.ask("GET", f"/{SECRET}/", Host=nonsense)[0] == 404
        assert it.told == []
        assert capsys.readouterr().err == "", "no traceback"


def test_joints_are_saved_and_that_is_told(place: Path) -> None:
    with serving(place) as it:
        assert it.sent("save", joints={"left_hand": [160, 50]}) == (200, {"notes": []})
        assert it.told == ["saved"]
    assert opened(place).config().locations.tolist()[3] == [160, 50]


@pytest.mark.parametrize(
    "joints", [None, [], {"left_hand": 3}, {"left_hand": [1]}, {"left_hand": [1.5, 2]}, {"left_hand": ["1", "2"]}, {"left_hand": [True, 2]}]
)
def test_what_is_no_place_is_refused_in_a_sentence(place: Path, joints: object) -> None:
    with serving(place) as it:
        status, said = it.sent("save", joints=joints)
        assert (status, said) == (422, {"error": "joints: expected names, each with the x and y of a pixel"})
        assert it.told == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"3"])
def test_what_is_no_json_object_is_refused_in_a_sentence(place: Path, body: bytes) -> None:
    with serving(place) as it:
        status, kind, said = it.ask("POST", f"/{SECRET}/save", body)
        assert (status, kind) == (422, "application/json; charset=utf-8")
        assert json.loads(said)["error"].startswith("expected")


@pytest.mark.parametrize("length", ["-1", "1e3", str(MOST_BYTES + 1), "9" * 5000, "٣"])
def test_too_much_is_not_even_read(place: Path, length: str) -> None:
    with serving(place) as it:
        status, _, said = it.ask("POST", f"/{SECRET}/save", None, **{"Content-Length": length.encode().decode("latin-1")})
        assert status == 422
        assert "expected at most" in json.loads(said)["error"]


def test_they_are_saved_whether_or_not_anybody_hears_of_it(place: Path) -> None:
    """The command's output goes to a pipe that nobody reads any more."""

    def unheard() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with serving(place) as it:
        it.server.on_save = unheard
        assert it.sent("save", joints={"left_hand": [160, 50]}) == (200, {"notes": []})


def test_a_full_disk_is_no_fault_of_the_joints(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> tuple[str, ...]:
        raise OutputFailed("the joints can't be saved", path=place, hint="make room")

    monkeypatch.setattr(CharacterFolder, "save", full)
    with serving(place) as it:
        assert it.sent("save", joints={}) == (503, {"error": "the joints can't be saved (make room)"})


@pytest.mark.parametrize("name", [b"caf\xe9", b"\x1b]0;hi\x07", b"<b>&'\"", b"n" * 250])
def test_a_folder_may_have_any_name(place: Path, name: bytes) -> None:
    named = place.parent / os.fsdecode(name)
    place.rename(named)
    with serving(named) as it:
        status, _, said = it.ask("GET", f"/{SECRET}/")
    assert status == 200
    assert b"\x1b" not in said


@pytest.mark.gl
def test_a_folder_that_is_called_as_a_scene_file_is_no_scene(tmp_path: Path) -> None:
    shutil.copytree(CHARACTERS / "stick_king", tmp_path / "king.yaml")
    with serving(tmp_path / "king.yaml") as it:
        status, said = it.sent("show", motion="dab", joints={})
        assert status == 200, said


@pytest.mark.gl
def test_the_figure_is_shown_with_its_joints_elsewhere_and_nothing_is_saved(tmp_path: Path) -> None:
    place = tmp_path / "king"
    shutil.copytree(CHARACTERS / "stick_king", place)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    with serving(place) as it:
        status, said = it.sent("show", motion="dab", joints={"left_hand": [0, 0]})
        assert status == 200, said
        assert said["notes"][0].startswith("left_hand lay off the figure")
        (tmp_path / "shown.gif").write_bytes(base64.b64decode(said["gif"]))
        with Image.open(tmp_path / "shown.gif") as shown:
            assert (shown.format, shown.size, shown.n_frames > 5) == ("GIF", (96, 96), True)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


def test_a_figure_that_no_motion_fits_is_refused_in_a_sentence(place: Path) -> None:
    with serving(place) as it:
        status, said = it.sent("show", motion="dab", joints={})
        assert status == 422
        assert "/tmp" not in said["error"]
        assert "the character has no joint 'left_hip'" in said["error"]


def test_a_motion_that_nobody_offered_is_refused(place: Path) -> None:
    with serving(place) as it:
        status, said = it.sent("show", motion="/etc/passwd.bvh", joints={})
        assert (status, said) == (422, {"error": "motion: expected one of wave, dab, found '/etc/passwd.bvh'"})


def test_a_motion_or_a_retarget_configuration_that_is_not_there_is_said_at_once(place: Path) -> None:
    with pytest.raises(UnknownName, match="there is no motion 'wawe'"):
        correct_joints(RenderRequest(place, motion="wawe"), {}, print, port=0)
    with pytest.raises(UnknownName, match="there is no retarget configuration 'fare'"):
        correct_joints(RenderRequest(place, retarget="fare"), {}, print, port=0)


def test_a_browser_is_told_an_address_for_once_and_may_take_its_time(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some browsers are back only when they are closed; the page is served meanwhile."""
    told: list[str] = []
    ended = threading.Event()

    def opened_for_long(address: str) -> None:
        with urllib.request.urlopen(address) as answer:
            told.append(answer.url)
        signal.raise_signal(signal.SIGTERM)
        ended.wait(30)

    monkeypatch.setattr("webbrowser.open", opened_for_long)
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    try:
        correct_joints(RenderRequest(place), {"DISPLAY": ":0"}, told.append, port=0)
    finally:
        ended.set()
    assert told[0] == told[-1], "it is led to the printed address"
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == handlers


def test_who_interrupts_twice_does_not_wait(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    left: list[int] = []
    monkeypatch.setattr(JointsServer, "serve_forever", interrupted)
    monkeypatch.setattr(CharacterFolder, "finish", interrupted)
    monkeypatch.setattr("os._exit", left.append)
    correct_joints(RenderRequest(place), {}, lambda _: None, port=0)
    assert left == [130]


def test_a_port_that_is_taken_is_said_in_a_sentence(place: Path) -> None:
    with serving(place) as it, pytest.raises(OptionError, match=r"--port \d+: Address already in use"):
        correct_joints(RenderRequest(place), {}, print, port=it.server.server_port)


# --- the page --------------------------------------------------------------------------------------------------------


def test_names_of_strangers_are_harmless(place: Path) -> None:
    hostile = "</script><script>alert(1)</script>"
    text = (place / "char_cfg.yaml").read_text(encoding="utf-8").replace("left_hand", f"'{hostile}'")
    (place / "char_cfg.yaml").write_text(text, encoding="utf-8")
    made = page(hostile, read_character_config(place / "char_cfg.yaml"), [hostile])
    assert made.count("<script") == made.count("</script>") == 2
    (data,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', made)
    assert hostile in [joint["name"] for joint in json.loads(data)["joints"]]


def test_a_motion_is_asked_for_as_it_was_given(place: Path) -> None:
    """The text of an option loses its outer and double spaces."""
    assert '<option value="my  own.bvh">' in page("cross", opened(place).config(), ["my  own.bvh"])


def test_the_browser_may_run_its_script_and_no_other(place: Path) -> None:
    made = page("cross", opened(place).config(), ["wave"])
    (script,) = re.findall(r"<script>(.*?)</script>", made, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy()
    assert policy().startswith("default-src 'none';")

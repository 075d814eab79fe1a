"""Joint editor: what it serves, what it refuses, and what it saves."""

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
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import yaml
from drawn_person import person
from PIL import Image

from daemon.commands.joints import correct_joints
from daemon.commands.render import render
from daemon.log.stopwatch import WallStopwatch
from daemon.options.scene_builder import RenderRequest
from daemon.options.values import FrameRate, Size
from daemon.web.folder import BEFORE_NAME, CharacterFolder, Render
from daemon.web.page import content_security_policy, page
from daemon.web.server import MAX_BYTES, JointsServer
from pipeline.errors import CharacterError, ConfigError, OptionError, OutputFailed, RenderFailed, UnknownName
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.files.character_configs import edited_config, read_character_config
from pipeline.files.character_files import read_character, write_character
from pipeline.pose.limb_labels import derived_labels
from pipeline.types import Character, LayerLabel

CHARACTERS = asset_folder(AssetKind.CHARACTERS)
SECRET = "0123456789abcdef"
JOINTS = {"root": (100, 150), "hip": (100, 150), "torso": (100, 60), "left_hand": (170, 60), "right_hand": (30, 60)}
PARENTS = {"root": None, "hip": "root", "torso": "hip", "left_hand": "torso", "right_hand": "torso"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A cross of 200 x 200 px with joints and a key of the user's own."""
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
    """A server, its reports of saved joints, and functions to send requests."""
    reports: list[str] = []
    server = JointsServer(opened(place), port=0, secret=SECRET, motions=("wave", "dab"), on_save=lambda: reports.append("saved"))
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

    def sent(what: str, **fields: object) -> tuple[int, Any]:
        status, _, content = ask("POST", f"/{SECRET}/{what}", json.dumps(fields))
        return status, json.loads(content)

    try:
        yield SimpleNamespace(server=server, reports=reports, ask=ask, sent=sent)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_save_moves_joints_and_changes_nothing_else(place: Path) -> None:
    (place / "char_cfg.yaml").chmod(0o640)
    before = (place / "char_cfg.yaml").read_text(encoding="utf-8")
    folder = opened(place)
    assert folder.save({"left_hand": (160, 50)}) == ()
    assert (place / "char_cfg.yaml").read_text(encoding="utf-8") == before.replace("- 170\n  - 60", "- 160\n  - 50")
    assert (place / "char_cfg.yaml").stat().st_mode & 0o777 == 0o640
    assert folder.save({"left_hand": (165, 55)}) == ()
    assert (place / BEFORE_NAME).read_text(encoding="utf-8") == before, "the original joints are kept"
    assert sorted(path.name for path in place.iterdir()) == ["char_cfg.yaml", BEFORE_NAME, "mask.png", "texture.png"]


def test_save_updates_existing_overlay(place: Path) -> None:
    Image.new("RGB", (3, 3)).save(place / "joint_overlay.png")
    opened(place).save({"left_hand": (160, 50)})
    with Image.open(place / "joint_overlay.png") as overlay:
        assert overlay.size == (800, 800)


def write_person(folder: Path) -> Character:
    """A figure whose arms touch the body, with its layers."""
    character = replace(person(), layer_labels=derived_labels(person()))
    write_character(character, folder)
    return character


def test_save_derives_layers_again(tmp_path: Path) -> None:
    before = write_person(tmp_path / "person").layer_labels
    opened(tmp_path / "person").save({"left_hand": (155, 170)})
    saved = read_character(tmp_path / "person")
    assert saved.layer_labels is not None, "the file belongs to the new joints"
    assert (saved.layer_labels == derived_labels(replace(saved, layer_labels=None))).all()
    assert (saved.layer_labels != before).any()


def test_save_derives_layers_of_turned_figure_again(tmp_path: Path) -> None:
    character = replace(person(), layer_labels=derived_labels(person()))
    write_character(character, tmp_path / "person", turn=90)
    x, y = read_character_config(tmp_path / "person/char_cfg.yaml").locations[character.rig.joint_names.index("left_hand")].astype(int)
    opened(tmp_path / "person").save({"left_hand": (int(x) + 20, int(y))})
    saved = read_character(tmp_path / "person")
    assert saved.layer_labels is not None
    assert (saved.layer_labels == derived_labels(replace(saved, layer_labels=None))).all()


def test_save_removes_layers_of_figure_that_needs_none_now(tmp_path: Path) -> None:
    """Arms without a length."""
    write_person(tmp_path / "person")
    shoulders = {"right": (84, 92), "left": (156, 92)}
    opened(tmp_path / "person").save({f"{side}_{joint}": at for side, at in shoulders.items() for joint in ("elbow", "hand")})
    assert not (tmp_path / "person/layers.png").exists()


def test_save_keeps_edited_layers(tmp_path: Path) -> None:
    write_person(tmp_path / "person")
    layers = tmp_path / "person/layers.png"
    with Image.open(layers) as image:
        image.load()
    image.paste(int(LayerLabel.BODY), (0, 0, 120, 240))
    image.save(layers)
    edited = layers.read_bytes()
    opened(tmp_path / "person").save({"left_hand": (155, 170)})
    assert layers.read_bytes() == edited
    assert set(np.unique(read_character(tmp_path / "person").layer_labels)) == {LayerLabel.NONE, LayerLabel.BODY, LayerLabel.LEFT_ARM}


def test_save_keeps_folder_without_layers(place: Path) -> None:
    opened(place).save({"left_hand": (160, 50)})
    assert not (place / "layers.png").exists()


@pytest.mark.parametrize("is_edited", [False, True])
def test_preview_uses_edited_layers_and_no_outdated_ones(tmp_path: Path, is_edited: bool) -> None:
    write_person(tmp_path / "person")
    if is_edited:
        with Image.open(tmp_path / "person/layers.png") as image:
            image.convert("RGB").save(tmp_path / "person/layers.png")
    labels = []

    def note_labels(request: RenderRequest) -> tuple[str, ...]:
        labels.append(read_character(request.target).layer_labels)
        assert request.output is not None
        request.output.touch()
        return ()

    opened(tmp_path / "person", note_labels).render_preview({"left_hand": (155, 170)}, "wave")
    assert [found is not None for found in labels] == [is_edited]


def test_save_follows_links_only_to_the_joints(place: Path) -> None:
    """An untrusted folder may contain links to anywhere."""
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


def test_saves_joints_without_overlay_if_that_fails(place: Path) -> None:
    (place / "joint_overlay.png").mkdir()
    (note,) = opened(place).save({"left_hand": (160, 50)})
    assert note.startswith("the joints are saved, but joint_overlay.png could not be updated: ")
    assert opened(place).config().locations.tolist()[3] == [160, 50]


def test_save_returns_repairs(place: Path) -> None:
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
def test_refuses_invalid_joints_without_change(place: Path, moved: dict[str, tuple[int, int]], problem: str) -> None:
    before = (place / "char_cfg.yaml").read_bytes()
    with pytest.raises(ConfigError, match=problem):
        opened(place).save({"right_hand": (40, 60), **moved})
    assert (place / "char_cfg.yaml").read_bytes() == before
    assert not (place / BEFORE_NAME).exists()


def test_reports_refusing_disk_and_leaves_the_file_whole(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (place / "char_cfg.yaml").read_bytes()
    folder = opened(place)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("daemon.web.folder.os.fsync", full)
    with pytest.raises(OutputFailed, match="No space left"):
        folder.save({"left_hand": (160, 50)})
    assert (place / "char_cfg.yaml").read_bytes() == before
    assert sorted(path.name for path in place.iterdir()) == ["char_cfg.yaml", "mask.png", "texture.png"], "no partial copy"


def test_refuses_folder_that_can_not_be_animated(place: Path) -> None:
    (place / "mask.png").unlink()
    with pytest.raises(CharacterError):
        opened(place)


def test_accepts_folder_or_its_configuration_but_no_image(place: Path) -> None:
    assert opened(place / "char_cfg.yaml").place == place
    with pytest.raises(OptionError, match="annotate IMAGE"):
        opened(place / "texture.png")
    with pytest.raises(ConfigError, match=r"nowhere/char_cfg\.yaml: the file can't be read"):
        opened(place / "nowhere")


def test_finish_waits_for_preview_and_refuses_further_ones(place: Path) -> None:
    """A process that exits while another thread is in OpenGL crashes."""
    begun, goes_on, order = threading.Event(), threading.Event(), []

    def slow(_: RenderRequest) -> tuple[str, ...]:
        begun.set()
        assert goes_on.wait(30)
        order.append("drawn")
        raise OptionError("that is enough")

    def show() -> None:
        with suppress(OptionError):
            folder.render_preview({}, "wave")

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
    with pytest.raises(RenderFailed, match="is stopping"):
        folder.render_preview({}, "wave")


HAND_MADE = (
    "\ufeff# by hand\r\nwidth: 200 # px\r\nheight: 200\r\nskeleton:\r\n  - {loc: [100, 150], name: root, parent: ~}\r\n"
    "  - loc: !!python/tuple [ 1.0e+2 ,60.5]  # the neck\r\n    name: 'neck'\r\n    parent: root\r\n"
    '  - {"name": "hand", loc: [&x 0x1e, !!int "60"], parent: neck}\r\n\r\n# the end'
)


def test_moving_joints_changes_only_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "char_cfg.yaml"
    path.write_bytes(HAND_MADE.encode())
    made = edited_config(path, {"neck": (111, 7), "hand": (3, 4)})
    assert made == HAND_MADE.replace("1.0e+2 ,60.5", "111 ,7").replace('&x 0x1e, !!int "60"', "3, 4")
    assert edited_config(path, {}) == HAND_MADE
    path.write_bytes(made.encode())
    assert read_character_config(path).locations.tolist() == [[100, 150], [111, 7], [3, 4]]


@pytest.mark.parametrize("hip", ["{loc: *here, name: hip, parent: root}", "{<<: {loc: [100, 150]}, name: hip, parent: root}"])
def test_separates_joints_that_share_a_location(tmp_path: Path, hip: str) -> None:
    path = tmp_path / "char_cfg.yaml"
    path.write_text(f"width: 200\nheight: 200\nskeleton:\n- {{loc: &here [100, 150], name: root, parent: null}}\n- {hip}\nours: 1\n")
    path.write_text(edited_config(path, {"hip": (3, 4)}))
    assert read_character_config(path).locations.tolist() == [[100, 150], [3, 4]]
    assert yaml.safe_load(path.read_text())["ours"] == 1


def test_reads_edited_config_back(place: Path) -> None:
    moved = {name: (x + 1, y + 2) for name, (x, y) in JOINTS.items()}
    (place / "char_cfg.yaml").write_text(edited_config(place / "char_cfg.yaml", moved), encoding="utf-8")
    config = read_character_config(place / "char_cfg.yaml")
    assert dict(zip(config.joint_names, map(tuple, config.locations.tolist()), strict=True)) == moved


# --- over HTTP -------------------------------------------------------------------------------------------------------


def test_serves_page_and_images(place: Path) -> None:
    with serving(place) as it:
        assert it.server.url == f"http://127.0.0.1:{it.server.server_port}/{SECRET}/"
        status, kind, content = it.ask("GET", f"/{SECRET}/")
        assert (status, kind) == (200, "text/html; charset=utf-8")
        assert b"<title>cross - joints</title>" in content
        assert it.ask("GET", f"/{SECRET}/texture.png") == (200, "image/png", (place / "texture.png").read_bytes())


@pytest.mark.parametrize("kind", ["gray", "of 0 and 1", "palette", "transparent", "another's JPEG"])
def test_shade_is_transparent_where_render_sees_the_figure(place: Path, kind: str) -> None:
    """For every kind of mask image, however browsers show it."""
    with Image.open(place / "mask.png") as mask:
        inside = np.asarray(mask) > 0
    made = {
        "gray": Image.fromarray(inside.astype(np.uint8) * 255),
        "of 0 and 1": Image.fromarray(inside.astype(np.uint8)),
        "palette": Image.fromarray(inside.astype(np.uint8) * 255).convert("P"),
        "transparent": Image.fromarray(np.dstack([np.full((200, 200, 3), 255, np.uint8), inside.astype(np.uint8) * 255])),
        "another's JPEG": Image.fromarray(inside.astype(np.uint8) * 255),
    }[kind]
    made.save(place / "mask.png", "JPEG" if "JPEG" in kind else "PNG")
    with serving(place) as it:
        status, content_type, content = it.ask("GET", f"/{SECRET}/shade.png")
    assert (status, content_type) == (200, "image/png")
    with Image.open(io.BytesIO(content)) as shade:
        clear = np.asarray(shade.convert("RGBA"))[:, :, 3] == 0
    assert np.array_equal(clear, inside)


def test_one_time_address_redirects_once(place: Path) -> None:
    """Other users see the browser's arguments in the list of processes."""
    with serving(place) as it:
        address = urlsplit(it.server.one_time_url())
        assert SECRET not in address.path
        assert it.ask("GET", address.path, Host="evil.example")[0] == 404
        connection = http.client.HTTPConnection("127.0.0.1", it.server.server_port, timeout=60)
        connection.request("GET", address.path)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (303, f"/{SECRET}/")
        connection.close()
        assert it.ask("GET", address.path)[0] == 404
        assert it.ask("GET", "/")[0] == 404


def test_asks_no_name_server(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If none answers, it would take half a minute until the address is printed."""
    monkeypatch.setattr("socket.getfqdn", lambda *_: pytest.fail("asked the name service"))
    with serving(place) as it:
        assert it.ask("GET", f"/{SECRET}/")[0] == 200


@pytest.mark.parametrize(
    "path", ["/", "/wrong/", f"/{SECRET}", f"/{SECRET}/char_cfg.yaml", f"/{SECRET}/../cross/mask.png", "//", "//[", f"/{SECRET}/mask.png"]
)
def test_serves_nothing_else(place: Path, path: str) -> None:
    with serving(place) as it:
        assert it.ask("GET", path)[0] == 404
        assert it.ask("POST", path, b"{}")[0] == 404


def test_refuses_requests_for_other_hosts(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DNS rebinding: the browser believes that this machine is evil.example."""
    with serving(place) as it:
        assert it.ask("GET", f"/{SECRET}/", Host="evil.example")[0] == 404
        assert it.ask("POST", f"/{SECRET}/save", json.dumps({"joints": {}}), Host="evil.example:80")[0] == 404
        assert it.ask("GET", f"/{SECRET}/", Host="localhost:9000")[0] == 200, "as through a tunnel"
        for nonsense in ("[", "[::1", "", "127.0.0.1@evil.example"):
            assert it.ask("GET", f"/{SECRET}/", Host=nonsense)[0] == 404
        assert it.reports == []
        assert capsys.readouterr().err == "", "no traceback"


def test_saves_joints_and_reports_it(place: Path) -> None:
    with serving(place) as it:
        assert it.sent("save", joints={"left_hand": [160, 50]}) == (200, {"notes": []})
        assert it.reports == ["saved"]
    assert opened(place).config().locations.tolist()[3] == [160, 50]


@pytest.mark.parametrize(
    "joints", [None, [], {"left_hand": 3}, {"left_hand": [1]}, {"left_hand": [1.5, 2]}, {"left_hand": ["1", "2"]}, {"left_hand": [True, 2]}]
)
def test_refuses_invalid_locations_with_a_message(place: Path, joints: object) -> None:
    with serving(place) as it:
        status, content = it.sent("save", joints=joints)
        assert (status, content) == (422, {"error": "joints must be names, each with the x and y of a pixel"})
        assert it.reports == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"3"])
def test_refuses_other_json_with_a_message(place: Path, body: bytes) -> None:
    with serving(place) as it:
        status, kind, content = it.ask("POST", f"/{SECRET}/save", body)
        assert (status, kind) == (422, "application/json; charset=utf-8")
        assert json.loads(content)["error"].startswith("expected")


@pytest.mark.parametrize("length", ["-1", "1e3", str(MAX_BYTES + 1), "9" * 5000, "٣"])
def test_does_not_read_oversized_requests(place: Path, length: str) -> None:
    with serving(place) as it:
        status, _, content = it.ask("POST", f"/{SECRET}/save", None, **{"Content-Length": length.encode().decode("latin-1")})
        assert status == 422
        assert "expected at most" in json.loads(content)["error"]


def test_saves_joints_if_stdout_is_closed(place: Path) -> None:
    """The command's output goes to a pipe whose reader has exited."""

    def unheard() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with serving(place) as it:
        it.server.on_save = unheard
        assert it.sent("save", joints={"left_hand": [160, 50]}) == (200, {"notes": []})


def test_full_disk_is_a_temporary_error(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> tuple[str, ...]:
        raise OutputFailed("the joints can't be saved", path=place, hint="make room")

    monkeypatch.setattr(CharacterFolder, "save", full)
    with serving(place) as it:
        assert it.sent("save", joints={}) == (503, {"error": "the joints can't be saved (make room)"})


@pytest.mark.parametrize("name", [b"caf\xe9", b"\x1b]0;hi\x07", b"<b>&'\"", b"n" * 250])
def test_folder_may_have_any_name(place: Path, name: bytes) -> None:
    named = place.parent / os.fsdecode(name)
    place.rename(named)
    with serving(named) as it:
        status, _, content = it.ask("GET", f"/{SECRET}/")
    assert status == 200
    assert b"\x1b" not in content


@pytest.mark.gl
def test_folder_named_like_a_scene_file_is_a_folder(tmp_path: Path) -> None:
    shutil.copytree(CHARACTERS / "stick_king", tmp_path / "king.yaml")
    with serving(tmp_path / "king.yaml") as it:
        status, content = it.sent("show", motion="dab", joints={})
        assert status == 200, content


@pytest.mark.gl
def test_preview_moves_joints_without_saving(tmp_path: Path) -> None:
    place = tmp_path / "king"
    shutil.copytree(CHARACTERS / "stick_king", place)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    with serving(place) as it:
        status, content = it.sent("show", motion="dab", joints={"left_hand": [0, 0]})
        assert status == 200, content
        assert content["notes"][0].startswith("left_hand lay off the figure")
        (tmp_path / "shown.gif").write_bytes(base64.b64decode(content["gif"]))
        with Image.open(tmp_path / "shown.gif") as shown:
            assert (shown.format, shown.size, shown.n_frames > 5) == ("GIF", (96, 96), True)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


def test_reports_figures_that_the_motion_does_not_fit(place: Path) -> None:
    with serving(place) as it:
        status, content = it.sent("show", motion="dab", joints={})
        assert status == 422
        assert "/tmp" not in content["error"]
        assert "the character has no joint 'left_hip'" in content["error"]


def test_a_motion_that_nobody_offered_is_refused(place: Path) -> None:
    with serving(place) as it:
        status, content = it.sent("show", motion="/etc/passwd.bvh", joints={})
        assert (status, content) == (422, {"error": "motion must be one of wave, dab (found '/etc/passwd.bvh')"})


def test_refuses_unknown_motion_and_retarget_configuration_at_the_start(place: Path) -> None:
    with pytest.raises(UnknownName, match="there is no motion 'wawe'"):
        correct_joints(RenderRequest(place, motion="wawe"), {}, print, port=0)
    with pytest.raises(UnknownName, match="there is no retarget configuration 'fare'"):
        correct_joints(RenderRequest(place, retarget="fare"), {}, print, port=0)


def test_opens_browser_with_one_time_address(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some browsers are back only when they are closed; the page is served meanwhile."""
    reports: list[str] = []
    ended = threading.Event()

    def opened_for_long(address: str) -> None:
        with urllib.request.urlopen(address) as answer:
            reports.append(answer.url)
        signal.raise_signal(signal.SIGTERM)
        ended.wait(30)

    monkeypatch.setattr("webbrowser.open", opened_for_long)
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    try:
        correct_joints(RenderRequest(place), {"DISPLAY": ":0"}, reports.append, port=0)
    finally:
        ended.set()
    assert reports[0] == reports[-1], "it is led to the printed address"
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


def test_reports_taken_port(place: Path) -> None:
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


def test_requests_motion_under_its_given_name(place: Path) -> None:
    """The text of an option loses its outer and double spaces."""
    assert '<option value="my  own.bvh">' in page("cross", opened(place).config(), ["my  own.bvh"])


def test_the_browser_may_run_its_script_and_no_other(place: Path) -> None:
    made = page("cross", opened(place).config(), ["wave"])
    (script,) = re.findall(r"<script>(.*?)</script>", made, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in content_security_policy()
    assert content_security_policy().startswith("default-src 'none';")

"""`doodled edit`: who gets in, and where corrections are saved."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from editor_figures import write_person
from starlette.testclient import TestClient

from daemon.commands.edit import EditRequest, edit_figures
from daemon.options.inference import InferenceRequest
from daemon.options.scene_builder import RenderRequest
from daemon.web.editor.edits import Edit, FigureSource
from daemon.web.editor.local_app import SecretPath, local_app
from daemon.web.editor.local_figures import LocalFigures, folder_drawing
from daemon.web.editor.provider import EditableDrawing, Purpose, UnknownDrawing
from pipeline.errors import CharacterError, ConfigError, DecodeError, OptionError, UnknownName


class Process:
    """Notes what is saved."""

    def __init__(self) -> None:
        self.calls = list[tuple[Any, ...]]()

    async def call(self, *args: Any) -> list[str]:
        self.calls.append(args)
        return ["a note"]

    def close(self) -> None:
        self.calls.append(("close",))


@pytest.fixture
def figures(tmp_path: Path) -> LocalFigures:
    write_person(tmp_path / "person", with_drawing=True)
    return LocalFigures(folder_drawing(tmp_path / "person", "wave"), (tmp_path / "person",), lambda _: None)


@pytest.fixture
def app(figures: LocalFigures) -> SecretPath:
    return local_app(figures, Process())  # type: ignore[arg-type]


def client(app: SecretPath, host: str = "127.0.0.1:8000") -> TestClient:
    return TestClient(app, base_url=f"http://{host}", follow_redirects=False)


def test_page_is_behind_its_secret(app: SecretPath) -> None:
    asked = client(app)
    page = asked.get(f"/{app.page()}")
    assert page.status_code == 200
    assert "person" in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert asked.get(f"{app.root_path}/static/editor/main.js").status_code == 200
    assert 'href="/' not in page.text.replace(f'href="{app.root_path}/', ""), "no link leads out of the secret path"
    assert "Gallery" not in page.text, "there is no spool to lead to"


@pytest.mark.parametrize("path", ["/", "/edit/figure", "/static/editor/main.js", "/sign-in", "/wrong/edit/figure", "//", "/healthz"])
def test_nothing_is_served_beside_it(app: SecretPath, path: str) -> None:
    asked = client(app)
    assert asked.get(path).status_code == 404
    assert asked.post(path, json={}).status_code == 404


def test_one_time_address_leads_to_the_page_once(app: SecretPath) -> None:
    """Other users see the browser's arguments in the list of processes."""
    ticket = app.ticket()
    assert app.root_path.strip("/") not in ticket
    assert client(app, "evil.example").get(f"/{ticket}").status_code == 404
    answer = client(app).get(f"/{ticket}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/{app.page()}")
    assert client(app).get(f"/{ticket}").status_code == 404


def test_other_hosts_and_pages_are_refused(app: SecretPath) -> None:
    """DNS rebinding: the browser believes that this machine is evil.example."""
    assert client(app, "evil.example").get(f"/{app.page()}").status_code == 421
    accept = f"/{app.page()}/accept"
    assert client(app).post(accept, json={"edits": {}}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client(app).post(accept, json={"edits": {}}).status_code == 200
    assert client(app, "localhost:9000").get(f"/{app.page()}").status_code == 200, "as through a tunnel"


def test_child_process_ends_with_the_application(figures: LocalFigures) -> None:
    process = Process()
    with TestClient(local_app(figures, process)):  # type: ignore[arg-type]
        assert process.calls == []
    assert process.calls == [("close",)]


def test_saves_into_the_folder_and_reports_it(figures: LocalFigures, tmp_path: Path) -> None:
    saved: list[Path] = []
    figures._on_save = saved.append
    process, edit = Process(), Edit(joints={"neck": (1, 2)})
    outcome = asyncio.run(figures.accept("figure", {0: edit}, process))  # type: ignore[arg-type]
    source = figures.drawing("figure").sources[0]
    assert process.calls == [("save", source, edit, tmp_path / "person")]
    assert (outcome.message, outcome.notes, outcome.link, saved) == ("Saved.", ("a note",), None, [tmp_path / "person"])


def test_first_save_of_a_drawing_makes_its_folder(tmp_path: Path) -> None:
    source, target = FigureSource(None, tmp_path / "cat.jpg", "cat"), tmp_path / "cat"
    figures = LocalFigures(EditableDrawing("cat.jpg", (source,), "wave", Purpose.SAVE), (target,), lambda _: None)
    process = Process()
    asyncio.run(figures.accept("figure", {0: Edit(box=(1, 2, 30, 40))}, process))  # type: ignore[arg-type]
    assert process.calls[0][1] == source
    write_person(target)
    asyncio.run(figures.accept("figure", {0: Edit(joints={"neck": (1, 2)})}, process))  # type: ignore[arg-type]
    assert process.calls[1][1].folder == target, "the second save changes what the first has made"
    with pytest.raises(UnknownDrawing):
        figures.drawing("another")


def test_first_save_of_a_photograph_saves_all_of_its_figures(tmp_path: Path) -> None:
    """Those that were found right have no edit, and no folder but a temporary one."""
    sources, targets = (tuple(tmp_path / place / name for name in ("figure_1", "figure_2")) for place in ("drafts", "photo"))
    found = tuple(FigureSource(source, None, source.name) for source in sources)
    figures = LocalFigures(EditableDrawing("photo.jpg", found, "wave", Purpose.SAVE, is_saved=False), targets, lambda _: None)
    process, edit = Process(), Edit(joints={"neck": (1, 2)})
    asyncio.run(figures.accept("figure", {1: edit}, process))  # type: ignore[arg-type]
    assert process.calls == [("save", found[0], Edit(), targets[0]), ("save", found[1], edit, targets[1])]
    assert figures.drawing("figure").is_saved
    asyncio.run(figures.accept("figure", {}, process))  # type: ignore[arg-type]
    assert len(process.calls) == 2


# --- the command -----------------------------------------------------------------------------------------------------


def edit(target: Path, *, output: Path | None = None, motion: str | None = None, retarget: str | None = None, port: int = 0) -> None:
    request = EditRequest(target, output, RenderRequest(target, motion=motion, retarget=retarget), InferenceRequest(), port)
    edit_figures(request, {}, print)


def test_refuses_what_can_not_be_edited(tmp_path: Path) -> None:
    write_person(tmp_path / "person")
    with pytest.raises(UnknownName, match="there is no motion 'wawe'"):
        edit(tmp_path / "person", motion="wawe")
    with pytest.raises(UnknownName, match="there is no retarget configuration 'fare'"):
        edit(tmp_path / "person", retarget="fare")
    with pytest.raises(OptionError, match="--output is for images"):
        edit(tmp_path / "person", output=tmp_path / "other")
    (tmp_path / "person/mask.png").unlink()
    with pytest.raises(CharacterError):
        edit(tmp_path / "person/char_cfg.yaml")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="the file can't be read"):
        edit(tmp_path / "empty")
    (tmp_path / "note.txt").write_text("no image")
    with pytest.raises(DecodeError):
        edit(tmp_path / "note.txt", output=tmp_path / "new")
    with pytest.raises(OptionError, match=r"empty exists already \(`doodled edit .*empty` opens it"):
        edit(tmp_path / "note.txt", output=tmp_path / "empty")


def test_reports_taken_port(tmp_path: Path) -> None:
    import socket

    write_person(tmp_path / "person")
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OptionError, match="Address already in use"):
        edit(tmp_path / "person", port=taken.getsockname()[1])

"""Routes of the editor: what they hand to the child process, and what they answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jinja2
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.testclient import TestClient

from daemon.web.editor.edits import CutLine, Edit, FigureSource
from daemon.web.editor.preview import Preview
from daemon.web.editor.process import EditorBusy, EditorProcess, EditorRefused
from daemon.web.editor.provider import EditableDrawing, EditOutcome, Purpose, UnknownDrawing
from daemon.web.editor.router import editor_router

TEMPLATES = Path(__file__).parents[5] / "daemon/web/editor/templates"
BLOCKS = ("title", "header", "head", "main")
BASE = "".join(f"{{% block {name} %}}{{% endblock %}}" for name in BLOCKS)
KING = FigureSource(Path("/figures/king"), None, "king")


class Provider:
    """One drawing with one figure, whose corrections are noted."""

    def __init__(self, title: str = "king") -> None:
        self.title, self.accepted = title, dict[int, Edit]()

    def drawing(self, key: str) -> EditableDrawing:
        if key != "king":
            raise UnknownDrawing("there is no such drawing")
        return EditableDrawing(self.title, (KING,), "wave", Purpose.SAVE, ("a note",))

    async def accept(self, key: str, edits: Mapping[int, Edit], process: EditorProcess) -> EditOutcome:
        assert (key, process) == ("king", process)
        self.accepted |= edits
        return EditOutcome("Saved.", ("repaired",), "drawings/1")


class Process:
    """Notes calls and answers them."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers, self.calls = answers, list[tuple[str, tuple[object, ...]]]()

    async def call(self, name: str, *args: object) -> Any:
        self.calls.append((name, args))
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(provider: Provider, process: Process) -> TestClient:
    loader = jinja2.ChoiceLoader(
        [jinja2.DictLoader({"base.html": BASE}), jinja2.PrefixLoader({"editor": jinja2.FileSystemLoader(TEMPLATES)})]
    )
    templates = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)

    def show(_: Request, name: str, context: Mapping[str, object], status: HTTPStatus) -> Response:
        return HTMLResponse(templates.get_template(name).render(base="/", **context), status)

    app = FastAPI()
    app.include_router(editor_router(provider, process, show))  # type: ignore[arg-type]
    return TestClient(app, base_url="http://localhost")


def test_page_shows_names_as_text() -> None:
    page = client(Provider("<script>alert(1)</script>"), Process({})).get("/edit/king")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert 'data-purpose="save"' in page.text


def test_page_needs_no_inline_script_or_style() -> None:
    page = client(Provider(), Process({})).get("/edit/king").text
    assert page.count("<script") == page.count('<script type="module" src="/static/editor/')
    assert "style=" not in page
    assert " onclick" not in page


def test_unknown_drawings_are_not_found() -> None:
    asked = client(Provider(), Process({}))
    page = asked.get("/edit/queen")
    assert (page.status_code, "there is no such drawing" in page.text) == (404, True)
    for path in ("figures", "0"):
        answer = asked.get(f"/edit/queen/{path}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert asked.get("/edit/king/1").json()["detail"] == "this drawing has 1 figures"
    assert asked.get("/edit/king/-1").status_code == 404


def test_figures_and_images() -> None:
    process = Process({"motions": ["wave", "dab"], "describe": {"figure": None}, "texture_image": (b"png", "image/png")})
    asked = client(Provider(), process)
    assert asked.get("/edit/king/figures").json() == {
        "figures": ["king"],
        "motions": ["wave", "dab"],
        "notes": ["a note"],
        "is_saved": True,
    }
    assert asked.get("/edit/king/0").json() == {"figure": None}
    image = asked.get("/edit/king/0/texture")
    assert (image.content, image.headers["content-type"]) == (b"png", "image/png")
    assert process.calls[1:] == [("describe", (KING,)), ("texture_image", (KING,))]


def test_preview_hands_the_edit_over() -> None:
    process = Process({"preview": Preview(b"GIF89a", ("moved",))})
    edit = {"box": [1, 2, 3, 4], "joints": {"neck": [5, 6]}, "mask": [7, 8], "labels": [1, 9], "has_own_layers": True}
    answer = client(Provider(), process).post("/edit/king/0/preview", json={"edit": edit, "motion": "dab"})
    assert answer.json() == {"gif": "R0lGODlh", "notes": ["moved"]}
    assert process.calls == [("preview", (KING, Edit((1, 2, 3, 4), {"neck": (5, 6)}, (7, 8), (1, 9), has_own_layers=True), "dab", "wave"))]


def test_edits_by_the_server() -> None:
    process = Process({"redraw_box": {"figure": 1}, "snap": [1], "cut": [2], "layers": None})
    asked = client(Provider(), process)
    assert asked.post("/edit/king/0/box", json={"box": [1, 2, 3, 4]}).json() == {"figure": 1}
    assert asked.post("/edit/king/0/snap", json={"edit": {}, "points": [[1, 2]], "radius": 3}).json() == {"mask": [1]}
    lines = [{"limb": "left_arm", "points": [[1, 2], [3, 4]]}]
    assert asked.post("/edit/king/0/cut", json={"edit": {}, "lines": lines}).json() == {"labels": [2]}
    assert asked.post("/edit/king/0/layers", json={"edit": {}}).json() == {"labels": None}
    assert [call[1:] for call in process.calls] == [
        ((KING, (1, 2, 3, 4)),),
        ((KING, Edit(), ((1, 2),), 3.0),),
        ((KING, Edit(), [CutLine("left_arm", ((1, 2), (3, 4)))]),),
        ((KING, Edit()),),
    ]


def test_accept_ignores_figures_that_do_not_exist() -> None:
    provider = Provider()
    body = {"edits": {"0": {"joints": {"neck": [1, 2]}}, "1": {}, "x": {}, "-0": {}, "²": {}}}
    answer = client(provider, Process({})).post("/edit/king/accept", json=body)
    assert answer.json() == {"message": "Saved.", "notes": ["repaired"], "link": "drawings/1"}
    assert provider.accepted == {0: Edit(joints={"neck": (1, 2)})}


@pytest.mark.parametrize(
    "edit",
    [
        {"joints": {"neck": [1]}},
        {"joints": {"neck": ["1", 2]}},
        {"joints": {"neck": [1.5, 2]}},
        {"joints": {"neck": [True, 2]}},
        {"joints": {"neck": [1 << 20, 2]}},
        {"joints": []},
        {"box": [1, 2, 3]},
        {"mask": [-1]},
        {"mask": "0"},
        {"labels": [[1, 2]]},
        {"has_own_layers": "yes"},
        {"unknown": 1},
        None,
    ],
)
def test_refuses_edits_of_another_form(edit: object) -> None:
    process = Process({})
    assert client(Provider(), process).post("/edit/king/0/preview", json={"edit": edit, "motion": "dab"}).status_code == 422
    assert process.calls == []


@pytest.mark.parametrize(("error", "status"), [(EditorRefused("no", hint="so"), 422), (EditorBusy("later"), 503)])
def test_errors_are_problems(error: Exception, status: int) -> None:
    answer = client(Provider(), Process({"layers": error})).post("/edit/king/0/layers", json={"edit": {}})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"] == ("no (so)" if status == 422 else "later")
    assert ("retry-after" in answer.headers) == (status == 503)


def test_only_json_is_read() -> None:
    """A form of another page could send text/plain without asking first."""
    process = Process({"layers": None})
    answer = client(Provider(), process).post(
        "/edit/king/0/layers", content=json.dumps({"edit": {}}), headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415
    assert process.calls == []

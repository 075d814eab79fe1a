"""HTTP API: uploads, jobs, outputs, changes, and events. The access layer has its own module."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from web_spool import WebSpool, image_bytes

from daemon.spool.drawing_states import DrawingState
from daemon.web import changes
from daemon.web.app import create_app
from daemon.web.intake import Intake

PNG = image_bytes()


def zipped(*names: str) -> bytes:
    """An archive of files that are read by nobody here."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


def post(client: TestClient, name: str = "garlic.png", content: bytes = PNG, options: Any = None, key: str | None = None) -> Any:
    data = {} if options is None else {"options": options if isinstance(options, str) else json.dumps(options)}
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post("/v1/drawings", files={"file": (name, content)}, data=data, headers=headers)


def refreshed(client: TestClient) -> TestClient:
    """The client, once its application has read the spool anew."""
    client.app.state.site.index.refresh()  # type: ignore[attr-defined]
    return client


# --- uploads ---------------------------------------------------------------------------------------------------------


def test_upload_is_in_inbox_with_sidecar(client: TestClient, spool: WebSpool) -> None:
    answer = post(client, options={"motions": ["dab"], "formats": ["gif", "webp"]})
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["name"], job["state"]) == ("garlic.png", "waiting")
    assert spool.inbox() == [f"garlic-{job['id']}.json", f"garlic-{job['id']}.png"]
    assert json.loads((spool.layout.inbox / f"garlic-{job['id']}.json").read_text()) == {"motions": ["dab"], "formats": ["gif", "webp"]}
    assert (spool.layout.inbox / f"garlic-{job['id']}.png").read_bytes() == PNG
    assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "waiting"
    assert not [path for path in spool.layout.inbox.iterdir() if path.name.startswith(".")]


def test_upload_as_body(client: TestClient, spool: WebSpool) -> None:
    query = {"name": "my cat.jpeg", "options": '{"motion": "wave"}'}
    answer = client.post("/v1/drawings", params=query, content=image_bytes("JPEG"), headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 201, answer.text
    assert spool.inbox() == [f"my cat-{answer.json()['id']}.jpeg", f"my cat-{answer.json()['id']}.json"]


def test_upload_without_options_has_no_sidecar(client: TestClient, spool: WebSpool) -> None:
    assert post(client).status_code == 201
    assert [Path(name).suffix for name in spool.inbox()] == [".png"]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd.png", "passwd"),
        ("C:\\fakepath\\Oma's Bär.PNG", "Oma's Bär"),
        (".hidden.png", "hidden"),
        ("a\0b\x1b[31m\u202egnp.png", "a_b_[31m_gnp"),
        ("<img src=x>.png", "img src=x"),
        ("~$lock.tmp", "$lock"),
        ("sidecar.json", "sidecar"),
        ("x" * 400 + ".png", "x" * 135),
        ("garlic-w0123456789abcdef.png", "garlic"),
        ("...", "drawing"),
    ],
)
def test_hostile_name_becomes_harmless(client: TestClient, spool: WebSpool, name: str, stem: str) -> None:
    answer = client.post("/v1/drawings", params={"name": name}, content=PNG, headers={"Content-Type": "image/png"})
    assert answer.status_code == 201, answer.text
    assert spool.inbox() == [f"{stem}-{answer.json()['id']}.png"]


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 422, "the file is empty"),
        (b"just words", 422, "the file is text"),
        (b"%!PS-Adobe something", 422, "a PostScript drawing"),
        (b"PK\3\4" + bytes(50), 422, "the ZIP is damaged"),
        (zipped("letter.xml"), 422, "there is no image in this ZIP"),
        (zipped(*(f"{number}.png" for number in range(51))), 422, "too many pages: expected at most 50, found 51"),
        (image_bytes(size=(3, 3)), 422, "too small"),
        (PNG[:40], 422, "damaged"),
    ],
)
def test_image_is_looked_at_before_it_is_taken(client: TestClient, spool: WebSpool, content: bytes, status: int, said: str) -> None:
    answer = post(client, content=content)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]
    assert list(spool.layout.inbox.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "kind", "suffix"),
    [
        (b"%PDF-1.7 something", "application/pdf", ".pdf"),
        (b" %PDF-1.7 something", "application/octet-stream", ".pdf"),
        (zipped("a.png", "read me.txt"), "application/zip", ".zip"),
    ],
)
def test_documents_are_taken(client: TestClient, spool: WebSpool, content: bytes, kind: str, suffix: str) -> None:
    """The pages of a PDF file are for the worker's child process to read."""
    answer = client.post("/v1/drawings", params={"name": "scans.old"}, content=content, headers={"Content-Type": kind})
    assert answer.status_code == 201, answer.text
    assert spool.inbox() == [f"scans-{answer.json()['id']}{suffix}"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"motions": ["fly to the moon"]}, "motions must be names from"),
        ({"motions": ["../../etc/passwd"]}, "motions must be names from"),
        ({"size": "9999x9999"}, "size must be"),
        ({"background": "/etc/passwd"}, "background must be a color"),
        ({"surprise": 1}, "surprise"),
        ("{", "must be JSON"),
        ("[]", "must be an object"),
        ("[" * 5000, "nested too deeply"),
        ('{"fps": ' + "9" * 5000 + "}", "too many digits"),
        ('{"fps": ' + "9" * 4000 + "}", "fps must be a number from"),
    ],
)
def test_options_are_checked_before_drawing_is_taken(client: TestClient, spool: WebSpool, options: Any, said: str) -> None:
    answer = post(client, options=options)
    assert answer.status_code == 422
    assert said in str(answer.json()["errors"])
    assert list(spool.layout.inbox.iterdir()) == []


def test_form_without_file_and_other_bodies_are_refused(client: TestClient) -> None:
    assert client.post("/v1/drawings", files={"other": ("a.png", PNG)}).status_code == 422
    assert client.post("/v1/drawings", json={}).status_code == 415
    answer = client.post("/v1/drawings", content=b"--x", headers={"Content-Type": "multipart/form-data"})
    assert answer.status_code == 400
    files = [("file", ("a.png", PNG)), ("file", ("b.png", PNG))]
    assert client.post("/v1/drawings", files=files).status_code == 400
    assert client.post("/v1/drawings", files={"file": ("a.png", PNG)}, data={"options": " " * 20_000}).status_code == 400
    assert client.post("/v1/drawings", files={"file": ("a.png", PNG)}, data={str(n): "x" for n in range(30)}).status_code == 400
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    for body in (b"--b\r\nX: " + b"y" * 9999, b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + PNG):
        assert client.post("/v1/drawings", content=body, headers=form).status_code == 400


def test_idempotency_key_makes_one_job_across_restarts(spool: WebSpool) -> None:
    with spool.client() as client:
        first = post(client, key="mine")
        again = post(client, key="mine")
        other = post(client, key="another")
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]
    with spool.client() as restarted:
        assert post(restarted, key="mine").json()["id"] == first.json()["id"]
        changed = post(restarted, key="mine", content=image_bytes(size=(65, 65)))
        assert changed.status_code == 422
        assert "Idempotency-Key" in changed.json()["detail"]
        assert post(restarted, key="mine", options={"motion": "dab"}).status_code == 422
    assert len(spool.inbox()) == 2
    name = f"garlic-{first.json()['id']}.png"
    (spool.layout.inbox / name).unlink()
    spool.publish(name)
    with spool.client() as later:
        assert (post(later, key="mine").status_code, len(spool.inbox())) == (200, 1)


def test_requests_with_one_key_at_a_time_make_one_job(client: TestClient, spool: WebSpool) -> None:
    site = client.app.state.site  # type: ignore[attr-defined]
    start = threading.Barrier(8)

    def accept(_: int) -> bool:
        with site.intake.draft() as draft:
            draft.write(PNG)
            start.wait()
            return bool(site.intake.accept(draft, "a.png", options=None, key="one").is_new)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(accept, range(8))) == 1
    assert len(spool.inbox()) == 1


def test_full_queue_answers_503_with_retry_after(spool: WebSpool) -> None:
    for number in range(2):
        spool.drop(f"{number}.png")
    with spool.client(max_waiting=2) as client:
        answer = post(client)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert len(spool.inbox()) == 2


def test_full_disk_answers_503(client: TestClient, spool: WebSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device", "/secret/path")

    monkeypatch.setattr("daemon.web.intake.os.fsync", refuse)
    answer = post(client)
    assert answer.status_code == 503
    assert (answer.headers["retry-after"], "No space left" in answer.text, "/secret" in answer.text) == ("30", True, False)
    assert list(spool.layout.inbox.iterdir()) == []


def test_little_space_answers_503(spool: WebSpool) -> None:
    site = spool.site()
    storage = site.settings.storage.model_copy(update={"reserve_mb": 1 << 40})
    settings = site.settings.model_copy(update={"storage": storage})
    site = replace(site, settings=settings, intake=Intake(spool.layout, settings, site.index, ["wave"]))
    with spool.client(create_app(site)) as client:
        assert post(client).status_code == 503


def test_201_is_durable_before_it_is_answered(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, rename = os.fsync, os.rename

    def noting_fsync(file: int) -> None:
        calls.append("fsync " + Path(f"/proc/self/fd/{file}").readlink().name.partition("-")[0])
        fsync(file)

    def noting_rename(*args: Any, **more: Any) -> None:
        calls.append("rename sidecar")
        rename(*args, **more)

    monkeypatch.setattr("os.fsync", noting_fsync)
    monkeypatch.setattr("os.rename", noting_rename)
    assert post(client, options={"motion": "dab"}).status_code == 201
    assert calls == ["fsync .web", "fsync .web", "rename sidecar", "fsync inbox", "fsync inbox"]


def test_leftovers_of_a_dead_process_are_removed_later(spool: WebSpool) -> None:
    spool.drop(".web-0011223344556677.part")
    spool.drop("alone-w0123456789abcdef.json")
    spool.drop("kept-w0123456789abcdeg.json")
    spool.drop("kept-w0123456789abcdeg.png")
    spool.drop("mine.json")
    site = spool.site()
    site.intake.remove_stale_files(0.0)
    assert len(list(spool.layout.inbox.iterdir())) == 5
    site.intake.remove_stale_files(4e9)
    assert sorted(path.name for path in spool.layout.inbox.iterdir()) == [
        "kept-w0123456789abcdeg.json",
        "kept-w0123456789abcdeg.png",
        "mine.json",
    ]


# --- jobs ------------------------------------------------------------------------------------------------------------


def test_lists_drawings_of_every_state(spool: WebSpool) -> None:
    spool.drop("waiting.png", "dab")
    job = spool.claim("running-w0123456789abcdef.png")
    spool.fail("failed.png")
    spool.publish("done.png")
    with spool.client() as client:
        answer = client.get("/v1/jobs").json()
        assert [(each["name"], each["state"]) for each in answer["jobs"]] == [
            ("running.png", "running"),
            ("dab/waiting.png", "waiting"),
            ("failed.png", "failed"),
            ("done.png", "done"),
        ]
        some = {"waiting": 1, "running": 1, "failed": 1, "done": 1}
        assert answer["counts"] == {**dict.fromkeys(DrawingState, 0), **some}
        assert answer["daemon"] == "1 running"
        assert answer["jobs"][0]["id"] == "w0123456789abcdef"
        assert (answer["jobs"][0]["stage"], answer["jobs"][1]["position"]) == ("reading", 1)
        assert answer["jobs"][1]["expected_s"] == pytest.approx(4.0)
        assert answer["jobs"][2]["what_to_do"] == "draw one"
        assert [each["name"] for each in client.get("/v1/jobs", params={"state": ["done", "failed"]}).json()["jobs"]] == [
            "failed.png",
            "done.png",
        ]
        (spool.layout.work / "01JAAAAAAAAAAAAAAAAAAAAAAA" / job / "thumbnail.jpg").touch()
        assert refreshed(client).get("/v1/jobs/w0123456789abcdef").json()["stage"] == "finding the figure"


def test_pages_follow_each_other(spool: WebSpool) -> None:
    for number in range(7):
        spool.publish(f"{number}.png", at_s=1_700_000_000 + number)
    with spool.client() as client:
        names, after = [], None
        while True:
            answer = client.get("/v1/jobs", params={"limit": 3} | ({"after": after} if after else {})).json()
            names += [each["name"] for each in answer["jobs"]]
            after = answer["next"]
            if after is None:
                break
            last = answer["jobs"][-1]
            assert client.delete(f"/v1/jobs/{last['id']}").status_code == 204  # a page's last drawing may go meanwhile
        assert names == [f"{number}.png" for number in reversed(range(7))]
        assert client.get("/v1/jobs", params={"after": "nonsense"}).status_code == 422
        assert client.get("/v1/jobs", params={"after": "nan~x"}).status_code == 422


def test_unknown_drawing_is_404(client: TestClient) -> None:
    for name in ("w0123456789abcdef", "x", "..%2f..%2fetc", "01JAAAAAAAAAAAAAAAAAAAAAAA"):
        assert client.get(f"/v1/jobs/{name}").status_code == 404
        assert client.delete(f"/v1/jobs/{name}").status_code == 404


def test_output_with_ranges_and_tag(spool: WebSpool) -> None:
    job = spool.publish("garlic-w0123456789abcdef.png", "dab")
    assert job
    with spool.client() as client:
        output = client.get("/v1/jobs/w0123456789abcdef").json()["outputs"][0]
        assert output["name"] == "garlic.wave.gif"
        whole = client.get(output["url"])
        assert (whole.status_code, whole.headers["content-type"], len(whole.content)) == (200, "image/gif", 511)
        assert whole.headers["etag"] == f'"{"ab" * 32}"'
        part = client.get(output["url"], headers={"Range": "bytes=2-4"})
        assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"F89", "bytes 2-4/511")
        beyond = client.get(output["url"], headers={"Range": "bytes=9999-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */511")
        for answer in (beyond, *(client.get(output["url"], headers={"Range": bad}) for bad in ("bytes=4-2", "nonsense", "lines=1-2"))):
            assert answer.headers["content-type"] == "application/problem+json"
            assert (answer.json()["status"], answer.json()["detail"]) == (answer.status_code, "the Range header can't be used")
        assert client.get(output["url"], headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
        assert client.get(output["url"], headers={"If-None-Match": '"x", W/"y"'}).status_code == 200
        assert client.get(output["url"], headers={"If-Modified-Since": whole.headers["last-modified"]}).status_code == 304
        assert client.get(output["url"], headers={"If-Modified-Since": "nonsense"}).status_code == 200
        assert client.head(output["url"]).status_code in {200, 405}
        saved = client.get(output["url"], params={"download": "true"}).headers["content-disposition"]
        assert saved == "attachment; filename*=UTF-8''garlic.wave.gif"
        assert client.get("/v1/jobs/w0123456789abcdef/outputs/..%2f..%2fjob.json").status_code == 404
        assert client.get("/v1/jobs/w0123456789abcdef/outputs/garlic.json").status_code == 404
        thumbnail = client.get("/v1/jobs/w0123456789abcdef/thumbnail")
        assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/jpeg")


def test_preview_is_served_while_the_drawing_runs(spool: WebSpool) -> None:
    job = spool.claim("garlic-w0123456789abcdef.png")
    with spool.client() as client:
        assert client.get("/v1/jobs/w0123456789abcdef").json()["preview"] is None
        for name in ("preview.gif", "preview.png"):
            assert client.get(f"/v1/jobs/w0123456789abcdef/{name}").status_code == 404
        place = spool.preview(job)
        answer = refreshed(client).get("/v1/jobs/w0123456789abcdef").json()
        for url, kind, start in ((answer["preview"], "image/gif", b"GIF8"), (answer["preview_still"], "image/png", b"\x89PNG")):
            found = client.get(url)
            assert (found.status_code, found.headers["content-type"], found.content[:4]) == (200, kind, start)
            assert client.get(url, headers={"If-None-Match": found.headers["etag"]}).status_code == 304
        row = client.get("/watch/list").text
        assert f'src="/{answer["preview"]}"' in row
        assert f'srcset="/{answer["preview_still"]}"' in row
        assert f'src="/{answer["preview"]}"' in client.get("/drawings/w0123456789abcdef").text
        (place / "preview.gif").unlink()
        (place / "preview.gif").symlink_to("/etc/passwd")
        assert client.get(answer["preview"]).status_code == 404
        shutil.rmtree(place)
        assert client.get(answer["preview_still"]).status_code == 404
        spool.publish("garlic-w0123456789abcdef.png", job_id=job)
        assert refreshed(client).get("/v1/jobs/w0123456789abcdef").json()["preview"] is None
        assert "preview" not in client.get("/watch/list").text


def test_pages_of_a_document_are_told_apart(spool: WebSpool) -> None:
    outputs = [{"file": f"scans.p{page}.gif", "format": "gif", "motion": "wave", "page": page} for page in (1, 3)]
    for each in outputs:
        (spool.layout.outbox / str(each["file"])).write_bytes(b"GIF")
    failed = [{"page": 2, "name": "page 2", "error_type": "no_figure", "message": "no figure was found in /a/b.png"}]
    job = spool.publish("scans.pdf", outputs=outputs, failed_pages=failed)
    broken = spool.fail("scans.pdf", notes=["page 1: it is upside down"])
    (spool.layout.failed / "scans.pdf").write_bytes(b"%PDF-1.7 something")
    with spool.client() as client:
        answer = client.get(f"/v1/jobs/{job}").json()
        assert [(each["name"], each["page"]) for each in answer["outputs"]] == [("scans.p1.gif", 1), ("scans.p3.gif", 3)]
        assert answer["failed_pages"] == [{"page": 2, "name": "page 2", "why": "no figure was found in b.png"}]
        page = client.get(f"/drawings/{job}").text
        assert page.index("1 page could not be animated") < page.index("Page 1: wave") < page.index("Page 3: wave")
        assert "2 pages" in client.get("/gallery").text
        assert "/edit/" not in page, "annotations of pages are not kept"
        assert f"/edit/failed-{broken}" in client.get("/watch").text, "which says why not, if it is a document"
        page = client.get(f"/drawings/{broken}").text
        assert "/edit/" not in page
        assert "page 1: it is upside down" in page
        for key in (f"failed-{broken}", f"done-{job}"):
            assert client.get(f"/edit/{key}").status_code == 404


def test_link_in_outbox_is_not_followed(spool: WebSpool, tmp_path: Path) -> None:
    spool.publish("a.png")
    (tmp_path / "secret").write_text("secret")
    (spool.layout.outbox / "a.wave.gif").unlink()
    with spool.client() as client:
        site = client.app.state.site  # type: ignore[attr-defined]
        assert site.index.snapshot.done == ()
        (spool.layout.outbox / "a.wave.gif").write_bytes(b"GIF89a")
        refreshed(client)
        job = site.index.snapshot.done[0].id
        (spool.layout.outbox / "a.wave.gif").unlink()
        (spool.layout.outbox / "a.wave.gif").symlink_to(tmp_path / "secret")
        assert client.get(f"/v1/jobs/{job}/outputs/a.wave.gif").status_code == 404
        (spool.layout.outbox / "a.wave.gif").unlink()
        os.mkfifo(spool.layout.outbox / "a.wave.gif")
        assert client.get(f"/v1/jobs/{job}/outputs/a.wave.gif").status_code == 404


# --- changes ---------------------------------------------------------------------------------------------------------


def test_cancels_what_waits(client: TestClient, spool: WebSpool) -> None:
    job = post(client, options={"motion": "dab"}).json()["id"]
    assert client.delete(f"/v1/jobs/{job}").status_code == 204
    assert list(spool.layout.inbox.iterdir()) == []
    assert client.get(f"/v1/jobs/{job}").status_code == 404


def test_cancel_keeps_a_sidecar_that_others_need(spool: WebSpool) -> None:
    spool.drop("a.png", sidecar="{}")
    spool.drop("a.jpg")
    with spool.client() as client:
        job = next(each["id"] for each in client.get("/v1/jobs").json()["jobs"] if each["name"] == "a.png")
        assert client.delete(f"/v1/jobs/{job}").status_code == 204
    assert spool.inbox() == ["a.jpg", "a.json"]


def test_folder_that_can_not_be_removed_keeps_its_name_and_options(spool: WebSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.drop("char_cfg.yaml", "king")
    (spool.layout.inbox / "king.json").write_text("{}")
    with spool.client() as client:
        (king,) = client.get("/v1/jobs").json()["jobs"]
        with monkeypatch.context() as closed:
            closed.setattr(shutil, "rmtree", refuse)
            assert client.delete(f"/v1/jobs/{king['id']}").status_code == 409
        assert sorted(path.name for path in spool.layout.inbox.iterdir()) == ["king", "king.json"]
        assert client.delete(f"/v1/jobs/{king['id']}").status_code == 204
    assert list(spool.layout.inbox.iterdir()) == []


@pytest.mark.parametrize(("name", "sidecar"), [("a.png", "a.JSON"), ("a.", "a.json"), ("a.tar.png", "a.tar.json"), ("a", "a.json")])
def test_cancel_takes_the_options_that_the_daemon_would_take(spool: WebSpool, name: str, sidecar: str) -> None:
    spool.drop(name)
    (spool.layout.inbox / sidecar).write_text("{}")
    with spool.client() as client:
        (job,) = client.get("/v1/jobs").json()["jobs"]
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert spool.inbox() == []


def test_cancel_leaves_a_folder_that_is_called_like_options(spool: WebSpool) -> None:
    king = spool.drop("king.png")
    spool.drop("mask.png", "king.json")
    with spool.client() as client:
        (job,) = (each for each in client.get("/v1/jobs").json()["jobs"] if each["name"] == king.name)
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert (spool.layout.inbox / "king.json").is_dir()
    assert not king.exists()


def test_cancel_loses_against_claim(client: TestClient, spool: WebSpool) -> None:
    job = post(client).json()["id"]
    (spool.layout.inbox / spool.inbox()[0]).unlink()
    assert client.delete(f"/v1/jobs/{job}").status_code == 409


def test_removes_file_that_the_daemon_leaves(spool: WebSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.drop("empty.png", content=b"")
    spool.drop("alone.json")
    spool.drop("x.png", "deep")
    left = {"empty.png": "empty", "alone.json": "no_drawing", "deep": "too_deep"}
    spool.report(rejected=[{"name": name, "why": why} for name, why in left.items()])
    with spool.client() as client:
        jobs = {each["name"]: each for each in client.get("/v1/jobs", params={"state": "rejected"}).json()["jobs"]}
        assert jobs.keys() == left.keys()
        assert jobs["alone.json"]["why"].startswith("options without a drawing: drop them before alone.jpg")
        assert client.delete(f"/v1/jobs/{jobs['deep']['id']}").status_code == 409
        with monkeypatch.context() as closed:
            closed.setattr(changes, "rename_without_replacing", refuse)
            assert client.delete(f"/v1/jobs/{jobs['empty.png']['id']}").json()["detail"] == "its folder is closed to others"
        for name in ("empty.png", "alone.json"):
            assert client.delete(f"/v1/jobs/{jobs[name]['id']}").status_code == 204
        assert spool.inbox() == ["deep"]


def refuse(*_: object) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


def test_running_drawing_is_not_removed(spool: WebSpool) -> None:
    job = spool.claim("a.png")
    with spool.client() as client:
        assert client.delete(f"/v1/jobs/{job}").status_code == 409


def test_retry_puts_failed_drawing_back_with_its_id(spool: WebSpool) -> None:
    spool.fail("garlic-w0123456789abcdef.png", "dab")
    with spool.client() as client:
        assert client.get("/v1/jobs/w0123456789abcdef").json()["why"] == "no figure was found"
        answer = client.post("/v1/jobs/w0123456789abcdef/retry")
        assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
        assert (spool.layout.inbox / "dab" / "garlic-w0123456789abcdef.png").is_file()
        assert refreshed(client).get("/v1/jobs/w0123456789abcdef").json()["state"] == "waiting"
        assert client.post("/v1/jobs/w0123456789abcdef/retry").status_code == 409


def test_retry_stays_where_name_is_taken(spool: WebSpool) -> None:
    job = spool.fail("a.png")
    spool.drop("a.png")
    with spool.client() as client:
        assert client.post(f"/v1/jobs/{job}/retry").status_code == 409
    assert (spool.layout.failed / "a.png").exists()


@pytest.mark.parametrize(("action", "sidecar"), [("retry", None), ("approve", {"review": False})])
def test_drawing_for_review_goes_back(spool: WebSpool, action: str, sidecar: Any) -> None:
    spool.review("garlic-w0123456789abcdef.png", "dab")
    with spool.client() as client:
        job = client.get("/v1/jobs/w0123456789abcdef").json()
        assert (job["state"], job["why"], job["name"]) == ("review", "this figure is doubtful", "dab/garlic.png")
        assert client.get("/v1/jobs/w0123456789abcdef/thumbnail").status_code == 200
        assert "Animate as it is" in client.get("/watch").text
        assert "Animate it as it is" in client.get("/drawings/w0123456789abcdef").text
        answer = client.post(f"/v1/jobs/w0123456789abcdef/{action}")
        assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
        assert client.post("/v1/jobs/w0123456789abcdef/approve").status_code == 409
    inbox = spool.layout.inbox / "dab"
    written = inbox / "garlic-w0123456789abcdef.json"
    assert (inbox / "garlic-w0123456789abcdef.png").read_bytes() == b"drawing"
    assert (json.loads(written.read_text()) if written.exists() else None) == sidecar
    assert list(spool.layout.review.iterdir()) == []


def test_discards_drawing_for_review(spool: WebSpool) -> None:
    spool.review("a.png")
    with spool.client() as client:
        (job,) = client.get("/v1/jobs").json()["jobs"]
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert list(spool.layout.review.iterdir()) == []


def test_discards_failed_drawing(spool: WebSpool) -> None:
    job = spool.fail("a.png")
    with spool.client() as client:
        assert client.delete(f"/v1/jobs/{job}").status_code == 204
    assert list(spool.layout.failed.iterdir()) == []


def test_removes_results(spool: WebSpool) -> None:
    job = spool.publish("a.png", "dab", motions=("wave", "dab"))
    with spool.client() as client:
        assert client.delete(f"/v1/jobs/{job}").status_code == 204
    assert [path for path in (spool.layout.outbox / "dab").rglob("*") if path.is_file()] == []


def test_more_motions_without_analyzing_again(spool: WebSpool) -> None:
    job = spool.publish("garlic.png")
    place = spool.layout.done / job / "annotations"
    place.mkdir(parents=True)
    for name in ("char_cfg.yaml", "mask.png", "texture.png"):
        (place / name).write_bytes(name.encode())
    with spool.client() as client:
        answer = client.post(f"/v1/jobs/{job}/again", json={"motions": ["dab"]})
        assert answer.status_code == 201, answer.text
        (again,) = answer.json()
        folder = spool.layout.inbox / f"garlic-{again['id']}"
        assert sorted(path.name for path in folder.iterdir()) == ["char_cfg.yaml", "mask.png", "texture.png"]
        assert json.loads(folder.with_suffix(".json").read_text()) == {"motions": ["dab"]}
        assert refreshed(client).get(f"/v1/jobs/{again['id']}").json()["name"] == "garlic"
        assert client.delete(f"/v1/jobs/{again['id']}").status_code == 204
        assert spool.inbox() == []
        assert client.post(f"/v1/jobs/{job}/again", json={"motions": ["nothing"]}).status_code == 422
        (place / "char_cfg.yaml").unlink()
        assert client.post(f"/v1/jobs/{job}/again", json={"motions": ["dab"]}).status_code == 409


# --- events, motions, health -------------------------------------------------------------------------------------------


def test_events_of_a_job_end_with_its_result(spool: WebSpool) -> None:
    job = spool.publish("a.png")
    with spool.client() as client:
        text = client.get(f"/v1/jobs/{job}/events").text
    assert text.startswith("event: job\ndata: {")
    assert json.loads(text.partition("data: ")[2])["state"] == "done"


def test_too_many_event_streams_are_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.web.api.MAX_LISTENERS", 0)
    assert client.get("/v1/events").status_code == 503


def test_motions_can_be_seen_moving(client: TestClient) -> None:
    motions = client.get("/v1/motions").json()["motions"]
    assert {"wave", "dab", "dance"} <= {each["name"] for each in motions}
    preview = client.get(next(each["preview"] for each in motions if each["name"] == "wave")).json()
    assert len(preview["frames"]) > 10
    assert all(0 <= value <= preview["side"] for value in preview["frames"][0])
    assert max(max(bone) for bone in preview["bones"]) * 2 < len(preview["frames"][0])
    assert client.get("/v1/motions/nothing/preview").status_code == 404


def test_metrics_are_documented_and_contain_those_of_the_daemon(spool: WebSpool, tmp_path: Path) -> None:
    file = tmp_path / "doodled.prom"
    file.write_text("doodled_workers 4.0\n")
    site = spool.site()
    metrics = site.settings.metrics.model_copy(update={"textfile": file})
    with spool.client(create_app(replace(site, settings=site.settings.model_copy(update={"metrics": metrics})))) as client:
        text = client.get("/metrics").text
        assert "doodled_workers 4.0" in text
        families = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
        page = (Path(__file__).parents[4] / "etc" / "doc" / "metrics.md").read_text()
        assert families == set(re.findall(r"`(doodled_web_\w+)`", page))
        file.unlink()
        assert client.get("/metrics").status_code == 200


def test_health_and_metrics(spool: WebSpool) -> None:
    spool.publish("a.png")
    with spool.client() as client:
        assert client.get("/healthz").text == "ok\n"
        assert client.get("/readyz").status_code == 200
        text = client.get("/metrics").text
        assert 'doodled_web_drawings{state="done"} 1.0' in text
        for path in sorted(spool.layout.outbox.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        spool.layout.outbox.rmdir()
        client.portal.call(client.app.state.site.live._refresh)  # type: ignore[attr-defined,union-attr]
        assert client.get("/readyz").status_code == 503


def test_character_may_keep_its_name_and_folder(client: TestClient, spool: WebSpool) -> None:
    intake = client.app.state.site.intake  # type: ignore[attr-defined]
    first = intake.drop_character({"char_cfg.yaml": b"x"}, name="garlic", options=None, folder=("dab",), has_id=False)
    again = intake.drop_character({"char_cfg.yaml": b"x"}, name="garlic", options=b"{}", folder=("dab",), has_id=False)
    assert (first.file, first.folder, again.file) == ("garlic", ("dab",), f"garlic-{again.id}")
    assert sorted(path.name for path in (spool.layout.inbox / "dab").iterdir()) == ["garlic", again.file, f"{again.file}.json"]


def test_skipped_duplicate_is_shown_without_animation(client: TestClient, spool: WebSpool) -> None:
    job = spool.publish("copy.jpg", motions=(), notes=["not animated again"])
    assert refreshed(client).get(f"/v1/jobs/{job}").json()["state"] == "done"
    pages = [client.get(path, headers={"Accept": "text/html"}) for path in ("/", "/watch", "/watch/list", "/gallery", f"/drawings/{job}")]
    assert [page.status_code for page in pages] == [200] * 5
    assert "Animated before" in pages[3].text
    assert "not animated again" in pages[4].text

"""Access layer: Host, sign-in, cross-site requests, limits and headers; with the attacks that each is for."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from web_spool import NAME, WebSpool, image_bytes

from daemon.commands.web import make_link
from daemon.files.filenames import shown_name
from daemon.settings import Settings
from daemon.web.access import COOKIE
from daemon.web.limits import BodyTooLarge, BodyTooSlow, RateLimit, limited_body
from daemon.web.serve import listen
from daemon.web.site import make_site
from daemon.web.tokens import CODE_S, SESSION_S, SecretStore
from pipeline.errors import OptionError

PNG = image_bytes()


@pytest.fixture
def token(spool: WebSpool) -> str:
    return SecretStore(spool.layout).make_token("lea")


def post(client: TestClient, **headers: str) -> int:
    return client.post(
        "/v1/drawings", files={"file": ("a.png", PNG)}, headers={name.replace("_", "-"): value for name, value in headers.items()}
    ).status_code


# --- Host ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8321", "", "[::1", "10.0.0.1", "localhost@evil.example"]
)
def test_rebound_host_is_refused(client: TestClient, host: str) -> None:
    for path in ("/", "/v1/jobs", "/healthz", "/static/site.css"):
        assert client.get(path, headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8321", "127.0.0.1:1", "[::1]:8321", "localhost."])
def test_own_host_is_served(client: TestClient, host: str) -> None:
    assert client.get("/v1/jobs", headers={"Host": host}).status_code == 200


# --- requests of other sites -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),  # a program
        ({"Origin": NAME}, 201),
        ({"Origin": NAME, "Sec_Fetch_Site": "same-origin"}, 201),
        ({"Sec_Fetch_Site": "none"}, 201),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://localhost:9999"}, 403),  # another program on this machine
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Origin": NAME, "Sec_Fetch_Site": "cross-site"}, 403),
        ({"Cookie": f"{COOKIE}=x"}, 403),  # a browser that says nothing about where the request comes from
    ],
)
def test_cross_site_upload_is_refused(client: TestClient, spool: WebSpool, headers: dict[str, str], status: int) -> None:
    assert post(client, **headers) == status
    assert len(spool.inbox()) == (status == 201)


def test_every_unsafe_route_refuses_other_sites(spool: WebSpool) -> None:
    job = spool.fail("a.png")
    foreign = {"Origin": "http://evil.example"}
    with spool.client() as client:
        for method, path in (
            ("POST", f"/v1/jobs/{job}/retry"),
            ("DELETE", f"/v1/jobs/{job}"),
            ("POST", f"/v1/jobs/{job}/again"),
            ("POST", f"/drawings/{job}/remove"),
            ("POST", f"/drawings/{job}/retry"),
            ("POST", "/sign-in"),
            ("POST", "/sign-out"),
        ):
            assert client.request(method, path, headers=foreign).status_code == 403
    assert (spool.layout.failed / "a.png").exists()


# --- sign-in -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/watch", "/gallery", "/v1/jobs", "/metrics", "/openapi.json", "/v1/events", "/drawings/x"])
def test_token_is_needed_once_there_is_one(client: TestClient, token: str, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="doodled"')
    if path != "/v1/events":
        assert client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code in {200, 404}
    assert client.get(path, headers={"Authorization": f"Bearer {token}x"}).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer "}).status_code == 401


@pytest.mark.parametrize("headers", [{"Origin": NAME}, {"Sec-Fetch-Site": "same-origin"}, {"Cookie": f"{COOKIE}=old", "Origin": NAME}])
def test_page_whose_session_has_ended_hears_of_no_token(client: TestClient, token: str, headers: dict[str, str]) -> None:
    del token
    answer = client.post("/v1/drawings", files={"file": ("a.png", PNG)}, headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (401, "you are signed out")
    program = client.post("/v1/drawings", files={"file": ("a.png", PNG)}, headers={**headers, "Authorization": "Bearer old"})
    assert (program.status_code, program.json()["detail"]) == (401, "a token is needed")


def test_open_paths_say_nothing_about_drawings(spool: WebSpool, token: str) -> None:
    del token
    spool.publish("secret.png")
    with spool.client() as client:
        for path in ("/healthz", "/readyz", "/sign-in", "/static/site.css"):
            answer = client.get(path)
            assert answer.status_code == 200
            assert "secret" not in answer.text.replace('name="secret" id="secret"', "")
        assert client.get("/static/../app.py").status_code == 401
        assert client.get("/static/%2e%2e/app.py").status_code == 404


def test_browser_is_sent_to_sign_in_and_back(client: TestClient, token: str) -> None:
    html = {"Accept": "text/html"}
    sent = client.get("/gallery", headers=html, follow_redirects=False)
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=gallery")
    wrong = client.post("/sign-in", data={"secret": "wrong"}, headers={"Origin": NAME})
    assert (wrong.status_code, "not valid" in wrong.text) == (403, True)
    done = client.post("/sign-in", data={"secret": token, "next": "gallery"}, headers={"Origin": NAME}, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, "/gallery")
    cookie = done.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age="))
    assert "Secure" not in cookie
    assert token not in cookie
    assert client.get("/gallery", headers=html).status_code == 200
    assert "Sign out" in client.get("/gallery", headers=html).text
    assert client.post("/sign-out", headers={"Origin": NAME}, follow_redirects=False).status_code == 303
    assert client.get("/v1/jobs").status_code == 401


def test_cookie_is_secure_behind_https(spool: WebSpool, token: str) -> None:
    with TestClient(spool.app(), base_url="https://localhost") as client:
        done = client.post("/sign-in", data={"secret": token}, headers={"Origin": "https://localhost"}, follow_redirects=False)
        assert "Secure" in done.headers["set-cookie"]


@pytest.mark.parametrize(
    ("web", "address"),
    [
        ("", "http://localhost:8321"),
        ('path = "/doodled/"', "http://localhost:8321/doodled"),
        ('names = ["example.org"]\npath = "/doodled"', "https://example.org/doodled"),
        ('host = "0.0.0.0"\nnames = ["pi.local"]', "http://pi.local:8321"),
        ('host = "192.168.1.5"', "http://192.168.1.5:8321"),
        ('host = "fd00::5"', "http://[fd00::5]:8321"),
        ('host = "127.0.0.2"', "http://127.0.0.2:8321"),
        ('host = "::1"', "http://localhost:8321"),
    ],
)
def test_link_leads_to_where_browsers_reach_the_site(spool: WebSpool, tmp_path: Path, web: str, address: str) -> None:
    config = tmp_path / "doodled.toml"
    config.write_text(f'root = "{spool.layout.root}"\n[web]\n{web}\n')
    SecretStore(spool.layout).make_token("lea")
    assert make_link(config, {}, None).partition("/sign-in#")[0] == address
    assert make_link(config, {}, "https://example.com/").startswith("https://example.com/sign-in#")


def test_one_time_code_works_once_and_not_for_long(client: TestClient, spool: WebSpool, token: str) -> None:
    del token
    store = SecretStore(spool.layout)
    code = store.make_code()
    origin = {"Origin": NAME}
    assert client.post("/sign-in", data={"secret": code}, headers=origin, follow_redirects=False).status_code == 303
    assert client.get("/v1/jobs").status_code == 200
    client.cookies.clear()
    assert client.post("/sign-in", data={"secret": code}, headers=origin).status_code == 403
    late = SecretStore(spool.layout, clock=lambda: 4e9)
    assert late.begin_session(store.make_code()) is None


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "javascript:alert(1)", "a\r\nX: y"]
)
def test_sign_in_never_leads_to_another_site(client: TestClient, token: str, target: str) -> None:
    done = client.post("/sign-in", data={"secret": token, "next": target}, headers={"Origin": NAME}, follow_redirects=False)
    assert done.headers["location"] == "/"


def test_sign_ins_are_limited(client: TestClient, token: str) -> None:
    statuses = [client.post("/sign-in", data={"secret": "guess"}, headers={"Origin": NAME}).status_code for _ in range(12)]
    assert statuses[:10] == [403] * 10
    assert statuses[10:] == [429] * 2
    assert client.get("/v1/jobs", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize("other", ['prefs={"a":1}', "a b=c", "=", "x=\xe9"])
def test_odd_cookie_of_another_program_does_not_sign_out(client: TestClient, spool: WebSpool, token: str, other: str) -> None:
    session = SecretStore(spool.layout).begin_session(token)
    for cookies in (f"{other}; {COOKIE}={session}", f"{COOKIE}={session}; {other}"):
        assert client.get("/v1/jobs", headers={b"Cookie": cookies.encode("latin-1")}).status_code == 200
    assert client.delete("/v1/jobs/x", headers={b"Cookie": f"{other}; {COOKIE}={session}".encode("latin-1")}).status_code == 403


def test_revoked_token_ends_its_sessions(client: TestClient, spool: WebSpool, token: str) -> None:
    client.post("/sign-in", data={"secret": token}, headers={"Origin": NAME}, follow_redirects=False)
    assert client.get("/v1/jobs").status_code == 200
    store = SecretStore(spool.layout)
    store.make_token("another")
    store.revoke("lea")
    assert client.get("/v1/jobs").status_code == 401
    assert client.get("/v1/jobs", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_secrets_are_kept_as_hashes_only(spool: WebSpool, token: str) -> None:
    store = SecretStore(spool.layout)
    session, code = store.begin_session(token), store.make_code()
    assert session
    for path in (spool.layout.root / "spool" / "web").rglob("*"):
        assert not any(secret in path.name for secret in (token, session, code))
        assert path.is_dir() or not any(secret.encode() in path.read_bytes() for secret in (token, session, code))
        assert path.stat().st_mode & 0o007 == 0


def test_labels_are_unique_and_expired_secrets_go(spool: WebSpool) -> None:
    now = [1e9]
    store = SecretStore(spool.layout, clock=lambda: now[0])
    store.make_token("lea")
    with pytest.raises(OptionError, match="already"):
        store.make_token("lea")
    with pytest.raises(OptionError, match="no token 'bob'"):
        store.revoke("bob")
    import time

    now[0] = time.time()
    session = store.begin_session(store.make_code())
    assert session
    store.make_code()
    assert store.is_session(session)
    now[0] += CODE_S + 1
    store.remove_expired()
    assert (len(list(store._names("codes"))), len(list(store._names("sessions")))) == (0, 1)
    now[0] += SESSION_S
    assert not store.is_session(session)
    store.remove_expired()
    assert list(store._names("sessions")) == []


def test_long_label_is_kept_whole_or_refused(spool: WebSpool) -> None:
    store = SecretStore(spool.layout)
    for label in ("ä" * 64, "\U0001f600" * 64):
        token = store.make_token(label)
        with pytest.raises(OptionError, match="already"):
            store.make_token(label)
        store.revoke(label)
        assert not store.is_token(token)
    for label in ("", "x" * 65, "a\nb"):
        with pytest.raises(OptionError, match="1 to 64 printable characters"):
            store.make_token(label)


def test_first_token_of_root_belongs_to_the_service(spool: WebSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[Path, tuple[int, int]] = {}
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.chown", lambda path, user, group, **_: given.update({path: (user, group)}))
    SecretStore(spool.layout).make_token("lea")
    web = spool.layout.root / "spool" / "web"
    assert set(given) == {web, web / "tokens", *(web / "tokens").iterdir()}
    owner = web.parent.stat()
    assert set(given.values()) == {(owner.st_uid, owner.st_gid)}


def test_token_that_the_service_could_not_be_given_is_not_valid(spool: WebSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "operation not permitted")

    store = SecretStore(spool.layout)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.chown", refuse)
    with pytest.raises(PermissionError):
        store.make_token("lea")
    assert not store.has_tokens()


def test_full_disk_leaves_no_token_that_nobody_knows(spool: WebSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    store = SecretStore(spool.layout)
    with monkeypatch.context() as full:
        full.setattr("os.write", fail)
        with pytest.raises(OSError, match="no space"):
            store.make_token("lea")
    assert not store.has_tokens()


def test_token_is_in_no_log(client: TestClient, token: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client.get("/v1/jobs", headers={"Authorization": f"Bearer {token}"})
    client.post("/sign-in", data={"secret": token}, headers={"Origin": NAME})
    assert token not in caplog.text


# --- who can reach it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("web", [{"host": "0.0.0.0", "names": ["pi.local"]}, {"host": "192.168.1.5"}, {"names": ["drawings.example.org"]}])
def test_others_need_a_token(spool: WebSpool, web: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="there is no token"):
        spool.site(**web)
    store = SecretStore(spool.layout)
    token = store.make_token("lea")
    app = spool.app(**web)
    with spool.client(app) as client:
        host = {"Host": (web.get("names") or [web.get("host")])[0]}
        assert client.get("/v1/jobs", headers=host).status_code == 401
        assert client.get("/v1/jobs", headers={**host, "Authorization": f"Bearer {token}"}).status_code == 200
        store.revoke("lea")
        assert client.get("/v1/jobs", headers=host).status_code == 401  # without any token left, it stays closed


@pytest.mark.parametrize("host", ["127.0.0.2", "::1", "192.168.1.5"])
def test_site_is_called_by_the_address_that_it_listens_on(spool: WebSpool, host: str) -> None:
    SecretStore(spool.layout).make_token("lea")
    with spool.client(spool.app(host=host)) as client:
        name = f"[{host}]" if ":" in host else host
        assert client.get("/v1/jobs", headers={"Host": f"{name}:8321"}).status_code == 401


def test_every_interface_needs_names(spool: WebSpool) -> None:
    with pytest.raises(OptionError, match="names"):
        make_site(Settings.model_validate({"web": {"host": "0.0.0.0"}}), spool.layout, {})


@pytest.mark.parametrize("sent", ["/doodled/v1/jobs", "/v1/jobs"])
def test_sub_path_of_a_proxy(spool: WebSpool, sent: str) -> None:
    with spool.client(path="/doodled/") as client:
        assert client.get(sent).status_code == 200
        assert 'href="/doodled/static/site.css"' in client.get("/doodled/").text
        assert client.get("/doodled/static/site.css").status_code == 200
        assert client.post("/doodled/v1/drawings", files={"file": ("a.png", PNG)}).headers["location"].startswith("/doodled/v1/jobs/")
        assert client.get("/doodledx/v1/jobs").status_code == 404


# --- limits --------------------------------------------------------------------------------------------------------------


def test_oversized_bodies_are_refused(client: TestClient, spool: WebSpool) -> None:
    assert client.post("/v1/jobs/x/again", content=b" " * (2 << 20), headers={"Content-Type": "application/json"}).status_code == 413
    huge = {"Content-Length": str(70 << 20), "Content-Type": "image/png"}
    assert client.post("/v1/drawings", content=b"", headers=huge).status_code == 413
    for length in ("x", "-1", "9" * 30):
        assert client.post("/v1/drawings", content=b"", headers={"Content-Length": length}).status_code in {400, 413}
    job = spool.publish("a.png")
    client.app.state.site.index.refresh()  # type: ignore[attr-defined]
    unannounced = (bytes(1 << 20) for _ in range(3))  # without Content-Length
    assert client.post(f"/v1/jobs/{job}/again", content=unannounced).status_code == 413
    assert spool.inbox() == []


def test_uploads_are_limited(spool: WebSpool) -> None:
    with spool.client(uploads_per_minute=3) as client:
        assert [post(client) for _ in range(5)] == [201, 201, 201, 429, 429]
        assert client.get("/v1/jobs").status_code == 200


def test_rate_limit_refills_and_forgets() -> None:
    now = [0.0]
    limit = RateLimit(60, clock=lambda: now[0])
    assert [limit.wait_s("a") for _ in range(61)][-1] == pytest.approx(1.0)
    assert limit.wait_s("b") == 0.0
    now[0] = 1.0
    assert (limit.wait_s("a"), limit.wait_s("a")) == (0.0, pytest.approx(1.0))
    for number in range(10_050):
        limit.wait_s(str(number))
    assert len(limit._buckets) <= 10_000


def receiver(*messages: Any) -> Any:
    queue = list(messages)

    async def receive() -> Any:
        if not queue:
            await asyncio.Event().wait()
        return queue.pop(0)

    return receive


def body(content: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


def test_slow_body_is_given_up() -> None:
    async def run() -> None:
        receive = limited_body(receiver(body(b"x")), 10, idle_s=0.01)
        assert (await receive())["body"] == b"x"
        with pytest.raises(BodyTooSlow):
            await receive()
        dripping = limited_body(receiver(*[body(b"x")] * 100), 1000, start_s=0.0)
        with pytest.raises(BodyTooSlow):
            await dripping()

    asyncio.run(run())


def test_body_is_counted_and_disconnect_is_awaited() -> None:
    async def run() -> None:
        receive = limited_body(receiver(body(b"12345"), body(b"678901")), 10)
        await receive()
        with pytest.raises(BodyTooLarge):
            await receive()
        done = limited_body(receiver(body(b"1", more=False), {"type": "http.disconnect"}), 10, idle_s=0.0001, start_s=9)
        await done()
        assert (await done())["type"] == "http.disconnect"

    asyncio.run(run())


def test_cancelled_upload_is_no_defect(spool: WebSpool, caplog: pytest.LogCaptureFixture) -> None:
    head = [(b"host", b"localhost"), (b"content-type", b"image/png"), (b"content-length", b"1000")]
    scope = {"type": "http", "method": "POST", "path": "/v1/drawings", "raw_path": b"/v1/drawings", "headers": head}
    scope |= {"query_string": b"", "client": ("127.0.0.1", 1), "server": ("localhost", 80), "scheme": "http", "http_version": "1.1"}
    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    asyncio.run(spool.app()(scope, receiver(body(PNG), {"type": "http.disconnect"}), send))
    assert (answers, caplog.records) == ([], [])
    assert list(spool.layout.inbox.iterdir()) == []


# --- headers and texts -----------------------------------------------------------------------------------------------------


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*1111117}}"


def test_hostile_texts_are_shown_as_text(spool: WebSpool) -> None:
    name = HOSTILE.replace("/", "_") + ".png"
    done = spool.publish("a.png", source={"name": HOSTILE}, notes=[HOSTILE])
    failed = spool.fail("b.png", message=HOSTILE, what_to_do=HOSTILE, error_type=HOSTILE)
    waiting = spool.drop(name)
    job, left = spool.claim(HOSTILE.replace("/", "_")), shown_name(spool.drop(f"left{name}").name)
    spool.report(deferred={job: HOSTILE}, rejected=[{"name": left, "why": HOSTILE}])
    spool.drop("c.png", "<b>bold")
    with spool.client() as client:
        ids = [each["id"] for each in client.get("/v1/jobs").json()["jobs"]]
        assert len(ids) == 6
        paths = ["/", "/watch", "/watch/list", "/gallery", f"/share/{done}/{client.app.state.site.signature(done)}/"]  # type: ignore[attr-defined]
        for path in [*paths, *(f"/drawings/{each}" for each in ids)]:
            answer = client.get(path)
            assert answer.status_code == 200, path
            for tag in ("<script>alert", "<img src=x", "<b>bold", "7777819"):
                assert tag not in answer.text, (path, tag)
        assert "&lt;script&gt;" in client.get(f"/drawings/{failed}").text
    assert waiting.exists()


def test_damaged_manifests_and_reports_are_skipped(spool: WebSpool) -> None:
    spool.publish("good.png")
    for number, text in enumerate(
        ("{", "[]", "[" * 100_000, '{"job_id": 1}', "x" * 300_000, '{"outputs": [{"file": "../../etc/passwd"}]}')
    ):
        (spool.layout.outbox / f"{number}.json").write_text(text)
        (spool.layout.failed / f"{number}.png").touch()
        (spool.layout.failed / f"{number}.png.error.json").write_text(text)
    spool.publish("way.png", outputs=[{"file": "../good.wave.gif", "format": "gif"}])
    (spool.layout.status / "01JAAAAAAAAAAAAAAAAAAAAAAB.json").write_text('{"running": 7, "deferred": [1], "summary": {"a": 1}}')
    with spool.client() as client:
        assert [each["name"] for each in client.get("/v1/jobs").json()["jobs"]] == ["good.png"]
        assert client.get("/watch").status_code == 200


@pytest.mark.parametrize(
    ("output", "more"),
    [
        ({"file": "b\udcff.gif"}, {}),
        ({"duration_ms": float("nan")}, {}),
        ({"duration_ms": "inf"}, {}),
        ({"sha256": "\N{SNOWMAN}"}, {}),
        ({"sha256": 'a"b'}, {}),
        ({}, {"stages_ms": {"render": float("nan")}}),
        ({}, {"stages_ms": {"render": 1e308, "encode": 1e308}}),
    ],
)
def test_manifest_with_impossible_values_hides_no_other_drawing(spool: WebSpool, output: dict[str, Any], more: dict[str, Any]) -> None:
    good = spool.publish("good.png")
    fields = {"file": "b.gif", "format": "gif", **output}
    spool.publish("bad.png", outputs=[fields], **more)
    (spool.layout.outbox / fields["file"]).write_bytes(b"GIF89a")
    waiting = spool.drop("waiting.png")
    spool.report()
    with spool.client() as client:
        answer = client.get("/v1/jobs")
        assert answer.status_code == 200
        assert {each["name"] for each in answer.json()["jobs"]} == {"good.png", waiting.name}
        for path in ("/", "/watch", "/gallery", f"/v1/jobs/{good}"):
            assert client.get(path).status_code == 200, path


def test_policy_allows_no_inline_code(client: TestClient, spool: WebSpool) -> None:
    spool.publish("a.png")
    import re

    for path in ("/", "/watch", "/gallery", "/sign-in", "/nothing-here"):
        answer = client.get(path, headers={"Accept": "text/html"})
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|javascript:", answer.text), path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_no_answer_names_a_path_of_this_machine(client: TestClient, spool: WebSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(spool.layout.root)
    job = spool.fail("a.png", message=f"{root}/inbox/a.png can't be read")

    def break_down(*_: object) -> None:
        raise RuntimeError(root)

    client.app.state.site.index.refresh()  # type: ignore[attr-defined]
    answers = [client.get(f"/v1/jobs/{job}"), client.get("/v1/jobs/x"), client.get("/nothing"), client.post("/v1/drawings")]
    monkeypatch.setattr("daemon.web.api.job_answer", break_down)
    answers.append(client.get(f"/v1/jobs/{job}"))
    assert answers[-1].status_code == 500
    for answer in answers:
        assert root not in answer.text, answer.url
        assert "Traceback" not in answer.text


def test_shared_link_shows_one_drawing_without_sign_in(spool: WebSpool) -> None:
    job, other = spool.publish("a.png"), spool.publish("b.png")
    failed = spool.fail("c.png")
    SecretStore(spool.layout).make_token("lea")
    with spool.client() as client:
        site = client.app.state.site  # type: ignore[attr-defined]
        link = f"/share/{job}/{site.signature(job)}/"
        assert client.get(link).status_code == 200
        assert client.get(f"{link}outputs/a.wave.gif").status_code == 200
        assert client.get(f"{link}thumbnail").status_code == 200
        assert client.get(f"/share/{other}/{site.signature(job)}/").status_code == 404
        assert client.get(f"/share/{failed}/{site.signature(failed)}/").status_code == 404
        assert client.get(f"/share/{job}/é/").status_code == 404
        assert "Remove" not in client.get(link).text
    with spool.client() as restarted:
        assert restarted.get(link).status_code == 200


def test_full_disk_leaves_no_empty_key_of_share_links(spool: WebSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    site = spool.site()
    with monkeypatch.context() as full:
        full.setattr("os.fsync", fail)
        with pytest.raises(OSError, match="no space"):
            site.signature("x")
    folder = spool.layout.root / "spool" / "web"
    assert list(folder.iterdir()) == []
    (folder / "share.key").touch()  # as a crash may leave it
    signature = spool.site().signature("x")
    assert len((folder / "share.key").read_bytes()) == 32
    assert spool.site().signature("x") == signature


def test_page_of_a_drawing_without_a_key_of_share_links(spool: WebSpool) -> None:
    job = spool.publish("a.png")
    folder = spool.layout.root / "spool" / "web"
    folder.write_text("no folder: nothing can be written below it, as on a full disk")
    with spool.client() as client:
        page = client.get(f"/drawings/{job}")
        assert page.status_code == 200
        assert "a.wave.gif" in page.text
        assert "without signing in" not in page.text
        folder.unlink()
        assert "without signing in" in client.get(f"/drawings/{job}").text


def test_accepted_connections_send_without_delay() -> None:
    """Nagle's algorithm would hold back the body of an answer until its head is acknowledged."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

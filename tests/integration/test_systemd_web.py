"""The web application as a service: installed with `systemd/install --with-web` on a booted Debian, and used through its socket."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import partial

import pytest
import requests
from PIL import Image, ImageOps

from tests.integration.booted import CHECKOUT
from tests.integration.installed_doodled import LONG, SPOOL, InstalledDoodled, exposure

SITE = "http://localhost:8321"
PHOTOGRAPH = CHECKOUT / "etc" / "drawings" / "mouse_monster.jpg"


@pytest.fixture(scope="module")
def web(installed: InstalledDoodled) -> Iterator[InstalledDoodled]:
    """Machine and web application; it shares the network of this machine."""
    installed.install("--with-web")
    installed.restart()
    installed.machine.wait_for(is_ready, "the web application answers")
    yield installed
    installed.machine.run("systemctl", "disable", "--now", "doodled-web")


def is_ready() -> bool:
    try:
        return requests.get(f"{SITE}/readyz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def is_in(job: str, state: str) -> bool:
    return bool(requests.get(f"{SITE}/v1/jobs/{job}", timeout=10).json().get("state") == state)


def test_uploads_are_animated_retried_and_removed(web: InstalledDoodled) -> None:
    with PHOTOGRAPH.open("rb") as photograph:
        answer = requests.post(
            f"{SITE}/v1/drawings", files={"file": photograph}, data={"options": json.dumps({"motions": ["dab"]})}, timeout=30
        )
    assert answer.status_code == 201, answer.text
    job = answer.json()["id"]
    web.machine.wait_for(lambda: is_in(job, "done"), "the upload is animated")
    (output,) = requests.get(f"{SITE}/v1/jobs/{job}", timeout=10).json()["outputs"]
    assert len(requests.get(f"{SITE}/{output['url']}", timeout=10).content) == output["bytes"]
    (again,) = requests.post(f"{SITE}/v1/jobs/{job}/again", json={"motions": ["wave"]}, timeout=30).json()
    web.machine.wait_for(lambda: is_in(again["id"], "done"), "the other motion is there, too")
    assert requests.delete(f"{SITE}/v1/jobs/{job}", timeout=10).status_code == 204
    assert not web.place("outbox", output["name"]).exists()

    web.as_person(f"mkdir -m 2770 /{SPOOL}/inbox/wave; cat >/{SPOOL}/inbox/wave/words.png", text="just words")
    web.machine.wait_for(lambda: found("failed", "words.png"), "a person's file has failed")
    assert requests.post(f"{SITE}/v1/jobs/{found('failed', 'words.png')}/retry", timeout=10).status_code == 202
    web.machine.wait_for(lambda: not found("failed", "words.png"), "it is tried again")
    web.machine.wait_for(lambda: found("failed", "words.png"), "it has failed again")
    assert requests.delete(f"{SITE}/v1/jobs/{found('failed', 'words.png')}", timeout=10).status_code == 204

    web.drop("wave/mine.jpg")
    web.machine.wait_for(lambda: found("done", "wave/mine.jpg"), "a person's drawing is animated")
    mine = found("done", "wave/mine.jpg")
    assert requests.delete(f"{SITE}/v1/jobs/{mine}", timeout=10).status_code == 204  # in a folder that the daemon has made
    assert not web.place("outbox", "wave", "mine.gif").exists()


def test_doubtful_drawings_are_approved_retried_and_discarded(web: InstalledDoodled) -> None:
    """The daemon makes their folders, and the web application moves and removes what is in them as a member of the group."""
    whole, buffer = Image.open(PHOTOGRAPH), io.BytesIO()
    half = whole.crop((whole.width // 2, 0, whole.width, whole.height))
    # With paper around it, since a figure that the edge of its image cuts in half is refused.
    ImageOps.expand(half, 200, whole.getpixel((0, 0))).save(buffer, "JPEG")
    jobs = []
    for name in ("approved.jpg", "retried.jpg"):
        data = {"options": json.dumps({"motions": ["dab"], "review": True})}
        answer = requests.post(f"{SITE}/v1/drawings", files={"file": (name, buffer.getvalue())}, data=data, timeout=30)
        jobs.append(answer.json()["id"])
    approved, retried = jobs
    for job in jobs:
        web.machine.wait_for(partial(is_in, job, "review"), f"{job} waits for review")
    assert requests.post(f"{SITE}/v1/jobs/{approved}/approve", timeout=10).status_code == 202
    assert requests.post(f"{SITE}/v1/jobs/{retried}/retry", timeout=10).status_code == 202
    web.machine.wait_for(partial(is_in, approved, "done"), "it is animated as it is")
    web.machine.wait_for(partial(is_in, retried, "review"), "the other one waits again")
    assert requests.delete(f"{SITE}/v1/jobs/{retried}", timeout=10).status_code == 204
    assert list(web.place("review").iterdir()) == []


def test_running_drawing_is_seen_moving(web: InstalledDoodled) -> None:
    """The web application may touch its mark in the inbox, and read the preview that a worker writes; they are two users of one group."""
    with PHOTOGRAPH.open("rb") as photograph:
        answer = requests.post(f"{SITE}/v1/drawings", files={"file": photograph}, data={"options": json.dumps(LONG)}, timeout=30)
    job = answer.json()["id"]
    assert preview_of(job).startswith(b"GIF89a")
    assert web.machine.output("stat", "-c", "%U", f"/{SPOOL}/inbox/.web-viewers").strip() == "doodled-web"
    web.machine.wait_for(lambda: is_in(job, "done"), "the upload is animated")
    assert requests.get(f"{SITE}/v1/jobs/{job}/preview.gif", timeout=10).status_code == 404


def preview_of(job: str) -> bytes:
    """What a follower of a job's events gets as its preview; nothing if there was none."""
    with requests.get(f"{SITE}/v1/jobs/{job}/events", stream=True, timeout=120) as stream:
        for line in stream.iter_lines():
            preview = json.loads(line[6:])["preview"] if line.startswith(b"data: ") else None
            if preview is not None:
                return requests.get(f"{SITE}/{preview}", timeout=10).content
    return b""


def found(state: str, name: str) -> str:
    """The id of the drawing whose name ends so, if the web application knows one in this state."""
    jobs = requests.get(f"{SITE}/v1/jobs?state={state}", timeout=10).json()["jobs"]
    return next((str(each["id"]) for each in jobs if each["name"].endswith(name)), "")


def test_the_sandbox_is_tight(web: InstalledDoodled) -> None:
    assert exposure(web, "doodled-web.service") <= 1.5
    pid = web.machine.service_property("doodled-web", "MainPID")
    mounts = web.machine.output("cat", f"/proc/{pid}/mounts")
    options = {line.split()[1]: line.split()[3].split(",")[0] for line in mounts.splitlines()}
    assert (options[f"/{SPOOL}"], options[f"/{SPOOL}/spool"], options[f"/{SPOOL}/spool/web"]) == ("rw", "ro", "rw")
    assert web.machine.output("stat", "-c", "%U %a", f"/{SPOOL}/spool/web").strip() == "doodled-web 700"


def test_a_token_closes_it_at_once(web: InstalledDoodled) -> None:
    assert requests.get(f"{SITE}/v1/jobs", timeout=10).status_code == 200
    token = web.machine.output("doodled", "web", "token", "test").strip()
    try:
        assert requests.get(f"{SITE}/v1/jobs", timeout=10).status_code == 401
        assert requests.get(f"{SITE}/v1/jobs", headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code == 200
        link = web.machine.output("doodled", "web", "link").strip()
        code = link.partition("#")[2]
        browser = requests.Session()
        browser.headers["Origin"] = SITE
        assert browser.post(f"{SITE}/sign-in", data={"secret": code}, timeout=10).status_code == 200
        assert browser.get(f"{SITE}/v1/jobs", timeout=10).status_code == 200
    finally:
        web.machine.run("doodled", "web", "revoke", "test")
    assert requests.get(f"{SITE}/v1/jobs", timeout=10).status_code == 200


def test_upgrade_without_the_option_renews_the_unit_and_enables_nothing(web: InstalledDoodled) -> None:
    unit = web.sources / "systemd" / "doodled-web.service"
    before, installed = unit.read_text(), web.machine.root / "usr/local/lib/systemd/system/doodled-web.service"
    unit.write_text(f"{before}# new\n")
    try:
        web.install()
        web.machine.wait_for(is_ready, "the web application answers")
        assert installed.read_text().endswith("# new\n")
        web.machine.run("systemctl", "disable", "--now", "doodled-web")
        unit.write_text(before)
        web.install()
        assert installed.read_text() == before
        assert web.machine.run("systemctl", "is-enabled", "doodled-web", check=False).stdout.strip() == "disabled"
        assert web.machine.service_property("doodled-web", "ActiveState") == "inactive"
    finally:
        unit.write_text(before)
        web.machine.run("systemctl", "enable", "--now", "doodled-web")
        web.machine.wait_for(is_ready, "the web application answers again")

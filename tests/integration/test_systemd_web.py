"""The web application as a service: installed with `systemd/install --with-web` on a booted Debian, and used through its socket."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests

from tests.integration.booted import CHECKOUT
from tests.integration.installed_doodled import SPOOL, InstalledDoodled, exposure

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


def state(job: str) -> str:
    return str(requests.get(f"{SITE}/v1/jobs/{job}", timeout=10).json().get("state"))


def test_uploads_are_animated_retried_and_removed(web: InstalledDoodled) -> None:
    with PHOTOGRAPH.open("rb") as photograph:
        answer = requests.post(
            f"{SITE}/v1/drawings", files={"file": photograph}, data={"options": json.dumps({"motions": ["dab"]})}, timeout=30
        )
    assert answer.status_code == 201, answer.text
    job = answer.json()["id"]
    web.machine.wait_for(lambda: state(job) == "done", "the upload is animated")
    (output,) = requests.get(f"{SITE}/v1/jobs/{job}", timeout=10).json()["outputs"]
    assert len(requests.get(f"{SITE}/{output['url']}", timeout=10).content) == output["bytes"]
    (again,) = requests.post(f"{SITE}/v1/jobs/{job}/again", json={"motions": ["wave"]}, timeout=30).json()
    web.machine.wait_for(lambda: state(again["id"]) == "done", "the other motion is there, too")
    assert requests.delete(f"{SITE}/v1/jobs/{job}", timeout=10).status_code == 204
    assert not web.place("outbox", output["name"]).exists()

    web.as_person(f"mkdir -m 2770 /{SPOOL}/inbox/wave; cat >/{SPOOL}/inbox/wave/words.png", text="just words")
    web.machine.wait_for(lambda: failed() is not None, "a person's file has failed")
    assert requests.post(f"{SITE}/v1/jobs/{failed()}/retry", timeout=10).status_code == 202
    web.machine.wait_for(lambda: failed() is None, "it is tried again")
    web.machine.wait_for(lambda: failed() is not None, "it has failed again")
    assert requests.delete(f"{SITE}/v1/jobs/{failed()}", timeout=10).status_code == 204

    web.drop("wave/mine.jpg")
    web.manifest("wave/mine.jpg")
    mine = next(each for each in requests.get(f"{SITE}/v1/jobs?state=done", timeout=10).json()["jobs"] if each["name"] == "wave/mine.jpg")
    assert requests.delete(f"{SITE}/v1/jobs/{mine['id']}", timeout=10).status_code == 204  # in a folder that the daemon has made
    assert not web.place("outbox", "wave", "mine.gif").exists()


def failed() -> str | None:
    found = [each for each in requests.get(f"{SITE}/v1/jobs?state=failed", timeout=10).json()["jobs"] if each["name"].endswith("words.png")]
    return str(found[0]["id"]) if found else None


def test_the_sandbox_is_tight(web: InstalledDoodled) -> None:
    assert exposure(web, "doodled-web.service") <= 1.5
    pid = web.machine.shown("doodled-web", "MainPID")
    mounts = web.machine.said("cat", f"/proc/{pid}/mounts")
    options = {line.split()[1]: line.split()[3].split(",")[0] for line in mounts.splitlines()}
    assert (options[f"/{SPOOL}"], options[f"/{SPOOL}/spool"], options[f"/{SPOOL}/spool/web"]) == ("rw", "ro", "rw")
    assert web.machine.said("stat", "-c", "%U %a", f"/{SPOOL}/spool/web").strip() == "doodled-web 700"


def test_a_token_closes_it_at_once(web: InstalledDoodled) -> None:
    assert requests.get(f"{SITE}/v1/jobs", timeout=10).status_code == 200
    token = web.machine.said("doodled", "web", "token", "test").strip()
    try:
        assert requests.get(f"{SITE}/v1/jobs", timeout=10).status_code == 401
        assert requests.get(f"{SITE}/v1/jobs", headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code == 200
        link = web.machine.said("doodled", "web", "link").strip()
        code = link.partition("#")[2]
        browser = requests.Session()
        browser.headers["Origin"] = SITE
        assert browser.post(f"{SITE}/sign-in", data={"secret": code}, timeout=10).status_code == 200
        assert browser.get(f"{SITE}/v1/jobs", timeout=10).status_code == 200
    finally:
        web.machine.run("doodled", "web", "revoke", "test")
    assert requests.get(f"{SITE}/v1/jobs", timeout=10).status_code == 200

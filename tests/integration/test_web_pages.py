"""The pages in Chromium, as a person uses them: on a phone and a desktop, by keyboard, dark, still, enlarged; and what axe-core finds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from browser import Browser, browser
from served_web import ROOT, served_web
from waiting import PATIENCE_S, until
from web_spool import WebSpool

from daemon.spool.previews import VIEWERS
from tests.integration.axe import faults

pytestmark = pytest.mark.gl

SMALL = {"DOODLED_ANIMATION_SIZE": "96x96", "DOODLED_ANIMATION_FPS": "5", "DOODLED_JOBS_WORKERS": "1", "DOODLED_STORAGE_RESERVE_MB": "0"}
PHOTOGRAPH = ROOT / "etc" / "drawings" / "mouse_monster.jpg"
SCREENS = {"phone": (390, 844, True), "desktop": (1280, 800, False)}
BIG = "<b>big</b>"


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSpool]:
    """A spool with a running daemon, a published drawing, and failed ones."""
    spool = WebSpool(tmp_path_factory.mktemp("pages"))
    for number in range(60):
        spool.publish(f"older{number}.png", at_s=1_750_000_000 + number)
    for name in ("first.png", "second.png", BIG.replace("/", "_") + ".png"):
        spool.fail(name, message=f"no figure was found {BIG}")
    environ = {**os.environ, **SMALL, "PYTHONPATH": str(ROOT), "DOODLED_ROOT": str(spool.layout.root), "DOODLED_LOG_FORMAT": "json"}
    log = (spool.layout.root / "log").open("wb")
    with log, subprocess.Popen([sys.executable, "-m", "daemon", "run"], env=environ, stdout=log) as daemon:
        try:
            until(lambda: any(spool.layout.status.glob("*.json")))
            yield spool
        finally:
            daemon.terminate()
            daemon.wait(60)


@pytest.fixture(scope="module")
def site(spool: WebSpool) -> Iterator[str]:
    with served_web(spool.layout.root, SMALL) as url:
        yield url


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Browser]:
    with browser(tmp_path / "profile") as page:
        page.screen(1280, 800)
        yield page


def text(page: Browser) -> str:
    """What can be read on a page; nothing while the next one is loaded."""
    return str(page.value("document.getElementById('main')?.innerText ?? ''"))


def overflows(page: Browser) -> bool:
    """Whether a page has to be scrolled sideways."""
    return bool(page.value("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize("screen", SCREENS)
def test_drops_photograph_and_sees_it_done(site: str, page: Browser, screen: str) -> None:
    width, height, is_phone = SCREENS[screen]
    page.screen(width, height, is_phone=is_phone)
    page.go(f"{site}/")
    assert page.value("document.getElementById('send').disabled")
    assert page.value("getComputedStyle(document.querySelector('.camera')).display !== 'none'") == is_phone
    page.choose_files("#files", PHOTOGRAPH)
    until(lambda: "mouse_monster.jpg" in text(page))
    page.value("document.querySelector('[value=dab]').click()")
    page.value("document.getElementById('send').scrollIntoView({block: 'center'})")
    page.click("document.getElementById('send')")
    until(lambda: page.value("document.querySelectorAll('.upload.done').length") == 1)
    assert page.value("document.getElementById('announcer').textContent") == "mouse_monster.jpg is animated"
    page.go(str(page.value("document.querySelector('.upload a').href")))
    until(lambda: page.value("[...document.querySelectorAll('.stage img')].every((image) => image.naturalWidth === 96)"))
    assert {"Wave", "Dab"} <= set(text(page).splitlines())
    until(lambda: page.value("document.querySelector('.original img').naturalWidth") > 100)
    assert not overflows(page)
    assert [each for each in page.complaints if '"EventSource"' not in each] == []  # a stream ends when its page is left


def test_more_motions_have_the_options_of_the_first(site: str, page: Browser) -> None:
    page.go(f"{site}/")
    page.choose_files("#files", PHOTOGRAPH)
    page.value("for (const each of document.querySelectorAll('[name=formats]')) each.checked = each.value === 'apng'")
    page.value("document.querySelector('[name=backdrop][value=white]').checked = true")
    page.value("document.getElementById('send').click()")
    until(lambda: page.value("document.querySelectorAll('.upload.done').length") == 1)
    first = str(page.value("document.querySelector('.upload a').href"))
    page.go(first)
    page.value("document.querySelector('#again [value=dab]').click()")
    page.value("document.getElementById('again').requestSubmit()")
    until(lambda: page.value(f"location.href !== '{first}' && document.querySelector('.stage img')?.naturalWidth") == 96)
    assert "APNG" in text(page)
    assert "GIF" not in text(page)


def test_pages_of_a_document_are_shown(site: str, page: Browser, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.write(PHOTOGRAPH, "anna.jpg")
        archive.writestr("ben.jpg", "just words")
    page.go(f"{site}/")
    page.choose_files("#files", tmp_path / "class.zip")
    until(lambda: "class.zip" in text(page))
    page.value("document.getElementById('send').click()")
    until(lambda: "done; 1 of its pages could not be animated" in text(page))
    page.go(str(page.value("document.querySelector('.upload a').href")))
    until(lambda: page.value("document.querySelector('.stage img').naturalWidth") == 96)
    assert "ben.jpg (page 2): the file is text" in text(page)
    assert "Page 1: wave" in text(page).splitlines()


def test_refused_file_says_why(site: str, page: Browser, tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("just words")
    (tmp_path / "empty.png").touch()
    page.go(f"{site}/")
    page.choose_files("#files", tmp_path / "words.png", tmp_path / "empty.png")
    until(lambda: "the file is empty" in text(page))
    page.click("document.getElementById('send')")
    until(lambda: "the file is text: expected an image" in text(page))
    assert page.value("document.querySelectorAll('.upload.failed').length") == 2
    for left in (1, 0):
        page.click("document.querySelector('.upload.failed button')")
        assert page.value("document.querySelectorAll('.upload').length") == left


def test_refused_upload_is_sent_again(site: str, page: Browser) -> None:
    page.go(f"{site}/")
    page.choose_files("#files", PHOTOGRAPH)
    page.value("document.querySelector('[name=size]').append(new Option('huge', '9999x9999', true, true))")
    page.click("document.getElementById('send')")
    until(lambda: "size must be" in text(page))
    page.value("document.querySelector('[value=\"9999x9999\"]').remove()")
    page.click("[...document.querySelectorAll('.upload button')].find((button) => button.innerText.startsWith('Try again'))")
    until(lambda: page.value("document.querySelectorAll('.upload.done').length") == 1)


def test_file_that_has_gone_and_folder_are_not_sent_again_and_again(site: str, page: Browser, tmp_path: Path) -> None:
    page.go(f"{site}/")
    (tmp_path / "gone.jpg").write_bytes(PHOTOGRAPH.read_bytes())
    page.choose_files("#files", tmp_path / "gone.jpg")
    until(lambda: "gone.jpg" in text(page))
    (tmp_path / "gone.jpg").unlink()
    (tmp_path / "scans").mkdir()
    x, y = page.middle("document.getElementById('zone')")
    for kind in ("dragEnter", "dragOver", "drop"):
        dropped = {"items": [], "files": [str(tmp_path / "scans")], "dragOperationsMask": 1}
        page.ask("Input.dispatchDragEvent", type=kind, x=x, y=y, data=dropped)
    until(lambda: "scans" in text(page))
    page.click("document.getElementById('send')")
    until(lambda: text(page).count("it can't be read") == 2)
    assert "trying again" not in text(page)


def test_upload_of_a_signed_out_page_is_sent_again(site: str, page: Browser) -> None:
    page.go(f"{site}/")
    page.choose_files("#files", PHOTOGRAPH)
    page.ask("Fetch.enable", patterns=[{"urlPattern": "*/v1/drawings"}])
    page.click("document.getElementById('send')")
    page.answer_paused(401)
    page.ask("Fetch.disable")
    until(lambda: "Try again" in text(page))
    page.click("[...document.querySelectorAll('.upload button')].find((button) => button.innerText.startsWith('Try again'))")
    until(lambda: page.value("document.querySelectorAll('.upload.done').length") == 1)


def test_stream_comes_back_after_an_error(site: str, spool: WebSpool, page: Browser) -> None:
    """A browser does not open a stream again that was answered with an error."""
    page.ask("Fetch.enable", patterns=[{"urlPattern": "*/v1/events"}])
    page.ask("Page.navigate", url=f"{site}/watch")
    page.answer_paused(503)
    page.ask("Fetch.disable")
    spool.fail("fourth.png")
    until(lambda: "fourth.png" in text(page))


def test_hidden_tab_has_no_stream(site: str, page: Browser) -> None:
    """A browser has six connections to a site: with a stream in each of six tabs, it could open no other page of it."""

    def has_streams(count: int) -> Callable[[], bool]:
        return lambda: f"doodled_web_event_streams {count}.0" in requests.get(f"{site}/metrics", timeout=PATIENCE_S).text

    until(has_streams(0))
    page.go(f"{site}/watch")
    until(has_streams(1))
    for is_hidden, count in ((True, 0), (False, 1)):
        page.value(f"Object.defineProperty(document, 'hidden', {{ value: {str(is_hidden).lower()}, configurable: true }})")
        page.value("document.dispatchEvent(new Event('visibilitychange'))")
        until(has_streams(count))


def test_finds_a_motion(site: str, page: Browser) -> None:
    page.go(f"{site}/")
    page.value("document.getElementById('filter').value = 'air gui'")
    page.value("document.getElementById('filter').dispatchEvent(new Event('input'))")
    assert page.value(
        "[...document.querySelectorAll('#motions li')].filter((item) => item.checkVisibility()).map((item) => item.innerText.trim())"
    ) == ["Air guitar"]
    drawn = (
        "[...document.querySelector('[data-motion=air_guitar]').getContext('2d').getImageData(0, 0, 200, 200).data].some((value) => value)"
    )
    until(lambda: page.value(drawn))


def test_gallery_loads_more_on_scrolling(site: str, page: Browser) -> None:
    page.go(f"{site}/gallery")
    count = "document.querySelectorAll('.result').length"
    before = page.value(count)
    assert before >= 24
    until(lambda: page.value(f"(window.scrollTo(0, document.body.scrollHeight), {count})") >= 60)


def press_until(page: Browser, question: str, key: str = "Tab") -> None:
    """Press a key until a question about the focused element is true."""
    for _ in range(80):
        if page.value(f"((element) => {question})(document.activeElement)"):
            return
        page.press(key)
    raise AssertionError(question)


def test_keyboard_alone_discards_a_failure(site: str, spool: WebSpool, page: Browser) -> None:
    page.go(f"{site}/watch")
    page.press("Tab")
    assert page.value("document.activeElement.textContent") == "Skip to the content"
    press_until(page, "element.textContent.startsWith('Discard') && element.closest('li').innerText.includes('first.png')")
    page.press("Enter")
    assert page.value("document.getElementById('confirm').open")
    assert page.value("document.activeElement.value") == "no"
    page.press("Escape")
    assert (spool.layout.failed / "first.png").exists()
    press_until(page, "element.textContent.startsWith('Discard') && element.closest('li').innerText.includes('first.png')")
    page.press("Enter")
    press_until(page, "element.value === 'yes'")
    page.press("Enter")
    until(lambda: not (spool.layout.failed / "first.png").exists())
    until(lambda: page.value("document.readyState") == "complete" and "first.png" not in text(page))


def test_keyboard_alone_tries_again(site: str, spool: WebSpool, page: Browser) -> None:
    page.go(f"{site}/watch")
    press_until(page, "element.textContent.startsWith('Try again') && element.closest('li').innerText.includes('second.png')")
    page.press("Enter")  # it is no image, and fails again
    report = spool.layout.failed / "second.png.error.json"
    until(lambda: report.exists() and '"unsupported"' in report.read_text())
    until(lambda: "Drop an image of the drawing" in text(page))


def test_question_is_heeded_though_the_list_was_fetched_again(site: str, spool: WebSpool, page: Browser) -> None:
    spool.fail("third.png")
    row = "[...document.querySelectorAll('li.failed')].find((row) => row.innerText.includes('third.png'))"
    page.go(f"{site}/watch")
    until(lambda: page.value(f"Boolean({row})"))
    page.value(f"void (window.asked = {row}.querySelector('[data-confirm]'))")
    page.value("window.asked.querySelector('button').click()")
    page.value("window.asked.closest('li').replaceWith(window.asked.closest('li').cloneNode(true))")
    page.value("document.querySelector('#confirm [value=yes]').click()")
    until(lambda: not (spool.layout.failed / "third.png").exists())


def test_result_between_question_and_answer_is_shown(site: str, page: Browser) -> None:
    """The page hears of the result while it still waits for the answer to an earlier question, and of nothing after it."""
    page.go(f"{site}/")
    page.value(
        """(async () => {
        const before = (await (await fetch("v1/jobs")).json()).counts.done;
        const ask = window.fetch;
        const answers = new Promise((resolve) => { window.release = resolve; });
        window.fetch = async (...question) => { const answer = await ask(...question); await answers; return answer; };
        window.EventSource = class extends EventSource {
            constructor(url) {
                super(url);
                this.addEventListener("queue", (event) => {
                    if (JSON.parse(event.data).counts.done === before) return;
                    this.close();
                    window.isDone = true;
                });
            }
        };
        })()"""
    )
    page.choose_files("#files", PHOTOGRAPH)
    until(lambda: "mouse_monster.jpg" in text(page))
    page.value("document.getElementById('send').click()")
    until(lambda: page.value("window.isDone"))
    page.value("window.release()")
    until(lambda: page.value("document.querySelectorAll('.upload.done').length") == 1)


def until_running(spool: WebSpool, job: str, is_so: Callable[[], object]) -> None:
    """Wait for a condition, while a stub daemon reports that it works on a job."""

    def is_so_now() -> object:
        spool.report(running=[job])
        return is_so()

    until(is_so_now)


MOVING = "document.querySelector('{} .preview img')?.naturalWidth ? document.querySelector('{} .preview img').currentSrc : ''"


def shown_preview(page: Browser, place: str) -> str:
    """The last part of the address of the preview in a place of the page; "" before it is there."""
    return str(page.value(MOVING.format(place, place))).rpartition("/")[2]


def test_running_drawing_is_seen_moving(page: Browser, tmp_path: Path) -> None:
    spool = WebSpool(tmp_path / "spool")
    job = spool.claim("garlic-w0123456789abcdef.png")
    with served_web(spool.layout.root) as url:
        page.go(f"{url}/watch")
        until_running(spool, job, lambda: "garlic.png" in text(page))
        assert page.value("document.getElementById('stillness').hidden")
        place = spool.preview(job)
        until_running(spool, job, lambda: shown_preview(page, ".row.running") == "preview.gif")
        page.value("document.querySelector('.preview').isTheSame = true")
        (place.parent / "annotations").mkdir()
        until_running(spool, job, lambda: "In progress · animating" in text(page))
        assert page.value("document.querySelector('.row.running .preview').isTheSame")  # it did not begin anew
        page.click("document.getElementById('stillness')")
        until_running(spool, job, lambda: shown_preview(page, ".row.running") == "preview.png")
        page.go(f"{url}/drawings/w0123456789abcdef")
        until_running(spool, job, lambda: shown_preview(page, "#drawing") == "preview.png")
        assert faults(page) == []
        page.go(f"{url}/watch")
        shutil.rmtree(place.parent)
        spool.publish("garlic-w0123456789abcdef.png", job_id=job)
        until(lambda: page.value("document.querySelectorAll('.row.done').length") == 1)
        assert not page.value("document.querySelector('.preview')")


def test_running_drawing_has_nothing_to_cancel(page: Browser, tmp_path: Path) -> None:
    spool = WebSpool(tmp_path / "spool")
    name = "garlic-w0123456789abcdef.png"
    waiting = spool.drop(name)
    cancel = "document.querySelector('form[action$=remove]')"
    with served_web(spool.layout.root) as url:
        page.go(f"{url}/drawings/w0123456789abcdef")
        assert page.value(f"{cancel}.checkVisibility()")
        waiting.unlink()
        job = spool.claim(name)
        until_running(spool, job, lambda: not page.value(f"{cancel}.checkVisibility()"))
        assert "In progress" in text(page)


def test_dropped_drawing_is_seen_moving_where_it_was_dropped(page: Browser, tmp_path: Path) -> None:
    spool = WebSpool(tmp_path / "spool")
    spool.report()
    with served_web(spool.layout.root) as url:
        page.go(f"{url}/")
        page.choose_files("#files", PHOTOGRAPH)
        until(lambda: "mouse_monster.jpg" in text(page))
        page.value("document.getElementById('send').click()")
        until(lambda: len(spool.inbox()) == 2)
        until((spool.layout.inbox / VIEWERS).exists)
        name = next(name for name in spool.inbox() if name.endswith(".jpg"))
        for each in spool.inbox():
            (spool.layout.inbox / each).unlink()
        job = spool.claim(name)
        place = spool.preview(job)
        until_running(spool, job, lambda: shown_preview(page, ".upload") == "preview.gif")
        assert page.value("document.querySelectorAll('.upload img').length") == 1
        shutil.rmtree(place.parent)
        spool.publish(name, job_id=job)
        until(lambda: page.value("document.querySelectorAll('.upload.done').length") == 1)
        assert not page.value("document.querySelector('.preview')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/watch", "/gallery", "/sign-in", "/nothing", "done", "failed"])
def test_axe_finds_no_serious_fault(site: str, spool: WebSpool, page: Browser, path: str, scheme: str) -> None:
    if path in {"done", "failed"}:
        path = f"/drawings/{next(iter(sorted(job_of(spool, path))))}"
    page.screen(390, 844, is_phone=True, prefers_color_scheme=scheme)
    page.go(f"{site}{path}")
    assert faults(page) == []


def job_of(spool: WebSpool, state: str) -> list[str]:
    import json

    files = spool.layout.outbox.glob("older1.json") if state == "done" else spool.layout.failed.glob("*.error.json")
    return [json.loads(path.read_text())["job_id"] for path in files]


@pytest.mark.parametrize("path", ["/", "/watch", "/gallery", "/sign-in"])
def test_nothing_is_cut_off_when_enlarged(site: str, page: Browser, path: str) -> None:
    for width in (640, 320):  # a desktop at 200 and 400 %
        page.screen(width, 400)
        page.go(f"{site}{path}")
        assert not overflows(page), width


def test_reduced_motion_shows_stills(site: str, page: Browser) -> None:
    page.screen(1280, 800, prefers_reduced_motion="reduce")
    page.go(f"{site}/gallery")
    until(lambda: str(page.value("document.querySelector('.stage img').currentSrc")).endswith("/thumbnail"))
    assert page.value("document.getElementById('stillness').textContent") == "Play animations"
    page.value("document.getElementById('stillness').click()")
    until(lambda: ".gif" in str(page.value("document.querySelector('.stage img').currentSrc")))


def test_hostile_texts_run_nothing(site: str, page: Browser) -> None:
    page.go(f"{site}/watch")
    assert page.value("document.querySelector('#main b:not(.counts b)')") is None
    assert BIG in text(page)
    assert [each for each in page.complaints if '"EventSource"' not in each] == []

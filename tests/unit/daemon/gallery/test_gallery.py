"""The gallery: entries are read and shown once, untrusted text stays text, page breaks are stable, and pages are written atomically."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.files.filenames import result_stem, shown_name
from daemon.gallery import updater
from daemon.gallery.entries import Entries, Entry, MediaFile, _failure, _results
from daemon.gallery.pages import INDEX, MAX_ENTRIES, MIN_ENTRIES, pages
from daemon.gallery.updater import ForeignPage, Gallery
from daemon.log.events import Event
from daemon.log.factory import json_log
from daemon.spool.job_ids import job_id
from daemon.spool.layout import Layout, prepare
from daemon.spool.thumbnails import FOLDER

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
DEADLINE_S = 20.0
HOSTILE = [
    "<script>alert(1)</script>.png",
    "\"><img src=x onerror='alert(1)'>.png",
    "javascript:alert(1).png",
    "https:evil.png",
    "a#b?c=d&amp;.png",
    "100%.png",
    "\u202egnp.exe",
    "new\nline.png",
    "😀 é.png",
    b"\xff\xfe.png".decode("utf-8", "surrogateescape"),
]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    prepare(made)
    return made


def published(layout: Layout, name: str, minute: int = 0, folder: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """A result as the daemon publishes it."""
    stem, place = result_stem(name, is_folder=False), layout.outbox.joinpath(*folder)
    place.mkdir(parents=True, exist_ok=True)
    output = {
        "format": "gif",
        "bytes": 1234567,
        "frames": 100,
        "duration_ms": 4000.0,
        "width": 500,
        "height": 400,
        "motion": "wave",
        "figure": 1,
    }
    manifest = {
        "job_id": job_id(minute, minute << 20),
        "source": {"name": shown_name(name)},
        "finished": (START + timedelta(minutes=minute)).isoformat(),
        "stages_ms": {"decode": 12.0, "render": 600.0},
        "outputs": [{**output, "file": f"{stem}.gif"}],
        **more,
    }
    for each in manifest["outputs"]:
        (place / each["file"]).write_bytes(b"GIF89a")
    (place / f"{stem}.json").write_text(json.dumps(manifest))
    return manifest


def failed(layout: Layout, name: str, message: str, minute: int = 0) -> str:
    job = job_id(minute)
    (layout.failed / name).write_bytes(b"?")
    reason = {"job_id": job, "message": message, "what_to_do": "draw it again", "name": name, "folder": ["dab"]}
    (layout.failed / f"{name}.error.json").write_text(json.dumps({**reason, "failed": (START + timedelta(minutes=minute)).isoformat()}))
    return job


def opened(layout: Layout) -> Gallery:
    return Gallery(layout, json_log(lambda _: None, instance="one"), instance="one", update_s=0.01)


class Page(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(path.read_text())
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in {"meta", "link", "img", "source", "wbr", "br"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in {"script", "style"}:
            self.text += data

    def values(self, tag: str, name: str) -> list[str]:
        return [value for found, attribute, value in self.attributes if (found, attribute) == (tag, name)]

    def links(self) -> list[Path]:
        """The paths that its URLs point to."""
        urls = [
            value for tag, name, value in self.attributes if name in {"href", "src", "srcset", "poster"} and not value.startswith("data:")
        ]
        assert all(urlsplit(url)[:2] == ("", "") and not set(url) & set("#?<>\"'") for url in urls), urls
        return [Path(os.path.normpath(self.path.parent / os.fsdecode(unquote_to_bytes(url)))) for url in urls]


def index(layout: Layout) -> Page:
    return Page(layout.outbox / INDEX)


def everything(layout: Layout) -> list[Page]:
    """Every page that is linked, from the newest to the oldest."""
    found = [index(layout)]
    while "next" in found[-1].values("a", "rel"):
        here = found[-1]
        older = here.links()[[each.suffix == ".html" for each in here.links()].index(True) :]
        found.append(Page([each for each in older if each.suffix == ".html"][-1]))
    return found


def test_result_is_shown_with_drawing_motion_and_times(layout: Layout) -> None:
    manifest = published(layout, "garlic.jpg", folder=("dab",))
    (layout.outbox / FOLDER).mkdir()
    (layout.outbox / FOLDER / f"{manifest['job_id']}.jpg").touch()
    opened(layout).update()
    page = index(layout)
    for words in ("dab/garlic.jpg", "wave", "4.0 s", "GIF 1.2 MB", "Made in 0.6 s", "600 ms", "1 animation."):
        assert words in page.text, words
    assert all(link.exists() for link in page.links())
    assert layout.outbox / "dab" / "garlic.gif" in page.links()
    assert layout.outbox / FOLDER / f"{manifest['job_id']}.jpg" in page.links()
    assert "dab/garlic.jpg animated: wave" in page.values("img", "alt")


def test_each_motion_is_shown_once_and_videos_play_only_while_visible(layout: Layout) -> None:
    output = {"bytes": 5, "frames": 1, "duration_ms": 40.0, "width": 8, "height": 8, "figure": 1}
    outputs = [
        {**output, "file": f"a.{motion}.{kind}", "motion": motion, "format": kind} for motion in ("dab", "hop") for kind in ("gif", "mp4")
    ]
    published(layout, "a.png", outputs=outputs)
    opened(layout).update()
    page = index(layout)
    assert page.tags.count("article") == page.tags.count("video") == 2
    assert page.values("video", "preload") == ["none", "none"]
    assert "autoplay" not in {name for tag, name, _ in page.attributes if tag == "video"}
    assert [link.name for link in page.links() if link.suffix in {".gif", ".mp4"}].count("a.dab.gif") == 1


def test_failure_is_shown_with_reason_until_it_is_retried(layout: Layout) -> None:
    shown = opened(layout)
    failed(layout, "blank.png", "no drawn figure was found")
    shown.update()
    assert "dab/blank.png" in index(layout).text
    assert "No drawn figure was found." in index(layout).text
    assert "Draw it again." in index(layout).text
    (layout.failed / "blank.png").unlink()
    shown.update()
    assert "blank.png" not in index(layout).text
    assert "No animations yet" in index(layout).text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(layout: Layout, name: str) -> None:
    published(layout, name, folder=(name.replace("/", "_"),))
    failed(layout, name.replace("/", "_"), f"it was {shown_name(name)}", 1)
    opened(layout).update()
    page = index(layout)
    assert page.tags.count("script") == 1
    assert page.tags.count("img") == 2
    assert not [attribute for _, attribute, _ in page.attributes if attribute.startswith("on")]
    assert shown_name(name) in page.text
    media = [link for link in page.links() if link.suffix == ".gif"]
    assert media
    assert all(link.exists() for link in page.links())
    assert (layout.outbox / INDEX).read_text().count("script-src 'sha256-") == 1


def test_newest_entries_come_first(layout: Layout) -> None:
    for minute, name in enumerate(["one.png", "two.png", "three.png"]):
        published(layout, name, minute)
    failed(layout, "four.png", "no", 3)
    opened(layout).update()
    assert re.findall(r"(?:dab/)?(one|two|three|four)\.png", index(layout).text) == ["four", "three", "two", "one"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        b"[" * 100_000,
        json.dumps({"job_id": "x" * 26, "finished": "2026", "outputs": [], "source": {"name": "a"}}).encode(),
        json.dumps(
            {"job_id": job_id(), "finished": START.isoformat(), "outputs": [{"file": "../../x.gif"}], "source": {"name": "a"}}
        ).encode(),
        json.dumps({"job_id": job_id(), "finished": START.isoformat(), "outputs": 3, "source": None}).encode(),
        b'{"job_id": "' + b"x" * 300_000 + b'"}',
    ],
)
def test_foreign_json_files_are_skipped(layout: Layout, content: bytes) -> None:
    (layout.outbox / "strange.json").write_bytes(content)
    (layout.failed / "strange").touch()
    (layout.failed / "strange.error.json").write_bytes(content)
    (layout.outbox / "link.json").symlink_to("/etc/passwd")
    os.mkfifo(layout.outbox / "pipe.json")
    (layout.outbox / "there").symlink_to("/")
    assert Entries(layout).read() == []


TEXTS = st.text("ab<>\"'&/.\u202e\ud800\0é", max_size=6)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | TEXTS
    | st.sampled_from(["9999-12-31T23:59:59-01:00", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
GOOD: dict[str, Any] = {
    "job_id": job_id(1),
    "finished": START.isoformat(),
    "failed": START.isoformat(),
    "message": "no",
    "name": "a",
    "folder": [],
    "source": {"name": "a"},
    "stages_ms": {"render": 1.0},
    "outputs": [{"file": "a.gif", "format": "gif", "motion": "wave", "figure": 1, "bytes": 1, "frames": 1, "duration_ms": 1.0}],
}


@settings(deadline=None, max_examples=60)
@given(
    changes=st.dictionaries(st.sampled_from(sorted(GOOD)), ANYTHING, max_size=3),
    inner=st.dictionaries(st.sampled_from(sorted(GOOD["outputs"][0])), ANYTHING),
)
def test_any_manifest_makes_a_page_or_is_skipped(changes: dict[str, Any], inner: dict[str, Any]) -> None:
    outputs = [{**GOOD["outputs"][0], **inner}]
    for fields in ({**GOOD, **changes}, {**GOOD, "outputs": outputs}):
        entries = [*_results(fields, "f/"), *_failure(fields)]
        for _, text in pages(entries):
            assert text.encode().startswith(b"<!doctype html>")


def test_unexpected_error_is_logged_and_the_thread_continues(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    records: list[dict[str, Any]] = []
    shown = Gallery(layout, json_log(lambda line: records.append(json.loads(line)), instance="one"), instance="one", update_s=0.01)

    def broken() -> list[Entry]:
        raise KeyError("unexpected")

    monkeypatch.setattr(shown._entries, "read", broken)
    shown.start()
    shown.stop()
    assert [record["reason"] for record in records] == ["KeyError: 'unexpected'"]


def test_removed_results_are_no_longer_shown(layout: Layout) -> None:
    shown = opened(layout)
    published(layout, "a.png")
    published(layout, "b.png", 1)
    shown.update()
    (layout.outbox / "a.gif").unlink()
    shown.update()
    assert "a.png" not in index(layout).text
    assert "b.png" in index(layout).text


# --- pages -----------------------------------------------------------------------------------------------------------


def shown(count: int, seed: int = 1) -> list[Entry]:
    generator = np.random.default_rng(seed)
    jobs = [job_id(number, int.from_bytes(generator.bytes(10), "big")) for number in range(count)]
    file = MediaFile("a.gif", "gif", 1, 1, 1.0, 1, 1)
    return [Entry(job, START + timedelta(minutes=number), f"n{number}.", files=(file,)) for number, job in enumerate(jobs)]


def texts(entries: Sequence[Entry]) -> dict[str, str]:
    return dict(pages(entries))


@settings(deadline=None, max_examples=60)
@given(count=st.integers(0, 400), seed=st.integers(0, 99))
def test_every_entry_is_on_one_page_of_bounded_length(count: int, seed: int) -> None:
    found = [re.findall(r"<bdi>n(\d+)\.</bdi>", text) for text in texts(shown(count, seed)).values()]
    assert [int(number) for page in found for number in reversed(page)] == list(range(count))
    assert all(MIN_ENTRIES <= len(page) <= MAX_ENTRIES for page in found[:-1])
    assert len(found[-1]) <= MAX_ENTRIES + MIN_ENTRIES


def test_one_entry_more_or_less_changes_few_pages() -> None:
    entries = shown(2000)
    everything = texts(entries)
    assert len(everything) > 35
    before = texts(entries[:-1])
    assert len([name for name, text in everything.items() if before.get(name) != text]) <= 3
    for which in (0, 500, 501, 1000, 1990):
        less = texts([entry for number, entry in enumerate(entries) if number != which])
        assert len([name for name, text in less.items() if everything.get(name) != text]) <= 8


def test_pages_link_from_newest_to_oldest_and_back(layout: Layout) -> None:
    for minute in range(150):
        published(layout, f"p{minute}.png", minute)
    opened(layout).update()
    found = everything(layout)
    assert len(found) > 2
    names = [name for page in found for name in re.findall(r"p\d+\.png", page.text)]
    assert list(dict.fromkeys(names)) == [f"p{minute}.png" for minute in range(149, -1, -1)]
    for page in found:
        assert all(link.exists() for link in page.links())
    assert layout.outbox / INDEX in found[1].links()


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colors #rrggbb (WCAG 2.2, 1.4.3)."""

    def luminance(color: str) -> float:
        channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def mixed(color: str, ground: str, share: float) -> str:
    pairs = zip(*([int(each[at : at + 2], 16) for at in (1, 3, 5)] for each in (color, ground)), strict=True)
    return "#" + "".join(f"{round(share * one + (1 - share) * other):02x}" for one, other in pairs)


@pytest.mark.parametrize("number", [0, 1], ids=["light", "dark"])
def test_text_contrast_in_light_and_dark(number: int) -> None:
    styles = re.findall(r":root \{(.*?)\}", (Path(updater.__file__).parent / "gallery.css").read_text(), re.DOTALL)
    colors = dict(re.findall(r"--(\w+): (#\w{6})", styles[number]))
    for text in ("ink", "soft", "accent", "bad"):
        assert contrast(colors[text], colors["card"]) >= 4.5, text
        assert contrast(colors[text], colors["paper"]) >= 4.5, text
    for badge in ("accent", "bad"):
        assert contrast(colors[badge], mixed(colors[badge], colors["card"], 0.13)) >= 4.5, badge


# --- files -----------------------------------------------------------------------------------------------------------


def test_only_changed_pages_are_written_and_atomically(layout: Layout) -> None:
    for minute in range(150):
        published(layout, f"p{minute}.png", minute)
    shown = opened(layout)
    shown.update()

    def inodes() -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in (layout.outbox / INDEX, *(layout.outbox / FOLDER).iterdir())}

    before = inodes()
    opened(layout).update()  # the next daemon finds every page up to date
    assert inodes() == before
    published(layout, "new.png", 200)
    shown.update()
    assert [name for name, inode in inodes().items() if before.get(name) != inode] == [INDEX]
    assert not list(layout.outbox.rglob(".*.tmp"))


def test_pages_left_empty_by_power_loss_are_rewritten_at_start(layout: Layout) -> None:
    for minute in range(100):
        published(layout, f"p{minute}.png", minute)
    opened(layout).update()
    paths = [layout.outbox / INDEX, *(layout.outbox / FOLDER).iterdir()]
    whole = {path: path.read_bytes() for path in paths}
    for path in paths:
        path.write_bytes(b"")
    opened(layout).update()
    assert {path: path.read_bytes() for path in paths} == whole


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_foreign_index_is_kept_and_logged_once(layout: Layout, kind: str) -> None:
    theirs = layout.outbox / INDEX
    if kind == "file":
        theirs.write_text("<h1>mine</h1>")
    elif kind == "link":
        theirs.symlink_to(layout.root / "elsewhere.html")
    else:
        theirs.mkdir()
    with pytest.raises(ForeignPage):
        opened(layout).update()
    records: list[dict[str, Any]] = []
    log = json_log(lambda line: records.append(json.loads(line)), instance="one")
    shown = Gallery(layout, log, instance="one", update_s=0.01)
    shown.start()
    shown.stop()
    assert [record["event"] for record in records] == ["gallery.unavailable"]
    assert "was not written by the gallery" in records[0]["reason"]
    assert theirs.is_symlink() == (kind == "link")
    assert kind != "file" or theirs.read_text() == "<h1>mine</h1>"
    assert not (layout.root / "elsewhere.html").exists()


def test_unused_thumbnails_and_pages_are_removed(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = published(layout, "a.png")
    beside = layout.outbox / FOLDER
    beside.mkdir()
    for name in (f"{kept['job_id']}.jpg", f"{job_id()}.jpg", ".index.html.dead.tmp", f"{job_id()}-0.html"):
        (beside / name).touch()
    opened(layout).update()
    assert len(list(beside.iterdir())) == 3  # recent files may belong to a result that is being published
    monkeypatch.setattr(updater, "STALE_S", -1.0)
    opened(layout).update()
    assert [path.name for path in beside.iterdir()] == [f"{kept['job_id']}.jpg"]


def test_updates_when_a_job_completes_and_once_more_at_stop(layout: Layout) -> None:
    log = json_log(lambda _: None, instance="one")
    shown = Gallery(layout, log, instance="one", update_s=0.01)
    shown.start()
    published(layout, "woken.png")
    log.emit(Event.JOB_DONE)
    end_s = time.monotonic() + DEADLINE_S
    while not ((layout.outbox / INDEX).exists() and "woken.png" in index(layout).text):
        assert time.monotonic() < end_s
        threading.Event().wait(0.01)
    published(layout, "last.png", 1)
    shown.stop()
    assert "last.png" in index(layout).text

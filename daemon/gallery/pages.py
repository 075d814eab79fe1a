"""Gallery pages as HTML: `index.html` shows the newest entries and links to older pages. Pure: entries in, text out.

Page breaks follow the random digits of job ids (content-defined chunking), not the number of entries. So a new entry changes only the
newest page, and a removed entry changes only its own page and perhaps the next. Untrusted text goes through `escape`, paths through `_url`;
style and script are in the page itself, and its content security policy blocks all others.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources
from itertools import groupby
from typing import Final
from urllib.parse import quote

from daemon.gallery.entries import Entry, MediaFile
from daemon.spool.thumbnails import FOLDER, SUFFIX

INDEX: Final = "index.html"
MARK: Final = '<meta name="generator" content="doodled gallery">'
"""Identifies the gallery's own pages."""

MIN_ENTRIES: Final = 24
MAX_ENTRIES: Final = 72
MIN_STAGE_MS: Final = 0.5
_LAST_DIGITS: Final = "02"
"""Of 32 digits: a page with at least MIN_ENTRIES ends after one entry in sixteen."""

_VIDEOS: Final = ("mp4", "webm")
_TYPES: Final = {"mp4": "video/mp4", "webm": "video/webm"}
_BLANK_URL: Final = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><g fill="none" stroke="#8a8378" stroke-width="3" stroke-linecap="round">'
    '<circle cx="50" cy="28" r="12"/><path d="M50 40v26M50 48 30 40M50 48l20-8M50 66 38 88M50 66l12 22"/></g></svg>'
)
_PLACEHOLDER: Final = f'<img class="nothing" src="{_BLANK_URL}" alt="">'
_BREAKS: Final = re.compile(r"(?<=[/_-])(?=\w)")
"""Places where a long name may wrap."""


@dataclass(frozen=True)
class _Chunk:
    """Entries of one page, the oldest first."""

    entries: Sequence[Entry]

    @property
    def name(self) -> str:
        return f"{self.entries[0].key}.html"


def pages(entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """Path relative to the outbox and text of every page; `index.html` comes last, so that its links exist when it is written.

    Args:
        entries: all entries, the oldest first.
    """
    chunks = [_Chunk(chunk) for chunk in _chunks(entries)]
    newest: list[Entry] = []
    while chunks and len(newest) < MIN_ENTRIES:
        newest = [*chunks.pop().entries, *newest]
    for number, chunk in enumerate(chunks):
        newer = chunks[number + 1].name if number + 1 < len(chunks) else f"../{INDEX}"
        yield f"{FOLDER}/{chunk.name}", _older_page(chunk, chunks[number - 1].name if number else "", newer)
    yield INDEX, _index(newest, entries, f"{FOLDER}/{chunks[-1].name}" if chunks else "")


def _chunks(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    start = 0
    for end, entry in enumerate(entries, start=1):
        if end - start >= MAX_ENTRIES or (end - start >= MIN_ENTRIES and entry.job[-1] in _LAST_DIGITS):
            yield entries[start:end]
            start = end
    if start < len(entries):
        yield entries[start:]


# --- pages -----------------------------------------------------------------------------------------------------------


def _index(newest: Sequence[Entry], entries: Sequence[Entry], older: str) -> str:
    failed = sum(1 for entry in entries if not entry.files)
    summary = _counted(len(entries) - failed, "animation")
    if failed:
        summary += f", {_counted(failed, 'drawing')} that could not be animated"
    intro = f"<p>{summary}. Newest first.</p>" if entries else '<p class="empty">No animations yet. Drop a drawing into the inbox.</p>'
    link = f'<nav aria-label="Pages"><a class="button" rel="next" href="{_url(older)}">Older animations</a></nav>' if older else ""
    return _page("Animations", intro, _days(newest, ""), link)


def _older_page(chunk: _Chunk, older: str, newer: str) -> str:
    links = f'<a class="button" rel="prev" href="{_url(newer)}">Newer</a>'
    links += f'<a class="button" href="../{INDEX}">Newest</a>' if newer != f"../{INDEX}" else ""
    links += f'<a class="button" rel="next" href="{_url(older)}">Older</a>' if older else ""
    first, last = _day(chunk.entries[0]), _day(chunk.entries[-1])
    title = f"Animations from {last if first == last else f'{first} to {last}'}"
    return _page(title, "", _days(chunk.entries, "../"), f'<nav aria-label="Pages">{links}</nav>')


def _page(title: str, intro: str, content: str, links: str) -> str:
    style, script = _part("css"), _part("js")
    policy = (
        f"default-src 'none'; img-src 'self' file: data:; media-src 'self' file:; style-src 'unsafe-inline'; script-src '{_sha(script)}'"
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{MARK}\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="robots" content="noindex">\n'
        f'<title>{escape(title)} - doodled</title>\n<link rel="icon" href="{_BLANK_URL}">\n<style>\n{style}</style>\n</head>\n<body>\n'
        f'<header><div><h1>{escape(title)}</h1>{intro}</div><button id="stillness" class="button" type="button" hidden>Pause all</button>'
        f"</header>\n<main>\n{content}</main>\n<footer>{links}</footer>\n<script>{script}</script>\n</body>\n</html>\n"
    )


@cache
def _part(suffix: str) -> str:
    return resources.files("daemon.gallery").joinpath(f"gallery.{suffix}").read_text(encoding="utf-8")


def _sha(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


# --- cards -----------------------------------------------------------------------------------------------------------


def _days(entries: Sequence[Entry], up: str) -> str:
    """Cards, the newest first, grouped by day in the daemon's time zone."""
    texts = []
    for day, of_day in groupby(reversed(entries), key=_day):
        cards = "".join(f"<li>{_card(entry, up)}</li>\n" for entry in of_day)
        texts.append(f'<section><h2>{escape(day)}</h2>\n<ul class="cards">\n{cards}</ul></section>\n')
    return "".join(texts)


def _day(entry: Entry) -> str:
    local = entry.at.astimezone()
    return f"{local.day} {local:%B %Y}"


def _card(entry: Entry, up: str) -> str:
    thumbnail = _thumbnail(entry, up)
    when = f'<time datetime="{entry.at:%Y-%m-%dT%H:%M:%SZ}">{entry.at.astimezone():%H:%M}</time>'
    name = f"<h3><bdi>{_BREAKS.sub('<wbr>', escape(entry.name))}</bdi></h3>"
    if not entry.files:
        picture = f'<img src="{thumbnail}" alt="{_drawing_alt(entry)}" loading="lazy" decoding="async">' if thumbnail else _PLACEHOLDER
        hint = f'<p class="hint">{escape(_sentence(entry.hint))}</p>' if entry.hint else ""
        reason = escape(_sentence(entry.reason or "no reason was recorded"))
        facts = f'<p class="facts"><b class="badge">not animated</b> · {when}</p><p>{reason}</p>{hint}'
        return f'<article class="failed" id="{entry.key}"><div class="stage">{picture}</div>{name}{facts}</article>'
    best = min(entry.files, key=lambda file: (file.format not in _VIDEOS, file.format != "webm", file.bytes))
    corner = f'<img class="drawing" src="{thumbnail}" alt="{_drawing_alt(entry)}" loading="lazy" decoding="async">' if thumbnail else ""
    motion = escape(entry.motion.replace("_", " ") or "animation") + (f", figure {entry.figure}" if entry.figure > 1 else "")
    length = f" · {best.duration_ms / 1000:.1f} s" if best.duration_ms else ""
    facts = f'<p class="facts"><b class="badge">{motion}</b>{length} · {when}</p>'
    links = "".join(f'<li><a href="{_url(up + file.path)}">{escape(_file_label(file))}</a></li>' for file in entry.files)
    stage = f'<div class="stage">{_animation(entry, best, thumbnail, up)}{corner}</div>'
    beside = ' class="drawing-beside"' if thumbnail else ""
    return f'<article{beside} id="{entry.key}">{stage}{name}{facts}<ul class="files">{links}</ul>{_timing(entry)}</article>'


def _animation(entry: Entry, file: MediaFile, thumbnail: str, up: str) -> str:
    label = escape(f"{entry.name} animated: {entry.motion.replace('_', ' ')}")
    size = f' width="{file.width}" height="{file.height}"' if file.width and file.height else ""
    url = _url(up + file.path)
    if file.format in _VIDEOS:
        poster = f' poster="{thumbnail}"' if thumbnail else ""
        source = f'<source src="{url}" type="{_TYPES[file.format]}">'
        return f'<video aria-label="{label}"{size}{poster} muted loop playsinline controls preload="none">{source}</video>'
    still = f'<source media="(prefers-reduced-motion: reduce)" srcset="{thumbnail or _BLANK_URL}">'
    return f'<picture>{still}<img src="{url}" alt="{label}"{size} loading="lazy" decoding="async"></picture>'


def _timing(entry: Entry) -> str:
    total_ms = sum(spent for _, spent in entry.stages_ms)
    if not total_ms:
        return ""
    rows = "".join(
        f"<div><dt>{escape(stage)}</dt>"
        f'<dd><meter aria-hidden="true" max="{total_ms:.0f}" value="{spent:.0f}"></meter> {spent:.0f} ms</dd></div>'
        for stage, spent in entry.stages_ms
        if spent >= MIN_STAGE_MS
    )
    return f"<details><summary>Made in {total_ms / 1000:.1f} s</summary><dl>{rows}</dl></details>"


def _drawing_alt(entry: Entry) -> str:
    return escape(f"the drawing {entry.name}")


def _thumbnail(entry: Entry, up: str) -> str:
    if not entry.has_thumbnail:
        return ""
    return _url(entry.job + SUFFIX if up else f"{FOLDER}/{entry.job}{SUFFIX}")


def _url(path: str) -> str:
    """A relative URL; every colon, quote and percent sign is encoded, so that no name is read as a scheme."""
    return quote(os.fsencode(path))


def _file_label(file: MediaFile) -> str:
    size = f"{file.bytes / 1e6:.1f} MB" if file.bytes >= 1e5 else f"{max(1, round(file.bytes / 1e3))} kB"
    return f"{file.format.upper()} {size}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." * (text[-1] not in ".?!")


def _counted(count: int, what: str) -> str:
    """A number and a noun, with a narrow space between thousands."""
    return f"{count:,} {what}{'s' * (count != 1)}".replace(",", "\u202f")

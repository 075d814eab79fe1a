"""The site: what routes need, made once and handed to all of them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from jinja2 import Environment

from daemon.options.motions import motion_library
from daemon.settings import Settings
from daemon.spool.drawing_states import DrawingState
from daemon.spool.layout import Layout
from daemon.spool.previews import note_viewers
from daemon.spool.thumbnails import FOLDER, SUFFIX, THUMBNAIL
from daemon.web.access import LOOPBACK_NAMES, AccessRules
from daemon.web.drawings import DrawingEntry
from daemon.web.folders import is_regular
from daemon.web.index import Index
from daemon.web.intake import LIMITS, Intake
from daemon.web.live import Live
from daemon.web.templates import templates_of
from daemon.web.tokens import SecretStore
from pipeline.errors import OptionError

UPLOADS_AT_ONCE = 4
"""Uploads that are looked at and made durable at the same time; more would only compete for disk and memory."""

SHARE_KEY_BYTES = 32

FORM_BYTES = 256 * 1024
"""What a form may have beside its files."""


@dataclass(frozen=True)
class Site:
    """Everything that routes need.

    Attributes:
        motions: the title of each motion, by its name.
    """

    settings: Settings
    layout: Layout
    environ: Mapping[str, str]
    rules: AccessRules
    index: Index
    intake: Intake
    live: Live
    motions: Mapping[str, str]
    templates: Environment
    clock: Callable[[], float] = time.time

    @property
    def root_path(self) -> str:
        return self.rules.root_path

    def needs_sign_in(self) -> bool:
        """Whether browsers have to sign in."""
        return self.rules.secrets is not None and (not self.rules.is_open or self.rules.secrets.has_tokens())

    @cached_property
    def uploads(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(UPLOADS_AT_ONCE)

    @cached_property
    def _share_key(self) -> bytes:
        """Key of the signatures in share links; kept in a file, so that links outlive a restart."""
        path = self.layout.root / "spool" / "web" / "share.key"
        with suppress(FileNotFoundError):
            key = path.read_bytes()
            if len(key) >= SHARE_KEY_BYTES:
                return key
            path.unlink(missing_ok=True)  # a full disk or a power cut left less than a key
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(secrets.token_bytes(SHARE_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was faster
                path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
        return path.read_bytes()

    def signature(self, drawing_id: str) -> str:
        """What a share link of a drawing proves itself with."""
        return hmac.new(self._share_key, drawing_id.encode(), hashlib.sha256).hexdigest()[:32]


def access_rules(settings: Settings, layout: Layout) -> AccessRules:
    """Who may use the site: everyone on this machine, or those who have a token as soon as there is one or others can reach it.

    Raises:
        OptionError: others can reach it, and there is no token, or no name under which they may call it.
    """
    web, store = settings.web, SecretStore(layout)
    host = str(web.host)
    names = {name.lower() for name in web.names} | (LOOPBACK_NAMES if web.host.is_loopback else set())
    if not web.host.is_unspecified:
        names.add(host)
    is_local = web.host.is_loopback and names <= LOOPBACK_NAMES | {host}
    if not is_local and not names:
        raise OptionError(
            f"[web] host = {host}: expected the names under which browsers call it in [web] names", hint='such as names = ["pi.local"]'
        )
    if not is_local and not store.has_tokens():
        raise OptionError("others can reach this address, and there is no token", hint="make one first: doodled web token NAME")
    path = web.path.rstrip("/")
    return AccessRules(
        frozenset(names | LOOPBACK_NAMES if web.host.is_unspecified else names),
        store,
        is_local,
        path,
        {"/v1/drawings": LIMITS.max_bytes + FORM_BYTES},
        web.uploads_per_minute,
    )


def make_site(settings: Settings, layout: Layout, environ: Mapping[str, str], *, clock: Callable[[], float] = time.time) -> Site:
    """A site around a spool. Raises OptionError as `access_rules`."""
    rules = access_rules(settings, layout)
    library = motion_library(environ)
    motions = {name: library.title(name) for name in library.names()}
    index = Index(layout, max_depth=settings.inbox.max_depth, clock=clock)
    intake = Intake(layout, settings, index, list(motions))
    templates = templates_of(rules.root_path)
    templates.globals["has_thumbnail"] = lambda drawing: is_regular(thumbnail_path(layout, drawing))
    live = Live(index, partial(note_viewers, layout.inbox))
    return Site(settings, layout, environ, rules, index, intake, live, motions, templates, clock)


def thumbnail_path(layout: Layout, drawing: DrawingEntry) -> Path:
    """Where the thumbnail of a finished drawing is, if it has one."""
    root, folder, name = thumbnail_location(layout, drawing)
    return root.joinpath(*folder, name)


def thumbnail_location(layout: Layout, drawing: DrawingEntry) -> tuple[Path, tuple[str, ...], str]:
    """A folder of the spool, names of folders below it, and the name of the thumbnail there."""
    if drawing.state is DrawingState.REVIEW:
        return layout.review, (drawing.file,), THUMBNAIL
    if drawing.state is DrawingState.DONE:
        return layout.outbox, (*drawing.folder, FOLDER), drawing.file + SUFFIX
    return layout.failed, (FOLDER,), drawing.file + SUFFIX


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


SiteOf = Annotated[Site, Depends(_site)]
"""A route's parameter: the site."""

"""A spool with drawings in every state, and a web application over it, for tests of the web application."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

from daemon.settings import Settings
from daemon.spool.job_ids import job_id
from daemon.spool.layout import Layout, prepare
from daemon.web.app import create_app
from daemon.web.site import Site, make_site

NAME = "http://localhost"
INSTANCE = "01JAAAAAAAAAAAAAAAAAAAAAAA"
"""The daemon that runs."""


def image_bytes(kind: str = "PNG", size: tuple[int, int] = (64, 64)) -> bytes:
    """A small image."""
    import io

    buffer = io.BytesIO()
    Image.new("RGB", size, (250, 250, 240)).save(buffer, kind)
    return buffer.getvalue()


def timestamp(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")


class WebSpool:
    """A spool, and what tests put into it."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        prepare(self.layout)

    def site(self, environ: Mapping[str, str] | None = None, **web: Any) -> Site:
        """A site over this spool; `web` are settings."""
        sections = {"web": web, "storage": {"reserve_mb": 0}, "animation": {"size": "64x64"}}
        return make_site(Settings.model_validate(sections), self.layout, os.environ if environ is None else environ)

    def app(self, **web: Any) -> FastAPI:
        return create_app(self.site(**web))

    def client(self, app: FastAPI | None = None, **web: Any) -> TestClient:
        """A client, to be used as a context: it starts the application."""
        return TestClient(app or self.app(**web), base_url=NAME, raise_server_exceptions=False)

    def drop(self, name: str, *folder: str, content: bytes = b"drawing", sidecar: str | None = None) -> Path:
        place = self.layout.inbox.joinpath(*folder)
        place.mkdir(parents=True, exist_ok=True)
        if sidecar is not None:
            (place / f"{Path(name).stem}.json").write_text(sidecar)
        (place / name).write_bytes(content)
        return place / name

    def publish(self, name: str, *folder: str, motions: tuple[str, ...] = ("wave",), at_s: float | None = None, **fields: Any) -> str:
        """A published drawing; returns its job's id."""
        at_s = time.time() if at_s is None else at_s
        place = self.layout.outbox.joinpath(*folder)
        (place / ".thumbnails").mkdir(parents=True, exist_ok=True)
        job, stem = job_id(at_s), Path(name).stem
        outputs = []
        for motion in motions:
            file = f"{stem}.{motion}.gif"
            (place / file).write_bytes(f"GIF89a {motion}".encode() + bytes(500))
            output = {"file": file, "format": "gif", "bytes": 507, "frames": 2, "duration_ms": 400.0, "width": 64, "height": 64}
            outputs.append({**output, "motion": motion, "figure": 1, "sha256": "ab" * 32})
        manifest = {"job_id": job, "finished": timestamp(at_s), "source": {"name": name}, "outputs": outputs, "stages_ms": {"render": 2000}}
        (place / ".thumbnails" / f"{stem}.json.jpg").write_bytes(image_bytes("JPEG"))
        (place / f"{stem}.json").write_text(json.dumps({**manifest, **fields}))
        return job

    def fail(self, name: str, *folder: str, message: str = "no figure was found", **fields: Any) -> str:
        """A failed drawing; returns its job's id."""
        job = job_id()
        (self.layout.failed / name).write_bytes(b"drawing")
        reason: dict[str, Any] = {"job_id": job, "failed": timestamp(time.time()), "folder": list(folder), "name": name, "message": message}
        reason |= {"error_type": "no_figure", "what_to_do": "draw one", "attempts": 1, "sidecar": None, "file": name}
        (self.layout.failed / f"{name}.error.json").write_text(json.dumps({**reason, **fields}))
        return job

    def review(self, name: str, *folder: str) -> str:
        """A drawing that waits for review; returns its job's id."""
        job, place = job_id(), self.layout.review / name
        (place / "figure_1").mkdir(parents=True)
        (place / "drawing.png").write_bytes(b"drawing")
        (place / "thumbnail.jpg").write_bytes(image_bytes("JPEG"))
        reason = {"schema": 1, "job_id": job, "reviewed": timestamp(time.time()), "name": name, "folder": list(folder), "sidecar": None}
        reason |= {"file": "drawing.png", "review": name, "message": "this figure is doubtful", "what_to_do": "correct it", "attempts": 1}
        (place / "review.json").write_text(json.dumps(reason))
        return job

    def report(self, **fields: Any) -> None:
        """Write the status file of a daemon that runs."""
        status = {"summary": "1 running", "running": [], "deferred": {}, "rejected": []}
        (self.layout.status / f"{INSTANCE}.json").write_text(json.dumps({**status, **fields}))

    def claim(self, name: str, *, instance: str = INSTANCE, deferred: str = "") -> str:
        """A drawing that a daemon has claimed, and runs or defers; returns its job's id."""
        job = job_id()
        place = self.layout.work / instance / job
        place.mkdir(parents=True)
        fields = {"schema": 1, "id": job, "name": name, "folder": [], "is_folder": False, "sidecar": None, "attempts": 1}
        (place / "job.json").write_text(json.dumps({**fields, "recoveries": 0, "is_under_way": True, "claimed_at_s": time.time()}))
        (place / "source").write_bytes(b"drawing")
        self.report(running=[] if deferred else [job], deferred={job: deferred} if deferred else {})
        return job

    def preview(self, job: str, *, instance: str = INSTANCE) -> Path:
        """Give a claimed drawing a preview; returns its folder."""
        place = self.layout.work / instance / job / "preview"
        place.mkdir()
        (place / "preview.gif").write_bytes(image_bytes("GIF"))
        (place / "preview.png").write_bytes(image_bytes("PNG"))
        return place

    def inbox(self) -> list[str]:
        """Names in the inbox that are not hidden."""
        return sorted(path.name for path in self.layout.inbox.iterdir() if not path.name.startswith("."))

"""Sample hooks in etc/hooks/: run as the daemon runs them, with programs in the place of msmtp, curl and rclone that record their calls."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemon.hooks.command import CommandHook
from daemon.hooks.event_document import EventDocument, event_document
from daemon.spool.events import EventKind, SpoolEvent

SAMPLES = Path(__file__).parents[2] / "etc" / "hooks"
JOB = "01HF7YAT00ABCDEFGHJKMNPQRS"
RECORDER = """#!{python}
import json, sys
with open("{log}", "w") as file:
    json.dump([sys.argv[1:], sys.stdin.read()], file)
"""


def done(folder: tuple[str, ...] = ("dab", "a b")) -> EventDocument:
    outputs = [{"file": f"Knöblauch.{motion}.gif", "format": "gif"} for motion in ("dab", "wave")]
    manifest = {"source": {"name": "Knöblauch.png"}, "folder": folder, "manifest": "Knöblauch.json", "outputs": outputs}
    return event_document(SpoolEvent(JOB, EventKind.DONE), manifest)


def failed() -> EventDocument:
    report = {
        "file": "leer\n.png",
        "name": "leer\n.png",
        "error_type": "no_figure",
        "message": "keine Figur in „leer“\nBcc: eve@example.org",
        "what_to_do": "draw one",
    }
    return event_document(SpoolEvent(JOB, EventKind.FAILED), report)


def waiting() -> EventDocument:
    report = {"review": "a.png", "file": "drawing.png", "name": "a.png", "folder": ["dab"], "message": "quality 0.20", "what_to_do": "look"}
    return event_document(SpoolEvent(JOB, EventKind.REVIEW), {**report, "figures": [{"folder": "figure_1", "quality": 0.2}]})


def run(tmp_path: Path, arguments: list[str], document: EventDocument, **environ: str) -> None:
    command = CommandHook([str(SAMPLES / arguments[0]), *arguments[1:]], root=tmp_path, environ={"PATH": os.environ["PATH"], **environ})
    assert command.deliver(document, lambda: time.monotonic() + 30) is None


def recorder(tmp_path: Path, name: str) -> tuple[Path, Path]:
    """A program that records its call, and the file that it writes to."""
    program, log = tmp_path / "bin" / name, tmp_path / f"{name}.json"
    program.parent.mkdir()
    program.write_text(RECORDER.format(python=sys.executable, log=log))
    program.chmod(0o755)
    return program, log


def test_each_sample_documents_its_call_and_its_tests() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == {"mail", "ntfy", "s3", "home_assistant.yaml"}
    for path in SAMPLES.iterdir():
        assert all(word in path.read_text() for word in ("Call:", "Checks:", "Untested:"))
        assert os.access(path, os.X_OK) == (path.suffix == "")


@pytest.mark.parametrize(
    ("document", "expected"), [(done(), "Knöblauch.png is animated"), (failed(), "keine Figur"), (waiting(), "quality 0.20")]
)
def test_mail(tmp_path: Path, document: EventDocument, expected: str) -> None:
    program, log = recorder(tmp_path, "msmtp")
    run(tmp_path, ["mail", "anna@example.org", "ben@example.org"], document, SENDMAIL=str(program))
    arguments, text = json.loads(log.read_text())
    assert arguments == ["-i", "-t"]
    message = email.message_from_string(text, policy=email.policy.default)
    assert message.get_all("To") == ["anna@example.org", "ben@example.org"]
    assert str(message["Subject"]) == f"doodled: {document.name} ({document.event.kind})"
    assert message["Bcc"] is None
    assert message["Message-ID"] == f"<{document.event.id}@doodled>"
    assert expected in message.get_content()


def test_s3(tmp_path: Path) -> None:
    program, log = recorder(tmp_path, "rclone")
    run(tmp_path, ["s3", "store:bucket/drawings"], done(), PATH=f"{program.parent}:{os.environ['PATH']}")
    arguments, text = json.loads(log.read_text())
    assert arguments == ["copy", "--files-from-raw", "-", "--no-traverse", "--retries", "1", ".", "store:bucket/drawings"]
    assert text.splitlines() == ["outbox/dab/a b/Knöblauch.dab.gif", "outbox/dab/a b/Knöblauch.wave.gif"]


class Recorder(BaseHTTPRequestHandler):
    """Keeps the last request."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen = (self.path, dict(self.headers), body)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_ntfy(tmp_path: Path, server: Any) -> None:
    url = f"http://127.0.0.1:{server.server_port}/drawings"
    place = tmp_path / "outbox" / "dab" / "a b"
    place.mkdir(parents=True)
    (place / "Knöblauch.dab.gif").write_bytes(b"GIF89a \0 animation")
    (tmp_path / "header").write_text("Authorization: Bearer tk_1\n")
    run(tmp_path, ["ntfy", url, str(tmp_path / "header")], done())
    path, headers, body = server.seen
    assert (path, body) == ("/drawings", b"GIF89a \0 animation")
    assert headers["Authorization"] == "Bearer tk_1"
    assert headers["Title"] == f"=?utf-8?B?{base64.b64encode('Knöblauch.png'.encode()).decode()}?="
    assert base64.b64decode(headers["Filename"].split("?")[3]).decode() == "Knöblauch.dab.gif"
    run(tmp_path, ["ntfy", url], failed())
    _, headers, body = server.seen
    assert body.decode() == "failed: keine Figur in „leer“ Bcc: eve@example.org"
    assert "Authorization" not in headers


def test_home_assistant_uses_fields_that_exist() -> None:
    automations = yaml.safe_load((SAMPLES / "home_assistant.yaml").read_text())
    used = set(re.findall(r"trigger\.json\.(\w+)", json.dumps(automations)))
    assert len(used) == 5
    assert used <= set(done().fields) | set(failed().fields)
    assert {"message", "what_to_do"} <= set(failed().fields) & set(waiting().fields)
    assert waiting().fields["figures"] == [{"folder": "review/a.png/figure_1", "quality": 0.2}]

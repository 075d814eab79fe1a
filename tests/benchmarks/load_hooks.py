"""What hooks cost: drawings a second without, with a receiver that hangs, and with one that answers; events a second.

python tests/benchmarks/load_hooks.py [COUNT]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[2]
STUB = ROOT / "tests" / "fault" / "stub_daemon.py"


class Receiver(BaseHTTPRequestHandler):
    """A receiver that answers at once, or never."""

    hangs = False
    taken = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if Receiver.hangs:
            threading.Event().wait(60)
        Receiver.taken += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def measure(hook: str, count: int) -> tuple[float, float]:
    """Seconds until all drawings are published, and until all events are delivered."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "inbox").mkdir()
        for number in range(count):
            (root / "inbox" / f"{number:05d}.jpg").write_bytes(b"drawing %d" % number)
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "DOODLED_INBOX_DEBOUNCE_S": "0.001"}
        environ |= {"DOODLED_HOOKS_ON_DONE": hook} if hook else {}
        started_s = time.monotonic()
        with subprocess.Popen([sys.executable, str(STUB), str(root)], env=environ, stdout=subprocess.DEVNULL) as daemon:
            published_s = delivered_s = 0.0
            while not (published_s and delivered_s):
                time.sleep(0.05)
                if not published_s and len(list((root / "outbox").glob("*.json"))) == count:
                    published_s = time.monotonic() - started_s
                if published_s and (Receiver.hangs or not list((root / "spool" / "events").glob("*.json"))):
                    delivered_s = time.monotonic() - started_s
            daemon.kill()
    return published_s, delivered_s


def main(count: int) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    for name, hook, hangs in (
        ("no hook", "", False),
        ("a receiver that hangs", url, True),
        ("a receiver that answers", url, False),
        ("a command", "/bin/true", False),
        ("a command that floods its error output", "/bin/sh,-c,yes >&2", True),
        ("no hook again", "", False),
    ):
        Receiver.hangs = hangs
        published_s, delivered_s = measure(hook, count)
        events = "" if hangs or not hook else f", {count / delivered_s:.0f} events/s"
        print(f"{name}: {count / published_s:.0f} drawings/s{events}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)

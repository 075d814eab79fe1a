"""Two model servers, one of them faulty: how many drawings a minute the daemon still makes, compared with the healthy server alone."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

import cv2
from load_daemon import REAL, Daemon, drop, logged, started, until

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from drawn_figures import drawn_figure
from few_lines_server import Handler, Server, photograph

from tests.unit.adapters.model_server.stub_server import Canned, Received
from tests.unit.adapters.oip.dialects import Dialect, OpenInference

ASKING = Path(__file__).with_name("asking_daemon.py")
SHARE = 0.8
SETTLED_AFTER_S = 15.0
ANSWER_S = 0.05
SLOW_S = 3.0
FLAP_S = 3.0
SMALL = {"animation_size": "64x64", "animation_fps": "4", "jobs_workers": "2", "inbox_stable_s": "0.2"}


class ServerFault(StrEnum):
    """Faults of the second server; a silent one accepts connections and never answers."""

    NONE = "none"
    SILENT = "silent"
    SLOW = "slow"
    FLAPPING = "flapping"


class IllHandler(Handler):
    """Answers in TorchServe's protocol, as far as the fault of its server allows."""

    server: IllServer

    def do_POST(self) -> None:  # noqa: N802 - http.server calls it
        if self.server.is_silent():
            self.server.is_over.wait(300)
            self.close_connection = True
            return
        self.server.is_over.wait(SLOW_S if self.server.fault is ServerFault.SLOW else ANSWER_S)
        self.answer()

    def answer(self) -> None:
        """Send a good answer."""
        super().do_POST()


class OipHandler(IllHandler):
    """Answers the Open Inference Protocol with what our models found in the same image before."""

    inference = OpenInference(Dialect.TRITON)
    known: ClassVar[dict[tuple[str, bytes], Canned]] = {}

    def answer(self) -> None:
        """Send a good answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = self.path, body
        if key not in self.known:
            self.known[key] = self.inference(Received(self.path, None, body, dict(self.headers)))
        reply = self.known[key]
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = IllHandler.do_POST  # noqa: N815 - http.server calls it


class IllServer(Server):
    """A model server for one figure, whose fault may change."""

    def __init__(self, handler: type[Handler]) -> None:
        super().__init__(drawn_figure("outlined"))
        self.RequestHandlerClass = handler
        self.fault = ServerFault.NONE
        self.is_over = threading.Event()

    def is_silent(self) -> bool:
        """Whether it answers no request at present."""
        is_down = int(time.monotonic() / FLAP_S) % 2 == 0
        return self.fault is ServerFault.SILENT or (self.fault is ServerFault.FLAPPING and is_down)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that close the connection."""


HANDLERS: dict[str, type[Handler]] = {"torchserve": IllHandler, "oip": OipHandler}


@contextmanager
def serving(protocol: str) -> Iterator[IllServer]:
    with IllServer(HANDLERS[protocol]) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.is_over.set()
        server.shutdown()


def servers(root: Path, options: argparse.Namespace) -> bool:
    """Measure the healthy server alone, then beside a faulty one, for each fault, and alone again: drawings a minute once 15 s have passed.

    Workers wait instead of animating unless --real is set; with --real, the machine should be idle otherwise.
    """
    is_fine = True
    with serving(options.protocol) as healthy, serving(options.protocol) as faulty:
        alone = [_rate(root / "alone", options, [healthy.url])]
        for fault in (ServerFault.SILENT, ServerFault.SLOW, ServerFault.FLAPPING):
            faulty.fault = fault
            beside = _rate(root / fault.value, options, [healthy.url, faulty.url])
            alone.append(_rate(root / f"alone.{fault}", options, [healthy.url]))
            baseline = (alone[-2] + alone[-1]) / 2
            share = beside / baseline
            is_fine = is_fine and share >= SHARE
            logged(
                {f"{options.protocol}, one of two {fault} (share >= {SHARE:g})": f"{beside:.0f} of {baseline:.0f} a minute: {share:.2f}"}
            )
    return is_fine


def _rate(root: Path, options: argparse.Namespace, urls: list[str]) -> float:
    """Drawings a minute from `SETTLED_AFTER_S` after the first job on."""
    _, encoded = cv2.imencode(".png", photograph(drawn_figure("outlined")))
    drop(root / "inbox", (encoded.tobytes() + number.to_bytes(4, "big") for number in range(options.count)))
    settings = {**SMALL, f"{options.protocol}_url": ",".join(urls)}
    command = REAL if options.real else (sys.executable, str(ASKING), str(root))
    with started(root, command, is_quiet=True, **settings) as daemon:
        until(lambda: daemon.records("job.done"), "no job was done")
        time.sleep(SETTLED_AFTER_S)
        before, start_s = _done(daemon), time.monotonic()
        time.sleep(options.seconds)
        done, took_s = _done(daemon), time.monotonic() - start_s
        if done >= options.count:
            raise RuntimeError("all drawings were done before the time was over: raise --count")
    return 60 * (done - before) / took_s


def _done(daemon: Daemon) -> int:
    return len(daemon.records("job.done"))

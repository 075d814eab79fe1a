"""The web application under load: `python tests/benchmarks/web_load.py [--uploads 500] [--seed 0]`.

1. Uploads from 20 connections while daemon and web application are killed (SIGKILL) again and again: each drawing that was answered with
   201 or 200 must be published once, or be in failed/ once. The daemon's workers copy bytes; all else is real.
2. A spool with 5,000 results and 10,000 waiting drawings: times of the first pages, of a POST of 5 MB from its last byte on, and memory.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import io
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from tests.web_spool import WebSpool  # noqa: E402 - as above

CONNECTIONS, DAEMON_KILLS, WEB_KILLS = 20, 10, 5
BOUNDARY = "doodled-benchmark"
PATIENCE_S = 300.0
RESULTS, WAITING = 5_000, 10_000


class Killed:
    """A process that can be killed and started again."""

    def __init__(self, command: Sequence[str], environ: dict[str, str]) -> None:
        self._command, self._environ = command, environ
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self.kills = 0
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, env=self._environ, stdout=self._log, stderr=self._log)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills += 1
        self.start()

    def stop(self) -> None:
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        self.process.kill()

    def memory_mb(self, kind: str = "VmHWM") -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in text.splitlines() if line.startswith(kind)).split()[1]) / 1024


def image(number: int, *, fails: bool) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (number % 256, number // 256, 77)).save(buffer, "PNG")
    return buffer.getvalue() + (b"refuse" if fails else b"")


def form(content: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="options"\r\n\r\n{{"motions": ["dab"]}}\r\n'
    head += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="drawing.png"\r\nContent-Type: image/png\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def post(connection: http.client.HTTPConnection, content: bytes, key: str) -> tuple[int, str, float]:
    """Status, id and the seconds from the last byte sent to the answer."""
    body = form(content)
    connection.putrequest("POST", "/v1/drawings")
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Length": str(len(body)), "Idempotency-Key": key}
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(body)
    sent_s = time.perf_counter()
    answer = connection.getresponse()
    said = answer.read()
    return answer.status, str(json.loads(said).get("id", "")), time.perf_counter() - sent_s


def wait_until(question: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not question():
        if time.monotonic() > end_s:
            raise TimeoutError
        time.sleep(0.2)


def killed_while_uploading(root: Path, port: int, uploads: int, seed: int) -> None:
    chance = random.Random(seed)
    spool = WebSpool(root)
    settings = {
        "DOODLED_ROOT": str(root),
        "DOODLED_STORAGE_RESERVE_MB": "0",
        "DOODLED_WEB_UPLOADS_PER_MINUTE": "1000000",
        "PYTHONPATH": str(REPOSITORY),
    }
    environ = {**os.environ, **settings}
    daemon = Killed([sys.executable, str(REPOSITORY / "tests" / "fault" / "stub_daemon.py"), str(root)], environ)
    web = Killed([sys.executable, "-m", "daemon", "web", "--port", str(port)], environ)
    contents = [image(number, fails=number % 10 == 9) for number in range(uploads)]
    accepted: dict[int, str] = {}
    tries: Counter[int] = Counter()
    waited_s: list[float] = []

    def upload(numbers: Sequence[int]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for number in numbers:
            while number not in accepted:
                tries[number] += 1
                try:
                    status, drawing_id, spent_s = post(connection, contents[number], f"upload {number}")
                except (OSError, http.client.HTTPException, ValueError):
                    connection.close()
                    time.sleep(0.1)
                    continue
                if status in {200, 201}:
                    accepted[number] = drawing_id
                    waited_s.append(spent_s)
                else:
                    time.sleep(0.5)
            time.sleep(chance.random() * 0.8)

    started_s = time.monotonic()
    threads = [threading.Thread(target=upload, args=(range(first, uploads, CONNECTIONS),)) for first in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    victims = [daemon] * DAEMON_KILLS + [web] * WEB_KILLS
    chance.shuffle(victims)
    for number, victim in enumerate(victims, start=1):
        share = number / (len(victims) + 1)
        wait_until(lambda share=share: len(accepted) >= share * uploads)  # type: ignore[misc]
        victim.kill()
    for thread in threads:
        thread.join()
    took_s = time.monotonic() - started_s
    wait_until(lambda: not spool.inbox() and not list(spool.layout.work.glob("*/*/source")))
    memory_mb = web.memory_mb()
    web.stop()
    daemon.stop()
    published = Counter(json.loads(path.read_text())["source"]["sha256"] for path in spool.layout.outbox.rglob("*.json"))
    failed = Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in spool.layout.failed.glob("*.png"))
    times = Counter(published[digest] + failed[digest] for digest in (hashlib.sha256(each).hexdigest() for each in contents))
    print(f"uploads answered with 200 or 201   {len(accepted)} of {uploads}, {sum(tries.values())} requests, {took_s:.0f} s")
    print(f"kills                              daemon {daemon.kills}, web application {web.kills}")
    print(f"published, failed                  {sum(published.values())}, {sum(failed.values())}")
    print(f"times that each drawing came out   {dict(times)}")
    print(f"different ids                      {len(set(accepted.values()))}")
    print(f"answer after the last byte         median {1000 * statistics.median(waited_s):.0f} ms, slowest {1000 * max(waited_s):.0f} ms")
    print(f"memory of the web application      {memory_mb:.0f} MB at most")
    if times != {1: uploads} or len(set(accepted.values())) != uploads:
        sys.exit("a drawing was lost, or came out twice")


def large_spool(root: Path, port: int) -> None:
    spool = WebSpool(root)
    for number in range(RESULTS):
        spool.publish(f"result{number}.png", motions=("wave", "dance"), at_s=1.7e9 + 60 * number)
    for number in range(WAITING):
        (spool.layout.inbox / f"waiting{number}.png").write_bytes(b"x")
    settings = {
        "DOODLED_ROOT": str(root),
        "DOODLED_STORAGE_RESERVE_MB": "0",
        "DOODLED_WEB_MAX_WAITING": "100000",
        "PYTHONPATH": str(REPOSITORY),
    }
    web = Killed([sys.executable, "-m", "daemon", "web", "--port", str(port)], {**os.environ, **settings})

    def get(path: str) -> float:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        begun_s = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return 1000 * (time.perf_counter() - begun_s) if answer.status == 200 else float("inf")

    def is_ready() -> bool:
        with suppress(OSError):
            return get("/readyz") < float("inf")
        return False

    begun_s = time.monotonic()
    wait_until(is_ready)
    print(f"\n{RESULTS} results, {WAITING} waiting: ready after {time.monotonic() - begun_s:.1f} s, memory {web.memory_mb('VmRSS'):.0f} MB")
    for path in ("/gallery", "/gallery/more?after=1700150000.000000~x", "/watch", "/v1/jobs", "/"):
        spent_ms = [get(path) for _ in range(15)]
        print(f"GET {path:<44} median {statistics.median(spent_ms):6.1f} ms, first {spent_ms[0]:6.1f} ms")
    noise = np.random.default_rng(0).integers(0, 255, (2200, 2200, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=93)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    spent_ms = [1000 * post(connection, buffer.getvalue(), f"photograph {number}")[2] for number in range(40)]
    size_mb = len(buffer.getvalue()) / 1e6
    print(
        f"POST of {size_mb:.1f} MB, after its last byte               median {statistics.median(spent_ms):6.1f} ms, "
        f"slowest {max(spent_ms):6.1f} ms"
    )
    print(f"memory of the web application                      {web.memory_mb():.0f} MB at most")
    web.stop()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--uploads", type=int, default=500)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--port", type=int, default=18321)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        killed_while_uploading(Path(folder) / "killed", chosen.port, chosen.uploads, chosen.seed)
        large_spool(Path(folder) / "large", chosen.port)


if __name__ == "__main__":
    main()

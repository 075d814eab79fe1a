"""The client against a TorchServe 0.12.0 that is really started, tokens on, and then maltreated.

`DOODLED_TORCHSERVE_PYTHON` names the Python of an environment with torchserve/requirements.txt; Java 17 must be on the path.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import requests

from pipeline.adapters.model_server.settings import PredictionAttempt, ServerEndpoint
from pipeline.adapters.torchserve.predictor import TorchServePredictor
from pipeline.adapters.torchserve.settings import ImageEncoding, TorchServeSettings
from pipeline.errors import (
    PredictionRefused,
    UpstreamMisconfigured,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from tests.integration.faulty_proxy import FaultyProxy, Spoiling
from tests.integration.real_torchserve import RealTorchServe

PYTHON = os.environ.get("DOODLED_TORCHSERVE_PYTHON", "")
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="DOODLED_TORCHSERVE_PYTHON names no environment with TorchServe"),
    pytest.mark.skipif(shutil.which("java") is None, reason="TorchServe needs Java"),
]
SLOW, DIE, NO_JSON, NOT_A_NUMBER, RAISE, HUGE = 1, 2, 3, 4, 5, 7
GRACE_S = 0.5
"""What may be added to a deadline by threads that wait for each other."""


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> Iterator[RealTorchServe]:
    server = RealTorchServe(Path(PYTHON), tmp_path_factory.mktemp("torchserve"), job_queue_size="2")
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def server(started) -> RealTorchServe:
    """A server that answers, whatever the test before did to it."""
    started.start()
    return started


@pytest.fixture
def proxy(server) -> Iterator[FaultyProxy]:
    faulty = FaultyProxy(server.endpoint.url)
    yield faulty
    faulty.close()


class Stall:
    """How long this process got no turn on a busy machine: the delays of a thread that only wants to wake up now and then."""

    def __enter__(self) -> Self:
        self.lost_s = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _listen(self) -> None:
        last_s = time.monotonic()
        while not self._end.wait(0.02):
            now_s = time.monotonic()
            self.lost_s += max(now_s - last_s - 0.04, 0.0)
            last_s = now_s


class Client:
    """A predictor that remembers its attempts, and that no call of it outlived its deadline."""

    def __init__(self, settings: TorchServeSettings, **choices) -> None:
        self.attempts: list[PredictionAttempt] = []
        self.settings = settings
        self.predictor = TorchServePredictor(settings, on_attempt=self.attempts.append, **choices)

    def detections(self, rgb):
        return self._timed(self.predictor.detections, rgb)

    def pose(self, rgb):
        return self._timed(self.predictor.pose, rgb)

    @property
    def faults(self) -> list[str | None]:
        return [attempt.error_type for attempt in self.attempts if not attempt.is_probe]

    def _timed(self, call, rgb):
        started_s = time.monotonic()
        with Stall() as stall:
            try:
                return call(rgb)
            finally:
                taken_s = time.monotonic() - started_s
                allowed_s = self.settings.deadline_s + GRACE_S + stall.lost_s
                assert taken_s <= allowed_s, f"a call took {taken_s:.2f} s of {self.settings.deadline_s} s (stalled {stall.lost_s:.2f} s)"


def through(proxy: FaultyProxy, server: RealTorchServe, **choices) -> Client:
    endpoint = ServerEndpoint(proxy.url, server.endpoint.key_file)
    return Client(replace(server.settings, endpoints=(endpoint,), **choices))


def drawing(order: int | None = None, argument: int = 0) -> np.ndarray:
    """(300, 200, 3): a black figure at 60..140, 50..250, with an order to the tests' handler in its corner."""
    rgb = np.full((300, 200, 3), 255, dtype=np.uint8)
    rgb[50:250, 60:140] = 0
    if order is not None:
        rgb[:16, :16] = (255, 0, 32 * order)
        rgb[:16, 16:32] = (argument, 0, 0)
    return rgb


@pytest.mark.parametrize("encoding", ImageEncoding)
def test_answers_of_a_real_server(server, encoding):
    """Boxes and joints come back in px of the image that was given, whatever was sent."""
    client = Client(replace(server.settings, encoding=encoding, longest_side_px=150))
    (detection,) = client.detections(drawing())
    box = detection.box
    np.testing.assert_allclose([box.left, box.top, box.right, box.bottom], [60, 50, 140, 250], atol=3)
    keypoints = client.pose(drawing()).keypoints
    assert keypoints.shape == (17, 3)
    np.testing.assert_allclose(keypoints[0, :2], [100, 70], atol=3)
    assert [attempt.status for attempt in client.attempts] == [200, 200]


def test_an_image_without_a_figure(server):
    """Nothing seen is an empty tuple, and no error."""
    assert Client(server.settings).detections(np.full((64, 64, 3), 255, dtype=np.uint8)) == ()


def test_health_asks_for_a_real_prediction(server):
    """Every model is ready, with the workers and the batch size that describe-model reports."""
    health = TorchServePredictor(server.settings).health()
    assert [fares.model for fares in health] == ["drawn_humanoid_detector", "drawn_humanoid_pose_estimator"]
    assert {fares.batch_size for fares in health} < {1, 4}
    assert all((fares.ready, fares.problem, fares.workers) == (True, "", 1) for fares in health)


def test_killed_workers(server):
    """TorchServe replaces killed workers, but never answers a request that one of them had taken; asked again, it answers."""
    for worker in server.workers():
        os.kill(worker, signal.SIGKILL)
    client = Client(replace(server.settings, deadline_s=60.0, read_timeout_s=6.0))
    assert len(client.detections(drawing())) == 1
    assert client.pose(drawing()).keypoints.shape == (17, 3)


def test_hanging_workers(server):
    """Workers that hang are no server, though /ping and describe-model say otherwise; the call ends with its deadline."""
    workers = server.workers()
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        client = Client(replace(server.settings, deadline_s=1.5, probe_timeout_s=0.5))
        with pytest.raises(UpstreamUnavailable):
            client.detections(drawing())
        key = server.keys["inference"]
        assert (
            requests.get(f"{server.endpoint.url}/ping", headers={"Authorization": f"Bearer {key}"}, timeout=5).json()["status"] == "Healthy"
        )
        assert not all(model.ready for model in client.predictor.health())
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
    assert client.faults == ["deadline"]


def test_an_image_that_kills_workers(server):
    """An image on which worker after worker dies is blamed, and only after a probe passed."""
    client = Client(replace(server.settings, deadline_s=90.0, read_timeout_s=20.0))
    with pytest.raises(PredictionRefused, match="Worker died") as caught:
        client.pose(drawing(DIE))
    assert caught.value.status == 500
    assert client.faults.count("worker_died") == 3
    assert client.attempts[-1].is_probe


@pytest.mark.parametrize(
    ("order", "fault"), [(NO_JSON, "garbage"), (NOT_A_NUMBER, "garbage"), (RAISE, "handler_failed"), (HUGE, "too_big")]
)
def test_an_image_that_breaks_the_handler(server, order, fault):
    """An image that is answered with nonsense, again and again, is refused while the probe passes."""
    client = Client(replace(server.settings, max_reply_bytes=1_000_000, backoff_first_s=0.05))
    with pytest.raises(PredictionRefused):
        client.detections(drawing(order))
    assert client.faults == [fault] * 3
    assert client.detections(drawing())[0].score == pytest.approx(0.99)


def test_a_slow_server(server):
    """A prediction that takes longer than the deadline ends with it, and no image is blamed."""
    client = Client(replace(server.settings, deadline_s=0.8))
    with pytest.raises(UpstreamUnavailable):
        client.detections(drawing(SLOW, 20))


def test_a_full_queue(server):
    """More calls than the queue holds: some are answered with 503, all succeed in the end."""
    client = Client(replace(server.settings, deadline_s=30.0, backoff_first_s=0.2, max_attempts=50))
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(client.pose, [drawing(SLOW, 3)] * 10))
    assert len(found) == 10
    assert "overloaded" in client.faults
    assert {attempt.status for attempt in client.attempts} == {200, 503}
    assert len(client.attempts) <= 60


def test_a_renewed_key(server):
    """A key that was renewed through the token API is read from its file, whether or not the file looks changed."""
    client = Client(server.settings)
    client.detections(drawing())
    key_file = server.endpoint.key_file
    before = key_file.stat()
    for keep_the_time in (False, True):
        headers = {"Authorization": f"Bearer {server.keys['API']}"}
        requests.get(f"{server.endpoint.management_url}/token?type=inference", headers=headers, timeout=5).raise_for_status()
        if keep_the_time:
            before = key_file.stat() if not keep_the_time else before
            os.utime(key_file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert len(client.detections(drawing())) == 1
        before = key_file.stat()
    assert client.faults == [None, None, "unauthorized", None]
    assert client.attempts[-2].wait_s == 0.0


def test_a_wrong_key(server, tmp_path):
    """A key that is refused even when read again stops the call at once; no image is blamed, and the key appears nowhere."""
    secret = "Sesame-open-0815"
    (tmp_path / "key").write_text(secret)
    endpoint = replace(server.endpoint, key_file=tmp_path / "key")
    client = Client(replace(server.settings, endpoints=(endpoint,)))
    with pytest.raises(UpstreamUnauthorized, match="InvalidKeyException") as caught:
        client.detections(drawing())
    assert caught.value.attempts == 1
    assert secret not in f"{caught.value!r} {caught.value} {vars(caught.value)} {client.attempts} {client.settings}"
    assert caught.value.__cause__ is None


def test_no_key(server):
    """Without a key file the error says so."""
    client = Client(replace(server.settings, endpoints=(replace(server.endpoint, key_file=None),)))
    with pytest.raises(UpstreamUnauthorized, match="no key file"):
        client.detections(drawing())


def test_a_model_that_is_not_there(server):
    """A model that is not registered is a mistake in the setup."""
    client = Client(replace(server.settings, detector="drawn_quadruped_detector"))
    with pytest.raises(UpstreamMisconfigured, match="ModelNotFoundException"):
        client.detections(drawing())


def test_the_management_address_instead(server):
    """The management address is no place to ask for predictions, and the error says where the mistake may be."""
    endpoint = ServerEndpoint(str(server.endpoint.management_url), server.endpoint.key_file)
    with pytest.raises((UpstreamMisconfigured, UpstreamUnauthorized)):
        Client(replace(server.settings, endpoints=(endpoint,))).detections(drawing())


@pytest.mark.parametrize(
    ("profile", "batch_size", "delay_ms"),
    [("config.properties", 1, 50), ("config.local.properties", 1, 50), ("config.throughput.properties", 4, 100)],
)
def test_stopped_and_started_again(server, profile, batch_size, delay_ms):
    """While it is down the call fails as an outage; with new keys, after a start with any of the shipped settings, the client is answered.

    And describe-model says what the settings meant.
    """
    client = Client(replace(server.settings, deadline_s=30.0, max_attempts=3))
    client.detections(drawing())
    server.stop()
    with pytest.raises(UpstreamUnavailable) as caught:
        client.detections(drawing())
    assert caught.value.attempts == 3
    assert not all(model.ready for model in client.predictor.health())
    server.use(profile)
    server.start()
    with ThreadPoolExecutor(3) as pool:
        assert all(len(found) == 1 for found in pool.map(client.detections, [drawing()] * 6))
    headers = {"Authorization": f"Bearer {server.keys['management']}"}
    for model in ("drawn_humanoid_detector", "drawn_humanoid_pose_estimator"):
        (described,) = requests.get(f"{server.endpoint.management_url}/models/{model}", headers=headers, timeout=5).json()
        assert (described["batchSize"], described["maxBatchDelay"]) == (batch_size, delay_ms)
        assert (described["minWorkers"], described["maxWorkers"], len(described["workers"])) == (1, 1, 1)


def test_two_servers_of_which_one_is_down(server):
    """The one that runs answers; the other is left alone for a while after its first failure."""
    dead = ServerEndpoint("http://127.0.0.1:9")
    client = Client(replace(server.settings, endpoints=(dead, server.endpoint), avoid_first_s=60.0))
    for _ in range(5):
        assert len(client.detections(drawing())) == 1
    assert client.faults == ["connect"] + [None] * 5
    assert client.attempts[0].wait_s == 0.0
    assert [model.ready for model in client.predictor.health()] == [False, False, True, True]


def test_a_call_that_is_stopped(server):
    """A stop ends the wait for the next attempt at once, and nothing more is asked."""
    stop = threading.Event()
    client = Client(replace(server.settings, endpoints=(ServerEndpoint("http://127.0.0.1:9"),), backoff_first_s=10.0), stop=stop)
    threading.Timer(0.3, stop.set).start()
    started_s = time.monotonic()
    with pytest.raises(UpstreamUnavailable):
        client.detections(drawing())
    assert time.monotonic() - started_s < 0.3 + GRACE_S
    assert client.faults == ["connect"]


@pytest.mark.parametrize("spoiling", Spoiling)
def test_spoiled_replies(server, proxy, spoiling):
    """Whatever comes back instead of a reply: the call ends in time, as an outage or as a mistake of the set-up."""
    # 1 s was too short for the good reply of a server on a busy machine
    client = through(proxy, server, deadline_s=4.0, backoff_first_s=0.05, max_reply_bytes=1_000_000)
    proxy.spoil(spoiling)
    with pytest.raises(UpstreamMisconfigured if spoiling is Spoiling.HTML else UpstreamUnavailable):
        client.detections(drawing())
    proxy.spoil(spoiling, times=0)
    assert len(client.detections(drawing())) == 1


@pytest.mark.parametrize("spoiling", [Spoiling.GARBAGE, Spoiling.HALF_OF_IT, Spoiling.ENDLESS, Spoiling.ENDLESS_CHUNKS])
def test_spoiled_replies_to_one_image(server, proxy, spoiling):
    """Nonsense three times, and the probe passes: the image is to blame."""
    client = through(proxy, server, backoff_first_s=0.02, max_reply_bytes=1_000_000)
    proxy.spoil(spoiling, times=3)
    with pytest.raises(PredictionRefused):
        client.detections(drawing())
    assert proxy.requests == 4


@pytest.mark.parametrize("spoiling", [Spoiling.RESET, Spoiling.TRUNCATED, Spoiling.NO_HTTP, Spoiling.GARBAGE])
def test_a_spoilt_reply_once(server, proxy, spoiling):
    """What goes wrong once is asked again, and answered."""
    client = through(proxy, server, backoff_first_s=0.02)
    proxy.spoil(spoiling, times=1)
    assert len(client.detections(drawing())) == 1
    assert len(client.faults) == 2

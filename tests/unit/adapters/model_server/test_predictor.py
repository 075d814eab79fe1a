"""Patience, blame and errors of the client for model servers, by TorchServe's protocol, against a stub server and a fake clock."""

from __future__ import annotations

import os
import random
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from waiting import until

from pipeline.adapters.model_server.settings import PredictionAttempt, ServerEndpoint
from pipeline.adapters.torchserve.predictor import TorchServePredictor
from pipeline.adapters.torchserve.settings import ImageEncoding, TorchServeSettings
from pipeline.errors import (
    DoodledError,
    PredictionRefused,
    ShapeError,
    UpstreamMisconfigured,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from pipeline.ports import Predictor
from tests.unit.adapters.model_server.stub_server import (
    BAD_INPUT,
    GARBAGE,
    GOOD,
    GOOD_JOINTS,
    HANDLER_FAILED,
    INVALID_KEY,
    NO_MODEL,
    QUEUE_FULL,
    WORKER_DIED,
    Canned,
    key_file,
)

IMAGE = np.full((60, 50, 3), 200, dtype=np.uint8)
SECRET = "s3cr3t-Kq8_"
DEAD = ServerEndpoint("http://127.0.0.1:9")


class Client:
    """A predictor on a fake clock, and the attempts that it reported."""

    def __init__(self, *endpoints: ServerEndpoint, clock, stop=None, **choices) -> None:
        self.attempts: list[PredictionAttempt] = []
        self.clock = clock
        self.settings = TorchServeSettings(endpoints, deadline_s=choices.pop("deadline_s", 60.0), **choices)
        self.predictor: Predictor = TorchServePredictor(
            self.settings,
            stop=stop,
            on_attempt=self.attempts.append,
            clock=clock,
            wall_clock=lambda: 1_700_000_000.0,
            sleep=clock.sleep,
            rng=random.Random(7),
        )

    def detections(self):
        return self.predictor.detections(IMAGE)

    @property
    def faults(self) -> list[str | None]:
        return [attempt.error_type for attempt in self.attempts if not attempt.is_probe]

    @property
    def probes(self) -> list[str | None]:
        return [attempt.error_type for attempt in self.attempts if attempt.is_probe]


@pytest.fixture
def client(stub, clock) -> Client:
    return Client(ServerEndpoint(stub.url), clock=clock)


def test_a_good_answer(client, stub):
    """One request, multipart field `data`, and the figures come back."""
    (detection,) = client.detections()
    assert (detection.box.left, detection.box.bottom, detection.score) == (1.0, 40.0, 0.9)
    (received,) = stub.received
    assert received.path == "/predictions/drawn_humanoid_detector"
    assert b'name="data"; filename="image.x-portable-pixmap"' in received.body
    assert received.authorization is None
    assert client.attempts == [PredictionAttempt(stub.url, "drawn_humanoid_detector", 1, 200, None, None, client.attempts[0].duration_s)]


def test_keypoints_go_to_the_other_model(client, stub):
    """The result is (17, 3) float64."""
    stub.will(GOOD_JOINTS)
    assert client.predictor.pose(IMAGE).keypoints.shape == (17, 3)
    assert stub.received[0].path == "/predictions/drawn_humanoid_pose_estimator"


def test_a_large_image_is_reduced_and_the_box_grows_back(stub, clock):
    """Boxes are in px of the image that was asked about."""
    client = Client(ServerEndpoint(stub.url), clock=clock, longest_side_px=100, encoding=ImageEncoding.PNG)
    (detection,) = client.predictor.detections(np.zeros((400, 200, 3), dtype=np.uint8))
    assert (detection.box.left, detection.box.bottom) == (4.0, 160.0)
    assert b"\x89PNG" in stub.received[0].body


def test_image_of_wrong_shape_is_refused(client):
    """The caller's mistake is found before anything is sent."""
    with pytest.raises(ShapeError):
        client.predictor.detections(np.zeros((4, 4), dtype=np.uint8))
    with pytest.raises(ShapeError):
        client.predictor.detections(np.zeros((0, 4, 3), dtype=np.uint8))


TRANSIENT = [
    (QUEUE_FULL, "overloaded"),
    (Canned(503, b"busy", "text/plain"), "overloaded"),
    (Canned(507, {"code": 507, "type": "InternalServerException", "message": "no memory"}), "overloaded"),
    (Canned(504, b"", "text/plain"), "overloaded"),
    (Canned(502, b"<html>Bad Gateway</html>", "text/html"), "server_error"),
    (Canned(429, b"", "text/plain"), "overloaded"),
    (Canned(408, {"code": 408, "type": "RequestTimeoutException", "message": "slow"}), "overloaded"),
]


@pytest.mark.parametrize(("reply", "fault"), TRANSIENT)
def test_server_failures_are_retried(client, stub, reply, fault):
    """Waits grow, and a late answer counts."""
    stub.will(reply, reply, GOOD)
    assert len(client.detections()) == 1
    assert client.faults == [fault, fault, None]
    assert client.clock.slept == [attempt.wait_s for attempt in client.attempts[:2]]
    assert 0.125 <= client.clock.slept[0] <= 0.25 <= client.clock.slept[1] <= 0.5


@pytest.mark.parametrize(("reply", "fault"), TRANSIENT)
def test_lasting_server_failure_is_an_outage(client, stub, reply, fault):
    """The error has the last status and the number of attempts; there is no probe, because no image is suspected."""
    stub.will(reply)
    with pytest.raises(UpstreamUnavailable) as caught:
        client.detections()
    assert (caught.value.attempts, caught.value.status) == (client.settings.max_attempts, reply.status)
    assert client.faults == [fault] * client.settings.max_attempts
    assert client.probes == []
    assert client.attempts[-1].wait_s is None


@pytest.mark.parametrize(("reply", "fault"), TRANSIENT)
def test_recovery_probe_sends_one_request(stub, clock, reply, fault):
    """A tiny prediction follows only where the image itself could have caused the failure."""
    client = Client(ServerEndpoint(stub.url), clock=clock, is_probe=True)
    stub.will(reply)
    with pytest.raises(UpstreamUnavailable) as caught:
        client.detections()
    assert (caught.value.attempts, caught.value.answers_others) == (1, False)
    assert len(client.probes) == (fault == "server_error")


def test_recovery_probe_suspects_image_that_alone_gets_no_answer(stub, clock):
    client = Client(ServerEndpoint(stub.url), clock=clock, is_probe=True)
    stub.will(Canned(502, b"", "text/plain"), GOOD)
    with pytest.raises(UpstreamUnavailable) as caught:
        client.detections()
    assert caught.value.answers_others
    assert client.probes == [None]


def test_recovery_probe_sends_one_request_to_each_server(stub, other_stub, clock):
    client = Client(ServerEndpoint(stub.url), ServerEndpoint(other_stub.url), clock=clock, is_probe=True)
    stub.will(QUEUE_FULL)
    other_stub.will(GOOD)
    assert len(client.detections()) == 1
    assert len(client.attempts) <= 2


def test_refused_connections_are_an_outage(clock):
    """The server's port is closed."""
    client = Client(DEAD, clock=clock)
    with pytest.raises(UpstreamUnavailable, match="no connection"):
        client.detections()
    assert set(client.faults) == {"connect"}


def test_unknown_host_is_an_outage(clock):
    """A host name that can't be resolved counts like a refused connection."""
    client = Client(ServerEndpoint("http://torchserve.invalid:8080"), clock=clock, max_attempts=1)
    with pytest.raises(UpstreamUnavailable):
        client.detections()
    assert client.faults[0] in {"connect", "connect_timeout"}


PERHAPS = [
    (GARBAGE, "garbage"),
    (Canned(content={"error": "?"}), "garbage"),
    (HANDLER_FAILED, "handler_failed"),
    (Canned(500, b"oops", "text/plain"), "handler_failed"),
    (WORKER_DIED, "worker_died"),
    (Canned(content=b"[" + b" " * 9_000_000 + b"]"), "too_big"),
]


@pytest.mark.parametrize(("reply", "fault"), PERHAPS)
def test_image_that_always_breaks_the_answer_is_refused(client, stub, reply, fault):
    """It is refused after three attempts if the server then answers a probe."""
    stub.will(reply, reply, reply, GOOD)
    with pytest.raises(PredictionRefused) as caught:
        client.detections()
    assert client.faults == [fault] * 3
    assert client.probes == [None]
    assert (caught.value.model, caught.value.status) == ("drawn_humanoid_detector", reply.status)


@pytest.mark.parametrize(("reply", "fault"), PERHAPS)
def test_server_that_breaks_every_answer_is_an_outage(client, stub, reply, fault):
    """The probe fails as well, so the image is not to blame."""
    stub.will(reply)
    with pytest.raises(UpstreamUnavailable):
        client.detections()
    assert client.faults == [fault] * 3
    assert client.probes == [fault]


@pytest.mark.parametrize(("reply", "fault"), PERHAPS)
def test_answer_that_is_broken_once_is_requested_again(client, stub, reply, fault):
    """The second answer counts."""
    stub.will(reply, GOOD)
    assert len(client.detections()) == 1
    assert client.faults == [fault, None]


@pytest.mark.parametrize("status", [400, 413, 415, 422, 418])
def test_image_that_the_handler_refuses_is_refused(client, stub, status):
    """It is refused at once, after a probe: another request would get the same answer."""
    stub.will(replace(BAD_INPUT, status=status), GOOD)
    with pytest.raises(PredictionRefused) as caught:
        client.detections()
    assert caught.value.status == status
    assert (client.faults, client.probes) == (["refused"], [None])


def test_server_that_refuses_every_image_is_an_outage(client, stub):
    """A server that refuses the probe as well is at fault itself."""
    stub.will(BAD_INPUT)
    with pytest.raises(UpstreamUnavailable):
        client.detections()


def test_crop_without_a_figure_is_refused(client, stub):
    """An empty list from the pose estimator has no joints."""
    stub.will(Canned(content=[]), GOOD_JOINTS)
    with pytest.raises(PredictionRefused, match="no figure"):
        client.predictor.pose(IMAGE)


@pytest.mark.parametrize(
    "reply",
    [
        NO_MODEL,
        Canned(404, b"not here", "text/plain"),
        Canned(405, {"code": 405, "type": "MethodNotAllowedException", "message": "no"}),
        Canned(200, b"<html>Welcome</html>", "text/html"),
        Canned(200, b"<!DOCTYPE html><title>Welcome</title>", "application/json"),
        Canned(400, b"<html>Bad Request</html>", "text/html"),
        Canned(302, b"", "text/plain", {"Location": "http://127.0.0.1:1/"}),
        Canned(501, b"", "text/plain"),
    ],
)
def test_mistake_of_the_set_up_is_reported_at_once(client, stub, reply):
    """Waiting would not help."""
    stub.will(reply)
    with pytest.raises(UpstreamMisconfigured) as caught:
        client.detections()
    assert (caught.value.attempts, caught.value.status) == (1, reply.status)
    assert client.clock.slept == []


@pytest.mark.parametrize("reply", [INVALID_KEY, Canned(401, b"", "text/plain"), Canned(403, b"<html>no</html>", "text/html")])
def test_a_key_that_is_refused_is_read_again_once(stub, clock, tmp_path, reply):
    """With a new key, the second attempt comes at once, even if the file looks unchanged, as on a file system with coarse times."""
    path = key_file(tmp_path, "old-key1")
    client = Client(ServerEndpoint(stub.url, path), clock=clock)
    client.detections()
    stamp = path.stat()

    def check(received):
        if received.authorization == "Bearer new-key1":
            return GOOD
        path.write_text(path.read_text().replace("old-key1", "new-key1"))
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        return reply

    stub.on_request = check
    assert len(client.detections()) == 1
    assert client.faults == [None, "unauthorized", None]
    assert client.clock.slept == [0.0]


def test_a_changed_key_file_is_read_before_it_is_needed(stub, clock, tmp_path):
    """The file's time or size has changed, so no request is sent with the old key."""
    path = key_file(tmp_path, "old")
    client = Client(ServerEndpoint(stub.url, path), clock=clock)
    client.detections()
    key_file(tmp_path, "newer-key")
    client.detections()
    assert [received.authorization for received in stub.received] == ["Bearer old", "Bearer newer-key"]


@pytest.mark.parametrize("reply", [INVALID_KEY, Canned(401, b"", "text/plain"), Canned(403, b"", "text/plain")])
def test_key_that_stays_refused_is_an_error_of_its_own(stub, clock, tmp_path, reply):
    """There is one attempt, and no image is to blame."""
    stub.will(reply)
    client = Client(ServerEndpoint(stub.url, key_file(tmp_path, "wrong")), clock=clock)
    with pytest.raises(UpstreamUnauthorized) as caught:
        client.detections()
    assert (caught.value.attempts, client.clock.slept) == (1, [])


def test_key_that_changes_but_is_never_accepted(stub, clock, tmp_path):
    """The file is read again once in each call, not endlessly."""
    path = key_file(tmp_path, "key0")
    count = iter(range(1, 100))

    def refuse(_):
        key_file(tmp_path, f"key{next(count)}" * 2)
        return INVALID_KEY

    stub.on_request = refuse
    client = Client(ServerEndpoint(stub.url, path), clock=clock)
    with pytest.raises(UpstreamUnauthorized):
        client.detections()
    assert client.faults == ["unauthorized"] * 2


def test_a_missing_key_file_is_named(stub, clock, tmp_path):
    """The hint says that the file can't be read."""
    stub.will(INVALID_KEY)
    with pytest.raises(UpstreamUnauthorized, match="No such file"):
        Client(ServerEndpoint(stub.url, tmp_path / "none"), clock=clock).detections()


def _everything_of(error: BaseException) -> str:
    """An error with its fields, its causes, and its traceback from our door inwards, local variables included."""
    frames = error.__traceback__
    while frames is not None and "pipeline" not in frames.tb_frame.f_code.co_filename:
        frames = frames.tb_next
    deep = traceback.TracebackException(type(error), error, frames, capture_locals=True)
    return f"{''.join(deep.format())} {error!r} {vars(error)}"


def test_no_secret_shows(stub, clock, tmp_path):
    """Secrets are in no error, traceback, local variable, attempt, setting or predictor, even if the server repeats them."""
    shown = []
    endpoint = ServerEndpoint(stub.url, key_file(tmp_path, SECRET))
    words = f"header was Bearer {SECRET}"
    echoes = [Canned(500, {"type": "InternalServerException", "message": words}), Canned(400, {"type": f"x{SECRET}", "message": words})]
    for reply in [*echoes, INVALID_KEY, GARBAGE, NO_MODEL, BAD_INPUT, QUEUE_FULL]:
        stub.will(reply)
        client = Client(endpoint, clock=clock)
        with pytest.raises(DoodledError) as caught:
            client.detections()
        shown += [_everything_of(caught.value), repr(client.attempts), repr(client.settings), repr(vars(client.predictor))]
    with pytest.raises(UpstreamUnavailable) as caught:
        Client(replace(endpoint, url=DEAD.url), clock=clock).detections()
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    shown.append(_everything_of(caught.value))
    assert any(received.authorization == f"Bearer {SECRET}" for received in stub.received)
    assert "call.attempts" in shown[-1] or "_raise_final" in shown[-1]
    assert SECRET not in "".join(shown)


def test_retry_after_is_obeyed(client, stub):
    """`Retry-After` may be seconds or a date; the wait is never shorter."""
    stub.will(
        replace(QUEUE_FULL, headers={"Retry-After": "7"}),
        replace(QUEUE_FULL, headers={"Retry-After": "Tue, 14 Nov 2023 22:13:31 GMT"}),
        replace(QUEUE_FULL, headers={"Retry-After": "soon"}),
        GOOD,
    )
    client.detections()
    assert client.clock.slept[:2] == [7.0, 11.0]
    assert client.clock.slept[2] < 1.0


def test_a_retry_after_beyond_the_deadline_ends_the_call(client, stub):
    """Waiting would be useless; the error passes the wait on, up to its bound."""
    stub.will(replace(QUEUE_FULL, headers={"Retry-After": "86400"}))
    with pytest.raises(UpstreamUnavailable) as caught:
        client.detections()
    assert (caught.value.attempts, caught.value.retry_after_s) == (1, 300.0)
    assert client.clock.slept == []


def test_the_deadline_holds_on_the_clock(stub, clock):
    """No wait begins that would end after the deadline, which also bounds the number of attempts."""
    stub.will(QUEUE_FULL)
    client = Client(ServerEndpoint(stub.url), clock=clock, deadline_s=20.0, max_attempts=1000)
    with pytest.raises(UpstreamUnavailable):
        client.detections()
    assert clock.now_s < 1020.0
    assert sum(clock.slept) > 9.0
    assert max(clock.slept) <= client.settings.backoff_max_s


def test_a_request_gets_what_is_left_of_the_deadline(stub, clock, monkeypatch):
    """Every request, the probe included, is limited to the time that is left."""
    client = Client(ServerEndpoint(stub.url), clock=clock, deadline_s=20.0, probe_timeout_s=5.0)
    http_client = client.predictor._client.single.http
    spans = []
    send = http_client.send

    def spy(*arguments, deadline, **named):
        spans.append(deadline.within_s)
        clock.now_s += 4.0
        return send(*arguments, deadline=deadline, **named)

    monkeypatch.setattr(http_client, "send", spy)
    stub.will(GARBAGE)
    with pytest.raises(UpstreamUnavailable):
        client.detections()
    assert spans[0] == 20.0
    assert spans[1] == pytest.approx(16.0 - clock.slept[0])
    assert spans[3] == 5.0


def test_probe_without_time_left_ends_as_an_outage(stub, clock, monkeypatch):
    """It is unknown whether the image is to blame."""
    client = Client(ServerEndpoint(stub.url), clock=clock, deadline_s=5.0)
    http_client = client.predictor._client.single.http
    send = http_client.send

    def slow(*arguments, **named):
        clock.now_s += 5.0
        return send(*arguments, **named)

    monkeypatch.setattr(http_client, "send", slow)
    stub.will(BAD_INPUT, GOOD)
    with pytest.raises(UpstreamUnavailable):
        client.detections()
    assert client.probes == []


def test_jitter_differs_between_clients(stub, clock):
    """Two clients that failed together don't retry at the same time."""
    stub.will(QUEUE_FULL)
    waits = []
    for seed in (1, 2):
        settings = TorchServeSettings((ServerEndpoint(stub.url),), max_attempts=3)
        predictor = TorchServePredictor(settings, clock=clock, sleep=clock.sleep, rng=random.Random(seed))
        with pytest.raises(UpstreamUnavailable):
            predictor.detections(IMAGE)
        waits.append(clock.slept[-2:])
    assert waits[0] != waits[1]


def test_a_stop_ends_the_wait_and_asks_nothing_more(stub):
    """The sleep of the real client wakes when the event is set; there is no request after it."""
    stop = threading.Event()
    stub.will(QUEUE_FULL)
    settings = TorchServeSettings((ServerEndpoint(stub.url),), backoff_first_s=30.0, backoff_max_s=30.0)
    predictor = TorchServePredictor(settings, stop=stop, on_attempt=lambda _: threading.Timer(0.02, stop.set).start())
    started_s = time.monotonic()
    with pytest.raises(UpstreamUnavailable, match="is stopping"):
        predictor.detections(IMAGE)
    assert time.monotonic() - started_s < 5.0
    assert len(stub.received) == 1
    with pytest.raises(UpstreamUnavailable, match="is stopping"):
        predictor.detections(IMAGE)
    assert len(stub.received) == 1


def test_the_other_server_is_asked_at_once(stub, other_stub, clock):
    """A request that fails on one server goes to the other without a wait; the first one is then avoided."""
    stub.will(QUEUE_FULL)
    client = Client(ServerEndpoint(stub.url), ServerEndpoint(other_stub.url), clock=clock)
    for _ in range(4):
        assert len(client.detections()) == 1
    assert client.faults == ["overloaded"] + [None] * 4
    assert clock.slept == [0.0]
    assert (len(stub.received), len(other_stub.received)) == (1, 4)


def test_a_failed_server_comes_back_after_a_tiny_prediction(stub, other_stub, clock):
    """No image waits for the tiny prediction; once it is answered, the server gets its share of images again."""
    stub.will(QUEUE_FULL, GOOD)
    client = Client(ServerEndpoint(stub.url), ServerEndpoint(other_stub.url), clock=clock)
    client.detections()
    clock.now_s += client.settings.avoid_first_s
    client.detections()
    until(lambda: len(stub.received) == 2)
    assert b"P6\n64 96" in stub.received[1].body
    until(lambda: client.predictor._client._choices["drawn_humanoid_detector"].has_other({other_stub.url}))
    for _ in range(4):
        client.detections()
    assert (len(stub.received), len(other_stub.received)) == (4, 4)
    assert client.probes == []


@pytest.fixture
def silent_stub(stub):
    """Accepts requests, and answers when the test is over."""
    is_over = threading.Event()
    stub.on_request = lambda _: is_over.wait(60) and None
    yield stub
    is_over.set()


def test_a_silent_server_is_overtaken(silent_stub, other_stub, clock):
    """The other server gets the same request and all following ones; the silent one then gets a tiny prediction."""
    client = Client(ServerEndpoint(silent_stub.url), ServerEndpoint(other_stub.url), clock=clock, hedge_first_s=0.05)
    for _ in range(4):
        assert len(client.detections()) == 1
    assert client.faults == ["overtaken"] + [None] * 4
    assert [attempt.wait_s for attempt in client.attempts] == [0.0] + [None] * 4
    assert len(other_stub.received) == 4
    client.predictor.close()


def test_an_overtaken_request_is_no_overload(silent_stub, other_stub, clock):
    """The request ends because its socket is shut down, which must not count as a deadline: fewer jobs would run then."""
    for _ in range(20):
        client = Client(ServerEndpoint(silent_stub.url), ServerEndpoint(other_stub.url), clock=clock, hedge_first_s=0.01)
        client.detections()
        assert client.faults == ["overtaken", None]
        client.predictor.close()


def test_a_silent_server_alone_is_waited_for(silent_stub, clock):
    """There is no other server; the read timeout ends the request."""
    client = Client(ServerEndpoint(silent_stub.url), clock=clock, hedge_first_s=0.05, read_timeout_s=0.2, max_attempts=1)
    with pytest.raises(UpstreamUnavailable):
        client.detections()
    assert client.faults == ["read_timeout"]


def test_all_servers_silent(silent_stub, other_stub, clock):
    """Both get the request, one after the other, and both are reported."""
    other_stub.on_request = silent_stub.on_request
    endpoints = ServerEndpoint(silent_stub.url), ServerEndpoint(other_stub.url)
    client = Client(*endpoints, clock=clock, hedge_first_s=0.05, read_timeout_s=0.3, is_probe=True)
    with pytest.raises(UpstreamUnavailable):
        client.detections()
    assert client.faults == ["read_timeout"] * 2


def test_an_answer_that_comes_before_the_hedge_counts(stub, other_stub, clock):
    """No server is blamed: the second one had less time."""
    is_over = threading.Event()
    stub.on_request = lambda _: other_stub_was_asked.wait(60) and None
    other_stub_was_asked = threading.Event()
    other_stub.on_request = lambda _: other_stub_was_asked.set() or (is_over.wait(60) and None)
    client = Client(ServerEndpoint(stub.url), ServerEndpoint(other_stub.url), clock=clock, hedge_first_s=0.05)
    assert len(client.detections()) == 1
    is_over.set()
    assert sorted(client.faults, key=str) == [None, "overtaken"]
    assert client.attempts[-1].error_type is None
    client.predictor.close()


@pytest.mark.parametrize("reply", [NO_MODEL, INVALID_KEY])
def test_a_server_that_is_set_up_wrongly_does_not_spoil_the_other(stub, other_stub, clock, reply):
    """It is an error only if all servers are set up wrongly."""
    stub.will(reply)
    client = Client(ServerEndpoint(stub.url), ServerEndpoint(other_stub.url), clock=clock)
    assert len(client.detections()) == 1
    other_stub.will(reply)
    clock.now_s += 100.0
    with pytest.raises((UpstreamMisconfigured, UpstreamUnauthorized)) as caught:
        client.detections()
    assert caught.value.attempts == 2


def test_health_is_a_prediction(stub, clock):
    """Both models get a real prediction; /ping is not used."""
    stub.on_request = lambda received: GOOD_JOINTS if "pose" in received.path else GOOD
    client = Client(ServerEndpoint(stub.url), clock=clock)
    assert all(model.ready for model in client.predictor.health())
    stub.on_request = lambda received: HANDLER_FAILED if "pose" in received.path else GOOD
    first, second = client.predictor.health()
    assert (first.ready, second.ready) == (True, False)
    assert "Prediction failed" in second.problem
    assert {received.path.split("/")[1] for received in stub.received} == {"predictions"}


def test_health_rereads_the_key(stub, clock, tmp_path):
    """A new key file does not make the server unhealthy."""
    path = key_file(tmp_path, "old")
    client = Client(ServerEndpoint(stub.url, path), clock=clock)

    def check(received):
        if received.authorization != "Bearer new":
            key_file(tmp_path, "new")
            return INVALID_KEY
        return GOOD_JOINTS if "pose" in received.path else GOOD

    stub.on_request = check
    assert all(model.ready for model in client.predictor.health())


def test_health_describes_the_model(stub, other_stub, clock, tmp_path):
    """describe-model gets the management key, and a description that makes no sense is ignored."""
    stub.on_request = lambda received: GOOD_JOINTS if "pose" in received.path else GOOD
    workers = [{"status": "READY"}, {"status": "UNLOADING"}]
    other_stub.will(Canned(content=[{"batchSize": 4, "workers": workers}]))
    endpoint = ServerEndpoint(stub.url, key_file(tmp_path, "inference"), other_stub.url)
    client = Client(endpoint, clock=clock)
    fares = client.predictor.health()[0]
    assert (fares.ready, fares.workers, fares.workers_ready, fares.batch_size) == (True, 2, 1, 4)
    assert other_stub.received[0].authorization == "Bearer manage-me"
    for nonsense in ([], {}, [3], [{"workers": "many"}], b"[", None):
        other_stub.will(Canned(content=nonsense))
        assert client.predictor.health()[0].workers is None


def test_many_threads_at_once(stub, clock):
    """One predictor serves all threads, and keeps its connections."""
    client = Client(ServerEndpoint(stub.url), clock=clock)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: client.detections(), range(40)))
    assert all(len(detections) == 1 for detections in found)
    assert client.faults == [None] * 40
    client.predictor.close()

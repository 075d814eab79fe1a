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
    """A predictor on a fake clock, with what it reported."""

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
    """(17, 3) float64."""
    stub.will(GOOD_JOINTS)
    assert client.predictor.pose(IMAGE).keypoints.shape == (17, 3)
    assert stub.received[0].path == "/predictions/drawn_humanoid_pose_estimator"


def test_a_large_image_is_reduced_and_the_box_grows_back(stub, clock):
    """Boxes are in px of the image that was asked about."""
    client = Client(ServerEndpoint(stub.url), clock=clock, longest_side_px=100, encoding=ImageEncoding.PNG)
    (detection,) = client.predictor.detections(np.zeros((400, 200, 3), dtype=np.uint8))
    assert (detection.box.left, detection.box.bottom) == (4.0, 160.0)
    assert b"\x89PNG" in stub.received[0].body


def test_an_image_of_the_wrong_shape(client):
    """Is the caller's mistake, found before anything is sent."""
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
def test_what_is_the_servers_fault_is_asked_again(client, stub, reply, fault):
    """After a wait that grows, and an answer that comes late is an answer."""
    stub.will(reply, reply, GOOD)
    assert len(client.detections()) == 1
    assert client.faults == [fault, fault, None]
    assert client.clock.slept == [attempt.wait_s for attempt in client.attempts[:2]]
    assert 0.125 <= client.clock.slept[0] <= 0.25 <= client.clock.slept[1] <= 0.5


@pytest.mark.parametrize(("reply", "fault"), TRANSIENT)
def test_what_stays_the_servers_fault_is_an_outage(client, stub, reply, fault):
    """With the last status, the number of attempts, and no probe: no image is suspected."""
    stub.will(reply)
    with pytest.raises(UpstreamUnavailable) as caught:
        client.detections()
    assert (caught.value.attempts, caught.value.status) == (client.settings.max_attempts, reply.status)
    assert client.faults == [fault] * client.settings.max_attempts
    assert client.probes == []
    assert client.attempts[-1].wait_s is None


@pytest.mark.parametrize(("reply", "fault"), TRANSIENT)
def test_who_finds_out_whether_a_server_is_back_asks_once(stub, clock, reply, fault):
    """And asks a tiny question after it only where the image itself could have brought this about."""
    client = Client(ServerEndpoint(stub.url), clock=clock, is_probe=True)
    stub.will(reply)
    with pytest.raises(UpstreamUnavailable) as caught:
        client.detections()
    assert (caught.value.attempts, caught.value.answers_others) == (1, False)
    assert len(client.probes) == (fault == "server_error")


def test_an_image_that_alone_gets_no_answer_is_suspected_by_who_finds_out(stub, clock):
    client = Client(ServerEndpoint(stub.url), clock=clock, is_probe=True)
    stub.will(Canned(502, b"", "text/plain"), GOOD)
    with pytest.raises(UpstreamUnavailable) as caught:
        client.detections()
    assert caught.value.answers_others
    assert client.probes == [None]


def test_who_finds_out_asks_every_server_once(stub, other_stub, clock):
    client = Client(ServerEndpoint(stub.url), ServerEndpoint(other_stub.url), clock=clock, is_probe=True)
    stub.will(QUEUE_FULL)
    other_stub.will(GOOD)
    assert len(client.detections()) == 1
    assert len(client.attempts) <= 2


def test_a_server_that_is_not_there(clock):
    """Refused connections are an outage."""
    client = Client(DEAD, clock=clock)
    with pytest.raises(UpstreamUnavailable, match="no connection"):
        client.detections()
    assert set(client.faults) == {"connect"}


def test_a_name_that_nobody_knows(clock):
    """So are names that can't be resolved."""
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
def test_an_image_that_breaks_the_answer_every_time(client, stub, reply, fault):
    """Is refused after three times, if the server answers a probe then."""
    stub.will(reply, reply, reply, GOOD)
    with pytest.raises(PredictionRefused) as caught:
        client.detections()
    assert client.faults == [fault] * 3
    assert client.probes == [None]
    assert (caught.value.model, caught.value.status) == ("drawn_humanoid_detector", reply.status)


@pytest.mark.parametrize(("reply", "fault"), PERHAPS)
def test_a_server_that_breaks_every_answer(client, stub, reply, fault):
    """The probe fails as well: an outage, and no image's fault."""
    stub.will(reply)
    with pytest.raises(UpstreamUnavailable):
        client.detections()
    assert client.faults == [fault] * 3
    assert client.probes == [fault]


@pytest.mark.parametrize(("reply", "fault"), PERHAPS)
def test_an_answer_that_is_broken_once(client, stub, reply, fault):
    """Is asked for again."""
    stub.will(reply, GOOD)
    assert len(client.detections()) == 1
    assert client.faults == [fault, None]


@pytest.mark.parametrize("status", [400, 413, 415, 422, 418])
def test_an_image_that_the_handler_refuses(client, stub, status):
    """Is refused at once, after a probe; asking again would not change it."""
    stub.will(replace(BAD_INPUT, status=status), GOOD)
    with pytest.raises(PredictionRefused) as caught:
        client.detections()
    assert caught.value.status == status
    assert (client.faults, client.probes) == (["refused"], [None])


def test_a_server_that_refuses_every_image(client, stub):
    """Is itself ill."""
    stub.will(BAD_INPUT)
    with pytest.raises(UpstreamUnavailable):
        client.detections()


def test_a_crop_without_a_figure(client, stub):
    """An empty list from the pose estimator is refused: there are no joints to be had."""
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
def test_a_mistake_of_the_set_up(client, stub, reply):
    """Is told at once; waiting does not help."""
    stub.will(reply)
    with pytest.raises(UpstreamMisconfigured) as caught:
        client.detections()
    assert (caught.value.attempts, caught.value.status) == (1, reply.status)
    assert client.clock.slept == []


@pytest.mark.parametrize("reply", [INVALID_KEY, Canned(401, b"", "text/plain"), Canned(403, b"<html>no</html>", "text/html")])
def test_a_key_that_is_refused_is_read_again_once(stub, clock, tmp_path, reply):
    """With a new key the second attempt comes at once; the file looked unchanged, as on a filesystem with coarse times."""
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
    """Its time or size changed: no request is wasted on the old key."""
    path = key_file(tmp_path, "old")
    client = Client(ServerEndpoint(stub.url, path), clock=clock)
    client.detections()
    key_file(tmp_path, "newer-key")
    client.detections()
    assert [received.authorization for received in stub.received] == ["Bearer old", "Bearer newer-key"]


@pytest.mark.parametrize("reply", [INVALID_KEY, Canned(401, b"", "text/plain"), Canned(403, b"", "text/plain")])
def test_a_key_that_stays_refused(stub, clock, tmp_path, reply):
    """Is an error of its own, after one attempt: nobody's image is to blame."""
    stub.will(reply)
    client = Client(ServerEndpoint(stub.url, key_file(tmp_path, "wrong")), clock=clock)
    with pytest.raises(UpstreamUnauthorized) as caught:
        client.detections()
    assert (caught.value.attempts, client.clock.slept) == (1, [])


def test_a_key_that_changes_but_is_never_right(stub, clock, tmp_path):
    """The file is read again once a call, not for ever."""
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
    """Neither in errors with their tracebacks and locals, nor in attempts, settings or the predictor, even if the server repeats it."""
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
    """Seconds, a date; never shorter than asked for."""
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
    """There is no use in waiting for it; the error hands it on, no longer than is believed."""
    stub.will(replace(QUEUE_FULL, headers={"Retry-After": "86400"}))
    with pytest.raises(UpstreamUnavailable) as caught:
        client.detections()
    assert (caught.value.attempts, caught.value.retry_after_s) == (1, 300.0)
    assert client.clock.slept == []


def test_the_deadline_holds_on_the_clock(stub, clock):
    """No wait is begun that would end after it, and the number of attempts is bounded by it."""
    stub.will(QUEUE_FULL)
    client = Client(ServerEndpoint(stub.url), clock=clock, deadline_s=20.0, max_attempts=1000)
    with pytest.raises(UpstreamUnavailable):
        client.detections()
    assert clock.now_s < 1020.0
    assert sum(clock.slept) > 9.0
    assert max(clock.slept) <= client.settings.backoff_max_s


def test_a_request_gets_what_is_left_of_the_deadline(stub, clock, monkeypatch):
    """Every request, the probe included, is told how long it may take."""
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


def test_a_probe_that_has_no_time_left_blames_nobody(stub, clock, monkeypatch):
    """It ends as an outage, since one can't tell."""
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
    """Two clients that failed together don't come back together."""
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
    """What fails on one is asked of the other, without a wait; the first is then left alone."""
    stub.will(QUEUE_FULL)
    client = Client(ServerEndpoint(stub.url), ServerEndpoint(other_stub.url), clock=clock)
    for _ in range(4):
        assert len(client.detections()) == 1
    assert client.faults == ["overloaded"] + [None] * 4
    assert clock.slept == [0.0]
    assert (len(stub.received), len(other_stub.received)) == (1, 4)


def test_a_failed_server_comes_back_after_a_tiny_prediction(stub, other_stub, clock):
    """No image waits for it, and it gets its share again if it was answered."""
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
    """The other one is asked the same, and all that follows; the silent one then gets a tiny prediction."""
    client = Client(ServerEndpoint(silent_stub.url), ServerEndpoint(other_stub.url), clock=clock, hedge_first_s=0.05)
    for _ in range(4):
        assert len(client.detections()) == 1
    assert client.faults == ["overtaken"] + [None] * 4
    assert [attempt.wait_s for attempt in client.attempts] == [0.0] + [None] * 4
    assert len(other_stub.received) == 4
    client.predictor.close()


def test_an_overtaken_request_is_no_overload(silent_stub, other_stub, clock):
    """It ends because its socket is shut down, which must not look like a deadline: fewer jobs would run then."""
    for _ in range(20):
        client = Client(ServerEndpoint(silent_stub.url), ServerEndpoint(other_stub.url), clock=clock, hedge_first_s=0.01)
        client.detections()
        assert client.faults == ["overtaken", None]
        client.predictor.close()


def test_a_silent_server_alone_is_waited_for(silent_stub, clock):
    """There is nobody else to ask; the read timeout ends it."""
    client = Client(ServerEndpoint(silent_stub.url), clock=clock, hedge_first_s=0.05, read_timeout_s=0.2, max_attempts=1)
    with pytest.raises(UpstreamUnavailable):
        client.detections()
    assert client.faults == ["read_timeout"]


def test_all_servers_silent(silent_stub, other_stub, clock):
    """Both are asked, one after the other, and both are reported."""
    other_stub.on_request = silent_stub.on_request
    endpoints = ServerEndpoint(silent_stub.url), ServerEndpoint(other_stub.url)
    client = Client(*endpoints, clock=clock, hedge_first_s=0.05, read_timeout_s=0.3, is_probe=True)
    with pytest.raises(UpstreamUnavailable):
        client.detections()
    assert client.faults == ["read_timeout"] * 2


def test_an_answer_that_comes_before_the_hedge_counts(stub, other_stub, clock):
    """Nobody is blamed: the second server had less time."""
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
    """Only if all of them are wrong is it an error."""
    stub.will(reply)
    client = Client(ServerEndpoint(stub.url), ServerEndpoint(other_stub.url), clock=clock)
    assert len(client.detections()) == 1
    other_stub.will(reply)
    clock.now_s += 100.0
    with pytest.raises((UpstreamMisconfigured, UpstreamUnauthorized)) as caught:
        client.detections()
    assert caught.value.attempts == 2


def test_health_is_a_prediction(stub, clock):
    """Both models are asked for real; nobody asks /ping."""
    stub.on_request = lambda received: GOOD_JOINTS if "pose" in received.path else GOOD
    client = Client(ServerEndpoint(stub.url), clock=clock)
    assert all(model.ready for model in client.predictor.health())
    stub.on_request = lambda received: HANDLER_FAILED if "pose" in received.path else GOOD
    first, second = client.predictor.health()
    assert (first.ready, second.ready) == (True, False)
    assert "Prediction failed" in second.problem
    assert {received.path.split("/")[1] for received in stub.received} == {"predictions"}


def test_health_rereads_the_key(stub, clock, tmp_path):
    """A new key file is no illness."""
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
    """With the management key, and nothing is concluded from a description that makes no sense."""
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
    """One predictor serves them all, and keeps its connections."""
    client = Client(ServerEndpoint(stub.url), clock=clock)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: client.detections(), range(40)))
    assert all(len(detections) == 1 for detections in found)
    assert client.faults == [None] * 40
    client.predictor.close()

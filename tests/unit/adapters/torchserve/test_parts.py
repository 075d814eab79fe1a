"""Settings, keys, `Retry-After` and the choice of a server, each on its own."""

from __future__ import annotations

import copy
import json
import pickle
import random
import threading

import pytest

from pipeline.adapters.torchserve import outcomes
from pipeline.adapters.torchserve.balance import Balancer, Verdict
from pipeline.adapters.torchserve.http import NoReply, Silence
from pipeline.adapters.torchserve.key import KeyFile, Token
from pipeline.adapters.torchserve.outcomes import Blame, Fault
from pipeline.adapters.torchserve.settings import TorchServeEndpoint, TorchServeSettings
from pipeline.errors import OptionError
from tests.unit.adapters.torchserve.stub_server import key_file

FIRST, SECOND = TorchServeEndpoint("http://one:1"), TorchServeEndpoint("http://two:2")


@pytest.mark.parametrize(
    "url", ["", "one:8080", "ftp://one", "http://", "http://one:port", "http://one/?a=b", "http://[::1", "http://one#x"]
)
def test_no_url(url):
    """Is told when the settings are made."""
    with pytest.raises(OptionError):
        TorchServeEndpoint(url)
    with pytest.raises(OptionError):
        TorchServeEndpoint(management_url=url)


def test_credentials_in_a_url_are_refused_and_not_repeated():
    """They would end up in logs."""
    with pytest.raises(OptionError) as caught:
        TorchServeEndpoint("http://ann:hunter2@one:8080")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoints": ()},
        {"endpoints": (FIRST, TorchServeEndpoint("http://one:1/"))},
        {"detector": "../x"},
        {"pose_estimator": ""},
        {"deadline_s": 0.0},
        {"read_timeout_s": float("nan")},
        {"backoff_max_s": float("inf")},
        {"max_attempts": 0},
        {"suspicion_limit": -1},
    ],
)
def test_no_settings(changes):
    """Numbers must be above 0, names must be names, servers must differ."""
    with pytest.raises(OptionError):
        TorchServeSettings(**changes)


def test_a_version_may_be_named():
    """`name/version`, as in TorchServe's paths."""
    assert TorchServeSettings(detector="a_detector/2.0").detector == "a_detector/2.0"


def test_a_token_shows_nothing():
    """Not in repr, str, a collection or a pickle."""
    token = Token("hush-hush")
    assert "hush" not in f"{token} {token!r} {[token]}"
    assert token.revealed() == "hush-hush"
    with pytest.raises(TypeError):
        pickle.dumps(token)
    with pytest.raises(TypeError):
        copy.copy(token)
    assert token == Token("hush-hush") != Token("hush")
    assert hash(token) == hash(Token("hush-hush"))


def test_keys_of_a_key_file(tmp_path):
    """Each kind finds its own."""
    path = key_file(tmp_path, "for-predictions")
    assert KeyFile(path).token() == Token("for-predictions")
    assert KeyFile(path, kind="management").token() == Token("manage-me")


def test_a_plain_key(tmp_path):
    """A file with nothing else is the inference key, and no management key."""
    (tmp_path / "key").write_text("  abc-123\n")
    assert KeyFile(tmp_path / "key").token() == Token("abc-123")
    assert KeyFile(tmp_path / "key", kind="management").token() is None


@pytest.mark.parametrize(
    "content", ["", "two words", "a\nb", "{", "{}", '{"inference": 3}', '{"inference": {"key": ""}}', "{" * 9999, "k\x00y", "ü"]
)
def test_no_key(tmp_path, content):
    """What would not do as a header is no key; the reason does not quote the file."""
    (tmp_path / "key").write_text(content)
    keys = KeyFile(tmp_path / "key")
    assert keys.token() is None
    assert keys.problem == "the key file can't be used: it holds no key"


def test_a_key_file_that_comes_and_goes(tmp_path):
    """TorchServe removes and writes it at every start."""
    keys = KeyFile(tmp_path / "key_file.json")
    assert keys.token() is None
    assert "No such file" in keys.problem
    key_file(tmp_path, "one")
    assert keys.token() == Token("one")
    assert keys.problem == ""
    (tmp_path / "key_file.json").unlink()
    assert keys.token() is None
    assert KeyFile(None).token(fresh=True) is None


def test_a_key_file_that_did_not_change_is_read_once(tmp_path, monkeypatch):
    """A stat is enough until its time, size or inode changes."""
    path = key_file(tmp_path, "one")
    keys = KeyFile(path)
    keys.token()
    monkeypatch.setattr(json, "loads", lambda _: pytest.fail("it was read again"))
    assert keys.token() == Token("one")


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("5", 5.0),
        (" 0.5 ", 0.5),
        ("-3", 0.0),
        ("100000", 300.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("Tue, 14 Nov 2043 22:13:00 GMT", 300.0),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("Tue, 99 Nov 2023 22:13:50 GMT", None),
    ],
)
def test_retry_after(text, wait_s):
    """A number of seconds, or a date against the wall clock; bounded, and ignored where it is neither."""
    assert outcomes.retry_after_s(text, now_s=1_700_000_000.0, longest_s=300.0) == wait_s


def test_every_silence_is_a_fault():
    """The two closed sets agree, and each has words."""
    for kind in Silence:
        failure = outcomes.of_silence(NoReply(kind, status=200))
        assert failure.fault == Fault(kind.value)
        assert failure.detail
        assert failure.blame in {Blame.SERVER, Blame.PICTURE_PERHAPS}


class Servers:
    """A balancer with a clock in hand."""

    def __init__(self, *endpoints, **choices) -> None:
        self.now_s = 0.0
        self.balancer = Balancer(TorchServeSettings(endpoints, **choices), random.Random(3))

    def ask(self, verdict=Verdict.WELL, tried=(), **after):
        with self.place(tried) as lease:
            lease.verdict = verdict
            lease.retry_after_s = after.get("retry_after_s")
        return lease.endpoint

    def place(self, tried=()):
        return self.balancer.place(lambda: self.now_s, self.now_s, set(tried), lambda: False)


def test_servers_take_turns():
    """Equal ones, one after the other."""
    servers = Servers(FIRST, SECOND)
    assert [servers.ask() for _ in range(4)] == [FIRST, SECOND, FIRST, SECOND]


def test_the_less_busy_server_is_asked():
    """By requests that are outstanding."""
    servers = Servers(FIRST, SECOND)
    with servers.place() as busy:
        assert busy.endpoint == FIRST
        assert [servers.ask() for _ in range(3)] == [SECOND] * 3


def test_a_failed_server_is_avoided_longer_each_time():
    """And probed by one request only when its time has come."""
    servers = Servers(FIRST, SECOND, avoid_first_s=1.0, avoid_max_s=60.0)
    gaps = []
    for _ in range(9):
        assert servers.ask(Verdict.BADLY) == FIRST
        failed_s = servers.now_s
        while servers.ask() == SECOND:
            servers.now_s += 0.25
            with servers.place() as probe, servers.place() as beside:
                probe.verdict = Verdict.UNKNOWN
                if probe.endpoint == FIRST:
                    assert beside.endpoint == SECOND
                    break
        gaps.append(servers.now_s - failed_s)
    assert gaps[0] <= 1.25
    assert gaps == sorted(gaps) or max(gaps) > 16
    assert max(gaps) <= 60.5


def test_when_all_fail_the_first_to_come_back_is_asked():
    """Somebody must be, or nobody would learn that the outage is over."""
    servers = Servers(FIRST, SECOND)
    servers.ask(Verdict.BADLY, retry_after_s=50.0)
    servers.ask(Verdict.BADLY)
    assert servers.ask() == SECOND


def test_a_server_that_was_tried_in_this_call_comes_last():
    """A picture that failed on one is asked of the other."""
    servers = Servers(FIRST, SECOND)
    assert servers.ask(tried=[FIRST.url]) == SECOND
    assert servers.ask(tried=[FIRST.url, SECOND.url]) == FIRST
    assert servers.balancer.has_other(0.0, {FIRST.url})
    assert not servers.balancer.has_other(0.0, {FIRST.url, SECOND.url})


def test_fewer_at_once_after_an_overload_and_more_again():
    """Half as many after each, never none; one more after as many successes as there are places."""
    servers = Servers(FIRST, max_outstanding=8)

    def places() -> int:
        taken = []
        while (place := servers.place()).__enter__() is not None:
            taken.append(place)
        for place in taken:
            place.__exit__(None, None, None)
        return len(taken)

    counts = [places()]
    for _ in range(5):
        servers.ask(Verdict.OVERLOADED)
        servers.now_s += 100.0
        servers.ask()
        counts.append(places())
    assert counts[:4] == [8, 4, 2, 1] or counts[0] == 8 > counts[1] > counts[2] >= counts[3] >= 1
    for _ in range(60):
        servers.ask()
    assert places() == 8


def test_a_place_is_waited_for():
    """Until somebody gives one back, or the time is up, or doodled is stopped."""
    servers = Servers(FIRST, max_outstanding=1)
    stop = threading.Event()
    with servers.place():
        with servers.place() as none:
            assert none is None
        stop.set()
        with servers.balancer.place(lambda: 0.0, 1000.0, set(), stop.is_set) as none:
            assert none is None
        waiting = threading.Thread(target=lambda: servers.balancer.place(lambda: 0.0, 1000.0, set(), lambda: False).__enter__())
        waiting.start()
    waiting.join(5.0)
    assert not waiting.is_alive()

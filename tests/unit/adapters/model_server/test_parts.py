"""Settings, keys, `Retry-After` and the choice of a server, each on its own."""

from __future__ import annotations

import copy
import json
import pickle
import random

import pytest

from pipeline.adapters.model_server import failures
from pipeline.adapters.model_server.failures import FailureCause, FailureKind
from pipeline.adapters.model_server.http import HttpReply, NoReply, NoReplyReason
from pipeline.adapters.model_server.key_file import KeyFile, Token
from pipeline.adapters.model_server.server_choice import ServerChoice, Verdict
from pipeline.adapters.model_server.settings import ServerEndpoint, ServerSettings
from pipeline.adapters.model_server.shared_health import HEALTHY, ServerHealth, SharedHealth
from pipeline.errors import OptionError
from tests.unit.adapters.model_server.stub_server import key_file

FIRST, SECOND = ServerEndpoint("http://one:1"), ServerEndpoint("http://two:2")


@pytest.mark.parametrize(
    "url", ["", "one:8080", "ftp://one", "http://", "http://one:port", "http://one/?a=b", "http://[::1", "http://one#x"]
)
def test_invalid_url_is_refused(url):
    """The error is raised when the settings are made."""
    with pytest.raises(OptionError):
        ServerEndpoint(url)
    with pytest.raises(OptionError):
        ServerEndpoint(management_url=url)


def test_credentials_in_a_url_are_refused_and_not_repeated():
    """They would end up in logs."""
    with pytest.raises(OptionError) as caught:
        ServerEndpoint("http://ann:hunter2@one:8080")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoints": ()},
        {"endpoints": (FIRST, ServerEndpoint("http://one:1/"))},
        {"detector": "../x"},
        {"pose_estimator": ""},
        {"deadline_s": 0.0},
        {"read_timeout_s": float("nan")},
        {"backoff_max_s": float("inf")},
        {"max_attempts": 0},
        {"suspicion_limit": -1},
    ],
)
def test_invalid_settings_are_refused(changes):
    """Numbers must be above 0, names must be names, servers must differ."""
    with pytest.raises(OptionError):
        ServerSettings(**changes)


def test_a_version_may_be_named():
    """`name/version`, as in TorchServe's paths."""
    assert ServerSettings(detector="a_detector/2.0").detector == "a_detector/2.0"


def test_a_token_shows_nothing():
    """The key is not in repr, str, a collection or a pickle."""
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
    """Each kind of key is read from its own entry."""
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
def test_unusable_key_is_refused(tmp_path, content):
    """A text that can't be a header is no key; the reason does not quote the file."""
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
    """The value is a number of seconds or a date, compared with the wall clock; it is bounded, and ignored where it is neither."""
    assert failures.retry_after_s(text, now_s=1_700_000_000.0, longest_s=300.0) == wait_s


def test_every_missing_reply_has_a_failure_kind():
    """The two closed sets agree, and each kind has a message."""
    for reason in NoReplyReason:
        failure = failures.failure_of_missing_reply(NoReply(reason, status=200))
        assert failure.kind == FailureKind(reason.value)
        assert failure.detail
        assert failure.cause in {FailureCause.SERVER, FailureCause.IMAGE_SUSPECTED}


class Servers:
    """A server choice with a manual clock."""

    def __init__(self, *endpoints, shared=None, **settings) -> None:
        self.now_s = 1000.0
        known = SharedHealth() if shared is None else shared
        self.choice = ServerChoice("detector", ServerSettings(endpoints, **settings), random.Random(3), known)

    def ask(self, verdict=Verdict.HEALTHY, tried=(), retry_after_s=None):
        endpoint = self.choice.choose(self.now_s, set(tried))
        self.choice.record(endpoint, verdict, self.now_s, retry_after_s=retry_after_s)
        return endpoint

    def avoided_s(self, verdict):
        """How long the first server is avoided after one more failure."""
        self.choice.record(FIRST, verdict, self.now_s)
        failed_s = self.now_s
        while self.choice.take_probe(self.now_s) is None:
            self.now_s += 0.25
        return self.now_s - failed_s


def test_healthy_servers_take_turns():
    servers = Servers(FIRST, SECOND)
    assert [servers.ask() for _ in range(4)] == [FIRST, SECOND, FIRST, SECOND]


def test_failed_server_is_avoided_longer_each_time():
    """A tiny prediction is due after the pause; until it is answered, the other server gets all images."""
    servers = Servers(FIRST, SECOND, avoid_first_s=1.0, avoid_max_s=60.0)
    gaps = [servers.avoided_s(Verdict.FAILING) for _ in range(9)]
    assert 0.5 <= gaps[0] <= 1.25
    assert max(gaps) > 16
    assert max(gaps) <= 60.5
    assert {servers.ask() for _ in range(4)} == {SECOND}


def test_silent_server_is_avoided_for_the_read_timeout():
    """A silent server costs a worker that long; a refused connection costs nothing."""
    servers = Servers(FIRST, SECOND, read_timeout_s=40.0)
    assert 40.0 <= servers.avoided_s(Verdict.SILENT) <= 60.25


def test_overtaken_server_is_probed_at_once_and_avoided_the_second_time():
    """One slow answer may be due to momentary load; a second one soon after is not."""
    servers = Servers(FIRST, SECOND, read_timeout_s=40.0)
    assert servers.avoided_s(Verdict.OVERTAKEN) == 0.0
    servers.choice.record(FIRST, Verdict.HEALTHY, servers.now_s)
    assert servers.avoided_s(Verdict.OVERTAKEN) >= 40.0


def test_good_answers_later_make_up_for_failures():
    servers = Servers(FIRST, SECOND, read_timeout_s=40.0)
    servers.choice.record(FIRST, Verdict.OVERTAKEN, servers.now_s)
    servers.now_s += 130.0
    servers.choice.record(FIRST, Verdict.HEALTHY, servers.now_s)
    assert servers.avoided_s(Verdict.OVERTAKEN) == 0.0


def test_only_one_probe_at_a_time():
    servers = Servers(FIRST, SECOND)
    servers.choice.record(FIRST, Verdict.OVERTAKEN, servers.now_s)
    assert servers.choice.take_probe(servers.now_s) == FIRST
    assert servers.choice.take_probe(servers.now_s) is None


def test_no_probe_while_all_servers_fail():
    """The next image is the probe, as with a single server."""
    servers = Servers(FIRST, SECOND)
    for endpoint in (FIRST, SECOND):
        servers.choice.record(endpoint, Verdict.FAILING, servers.now_s)
    assert servers.choice.take_probe(servers.now_s + 500.0) is None
    assert servers.choice.can_hedge({FIRST.url})
    assert not servers.choice.can_hedge({FIRST.url, SECOND.url})


def test_recovered_server_takes_turns_again():
    servers = Servers(FIRST, SECOND)
    servers.ask(Verdict.FAILING)
    servers.choice.record(FIRST, Verdict.HEALTHY, servers.now_s)
    assert sorted(servers.ask().url for _ in range(4)) == sorted([FIRST.url, SECOND.url] * 2)


def test_verdict_unknown_changes_nothing():
    """An image that the server refuses says nothing about the server."""
    servers = Servers(FIRST, SECOND)
    servers.ask(Verdict.UNKNOWN)
    assert [servers.ask() for _ in range(2)] == [SECOND, FIRST]


def test_when_all_servers_fail_the_first_one_due_is_asked():
    """Otherwise the end of the outage would go unnoticed."""
    servers = Servers(FIRST, SECOND)
    servers.ask(Verdict.FAILING, retry_after_s=50.0)
    servers.ask(Verdict.FAILING)
    assert servers.ask() == SECOND


def test_untried_server_is_preferred():
    """An image that failed on one server goes to the other."""
    servers = Servers(FIRST, SECOND)
    assert servers.ask(tried=[FIRST.url]) == SECOND
    assert servers.ask(tried=[FIRST.url, SECOND.url]) == FIRST
    assert servers.choice.has_other({FIRST.url})
    assert not servers.choice.has_other({FIRST.url, SECOND.url})


def test_failed_server_is_no_other():
    servers = Servers(FIRST, SECOND)
    servers.ask(Verdict.FAILING)
    assert not servers.choice.has_other({SECOND.url})
    assert not servers.choice.can_hedge({SECOND.url})


def test_a_hedge_waits_for_a_multiple_of_the_usual_time():
    """The usual time is that of the fastest server: a slow one must not make the wait longer."""
    servers = Servers(FIRST, SECOND, hedge_first_s=2.0, read_timeout_s=40.0)
    assert servers.choice.hedge_after_s() == 2.0
    servers.choice.record(FIRST, Verdict.HEALTHY, servers.now_s, duration_s=3.0)
    assert servers.choice.hedge_after_s() == 10.0
    for _ in range(50):
        servers.choice.record(SECOND, Verdict.HEALTHY, servers.now_s, duration_s=0.2)
    assert servers.choice.hedge_after_s() == pytest.approx(0.8)
    for _ in range(50):
        servers.choice.record(SECOND, Verdict.HEALTHY, servers.now_s, duration_s=0.001)
    assert servers.choice.hedge_after_s() == 0.25


def test_workers_share_what_they_know(tmp_path):
    """The next request of another process respects what one process has learned."""
    first, second = (Servers(FIRST, SECOND, shared=SharedHealth(tmp_path / "servers")) for _ in range(2))
    first.choice.record(FIRST, Verdict.SILENT, first.now_s)
    assert {second.ask() for _ in range(3)} == {SECOND}
    second.choice.record(FIRST, Verdict.HEALTHY, first.now_s + 200.0)
    assert {first.ask() for _ in range(3)} == {FIRST, SECOND}
    assert (tmp_path / "servers").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": 3}', b'{"a": [1]}', b'{"a": ["x", 0, 0, 0]}', b"\xff", b"[" * 9999])
def test_a_damaged_health_file_is_forgotten(tmp_path, content):
    (tmp_path / "servers").write_bytes(content)
    shared = SharedHealth(tmp_path / "servers")
    assert shared.get("a") == HEALTHY
    assert shared.update("a", lambda _: ServerHealth(1))
    assert SharedHealth(tmp_path / "servers").get("a") == ServerHealth(1)


def test_without_its_folder_health_is_kept_in_memory(tmp_path):
    shared = SharedHealth(tmp_path / "gone" / "servers")
    assert shared.update("a", lambda _: ServerHealth(1))
    assert not shared.update("a", lambda known: known)
    assert shared.get("a") == ServerHealth(1)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(103, FailureKind.SERVER_ERROR), (204, FailureKind.NO_MODEL_SERVER), (302, FailureKind.NO_MODEL_SERVER), (413, FailureKind.REFUSED)],
)
def test_kind_of_a_status(status, kind):
    """An interim reply, such as 103, comes from a proxy whose server gave up; the address is correct."""
    found = failures.failure_of_reply(HttpReply(status, "text/plain", "", b""), now_s=0.0, max_retry_after_s=1.0)
    assert found.kind is kind

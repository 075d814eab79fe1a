"""Client for model servers with retries: which attempts are retried, on which server, for how long, and which error a call ends in.

`client` sends one request to one server, `failures` classifies what comes back, `server_choice` picks the server. This module
does not log: `on_attempt` receives every attempt. All protocols follow these rules; each has its own requests.

A server's health is a tiny real prediction. TorchServe's `/ping` is not used: it answers Healthy while every worker is dead
(etc/doc/torchserve.md); and the Open Inference Protocol's `/v2/health/ready` says nothing about the time that an answer takes.

While healthy servers are left, a request that takes unusually long is sent to another one as well, and the first answer counts.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NoReturn, TypedDict, TypeVar, cast

import tenacity

from pipeline.adapters.model_server.client import ModelRequest, ModelServerClient
from pipeline.adapters.model_server.failures import FailureCause, FailureKind, PredictionFailure
from pipeline.adapters.model_server.key_file import Token
from pipeline.adapters.model_server.server_choice import ServerChoice, Verdict
from pipeline.adapters.model_server.settings import ModelHealth, PredictionAttempt, ServerEndpoint, ServerSettings
from pipeline.adapters.model_server.shared_health import SharedHealth
from pipeline.adapters.socket_deadline import SocketDeadline
from pipeline.errors import PredictionRefused, UpstreamError, UpstreamMisconfigured, UpstreamUnauthorized, UpstreamUnavailable

Answer = TypeVar("Answer")
_SHORTEST_PROBE_S: Final = 0.05
_THREADS: Final = 64
"""At most this many requests that may be hedged, and probes, run at once; the others wait for a thread."""
_OVERTAKEN_BY: Final = 2.0
"""A server is blamed for being overtaken if it took at least this many times as long: otherwise both are slow."""


class ClientDependencies(TypedDict, total=False):
    """What a client is given from outside.

    Keys:
        stop: once set, waits end and no further request is sent; a running request may finish.
        on_attempt: receives every attempt, on the caller's thread.
        clock: monotonic seconds.
        wall_clock: seconds since 1970, for dates in `Retry-After`.
        sleep: waits between attempts.
        rng: for the jitter.
        health_file: shares what is known about the servers with other processes (`shared_health`).
    """

    stop: threading.Event | None
    on_attempt: Callable[[PredictionAttempt], None]
    clock: Callable[[], float]
    wall_clock: Callable[[], float]
    sleep: Callable[[float], None]
    rng: random.Random
    health_file: Path | None


class _AttemptFailed(Exception):  # carries a PredictionFailure through tenacity
    def __init__(self, failure: PredictionFailure, endpoint: ServerEndpoint | None = None, token: Token | None = None) -> None:
        self.failure = failure
        self.endpoint = endpoint
        self.token = token
        super().__init__(failure.detail)


@dataclass
class _Sent:
    """One request to one server, and what became of it."""

    endpoint: ServerEndpoint
    token: Token | None
    number: int
    started_s: float
    deadline: SocketDeadline
    answer: object = None
    failure: PredictionFailure | None = None
    duration_s: float = 0.0
    is_overtaken: bool = False


@dataclass
class _Call:
    """State of one call, over all its attempts."""

    request: ModelRequest[Any]
    deadline_s: float
    attempts: int = 0
    suspicions: int = 0
    tried: set[str] = field(default_factory=set)
    reread: set[str] = field(default_factory=set)
    retries_at_once: bool = False
    last: PredictionAttempt | None = None


class RetryingClient:
    """Asks one or more model servers that have the same models. Thread-safe; no call outlives its deadline."""

    def __init__(
        self,
        settings: ServerSettings,
        probe_request: Callable[[str], ModelRequest[object]],
        *,
        stop: threading.Event | None = None,
        on_attempt: Callable[[PredictionAttempt], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
        rng: random.Random | None = None,
        health_file: Path | None = None,
    ) -> None:
        """Prepare the client; no request is sent yet.

        Args:
            probe_request: a tiny prediction by the model of this name.

        For the others, see `ClientDependencies`.
        """
        self._settings = settings
        self._probe_request = probe_request
        self._stop = stop if stop is not None else threading.Event()
        self._on_attempt = on_attempt
        self._clock = clock
        self._sleep: Callable[[float], None] = sleep if sleep is not None else tenacity.sleep_using_event(self._stop)
        self._rng = rng if rng is not None else random.Random()  # noqa: S311  # jitter, not cryptography
        self.single = ModelServerClient(settings, clock=clock, wall_clock=wall_clock)
        shared = SharedHealth(health_file)
        models = settings.detector, settings.pose_estimator
        self._choices = {model: ServerChoice(model, settings, self._rng, shared) for model in models}
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="model-server")
        self._background: set[SocketDeadline] = set()

    def deadline_s(self) -> float:
        """When a call that begins now must have ended, on the client's clock."""
        return self._clock() + self._settings.deadline_s

    def health(self) -> tuple[ModelHealth, ...]:
        """Health of every model on every server: a tiny prediction."""
        requests = [self._probe_request(model) for model in self._choices]
        return tuple(self.single.health(request, endpoint) for endpoint in self._settings.endpoints for request in requests)

    def close(self) -> None:
        """End probes and close idle connections."""
        for deadline in tuple(self._background):
            deadline.expire()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self.single.close()

    # --- one call ----------------------------------------------------------------------------------------------------

    def answer(self, request: ModelRequest[Answer], *, deadline_s: float | None = None) -> Answer:
        """The answer of one of the servers.

        Args:
            deadline_s: on the client's clock; None means `settings.deadline_s` from now.
        Raises:
            PredictionRefused: the model can't answer for this image.
            UpstreamError: no server answers.
        """
        call = _Call(request, self.deadline_s() if deadline_s is None else deadline_s)
        retrying = tenacity.Retrying(
            stop=lambda state: self._is_exhausted(call, state.upcoming_sleep),
            wait=lambda state: self._wait_s(call, _error_of(state).failure),
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, _AttemptFailed) and self._is_worth_retrying(call, error)),
            before_sleep=lambda state: self._report_attempt(call, wait_s=state.upcoming_sleep),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return cast("Answer", retrying(self._attempt, call))
        except _AttemptFailed as failed:
            last_error = failed
        finally:
            self._report_attempt(call, wait_s=None)
        # Raised outside the handler: a chained traceback would keep the frames of the request, which hold the key.
        return self._raise_final(call, last_error)

    def _attempt(self, call: _Call) -> object:
        if self._stop.is_set():
            raise _AttemptFailed(PredictionFailure(FailureKind.OVERLOADED, "doodled is stopping"))
        self._probe_in_background(call.request.model)
        first = self._next(call)
        sent = self._first_to_answer(call, first) if self._choices[call.request.model].can_hedge(call.tried) else self._send(call, first)
        call.last = self._record(call, sent)
        if sent.failure is not None:
            raise _AttemptFailed(sent.failure, sent.endpoint, sent.token)
        return sent.answer

    def _next(self, call: _Call) -> _Sent:
        """A request to the server that is due."""
        now_s = self._clock()
        endpoint = self._choices[call.request.model].choose(now_s, call.tried)
        call.attempts += 1
        call.tried.add(endpoint.url)
        token = self.single.key(endpoint).token()
        return _Sent(endpoint, token, call.attempts, now_s, SocketDeadline(call.deadline_s - now_s))

    def _send(self, call: _Call, sent: _Sent) -> _Sent:
        answer, failure = self.single.answer(call.request, sent.endpoint, token=sent.token, deadline=sent.deadline)
        ended_s = self._clock()
        if not sent.is_overtaken:  # otherwise it ended because another server answered
            sent.answer, sent.failure, sent.duration_s = answer, failure, ended_s - sent.started_s
            retry_after_s = sent.failure.retry_after_s if sent.failure is not None else None
            verdict = _verdict(sent.failure, is_patient=sent.duration_s >= self._settings.hedge_first_s)
            self._choices[call.request.model].record(
                sent.endpoint, verdict, ended_s, duration_s=sent.duration_s, retry_after_s=retry_after_s
            )
        return sent

    def _first_to_answer(self, call: _Call, first: _Sent) -> _Sent:
        """The request, and the same to another server if there is no answer in the usual time: the first that is answered, or the last."""
        choice = self._choices[call.request.model]
        running: dict[Future[_Sent], _Sent] = {self._executor.submit(self._send, call, first): first}
        done, _ = wait(running, timeout=min(choice.hedge_after_s(), first.deadline.within_s))
        if not done and choice.can_hedge(call.tried) and call.attempts < self._settings.max_attempts and not self._stop.is_set():
            second = self._next(call)
            running[self._executor.submit(self._send, call, second)] = second
        while True:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                del running[future]
                sent = future.result()
                if sent.failure is None:
                    self._cancel_slower(call, sent, [other for future, other in running.items() if not future.done()])
                    return sent
                if not running:
                    return sent
                call.last = self._record(call, sent)
                self._report_attempt(call, wait_s=0.0)

    def _cancel_slower(self, call: _Call, winner: _Sent, others: Sequence[_Sent]) -> None:
        now_s = self._clock()
        for sent in others:
            sent.is_overtaken = True
            sent.duration_s = now_s - sent.started_s
            sent.failure = PredictionFailure(FailureKind.OVERTAKEN, "another server answered first")
            sent.deadline.expire()
            if sent.duration_s >= _OVERTAKEN_BY * winner.duration_s:
                self._choices[call.request.model].record(sent.endpoint, Verdict.OVERTAKEN, now_s)
            call.last = self._record(call, sent)
            self._report_attempt(call, wait_s=0.0 if sent.number < winner.number else None)

    def _record(self, call: _Call, sent: _Sent) -> PredictionAttempt:
        kind, status = (sent.failure.kind.value, sent.failure.status) if sent.failure is not None else (None, 200)
        return PredictionAttempt(sent.endpoint.url, call.request.model, sent.number, status, kind, None, sent.duration_s)

    def _report_attempt(self, call: _Call, *, wait_s: float | None) -> None:
        """Hand the last attempt to `on_attempt`, once the wait before the next one is known."""
        last, call.last = call.last, None
        if last is not None:
            self._on_attempt(replace(last, wait_s=wait_s))

    # --- probes ------------------------------------------------------------------------------------------------------

    def _probe_in_background(self, model: str) -> None:
        """Find out whether a failing server is back, with a tiny prediction that no image waits for."""
        endpoint = self._choices[model].take_probe(self._clock())
        if endpoint is not None:
            self._executor.submit(self._probe_failing, model, endpoint)

    def _probe_failing(self, model: str, endpoint: ServerEndpoint) -> None:
        deadline = SocketDeadline(self._settings.hedge_first_s)
        self._background.add(deadline)
        try:
            token = self.single.key(endpoint).token()
            _, failure = self.single.answer(self._probe_request(model), endpoint, token=token, deadline=deadline)
        finally:
            self._background.discard(deadline)
        verdict = Verdict.HEALTHY if failure is not None and failure.is_server_healthy else _verdict(failure, is_patient=True)
        retry_after_s = failure.retry_after_s if failure is not None else None
        self._choices[model].record(endpoint, verdict, self._clock(), retry_after_s=retry_after_s)

    # --- retry policy ------------------------------------------------------------------------------------------------

    def _is_worth_retrying(self, call: _Call, failed: _AttemptFailed) -> bool:
        call.retries_at_once = False
        if failed.endpoint is None:
            return False
        has_untried = any(endpoint.url not in call.tried for endpoint in self._settings.endpoints)
        match failed.failure.cause:
            case FailureCause.SERVER:
                return has_untried or not self._settings.is_probe
            case FailureCause.IMAGE_SUSPECTED:
                call.suspicions += 1
                return call.suspicions < self._settings.suspicion_limit
            case FailureCause.IMAGE:
                return False
            case FailureCause.KEY:
                call.retries_at_once = self._has_new_key(call, failed.endpoint, failed.token)
                return call.retries_at_once or has_untried
            case FailureCause.SETUP:
                return has_untried

    def _has_new_key(self, call: _Call, endpoint: ServerEndpoint, refused: Token | None) -> bool:
        """Read the key file again: whether it now holds another key than the refused one."""
        if endpoint.url in call.reread:
            return False
        call.reread.add(endpoint.url)
        fresh = self.single.key(endpoint).token(fresh=True)
        if fresh is None or fresh == refused:
            return False
        call.tried.discard(endpoint.url)  # with its new key it is as good as any other server
        return True

    def _wait_s(self, call: _Call, failure: PredictionFailure) -> float:
        if call.retries_at_once or self._choices[call.request.model].has_other(call.tried):
            return 0.0
        longest_s = min(self._settings.backoff_first_s * 2.0 ** min(call.attempts - 1, 60), self._settings.backoff_max_s)
        return max(longest_s * self._rng.uniform(0.5, 1.0), failure.retry_after_s or 0.0)

    def _is_exhausted(self, call: _Call, wait_s: float) -> bool:
        """Tenacity's `stop_before_delay`, `stop_after_attempt` and `stop_when_event_set` combined, on the injected clock."""
        return self._clock() + wait_s >= call.deadline_s or call.attempts >= self._settings.max_attempts or self._stop.is_set()

    # --- the final error ---------------------------------------------------------------------------------------------

    def _raise_final(self, call: _Call, failed: _AttemptFailed) -> NoReturn:
        failure, model = failed.failure, call.request.model
        is_suspect = failure.cause is FailureCause.IMAGE or (
            failure.cause is FailureCause.IMAGE_SUSPECTED and call.suspicions >= self._settings.suspicion_limit
        )
        if is_suspect and failed.endpoint is not None and self._passes_probe(call, failed.endpoint):
            raise PredictionRefused(
                f"{model} can't answer for this image: {failure.detail}",
                model=model,
                status=failure.status,
                hint=self._settings.too_large_hint
                if failure.status == _CONTENT_TOO_LARGE
                else f"asked {call.attempts} times; it answers for other images",
            )
        endpoint = failed.endpoint if failed.endpoint is not None else self._settings.endpoints[0]
        # Without this check, an image that makes the server hang would be the recovery probe forever.
        answers_others = self._settings.is_probe and failure.may_be_caused_by_image and self._passes_probe(call, endpoint)
        kind, hint = self._error(failure, endpoint)
        raise kind(
            f"{model} at {endpoint.url} can't answer: {failure.detail}",
            url=endpoint.url,
            model=model,
            status=failure.status,
            attempts=call.attempts,
            retry_after_s=failure.retry_after_s,
            answers_others=answers_others,
            hint=hint,
        )

    def _passes_probe(self, call: _Call, endpoint: ServerEndpoint) -> bool:
        within_s = min(call.deadline_s - self._clock(), self._settings.probe_timeout_s)
        if within_s < _SHORTEST_PROBE_S or self._stop.is_set():
            return False  # unknown: retrying later is better than rejecting a good image
        request = self._probe_request(call.request.model)
        failure, duration_s = self.single.probe(request, endpoint, within_s=within_s)
        kind, status = (failure.kind.value, failure.status) if failure is not None else (None, 200)
        self._on_attempt(PredictionAttempt(endpoint.url, request.model, call.attempts, status, kind, None, duration_s, is_probe=True))
        return failure is None

    def _error(self, failure: PredictionFailure, endpoint: ServerEndpoint) -> tuple[type[UpstreamError], str]:
        server = self._settings.title
        match failure.cause:
            case FailureCause.KEY:
                problem = self.single.key(endpoint).problem
                return UpstreamUnauthorized, problem or f"the key has expired, or its file belongs to another start of {server}"
            case FailureCause.SETUP:
                return UpstreamMisconfigured, f"is this {server}'s inference address, and does it have the model?"
            case _ if failure.status == _CONTENT_TOO_LARGE:
                return UpstreamUnavailable, self._settings.too_large_hint
            case _:
                return UpstreamUnavailable, _HINTS.get(failure.kind, "is {server} running?").format(server=server)


_CONTENT_TOO_LARGE: Final = 413
_HINTS: Final = {
    **dict.fromkeys((FailureKind.WORKER_DIED, FailureKind.OVERLOADED), "does {server} have enough memory?"),
    **dict.fromkeys((FailureKind.SERVER_ERROR, FailureKind.HANDLER_FAILED), "the log of {server} says why"),
    **dict.fromkeys((FailureKind.READ_TIMEOUT, FailureKind.DEADLINE), "{server} hangs: does it have enough memory?"),
    FailureKind.REFUSED: "it refuses other images, too: the log of {server} says why",
    **dict.fromkeys((FailureKind.GARBAGE, FailureKind.TOO_BIG), "are these the models that doodled needs?"),
}
"""What to do about a server that can't answer, by the kind of its last failure."""


def _verdict(failure: PredictionFailure | None, *, is_patient: bool) -> Verdict:
    """What a request's end says about its server. `is_patient`: silence counts, since the request had time enough."""
    if failure is None:
        return Verdict.HEALTHY
    if failure.is_server_healthy:
        return Verdict.UNKNOWN
    return Verdict.SILENT if failure.is_silence and is_patient else Verdict.FAILING


def _error_of(state: tenacity.RetryCallState) -> _AttemptFailed:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, _AttemptFailed):
        raise TypeError(f"only a failed attempt is retried, found {error!r}")
    return error

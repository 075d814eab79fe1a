"""Predictor port for TorchServe: which attempts are retried, on which server, for how long, and which error a call ends in.

`client` sends one request to one server, `failures` classifies what comes back, `server_choice` picks the server. This module
does not log: `on_attempt` receives every attempt.

A server's health is a tiny real prediction. `/ping` is not used: it answers Healthy while every worker is dead
(etc/doc/torchserve.md).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, NoReturn, TypeVar, cast

import tenacity

from pipeline.adapters.torchserve.client import InferenceClient, PredictionRequest
from pipeline.adapters.torchserve.failures import FailureCause, FailureKind, PredictionFailure
from pipeline.adapters.torchserve.key_file import Token
from pipeline.adapters.torchserve.server_choice import ServerChoice, Verdict
from pipeline.adapters.torchserve.settings import ModelHealth, PredictionAttempt, TorchServeEndpoint, TorchServeSettings
from pipeline.errors import PredictionRefused, UpstreamError, UpstreamMisconfigured, UpstreamUnauthorized, UpstreamUnavailable
from pipeline.types import Bytes, Detection, Pose

Answer = TypeVar("Answer")
_SHORTEST_PROBE_S: Final = 0.05


class _AttemptFailed(Exception):  # carries a PredictionFailure through tenacity
    def __init__(self, failure: PredictionFailure, endpoint: TorchServeEndpoint | None = None, token: Token | None = None) -> None:
        self.failure = failure
        self.endpoint = endpoint
        self.token = token
        super().__init__(failure.detail)


@dataclass
class _Call:
    """State of one call of the predictor, over all its attempts."""

    request: PredictionRequest[Any]
    deadline_s: float
    attempts: int = 0
    suspicions: int = 0
    tried: set[str] = field(default_factory=set)
    reread: set[str] = field(default_factory=set)
    retries_at_once: bool = False
    last: PredictionAttempt | None = None


class TorchServePredictor:
    """Detector and pose estimator on one or more TorchServe servers. Thread-safe; no call outlives `settings.deadline_s`."""

    def __init__(
        self,
        settings: TorchServeSettings,
        *,
        stop: threading.Event | None = None,
        on_attempt: Callable[[PredictionAttempt], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """Prepare the client; no request is sent yet.

        Args:
            stop: once set, waits end and no further request is sent; a running request may finish.
            on_attempt: receives every attempt, on the caller's thread.
            clock: monotonic seconds.
            wall_clock: seconds since 1970, for dates in `Retry-After`.
            sleep: waits between attempts.
            rng: for the jitter.
        """
        self._settings = settings
        self._stop = stop if stop is not None else threading.Event()
        self._on_attempt = on_attempt
        self._clock = clock
        self._sleep: Callable[[float], None] = sleep if sleep is not None else tenacity.sleep_using_event(self._stop)
        self._rng = rng if rng is not None else random.Random()  # noqa: S311  # jitter, not cryptography
        self._client = InferenceClient(settings, on_attempt=on_attempt, clock=clock, wall_clock=wall_clock)
        self._choices = {model: ServerChoice(settings, self._rng) for model in (settings.detector, settings.pose_estimator)}

    def detections(self, rgb: Bytes, *, least_score: float = 0.0) -> tuple[Detection, ...]:  # noqa: ARG002  # no field of a request
        """See `pipeline.ports.Predictor`."""
        return self._answer(self._client.detection_request(rgb))

    def pose(self, rgb: Bytes) -> Pose:
        """See `pipeline.ports.Predictor`."""
        return self._answer(self._client.pose_request(rgb))

    def health(self) -> tuple[ModelHealth, ...]:
        """Health of every model on every server: a tiny prediction, plus describe-model where a management URL is set."""
        return tuple(self._client.health(endpoint, model) for endpoint in self._settings.endpoints for model in self._choices)

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    # --- one call ----------------------------------------------------------------------------------------------------

    def _answer(self, request: PredictionRequest[Answer]) -> Answer:
        call = _Call(request, self._clock() + self._settings.deadline_s)
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
        request = call.request
        if self._stop.is_set():
            raise _AttemptFailed(PredictionFailure(FailureKind.OVERLOADED, "doodled is stopping"))
        started_s = self._clock()
        endpoint = self._choices[request.model].choose(started_s, call.tried)
        call.attempts += 1
        call.tried.add(endpoint.url)
        token = self._client.key(endpoint).token()
        answer, failure = self._client.answer(request, endpoint, token=token, within_s=call.deadline_s - started_s)
        ended_s = self._clock()
        call.last = _attempt_record(call, endpoint, failure, ended_s - started_s)
        retry_after_s = failure.retry_after_s if failure is not None else None
        self._choices[request.model].record(endpoint, _verdict(failure), ended_s, retry_after_s=retry_after_s)
        if failure is not None:
            raise _AttemptFailed(failure, endpoint, token)
        return answer

    def _report_attempt(self, call: _Call, *, wait_s: float | None) -> None:
        """Hand the last attempt to `on_attempt`, once the wait before the next one is known."""
        last, call.last = call.last, None
        if last is not None:
            self._on_attempt(replace(last, wait_s=wait_s))

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

    def _has_new_key(self, call: _Call, endpoint: TorchServeEndpoint, refused: Token | None) -> bool:
        """Read the key file again: whether it now holds another key than the refused one."""
        if endpoint.url in call.reread:
            return False
        call.reread.add(endpoint.url)
        fresh = self._client.key(endpoint).token(fresh=True)
        if fresh is None or fresh == refused:
            return False
        call.tried.discard(endpoint.url)  # with its new key it is as good as any other server
        return True

    def _wait_s(self, call: _Call, failure: PredictionFailure) -> float:
        if call.retries_at_once or self._choices[call.request.model].has_other(self._clock(), call.tried):
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
                hint=_TOO_LARGE if failure.status == _CONTENT_TOO_LARGE else f"asked {call.attempts} times; it answers for other images",
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

    def _passes_probe(self, call: _Call, endpoint: TorchServeEndpoint) -> bool:
        within_s = min(call.deadline_s - self._clock(), self._settings.probe_timeout_s)
        if within_s < _SHORTEST_PROBE_S or self._stop.is_set():
            return False  # unknown: retrying later is better than rejecting a good image
        return self._client.probe(endpoint, call.request.model, within_s=within_s, attempt=call.attempts)[0] is None

    def _error(self, failure: PredictionFailure, endpoint: TorchServeEndpoint) -> tuple[type[UpstreamError], str]:
        match failure.cause:
            case FailureCause.KEY:
                problem = self._client.key(endpoint).problem
                return UpstreamUnauthorized, problem or "the key has expired, or its file belongs to another start of TorchServe"
            case FailureCause.SETUP:
                return UpstreamMisconfigured, "is this TorchServe's inference address, and is the model registered there?"
            case _ if failure.status == _CONTENT_TOO_LARGE:
                return UpstreamUnavailable, _TOO_LARGE
            case _:
                return UpstreamUnavailable, _HINTS.get(failure.kind, "is TorchServe running?")


_CONTENT_TOO_LARGE: Final = 413
_TOO_LARGE: Final = "raise TorchServe's max_request_size, or the limit of a proxy before it; or set image_encoding to png or jpeg"
_HINTS: Final = {
    **dict.fromkeys((FailureKind.WORKER_DIED, FailureKind.OVERLOADED), "do TorchServe's workers have enough memory?"),
    **dict.fromkeys((FailureKind.SERVER_ERROR, FailureKind.HANDLER_FAILED), "TorchServe's log says why"),
    **dict.fromkeys((FailureKind.READ_TIMEOUT, FailureKind.DEADLINE), "TorchServe hangs: do its workers have enough memory?"),
    FailureKind.REFUSED: "it refuses other images, too: TorchServe's log says why",
    **dict.fromkeys((FailureKind.GARBAGE, FailureKind.TOO_BIG), "are these the models that doodled needs?"),
}
"""What to do about a server that can't answer, by the kind of its last failure."""


def _attempt_record(call: _Call, endpoint: TorchServeEndpoint, failure: PredictionFailure | None, duration_s: float) -> PredictionAttempt:
    kind, status = (failure.kind.value, failure.status) if failure is not None else (None, 200)
    return PredictionAttempt(endpoint.url, call.request.model, call.attempts, status, kind, None, duration_s)


def _verdict(failure: PredictionFailure | None) -> Verdict:
    if failure is None:
        return Verdict.HEALTHY
    return Verdict.UNKNOWN if failure.is_server_healthy else Verdict.FAILING


def _error_of(state: tenacity.RetryCallState) -> _AttemptFailed:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, _AttemptFailed):
        raise TypeError(f"only a failed attempt is retried, found {error!r}")
    return error

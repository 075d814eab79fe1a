"""The detector and the pose estimator on TorchServe, as `pipeline.ports.Predictor`.

Owns patience: what is tried again, where, after what wait, until when, and which error a call ends in. `asking` asks one server
once, `outcomes` says what a failure means, `balance` chooses the server. Knows no logs: whoever wants to hear of
every attempt hands in `on_attempt`.

Health is a tiny real prediction. `/ping` is never asked: it says Healthy while every worker is dead.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, NoReturn, TypeVar, cast

import tenacity

from pipeline.adapters.torchserve.asking import Asker, Question
from pipeline.adapters.torchserve.balance import Balancer, Lease, Verdict
from pipeline.adapters.torchserve.key import Token
from pipeline.adapters.torchserve.outcomes import Blame, Failure, Fault
from pipeline.adapters.torchserve.settings import Attempt, ModelHealth, TorchServeEndpoint, TorchServeSettings
from pipeline.errors import PredictionRefused, UpstreamError, UpstreamMisconfigured, UpstreamUnauthorised, UpstreamUnavailable
from pipeline.types import Bytes, Detection, Floats

Answer = TypeVar("Answer")
_LEAST_PROBE_S: Final = 0.05


class _Failed(Exception):  # carries a Failure through tenacity
    def __init__(self, failure: Failure, lease: Lease | None = None, token: Token | None = None) -> None:
        self.failure = failure
        self.endpoint = lease.endpoint if lease is not None else None
        self.token = token
        super().__init__(failure.detail)


@dataclass
class _Call:
    """One call of the predictor, from its first attempt to its end."""

    question: Question[Any]
    deadline_s: float
    attempts: int = 0
    suspicions: int = 0
    tried: set[str] = field(default_factory=set)
    reread: set[str] = field(default_factory=set)
    is_again_at_once: bool = False
    last: Attempt | None = None


class TorchServePredictor:
    """Asks TorchServe. Thread-safe; no call takes longer than `settings.deadline_s`."""

    def __init__(
        self,
        settings: TorchServeSettings,
        *,
        stop: threading.Event | None = None,
        on_attempt: Callable[[Attempt], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            stop: once set, waits end and nothing more is asked; a request that is under way may finish.
            on_attempt: told of every request, on the caller's thread.
            clock: monotonic seconds.
            wall_clock: seconds since 1970, for dates in `Retry-After`.
            sleep: of the waits between attempts.
            rng: of the jitter.
        """
        self._settings = settings
        self._stop = stop if stop is not None else threading.Event()
        self._on_attempt = on_attempt
        self._clock = clock
        self._sleep: Callable[[float], None] = sleep if sleep is not None else tenacity.sleep_using_event(self._stop)
        self._rng = rng if rng is not None else random.Random()  # noqa: S311  # jitter, not cryptography
        self._asker = Asker(settings, on_attempt=on_attempt, clock=clock, wall_clock=wall_clock)
        self._balancers = {model: Balancer(settings, self._rng) for model in (settings.detector, settings.pose_estimator)}

    def detections(self, rgb: Bytes) -> tuple[Detection, ...]:
        """As in `pipeline.ports.Predictor`."""
        return self._answer(self._asker.detections(rgb))

    def keypoints(self, rgb: Bytes) -> Floats:
        """As in `pipeline.ports.Predictor`."""
        return self._answer(self._asker.keypoints(rgb))

    def health(self) -> tuple[ModelHealth, ...]:
        """How every model fares on every server: a tiny prediction, and describe-model where there is a management URL."""
        return tuple(self._asker.health(endpoint, model) for endpoint in self._settings.endpoints for model in self._balancers)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._asker.close()

    # --- one call ----------------------------------------------------------------------------------------------------

    def _answer(self, question: Question[Answer]) -> Answer:
        call = _Call(question, self._clock() + self._settings.deadline_s)
        retrying = tenacity.Retrying(
            stop=lambda state: self._is_over(call, state.upcoming_sleep),
            wait=lambda state: self._wait_s(call, _failed(state).failure),
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, _Failed) and self._is_worth_another(call, error)),
            before_sleep=lambda state: self._report(call, wait_s=state.upcoming_sleep),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return cast("Answer", retrying(self._attempt, call))
        except _Failed as failed:
            ended = failed
        finally:
            self._report(call, wait_s=None)
        # Outside the handler, so that no error of ours drags the frames of a request, which hold the key, behind it.
        return self._give_up(call, ended)

    def _attempt(self, call: _Call) -> object:
        question = call.question
        with self._balancers[question.model].place(self._clock, call.deadline_s, call.tried, self._stop.is_set) as lease:
            if lease is None or self._stop.is_set():
                words = "doodled is being stopped" if self._stop.is_set() else "every server was busy until the deadline"
                raise _Failed(Failure(Fault.OVERLOADED, words))
            call.attempts += 1
            call.tried.add(lease.endpoint.url)
            started_s = self._clock()
            token = self._asker.key(lease.endpoint).token()
            answer, failure = self._asker.answer(question, lease.endpoint, token=token, within_s=call.deadline_s - started_s)
            call.last = _attempted(call, lease.endpoint, failure, self._clock() - started_s)
            lease.verdict, lease.retry_after_s = _verdict(failure), failure.retry_after_s if failure is not None else None
        if failure is not None:
            raise _Failed(failure, lease, token)
        return answer

    def _report(self, call: _Call, *, wait_s: float | None) -> None:
        """Tell of the last attempt, once it is known how long the next one is away."""
        last, call.last = call.last, None
        if last is not None:
            self._on_attempt(replace(last, wait_s=wait_s))

    # --- patience ----------------------------------------------------------------------------------------------------

    def _is_worth_another(self, call: _Call, failed: _Failed) -> bool:
        call.is_again_at_once = False
        if failed.endpoint is None:
            return False
        is_elsewhere = any(endpoint.url not in call.tried for endpoint in self._settings.endpoints)
        match failed.failure.blame:
            case Blame.SERVER:
                return is_elsewhere or not self._settings.is_probe
            case Blame.PICTURE_PERHAPS:
                call.suspicions += 1
                return call.suspicions < self._settings.suspicion_limit
            case Blame.PICTURE:
                return False
            case Blame.KEY:
                call.is_again_at_once = self._has_new_key(call, failed.endpoint, failed.token)
                return call.is_again_at_once or is_elsewhere
            case Blame.SETUP:
                return is_elsewhere

    def _has_new_key(self, call: _Call, endpoint: TorchServeEndpoint, refused: Token | None) -> bool:
        """The key file, read once more, holds another key than the one that was refused."""
        if endpoint.url in call.reread:
            return False
        call.reread.add(endpoint.url)
        fresh = self._asker.key(endpoint).token(fresh=True)
        if fresh is None or fresh == refused:
            return False
        call.tried.discard(endpoint.url)  # with its new key it is as good as any other
        return True

    def _wait_s(self, call: _Call, failure: Failure) -> float:
        if call.is_again_at_once or self._balancers[call.question.model].has_other(self._clock(), call.tried):
            return 0.0
        longest_s = min(self._settings.backoff_first_s * 2.0 ** min(call.attempts - 1, 60), self._settings.backoff_max_s)
        return max(longest_s * self._rng.uniform(0.5, 1.0), failure.retry_after_s or 0.0)

    def _is_over(self, call: _Call, wait_s: float) -> bool:
        """Like tenacity's `stop_before_delay`, `stop_after_attempt` and `stop_when_event_set` together, on the clock that was handed in."""
        return self._clock() + wait_s >= call.deadline_s or call.attempts >= self._settings.max_attempts or self._stop.is_set()

    # --- the end -----------------------------------------------------------------------------------------------------

    def _give_up(self, call: _Call, failed: _Failed) -> NoReturn:
        failure, model = failed.failure, call.question.model
        is_suspect = failure.blame is Blame.PICTURE or (
            failure.blame is Blame.PICTURE_PERHAPS and call.suspicions >= self._settings.suspicion_limit
        )
        if is_suspect and failed.endpoint is not None and self._passes_probe(call, failed.endpoint):
            raise PredictionRefused(
                f"{model} can't answer for this picture: {failure.detail}",
                model=model,
                status=failure.status,
                hint=f"asked {call.attempts} times; it answers for other pictures",
            )
        endpoint = failed.endpoint if failed.endpoint is not None else self._settings.endpoints[0]
        # Or one picture that makes the server hang would be asked about for ever, to find out whether it is back.
        answers_others = self._settings.is_probe and failure.may_be_the_pictures and self._passes_probe(call, endpoint)
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
        if within_s < _LEAST_PROBE_S or self._stop.is_set():
            return False  # there is no telling: better ask again another time than blame a picture
        return self._asker.probe(endpoint, call.question.model, within_s=within_s, attempt=call.attempts)[0] is None

    def _error(self, failure: Failure, endpoint: TorchServeEndpoint) -> tuple[type[UpstreamError], str]:
        match failure.blame:
            case Blame.KEY:
                problem = self._asker.key(endpoint).problem
                return UpstreamUnauthorised, problem or "the key has expired, or its file is of another start of TorchServe"
            case Blame.SETUP:
                return UpstreamMisconfigured, "is this TorchServe's inference address, and is the model registered there?"
            case _:
                return UpstreamUnavailable, "is TorchServe running, and has it enough memory for its workers?"


def _attempted(call: _Call, endpoint: TorchServeEndpoint, failure: Failure | None, duration_s: float) -> Attempt:
    fault, status = (failure.fault.value, failure.status) if failure is not None else (None, 200)
    return Attempt(endpoint.url, call.question.model, call.attempts, status, fault, None, duration_s)


def _verdict(failure: Failure | None) -> Verdict:
    if failure is None:
        return Verdict.WELL
    if failure.speaks_for_the_server:
        return Verdict.UNKNOWN
    return Verdict.OVERLOADED if failure.is_overload else Verdict.BADLY


def _failed(state: tenacity.RetryCallState) -> _Failed:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, _Failed):
        raise TypeError(f"only a failed attempt is waited for, found {error!r}")
    return error

"""Settings of the clients for model servers, and the records that it reports: attempts and model health.

Invalid settings are refused when they are made, not when the first image arrives.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from pipeline.errors import OptionError

_MODEL_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)


def _check_url(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is not a number, an unclosed bracket
        raise OptionError(f"the model server's {name} must be a URL like http://127.0.0.1:8080") from None
    if parts.username is not None or parts.password is not None:  # not repeated: it is a secret
        raise OptionError(f"the model server's {name} must not hold credentials", hint="put the key into a key file")
    if not sound or parts.query or parts.fragment:
        raise OptionError(f"the model server's {name} must be a URL like http://127.0.0.1:8080, found {url!r}")


@dataclass(frozen=True)
class ServerEndpoint:
    """Address and keys of one model server.

    Attributes:
        url: of its inference address, http or https, without credentials.
        key_file: TorchServe's `key_file.json`, or a file that holds only the key; None sends no token.
        management_url: of TorchServe's management address, for describe-model; None leaves it out. It needs the management key of a
            `key_file.json`.

    Raises:
        OptionError: a URL is invalid.
    """

    url: str = "http://127.0.0.1:8080"
    key_file: Path | None = None
    management_url: str | None = None

    def __post_init__(self) -> None:
        _check_url("url", self.url)
        if self.management_url is not None:
            _check_url("management_url", self.management_url)


@dataclass(frozen=True)
class ServerSettings:
    """Servers, models, timeouts and retry limits of a client, whatever its protocol.

    Attributes:
        endpoints: one or more servers that have the same models.
        detector, pose_estimator: names of the models, "name" or "name/version".
        connect_timeout_s: for a connection, including name resolution and all addresses.
        read_timeout_s: the longest time without a byte in one attempt. A request that a dying worker took is never answered, though the
            next one is: so it must leave time for another attempt. It should exceed the models' `responseTimeout`, after which
            TorchServe itself replaces a hung worker and reports it.
        deadline_s: the longest duration of one call of the predictor, including retries, waits and probes.
        probe_timeout_s: for the tiny prediction that distinguishes a failing server from an image that it can't process.
        max_attempts: for one call, not counting probes.
        backoff_first_s, backoff_max_s: upper bounds of the wait after the first failure and after many; it doubles in between, and
            jitter takes off up to a half, so that many clients don't return at once.
        max_retry_after_s: upper bound for `Retry-After`.
        is_probe: the call is a recovery probe: a server that fails is not asked again, the others are, once each.
        suspicion_limit: failures of one image (invalid reply, failing handler, dying worker) after which the image is rejected,
            if the server answers a probe then.
        avoid_first_s, avoid_max_s: how long a failed server is avoided, after the first failure and after many. One that did not answer
            in time is avoided for `read_timeout_s` at least.
        hedge_first_s: how long a request waits before another server is asked the same, until the usual duration of an answer is known
            (`server_choice.ServerChoice.hedge_after_s`); a server that failed must answer a tiny prediction within this time.
        max_reply_bytes: a larger reply is cut off and counts as invalid.

    Raises:
        OptionError: a number or a name is out of range or malformed.
    """

    endpoints: tuple[ServerEndpoint, ...] = (ServerEndpoint(),)
    detector: str = "drawn_humanoid_detector"
    pose_estimator: str = "drawn_humanoid_pose_estimator"
    connect_timeout_s: float = 3.0
    read_timeout_s: float = 40.0
    deadline_s: float = 120.0
    probe_timeout_s: float = 15.0
    max_attempts: int = 8
    backoff_first_s: float = 0.25
    backoff_max_s: float = 10.0
    max_retry_after_s: float = 300.0
    is_probe: bool = False
    suspicion_limit: int = 3
    avoid_first_s: float = 1.0
    avoid_max_s: float = 60.0
    hedge_first_s: float = 2.0
    max_reply_bytes: int = 8 * 1024 * 1024

    title: ClassVar[str] = "the model server"
    """What messages call the server."""
    too_large_hint: ClassVar[str] = "raise the model server's limit for the size of requests, or that of a proxy before it"

    def __post_init__(self) -> None:
        if not self.endpoints:
            raise OptionError("a model server needs at least one endpoint, found none")
        urls = [endpoint.url.rstrip("/") for endpoint in self.endpoints]
        if len(set(urls)) != len(urls):
            raise OptionError(f"every model server needs a URL of its own, found {', '.join(urls)}")
        for name in (self.detector, self.pose_estimator):
            if not _MODEL_NAME.fullmatch(name):
                raise OptionError(f"a model's name must be letters, digits, '.', '_' and '-', optionally '/version', found {name!r}")
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, int | float) and not isinstance(value, bool) and not (math.isfinite(value) and value > 0):
                raise OptionError(f"the model server's {each.name} must be above 0, found {value}")


@dataclass(frozen=True)
class PredictionAttempt:
    """Record of one request, for logs and metrics.

    Attributes:
        url: of the endpoint.
        model: which model was asked.
        attempt: 1, 2, ... within a call; a probe carries the number of the attempt that made it necessary, 0 outside a call.
        status: HTTP status, or None where there was no reply.
        error_type: from a closed set (`failures.FailureKind`), or None for a valid answer.
        wait_s: how long until the next attempt, or None if this was the last.
        duration_s: how long the request took.
        is_probe: a tiny prediction instead of a user's image.
    """

    url: str
    model: str
    attempt: int
    status: int | None
    error_type: str | None
    wait_s: float | None
    duration_s: float
    is_probe: bool = False


@dataclass(frozen=True)
class ModelHealth:
    """Health of one model on one server.

    Attributes:
        ready: a tiny prediction was answered correctly.
        problem: what failed, or "".
        duration_s: of that prediction.
        workers, workers_ready, batch_size: from describe-model, or None without an answer.
    """

    url: str
    model: str
    ready: bool
    problem: str
    duration_s: float
    workers: int | None = None
    workers_ready: int | None = None
    batch_size: int | None = None

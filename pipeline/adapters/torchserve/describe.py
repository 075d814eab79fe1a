"""TorchServe's describe-model: workers and batch size, to go beside a tiny prediction, never instead of one.

It may call a worker READY that is dead, so nothing is concluded from it; it tells people where to look.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from pipeline.adapters.torchserve.http import Courier, NoReply
from pipeline.adapters.torchserve.key import KeyFile
from pipeline.adapters.torchserve.settings import ModelHealth, TorchServeEndpoint


def described(courier: Courier, health: ModelHealth, endpoint: TorchServeEndpoint, *, within_s: float) -> ModelHealth:
    """`health` with what describe-model adds to it; as it is where there is no management URL or no sensible reply."""
    if endpoint.management_url is None:
        return health
    url = f"{endpoint.management_url.rstrip('/')}/models/{health.model}"
    try:
        reply = courier.get(url, token=KeyFile(endpoint.key_file, kind="management").token(), within_s=within_s)
        first = json.loads(reply.body)[0] if reply.status == 200 else {}
    except (NoReply, ValueError, LookupError, TypeError, RecursionError):
        return health
    workers = first.get("workers") if isinstance(first, dict) else None
    if not isinstance(workers, list):
        return health
    ready = sum(1 for worker in workers if isinstance(worker, dict) and worker.get("status") == "READY")
    return replace(health, workers=len(workers), workers_ready=ready, batch_size=_whole(first.get("batchSize")))


def _whole(value: Any) -> int | None:  # noqa: ANN401  # from the network
    return value if isinstance(value, int) and not isinstance(value, bool) else None

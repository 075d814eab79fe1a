"""Worker counts and batch size from TorchServe's describe-model, shown beside a tiny prediction, never instead of one.

describe-model may report READY for a dead worker (etc/doc/torchserve.md), so nothing is decided by it; it shows operators where to look.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from pipeline.adapters.model_server.http import HttpClient, NoReply
from pipeline.adapters.model_server.key_file import KeyFile
from pipeline.adapters.model_server.settings import ModelHealth, ServerEndpoint
from pipeline.adapters.socket_deadline import SocketDeadline


def with_worker_status(http: HttpClient, health: ModelHealth, endpoint: ServerEndpoint, *, within_s: float) -> ModelHealth:
    """`health` completed by describe-model; unchanged without a management URL or a valid reply."""
    if endpoint.management_url is None:
        return health
    url = f"{endpoint.management_url.rstrip('/')}/models/{health.model}"
    try:
        token = KeyFile(endpoint.key_file, kind="management").token()
        reply = http.send(url, None, token=token, deadline=SocketDeadline(within_s))
        first = json.loads(reply.body)[0] if reply.status == 200 else {}
    except (NoReply, ValueError, LookupError, TypeError, RecursionError):
        return health
    workers = first.get("workers") if isinstance(first, dict) else None
    if not isinstance(workers, list):
        return health
    ready = sum(1 for worker in workers if isinstance(worker, dict) and worker.get("status") == "READY")
    return replace(health, workers=len(workers), workers_ready=ready, batch_size=_integer(first.get("batchSize")))


def _integer(value: Any) -> int | None:  # noqa: ANN401  # from the network
    return value if isinstance(value, int) and not isinstance(value, bool) else None

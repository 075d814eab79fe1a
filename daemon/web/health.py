"""Health and metrics of the web application."""

from __future__ import annotations

import os
from contextlib import suppress
from http import HTTPStatus

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Info, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse

from daemon.files.durable import read_content
from daemon.version import version
from daemon.web.schemas import counts
from daemon.web.site import Site, SiteOf

MAX_TEXTFILE_BYTES = 4 << 20

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> Response:
    """Whether this process answers."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
async def readyz(site: SiteOf) -> Response:
    """Whether the spool can be read, and drawings are taken."""
    if not site.live.is_ready:
        return PlainTextResponse("the spool can't be read\n", HTTPStatus.SERVICE_UNAVAILABLE)
    return PlainTextResponse("ready\n")


@router.get("/metrics")
async def metrics(site: SiteOf) -> Response:
    """Metrics of this process and the queue for Prometheus, with those of the daemon where it writes a text file."""
    text = await run_in_threadpool(_metrics, site)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _metrics(site: Site) -> bytes:
    registry = CollectorRegistry()
    snapshot = site.index.snapshot
    Info("doodled_web_build", "Version of the web application", registry=registry).info({"version": version()})
    drawings = Gauge("doodled_web_drawings", "Drawings that the web application sees, by state", ["state"], registry=registry)
    for state, count in counts(snapshot).items():
        drawings.labels(state=str(state)).set(count)
    Gauge("doodled_web_event_streams", "Open streams of server-sent events", registry=registry).set(site.live.listeners)
    Gauge("doodled_web_daemon_up", "1 if a daemon has renewed its status file within 15 s", registry=registry).set(snapshot.status.is_alive)
    Gauge("doodled_web_ready", "1 if the spool can be read", registry=registry).set(site.live.is_ready)
    pages = int(open_statm().split()[1])
    Gauge("doodled_web_resident_memory_bytes", "Resident memory of this process", registry=registry).set(pages * os.sysconf("SC_PAGE_SIZE"))
    return generate_latest(registry) + _daemon_metrics(site)


def open_statm() -> str:
    """Memory of this process in pages (proc(5))."""
    return read_content("/proc/self/statm", 200).decode("ascii")


def _daemon_metrics(site: Site) -> bytes:
    """What the daemon writes for node_exporter's textfile collector, if it does."""
    if site.settings.metrics.textfile is not None:
        with suppress(OSError):
            return read_content(site.settings.metrics.textfile, MAX_TEXTFILE_BYTES)
    return b""

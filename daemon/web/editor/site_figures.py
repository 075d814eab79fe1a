"""The editor of the web application: its pages show the spool's entries, and corrections go through the site's intake."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from daemon.web.drawing_ids import id_in_name
from daemon.web.editor.edits import EditorSettings
from daemon.web.editor.process import EditorProcess
from daemon.web.editor.router import editor_router
from daemon.web.editor.spool_figures import Correction, SpoolFigures
from daemon.web.pages import page
from daemon.web.site import Site


def site_process(site: Site) -> EditorProcess:
    """The editor's child process, with the models that the site's settings name."""
    return EditorProcess(EditorSettings(site.settings.inference_request(), site.environ))


def site_router(site: Site, process: EditorProcess) -> APIRouter:
    """The editor's routes for a site."""

    def drop(correction: Correction) -> str:
        has_id = id_in_name(correction.name) is not None  # of an upload; others are numbered by the outbox's rule
        drawing = site.intake.drop_character(
            correction.files, name=correction.name, options=correction.options, folder=correction.folder, has_id=has_id
        )
        return f"drawings/{drawing.id}" if has_id else "watch"

    def show(request: Request, template: str, context: Mapping[str, object], status: HTTPStatus) -> Response:
        return page(request, site, template, context=context, status=status)

    return editor_router(SpoolFigures(site.layout, drop), process, show)

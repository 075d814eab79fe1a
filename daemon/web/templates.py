"""Jinja2 templates of all pages, and what every page is rendered with."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from starlette.requests import Request

from daemon.web import texts
from daemon.web.access import is_signed_in_by_cookie


def templates_of(root_path: str) -> Environment:
    """The templates, for a site whose paths begin with `root_path`; those of the editor are `editor/NAME`."""
    here = Path(str(resources.files("daemon.web")))
    loader = ChoiceLoader(
        [
            FileSystemLoader(here / "templates"),
            PrefixLoader({"editor": FileSystemLoader(here / "editor" / "templates")}),
        ]
    )
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {"base": f"{root_path}/"}
    environment.filters |= texts.FILTERS
    return environment


def render_page(templates: Environment, request: Request, template: str, context: Mapping[str, object]) -> str:
    """A page from its template; `base.html` needs nothing beside what this adds."""
    path = request.url.path.removeprefix(str(templates.globals["base"]).rstrip("/"))
    return templates.get_template(template).render({"path": path, "is_signed_in": is_signed_in_by_cookie(request), **context})

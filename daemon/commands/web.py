"""`doodled web`: serve the web application, and make tokens and sign-in links for it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from daemon.settings import Settings, SettingsError, config_file, read_settings, root_folder
from daemon.spool.layout import Layout
from daemon.web.tokens import SecretStore
from pipeline.errors import OptionError


def serve_web(config: Path | None, environ: Mapping[str, str], report: Callable[[str], None], *, port: int | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        port: overrides the setting; 0 is any free port.
        report: called with the address.
    Raises:
        SettingsError: the settings are invalid.
        OptionError: the address is taken, others can reach it and there is no token, or there is no spool.
    """
    settings, layout = _settings_and_layout(config, environ)
    if port is not None:
        settings = settings.model_copy(update={"web": settings.web.model_copy(update={"port": port})})
    for folder in (layout.inbox, layout.outbox, layout.failed):
        if not folder.is_dir():
            raise OptionError(
                f"{folder} is missing", hint="start the daemon once (`doodled run`), or name its folder with --config or DOODLED_ROOT"
            )
    from daemon.web.app import create_app
    from daemon.web.serve import address, listen, serve
    from daemon.web.site import make_site

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    site = make_site(settings, layout, environ)
    listener = listen(str(settings.web.host), settings.web.port)
    url = address(listener, site.root_path)
    app = create_app(site)
    serve(app, listener, on_start=lambda: report(f"serving {url}" + (" (sign in: doodled web link)" if site.needs_sign_in() else "")))


def make_token(config: Path | None, environ: Mapping[str, str], label: str) -> str:
    """A new token. Raises OptionError if the label is taken or the folder can't be written to."""
    return _write_or_explain(lambda: _store(config, environ).make_token(label))


def make_link(config: Path | None, environ: Mapping[str, str], address: str | None) -> str:
    """A link that signs one browser in, once. Raises OptionError as `make_token`."""
    settings, layout = _settings_and_layout(config, environ)
    store = SecretStore(layout)
    if not store.has_tokens():
        raise OptionError("no sign-in is needed: there is no token", hint="make one first: doodled web token NAME")
    code = _write_or_explain(store.make_code)
    from daemon.web.access import LOOPBACK_NAMES

    web = settings.web
    own = "localhost" if web.host.is_unspecified or str(web.host) in LOOPBACK_NAMES else str(web.host)
    name = web.names[0] if web.names else f"[{own}]" if ":" in own else own
    # Others reach an application that listens on this machine alone through a proxy, whose business is TLS.
    has_proxy = web.host.is_loopback and bool(web.names) and name not in LOOPBACK_NAMES
    base = address or (f"https://{name}" if has_proxy else f"http://{name}:{web.port}") + web.path
    return f"{base.rstrip('/')}/sign-in#{code}"


def token_labels(config: Path | None, environ: Mapping[str, str]) -> list[str]:
    """The labels of all tokens."""
    return sorted(label for label, _ in _store(config, environ).tokens())


def revoke_token(config: Path | None, environ: Mapping[str, str], label: str) -> None:
    """Remove a token, and end the sessions that began with it. Raises OptionError if there is none."""
    _store(config, environ).revoke(label)


def _store(config: Path | None, environ: Mapping[str, str]) -> SecretStore:
    return SecretStore(_settings_and_layout(config, environ)[1])


def _settings_and_layout(config: Path | None, environ: Mapping[str, str]) -> tuple[Settings, Layout]:
    settings = read_settings(config, environ)
    if settings.inbox.private:
        reason = "[inbox] private excludes doodled web: all who sign in would see all drawings"
        raise SettingsError(config_file(config, environ) or "the environment", [reason])
    return settings, Layout(root_folder(settings, environ))


def _write_or_explain(make: Callable[[], str]) -> str:
    try:
        return make()
    except OSError as error:
        raise OptionError(
            f"the secret can't be written: {error.strerror or error}", hint="run this as root, or as the user of `doodled web`"
        ) from error

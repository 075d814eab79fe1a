"""The command line of `doodled web`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="web",
    help="Serve the web application and HTTP API; make tokens and sign-in links.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The daemon's settings file, which names its folder.")]
Label = Annotated[str, typer.Argument(metavar="NAME", help="A name for the token, such as that of a person or a program.")]


@app.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    config: Config = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="TCP port; 0 is any free one. Default: web.port.")] = None,
) -> None:
    """Serve the pages and the HTTP API until interrupted. Without a token, on this machine alone."""
    if context.invoked_subcommand is None:
        from daemon.commands.web import serve_web

        serve_web(config, os.environ, typer.echo, port=port)


@app.command()
def token(label: Label, config: Config = None) -> None:
    """Make a token, and print it once. From then on, everyone needs one."""
    from daemon.commands.web import make_token

    typer.echo(make_token(config, os.environ, label))


@app.command()
def link(
    address: Annotated[
        str | None, typer.Option("--address", metavar="URL", help="Where the browser reaches the site, if not by the settings.")
    ] = None,
    config: Config = None,
) -> None:
    """Print a link that signs one browser in, once, within 15 minutes."""
    from daemon.commands.web import make_link

    typer.echo(make_link(config, os.environ, address))


@app.command()
def tokens(config: Config = None) -> None:
    """List the names of all tokens."""
    from daemon.commands.web import token_labels

    for label in token_labels(config, os.environ):
        typer.echo(label)


@app.command()
def revoke(label: Label, config: Config = None) -> None:
    """Revoke a token, and end the sessions that began with it."""
    from daemon.commands.web import revoke_token

    revoke_token(config, os.environ, label)

"""The command lines of `doodled run`, `doodled worker`, `doodled health` and `doodled check`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from daemon.commands.model_options import KeyFileOption, OipUrlsOption, UrlsOption, requested_models
from pipeline.errors import OptionError


def run(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Settings file. Default: DOODLED_CONFIG, else ~/.config/doodled/doodled.toml, else /etc/doodled/doodled.toml.",
        ),
    ] = None,
    drain: Annotated[bool, typer.Option("--drain", help="Exit once every drawing in the inbox is done.")] = False,  # noqa: FBT002
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log debug records, too: log.level = debug.")] = False,  # noqa: FBT002
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings and errors only: log.level = warning.")] = False,  # noqa: FBT002
) -> None:
    """Watch the inbox and animate the drawings that are dropped there."""
    from daemon.service.main import run as do_run

    if verbose and quiet:
        raise OptionError("--verbose and --quiet exclude each other", hint="choose one")
    environ: Mapping[str, str] = os.environ
    if verbose or quiet:  # in the environment, so that a reload of the settings keeps it
        environ = {**environ, "DOODLED_LOG_LEVEL": "debug" if verbose else "warning"}
    raise typer.Exit(do_run(config, environ, drain=drain))


def worker(
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="URL",
            help="The scheduler of the Dask cluster, such as tcp://10.0.0.5:8786. Default: dask.scheduler of the settings.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings file; a worker reads its sections dask, jobs, inference, torchserve and oip."
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host", metavar="ADDRESS", help="Address at which daemons reach this worker. Default: the one towards the scheduler."
        ),
    ] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port that this worker listens on; 0 picks a free one.")] = 0,
) -> None:
    """Animate drawings for daemons on other machines, as a worker of their Dask cluster."""
    from daemon.cluster.connection import require_dask
    from daemon.settings import SCHEDULER_EXAMPLE, is_scheduler, read_settings

    if scheduler and not is_scheduler(scheduler):
        raise OptionError(f"--scheduler must be an address such as {SCHEDULER_EXAMPLE} (found {scheduler!r})")
    require_dask()
    from daemon.cluster.installation import Installation
    from daemon.cluster.worker_process import WorkerOptions, run_worker

    environ = {**os.environ, "DOODLED_DASK_SCHEDULER": scheduler} if scheduler else os.environ
    settings = read_settings(config, environ)
    if not settings.dask.scheduler:
        raise OptionError("no scheduler is named", hint=f"name it with --scheduler, such as {SCHEDULER_EXAMPLE}, or as [dask] scheduler")
    run_worker(settings, WorkerOptions(port, host), Installation.local())


def health(
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The daemon's settings file, which names its folder."),
    ] = None,
    patience_s: Annotated[float, typer.Option("--patience", metavar="SECONDS", help="Greatest age of the daemon's status file.")] = 30.0,
) -> None:
    """Check whether the daemon on this host is healthy. Exit status 1 if it is not. Run it as the daemon's user or in its group."""
    from daemon.commands.health import check_health
    from daemon.settings import read_settings, root_folder
    from daemon.spool.layout import Layout

    found = check_health(Layout(root_folder(read_settings(config, os.environ), os.environ)), patience_s=patience_s)
    typer.echo(found.text)
    if not found.is_good:
        raise typer.Exit(1)


def check(torchserve_url: UrlsOption = None, torchserve_key_file: KeyFileOption = None, oip_url: OipUrlsOption = None) -> None:
    """Check this machine's OpenGL contexts, codecs and models. Exit status 1 if it can't animate a drawing."""
    from daemon.commands.check import check_machine

    text, can_animate = check_machine(os.environ, requested_models(None, torchserve_url, torchserve_key_file, oip_url))
    typer.echo(text)
    if not can_animate:
        raise typer.Exit(1)

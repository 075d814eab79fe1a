"""Report of the OpenGL contexts on this machine: the driver of each kind, or why it is unavailable."""

from __future__ import annotations

import json
import os
import subprocess  # runs this interpreter with our own arguments
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.adapters.opengl.contexts import ContextKind, open_context
from pipeline.errors import RenderUnavailable


@dataclass(frozen=True)
class ContextReport:
    """Result for one kind of context.

    Attributes:
        driver, version: GL_RENDERER and GL_VERSION, if it is available.
        reason: why it is unavailable.
    """

    kind: ContextKind
    available: bool
    driver: str = ""
    version: str = ""
    reason: str = ""


def describe_contexts(environ: Mapping[str, str] | None = None, *, timeout_s: float = 20.0) -> tuple[ContextReport, ...]:
    """Try every kind, each in a separate process, so that a driver may crash or hang without harm.

    Args:
        environ: the whole environment of those processes; None inherits this process's environment.
        timeout_s: time limit for each driver.
    """
    return tuple(_report(kind, environ, timeout_s) for kind in ContextKind)


def _report(kind: ContextKind, environ: Mapping[str, str] | None, timeout_s: float) -> ContextReport:
    code = f"from pipeline.adapters.opengl.context_reports import _print_report; _print_report({kind.value!r})"
    home = Path(__file__).resolve().parents[3]
    try:
        child = subprocess.run(  # noqa: S603  (our own interpreter and code)
            [sys.executable, "-c", code], cwd=home, env=environ, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return ContextReport(kind, available=False, reason=f"the driver did not answer within {timeout_s:g} s")
    if child.returncode != 0:
        last = child.stderr.strip().rpartition("\n")[2]
        ended = f"signal {-child.returncode}" if child.returncode < 0 else f"exit {child.returncode}"
        return ContextReport(kind, available=False, reason=f"the driver ended the process: {ended} {last}".rstrip())
    # Drivers may print to stdout: our report is the last line.
    return ContextReport(kind, **json.loads(child.stdout.strip().rpartition("\n")[2]))


def _print_report(kind: str) -> None:
    """Entry point of the child processes of `describe_contexts`."""
    try:
        with open_context(ContextKind(kind), os.environ) as context:
            report = ContextReport(context.kind, available=True, driver=context.driver, version=context.version)
    except RenderUnavailable as refusal:
        report = ContextReport(ContextKind(kind), available=False, reason="; ".join(refusal.tried.values()))
    fields = asdict(report)
    del fields["kind"]
    sys.stdout.write(json.dumps(fields) + "\n")

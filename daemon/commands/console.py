"""Terminal output of the commands: results on stdout, notes and timings on stderr, a progress bar on a terminal, aligned tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from daemon.log.stages import OTHER
from daemon.log.stopwatch import WallStopwatch, timing_lines
from pipeline.errors import DoodledError, FileProblems, notes_of

if TYPE_CHECKING:
    from daemon.commands.render import RenderResult

_T = TypeVar("_T")
UNLIMITED_COLUMNS: Final = 10_000
"""Width of tables in files and pipes: each row on one line."""


def print_notes(notes: Iterable[str]) -> None:
    """Print notes about the input on stderr."""
    for note in notes:
        typer.echo(f"note: {note}", err=True)


def error_text(error: DoodledError) -> str:
    """An error as text for users: one line, or one for each problem of a file; then the notes about the input."""
    lines = [f"doodled: {error}"]
    if isinstance(error, FileProblems):
        lines = ["\n  ".join([f"doodled: {error.path}:", *error.problems, *([f"({error.hint})"] if error.hint else [])])]
    return "\n".join([*lines, *(f"note: {note}" for note in notes_of(error))])


def print_result(result: RenderResult, *, quiet: bool) -> None:
    """Print the path of a finished animation on stdout, and unless `quiet` its properties."""
    animation = result.animation
    if quiet:
        typer.echo(animation.path)
        return
    size_text = f"{animation.width}x{animation.height}, {animation.frame_count} frames, {float(animation.duration):.2f} s"
    typer.echo(f"{animation.path} ({size_text}, {animation.byte_count / 1e6:.2f} MB)")


def print_timings(results: Sequence[RenderResult], stopwatch: WallStopwatch, *, inference: str = "") -> None:
    """Print the two timing lines of AnimatedDrawings' services on stderr, for one animation or several together."""
    kind = results[0].animation.format.upper()
    for line in timing_lines(stopwatch.spent_s, stopwatch.total_s, kind=kind, inference=inference):
        typer.echo(line, err=True)


def write_timings(path: Path, results: Sequence[RenderResult], stopwatch: WallStopwatch, *, inference: str = "") -> None:
    """Write seconds by step, which add up to the total, and properties of the animations together, as JSON."""
    total_s, spent_s = stopwatch.total_s, stopwatch.spent_s
    timings = {
        "total_s": total_s,
        "stages_s": {**spent_s, OTHER: max(0.0, total_s - sum(spent_s.values()))},
        "frames": sum(result.animation.frame_count for result in results),
        "bytes": sum(result.animation.byte_count for result in results),
        "renderer": results[0].renderer,
        "inference": inference or None,
    }
    path.write_text(json.dumps(timings, indent=2) + "\n", encoding="utf-8")


def with_progress(work: Callable[[Callable[[int, int], None]], _T], *, quiet: bool = False) -> _T:
    """Call `work` with a function that reports finished and all frames: to a progress bar if stderr is a terminal.

    Args:
        quiet: show no progress bar.
    """
    if quiet or not sys.stderr.isatty():
        return work(lambda _, __: None)
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("rendering", total=None)
        return work(lambda done, total: progress.update(task, completed=done, total=total))


def table_text(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right_aligned: Sequence[str] = ()) -> str:
    """An aligned table. It is as wide as a terminal, where long cells wrap, or as its content, where stdout is none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in right_aligned else "left", no_wrap=column != columns[-1])
    for row in rows:
        table.add_row(*map(Text, row))  # as texts: cells may contain what rich takes for markup
    console = Console(width=None if sys.stdout.isatty() else UNLIMITED_COLUMNS, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())

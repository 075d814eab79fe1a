"""All commands by name: the section of the overview each is in, its module, and what it does. Prints the overview, `doodled --help`.

Imports nothing heavy, so that the overview is there at once; `daemon.cli` imports only the module of the command that runs.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

PURPOSE: Final = "Animate drawn figures: photographs of drawings and motions in, animations out."
WIDEST: Final = 100
"""Longest line in characters, however wide the terminal is."""


class Section(StrEnum):
    """Sections of the overview, in their order."""

    DRAWINGS = "Drawings"
    DAEMON = "The daemon"
    MACHINE = "This machine"


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        module: name of its module in `daemon.commands`: with a function named after the command, or with an `app` of its subcommands.
        purpose: the first sentence of its help.
    """

    section: Section
    module: str
    purpose: str
    has_subcommands: bool = False


COMMANDS: Final[Mapping[str, Command]] = MappingProxyType(
    {
        "animate": Command(Section.DRAWINGS, "drawings_cli", "Find the figures in photographs of drawings and animate them."),
        "render": Command(Section.DRAWINGS, "drawings_cli", "Animate a character that is already cut out and rigged."),
        "annotate": Command(
            Section.DRAWINGS, "drawings_cli", "Cut out and rig the figure in a photograph; write AnimatedDrawings' annotation folder."
        ),
        "edit": Command(
            Section.DRAWINGS,
            "drawings_cli",
            "Correct a figure's box, mask, layers and joints in the browser, with a live preview of its motion.",
        ),
        "motions": Command(
            Section.DRAWINGS,
            "motions_cli",
            "List the motions that can be asked for by name; explain how a motion file is understood.",
            has_subcommands=True,
        ),
        "measure": Command(
            Section.DRAWINGS, "drawings_cli", "Measure how long each stage takes from photograph to animation, cold and warm."
        ),
        "run": Command(Section.DAEMON, "service_cli", "Watch the inbox and animate the drawings that are dropped there."),
        "worker": Command(
            Section.DAEMON, "service_cli", "Animate drawings for daemons on other machines, as a worker of their Dask cluster."
        ),
        "jobs": Command(
            Section.DAEMON,
            "jobs_cli",
            "List waiting, running and failed drawings; retry, approve or discard what a person decides about.",
            has_subcommands=True,
        ),
        "web": Command(
            Section.DAEMON, "web_cli", "Serve the web application and HTTP API; make tokens and sign-in links.", has_subcommands=True
        ),
        "report": Command(Section.DAEMON, "report_cli", "Report how long stages took, what failed and why, from the daemon's log."),
        "config": Command(
            Section.DAEMON,
            "config_cli",
            "Check the daemon's settings without starting it; show the effective settings and where each comes from.",
            has_subcommands=True,
        ),
        "health": Command(Section.MACHINE, "service_cli", "Check whether the daemon on this host is healthy."),
        "check": Command(Section.MACHINE, "service_cli", "Check this machine's OpenGL contexts, codecs and models."),
    }
)
_OPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "--version": "Show the version and exit.",
        "--install-completion": "Install completion for the current shell.",
        "--show-completion": "Show completion for the current shell, to copy it or customize the installation.",
        "-h, --help": "Show this message and exit.",
    }
)


def overview() -> str:
    """The commands by section, and the options without a command, as wide as the terminal."""
    width = min(WIDEST, shutil.get_terminal_size().columns)
    lines = ["Usage: doodled COMMAND [OPTIONS]...", "", *textwrap.wrap(PURPOSE, width)]
    for section in Section:
        entries = {name: command.purpose for name, command in COMMANDS.items() if command.section is section}
        lines += _entries(section, entries, width, column=4 + max(map(len, COMMANDS)))
    lines += _entries("Options", _OPTIONS, width, column=4 + max(map(len, _OPTIONS)))
    lines += ["", "Explain a command: doodled COMMAND --help", "Try: doodled animate photo.jpg --motion dance -o me.gif"]
    return "\n".join(lines) + "\n"


def _entries(title: str, entries: Mapping[str, str], width: int, *, column: int) -> list[str]:
    """A title, and a line or more for each entry, with the texts from `column` on."""
    lines = ["", f"{title}:"]
    for name, text in entries.items():
        first, *others = textwrap.wrap(text, max(20, width - column))
        lines += [f"  {name:<{column - 2}}{first}", *(f"{'':{column}}{line}" for line in others)]
    return lines

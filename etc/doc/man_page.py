"""Writes the manual pages doodled(1) and doodled.toml(5), with the macros of man(7), into this folder: `python etc/doc/man_page.py`.

doodled(1) has the commands with the text of their `--help`, then what no `--help` contains: exit statuses, environment, files.
doodled.toml(5) has the settings as `etc/doodled.toml` explains them. doodled(8) is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import typer.main
from typer import core

from daemon.cli import command_line

HERE = Path(__file__).resolve().parent
EXIT_STATUS = {
    "0": "Done.",
    "1": "This input can't be animated; the message says why. From check and health: something does not work. From run --drain: "
    "rejected files are left in the inbox.",
    "2": "The command line is wrong: an unknown option, motion or job, a contradiction, a file to write whose folder is missing.",
    "75": "It may work later: no OpenGL context, a full disk, an unavailable model server. From run --drain: drawings wait for one "
    "of these, the inbox can't be read, or files are still being written.",
    "78": "The settings or folders of the daemon can't be used.",
}
ENVIRONMENT = {
    "DOODLED_CONFIG": "The settings file, unless --config names one.",
    "DOODLED_ROOT": "The folder of inbox, outbox, failed, review and spool.",
    "DOODLED_SECTION_KEY": "Overrides a key of the settings file, such as DOODLED_JOBS_WORKERS=2.",
    "DOODLED_TORCHSERVE_URL, DOODLED_TORCHSERVE_KEY_FILE": "Address of a TorchServe (several with commas), and its key file.",
    "DOODLED_OIP_URL, DOODLED_OIP_KEY_FILE": "The same for servers of the Open Inference Protocol.",
    "AD_USE_MESA=1": "Render in software.",
    "AD_OUTPUT_MP4=1": "MP4 is the default format.",
    "AD_HEADLESS": "Accepted; doodled never uses a display.",
    "ANIMATED_DRAWINGS_ROOT": "A folder in which relative paths in AnimatedDrawings' files are looked up as well.",
}
FILES = {
    "~/.config/doodled/doodled.toml": "A user's settings ($XDG_CONFIG_HOME/doodled).",
    "/etc/doodled/doodled.toml": "The machine's settings, for the service and for users without settings of their own.",
    "~/.local/state/doodled": "The folders of a user's daemon ($XDG_STATE_HOME/doodled).",
    "/var/lib/doodled": "The folders of the system service.",
}


def escaped(text: str) -> str:
    """Text, escaped for troff."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\`")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in plain.splitlines())


def listed(entries: dict[str, str]) -> Iterator[str]:
    for term, meaning in entries.items():
        yield ".TP"
        yield f".B {escaped(term)}"
        yield escaped(meaning)


def option_term(option: core.TyperOption) -> str:
    """Names and value of an option, from the option itself: the layout of help differs between releases of Typer."""
    names = ", ".join(sorted(option.opts, key=len))
    return names if option.is_flag else f"{names} {option.metavar or str(option.name).upper()}"


def command_lines(command: core.TyperCommand | core.TyperGroup, path: str) -> Iterator[str]:
    """The section of one command: usage, purpose, options."""
    arguments = [parameter for parameter in command.params if isinstance(parameter, core.TyperArgument)]
    options = [parameter for parameter in command.params if isinstance(parameter, core.TyperOption) and parameter.name != "help"]
    yield f".SS {escaped(' '.join([path, *(argument_term(argument) for argument in arguments)]))}"
    yield escaped((command.help or "").strip())
    yield from listed({argument_term(argument): argument.help for argument in arguments if argument.help})
    yield from listed({option_term(option): option.help for option in options if option.help})


def argument_term(argument: core.TyperArgument) -> str:
    name = str(argument.metavar or argument.name).upper()
    term = name if argument.required else f"[{name}]"
    return term if argument.nargs == 1 else f"{term}..."


def commands(group: core.TyperGroup, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, core.TyperGroup):
            if command.invoke_without_command:
                yield from command_lines(command, f"{path} {name}")
            yield from commands(command, f"{path} {name}")
        elif isinstance(command, core.TyperCommand):
            yield from command_lines(command, f"{path} {name}")


def page() -> str:
    """The whole page, without date and version, so that it changes only when the commands do."""
    group = typer.main.get_command(command_line())
    if not isinstance(group, core.TyperGroup):
        raise TypeError(f"expected a group of commands, found {group!r}")
    lines = [
        ".TH DOODLED 1",
        ".SH NAME",
        "doodled \\- animate drawings of figures",
        ".SH SYNOPSIS",
        ".B doodled",
        ".I COMMAND",
        "[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]",
        ".SH DESCRIPTION",
        escaped(
            "Finds the figure in a photograph of a drawing, cuts it out, rigs it, and animates it: GIF, MP4, WebM, WebP or APNG. As a "
            "daemon it watches an inbox folder and publishes to an outbox; as a command it processes the images that it is given. It "
            "needs no display."
        ),
        ".SH COMMANDS",
        *commands(group, "doodled"),
        ".SH EXIT STATUS",
        *listed(EXIT_STATUS),
        ".SH ENVIRONMENT",
        *listed(ENVIRONMENT),
        ".SH FILES",
        *listed(FILES),
        ".SH EXAMPLES",
        ".nf",
        escaped("doodled animate photo.jpg --motion dance -o me.gif"),
        escaped("doodled animate *.jpg --motion dance,wave --all-figures -o animations/"),
        escaped("doodled render etc/characters/stick_king --motion walk --size 1000x1000 -o king.mp4"),
        escaped("doodled run --drain"),
        escaped("doodled jobs list"),
        ".fi",
        ".SH SEE ALSO",
        ".BR doodled.toml (5),",
        ".BR doodled (8)",
    ]
    return "\n".join(lines) + "\n"


SECTION = re.compile(r"\[(?P<name>\w+)\]\s*(?:# (?P<text>.*))?")
KEY = re.compile(r"(?P<is_example># )?(?P<key>\w+ = .*?)(?:\s+# (?P<text>.*))?")
COMMENT = re.compile(r"\s*# ?(?P<text>.*)")


def settings_lines(toml: str) -> Iterator[str]:
    """Sections and keys of a settings file, each with its comment: beside it and on the lines below, or on the lines above."""
    above: list[str] = []
    for line in toml.splitlines():
        section, key, comment = SECTION.fullmatch(line), KEY.fullmatch(line), COMMENT.fullmatch(line)
        if section:
            yield f".SS [{section['name']}]"
            yield from [escaped(section["text"])] if section["text"] else []
        elif key:
            yield ".TP"
            yield f".B {escaped(key['key'])}".replace('"', "\\(dq")
            yield from [escaped(text) for text in above or [key["text"] or ""]]
            yield from ["(An example; it is not set by default.)"] if key["is_example"] else []
            above = []
        elif comment and line.startswith("#"):
            above.append(comment["text"])
        elif comment:
            yield escaped(comment["text"])
        else:
            above = []


def settings_page() -> str:
    """The page of the settings file."""
    lines = [
        ".TH DOODLED.TOML 5",
        ".SH NAME",
        "doodled.toml \\- settings of the doodled daemon and its web application",
        ".SH SYNOPSIS",
        ".I ~/.config/doodled/doodled.toml",
        ".br",
        ".I /etc/doodled/doodled.toml",
        ".SH DESCRIPTION",
        escaped(
            "A file in TOML. One is read, the first of these: the one named by --config, by DOODLED_CONFIG, that of the user (in "
            "$XDG_CONFIG_HOME), that of the machine. All keys are optional; unknown ones are errors. `doodled config check` checks "
            "the settings, `doodled config show` prints them and where each comes from."
        ),
        ".PP",
        escaped(
            "The environment overrides each key: DOODLED_SECTION_KEY, lists with commas (DOODLED_ANIMATION_FORMATS=gif,mp4). SIGHUP makes "
            "the daemon read the file again; what is marked (restart) takes effect only at the next start. Values below are the defaults."
        ),
        ".SH SETTINGS",
        *settings_lines((HERE.parent / "doodled.toml").read_text(encoding="utf-8")),
        ".SH SEE ALSO",
        ".BR doodled (1),",
        ".BR doodled (8)",
    ]
    return "\n".join(lines) + "\n"


PAGES = {"doodled.1": page, "doodled.toml.5": settings_page}

if __name__ == "__main__":
    for name, written in PAGES.items():
        (HERE / name).write_text(written(), encoding="utf-8")

"""The process's entry point: standard streams and errors."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon import cli
from daemon.commands.overview import overview
from daemon.version import version


def test_closed_standard_streams_are_opened_as_dev_null(tmp_path: Path) -> None:
    script = """
import os
from daemon.__main__ import open_standard_streams
open_standard_streams()
print(*(os.readlink(f"/proc/self/fd/{stream}") for stream in range(3)), file=open("streams", "w"))
"""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    subprocess.run(["sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, script], cwd=tmp_path, env=environ, check=True)
    assert (tmp_path / "streams").read_text() == "/dev/null /dev/null /dev/null\n"


@pytest.mark.parametrize(("is_journal", "expected"), [(False, "doodled: a\n  b\n"), (True, "<3>doodled: a\n<3>  b\n")])
def test_error_has_priority_err_in_the_journal(
    is_journal: bool,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "is_journal", lambda _environ, file: is_journal and file == 2)
    cli.print_error("doodled: a\n  b")
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(("number", "status"), [(errno.EACCES, 1), (errno.ENOSPC, 75)])
def test_errors_of_files_are_one_line(
    number: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise OSError(number, "refused", "/somewhere/file")

    monkeypatch.setattr(cli, "command_line", lambda _: fail)
    with pytest.raises(SystemExit) as exited:
        cli.main()
    assert (exited.value.code, capsys.readouterr().err) == (status, "doodled: /somewhere/file: refused\n")


def test_error_without_file_keeps_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(errno.EBADF, "a bug")

    monkeypatch.setattr(cli, "command_line", lambda _: fail)
    with pytest.raises(OSError, match="a bug"):
        cli.main()


def test_command_ends_without_freeing_what_it_loaded(tmp_path: Path) -> None:
    script = """
import sys
class Freed:
    def __del__(self):
        print("freed")
kept = sys.modules["kept"] = Freed()
sys.argv = ["doodled", "animate", "there-is-none.png"]
from daemon.__main__ import main
main()
"""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize(("argument", "expected"), [("--version", f"doodled {version()}\n"), ("--help", overview()), ("-h", overview())])
def test_answers_before_anything_heavy_is_imported(argument: str, expected: str, tmp_path: Path) -> None:
    script = "import sys; from daemon.__main__ import main; main(); sys.exit(' '.join({'typer', 'numpy', 'pydantic'} & set(sys.modules)))"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", script, argument], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr.strip()) == (expected, "")

"""Commands as real processes: input, environment, and programs that hang, fork, flood, or die."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from waiting import until

from daemon.hooks import command
from daemon.hooks.command import CommandHook
from daemon.hooks.delivery import DeliveryFailure
from daemon.hooks.event_document import EventDocument, event_document
from daemon.spool.events import EventKind, SpoolEvent

EVENT = SpoolEvent("01HF7YAT00ABCDEFGHJKMNPQRS", EventKind.DONE)
NOT_UTF8 = b"\xff".decode("utf-8", "surrogateescape")


def document(size: int = 1, name: str = "garlic.png", folder: tuple[str, ...] = ("dab",)) -> EventDocument:
    outputs = [{"file": f"{number}.gif", "format": "gif"} for number in range(size)]
    return event_document(EVENT, {"source": {"name": name}, "folder": folder, "manifest": "0.json", "outputs": outputs})


def run(root: Path, program: str, within_s: float = 20.0, what: EventDocument | None = None) -> DeliveryFailure | None:
    """Run a Python program as a hook."""
    hook = CommandHook([sys.executable, "-c", program], root=root, environ={**os.environ, "NOTIFY_SOCKET": "/run/systemd/notify"})
    end_s = time.monotonic() + within_s
    return hook.deliver(what or document(), lambda: end_s)


def test_gets_the_document_and_its_variables(tmp_path: Path) -> None:
    program = "import json, os, sys; json.dump([json.load(sys.stdin), dict(os.environ), os.getcwd()], open('seen.json', 'w'))"
    assert run(tmp_path, program, what=document(2, folder=("dab", NOT_UTF8))) is None
    found, environ, place = json.loads((tmp_path / "seen.json").read_text())
    assert found["outputs"][1]["file"] == "outbox/dab/%FF/1.gif"
    assert found["event_id"] == environ["DOODLED_EVENT_ID"] == EVENT.id
    assert environ["DOODLED_EVENT"] == "done"
    assert environ["DOODLED_FOLDER"] == f"dab/{NOT_UTF8}"
    assert environ["DOODLED_FILES"] == f"outbox/dab/{NOT_UTF8}/0.gif\noutbox/dab/{NOT_UTF8}/1.gif"
    assert environ["DOODLED_ROOT"] == place == str(tmp_path)
    assert "NOTIFY_SOCKET" not in environ


def test_name_with_a_line_break_adds_no_path_to_the_files() -> None:
    hostile = document(1, folder=("dab\noutbox", "anna"))
    assert hostile.variables()["DOODLED_FILES"] == ""
    assert json.loads(hostile.to_json())["outputs"][0]["file"] == "outbox/dab\noutbox/anna/0.gif"


def test_thousands_of_files_fit_into_the_environment(tmp_path: Path) -> None:
    program = "import json, os, sys; assert len(json.load(sys.stdin)['outputs']) == 50000; assert len(os.environ['DOODLED_FILES']) < 131072"
    assert run(tmp_path, program, what=document(50_000)) is None


def test_arguments_are_no_shell(tmp_path: Path) -> None:
    program = "import sys; sys.exit(sys.argv[1] != '$(touch x); *')"
    hook = CommandHook([sys.executable, "-c", program, "$(touch x); *"], root=tmp_path, environ={})
    assert hook.deliver(document(), lambda: time.monotonic() + 20) is None
    assert list(tmp_path.iterdir()) == []


def test_failure_shows_status_and_last_words(tmp_path: Path) -> None:
    failure = run(tmp_path, "import sys; sys.stderr.write('first ' * 1000 + 'no \\x1b[31mroute\\n'); sys.exit(7)")
    assert failure is not None
    assert failure.status_code == 7
    assert failure.reason.startswith(f"{sys.executable} exited with status 7: ...")
    assert failure.reason.endswith("first no [31mroute")
    assert len(failure.reason) < 600


@pytest.mark.parametrize(("number", "name"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGSEGV, "SIGSEGV"), (signal.SIGRTMIN + 3, "signal 37")])
def test_death_by_a_signal(tmp_path: Path, number: int, name: str) -> None:
    failure = run(tmp_path, f"import os; os.kill(os.getpid(), {int(number)})")
    assert failure is not None
    assert failure.reason == f"{sys.executable} died of {name}"


@pytest.mark.parametrize(
    "program",
    [
        "import time; time.sleep(60)",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
        "import os\nos.close(2)\nwhile True: os.read(os.pipe()[0], 1)",
    ],
    ids=["hangs", "ignores SIGTERM", "is stopped", "closes its error output"],
)
def test_program_that_does_not_end_is_killed(tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "GRACE_S", 0.1)
    started_s = time.monotonic()
    failure = run(tmp_path, program, within_s=0.5)
    assert failure is not None
    assert " was stopped after " in failure.reason
    assert time.monotonic() - started_s < 5


@pytest.mark.parametrize("ends", ["os._exit(0)", "signal.pause()"], ids=["exits", "hangs"])
def test_what_it_forks_ends_with_it(tmp_path: Path, ends: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "GRACE_S", 0.1)
    child = "pid = os.fork()\nif pid == 0: signal.pause()\nopen('pid', 'w').write(str(pid))\n"
    failure = run(tmp_path, f"import os, signal\n{child}{ends}", within_s=1.0)
    assert (failure is None) == (ends == "os._exit(0)")
    pid = int((tmp_path / "pid").read_text())
    until(lambda: not _is_alive(pid), 10)


def _is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody waits for is dead as well."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_daemon_that_it_leaves_behind_delays_nothing(tmp_path: Path) -> None:
    child = "if os.fork() == 0:\n    os.setsid()\n    open('pid', 'w').write(str(os.getpid()))\n    signal.pause()\n"
    started_s = time.monotonic()
    program = f"import os, signal, time\n{child}while not os.path.exists('pid') or not open('pid').read(): time.sleep(0.01)"
    try:
        assert run(tmp_path, program) is None
        assert time.monotonic() - started_s < 10
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("stream", [1, 2])
def test_flood_of_output_takes_no_memory(tmp_path: Path, stream: int) -> None:
    failure = run(tmp_path, f"import os\nblock = b'x' * 1048576\nfor _ in range(1024): os.write({stream}, block)\nraise SystemExit(3)")
    assert failure is not None
    assert len(failure.reason) < 600


def test_input_that_is_not_read_blocks_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, "", what=document(50_000)) is None


@pytest.mark.parametrize("program", ["/nonexistent", "/etc/hostname", "/"])
def test_program_that_cannot_be_started(tmp_path: Path, program: str) -> None:
    failure = CommandHook([program], root=tmp_path, environ={}).deliver(document(), lambda: time.monotonic() + 5)
    assert failure is not None
    assert failure.reason.startswith(f"{program} can't be started: ")


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        run(tmp_path, "raise SystemExit(1)")
    assert len(list(Path("/proc/self/fd").iterdir())) == before

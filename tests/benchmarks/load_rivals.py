"""Four daemons on one inbox: each file published exactly once, while one of them is killed and one is stopped and continued."""

from __future__ import annotations

import argparse
import json
import signal
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from load_daemon import Daemon, counted, drop, logged, started, until

TAKEN_OVER_S = 60.0


def rivals(root: Path, options: argparse.Namespace) -> bool:
    count = options.files or 3000
    with ExitStack() as stack:
        daemons = [stack.enter_context(started(root)) for _ in range(4)]
        contents = list(drop(root / "inbox", (b"a drawing, number %d" % number for number in range(count))).values())
        start_s = time.monotonic()
        killed, stopped, *steady = daemons
        until(lambda: _published(root) > count // 10, "nothing comes out")
        killed.process.kill()
        killed_s = time.monotonic()
        _stop_at_work(root, stopped)
        left = len(list(_work_of(root, killed)))
        until(lambda: not list(_work_of(root, killed)), "the killed one's work was not taken over")
        taken_over_s = time.monotonic() - killed_s
        until(lambda: not list((root / "inbox").iterdir()), "the inbox never became empty", patience_s=1200.0, pause_s=0.1)
        kept = len(list(_work_of(root, stopped)))
        stopped.process.send_signal(signal.SIGCONT)
        until(lambda: not list((root / "spool" / "work").glob("*/*/source")), "work is left")
        took_s = time.monotonic() - start_s
        statuses = [daemon.stop() for daemon in (stopped, *steady)]
        shares = Counter({number: len(daemon.records("job.done")) for number, daemon in enumerate(daemons)})
        recovered = sum(len(daemon.records("job.recovered")) for daemon in daemons)
    places = counted(root, contents)
    logged(
        {
            "published by the killed, the stopped, the steady": ", ".join(str(shares[number]) for number in range(4)),
            "left by the killed one": f"{left} jobs, taken over within {taken_over_s:.1f} s (<= {TAKEN_OVER_S:g}), {recovered} logged",
            "kept by the stopped one, all the while": f"{kept} jobs",
            "exit statuses": statuses,
            "all done": f"in {took_s:.0f} s",
            **places,
        }
    )
    return places["published once"] == count and not places["files without manifest"] and taken_over_s <= TAKEN_OVER_S


def _stop_at_work(root: Path, daemon: Daemon) -> None:
    """Stop or kill a daemon while it has jobs."""
    for _ in range(1000):
        daemon.process.send_signal(signal.SIGSTOP)
        until(lambda: daemon.state() == "T", "it did not stop")
        if _work_of(root, daemon):
            return
        daemon.process.send_signal(signal.SIGCONT)
        time.sleep(0.005)


def _published(root: Path) -> int:
    return sum(1 for name in (root / "outbox").glob("*.json"))


def _work_of(root: Path, daemon: Daemon) -> list[Path]:
    instance = json.loads(json.dumps(daemon.records("daemon.start")[0]["instance"]))
    return list((root / "spool" / "work" / instance).glob("*/source"))

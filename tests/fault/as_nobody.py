"""The stub daemon with fewer rights: `python as_nobody.py UID ROOT ...`, started by root. All code is loaded before they are given up."""

from __future__ import annotations

import codecs
import os
import sys

import stub_daemon
import watchdog.observers.inotify  # noqa: F401 - as `ascii` below: it may lie where only root may read

from daemon.version import version

if __name__ == "__main__":
    codecs.lookup("ascii")
    version()  # importlib.metadata loads what it needs when it is asked
    os.setgroups([])
    os.setgid(int(sys.argv[1]))
    os.setuid(int(sys.argv[1]))
    sys.exit(stub_daemon.main(*sys.argv[2:]))

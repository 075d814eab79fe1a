"""Stub daemon as another user: `python as_nobody.py UID ROOT ...`, started by root. Loads all code before it drops its privileges."""

from __future__ import annotations

import codecs
import os
import sys

import stub_daemon
import watchdog.observers.inotify  # noqa: F401 - as `ascii` below: only root may be able to read the file

from daemon.version import version

if __name__ == "__main__":
    codecs.lookup("ascii")
    version()  # importlib.metadata imports modules on first use
    os.setgroups([])
    os.setgid(int(sys.argv[1]))
    os.setuid(int(sys.argv[1]))
    sys.exit(stub_daemon.main(*sys.argv[2:]))

"""Stub daemon as another user: `python as_nobody.py UID[:GID] ROOT ...`, started by root. Loads all code before it drops its privileges."""

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
    uid, _, gid = sys.argv[1].partition(":")
    os.setgid(int(gid or uid))
    os.setuid(int(uid))
    sys.exit(stub_daemon.main(*sys.argv[2:]))

"""Daemon with fake workers on a simulated NFS: `python nfs_daemon.py ROOT [--drain]`.

There are no events, no leases (NFSv4 answers as if every file had a writer), and no RENAME_NOREPLACE. One reply in seven is lost: the
client sends the call again and gets the error that the call now causes, because it was done already.
"""

from __future__ import annotations

import errno
import fcntl
import os
import random
import sys
from collections.abc import Callable
from typing import Any

import stub_daemon
from old_libc import Ctypes

from daemon.files import durable
from daemon.service import main

LOST = 1 / 7
chance = random.Random(os.getpid())


def with_lost_replies(call: Callable[..., Any], code: int) -> Callable[..., Any]:
    """A system call that is carried out, but sometimes reports the error of a second try."""

    def late(*arguments: Any, **more: Any) -> Any:
        result = call(*arguments, **more)
        if chance.random() < LOST:
            raise OSError(code, os.strerror(code), *arguments[:1])
        return result

    return late


def lease(file: int, command: int, *arguments: Any) -> Any:
    """F_SETLEASE as on NFSv4 without a delegation."""
    if command == fcntl.F_SETLEASE:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return real_fcntl(file, command, *arguments)


real_fcntl = fcntl.fcntl

if __name__ == "__main__":
    main.is_on_network = lambda path, mounts=None: True  # type: ignore[attr-defined]  # noqa: ARG005 - as the function that it replaces
    durable.ctypes = Ctypes  # type: ignore[attr-defined]
    fcntl.fcntl = lease  # type: ignore[assignment]
    os.rename = with_lost_replies(os.rename, errno.ENOENT)
    os.link = with_lost_replies(os.link, errno.EEXIST)
    sys.exit(stub_daemon.main(*sys.argv[1:]))

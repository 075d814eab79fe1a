"""The daemon with workers that only pretend, on what looks like NFS: `python nfs_daemon.py ROOT [--drain]`.

No events, no leases (NFSv4 answers as if every file had a writer), no flag for renames that must not replace; and one answer in seven is
lost, so that the call is sent again and reports what it finds then: that its work is done.
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


def answered_late(call: Callable[..., Any], code: int) -> Callable[..., Any]:
    """A call that happens, and says at times that it can't happen any more."""

    def late(*arguments: Any, **more: Any) -> Any:
        result = call(*arguments, **more)
        if chance.random() < LOST:
            raise OSError(code, os.strerror(code), *arguments[:1])
        return result

    return late


def lease(file: int, command: int, *arguments: Any) -> Any:
    """F_SETLEASE on NFSv4 without a delegation."""
    if command == fcntl.F_SETLEASE:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return real_fcntl(file, command, *arguments)


real_fcntl = fcntl.fcntl

if __name__ == "__main__":
    main.is_on_network = lambda _: True  # type: ignore[assignment]
    durable.ctypes = Ctypes  # type: ignore[assignment]
    fcntl.fcntl = lease  # type: ignore[assignment]
    os.rename = answered_late(os.rename, errno.ENOENT)
    os.link = answered_late(os.link, errno.EEXIST)
    sys.exit(stub_daemon.main(*sys.argv[1:]))

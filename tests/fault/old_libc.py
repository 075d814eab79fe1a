"""C library without flags of renameat2, as on file systems that lack them: every rename uses `os`."""

from __future__ import annotations

import ctypes
import errno


class _Libc:
    def renameat2(self, *_: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1


class Ctypes:
    """Stands in for ctypes and loads that library."""

    get_errno = staticmethod(ctypes.get_errno)

    @staticmethod
    def CDLL(*_: object, **__: object) -> _Libc:  # noqa: N802 - its name in ctypes
        return _Libc()

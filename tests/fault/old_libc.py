"""A C library that knows no flags of renameat2, as on file systems without them: every rename is one of `os`."""

from __future__ import annotations

import ctypes
import errno


class _Libc:
    def renameat2(self, *_: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1


class Ctypes:
    """ctypes with that library."""

    get_errno = staticmethod(ctypes.get_errno)

    @staticmethod
    def CDLL(*_: object, **__: object) -> _Libc:  # noqa: N802 - its name there
        return _Libc()

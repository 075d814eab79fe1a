"""OpenGL contexts of OSMesa, Mesa's software rasterizer without a window system (osmesa.h).

The last resort, for containers without EGL; newer Mesa releases no longer build it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final

from pipeline.errors import RenderFailed, RenderUnavailable

LIBRARY: Final = "libOSMesa.so.8"

# Values from osmesa.h and gl.h.
_RGBA: Final = 0x1908
_UNSIGNED_BYTE: Final = 0x1401
_ATTRIBUTES: Final = (0x22, _RGBA, 0x33, 0x34, 0x36, 3, 0x37, 3, 0)  # FORMAT, PROFILE core, CONTEXT_MAJOR/MINOR_VERSION 3.3

_pointer = ctypes.c_void_p


class OSMesaContext:
    """One OpenGL 3.3 core context. For one thread at a time.

    OSMesa needs memory for its default framebuffer; the renderer never uses that, so a single pixel suffices.

    Raises:
        RenderUnavailable: the library is missing or too old, or can't create a 3.3 core context.
    """

    def __init__(self, kind: str, load: Callable[[str], Any] = ctypes.CDLL) -> None:
        try:
            library = load(LIBRARY)
            create = library.OSMesaCreateContextAttribs
            self._make_current = library.OSMesaMakeCurrent
            self._destroy = library.OSMesaDestroyContext
            self._get_string = library.glGetString
        except (OSError, AttributeError) as error:
            raise RenderUnavailable({kind: str(error)}) from error
        create.restype, create.argtypes = _pointer, (_pointer, _pointer)
        self._make_current.restype = ctypes.c_ubyte
        self._make_current.argtypes = (_pointer, _pointer, ctypes.c_uint, ctypes.c_int, ctypes.c_int)
        self._destroy.restype, self._destroy.argtypes = None, (_pointer,)
        self._get_string.restype, self._get_string.argtypes = ctypes.c_char_p, (ctypes.c_uint,)
        self._pixel = (ctypes.c_ubyte * 4)()
        self._handle: int | None = create((ctypes.c_int * len(_ATTRIBUTES))(*_ATTRIBUTES), None)
        if not self._handle:
            raise RenderUnavailable({kind: "OSMesaCreateContextAttribs gave no OpenGL 3.3 core context"})

    def make_current(self) -> None:
        """Make this context current in this thread.

        Raises:
            RenderFailed: OSMesa refused, or the context was destroyed.
        """
        if self._handle is None:
            raise RenderFailed("the OSMesa context was destroyed already")
        if not self._make_current(self._handle, self._pixel, _UNSIGNED_BYTE, 1, 1):
            raise RenderFailed("OSMesaMakeCurrent failed")

    def driver(self) -> tuple[str, str]:
        """GL_RENDERER and GL_VERSION; the context must be current."""
        return (self._get_string(0x1F01) or b"").decode(errors="replace"), (self._get_string(0x1F02) or b"").decode(errors="replace")

    def release(self) -> None:
        """Make no context current."""
        self._make_current(None, None, 0, 0, 0)

    def destroy(self) -> None:
        """Destroy the context and its objects. A second call does nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            self._destroy(handle)

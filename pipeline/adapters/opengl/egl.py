"""OpenGL contexts without a window, through EGL 1.4 and a few extensions.

Calls the few EGL functions that it needs through ctypes. PyOpenGL has EGL bindings, too, but importing them binds the process to one
OpenGL library, which must wait until EGL is known to work.

Displays are requested by platform (EGL_EXT_platform_device, EGL_MESA_platform_surfaceless), never as the default display, so X11 and
Wayland stay unused. A display stays initialized until the process ends: EGL returns the same display to every caller, and
eglTerminate would break the contexts of other threads.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from pipeline.errors import RenderFailed, RenderUnavailable

LIBRARY: Final = "libEGL.so.1"

# Values from the Khronos registry, egl.xml.
_EXTENSIONS: Final = 0x3055
_PLATFORM_DEVICE: Final = 0x313F
_PLATFORM_SURFACELESS: Final = 0x31DD
_OPENGL_API: Final = 0x30A2
_CONFIG_ATTRIBUTES: Final = (0x3033, 0x0001, 0x3040, 0x0008, 0x3038)  # SURFACE_TYPE PBUFFER, RENDERABLE_TYPE OPENGL
_CONTEXT_ATTRIBUTES: Final = (0x3098, 3, 0x30FB, 3, 0x30FD, 0x0001, 0x3038)  # OpenGL 3.3, core profile
_MAX_DEVICES: Final = 64

_ERROR_NAMES: Final = {
    0x3000: "EGL_SUCCESS",
    0x3001: "EGL_NOT_INITIALIZED",
    0x3002: "EGL_BAD_ACCESS",
    0x3003: "EGL_BAD_ALLOC",
    0x3004: "EGL_BAD_ATTRIBUTE",
    0x3005: "EGL_BAD_CONFIG",
    0x3006: "EGL_BAD_CONTEXT",
    0x3007: "EGL_BAD_CURRENT_SURFACE",
    0x3008: "EGL_BAD_DISPLAY",
    0x3009: "EGL_BAD_MATCH",
    0x300A: "EGL_BAD_NATIVE_PIXMAP",
    0x300B: "EGL_BAD_NATIVE_WINDOW",
    0x300C: "EGL_BAD_PARAMETER",
    0x300D: "EGL_BAD_SURFACE",
    0x300E: "EGL_CONTEXT_LOST",
}

_pointer = ctypes.c_void_p
_integer = ctypes.c_int32
_PROTOTYPES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "eglGetError": (_integer, ()),
    "eglGetProcAddress": (_pointer, (ctypes.c_char_p,)),
    "eglQueryString": (ctypes.c_char_p, (_pointer, _integer)),
    "eglInitialize": (ctypes.c_uint, (_pointer, _pointer, _pointer)),
    "eglBindAPI": (ctypes.c_uint, (ctypes.c_uint,)),
    "eglChooseConfig": (ctypes.c_uint, (_pointer, _pointer, _pointer, _integer, _pointer)),
    "eglCreateContext": (_pointer, (_pointer, _pointer, _pointer, _pointer)),
    "eglMakeCurrent": (ctypes.c_uint, (_pointer, _pointer, _pointer, _pointer)),
    "eglDestroyContext": (ctypes.c_uint, (_pointer, _pointer)),
    "eglReleaseThread": (ctypes.c_uint, ()),
}
_EXTENSION_PROTOTYPES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "eglGetPlatformDisplayEXT": (_pointer, (ctypes.c_uint, _pointer, _pointer)),
    "eglQueryDevicesEXT": (ctypes.c_uint, (_integer, _pointer, _pointer)),
    "eglQueryDeviceStringEXT": (ctypes.c_char_p, (_pointer, _integer)),
}

_initializing = threading.Lock()


class Egl:
    """The machine's EGL library; its functions are attributes with their C names.

    Attributes:
        kind: the context kind being tried, for error messages.

    Raises:
        RenderUnavailable: the library is missing, or lacks a function.
    """

    def __init__(self, kind: str, load: Callable[[str], Any] = ctypes.CDLL) -> None:
        self.kind = kind
        try:
            library = load(LIBRARY)
            for name, (result, arguments) in _PROTOTYPES.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
                setattr(self, name, function)
        except (OSError, AttributeError) as error:
            raise self.refusal(str(error)) from error

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (a ctypes function)
        """An extension's function, looked up at first use."""
        if name not in _EXTENSION_PROTOTYPES:
            raise AttributeError(name)
        address = self.eglGetProcAddress(name.encode())
        if not address:
            raise self.refusal(f"{name} is missing")
        result, arguments = _EXTENSION_PROTOTYPES[name]
        function = ctypes.CFUNCTYPE(result, *arguments)(address)
        setattr(self, name, function)
        return function

    def refusal(self, reason: str) -> RenderUnavailable:
        return RenderUnavailable({self.kind: reason})

    def failure(self, call: str) -> str:
        """The name of the EGL error after `call`."""
        code = self.eglGetError()
        return f"{call} failed with {_ERROR_NAMES.get(code, hex(code))}"

    def require(self, extensions: tuple[str, ...], display: int | None = None) -> None:
        """Raise RenderUnavailable unless the display (None: the client library) has all these extensions."""
        text = self.eglQueryString(display, _EXTENSIONS)
        if text is None:
            raise self.refusal(self.failure("eglQueryString"))
        have = text.decode(errors="replace").split()
        missing = [name for name in extensions if name not in have]
        if missing:
            raise self.refusal(f"no {', '.join(missing)}")


class EglContext:
    """One OpenGL 3.3 core context on an initialized display. For one thread at a time."""

    def __init__(self, egl: Egl, display: int, handle: int) -> None:
        self._egl = egl
        self._display = display
        self._handle: int | None = handle

    def make_current(self) -> None:
        """Make this context current in this thread.

        Raises:
            RenderFailed: EGL refused, or the context was destroyed.
        """
        if self._handle is None:
            raise RenderFailed("the EGL context was destroyed already")
        self._egl.eglBindAPI(_OPENGL_API)  # state per thread, cleared in `release`
        if not self._egl.eglMakeCurrent(self._display, None, None, self._handle):
            raise RenderFailed(self._egl.failure("eglMakeCurrent"))

    def driver(self) -> tuple[str, str]:
        """GL_RENDERER and GL_VERSION; the context must be current."""
        get_string = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_uint)(self._egl.eglGetProcAddress(b"glGetString"))
        return (get_string(0x1F01) or b"").decode(errors="replace"), (get_string(0x1F02) or b"").decode(errors="replace")

    def release(self) -> None:
        """Make no context current, and release EGL's per-thread state."""
        self._egl.eglMakeCurrent(self._display, None, None, None)
        self._egl.eglReleaseThread()

    def destroy(self) -> None:
        """Destroy the context and its objects. A second call does nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            self._egl.eglDestroyContext(self._display, handle)


def device_context(egl: Egl) -> EglContext:
    """Create a context on the first graphics card that supports it.

    Raises:
        RenderUnavailable: there is no card, or all refused, with the reason of each.
    """
    egl.require(("EGL_EXT_platform_base", "EGL_EXT_platform_device"))
    reasons = []
    for number, device in enumerate(_graphics_cards(egl)):
        try:
            return _context(egl, _PLATFORM_DEVICE, device)
        except RenderUnavailable as refusal:
            reasons.append(f"device {number}: {refusal.tried[egl.kind]}")
    raise egl.refusal(", ".join(reasons) or "no graphics card among the EGL devices")


def surfaceless_context(egl: Egl) -> EglContext:
    """Create a context on the device that Mesa chooses: a card that it drives, else the software rasterizer llvmpipe.

    Raises:
        RenderUnavailable: why there is none.
    """
    egl.require(("EGL_EXT_platform_base", "EGL_MESA_platform_surfaceless"))
    return _context(egl, _PLATFORM_SURFACELESS, None)


def _graphics_cards(egl: Egl) -> Iterator[int]:
    """The EGL devices with hardware behind them (EGL_EXT_device_enumeration, EGL_EXT_device_query)."""
    devices = (_pointer * _MAX_DEVICES)()
    count = _integer()
    if not egl.eglQueryDevicesEXT(_MAX_DEVICES, devices, ctypes.byref(count)):
        raise egl.refusal(egl.failure("eglQueryDevicesEXT"))
    for device in devices[: count.value]:
        have = set((egl.eglQueryDeviceStringEXT(device, _EXTENSIONS) or b"").decode(errors="replace").split())
        if device is not None and have & {"EGL_EXT_device_drm", "EGL_NV_device_cuda"} and "EGL_MESA_device_software" not in have:
            yield device


def _context(egl: Egl, platform: int, device: int | None) -> EglContext:
    display = egl.eglGetPlatformDisplayEXT(platform, device, None)
    if not display:
        raise egl.refusal(egl.failure("eglGetPlatformDisplayEXT"))
    with _initializing:
        if not egl.eglInitialize(display, None, None):
            raise egl.refusal(egl.failure("eglInitialize"))
    egl.require(("EGL_KHR_surfaceless_context", "EGL_KHR_create_context"), display)
    if not egl.eglBindAPI(_OPENGL_API):
        raise egl.refusal(egl.failure("eglBindAPI"))
    config, count = _pointer(), _integer()
    wanted = (_integer * len(_CONFIG_ATTRIBUTES))(*_CONFIG_ATTRIBUTES)
    if not egl.eglChooseConfig(display, wanted, ctypes.byref(config), 1, ctypes.byref(count)):
        raise egl.refusal(egl.failure("eglChooseConfig"))
    if count.value < 1:
        raise egl.refusal("no configuration for desktop OpenGL")
    attributes = (_integer * len(_CONTEXT_ATTRIBUTES))(*_CONTEXT_ATTRIBUTES)
    handle = egl.eglCreateContext(display, config, None, attributes)
    if not handle:
        raise egl.refusal(egl.failure("eglCreateContext"))
    return EglContext(egl, display, handle)

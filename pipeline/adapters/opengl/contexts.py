"""Headless OpenGL 3.3 core contexts: the kinds, and the first one that works on this machine.

Never uses a display: DISPLAY and WAYLAND_DISPLAY are ignored, and AD_HEADLESS is accepted without effect.

PyOpenGL binds one OpenGL library per process. So contexts are made without it (`egl`, `osmesa`), and `pyopengl` imports it for the
library of the first context that works. From then on the process uses either EGL or OSMesa, and refuses contexts of the other kind.

A child that is forked after a context was made hangs in Mesa (etc/doc/rendering.md), so contexts are refused in forked children. Start
workers with spawn, or from a fork server.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Protocol

from pipeline.adapters.opengl.egl import Egl, device_context, surfaceless_context
from pipeline.adapters.opengl.osmesa import OSMesaContext
from pipeline.adapters.opengl.pyopengl import opengl, refuse_other_platform, set_environment_variable
from pipeline.errors import RenderFailed, RenderUnavailable

NO_ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType({})

_HINT: Final = (
    "on Debian: apt-get install libegl1 libgl1-mesa-dri libopengl0, or libosmesa6;"
    " for a graphics card also its driver, and leave to open /dev/dri/renderD* or /dev/nvidia*"
)
_SOFTWARE_DRIVERS: Final = ("llvmpipe", "softpipe", "swrast", "lavapipe", "Software Rasterizer")


class ContextKind(StrEnum):
    """Kinds of context, in the order in which they are tried."""

    EGL_DEVICE = "egl-device"
    """A graphics card, through EGL's device platform."""
    EGL_SURFACELESS = "egl-surfaceless"
    """Mesa without a window system; llvmpipe if it drives no card."""
    OSMESA = "osmesa"
    """Mesa's software rasterizer as a separate library."""

    @property
    def pyopengl_platform(self) -> str:
        return "osmesa" if self is ContextKind.OSMESA else "egl"


class _NativeContext(Protocol):
    def make_current(self) -> None: ...
    def driver(self) -> tuple[str, str]: ...
    def release(self) -> None: ...
    def destroy(self) -> None: ...


_thread = threading.local()
"""Attribute `context`: the GLContext that is current in the thread."""

_rendering_processes: set[int] = set()
"""Id of the process that made contexts. A forked child inherits its parent's id."""


def _is_forked() -> bool:
    return bool(_rendering_processes - {os.getpid()})


os.register_at_fork(after_in_child=lambda: setattr(_thread, "context", None))


class GLContext:
    """A context and the OpenGL functions to call in it. Use it only on the thread that made it.

    Attributes:
        kind: how it was made.
        gl: PyOpenGL's raw functions and constants of OpenGL 3.3.
        driver: GL_RENDERER.
        version: GL_VERSION.
    """

    def __init__(self, kind: ContextKind, native: _NativeContext, gl: Any) -> None:  # noqa: ANN401  (PyOpenGL is untyped)
        self.kind = kind
        self.gl = gl
        self.driver, self.version = native.driver()
        self._native: _NativeContext | None = native
        self._owner = threading.get_ident()
        _thread.context = self

    def make_current(self) -> None:
        """Make this context current in this thread; costs nothing if it already is.

        Raises:
            RenderFailed: the driver refused, or the context was destroyed or belongs to another thread.
        """
        if getattr(_thread, "context", None) is self:
            return
        if self._native is None:
            raise RenderFailed(f"the {self.kind} context was destroyed already")
        if _is_forked():
            raise RenderFailed(f"the {self.kind} context belongs to the parent process", hint="start workers with spawn or forkserver")
        if threading.get_ident() != self._owner:
            raise RenderFailed(f"the {self.kind} context belongs to another thread", hint="open a renderer in each thread")
        self._native.make_current()
        _thread.context = self

    def release(self) -> None:
        """Make no context current, if this one is current."""
        if self._native is not None and getattr(_thread, "context", None) is self:
            _thread.context = None
            self._native.release()

    def destroy(self) -> None:
        """Destroy the context and its objects. A second call does nothing."""
        self.release()
        native, self._native = self._native, None
        if native is not None and not _is_forked():
            native.destroy()


@contextmanager
def open_context(kind: ContextKind | None = None, environ: Mapping[str, str] = NO_ENVIRONMENT) -> Iterator[GLContext]:
    """Open a context that is current during a `with` block.

    Args:
        kind: the only kind to try; None tries all in order.
        environ: AD_USE_MESA=1 skips graphics cards and renders in software.

    Raises:
        RenderUnavailable: each kind that was tried, and why it failed.
    """
    context = _create_context(kind, wants_software(environ))
    try:
        yield context
    finally:
        context.destroy()


def wants_software(environ: Mapping[str, str]) -> bool:
    """Whether AD_USE_MESA is set to a true value."""
    return environ.get("AD_USE_MESA", "").strip().lower() in {"1", "true", "yes", "on"}


def is_software(driver: str) -> bool:
    """Whether a GL_RENDERER draws without a graphics card."""
    return any(name in driver for name in _SOFTWARE_DRIVERS)


def _create_context(kind: ContextKind | None, software: bool) -> GLContext:  # noqa: FBT001  (private)
    kinds = tuple(ContextKind) if kind is None else (kind,)
    tried: dict[str, str] = {}
    for each in kinds:
        if software and each is ContextKind.EGL_DEVICE:
            tried[each] = "a graphics card, but AD_USE_MESA asks for software"
            continue
        try:
            return _context(each, software=software)
        except RenderUnavailable as refusal:
            tried.update(refusal.tried)
    raise RenderUnavailable(tried, hint=_HINT)


def _context(kind: ContextKind, *, software: bool) -> GLContext:
    if _is_forked():
        raise RenderUnavailable({kind: "this process was forked from one that had rendered; start workers with spawn or forkserver"})
    refuse_other_platform(kind, kind.pyopengl_platform)
    _rendering_processes.add(os.getpid())
    with _mesa_software(active=software):
        native = _native_context(kind)
    _thread.context = None  # no context is current any more
    try:
        native.make_current()
        _refuse_unsuitable(kind, *native.driver(), software=software)
        return GLContext(kind, native, opengl(kind, kind.pyopengl_platform))
    except BaseException as error:
        native.release()
        native.destroy()
        if isinstance(error, RenderFailed):
            raise RenderUnavailable({kind: error.summary}) from error
        raise


def _refuse_unsuitable(kind: ContextKind, driver: str, version: str, *, software: bool) -> None:
    if software and not is_software(driver):
        raise RenderUnavailable({kind: f"{driver!r} is no software renderer, but AD_USE_MESA asks for one"})
    if _version_number(version) < (3, 3):
        raise RenderUnavailable({kind: f"OpenGL 3.3 is needed, {driver!r} offers {version!r}"})


def _native_context(kind: ContextKind) -> _NativeContext:
    if kind is ContextKind.EGL_DEVICE:
        return device_context(Egl(kind))
    if kind is ContextKind.EGL_SURFACELESS:
        return surfaceless_context(Egl(kind))
    return OSMesaContext(kind)


def _version_number(version: str) -> tuple[int, ...]:
    """Version numbers, such as (4, 5) of "4.5 (Core Profile) Mesa 22.3.6"; () if there are none."""
    number = version.split(" ", 1)[0]
    return tuple(int(part) for part in number.split(".")[:2] if part.isdecimal())


@contextmanager
def _mesa_software(*, active: bool) -> Iterator[None]:
    """Mesa picks its driver when a display is initialized, and LIBGL_ALWAYS_SOFTWARE is the only way to influence it."""
    with set_environment_variable("LIBGL_ALWAYS_SOFTWARE", "1") if active else nullcontext():
        yield

"""Late import of PyOpenGL for the OpenGL library that works.

PyOpenGL decides at its first import which library the process calls: by PYOPENGL_PLATFORM, else by DISPLAY, which would be GLX. So
only this module imports `OpenGL`, and only after a context has shown which library works. Commands that don't render never import it.

Only PyOpenGL's raw functions of OpenGL 1.0 to 3.3 are imported, with C signatures: a fifth of the 0.1 s that `OpenGL.GL` with its
extensions and array wrappers takes, and calls go straight through ctypes. They keep the interpreter's lock, all but those that wait for
the driver or its compiler: a frame is some thirty short calls, and each would wait to get the lock back from the encoder's threads.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from pipeline.errors import RenderUnavailable

_VERSIONS: Final = ("1_0", "1_1", "1_2", "1_3", "1_4", "1_5", "2_0", "2_1", "3_0", "3_1", "3_2", "3_3")

_WAITING: Final = frozenset(
    {"glCompileShader", "glFinish", "glGetProgramiv", "glGetShaderiv", "glLinkProgram", "glReadPixels", "glTexImage2D"}
)
"""Functions that wait for the driver, its compiler or much memory, while other threads of Python should go on."""

_importing, _loading = threading.Lock(), threading.Lock()


class _Functions:
    """Functions and constants by name, as attributes; a function is looked up in the library when it is first used."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (PyOpenGL is untyped)
        try:
            value = self._names[name]
        except KeyError:
            raise AttributeError(f"OpenGL 3.3 has no {name}", name=name, obj=self) from None
        if hasattr(value, "load"):
            with _loading:
                # What PyOpenGL asks a library for, before its platform's own default (`functionTypeFor`).
                value.DLL.FunctionType = ctypes.CFUNCTYPE if name in _WAITING else ctypes.PYFUNCTYPE
                value = value.load() or value  # else the call raises PyOpenGL's NullFunctionError
        setattr(self, name, value)
        return value


def opengl(kind: str, platform: str) -> Any:  # noqa: ANN401  (PyOpenGL is untyped)
    """The functions and constants of OpenGL 3.3, calling the library of `platform`, "egl" or "osmesa".

    The error check after every call is off: the renderer checks once per frame and names the frame.

    Raises:
        RenderUnavailable: PyOpenGL is missing, finds no library, or is bound to another platform; the error names the context kind `kind`.
    """
    with _importing:
        if _bound_platform() is None:
            try:
                with set_environment_variable("PYOPENGL_PLATFORM", platform):
                    settings: Any = importlib.import_module("OpenGL")
                    settings.ERROR_CHECKING = False
                    settings.ERROR_LOGGING = False
                    importlib.import_module("OpenGL.platform")
            except ImportError as error:
                raise RenderUnavailable({kind: f"PyOpenGL can't be imported: {error}"}) from error
        refuse_other_platform(kind, platform)
        if sys.modules["OpenGL.platform"].PLATFORM.GL is None:
            raise RenderUnavailable({kind: "PyOpenGL finds neither libOpenGL.so.0 nor libGL.so.1"})
        return _functions()


@cache
def _functions() -> _Functions:
    names: dict[str, Any] = {}
    for version in _VERSIONS:
        module = importlib.import_module(f"OpenGL.raw.GL.VERSION.GL_{version}")
        names |= {name: value for name, value in vars(module).items() if name.startswith(("gl", "GL_"))}
    return _Functions(names)


def refuse_other_platform(kind: str, platform: str) -> None:
    """Raise RenderUnavailable if PyOpenGL already calls the library of another platform."""
    bound = _bound_platform()
    if bound not in (None, platform):
        raise RenderUnavailable({kind: f"PyOpenGL calls {bound} in this process, and can't be turned over to {platform}"})


def _bound_platform() -> str | None:
    """The platform for which this process imported PyOpenGL: "egl", "osmesa", "glx", ..., or None."""
    platform = sys.modules.get("OpenGL.platform")
    if platform is None or getattr(platform, "PLATFORM", None) is None:
        return None
    return type(platform.PLATFORM).__module__.rpartition(".")[2]


@contextmanager
def set_environment_variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable during a `with` block, for libraries that can be configured in no other way."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before

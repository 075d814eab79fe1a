"""PyOpenGL, imported late and for the right OpenGL library.

PyOpenGL decides at its first import which library the process calls: by PYOPENGL_PLATFORM, else by DISPLAY, which would be
GLX. Nothing may import `OpenGL` but this module, and this one only once a context has shown which library works. That also
keeps the import away from whoever never renders.

What is imported are PyOpenGL's raw functions, which take what C takes, of OpenGL 1.0 to 3.3: a fifth of the 0.1 s that
`OpenGL.GL` with all its extensions and array wrappers needs, and nothing but ctypes on the way of a call.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any, Final

from pipeline.errors import RenderUnavailable

_VERSIONS: Final = ("1_0", "1_1", "1_2", "1_3", "1_4", "1_5", "2_0", "2_1", "3_0", "3_1", "3_2", "3_3")

_importing = threading.Lock()


def opengl(kind: str, platform: str) -> Any:  # noqa: ANN401  (PyOpenGL is untyped)
    """The functions and constants of OpenGL 3.3, calling the library of `platform`, "egl" or "osmesa".

    Its check after every call is switched off: the renderer asks for errors once a frame, and says what it drew.

    Raises:
        RenderUnavailable: PyOpenGL is missing, finds no library, or is bound to another platform; for context kind `kind`.
    """
    with _importing:
        if _bound_platform() is None:
            try:
                with environment_variable("PYOPENGL_PLATFORM", platform):
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
def _functions() -> SimpleNamespace:
    names: dict[str, Any] = {}
    for version in _VERSIONS:
        module = importlib.import_module(f"OpenGL.raw.GL.VERSION.GL_{version}")
        names |= {name: value for name, value in vars(module).items() if name.startswith(("gl", "GL_"))}
    return SimpleNamespace(**names)


def refuse_other_platform(kind: str, platform: str) -> None:
    """Raise RenderUnavailable if PyOpenGL already calls the library of another platform."""
    bound = _bound_platform()
    if bound not in (None, platform):
        raise RenderUnavailable({kind: f"PyOpenGL calls {bound} in this process, and can't be turned over to {platform}"})


def _bound_platform() -> str | None:
    """For which platform PyOpenGL was imported in this process: "egl", "osmesa", "glx", ..., or None."""
    platform = sys.modules.get("OpenGL.platform")
    if platform is None or getattr(platform, "PLATFORM", None) is None:
        return None
    return type(platform.PLATFORM).__module__.rpartition(".")[2]


@contextmanager
def environment_variable(name: str, value: str) -> Iterator[None]:
    """`name` set for as long as a library takes to read it; there are libraries that can be told in no other way."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before

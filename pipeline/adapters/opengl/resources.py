"""OpenGL programs, textures, buffers and framebuffers with an owner that frees them together.

`gl` is `GLContext.gl` throughout: raw functions with C signatures. The owner checks for errors, once, through `check`.
"""

from __future__ import annotations

import ctypes
from importlib.resources import files
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import RenderFailed
from pipeline.types import Bytes, Singles

_ERROR_NAMES: Final = {
    0x0500: "GL_INVALID_ENUM",
    0x0501: "GL_INVALID_VALUE",
    0x0502: "GL_INVALID_OPERATION",
    0x0505: "GL_OUT_OF_MEMORY",
    0x0506: "GL_INVALID_FRAMEBUFFER_OPERATION",
    0x0507: "GL_CONTEXT_LOST",
}
_MAX_ERRORS: Final = 16
"""A lost context may report errors forever."""

Matrix: TypeAlias = "ctypes.Array[ctypes.c_float]"
"""A (4, 4) matrix, row by row, as OpenGL's functions take it."""


def check(gl: Any, doing: str) -> None:  # noqa: ANN401  (PyOpenGL is untyped)
    """Raise RenderFailed with the names of all OpenGL errors since the last check."""
    code = gl.glGetError()
    if not code:
        return
    names: list[str] = []
    while code and len(names) < _MAX_ERRORS:
        names.append(_ERROR_NAMES.get(code, hex(code)))
        code = gl.glGetError()
    raise RenderFailed(f"OpenGL reported {', '.join(names)} while {doing}")


class Program:
    """A vertex and a fragment shader, linked.

    Attributes:
        name: OpenGL's number for it.

    Raises:
        RenderFailed: the driver's compiler failed; the message quotes it.
    """

    def __init__(self, gl: Any, vertex: str, fragment: str) -> None:  # noqa: ANN401
        self._gl = gl
        self._locations: dict[str, int] = {}
        self.name: int = gl.glCreateProgram()
        shaders = [_shader(gl, gl.GL_VERTEX_SHADER, vertex), _shader(gl, gl.GL_FRAGMENT_SHADER, fragment)]
        for shader in shaders:
            gl.glAttachShader(self.name, shader)
        gl.glLinkProgram(self.name)
        for shader in shaders:
            gl.glDetachShader(self.name, shader)
            gl.glDeleteShader(shader)
        linked = ctypes.c_int()
        gl.glGetProgramiv(self.name, gl.GL_LINK_STATUS, ctypes.byref(linked))
        if not linked.value:
            words = _log(gl.glGetProgramInfoLog, self.name)
            raise RenderFailed(f"the driver could not link {vertex} with {fragment}: {words}")

    def location(self, uniform: str) -> int:
        if uniform not in self._locations:
            self._locations[uniform] = self._gl.glGetUniformLocation(self.name, uniform.encode())
        return self._locations[uniform]

    def set_number(self, uniform: str, value: float) -> None:
        """Set a float. The program must be in use."""
        self._gl.glUniform1f(self.location(uniform), value)

    def set_matrix(self, uniform: str, value: Matrix) -> None:
        """Set a matrix. The program must be in use."""
        self._gl.glUniformMatrix4fv(self.location(uniform), 1, 1, value)


def matrix(value: Singles) -> Matrix:
    """A (4, 4) float32 matrix for `Program.set_matrix`: converted once, since numpy takes longer for it than OpenGL for the call."""
    return (ctypes.c_float * 16)(*value.ravel().tolist())


def _shader(gl: Any, kind: int, name: str) -> int:  # noqa: ANN401
    source = files("pipeline.adapters.opengl").joinpath("shaders", name).read_bytes()
    shader: int = gl.glCreateShader(kind)
    text = ctypes.create_string_buffer(source)
    lines = (ctypes.POINTER(ctypes.c_char) * 1)(ctypes.cast(text, ctypes.POINTER(ctypes.c_char)))
    gl.glShaderSource(shader, 1, lines, None)
    gl.glCompileShader(shader)
    compiled = ctypes.c_int()
    gl.glGetShaderiv(shader, gl.GL_COMPILE_STATUS, ctypes.byref(compiled))
    if not compiled.value:
        raise RenderFailed(f"the driver could not compile shader {name}: {_log(gl.glGetShaderInfoLog, shader)}")
    return shader


def _log(read: Any, name: int) -> str:  # noqa: ANN401
    text = ctypes.create_string_buffer(4096)
    read(name, len(text), None, text)
    return text.value.decode(errors="replace").strip()


class Objects:
    """Textures, buffers, vertex arrays and framebuffers, freed together at the end of a `with` block."""

    def __init__(self, gl: Any) -> None:  # noqa: ANN401
        self._gl = gl
        self._names: list[tuple[Any, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        while self._names:
            delete, name = self._names.pop()
            delete(1, ctypes.byref(ctypes.c_uint(name)))

    def _new(self, generate: Any, delete: Any) -> int:  # noqa: ANN401
        name = ctypes.c_uint()
        generate(1, ctypes.byref(name))
        self._names.append((delete, name.value))
        return name.value

    def buffer(self) -> int:
        return self._new(self._gl.glGenBuffers, self._gl.glDeleteBuffers)

    def static_buffer(self, target: int, array: NDArray[Any]) -> int:
        """Create a buffer with constant content; it stays bound to `target`."""
        name = self.buffer()
        self._gl.glBindBuffer(target, name)
        rows = np.ascontiguousarray(array)
        self._gl.glBufferData(target, rows.nbytes, ctypes.c_void_p(rows.ctypes.data), self._gl.GL_STATIC_DRAW)
        return name

    def vertex_array(self) -> int:
        """Create a vertex array; it stays bound."""
        name = self._new(self._gl.glGenVertexArrays, self._gl.glDeleteVertexArrays)
        self._gl.glBindVertexArray(name)
        return name

    def image_texture(self, rgba: Bytes) -> int:
        """Create a texture from an image (h, w, 4) with straight alpha: premultiplied, linear filter, clamped at its edges, no mipmaps."""
        gl = self._gl
        height, width = rgba.shape[:2]
        rows = premultiplied(rgba)
        name = self._texture(gl.GL_LINEAR)
        gl.glTexImage2D(
            gl.GL_TEXTURE_2D, 0, gl.GL_RGBA8, width, height, 0, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, ctypes.c_void_p(rows.ctypes.data)
        )
        return name

    def target(self, width: int, height: int) -> tuple[int, int]:
        """Create a framebuffer with one RGBA texture; it stays bound. Returns both.

        Raises:
            RenderFailed: the driver can't draw into such a texture.
        """
        gl = self._gl
        texture = self._texture(gl.GL_NEAREST)
        gl.glTexImage2D(gl.GL_TEXTURE_2D, 0, gl.GL_RGBA8, width, height, 0, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, None)
        framebuffer = self._new(gl.glGenFramebuffers, gl.glDeleteFramebuffers)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, framebuffer)
        gl.glFramebufferTexture2D(gl.GL_FRAMEBUFFER, gl.GL_COLOR_ATTACHMENT0, gl.GL_TEXTURE_2D, texture, 0)
        status = gl.glCheckFramebufferStatus(gl.GL_FRAMEBUFFER)
        if status != gl.GL_FRAMEBUFFER_COMPLETE:
            check(gl, f"making a framebuffer of {width} x {height}")
            raise RenderFailed(f"a framebuffer of {width} x {height} is incomplete: {status:#x}")
        return framebuffer, texture

    def _texture(self, filtering: int) -> int:
        gl = self._gl
        target = gl.GL_TEXTURE_2D
        name = self._new(gl.glGenTextures, gl.glDeleteTextures)
        gl.glBindTexture(target, name)
        gl.glTexParameteri(target, gl.GL_TEXTURE_MIN_FILTER, filtering)
        gl.glTexParameteri(target, gl.GL_TEXTURE_MAG_FILTER, filtering)
        for axis in (gl.GL_TEXTURE_WRAP_S, gl.GL_TEXTURE_WRAP_T):
            gl.glTexParameteri(target, axis, gl.GL_CLAMP_TO_EDGE)
        return name


def premultiplied(rgba: Bytes) -> Bytes:
    """Premultiplied copy of an image (h, w, 4) with straight alpha, rounded to nearest, C-contiguous."""
    result = np.ascontiguousarray(rgba).copy()
    alpha = rgba[..., 3:].astype(np.uint16)
    result[..., :3] = (rgba[..., :3] * alpha + 127) // 255
    return result

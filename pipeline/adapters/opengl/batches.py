"""Batches of sprites and strokes: their buffers on the graphics card, and their draw calls."""

from __future__ import annotations

import ctypes
from typing import Any, Final

import numpy as np

from pipeline.adapters.opengl.resources import Objects, Program
from pipeline.adapters.opengl.screen_box import EMPTY, ScreenBox, ScreenProjection
from pipeline.errors import ShapeError
from pipeline.types import Ints, Layer, Singles, Sprite, Strokes, check_array

_POSITION, _UV, _COLOR = 0, 1, 2
_MAX_ORDERS: Final = 64
"""Draw orders kept on the card per figure; a motion has a handful, so this only bounds memory."""


class _Order:
    """One array of triangles, uploaded once for all frames with this draw order.

    Attributes:
        triangles: kept alive, since its id is the key.
        used: indices of the vertices in use, None if all are.
    """

    def __init__(self, triangles: Ints, vertex_count: int, buffer: int) -> None:
        self.triangles = triangles
        self.buffer = buffer
        self.count = triangles.size
        used = np.unique(triangles)
        self.used: Ints | None = used if len(used) < vertex_count else None


class SpriteBatch:
    """Draws one sprite; keeps its texture, mesh buffers and draw orders on the card."""

    def __init__(self, gl: Any, objects: Objects, sprite: Sprite) -> None:  # noqa: ANN401  (PyOpenGL is untyped)
        self._gl = gl
        self._objects = objects
        self.is_painted = sprite.colors is not None
        self._vertex_count = len(sprite.uv)
        self._orders: dict[int, _Order] = {}
        self._texture = objects.image_texture(sprite.rgba)
        self._array = objects.vertex_array()
        self._attribute(_UV, sprite.uv)
        if sprite.colors is not None:
            check_array("Sprite.colors", sprite.colors, (self._vertex_count, 3), np.float32)
            self._attribute(_COLOR, sprite.colors)
        self._positions = objects.buffer()
        gl.glBindBuffer(gl.GL_ARRAY_BUFFER, self._positions)
        _point_attribute(gl, _POSITION, 2)

    def _attribute(self, index: int, values: Singles) -> None:
        self._objects.static_buffer(self._gl.GL_ARRAY_BUFFER, values)
        _point_attribute(self._gl, index, values.shape[1])

    def box(self, layer: Layer, projection: ScreenProjection) -> ScreenBox:
        """Bounding box of the pixels that the layer can touch.

        Raises:
            ShapeError: its arrays do not fit this sprite's mesh.
            RenderFailed: a coordinate is not finite.
        """
        if layer.vertices.shape != (self._vertex_count, 2) or layer.vertices.dtype != np.float32:
            check_array(
                "Layer.vertices", layer.vertices, (self._vertex_count, 2), np.float32
            )  # raises the error; too slow to run for each frame
        order = self._order(layer.triangles)
        if order.count == 0:
            return EMPTY
        return projection.flat_box(layer.vertices if order.used is None else layer.vertices[order.used], layer.z)

    def draw(self, layer: Layer, program: Program) -> None:
        """Draw into the bound framebuffer with `program` in use. Call `box` with the layer first."""
        gl = self._gl
        order = self._order(layer.triangles)
        program.set_number("depth", layer.z)
        gl.glBindTexture(gl.GL_TEXTURE_2D, self._texture)
        gl.glBindVertexArray(self._array)
        _fill(gl, self._positions, layer.vertices)
        gl.glBindBuffer(gl.GL_ELEMENT_ARRAY_BUFFER, order.buffer)
        gl.glDrawElements(gl.GL_TRIANGLES, order.count, gl.GL_UNSIGNED_INT, None)

    def _order(self, triangles: Ints) -> _Order:
        order = self._orders.get(id(triangles))
        if order is None:
            order = self._new_order(triangles)
            self._orders[id(triangles)] = order
        return order

    def _new_order(self, triangles: Ints) -> _Order:
        check_array("Layer.triangles", triangles, ("F", 3), np.int32)
        if triangles.size and (triangles.min() < 0 or triangles.max() >= self._vertex_count):
            actual = f"{triangles.min()} to {triangles.max()}"
            raise ShapeError("Layer.triangles", expected=f"indices of {self._vertex_count} vertices", actual=actual)
        oldest = next(iter(self._orders)) if len(self._orders) >= _MAX_ORDERS else None
        buffer = self._objects.buffer() if oldest is None else self._orders.pop(oldest).buffer
        gl = self._gl
        gl.glBindVertexArray(self._array)
        gl.glBindBuffer(gl.GL_ELEMENT_ARRAY_BUFFER, buffer)
        rows = np.ascontiguousarray(triangles)
        gl.glBufferData(gl.GL_ELEMENT_ARRAY_BUFFER, rows.nbytes, ctypes.c_void_p(rows.ctypes.data), gl.GL_STATIC_DRAW)
        return _Order(triangles, self._vertex_count, buffer)


class StrokeBatch:
    """Draws lines and triangles of the debug views; they change every frame, so only two buffers are kept."""

    def __init__(self, gl: Any, objects: Objects) -> None:  # noqa: ANN401
        self._gl = gl
        self._array = objects.vertex_array()
        self._points, self._colors = objects.buffer(), objects.buffer()
        for index, (buffer, width) in enumerate(((self._points, 3), (self._colors, 4))):
            gl.glBindBuffer(gl.GL_ARRAY_BUFFER, buffer)
            _point_attribute(gl, index, width)

    def box(self, strokes: Strokes, projection: ScreenProjection) -> ScreenBox:
        """Bounding box of the pixels that the strokes can touch.

        Raises:
            ShapeError: the arrays don't match each other or the kind of stroke.
            RenderFailed: a coordinate is not finite.
        """
        check_array("Strokes.points", strokes.points, ("N", 3), np.float32)
        check_array("Strokes.rgba", strokes.rgba, (len(strokes.points), 4), np.float32)
        corners = 3 if strokes.filled else 2
        if len(strokes.points) % corners:
            raise ShapeError("Strokes.points", expected=f"a multiple of {corners}", actual=str(len(strokes.points)))
        return projection.box(strokes.points)

    def draw(self, strokes: Strokes) -> None:
        """Draw into the bound framebuffer, with the strokes' program in use."""
        gl = self._gl
        gl.glBindVertexArray(self._array)
        _fill(gl, self._points, strokes.points)
        _fill(gl, self._colors, strokes.rgba)
        gl.glDrawArrays(gl.GL_TRIANGLES if strokes.filled else gl.GL_LINES, 0, len(strokes.points))


def _point_attribute(gl: Any, index: int, width: int) -> None:  # noqa: ANN401
    """Let attribute `index` read `width` floats a vertex from the bound buffer."""
    gl.glEnableVertexAttribArray(index)
    gl.glVertexAttribPointer(index, width, gl.GL_FLOAT, 0, 0, None)


def _fill(gl: Any, buffer: int, values: Singles) -> None:  # noqa: ANN401
    """Replace the buffer's memory by these values; the driver keeps the old memory while it is in use."""
    rows = np.ascontiguousarray(values)
    gl.glBindBuffer(gl.GL_ARRAY_BUFFER, buffer)
    gl.glBufferData(gl.GL_ARRAY_BUFFER, rows.nbytes, ctypes.c_void_p(rows.ctypes.data), gl.GL_STREAM_DRAW)

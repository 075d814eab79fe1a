"""Rendering of one animation: draws its frames one after the other and reads them back.

Reading back waits for the rasterizer, and every pixel counts in software, so each frame touches only a rectangle:

- transparent canvas: the box around this frame's geometry is drawn, resolved and read into a buffer of its size. It is drawn into the
  corner of a framebuffer that is only as large as the largest box so far, because llvmpipe clears all of a framebuffer: 1 MB of a canvas
  of 500 x 500 px takes as long as half of a figure's pixels.
- opaque canvas: the boxes of this frame and the last one are redrawn and read into a whole image that is kept, since nothing else
  has changed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final, Protocol

import numpy as np

from pipeline.adapters.opengl.batches import SpriteBatch, StrokeBatch
from pipeline.adapters.opengl.clear_color import clear_color
from pipeline.adapters.opengl.contexts import GLContext
from pipeline.adapters.opengl.resources import Objects, Program, check, matrix
from pipeline.adapters.opengl.screen_box import EMPTY, ScreenBox, ScreenProjection
from pipeline.errors import RenderFailed, ShapeError
from pipeline.types import Bytes, Canvas, Frame, Layer, PixelLayout, Singles, Sprite, Strokes, check_array

_TILE: Final = 64
"""px; side of the squares that llvmpipe draws one by one."""


class ProgramSource(Protocol):
    """Source of compiled shader programs."""

    def get(self, vertex: str, fragment: str) -> Program: ...


class GLSceneRenderer:
    """`pipeline.ports.SceneRenderer` on OpenGL. Made by `GLRenderer.open_scene`, which frees its objects."""

    def __init__(
        self,
        context: GLContext,
        programs: ProgramSource,
        objects: Objects,
        canvas: Canvas,
        sprites: Sequence[Sprite],
        *,
        layout: PixelLayout,
    ) -> None:
        check_array("Canvas.view_projection", canvas.view_projection, (4, 4), np.float32)
        self._context = context
        self._gl = context.gl
        self._programs = programs
        self._canvas = canvas
        self._layout = layout
        self._projection = ScreenProjection(canvas)
        self._clip_from_world = matrix(_flipped(canvas.view_projection))
        self._far_sign = -1.0 if canvas.view_projection[3, 2] > 0 else 1.0
        self._sprite_batches = [SpriteBatch(self._gl, objects, sprite) for sprite in sprites]
        self._stroke_batch = StrokeBatch(self._gl, objects)
        self._empty_array = objects.vertex_array()
        self._clear_color = clear_color(canvas, sprites, layout)
        # Soft edges may stay soft in front of an opaque color.
        self._is_cut = layout is PixelLayout.CUT_OUT and not (canvas.is_opaque or self._clear_color[3] > 0)
        self._background_texture = None if canvas.background_image is None else objects.image_texture(canvas.background_image)
        self._is_covered = self._clear_color[3] > 0 or canvas.background_image is not None
        self._is_resolved = layout is PixelLayout.RGBA and not canvas.is_opaque
        _check_size(self._gl, canvas)
        self._targets = _Targets(objects, canvas, is_resolved=self._is_resolved)
        if self._is_covered:
            self._targets.fit(self._projection.whole)
        self._pixels: Bytes = np.zeros((canvas.height, canvas.width, 4), np.uint8)
        self._stale = self._projection.whole if self._is_covered else EMPTY

    def draw(self, layers: Sequence[Layer], strokes: Sequence[Strokes], pts: Fraction) -> Frame:
        """Draw one frame: `layers[i]` with sprite i, far to near by z; equal z keep the given order.

        A `triangles` array is uploaded at first use and must not be modified afterwards.

        Returns:
            the frame, cropped to its content if the canvas is transparent, whole otherwise; its pixels are read-only.

        Raises:
            ShapeError: a layer doesn't match its sprite.
            RenderFailed: OpenGL reported an error, or a coordinate is not finite.
        """
        if len(layers) > len(self._sprite_batches):
            raise ShapeError("layers", expected=f"at most {len(self._sprite_batches)}, one for each sprite", actual=str(len(layers)))
        self._context.make_current()
        pairs = sorted(zip(self._sprite_batches, layers, strict=False), key=lambda pair: self._far_sign * pair[1].z)
        touched = self._touched(pairs, strokes)
        dirty = touched
        if self._is_covered:
            dirty = touched.union(self._stale)
            self._stale = self._projection.whole  # until this frame is complete
        if not dirty.is_empty:
            self._targets.fit(dirty)
            self._paint(pairs, strokes, dirty)
            if self._is_resolved:
                self._resolve()
            self._read(dirty)
        check(self._gl, f"drawing the frame at {float(pts):.3f} s")
        if not self._is_covered:
            return Frame(self._cropped(touched), touched.left, touched.top, pts)
        self._stale = touched
        return Frame(_read_only(self._pixels), 0, 0, pts)

    def _touched(self, pairs: Sequence[tuple[SpriteBatch, Layer]], strokes: Sequence[Strokes]) -> ScreenBox:
        box = EMPTY
        for batch, layer in pairs:
            box = box.union(batch.box(layer, self._projection))
        for stroke in strokes:
            box = box.union(self._stroke_batch.box(stroke, self._projection))
        return box

    def _paint(self, pairs: Sequence[tuple[SpriteBatch, Layer]], strokes: Sequence[Strokes], dirty: ScreenBox) -> None:
        """Draw background, strokes behind, figures and strokes in front, clipped to `dirty` except for clearing."""
        gl = self._gl
        left, top = self._corner(dirty)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self._targets.drawing)
        gl.glViewport(-left, -top, self._canvas.width, self._canvas.height)
        # Clearing everything takes as long as setting its memory. Within a scissor, llvmpipe would draw a rectangle.
        gl.glDisable(gl.GL_SCISSOR_TEST)
        gl.glClearColor(*self._clear_color)
        gl.glClear(gl.GL_COLOR_BUFFER_BIT)
        gl.glEnable(gl.GL_SCISSOR_TEST)
        gl.glScissor(dirty.left - left, dirty.top - top, dirty.width, dirty.height)
        gl.glEnable(gl.GL_BLEND)
        gl.glBlendFunc(gl.GL_ONE, gl.GL_ONE_MINUS_SRC_ALPHA)
        gl.glActiveTexture(gl.GL_TEXTURE0)
        if self._background_texture is not None:
            self._use("screen", self._fragment("background"))
            gl.glBindTexture(gl.GL_TEXTURE_2D, self._background_texture)
            self._cover()
        self._paint_strokes([stroke for stroke in strokes if stroke.behind])
        current = None
        for batch, layer in pairs:
            kind = "painted" if batch.is_painted else "sprite"
            program = self._use_in_world(kind, self._fragment(kind), current)
            batch.draw(layer, program)
            current = program
        self._paint_strokes([stroke for stroke in strokes if not stroke.behind])
        gl.glDisable(gl.GL_BLEND)

    def _paint_strokes(self, strokes: Sequence[Strokes]) -> None:
        if strokes:
            self._use_in_world("strokes", "strokes", None)
            for stroke in strokes:
                self._stroke_batch.draw(stroke)

    def _resolve(self) -> None:
        """Convert premultiplied pixels inside the scissor to straight alpha."""
        gl, targets = self._gl, self._targets
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, targets.resolving)
        gl.glViewport(0, 0, targets.width, targets.height)
        gl.glBindTexture(gl.GL_TEXTURE_2D, targets.drawn)
        self._use("screen", "straight")
        self._cover()

    def _read(self, box: ScreenBox) -> None:
        """Read the box into the start of the pixel buffer, or into its position in the kept image."""
        gl, pixels = self._gl, self._pixels
        left, top = self._corner(box)
        start = box.top * pixels.strides[0] + box.left * pixels.strides[1] if self._is_covered else 0
        gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 1)
        gl.glPixelStorei(gl.GL_PACK_ROW_LENGTH, self._canvas.width if self._is_covered else 0)
        target = ctypes.c_void_p(pixels.ctypes.data + start)
        gl.glReadPixels(box.left - left, box.top - top, box.width, box.height, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, target)

    def _corner(self, dirty: ScreenBox) -> tuple[int, int]:
        """The canvas's pixel that is in the corner of the framebuffer."""
        return (0, 0) if self._is_covered else (dirty.left, dirty.top)

    def _cropped(self, box: ScreenBox) -> Bytes:
        return _read_only(self._pixels.reshape(-1, 4)[: box.height * box.width].reshape(box.height, box.width, 4))

    def _cover(self) -> None:
        """Draw over the whole viewport."""
        self._gl.glBindVertexArray(self._empty_array)
        self._gl.glDrawArrays(self._gl.GL_TRIANGLES, 0, 3)

    def _fragment(self, kind: str) -> str:
        """Name of the fragment shader for sprites, painted sprites or background images."""
        return f"{kind}_cut" if self._is_cut else kind

    def _use(self, vertex: str, fragment: str) -> Program:
        program = self._programs.get(vertex, fragment)
        self._gl.glUseProgram(program.name)
        return program

    def _use_in_world(self, vertex: str, fragment: str, current: Program | None) -> Program:
        program = self._programs.get(vertex, fragment)
        if program is not current:
            self._gl.glUseProgram(program.name)
            program.set_matrix("view_projection", self._clip_from_world)
        return program


class _Targets:
    """The framebuffer that frames are drawn into, and the one that their straight alpha is drawn into; they grow with the frames.

    Attributes:
        width, height: of both, px.
        drawing, drawn: the first one and its texture.
        resolving: the second one, if `is_resolved`.
    """

    def __init__(self, objects: Objects, canvas: Canvas, *, is_resolved: bool) -> None:
        self._objects = objects
        self._canvas = canvas
        self._is_resolved = is_resolved
        self.width = self.height = 0
        self.drawing = self.drawn = self.resolving = 0

    def fit(self, box: ScreenBox) -> None:
        """Have framebuffers at least as large as the box. Outgrown ones are freed with the rest of the scene.

        Raises:
            RenderFailed: the driver can't draw into a texture of this size.
        """
        if box.width <= self.width and box.height <= self.height:
            return
        width = _grown(self.width, box.width, self._canvas.width)
        height = _grown(self.height, box.height, self._canvas.height)
        self.drawing, self.drawn = self._objects.target(width, height)
        if self._is_resolved:
            self.resolving, _ = self._objects.target(width, height)
        self.width, self.height = width, height


def _check_size(gl: Any, canvas: Canvas) -> None:  # noqa: ANN401  (PyOpenGL is untyped)
    """Raise RenderFailed if the viewport can't be the whole canvas: OpenGL would make it smaller without a word."""
    limits = (ctypes.c_int * 2)()
    gl.glGetIntegerv(gl.GL_MAX_VIEWPORT_DIMS, limits)
    width, height = limits
    if canvas.width > width or canvas.height > height:
        hint = "choose a smaller size for the output"
        raise RenderFailed(f"the driver draws at most {width} x {height} px, not {canvas.width} x {canvas.height}", hint=hint)


def _grown(present: int, needed: int, limit: int) -> int:
    """A side of a framebuffer that is long enough, px: as it is, or longer by half at least, so that it grows only a few times."""
    if needed <= present:
        return present
    return min(limit, max(-(-needed // _TILE) * _TILE, present * 3 // 2))


def _flipped(view_projection: Singles) -> Singles:
    """The projection with y down, so that the top row comes first in OpenGL's memory."""
    result = view_projection.copy()
    result[1] *= -1
    return result


def _read_only(pixels: Bytes) -> Bytes:
    view = pixels.view()
    view.flags.writeable = False
    return view

"""Renderer port on OpenGL 3.3: draws the frames of an animation and reads them back.

Figures are blended in premultiplied alpha (Porter and Duff, "Compositing Digital Images", 1984: `over`) in their given order, without
depth test, culling or multisampling; soft outlines come from the sprites' alpha. For encoders with straight alpha, a second pass over
the touched rectangle divides by alpha, so that numpy processes no pixel. For on-off transparency, only the fragment shaders differ:
they discard pixels with alpha below 0.5.

The projection is flipped so that rows run from the top; nothing else is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pipeline.adapters.opengl import contexts
from pipeline.adapters.opengl.contexts import NO_ENVIRONMENT, ContextKind, GLContext
from pipeline.adapters.opengl.resources import Objects, Program, check
from pipeline.adapters.opengl.scene_renderer import GLSceneRenderer
from pipeline.types import Canvas, PixelLayout, Sprite


class Programs:
    """Shader programs, compiled at first use and kept for the renderer's lifetime."""

    def __init__(self, gl: Any) -> None:  # noqa: ANN401  (PyOpenGL is untyped)
        self._gl = gl
        self._linked: dict[str, Program] = {}

    def get(self, vertex: str, fragment: str) -> Program:
        """The program of `shaders/<vertex>.vert` and `shaders/<fragment>.frag`.

        Raises:
            RenderFailed: the driver's compiler refused.
        """
        key = f"{vertex} {fragment}"
        if key not in self._linked:
            self._linked[key] = Program(self._gl, f"{vertex}.vert", f"{fragment}.frag")
        return self._linked[key]


class GLRenderer:
    """OpenGL implementation of `pipeline.ports.Renderer`. Use it only on the thread that opened it."""

    def __init__(self, context: GLContext) -> None:
        self._context = context
        self._programs = Programs(context.gl)

    @classmethod
    @contextmanager
    def open(cls, kind: ContextKind | None = None, environ: Mapping[str, str] = NO_ENVIRONMENT) -> Iterator[GLRenderer]:
        """Open a renderer with its own context for a `with` block.

        Args:
            kind: the only kind of context to try; None tries all.
            environ: AD_USE_MESA=1 selects software rendering.

        Raises:
            RenderUnavailable: each kind that was tried, and why it failed.
        """
        with contexts.open_context(kind, environ) as context:
            yield cls(context)

    @property
    def name(self) -> str:
        """The driver's name (GL_RENDERER) and the kind of context."""
        return f"{self._context.driver} ({self._context.kind})"

    @property
    def is_software(self) -> bool:
        """Whether no graphics card is involved."""
        return contexts.is_software(self._context.driver)

    @contextmanager
    def open_scene(self, canvas: Canvas, sprites: Sequence[Sprite], *, layout: PixelLayout) -> Iterator[GLSceneRenderer]:
        """Upload canvas and sprites; leaving the context frees them.

        Raises:
            ShapeError: a sprite's arrays don't fit each other.
            RenderFailed: OpenGL reported an error.
        """
        self._context.make_current()
        gl = self._context.gl
        check(gl, "doing something before this animation")
        with Objects(gl) as objects:
            stage = GLSceneRenderer(self._context, self._programs, objects, canvas, sprites, layout=layout)
            check(gl, "uploading the sprites")
            try:
                yield stage
            finally:
                self._context.make_current()

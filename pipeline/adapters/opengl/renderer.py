"""The renderer: draws an animation's frames with OpenGL 3.3 and reads them back.

Figures are blended in premultiplied alpha (Porter and Duff, "Compositing Digital Images", 1984: `over`) in the order they
come in, without depth test, culling or multisampling; soft outlines come from the sprites' alpha. Where the encoder wants
straight alpha, a second pass over the touched rectangle computes it, so that no pixel is ever worked on by numpy. Where it wants
on-off transparency, nothing but the fragment shaders differ: they leave out what is less than half there.

Rows run from the top: the projection is flipped, and so is nothing else.
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
    """The shader programs, each compiled when it is first needed and kept for the renderer's life."""

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
    """Turns meshes into pixels (`pipeline.ports.Renderer`). Belongs to the thread that opened it."""

    def __init__(self, context: GLContext) -> None:
        self._context = context
        self._programs = Programs(context.gl)

    @classmethod
    @contextmanager
    def open(cls, kind: ContextKind | None = None, environ: Mapping[str, str] = NO_ENVIRONMENT) -> Iterator[GLRenderer]:
        """A renderer with a context of its own, for the length of a `with` block.

        Args:
            kind: the only kind of context to try; None tries all.
            environ: AD_USE_MESA=1 asks for software rendering.

        Raises:
            RenderUnavailable: each kind that was tried, and why it failed.
        """
        with contexts.opened(kind, environ) as context:
            yield cls(context)

    @property
    def name(self) -> str:
        """What renders, in the driver's words (GL_RENDERER), and through which context."""
        return f"{self._context.driver} ({self._context.kind})"

    @property
    def is_software(self) -> bool:
        """No graphics card is involved."""
        return contexts.is_software(self._context.driver)

    @contextmanager
    def open_scene(self, canvas: Canvas, sprites: Sequence[Sprite], *, layout: PixelLayout) -> Iterator[GLSceneRenderer]:
        """Upload what stays the same; free it at the end.

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

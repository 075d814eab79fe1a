"""Fixtures that several parts of the tests share."""

from collections.abc import Iterator

import pytest

from pipeline.adapters.gl_resources import check
from pipeline.adapters.renderer import GLRenderer
from pipeline.errors import RenderUnavailable


@pytest.fixture(scope="session")
def _session_renderer() -> Iterator[GLRenderer]:
    """One context for all tests: it is made in 50 ms, and its shaders are compiled once."""
    try:
        opened = GLRenderer.open()
        renderer = opened.__enter__()
    except RenderUnavailable as refusal:
        pytest.skip(f"no OpenGL here: {refusal}")
    try:
        yield renderer
    finally:
        opened.__exit__(None, None, None)


@pytest.fixture
def renderer(_session_renderer: GLRenderer) -> Iterator[GLRenderer]:
    """A renderer whose OpenGL error flag is clean before and after the test. Mark its tests `gl`."""
    context = _session_renderer._context
    context.make_current()
    check(context.gl, "whatever came before this test")
    yield _session_renderer
    context.make_current()
    check(context.gl, "this test")

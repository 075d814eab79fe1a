"""What a command opens on threads of its own: results, errors, and what is closed in the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from daemon.commands import preload
from daemon.commands.preload import preload_opengl, preload_predictor, start_in_background
from daemon.options.inference import InferenceRequest
from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.errors import ModelUnavailable, RenderUnavailable

PATIENCE_S = 60.0


def test_result_comes_from_another_thread() -> None:
    assert start_in_background(threading.get_ident, "work").result(PATIENCE_S) != threading.get_ident()


def test_error_is_raised_where_the_result_is_asked_for() -> None:
    def fail() -> None:
        raise ModelUnavailable("missing")

    with pytest.raises(ModelUnavailable, match="missing"):
        start_in_background(fail, "work").result(PATIENCE_S)


def test_predictor_is_closed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    states = []

    @contextmanager
    def opened(*_: object) -> Iterator[tuple[str, str]]:
        states.append("open")
        yield "predictor", "embedded"
        states.append("closed")

    monkeypatch.setattr(preload, "open_predictor", opened)
    with preload_predictor(InferenceRequest(), {}) as (predictor, name):
        assert (str(predictor), name, states) == ("predictor", "embedded", ["open"])
    assert states == ["open", "closed"]


def test_failing_opengl_is_left_to_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = threading.Event()

    def refuse(*_: object) -> Any:
        tried.set()
        raise RenderUnavailable({"egl-device": "no card"})

    monkeypatch.setattr(GLRenderer, "open", refuse)
    preload_opengl(None, {})
    assert tried.wait(PATIENCE_S)

"""What a command will need, opened on threads of its own while the command still imports its libraries.

Loading models and Mesa's driver is native work, beside which Python goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from daemon.options.inference import InferenceRequest, open_predictor
from pipeline.errors import DoodledError

if TYPE_CHECKING:
    from pipeline.adapters.opengl.contexts import ContextKind
    from pipeline.ports import Predictor

Made = TypeVar("Made")


def start_in_background(make: Callable[[], Made], name: str) -> Future[Made]:
    """Run `make` on a daemon thread, for which a command that fails meanwhile does not wait; the future holds its result or its error."""
    future: Future[Made] = Future()

    def run() -> None:
        try:
            future.set_result(make())
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def preload_predictor(request: InferenceRequest, environ: Mapping[str, str]) -> AbstractContextManager[tuple[Predictor, str]]:
    """Begin to open a predictor. The `with` block waits for it, and closes it in the end. Errors as `open_predictor`."""
    stack = ExitStack()
    predictor = start_in_background(lambda: stack.enter_context(open_predictor(request, environ)), "models")

    @contextmanager
    def wait_for_predictor() -> Iterator[tuple[Predictor, str]]:
        with stack:
            yield predictor.result()

    return wait_for_predictor()


def preload_opengl(kind: ContextKind | None, environ: Mapping[str, str]) -> None:
    """Begin to load OpenGL's driver, with a context of the same kind; the next one takes 3 ms then.

    Errors are ignored here: they come again when the context is opened.
    """

    def load() -> None:
        from pipeline.adapters.opengl.renderer import GLRenderer

        with suppress(DoodledError), GLRenderer.open(kind, environ):
            pass

    start_in_background(load, "opengl")

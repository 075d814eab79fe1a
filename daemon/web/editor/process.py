"""The editor's child process: it starts with the first call, does one thing after the other, and ends when nothing is asked for a while.

The web process itself imports neither models nor OpenGL nor image codecs, decodes nothing that a user sent, and survives whatever a file
does to its decoder. The child dies with its parent (PR_SET_PDEATHSIG, prctl(2)).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import signal
import tempfile
from concurrent.futures import TimeoutError as DeadlineError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pebble import ProcessExpired, ProcessPool

from daemon.web.editor.edits import EditorSettings
from daemon.worker.process_end import die_with_parent
from pipeline.errors import DoodledError, PermanentError, TransientError

if TYPE_CHECKING:
    from daemon.web.editor.tasks import EditorTasks

IDLE_S = 300.0
"""The child ends when nothing was asked for so long."""

DEADLINE_S = 60.0
"""A call that takes longer is given up, and the child with it."""

MAX_WAITING = 24
"""Calls that wait for their turn; more are refused."""

_OOM_SCORE_ADJ: Final = 500


class EditorRefused(PermanentError):
    """The child process can't do what was asked for: the message says why."""


class EditorBusy(TransientError):
    """The child process died, is too slow, or has too much to do."""


@dataclass(frozen=True)
class _Failure:
    """An error of the child: no exception crosses the process boundary."""

    message: str
    is_permanent: bool


class EditorProcess:
    """Runs methods of `EditorTasks` in a child process. All methods are called on one event loop."""

    def __init__(self, settings: EditorSettings) -> None:
        self._settings = replace(settings, environ=dict(settings.environ))  # os.environ can't be sent to a process
        self._pool: ProcessPool | None = None
        self._drafts: tempfile.TemporaryDirectory[str] | None = None
        self._waiting = 0
        self._idle: asyncio.TimerHandle | None = None

    async def call(self, name: str, *args: object, **kwargs: object) -> Any:  # noqa: ANN401 - what the method returns
        """Call a method of `EditorTasks` by its name: only the child imports that class, with all that it needs.

        Raises:
            EditorRefused: the method raised a permanent error.
            EditorBusy: it raised a temporary one, the child died, or too many calls wait.
        """
        if self._waiting >= MAX_WAITING:
            raise EditorBusy("too much is asked of the editor at once", hint="try again in a moment")
        self._waiting += 1
        if self._idle is not None:
            self._idle.cancel()
        try:
            result = await self._result(name, args, kwargs)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._idle = asyncio.get_running_loop().call_later(IDLE_S, self.close)
        if isinstance(result, _Failure):
            raise EditorRefused(result.message) if result.is_permanent else EditorBusy(result.message)
        return result

    async def _result(self, name: str, args: tuple[object, ...], kwargs: dict[str, object]) -> Any:  # noqa: ANN401 - as above
        try:
            return await asyncio.wrap_future(self._schedule(name, args, kwargs))
        except DeadlineError as error:
            raise EditorBusy(f"not finished within {DEADLINE_S:g} s") from error
        except (ProcessExpired, BrokenProcessPool) as error:
            raise EditorBusy("the editor's process died", hint="try again; if it happens again, the drawing may be damaged") from error

    def _schedule(self, name: str, args: tuple[object, ...], kwargs: dict[str, object]) -> Any:  # noqa: ANN401 - pebble has no types
        for _ in range(2):
            if self._pool is None:
                self._drafts = tempfile.TemporaryDirectory(prefix="doodled-edit-")
                self._pool = ProcessPool(
                    max_workers=1,
                    initializer=_start,
                    initargs=(os.getpid(), self._settings, self._drafts.name),
                    context=multiprocessing.get_context("spawn"),
                )
            try:
                return self._pool.schedule(_call, args=(name, args, kwargs), timeout=DEADLINE_S)
            except RuntimeError:  # pebble gives a pool up when an idle child dies
                self.close()
        raise EditorBusy("the editor's process can't be started", hint="is the machine short of memory?")

    def close(self) -> None:
        """End the child process."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]  # pebble has no complete type hints
            self._pool.join()
            self._pool = None
        if self._drafts is not None:  # the child is killed, and removes nothing itself
            self._drafts.cleanup()
            self._drafts = None


_tasks: EditorTasks | None = None


def _start(parent: int, settings: EditorSettings, drafts: str) -> None:
    """Initialize the child process, whose temporary files are in the folder `drafts`."""
    global _tasks  # noqa: PLW0603 - one for the process
    die_with_parent()
    if os.getppid() != parent:  # the parent died in between
        os._exit(1)
    for number in (signal.SIGINT, signal.SIGHUP):  # the parent ends the child in its own time
        signal.signal(number, signal.SIG_IGN)
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123 - not a regular file
            file.write(str(_OOM_SCORE_ADJ))
    except OSError:
        pass
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tempfile.tempdir = drafts
    from daemon.web.editor.tasks import EditorTasks

    _tasks = EditorTasks(settings)


def _call(name: str, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
    """Run a method in the child process."""
    try:
        return getattr(_tasks, name)(*args, **kwargs)
    except DoodledError as error:
        message = f"{error.summary} ({error.hint})" if error.hint else error.summary  # without its path, which may be a temporary file's
        return _Failure(message, isinstance(error, PermanentError))
    except OSError as error:
        return _Failure(str(error.strerror or error), is_permanent=False)
    except MemoryError:
        return _Failure("the figure needs more memory than there is", is_permanent=False)

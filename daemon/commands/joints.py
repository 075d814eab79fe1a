"""`doodled joints`: serve a page on which the user corrects a figure's joints, until it is interrupted."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

from daemon.commands.render import render
from daemon.files.filenames import printable
from daemon.log.stopwatch import WallStopwatch
from daemon.options.motions import motion_library
from daemon.options.scene_builder import DEFAULT_MOTION, RenderRequest
from daemon.options.values import FrameRate, Size
from daemon.web.folder import CharacterFolder
from daemon.web.server import JointsServer
from pipeline.errors import OptionError
from pipeline.files.character_names import CONFIG_NAME

SHOWN_SIZE = Size(360, 360)
SHOWN_RATE = FrameRate.parse("20")
EXIT_INTERRUPTED = 130


def correct_joints(request: RenderRequest, environ: Mapping[str, str], report: Callable[[str], None], *, port: int) -> None:
    """Serve the character folder `request.target` until SIGINT, SIGTERM or SIGHUP.

    Args:
        request: the motion of the first preview, its retarget configuration, and the OpenGL context.
        report: called with the address of the page, and whenever joints are saved.
        port: TCP port on the loopback interface; 0 is any free port.
    Raises:
        OptionError: the port is taken, or the target is no folder.
        DoodledError: the folder can't be animated with that motion.
    """
    first = request.motion or DEFAULT_MOTION
    shown = replace(request, motion=first, size=SHOWN_SIZE, rate=SHOWN_RATE)
    folder = CharacterFolder(request.target, shown, environ, partial(_render, environ))
    motions = [first, *(name for name in motion_library(environ).names() if name != first)]
    saved = printable(f"saved: {folder.place / CONFIG_NAME}")
    try:
        server = JointsServer(folder, port=port, secret=secrets.token_urlsafe(16), motions=motions, on_save=lambda: report(saved))
    except OSError as error:
        raise OptionError(f"--port {port}: {error.strerror or error}", hint="0 is any free port") from error
    with server, _interrupt_on_signals():
        with suppress(KeyboardInterrupt):
            report(server.url)
            report("Open this address in a browser on this machine. Press Ctrl-C to stop.")
            if "DISPLAY" in environ or "WAYLAND_DISPLAY" in environ:
                threading.Thread(
                    target=webbrowser.open, args=(server.one_time_url(),), daemon=True
                ).start()  # some browsers block until they are closed
            server.serve_forever()
        try:
            folder.finish()
        except KeyboardInterrupt:  # a second Ctrl-C during a preview: exit without OpenGL's cleanup, which would crash
            os._exit(EXIT_INTERRUPTED)


def _render(environ: Mapping[str, str], request: RenderRequest) -> tuple[str, ...]:
    return render(request, environ, WallStopwatch()).notes


@contextmanager
def _interrupt_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt like SIGINT, unless they are ignored, as under nohup."""
    heeded = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, signal.default_int_handler) for number in heeded}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)

"""`doodled joints`: serves a page on which a figure's joints are moved, until it is interrupted."""

from __future__ import annotations

import secrets
import webbrowser
from collections.abc import Callable, Mapping
from contextlib import suppress

from daemon.joints.folder import CharacterFolder
from daemon.joints.server import JointsServer
from daemon.motions import motion_library
from daemon.plans import DEFAULT_MOTION, RenderRequest
from pipeline.errors import OptionError

SHOWN_SIZE = "360x360"
SHOWN_RATE = "20"


def correct_joints(request: RenderRequest, environ: Mapping[str, str], tell: Callable[[str], None], *, port: int) -> None:
    """Serve the character folder `request.target` until SIGINT.

    Args:
        request: which motion is shown first, and through which retarget configuration and OpenGL context.
        tell: told the address, and when joints were saved.
        port: 0 is any that is free.
    Raises:
        ConfigError, CharacterError: the folder could not be animated.
        OptionError: the port can't be had.
    """
    shown = RenderRequest(request.target, retarget=request.retarget, size=SHOWN_SIZE, rate=SHOWN_RATE, context=request.context)
    folder = CharacterFolder(request.target, shown, environ)
    first = request.motion or DEFAULT_MOTION
    motions = [first, *(name for name in motion_library(environ).names() if name != first)]
    saved = f"saved: {folder.place / 'char_cfg.yaml'}"
    try:
        server = JointsServer(folder, port=port, secret=secrets.token_urlsafe(16), motions=motions, on_save=lambda: tell(saved))
    except OSError as error:
        raise OptionError(f"--port {port}: {error.strerror or error}", hint="0 is any that is free") from error
    with server:
        tell(server.url)
        if "DISPLAY" in environ or "WAYLAND_DISPLAY" in environ:
            webbrowser.open(server.url)
        tell("Open this address in a browser on this machine; Ctrl-C ends it.")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
        folder.finish()

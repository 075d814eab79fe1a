"""`doodled edit`: serve a page on which the user corrects a figure, until it is interrupted."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from daemon.files.filenames import printable
from daemon.options.inference import InferenceRequest
from daemon.options.motions import motion_library
from daemon.options.scene_builder import DEFAULT_MOTION, RenderRequest, build_plan
from daemon.options.targets import check_drawing
from daemon.web.editor.edits import EditorSettings, FigureSource
from daemon.web.editor.local_app import local_app
from daemon.web.editor.local_figures import LocalFigures, folder_drawing
from daemon.web.editor.process import EditorProcess
from daemon.web.editor.provider import EditableDrawing, Purpose
from daemon.web.editor.tasks import EditorTasks
from daemon.web.serve import address, listen, serve
from pipeline.errors import OptionError
from pipeline.files.character_names import CONFIG_NAME, DRAWING_NAME


@dataclass(frozen=True)
class EditRequest:
    """What the user asks for.

    Attributes:
        target: a character folder, its char_cfg.yaml, or an image of a drawing.
        output: the folder that the figure of an image is saved to; None is one with the image's name, in the working directory.
        render: motion of the first preview, retarget configuration and OpenGL context.
        port: TCP port on the loopback interface; 0 is any free port.
    """

    target: Path
    output: Path | None
    render: RenderRequest
    inference: InferenceRequest
    port: int


def edit_figures(request: EditRequest, environ: Mapping[str, str], report: Callable[[str], None]) -> None:
    """Serve the editor until SIGINT, SIGTERM or SIGHUP.

    Args:
        report: called with the address of the page, and whenever a figure is saved.
    Raises:
        OptionError: the port is taken, the target is neither a folder nor an image, or the output exists.
        DoodledError: the folder can't be animated with that motion, or the image can't be read.
    """
    context = request.render.context
    settings = EditorSettings(request.inference, dict(environ), request.render.retarget, None if context is None else str(context))
    with tempfile.TemporaryDirectory(prefix="doodled-edit-") as drafts:
        drawing, targets = _prepare_drawing(request, settings, environ, Path(drafts))
        figures = LocalFigures(drawing, targets, lambda folder: report(printable(f"saved: {folder}")))
        app = local_app(figures, EditorProcess(settings))
        listener = listen("127.0.0.1", request.port)
        root = address(listener)

        def start() -> None:
            report(root + app.page())
            report("Open this address in a browser on this machine. Press Ctrl-C to stop.")
            if "DISPLAY" in environ or "WAYLAND_DISPLAY" in environ:
                threading.Thread(
                    target=webbrowser.open, args=(root + app.ticket(),), daemon=True
                ).start()  # some block until they are closed

        with _stop_on_signals(), suppress(KeyboardInterrupt):
            serve(app, listener, on_start=start)


def _prepare_drawing(
    request: EditRequest, settings: EditorSettings, environ: Mapping[str, str], drafts: Path
) -> tuple[EditableDrawing, tuple[Path, ...]]:
    """The drawing to show, and where each of its figures is saved."""
    motion = request.render.motion or DEFAULT_MOTION
    folder = request.target.parent if request.target.name == CONFIG_NAME else request.target
    if os.path.isdir(folder):  # Path's own fails on long names  # noqa: PTH112
        if request.output is not None:
            raise OptionError("--output is for images: a character folder is saved where it is")
        render = replace(request.render, target=folder / CONFIG_NAME, motion=motion)
        build_plan(render, environ, motion_library(environ))
        return folder_drawing(folder, motion), (folder,)
    check_drawing(request.target)
    name = request.target.stem
    output = request.output or Path(name)
    if os.path.lexists(output):
        raise OptionError(f"{output} exists already", hint=f"`doodled edit {output}` opens it, --output names another folder")
    with closing(EditorTasks(settings)) as tasks:
        found, notes = tasks.annotate(request.target, drafts)
    if not found:
        sources: tuple[FigureSource, ...] = (FigureSource(None, request.target, name),)
    else:
        names = [name] if len(found) == 1 else [each.name for each in found]
        sources = tuple(FigureSource(each, each / DRAWING_NAME, label) for each, label in zip(found, names, strict=True))
    targets = (output,) if len(sources) == 1 else tuple(output / each.name for each in found)
    return EditableDrawing(printable(request.target.name), sources, motion, Purpose.SAVE, tuple(notes), is_saved=False), targets


@contextmanager
def _stop_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the server like SIGINT, unless they are ignored, as under nohup."""

    def terminate(_: int, __: FrameType | None) -> None:
        signal.raise_signal(signal.SIGTERM)

    wanted: dict[int, Callable[[int, FrameType | None], object]] = {signal.SIGTERM: signal.default_int_handler, signal.SIGHUP: terminate}
    heeded = {number: action for number, action in wanted.items() if signal.getsignal(number) != signal.SIG_IGN}
    before = {number: signal.signal(number, action) for number, action in heeded.items()}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)

"""Imported by the fork server (`multiprocessing.forkserver`), once, before it forks the workers: they share the memory of all libraries.

What must not be shared is not here: a model's session and an OpenGL context have threads, which a fork does not copy, so each worker opens
its own. Importing this module changes the process; nothing but the fork server may do so.
"""

from __future__ import annotations

import gc
import importlib
import sys
from contextlib import suppress
from typing import Final

from daemon.worker.process_end import die_with_parent, report_unless_stopped

MODULES: Final = (
    "daemon.worker.runner",
    "daemon.rendering",
    "daemon.options.sheet_scene",
    "pipeline.adapters.documents.reader",
    "pipeline.adapters.encoding.verification",
    "pipeline.adapters.opengl.renderer",
    "pipeline.adapters.embedded",  # turns off ONNX Runtime's telemetry, which would start a thread
    "pipeline.files.annotation_files",
    "onnxruntime",
    "scipy.ndimage",
)
"""What every drawing needs. Modules import each other late, so that the daemon and quick commands do without most of them."""


sys.excepthook = report_unless_stopped
for name in MODULES:
    with suppress(ImportError):  # the task that needs it reports that
        importlib.import_module(name)
die_with_parent()  # with the daemon, and the workers with it
gc.freeze()  # a collection in a worker would write to every page, and so copy it

"""The end of multiprocessing's own processes, the fork server and the resource tracker, which would outlive this one for a moment.

Python 3.11 leaves them alone at the exit, and systemd logs a process that it finds after the main one as killed (SIGKILL). There is no
public function for it; tests/unit/daemon/worker/test_multiprocessing_helpers.py fails when Python names them in another way.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final

SERVER_MODULE: Final = "multiprocessing.forkserver"
TRACKER_MODULE: Final = "multiprocessing.resource_tracker"


def stop_multiprocessing_helpers() -> None:
    """Stop both, and wait for their end. Call it after multiprocessing's own cleanup, whose semaphores the tracker removes."""
    for module, helper in ((SERVER_MODULE, "_forkserver"), (TRACKER_MODULE, "_resource_tracker")):  # the server uses the tracker
        if module in sys.modules:
            with suppress(ChildProcessError, FileNotFoundError):  # it has been waited for; its socket has been removed
                getattr(sys.modules[module], helper)._stop()  # noqa: SLF001 - see above

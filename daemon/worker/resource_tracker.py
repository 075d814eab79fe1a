"""The end of multiprocessing's resource tracker, a helper process that would outlive this one for a moment.

Python 3.11 leaves it alone at the exit, and systemd logs a process that it finds after the main one as killed (SIGKILL). There is no public
function for it; tests/unit/daemon/worker/test_resource_tracker.py fails when Python names it in another way.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final

TRACKER_MODULE: Final = "multiprocessing.resource_tracker"


def stop_resource_tracker() -> None:
    """Stop the tracker, and wait for its end. Call it after multiprocessing's own cleanup, whose semaphores the tracker removes."""
    module = sys.modules.get(TRACKER_MODULE)
    if module is not None:
        with suppress(ChildProcessError):  # it has been waited for
            module._resource_tracker._stop()  # noqa: SLF001 - see above

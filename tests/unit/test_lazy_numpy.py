"""Parts of numpy that SciPy would load for nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECK = """
import sys, types
import daemon.commands.drawings_cli, daemon.commands.animate  # in the order of a command
from pipeline.lazy_numpy import UNUSED, defer_unused
print(*(part for part in UNUSED if type(sys.modules[f"numpy.{part}"]) is types.ModuleType))
defer_unused()  # again: changes nothing
import numpy as np
print(np.ma.masked_array([1, 2], [False, True]).sum(), np.testing.assert_array_equal([1], [1]))
"""


def test_parts_of_numpy_are_loaded_only_when_they_are_used() -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-W", "error", "-c", CHECK], env=environ, capture_output=True, text=True, check=False)
    assert (done.stdout.splitlines(), done.stderr) == (["", "1 None"], "")

"""`doodled annotate` starts without the libraries that only animations need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
PROGRAM = """
import sys
import daemon.commands.annotate
loaded = {name.partition(".")[0] for name in sys.modules}
assert "cv2" in loaded
assert not loaded & {"scipy", "OpenGL", "imageio"}, loaded
"""


def test_annotating_loads_no_scipy() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr

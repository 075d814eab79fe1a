"""Previews of motions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]

MANY_AT_ONCE = """
import os, threading
from daemon.web.motion_previews import motion_preview

def ask(name):
    barrier.wait()
    answers.append(motion_preview(name, os.environ))

names, answers = ("dance", "wave", "cheer", "jump", "walk", "dab"), []
barrier = threading.Barrier(len(names))
threads = [threading.Thread(target=ask, args=(name,)) for name in names]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(set(answers)))
"""


def test_first_previews_may_be_asked_for_at_the_same_time() -> None:
    """A page asks for all of them, and the web application's threads then import numpy's parts at the same time."""
    done = subprocess.run([sys.executable, "-c", MANY_AT_ONCE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("6", "")

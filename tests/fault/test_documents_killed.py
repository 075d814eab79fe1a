"""Row 60 of etc/doc/faults.md: a document is one job, and a daemon that is killed between its pages publishes them all, once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import waiting
from few_lines_server import Server, image, server
from PIL import Image
from spool_oracle import ROOT, check_tidy

__all__ = ["image", "server"]
pytestmark = pytest.mark.gl
PAGES = 4


def test_document_of_killed_daemon_is_published_once(server: Server, image: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "inbox").mkdir(parents=True)
    with Image.open(image) as page:
        page.save(root / "inbox" / "scans.pdf", save_all=True, append_images=[page] * (PAGES - 1))
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "DOODLED_ROOT": str(root), "DOODLED_TORCHSERVE_URL": server.url}
    environ |= {"DOODLED_ANIMATION_SIZE": "64x64", "DOODLED_STORAGE_RESERVE_MB": "0", "DOODLED_INBOX_STABLE_S": "0.2"}
    command = [sys.executable, "-m", "daemon", "run"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as daemon:
        waiting.until(lambda: list(root.glob("spool/work/*/*/result/*.gif")), 60)
        daemon.send_signal(signal.SIGKILL)
        daemon.wait(30)
    assert not list((root / "outbox").glob("*.gif"))
    done = subprocess.run([*command, "--drain"], env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    published = sorted(path.name for path in (root / "outbox").glob("[!.]*"))
    assert published == sorted(["scans.json", *(f"scans.p{number}.gif" for number in range(1, PAGES + 1))])
    manifest = json.loads((root / "outbox" / "scans.json").read_text())
    assert [output["file"] for output in manifest["outputs"]] == [f"scans.p{number}.gif" for number in range(1, PAGES + 1)]
    check_tidy(root)

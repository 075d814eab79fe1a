"""Spool on a mount that disappears for a while: `unshare -m python lost_mount.py FOLDER`. Exits with 77 without mount rights."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from spool_oracle import STUB, Places, check_published, check_tidy
from waiting import until

FORBIDDEN = 77
PATIENCE_S = 60.0


def succeeds(*arguments: object) -> bool:
    return subprocess.run([*map(str, arguments)], check=False, capture_output=True).returncode == 0


def main(folder: Path) -> int:
    root, kept, log = folder / "root", folder / "kept", folder / "log"
    root.mkdir()
    kept.mkdir()
    if not succeeds("mount", "-t", "tmpfs", "-o", "size=4m", "none", root) or not succeeds("mount", "--bind", root, kept):
        return FORBIDDEN
    with log.open("wb") as file, subprocess.Popen([sys.executable, str(STUB), str(root)], stdout=file, stderr=file) as daemon:
        try:
            until(lambda: b"daemon.ready" in log.read_bytes())
            (root / "inbox" / "before.png").write_bytes(b"before")
            until(lambda: len(Places(root).manifests()) == 1)
            assert succeeds("umount", "-l", root)
            until(lambda: b"inbox.degraded" in log.read_bytes())
            assert daemon.poll() is None
            assert not list(root.iterdir()), "something was written under the bare mountpoint"
            assert succeeds("mount", "--bind", kept, root)
            (root / "inbox" / "after.png").write_bytes(b"after")
            until(lambda: len(Places(root).manifests()) == 2)
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(PATIENCE_S) == 0, log.read_text()
        finally:
            daemon.kill()
    for name in ("before", "after"):
        check_published(root, name, name.encode())
    check_tidy(root)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""Spool on a disk of two megabytes that other files fill: `unshare -m python full_disk.py FOLDER`. Exits with 77 without mount rights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import stub_daemon
from spool_oracle import Places, check_published, check_tidy

FORBIDDEN = 77
SIZE = 200_000


def main(root: Path) -> int:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(root)], check=False, capture_output=True).returncode != 0:
        return FORBIDDEN
    (root / "inbox").mkdir()
    contents = [b"%d" % number * SIZE for number in range(4)]
    for number, content in enumerate(contents):
        (root / "inbox" / f"drawing{number}.png").write_bytes(content)
    filler = root / "another file"
    filler.write_bytes(bytes(1_100_000))
    places = Places(root)
    assert stub_daemon.main(str(root), "--drain") == 75
    assert not list((root / "failed").iterdir())
    for manifest in places.manifests():
        assert manifest.with_suffix(".gif").stat().st_size == SIZE
    assert len(places.manifests()) + len(places.claimed()) + len(list(places.inbox.iterdir())) == 4
    assert len(places.manifests()) < 4
    filler.unlink()
    assert stub_daemon.main(str(root), "--drain") == 0
    for content in contents:
        check_published(root, "drawing", content)
    check_tidy(root)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

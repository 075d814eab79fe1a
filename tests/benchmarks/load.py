"""Load tests of the daemon, as tables: `python tests/benchmarks/load.py WHAT [options]`.

    burst [--files 10000] [--seconds-more 60]   files dropped within a second: found, claimed or listed as waiting, none lost; memory
    latency [--drops 60]                        from a rename into the inbox to the claim, on an idle daemon
    idle [--seconds 60]                         processor time and wakeups of a daemon with nothing to do, with warm workers
    restart [--files 10000]                     from the start of the process to its first claim, with a backlog
    drawings [--count 200] [--backlog 1000]     real drawings: drawings a minute, overhead of each; the same beside a backlog
    syncs                                       system calls that write to the disk for one job, counted by strace
    rivals [--files 3000]                       four daemons on one inbox, one of them killed, one stopped and continued
    servers [--protocol torchserve|oip] [--real]   one of two model servers silent, slow or flapping: drawings a minute

`--root FOLDER` chooses the folder, and so the disk; the default is a temporary folder. Only `drawings` animates: in all other tests the
work of workers is fake (tests/fault/stub_daemon.py, asking_daemon.py), and everything else is real. Limits in brackets are goals.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import load_bursts
import load_calm
import load_drawings
import load_rivals
import load_servers
from load_daemon import disk, logged, machine

WHATS = {
    "burst": load_bursts.burst,
    "latency": load_calm.latency,
    "idle": load_calm.idle,
    "restart": load_bursts.restart,
    "drawings": load_drawings.drawings,
    "syncs": load_calm.syncs,
    "rivals": load_rivals.rivals,
    "servers": load_servers.servers,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=WHATS)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--files", type=int)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--protocol", choices=load_servers.HANDLERS, default="torchserve")
    parser.add_argument("--real", action="store_true", help="servers: draw, instead of waiting for as long")
    parser.add_argument("--drops", type=int, default=60)
    parser.add_argument("--backlog", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seconds-more", type=float, default=60.0, help="how long a burst may go on being worked on")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="doodled-load-", dir=options.root))
    print(f"{options.what}: {machine()}, {root}", flush=True)
    try:
        logged({"a small file that survives a power cut, ms": disk(root)})
        is_fine = WHATS[options.what](root, options)
        logged({"a small file afterwards, ms": disk(root)})
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(f"  ({machine()})", flush=True)
    return 0 if is_fine else 1


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    sys.exit(main())

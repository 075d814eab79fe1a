"""Runs the tests repeatedly, each time in another order, and names those that don't always pass.

    python tests/benchmarks/repeat.py [--times 20] [--seed 0] [pytest's arguments, such as tests/unit]

Prints a row for each run, with the message of each failure below it, and at the end a row for each test that failed in some run, and in how
many. Exit status 1 if there is one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET


def run(seed: int, report: Path, arguments: list[str]) -> tuple[int, dict[str, str]]:
    """The number of tests that ran, and by name the messages of those that failed or could not begin."""
    command = [sys.executable, "-m", "pytest", "-n", "2", "-q", f"--randomly-seed={seed}", f"--junitxml={report}", *arguments]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, check=False)
    cases = list(ET.parse(report).iter("testcase"))
    failed = {}
    for case in cases:
        for trouble in (*case.iter("failure"), *case.iter("error")):
            failed[f"{case.get('classname')}::{case.get('name')}"] = trouble.text or trouble.get("message") or ""
    return len(cases), failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the first run; each has the next one")
    options, arguments = parser.parse_known_args()
    failures: Counter[str] = Counter()
    print(f"{'seed':>6}{'tests':>8}{'failed':>8}{'s':>8}", flush=True)
    with tempfile.TemporaryDirectory(prefix="doodled-repeat-") as folder:
        for seed in range(options.seed, options.seed + options.times):
            began_s = time.monotonic()
            count, failed = run(seed, Path(folder) / "report.xml", arguments)
            failures.update(failed.keys())
            print(f"{seed:>6}{count:>8}{len(failed):>8}{time.monotonic() - began_s:>8.0f}", flush=True)
            for name, said in failed.items():
                print(textwrap.indent(f"{name}\n{said}", " " * 8), flush=True)
    for name, times in failures.most_common():
        print(f"{times:>4} of {options.times}  {name}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

"""Fuzzes sidecars, which users write, and the daemon's own job files as a damaged disk may return them.

    python tests/benchmarks/fuzz_sidecars.py --minutes 10 [--seed 0] [--keep FOLDER]

Sidecars are seeded mutations of good ones, objects of hostile values, and random bytes. Each must give options whose motions are names of
the library, whose sizes are within bounds and whose background is a color, or a SidecarError whose message can be printed. Job files,
manifests and error reports are mutated in a folder of a dead daemon: recovery must complete whatever they contain, and nothing may appear
outside the root. The inputs to blame are kept in FOLDER. Prints the number of each outcome, and the slowest input.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from stepped_daemon import SteppedDaemon  # noqa: E402 - the script finds its own checkout

from daemon.options.motions import motion_library  # noqa: E402
from daemon.options.sidecar import MAX_BYTES, MAX_MOTIONS, SidecarError, drawing_options  # noqa: E402
from daemon.options.values import Background, FrameRate, JobOptions, Size  # noqa: E402
from daemon.spool.spool import Spool  # noqa: E402
from pipeline.types import Format  # noqa: E402

KEYS = ("motion", "motions", "format", "formats", "size", "fps", "background", "figures", "layers", "review", "whiten")
GOOD: tuple[dict[str, Any], ...] = (
    {"motion": "dab"},
    {"motions": ["dab", "wave"], "formats": ["gif", "mp4"], "size": "640x480", "fps": 25, "background": "#ffcc00", "figures": "all"},
    {"fps": "30000/1001", "format": "webm"},
    {"fps": "native", "background": "transparent", "figures": "best"},
)
HOSTILE: tuple[Any, ...] = (
    *(
        "../../../etc/passwd",
        "/etc/passwd",
        "dab/../../x",
        "dab\0",
        "dab\n",
        "..",
        ".",
        "",
        " ",
        "~",
        "$HOME",
        "%2e%2e",
        "file:///etc/passwd",
    ),
    *("dab.bvh", "DAB", "\u202edab", "\ud800", "\x1b[31mred", "d\u0430b", "a" * 5000, "1e999999999", "9" * 400, "0x0", "-1x-1", "1x", "x1"),
    *(
        "1000000x1000000",
        "500x500x500",
        "\u0665\u0660\u0660x\u0665\u0660\u0660",
        "500 x 500",
        "NaN",
        "inf",
        "-0",
        "1/0",
        "0/0",
        "1/3",
        "24/1.001",
        "native\n",
        "#ffcc0",
        "#gggggg",
    ),
    *(
        "url(http://x)",
        "paper.png",
        "rgb(1,2,3)",
        "gif",
        "GIF",
        "exe",
        "best",
        "all",
        None,
        True,
        False,
        0,
        -1,
        1e308,
        -1e308,
        10**400,
        0.1,
        240,
        241,
    ),
    *([], {}, [[]], [{}], [None], ["dab"] * 50, [1], {"a": 1}, ["dab", "dab"], [["dab"]], ["../x"], {"__class__": "x"}),
)
SLOW_S = 1.0
DEFAULTS = JobOptions(("wave",), (Format.GIF,))
MAX_SIDE_PX = 2048


class Wrong(Exception):
    """The outcome is not an allowed one."""


def sidecar(dice: random.Random) -> bytes:
    kind = dice.randrange(10)
    if kind == 0:
        return dice.randbytes(dice.randrange(200))
    if kind == 1:
        return dice.choice(
            (
                b"[" * 100_000,
                b'{"a":' * 20_000,
                b"[" * (MAX_BYTES - 1),
                b'{"motion": "' + b"a" * MAX_BYTES,
                b"\xff\xfe{}",
                b"\xef\xbb\xbf{}",
            )
        )
    fields = dict(dice.choice(GOOD))
    for _ in range(dice.randrange(4)):
        key = dice.choice(KEYS) if dice.random() < 0.9 else str(dice.choice(HOSTILE))
        fields[key] = value(dice)
    content = json.dumps(fields, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    return mutant(content, dice) if dice.random() < 0.5 else content


def value(dice: random.Random) -> Any:
    if dice.random() < 0.3:
        return [dice.choice(HOSTILE) for _ in range(dice.randrange(4))]
    return dice.choice(HOSTILE)


def mutant(content: bytes, dice: random.Random) -> bytes:
    held = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 5))):
        at = dice.randrange(len(held) + 1)
        match dice.randrange(5):
            case 0:
                held[at:at] = dice.randbytes(dice.choice((1, 2, 4)))
            case 1:
                del held[at : at + dice.choice((1, 3, 30))]
            case 2 if at < len(held):
                held[at] ^= 1 << dice.randrange(8)
            case 3:
                held[at:at] = held[: dice.randrange(len(held) + 1)]
            case _:
                held[at:at] = dice.choice(
                    (b"null", b"NaN", b"1e999", b"-", b'"', b"{", b"}", b"\\ud800", b"\0", b",", b"Infinity", b'"motion":')
                )
    return bytes(held)


def read(content: bytes, known: tuple[str, ...], dice: random.Random) -> str:
    """The outcome of a sidecar, in a word."""
    folder = dice.choice(((), ("dab",), ("..",), ("dab", "my drawings"), ("\udcff",)))
    try:
        options = drawing_options(DEFAULTS, folder, content, known, MAX_SIDE_PX)
    except SidecarError as error:
        if not error.problems or not all(problem.strip() for problem in error.problems):
            raise Wrong("it was refused without a reason") from error
        if not str(error).replace("\n", "").isprintable():
            raise Wrong(f"the reason can't be printed: {str(error)!a}") from error
        return "refused"
    check(options, known)
    return "accepted"


def check(options: JobOptions, known: tuple[str, ...]) -> None:
    width, height = options.size.width, options.size.height
    rate = options.fps.per_s
    is_fine = {
        "motions": bool(options.motions) and len(options.motions) <= MAX_MOTIONS and all(name in known for name in options.motions),
        "formats": bool(options.formats) and all(isinstance(each, Format) for each in options.formats),
        "size": 1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX and Size.parse(str(options.size)) == options.size,
        "fps": (rate is None or 0 < rate <= 240) and FrameRate.parse(str(options.fps)) == options.fps,
        "background": options.background.image is None and Background.parse_color(str(options.background)) == options.background,
        "figures": isinstance(options.all_figures, bool),
    }
    if not all(is_fine.values()):
        raise Wrong(f"{', '.join(key for key, fine in is_fine.items() if not fine)}: {options}")
    json.dumps(options.as_json())


def recovered(dice: random.Random, place: Path) -> str:
    """Take over a job of a dead daemon, one of whose files a damaged disk changed; returns where its source is then."""
    root = place / "root"
    content = b"a drawing"
    with Spool.open(root) as spool:
        (root / "inbox" / "drawing.png").write_bytes(content)
        job = spool.claim("drawing.png", (), is_folder=False, sidecar=None, now_s=time.time())
        if job is None:
            raise Wrong("it could not be claimed")
        work = spool.path(job)
        fields = json.loads((work / "job.json").read_bytes())
        files: Mapping[str, dict[str, Any]] = {
            "job.json": fields,
            "manifest.json": {"job_id": job.id, "source": {"sha256": "0"}, "manifest": "drawing.json", "outputs": []},
            "error.json": {"job_id": job.id, "error_type": "no_figure", "file": "drawing.png", "name": "drawing.png", "folder": []},
        }
        name = dice.choice(list(files))
        changed = dict(files[name])
        for _ in range(dice.randrange(3)):
            changed[dice.choice([*changed, "result", "label"])] = value(dice)
        damaged = json.dumps(changed).encode()
        damaged = mutant(damaged, dice) if dice.random() < 0.5 else damaged
        (work / name).write_bytes(damaged)
    try:
        with SteppedDaemon.opened(root) as daemon:
            daemon.run(10.0)
    except Exception as error:
        error.add_note(f"after {name} was {damaged!r}")
        raise
    sources = [path for path in place.rglob("*") if path.is_file() and path.read_bytes() == content]
    outside = [path for path in place.iterdir() if path != root]
    if not sources:
        raise Wrong(f"the source is gone after {name} was {damaged!r}")
    if outside:
        raise Wrong(f"{outside} appeared outside the root")
    where = sources[0].relative_to(root).parts
    return f"damaged {name}: source in {where[1] if where[0] == 'spool' else where[0]}"


def kept(content: bytes, why: str, keep: Path) -> str:
    path = keep / f"{zlib.crc32(content):08x}.json"
    path.write_bytes(content)
    print(f"{path}: {why}", file=sys.stderr)
    return f"{path.name}: {why}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "doodled_fuzz_sidecars")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    dice, known = random.Random(options.seed), tuple(motion_library(os.environ).names())
    os.fsync = lambda fd: None  # noqa: ARG005 - there is no power cut here
    outcomes: collections.Counter[str] = collections.Counter()
    failures: list[str] = []
    slowest = (0.0, "")
    end_s = time.monotonic() + 60 * options.minutes
    while time.monotonic() < end_s and len(failures) < 20:
        for turn in range(200):
            content = sidecar(dice)
            start_s = time.process_time()
            try:
                outcomes[read(content, known, dice) if turn else _recovery(dice)] += 1
            except Exception as error:  # noqa: BLE001 - this is what is looked for
                failures.append(kept(content, f"{error!r} {traceback.format_exc(limit=-3)}", options.keep))
            spent_s = time.process_time() - start_s
            if turn:
                slowest = max(slowest, (spent_s, ascii(content[:60])))
    for outcome, count in outcomes.most_common():
        print(f"  {outcome:44} {count}")
    print(f"  slowest sidecar {1000 * slowest[0]:.1f} ms ({slowest[1]})")
    print(f"{outcomes.total()} inputs, {len(failures)} failures", *failures, sep="\n  ")
    return 1 if failures or slowest[0] > SLOW_S else 0


def _recovery(dice: random.Random) -> str:
    place = Path(tempfile.mkdtemp(prefix="doodled-fuzz-"))
    try:
        return recovered(dice, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

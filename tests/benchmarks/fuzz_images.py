"""Fuzzes the decoder: seeded mutations of the corpus, decode_drawing in a child process until the time is up.

    python tests/benchmarks/fuzz_images.py --minutes 10 [--seed 0] [--keep FOLDER]

Ends with status 1 if a decode crashed the process, hung, raised anything but DecodeError, warned, or took more memory than allowed.
The inputs to blame are kept in FOLDER. Prints what came out of how many files, the slowest, and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from damage import damaged  # noqa: E402 - the script finds its own checkout

from pipeline.adapters.reading.image_reader import decode_drawing  # noqa: E402 - as above
from pipeline.errors import DecodeError  # noqa: E402
from tests.unit.adapters.reading import image_corpus  # noqa: E402

ALLOWED_BYTES = 10**9
ADDRESS_SPACE_BYTES = 6 * 10**9
HANG_S = 20.0
SLACK_S = 600.0
ODD_NUMBERS = (0, 1, 2, 15, 16, 255, 256, 4095, 9000, 30_000, 32_767, 32_768, 65_535, 2**24 - 1, 2**31 - 1, 2**31, 2**32 - 1)


def seeds() -> dict[str, bytes]:
    big = image_corpus.scene(1600, 1200)
    extra = {f"{name}.{suffix}": image_corpus.photographed(name, 7) for name, suffix in (("PNG", "png"), ("TIFF", "tif"), ("HEIF", "heic"))}
    extra |= {"wide.jpg": image_corpus.saved(big, "JPEG"), "wide.heic": image_corpus.saved(big, "HEIF", tile_size=512)}
    extra |= {"wide_progressive.jpg": image_corpus.saved(big, "JPEG", progressive=True)}
    extra |= {"tiles.tif": image_corpus.saved(big, "TIFF", compression="tiff_lzw", tiffinfo={278: 64})}
    return {**image_corpus.samples(), **extra}


def mutant(source: bytes, other: bytes, dice: random.Random) -> bytes:
    """A damaged copy; of a PNG mostly with correct checksums."""
    copy = damaged(source, other, dice, changes=(1, 1, 1, 2, 3, 5, 8, 20), put_number=put_binary_number)
    return with_checksums(copy) if dice.random() < 0.7 else copy


def put_binary_number(held: bytearray, at: int, dice: random.Random) -> None:
    width = dice.choice((2, 4))
    number = dice.choice(ODD_NUMBERS) & (256**width - 1)
    held[at : at + width] = number.to_bytes(width, dice.choice(("big", "little")))


def with_checksums(source: bytes) -> bytes:
    """A PNG with corrected checksums of its chunks, so that the damage gets past them; anything else unchanged."""
    if not source.startswith(b"\x89PNG\r\n\x1a\n"):
        return source
    held, at = bytearray(source), 8
    while at + 12 <= len(held):
        end = at + 8 + int.from_bytes(held[at : at + 4], "big")
        if end + 4 > len(held):
            break
        held[end : end + 4] = zlib.crc32(held[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(held)


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def child(seed: int, seconds: float, current: Path, keep: Path) -> None:
    """Decode until the time is up. The present mutant is in `current`, to be found if this process dies."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    corpus, dice = seeds(), random.Random(seed)
    warnings.simplefilter("error")
    names = sorted(corpus)
    outcomes: collections.Counter[str] = collections.Counter()
    slowest, failures, worst, end = (0.0, ""), [], peak_bytes(), time.monotonic() + seconds
    while time.monotonic() < end:
        name = dice.choice(names)
        source = mutant(corpus[name], corpus[dice.choice(names)], dice)
        current.write_bytes(source)
        start = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, HANG_S)  # of processor time: a busy machine does not count as a hang
        try:
            drawing = decode_drawing(source, name=name)
            outcome = "drawing" if drawing.rgb.size else "nothing"
        except DecodeError as error:
            outcome = error.reason.value
        except BaseException as error:  # noqa: BLE001 - this is what is looked for
            outcome = f"FAILED {type(error).__name__}"
            failures.append(kept(source, name, repr(error), keep))
        signal.setitimer(signal.ITIMER_PROF, 0)
        outcomes[outcome] += 1
        slowest = max(slowest, (time.process_time() - start, name))
        if peak_bytes() > worst + 50_000_000:
            worst = peak_bytes()
            kept(source, name, f"peak {worst // 10**6} MB", keep)
    print(json.dumps({"outcomes": outcomes, "slowest": slowest, "failures": failures, "peak": peak_bytes()}))


def kept(source: bytes, name: str, why: str, keep: Path) -> str:
    path = keep / f"{zlib.crc32(source):08x}_{name}"
    path.write_bytes(source)
    print(f"{path}: {why}", file=sys.stderr)
    return f"{path.name}: {why}"


def ended_by(status: int) -> str:
    """Name what ended the child: SIGPROF: a decode used HANG_S of processor time. SIGKILL: from the kernel, for memory, or from a user."""
    return f"the child was ended by {signal.Signals(-status).name}" if status < 0 else f"the child ended with status {status}"


def run(seed: int, seconds: float, keep: Path) -> dict[str, Any]:
    """Run one child until it ends; returns its outcome."""
    with tempfile.TemporaryDirectory() as folder:
        current = Path(folder) / "current"
        stuck = False
        command = [sys.executable, __file__, "--child", str(seed), str(seconds), str(current), str(keep)]
        with (
            (keep / "stderr.log").open("a", encoding="utf-8") as words,  # libtiff prints every fault
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words, text=True) as process,
        ):
            try:
                reply, _ = process.communicate(timeout=seconds + SLACK_S)
            except subprocess.TimeoutExpired:
                process.kill()
                reply, _ = process.communicate()
                stuck = True
        if process.returncode == 0:
            return dict(json.loads(reply))
        why = "the child never came to its end" if stuck else ended_by(process.returncode)
        return {"failures": [kept(current.read_bytes() if current.exists() else b"", "crash", why, keep)]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "doodled_fuzz")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    os.nice(19)
    outcomes: collections.Counter[str] = collections.Counter()
    failures: list[str] = []
    peak, slowest = 0, [0.0, ""]
    end, seed = time.monotonic() + 60 * options.minutes, options.seed
    while (left := end - time.monotonic()) > 1:
        found = run(seed, min(left, 120.0), options.keep)
        outcomes.update(found.get("outcomes", {}))
        failures += found["failures"]
        peak, slowest = max(peak, found.get("peak", 0)), max(slowest, found.get("slowest", slowest))
        seed += 1
    print(f"{outcomes.total()} files: {dict(outcomes.most_common())}")
    print(f"slowest {slowest[0]:.2f} s of processor time ({slowest[1]})")
    print(f"peak memory of the process {peak / 1e6:.0f} MB, allowed {ALLOWED_BYTES / 1e6:.0f} MB")
    print(f"{len(failures)} failures", *failures, sep="\n  ")
    return 1 if failures or peak > ALLOWED_BYTES else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
    else:
        sys.exit(main())

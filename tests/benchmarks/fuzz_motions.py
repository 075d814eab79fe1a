"""Fuzzes the motion readers and the search for a body: seeded mutations of small motion files, format by format, until the time is up.

    python tests/benchmarks/fuzz_motions.py --minutes 10 [--formats bvh,glb,json,npy,fbx] [--seed 0] [--keep FOLDER]

Ends with status 1 if a reader raised anything but MotionFileError, took longer than allowed, or the process more memory than allowed. The
inputs to blame are kept in FOLDER. A crash of this process is one, too: the last input is in FOLDER/last.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import written_motions as written  # noqa: E402 - the script finds its own checkout
from damage import damaged  # noqa: E402 - as above
from written_bvh import BODY, waving_bvh  # noqa: E402 - as above

from pipeline.adapters.fbx.source import FbxSource  # noqa: E402 - as above
from pipeline.errors import MotionFileError, RetargetError, UnknownName  # noqa: E402 - as above
from pipeline.files.assets import AssetKind, asset_folder  # noqa: E402 - as above
from pipeline.motion.library import MotionLibrary  # noqa: E402 - as above
from pipeline.stages.retarget import pose_track  # noqa: E402 - as above
from tests import sample_scene  # noqa: E402 - as above

ALLOWED_BYTES = 2 * 10**9
ADDRESS_SPACE_BYTES = 8 * 10**9
HANG_S = 10.0
ODD_NUMBERS = ("nan", "-inf", "1e308", "-1e-320", "0", "-1", "2147483648", "99999999999999999999", "0x10", "1_0", "1,5", "", "é")


def seeds() -> dict[str, list[bytes]]:
    """Small motion files of each format."""
    plain, steps = written.wave_gltf(), written.wave_gltf(interpolation="CUBICSPLINE", clips=("a", "b"), skin=False)
    arrays = []
    for array in (written.smpl_positions(), np.random.default_rng(0).normal(0, 0.1, (30, 263)).astype(np.float32)):
        path = Path("/tmp") / f"fuzz_seed_{id(array)}.npy"
        np.save(path, array)
        arrays.append(path.read_bytes())
        path.unlink()
    points = written.coco_frames()
    return {
        "bvh": [
            waving_bvh(frames=8).encode(),
            waving_bvh(frames=6, bones_in_channels=True, zero_offsets=True, armature="Root").encode(),
            waving_bvh(frames=5, names=lambda name: f"J{[joint[0] for joint in BODY].index(name)}", up="-z").encode(),
        ],
        "glb": [written.glb(*plain), written.glb(*steps)],
        "json": [
            json.dumps({"fps": 24, "frames": points[:8].tolist()}).encode(),
            json.dumps(written.openpose_frames()[:6]).encode(),
            json.dumps([{"pose_world_landmarks": frame} for frame in written.points_33(three=True)[:4]]).encode(),
            json.dumps([{"image_id": k, "keypoints": frame.ravel().tolist()} for k, frame in enumerate(points[:6])]).encode(),
        ],
        "npy": arrays,
        "fbx": [written.wave_fbx().encode()],
    }


def put_text_number(held: bytearray, at: int, dice: random.Random) -> None:
    word = dice.choice(ODD_NUMBERS).encode()
    end = next((place for place in range(at, min(len(held), at + 30)) if held[place] in b" ,:]}\n"), at)
    held[at:end] = word


def tried(path: Path) -> str:
    """The outcome of a file: "played", or the class of an expected error."""
    library = MotionLibrary([], [asset_folder(AssetKind.RETARGET)], more_sources=[FbxSource()])
    try:
        motion = library.motion(path)
        config = library.matching_retarget(motion)
        times = [k * motion.frame_time for k in range(min(50, motion.frame_count))]
        track = pose_track(sample_scene.rig(), motion, config, times)
        if not (np.isfinite(track.joints).all() and np.isfinite(track.root).all()):
            raise ValueError("a joint is not a number")
    except (MotionFileError, RetargetError, UnknownName) as error:
        return type(error).__name__
    return "played"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="for each format")
    parser.add_argument("--formats", default="bvh,glb,json,npy,fbx")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("/tmp/fuzz_motions"))
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    warnings.simplefilter("error")
    guilty = 0
    for kind in options.formats.split(","):
        guilty += fuzz(kind, seeds()[kind], options)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"peak memory {peak / 1e6:.0f} MB")
    return int(bool(guilty) or peak > ALLOWED_BYTES)


def fuzz(kind: str, sources: list[bytes], options: argparse.Namespace) -> int:
    dice = random.Random(options.seed)
    path = options.keep / f"last.{kind}"
    results: collections.Counter[str] = collections.Counter()
    slowest, guilty = 0.0, 0
    until = time.monotonic() + 60 * options.minutes
    while time.monotonic() < until:
        content = damaged(dice.choice(sources), dice.choice(sources), dice, changes=(1, 1, 2, 3, 5, 12), put_number=put_text_number)
        path.write_bytes(content)
        began = time.process_time()
        try:
            results[tried(path)] += 1
        except Exception as error:  # noqa: BLE001 - unexpected errors are what this fuzzer finds
            guilty += 1
            results[f"GUILTY {type(error).__name__}"] += 1
            (options.keep / f"{kind}_{guilty}.{kind}").write_bytes(content)
            if guilty <= 5:
                print(f"{kind}: {type(error).__name__}: {str(error)[:200]}")
        spent = time.process_time() - began
        if spent > HANG_S:
            guilty += 1
            (options.keep / f"slow_{kind}_{guilty}.{kind}").write_bytes(content)
        slowest = max(slowest, spent)
    print(f"{kind}: {sum(results.values())} files, {dict(results)}, slowest {slowest:.2f} s")
    return guilty


if __name__ == "__main__":
    sys.exit(main())

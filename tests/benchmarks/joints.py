"""How well rigs survive the errors that models make in joints. Prints a table:

    ANIMATED_DRAWINGS_ROOT=... python tests/benchmarks/joints.py

The joints of char1 to char4, right by eye, are dropped (score 0), shaken or mixed up; how far the rig's joints are off then, in shares of
the image's longer side: the worst over all trials, and the share of joints within a tenth.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from pipeline.files.character_files import read_character
from pipeline.stages.rig import JOINTS, rigging
from tests.benchmarks.worse_drawings import NAMES, drawings_root, folder_of

BODY = [0, *range(5, 17)]
SWAPPED = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
ARMS_SWAPPED = [0, 1, 2, 3, 4, 5, 6, 8, 7, 10, 9, 11, 12, 13, 14, 15, 16]
TRIALS = 25

Harm = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def dropped(count: int) -> Harm:
    def harm(keypoints: np.ndarray, side: float, rng: np.random.Generator) -> np.ndarray:
        lost = rng.choice(BODY, count, replace=False)
        keypoints[lost] = np.column_stack([rng.uniform(0, side, (count, 2)), np.zeros(count)])
        return keypoints

    return harm


def shaken(keypoints: np.ndarray, side: float, rng: np.random.Generator) -> np.ndarray:
    keypoints[:, :2] += rng.normal(0, 0.05 * side, (17, 2))
    return keypoints


def on_one_spot(keypoints: np.ndarray, _: float, __: np.random.Generator) -> np.ndarray:
    keypoints[:, :2] = keypoints[0, :2]
    return keypoints


HARMS: dict[str, Harm] = {
    "as they are": lambda k, _, __: k,
    **{f"{count} dropped": dropped(count) for count in (1, 2, 3, 4)},
    "shaken by 5 %": shaken,
    "left is right": lambda k, _, __: k[SWAPPED],
    "arms mixed up": lambda k, _, __: k[ARMS_SWAPPED],
    "on one spot": on_one_spot,
    "none (mask alone)": lambda k, _, __: k * [1, 1, 0],
}


def main() -> None:
    root = drawings_root()
    if root is None:
        print("set ANIMATED_DRAWINGS_ROOT to the folder with AnimatedDrawings' examples: there is nothing to measure without them")
        return
    rng = np.random.default_rng(0)
    print(f"{'':20}" + "".join(f"{name:>16}" for name in NAMES) + "   worst error (joints within a tenth)")
    for label, harm in HARMS.items():
        cells = ""
        for name in NAMES:
            character = read_character(folder_of(root, name) / "char_cfg.yaml")
            expected = np.array([character.rig.rest[character.rig.joint_names.index(joint)] for joint, _, _ in JOINTS])
            side = float(max(character.mask.shape))
            keypoints = np.zeros((17, 3))
            for place, (_, _, sources) in zip(expected, JOINTS, strict=True):
                if len(sources) == 1:
                    keypoints[sources[0]] = (*((place - [0, 1]) * [1, -1] * side), 1.0)
            apart = np.array(
                [
                    np.linalg.norm(rigging(harm(keypoints.copy(), side, rng), character.mask).rig.rest - expected, axis=1)
                    for _ in range(TRIALS if "dropped" in label or "shaken" in label else 1)
                ]
            )
            cells += f"   {apart.max():.3f} ({(apart < 0.1).mean():4.0%})"
        print(f"{label:20}{cells}")


if __name__ == "__main__":
    main()

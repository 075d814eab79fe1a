"""Which crops of the shards a network gets wrong: `python hard_crops.py SHARDS --network pose.onnx`.

Writes `hard.npy`, a bool for each crop, into every shard that has none. `train.py` then learns from those more often: what a network knows
already teaches it little (online hard example mining, Shrivastava et al. 2016, done ahead so that a run can be repeated). Runs beside the
generator and the training, until there are so many shards or the minutes are over.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from batches import Place, crops_of, is_figure
from settings import REPOSITORY  # noqa: F401  # makes `pipeline` importable
from validation import FILL, NEAR_SHARE

from pipeline.adapters.own_outputs import POSE_OUTPUTS
from pipeline.pose.heatmaps import joint_peaks
from pipeline.pose.letterbox import Letterbox, paper_color

FIRST_LIMB = 5
"""The keypoints before are those of the face, which the rig hardly uses."""
LEAST_OVERLAP = 0.9
"""Of the mask found and the one wanted, as intersection over union."""
BATCH = 16
LOOK_AGAIN_S = 10.0


Answer = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Logits of joints (n, 17, C, C) and masks (n, 1, S, S) for squares (n, S, S, 3) uint8."""


def are_hard(answer: Answer, side: int, places: list[Place]) -> np.ndarray:
    """Of each crop with a figure (n,): a limb's joint is far from where it is wanted, or the mask is another one."""
    hard = np.zeros(len(places), bool)
    rows = [row for row, place in enumerate(places) if is_figure(place)]
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        windows = [Letterbox.around(tuple(places[row].boxes), side, fill=FILL) for row in part]
        crops = [np.asarray(places[row].pixels[places[row].row]) for row in part]
        colors = [np.ascontiguousarray(crop[:, :, :3]) for crop in crops]
        views = np.stack([window.cut(rgb, paper_color(rgb)) for window, rgb in zip(windows, colors, strict=True)])
        joints, masks = answer(views)
        for row, window, crop, heat, mask in zip(part, windows, crops, joints, masks, strict=True):
            hard[row] = _is_wrong(places[row], window, crop, heat, mask[0])
    return hard


def _is_wrong(place: Place, window: Letterbox, crop: np.ndarray, heat: np.ndarray, mask: np.ndarray) -> bool:
    found = window.back(joint_peaks(heat, window.side)[:, :2])
    reach = NEAR_SHARE * max(place.boxes[2] - place.boxes[0], place.boxes[3] - place.boxes[1])
    is_far = np.hypot(*(found - place.keypoints[:, :2]).T) > reach
    if is_far[FIRST_LIMB:][place.keypoints[FIRST_LIMB:, 2] > 0].any():
        return True
    wanted = window.cut((crop[:, :, 3] > 0).astype(np.uint8) * 255, (0.0, 0.0, 0.0)) > 127
    return bool((wanted & (mask > 0)).sum() < LEAST_OVERLAP * max(1, (wanted | (mask > 0)).sum()))


def main() -> None:
    """Judge every shard once."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--network", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1, help="of shards, after which it ends")
    parser.add_argument("--minutes", type=float, default=1e9)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(arguments.network), options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]

    def answer(views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        joints, masks, _ = session.run(list(POSE_OUTPUTS), {entry.name: views})
        return joints, masks

    until_s = time.monotonic() + 60.0 * arguments.minutes
    while time.monotonic() < until_s:
        folders = sorted(arguments.shards.glob("train-*"))
        waiting = [folder for folder in folders if not (folder / "hard.npy").exists()]
        if not waiting and len(folders) >= arguments.count:
            return
        for folder in waiting:
            hard = are_hard(answer, entry.shape[1], crops_of([folder]))
            np.save(folder / "hard.npy", hard)
            print(json.dumps({"shard": folder.name, "crops": len(hard), "hard": round(float(hard.mean()), 3)}), flush=True)
        time.sleep(0.0 if waiting else LOOK_AGAIN_S)


if __name__ == "__main__":
    main()

"""How the networks fare on AnimatedDrawings' examples, whose joints its own network found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from views import TILE, crop_of, drawn_tile, edges, mask_in_crop, sheet

from pipeline.adapters.embedded import EmbeddedPredictor
from pipeline.pose.heatmaps import box_overlap
from pipeline.types import KEYPOINT_NAMES

NEAR_SHARE = 0.1
JOINT_OF_RIG = {
    "left_shoulder": "left_shoulder",
    "left_elbow": "left_elbow",
    "left_hand": "left_wrist",
    "right_shoulder": "right_shoulder",
    "right_elbow": "right_elbow",
    "right_hand": "right_wrist",
    "left_hip": "left_hip",
    "left_knee": "left_knee",
    "left_foot": "left_ankle",
    "right_hip": "right_hip",
    "right_knee": "right_knee",
    "right_foot": "right_ankle",
}


def real_report(predictor: EmbeddedPredictor, folders: list[Path], out: Path) -> dict[str, Any]:
    """For each character: whether the crop is found as a whole, how far its limb joints are off, whether it is found in its photograph."""
    report, tiles = {}, []
    for folder in folders:
        texture = np.asarray(cv2.imread(str(folder / "texture.png"), cv2.IMREAD_COLOR))[:, :, ::-1]
        rgb = np.ascontiguousarray(texture)
        rig = yaml.safe_load((folder / "char_cfg.yaml").read_text(encoding="utf-8"))
        given = {joint["name"]: joint["loc"] for joint in rig["skeleton"]}
        found = predictor.detections(rgb)
        points = predictor.pose(rgb).keypoints
        longer = max(rgb.shape[:2])
        whole = np.array([0.0, 0.0, rgb.shape[1], rgb.shape[0]])
        entry: dict[str, Any] = {"scores": [round(one.score, 3) for one in found[:3]]}
        entry["box_iou"] = round(max((box_overlap(edges(one), whole) for one in found), default=0.0), 3)
        errors = {
            name: round(float(np.hypot(*(points[KEYPOINT_NAMES.index(keypoint), :2] - given[name]))) / longer, 3)
            for name, keypoint in JOINT_OF_RIG.items()
            if name in given
        }
        if len(errors) == len(JOINT_OF_RIG):
            entry |= {
                "worst_joint": max(errors.items(), key=lambda item: item[1]),
                "near": float(np.mean([e <= NEAR_SHARE for e in errors.values()])),
            }
        tiles.append(drawn_tile(rgb, points, found[0].mask if found else None))
        photograph = folder / "image.jpg"
        if photograph.exists():
            entry["photograph"] = _photograph(predictor, np.asarray(cv2.imread(str(photograph)))[:, :, ::-1], rgb, tiles)
        report[folder.name] = entry
    for photograph in {p for folder in folders for p in folder.parent.glob("*.jpg")}:
        report[photograph.name] = _photograph(predictor, np.asarray(cv2.imread(str(photograph)))[:, :, ::-1], None, tiles)
    cv2.imwrite(str(out / "real.png"), sheet(tiles)[:, :, ::-1])
    return report


def _photograph(predictor: EmbeddedPredictor, rgb: np.ndarray, crop: np.ndarray | None, tiles: list[np.ndarray]) -> dict[str, Any]:
    rgb = np.ascontiguousarray(rgb)
    zoom = min(1.0, 1000.0 / max(rgb.shape[:2]))
    small = cv2.resize(rgb, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    found = predictor.detections(rgb)
    entry: dict[str, Any] = {"scores": [round(one.score, 3) for one in found[:3]]}
    if not found:
        tiles.append(cv2.resize(small, (TILE, TILE)))
        return entry
    best = found[0]
    entry["box"] = [round(float(edge)) for edge in edges(best)]
    if crop is not None:
        entry["iou_with_crop"] = round(max(box_overlap(edges(best) * zoom, place) for place in _places_of(crop, small)), 3)
    cut, _ = crop_of(rgb, best.box)
    image = small.copy()
    for one in found:
        corners = (edges(one) * zoom).astype(int)
        cv2.rectangle(image, tuple(corners[:2].tolist()), tuple(corners[2:].tolist()), (255, 0, 0) if one is best else (0, 0, 255), 4)
    tiles.append(drawn_tile(image, None, None))
    pose = predictor.pose(cut)
    tiles.append(drawn_tile(cut, pose.keypoints, mask_in_crop(pose, cut.shape[:2])))
    return entry


def _places_of(crop: np.ndarray, image: np.ndarray) -> list[np.ndarray]:
    """Where in the image the crop was probably taken: the best match over scales."""
    best: tuple[float, np.ndarray] = (-2.0, np.zeros(4))
    for scale in np.geomspace(0.15, 1.6, 60):
        part = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if part.shape[0] >= image.shape[0] or part.shape[1] >= image.shape[1] or min(part.shape[:2]) < 16:
            continue
        match = cv2.matchTemplate(image, part, cv2.TM_CCOEFF_NORMED)
        _, value, _, (x, y) = cv2.minMaxLoc(match)
        if value > best[0]:
            best = (value, np.array([x, y, x + part.shape[1], y + part.shape[0]], np.float64))
    return [best[1]]

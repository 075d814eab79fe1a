"""What the exported networks are worth, measured through `EmbeddedPredictor`, just as they are used.

`python evaluate.py --models pipeline/models --out FOLDER --count 400 [--real FOLDER ...]` draws held-out pictures, which have styles,
mediums and papers that nothing was trained with, and writes `report.json` and `worst.png`. `--real` are folders of AnimatedDrawings
characters (`char_cfg.yaml`, `texture.png`, perhaps `image.jpg`): they are only looked at, never learnt from.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from drawings.sample import Sample, drawn_sample
from settings import REPOSITORY  # noqa: F401  # makes `pipeline` importable

from pipeline.adapters.embedded import EmbeddedPredictor
from pipeline.geometry.heatmaps import box_overlap
from pipeline.types import KEYPOINT_NAMES, Detection

NEAR_SHARE = 0.1
ALARM_SCORE = 0.3
CROP_MARGIN = 0.06
PICTURE_SIDE = 512
TILE = 256
LIMBS = range(5, 17)
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


@dataclass
class Outcome:
    """How one drawn figure fared."""

    seed: int
    kinds: dict[str, str]
    overlap: float
    mask_iou: float
    near: list[bool]
    near_limbs: list[bool]
    errors: list[float] = field(default_factory=list)
    tile: np.ndarray | None = None

    @property
    def badness(self) -> float:
        return (1.0 - float(np.mean(self.near_limbs or [True]))) * 2 + (1.0 - self.overlap) + 0.3 * (1.0 - self.mask_iou)


def crop_of(rgb: np.ndarray, box: Any) -> tuple[np.ndarray, np.ndarray]:
    """A detection's box with a small margin, inside the picture; the crop and its top-left corner."""
    margin = CROP_MARGIN * max(box.width, box.height)
    x0, y0 = max(0, int(box.left - margin)), max(0, int(box.top - margin))
    x1, y1 = min(rgb.shape[1], round(box.right + margin)), min(rgb.shape[0], round(box.bottom + margin))
    return np.ascontiguousarray(rgb[y0:y1, x0:x1]), np.array([x0, y0], np.float64)


def mask_in_picture(found: Detection, shape: tuple[int, int]) -> np.ndarray:
    """A detection's mask (H, W) bool."""
    whole = np.zeros(shape, bool)
    x0, y0 = max(0, round(found.box.left)), max(0, round(found.box.top))
    x1, y1 = min(shape[1], round(found.box.right)), min(shape[0], round(found.box.bottom))
    if found.mask is not None and x1 > x0 and y1 > y0:
        whole[y0:y1, x0:x1] = cv2.resize(found.mask, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR) > 0.5
    return whole


def mask_in_crop(found: Detection, corner: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A detection's mask in a crop whose top-left corner lies at `corner`, (h, w) float32."""
    whole = mask_in_picture(found, (int(corner[1]) + shape[0], int(corner[0]) + shape[1]))
    return whole[int(corner[1]) :, int(corner[0]) :].astype(np.float32)


def measured(sample: Sample, seed: int, predictor: EmbeddedPredictor) -> tuple[list[Outcome], list[tuple[float, bool]], int]:
    """Outcomes of its figures, (score, it is one) of its detections, and how many figures there are."""
    found = predictor.detections(sample.rgb)
    free = list(found)
    outcomes, hits = [], []
    matched: dict[int, bool] = {}
    for figure in sample.figures:
        box = np.asarray(figure.box, np.float64)
        best = max(free, key=lambda one: box_overlap(_edges(one), box), default=None)
        overlap = box_overlap(_edges(best), box) if best is not None else 0.0
        if best is not None and overlap > 0.5:
            matched[id(best)] = True
            free = [one for one in free if one is not best]
        kinds = {"style": str(figure.style), "medium": str(sample.medium), "paper": str(sample.paper), "figures": str(len(sample.figures))}
        outcomes.append(_outcome(sample, seed, figure, kinds, best if overlap > 0.5 else None, overlap, predictor))
    hits = [(one.score, matched.get(id(one), False)) for one in found]
    return outcomes, hits, len(sample.figures)


def average_precision(hits: list[tuple[float, bool]], count: int) -> float:
    """AP at IoU 0.5 over all points of the precision-recall curve (VOC 2010)."""
    order = sorted(hits, key=lambda hit: -hit[0])
    right = np.cumsum([is_right for _, is_right in order])
    precision = right / np.arange(1, len(order) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(sum(p for p, (_, is_right) in zip(precision, order, strict=True) if is_right) / max(1, count))


def summary(outcomes: Iterable[Outcome]) -> dict[str, float]:
    """Means over figures; joints and masks over those that were found."""
    outcomes = list(outcomes)
    found = [one for one in outcomes if one.overlap > 0.5]
    result = {"figures": len(outcomes), "found": len(found) / max(1, len(outcomes))}
    if found:
        result |= {
            "box_iou": float(np.mean([one.overlap for one in found])),
            "mask_iou": float(np.mean([one.mask_iou for one in found])),
            "pck": float(np.mean([n for one in found for n in one.near] or [1.0])),
            "pck_limbs": float(np.mean([n for one in found for n in one.near_limbs] or [1.0])),
            "all_right": float(np.mean([all(one.near_limbs) for one in found])),
        }
    return {name: round(value, 4) for name, value in result.items()}


def synthetic_report(predictor: EmbeddedPredictor, first: int, count: int, out: Path) -> dict[str, Any]:
    """Measures over `count` held-out pictures, whole and by kind; draws the contact sheet of the worst."""
    outcomes: list[Outcome] = []
    hits: list[tuple[float, bool]] = []
    figures, empty, alarms = 0, 0, 0
    for seed in range(first, first + count):
        sample = drawn_sample(seed, size=PICTURE_SIDE, split="heldout")
        fared, found, number = measured(sample, seed, predictor)
        outcomes += fared
        hits += found
        figures += number
        if not number:
            empty += 1
            alarms += any(score > ALARM_SCORE for score, _ in found)
    groups: dict[str, dict[str, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
    for one in outcomes:
        for name, kind in one.kinds.items():
            groups[name][kind].append(one)
    worst = sorted(outcomes, key=lambda one: -one.badness)[:50]
    _contact_sheet(worst, out / "worst.png")
    by_joint = np.array([[np.nan if np.isnan(e) else e <= NEAR_SHARE for e in one.errors] for one in outcomes if one.errors], float)
    return {
        "pictures": count,
        "ap50": round(average_precision(hits, figures), 4),
        "false_alarms": round(alarms / max(1, empty), 4),
        "pictures_without_figure": empty,
        "all": summary(outcomes),
        "by_joint": {name: round(float(share), 4) for name, share in zip(KEYPOINT_NAMES, np.nanmean(by_joint, axis=0), strict=True)},
        "by": {name: {kind: summary(ones) for kind, ones in sorted(kinds.items())} for name, kinds in groups.items()},
    }


def real_report(predictor: EmbeddedPredictor, folders: list[Path], out: Path) -> dict[str, Any]:
    """For each character: whether the crop is found as a whole, how far its limb joints are off, whether it is found in its photograph."""
    report, tiles = {}, []
    for folder in folders:
        texture = cv2.imread(str(folder / "texture.png"), cv2.IMREAD_COLOR)[:, :, ::-1]
        rgb = np.ascontiguousarray(texture)
        rig = yaml.safe_load((folder / "char_cfg.yaml").read_text(encoding="utf-8"))
        given = {joint["name"]: joint["loc"] for joint in rig["skeleton"]}
        found = predictor.detections(rgb)
        points = predictor.keypoints(rgb)
        longer = max(rgb.shape[:2])
        whole = np.array([0.0, 0.0, rgb.shape[1], rgb.shape[0]])
        entry: dict[str, Any] = {"scores": [round(one.score, 3) for one in found[:3]]}
        entry["box_iou"] = round(max((box_overlap(_edges(one), whole) for one in found), default=0.0), 3)
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
        tiles.append(_tile(rgb, points, found[0].mask if found else None))
        photograph = folder / "image.jpg"
        if photograph.exists():
            entry["photograph"] = _photograph(predictor, cv2.imread(str(photograph))[:, :, ::-1], rgb, tiles)
        report[folder.name] = entry
    for photograph in {p for folder in folders for p in folder.parent.glob("*.jpg")}:
        report[photograph.name] = _photograph(predictor, cv2.imread(str(photograph))[:, :, ::-1], None, tiles)
    cv2.imwrite(str(out / "real.png"), _sheet(tiles)[:, :, ::-1])
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
    entry["box"] = [round(float(edge)) for edge in _edges(best)]
    if crop is not None:
        entry["iou_with_crop"] = round(max(box_overlap(_edges(best) * zoom, place) for place in _places_of(crop, small)), 3)
    cut, corner = crop_of(rgb, best.box)
    picture = small.copy()
    for one in found:
        corners = (_edges(one) * zoom).astype(int)
        cv2.rectangle(picture, tuple(corners[:2].tolist()), tuple(corners[2:].tolist()), (255, 0, 0) if one is best else (0, 0, 255), 4)
    tiles.append(_tile(picture, None, None))
    tiles.append(_tile(cut, predictor.keypoints(cut), mask_in_crop(best, corner, cut.shape[:2])))
    return entry


def _places_of(crop: np.ndarray, picture: np.ndarray) -> list[np.ndarray]:
    """Where in the picture the crop was probably taken: the best match over scales."""
    best: tuple[float, np.ndarray] = (-2.0, np.zeros(4))
    for scale in np.geomspace(0.15, 1.6, 60):
        part = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if part.shape[0] >= picture.shape[0] or part.shape[1] >= picture.shape[1] or min(part.shape[:2]) < 16:
            continue
        match = cv2.matchTemplate(picture, part, cv2.TM_CCOEFF_NORMED)
        _, value, _, (x, y) = cv2.minMaxLoc(match)
        if value > best[0]:
            best = (value, np.array([x, y, x + part.shape[1], y + part.shape[0]], np.float64))
    return [best[1]]


def _outcome(
    sample: Sample, seed: int, figure: Any, kinds: dict[str, str], best: Detection | None, overlap: float, predictor: EmbeddedPredictor
) -> Outcome:
    box = np.asarray(figure.box, np.float64)
    x0, y0, x1, y1 = np.clip(box.round().astype(int), 0, (sample.rgb.shape[1], sample.rgb.shape[0]) * 2)
    if best is None:
        part = np.ascontiguousarray(sample.rgb[y0:y1, x0:x1])
        return Outcome(seed, kinds, overlap, 0.0, [], [], [], _tile(part, None, None, f"{seed} not found"))
    cut, corner = crop_of(sample.rgb, best.box)
    points = predictor.keypoints(cut)
    shown = mask_in_crop(best, corner, cut.shape[:2])
    truth = figure.keypoints
    reach = max(box[2] - box[0], box[3] - box[1])
    apart = np.hypot(*(points[:, :2] + corner - (truth[:, :2] + 0.5)).T) / reach
    seen = truth[:, 2] > 0
    mask = mask_in_picture(best, sample.rgb.shape[:2])
    iou = float((mask & figure.mask).sum() / max(1, (mask | figure.mask).sum()))
    near = apart <= NEAR_SHARE
    limbs = [bool(near[row]) for row in LIMBS if seen[row]]
    wanted = np.column_stack([truth[:, :2] + 0.5 - corner, truth[:, 2]])
    tile = _tile(cut, points, shown, f"{seed} {kinds['style'][:12]} {iou:.2f}", wanted)
    return Outcome(seed, kinds, overlap, iou, near[seen].tolist(), limbs, np.where(seen, apart, np.nan).tolist(), tile)


def _tile(
    rgb: np.ndarray, points: np.ndarray | None, mask: np.ndarray | None, words: str = "", wanted: np.ndarray | None = None
) -> np.ndarray:
    zoom = TILE / max(rgb.shape[:2])
    small = cv2.resize(rgb, (max(1, int(rgb.shape[1] * zoom)), max(1, int(rgb.shape[0] * zoom))), interpolation=cv2.INTER_AREA)
    if mask is not None:
        over = cv2.resize(mask, small.shape[1::-1]) > 0.5
        small[over] = (small[over] * 0.6 + np.array([0, 100, 0])).astype(np.uint8)
    tile = np.full((TILE, TILE, 3), 90, np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small
    bones = ((5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16), (5, 6), (11, 12))
    for colours, joints in (((0, 200, 255), wanted), ((255, 0, 0), points)):
        if joints is None:
            continue
        for one, other in bones:
            if min(joints[one, 2], joints[other, 2]) > 0.02:
                start, end = ((joints[row, :2] * zoom).astype(int).tolist() for row in (one, other))
                left = colours if one % 2 else tuple(c // 2 for c in colours)
                cv2.line(tile, tuple(start), tuple(end), left, 1, cv2.LINE_AA)
    cv2.putText(tile, words, (3, TILE - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 0, 255), 1, cv2.LINE_AA)
    return tile


def _contact_sheet(outcomes: list[Outcome], path: Path) -> None:
    cv2.imwrite(str(path), _sheet([one.tile for one in outcomes if one.tile is not None])[:, :, ::-1])


def _sheet(tiles: list[np.ndarray], across: int = 8) -> np.ndarray:
    tiles = tiles + [np.full((TILE, TILE, 3), 90, np.uint8)] * (-len(tiles) % across)
    return np.vstack([np.hstack(tiles[row : row + across]) for row in range(0, len(tiles), across)])


def _edges(found: Detection) -> np.ndarray:
    return np.array([found.box.left, found.box.top, found.box.right, found.box.bottom])


def main() -> None:
    """Measure, write the report, print its heads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=1_000_000)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--real", type=Path, nargs="*", default=[], help="folders of characters")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    predictor = EmbeddedPredictor(arguments.models)
    report: dict[str, Any] = {}
    if arguments.count:
        report["synthetic"] = synthetic_report(predictor, arguments.first, arguments.count, arguments.out)
    if arguments.real:
        report["real"] = real_report(predictor, arguments.real, arguments.out)
    (arguments.out / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(json.dumps({name: part for name, part in report.get("synthetic", {}).items() if name != "by"}, indent=1))
    print(json.dumps(report.get("real", {}), indent=1))


if __name__ == "__main__":
    main()

"""Measure the exported networks through `EmbeddedPredictor`, as the pipeline uses them.

`python evaluate.py --models pipeline/models --out FOLDER --count 400 --empty 400 [--real FOLDER ...]` draws held-out images, partly in
styles, mediums and papers that are not in the training data, and as many without a figure as `--empty` says. It writes `report.json`, the
model card's tables as `tables.md`, and contact sheets: `worst.png` and `alarms.png`. `--real` are folders of AnimatedDrawings characters
(`char_cfg.yaml`, `texture.png`, perhaps `image.jpg`), which are never trained with.
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
from alarms import ALARM_SCORE, alarm_report
from drawings.figures.marks import GUESSED, VISIBLE
from drawings.sample import Sample, drawn_sample
from real_drawings import real_report
from views import crop_of, drawn_tile, edges, in_image, mask_in_crop, parts_in_crop, sheet

from pipeline.adapters.embedded import EmbeddedPredictor
from pipeline.pose.heatmaps import box_overlap
from pipeline.types import FIGURE_PROBABILITY, KEYPOINT_NAMES, BodyPart, Detection
from pipeline.types.keypoints import FIRST_BODY_KEYPOINT

NEAR_SHARE = 0.1
"""A joint is near within this share of the longer side of the figure's box (PCK)."""

FOUND_OVERLAP = 0.5
"""A figure is found if a detection's box has an intersection over union with its own of more than this."""

IMAGE_SIDE = 512
"""Longer side of the images, px."""

WORST = 50
"""How many figures the contact sheet of the worst shows."""

LIMBS = range(FIRST_BODY_KEYPOINT, len(KEYPOINT_NAMES))
"""The keypoints of the limbs."""


@dataclass
class Outcome:
    """The measures of one drawn figure.

    Attributes:
        seed: of its image.
        kinds: its style, medium, paper and number of figures in the image.
        overlap: IoU of its box with the best detection's.
        mask_iou: IoU of its mask in the image; 0 if it was not found.
        near: of each visible joint, whether it is near; so are `near_limbs` of the limbs' and `near_hidden` of the hidden ones.
        errors: (17,) distances of the joints, shares of the box's longer side; NaN of those that are not visible.
        parts_common, parts_either: (18,) pixels of each `BodyPart` in both, and in either, of answer and label; None without an answer.
        tile: of the contact sheet.
    """

    seed: int
    kinds: dict[str, str]
    overlap: float
    mask_iou: float
    near: list[bool]
    near_limbs: list[bool]
    near_hidden: list[bool] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    parts_common: np.ndarray | None = None
    parts_either: np.ndarray | None = None
    tile: np.ndarray | None = None

    @property
    def badness(self) -> float:
        """By which the worst are chosen: higher is worse."""
        return (1.0 - float(np.mean(self.near_limbs or [True]))) * 2 + (1.0 - self.overlap) + 0.3 * (1.0 - self.mask_iou)


def measured(sample: Sample, seed: int, predictor: EmbeddedPredictor) -> tuple[list[Outcome], list[tuple[float, bool]], int]:
    """Outcomes of an image's figures; of each detection its score and whether it is a figure; and how many figures there are."""
    found = predictor.detections(sample.rgb)
    free = list(found)
    outcomes = []
    matched: dict[int, bool] = {}
    for figure in sample.figures:
        box = np.asarray(figure.box, np.float64)
        best = max(free, key=lambda one: box_overlap(edges(one), box), default=None)
        overlap = box_overlap(edges(best), box) if best is not None else 0.0
        if best is not None and overlap > FOUND_OVERLAP:
            matched[id(best)] = True
            free = [one for one in free if one is not best]
        kinds = {"style": str(figure.style), "medium": str(sample.medium), "paper": str(sample.paper), "figures": str(len(sample.figures))}
        outcomes.append(_outcome(sample, seed, figure, kinds, best if overlap > FOUND_OVERLAP else None, overlap, predictor))
    hits = [(one.score, matched.get(id(one), False)) for one in found]
    return outcomes, hits, len(sample.figures)


def average_precision(hits: list[tuple[float, bool]], count: int) -> float:
    """AP at IoU FOUND_OVERLAP over all points of the precision-recall curve (VOC 2010).

    Args:
        hits: score of each detection, and whether it is a figure.
        count: figures in all images.
    """
    order = sorted(hits, key=lambda hit: -hit[0])
    correct = np.cumsum([is_correct for _, is_correct in order])
    precision = correct / np.arange(1, len(order) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(sum(p for p, (_, is_correct) in zip(precision, order, strict=True) if is_correct) / max(1, count))


def summary(outcomes: Iterable[Outcome]) -> dict[str, float]:
    """Means over figures; of joints and masks, over those that were found. Hidden joints count only in `pck_hidden`."""
    outcomes = list(outcomes)
    found = [one for one in outcomes if one.overlap > FOUND_OVERLAP]
    result = {"figures": len(outcomes), "found": len(found) / max(1, len(outcomes))}
    if found:
        result |= {
            "box_iou": float(np.mean([one.overlap for one in found])),
            "mask_iou": float(np.mean([one.mask_iou for one in found])),
            "pck": float(np.mean([n for one in found for n in one.near] or [True])),
            "pck_limbs": float(np.mean([n for one in found for n in one.near_limbs] or [True])),
            "pck_hidden": float(np.mean([n for one in found for n in one.near_hidden] or [True])),
            "limbs_correct": float(np.mean([all(one.near_limbs) for one in found])),
        }
    named = [(one.parts_common, one.parts_either) for one in found if one.parts_common is not None and one.parts_either is not None]
    if named:
        common, either = (np.sum(counts, axis=0)[1:] for counts in zip(*named, strict=True))
        result["parts_miou"] = float(np.mean(common[either > 0] / either[either > 0]))
    return {name: round(value, 4) for name, value in result.items()}


def synthetic_report(predictor: EmbeddedPredictor, first: int, count: int, out: Path) -> dict[str, Any]:
    """Measures over `count` held-out images, whole and by kind; draws the contact sheet of the worst."""
    outcomes: list[Outcome] = []
    hits: list[tuple[float, bool]] = []
    figures, empty, alarms = 0, 0, 0
    for seed in range(first, first + count):
        sample = drawn_sample(seed, size=IMAGE_SIDE, split="heldout")
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
    worst = sorted(outcomes, key=lambda one: -one.badness)[:WORST]
    _contact_sheet(worst, out / "worst.png")
    errors = np.array([one.errors for one in outcomes if one.errors], float).reshape(-1, len(KEYPOINT_NAMES))
    by_joint = {name: of_one[~np.isnan(of_one)] <= NEAR_SHARE for name, of_one in zip(KEYPOINT_NAMES, errors.T, strict=True)}
    return {
        "pictures": count,
        "ap50": round(average_precision(hits, figures), 4),
        "false_alarms": round(alarms / max(1, empty), 4),
        "pictures_without_figure": empty,
        "all": summary(outcomes),
        "by_part": _by_part(outcomes),
        "by_joint": {name: round(float(near.mean()), 4) for name, near in by_joint.items() if len(near)},
        "by": {name: {kind: summary(ones) for kind, ones in sorted(kinds.items())} for name, kinds in groups.items()},
    }


COLUMNS = {
    "figures": "figures", "found": "found", "pck_limbs": "joints near", "limbs_correct": "all limbs correct", "mask_iou": "mask IoU",
    "parts_miou": "parts mIoU",
}  # fmt: skip
"""Keys of `summary` and the headings of their columns."""


def tables(report: dict[str, Any]) -> str:
    """The report's measures by kind as Markdown, for the model card."""
    lines: list[str] = []
    for name, kinds in report["by"].items():
        lines += ["", f"| {name} | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
        for kind, measures in kinds.items():
            cells = [_cell(column, measures.get(column)) for column in COLUMNS]
            lines.append(f"| {kind.replace('_', ' ')} | {' | '.join(cells)} |")
    return "\n".join(lines).strip() + "\n"


def _cell(column: str, value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if column == "figures" else f"{value:.3f}" if column.endswith("iou") else f"{value:.1%}".replace("%", " %")


def _outcome(
    sample: Sample, seed: int, figure: Any, kinds: dict[str, str], best: Detection | None, overlap: float, predictor: EmbeddedPredictor
) -> Outcome:
    box = np.asarray(figure.box, np.float64)
    x0, y0, x1, y1 = np.clip(box.round().astype(int), 0, (sample.rgb.shape[1], sample.rgb.shape[0]) * 2)
    if best is None:
        part = np.ascontiguousarray(sample.rgb[y0:y1, x0:x1])
        return Outcome(seed, kinds, overlap, 0.0, [], [], [], [], drawn_tile(part, None, None, f"{seed} not found"))
    cut, corner = crop_of(sample.rgb, best.box)
    pose = predictor.pose(cut)
    points, shown = pose.keypoints, mask_in_crop(pose, cut.shape[:2])
    truth = figure.keypoints
    reach = max(box[2] - box[0], box[3] - box[1])
    apart = np.hypot(*(points[:, :2] + corner - (truth[:, :2] + 0.5)).T) / reach
    seen, hidden = truth[:, 2] == VISIBLE, truth[:, 2] == GUESSED
    mask = in_image(shown > FIGURE_PROBABILITY, corner, sample.rgb.shape[:2])
    iou = float((mask & figure.mask).sum() / max(1, (mask | figure.mask).sum()))
    near = apart <= NEAR_SHARE
    limbs = [bool(near[row]) for row in LIMBS if seen[row]]
    wanted = np.column_stack([truth[:, :2] + 0.5 - corner, truth[:, 2]])
    tile = drawn_tile(cut, points, shown, f"{seed} {kinds['style'][:12]} {iou:.2f}", wanted)
    outcome = Outcome(seed, kinds, overlap, iou, near[seen].tolist(), limbs, near[hidden].tolist(), np.where(seen, apart, np.nan).tolist())
    if pose.parts is not None:
        named = in_image(parts_in_crop(pose, cut.shape[:2]), corner, sample.rgb.shape[:2])
        pairs = [(named == part, figure.parts == part) for part in BodyPart]
        outcome.parts_common = np.array([(one & other).sum() for one, other in pairs])
        outcome.parts_either = np.array([(one | other).sum() for one, other in pairs])
    outcome.tile = tile
    return outcome


def _by_part(outcomes: list[Outcome]) -> dict[str, float]:
    """The IoU of each body part over all figures."""
    named = [(one.parts_common, one.parts_either) for one in outcomes if one.parts_common is not None and one.parts_either is not None]
    if not named:
        return {}
    common, either = (np.sum(counts, axis=0) for counts in zip(*named, strict=True))
    return {part.name.lower(): round(float(common[part] / either[part]), 4) for part in BodyPart if part and either[part]}


def _contact_sheet(outcomes: list[Outcome], path: Path) -> None:
    cv2.imwrite(str(path), sheet([one.tile for one in outcomes if one.tile is not None])[:, :, ::-1])


def main() -> None:
    """Measure, write the report, print the main measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=1_000_000)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--empty", type=int, default=0, help="images without a figure, beside those of --count")
    parser.add_argument("--real", type=Path, nargs="*", default=[], help="folders of characters")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    predictor = EmbeddedPredictor(arguments.models)
    report: dict[str, Any] = {}
    if arguments.count:
        report["synthetic"] = synthetic_report(predictor, arguments.first, arguments.count, arguments.out)
        (arguments.out / "tables.md").write_text(tables(report["synthetic"]), encoding="utf-8")
    if arguments.empty:
        report["without_figure"] = alarm_report(predictor, arguments.first, arguments.empty, arguments.out, IMAGE_SIDE)
    if arguments.real:
        report["real"] = real_report(predictor, arguments.real, arguments.out)
    (arguments.out / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(json.dumps({name: part for name, part in report.get("synthetic", {}).items() if name != "by"}, indent=1))
    print(json.dumps(report.get("without_figure", {})))
    print(json.dumps(report.get("real", {}), indent=1))


if __name__ == "__main__":
    main()

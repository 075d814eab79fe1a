"""How often the networks see a figure where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from drawings.sample import drawn_sample, shows_nothing
from views import drawn_tile, edges, sheet

from pipeline.adapters.embedded import EmbeddedPredictor

ALARM_SCORE = 0.3


def alarm_report(predictor: EmbeddedPredictor, first: int, count: int, out: Path, side: int) -> dict[str, Any]:
    """How many of `count` held-out images without a figure raise an alarm; draws those with the highest scores."""
    found: list[tuple[float, np.ndarray]] = []
    seed = first
    while len(found) < count:
        if shows_nothing(seed, split="heldout"):
            rgb = drawn_sample(seed, size=side, split="heldout").rgb
            best = max(predictor.detections(rgb), key=lambda one: one.score, default=None)
            score = best.score if best is not None else 0.0
            image = rgb.copy()
            if best is not None:
                corners = edges(best).astype(int)
                cv2.rectangle(image, tuple(corners[:2].tolist()), tuple(corners[2:].tolist()), (255, 0, 0), 3)
            found.append((score, drawn_tile(image, None, None, f"{seed} {score:.2f}")))
        seed += 1
    found.sort(key=lambda one: -one[0])
    cv2.imwrite(str(out / "alarms.png"), sheet([tile for _, tile in found[:32]])[:, :, ::-1])
    alarms = sum(score > ALARM_SCORE for score, _ in found)
    low, high = wilson_interval(alarms, count)
    return {"pictures": count, "alarms": alarms, "share": round(alarms / count, 4), "likely": [round(low, 4), round(high, 4)]}


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share of which `hits` of `count` are a sample (Wilson 1927)."""
    z, share = 1.96, hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * float(np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))) / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)

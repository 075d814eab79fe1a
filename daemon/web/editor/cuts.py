"""Cut lines: a line that a user draws between a limb and the body decides where the one ends and the other begins.

Each pixel of the figure goes to the nearest bone, along a path that stays in the figure and crosses no line (`pipeline.mesh.geodesic`). A
limb whose bones cross a line begins there. So a line that reaches from outline to outline is exactly the border, and a shorter one is
continued half way between the bones.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from daemon.web.editor.edits import CutLine
from daemon.web.editor.figures import EditableFigure
from pipeline.errors import OptionError
from pipeline.ink.regions import nearest_values
from pipeline.mesh.geodesic import PixelGraph
from pipeline.pose.limb_regions import ARM, LEG, limbs_of
from pipeline.types import Bools, Bytes, Floats, LayerLabel

WORKING_SIDE_PX = 512
"""Labels are found at this size, px of the longer side."""

LINE_PX = 3
"""Width of a line at that size: no path of steps to eight neighbors crosses it."""

SAMPLES = 48
"""Points along each of a limb's two bones."""

ROOT_SHARE = 0.15
"""Share of a limb, from its root, that belongs to the body unless a line says otherwise."""

_LIMBS = {LayerLabel.RIGHT_ARM: (ARM, "right"), LayerLabel.LEFT_ARM: (ARM, "left"), LayerLabel.RIGHT_LEG: (LEG, "right")} | {
    LayerLabel.LEFT_LEG: (LEG, "left")
}


def limb_label(name: str) -> LayerLabel:
    """The label of a limb by its name, such as "left_arm". Raises OptionError."""
    try:
        label = LayerLabel[name.upper()]
    except KeyError:
        label = LayerLabel.NONE
    if label not in _LIMBS:
        raise OptionError(f"limb must be one of {', '.join(one.name.lower() for one in _LIMBS)} (found {name!r})")
    return label


def limb_names(joint_names: Sequence[str]) -> list[str]:
    """Names of the limbs that a rig has, and that can be layers."""
    return [label.name.lower() for label in _LIMBS if _chain(joint_names, label) is not None]


def cut_labels(figure: EditableFigure, labels: Bytes | None, lines: Sequence[CutLine]) -> Bytes:
    """The labels (h, w) uint8 of a figure after cut lines were drawn.

    Args:
        labels: the layers before, of the other limbs; None for a single layer.
        lines: all lines of the limbs that are cut now; their former areas are replaced.
    Raises:
        OptionError: the rig has no such limb, or a limb would get no pixels.
    """
    scale = min(1.0, WORKING_SIDE_PX / max(figure.mask.shape))
    size = (max(1, round(figure.width * scale)), max(1, round(figure.height * scale)))
    mask = np.asarray(cv2.resize(figure.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST), np.bool_)
    barrier = np.zeros(mask.shape, np.uint8)
    for line in lines:
        points = np.rint(np.asarray(line.points, np.float64) * scale).astype(np.int32)
        cv2.polylines(barrier, [points.reshape(-1, 1, 2)], isClosed=False, color=1, thickness=LINE_PX)
    cut = [label for label in _LIMBS if label in {limb_label(line.limb) for line in lines}]
    owner = _owners(figure, mask, barrier > 0, cut, scale)
    whole = cv2.resize(owner, (figure.width, figure.height), interpolation=cv2.INTER_NEAREST)
    whole = nearest_values(whole.astype(np.int32), whole > 0) if (whole > 0).any() else whole
    before = np.where(figure.mask, LayerLabel.BODY if labels is None else labels, LayerLabel.NONE)
    result = np.where(np.isin(before, cut), LayerLabel.BODY, before)
    result = np.where(figure.mask & np.isin(whole, cut), whole, result).astype(np.uint8)
    for label in cut:
        if not (result == label).any():
            name = label.name.lower().replace("_", " ")
            raise OptionError(
                f"this line separates nothing of the {name}", hint="draw it from outline to outline, across or along the limb"
            )
    return result


def _owners(figure: EditableFigure, mask: Bools, barrier: Bools, cut: Sequence[LayerLabel], scale: float) -> Bytes:
    """The label (h, w) uint8 of each pixel of the reduced mask: a limb that is cut, or the body."""
    locations = figure.config.locations * scale
    seeds, owners = [], []
    in_limbs = set()
    for label in cut:
        chain = _chain(figure.config.joint_names, label)
        if chain is None:
            raise OptionError(f"this figure has no {label.name.lower().replace('_', ' ')}")
        in_limbs |= set(chain[1:])
        points = _along(locations[list(chain)])
        begin = _begin(points, barrier)
        seeds.append(points)
        owners.append(np.where(np.arange(len(points)) >= begin, label, LayerLabel.BODY))
    for joint, parent in enumerate(figure.config.parents.tolist()):
        if parent >= 0 and joint not in in_limbs:
            points = _along(locations[[parent, joint]])
            seeds.append(points)
            owners.append(np.full(len(points), LayerLabel.BODY))
    pixels = np.rint(np.concatenate(seeds)).astype(np.int32)
    nearest, _ = PixelGraph(mask & ~barrier).nearest_seeds(pixels)
    values = np.concatenate(owners)
    return np.where(nearest >= 0, values[np.maximum(nearest, 0)], LayerLabel.NONE).astype(np.uint8)


def _begin(points: Floats, barrier: Bools) -> int:
    """Which point of a limb is its first: behind the last line that crosses it, or behind its root."""
    height, width = barrier.shape
    pixels = np.clip(np.rint(points).astype(int), 0, (width - 1, height - 1))
    crossed = np.flatnonzero(barrier[pixels[:, 1], pixels[:, 0]])
    return int(crossed[-1]) + 1 if crossed.size else round(ROOT_SHARE * len(points))


def _along(joints: Floats) -> Floats:
    """Points along bones that follow each other."""
    steps = np.linspace(0.0, 1.0, SAMPLES)[:, None]
    return np.concatenate([first * (1 - steps) + last * steps for first, last in pairwise(joints)])


def _chain(joint_names: Sequence[str], label: LayerLabel) -> tuple[int, ...] | None:
    """Indices of a limb's root, middle and end; None if the rig has no such limb."""
    kind, side = _LIMBS[label]
    wanted = f"{side}_{kind[1]}"
    for limb in limbs_of(tuple(joint_names), kind):
        if joint_names[limb.middle] == wanted:
            return limb.root, limb.middle, limb.end
    return None

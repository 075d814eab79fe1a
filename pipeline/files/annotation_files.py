"""Reader and writer of AnimatedDrawings' annotation folders (etc/doc/file-formats.md, "Annotation folder").

`image.png` (the drawing), `bounding_box.yaml` (where the figure is in it), `texture.png`, `mask.png`, `char_cfg.yaml` and perhaps
`layers.png` (the character), and `joint_overlay.png` (the joints drawn over the crop).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import yaml

from pipeline.errors import OutputFailed
from pipeline.files.character_files import write_character
from pipeline.files.character_names import BOX_NAME, DRAWING_NAME
from pipeline.files.image_files import write_png
from pipeline.files.yaml_files import Section, raise_problems, yaml_mapping
from pipeline.types import AnnotatedFigure, Box, Bytes, Character, Drawing, turn_back

BONE_RGB = (40, 90, 230)
JOINT_RGB = (230, 40, 40)
OUTLINE_RGB = (40, 170, 70)
ENOUGH_FOR_LABELS_PX = 700
OVERLAY_NAME = "joint_overlay.png"
EDGES = ("left", "top", "right", "bottom")


def write_annotations(folder: Path, drawing: Drawing, figure: AnnotatedFigure) -> None:
    """Write the folder. It is created if it is missing; existing files are replaced.

    All files but the overlay have the orientation of `drawing`. Where that is not the figure's, `char_cfg.yaml` holds the turn.

    Raises:
        OutputFailed: the disk refused.
    """
    write_character(figure.character, folder, turn=figure.turn)
    height, width = drawing.rgb.shape[:2]
    upright = (width, height) if figure.turn in {0, 180} else (height, width)
    write_box(folder / BOX_NAME, figure.annotation.box.turned(turn_back(figure.turn), width=upright[0], height=upright[1]))
    write_png(folder / DRAWING_NAME, drawing.rgb if drawing.alpha is None else np.dstack([drawing.rgb, drawing.alpha]))
    write_png(folder / OVERLAY_NAME, joint_overlay(figure.character))


def write_box(path: Path, box: Box) -> None:
    """Write a figure's bounding_box.yaml, in whole px. Raises OutputFailed."""
    try:
        path.write_text(yaml.safe_dump({edge: round(getattr(box, edge)) for edge in EDGES}), encoding="utf-8")
    except OSError as error:
        raise OutputFailed(f"the box can't be written: {error.strerror or error}", path=path) from error


def read_box(path: Path) -> Box:
    """Read a figure's bounding_box.yaml.

    Raises:
        ConfigError: with all problems of the file.
    """
    problems: list[str] = []
    fields = Section(yaml_mapping(path), problems)
    box = Box(*(fields.number(edge) for edge in EDGES))
    if not problems and (box.width < 1 or box.height < 1):
        problems.append(f"expected left below right and top below bottom, found {box.left:g}, {box.top:g}, {box.right:g}, {box.bottom:g}")
    raise_problems(path, problems)
    return box


def joint_overlay(character: Character) -> Bytes:
    """The crop (h, w, 3) uint8 with the mask's outline, bones and joint names drawn over it, enlarged if it is small."""
    height, width = character.mask.shape
    zoom = max(1, round(ENOUGH_FOR_LABELS_PX / max(height, width)))
    image = cv2.resize(character.rgb, (width * zoom, height * zoom), interpolation=cv2.INTER_LINEAR)
    outlines, _ = cv2.findContours(character.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.polylines(image, [outline * zoom for outline in outlines], isClosed=True, color=OUTLINE_RGB, thickness=1)
    at = [(round(x), round(y)) for x, y in character.joints_px() * zoom]
    for joint, parent in enumerate(character.rig.parents.tolist()):
        if parent >= 0:
            cv2.line(image, at[parent], at[joint], BONE_RGB, 2, cv2.LINE_AA)
    for name, point in zip(character.rig.joint_names, at, strict=True):
        cv2.circle(image, point, 4, JOINT_RGB, -1, cv2.LINE_AA)
        cv2.putText(image, name, (point[0] + 6, point[1] - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, JOINT_RGB, 1, cv2.LINE_AA)
    return np.asarray(image, np.uint8)

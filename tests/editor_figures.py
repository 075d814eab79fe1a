"""Figures for the tests of the editor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from daemon.web.editor.edits import FigureSource
from pipeline.files.annotation_files import write_box
from pipeline.files.character_files import write_character
from pipeline.files.image_files import write_png
from pipeline.pose.limb_labels import derived_labels
from pipeline.types import Box
from tests.drawn_person import person

MARGIN = 30


def write_person(folder: Path, *, arms: str = "at the side", with_drawing: bool = False) -> FigureSource:
    """Write a person's folder with its layers, and optionally the drawing that it was cut out of, with a margin around it."""
    character = person(arms=arms)
    write_character(replace(character, layer_labels=derived_labels(character)), folder)
    if with_drawing:
        drawing = np.pad(character.rgba, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), constant_values=255)
        write_png(folder / "image.png", drawing)
        height, width = character.mask.shape
        write_box(folder / "bounding_box.yaml", Box(MARGIN, MARGIN, MARGIN + width, MARGIN + height))
    return FigureSource(folder, folder / "image.png" if with_drawing else None, folder.name)

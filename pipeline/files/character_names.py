"""File names in character and annotation folders, apart from `character_files`, whose imports (OpenCV, Pillow, YAML) take longer."""

from __future__ import annotations

from typing import Final

CONFIG_NAME: Final = "char_cfg.yaml"
LAYERS_NAME: Final = "layers.png"
MASK_NAME: Final = "mask.png"
TEXTURE_NAME: Final = "texture.png"
DRAWING_NAME: Final = "image.png"
BOX_NAME: Final = "bounding_box.yaml"
"""Of the drawing that a figure was cut out of, and of the box in it; only in annotation folders."""


def figure_folder(number: int) -> str:
    """Name of the folder of one of several figures of a drawing; they count from 1."""
    return f"figure_{number}"

"""Names of the files in a character folder, apart from `character_files`, whose imports (OpenCV, Pillow, YAML) take longer."""

from __future__ import annotations

from typing import Final

CONFIG_NAME: Final = "char_cfg.yaml"
LAYERS_NAME: Final = "layers.png"
MASK_NAME: Final = "mask.png"
TEXTURE_NAME: Final = "texture.png"

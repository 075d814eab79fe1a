"""Draws the sample characters: a folder each, in AnimatedDrawings' layout, beside this script.

    python etc/characters/draw_characters.py

The images are kept in the repository, so that this need not be run.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent / "author"))

from sketches import SKETCHES, Sketch

COLORS = 128
"""How many colors an image is reduced to: paper grain is most of a PNG's bytes."""

LIMB = ("shoulder", "elbow", "hand", "hip", "knee", "foot")
PARENT_OF = {"shoulder": "torso", "hip": "root"}


def configuration(sketch: Sketch) -> dict[str, object]:
    """The contents of char_cfg.yaml."""
    joints = [("root", sketch.hip, None), ("hip", sketch.hip, "root"), ("torso", sketch.torso, "hip"), ("neck", sketch.neck, "torso")]
    for parts in (LIMB[:3], LIMB[3:]):
        for side, places in (("right", sketch.right), ("left", sketch.left)):
            for part in parts:
                index = LIMB.index(part)
                joints.append((f"{side}_{part}", places[index], PARENT_OF.get(part) or f"{side}_{LIMB[index - 1]}"))
    skeleton = [{"loc": [round(x), round(y)], "name": name, "parent": parent} for name, (x, y), parent in joints]
    return {"height": sketch.sheet.height, "skeleton": skeleton, "width": sketch.sheet.width}


def texture(sketch: Sketch) -> Image.Image:
    """The drawing with its paper, as an opaque RGBA image of few colors."""
    image = Image.fromarray(sketch.sheet.image())
    few = image.quantize(COLORS, Image.Quantize.MEDIANCUT, kmeans=4, dither=Image.Dither.NONE).convert("RGB")
    return few.convert("RGBA")


def write(folder: Path) -> None:
    """Draw every character into its own folder below `folder`."""
    for name, draw in SKETCHES.items():
        sketch = draw()
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        texture(sketch).save(place / "texture.png", optimize=True)
        Image.fromarray(np.asarray(sketch.sheet.cut_out())).save(place / "mask.png", optimize=True)
        (place / "char_cfg.yaml").write_text(yaml.safe_dump(configuration(sketch)), encoding="ascii")
        print(f"{name}: {sum(path.stat().st_size for path in place.iterdir()) / 1e3:.0f} kB")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)

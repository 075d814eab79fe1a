"""Reader and writer of images that belong to a character folder or a scene, in any pixel format.

Photographs of drawings are untrusted input and are decoded by `pipeline.adapters.reading`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from pipeline.errors import FileProblems, OutputFailed
from pipeline.types import Bools, Bytes

MAX_PIXELS = 64_000_000
MASK_LEVEL = 128
FAST_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)
"""OpenCV's parameters for PNGs. With a level alone it tries five filters for each row: twice the time, and files within 4 % of the size."""

# Pillow supports more formats; it would run Ghostscript on a PostScript file with any suffix, which is an untrusted program.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "TGA")


def read_rgba(path: Path, *, upright: bool = False) -> Bytes:
    """Read an image as (h, w, 4) uint8 with straight alpha; gray, palette, RGB, CMYK and 16-bit images are converted.

    `upright` applies the EXIF orientation.

    Raises:
        FileProblems: the image is missing, damaged or too big.
    """
    return np.array(_eight_bits(_open_image(path, upright=upright)).convert("RGBA"), dtype=np.uint8)


def read_rgba_with_texts(path: Path) -> tuple[Bytes, dict[str, str]]:
    """As `read_rgba`, and the texts that a PNG holds, by keyword.

    Raises:
        FileProblems: the image is missing, damaged or too big.
    """
    image = _open_image(path)
    texts = {key: value for key, value in image.info.items() if isinstance(key, str) and isinstance(value, str)}
    return np.array(_eight_bits(image).convert("RGBA"), dtype=np.uint8), texts


def read_mask(path: Path) -> Bools:
    """Read a mask (h, w) bool: pixels at level 128 or more (etc/doc/algorithm.md, "Mesh").

    Transparent pixels are outside. A mask saved as 0 and 1 instead of 0 and 255 is accepted.

    Raises:
        FileProblems: the image is missing, damaged or too big.
    """
    image = _eight_bits(_open_image(path))
    gray = np.array(image.convert("RGBA").convert("L"), dtype=np.uint8)
    inside: Bools = gray >= (MASK_LEVEL if gray.max(initial=0) > 1 else 1)
    if image.has_transparency_data:
        inside &= np.array(image.convert("RGBA").getchannel("A"), dtype=np.uint8) >= MASK_LEVEL
    return inside


def write_png(path: Path, pixels: Bytes) -> None:
    """Write (h, w) gray, (h, w, 3) RGB or (h, w, 4) RGBA uint8 as PNG, optimized for speed.

    Raises:
        OutputFailed: the disk refused.
    """
    order = {2: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[pixels.ndim if pixels.ndim == 2 else pixels.shape[2]]
    stored = pixels if order is None else cv2.cvtColor(pixels, order)
    _, encoded = cv2.imencode(".png", stored, FAST_PNG)
    _write(path, encoded.tobytes())


def write_palette_png(path: Path, indices: Bytes, colors: Sequence[tuple[int, int, int]], texts: Mapping[str, str]) -> None:
    """Write (h, w) uint8 indices of `colors` as a PNG with a palette, and texts by keyword.

    Raises:
        OutputFailed: the disk refused.
    """
    image, stored = Image.fromarray(indices, "L"), PngInfo()
    image.putpalette(bytes(level for color in colors for level in color))
    for keyword, text in texts.items():
        stored.add_text(keyword, text)
    encoded = io.BytesIO()
    image.save(encoded, "PNG", pnginfo=stored)
    _write(path, encoded.getvalue())


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OutputFailed(f"the image can't be written: {error.strerror or error}", path=path) from error


def _open_image(path: Path, *, upright: bool = False) -> Image.Image:
    try:
        with Image.open(path, formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise FileProblems(path, [f"the image is too big: expected at most {MAX_PIXELS} pixels, found {image.size}"])
            image.load()
            return ImageOps.exif_transpose(image) if upright else image
    except FileNotFoundError as error:
        raise FileProblems(path, ["the image is missing"]) from error
    except Image.DecompressionBombError as error:
        raise FileProblems(path, [f"the image is too big: expected at most {MAX_PIXELS} pixels"]) from error
    except (OSError, ValueError, SyntaxError) as error:  # what Pillow's decoders raise on damaged files
        raise FileProblems(path, [f"the image can't be read: {error}"]) from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit gray to 8 bits; Pillow would clip it."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.array(image, dtype=np.float64)
    scale = 257.0 if values.max(initial=0) > 255 else 1.0
    return Image.fromarray(np.clip(values / scale, 0, 255).astype(np.uint8))

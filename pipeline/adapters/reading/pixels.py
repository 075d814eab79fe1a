"""Conversion of decoded images of any Pillow mode to 8-bit sRGB and alpha at the working size.

Handles Pillow's modes and color profiles. Works in strips, so that a large image is not held twice; averages with premultiplied alpha
(Pillow does), so that hidden colors of transparent pixels don't bleed into visible ones.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from pipeline.stages.decode import byte_samples, reduced_size, scale_to_bytes
from pipeline.types import Bytes
from pipeline.types.decode_limits import integer_reduction

_STRIP_PIXELS = 4_000_000
_CONVERTERS = 2
_WITH_ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}
_PLAIN = {"L", "LA", "RGB", "RGBA", "CMYK", "LAB"}
"""Modes that can be averaged without conversion."""
_MIDDLE, _ALMOST = 128, 16
"""A middle gray, and the difference in levels that sRGB profiles of different makers may show for it."""
_PROFILE_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}


def working_copy(image: Image.Image, working_side: int, *, bits: int | None = None, inverted: bool = False) -> Image.Image:
    """Reduced copy of a loaded `image` in mode L, LA, RGB, RGBA, CMYK or LAB, its longer side at most `working_side` px.

    Args:
        bits: depth of a 16-bit mode's samples, if fewer than 16 are used.
        inverted: zero is white.
    """
    factor = integer_reduction(max(image.size), working_side)
    scale = _scale(image, bits)
    rows = max(1, _STRIP_PIXELS // image.width // factor) * factor
    strips = [
        _averaged(_plain(image.crop((0, top, image.width, min(top + rows, image.height))), scale, inverted=inverted), factor)
        for top in range(0, image.height, rows)
    ]
    whole = _stacked(strips)
    size = reduced_size(*whole.size, working_side)
    return whole if size == whole.size else whole.resize(size, Image.Resampling.HAMMING, reducing_gap=2.0)


def rgb_and_alpha(image: Image.Image, profile: bytes | None) -> tuple[Bytes, Bytes | None, str]:
    """(H, W, 3) uint8 sRGB, (H, W) uint8 straight alpha or None, and a note about the color profile or "".

    Args:
        image: from `working_copy`.
        profile: ICC profile; a damaged or unsuitable one is ignored.
    """
    alpha = np.array(image.getchannel("A"), dtype=np.uint8) if image.mode in _WITH_ALPHA else None
    colors = image.convert("RGB" if image.mode == "RGBA" else "L") if alpha is not None else image
    strips, note = _by_profile(colors, profile) if profile else ([], "")
    if not strips:
        strips = [_lab_to_srgb(colors) if colors.mode == "LAB" else colors if colors.mode == "RGB" else colors.convert("RGB")]
    return np.concatenate([np.asarray(strip, dtype=np.uint8) for strip in strips]), alpha, note


def _scale(image: Image.Image, bits: int | None) -> float:
    """Divisor for the samples; 1 for all 8-bit modes."""
    if image.mode.startswith("I;16"):
        return scale_to_bytes(0, 0, is_float=False, bits=bits or 16)
    if image.mode in {"I", "F"}:
        lowest, highest = _range(image)
        return scale_to_bytes(lowest, highest, is_float=image.mode == "F")
    return 1.0


def _range(image: Image.Image) -> tuple[float, float]:
    samples = np.asarray(image)
    finite = samples[np.isfinite(samples)] if image.mode == "F" else samples
    return float(finite.min(initial=0)), float(finite.max(initial=0))


def _averaged(strip: Image.Image, factor: int) -> Image.Image:
    """The strip with blocks of pixels averaged; the strip itself where Pillow would only copy it."""
    return strip.reduce(factor) if factor > 1 else strip


def _plain(strip: Image.Image, scale: float, *, inverted: bool) -> Image.Image:
    if strip.mode.startswith("I") or strip.mode == "F":
        return _from_deep(strip, scale, inverted=inverted)
    if strip.mode in {"P", "PA"} or "transparency" in strip.info:
        return _from_keyed(strip)
    if strip.mode in _PLAIN:
        return strip
    return strip.convert({"1": "L", "La": "LA", "RGBa": "RGBA"}.get(strip.mode, "RGB"))


def _from_deep(strip: Image.Image, scale: float, *, inverted: bool) -> Image.Image:
    samples: NDArray[Any] = np.asarray(strip)
    if strip.mode.startswith("I;16"):
        levels = byte_samples(np.arange(2**16, dtype=np.float64), scale, inverted=inverted)[samples]
    else:
        levels = byte_samples(samples.astype(np.float64), scale, inverted=inverted)
    gray = Image.fromarray(levels)
    key = strip.info.get("transparency")
    if isinstance(key, int):
        gray.putalpha(Image.fromarray(np.where(samples == key, np.uint8(0), np.uint8(255))))
    return gray


def _from_keyed(strip: Image.Image) -> Image.Image:
    """Resolve the palette, and turn a transparent color into alpha; colors must not be averaged before that."""
    key = strip.info.get("transparency")
    if strip.mode == "P" and key is None:
        return strip.convert("RGB")
    if isinstance(key, tuple) and max(key) > 255:  # of a 16-bit image: Pillow reduces the samples to 8 bits, but not the key
        strip.info["transparency"] = tuple(level >> 8 for level in key)
    return strip.convert("RGBA")


def _stacked(strips: list[Image.Image]) -> Image.Image:
    if len(strips) == 1:
        return strips[0]
    whole = Image.new(strips[0].mode, (strips[0].width, sum(strip.height for strip in strips)))
    top = 0
    for strip in strips:
        whole.paste(strip, (0, top))
        top += strip.height
    return whole


def _by_profile(colors: Image.Image, profile: bytes) -> tuple[list[Image.Image], str]:
    """The image in sRGB, in strips from top to bottom, and a note; no strips if it is sRGB already or the profile is of no use."""
    try:
        embedded = ImageCms.ImageCmsProfile(BytesIO(profile))
        if _is_srgb(embedded):
            return [], ""
        if colors.mode == "L" and embedded.profile.xcolor_space.strip() == "RGB":
            colors = colors.convert("RGB")
        if embedded.profile.xcolor_space.strip() != _PROFILE_SPACES[colors.mode]:
            return [], "its color profile does not fit its pixels and was ignored"
        transform = ImageCms.buildTransform(embedded, ImageCms.createProfile("sRGB"), colors.mode, "RGB")
        with ThreadPoolExecutor(_CONVERTERS) as pool:  # half the time: littleCMS converts without Python's lock
            converted = list(pool.map(transform.apply, _strips(colors)))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return [], "its color profile is damaged and was ignored"
    return converted, "its colors were converted to sRGB"


def _strips(image: Image.Image) -> list[Image.Image]:
    """Equal shares of an image for the threads that convert it."""
    rows = -(-image.height // _CONVERTERS)
    return [image.crop((0, top, image.width, min(top + rows, image.height))) for top in range(0, image.height, rows)]


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether the profile is named sRGB and keeps a middle gray: GIMP's "Linear sRGB" only has the same primaries."""
    if "sRGB" not in (profile.profile.profile_description or "") or profile.profile.xcolor_space.strip() != "RGB":
        return False
    gray = Image.new("RGB", (1, 1), (_MIDDLE, _MIDDLE, _MIDDLE))
    converted = ImageCms.profileToProfile(gray, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return converted is not None and bool((np.abs(np.asarray(converted, np.int32) - _MIDDLE) <= _ALMOST).all())


def _lab_to_srgb(colors: Image.Image) -> Image.Image:
    converted = ImageCms.profileToProfile(colors, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB")
    return colors.convert("RGB") if converted is None else converted

"""LZW compression of GIF images through Pillow's C encoder.

Pillow has no public call for a GIF's image data alone, and saving to memory holds the GIL. Saving to a real file descriptor releases
it, so this module saves a complete small GIF to an anonymous memory file and cuts out the image data, after checking its structure.
Measured on char1 + dab (339 crops of about 250 x 250): 0.21 s on one thread, 0.14 s on two.

Format: GIF89a specification, sections 18 to 22 and appendix F.
"""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from pipeline.types import Bytes

_TWO_COLORS = bytes(6)
_HEADER_LENGTH = 13
_IMAGE_SEPARATOR = 0x2C
_DESCRIPTOR_LENGTH = 10
_TRAILER = b"\x3b"


def image_data(indices: Bytes) -> bytes:
    """Minimum code size, data sub-blocks and terminator for indices (h, w) uint8, h and w at least 1.

    The minimum code size is always 8: Pillow supports no other, and it costs 3 % at 31 colors.
    """
    height, width = indices.shape
    image = Image.frombuffer("P", (width, height), np.ascontiguousarray(indices), "raw", "P", 0, 1)
    image.putpalette(_TWO_COLORS)
    with open(os.memfd_create("gif"), "w+b", buffering=0) as file:  # noqa: PTH123  a descriptor has no path
        image.save(file, "GIF", optimize=False, interlace=0)
        file.seek(0)
        whole = file.read()
    start = _image_data_start(whole)
    if not whole.endswith(b"\0" + _TRAILER):
        raise ValueError("Pillow's GIF does not end with a terminator and a trailer")
    return whole[start : -len(_TRAILER)]


def _image_data_start(gif: bytes) -> int:
    """Offset of the minimum code size in a GIF of one image without extensions."""
    flags = gif[10]
    table = 3 << (flags & 7) + 1 if flags & 0x80 else 0
    descriptor = _HEADER_LENGTH + table
    if gif[descriptor] != _IMAGE_SEPARATOR or gif[descriptor + _DESCRIPTOR_LENGTH - 1] != 0:
        raise ValueError("Pillow's GIF does not have a plain image descriptor after its color table")
    return descriptor + _DESCRIPTOR_LENGTH

"""Images of every format, mode and oddity, made in code. One scene throughout: four quarters of different colors, 64 x 48 px."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any

import cv2
import numpy as np
import pillow_heif
from PIL import Image, ImageCms

WIDTH, HEIGHT = 64, 48
RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 200, 40), (40, 50, 210), (230, 220, 40)
QUARTERS = {"top left": RED, "top right": GREEN, "bottom left": BLUE, "bottom right": YELLOW}

_STORED_BY = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What a camera does to the upright scene before it writes that EXIF orientation."""


def scene(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    pixels = np.empty((height, width, 3), np.uint8)
    top, left = slice(None, height // 2), slice(None, width // 2)
    bottom, right = slice(height // 2, None), slice(width // 2, None)
    pixels[top, left], pixels[top, right], pixels[bottom, left], pixels[bottom, right] = RED, GREEN, BLUE, YELLOW
    return Image.fromarray(pixels)


def quarters(rgb: np.ndarray) -> dict[str, tuple[int, ...]]:
    """The color in the middle of each quarter of (H, W, 3)."""
    height, width = rgb.shape[:2]
    y, x = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    spots = {"top left": (y[0], x[0]), "top right": (y[0], x[1]), "bottom left": (y[1], x[0]), "bottom right": (y[1], x[1])}
    return {name: tuple(int(level) for level in rgb[spot]) for name, spot in spots.items()}


def ramp() -> np.ndarray:
    """(48, 64) float 0..1, brighter to the right."""
    return np.tile(np.linspace(0, 1, WIDTH), (HEIGHT, 1))


def half_transparent() -> Image.Image:
    """The scene, its left half transparent, over a color that must not be seen."""
    image = scene().convert("RGBA")
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[:, WIDTH // 2 :] = 255
    image.putalpha(Image.fromarray(alpha))
    return image


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    held = io.BytesIO()
    if file_format == "HEIF":
        heif = pillow_heif.from_pillow(image)
        heif.save(held, **{"quality": 90, "chroma": 444, **options})
    else:
        image.save(held, file_format, **options)
    return held.getvalue()


def exif_block(orientation: int, *, order: str = "<") -> bytes:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0" + mark + struct.pack(order + "IH", 8, 1) + entry + bytes(4)


def photographed(file_format: str, orientation: int, *, order: str = "<") -> bytes:
    """The scene as a camera held in that way stores it."""
    turn = _STORED_BY[orientation]
    stored = scene() if turn is None else scene().transpose(turn)
    options: dict[str, Any] = {"exif": exif_block(orientation, order=order)}
    if file_format == "TIFF":
        options = {"tiffinfo": {0x0112: orientation}}
    elif file_format == "WEBP":
        options["lossless"] = True
    elif file_format == "JPEG":
        options["quality"] = 95
    return saved(stored, file_format, **options)


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, *, bits: int, color: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG by hand; `rows` with their filter bytes; `extra` chunks go before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    pixels = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + extra + pixels + png_chunk(b"IEND", b"")


def png_rows(samples: np.ndarray) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in samples)


def tiff(tags: dict[int, tuple[str, tuple[int, ...]]], pixels: bytes, *, order: str = "<") -> bytes:
    """A TIFF of one strip by hand; `tags` number -> ("H" or "I", values)."""
    tags = {273: ("I", (8,)), 279: ("I", (len(pixels),)), **tags}
    start = 8 + len(pixels) + len(pixels) % 2
    directory, beyond = struct.pack(order + "H", len(tags)), b""
    far = start + 2 + 12 * len(tags) + 4
    for tag, (letter, values) in sorted(tags.items()):
        held = struct.pack(f"{order}{len(values)}{letter}", *values)
        directory += struct.pack(order + "HHI", tag, {"H": 3, "I": 4}[letter], len(values))
        directory += held.ljust(4, b"\0") if len(held) <= 4 else struct.pack(order + "I", far + len(beyond))
        beyond += held if len(held) > 4 else b""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "I", start) + pixels.ljust(start - 8, b"\0") + directory + bytes(4) + beyond


def tiff_of(samples: np.ndarray, *, order: str = "<", **odd: tuple[str, tuple[int, ...]]) -> bytes:
    """(H, W) or (H, W, C) samples of 16 bits as a TIFF; `odd` tags by name replace the usual ones."""
    height, width, *rest = samples.shape
    channels = rest[0] if rest else 1
    tags = {
        "width": (256, ("I", (width,))),
        "height": (257, ("I", (height,))),
        "bits": (258, ("H", (samples.itemsize * 8,) * channels)),
        "compression": (259, ("H", (1,))),
        "photometric": (262, ("H", (2 if channels == 3 else 1,))),
        "channels": (277, ("H", (channels,))),
        "rows": (278, ("I", (height,))),
    }
    chosen = {number: odd.get(name, usual) for name, (number, usual) in tags.items()}
    return tiff(chosen, samples.astype(samples.dtype.newbyteorder("<" if order == "<" else ">")).tobytes(), order=order)


def ycck_jpeg() -> bytes:
    """The scene as Photoshop writes it: Adobe's marker, inverted, luma and chroma instead of CMY."""
    luma = np.asarray(scene().convert("YCbCr"))
    planes = np.dstack([luma, np.zeros(luma.shape[:2], np.uint8)])
    stored = bytearray(saved(Image.fromarray(planes, "CMYK"), "JPEG", quality=95))
    stored[stored.index(b"Adobe") + 11] = 2
    return bytes(stored)


def swapped_profile(called: str = "line") -> bytes:
    """An RGB profile other than sRGB: the same primaries, but linear light. `called` has four letters."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    linear = b"curv" + bytes(4) + struct.pack(">I", 0)
    offsets = {struct.unpack(">4sII", profile[132 + 12 * n : 144 + 12 * n]) for n in range(struct.unpack(">I", profile[128:132])[0])}
    changed = bytearray(profile)
    for name, offset, _length in offsets:
        if name in {b"rTRC", b"gTRC", b"bTRC"}:
            changed[offset : offset + len(linear)] = linear
    return bytes(changed).replace("sRGB".encode("utf-16-be"), called.encode("utf-16-be"))


@cache
def samples() -> dict[str, bytes]:
    """File name -> bytes, all of them readable."""
    rgb, clear = scene(), half_transparent()
    deep = (ramp() * 65535).astype(np.uint16)
    deep_rgb = np.asarray(rgb).astype(np.uint16) * 257
    gray = Image.fromarray((ramp() * 255).astype(np.uint8))
    spare = Image.new("RGB", rgb.size, "black")
    moving: dict[str, Any] = {"save_all": True, "append_images": [spare]}
    palette = rgb.quantize(8)
    return {
        "rgb.png": saved(rgb, "PNG"),
        "rgba.png": saved(clear, "PNG"),
        "gray.png": saved(gray, "PNG"),
        "gray_alpha.png": saved(clear.convert("LA"), "PNG"),
        "one_bit.png": saved(gray.point(lambda level: 255 * (level > 127)).convert("1"), "PNG"),
        "palette.png": saved(palette, "PNG"),
        "palette_key.png": saved(palette, "PNG", transparency=palette.getpixel((1, 1))),
        "palette_alphas.png": saved(palette, "PNG", transparency=bytes([0, 255, 128, 255, 255, 255, 255, 255])),
        "rgb_key.png": saved(rgb, "PNG", transparency=RED),
        "gray16.png": saved(Image.fromarray(deep), "PNG"),
        "gray16_key.png": png(
            WIDTH, HEIGHT, bits=16, color=0, rows=png_rows(deep.astype(">u2")), extra=png_chunk(b"tRNS", struct.pack(">H", 0))
        ),
        "rgb16.png": cv2.imencode(".png", deep_rgb[..., ::-1])[1].tobytes(),
        "rgb16_key.png": png(
            WIDTH,
            HEIGHT,
            bits=16,
            color=2,
            rows=png_rows(deep_rgb.astype(">u2")),
            extra=png_chunk(b"tRNS", struct.pack(">HHH", *(257 * level for level in RED))),
        ),
        "moving.png": saved(rgb, "PNG", **moving),
        "profile.png": saved(rgb, "PNG", icc_profile=swapped_profile()),
        "rgb.jpg": saved(rgb, "JPEG", quality=95),
        "gray.jpg": saved(gray, "JPEG"),
        "cmyk.jpg": saved(rgb.convert("CMYK"), "JPEG", quality=95),
        "ycck.jpg": ycck_jpeg(),
        "progressive.jpg": saved(rgb, "JPEG", quality=95, progressive=True),
        "turned.jpg": photographed("JPEG", 6),
        "big.jpg": saved(scene(700, 500), "JPEG", quality=90),
        "lossy.webp": saved(rgb, "WEBP", quality=95),
        "lossless.webp": saved(clear, "WEBP", lossless=True),
        "moving.webp": saved(rgb, "WEBP", lossless=True, **moving),
        "turned.webp": photographed("WEBP", 6),
        "rgb.heic": saved(rgb, "HEIF"),
        "rgba.heic": saved(clear, "HEIF", quality=-1),
        "gray.heic": saved(gray, "HEIF"),
        "turned.heic": photographed("HEIF", 6),
        "grid.heic": saved(scene(256, 192), "HEIF", tile_size=128),
        "rgb.tif": saved(rgb, "TIFF"),
        "lzw.tif": saved(clear, "TIFF", compression="tiff_lzw"),
        "deflate.tif": saved(rgb, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tif": saved(rgb, "TIFF", compression="jpeg", quality=95),
        "fax.tif": saved(gray.convert("1"), "TIFF", compression="group4"),
        "palette.tif": saved(palette, "TIFF"),
        "cmyk.tif": saved(rgb.convert("CMYK"), "TIFF"),
        "lab.tif": saved(lab(), "TIFF"),
        "gray16.tif": tiff_of(deep),
        "gray16_mm.tif": tiff_of(deep, order=">"),
        "gray16_white_is_zero.tif": tiff_of(65535 - deep, photometric=("H", (0,))),
        "rgb16.tif": tiff_of(deep_rgb),
        "float.tif": saved(Image.fromarray(ramp().astype(np.float32)), "TIFF"),
        "pages.tif": saved(rgb, "TIFF", **moving),
        "turned.tif": photographed("TIFF", 6),
        "rgb.bmp": saved(rgb, "BMP"),
        "palette.bmp": saved(palette, "BMP"),
        "one_bit.bmp": saved(gray.convert("1"), "BMP"),
        "rgba.bmp": saved(clear, "BMP"),
        "still.gif": saved(palette, "GIF"),
        "moving.gif": saved(rgb, "GIF", **moving),
        "clear.gif": saved(clear, "GIF"),
    }


def lab() -> Image.Image:
    converted = ImageCms.profileToProfile(scene(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")
    if converted is None:
        message = "no image came back"
        raise TypeError(message)
    return converted

"""Untrusted images: each has the right outcome."""

from __future__ import annotations

import ast
import builtins
import importlib
import io
import os
import struct
import threading
import zlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from pipeline.adapters.reading import codecs, pixels
from pipeline.adapters.reading.image_kinds import ImageKind, kind_of
from pipeline.adapters.reading.image_reader import DEFAULT_LIMITS, FOREIGN_ERRORS, decode_drawing, read_drawing
from pipeline.errors import DecodeError, DecodeReason
from pipeline.types import Drawing
from pipeline.types.decode_limits import DecodeLimits
from tests.unit.adapters.reading import image_corpus as corpus

WHITE = (255, 255, 255)
LOSSY = 10
SAMPLES = corpus.samples()
COLORED = [
    *("rgb.png", "palette.png", "rgb16.png", "moving.png", "rgb.jpg", "cmyk.jpg", "ycck.jpg", "progressive.jpg", "turned.jpg"),
    *("big.jpg", "lossy.webp", "moving.webp", "turned.webp", "rgb.heic", "turned.heic", "grid.heic", "rgb.tif", "deflate.tif", "jpeg.tif"),
    *("palette.tif", "cmyk.tif", "lab.tif", "rgb16.tif", "pages.tif", "turned.tif", "rgb.bmp", "palette.bmp", "rgba.bmp"),
    *("still.gif", "moving.gif"),
]
RAMPS = ["gray.png", "gray16.png", "gray.jpg", "gray.heic", "gray16.tif", "gray16_mm.tif", "gray16_white_is_zero.tif", "float.tif"]
HALF_CLEAR = ["rgba.png", "lossless.webp", "rgba.heic", "lzw.tif", "clear.gif"]
KEYED_RED = ["palette_key.png", "rgb_key.png", "rgb16_key.png"]


def drawing_of(name: str, source: bytes | None = None, limits: DecodeLimits = DEFAULT_LIMITS) -> Drawing:
    return decode_drawing(SAMPLES[name] if source is None else source, name=name, limits=limits)


def refusal(source: bytes, name: str = "drawing.png", limits: DecodeLimits = DEFAULT_LIMITS) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        decode_drawing(source, name=name, limits=limits)
    assert name in str(caught.value)
    assert caught.value.hint
    return caught.value


def assert_scene(drawing: Drawing, *, besides: dict[str, tuple[int, ...]] | None = None) -> None:
    wanted = corpus.QUARTERS | (besides or {})
    found = corpus.quarters(drawing.rgb)
    assert {name: np.abs(np.subtract(found[name], wanted[name])).max() <= LOSSY for name in wanted} == dict.fromkeys(wanted, True), found


# --- formats and modes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COLORED)
def test_colors_come_out_as_they_went_in(name: str) -> None:
    drawing = drawing_of(name)
    assert_scene(drawing)
    assert drawing.alpha is None


@pytest.mark.parametrize("name", RAMPS)
def test_grays_of_any_depth_keep_black_white_and_levels_between(name: str) -> None:
    drawing = drawing_of(name)
    assert np.abs(drawing.rgb[..., 0] - corpus.ramp() * 255).max() <= LOSSY
    assert np.ptp(drawing.rgb.astype(int), axis=2).max() == 0


def test_twelve_bits_in_sixteen_are_not_taken_for_a_dark_image() -> None:
    packed = np.repeat(np.array([[0xFF, 0xFF, 0xFF]], np.uint8), 32 * 32 // 2, axis=0).reshape(32, -1)
    source = corpus.tiff_of(packed, width=(("I"), (32,)), bits=("H", (12,)))
    assert drawing_of("twelve.tif", source).rgb.min() == 255


@pytest.mark.parametrize("name", ["one_bit.png", "fax.tif", "one_bit.bmp"])
def test_one_bit_images_are_black_and_white(name: str) -> None:
    drawing = drawing_of(name)
    assert set(np.unique(drawing.rgb)) == {0, 255}
    assert drawing.rgb[:, :8].mean() < drawing.rgb[:, -8:].mean()


@pytest.mark.parametrize("name", HALF_CLEAR)
def test_alpha_is_kept_and_what_it_hides_is_white(name: str) -> None:
    drawing = drawing_of(name)
    assert drawing.alpha is not None
    assert drawing.alpha[:, :30].max() == 0
    assert drawing.alpha[:, 34:].min() == 255
    assert_scene(drawing, besides={"top left": WHITE, "bottom left": WHITE})


@pytest.mark.parametrize("name", KEYED_RED)
def test_a_transparent_color_becomes_alpha(name: str) -> None:
    drawing = drawing_of(name)
    assert drawing.alpha is not None
    assert drawing.alpha[:20, :28].max() == 0
    assert drawing.alpha[28:].min() == 255
    assert_scene(drawing, besides={"top left": WHITE})


def test_a_palette_with_an_alpha_a_color_is_looked_up() -> None:
    drawing = drawing_of("palette_alphas.png")
    assert drawing.alpha is not None
    assert set(np.unique(drawing.alpha)) == {0, 128, 255}


def test_gray_with_alpha_and_with_a_transparent_level() -> None:
    assert drawing_of("gray_alpha.png").alpha is not None
    deep = drawing_of("gray16_key.png")
    assert deep.alpha is not None
    assert (deep.alpha == 0).any(axis=0).tolist() == [True] + [False] * 63


@pytest.mark.parametrize("level", [0, 255])
def test_a_uniform_alpha_is_dropped(level: int) -> None:
    image = corpus.scene().convert("RGBA")
    image.putalpha(level)
    drawing = drawing_of("flat.png", corpus.saved(image, "PNG"))
    assert drawing.alpha is None
    assert_scene(drawing)
    assert bool(drawing.notes) == (level == 0)


def test_a_hidden_color_does_not_bleed_when_a_transparent_image_is_reduced() -> None:
    small = drawing_of("rgba.png", limits=replace(DEFAULT_LIMITS, working_side=43))
    assert small.alpha is not None
    seen = small.rgb[2:13][small.alpha[2:13] > 20].astype(int)
    assert np.abs(seen - corpus.GREEN).max() <= 6


def test_a_color_profile_is_converted_and_a_broken_one_ignored() -> None:
    linear = drawing_of("profile.png")
    assert corpus.quarters(linear.rgb)["top right"] == pytest.approx((96, 229, 110), abs=3)
    called_srgb = drawing_of("linear.png", corpus.saved(corpus.scene(), "PNG", icc_profile=corpus.swapped_profile("sRGB")))
    assert np.array_equal(called_srgb.rgb, linear.rgb)
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert drawing_of("srgb.png", corpus.saved(corpus.scene(), "PNG", icc_profile=plain)).notes == ()
    broken = corpus.saved(corpus.scene(), "PNG", icc_profile=b"no profile at all" * 20)
    assert_scene(drawing_of("broken.png", broken))
    misfit = drawing_of("misfit.jpg", corpus.saved(corpus.scene().convert("CMYK"), "JPEG", icc_profile=corpus.swapped_profile()))
    assert "fit" in " ".join(misfit.notes)


def test_only_the_first_image_of_several_is_used_with_a_note() -> None:
    for name in ("moving.png", "moving.webp", "pages.tif"):
        assert any("first" in note for note in drawing_of(name).notes), name


def test_the_hash_is_that_of_the_file() -> None:
    assert len({drawing_of(name).sha256 for name in ("rgb.png", "rgb.jpg")}) == 2


# --- which way is up ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF"])
def test_every_orientation_is_turned_upright_in_every_format_that_carries_it(file_format: str, orientation: int) -> None:
    drawing = decode_drawing(corpus.photographed(file_format, orientation), name="photo")
    assert drawing.rgb.shape == (corpus.HEIGHT, corpus.WIDTH, 3)
    assert drawing.rgb.flags.c_contiguous
    assert_scene(drawing)


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg"])
def test_a_compressed_tiff_is_turned_once(compression: str) -> None:
    stored = corpus.scene().transpose(Image.Transpose.ROTATE_90)
    assert_scene(decode_drawing(corpus.saved(stored, "TIFF", compression=compression, tiffinfo={0x0112: 6}), name="scan.tif"))


def test_big_endian_exif_is_understood_and_alpha_turned_along() -> None:
    assert_scene(decode_drawing(corpus.photographed("JPEG", 6, order=">"), name="photo.jpg"))
    stored = corpus.half_transparent().transpose(Image.Transpose.ROTATE_90)
    drawing = decode_drawing(corpus.saved(stored, "PNG", exif=corpus.exif_block(6)), name="cut.png")
    assert drawing.alpha is not None
    assert (drawing.alpha[:, :30].max(), drawing.alpha[:, 34:].min()) == (0, 255)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xee" * 40])
def test_broken_exif_leaves_the_image_as_it_is(exif: bytes) -> None:
    assert_scene(decode_drawing(corpus.saved(corpus.scene(), "JPEG", quality=95, exif=exif), name="photo.jpg"))
    odd = corpus.saved(corpus.scene(), "JPEG", quality=95, exif=corpus.exif_block(9))
    assert_scene(decode_drawing(odd, name="photo.jpg"))


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rgb.png", "rgb.jpg", "lossy.webp", "rgb.heic", "rgb.tif", "rgb.bmp", "still.gif"])
def test_the_content_decides_and_a_wrong_suffix_is_noted(name: str) -> None:
    kind = kind_of(SAMPLES[name], name)
    assert decode_drawing(SAMPLES[name], name=name.upper()).notes == decode_drawing(SAMPLES[name], name="drawing").notes == ()
    for wrong in (".xyz", ".png" if kind is not ImageKind.PNG else ".jpg"):
        assert decode_drawing(SAMPLES[name], name=f"a{wrong}").notes == (f"it is a {kind} although its name ends in {wrong}",)


FOREIGN = {
    "an SVG": (b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "an SVG in UTF-16": ("<svg/>".encode("utf-16"), "SVG"),
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"),
    "an EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
    "a Photoshop document": (b"8BPS\0\1" + bytes(20), "Photoshop"),
    "Canon raw": (b"II*\0\x10\0\0\0CR\2\0" + bytes(40), "raw file"),
    "Canon raw 3": (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "raw file"),
    "Fuji raw": (b"FUJIFILMCCD-RAW 0201", "raw file"),
    "an MP4": (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "video"),
    "a QuickTime": (b"\0\0\0\x08wide\0\0\0\x10mdat", "video"),
    "a Matroska": (b"\x1a\x45\xdf\xa3" + bytes(30), "video"),
    "an AVIF": (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif", "AVIF"),
    "a JPEG XL": (b"\xff\x0a\xfa\x7f", "JPEG XL"),
    "a JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    "an icon": (b"\0\0\1\0\1\0\x20\x20\0\0", "icon"),
    "an archive": (b"PK\3\4" + bytes(30), "archive"),
    "a web page": (b"\n<!DOCTYPE html><html></html>", "web page"),
    "text": ("Grüße an alle, hier ist kein Bild.\n".encode(), "text"),
    "a program": (b"\x7fELF\2\1\1" + bytes(20), "program"),
    "noise": (bytes(range(7, 250, 3)), "07 0a 0d"),
    "a BMP in name only": (b"BM, said he, is short for bitmap", "text"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_no_image_is_refused_by_its_name_and_with_advice(what: str) -> None:
    source, named = FOREIGN[what]
    error = refusal(source)
    assert error.reason is DecodeReason.UNSUPPORTED
    assert named in error.summary


def test_a_raw_file_is_not_taken_for_the_preview_it_begins_with() -> None:
    preview = {254: ("I", (1,)), 330: ("I", (8,)), 256: ("I", (32,)), 257: ("I", (32,))}
    for tags in (preview, {50706: ("I", (4,))}):
        assert "raw" in refusal(corpus.tiff(tags, bytes(16)), "photo.nef").summary


@pytest.mark.parametrize("source", [b"", b"\0", bytes(70_000)])
def test_an_empty_file_is_called_so(source: bytes) -> None:
    assert refusal(source).reason is DecodeReason.EMPTY


# --- limits ---------------------------------------------------------------------------------------------------------


def huge_gif(width: int, height: int) -> bytes:
    source = bytearray(SAMPLES["still.gif"])
    source[6:10] = struct.pack("<HH", width, height)
    return bytes(source)


def huge_webp(width: int, height: int) -> bytes:
    source = bytearray(SAMPLES["lossless.webp"])
    if source[12:16] != b"VP8X":
        bits = 0x10000000 | (width - 1) | (height - 1) << 14
        source[21:25] = struct.pack("<I", bits)
    else:
        source[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(source)


def huge_jpeg(name: str, width: int, height: int) -> bytes:
    source = bytearray(SAMPLES[name])
    at = source.index(b"\xff\xc2" if name.startswith("prog") else b"\xff\xc0")
    source[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(source)


def huge_heif(width: int, height: int) -> bytes:
    source = bytearray(SAMPLES["rgb.heic"])
    at = source.index(b"ispe")
    source[at + 8 : at + 16] = struct.pack(">II", width, height)
    return bytes(source)


def huge_bmp(width: int, height: int) -> bytes:
    source = bytearray(SAMPLES["rgb.bmp"])
    source[18:26] = struct.pack("<ii", width, height)
    return bytes(source)


ODD_SAMPLES = np.zeros((32, 32), np.uint8)
BOMBS = {
    "a PNG of nothing": corpus.png(20_000, 20_000, bits=1, color=0, rows=bytes(2501) * 2000),
    "a PNG ribbon": corpus.png(2_000_000, 20, bits=8, color=0, rows=bytes(2_000_001)),
    "a GIF": huge_gif(65_535, 65_535),
    "a WebP": huge_webp(16_383, 16_383),
    "a WebP below the pixel limit": huge_webp(9_900, 9_900),
    "a JPEG": huge_jpeg("rgb.jpg", 65_500, 65_500),
    "a progressive JPEG below the pixel limit": huge_jpeg("progressive.jpg", 9_900, 9_900),
    "a HEIC": huge_heif(30_001, 30_001),
    "a HEIC below the pixel limit": huge_heif(9_000, 9_000),
    "a BMP": huge_bmp(29_999, 29_999),
    "a TIFF": corpus.tiff_of(ODD_SAMPLES, width=("I", (29_999,)), height=("I", (29_999,))),
    "a TIFF's tile": corpus.tiff({256: ("I", (64,)), 257: ("I", (64,)), 322: ("I", (20_000,)), 323: ("I", (20_000,))}, bytes(64)),
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_is_refused_before_a_pixel_is_decoded(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def decoding(*_: object) -> None:
        message = "it was decode_drawing"
        raise AssertionError(message)

    monkeypatch.setattr("pipeline.adapters.reading.image_reader.load", decoding)
    error = refusal(BOMBS[what])
    assert error.reason is DecodeReason.TOO_MANY_PIXELS
    assert "found" in error.summary


def test_text_in_a_png_that_explodes_is_refused() -> None:
    blown = corpus.png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(3_000_000)))
    assert refusal(corpus.png(32, 32, bits=8, color=0, rows=bytes(33) * 32, extra=blown)).reason is DecodeReason.CORRUPT


def test_a_jpeg_with_thousands_of_scans_is_refused() -> None:
    source = SAMPLES["progressive.jpg"]
    scan = source[source.rindex(b"\xff\xda") : -2]
    assert "scans" in refusal(source[:-2] + scan * 200 + b"\xff\xd9").summary


def test_a_tiff_whose_compression_takes_what_memory_it_likes_is_refused() -> None:
    for number in (34925, 50000):
        error = refusal(corpus.tiff_of(ODD_SAMPLES, compression=("H", (number,))))
        assert error.reason is DecodeReason.UNSUPPORTED
        assert str(number) in error.summary


def test_the_limits_are_those_given() -> None:
    source = SAMPLES["rgb.png"]
    width, height = corpus.WIDTH, corpus.HEIGHT
    fitting = DecodeLimits(max_bytes=len(source), max_pixels=width * height, max_side=width, min_side=height, working_side=width)
    assert drawing_of("rgb.png", limits=fitting).rgb.shape == (height, width, 3)
    reasons = [
        refusal(source, limits=replace(fitting, max_bytes=len(source) - 1)).reason,
        refusal(source, limits=replace(fitting, max_pixels=width * height - 1)).reason,
        refusal(source, limits=replace(fitting, max_side=width - 1)).reason,
        refusal(source, limits=replace(fitting, max_memory_bytes=width * height)).reason,
        refusal(source, limits=replace(fitting, min_side=height + 1)).reason,
    ]
    assert reasons == [DecodeReason.TOO_MANY_BYTES, *[DecodeReason.TOO_MANY_PIXELS] * 3, DecodeReason.TOO_SMALL]


def test_a_tiny_image_and_one_that_is_tiny_when_reduced_are_too_small() -> None:
    assert refusal(corpus.saved(corpus.scene(15, 200), "PNG")).reason is DecodeReason.TOO_SMALL
    assert refusal(corpus.saved(corpus.scene(8000, 20), "PNG")).reason is DecodeReason.TOO_SMALL


@pytest.mark.parametrize("side", [32, 40, 63, 64])
@pytest.mark.parametrize(
    "name", ["rgb.png", "cmyk.jpg", "gray16.png", "palette_key.png", "rgba.heic", "turned.tif", "one_bit.png", "lab.tif"]
)
def test_a_big_image_is_reduced_to_the_working_size(name: str, side: int) -> None:
    drawing = drawing_of(name, limits=replace(DEFAULT_LIMITS, working_side=side))
    assert 0.75 * side <= max(drawing.rgb.shape) <= side
    assert drawing.rgb.shape[1] / drawing.rgb.shape[0] == pytest.approx(4 / 3, rel=0.05)
    assert any("reduced from 64 x 48" in note for note in drawing.notes) == (side < 64)


def test_a_jpeg_is_reduced_while_it_is_decoded() -> None:
    source, limits = SAMPLES["big.jpg"], replace(DEFAULT_LIMITS, working_side=200)
    image, size = codecs.open_image(ImageKind.JPEG, source, limits, "big.jpg")
    assert (size, image.size) == ((700, 500), (175, 125))
    assert_scene(drawing_of("big.jpg", limits=limits))


def test_reducing_in_strips_is_reducing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (301, 257, 4), dtype=np.uint8)
    source, limits = corpus.saved(Image.fromarray(noise), "PNG"), replace(DEFAULT_LIMITS, working_side=101)
    at_once = decode_drawing(source, name="a.png", limits=limits)
    monkeypatch.setattr(pixels, "_STRIP_PIXELS", 2000)
    in_strips = decode_drawing(source, name="a.png", limits=limits)
    np.testing.assert_array_equal(at_once.rgb, in_strips.rgb)


# --- damage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["rgb.png", "palette.png", "rgb.jpg", "big.jpg", "progressive.jpg", "lossy.webp", "lossless.webp", "rgb.heic", "rgb.bmp", "still.gif"],
)
def test_a_file_cut_anywhere_is_called_cut(name: str) -> None:
    source, whole = SAMPLES[name], drawing_of(name)
    offsets = {*range(41, len(source), max(1, len(source) // 40)), *range(len(source) - 16, len(source))}
    reasons = set()
    for offset in sorted(offsets):
        try:
            drawing = drawing_of(name, source[:offset])
        except DecodeError as error:
            reasons.add(error.reason)
        else:  # what is missing held no pixel: checksums, a trailer
            assert len(source) - offset <= 22, offset
            np.testing.assert_array_equal(drawing.rgb, whole.rgb)
    assert reasons == {DecodeReason.TRUNCATED}


@pytest.mark.parametrize("name", ["rgb.tif", "lzw.tif", "deflate.tif", "jpeg.tif", "gray16.tif"])
def test_a_tiff_that_lost_its_directory_or_its_pixels_is_refused(name: str) -> None:
    source = SAMPLES[name]
    assert refusal(source[: len(source) // 2], name).reason is DecodeReason.TRUNCATED


def test_a_jpeg_without_its_end_marker_is_read_but_no_pixel_may_be_missing() -> None:
    for name in ("rgb.jpg", "big.jpg", "gray.jpg", "cmyk.jpg"):
        drawing = drawing_of(name, SAMPLES[name][:-2])
        np.testing.assert_array_equal(drawing.rgb, drawing_of(name).rgb)
        assert "its end marker is missing" in drawing.notes
        assert refusal(SAMPLES[name][:-6], name).reason is DecodeReason.TRUNCATED
    assert refusal(SAMPLES["progressive.jpg"][:-2]).reason is DecodeReason.TRUNCATED


def test_what_follows_an_image_is_none_of_our_business() -> None:
    for name in ("rgb.png", "rgb.jpg", "still.gif", "rgb.bmp"):
        assert_scene(drawing_of(name, SAMPLES[name] + b"\0\0\0\x18ftypmp42" + bytes(500)))


def test_a_film_behind_a_progressive_jpeg_is_not_taken_for_its_scans() -> None:
    film = np.random.default_rng(0).integers(0, 256, 9_000_000, dtype=np.uint8).tobytes()
    assert film.count(b"\xff\xda") > 100
    assert_scene(drawing_of("motion.jpg", SAMPLES["progressive.jpg"] + film))


def test_damage_inside_a_png_is_called_damage() -> None:
    source = bytearray(SAMPLES["gray.png"])
    source[source.index(b"IDAT") + 8] ^= 0xFF
    error = refusal(bytes(source))
    assert error.reason is DecodeReason.CORRUPT
    assert error.__cause__ is not None


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    edits=st.lists(
        st.tuples(st.floats(0, 0.999), st.integers(0, 255), st.sampled_from(["set", "flip", "cut", "insert", "repeat"])), max_size=6
    ),
    skewed=st.booleans(),
)
def test_whatever_is_done_to_a_file_it_is_a_drawing_or_a_decode_error(
    name: str, edits: list[tuple[float, int, str]], *, skewed: bool
) -> None:
    source = bytearray(SAMPLES[name])
    for place, level, deed in edits:
        at = int(place**3 * len(source)) if skewed else int(place * len(source))  # headers are where it hurts
        if deed in {"set", "flip"} and source:
            source[at] = level if deed == "set" else source[at] ^ (level or 1)
        elif deed == "cut":
            del source[at : at + level]
        else:
            source[at:at] = bytes([level]) * 3 if deed == "insert" else source[at : at + level]
    try:
        drawing = decode_drawing(bytes(source), name=name)
    except DecodeError:
        return
    assert drawing.rgb.shape[2] == 3


# --- the codecs' own ways -------------------------------------------------------------------------------------------

_CODEC_MODULES = (
    *("Image", "ImageFile", "ImageCms", "ImagePalette", "ImageMode", "ImageOps", "GimpGradientFile"),
    *(f"{kind}ImagePlugin" for kind in ("Png", "Jpeg", "WebP", "Tiff", "Bmp", "Gif")),
)


def raised_in(module: ModuleType) -> set[type[BaseException]]:
    """The classes that a module's source names in `raise` and `warn`."""
    named = set()
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            named.add(ast.unparse(raised).split(".")[-1])
    found = {getattr(module, name, getattr(builtins, name, None)) for name in named}
    return {each for each in found if isinstance(each, type) and issubclass(each, BaseException)}


def test_every_exception_of_the_codecs_is_mapped() -> None:
    modules = [importlib.import_module(f"PIL.{name}") for name in _CODEC_MODULES]
    modules += [importlib.import_module(f"pillow_heif.{name}") for name in ("heif", "as_plugin", "misc", "_pillow_heif") if name[0] != "_"]
    foreign = {each for module in modules for each in raised_in(module)} | {struct.error, zlib.error, MemoryError, RecursionError}
    assert {OSError, SyntaxError, ValueError, Image.DecompressionBombError, ImageCms.PyCMSError} <= foreign
    unmapped = {each.__name__ for each in foreign if not issubclass(each, FOREIGN_ERRORS)}
    assert unmapped <= {"ImportError", "ModuleNotFoundError", "Exception"}  # the last guards an attribute that is never set here


@pytest.mark.parametrize("foreign", [*FOREIGN_ERRORS, RecursionError, struct.error])
def test_a_codecs_exception_becomes_a_decode_error_with_its_cause(foreign: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise foreign("the codec gave up")

    monkeypatch.setattr("pipeline.adapters.reading.image_reader.load", failing)
    error = refusal(SAMPLES["rgb.png"])
    assert isinstance(error.__cause__, foreign)
    memory = issubclass(foreign, MemoryError | Image.DecompressionBombError)
    assert error.reason is (DecodeReason.TOO_MANY_PIXELS if memory else DecodeReason.CORRUPT)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # Pillow before 13 checks strips, too
def test_decoding_leaves_no_trace_in_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit := 200_000)  # the biggest sample has more
    before = (list(Image.ID), dict(Image.OPEN), ImageFile.LOAD_TRUNCATED_IMAGES)
    for name in SAMPLES:
        if max(drawing_of(name).rgb.shape) > 64:
            continue
    assert before == (list(Image.ID), dict(Image.OPEN), ImageFile.LOAD_TRUNCATED_IMAGES)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_threads_decode_side_by_side() -> None:
    wanted = {name: drawing_of(name).rgb.tobytes() for name in SAMPLES}
    wrong: list[str] = []

    def work() -> None:
        wrong.extend(name for name in SAMPLES if drawing_of(name).rgb.tobytes() != wanted[name])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_file_is_read_and_a_link_followed(tmp_path: Path) -> None:
    path = tmp_path / "drawing.png"
    path.write_bytes(SAMPLES["rgb.png"])
    (tmp_path / "link.png").symlink_to(path)
    assert_scene(read_drawing(path))
    assert_scene(read_drawing(tmp_path / "link.png"))


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DecodeError) as caught:
        read_drawing(path)
    assert (caught.value.reason, caught.value.path) == (DecodeReason.TOO_MANY_BYTES, path)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", tmp_path, tmp_path / "missing.png", Path("/dev/zero")):
        with pytest.raises(DecodeError) as caught:
            read_drawing(path)
        assert (caught.value.reason, caught.value.path) == (DecodeReason.UNREADABLE, path)


def test_a_real_photograph_comes_out_upright_and_reduced() -> None:
    root = os.environ.get("ANIMATED_DRAWINGS_ROOT")
    if root is None:
        pytest.skip("ANIMATED_DRAWINGS_ROOT is not set")
    drawing = read_drawing(Path(root).parent / "drawings" / "garlic.jpg")
    assert drawing.rgb.shape == (2016, 1512, 3)
    assert len(io.BytesIO(drawing.rgb.tobytes()).getvalue()) == drawing.rgb.size

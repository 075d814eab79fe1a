import io
import shutil
import subprocess
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from pipeline.adapters.encoding import lzw
from pipeline.adapters.encoding.gif import GifEncoder, codes, index_of_code
from pipeline.adapters.encoding.lzw import image_data
from pipeline.adapters.encoding.verification import verify
from pipeline.errors import OptionError, OutputFailed
from pipeline.types import Canvas, Format, Frame, OutputClock, Palette, PixelLayout


def blocks(gif):
    """Disposal, delay (cs), left, top, width and height of each image, read from the bytes alone."""
    assert gif[:6] == b"GIF89a"
    position = 13 + (3 << (gif[10] & 7) + 1)
    found, control = [], None
    while gif[position] != 0x3B:
        if gif[position] == 0x21:
            if gif[position + 1] == 0xF9:
                control = (gif[position + 3] >> 2 & 7, int.from_bytes(gif[position + 4 : position + 6], "little"))
            position += 2
        else:
            place = tuple(int.from_bytes(gif[position + at : position + at + 2], "little") for at in (1, 3, 5, 7))
            found.append((*control, *place))
            position += 11
        while gif[position]:
            position += gif[position] + 1
        position += 1
    assert position == len(gif) - 1
    return found


@pytest.mark.parametrize("opaque", [True, False])
def test_pixels_are_the_palettes(opaque, clip, decoded, tmp_path):
    some = clip(opaque=opaque)
    found = decoded(some.written(tmp_path / "clip.gif", Format.GIF))
    for index, image in enumerate(found.images):
        assert np.array_equal(image, some.whole(index))


def test_opaque_image_is_the_changed_rectangle(clip, tmp_path):
    gif = clip([(0, 0), (2, 1), (2, 1)], opaque=True).written(tmp_path / "clip.gif", Format.GIF).path.read_bytes()
    assert blocks(gif) == [(1, 4, 0, 0, 32, 24), (1, 8, 0, 0, 18, 17)]


def test_transparent_image_is_the_crop(clip, tmp_path):
    gif = clip([(0, 0), None, (5, 7)]).written(tmp_path / "clip.gif", Format.GIF).path.read_bytes()
    assert blocks(gif) == [(2, 4, 0, 0, 16, 16), (2, 4, 0, 0, 1, 1), (2, 4, 5, 7, 16, 16)]


def test_canvas_covered_by_an_image_is_opaque(clip, decoded, tmp_path):
    image = np.full((6, 6, 4), 255, dtype=np.uint8)
    some = clip(opaque=True, image=image)
    behind_glass = Canvas(some.width, some.height, (0.0, 0.0, 0.0, 0.0), image, some.canvas.view_projection)
    with GifEncoder().open(tmp_path / "clip.gif", behind_glass, some.clock, palette=some.palette) as sink:
        for index in range(5):
            sink.write(some.frame(index, PixelLayout.CUT_OUT))
        animation = sink.finish()
    assert {block[0] for block in blocks(animation.path.read_bytes())} == {1}
    assert np.array_equal(decoded(animation).images[4], some.whole(4))


def test_equal_frames_become_one(clip, tmp_path):
    animation = verify(clip([(0, 0), (0, 0), (0, 0), (2, 0), (2, 0)]).written(tmp_path / "clip.gif", Format.GIF))
    assert [block[1] for block in blocks(animation.path.read_bytes())] == [12, 8]
    assert animation.frame_count == 2


def test_delays_carry_the_remainder(clip, tmp_path):
    places = [(index % 16, 0) for index in range(9)]
    gif = clip(places, Fraction("0.0333333")).written(tmp_path / "clip.gif", Format.GIF).path.read_bytes()
    assert [block[1] for block in blocks(gif)] == [3, 4, 3, 3, 4, 3, 3, 4, 3]


def test_no_delay_is_below_two_centiseconds(clip, tmp_path):
    animation = clip([(index % 16, 0) for index in range(120)], Fraction(1, 120)).written(tmp_path / "clip.gif", Format.GIF)
    delays = [block[1] for block in blocks(animation.path.read_bytes())]
    assert min(delays) == 2
    assert sum(delays) == 100
    assert len(delays) >= 40


def test_still_that_outlasts_the_longest_delay_is_repeated(clip, tmp_path):
    some = clip([(0, 0)], Fraction(1400))
    animation = verify(some.written(tmp_path / "clip.gif", Format.GIF))
    assert animation.duration == 1400
    assert [block[1] for block in blocks(animation.path.read_bytes())] == [65533, 65533, 8934]


def test_loops_for_ever(clip, tmp_path):
    with Image.open(clip().written(tmp_path / "clip.gif", Format.GIF).path) as gif:
        assert gif.info["loop"] == 0


@pytest.mark.parametrize("count", [1, 2, 3, 4, 127, 128, 255])
def test_color_table_holds_every_color(count, tmp_path):
    random = np.random.default_rng(count)
    cells = random.permutation(32**3)[:count]
    colors = (8 * np.stack(np.unravel_index(cells, (32, 32, 32)), axis=1) + random.integers(0, 8, (count, 3))).astype(np.uint8)
    lookup = np.zeros((32, 32, 32), dtype=np.uint8)
    lookup.flat[cells] = np.arange(count)
    indices = np.arange(256).reshape(16, 16) % count
    pixels = np.dstack([colors[indices], np.full((16, 16), 255, np.uint8)])
    canvas = Canvas(16, 16, (1.0, 1.0, 1.0, 1.0), None, np.eye(4, dtype=np.float32))
    with GifEncoder().open(tmp_path / "x.gif", canvas, OutputClock(1, Fraction(1)), palette=Palette(colors, lookup)) as sink:
        sink.write(Frame(pixels, 0, 0, Fraction(0)))
        animation = sink.finish()
    with Image.open(animation.path) as gif:
        assert np.array_equal(np.array(gif.convert("RGB")), colors[indices])


def expected_codes(rgba):
    """By the definition, a pixel's bits from the highest: seen, five of red, five of green, five of blue."""
    red, green, blue, alpha = np.moveaxis(rgba.astype(np.uint16), -1, 0)
    return (alpha > 0) * np.uint16(0x8000) | (red >> 3) << 10 | (green >> 3) << 5 | blue >> 3


@pytest.mark.parametrize("width", [1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 250])
def test_codes_equal_opencvs(width):
    """Bit 15 is nowhere promised by OpenCV, nor is that it rounds down; both in its vectorized middle and at the end of a row."""
    random = np.random.default_rng(width)
    rgba = random.integers(0, 256, (64, width, 4), dtype=np.uint8)
    rgba[..., 3] = random.choice(np.array([0, 1, 127, 128, 255], np.uint8), (64, width))
    found = codes(rgba)
    assert found.dtype == np.uint16
    assert not np.shares_memory(found, rgba)
    assert np.array_equal(found, expected_codes(rgba))


@pytest.mark.parametrize("channel", range(4))
def test_codes_of_every_byte(channel):
    rgba = np.full((16, 16, 4), 200, np.uint8)
    rgba[..., channel] = np.arange(256).reshape(16, 16)
    rgba.flags.writeable = False
    assert np.array_equal(codes(rgba), expected_codes(rgba))


def test_codes_of_views_with_strides_and_of_nothing():
    rgba = np.random.default_rng(4).integers(0, 256, (9, 12, 4), dtype=np.uint8)
    assert np.array_equal(codes(rgba[::2, 1:8]), expected_codes(rgba[::2, 1:8]))
    assert codes(np.zeros((0, 5, 4), np.uint8)).shape == (0, 5)


def test_codes_become_indices_of_the_palette():
    random = np.random.default_rng(5)
    palette = Palette(random.integers(0, 256, (200, 3), dtype=np.uint8), random.integers(0, 200, (32, 32, 32), dtype=np.uint8))
    rgba = random.integers(0, 256, (40, 40, 4), dtype=np.uint8)
    rgba[:, ::3, 3] = 0
    red, green, blue = np.moveaxis(rgba[..., :3] // 8, -1, 0)
    expected = np.where(rgba[..., 3] > 0, palette.lookup[red, green, blue], palette.transparent)
    assert np.array_equal(index_of_code(palette)[codes(rgba)], expected)


def test_palette_is_needed(clip, tmp_path):
    some = clip()
    with pytest.raises(OptionError, match="palette"):
        GifEncoder().open(tmp_path / "clip.gif", some.canvas, some.clock)


def test_failing_compressor_is_an_output_failure(clip, tmp_path, monkeypatch):
    def failing(_):
        raise ValueError("not today")

    monkeypatch.setattr("pipeline.adapters.encoding.gif.image_data", failing)
    with pytest.raises(OutputFailed, match="not today"):
        clip().written(tmp_path / "clip.gif", Format.GIF)
    assert not (tmp_path / "clip.gif").exists()


@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_compressed_indices_come_back(indices):
    height, width = indices.shape
    screen = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    gif = b"GIF89a" + screen + b"\xf7\0\0" + bytes(range(256)) * 3 + b"," + bytes(4) + screen + b"\0" + image_data(indices) + b";"
    with Image.open(io.BytesIO(gif)) as image:
        assert np.array_equal(np.array(image), indices)


def test_compressor_takes_views_with_strides():
    indices = np.arange(60, dtype=np.uint8).reshape(6, 10)
    assert image_data(indices[::2, 1:7]) == image_data(indices[::2, 1:7].copy())


@pytest.mark.parametrize("gif", [b"GIF89a" + bytes(20), b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + b"," + bytes(8) + b"\x40"])
def test_gif_that_is_not_laid_out_as_expected_is_refused(gif):
    with pytest.raises(ValueError, match="Pillow"):
        lzw._image_data_start(gif)


def test_gif_that_does_not_end_as_expected_is_refused(monkeypatch):
    def truncated(_, file, *__, **___):
        file.write(b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + b"," + bytes(9) + b"\x08\2\x44\1")

    monkeypatch.setattr(Image.Image, "save", truncated)
    with pytest.raises(ValueError, match="terminator"):
        image_data(np.zeros((1, 1), dtype=np.uint8))


@pytest.mark.skipif(shutil.which("gifsicle") is None, reason="gifsicle is not installed")
@pytest.mark.parametrize("opaque", [True, False])
def test_gifsicle_finds_no_fault(opaque, clip, tmp_path):
    animation = clip(opaque=opaque).written(tmp_path / "clip.gif", Format.GIF)
    found = subprocess.run(["gifsicle", "--info", animation.path], capture_output=True, text=True, check=True, timeout=30)
    assert "5 images" in found.stdout
    assert not found.stderr

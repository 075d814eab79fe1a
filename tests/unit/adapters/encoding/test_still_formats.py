"""APNG and WebP: what they hold."""

import struct
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from pipeline.adapters.encoding import apng
from pipeline.adapters.encoding.apng import ApngEncoder
from pipeline.adapters.encoding.encoders import encoder_for
from pipeline.errors import OutputFailed
from pipeline.types import Format, Frame


@pytest.mark.parametrize("opaque", [True, False])
def test_apng_is_lossless(opaque, clip, decoded, tmp_path):
    some = clip([(0, 0), None, (5, 7), (6, 7)], opaque=opaque)
    found = decoded(some.written(tmp_path / "clip.apng", Format.APNG))
    for index, image in enumerate(found.images):
        assert np.array_equal(image, some.whole(index))


def test_apng_keeps_half_transparent_pixels(clip, decoded, tmp_path):
    some = clip([(0, 0)])
    soft = np.random.default_rng(3).integers(1, 256, (9, 7, 4), dtype=np.uint8)
    with ApngEncoder().open(tmp_path / "clip.apng", some.canvas, some.clock) as sink:
        sink.write(Frame(soft, 3, 2, Fraction(0)))
        animation = sink.finish()
    assert np.array_equal(decoded(animation).images[0][2:11, 3:10], soft)


def test_apng_shows_its_first_image_to_players_without_animation(clip, tmp_path):
    animation = clip([(4, 4), (0, 0)]).written(tmp_path / "clip.apng", Format.APNG)
    with Image.open(animation.path) as still:
        assert (still.format, still.size, still.n_frames) == ("PNG", (32, 24), 2)


def test_apng_delays_are_the_clocks_own_fraction(clip, tmp_path):
    animation = clip(frame_time=Fraction(1001, 24000)).written(tmp_path / "clip.apng", Format.APNG)
    png = animation.path.read_bytes()
    at = [index for index in range(len(png)) if png.startswith(b"fcTL", index)]
    assert [struct.unpack_from(">HH", png, index + 24) for index in at] == [(1001, 24000)] * 5
    assert animation.duration == 5 * Fraction(1001, 24000)


def test_apng_sequence_numbers_have_no_gap(clip, tmp_path):
    png = clip([(0, 0), (1, 1), (1, 1), (2, 2)], Fraction(5)).written(tmp_path / "clip.apng", Format.APNG).path.read_bytes()
    numbers = [struct.unpack(">I", body[:4])[0] for name, body in apng._chunks(png) if name in {b"fcTL", b"fdAT"}]
    assert numbers == list(range(len(numbers)))


def test_apng_compressor_that_refuses_is_an_output_failure(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(apng.cv2, "imencode", lambda *_: (False, None))
    with pytest.raises(OutputFailed, match="no PNG"):
        clip().written(tmp_path / "clip.apng", Format.APNG)


@pytest.mark.parametrize("opaque", [True, False])
@pytest.mark.parametrize("start", [(0, 0), (1, 0), (0, 1), (3, 5)])
def test_webp_is_close_in_color_and_exact_in_alpha(start, opaque, clip, decoded, tmp_path):
    some = clip([start, (start[0] + 1, start[1] + 1), (start[0] + 2, start[1])], opaque=opaque, width=100, height=80, block=16)
    found = decoded(some.written(tmp_path / "clip.webp", Format.WEBP))
    for index, image in enumerate(found.images):
        wanted = some.whole(index)
        seen = wanted[..., 3] > 0
        assert np.array_equal(image[..., 3] > 0, seen)
        assert np.abs(image[seen][:, :3].astype(int) - wanted[seen][:, :3]).mean() < 8


def test_webp_keeps_every_level_of_a_background_that_fades(clip, decoded, tmp_path):
    fading = np.full((64, 256, 4), 90, np.uint8)
    fading[..., 3] = np.arange(256)
    some = clip([(0, 0)], width=256, height=64, image=fading)
    with encoder_for(Format.WEBP).open(tmp_path / "clip.webp", some.canvas, some.clock) as sink:
        sink.write(Frame(fading, 0, 0, Fraction(0)))
        animation = sink.finish()
    assert np.array_equal(decoded(animation).images[0][..., 3], fading[..., 3])


def test_webp_loops_for_ever_over_nothing(clip, tmp_path):
    with Image.open(clip().written(tmp_path / "clip.webp", Format.WEBP).path) as webp:
        assert (webp.info["loop"], webp.info["background"]) == (0, (0, 0, 0, 0))


def test_webp_declares_its_length(clip, tmp_path):
    riff = clip().written(tmp_path / "clip.webp", Format.WEBP).path.read_bytes()
    assert struct.unpack_from("<4sI4s", riff) == (b"RIFF", len(riff) - 8, b"WEBP")

"""MP4 and WebM: color, alpha, and time."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from pipeline.adapters.encoding.encoders import encoder_for
from pipeline.adapters.encoding.yuv import Converter, planes
from pipeline.errors import OutputFailed
from pipeline.types import Canvas, Format, Frame, OutputClock

FLAT = [(255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128), (200, 40, 30), (30, 60, 180), (240, 200, 20)]


def written(path, kind, images, *, opaque=True):
    height, width = images[0].shape[:2]
    canvas = Canvas(width, height, (1.0, 1.0, 1.0, float(opaque)), None, np.eye(4, dtype=np.float32))
    with encoder_for(kind).open(path, canvas, OutputClock(len(images), Fraction(1, 25))) as sink:
        for index, image in enumerate(images):
            sink.write(Frame(image, 0, 0, Fraction(index, 25)))
        return sink.finish()


def flat(color, width=32, height=32):
    return np.full((height, width, 4), (*color, 255), dtype=np.uint8)


@pytest.mark.parametrize("kind", [Format.MP4, Format.WEBM])
@pytest.mark.parametrize("color", FLAT, ids=str)
def test_flat_color_comes_back(color, kind, decoded, tmp_path):
    found = decoded(written(tmp_path / f"flat.{kind}", kind, [flat(color)] * 3))
    for image in found.images:
        assert np.abs(image[..., :3].astype(int) - color).max() <= 3


@pytest.mark.parametrize("kind", [Format.MP4, Format.WEBM])
def test_tags_say_what_the_colors_are(kind, tmp_path):
    animation = written(tmp_path / f"flat.{kind}", kind, [flat((200, 40, 30))])
    with av.open(str(animation.path)) as container:
        context = container.streams.video[0].codec_context
        # BT.601 matrix (SMPTE 170M), BT.709 primaries, sRGB curve, limited range
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (6, 1, 13, 1)


@pytest.mark.parametrize("kind", [Format.MP4, Format.WEBM])
def test_codec_is_the_one_that_browsers_play(kind, tmp_path):
    animation = written(tmp_path / f"flat.{kind}", kind, [flat((200, 40, 30))])
    with av.open(str(animation.path)) as container:
        context = container.streams.video[0].codec_context
        assert context.codec.canonical_name == {Format.MP4: "h264", Format.WEBM: "vp9"}[kind]
        assert context.pix_fmt == "yuv420p"


def test_mp4_begins_to_play_before_it_is_loaded(tmp_path):
    content = written(tmp_path / "flat.mp4", Format.MP4, [flat((200, 40, 30))]).path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_mp4_frame_rate_is_exact(clip, tmp_path):
    animation = clip(frame_time=Fraction("0.0333333")).written(tmp_path / "clip.mp4", Format.MP4)
    with av.open(str(animation.path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert stream.average_rate == 1 / Fraction("0.0333333")
        assert [packet.pts * stream.time_base for packet in packets] == [index * Fraction("0.0333333") for index in range(5)]
        assert packets[-1].duration * stream.time_base == Fraction("0.0333333")


def test_odd_image_grows_by_its_last_row_and_column(decoded, tmp_path):
    image = flat((200, 40, 30), 33, 17)
    image[:, :16] = (30, 60, 180, 255)
    animation = written(tmp_path / "odd.mp4", Format.MP4, [image])
    assert (animation.width, animation.height) == (34, 18)
    found = decoded(animation).images[0].astype(int)
    assert np.abs(found[17, :, :3] - found[16, :, :3]).max() <= 4
    assert np.abs(found[:, 33, :3] - (200, 40, 30)).max() <= 6


def test_webm_alpha_is_the_images(clip, decoded, tmp_path):
    some = clip([(0, 0), (9, 5), None, (31, 20), (40, 16)], width=100, height=80, block=14)
    found = decoded(some.written(tmp_path / "clip.webm", Format.WEBM))
    for index, image in enumerate(found.images):
        wanted = some.whole(index)
        wrong = np.abs(image[..., 3].astype(int) - wanted[..., 3]) > 40
        assert wrong.mean() < 0.005
        inside = wanted[..., 3] > 0
        if inside.any():
            assert np.abs(image[inside][:, :3].astype(int) - wanted[inside][:, :3]).mean() < 12


def test_webm_keeps_half_transparency(decoded, tmp_path):
    image = flat((200, 40, 30), 64, 64)
    image[:, 32:, 3] = 128
    found = decoded(written(tmp_path / "half.webm", Format.WEBM, [image] * 2, opaque=False))
    assert np.abs(found.images[1][8:-8, 8:24, 3].astype(int) - 255).max() <= 4
    assert np.abs(found.images[1][8:-8, 40:56, 3].astype(int) - 128).max() <= 4


def test_webm_declares_its_alpha(clip, tmp_path):
    for opaque in (True, False):
        animation = clip(opaque=opaque).written(tmp_path / "clip.webm", Format.WEBM)
        with av.open(str(animation.path)) as container:
            assert ("ALPHA_MODE" in container.streams.video[0].metadata) is not opaque


def test_rim_is_not_darkened_by_what_is_transparent(decoded, tmp_path):
    image = np.zeros((64, 64, 4), dtype=np.uint8)
    image[16:49, 16:49] = (240, 200, 20, 255)
    found = decoded(written(tmp_path / "rim.webm", Format.WEBM, [image] * 2, opaque=False)).images[1]
    assert np.abs(found[16:49, 16:49, :3].astype(int) - (240, 200, 20)).max() <= 12


@pytest.mark.parametrize(("width", "height"), [(500, 500), (64, 32), (2, 2), (34, 18)])
def test_chroma_is_the_mean_of_its_four_pixels(width, height):
    rgba = np.random.default_rng(width).integers(0, 256, (height, width, 4), dtype=np.uint8)
    frame = av.VideoFrame(width, height, "yuv420p")
    luma, blue, red = planes(frame)
    Converter(width, height).fill(luma, blue, red, rgba)
    rgb = rgba[..., :3] / 255
    gray = rgb @ (0.299, 0.587, 0.114)
    assert np.abs(luma - (16 + 219 * gray)).max() <= 1.5
    mean = rgb.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    mean_gray = mean @ (0.299, 0.587, 0.114)
    assert np.abs(blue - (128 + 224 * (mean[..., 2] - mean_gray) / 1.772)).max() <= 2
    assert np.abs(red - (128 + 224 * (mean[..., 0] - mean_gray) / 1.402)).max() <= 2


@pytest.mark.parametrize("kind", [Format.MP4, Format.WEBM])
def test_a_conversion_that_finds_no_memory_is_an_output_failure(kind, clip, tmp_path, monkeypatch):
    def refused(*_):
        raise cv2.error("Insufficient memory")

    monkeypatch.setattr(Converter, "fill", refused)
    with pytest.raises(OutputFailed, match="Insufficient memory"):
        clip().written(tmp_path / f"clip.{kind}", kind)
    assert not list(tmp_path.iterdir())

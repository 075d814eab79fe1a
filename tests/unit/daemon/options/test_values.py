"""Option values: sizes, frame rates, backgrounds and formats as users write them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from daemon.options.values import DEFAULT_BACKGROUND, TRANSPARENT, Background, FrameRate, Size, default_format, output_format
from pipeline.errors import OptionError
from pipeline.types import Format


def test_size_is_width_by_height() -> None:
    assert Size.parse("640x480") == Size(640, 480)
    assert Size.parse(" 1X1 ") == Size(1, 1)
    assert str(Size.parse("64X48")) == "64x48"


@pytest.mark.parametrize("text", ["", "640", "0x10", "10x0", "-1x5", "9000x10", "axb", "10x10x10", "1.5x2"])
def test_refuses_other_sizes_with_an_example(text: str) -> None:
    with pytest.raises(OptionError, match="500x500"):
        Size.parse(text)


@pytest.mark.parametrize(("text", "rate"), [("25", Fraction(25)), ("29.97", Fraction(2997, 100)), ("30000/1001", Fraction(30000, 1001))])
def test_frame_rate_is_exact(text: str, rate: Fraction) -> None:
    assert FrameRate.parse(text).per_s == rate
    assert str(FrameRate.parse(text)) == text


def test_native_is_the_rate_of_the_motion() -> None:
    assert FrameRate.parse("Native").per_s is None


@pytest.mark.parametrize("text", ["0", "-3", "241", "fast", "1/0", "nan", "", ".", "1/2.5", "1e-3000000", "9" * 5000])
def test_refuses_other_frame_rates(text: str) -> None:
    with pytest.raises(OptionError, match="native"):
        FrameRate.parse(text)


def test_background_is_a_color_or_an_image(tmp_path: Path) -> None:
    assert Background.parse("transparent") == DEFAULT_BACKGROUND
    assert (DEFAULT_BACKGROUND.color, DEFAULT_BACKGROUND.image) == (TRANSPARENT, None)
    assert Background.parse("#ff000080").color == pytest.approx((1.0, 0.0, 0.0, 128 / 255))
    assert Background.parse("white").color == (1.0, 1.0, 1.0, 1.0)
    Image.new("RGB", (4, 3), (1, 2, 3)).save(tmp_path / "sea.png")
    image = Background.parse(str(tmp_path / "sea.png")).image
    assert image is not None
    np.testing.assert_array_equal(image[0, 0], (1, 2, 3, 255))


@pytest.mark.parametrize("text", ["rgb(300, 0, 0)", "rgb(900%, 0%, 0%)", "rgba(255, 0, 0, 999)", "hsv(0, 900%, 100%)"])
def test_clamps_colors_beyond_the_brightest(text: str) -> None:
    assert Background.parse_color(text).color == (1.0, 0.0, 0.0, 1.0)


def test_refuses_what_is_neither_color_nor_image(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="neither a color nor a file"):
        Background.parse("blurple.png")
    with pytest.raises(OptionError, match="neither a color nor a file"):
        Background.parse("b" * 300)
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(OptionError, match="can't be read"):
        Background.parse(str(tmp_path / "text.png"))


def test_never_reads_an_image_as_a_color(tmp_path: Path) -> None:
    Image.new("RGB", (4, 3), (1, 2, 3)).save(tmp_path / "sea.png")
    with pytest.raises(OptionError, match="must be a color"):
        Background.parse_color(str(tmp_path / "sea.png"))


def test_suffix_chooses_format() -> None:
    assert [output_format(Path(f"a.{s}")) for s in ("gif", "MP4", "webm", "webp", "apng", "png")] == [
        Format.GIF,
        Format.MP4,
        Format.WEBM,
        Format.WEBP,
        Format.APNG,
        Format.APNG,
    ]
    with pytest.raises(OptionError, match=r"\.gif"):
        output_format(Path("a.mov"))


def test_environment_makes_mp4_the_default_format() -> None:
    assert default_format({"AD_OUTPUT_MP4": "1"}) is Format.MP4
    assert default_format({"AD_OUTPUT_MP4": "0"}) is default_format({}) is Format.GIF

"""What people write on a command line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from daemon.options import values as option_values
from pipeline.errors import OptionError
from pipeline.types import Format


def test_sizes_are_width_by_height() -> None:
    assert option_values.size_px("640x480") == (640, 480)
    assert option_values.size_px(" 1X1 ") == (1, 1)


@pytest.mark.parametrize("text", ["", "640", "0x10", "10x0", "-1x5", "9000x10", "axb", "10x10x10", "1.5x2"])
def test_other_sizes_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(OptionError, match="500x500"):
        option_values.size_px(text)


@pytest.mark.parametrize(("text", "rate"), [("25", Fraction(25)), ("29.97", Fraction(2997, 100)), ("30000/1001", Fraction(30000, 1001))])
def test_rates_are_exact(text: str, rate: Fraction) -> None:
    assert option_values.frame_rate(text) == rate


def test_native_is_the_motions_own_rate() -> None:
    assert option_values.frame_rate("Native") is None


@pytest.mark.parametrize("text", ["0", "-3", "241", "fast", "1/0", "nan", "", ".", "1/2.5", "1e-3000000", "9" * 5000])
def test_other_rates_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="native"):
        option_values.frame_rate(text)


def test_backgrounds_are_colours_or_pictures(tmp_path: Path) -> None:
    assert option_values.background(None) == option_values.background("transparent") == (option_values.TRANSPARENT, None)
    assert option_values.background("#ff000080")[0] == pytest.approx((1.0, 0.0, 0.0, 128 / 255))
    assert option_values.background("white")[0] == (1.0, 1.0, 1.0, 1.0)
    Image.new("RGB", (4, 3), (1, 2, 3)).save(tmp_path / "sea.png")
    picture = option_values.background(str(tmp_path / "sea.png"))[1]
    assert picture is not None
    np.testing.assert_array_equal(picture[0, 0], (1, 2, 3, 255))


@pytest.mark.parametrize("text", ["rgb(300, 0, 0)", "rgb(900%, 0%, 0%)", "rgba(255, 0, 0, 999)", "hsv(0, 900%, 100%)"])
def test_colours_beyond_the_brightest_are_the_brightest(text: str) -> None:
    assert option_values.colour(text) == (1.0, 0.0, 0.0, 1.0)


def test_what_is_neither_colour_nor_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="neither a colour nor a file"):
        option_values.background("blurple.png")
    with pytest.raises(OptionError, match="neither a colour nor a file"):
        option_values.background("b" * 300)
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(OptionError, match="can't be read"):
        option_values.background(str(tmp_path / "text.png"))


def test_the_suffix_chooses_the_format() -> None:
    assert [option_values.output_format(Path(f"a.{s}")) for s in ("gif", "MP4", "webm", "webp", "apng", "png")] == [
        Format.GIF,
        Format.MP4,
        Format.WEBM,
        Format.WEBP,
        Format.APNG,
        Format.APNG,
    ]
    with pytest.raises(OptionError, match=r"\.gif"):
        option_values.output_format(Path("a.mov"))


def test_the_seeds_variable_asks_for_mp4() -> None:
    assert option_values.default_format({"AD_OUTPUT_MP4": "1"}) is Format.MP4
    assert option_values.default_format({"AD_OUTPUT_MP4": "0"}) is option_values.default_format({}) is Format.GIF

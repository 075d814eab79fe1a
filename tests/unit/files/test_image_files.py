"""Images of every pixel format."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import FileProblems, OutputFailed
from pipeline.files import image_files
from pipeline.files.image_files import read_mask, read_rgba, write_png

COLORS = np.zeros((4, 5, 3), np.uint8)
COLORS[1:3, 1:4] = 255
INSIDE = COLORS[..., 0] > 0


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I", "F", "I;16"])
def test_every_mode_gives_the_same_mask_and_colors(tmp_path, mode):
    path = tmp_path / "a.tif"
    if mode == "I;16":
        Image.fromarray(COLORS[..., 0].astype(np.uint16) * 257).save(path)
    else:
        Image.fromarray(COLORS).convert("L" if mode in "IF" else "RGB").convert(mode).save(path)
    assert np.array_equal(read_mask(path), INSIDE)
    rgba = read_rgba(path)
    assert np.array_equal(rgba[..., :3], COLORS)
    assert (rgba[..., 3] == 255).all()


def test_transparent_pixels_are_outside(tmp_path):
    alpha = (INSIDE * 255).astype(np.uint8)
    Image.fromarray(np.dstack([np.full_like(COLORS, 255), alpha])).save(tmp_path / "a.png")
    assert np.array_equal(read_mask(tmp_path / "a.png"), INSIDE)


def test_a_palette_with_a_transparent_color_keeps_it(tmp_path):
    image = Image.fromarray((~INSIDE).astype(np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.save(tmp_path / "a.png", transparency=1)
    rgba = read_rgba(tmp_path / "a.png")
    assert np.array_equal(rgba[..., 3] == 255, INSIDE)
    assert rgba[1, 1].tolist() == [255, 0, 0, 255]


def test_masks_of_zeros_and_ones_are_understood(tmp_path):
    Image.fromarray(INSIDE.astype(np.uint8)).save(tmp_path / "a.png")
    assert np.array_equal(read_mask(tmp_path / "a.png"), INSIDE)
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "a.png")
    assert not read_mask(tmp_path / "a.png").any()


def test_the_level_is_128(tmp_path):
    Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8)).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png").tolist() == [[False, False, True, True]]


def test_photographs_are_turned_upright_on_demand(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLORS).save(tmp_path / "a.png", exif=exif)
    assert read_rgba(tmp_path / "a.png").shape == (4, 5, 4)
    assert read_rgba(tmp_path / "a.png", upright=True).shape == (5, 4, 4)


def test_a_program_is_no_image(tmp_path):
    """Pillow would run it, with Ghostscript, and wait for its end."""
    (tmp_path / "a.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 60\n%%EndComments\n{} loop\n")
    with pytest.raises(FileProblems, match="cannot identify image file"):
        read_rgba(tmp_path / "a.png")


def test_broken_missing_and_huge_images_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    with pytest.raises(FileProblems, match="is missing"):
        read_rgba(path)
    path.write_bytes(b"no image")
    with pytest.raises(FileProblems, match="can't be read"):
        read_rgba(path)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(FileProblems, match="can't be read"):
        read_rgba(path)
    Image.fromarray(COLORS).save(path)
    monkeypatch.setattr(image_files, "MAX_PIXELS", 19)
    with pytest.raises(FileProblems, match="too big"):
        read_rgba(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2)
    with pytest.raises(FileProblems, match="too big"):
        read_rgba(path)


def test_a_disk_that_refuses_is_an_output_failure(tmp_path):
    with pytest.raises(OutputFailed, match="can't be written"):
        write_png(tmp_path / "none" / "a.png", COLORS)

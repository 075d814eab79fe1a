"""layers.png of a character folder: written, read, edited, outdated, refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image, ImageFilter

from pipeline.errors import CharacterError
from pipeline.files.character_files import read_character, write_character
from pipeline.types import LAYER_COLORS, Bytes, Character, LayerLabel, Rig

HEIGHT, WIDTH = 60, 40
JOINTS = {"root": (20, 40), "hip": (20, 40), "torso": (20, 15), "right_hand": (8, 30)}


def drawn() -> Character:
    """A figure of 30 x 50 px whose right arm is a stripe of 6 px."""
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[5:55, 5:35] = True
    labels = np.where(mask, np.uint8(LayerLabel.BODY), np.uint8(LayerLabel.NONE))
    labels[15:35, 5:11] = LayerLabel.RIGHT_ARM
    rest = np.array([(x / HEIGHT, 1 - y / HEIGHT) for x, y in JOINTS.values()])
    rig = Rig(tuple(JOINTS), np.array([-1, 0, 1, 2], np.int32), rest)
    return Character(np.full((HEIGHT, WIDTH, 4), 200, np.uint8), mask, rig, layer_labels=labels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_character(drawn(), tmp_path / "figure")
    return tmp_path / "figure"


def read_labels(folder: Path) -> Bytes:
    labels = read_character(folder).layer_labels
    assert labels is not None
    return labels


def edit(folder: Path, mode: str = "P") -> Bytes:
    """Give the upper half of the arm back to the body, as in a paint program. Returns the new labels."""
    labels = drawn().layer_labels
    assert labels is not None
    labels[15:25, 5:11] = LayerLabel.BODY
    with Image.open(folder / "layers.png") as image:
        image.load()
    if mode == "P":
        image.paste(int(LayerLabel.BODY), (5, 15, 11, 25))
    else:
        image = image.convert(mode)
        image.paste((255, 255, 255, 255)[: len(mode)], (5, 15, 11, 25))
    image.save(folder / "layers.png")
    return labels


def move_joint(folder: Path, name: str, to: tuple[int, int]) -> None:
    config = yaml.safe_load((folder / "char_cfg.yaml").read_text())
    next(joint for joint in config["skeleton"] if joint["name"] == name)["loc"] = list(to)
    (folder / "char_cfg.yaml").write_text(yaml.safe_dump(config))


def test_written_labels_are_read_back(folder: Path) -> None:
    assert (read_labels(folder) == drawn().layer_labels).all()
    assert read_character(folder).repairs == ()


def test_file_is_a_palette_image_in_the_colors_of_the_labels(folder: Path) -> None:
    with Image.open(folder / "layers.png") as image:
        assert image.mode == "P"
        assert image.size == (WIDTH, HEIGHT)
        rgb = np.array(image.convert("RGB"))
    assert tuple(rgb[0, 0]) == LAYER_COLORS[LayerLabel.NONE]
    assert tuple(rgb[20, 8]) == LAYER_COLORS[LayerLabel.RIGHT_ARM]
    assert tuple(rgb[20, 20]) == LAYER_COLORS[LayerLabel.BODY]


def test_character_without_labels_writes_no_file_and_removes_an_old_one(folder: Path) -> None:
    write_character(replace(drawn(), layer_labels=None), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["char_cfg.yaml", "mask.png", "texture.png"]
    assert read_character(folder).layer_labels is None


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_labels_have_the_orientation_of_the_image(tmp_path: Path, turn: int) -> None:
    upright = drawn()
    write_character(upright, tmp_path / "figure", turn=turn)
    with Image.open(tmp_path / "figure/layers.png") as layers, Image.open(tmp_path / "figure/mask.png") as mask:
        assert layers.size == mask.size
        assert ((np.array(layers) > 0) == (np.array(mask) > 0)).all()
    assert (read_labels(tmp_path / "figure") == upright.layer_labels).all()


@pytest.mark.parametrize("mode", ["P", "RGB", "RGBA"])
def test_edited_file_is_read_in_every_color_format(folder: Path, mode: str) -> None:
    expected = edit(folder, mode)
    assert (read_labels(folder) == expected).all()


def test_untouched_file_is_ignored_after_joints_moved(folder: Path) -> None:
    """It was derived from the former joints; layers are derived again where they are needed."""
    move_joint(folder, "right_hand", (9, 31))
    assert read_character(folder).layer_labels is None
    move_joint(folder, "right_hand", (8, 30))
    assert read_character(folder).layer_labels is not None


def test_untouched_file_is_ignored_after_the_mask_changed(folder: Path) -> None:
    mask = np.array(Image.open(folder / "mask.png"))
    mask[5:10] = 0
    Image.fromarray(mask).save(folder / "mask.png")
    assert read_character(folder).layer_labels is None


@pytest.mark.parametrize("mode", ["P", "RGB"])
def test_edited_file_is_kept_after_joints_moved(folder: Path, mode: str) -> None:
    expected = edit(folder, mode)
    move_joint(folder, "right_hand", (9, 31))
    assert (read_labels(folder) == expected).all()


def test_edit_in_a_program_that_keeps_texts_counts_as_edited(folder: Path) -> None:
    """Such as GIMP, which stores what was in the file."""
    from PIL.PngImagePlugin import PngInfo

    expected, texts = drawn().layer_labels, PngInfo()
    assert expected is not None
    with Image.open(folder / "layers.png") as image:
        image.load()
    for keyword, text in image.info.items():
        texts.add_text(keyword, text)
    image.paste(int(LayerLabel.BODY), (5, 15, 11, 25))
    image.save(folder / "layers.png", pnginfo=texts)
    move_joint(folder, "right_hand", (9, 31))
    expected[15:25, 5:11] = LayerLabel.BODY
    assert (read_labels(folder) == expected).all()


def test_mask_decides_what_is_figure(folder: Path) -> None:
    """Colors beside the figure are ignored, and a pixel that was added to the mask belongs to the layer beside it."""
    expected = edit(folder)
    with Image.open(folder / "layers.png") as image:
        image.load()
    image.paste(int(LayerLabel.LEFT_LEG), (36, 0, WIDTH, HEIGHT))
    image.save(folder / "layers.png")
    mask = np.array(Image.open(folder / "mask.png"))
    mask[25:35, 3:5] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    expected[25:35, 3:5] = LayerLabel.RIGHT_ARM
    labels = read_labels(folder)
    assert (labels == expected).all()
    assert not (labels == LayerLabel.LEFT_LEG).any()


def test_soft_brush_makes_no_third_layer(folder: Path) -> None:
    with Image.open(folder / "layers.png") as image:
        image.convert("RGB").filter(ImageFilter.GaussianBlur(1.5)).save(folder / "layers.png")
    labels, sharp = read_labels(folder), drawn().layer_labels
    assert set(np.unique(labels).tolist()) == {LayerLabel.NONE, LayerLabel.BODY, LayerLabel.RIGHT_ARM}
    assert (labels == sharp).mean() > 0.95


@pytest.mark.parametrize(("first", "second"), list(combinations(LayerLabel, 2)))
def test_mixture_of_two_colors_is_not_a_third(folder: Path, first: LayerLabel, second: LayerLabel) -> None:
    share = np.linspace(0.0, 1.0, WIDTH)[None, :, None]
    mixed = (1 - share) * LAYER_COLORS[first] + share * np.array(LAYER_COLORS[second])
    Image.fromarray(np.repeat(mixed.astype(np.uint8), HEIGHT, axis=0)).save(folder / "layers.png")
    assert set(np.unique(read_labels(folder)).tolist()) <= {LayerLabel.NONE, first, second}


def test_other_colors_are_reported(folder: Path) -> None:
    edit(folder, "RGB")
    with Image.open(folder / "layers.png") as image:
        image.load()
    image.paste((128, 0, 128), (20, 40, 25, 50))
    image.save(folder / "layers.png")
    character = read_character(folder)
    assert character.repairs == ("50 px of the figure have none of the colors of layers.png; they belong to the layer beside them",)
    assert (read_labels(folder)[40:50, 20:25] == LayerLabel.BODY).all()


def test_refuses_another_size(folder: Path) -> None:
    Image.new("RGB", (WIDTH + 1, HEIGHT), (255, 255, 255)).save(folder / "layers.png")
    with pytest.raises(CharacterError, match=r"layers\.png is 41 x 60 px, but mask\.png is 40 x 60: expected the same size"):
        read_character(folder)


def test_refuses_a_damaged_file(folder: Path) -> None:
    (folder / "layers.png").write_bytes((folder / "layers.png").read_bytes()[:60])
    with pytest.raises(CharacterError, match=r"layers\.png: the image can't be read"):
        read_character(folder)


def test_refuses_a_file_without_any_of_its_colors(folder: Path) -> None:
    Image.new("RGB", (WIDTH, HEIGHT), (128, 128, 128)).save(folder / "layers.png")
    with pytest.raises(CharacterError, match=r"layers\.png has no label's color inside the figure: expected body \(255, 255, 255\)"):
        read_character(folder)

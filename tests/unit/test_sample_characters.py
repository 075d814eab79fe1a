"""The sample characters are folders that anybody's AnimatedDrawings could read, and that can be animated well."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy import ndimage

FOLDER = Path(__file__).parents[2] / "etc" / "characters"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/char_cfg.yaml"))
PARENTS = {
    "root": None,
    "hip": "root",
    "torso": "hip",
    "neck": "torso",
    **{f"{side}_{part}": parent for side in ("right", "left") for part, parent in (("shoulder", "torso"), ("hip", "root"))},
    **{
        f"{side}_{part}": f"{side}_{parent}"
        for side in ("right", "left")
        for part, parent in (("elbow", "shoulder"), ("hand", "elbow"), ("knee", "hip"), ("foot", "knee"))
    },
}


@pytest.fixture(params=NAMES)
def folder(request):
    return FOLDER / request.param


def contents(folder):
    cfg = yaml.safe_load((folder / "char_cfg.yaml").read_text())
    return cfg, np.array(Image.open(folder / "mask.png")), np.array(Image.open(folder / "texture.png"))


def test_there_are_several():
    """A first look should offer a choice."""
    assert len(NAMES) >= 3


def test_files_fit_together(folder):
    """Sizes agree; the mask is black and white; the texture has four channels."""
    cfg, mask, texture = contents(folder)
    assert mask.shape == (cfg["height"], cfg["width"])
    assert texture.shape == (*mask.shape, 4)
    assert set(np.unique(mask)) == {0, 255}
    assert 400 <= cfg["height"] <= 600


def test_joints_are_the_sixteen_and_inside_the_figure(folder):
    """Names and parents are AnimatedDrawings'; every joint is inside the mask, root and hip in the same place."""
    cfg, mask, _ = contents(folder)
    assert {joint["name"]: joint["parent"] for joint in cfg["skeleton"]} == PARENTS
    places = {joint["name"]: joint["loc"] for joint in cfg["skeleton"]}
    assert places["root"] == places["hip"]
    for name, (x, y) in places.items():
        assert isinstance(x, int), name
        assert isinstance(y, int), name
        assert mask[y, x] == 255, name


def test_right_is_the_figures_own(folder):
    """The figure looks at us: its right is the image's left."""
    places = {joint["name"]: joint["loc"] for joint in contents(folder)[0]["skeleton"]}
    for part in ("shoulder", "elbow", "hand", "hip", "knee", "foot"):
        assert places[f"right_{part}"][0] < places[f"left_{part}"][0], part


def test_mask_is_one_piece_without_holes_and_off_the_border(folder):
    """A mask of several pieces, or one that is cut by the image's border, would lose parts."""
    mask = contents(folder)[1] > 0
    assert ndimage.label(mask)[1] == 1
    assert np.array_equal(ndimage.binary_fill_holes(mask), mask)
    assert not any(border.any() for border in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))


def test_limbs_are_free(folder):
    """Without the trunk's columns the hands are apart from everything else: arms stand away, and there is paper between the shins."""
    cfg, mask, _ = contents(folder)
    places = {joint["name"]: joint["loc"] for joint in cfg["skeleton"]}
    for side in ("right", "left"):
        x, y = places[f"{side}_hand"]
        assert not mask[y + 60 :, x].any(), side
    (right_x, y), (left_x, _) = places["right_foot"], places["left_foot"]
    shin_y = (y + places["right_knee"][1]) // 2
    assert not mask[shin_y, (right_x + left_x) // 2]


def test_folder_is_small():
    """It travels with every installation."""
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.png")) < 1_500_000

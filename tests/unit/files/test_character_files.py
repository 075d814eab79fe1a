"""Character folders: read, mended, refused, written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from pipeline.errors import CharacterError, ConfigError, OutputFailed
from pipeline.files import character_configs
from pipeline.files.character_files import read_character, write_character
from pipeline.types import Character, Rig

SKELETON = [("root", 20, 30, None), ("hip", 20, 30, "root"), ("torso", 20, 10, "hip"), ("hand", 5, 10, "torso")]


@pytest.fixture
def folder(tmp_path) -> Path:
    """A figure of 30 x 40 px in an image of 40 x 50."""
    mask = np.zeros((50, 40), np.uint8)
    mask[5:45, 5:35] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    Image.fromarray(np.full((50, 40, 3), 200, np.uint8)).save(tmp_path / "texture.png")
    configured(tmp_path)
    return tmp_path


def configured(folder: Path, joints=SKELETON, **changes) -> None:
    skeleton = [{"loc": [x, y], "name": name, "parent": parent} for name, x, y, parent in joints]
    (folder / "char_cfg.yaml").write_text(yaml.safe_dump({"width": 40, "height": 50, "skeleton": skeleton, **changes}))


def redrawn(folder: Path, **areas) -> None:
    """A mask that is white in some areas, each (top, bottom, left, right)."""
    mask = np.zeros((50, 40), np.uint8)
    for top, bottom, left, right in areas.values():
        mask[top:bottom, left:right] = 255
    Image.fromarray(mask).save(folder / "mask.png")


def test_a_folder_is_read(folder):
    character = read_character(folder)
    assert character.name == folder.name
    assert character.mask.sum() == 30 * 40
    assert character.rgba[0, 0].tolist() == [200, 200, 200, 255]
    assert character.rig.joint_names == ("root", "hip", "torso", "hand")
    assert character.rig.parents.tolist() == [-1, 0, 1, 2]
    assert character.rig.rest.tolist() == [[0.4, 0.4], [0.4, 0.4], [0.4, 0.8], [0.1, 0.8]]
    assert character.repairs == ()
    assert read_character(folder / "char_cfg.yaml").rig.rest.tolist() == character.rig.rest.tolist()


def test_joints_that_come_too_early_wait_for_their_parents_and_siblings_keep_their_order(folder):
    """Of several mapped siblings the last one turns their parent: AnimatedDrawings goes by the file."""
    joints = [("b", 20, 20, "a"), ("hand", 5, 10, "torso"), ("root", 20, 30, None), ("torso", 20, 10, "root"), ("a", 20, 25, "root")]
    configured(folder, joints)
    rig = read_character(folder).rig
    assert rig.joint_names == ("root", "torso", "hand", "a", "b")
    assert rig.parents.tolist() == [-1, 0, 1, 0, 3]


@pytest.mark.parametrize(("at", "to"), [((2, 10), (5, 10)), ((-7, 10), (5, 10)), ((100.5, 60), (34, 44)), ((5, 4.9), (5, 5))])
def test_a_joint_off_the_figure_goes_to_its_nearest_pixel(folder, at, to):
    configured(folder, [*SKELETON[:3], ("hand", *at, "torso")])
    character = read_character(folder)
    assert np.allclose(character.rig.rest[3], [to[0] / 50, 1 - to[1] / 50])
    assert character.repairs == (f"hand was outside the figure at ({at[0]:g}, {at[1]:g}) px and was moved into it, to ({to[0]}, {to[1]})",)


def test_pieces_without_joints_are_left_out(folder):
    redrawn(folder, trunk=(5, 45, 15, 35), hand=(8, 12, 3, 8), dust=(20, 24, 3, 8), speck=(40, 41, 2, 3))
    character = read_character(folder)
    assert character.mask.sum() == 40 * 20 + 4 * 5
    assert character.mask[10, 5]
    assert character.repairs == ("2 pieces of the mask without any joint, 21 px in all, were left out",)


def test_no_joint_is_moved_onto_a_speck(folder):
    redrawn(folder, trunk=(5, 45, 15, 35), speck=(10, 11, 6, 7))
    character = read_character(folder)
    assert character.rig.rest[3].tolist() == [15 / 50, 0.8]
    assert "hand was outside the figure" in character.repairs[0]
    assert character.repairs[1] == "a piece of the mask without any joint, 1 px in all, was left out"


def test_a_joint_is_moved_onto_a_limb_drawn_apart(folder):
    redrawn(folder, trunk=(5, 45, 15, 35), hand=(12, 16, 3, 8))
    character = read_character(folder)
    assert character.rig.rest[3].tolist() == [5 / 50, 1 - 12 / 50]
    assert character.mask[12, 5]


@pytest.mark.parametrize(
    ("joints", "said"),
    [
        ([("a", 20, 30, "b"), ("b", 20, 20, "a")], "there is no root"),
        ([*SKELETON, ("extra", 20, 30, None)], "expected one joint with parent: null, found root, extra"),
        ([*SKELETON, ("hand", 20, 30, "root")], "hand is there 2 times"),
        ([*SKELETON, ("foot", 20, 30, "hipp")], "foot's parent 'hipp' is no joint; did you mean hip?"),
        ([*SKELETON, ("a", 20, 30, "b"), ("b", 20, 30, "a")], "a, b hang on each other in a cycle"),
    ],
)
def test_joints_must_be_one_tree(folder, joints, said):
    configured(folder, joints)
    with pytest.raises(ConfigError) as caught:
        read_character(folder)
    assert said in caught.value.summary


def test_all_problems_of_a_config_come_at_once(folder):
    text = "width: 0\nskeleton:\n- {loc: [1], name: a, parent: null}\n- {loc: [1, 2], name: 3}\n"
    (folder / "char_cfg.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_character(folder)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "width",
        "height",
        "skeleton[0].loc",
        "skeleton[1].parent",
        "skeleton[1].name",
    ]


def test_joints_are_capped(folder, monkeypatch):
    monkeypatch.setattr(character_configs, "MAX_JOINTS", 3)
    with pytest.raises(ConfigError, match="at most 3 joints, found 4"):
        read_character(folder)


def test_a_thousand_joints_in_a_cycle_are_refused_at_once(folder):
    ring = [(f"j{n}", 20, 20, f"j{(n + 1) % 900}") for n in range(900)]
    configured(folder, [*SKELETON, *ring])
    with pytest.raises(ConfigError, match="in a cycle"):
        read_character(folder)


def test_sizes_must_agree(folder):
    configured(folder, width=41)
    with pytest.raises(ConfigError, match="width: expected the images' 40 px, found 41"):
        read_character(folder)
    Image.fromarray(np.zeros((50, 41, 3), np.uint8)).save(folder / "texture.png")
    with pytest.raises(CharacterError, match=r"texture.png is 41 x 50 px, but mask.png is 40 x 50"):
        read_character(folder)


def test_figures_that_can_t_be_animated_are_refused(folder):
    redrawn(folder)
    with pytest.raises(CharacterError, match="is empty"):
        read_character(folder)
    redrawn(folder, dot=(10, 25, 10, 25))
    with pytest.raises(CharacterError, match="at least 16 px, found 15"):
        read_character(folder)
    redrawn(folder, figure=(5, 45, 5, 35))
    configured(folder, SKELETON[:3])
    with pytest.raises(CharacterError, match="at least 2 joints away from their parents, found 1"):
        read_character(folder)


@pytest.mark.parametrize("name", ["mask.png", "texture.png"])
def test_images_must_be_there(folder, name):
    (folder / name).unlink()
    with pytest.raises(CharacterError, match=f"{name}: the image is missing"):
        read_character(folder)


def test_mask_like_a_checkerboard_is_refused_at_once(folder):
    """Its 125,000 holes would take eleven minutes to triangulate."""
    row, column = np.mgrid[:500, :500]
    Image.fromarray(((row + column) % 2 * 255).astype(np.uint8)).save(folder / "mask.png")
    Image.fromarray(np.full((500, 500, 3), 200, np.uint8)).save(folder / "texture.png")
    configured(folder, width=500, height=500)
    with pytest.raises(CharacterError, match=r"mask.png has no clear outline: its edge is too long: expected at most 100000 px"):
        read_character(folder)


def test_what_is_written_is_read_back(folder, tmp_path):
    character = read_character(folder)
    rest = character.rig.rest + np.array([0.004, -0.004])
    rest[3, 0] = 0.1
    moved = Character(character.rgba, character.mask, Rig(character.rig.joint_names, character.rig.parents, rest))
    write_character(moved, tmp_path / "out" / "deep")
    again = read_character(tmp_path / "out" / "deep")
    assert np.array_equal(again.mask, character.mask)
    assert np.array_equal(again.rgba, character.rgba)
    assert again.rig.joint_names == character.rig.joint_names
    assert np.allclose(again.rig.rest, character.rig.rest)
    config = yaml.safe_load((tmp_path / "out" / "deep" / "char_cfg.yaml").read_text())
    assert config["skeleton"][0] == {"loc": [20, 30], "name": "root", "parent": None}


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("column", [10, 11])
def test_joint_on_a_line_of_one_pixel_is_written_on_it(tmp_path, column, turn):
    """At the pixel's center, which rounding would move to a neighbor."""
    mask = np.zeros((50, 40), np.bool_)
    mask[5:45, column] = True
    rest = np.array([[column + 0.5, 50 - y] for y in (40.5, 25.5, 5.5)]) / 50
    rig = Rig(("root", "middle", "end"), np.array([-1, 0, 1], np.int32), rest)
    character = Character(np.full((50, 40, 4), 255, np.uint8), mask, rig)
    configs = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        write_character(character, folder, turn=turn)
        configs.append((folder / "char_cfg.yaml").read_text())
        character = read_character(folder)
        assert character.repairs == ()
        assert character.joint_cells().tolist() == [[column, 40], [column, 25], [column, 5]]
    assert configs[0] == configs[1]


def test_written_joints_stay_in_the_image(folder, tmp_path):
    character = read_character(folder)
    far = Rig(character.rig.joint_names, character.rig.parents, character.rig.rest * 10 - 2)
    write_character(Character(character.rgba, character.mask, far), tmp_path / "out")
    config = yaml.safe_load((tmp_path / "out" / "char_cfg.yaml").read_text())
    assert all(0 <= joint["loc"][0] < 40 and 0 <= joint["loc"][1] < 50 for joint in config["skeleton"])


def test_a_disk_that_refuses_is_an_output_failure(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputFailed, match="can't be written"):
        write_character(read_character(folder), tmp_path / "file" / "out")


@pytest.mark.parametrize(("turned", "hand"), [(90, [0.8, 0.9]), (180, [0.68, 0.2]), (270, [0.2, 0.3])])
def test_turned_character_reads_upright(folder, turned, hand):
    given = read_character(folder)
    configured(folder, turned=turned)
    character = read_character(folder)
    assert character.mask.shape == ((50, 40) if turned == 180 else (40, 50))
    assert character.mask.sum() == given.mask.sum()
    pixel = np.floor(np.array([character.rig.rest[3, 0], 1 - character.rig.rest[3, 1]]) * 50 + 1e-6).astype(int)
    assert character.mask[pixel[1], pixel[0]]
    assert character.rig.rest[3].tolist() == pytest.approx(hand, abs=0.021)


def test_turn_by_other_than_right_angles_is_refused(folder):
    configured(folder, turned=45)
    with pytest.raises(ConfigError, match="turned: expected 0, 90, 180, 270 degrees, found 45"):
        read_character(folder)

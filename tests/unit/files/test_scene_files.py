"""Scene files with everything that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from pipeline.errors import ConfigError
from pipeline.files import scene_files
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.files.scene_files import SceneFile, read_scene_file
from pipeline.motion.library import MotionLibrary
from pipeline.types import Camera, DebugViews, Format

RETARGET = asset_folder(AssetKind.RETARGET) / "doodled.yaml"
ACTOR = {"character_cfg": "figure/char_cfg.yaml", "motion_cfg": "still.yaml", "retarget_cfg": str(RETARGET)}
BVH = """HIERARCHY
ROOT a
{
OFFSET 0 0 0
CHANNELS 1 Xrotation
}
MOTION
Frames: 1
Frame Time: 1
0
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A character folder, a motion of one joint, and a background."""
    figure = tmp_path / "figure"
    figure.mkdir()
    Image.fromarray(np.full((20, 30), 255, np.uint8)).save(figure / "mask.png")
    Image.fromarray(np.zeros((20, 30, 4), np.uint8)).save(figure / "texture.png")
    Image.fromarray(np.full((6, 8), 90, np.uint8)).save(tmp_path / "paper.png")
    joints = [("root", 9, 9, None), ("a", 9, 5, "root"), ("b", 9, 2, "a")]
    skeleton = [{"name": name, "loc": [x, y], "parent": parent} for name, x, y, parent in joints]
    (figure / "char_cfg.yaml").write_text(yaml.safe_dump({"width": 30, "height": 20, "skeleton": skeleton}))
    motion = {"filepath": "still.bvh", "groundplane_joint": "a", "forward_perp_joint_vectors": [["a", "a"]], "scale": 1, "up": "+y"}
    (tmp_path / "still.yaml").write_text(yaml.safe_dump(motion))
    (tmp_path / "still.bvh").write_text(BVH)
    return tmp_path


def read(folder: Path, **sections: dict[str, Any]) -> SceneFile:
    """A scene file with one actor, and `sections` over it."""
    scene = {"ANIMATED_CHARACTERS": [ACTOR], **sections.pop("scene", {})}
    path = folder / "scene.yaml"
    path.write_text(yaml.safe_dump({"scene": scene, **sections}))
    return read_scene_file(path, MotionLibrary([], []))


def problems(folder: Path, **sections: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read(folder, **sections)
    return caught.value.problems


def test_defaults_are_animated_drawings_own(folder):
    file = read(folder)
    view = file.scene.view
    assert (view.width, view.height) == (500, 500)
    assert view.background == (1.0, 1.0, 1.0, 0.0)
    assert view.background_image is None
    assert view.camera == Camera((0.0, 0.7, 2.0), (0.0, 0.5, 2.0))
    assert view.debug == DebugViews()
    assert (file.output, file.format) == (Path("video.gif"), Format.GIF)
    assert file.notes == ("there is no interactive window: the animation is written to a file",)
    assert file.scene.actors[0].character.name == "figure"
    assert file.scene.actors[0].motion.name == "still"
    assert file.scene.actors[0].retarget.name == "doodled"


def test_every_key_is_read(folder):
    file = read(
        folder,
        scene={"ADD_FLOOR": True, "ADD_AD_RETARGET_BVH": True},
        view={
            "CLEAR_COLOR": [0, 0.5, 1, 1],
            "BACKGROUND_IMAGE": "paper.png",
            "WINDOW_DIMENSIONS": [300, 400],
            "DRAW_AD_RIG": True,
            "DRAW_AD_TXTR": False,
            "DRAW_AD_COLOR": True,
            "DRAW_AD_MESH_LINES": True,
            "USE_MESA": True,
            "CAMERA_POS": [0.1, 1.3, 2.7],
            "CAMERA_FWD": [0, 0, 1],
        },
        controller={"MODE": "video_render", "KEYBOARD_TIMESTEP": 0.1, "OUTPUT_VIDEO_PATH": "./out/a.MP4", "OUTPUT_VIDEO_CODEC": "mp4v"},
    )
    view = file.scene.view
    assert (view.width, view.height) == (300, 400)
    assert view.background == (0.0, 0.5, 1.0, 1.0)
    assert view.background_image is not None
    assert view.background_image.shape == (6, 8, 4)
    assert view.camera == Camera((0.1, 1.3, 2.7), (0.0, 0.0, 1.0))
    assert view.debug == DebugViews(texture=False, rig=True, colors=True, mesh_lines=True, floor=True, skeleton=True)
    assert (file.output, file.format) == (Path("out/a.MP4"), Format.MP4)
    assert [note.split()[0] for note in file.notes] == ["controller.OUTPUT_VIDEO_CODEC", "view.USE_MESA"]


def test_a_rendered_scene_s_default_output_is_animated_drawings_own(folder):
    assert read(folder, controller={"MODE": "video_render"}).output == Path("output_video.mp4")


@pytest.mark.parametrize(("mode", "output"), [("interactive", "video.gif"), ("video_render", "output_video.mp4")])
def test_an_output_and_a_codec_may_be_null(folder, mode, output):
    file = read(folder, controller={"MODE": mode, "OUTPUT_VIDEO_PATH": None, "OUTPUT_VIDEO_CODEC": None})
    assert (str(file.output), file.format) == (output, Format(Path(output).suffix[1:]))


def test_an_interactive_scene_may_name_its_output(folder):
    assert read(folder, controller={"OUTPUT_VIDEO_PATH": "a.webm"}).format is Format.WEBM


def test_several_figures_share_what_they_name(folder):
    actors = read(folder, scene={"ANIMATED_CHARACTERS": [ACTOR, ACTOR]}).scene.actors
    assert actors[0].character is actors[1].character
    assert actors[0].motion is actors[1].motion


def test_files_may_lie_in_a_root(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "scene.yaml"
    elsewhere.write_text(yaml.safe_dump({"scene": {"ANIMATED_CHARACTERS": [ACTOR]}}))
    assert read_scene_file(elsewhere, MotionLibrary([], []), roots=[folder]).scene.actors
    with pytest.raises(ConfigError, match=r"there is no file 'still.yaml', looked in the working directory"):
        read_scene_file(elsewhere, MotionLibrary([], []))


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"scene": {"ANIMATED_CHARACTERS": []}}, "scene.ANIMATED_CHARACTERS: expected a list of entries with keys, at least 1, found []"),
        ({"scene": {"ADD_FLOR": True}}, "scene.ADD_FLOR: is not a key that is known here; did you mean ADD_FLOOR?"),
        ({"scene": {"ADD_FLOOR": "yes"}}, "scene.ADD_FLOOR: expected true or false, found 'yes'"),
        ({"veiw": {}}, "veiw: is not a key that is known here; did you mean view?"),
        ({"view": {"CLEAR_COLOR": [1, 1, 1]}}, "view.CLEAR_COLOR: expected 4 numbers from 0 to 1, found [1, 1, 1]"),
        ({"view": {"CLEAR_COLOR": [1, 1, 1, 2]}}, "view.CLEAR_COLOR: expected 4 numbers from 0 to 1"),
        ({"view": {"WINDOW_DIMENSIONS": [0, 5]}}, "view.WINDOW_DIMENSIONS: expected 2 numbers from 1 to 8192, found [0, 5]"),
        ({"view": {"WINDOW_DIMENSIONS": [5, 5.5]}}, "view.WINDOW_DIMENSIONS: expected whole numbers, found 5, 5.5"),
        ({"view": {"CAMERA_FWD": [0, 0, 0]}}, "view.CAMERA_FWD: expected a direction, found zeros"),
        ({"view": {"CAMERA_FWD": [1e-300, 0, 0]}}, "view.CAMERA_FWD: expected a direction, found zeros"),
        ({"view": {"CAMERA_FWD": "front"}}, "view.CAMERA_FWD: expected 3 numbers, found 'front'"),
        ({"view": {"BACKGROUND_IMAGE": "none.png"}}, "view.BACKGROUND_IMAGE: there is no file 'none.png'"),
        ({"view": {"BACKGROUND_IMAGE": "still.bvh"}}, "still.bvh: the image can't be read"),
        ({"controller": {"MODE": "interact"}}, "controller.MODE: expected interactive or video_render, found 'interact'"),
        ({"controller": {"OUTPUT_VIDEO_PATH": "a.avi"}}, "controller.OUTPUT_VIDEO_PATH: expected a file ending in .gif, .mp4, .webm"),
        ({"controller": {"OUTPUT_VIDEO_PATH": "./"}}, "controller.OUTPUT_VIDEO_PATH: expected a file ending in .gif, .mp4, .webm"),
        ({"controller": {"KEYBOARD_TIMESTEP": 0}}, "controller.KEYBOARD_TIMESTEP: expected a number above 0, found 0"),
        ({"scene": {"ANIMATED_CHARACTERS": [{**ACTOR, "x": 1}]}}, "scene.ANIMATED_CHARACTERS[0].x: is not a key"),
        ({"scene": {"ANIMATED_CHARACTERS": [{**ACTOR, "motion_cfg": 3}]}}, "ANIMATED_CHARACTERS[0].motion_cfg: expected a text, found 3"),
    ],
)
def test_invalid_values_are_reported(folder, sections, said):
    found = problems(folder, **sections)
    assert len(found) == 1
    assert said in found[0]


def test_a_scene_needs_figures(folder):
    (folder / "scene.yaml").write_text("controller: {MODE: video_render}\n")
    with pytest.raises(ConfigError, match="ANIMATED_CHARACTERS: is missing"):
        read_scene_file(folder / "scene.yaml", MotionLibrary([], []))


def test_problems_of_all_files_come_at_once(folder):
    (folder / "figure" / "mask.png").unlink()
    (folder / "still.bvh").write_text("nonsense")
    (folder / "bad.yaml").write_text("a: 1")
    found = problems(
        folder, scene={"ANIMATED_CHARACTERS": [{**ACTOR, "retarget_cfg": "bad.yaml"}]}, view={"DRAW_AD_RIG": 3}, controller={"MODE": 1}
    )
    text = "\n".join(found)
    assert "[0].character_cfg:" in text
    assert "mask.png: the image is missing" in text
    assert "[0].motion_cfg:" in text
    assert "still.bvh: line 1: expected HIERARCHY" in text
    assert "bad.yaml: char_starting_location: is missing" in text
    assert "view.DRAW_AD_RIG" in text
    assert "controller.MODE" in text


def test_motions_with_a_wrong_suffix_are_reported(folder):
    (folder / "still.txt").write_text("still")
    found = problems(folder, scene={"ANIMATED_CHARACTERS": [{**ACTOR, "motion_cfg": "still.txt"}]})
    assert "a file with the suffix .txt is no motion" in found[0]


def test_figures_are_capped(folder, monkeypatch):
    monkeypatch.setattr(scene_files, "MAX_ACTORS", 1)
    assert "expected at most 1, found 2" in problems(folder, scene={"ANIMATED_CHARACTERS": [ACTOR, ACTOR]})[0]

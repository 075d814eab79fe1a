"""Row 62 of etc/doc/faults.md: bad characters, motions and configurations are clear errors or reported repairs; none hangs or is blank."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image, ImageSequence

from daemon.commands.render import RenderResult, render
from daemon.log.stopwatch import WallStopwatch
from daemon.options.scene_builder import RenderRequest
from daemon.options.values import FrameRate, Size
from pipeline.errors import CharacterError, ConfigError, DoodledError, MotionFileError, RetargetError, UnknownName

REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.gl


@dataclass
class Workbench:
    """A copy of a valid character, motion and retarget configuration, for a test to damage."""

    folder: Path

    @property
    def character(self) -> Path:
        return self.folder / "character"

    @property
    def mask(self) -> np.ndarray:
        return cv2.imread(str(self.character / "mask.png"), cv2.IMREAD_GRAYSCALE)

    def save_mask(self, mask: np.ndarray) -> None:
        cv2.imwrite(str(self.character / "mask.png"), mask)

    def edit_yaml(self, name: str, change: Callable[[dict], object]) -> None:
        path = self.folder / name
        document = yaml.safe_load(path.read_text())
        change(document)
        path.write_text(yaml.safe_dump(document))

    def rendered(self) -> RenderResult:
        request = RenderRequest(
            self.character,
            output=self.folder / "out.webp",
            motion=str(self.folder / "wave.yaml"),
            retarget=str(self.folder / "retarget.yaml"),
            size=Size(80, 80),
            rate=FrameRate.parse("5"),
        )
        return render(request, {}, WallStopwatch())

    def is_seen_in_every_frame(self) -> bool:
        with Image.open(self.folder / "out.webp") as image:
            return all(np.array(frame.convert("RGBA"))[..., 3].max() > 128 for frame in ImageSequence.Iterator(image))


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    shutil.copytree(REPOSITORY / "etc/characters/marker_monster", tmp_path / "character")
    for name in ("wave.bvh", "wave.yaml"):
        shutil.copy(REPOSITORY / "etc/motions" / name, tmp_path)
    shutil.copy(REPOSITORY / "etc/retarget/doodled.yaml", tmp_path / "retarget.yaml")
    return Workbench(tmp_path)


def move_joint(workbench: Workbench, name: str, place: list[int]) -> None:
    def change(document: dict) -> None:
        next(joint for joint in document["skeleton"] if joint["name"] == name)["loc"] = place

    workbench.edit_yaml("character/char_cfg.yaml", change)


def cut_into_pieces(workbench: Workbench) -> None:
    mask = workbench.mask
    rows = np.flatnonzero(mask.any(axis=1))
    mask[int(rows[0] + 0.62 * np.ptp(rows)) :][:4] = 0
    workbench.save_mask(mask)


def add_specks(workbench: Workbench) -> None:
    mask = workbench.mask
    mask[::40, :6] = 255
    workbench.save_mask(mask)


def keep_only(workbench: Workbench, size: int) -> None:
    mask = workbench.mask
    y, x = np.argwhere(mask)[len(np.argwhere(mask)) // 2]
    mask[:] = 0
    mask[y : y + size, x : x + size] = 255
    workbench.save_mask(mask)


def resize_texture(workbench: Workbench) -> None:
    path = str(workbench.character / "texture.png")
    cv2.imwrite(path, cv2.imread(path, cv2.IMREAD_UNCHANGED)[:-7])


def spoil_bvh(workbench: Workbench, old: str, new: str) -> None:
    path = workbench.folder / "wave.bvh"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


REFUSED: dict[str, tuple[Callable[[Workbench], object], type[DoodledError], str]] = {
    "empty mask": (lambda b: b.save_mask(b.mask * 0), CharacterError, "mask"),
    "one-pixel figure": (lambda b: keep_only(b, 1), CharacterError, "too small"),
    "mask and texture of different sizes": (resize_texture, CharacterError, "texture"),
    "missing mask": (lambda b: (b.character / "mask.png").unlink(), CharacterError, "mask.png"),
    "mask that is no image": (lambda b: (b.character / "mask.png").write_text("hello"), CharacterError, "mask.png"),
    "all joints on one spot but one": (
        lambda b: b.edit_yaml("character/char_cfg.yaml", lambda d: [j.update(loc=d["skeleton"][0]["loc"]) for j in d["skeleton"][:-1]]),
        CharacterError,
        "at least 2 joints",
    ),
    "no root": (
        lambda b: b.edit_yaml("character/char_cfg.yaml", lambda d: d["skeleton"][0].update(parent="hip")),
        ConfigError,
        "root",
    ),
    "unknown parent": (
        lambda b: b.edit_yaml("character/char_cfg.yaml", lambda d: d["skeleton"][3].update(parent="tail")),
        ConfigError,
        "tail",
    ),
    "joint that a retarget config needs is not in the motion": (
        lambda b: b.edit_yaml("retarget.yaml", lambda d: d["char_joint_bvh_joints_mapping"].update(left_hand=["LeftElbow", "LeftPaw"])),
        DoodledError,
        "LeftPaw",
    ),
    "joint that a retarget config needs is not in the character": (
        lambda b: b.edit_yaml(
            "retarget.yaml",
            lambda d: d["char_bvh_root_offset"].update(char_joints=[["left_toe", "left_knee"], ["right_foot", "right_knee"]]),
        ),
        RetargetError,
        "left_toe",
    ),
    "BVH with a word among its numbers": (lambda b: spoil_bvh(b, "\n0", "\nzero"), MotionFileError, "line"),
    "BVH without a motion": (lambda b: spoil_bvh(b, "MOTION", "NOTION"), MotionFileError, "MOTION"),
    "BVH cut off in its hierarchy": (
        lambda b: (b.folder / "wave.bvh").write_text((b.folder / "wave.bvh").read_text()[:300]),
        MotionFileError,
        "line",
    ),
    "motion config without its BVH": (lambda b: (b.folder / "wave.bvh").unlink(), DoodledError, "wave.bvh"),
    "motion config with an unknown key": (lambda b: b.edit_yaml("wave.yaml", lambda d: d.update(speeed=2)), ConfigError, "speeed"),
    "retarget config that is not there": (lambda b: (b.folder / "retarget.yaml").unlink(), UnknownName, "retarget"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_bad_input_with_clear_error(workbench: Workbench, name: str) -> None:
    spoil, kind, says = REFUSED[name]
    spoil(workbench)
    with pytest.raises(kind) as refused:
        workbench.rendered()
    assert says in str(refused.value)
    assert len(str(refused.value)) < 2000
    assert not (workbench.folder / "out.webp").exists()


MENDED: dict[str, tuple[Callable[[Workbench], object], bool]] = {
    "joint outside the image": (lambda b: move_joint(b, "left_hand", [5000, -300]), True),
    "joint beside the mask": (lambda b: move_joint(b, "right_foot", [2, 2]), True),
    "mask in several pieces": (cut_into_pieces, False),
    "specks beside the figure": (add_specks, True),
    "BVH with one frame less than it says": (lambda b: spoil_bvh(b, "Frames: 120", "Frames: 121"), True),
}


@pytest.mark.parametrize("name", MENDED)
def test_repairs_input_and_reports_it(workbench: Workbench, name: str) -> None:
    spoil, is_noted = MENDED[name]
    spoil(workbench)
    done = workbench.rendered()
    assert bool(done.notes) is is_noted
    assert workbench.is_seen_in_every_frame()


def test_animates_valid_input_without_notes(workbench: Workbench) -> None:
    assert workbench.rendered().notes == ()
    assert workbench.is_seen_in_every_frame()

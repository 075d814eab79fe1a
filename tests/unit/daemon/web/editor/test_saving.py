"""Saving of edited figures: what was changed is saved, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from editor_figures import MARGIN, write_person
from PIL import Image

from daemon.web.editor.edits import Edit, FigureSource
from daemon.web.editor.figures import edited_figure, read_figure
from daemon.web.editor.runs import label_runs, mask_runs
from daemon.web.editor.saving import create_figure, save_figure
from pipeline.adapters.reading.image_reader import read_drawing
from pipeline.errors import ConfigError, OptionError, OutputFailed
from pipeline.files.character_configs import read_character_config
from pipeline.files.character_files import read_character, write_character
from pipeline.files.image_files import read_mask
from pipeline.files.layer_files import has_edited_layers
from pipeline.pose.limb_labels import derived_labels
from pipeline.types import LayerLabel


@pytest.fixture
def source(tmp_path: Path) -> FigureSource:
    return write_person(tmp_path / "person", with_drawing=True)


def save(source: FigureSource, edit: Edit) -> tuple[str, ...]:
    assert source.folder is not None
    before = read_figure(source)
    drawing = read_drawing(source.drawing) if edit.box and source.drawing else None
    return save_figure(source.folder, before, edited_figure(before, edit, drawing, name=source.name), edit)


def contents(source: FigureSource) -> dict[str, bytes]:
    assert source.folder is not None
    return {path.name: path.read_bytes() for path in source.folder.iterdir()}


def test_save_moves_joints_and_changes_nothing_else(source: FigureSource) -> None:
    assert source.folder is not None
    config = source.folder / "char_cfg.yaml"
    config.write_text("# ours\n" + config.read_text())
    config.chmod(0o640)
    before = contents(source)
    assert save(source, Edit(joints={"neck": (121, 52)})) == ()
    after = contents(source)
    assert after.pop("char_cfg.yaml.before") == before["char_cfg.yaml"], "the original joints are kept"
    assert after["char_cfg.yaml"].startswith(b"# ours\n")
    assert config.stat().st_mode & 0o777 == 0o640
    same = {name for name in before if name not in {"char_cfg.yaml", "layers.png"}}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert len(after) == len(before)
    save(source, Edit(joints={"neck": (122, 53)}))
    assert contents(source)["char_cfg.yaml.before"] == before["char_cfg.yaml"]


def test_save_without_changes_keeps_every_byte(source: FigureSource) -> None:
    before = contents(source)
    save(source, Edit())
    save(source, Edit(mask=tuple(mask_runs(read_figure(source).mask))))
    assert contents(source) == before


def test_save_of_a_painted_mask_keeps_layers_in_step(source: FigureSource) -> None:
    assert source.folder is not None
    mask = read_figure(source).mask.copy()
    mask[100:130, 165:180] = True
    before = contents(source)
    save(source, Edit(mask=tuple(mask_runs(mask))))
    assert np.array_equal(read_mask(source.folder / "mask.png"), mask)
    assert contents(source)["mask.png.before"] == before["mask.png"]
    assert contents(source)["char_cfg.yaml"] == before["char_cfg.yaml"]
    figure = read_figure(source)
    assert figure.labels is not None, "the layers belong to the new mask"
    assert not figure.has_own_layers
    assert (figure.labels[100:130, 165:180] == LayerLabel.LEFT_ARM).all()


def test_save_of_own_layers_makes_them_lasting(source: FigureSource) -> None:
    assert source.folder is not None
    mask = read_figure(source).mask
    own = np.where(mask, np.uint8(LayerLabel.BODY), np.uint8(LayerLabel.NONE))
    own[:, 150:][mask[:, 150:]] = LayerLabel.LEFT_ARM
    save(source, Edit(labels=tuple(label_runs(own)), has_own_layers=True))
    save(source, Edit(joints={"left_hand": (162, 150)}))
    assert has_edited_layers(source.folder / "layers.png")
    labels = read_character(source.folder).layer_labels
    assert labels is not None
    assert np.array_equal(labels, own)
    save(source, Edit(labels=()))
    assert not has_edited_layers(source.folder / "layers.png")
    character = read_character(source.folder)
    assert np.array_equal(character.layer_labels, derived_labels(replace(character, layer_labels=None)))


def test_save_derives_layers_again(source: FigureSource) -> None:
    assert source.folder is not None
    before = read_figure(source).labels
    save(source, Edit(joints={"left_hand": (155, 170)}))
    saved = read_character(source.folder)
    assert saved.layer_labels is not None, "the file belongs to the new joints"
    assert (saved.layer_labels == derived_labels(replace(saved, layer_labels=None))).all()
    assert (saved.layer_labels != before).any()


def test_save_derives_layers_of_turned_figure_again(tmp_path: Path) -> None:
    source = write_person(tmp_path / "person")
    character = read_character(tmp_path / "person")
    write_character(character, tmp_path / "person", turn=90)
    x, y = read_character_config(tmp_path / "person/char_cfg.yaml").locations[character.rig.joint_names.index("left_hand")].astype(int)
    save(source, Edit(joints={"left_hand": (int(x) + 20, int(y))}))
    saved = read_character(tmp_path / "person")
    assert saved.layer_labels is not None
    assert (saved.layer_labels == derived_labels(replace(saved, layer_labels=None))).all()


def test_save_removes_layers_of_figure_that_needs_none_now(source: FigureSource) -> None:
    """Arms without a length."""
    shoulders = {"right": (84, 92), "left": (156, 92)}
    save(source, Edit(joints={f"{side}_{joint}": at for side, at in shoulders.items() for joint in ("elbow", "hand")}))
    assert "layers.png" not in contents(source)


def test_save_of_another_box_keeps_comments(source: FigureSource) -> None:
    assert source.folder is not None
    config = source.folder / "char_cfg.yaml"
    config.write_text("# ours\n" + config.read_text())
    figure = read_figure(source)
    joints = {name: (int(x), int(y) - 5) for name, (x, y) in zip(figure.config.joint_names, figure.config.locations, strict=True)}
    box = (MARGIN, MARGIN + 5, MARGIN + 240, MARGIN + 240)
    save(source, Edit(box=box, joints=joints, mask=tuple(mask_runs(figure.mask[5:]))))
    after = read_figure(source)
    assert (after.width, after.height) == (240, 235)
    assert after.box is not None
    assert after.box.top == MARGIN + 5
    assert np.array_equal(after.rgba, figure.rgba[5:])
    assert np.array_equal(after.mask, figure.mask[5:])
    assert config.read_text().startswith("# ours\n")
    assert {"texture.png.before", "bounding_box.yaml.before", "mask.png.before"} <= set(contents(source))
    assert read_character(source.folder).repairs == ()


def test_save_updates_existing_overlay(source: FigureSource) -> None:
    assert source.folder is not None
    Image.new("RGB", (3, 3)).save(source.folder / "joint_overlay.png")
    save(source, Edit(joints={"neck": (121, 52)}))
    with Image.open(source.folder / "joint_overlay.png") as overlay:
        assert overlay.size == (720, 720)


def test_save_follows_links_only_to_the_joints(source: FigureSource, tmp_path: Path) -> None:
    """An untrusted folder may contain links to anywhere."""
    assert source.folder is not None
    (source.folder / "char_cfg.yaml").rename(tmp_path / "joints.yaml")
    (source.folder / "char_cfg.yaml").symlink_to("../joints.yaml")
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (source.folder / "joint_overlay.png").symlink_to(precious)
    (source.folder / "char_cfg.yaml.before").symlink_to(tmp_path / "nothing_yet")
    save(source, Edit(joints={"neck": (121, 52)}))
    assert (source.folder / "char_cfg.yaml").is_symlink()
    assert read_character_config(tmp_path / "joints.yaml").locations.tolist()[3] == [121, 52]
    assert precious.read_text() == "precious"
    assert not (tmp_path / "nothing_yet").exists()


def test_saves_without_overlay_if_that_fails(source: FigureSource) -> None:
    assert source.folder is not None
    (source.folder / "joint_overlay.png").mkdir()
    (note,) = save(source, Edit(joints={"neck": (121, 52)}))
    assert note.startswith("the figure is saved, but joint_overlay.png could not be updated: ")


def test_save_returns_repairs(source: FigureSource) -> None:
    (note,) = save(source, Edit(joints={"left_hand": (220, 20)}))
    assert note.startswith("left_hand was outside the figure at (220, 20) px")


def test_refuses_invalid_joints_without_change(source: FigureSource) -> None:
    before = contents(source)
    with pytest.raises((ConfigError, OptionError), match="left_hands"):
        save(source, Edit(joints={"neck": (1, 2), "left_hands": (1, 1)}))
    assert contents(source) == before


def test_reports_refusing_disk_and_leaves_the_file_whole(source: FigureSource, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(source)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("daemon.web.editor.saving.os.fsync", full)
    with pytest.raises(OutputFailed, match=r"char_cfg\.yaml can't be saved: No space left"):
        save(source, Edit(joints={"neck": (121, 52)}))
    assert contents(source) == before, "no partial copy"


def test_created_folder_is_one_that_annotate_writes(source: FigureSource, tmp_path: Path) -> None:
    figure = read_figure(source)
    assert source.drawing is not None
    assert create_figure(tmp_path / "made", figure, read_drawing(source.drawing)) == ()
    made = read_figure(FigureSource(tmp_path / "made", tmp_path / "made/image.png", "made"))
    assert np.array_equal(made.mask, figure.mask)
    assert np.array_equal(made.rgba, figure.rgba)
    assert np.array_equal(made.config.locations, figure.config.locations)
    assert made.box == figure.box
    assert (tmp_path / "made/joint_overlay.png").exists()

"""Edits of char_cfg.yaml: only the numbers change that have to."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.errors import ConfigError
from pipeline.files.character_configs import edited_config, read_character_config

HAND_MADE = (
    "\ufeff# by hand\r\nwidth: 200 # px\r\nheight: 200\r\nskeleton:\r\n  - {loc: [100, 150], name: root, parent: ~}\r\n"
    "  - loc: !!python/tuple [ 1.0e+2 ,60.5]  # the neck\r\n    name: 'neck'\r\n    parent: root\r\n"
    '  - {"name": "hand", loc: [&x 0x1e, !!int "60"], parent: neck}\r\n\r\n# the end'
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "char_cfg.yaml"
    path.write_bytes(HAND_MADE.encode())
    return path


def test_moving_joints_changes_only_their_numbers(path: Path) -> None:
    made = edited_config(path, {"neck": (111, 7), "hand": (3, 4)})
    assert made == HAND_MADE.replace("1.0e+2 ,60.5", "111 ,7").replace('&x 0x1e, !!int "60"', "3, 4")
    assert edited_config(path, {}) == HAND_MADE
    path.write_bytes(made.encode())
    assert read_character_config(path).locations.tolist() == [[100, 150], [111, 7], [3, 4]]


def test_another_size_changes_only_its_numbers(path: Path) -> None:
    assert edited_config(path, {"hand": (219, 4)}, (220, 90)) == HAND_MADE.replace("width: 200", "width: 220").replace(
        "height: 200", "height: 90"
    ).replace('&x 0x1e, !!int "60"', "219, 4")


@pytest.mark.parametrize("hip", ["{loc: *here, name: hip, parent: root}", "{<<: {loc: [100, 150]}, name: hip, parent: root}"])
def test_separates_joints_that_share_a_location(path: Path, hip: str) -> None:
    path.write_text(f"width: 200\nheight: 200\nskeleton:\n- {{loc: &here [100, 150], name: root, parent: null}}\n- {hip}\nours: 1\n")
    path.write_text(edited_config(path, {"hip": (3, 4)}, (210, 220)))
    config = read_character_config(path)
    assert config.locations.tolist() == [[100, 150], [3, 4]]
    assert (config.width, config.height) == (210, 220)
    assert yaml.safe_load(path.read_text())["ours"] == 1


@pytest.mark.parametrize(
    ("moved", "problem"),
    [
        ({"hand": (200, 60)}, r"hand: expected a pixel of the image, which is 200 x 200 px, found \(200, 60\)"),
        ({"hand": (-1, 60)}, "hand: expected a pixel"),
        ({"hands": (1, 1)}, "hands: is no joint of this figure; did you mean hand"),
    ],
)
def test_refuses_joints_that_do_not_exist_or_leave_the_image(path: Path, moved: dict[str, tuple[int, int]], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        edited_config(path, moved)

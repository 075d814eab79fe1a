"""What a command was given instead of what it needs: `check_render_target`, `check_drawing`."""

from __future__ import annotations

import pytest

from daemon.options.targets import check_drawing, check_render_target
from pipeline.errors import OptionError


@pytest.mark.parametrize("start", [b"\x89PNG\r\n", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypheic"])
def test_an_image_is_no_character(tmp_path, start) -> None:
    path = tmp_path / "me.jpg"
    path.write_bytes(start)
    with pytest.raises(OptionError, match=r"is an image.*doodled animate .*me.jpg"):
        check_render_target(path)


@pytest.mark.parametrize("start", [b"HIERARCHY\n", b"glTF\2\0\0\0", b"Kaydara FBX Binary"])
def test_a_motion_is_no_character_and_no_drawing(tmp_path, start) -> None:
    path = tmp_path / "wave"
    path.write_bytes(start)
    with pytest.raises(OptionError, match=r"is a motion.*--motion .*wave"):
        check_render_target(path)
    with pytest.raises(OptionError, match=r"is a motion.*--motion .*wave"):
        check_drawing(path)


def test_a_folder_is_no_drawing(tmp_path) -> None:
    with pytest.raises(OptionError, match=r"is a folder.*name one image"):
        check_drawing(tmp_path)
    (tmp_path / "char_cfg.yaml").write_text("")
    with pytest.raises(OptionError, match=r"is a folder.*doodled render"):
        check_drawing(tmp_path)


def test_what_can_not_be_read_is_left_to_its_reader(tmp_path) -> None:
    (tmp_path / "mine.yaml").write_text("scene: {}")
    for path in (tmp_path / "none.png", tmp_path / "mine.yaml", tmp_path / ("x" * 300)):
        check_render_target(path)
        check_drawing(path)

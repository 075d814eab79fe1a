"""What strangers dropped, read without being led elsewhere."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from daemon.files.untrusted import bytes_of, copied_character
from pipeline.errors import DecodeError, DecodeReason


def test_no_more_is_read_than_shows_that_it_is_too_much(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"0123456789")
    assert bytes_of(tmp_path / "a.png", 10) == b"0123456789"
    assert bytes_of(tmp_path / "a.png", 4) == b"01234"
    with pytest.raises(FileNotFoundError):
        bytes_of(tmp_path / "nothing.png", 4)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "socket"])
def test_what_is_no_ordinary_file_is_not_read_and_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    path = Path("a.png")
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        if kind == "socket":
            listening.bind("a.png")
        with pytest.raises(DecodeError) as refused:
            bytes_of(path, 10)
    assert refused.value.reason is DecodeReason.UNREADABLE


def test_a_character_is_copied_file_by_file_and_hashed_with_their_names(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "copy"
    source.mkdir()
    target.mkdir()
    (target / "of an attempt before").touch()
    for name, content in (("char_cfg.yaml", b"a: 1"), ("mask.png", b"M"), ("notes.txt", b"private")):
        (source / name).write_bytes(content)
    digest, size = copied_character(source, target, 10)
    assert sorted(path.name for path in target.iterdir()) == ["char_cfg.yaml", "mask.png"]
    assert size == 5
    assert digest == hashlib.sha256(b"char_cfg.yaml\x004\x00a: 1mask.png\x001\x00M").hexdigest()
    (source / "mask.png").write_bytes(b"N")
    assert copied_character(source, target, 10)[0] != digest


def test_a_characters_file_that_is_too_big_is_named(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "texture.png").write_bytes(b"0123456789")
    copied_character(tmp_path / "source", tmp_path / "copy", 10)
    with pytest.raises(DecodeError, match=r"texture\.png is too big: expected at most 9 bytes") as refused:
        copied_character(tmp_path / "source", tmp_path / "copy", 9)
    assert refused.value.reason is DecodeReason.TOO_MANY_BYTES

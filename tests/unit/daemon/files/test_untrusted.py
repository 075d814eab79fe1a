"""Reading untrusted files: bounded, without links and pipes."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from daemon.files.untrusted import copy_character, read_untrusted
from pipeline.errors import DecodeError, DecodeReason


def test_reads_at_most_one_byte_too_many(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"0123456789")
    assert read_untrusted(tmp_path / "a.png", 10) == b"0123456789"
    assert read_untrusted(tmp_path / "a.png", 4) == b"01234"
    with pytest.raises(FileNotFoundError):
        read_untrusted(tmp_path / "nothing.png", 4)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "socket"])
def test_refuses_special_files_without_blocking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
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
            read_untrusted(path, 10)
    assert refused.value.reason is DecodeReason.UNREADABLE


def test_copies_and_hashes_character(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "copy"
    source.mkdir()
    target.mkdir()
    (target / "of an attempt before").touch()
    for name, content in (("char_cfg.yaml", b"a: 1"), ("mask.png", b"M"), ("notes.txt", b"private")):
        (source / name).write_bytes(content)
    digest, size = copy_character(source, target, 10)
    assert sorted(path.name for path in target.iterdir()) == ["char_cfg.yaml", "mask.png"]
    assert size == 5
    assert digest == hashlib.sha256(b"char_cfg.yaml\x004\x00a: 1mask.png\x001\x00M").hexdigest()
    (source / "layers.png").write_bytes(b"L")
    layered, size = copy_character(source, target, 10)
    assert (target / "layers.png").read_bytes() == b"L"
    assert size == 6
    assert layered != digest
    (source / "mask.png").write_bytes(b"N")
    assert copy_character(source, target, 10)[0] not in {digest, layered}


def test_names_character_file_that_is_too_big(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "texture.png").write_bytes(b"0123456789")
    copy_character(tmp_path / "source", tmp_path / "copy", 10)
    with pytest.raises(DecodeError, match=r"texture\.png is too big: expected at most 9 bytes") as refused:
        copy_character(tmp_path / "source", tmp_path / "copy", 9)
    assert refused.value.reason is DecodeReason.TOO_MANY_BYTES

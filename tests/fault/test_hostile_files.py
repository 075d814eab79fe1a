"""Three hundred hostile files: each is moved to `failed/` with the right reason, and none harms the daemon."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import pytest
from few_lines_server import Server, image, server
from PIL import Image
from spool_oracle import ROOT

__all__ = ["image", "server"]
pytestmark = pytest.mark.gl

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
EACH = 40
HONEST = {"image", "unsupported", "no_figure", "sidecar", "character"}
SIDECARS = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 20_000,
    b'{"motion": "../../etc/passwd"}',
    b'{"motions": []}',
    b'{"motions": [["dab"]]}',
    b'{"motion": "dab", "motions": ["wave"]}',
    b'{"size": "99999x1"}',
    b'{"size": 500}',
    b'{"fps": "1e999999999"}',
    b'{"fps": -1}',
    b'{"formats": ["exe"]}',
    b'{"background": "/etc/passwd"}',
    b'{"figures": "most"}',
    b'{"unknown": 1}',
    b'{"motion": "\\u0000"}',
)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def claiming(width: int, height: int) -> bytes:
    """A PNG that claims a size and contains hardly any data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def spoilt(whole: bytes, way: int, chance: random.Random) -> bytes:
    content = bytearray(whole)
    if way == 0:
        return bytes(content[: chance.randrange(1, len(content))])
    if way == 1:
        for _ in range(chance.randrange(1, 60)):
            content[chance.randrange(len(content))] = chance.randrange(256)
    else:
        start = chance.randrange(min(200, len(content)))
        content[start : start + 4] = b"\xff\xff\xff\x7f"
    return bytes(content)


def corpus(inbox: Path, drawing: Image.Image) -> int:
    """Fill the inbox; returns the number of files to animate."""
    chance = random.Random(7)
    files: list[tuple[str, bytes]] = []
    for kind in FORMATS:
        whole = io.BytesIO()
        drawing.save(whole, kind)
        files += [(f"{kind}{number}.png", spoilt(whole.getvalue(), number % 3, chance)) for number in range(EACH)]
    good = io.BytesIO()
    drawing.save(good, "PNG")
    for number, sidecar in enumerate(SIDECARS):
        files.append((f"sidecar{number}.png", good.getvalue()))
        (inbox / f"sidecar{number}.json").write_bytes(sidecar)
    sizes = ((100_000, 100_000), (1, 1), (2**31 - 1, 1), (0, 5), (60_000, 2), (2**32 - 1, 2**32 - 1))
    files += [(f"claims{width}.png", claiming(width, height)) for width, height in sizes]
    files += [(f"{number}bytes.jpg", bytes(number)) for number in range(1, 31)]
    others = (
        "<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "%PDF-1.4",
        "#!/bin/sh",
        "PK\3\4",
        "GIF89a",
    )
    files += [(f"other{number}.bin", text.encode()) for number, text in enumerate(others)]
    for name, content in files:
        (inbox / name).write_bytes(content)
    with (inbox / "sparse.png").open("wb") as file:
        file.truncate(4 << 30)
    for number, text in enumerate(("height: 3\n", "{", "&a [*a]", "!!python/object/apply:os.system [true]")):
        (inbox / f"character{number}").mkdir()
        (inbox / f"character{number}" / "char_cfg.yaml").write_text(text)
    shutil.copytree(ROOT / "etc" / "characters" / "stick_king", inbox / "linked")
    (inbox / "linked" / "mask.png").unlink()
    (inbox / "linked" / "mask.png").symlink_to("/etc/passwd")
    return len(files) + 6


def test_each_hostile_file_fails_with_its_reason(server: Server, image: Path, tmp_path: Path) -> None:
    server.sees = 0  # readable images contain no figure
    inbox = tmp_path / "root" / "inbox"
    inbox.mkdir(parents=True)
    with Image.open(image) as drawing:
        count = corpus(inbox, drawing.convert("RGB").resize((150, 200)))
    assert count >= 300
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "DOODLED_ROOT": str(tmp_path / "root"), "DOODLED_TORCHSERVE_URL": server.url}
    environ |= {"DOODLED_LOG_HEARTBEAT_S": "0.5", "DOODLED_STORAGE_RESERVE_MB": "0"}
    command = [sys.executable, "-m", "daemon", "run", "--drain"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    reasons = [json.loads(path.read_text()) for path in (tmp_path / "root" / "failed").glob("*.error.json")]
    kinds = Counter(reason["error_type"] for reason in reasons)
    assert set(kinds) <= HONEST, [reason for reason in reasons if reason["error_type"] not in HONEST]
    assert kinds.total() == count
    assert kinds["sidecar"] == len(SIDECARS)
    assert all(reason["attempts"] == 1 and reason["message"] for reason in reasons)
    assert not list(inbox.iterdir())
    assert not list((tmp_path / "root" / "outbox").iterdir())
    beats = [record["rss_bytes"] for record in map(json.loads, done.stdout.splitlines()) if record["event"] == "daemon.heartbeat"]
    assert max(beats, default=0) < 200e6

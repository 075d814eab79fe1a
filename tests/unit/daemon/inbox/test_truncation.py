"""Images without an end."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from PIL import Image
from stepped_daemon import SteppedDaemon

from daemon.inbox.truncation import TAIL_BYTES, looks_truncated

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")


def image(kind: str) -> bytes:
    """Noise, but always the same: one in twenty GIFs of noise holds what ends a GIF in its middle, too."""
    file = io.BytesIO()
    Image.frombytes("L", (90, 70), random.Random(1).randbytes(90 * 70)).convert("RGB").save(file, kind)
    return file.getvalue()


def judged(tmp_path: Path, content: bytes) -> bool:
    path = tmp_path / "image"
    path.write_bytes(content)
    with path.open("rb") as file:
        return looks_truncated(file.fileno(), len(content))


@pytest.mark.parametrize("kind", FORMATS)
def test_half_an_image_looks_truncated(tmp_path: Path, kind: str) -> None:
    content = image(kind)
    assert not judged(tmp_path, content)
    assert judged(tmp_path, content[: len(content) // 2])
    assert judged(tmp_path, content[:20])


@pytest.mark.parametrize("kind", FORMATS)
def test_data_after_the_end_is_allowed(tmp_path: Path, kind: str) -> None:
    assert not judged(tmp_path, image(kind) + b"of the camera" * 200)
    assert TAIL_BYTES > 13 * 200


@pytest.mark.parametrize("content", [b"", b"a drawing", b"RIFF\xff\xff\xff\xffWAVE", b"II*\0 a TIFF"])
def test_other_content_counts_as_complete(tmp_path: Path, content: bytes) -> None:
    assert not judged(tmp_path, content)


def test_appended_halves_are_one_drawing(tmp_path: Path) -> None:
    """A writer that opens the file again after 0.7 s must not be torn into two failed drawings."""
    whole = image("PNG")
    with SteppedDaemon.opened(tmp_path) as daemon:
        path = tmp_path / "inbox" / "garlic.png"
        path.write_bytes(whole[:3000])
        daemon.run(1000.0, until_s=1002.0)
        assert daemon.status()["waiting"][0]["why"] == "truncated"
        with path.open("ab") as file:
            file.write(whole[3000:])
        daemon.run(1002.0)
        assert [record["file_name"] for record in daemon.logged("job.done")] == ["garlic.png"]


def test_truncated_image_is_taken_after_a_while(tmp_path: Path) -> None:
    with SteppedDaemon.opened(tmp_path) as daemon:
        (tmp_path / "inbox" / "half.png").write_bytes(image("PNG")[:3000])
        daemon.run(1000.0, until_s=1000.0 + daemon.settings.inbox.stable_s - 1)
        assert not daemon.logged("job.claimed")
        daemon.run(1000.0 + daemon.settings.inbox.stable_s)
        assert daemon.logged("job.claimed")

"""`doodled motions --html`: one page with every motion moving in it."""

from __future__ import annotations

import base64
import re

import pytest

from daemon.commands import motion_page
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.motion.library import MotionLibrary

pytestmark = pytest.mark.gl


def test_the_page_has_a_moving_image_for_each_motion(tmp_path, monkeypatch) -> None:
    source = asset_folder(AssetKind.MOTIONS)
    for name in ("jump", "wave"):
        for suffix in (".bvh", ".yaml"):
            (tmp_path / f"{name}{suffix}").write_bytes((source / f"{name}{suffix}").read_bytes())
    library = MotionLibrary([tmp_path], [asset_folder(AssetKind.RETARGET)])
    monkeypatch.setattr(motion_page, "motion_library", lambda _: library)
    page = motion_page.write_motion_page(tmp_path / "motions.html", {}).read_text(encoding="utf-8")
    images = [base64.b64decode(found) for found in re.findall(r'src="data:image/webp;base64,([^"]+)"', page)]
    assert len(images) == 2
    assert all(image[:4] == b"RIFF" and image.count(b"ANMF") > 20 for image in images)
    assert "<code>wave</code> 4.0 s, loops" in page

"""`doodled run --drain` as a process: drawings and characters in, animations and manifests out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_person import person
from few_lines_server import Server, image, server
from spool_oracle import ROOT

from pipeline.adapters.encoding.verification import inspect_file
from pipeline.files.character_files import write_character
from pipeline.pose.limb_labels import derived_labels
from pipeline.types import Format, LayerLabel

__all__ = ["image", "server"]
pytestmark = pytest.mark.gl

SMALL = {"DOODLED_ANIMATION_SIZE": "96x96", "DOODLED_ANIMATION_FPS": "5", "DOODLED_JOBS_WORKERS": "1", "DOODLED_STORAGE_RESERVE_MB": "0"}


def doodled(root: Path, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **SMALL, "PYTHONPATH": str(ROOT), "DOODLED_ROOT": str(root), **more}
    command = [sys.executable, "-m", "daemon", *map(str, arguments)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)


def drained(root: Path, **more: str) -> list[dict[str, Any]]:
    done = doodled(root, "run", "--drain", **more)
    assert done.stderr == ""
    assert done.returncode == 0, done.stdout
    return [json.loads(line) for line in done.stdout.splitlines()]


def dropped(root: Path, source: Path, name: str, sidecar: object = None) -> None:
    target = root / "inbox" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if sidecar is not None:
        target.with_suffix(".json").write_text(json.dumps(sidecar))
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


def manifest(root: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "outbox" / name).read_text())
    for output in found["outputs"]:
        file = (root / "outbox" / name).with_name(output["file"])
        assert hashlib.sha256(file.read_bytes()).hexdigest() == output["sha256"]
        assert inspect_file(file, Format(output["format"])).frame_count == output["frames"]
    return found


def test_folders_and_sidecars_choose_options(server: Server, image: Path, tmp_path: Path) -> None:
    dropped(tmp_path, image, "garlic.jpg")
    dropped(tmp_path, image, "dab/onion.jpg")
    dropped(tmp_path, image, "leek.jpg", {"motions": ["dab", "wave"], "formats": ["gif", "mp4"], "size": "64x48", "background": "white"})
    dropped(tmp_path, image, "both.jpg", {"figures": "all"})
    asked = server.asked
    records = drained(tmp_path, DOODLED_TORCHSERVE_URL=server.url)
    assert (
        manifest(tmp_path, "garlic.json")["outputs"][0] | {"file": "garlic.gif", "motion": "wave", "width": 96}
        == (manifest(tmp_path, "garlic.json")["outputs"][0])
    )
    assert manifest(tmp_path, "garlic.json")["source"]["sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert manifest(tmp_path, "garlic.json")["inference"] == "TorchServe"
    assert manifest(tmp_path, "dab/onion.json")["outputs"][0]["motion"] == "dab"
    leek = manifest(tmp_path, "leek.json")
    assert [output["file"] for output in leek["outputs"]] == ["leek.dab.gif", "leek.dab.mp4", "leek.wave.gif", "leek.wave.mp4"]
    assert (leek["outputs"][0]["width"], leek["outputs"][0]["height"]) == (64, 48)
    assert server.asked - asked == 8  # one drawing is analyzed once, whatever its motions: four times two questions
    done = [record for record in records if record["event"] == "job.done"]
    assert len(done) == 4
    assert all(record["steps_ms"]["detect"] > 0 and record["stages_ms"]["render"] > 0 for record in done)
    assert not [record for record in records if record["event"] == "job.duplicate"], "the same image, but never the same options"
    kept = {path.name for path in (tmp_path / "spool" / "done" / leek["job_id"] / "annotations").iterdir()}
    assert kept - {"layers.png"} == {"image.png", "bounding_box.yaml", "texture.png", "mask.png", "char_cfg.yaml", "joint_overlay.png"}


def test_animates_character_folder_and_fails_bad_files_with_reports(tmp_path: Path) -> None:
    dropped(tmp_path, ROOT / "etc" / "characters" / "stick_king", "wave/king")
    dropped(tmp_path, ROOT / "README.md", "words.png")
    dropped(tmp_path, ROOT / "README.md", "wrong.png", {"motion": "../../etc/passwd"})
    drained(tmp_path, DOODLED_TORCHSERVE_URL="http://127.0.0.1:9")
    king = manifest(tmp_path, "wave/king.json")
    assert king["inference"] is None
    assert king["outputs"][0]["frames"] > 10
    reasons = {name: json.loads((tmp_path / "failed" / f"{name}.error.json").read_text()) for name in ("words.png", "wrong.png")}
    assert {name: reason["error_type"] for name, reason in reasons.items()} == {"words.png": "unsupported", "wrong.png": "sidecar"}
    assert "motion" in reasons["wrong.png"]["message"]


def test_layers_of_a_character_folder_decide_what_moves(tmp_path: Path) -> None:
    """An edited layers.png has an effect; one as derived has none."""
    character = person()
    labels = derived_labels(character)
    assert labels is not None
    edited = np.where(labels == LayerLabel.LEFT_ARM, np.uint8(LayerLabel.BODY), labels)
    for name, layer_labels in (("none", None), ("derived", labels), ("edited", edited)):
        write_character(replace(character, layer_labels=layer_labels), tmp_path / "inbox" / name)
    drained(tmp_path)
    hashes = {name: manifest(tmp_path, f"{name}.json")["outputs"][0]["sha256"] for name in ("none", "derived", "edited")}
    assert hashes["derived"] == hashes["none"]
    assert hashes["edited"] != hashes["none"]


def test_unavailable_server_delays_drawings_but_not_characters(image: Path, tmp_path: Path) -> None:
    dropped(tmp_path, image, "garlic.jpg")
    dropped(tmp_path, ROOT / "etc" / "characters" / "stick_king", "king")
    done = doodled(tmp_path, "run", "--drain", DOODLED_TORCHSERVE_URL="http://127.0.0.1:9", DOODLED_TORCHSERVE_DEADLINE_S="1")
    assert done.returncode == 75, done.stdout
    assert not list((tmp_path / "failed").iterdir())
    assert (tmp_path / "outbox" / "king.json").exists()
    listed = doodled(tmp_path, "jobs", "list", "--json")
    assert [(row["state"], row["name"]) for row in json.loads(listed.stdout)] == [("orphaned", "garlic.jpg")]


def test_operator_retries_file_with_its_sidecar(server: Server, image: Path, tmp_path: Path) -> None:
    server.sees = 0
    dropped(tmp_path, image, "dab/garlic.jpg", {"format": "apng"})
    drained(tmp_path, DOODLED_TORCHSERVE_URL=server.url)
    assert "no drawn figure was found" in doodled(tmp_path, "jobs", "list").stdout
    shown = json.loads(doodled(tmp_path, "jobs", "show", "garlic.jpg").stdout)
    assert (shown["error_type"], shown["folder"]) == ("no_figure", ["dab"])
    assert doodled(tmp_path, "jobs", "retry", "garlic.jpg").returncode == 0
    assert [path.name for path in (tmp_path / "failed").iterdir()] == [".thumbnails"]  # left to housekeeping
    server.sees = 1
    drained(tmp_path, DOODLED_TORCHSERVE_URL=server.url)
    assert manifest(tmp_path, "dab/garlic.json")["outputs"][0]["format"] == "apng"


def test_invalid_settings_exit_with_status_78(tmp_path: Path) -> None:
    done = doodled(tmp_path, "run", DOODLED_JOBS_WORKERS="many", DOODLED_LOG_STAGES="perhaps")
    assert done.returncode == 78
    assert "DOODLED_JOBS_WORKERS" in done.stderr
    assert "DOODLED_LOG_STAGES" in done.stderr
    assert doodled(Path("/proc/nowhere"), "run").returncode == 78

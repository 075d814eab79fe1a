"""`doodled render` as a process, with real OpenGL and real files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image, ImageSequence

from pipeline.adapters.encoding.verification import Inspection, inspect_file
from pipeline.types import Format

REPOSITORY = Path(__file__).parents[2]
CHARACTER = REPOSITORY / "etc/characters/crayon_girl"

pytestmark = pytest.mark.gl


def doodled(*arguments: object, cwd: Path = REPOSITORY, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environ}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)


def rendered(*arguments: object, cwd: Path = REPOSITORY, **environ: str) -> subprocess.CompletedProcess[str]:
    done = doodled("render", *arguments, cwd=cwd, **environ)
    assert done.returncode == 0, done.stderr
    return done


def seen_in(path: Path) -> Inspection:
    return inspect_file(path, Format(path.suffix[1:]))


def copy_character(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CHARACTER, tmp_path / "character"))


def bvh_120_hz(tmp_path: Path) -> Path:
    """Two seconds of the motion wave at 120 frames a second."""
    text = (REPOSITORY / "etc/motions/wave.bvh").read_text()
    head, _, rest = text.partition("Frames:")
    rows = rest.splitlines()[2:]
    fast = tmp_path / "fast.bvh"
    body = "\n".join(rows[k % len(rows)] for k in range(240))
    fast.write_text(f"{head}Frames: 240\nFrame Time: 0.008333333\n{body}\n")
    return fast


@pytest.mark.parametrize("suffix", ["gif", "mp4", "webm", "webp", "apng"])
def test_fast_motion_plays_at_true_speed_in_every_format(tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"fast.{suffix}"
    rendered(CHARACTER, "--motion", bvh_120_hz(tmp_path), "--fps", "native", "--size", "96x96", "-o", output)
    seen = seen_in(output)
    assert abs(seen.duration - Fraction(2)) <= Fraction(1, 50)
    shown = {"gif": 100, "webp": 120, "apng": 120}  # browsers slow down what is faster
    assert seen.frame_count == shown.get(suffix, 240)


def test_gif_frames_last_two_centiseconds_and_sum_exactly(tmp_path: Path) -> None:
    output = tmp_path / "wave.gif"
    rendered(CHARACTER, "--fps", "30", "--size", "80x80", "-o", output)
    with Image.open(output) as gif:
        delays = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    assert set(delays) <= {30, 40}
    assert sum(delays) == 4000


def test_figure_stays_in_view_on_a_transparent_background(tmp_path: Path) -> None:
    output = tmp_path / "dance.webp"
    rendered(CHARACTER, "--motion", "dance", "--size", "120x160", "--fps", "10", "-o", output)
    with Image.open(output) as image:
        alphas = np.stack([np.array(frame.convert("RGBA"))[..., 3] for frame in ImageSequence.Iterator(image)])
    border = np.concatenate([alphas[:, [0, -1]].reshape(-1), alphas[:, :, [0, -1]].reshape(-1)])
    assert not border.any()
    assert (alphas.max(axis=(1, 2)) == 255).all()
    covered = np.argwhere(alphas.max(axis=0) > 0)
    extent = np.ptp(covered, axis=0) / np.array(alphas.shape[1:])
    assert extent.max() > 0.8


def test_no_frame_has_a_fringe_of_paper_color(tmp_path: Path) -> None:
    """A red figure on white paper, rendered on a transparent background: every pixel that is half opaque or more is red."""
    folder = copy_character(tmp_path)
    texture = cv2.imread(str(folder / "texture.png"), cv2.IMREAD_UNCHANGED)
    mask = cv2.imread(str(folder / "mask.png"), cv2.IMREAD_GRAYSCALE)
    texture[...] = 255
    texture[mask > 127] = (0, 0, 220, 255)
    cv2.imwrite(str(folder / "texture.png"), texture)
    output = tmp_path / "red.apng"
    rendered(folder, "--motion", "jumping_jacks", "--size", "200x200", "--fps", "8", "-o", output)
    with Image.open(output) as image:
        for frame in ImageSequence.Iterator(image):
            rgba = np.array(frame.convert("RGBA")).astype(int)
            visible = rgba[rgba[..., 3] >= 128]
            assert visible[:, 1].max() < 40
            assert visible[:, 0].min() > 180


def test_dump_contains_joints_and_vertices(tmp_path: Path) -> None:
    dump = tmp_path / "dump.npz"
    options = ("--fps", "native", "--size", "64x64", "--layers", "off")  # a mesh that is given is one layer
    rendered(CHARACTER, *options, "-o", tmp_path / "a.gif", "--dump", dump)
    with np.load(dump) as first:
        shapes = {name: first[name].shape for name in first}
        frames, vertices, joints = first["vertices"].shape[0], len(first["rest_vertices"]), len(first["joint_names"])
        assert shapes["joints"] == (frames, joints, 2)
        assert shapes["root"] == (frames, 2)
        assert shapes["vertices"] == (frames, vertices, 2)
        assert shapes["triangles"][1] == 3
        assert first["frame_time"] == pytest.approx(1 / 30, abs=1e-6)
    again = tmp_path / "again.npz"
    rendered(CHARACTER, *options, "-o", tmp_path / "b.gif", "--mesh", dump, "--dump", again)
    with np.load(dump) as first, np.load(again) as second:
        np.testing.assert_allclose(second["vertices"], first["vertices"], atol=1e-9)


def test_timings_are_written_and_printed(tmp_path: Path) -> None:
    timings = tmp_path / "timings.json"
    done = rendered(CHARACTER, "--size", "64x64", "-o", tmp_path / "a.gif", "--timings", timings)
    report = json.loads(timings.read_text())
    assert {"scene", "retarget", "deform", "render", "encode", "write"} <= set(report["stages_s"])
    assert report["frames"] == 100
    assert report["renderer"]
    assert "[Pipeline timing] annotations_to_animation (retarget+render+GIF): " in done.stderr
    assert "[Animation breakdown] scene: " in done.stderr


def test_environment_chooses_mesa_and_mp4(tmp_path: Path) -> None:
    done = rendered(CHARACTER, "--size", "64x64", cwd=tmp_path, AD_USE_MESA="1", AD_HEADLESS="1", AD_OUTPUT_MP4="1")
    assert (tmp_path / "crayon_girl.wave.mp4").is_file()
    assert "crayon_girl.wave.mp4" in done.stdout


def test_osmesa_and_egl_render_the_same_pixels(tmp_path: Path) -> None:
    if "osmesa: no" in doodled("check").stdout:
        pytest.skip("needs OSMesa")
    frames = {}
    for kind in ("egl-surfaceless", "osmesa"):
        output = tmp_path / f"{kind}.webp"
        rendered(CHARACTER, "--size", "96x96", "--fps", "5", "--gl", kind, "-o", output)
        with Image.open(output) as image:
            frames[kind] = np.stack([np.array(f.convert("RGBA")) for f in ImageSequence.Iterator(image)])
    assert np.abs(frames["osmesa"].astype(int) - frames["egl-surfaceless"]).max() <= 2


def test_renders_scene_file_with_two_characters_background_and_debug_views(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "sky.png"), np.full((30, 40, 3), (240, 200, 120), np.uint8))
    actors = [
        {
            "character_cfg": str(REPOSITORY / f"etc/characters/{who}/char_cfg.yaml"),
            "motion_cfg": str(REPOSITORY / "etc/motions/dab.yaml"),
            "retarget_cfg": str(REPOSITORY / "etc/retarget/doodled.yaml"),
        }
        for who in ("crayon_girl", "pencil_robot")
    ]
    config = {
        "scene": {"ADD_FLOOR": True, "ADD_AD_RETARGET_BVH": True, "ANIMATED_CHARACTERS": actors},
        "view": {
            "BACKGROUND_IMAGE": "sky.png",
            "WINDOW_DIMENSIONS": [160, 120],
            "DRAW_AD_RIG": True,
            "DRAW_AD_COLOR": True,
            "DRAW_AD_MESH_LINES": True,
        },
        "controller": {"MODE": "video_render", "OUTPUT_VIDEO_PATH": "./both.gif"},
    }
    (tmp_path / "scene.yaml").write_text(yaml.safe_dump(config))
    rendered(tmp_path / "scene.yaml", cwd=tmp_path)
    seen = seen_in(tmp_path / "both.gif")
    assert (seen.width, seen.height) == (160, 120)
    assert abs(seen.duration - Fraction(32, 10)) <= Fraction(1, 30)


@pytest.mark.reference
@pytest.mark.parametrize("name", ["export_gif", "multiple_characters", "six_arms", "different_bvh_skeleton"])
def test_renders_original_scene_files_unchanged(reference_root: Path, tmp_path: Path, name: str) -> None:
    """Paths resolve against ANIMATED_DRAWINGS_ROOT; characters that are not among the examples are in the drawings beside them."""
    config = reference_root / f"examples/config/mvc/{name}_example.yaml"
    text = config.read_text().replace("examples/characters/char3", str(reference_root.parent / "drawings/char3"))
    (tmp_path / "scene.yaml").write_text(text)
    rendered("scene.yaml", "--size", "100x100", "--fps", "6", cwd=tmp_path, ANIMATED_DRAWINGS_ROOT=str(reference_root))
    assert seen_in(tmp_path / "video.gif").frame_count > 10


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--motion", "teleport"], "teleport"),
        (["--size", "huge"], "WIDTHxHEIGHT"),
        (["--fps", "0"], "frame rate"),
        (["--background", "blurple"], "blurple"),
        (["-o", "x.mov"], "suffix"),
        (["--mesh", "/nonexistent.npz"], "rest_vertices"),
        (["--retarget", "nobody"], "nobody"),
    ],
)
def test_wrong_option_is_one_line_and_status_2(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = doodled("render", CHARACTER, "-o", tmp_path / "x.gif", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_broken_character_names_its_file_and_leaves_no_output(tmp_path: Path) -> None:
    folder = copy_character(tmp_path)
    mask = cv2.imread(str(folder / "mask.png"), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(folder / "mask.png"), np.zeros_like(mask))
    done = doodled("render", folder, "-o", tmp_path / "x.gif")
    assert done.returncode == 1
    assert "mask" in done.stderr
    assert not (tmp_path / "x.gif").exists()


def test_unwritable_output_is_a_temporary_error() -> None:
    done = doodled("render", CHARACTER, "--size", "64x64", "-o", "/proc/x.gif")
    assert done.returncode == 75
    assert "can't" in done.stderr


def test_output_below_a_file_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = doodled("render", CHARACTER, "--size", "64x64", "-o", tmp_path / "file" / "x.gif")
    assert done.returncode == 2
    assert "there is no folder" in done.stderr


def test_check_names_the_renderer_and_motions_lists_the_motions() -> None:
    check = doodled("check")
    assert check.returncode == 0
    assert "llvmpipe" in check.stdout or "OpenGL" in check.stdout
    assert "Models: embedded, loaded" in check.stdout
    listing = doodled("motions")
    assert {"wave", "jump", "jumping_jacks", "march", "walk", "dab", "dance", "zombie"} <= {
        line.split()[0] for line in listing.stdout.splitlines()
    }

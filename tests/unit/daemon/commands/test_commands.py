"""Commands run in this process: files, output on each stream, refusals and exit statuses."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from few_lines_server import Server, image, server
from PIL import Image, ImageSequence
from typer.testing import CliRunner, Result

from daemon import __main__ as entry
from daemon import cli
from daemon.cli import command_line
from daemon.commands import check, console
from daemon.commands.measure import cpu_table, timing_table
from daemon.options import motions
from daemon.rendering import SceneRendering
from daemon.settings import read_settings
from pipeline.adapters.model_server.settings import ModelHealth
from pipeline.adapters.opengl.context_reports import ContextReport
from pipeline.errors import ConfigError, DoodledError, OptionError, RenderUnavailable, UnknownName

__all__ = ["image", "server"]
ROOT = Path(__file__).parents[4]
KING = ROOT / "etc" / "characters" / "stick_king"
SMALL = ("--size", "32x32", "--fps", "2")
gl = pytest.mark.gl


def doodled(*arguments: object, status: int = 0) -> Result:
    done = CliRunner().invoke(command_line(), list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == status, done.output
    return done


# --- drawings --------------------------------------------------------------------------------------------------------


@gl
def test_renders_character_and_reports_timings(tmp_path: Path) -> None:
    output = tmp_path / "king.gif"
    done = doodled("render", KING, *SMALL, "-o", output, "--timings", tmp_path / "times.json", "--show", "rig", "--background", "white")
    assert done.stdout.startswith(f"{output} (32x32, ")
    assert "[Animation breakdown]" in done.stderr
    times = json.loads((tmp_path / "times.json").read_text())
    assert times["bytes"] == output.stat().st_size
    assert times["inference"] is None
    assert times["stages_s"]["render"] > 0
    assert {"imports", "other"} <= times["stages_s"].keys()
    assert sum(times["stages_s"].values()) == pytest.approx(times["total_s"])


@gl
def test_folder_named_like_a_scene_file_is_a_folder(tmp_path: Path) -> None:
    shutil.copytree(KING, tmp_path / "king.yaml")
    assert "king.gif (32x32" in doodled("render", tmp_path / "king.yaml", *SMALL, "-o", tmp_path / "king.gif").stdout.replace("\n", "")


@pytest.mark.parametrize("command", [("render",), ("animate",)])
def test_reports_names_that_are_too_long(command: tuple[str, ...]) -> None:
    with pytest.raises(DoodledError, match="File name too long"):
        doodled(*command, "a" * 300)


@gl
def test_dumps_first_actor_and_takes_a_mesh(tmp_path: Path) -> None:
    dump = tmp_path / "dump.npz"
    doodled("render", KING, *SMALL, "-o", tmp_path / "a.gif", "--dump", dump)
    with np.load(dump) as arrays:
        frames, joints, _ = arrays["joints"].shape
        assert arrays["vertices"].shape == (frames, len(arrays["rest_vertices"]), 2)
        assert (len(arrays["joint_names"]), float(arrays["frame_time"])) == (joints, 0.5)
        vertices = len(arrays["rest_vertices"])
    doodled("render", KING, *SMALL, "-o", tmp_path / "b.gif", "--mesh", dump, "--dump", tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as arrays:
        assert len(arrays["rest_vertices"]) == vertices


@gl
@pytest.mark.parametrize(
    ("options", "reported"),
    [
        (("--mesh", "nothing.npz"), "must be an .npz"),
        (("--dump", "no/such/folder.npz"), "there is no folder no/such"),
        (("--timings", "no/such/times.json"), "there is no folder no/such"),
        (("-o", "file/a.gif"), "there is no folder file"),
        (("-o", "nonexist/a.gif"), "there is no folder nonexist"),
        (("--timings", "folder"), "folder is a folder"),
        (("-m", "dance,wave", "-o", "a.gif"), "need a folder, but --output a.gif is none"),
        (("-m", "dance,wave", "--dump", "dump.npz"), "--dump writes one motion"),
        (("-m", ","), "must name at least one motion"),
        (("-m", "dance,Dance"), "2 motions are called dance"),
    ],
)
def test_names_files_that_can_not_be_read_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], reported: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(Exception, match=reported):
        doodled("render", KING, *SMALL, *options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@gl
def test_options_override_scene_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scene = tmp_path / "scene.yaml"
    actor = {"character_cfg": f"{KING}/char_cfg.yaml", "motion_cfg": "wave", "retarget_cfg": ""}
    actor["motion_cfg"], actor["retarget_cfg"] = (str(ROOT / f"etc/{kind}/{name}.yaml") for kind, name in found_configs())
    text = json.dumps(
        {
            "scene": {"ANIMATED_CHARACTERS": [actor]},
            "view": {"WINDOW_DIMENSIONS": [40, 40]},
            "controller": {"MODE": "video_render", "OUTPUT_VIDEO_PATH": "./scene.gif"},
        }
    )
    scene.write_text(text)
    assert "scene.webp (40x40" in doodled("render", scene, "--fps", "2", "--format", "webp").stdout
    assert "scene.gif (24x20" in doodled("render", scene, "--fps", "2", "--size", "24x20", "--camera", "auto").stdout
    with pytest.raises(OptionError, match="names its own motions"):
        doodled("render", scene, "--motion", "dance")


def found_configs() -> list[tuple[str, str]]:
    """A motion of the library, and its retarget configuration."""
    library = motions.motion_library({})
    return [("motions", "wave"), ("retarget", library.matching_retarget(library.motion("wave")).name)]


@gl
def test_animates_annotates_and_measures_photograph(server: Server, image: Path, tmp_path: Path) -> None:
    asked = ("--torchserve-url", server.url)
    done = doodled("animate", image, *asked, *SMALL, "-o", tmp_path / "me.gif", "--keep-annotations", tmp_path / "kept")
    assert done.stdout.startswith(f"{tmp_path / 'me.gif'} (32x32")
    assert "image_to_annotations (TorchServe)" in done.stderr
    assert (tmp_path / "kept" / "char_cfg.yaml").is_file()
    server.sees = 2
    done = doodled("annotate", image, *asked, "-o", tmp_path / "one")
    assert done.stdout.startswith(f"{tmp_path / 'one'} (quality ")
    doodled("annotate", image, *asked, "-o", tmp_path / "all", "--all-figures")
    assert (tmp_path / "all" / "figure_1" / "mask.png").is_file()
    runs = json.loads(doodled("measure", image, *asked, *SMALL, "--repeat", "1", "--json").stdout)
    assert len(runs) == 2
    assert all(run["total"] > run["render"] > 0 for run in runs)
    assert "image_to_annotations" in doodled("measure", image, *asked, *SMALL, "--repeat", "1").stdout
    cpu_runs = json.loads(doodled("measure", image, *asked, *SMALL, "--repeat", "1", "--cpu", "--json").stdout)
    assert all(0 < run["render"]["main"] < run["total"]["all"] for run in cpu_runs)


@gl
def test_animates_several_images_with_several_motions(server: Server, image: Path, tmp_path: Path) -> None:
    other, results = tmp_path / "other.png", tmp_path / "results"
    shutil.copy(image, other)
    results.mkdir()
    done = doodled(
        "animate", image, other, *SMALL, "-m", "dance, Wave", "--torchserve-url", server.url, "-o", results, "--keep-annotations", results
    )
    stems = (image.stem, other.stem)
    names = [f"{stem}.{motion}.gif" for stem in stems for motion in ("dance", "Wave")]
    assert [line.split(" (")[0] for line in done.stdout.splitlines()] == [str(results / name) for name in names]
    assert sorted(path.name for path in results.iterdir()) == sorted((*names, *stems))
    assert all((results / stem / "char_cfg.yaml").is_file() for stem in stems)
    assert server.asked == 4  # two models, two images
    assert done.stderr.count("[Pipeline timing]") == 1


@gl
def test_image_that_can_not_be_animated_does_not_stop_the_others(server: Server, image: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    asked = ("--torchserve-url", server.url, *SMALL, "-o", tmp_path)
    done = doodled("animate", broken, image, *asked, status=1)
    assert done.stdout.startswith(f"{tmp_path / image.stem}.wave.gif (")
    assert "broken.png" in done.stderr
    assert "doodled: 1 of 2 files can't be animated" in done.stderr


@gl
def test_animates_pages_of_a_document(server: Server, image: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans.pdf"
    with Image.open(image) as page:
        page.save(scans, save_all=True, append_images=[page])
    done = doodled("animate", scans, "--torchserve-url", server.url, *SMALL, "-o", tmp_path)
    assert [line.split(" (")[0] for line in done.stdout.splitlines()] == [f"{tmp_path}/scans.p{number}.wave.gif" for number in (1, 2)]
    with pytest.raises(OptionError, match="need a folder"):
        doodled("animate", scans, "-o", tmp_path / "a.gif")


def test_images_of_one_name_are_refused(image: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    with pytest.raises(OptionError, match="2 images are called"):
        doodled("animate", image, tmp_path / "more" / image.name)


def draw_twice(server: Server, image: Path) -> None:
    """Draw the known figure a second time beside the first."""
    once = np.asarray(cv2.imread(str(image)))
    cv2.imwrite(str(image), np.hstack([once, once]))
    server.places_px = (0, once.shape[1])


@gl
def test_animates_every_figure_in_a_file_of_its_own(server: Server, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_twice(server, image)
    monkeypatch.chdir(tmp_path)
    asked = ("--torchserve-url", server.url, *SMALL)
    doodled("animate", image, *asked, "--all-figures", "--keep-annotations", "kept")
    assert sorted(path.name for path in tmp_path.glob("*.gif")) == [f"{image.stem}.{number}.wave.gif" for number in (1, 2)]
    assert sorted(path.name for path in Path("kept").iterdir()) == ["figure_1", "figure_2"]


@gl
def test_animates_all_figures_together_on_their_white_paper(
    server: Server, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_twice(server, image)
    monkeypatch.chdir(tmp_path)
    asked = ("--torchserve-url", server.url, "--size", "80x80", "--fps", "2", "--format", "apng")
    done = doodled("animate", image, *asked, "--together", "--background", "paper", "--whiten")
    assert done.stdout.startswith(f"{image.stem}.wave.apng (80x")
    with Image.open(f"{image.stem}.wave.apng") as animation:
        frames = [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(animation)]
    moves = np.ptp(np.stack(frames), axis=0).max(axis=(0, 2)) > 60  # by column
    assert moves[:40].any()
    assert moves[40:].any()
    assert np.median(frames[0]) == 255
    with pytest.raises(OptionError, match="exclude each other"):
        doodled("animate", image, "--together", "--all-figures")


@gl
def test_renders_all_motions_that_are_named(tmp_path: Path) -> None:
    done = doodled("render", KING, *SMALL, "-m", "dab,walk", "-o", tmp_path, "--timings", tmp_path / "times.json")
    files = [tmp_path / f"stick_king.{motion}.gif" for motion in ("dab", "walk")]
    assert [line.split(" (")[0] for line in done.stdout.splitlines()] == list(map(str, files))
    assert json.loads((tmp_path / "times.json").read_text())["bytes"] == sum(file.stat().st_size for file in files)


def test_all_names_every_motion(tmp_path: Path) -> None:
    library = motions.motion_library({})
    assert motions.requested_motions("All", library, {}) == library.names()
    with pytest.raises(UnknownName, match="moonwlak"):
        motions.requested_motions("dance,moonwlak", library, {})
    odd = tmp_path / "left,right.bvh"
    odd.touch()
    assert motions.requested_motions(str(odd), library, {}) == (str(odd),)
    assert motions.motion_label("soldier.glb#Run/2") == "soldier.Run%2F2"


@gl
def test_preview_is_written_before_the_animation(server: Server, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, still, gif = (tmp_path / f"me.{suffix}" for suffix in ("mp4", "preview.png", "preview.gif"))
    write, was_there = SceneRendering.write, []

    def noted(rendering: SceneRendering, *arguments: Any) -> Any:
        was_there.append((still.exists(), gif.exists(), output.exists()))
        return write(rendering, *arguments)

    monkeypatch.setattr(SceneRendering, "write", noted)
    done = doodled("animate", image, "--torchserve-url", server.url, "--size", "400x200", "--fps", "2", "--preview", "-o", output)
    assert was_there == [(True, True, False)]
    assert f"preview: {still}, {gif}" in done.stderr
    with Image.open(still) as first, Image.open(gif) as frames:
        assert (first.format, first.size, first.mode) == ("PNG", (200, 100), "RGBA")
        assert (frames.n_frames, frames.size) == (8, (200, 100))


def test_timing_table_separates_cold_and_warm_runs() -> None:
    runs = [{"detect": 0.5, "render": 1.0, "total": 2.0}, {"detect": 0.1, "render": 0.2, "total": 0.4}, {"detect": 0.3, "total": 0.8}]
    rows = {line.split()[0]: line.split()[1:] for line in timing_table(runs).splitlines()[1:]}
    assert rows["image_to_annotations"] == rows["infer"] == ["500", "ms", "200", "ms", "300", "ms"]
    assert rows["total"] == ["2000", "ms", "600", "ms", "800", "ms"]
    assert "2000 ms" in timing_table(runs[:1])


def test_cpu_table_has_a_column_for_each_kind_of_thread() -> None:
    warm = {"render": {"main": 0.2, "llvmpipe": 0.3}, "encode": {"main": 0.1, "gif": 0.0001}, "total": {"all": 0.7}}
    columns, *rows = (line.split() for line in cpu_table([{"total": {"all": 9.0}}, warm]).splitlines())
    assert columns == ["stage", "main", "llvmpipe", "all"]
    cells = {row[0]: row[1::2] for row in rows}
    assert cells["render"] == ["200", "300", "500"]
    assert cells["other"] == ["0", "0", "100"]
    assert cells["total"] == ["300", "300", "700"]


# --- this machine ----------------------------------------------------------------------------------------------------


def test_lists_motions_and_reports_broken_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "dance" in doodled("motions").stdout
    (tmp_path / "broken.yaml").write_text("filepath: nothing.bvh\n")
    folder = motions.asset_folder
    monkeypatch.setattr(motions, "asset_folder", lambda kind: tmp_path if kind is motions.AssetKind.MOTIONS else folder(kind))
    assert doodled("motions").stdout.splitlines()[-1].startswith("broken: ")


def no_context(*_: object) -> list[ContextReport]:
    return []


@gl
def test_checks_machine(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    text = doodled("check").stdout
    assert "Models: embedded, loaded" in text
    assert "  mp4: yes" in text
    text = doodled("check", "--torchserve-url", server.url).stdout
    assert "drawn_humanoid_pose_estimator: answers in" in text
    text = doodled("check", "--torchserve-url", "http://127.0.0.1:9", status=1).stdout
    assert "drawn_humanoid_detector: no: " in text
    assert "can't animate drawings, only character folders" in text
    monkeypatch.setattr(check, "describe_contexts", no_context)
    monkeypatch.setitem(check.CODECS, check.Format.MP4, ("no_such_codec",))
    text = doodled("check", status=1).stdout
    assert "This machine can't render" in text
    assert "  mp4: missing no_such_codec" in text


def test_worker_refuses_an_address_without_protocol() -> None:
    with pytest.raises(
        OptionError, match=r"--scheduler must be an address such as tcp://10\.0\.0\.5:8786 \(found 'localhost:8786'\)"
    ) as refused:
        CliRunner().invoke(command_line(), ["worker", "--scheduler", "localhost:8786"], catch_exceptions=False)
    assert cli.exit_status(refused.value) == cli.EXIT_USAGE


def test_check_lists_models_with_their_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.adapters.torchserve.predictor import TorchServePredictor

    fine = {"ready": True, "duration_s": 0.0124, "problem": ""}
    unknown = {"workers": None, "workers_ready": None, "batch_size": None}
    models = [
        SimpleNamespace(url="http://a", model="detector", workers=2, workers_ready=1, batch_size=4, **fine),
        SimpleNamespace(url="http://a", model="pose", **fine, **unknown),
        SimpleNamespace(url="http://b", model="pose", ready=False, duration_s=1.0, problem="HTTP 503", **unknown),
    ]
    monkeypatch.setattr(TorchServePredictor, "health", lambda _: models)
    monkeypatch.setattr(check, "describe_contexts", no_context)
    lines = doodled("check", "--torchserve-url", "http://a", status=1).stdout.splitlines()
    assert lines[lines.index("Models: TorchServe") + 1 :][:3] == [
        "  http://a detector: answers in 12 ms, 1 of 2 workers ready, batches of 4",
        "  http://a pose: answers in 12 ms",
        "  http://b pose: no: HTTP 503",
    ]


@gl
@pytest.mark.parametrize(("is_ready", "status"), [((True, True, False), 0), ((True, False, False), 1)])
def test_check_needs_each_model_on_one_server_at_least(monkeypatch: pytest.MonkeyPatch, is_ready: tuple[bool, ...], status: int) -> None:
    from pipeline.adapters.torchserve.predictor import TorchServePredictor

    places = (("http://a", "detector"), ("http://a", "pose"), ("http://b", "pose"))
    models = [ModelHealth(*place, ready=ready, problem="", duration_s=0.1) for place, ready in zip(places, is_ready, strict=True)]
    monkeypatch.setattr(TorchServePredictor, "health", lambda _: models)
    doodled("check", "--torchserve-url", "http://a", status=status)


def test_check_asks_servers_of_the_open_inference_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.adapters.oip.predictor import OipPredictor

    models = [ModelHealth("http://a", "doodled_pose", ready=False, problem="expected one input", duration_s=0.1)]
    monkeypatch.setattr(OipPredictor, "health", lambda _: models)
    monkeypatch.setattr(check, "describe_contexts", no_context)
    lines = doodled("check", "--oip-url", "http://a", status=1).stdout.splitlines()
    assert lines[lines.index("Models: Open Inference Protocol") + 1] == "  http://a doodled_pose: no: expected one input"


def test_servers_of_one_protocol_only() -> None:
    with pytest.raises(OptionError, match="exclude each other"):
        doodled("check", "--oip-url", "http://a", "--torchserve-url", "http://b")


def test_check_reports_models_that_can_not_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "describe_contexts", no_context)
    monkeypatch.setitem(sys.modules, "pipeline.adapters.embedded", None)
    assert "embedded, no: the models can't run in this process" in doodled("check", status=1).stdout


def test_health_fails_without_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOODLED_ROOT", str(tmp_path))
    assert doodled("health", status=1).stdout.strip()


def test_run_exits_with_the_status_of_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    from daemon.service import main as run

    asked: list[Any] = []

    def pretends(config: Path | None, environ: object, *, drain: bool) -> int:
        asked.append((config, environ is os.environ, drain))
        return 75

    monkeypatch.setattr(run, "run", pretends)
    doodled("run", "--drain", "--config", "x.toml", status=75)
    assert asked == [(Path("x.toml"), True, True)]


@pytest.mark.parametrize(("option", "level"), [("--verbose", "debug"), ("-v", "debug"), ("--quiet", "warning"), ("-q", "warning")])
def test_run_sets_the_log_level(monkeypatch: pytest.MonkeyPatch, option: str, level: str) -> None:
    from daemon.service import main as run

    levels: list[str] = []

    def pretends(config: Path | None, environ: Mapping[str, str], *, drain: bool) -> int:
        levels.append(read_settings(config, environ).log.level)
        return int(drain)

    monkeypatch.setattr(run, "run", pretends)
    doodled("run", option)
    assert levels == [level]
    with pytest.raises(OptionError, match="exclude each other"):
        doodled("run", "--quiet", "--verbose")


@gl
def test_quiet_prints_only_the_path(tmp_path: Path) -> None:
    done = doodled("render", KING, *SMALL, "-o", tmp_path / "king.gif", "--quiet")
    assert done.stderr == ""
    assert done.stdout == f"{tmp_path / 'king.gif'}\n"


def test_tables_take_no_cell_for_markup() -> None:
    assert console.table_text(("a", "b"), [("[red]x", "1"), (":smile:", "22")], right_aligned=("b",)).splitlines() == [
        "a         b",
        "[red]x    1",
        ":smile:  22",
    ]


def test_shows_progress_on_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def work(on_frame: Any) -> str:
        on_frame(1, 2)
        return "done"

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert console.with_progress(work) == "done"
    assert terminal.getvalue()
    monkeypatch.setattr(sys, "stderr", quiet := io.StringIO())
    assert console.with_progress(work) == "done"
    assert not quiet.getvalue()


# --- the process's entry ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (OptionError("that makes no sense"), 2, "doodled: that makes no sense"),
        (RenderUnavailable({"egl-device": "no card"}), 75, "doodled: "),
        (
            ConfigError("doodled.toml", ["jobs.workers: too many", "log.to: unknown"]),
            None,
            "doodled: doodled.toml:\n  jobs.workers: too many\n",
        ),
    ],
)
def test_errors_become_a_message_and_an_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, status: int | None, said: str
) -> None:
    def fails() -> None:
        raise error

    monkeypatch.setattr(cli, "command_line", lambda _: fails)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == getattr(error, "exit_status", status or 1)
    assert capsys.readouterr().err.startswith(said)


def test_output_on_a_full_disk_is_one_line_and_may_succeed_later() -> None:
    command = [sys.executable, "-m", "daemon", "config", "show"]
    for unbuffered in ("", "1"):
        environ = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environ, check=False)
        assert (done.returncode, done.stderr) == (75, "doodled: the output: No space left on device\n")


def test_opens_standard_streams_that_the_parent_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, opened = {0, 2}, []

    def fstat(stream: int) -> None:
        if stream in closed:
            raise OSError

    monkeypatch.setattr(entry.os, "fstat", fstat)
    monkeypatch.setattr(entry.os, "open", lambda path, _: opened.append(path))
    entry.open_standard_streams()
    monkeypatch.undo()
    assert opened == [os.devnull] * 2

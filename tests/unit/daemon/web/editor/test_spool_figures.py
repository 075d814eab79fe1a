"""Figures of a spool's entries: where they are found, and what "Animate again" drops."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from editor_figures import write_person

from daemon.options.sidecar import drawing_options
from daemon.options.values import DEFAULT_BACKGROUND, FrameRate, JobOptions, Size
from daemon.spool.job_folder import Job
from daemon.spool.job_ids import job_id
from daemon.spool.layout import Layout, prepare
from daemon.web.editor.edits import Edit, FigureSource
from daemon.web.editor.provider import Purpose, UnknownDrawing
from daemon.web.editor.spool_figures import Correction, SpoolFigures
from pipeline.errors import OptionError
from pipeline.types import Format, LayerMode

USED = JobOptions(
    ("dab", "wave"),
    (Format.GIF, Format.MP4),
    Size(320, 200),
    FrameRate.parse("30000/1001"),
    DEFAULT_BACKGROUND,
    all_figures=True,
    whiten=True,
)


class Process:
    """Answers with the files of a corrected folder."""

    def __init__(self) -> None:
        self.calls = list[tuple[FigureSource, Edit]]()

    async def call(self, name: str, source: FigureSource, edit: Edit) -> Any:
        assert name == "folder_files"
        self.calls.append((source, edit))
        return {"char_cfg.yaml": b"joints", "mask.png": b"mask"}


class Spool:
    """A spool on disk, and what is dropped."""

    def __init__(self, root: Path) -> None:
        self.layout, self.dropped = Layout(root), list[Correction]()
        prepare(self.layout)
        self.figures = SpoolFigures(self.layout, self._drop)

    def _drop(self, correction: Correction) -> str:
        self.dropped.append(correction)
        return f"drawings/{len(self.dropped)}"

    def done(self, name: str, *, figures: int = 1, is_folder: bool = False, folder: tuple[str, ...] = ()) -> str:
        job = Job(job_id(), name, folder, is_folder)
        job_folder = self.layout.done / job.id
        job_folder.mkdir()
        (job_folder / "job.json").write_bytes(job.to_json())
        (job_folder / "manifest.json").write_text(json.dumps({"options": USED.as_json()}))
        if is_folder:
            write_person(job_folder / "source")
        else:
            (job_folder / "source").write_bytes(b"photo")
            numbered = (
                [job_folder / "annotations"]
                if figures == 1
                else [job_folder / f"annotations/figure_{each}" for each in range(1, figures + 1)]
            )
            for each in numbered:
                write_person(each, with_drawing=True)
        return job.id

    def failed(self, name: str, error_type: str = "no_figure", sidecar: str | None = None) -> str:
        job = job_id()
        (self.layout.failed / name).write_bytes(b"photo")
        reason = {"job_id": job, "name": name, "folder": ["dab"], "error_type": error_type, "message": "no figure was found"}
        (self.layout.failed / f"{name}.error.json").write_text(json.dumps(reason))
        if sidecar is not None:
            (self.layout.failed / f"{name}.options.json").write_text(sidecar)
        return job

    def review(self, name: str, *, figures: int = 1, sidecar: str | None = None) -> str:
        job, held = job_id(), self.layout.review / name
        held.mkdir()
        for number in range(1, figures + 1):
            write_person(held / f"figure_{number}", with_drawing=True)
        (held / "drawing.jpg").write_bytes(b"photo")
        reason = {"job_id": job, "name": name, "folder": ["dab"], "file": "drawing.jpg", "message": "a doubtful figure", "sidecar": None}
        (held / "review.json").write_text(json.dumps({**reason, "schema": 1, "review": name}))
        if sidecar is not None:
            (held / "options.json").write_text(sidecar)
        return job

    def accept(self, key: str, edits: dict[int, Edit]) -> Process:
        process = Process()
        asyncio.run(self.figures.accept(key, edits, process))  # type: ignore[arg-type]
        return process


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def test_published_drawing_has_the_figure_of_its_annotations(spool: Spool) -> None:
    job = spool.done("garlic.jpg")
    drawing = spool.figures.drawing(f"done-{job}")
    (source,) = drawing.sources
    assert (drawing.title, drawing.motion, drawing.purpose) == ("garlic.jpg", "dab", Purpose.ANIMATE)
    assert source.folder == spool.layout.done / job / "annotations"
    assert source.drawing == source.folder / "image.png"
    assert source.is_untrusted


def test_title_has_no_id(spool: Spool) -> None:
    name = "garlic-w0123456789abcdef.jpg"
    keys = f"done-{spool.done(name)}", f"failed-{spool.failed(name)}", f"review-{spool.review(name)}"
    assert [spool.figures.drawing(key).title for key in keys] == ["garlic.jpg"] * 3


def test_every_figure_of_a_drawing_can_be_corrected(spool: Spool) -> None:
    job = spool.done("class.jpg", figures=3)
    assert [source.name for source in spool.figures.drawing(f"done-{job}").sources] == ["figure_1", "figure_2", "figure_3"]
    spool.accept(f"done-{job}", {0: Edit(), 2: Edit(joints={"neck": (1, 2)})})
    assert [one.name for one in spool.dropped] == ["class.1", "class.3"]


def test_character_folder_of_a_published_job_is_its_source(spool: Spool) -> None:
    job = spool.done("king", is_folder=True)
    (source,) = spool.figures.drawing(f"done-{job}").sources
    assert (source.folder, source.drawing) == (spool.layout.done / job / "source", None)


def test_drawing_without_annotations_gets_a_box(spool: Spool) -> None:
    """storage.keep_annotations is off."""
    job = spool.done("garlic.jpg", figures=0)
    (source,) = spool.figures.drawing(f"done-{job}").sources
    assert (source.folder, source.drawing) == (None, spool.layout.done / job / "source")


def test_correction_has_the_options_of_the_former_job(spool: Spool) -> None:
    job = spool.done("garlic.jpg", folder=("dab", "blue"))
    process = spool.accept(f"done-{job}", {0: Edit(joints={"neck": (1, 2)})})
    assert [edit for _, edit in process.calls] == [Edit(joints={"neck": (1, 2)})]
    (dropped,) = spool.dropped
    assert (dropped.name, dropped.folder) == ("garlic", ("dab", "blue"))
    assert dropped.files == {"char_cfg.yaml": b"joints", "mask.png": b"mask"}
    default = JobOptions(("jump",), (Format.WEBM,), layers=LayerMode.OFF)
    asked = drawing_options(default, dropped.folder, dropped.options, ["dab", "wave", "jump"], 1000)
    assert {**asked.as_json(), "all_figures": True} == USED.as_json()
    assert (spool.layout.done / job / "source").exists(), "what was published stays"


def test_failed_drawing_leaves_with_its_correction(spool: Spool) -> None:
    job = spool.failed("cat.JPG", sidecar='{"motion": "wave"}')
    drawing = spool.figures.drawing(f"failed-{job}")
    assert (drawing.title, drawing.motion, drawing.notes) == ("cat.JPG", "wave", ("no figure was found",))
    assert drawing.sources == (FigureSource(None, spool.layout.failed / "cat.JPG", "cat.JPG", is_untrusted=True),)
    spool.accept(f"failed-{job}", {0: Edit(box=(1, 2, 30, 40))})
    (dropped,) = spool.dropped
    assert (dropped.folder, dropped.options) == (("dab",), b'{"motion": "wave"}')
    assert dropped.files["original.jpg"] == b"photo", "the image itself is kept"
    assert list(spool.layout.failed.iterdir()) == []


def test_wrong_sidecar_is_not_used_again(spool: Spool) -> None:
    job = spool.failed("cat.jpg", error_type="sidecar", sidecar='{"motion": "../../etc/passwd.bvh"}')
    assert spool.figures.drawing(f"failed-{job}").motion == "wave"
    spool.accept(f"failed-{job}", {0: Edit(box=(1, 2, 30, 40))})
    assert spool.dropped[0].options is None


@pytest.mark.parametrize("sidecar", ["{", "[]", '{"motions": []}', '{"motions": [3]}', '{"motion": "/etc/passwd.bvh"}', "[" * 9000])
def test_first_motion_is_never_a_path(spool: Spool, sidecar: str) -> None:
    job = spool.failed("cat.jpg", sidecar=sidecar)
    assert spool.figures.drawing(f"failed-{job}").motion == "wave"


def test_links_are_not_followed(spool: Spool, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"motion": "dab"}')
    job = spool.failed("cat.jpg")
    (spool.layout.failed / "cat.jpg.options.json").symlink_to(secret)
    (spool.layout.failed / "cat.jpg").unlink()
    (spool.layout.failed / "cat.jpg").symlink_to(secret)
    spool.accept(f"failed-{job}", {0: Edit(box=(1, 2, 30, 40))})
    assert spool.dropped[0].options is None
    assert "original.jpg" not in spool.dropped[0].files


@pytest.mark.parametrize(
    "key", ["", "done-", "done-x", "done-../../etc", "other-01J00000000000000000000000", "done-01J00000000000000000000000"]
)
def test_unknown_keys_are_refused(spool: Spool, key: str) -> None:
    with pytest.raises(UnknownDrawing):
        spool.figures.drawing(key)


def test_doubtful_drawing_leaves_review_with_its_correction(spool: Spool) -> None:
    job = spool.review("cat.jpg", sidecar='{"motion": "jump", "review": true}')
    drawing = spool.figures.drawing(f"review-{job}")
    (source,) = drawing.sources
    assert (drawing.title, drawing.motion, drawing.notes) == ("cat.jpg", "jump", ("a doubtful figure",))
    assert source.folder == spool.layout.review / "cat.jpg/figure_1"
    spool.accept(f"review-{job}", {0: Edit(joints={"neck": (1, 2)})})
    (dropped,) = spool.dropped
    assert (dropped.name, dropped.folder, dropped.options) == ("cat", ("dab",), b'{"motion": "jump", "review": true}')
    assert dropped.files["original.jpg"] == b"photo"
    assert list(spool.layout.review.iterdir()) == []


def test_figures_that_were_right_leave_review_with_the_corrected_one(spool: Spool) -> None:
    job = spool.review("class.jpg", figures=3)
    process = spool.accept(f"review-{job}", {1: Edit(joints={"neck": (1, 2)})})
    assert [one.name for one in spool.dropped] == ["class.1", "class.2", "class.3"]
    assert [edit.is_empty for _, edit in process.calls] == [True, False, True]


def test_nothing_is_dropped_without_a_figure(spool: Spool) -> None:
    job = spool.failed("cat.jpg")
    with pytest.raises(OptionError, match="draw a box around it"):
        spool.accept(f"failed-{job}", {})
    assert (spool.layout.failed / "cat.jpg").exists()

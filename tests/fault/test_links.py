"""Rows 23 to 25 of etc/doc/faults.md: links, swapped names and irregular files lead nowhere outside the inbox."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import socket
import stat
import threading
import unicodedata
from contextlib import suppress
from pathlib import Path

import pytest
from fault.test_daemon import drop, events, run_until_done
from spool_oracle import ROOT, Places, check_published, check_tidy

from daemon.files import untrusted
from daemon.inbox.scanner import Scanner
from daemon.inbox.stability import StabilityRules
from daemon.options.inference import InferenceRequest
from daemon.options.values import FrameRate, JobOptions, Size
from daemon.policy.failures import ErrorType
from daemon.spool.job_folder import RESULT, Job
from daemon.spool.publish import publish
from daemon.spool.spool import Spool
from daemon.worker import runner, task_run
from daemon.worker.task import Task
from pipeline.errors import DecodeError
from pipeline.files.character_names import CONFIG_NAME, MASK_NAME, TEXTURE_NAME
from pipeline.types import Format

AT_FDCWD, RENAME_EXCHANGE = -100, 2
TIMES = 100
CHARACTER = ROOT / "etc" / "characters" / "stick_king"


def test_irregular_files_stay_in_inbox(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(inbox)  # a socket's path is short
        listening.bind("socket.png")
        os.chdir(here)
        (inbox / "loop.png").symlink_to("loop.png")
        (inbox / "to a folder").symlink_to("/etc", target_is_directory=True)
        if os.getuid() == 0:
            with suppress(PermissionError):  # inside a container
                os.mknod(inbox / "zero.png", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        (inbox / "empty.png").touch()
        there = {path.name for path in inbox.iterdir()}
        records = run_until_done(tmp_path, environ={**os.environ, "PYTHONPATH": str(ROOT), "DOODLED_INBOX_DRAIN_PATIENCE_S": "0.3"})
    assert {record["file_name"] for record in events(records, "file.rejected")} == there - {"empty.png"}
    assert {path.name for path in inbox.iterdir()} == there
    assert not events(records, "job.claimed")


def test_animates_hard_link_and_keeps_its_target(tmp_path: Path) -> None:
    elsewhere = tmp_path / "kept.png"
    elsewhere.write_bytes(b"kept")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "linked.png").hardlink_to(elsewhere)
    run_until_done(tmp_path)
    check_published(tmp_path, "linked.png", b"kept")
    assert elsewhere.read_bytes() == b"kept"


def test_names_that_look_equal_get_two_results(tmp_path: Path) -> None:
    names = [unicodedata.normalize(form, "Zoë 🐙.png") for form in ("NFC", "NFD")]
    for name in names:
        drop(tmp_path, name, name.encode())
    run_until_done(tmp_path)
    for name in names:
        check_published(tmp_path, name, name.encode())
    sources_told = {str(manifest["source"]) for manifest in Places(tmp_path).manifests().values()}
    assert len(sources_told) == 2
    assert {path.stem for path in Places(tmp_path).manifests()} == {Path(name).stem for name in names}
    check_tidy(tmp_path)


# --- between check and use ------------------------------------------------------------------------------------------


def test_link_swapped_in_before_claim_is_not_followed(tmp_path: Path) -> None:
    """The link is moved like the file that it replaced, recognized, and never opened."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"not yours")
    with Spool.open(tmp_path) as spool:
        scanner = Scanner(spool.layout.inbox, StabilityRules(), max_depth=2, has_leases=True)
        drop(tmp_path, "drawing.png", b"drawing")
        scanner.scan(0.0)
        (candidate,) = scanner.take_complete(1.0, max_probes=1)
        (spool.layout.inbox / "drawing.png").unlink()
        (spool.layout.inbox / "drawing.png").symlink_to(secret)
        job = spool.claim(candidate.name, candidate.folder, is_folder=False, sidecar=None, now_s=1e9)
        assert job is not None
        assert not spool.has_expected_type(job)
        with pytest.raises(DecodeError):
            untrusted.read_untrusted(spool.path(job) / "source", 100)
    records = run_until_done(tmp_path)
    assert [record["error_type"] for record in events(records, "job.failed")] == ["input"]
    assert (tmp_path / "failed" / "drawing.png").is_symlink()
    assert b"not yours" not in b"".join(path.read_bytes() for path in (tmp_path / "failed").glob("*.json"))


def test_inbox_folder_swapped_for_link_is_not_entered(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "drawing.png").write_bytes(b"theirs")
    with Spool.open(tmp_path) as spool:
        drop(tmp_path, "dab/drawing.png", b"ours")
        shutil.rmtree(spool.layout.inbox / "dab")
        (spool.layout.inbox / "dab").symlink_to(elsewhere)
        with pytest.raises(OSError, match=r"Not a directory|symbolic links") as refused:
            spool.claim("drawing.png", ("dab",), is_folder=False, sidecar=None, now_s=1e9)
        assert refused.value.errno in {errno.ENOTDIR, errno.ELOOP}
        assert [path.name for path in spool.instance_folder.iterdir()] == [".lock"]
    assert (elsewhere / "drawing.png").read_bytes() == b"theirs"


def test_flickering_outbox_link_leads_nothing_out(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with Spool.open(tmp_path) as spool:
        outbox = spool.layout.outbox
        (outbox / "dab").mkdir()
        (outbox / "link").symlink_to(elsewhere)
        refusals: list[int | None] = []
        is_over = threading.Event()

        def flicker() -> None:
            exchange = ctypes.CDLL(None).renameat2
            while not is_over.is_set():
                exchange(AT_FDCWD, os.fsencode(outbox / "dab"), AT_FDCWD, os.fsencode(outbox / "link"), RENAME_EXCHANGE)

        thread = threading.Thread(target=flicker)
        thread.start()
        try:
            for number in range(TIMES):
                job_folder = spool.instance_folder / f"{number}"
                (job_folder / RESULT).mkdir(parents=True)
                (job_folder / RESULT / "0.gif").write_bytes(b"GIF")
                job = Job(str(number), f"drawing{number}.png", ("dab",))
                try:
                    publish(outbox, job_folder, job, {"outputs": [{"result": "0.gif", "label": []}]})
                except OSError as error:
                    refusals.append(error.errno)
                shutil.rmtree(job_folder)
        finally:
            is_over.set()
            thread.join()
        folder = next(path for path in (outbox / "dab", outbox / "link") if not path.is_symlink())
        assert len(list(folder.glob("*.json"))) == TIMES - len(refusals)
    assert set(refusals) == {errno.ENOTDIR}
    assert 0 < len(refusals) < TIMES
    assert not list(elsewhere.iterdir())


# --- characters ------------------------------------------------------------------------------------------------------


def task_for(job_folder: Path) -> Task:
    defaults = JobOptions(("wave",), (Format.GIF,), Size(32, 32), FrameRate.parse("2"))
    return Task(job_folder, "king", (), True, defaults, 100, InferenceRequest(), 1.0, False)


@pytest.mark.parametrize("name", [CONFIG_NAME, MASK_NAME, TEXTURE_NAME])
def test_link_in_character_is_not_followed(tmp_path: Path, name: str) -> None:
    shutil.copytree(CHARACTER, tmp_path / "source")
    (tmp_path / "source" / name).unlink()
    (tmp_path / "source" / name).symlink_to(CHARACTER / name)
    result = runner.run_task(task_for(tmp_path))
    assert result.failure is not None
    assert result.failure.kind is ErrorType.IMAGE
    assert {path.name for path in tmp_path.iterdir()} <= {"source", RESULT}


@pytest.mark.gl
def test_link_swapped_into_character_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The animated files are those that were checked: their owner can still change the folder, but not the copy that is read."""
    shutil.copytree(CHARACTER, tmp_path / "source")
    looked_at = untrusted.copy_character

    def then_swapped(source: Path, target: Path, most: int) -> tuple[str, int]:
        found = looked_at(source, target, most)
        for name in (MASK_NAME, TEXTURE_NAME):
            (source / name).unlink()
            (source / name).symlink_to("/etc/passwd")
        return found

    monkeypatch.setattr(task_run, "copy_character", then_swapped)
    result = runner.run_task(task_for(tmp_path))
    assert result.failure is None, result.failure
    assert result.manifest is not None
    assert json.dumps(result.manifest["outputs"])
    assert {path.name for path in tmp_path.iterdir()} == {"source", "thumbnail.jpg", RESULT}

"""Folders of the spool, the errors for unusable ones, and instances with their locks."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.spool import instances
from daemon.spool.instances import Instance, is_alive, remove_if_empty
from daemon.spool.layout import Layout, SpoolUnusable, prepare


def test_creates_every_folder_and_leaves_no_probe(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "new" / "root")
    for _ in range(2):
        prepare(layout)
    names = {
        "inbox",
        "outbox",
        "failed",
        "review",
        "spool",
        "spool/work",
        "spool/done",
        "spool/status",
        "spool/seen",
        "spool/events",
        "spool/undelivered",
    }
    assert {str(path.relative_to(layout.root)) for path in layout.root.rglob("*")} == names
    assert set(layout.all()) >= set(layout.probed())


def refused(monkeypatch: pytest.MonkeyPatch, code: int, where: str) -> None:
    """A file system that refuses hard links into one folder."""
    link = os.link

    def no(source: Any, target: Any, **more: Any) -> None:
        if Path(target).parent.name == where:
            raise OSError(code, os.strerror(code), str(source), None, str(target))
        link(source, target, **more)

    monkeypatch.setattr(os, "link", no)


@pytest.mark.parametrize("where", ["inbox", "outbox", "failed", "done"])
def test_names_folder_on_another_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    refused(monkeypatch, errno.EXDEV, where)
    with pytest.raises(SpoolUnusable, match=rf"{where}/\.probe-\w+ must be on the same file system") as unusable:
        prepare(Layout(tmp_path))
    assert "mount" in unusable.value.hint
    assert unusable.value.exit_status == 78
    assert not list(tmp_path.rglob(".probe-*"))


def test_names_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "inbox").touch()
    with pytest.raises(SpoolUnusable, match=r"inbox can't be used: File exists") as unusable:
        prepare(Layout(tmp_path))
    assert "DOODLED_ROOT" in unusable.value.hint


def test_names_both_users_if_root_belongs_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(Layout(tmp_path))
    refused(monkeypatch, errno.EACCES, "inbox")
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 7)
    with pytest.raises(SpoolUnusable) as unusable:
        prepare(Layout(tmp_path))
    assert f"belongs to user {owner}, and this is user {owner + 7}" in unusable.value.hint


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE])
def test_full_or_failing_disk_at_the_start_allows_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    refused(monkeypatch, code, "inbox")
    with pytest.raises(SpoolUnusable, match=r"inbox/\.probe-\w+ can't be used") as unusable:
        prepare(Layout(tmp_path))
    assert unusable.value.exit_status == 75
    assert ("make room" in unusable.value.hint) == (code in {errno.ENOSPC, errno.EDQUOT})


def test_refuses_root_without_status(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolUnusable, match="Not a directory") as unusable:
        prepare(Layout(tmp_path / "file" / "root"))
    assert "DOODLED_ROOT" in unusable.value.hint


def test_handles_unreadable_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def guarded(path: Any, *arguments: Any, **more: Any) -> int:
        if Path(path) == tmp_path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *arguments, **more)

    monkeypatch.setattr(os, "open", guarded)
    prepare(Layout(tmp_path / "root"))


def test_handles_lost_reply_of_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def twice(source: Any, target: Any, **more: Any) -> None:
        link(source, target, **more)
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))

    monkeypatch.setattr(os, "link", twice)
    prepare(Layout(tmp_path))

    def theirs(_: Any, target: Any, **__: Any) -> None:
        Path(target).touch()
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))

    monkeypatch.setattr(os, "link", theirs)
    with pytest.raises(SpoolUnusable, match="File exists"):
        prepare(Layout(tmp_path))


# --- instances -------------------------------------------------------------------------------------------------------


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    made = Instance(tmp_path)
    yield made
    made.end()


def test_instance_is_alive_while_it_holds_its_lock(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    (instance.folder / "job").touch()
    assert is_alive(instance.folder)
    assert instance.is_ours()
    instance.end()
    assert not is_alive(instance.folder)
    assert not is_alive(tmp_path / "nobody")
    (instance.folder / "job").unlink()
    remove_if_empty(instance.folder)
    assert not instance.folder.exists()


def test_replaced_lock_file_ends_ownership(instance: Instance) -> None:
    lock = instance.folder / ".lock"
    lock.unlink()
    assert not instance.is_ours()
    lock.touch()
    (instance.folder / "another").touch()
    assert not instance.is_ours()
    before = instance.name
    instance.renew()
    assert instance.is_ours()
    assert instance.name != before
    shutil.rmtree(lock.parent)


def test_does_not_renew_on_another_file_system(instance: Instance) -> None:
    before, instance._device = instance.name, -1
    with pytest.raises(OSError, match="the file system has changed") as stale:
        instance.renew()
    assert stale.value.errno == errno.ESTALE
    assert instance.name == before


def test_instance_appears_with_its_lock_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename, held = instances.rename, []

    def looked(source: Path, target: Path) -> None:
        held.append(is_alive(Path(source)))
        rename(source, target)

    monkeypatch.setattr(instances, "rename", looked)
    Instance(tmp_path).end()
    assert held == [True]


def test_keeps_folder_with_jobs(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    (instance.folder / "job").mkdir()
    instance.end()
    assert (instance.folder / "job").exists()
    with pytest.raises(FileNotFoundError):
        remove_if_empty(tmp_path / "nobody")

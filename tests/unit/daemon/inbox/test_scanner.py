"""What lies in the inbox, one look after the other: whose turn it is, and what nobody may take."""

from __future__ import annotations

import errno
import math
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.inbox import probe
from daemon.inbox import scanner as intake_module
from daemon.inbox.probe import is_movable, observed, together
from daemon.inbox.scanner import LOOK_PAUSE_S, REJECTED_PAUSE_S, Scanner
from daemon.inbox.stability import Observation, StabilityRules, Waiting

NOW_S = 100.0
RULES = StabilityRules(debounce_s=0.1, stable_s=5.0, samples=3)


def scanner(inbox: Path, *, max_depth: int = 4, has_leases: bool = True) -> Scanner:
    return Scanner(inbox, RULES, max_depth=max_depth, has_leases=has_leases)


def dropped(inbox: Path, *names: str, content: bytes = b"a drawing") -> None:
    for name in names:
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_bytes(content)


def scanned(inbox: Path, **more: Any) -> Scanner:
    made = scanner(inbox, **more)
    made.scan(NOW_S)
    return made


def complete(found: Scanner, now: float = NOW_S + 1.0, **more: Any) -> list[str]:
    more = {"looks": 100, **more}
    return ["/".join((*each.folder, each.name)) for each in found.complete(now, **more)]


def refusing(code: int, call: Callable[..., Any], is_meant: Callable[..., bool]) -> Callable[..., Any]:
    def refused(*arguments: Any, **more: Any) -> Any:
        if is_meant(*arguments):
            raise OSError(code, os.strerror(code))
        return call(*arguments, **more)

    return refused


# --- scans -----------------------------------------------------------------------------------------------------------


def test_a_scan_finds_drawings_in_folders_and_leaves_litter_alone(tmp_path: Path) -> None:
    dropped(tmp_path, "a.png", "dab/b.png", "dab/inner/c.png", ".hidden.png", "half.png.part", "options.json")
    found = scanner(tmp_path)
    result = found.scan(NOW_S)
    assert {("/".join(each.folder), each.name) for each in found.waiting()} == {("", "a.png"), ("dab", "b.png"), ("dab/inner", "c.png")}
    assert (found.count, result.new, result.entries) == (3, 3, 6)
    assert found.scan(NOW_S + 1).new == 0


def test_folders_are_looked_into_as_deep_as_the_settings_say(tmp_path: Path) -> None:
    dropped(tmp_path, "one/a.png", "one/two/b.png")
    assert [each.name for each in scanned(tmp_path, max_depth=1).waiting()] == ["a.png"]


def test_options_go_with_their_picture_and_wait_for_it(tmp_path: Path) -> None:
    dropped(tmp_path, "garlic.png", "garlic.json", "other.JSON", "plain.png")
    assert {each.name: each.sidecar for each in scanned(tmp_path).waiting()} == {"garlic.png": "garlic.json", "plain.png": None}


def test_a_folder_that_is_called_like_options_is_a_folder(tmp_path: Path) -> None:
    dropped(tmp_path, "garlic.png", "garlic.json/other.png")
    assert {each.name: each.sidecar for each in scanned(tmp_path).waiting()} == {"garlic.png": None, "other.png": None}


def test_a_folder_with_a_rig_is_one_drawing(tmp_path: Path) -> None:
    dropped(tmp_path, "king/char_cfg.yaml", "king/mask.png", "king.json", "queen/mask.png")
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "char_cfg.yaml").symlink_to("/etc/passwd")
    found = {each.name: (each.is_folder, each.sidecar) for each in scanned(tmp_path).waiting()}
    assert found == {"king": (True, None), "mask.png": (False, None)}


def test_what_has_gone_is_forgotten_and_its_age_with_it(tmp_path: Path) -> None:
    dropped(tmp_path, "a.png")
    found = scanned(tmp_path)
    (tmp_path / "a.png").unlink()
    found.scan(NOW_S + 1)
    assert found.count == 0
    dropped(tmp_path, "a.png")
    found.scan(NOW_S + 2)
    assert [each.settling.first_seen_s for each in found.waiting()] == [NOW_S + 2]


def test_what_is_no_file_is_told_once_for_as_long_as_it_lies_there(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    found = scanner(tmp_path)
    assert found.scan(NOW_S).rejected == [((), "pipe.png", "not_regular")]
    assert found.out_of_reach == {((), "pipe.png")}
    assert found.scan(NOW_S + 1).rejected == []
    (tmp_path / "pipe.png").unlink()
    found.scan(NOW_S + 2)
    assert not found.out_of_reach
    os.mkfifo(tmp_path / "pipe.png")
    assert len(found.scan(NOW_S + 3).rejected) == 1


def test_a_file_that_goes_while_the_folder_is_read_was_never_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped(tmp_path, "a.png", "b.png")
    scandir = os.scandir

    def late(folder: int) -> Any:
        entries = scandir(folder)
        (tmp_path / "a.png").unlink(missing_ok=True)
        return entries

    monkeypatch.setattr(os, "scandir", late)
    assert [each.name for each in scanned(tmp_path).waiting()] == ["b.png"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO])
def test_a_folder_that_can_not_be_read_keeps_its_candidates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    dropped(tmp_path, "dab/a.png", "dab/inner/b.png", "c.png")
    found = scanned(tmp_path)
    opened = intake_module.open_folder
    monkeypatch.setattr(intake_module, "open_folder", refusing(code, opened, lambda _, parts=(): tuple(parts) == ("dab",)))
    result = found.scan(NOW_S + 1)
    assert found.count == 3
    assert [(folder, error.errno) for folder, error in result.problems] == [("dab", code)]
    assert result.rejected == ([((), "dab", "unreadable")] if code == errno.EACCES else [])


def test_an_inbox_that_has_gone_is_a_problem_and_a_folder_that_has_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped(tmp_path, "dab/a.png")
    found = scanned(tmp_path)
    opened = intake_module.open_folder
    monkeypatch.setattr(intake_module, "open_folder", refusing(errno.ENOENT, opened, lambda _, parts=(): tuple(parts) == ("dab",)))
    result = found.scan(NOW_S + 1)
    assert (found.count, result.problems) == (0, [])
    monkeypatch.undo()
    found.scan(NOW_S + 2)
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert [folder for folder, _ in found.scan(NOW_S + 3).problems] == [""]
    assert found.count == 1


# --- turns -----------------------------------------------------------------------------------------------------------


def test_folders_take_turns_and_the_next_round_begins_after_the_last_one(tmp_path: Path) -> None:
    dropped(tmp_path, *(f"many/{number}.png" for number in range(4)), "few/one.png", "top.png")
    found = scanned(tmp_path)
    first = found.complete(NOW_S + 1, looks=100)
    assert [next(first).folder for _ in range(3)] == [("few",), ("many",), ()]
    assert {name.split("/")[0] for name in complete(found)} == {"many"}


def test_within_a_folder_who_came_first_is_served_first(tmp_path: Path) -> None:
    dropped(tmp_path, "c.png", "a.png", "b.png")
    order = sorted(("c.png", "a.png", "b.png"), key=lambda name: ((tmp_path / name).stat().st_ctime_ns, name))
    assert complete(scanned(tmp_path)) == order


def test_no_more_is_looked_at_than_was_asked_for(tmp_path: Path) -> None:
    dropped(tmp_path, *(f"{number}.png" for number in range(5)))
    found = scanned(tmp_path)
    assert len(complete(found, looks=2)) == 2
    assert found.count == 3
    assert complete(found, looks=0) == []


def test_files_that_are_never_complete_keep_no_later_one_waiting(tmp_path: Path) -> None:
    """As a full disk, or a cloud's client, leaves them: a thousand empty files, each of them due for another look in a moment."""
    found, now = scanner(tmp_path), NOW_S
    dropped(tmp_path, *(f"{number}.png" for number in range(50)), content=b"")
    found.scan(now)
    dropped(tmp_path, "late.png")
    found.scan(now)
    for _ in range(20):
        now += LOOK_PAUSE_S + 0.001
        if complete(found, now, looks=10) == ["late.png"]:
            return
    raise AssertionError("it never had a look")


def test_while_the_networks_are_out_only_characters_have_a_turn(tmp_path: Path) -> None:
    dropped(tmp_path, "a.png", "king/char_cfg.yaml")
    found = scanned(tmp_path)
    complete(found, pictures=False)
    assert complete(found, NOW_S + 5, pictures=False) == ["king"]
    assert found.next_look_s(NOW_S, pictures=False) == math.inf
    assert complete(found) == ["a.png"]


def test_the_next_look_is_due_when_the_first_file_is_and_not_at_once(tmp_path: Path) -> None:
    found = scanner(tmp_path)
    assert found.next_look_s(NOW_S) == math.inf
    dropped(tmp_path, "a.png")
    found.scan(NOW_S)
    assert found.next_look_s(NOW_S) == pytest.approx(NOW_S + RULES.debounce_s)
    assert found.next_look_s(NOW_S + 10) == NOW_S + 10 + LOOK_PAUSE_S


def test_what_could_not_be_taken_stays_and_is_tried_later(tmp_path: Path) -> None:
    dropped(tmp_path, "dab/a.png")
    found = scanned(tmp_path)
    (candidate,) = found.complete(NOW_S + 1, looks=1)
    assert found.count == 0
    found.refused(candidate, NOW_S + 1)
    assert found.next_look_s(NOW_S + 1) == math.inf  # nothing of ours makes it better
    assert complete(found, NOW_S + 2) == []
    assert found.scan(NOW_S + 3).rejected == [(("dab",), "a.png", "immovable")]
    assert complete(found, NOW_S + 1 + REJECTED_PAUSE_S) == ["dab/a.png"]


# --- completeness ----------------------------------------------------------------------------------------------------


def test_a_picture_is_as_complete_as_its_options(tmp_path: Path) -> None:
    dropped(tmp_path, "a.png", "a.json")
    found = scanned(tmp_path)
    with (tmp_path / "a.json").open("ab"):
        assert complete(found) == complete(found, NOW_S + 5) == []
        assert [each.settling.waiting for each in found.waiting()] == [Waiting.WRITER]
    assert complete(found, NOW_S + 10) == ["a.png"]


def test_empty_options_are_wrong_and_no_reason_to_wait(tmp_path: Path) -> None:
    dropped(tmp_path, "a.png")
    dropped(tmp_path, "a.json", content=b"")
    found = scanned(tmp_path)
    complete(found)
    assert complete(found, NOW_S + 5) == ["a.png"]


def test_a_file_that_goes_before_its_turn_has_none(tmp_path: Path) -> None:
    dropped(tmp_path, "a.png")
    found = scanned(tmp_path)
    (tmp_path / "a.png").unlink()
    assert complete(found) == []
    assert [each.rejected for each in found.waiting()] == [""]


@pytest.mark.parametrize(("code", "reason"), [(errno.ELOOP, "not_regular"), (errno.ENXIO, "not_regular"), (errno.EACCES, "unreadable")])
def test_a_file_that_may_not_be_read_waits_until_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, reason: str) -> None:
    dropped(tmp_path, "a.png")
    found = scanned(tmp_path)
    monkeypatch.setattr(intake_module, "observed", refusing(code, observed, lambda *_: True))
    assert complete(found) == []
    assert found.scan(NOW_S + 2).rejected == [((), "a.png", reason)]
    monkeypatch.undo()
    assert complete(found, NOW_S + 2) == []
    assert complete(found, NOW_S + 1 + REJECTED_PAUSE_S) == ["a.png"]


def test_a_file_that_may_not_be_moved_waits_until_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped(tmp_path, "a.png")
    found = scanned(tmp_path)
    monkeypatch.setattr(intake_module, "is_movable", lambda *_, **__: False)
    assert complete(found) == []
    assert [each.rejected for each in found.waiting()] == ["immovable"]
    monkeypatch.undo()
    assert complete(found, NOW_S + 1 + REJECTED_PAUSE_S) == ["a.png"]


# --- looks -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    opened = os.open(tmp_path, os.O_RDONLY)
    yield opened
    os.close(opened)


def test_the_kernel_says_whether_somebody_writes(tmp_path: Path, folder: int) -> None:
    dropped(tmp_path, "a.png")
    assert observed("a.png", folder, has_leases=True).has_writer is False
    assert observed("a.png", folder, has_leases=False).has_writer is None
    with (tmp_path / "a.png").open("ab"):
        assert observed("a.png", folder, has_leases=True).has_writer is True


def test_where_the_kernel_gives_no_lease_nobody_knows(tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped(tmp_path, "a.png")
    monkeypatch.setattr(probe.fcntl, "fcntl", refusing(errno.EACCES, lambda *_: 0, lambda *_: True))
    assert observed("a.png", folder, has_leases=True).has_writer is None


def test_a_character_changes_when_any_of_its_files_does(tmp_path: Path, folder: int) -> None:
    dropped(tmp_path, "king/mask.png", "king/char_cfg.yaml", "king/.hidden")
    (tmp_path / "king" / "inner").mkdir()
    before = observed("king", folder, has_leases=True)
    assert before.has_writer is False
    (tmp_path / "king" / ".hidden").write_bytes(b"nobody looks")
    assert not observed("king", folder, has_leases=True).is_unlike(before)
    with (tmp_path / "king" / "mask.png").open("ab") as file:
        assert observed("king", folder, has_leases=True).has_writer is True
        file.write(b"more")
    assert observed("king", folder, has_leases=True).is_unlike(before)


def test_a_character_is_empty_while_one_of_its_files_is(tmp_path: Path, folder: int) -> None:
    dropped(tmp_path, "king/char_cfg.yaml")
    dropped(tmp_path, "king/mask.png", content=b"")
    assert observed("king", folder, has_leases=True).size == 0


@pytest.mark.parametrize(
    ("writers", "together_writes"),
    [
        ((False, False), False),
        ((False, True), True),
        ((None, True), True),
        ((False, None), None),
        ((None, False), False),
        ((None, None), None),
    ],
)
def test_several_files_are_written_to_if_one_is_and_unknown_if_one_is_unknown(
    writers: tuple[bool | None, ...], together_writes: bool | None
) -> None:
    """But for the first: a folder itself says nothing about writers."""
    assert together([Observation(1, 2, 3, writer) for writer in writers]).has_writer is together_writes


def test_one_file_alone_is_itself() -> None:
    only = Observation(1, 2, 3, has_writer=None)
    assert together([only]) is only


def test_a_pipe_is_no_file_and_keeps_nobody_waiting(tmp_path: Path, folder: int) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(OSError, match="no regular file"):
        observed("pipe.png", folder, has_leases=True)
    (tmp_path / "link.png").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic links"):
        observed("link.png", folder, has_leases=True)


@pytest.mark.parametrize(("user", "may"), [(0, True), (1, True), (2, True), (3, False)])
def test_out_of_a_sticky_folder_only_owners_take_things(
    tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch, user: int, *, may: bool
) -> None:
    """1 owns the folder, 2 the file."""
    dropped(tmp_path, "a.png")
    real = os.stat(tmp_path)  # noqa: PTH116 - beside the others

    def owned(uid: int, mode: int) -> os.stat_result:
        return os.stat_result((mode, real.st_ino, real.st_dev, 1, uid, 0, 1, 0, 0, 0))

    monkeypatch.setattr(os, "stat", lambda *_, **__: owned(1, stat.S_IFDIR | stat.S_ISVTX | 0o777))
    monkeypatch.setattr(os, "lstat", lambda *_, **__: owned(2, stat.S_IFREG))
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "access", lambda *_, **__: True)
    assert is_movable("a.png", folder, is_folder=False) == may


def test_a_moved_folder_must_be_writable_itself(tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped(tmp_path, "king/mask.png")
    monkeypatch.setattr(os, "access", lambda name, *_, **__: name == ".")
    assert is_movable("king", folder, is_folder=False)
    assert not is_movable("king", folder, is_folder=True)
    monkeypatch.setattr(os, "access", lambda name, *_, **__: name != ".")
    assert not is_movable("king", folder, is_folder=True)

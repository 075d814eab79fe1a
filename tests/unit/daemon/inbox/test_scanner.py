"""Scans of the inbox, the order of candidates, probes, and entries that can't be claimed."""

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
from daemon.inbox import scanner as scanner_module
from daemon.inbox.probe import combine, is_movable, probe_file
from daemon.inbox.scanner import PROBE_PAUSE_S, REJECTED_AFTER_S, REJECTED_PAUSE_S, Scanner
from daemon.inbox.stability import Observation, StabilityRules, WaitReason

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
    more = {"max_probes": 100, **more}
    return ["/".join((*each.folder, each.name)) for each in found.take_complete(now, **more)]


def refusing(code: int, call: Callable[..., Any], is_meant: Callable[..., bool]) -> Callable[..., Any]:
    def refused(*arguments: Any, **more: Any) -> Any:
        if is_meant(*arguments):
            raise OSError(code, os.strerror(code))
        return call(*arguments, **more)

    return refused


# --- scans -----------------------------------------------------------------------------------------------------------


def test_scan_finds_drawings_in_folders_and_ignores_other_programs_files(tmp_path: Path) -> None:
    dropped(tmp_path, "a.png", "dab/b.png", "dab/inner/c.png", ".hidden.png", "half.png.part", "options.json")
    found = scanner(tmp_path)
    result = found.scan(NOW_S)
    assert {("/".join(each.folder), each.name) for each in found.candidates()} == {("", "a.png"), ("dab", "b.png"), ("dab/inner", "c.png")}
    assert (found.count, result.new, result.entries) == (3, 3, 6)
    assert found.scan(NOW_S + 1).new == 0


def test_scans_folders_down_to_max_depth(tmp_path: Path) -> None:
    dropped(tmp_path, "one/a.png", "one/two/b.png")
    (tmp_path / "one" / "nothing in it").mkdir()
    found = scanned(tmp_path, max_depth=1)
    assert [each.name for each in found.candidates()] == ["a.png"]
    assert found.rejected == {(("one",), "two"): "too_deep"}


def test_sidecar_waits_for_its_image(tmp_path: Path) -> None:
    dropped(tmp_path, "garlic.png", "garlic.json", "other.JSON", "plain.png")
    assert {each.name: each.sidecar for each in scanned(tmp_path).candidates()} == {"garlic.png": "garlic.json", "plain.png": None}


def test_sidecar_may_end_in_capitals(tmp_path: Path) -> None:
    dropped(tmp_path, "garlic.JPG", "garlic.JSON", "both.png", "both.JSON", "both.json")
    found = scanned(tmp_path)
    assert {each.name: each.sidecar for each in found.candidates()} == {"garlic.JPG": "garlic.JSON", "both.png": "both.json"}
    assert found.lone_sidecars == {((), "both.JSON")}


def test_rejects_sidecar_whose_drawing_does_not_come(tmp_path: Path) -> None:
    dropped(tmp_path, "dab/late.json")
    found = scanned(tmp_path)
    assert found.lone_sidecars == {(("dab",), "late.json")}
    assert not found.rejected
    assert found.scan(NOW_S + REJECTED_AFTER_S).rejected == [(("dab",), "late.json", "no_drawing")]
    assert found.scan(NOW_S + REJECTED_AFTER_S + 1).rejected == []
    dropped(tmp_path, "dab/late.png")
    found.scan(NOW_S + REJECTED_AFTER_S + 2)
    assert not found.rejected
    assert [each.sidecar for each in found.candidates()] == ["late.json"]


def test_rejects_empty_file_until_it_has_content(tmp_path: Path) -> None:
    dropped(tmp_path, "a.png", content=b"")
    found = scanned(tmp_path)
    assert complete(found, NOW_S + 1) == []
    assert not found.scan(NOW_S + 2).rejected
    assert complete(found, NOW_S + 1 + REJECTED_AFTER_S) == []
    assert found.count == 0
    assert found.scan(NOW_S + 2 + REJECTED_AFTER_S).rejected == [((), "a.png", "empty")]
    assert found.next_probe_s(NOW_S + 3 + REJECTED_AFTER_S) == math.inf
    dropped(tmp_path, "a.png")
    assert complete(found, NOW_S + 10 + REJECTED_AFTER_S) == []
    assert found.count == 1
    assert complete(found, NOW_S + 20 + REJECTED_AFTER_S) == ["a.png"]


def test_empty_file_that_is_being_written_is_not_rejected(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb"):
        found = scanned(tmp_path)
        for after_s in (1.0, 1.0 + REJECTED_AFTER_S, 90.0):
            assert complete(found, NOW_S + after_s) == []
        assert found.count == 1


def test_folder_named_like_a_sidecar_is_a_folder(tmp_path: Path) -> None:
    dropped(tmp_path, "garlic.png", "garlic.json/other.png")
    assert {each.name: each.sidecar for each in scanned(tmp_path).candidates()} == {"garlic.png": None, "other.png": None}


def test_character_folder_is_one_candidate(tmp_path: Path) -> None:
    dropped(tmp_path, "king/char_cfg.yaml", "king/mask.png", "king.json", "queen/mask.png")
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "char_cfg.yaml").symlink_to("/etc/passwd")
    found = {each.name: (each.is_folder, each.sidecar) for each in scanned(tmp_path).candidates()}
    assert found == {"king": (True, "king.json"), "mask.png": (False, None)}


def test_folder_in_the_place_of_an_image_is_a_new_candidate(tmp_path: Path) -> None:
    dropped(tmp_path, "king")
    found = scanned(tmp_path)
    (tmp_path / "king").unlink()
    dropped(tmp_path, "king/char_cfg.yaml")
    assert found.scan(NOW_S + 1).new == 1
    assert [(each.is_folder, each.stability.first_seen_s) for each in found.candidates()] == [(True, NOW_S + 1)]


def test_forgets_removed_files_and_their_age(tmp_path: Path) -> None:
    dropped(tmp_path, "a.png")
    found = scanned(tmp_path)
    (tmp_path / "a.png").unlink()
    found.scan(NOW_S + 1)
    assert found.count == 0
    dropped(tmp_path, "a.png")
    found.scan(NOW_S + 2)
    assert [each.stability.first_seen_s for each in found.candidates()] == [NOW_S + 2]


def test_reports_irregular_entries_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    found = scanner(tmp_path)
    assert found.scan(NOW_S).rejected == [((), "pipe.png", "not_regular")]
    assert found.rejected == {((), "pipe.png"): "not_regular"}
    assert found.scan(NOW_S + 1).rejected == []
    (tmp_path / "pipe.png").unlink()
    found.scan(NOW_S + 2)
    assert not found.rejected
    os.mkfifo(tmp_path / "pipe.png")
    assert len(found.scan(NOW_S + 3).rejected) == 1


def test_handles_file_removed_during_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped(tmp_path, "a.png", "b.png")
    scandir = os.scandir

    def late(folder: int) -> Any:
        entries = scandir(folder)
        (tmp_path / "a.png").unlink(missing_ok=True)
        return entries

    monkeypatch.setattr(os, "scandir", late)
    assert [each.name for each in scanned(tmp_path).candidates()] == ["b.png"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO])
def test_unreadable_folder_keeps_its_candidates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    dropped(tmp_path, "dab/a.png", "dab/inner/b.png", "c.png")
    found = scanned(tmp_path)
    opened = scanner_module.open_folder
    monkeypatch.setattr(scanner_module, "open_folder", refusing(code, opened, lambda _, parts=(): tuple(parts) == ("dab",)))
    result = found.scan(NOW_S + 1)
    assert found.count == 3
    assert [(folder, error.errno) for folder, error in result.problems] == [("dab", code)]
    assert result.rejected == ([((), "dab", "unreadable")] if code == errno.EACCES else [])


def test_reports_missing_inbox_but_not_removed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped(tmp_path, "dab/a.png")
    found = scanned(tmp_path)
    opened = scanner_module.open_folder
    monkeypatch.setattr(scanner_module, "open_folder", refusing(errno.ENOENT, opened, lambda _, parts=(): tuple(parts) == ("dab",)))
    result = found.scan(NOW_S + 1)
    assert (found.count, result.problems) == (0, [])
    monkeypatch.undo()
    found.scan(NOW_S + 2)
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert [folder for folder, _ in found.scan(NOW_S + 3).problems] == [""]
    assert found.count == 1


# --- order -----------------------------------------------------------------------------------------------------------


def test_folders_take_turns_across_calls(tmp_path: Path) -> None:
    dropped(tmp_path, *(f"many/{number}.png" for number in range(4)), "few/one.png", "top.png")
    found = scanned(tmp_path)
    first = found.take_complete(NOW_S + 1, max_probes=100)
    assert [next(first).folder for _ in range(3)] == [("few",), ("many",), ()]
    assert {name.split("/")[0] for name in complete(found)} == {"many"}


def test_oldest_file_of_a_folder_comes_first(tmp_path: Path) -> None:
    dropped(tmp_path, "c.png", "a.png", "b.png")
    order = sorted(("c.png", "a.png", "b.png"), key=lambda name: ((tmp_path / name).stat().st_ctime_ns, name))
    assert complete(scanned(tmp_path)) == order


def test_probes_at_most_max_probes(tmp_path: Path) -> None:
    dropped(tmp_path, *(f"{number}.png" for number in range(5)))
    found = scanned(tmp_path)
    assert len(complete(found, max_probes=2)) == 2
    assert found.count == 3
    assert complete(found, max_probes=0) == []


def test_incomplete_files_do_not_starve_later_ones(tmp_path: Path) -> None:
    """A full disk or a cloud client may leave a thousand empty files, each of which is soon due again."""
    found, now = scanner(tmp_path), NOW_S
    dropped(tmp_path, *(f"{number}.png" for number in range(50)), content=b"")
    found.scan(now)
    dropped(tmp_path, "late.png")
    found.scan(now)
    for _ in range(20):
        now += PROBE_PAUSE_S + 0.001
        if complete(found, now, max_probes=10) == ["late.png"]:
            return
    raise AssertionError("it never had a look")


def test_only_characters_are_taken_while_models_are_unavailable(tmp_path: Path) -> None:
    dropped(tmp_path, "a.png", "king/char_cfg.yaml")
    found = scanned(tmp_path)
    complete(found, include_images=False)
    assert complete(found, NOW_S + 5, include_images=False) == ["king"]
    assert found.next_probe_s(NOW_S, include_images=False) == math.inf
    assert complete(found) == ["a.png"]


def test_next_probe_is_due_with_the_first_file(tmp_path: Path) -> None:
    found = scanner(tmp_path)
    assert found.next_probe_s(NOW_S) == math.inf
    dropped(tmp_path, "a.png")
    found.scan(NOW_S)
    assert found.next_probe_s(NOW_S) == pytest.approx(NOW_S + RULES.debounce_s)
    assert found.next_probe_s(NOW_S + 10) == NOW_S + 10 + PROBE_PAUSE_S


def test_candidate_that_can_not_be_claimed_is_probed_again(tmp_path: Path) -> None:
    dropped(tmp_path, "dab/a.png")
    found = scanned(tmp_path)
    (candidate,) = found.take_complete(NOW_S + 1, max_probes=1)
    assert found.count == 0
    found.put_back(candidate, NOW_S + 1)
    assert found.next_probe_s(NOW_S + 1) == math.inf  # only a user can change it
    assert complete(found, NOW_S + 2) == []
    assert found.scan(NOW_S + 3).rejected == [(("dab",), "a.png", "immovable")]
    assert complete(found, NOW_S + 1 + REJECTED_PAUSE_S) == ["dab/a.png"]


# --- completeness ----------------------------------------------------------------------------------------------------


def test_image_is_incomplete_while_its_sidecar_is(tmp_path: Path) -> None:
    dropped(tmp_path, "a.png", "a.json")
    found = scanned(tmp_path)
    with (tmp_path / "a.json").open("ab"):
        assert complete(found) == complete(found, NOW_S + 5) == []
        assert [each.stability.wait_reason for each in found.candidates()] == [WaitReason.WRITER]
    assert complete(found, NOW_S + 10) == ["a.png"]


def test_does_not_wait_for_empty_sidecar(tmp_path: Path) -> None:
    dropped(tmp_path, "a.png")
    dropped(tmp_path, "a.json", content=b"")
    found = scanned(tmp_path)
    complete(found)
    assert complete(found, NOW_S + 5) == ["a.png"]


def test_handles_file_deleted_before_its_turn(tmp_path: Path) -> None:
    dropped(tmp_path, "a.png")
    found = scanned(tmp_path)
    (tmp_path / "a.png").unlink()
    assert complete(found) == []
    assert [each.rejected for each in found.candidates()] == [None]


@pytest.mark.parametrize(("code", "reason"), [(errno.ELOOP, "not_regular"), (errno.ENXIO, "not_regular"), (errno.EACCES, "unreadable")])
def test_unreadable_file_waits_until_it_is_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, reason: str) -> None:
    dropped(tmp_path, "a.png")
    found = scanned(tmp_path)
    monkeypatch.setattr(scanner_module, "probe_file", refusing(code, probe_file, lambda *_: True))
    assert complete(found) == []
    assert found.scan(NOW_S + 2).rejected == [((), "a.png", reason)]
    monkeypatch.undo()
    assert complete(found, NOW_S + 2) == []
    assert complete(found, NOW_S + 1 + REJECTED_PAUSE_S) == ["a.png"]


def test_immovable_file_waits_until_it_is_movable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped(tmp_path, "a.png")
    found = scanned(tmp_path)
    monkeypatch.setattr(scanner_module, "is_movable", lambda *_, **__: False)
    assert complete(found) == []
    assert [each.rejected for each in found.candidates()] == ["immovable"]
    monkeypatch.undo()
    assert complete(found, NOW_S + 1 + REJECTED_PAUSE_S) == ["a.png"]


# --- probes ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    opened = os.open(tmp_path, os.O_RDONLY)
    yield opened
    os.close(opened)


def test_probe_sees_writers(tmp_path: Path, folder: int) -> None:
    dropped(tmp_path, "a.png")
    assert probe_file("a.png", folder, has_leases=True).has_writer is False
    assert probe_file("a.png", folder, has_leases=False).has_writer is None
    with (tmp_path / "a.png").open("ab"):
        assert probe_file("a.png", folder, has_leases=True).has_writer is True


def test_writers_are_unknown_without_lease(tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped(tmp_path, "a.png")
    monkeypatch.setattr(probe.fcntl, "fcntl", refusing(errno.EACCES, lambda *_: 0, lambda *_: True))
    assert probe_file("a.png", folder, has_leases=True).has_writer is None


def test_character_changes_with_any_of_its_files(tmp_path: Path, folder: int) -> None:
    dropped(tmp_path, "king/mask.png", "king/char_cfg.yaml", "king/.hidden")
    (tmp_path / "king" / "inner").mkdir()
    before = probe_file("king", folder, has_leases=True)
    assert before.has_writer is False
    (tmp_path / "king" / ".hidden").write_bytes(b"nobody looks")
    assert not probe_file("king", folder, has_leases=True).differs_from(before)
    with (tmp_path / "king" / "mask.png").open("ab") as file:
        assert probe_file("king", folder, has_leases=True).has_writer is True
        file.write(b"more")
    assert probe_file("king", folder, has_leases=True).differs_from(before)


def test_character_is_empty_while_one_of_its_files_is(tmp_path: Path, folder: int) -> None:
    dropped(tmp_path, "king/char_cfg.yaml")
    dropped(tmp_path, "king/mask.png", content=b"")
    assert probe_file("king", folder, has_leases=True).size == 0


@pytest.mark.parametrize(
    ("writers", "combined"),
    [
        ((False, False), False),
        ((False, True), True),
        ((None, True), True),
        ((False, None), None),
        ((None, False), None),
        ((None, None), None),
    ],
)
def test_combined_writers(writers: tuple[bool | None, ...], combined: bool | None) -> None:
    assert combine([Observation(1, 2, 3, writer) for writer in writers]).has_writer is combined


@pytest.mark.parametrize("has_leases", [True, False])
def test_writers_of_a_character_are_those_of_its_files(tmp_path: Path, folder: int, *, has_leases: bool) -> None:
    dropped(tmp_path, "king/char_cfg.yaml")
    (tmp_path / "empty").mkdir()
    assert probe_file("king", folder, has_leases=has_leases).has_writer is (False if has_leases else None)
    assert probe_file("empty", folder, has_leases=has_leases).has_writer is None


def test_image_of_another_user_waits_as_long_beside_a_sidecar_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped(tmp_path, "a.png", "a.json")
    monkeypatch.setattr(scanner_module, "probe_file", lambda name, folder, **_: probe_file(name, folder, has_leases=name == "a.json"))
    found = scanned(tmp_path)
    assert complete(found) == complete(found, NOW_S + 3) == []
    assert complete(found, NOW_S + 6) == ["a.png"]


def test_combining_one_observation_returns_it() -> None:
    only = Observation(1, 2, 3, has_writer=None)
    assert combine([only]) is only


def test_refuses_pipes_and_links_without_blocking(tmp_path: Path, folder: int) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(OSError, match="not a regular file"):
        probe_file("pipe.png", folder, has_leases=True)
    (tmp_path / "link.png").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic links"):
        probe_file("link.png", folder, has_leases=True)


@pytest.mark.parametrize(("user", "may"), [(0, True), (1, True), (2, True), (3, False)])
def test_only_owners_move_files_out_of_sticky_folders(
    tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch, user: int, *, may: bool
) -> None:
    """User 1 owns the folder, user 2 the file."""
    dropped(tmp_path, "a.png")
    real = os.stat(tmp_path)  # noqa: PTH116 - beside the others

    def owned(uid: int, mode: int) -> os.stat_result:
        return os.stat_result((mode, real.st_ino, real.st_dev, 1, uid, 0, 1, 0, 0, 0))

    monkeypatch.setattr(os, "stat", lambda *_, **__: owned(1, stat.S_IFDIR | stat.S_ISVTX | 0o777))
    monkeypatch.setattr(os, "lstat", lambda *_, **__: owned(2, stat.S_IFREG))
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "access", lambda *_, **__: True)
    assert is_movable("a.png", folder, is_folder=False) == may


def test_moved_folder_must_be_writable(tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped(tmp_path, "king/mask.png")
    monkeypatch.setattr(os, "access", lambda name, *_, **__: name == ".")
    assert is_movable("king", folder, is_folder=False)
    assert not is_movable("king", folder, is_folder=True)
    monkeypatch.setattr(os, "access", lambda name, *_, **__: name != ".")
    assert not is_movable("king", folder, is_folder=True)


def test_folder_that_is_not_allowed_is_reported_and_waits(tmp_path: Path) -> None:
    allowed: set[str] = set()
    scanner = Scanner(tmp_path, StabilityRules(), max_depth=4, has_leases=True, is_allowed=lambda folder: folder[:1] <= tuple(allowed))
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "garlic.png").write_bytes(b"a drawing")
    for now in (0.0, 10.0):
        scan = scanner.scan(now)
        assert list(scanner.take_complete(now + 1.0, max_probes=9)) == []
    assert scan.rejected == [(("anna",), "garlic.png", "not_private")]
    allowed.add("anna")
    assert [each.name for now in (20.0, 21.0, 22.0) for each in scanner.take_complete(now, max_probes=9)] == ["garlic.png"]

"""Untrusted file names, names of results, and job ids."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.files.filenames import is_ignored, is_plain_name, name_fields, result_stem, shown_name, shown_path, truncated_name
from daemon.spool.job_ids import is_job_id, job_id, made_at_s

ANY_NAME = st.binary(min_size=1, max_size=80).map(os.fsdecode).filter(is_plain_name)


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.png",
        "a.part",
        "A.PART",
        "b.crdownload",
        "c.tmp",
        "~$letter.docx",
        "garlic.png~",
        "thumbs.DB",
        "__MACOSX",
        ".nfs0001",
        "#recycle",
        "#Recycle",
        "$RECYCLE.BIN",
        "System Volume Information",
        "lost+found",
        "@Recycle",
    ],
)
def test_ignores_files_of_other_programs(name: str) -> None:
    assert is_ignored(name)


@pytest.mark.parametrize("name", ["garlic.png", "part.png", "tmp", "a.part.png", "desktop.png", "~garlic.png"])
def test_does_not_ignore_drawings(name: str) -> None:
    assert not is_ignored(name)


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "/", "a\0", "a" * 256, "\ud800", None, 7, b"garlic.png", ["garlic.png"]])
def test_paths_and_impossible_names_are_not_plain(value: object) -> None:
    assert not is_plain_name(value)


@pytest.mark.parametrize("value", ["...", "..a", "garlic.png", "\udcff", " ", "a" * 255])
def test_other_names_are_plain(value: str) -> None:
    assert is_plain_name(value)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("garlic.png", "garlic.png"),
        ("\N{GARLIC} \N{LATIN SMALL LETTER O WITH DIAERESIS}.png", "\N{GARLIC} \N{LATIN SMALL LETTER O WITH DIAERESIS}.png"),
        ("new\nline\x1b[31m", "new%0Aline%1B[31m"),
        ('quo"te%back\\', "quo%22te%25back%5C"),
        (os.fsdecode(b"\xff\xfe.png"), "%FF%FE.png"),
        ("\u202egnp", "%E2%80%AEgnp"),
        ("\u2028", "%E2%80%A8"),
    ],
)
def test_shows_hostile_characters_as_bytes(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_shows_paths_with_slashes() -> None:
    assert shown_path(("dab", "ev\nil", "a.png")) == "dab/ev%0Ail/a.png"
    assert shown_path(()) == ""


@given(ANY_NAME)
def test_any_name_is_printable_and_leaves_room_for_results(name: str) -> None:
    stem = result_stem(name, is_folder=False)
    assert shown_name(name).isprintable()
    assert stem.isprintable()
    assert is_plain_name(f"{stem}.gif")
    assert stem[0] not in "-.~"
    assert len(stem.encode()) <= 195


def test_log_fields_keep_names_outside_utf8() -> None:
    assert name_fields("garlic.png") == {"file_name": "garlic.png"}
    assert name_fields(os.fsdecode(b"\xff.png")) == {"file_name": "%FF.png", "file_name_b64": "/y5wbmc="}


def test_result_has_the_name_of_its_drawing_without_suffix() -> None:
    assert result_stem("garlic.tar.png", is_folder=False) == "garlic.tar"
    assert result_stem("king.v2", is_folder=True) == "king.v2"
    assert result_stem("-rf.png", is_folder=False) == "%2Drf"
    assert result_stem("~.png", is_folder=False) == "%7E"


def test_truncates_names_between_characters() -> None:
    assert truncated_name("abc", 3) == "abc"
    assert truncated_name("abcd", 3) == "abc"
    assert truncated_name("\N{GARLIC}\N{GARLIC}", 7) == "\N{GARLIC}"


def test_truncates_names_outside_utf8() -> None:
    assert truncated_name("\udcff" * 5 + "x", 4) == "\udcff" * 4


# --- jobs ------------------------------------------------------------------------------------------------------------


def test_job_id_is_a_ulid() -> None:
    assert job_id(1469918176.385, chance=0) == "01ARYZ6S410000000000000000"  # the time of the specification's example
    assert job_id(0.0, chance=(1 << 80) - 1) == "0000000000ZZZZZZZZZZZZZZZZ"
    assert made_at_s("01ARYZ6S41TSV4RRFFQ69G5FAV") == 1469918176.385


def test_job_ids_sort_by_time_and_are_unique() -> None:
    assert job_id(1.0) < job_id(1.002) < job_id(1e9) < job_id()
    assert len({job_id(1.0) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "text", ["", "01ARYZ6S41TSV4RRFFQ69G5FA", "01ARYZ6S41TSV4RRFFQ69G5FAVX", "81ARYZ6S41TSV4RRFFQ69G5FAV", "01aryz6s41tsv4rrffq69g5fav"]
)
def test_refuses_other_texts_as_job_ids(text: str) -> None:
    assert not is_job_id(text)
    assert is_job_id(job_id())


@pytest.mark.parametrize(
    "name",
    [".hidden", "x.part", "X.PART", "a.crdownload", "~$doc", "b~", "Thumbs.db", "thumbs.DB", "@eaDir", "__MACOSX", ".garlic.jpg.Xb3"],
)
def test_temporary_names_are_ignored(name: str) -> None:
    assert is_ignored(name)
    assert not is_ignored(f"image of {name.strip('.~$')}.jpg")


@pytest.mark.parametrize(
    "name",
    [
        "a\nb.png",
        "\x1b[31mred.png",
        'quo"te.png',
        "../../x.png",
        "-rf.png",
        "\u202egnp.exe",
        "\udcff\udcfe.png",
        "x" * 300 + ".png",
        "é" * 150 + ".png",
        ".png",
        "-",
        "a.b.c.png",
    ],
)
def test_result_names_are_printable_and_short(name: str) -> None:
    stem = result_stem(name, is_folder=False)
    assert stem.isprintable()
    assert 0 < len(stem.encode()) < 200
    assert "/" not in stem
    assert stem[0] not in "-.~"


def test_escaped_names_stay_distinct() -> None:
    assert len({shown_name(name) for name in ("a%0A", "a\n", "a", b"a\xff".decode("utf-8", "surrogateescape"))}) == 4
    assert truncated_name("ééé", 3) == "é"

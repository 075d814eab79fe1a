"""Sidecars and inbox folders: which options they choose, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.options.sidecar import MAX_BYTES, MAX_MOTIONS, SidecarError, drawing_options
from daemon.options.values import Background, FrameRate, JobOptions, Size
from pipeline.types import Format

KNOWN = ("dab", "jumping_jacks", "wave")
DEFAULTS = JobOptions(("wave",), (Format.GIF,))


def options_of(sidecar: object = None, folder: tuple[str, ...] = ()) -> JobOptions:
    content = None if sidecar is None else sidecar if isinstance(sidecar, bytes) else json.dumps(sidecar).encode()
    return drawing_options(DEFAULTS, folder, content, KNOWN, 1000)


def problems(sidecar: object) -> str:
    with pytest.raises(SidecarError) as refused:
        options_of(sidecar)
    return "\n".join(refused.value.problems)


def test_defaults_apply_without_folder_and_sidecar() -> None:
    assert options_of() == DEFAULTS
    assert options_of({}) == DEFAULTS


def test_innermost_folder_with_the_name_of_a_motion_chooses_it() -> None:
    assert options_of(folder=("school", "dab")).motions == ("dab",)
    assert options_of(folder=("wave", "dab", "class_3")).motions == ("dab",)
    assert options_of(folder=("school",)).motions == ("wave",)


@pytest.mark.parametrize("folder", ["Dab", "DAB", "Jumping Jacks", "jumping-jacks"])
def test_folder_and_motion_may_be_spelled_with_capitals_spaces_and_hyphens(folder: str) -> None:
    (expected,) = (name for name in KNOWN if name[0] == folder[0].lower())
    assert options_of(folder=(folder,)).motions == options_of({"motion": folder}).motions == (expected,)


def test_refuses_keys_that_are_given_twice() -> None:
    assert problems(b'{"motion": "dab", "fps": 1, "motion": "wave", "fps": 2}') == "'motion' is given twice\n'fps' is given twice"
    assert "'a' is given twice" in problems(b'{"motions": [{"a": 1, "a": 2}]}')


@pytest.mark.parametrize("rate", ["1/999999", "0", 0.05, "1/11", 241])
def test_refuses_rates_that_no_format_can_store(rate: object) -> None:
    assert "fps must be a number from 0.1 to 240" in problems({"fps": rate})


def test_error_names_the_section_of_the_documentation() -> None:
    page = (Path(__file__).parents[4] / "etc" / "doc" / "configuration.md").read_text(encoding="utf-8")
    with pytest.raises(SidecarError) as refused:
        options_of({"motoin": "dab"})
    assert refused.value.hint == 'its keys are described in Configuration, section "Options of one drawing"'
    assert "\n## Options of one drawing\n" in page
    expected = refused.value.problems[0].partition("expected one of ")[2].rstrip(")")
    assert [key for key in expected.split(", ") if f"`{key}`" not in page and f'"{key}"' not in page] == []


def test_sidecar_overrides_folder() -> None:
    asked = {"motions": ["dab", "wave", "dab"], "formats": ["gif", "mp4"], "size": "640x480", "fps": 12.5, "figures": "all"}
    assert options_of(asked, folder=("jumping_jacks",)) == JobOptions(
        ("dab", "wave"), (Format.GIF, Format.MP4), Size(640, 480), FrameRate("12.5", Fraction(25, 2)), all_figures=True
    )
    assert options_of({"background": "#ffcc00"}, folder=("dab",)).motions == ("dab",)


def test_accepts_one_motion_and_one_format_without_a_list() -> None:
    options = options_of({"motion": "dab", "format": "webm"})
    assert (options.motions, options.formats) == (("dab",), (Format.WEBM,))


def test_asks_for_review_or_not() -> None:
    assert options_of({"review": True}).review
    assert not drawing_options(replace(DEFAULTS, review=True), (), b'{"review": false}', ("wave",), 100).review
    for wrong in (1, "true", []):
        assert "review must be true or false" in problems({"review": wrong})


def test_reports_every_problem_at_once() -> None:
    reported = problems(
        {"motions": ["teleport"], "formats": ["avi"], "size": "5000x5", "fps": 0, "background": "x.jpg", "figures": 3, "sized": 1}
    )
    for word in ("teleport", "avi", "5000x5", "fps", "x.jpg", "figures", "sized is unknown"):
        assert word in reported.replace("'sized'", "sized")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/motions/dab", "dab.yaml", "dab.bvh", "..", "", "dab\n", "d\u0000b", 7, None, ["dab"]]
)
def test_refuses_paths_as_motions(name: object) -> None:
    assert "motion" in problems({"motions": [name]})


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"dab"', b"null", b"\xff\xfe{}", b"\x00", b"[" * 9000, b'{"fps": ' + b"9" * 5000 + b"}", b" " * (MAX_BYTES + 1)],
)
def test_refuses_what_is_no_json_object(content: bytes) -> None:
    assert problems(content)


@pytest.mark.parametrize("key", [b"\\ud800", b"\\u0000", b"a\\nb", b"\\u202e"])
def test_refuses_keys_that_can_not_be_printed(key: bytes) -> None:
    assert problems(b'{"' + key + b'": 1}').isprintable()


@pytest.mark.parametrize("rate", ["1e999999999", "1/0", -1, True, "25 ", "NaN", float("inf"), [25], 241, "9" * 40])
def test_refuses_unbounded_frame_rates(rate: object) -> None:
    assert "fps" in problems(json.dumps({"fps": rate}).encode())


@pytest.mark.parametrize("wrong", [["auto"], {}, [], True, 1, "on"])
def test_refuses_layers_of_another_type(wrong: object) -> None:
    assert 'layers must be "auto" or "off"' in problems({"layers": wrong})


def test_refuses_too_many_motions_and_a_key_given_twice() -> None:
    assert "at most" in problems({"motions": [f"m{number}" for number in range(MAX_MOTIONS + 1)]})
    assert "beside" in problems({"motion": "dab", "motions": ["dab"]})


def test_accepts_byte_order_mark() -> None:
    assert options_of(b'\xef\xbb\xbf{"motion": "dab"}').motions == ("dab",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["motion", "motions", "format", "formats", "size", "fps", "background", "figures", "layers", "review", "whiten"]
) | st.text(max_size=4)


@given(st.binary(max_size=200) | st.dictionaries(KEYS, JSON, max_size=5).map(lambda fields: json.dumps(fields).encode()))
def test_any_content_gives_options_or_reasons(content: bytes) -> None:
    try:
        options: JobOptions | None = drawing_options(DEFAULTS, (), content, KNOWN, 1000)
        reasons: tuple[str, ...] = ()
    except SidecarError as refused:
        options, reasons = None, refused.problems
    assert (options is None) == bool(reasons)
    assert all("\n" not in reason and reason.isprintable() for reason in reasons)
    if options is not None:
        assert set(options.motions) <= set(KNOWN)
        written = json.loads(json.dumps(options.as_json()))
        assert [written["motions"], written["formats"], written["fps"]] == [
            list(options.motions),
            list(options.formats),
            str(options.fps),
        ]


def test_null_and_absent_keys_keep_the_defaults() -> None:
    assert JobOptions(("wave",), (Format.GIF,)) == JobOptions(
        ("wave",), (Format.GIF,), Size.parse("500x500"), FrameRate.parse("25"), Background.parse("transparent"), all_figures=False
    )
    everything = JobOptions(("dab",), (Format.MP4,), Size(64, 48), FrameRate.parse("12"), Background.parse_color("white"), all_figures=True)
    for asked in ({}, {"figures": None, "size": None, "fps": None, "background": None, "motions": None, "formats": None}):
        assert drawing_options(everything, (), json.dumps(asked).encode(), KNOWN, 1000) == everything


def test_each_key_sets_its_option() -> None:
    assert str(options_of({"fps": "native"}).fps) == "native"
    assert str(options_of({"fps": "30000/1001"}).fps) == "30000/1001"
    assert options_of({"background": "#ffcc00"}).background.text == "#ffcc00"
    assert options_of({"background": "Paper"}).background.is_paper
    assert options_of({"whiten": True}).whiten
    assert "whiten must be true or false" in problems({"whiten": "yes"})
    assert options_of({"formats": ["webp", "webp"]}).formats == (Format.WEBP,)
    assert not options_of({"figures": "best"}).all_figures


@pytest.mark.parametrize("size", ["1x1", "1000x1", "1x1000", "1000x1000"])
def test_accepts_sizes_up_to_the_largest_side(size: str) -> None:
    assert str(options_of({"size": size}).size) == size


@pytest.mark.parametrize("size", ["0x1", "1x0", "1001x1", "1x1001", 7, None, [], "7"])
def test_refuses_other_sizes_with_what_is_expected(size: object) -> None:
    if size is None:
        assert options_of({"size": size}).size == DEFAULTS.size
    else:
        assert 'size must be "WIDTHxHEIGHT" in pixels, at most 1000 each (found ' in problems({"size": size})


def test_problems_name_their_key_and_shorten_the_value() -> None:
    assert problems({"motions": 7}) == "motions must be a name or a list of names (found 7)"
    assert problems({"format": []}) == "formats must be a name or a list of names (found [])"
    assert problems({"formats": ["x" * 76]}).endswith(f"(found '{'x' * 76}')")
    assert problems({"formats": ["x" * 200]}).endswith(f"(found '{'x' * 76}...)")
    assert problems({"formats": ["gif", "avi"], "format": "gif"}).splitlines()[0] == "format must not be given beside formats"


def test_limits_the_length_of_colors() -> None:
    longest = "rgb(255, 204, 0" + " " * 48 + ")"
    assert options_of({"background": longest}).background.text == longest
    assert "background must be a color" in problems({"background": longest.replace(" )", "  )")})


def test_motions_are_found_whatever_case_hyphens_and_spaces() -> None:
    assert options_of({"motions": ["Jumping Jacks", "jumping-jacks", "DAB"]}).motions == ("jumping_jacks", "dab")
    assert options_of(folder=("Jumping Jacks",)).motions == ("jumping_jacks",)

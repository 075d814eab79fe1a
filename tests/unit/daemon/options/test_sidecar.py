"""What a sidecar may say, and everything that it may not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.options.sidecar import MAX_BYTES, MAX_MOTIONS, JobOptions, SidecarError, chosen_options
from pipeline.types import Format

KNOWN = ("dab", "jumping_jacks", "wave")
DEFAULTS = JobOptions(("wave",), (Format.GIF,))


def chosen(sidecar: object = None, folder: tuple[str, ...] = ()) -> JobOptions:
    content = None if sidecar is None else sidecar if isinstance(sidecar, bytes) else json.dumps(sidecar).encode()
    return chosen_options(DEFAULTS, folder, content, KNOWN, 1000)


def problems(sidecar: object) -> str:
    with pytest.raises(SidecarError) as refused:
        chosen(sidecar)
    return "\n".join(refused.value.problems)


def test_without_folder_and_sidecar_the_defaults_hold() -> None:
    assert chosen() == DEFAULTS
    assert chosen({}) == DEFAULTS


def test_a_folder_of_a_motions_name_chooses_it_and_the_innermost_wins() -> None:
    assert chosen(folder=("school", "dab")).motions == ("dab",)
    assert chosen(folder=("wave", "dab", "class_3")).motions == ("dab",)
    assert chosen(folder=("school",)).motions == ("wave",)


def test_a_sidecar_says_more_than_its_folder() -> None:
    asked = {"motions": ["dab", "wave", "dab"], "formats": ["gif", "mp4"], "size": "640x480", "fps": 12.5, "figures": "all"}
    assert chosen(asked, folder=("jumping_jacks",)) == JobOptions(
        ("dab", "wave"), (Format.GIF, Format.MP4), "640x480", "12.5", "transparent", all_figures=True
    )
    assert chosen({"background": "#ffcc00"}, folder=("dab",)).motions == ("dab",)


def test_one_motion_and_one_format_need_no_list() -> None:
    options = chosen({"motion": "dab", "format": "webm"})
    assert (options.motions, options.formats) == (("dab",), (Format.WEBM,))


def test_every_problem_is_reported_at_once() -> None:
    told = problems(
        {"motions": ["moonwalk"], "formats": ["avi"], "size": "5000x5", "fps": 0, "background": "x.jpg", "figures": 3, "sized": 1}
    )
    for word in ("moonwalk", "avi", "5000x5", "fps", "x.jpg", "figures", "sized: unknown"):
        assert word in told.replace("'sized'", "sized")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/motions/dab", "dab.yaml", "dab.bvh", "..", "", "dab\n", "d\u0000b", 7, None, ["dab"]]
)
def test_motions_are_names_and_never_paths(name: object) -> None:
    assert "motion" in problems({"motions": [name]})


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"dab"', b"null", b"\xff\xfe{}", b"\x00", b"[" * 9000, b'{"fps": ' + b"9" * 5000 + b"}", b" " * (MAX_BYTES + 1)],
)
def test_what_is_no_object_is_refused(content: bytes) -> None:
    assert problems(content)


@pytest.mark.parametrize("rate", ["1e999999999", "1/0", -1, True, "25 ", "NaN", float("inf"), [25], 241, "9" * 40])
def test_rates_are_plain_and_bounded(rate: object) -> None:
    assert "fps" in problems(json.dumps({"fps": rate}).encode())


def test_too_many_motions_and_one_thing_said_twice() -> None:
    assert "at most" in problems({"motions": [f"m{number}" for number in range(MAX_MOTIONS + 1)]})
    assert "both" in problems({"motion": "dab", "motions": ["dab"]})


def test_a_byte_order_mark_is_no_problem() -> None:
    assert chosen(b'\xef\xbb\xbf{"motion": "dab"}').motions == ("dab",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["motion", "motions", "format", "formats", "size", "fps", "background", "figures"]) | st.text(max_size=4)


@given(st.binary(max_size=200) | st.dictionaries(KEYS, JSON, max_size=5).map(lambda fields: json.dumps(fields).encode()))
def test_whatever_it_says_there_are_options_or_reasons(content: bytes) -> None:
    try:
        options: JobOptions | None = chosen_options(DEFAULTS, (), content, KNOWN, 1000)
        reasons: tuple[str, ...] = ()
    except SidecarError as refused:
        options, reasons = None, refused.problems
    assert (options is None) == bool(reasons)
    assert all("\n" not in reason and reason.isprintable() for reason in reasons)
    if options is not None:
        assert set(options.motions) <= set(KNOWN)
        told = json.loads(json.dumps(options.as_json()))
        assert [told["motions"], told["formats"], told["fps"]] == [list(options.motions), list(options.formats), options.fps]


def test_what_nobody_asks_for_is_as_the_settings_say() -> None:
    assert JobOptions(("wave",), (Format.GIF,)) == JobOptions(("wave",), (Format.GIF,), "500x500", "25", "transparent", all_figures=False)
    everything = JobOptions(("dab",), (Format.MP4,), "64x48", "12", "white", all_figures=True)
    for asked in ({}, {"figures": None, "size": None, "fps": None, "background": None, "motions": None, "formats": None}):
        assert chosen_options(everything, (), json.dumps(asked).encode(), KNOWN, 1000) == everything


def test_each_key_chooses_what_it_names() -> None:
    assert chosen({"fps": "native"}).fps == "native"
    assert chosen({"fps": "30000/1001"}).fps == "30000/1001"
    assert chosen({"background": "#ffcc00"}).background == "#ffcc00"
    assert chosen({"formats": ["webp", "webp"]}).formats == (Format.WEBP,)
    assert not chosen({"figures": "best"}).all_figures


@pytest.mark.parametrize("size", ["1x1", "1000x1", "1x1000", "1000x1000"])
def test_sizes_go_from_one_pixel_to_the_largest_side(size: str) -> None:
    assert chosen({"size": size}).size == size


@pytest.mark.parametrize("size", ["0x1", "1x0", "1001x1", "1x1001", 7, None, [], "7"])
def test_other_sizes_are_refused_with_what_is_expected(size: object) -> None:
    if size is None:
        assert chosen({"size": size}).size == DEFAULTS.size
    else:
        assert 'size: expected "WIDTHxHEIGHT" in pixels, at most 1000 each, found ' in problems({"size": size})


def test_problems_name_their_key_and_show_the_value_short() -> None:
    assert problems({"motions": 7}) == "motions: expected a name or a list of names, found 7"
    assert problems({"format": []}) == "formats: expected a name or a list of names, found []"
    assert problems({"formats": ["x" * 76]}).endswith(f"found '{'x' * 76}'")
    assert problems({"formats": ["x" * 200]}).endswith(f"found '{'x' * 76}...")
    assert problems({"formats": ["gif", "avi"], "format": "gif"}).splitlines()[0] == "format: expected either this or formats, found both"


def test_a_colour_is_no_novel() -> None:
    longest = "rgb(255, 204, 0" + " " * 48 + ")"
    assert chosen({"background": longest}).background == longest
    assert "background: expected a colour" in problems({"background": longest.replace(" )", "  )")})

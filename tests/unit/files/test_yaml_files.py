"""YAML of plain values, and sections that note every problem."""

from __future__ import annotations

from enum import StrEnum

import pytest

from pipeline.errors import ConfigError
from pipeline.files import yaml_files
from pipeline.files.yaml_files import Section, find_file, is_number, nearest, raise_problems, shown_value, yaml_mapping


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


def test_python_tuples_are_lists(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("\ufeffa: !!python/tuple [x, !!python/tuple [y]]\nb: !!python/tuple\n- z\n", encoding="utf-8")
    assert yaml_mapping(path) == {"a": ["x", ["y"]], "b": ["z"]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: !!python/object/apply:os.system [ls]", "line 1: could not determine a constructor"),
        (b"a: !!python/tuple 3", "expected a list"),
        (b"a: 1\nb: 2\na: 3", "line 3: a: is given twice"),
        (b"a: [1, 2", "line 1: "),
        (b"a: \xff\xfe", "not YAML of plain values"),
        (b"a: \x00", "not YAML of plain values"),
        (b"a: 2001-99-99", "not YAML of plain values"),
        (b"[" * 10_000, "not YAML of plain values: RecursionError"),
        (b"- 1", "expected keys with values, found [1]"),
        (b"", "expected keys with values, found nothing"),
        (b"1: 2", "expected keys with values"),
        (b"a: " + b"1" * 300_000, "too big"),
        (b'a: !!int ""', "not YAML of plain values"),
        (b"a: !!bool maybe", "not YAML of plain values"),
        (b"a: !!timestamp yesterday", "not YAML of plain values"),
        (b"a: " + b"1:" * 200 + b"1.5", "not YAML of plain values"),
        (b'a: "\\UFFFFFFFF"', "not YAML of plain values"),
    ],
)
def test_anything_else_is_refused(tmp_path, content, said):
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        yaml_mapping(path)
    assert said in caught.value.summary


MERGES = {
    "own key wins": ("base: &a {k: 1}\nb: {<<: *a, k: 2}", {"k": 2}),
    "own key wins, written first": ("base: &a {k: 1}\nb: {k: 2, <<: *a}", {"k": 2}),
    "own key of several letters wins": ("base: &a {key: 1}\nb: {<<: *a, key: 2}", {"key": 2}),
    "merged in turn": ("base: &b {k: 1, l: 1}\nholder: {inner: &a {<<: *b, k: 2}}\nb: {<<: *a, l: 3}", {"k": 2, "l": 3}),
    "the first of several wins": ("x: &x {key: 1}\ny: &y {key: 2, l: 2}\nb: {<<: [*x, *y]}", {"key": 1, "l": 2}),
    "written in place": ("b: {<<: {k: 1, l: 1}, l: 2}", {"k": 1, "l": 2}),
    "one mapping twice": ("x: &x {k: 1}\nb: {<<: [*x, *x]}", {"k": 1}),
    "nothing": ("b: {<<: [], k: 1}", {"k": 1}),
    "keys of two types": ("x: &x {1: one}\nb: {<<: *x, '1': text}", {1: "one", "1": "text"}),
    "a quoted key is no merge": ("b: {'<<': 1}", {"<<": 1}),
    "in a list": ("x: &x {k: [1]}\nb: [{<<: *x}, *x]", [{"k": [1]}, {"k": [1]}]),
    "below a tuple": ("x: &x {k: 1}\nb: !!python/tuple [{<<: *x, k: 2}]", [{"k": 2}]),
}


@pytest.mark.parametrize(("content", "b"), MERGES.values(), ids=MERGES)
def test_merges_mappings(tmp_path, content, b):
    path = tmp_path / "a.yaml"
    path.write_text(content)
    assert yaml_mapping(path)["b"] == b


def test_merged_keys_keep_their_place(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("x: &x {k: 1, l: 1}\ny: &y {m: 2, k: 2}\nb: {own: 3, <<: [*x, *y], m: 3}\n")
    assert list(yaml_mapping(path)["b"].items()) == [("m", 3), ("k", 1), ("l", 1), ("own", 3)]


def test_an_anchor_keeps_its_own_keys_when_it_is_merged(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("base: &a {k: 1}\nb: {<<: *a, l: 2}\nc: {<<: *a, m: 3}\n")
    assert yaml_mapping(path) == {"base": {"k": 1}, "b": {"k": 1, "l": 2}, "c": {"k": 1, "m": 3}}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("x: 1\nb: {<<: 3}", "line 2: <<: expected a mapping or a list of mappings, found a single value"),
        ("x: 1\nb: {<<: [{k: 1}, [k]]}", "line 2: <<: expected a mapping or a list of mappings, found a list"),
        ("x: &x {k: 1}\ny: &y {l: 1}\nb: {<<: *x, <<: *y}", "line 3: <<: is given twice"),
        ("x: &x {k: 1, k: 2}\nb: {<<: *x}", "line 1: k: is given twice"),
        ("b: &b {<<: *b, k: 1}", "line 1: contains itself through an alias"),
        ("x: 1\nb: &b [1, [*b]]", "line 2: contains itself through an alias"),
        ("x: 1\nb: &b {k: {l: *b}}", "line 2: contains itself through an alias"),
    ],
)
def test_refuses_merges_and_aliases_without_meaning(tmp_path, content, problem):
    path = tmp_path / "a.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        yaml_mapping(path)
    assert caught.value.problems == (problem,)


def bomb(first: str, repeated: str) -> str:
    """A document that multiplies by ten with each of its 20 lines."""
    lines = [first, *(f"a{n}: &a{n} " + repeated.format(", ".join([f"*a{n - 1}"] * 10)) for n in range(1, 20))]
    return "\n".join(lines)


BOMBS = {
    "merges": (bomb("a0: &a0 {k: 1, l: 2}", "{{<<: [{}]}}"), "line 4: more than 1000 keys are merged with <<"),
    "merges, each with a key": (bomb("a0: &a0 {k: 1}", "{{<<: [{}], own: 1}}"), "line 4: more than 1000 keys are merged with <<"),
    "many keys": (
        "a: &a {" + ", ".join(f"k{n}: 1" for n in range(600)) + "}\nb: {<<: *a}\nc: {<<: *a}",
        "line 3: more than 1000 keys are merged with <<",
    ),
    "lists": (bomb("a0: &a0 [1, 2]", "[{}]"), "line 6: its aliases repeat more than 262144 values"),
    "mappings": (bomb("a0: &a0 {k: 1}", "{{k: [{}]}}"), "line 6: its aliases repeat more than 262144 values"),
}


@pytest.mark.parametrize(("content", "problem"), BOMBS.values(), ids=BOMBS)
def test_refuses_bombs_at_once(tmp_path, content, problem):
    path = tmp_path / "a.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        yaml_mapping(path)
    assert caught.value.problems == (problem,)


def test_a_long_chain_of_aliases_is_no_bomb(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("\n".join(["a0: &a0 [1]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 700))]))
    assert len(yaml_mapping(path)) == 700


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="can't be read"):
        yaml_mapping(tmp_path / "none.yaml")


def test_good_values_are_returned():
    fields = Section(
        {
            "text": "x",
            "flag": True,
            "whole": 3,
            "number": 2,
            "numbers": [1, 2.5],
            "choice": "blue",
            "names": ["a", "b"],
            "lists": [["a"], ["b", "c"]],
            "many": [{"x": 1}],
            "one": {"x": 1},
        },
        [],
    )
    assert fields.text("text") == "x"
    assert fields.flag("flag") is True
    assert fields.integer("whole") == 3
    assert fields.number("number") == 2.0
    assert fields.numbers("numbers", 2) == (1.0, 2.5)
    assert fields.choice("choice", Color) is Color.BLUE
    assert fields.names("names", minimum=2) == ("a", "b")
    assert fields.name_lists("lists") == (("a",), ("b", "c"))
    assert fields.sections("many")[0].integer("x") == 1
    assert fields.section("one").integer("x") == 1
    fields.finish()
    assert fields.problems == []


@pytest.mark.parametrize(
    ("read", "values", "problem"),
    [
        (lambda f: f.text("k"), {}, "k: is missing, expected a text"),
        (lambda f: f.text("k"), {"k": 3}, "k: expected a text, found 3"),
        (lambda f: f.text("k"), {"k": " "}, "k: expected a text, found ' '"),
        (lambda f: f.flag("k"), {"k": 1}, "k: expected true or false, found 1"),
        (lambda f: f.integer("k"), {"k": True}, "k: expected a whole number from 0, found True"),
        (lambda f: f.integer("k", minimum=1, maximum=9), {"k": 10}, "k: expected a whole number from 1 to 9, found 10"),
        (lambda f: f.integer("k"), {"k": 1.0}, "k: expected a whole number from 0, found 1.0"),
        (lambda f: f.number("k", above=0), {"k": 0}, "k: expected a number above 0, found 0"),
        (lambda f: f.number("k"), {"k": float("nan")}, "k: expected a number, found nan"),
        (lambda f: f.number("k"), {"k": float("inf")}, "k: expected a number, found inf"),
        (lambda f: f.numbers("k", 3), {"k": [1, 2]}, "k: expected 3 numbers, found [1, 2]"),
        (lambda f: f.numbers("k", 1, minimum=0, maximum=1), {"k": [2]}, "k: expected 1 numbers from 0 to 1, found [2]"),
        (lambda f: f.choice("k", Color), {"k": "green"}, "k: expected red or blue, found 'green'"),
        (lambda f: f.names("k"), {"k": "ab"}, "k: expected a list of names, found 'ab'"),
        (lambda f: f.names("k"), {"k": []}, "k: expected a list of names, found []"),
        (lambda f: f.names("k", minimum=2), {"k": ["a"]}, "k: expected a list of at least 2 names, found ['a']"),
        (lambda f: f.name_lists("k", length=2), {"k": [["a"]]}, "k: expected a list of lists of 2 names each, at least 1, found [['a']]"),
        (lambda f: f.name_lists("k", minimum=0), {"k": [[]]}, "k: expected a list of lists of names, found [[]]"),
        (lambda f: f.sections("k", minimum=1), {"k": []}, "k: expected a list of entries with keys, at least 1, found []"),
        (lambda f: f.sections("k"), {"k": [1]}, "k: expected a list of entries with keys, found [1]"),
        (lambda f: f.section("k"), {"k": 1}, "k: expected keys with values, found 1"),
        (lambda f: f.section("k"), {"k": {1: 2}}, "k: expected keys with values, found {1: 2}"),
        (lambda f: f.sections("k")[0].text("x"), {"k": [{}]}, "k[0].x: is missing, expected a text"),
        (lambda f: f.section("k").text("x"), {"k": {"y": 1}}, "k.x: is missing, expected a text"),
    ],
)
def test_wrong_values_are_noted(read, values, problem):
    fields = Section(values, [])
    read(fields)
    assert fields.problems == [problem]


def test_unknown_keys_are_noted():
    fields = Section({"scale": 1, "scael": 2}, [], prefix="motion.")
    fields.number("scale")
    fields.allow("other")
    fields.finish()
    assert fields.problems == ["motion.scael: is not a key that is known here; did you mean scale?"]


def test_a_section_is_overlaid_on_its_defaults_and_may_be_null():
    assert Section({"a": {"x": 1}}, []).section("a", {"x": 0, "y": 2}).integer("y") == 2
    assert Section({"a": None}, []).section("a", {"x": 5}).integer("x") == 5
    assert Section({}, []).section("a", {"x": 5}).integer("x") == 5


def test_many_problems_are_cut(tmp_path):
    raise_problems(tmp_path, [])
    with pytest.raises(ConfigError) as caught:
        raise_problems(tmp_path, [str(n) for n in range(25)])
    assert len(caught.value.problems) == 21
    assert caught.value.problems[-1] == "and 5 more"


def test_values_are_shown_short():
    deep: list[object] = []
    for _ in range(50):
        deep = [deep] * 10
    assert len(shown_value(deep)) < 20_000
    assert len(shown_value("x" * 1000)) < 130
    assert shown_value(None) == "nothing"
    assert nearest("qqq", ["abc"]) == ""


def test_a_number_too_long_to_be_written_is_shown_all_the_same():
    assert "thousands of digits" in shown_value([16**10_000])


def test_numbers_are_finite_and_no_booleans():
    assert is_number(3)
    assert not is_number(True)
    assert not is_number("3")
    assert not is_number(10**400)


def test_files_are_looked_for_in_order(tmp_path, monkeypatch):
    config = tmp_path / "configs" / "a.yaml"
    root, here = tmp_path / "root", tmp_path / "here"
    for folder in (config.parent, root, here):
        folder.mkdir()
    monkeypatch.chdir(here)
    find = lambda text="x": find_file(text, roots=[root], beside=config)  # noqa: E731 - three words
    assert find() is None
    for folder in (config.parent, root, here):
        (folder / "x").write_text("")
        found = find()
        assert found is not None
        assert found.resolve() == folder / "x"
    assert find(str(root / "x")) == root / "x"
    assert find("a\0b") is None
    assert find("y" * 5000) is None


def test_the_size_cap_is_the_module_s(tmp_path, monkeypatch):
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")
    monkeypatch.setattr(yaml_files, "MAX_BYTES", 3)
    with pytest.raises(ConfigError, match="at most 3 bytes"):
        yaml_mapping(path)

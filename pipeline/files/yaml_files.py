"""YAML files read safely, and their values checked one by one.

`yaml_mapping` reads plain data only. AnimatedDrawings' retarget files carry the tag `!!python/tuple`, which is read as a list; every
other Python tag is refused. It uses the pure Python loader: libyaml's is faster (1 ms instead of 6 for a retarget file), but a file of a
hundred thousand opening brackets overflows its C stack and kills the process. Merge keys and aliases are
resolved by `yaml_merges`, so that a file means the same under every release of PyYAML.

`Section` validates a mapping key by key. It collects problems instead of raising, so that the user sees all at once, and returns a
placeholder meanwhile; `raise_problems` runs before anything is built from it.
"""

from __future__ import annotations

import difflib
import math
import os
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import yaml

from pipeline.errors import ConfigError
from pipeline.files.bounded import read_bounded
from pipeline.files.yaml_merges import resolve_merges

MAX_BYTES = 1 << 18
_MAX_PROBLEMS = 20
_SHORT = reprlib.Repr()  # its limits are arguments only since Python 3.12
_SHORT.maxstring, _SHORT.maxother, _SHORT.maxlevel = 120, 60, 3

_Choice = TypeVar("_Choice", bound=StrEnum)


class _PlainLoader(yaml.SafeLoader):
    """Plain data only."""


def _tuple_as_list(loader: yaml.SafeLoader, node: yaml.Node) -> list[Any]:
    if not isinstance(node, yaml.SequenceNode):
        raise yaml.MarkedYAMLError(problem="!!python/tuple: expected a list", problem_mark=node.start_mark)
    return loader.construct_sequence(node, deep=True)


_PlainLoader.add_constructor("tag:yaml.org,2002:python/tuple", _tuple_as_list)


def _plain_value(text: str) -> Any:  # noqa: ANN401 - YAML is untyped
    """Value of the document; None if it is empty."""
    loader = _PlainLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        resolve_merges(root, max_values=MAX_BYTES)  # more than a file without aliases can have
        return loader.construct_document(root)
    finally:
        loader.dispose()


def yaml_mapping(path: Path) -> dict[str, Any]:
    """The top-level mapping of a YAML file.

    Raises:
        ConfigError: the file is missing, too big, not UTF-8, not YAML, not plain data, or not a mapping.
    """
    content = read_bounded(path, max_bytes=MAX_BYTES, error=ConfigError)
    try:
        loaded = _plain_value(content.decode("utf-8-sig"))
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(path, [f"{line}{error.problem or 'not YAML'}"]) from error
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        # Includes PyYAML's own bugs: `!!int ""`, `!!bool maybe`, `1:1:...:1.5` and `"\UFFFFFFFF"` end in four different ones.
        raise ConfigError(path, [f"not YAML of plain values: {type(error).__name__}: {str(error)[:200]}"]) from error
    if not isinstance(loaded, dict) or not all(isinstance(key, str) for key in loaded):
        raise ConfigError(path, [f"expected keys with values, found {shown_value(loaded)}"])
    return loaded


def raise_problems(path: Path, problems: Sequence[str], *, hint: str = "") -> None:
    """Raise ConfigError if there are problems; a long list is cut with a remark."""
    if not problems:
        return
    listed = list(problems[:_MAX_PROBLEMS])
    if len(problems) > _MAX_PROBLEMS:
        listed.append(f"and {len(problems) - _MAX_PROBLEMS} more")
    raise ConfigError(path, listed, hint=hint)


def shown_value(value: object) -> str:
    """A value for an error message, always short."""
    try:
        return "nothing" if value is None else _SHORT.repr(value)
    except ValueError:  # Python refuses to print integers of more than 4300 digits, which 0xfff... can be
        return "a number of thousands of digits"


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggestion for an unknown name: a similar known one, or ""."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def find_file(text: str, *, roots: Sequence[Path], beside: Path) -> Path | None:
    """Resolve a path of a configuration: from the working directory, else below one of `roots`, else beside the file itself."""
    given = Path(text)
    for candidate in (given, *(root / given for root in roots), beside.parent / given):
        if os.path.isfile(candidate):  # noqa: PTH113 - Path's own fails on long names
            return candidate
    return None


class Section:
    """Validator of a mapping, key by key.

    Every method reads one key, notes problems with its value in `problems`, and returns the value or a placeholder.

    Attributes:
        problems: "key: what is wrong, expected and found"; shared by all sections of a file.
    """

    def __init__(self, values: Mapping[str, Any], problems: list[str], *, prefix: str = "") -> None:
        self._values = values
        self._taken: set[str] = set()
        self.problems = problems
        self.prefix = prefix

    def note(self, key: str, what: str) -> None:
        """Note one problem."""
        self.problems.append(f"{self.prefix}{key}: {what}")

    def has(self, key: str) -> bool:
        """Whether the key has a value other than null."""
        return self._values.get(key) is not None

    def allow(self, key: str) -> None:
        """Accept a key without validation."""
        self._taken.add(key)

    def _checked(self, key: str, expected: str, accepts: Callable[[Any], bool], default: Any) -> Any:  # noqa: ANN401 - YAML is untyped
        """The value, the default where the key is missing (None: it is required), or None where it is wrong."""
        self._taken.add(key)
        if key not in self._values:
            if default is None:
                self.note(key, f"is missing, expected {expected}")
            return default
        value = self._values[key]
        if accepts(value):
            return value
        self.note(key, f"expected {expected}, found {shown_value(value)}")
        return None

    def text(self, key: str, default: str | None = None) -> str:
        return str(self._checked(key, "a text", _is_text, default) or "")

    def flag(self, key: str, *, default: bool | None = None) -> bool:
        return bool(self._checked(key, "true or false", lambda v: isinstance(v, bool), default))

    def integer(self, key: str, default: int | None = None, *, minimum: int = 0, maximum: int = 1 << 31) -> int:
        within = f"a whole number from {minimum}" + (f" to {maximum}" if maximum < 1 << 31 else "")
        return int(self._checked(key, within, lambda v: _is_integer(v) and minimum <= v <= maximum, default) or 0)

    def number(self, key: str, default: float | None = None, *, above: float = -math.inf) -> float:
        expected = "a number" + (f" above {above:g}" if above > -math.inf else "")
        return float(self._checked(key, expected, lambda v: is_number(v) and v > above, default) or 0.0)

    def numbers(
        self, key: str, count: int, default: Sequence[float] | None = None, *, minimum: float = -math.inf, maximum: float = math.inf
    ) -> tuple[float, ...]:
        """`count` numbers; zeros are the placeholder."""
        expected = f"{count} numbers" + (f" from {minimum:g} to {maximum:g}" if math.isfinite(minimum) and math.isfinite(maximum) else "")
        value = self._checked(key, expected, lambda v: _is_list(v, count, lambda n: is_number(n) and minimum <= n <= maximum), default)
        return tuple(float(n) for n in value) if value is not None else (0.0,) * count

    def choice(self, key: str, choices: type[_Choice], default: _Choice | None = None) -> _Choice:
        known = [str(c) for c in choices]
        value = self._checked(key, " or ".join(known), lambda v: isinstance(v, str) and v in known, default)
        return choices(value) if value is not None else next(iter(choices))

    def file(self, key: str, *, roots: Sequence[Path], beside: Path) -> Path | None:
        """The file that a string names (`find_file`); None, with a problem noted, if it is missing."""
        text = self.text(key)
        found = find_file(text, roots=roots, beside=beside) if text else None
        if text and found is None:
            searched = ", ".join(["the working directory", *map(str, roots), str(beside.parent)])
            self.note(key, f"there is no file {shown_value(text)}, looked in {searched}")
        return found

    def names(self, key: str, *, minimum: int = 1) -> tuple[str, ...]:
        """A list of at least `minimum` names."""
        expected = f"a list of at least {minimum} names" if minimum > 1 else "a list of names"
        value = self._checked(key, expected, lambda v: _is_list(v, None, _is_text) and len(v) >= minimum, None)
        return tuple(value or ())

    def name_lists(self, key: str, *, length: int | None = None, minimum: int = 1) -> tuple[tuple[str, ...], ...]:
        """A list of lists of names, each of `length` if that is given."""
        each = f"of {length} names each" if length else "of names"
        expected = f"a list of lists {each}" + (f", at least {minimum}" if minimum else "")
        accepts = lambda v: _is_list(v, None, lambda row: _is_list(row, length, _is_text) and bool(row)) and len(v) >= minimum  # noqa: E731 - read once
        value = self._checked(key, expected, accepts, None)
        return tuple(tuple(row) for row in value or ())

    def sections(self, key: str, *, minimum: int = 0) -> tuple[Section, ...]:
        """A list of mappings, each as a section."""
        expected = "a list of entries with keys" + (f", at least {minimum}" if minimum else "")
        value = self._checked(key, expected, lambda v: _is_list(v, None, _is_mapping) and len(v) >= minimum, None)
        return tuple(Section(entry, self.problems, prefix=f"{self.prefix}{key}[{i}].") for i, entry in enumerate(value or ()))

    def section(self, key: str, default: Mapping[str, Any] | None = None) -> Section:
        """A nested mapping, overlaid on `default`; without a default it is required and must have keys."""
        optional = default is not None
        value = self._checked(
            key, "keys with values", lambda v: (v is None and optional) or (_is_mapping(v) and (bool(v) or optional)), default
        )
        value = value or {}
        return Section({**(default or {}), **value}, self.problems, prefix=f"{self.prefix}{key}.")

    def keys(self) -> tuple[str, ...]:
        return tuple(self._values)

    def finish(self) -> None:
        """Note all unknown keys."""
        for key in self._values:
            if key not in self._taken:
                self.note(key, f"is not a key that is known here{nearest(key, self._taken)}")


def is_number(value: object) -> bool:
    """Whether a value is a finite int or float, and not a bool."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) < 1e15  # false for NaN; smaller ints are exact as floats


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


def _is_list(value: object, count: int | None, accepts: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and (count is None or len(value) == count) and all(accepts(v) for v in value)

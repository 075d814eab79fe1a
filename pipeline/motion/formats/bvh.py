"""BVH motion capture files (Biovision hierarchy), read tolerantly.

There is no standard, only habits; Blender's `io_anim_bvh` and the exporters of CMU, FAIR, Rokoko and Mixamo mark out what is met in
the wild. Read without complaint: any mix of blanks, tabs, blank lines and line ends, a byte order mark, keywords in any case, joint
names of several words, braces on any line, frames wrapped over several lines, joints without channels. Read with a warning: a frame
count that does not match (the rows that are there win), a last row cut short, names given twice. Refused, with line numbers and as
many at once as can be found: everything that would have to be guessed.

Frame time: the decimal number of the file, exactly. 0.0333333 is *not* taken for 1/30: over 339 frames the two differ by 11
microseconds, which is not to be seen, and the reference numbers as well as the lengths that other programs report use the number as it is
written. A frame time of ten and more is taken for frames a second, or for milliseconds where that is a usual rate, with a warning.

Numbers with decimal commas are read, with a warning.
"""

from __future__ import annotations

import re
import warnings as python_warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, chain, islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from pipeline.errors import MotionFileError
from pipeline.files.bounded import read_bounded
from pipeline.motion.clip import MAX_JOINT_FRAMES
from pipeline.motion.formats.bvh_hierarchy import MAX_PROBLEMS, Channel, Hierarchy, HierarchyReader
from pipeline.types import Floats, Ints, check_array

MAX_BYTES = 64 << 20
MAX_VALUE = 1e9
_FRAMES = re.compile(r"frames\s*:?\s*(\S+)\s*$", re.IGNORECASE)
_FRAME_TIME = re.compile(r"frame\s*time\s*:?\s*(\S+)\s*$", re.IGNORECASE)
# Few digits and a small exponent: Fraction("1e-999999999") would calculate for hours.
_DECIMAL = re.compile(r"(\d{1,12}(\.\d{0,24})?|\.\d{1,24})(e[+-]?\d{1,2})?$", re.IGNORECASE)
_LONGEST_FRAME_S = 10
_MIN_RATE, _MAX_RATE = 10, 1000
_USUAL_RATES = (24, 25, 30, 50, 60, 90, 100, 120, 240)
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_SHORTEST_FRAME_S = Fraction(1, 100_000)

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class Bvh:
    """A BVH file as it stands.

    Attributes:
        joint_names: K names, unique; an `End Site` is called "<parent> End".
        parents: (K,) int32, -1 for the root; parents come before their children.
        offsets: (K, 3) float64, the file's units, from the parent's joint in the parent's space.
        channels: K tuples in file order; none for an `End Site`.
        frame_time: seconds, exact.
        values: (T, C) float64: degrees and the file's units; columns are all the joints' channels in order.
        warnings: what was odd but readable, a sentence each.
    """

    joint_names: tuple[str, ...]
    parents: Ints
    offsets: Floats
    channels: tuple[tuple[Channel, ...], ...]
    frame_time: Fraction
    values: Floats
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.joint_names)
        check_array("Bvh.parents", self.parents, (count,), np.int32)
        check_array("Bvh.offsets", self.offsets, (count, 3), np.float64)
        check_array("Bvh.values", self.values, ("T", sum(map(len, self.channels))), np.float64)

    @property
    def first_columns(self) -> tuple[int, ...]:
        """The column of `values` where each joint's channels begin."""
        return tuple(accumulate(map(len, self.channels), initial=0))[:-1]


def read_bvh(path: Path) -> Bvh:
    """A BVH file.

    Raises:
        MotionFileError: the file can't be read, or what it says can't.
    """
    content = read_bounded(path, max_bytes=MAX_BYTES, error=MotionFileError)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # only names can be affected, and every byte is some letter
    return bvh_from_text(text, path=path)


def bvh_from_text(text: str, *, path: Path | str = "motion.bvh") -> Bvh:
    """The contents of a BVH file; `path` is for messages.

    Raises:
        MotionFileError: with line numbers.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    reader = HierarchyReader()
    if any(_DECIMAL_COMMA.search(line) for line in lines[:40] if "OFFSET" in line.upper()):
        lines = [_DECIMAL_COMMA.sub(".", line) for line in lines]
        reader.warnings.append("numbers have decimal commas: they are read as decimal points")
    motion_line = next((n for n, line in enumerate(lines) if reader.take(n + 1, line)), None)
    if len(reader.problems) > MAX_PROBLEMS:
        raise _motion_error(path, reader.problems)
    hierarchy = reader.finish()
    problems, warnings = reader.problems, reader.warnings
    if motion_line is None:
        problems.append(f"line {len(lines)}: the file ends before MOTION, expected frames")
        raise _motion_error(path, problems)
    head = _motion_head(lines, motion_line + 1, problems, warnings)
    column_count = sum(map(len, hierarchy.channels))
    if reader.problems and not column_count:
        raise _motion_error(path, problems)  # without channels every row would be called wrong, too
    values = _values(lines, head.first_row, column_count, problems, warnings)
    if len(values) * len(hierarchy.names) > MAX_JOINT_FRAMES:
        problems.append(f"{len(values)} frames of {len(hierarchy.names)} joints, expected at most {MAX_JOINT_FRAMES} joints in all frames")
    if problems:
        raise _motion_error(path, problems)
    if head.frame_count != len(values):
        declared = "no frame count" if head.frame_count is None else f"{head.frame_count} frames"
        warnings.append(f"the file declares {declared} and has {len(values)}: these are taken")
    return _bvh(hierarchy, head.frame_time, values, tuple(warnings))


def _motion_error(path: Path | str, problems: list[str]) -> MotionFileError:
    more = ["and more"] if len(problems) > MAX_PROBLEMS else []
    return MotionFileError(path, problems[:MAX_PROBLEMS] + more)


def _bvh(hierarchy: Hierarchy, frame_time: Fraction, values: Floats, warnings: tuple[str, ...]) -> Bvh:
    return Bvh(
        joint_names=hierarchy.names,
        parents=np.array(hierarchy.parents, dtype=np.int32),
        offsets=np.array(hierarchy.offsets, dtype=np.float64).reshape(-1, 3),
        channels=hierarchy.channels,
        frame_time=frame_time,
        values=values,
        warnings=warnings,
    )


@dataclass(frozen=True)
class _MotionHead:
    frame_count: int | None
    frame_time: Fraction
    first_row: int


def _motion_head(lines: list[str], start: int, problems: list[str], warnings: list[str]) -> _MotionHead:
    """`Frames:` and `Frame Time:`, in any order; the rows begin at the first line that is neither."""
    frame_count: int | None = None
    frame_time: Fraction | None = None
    for index in range(start, len(lines)):
        line = lines[index].strip()
        if count := _FRAMES.match(line):
            frame_count = _integer(count[1], index + 1, problems)
        elif time := _FRAME_TIME.match(line):
            frame_time = _seconds(time[1], index + 1, problems, warnings)
        elif line:
            break
    else:
        index = len(lines)
    if frame_time is None:
        problems.append(f"line {start}: there is no frame time, expected a line like 'Frame Time: 0.0333333'")
    return _MotionHead(frame_count, frame_time or Fraction(1), index)


def _integer(text: str, number: int, problems: list[str]) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    problems.append(f"line {number}: Frames: expected a whole number, found {text[:40]!r}")
    return 0


def _seconds(text: str, number: int, problems: list[str], warnings: list[str]) -> Fraction:
    written = Fraction(text) if text.isascii() and _DECIMAL.match(text) else Fraction(0)
    if _MIN_RATE <= written <= _MAX_RATE:
        return _reinterpret_frame_time(written, text, number, warnings)
    if not _SHORTEST_FRAME_S <= written <= _LONGEST_FRAME_S:
        problems.append(
            f"line {number}: Frame Time: expected seconds from {float(_SHORTEST_FRAME_S):g} to {_LONGEST_FRAME_S}, found {text[:40]!r}"
        )
        return Fraction(1)
    if written >= 1:
        warnings.append(f"line {number}: Frame Time: each frame is shown for {float(written):g} s: is that meant?")
    return written


def _reinterpret_frame_time(written: Fraction, text: str, number: int, warnings: list[str]) -> Fraction:
    """Seconds for a frame time that is a rate, or milliseconds: 30 is a rate, 33.3333 is a thirtieth of a second."""
    rate = 1000 / written
    usual = next((usual for usual in _USUAL_RATES if abs(rate / usual - 1) < Fraction(1, 500)), None)
    if written.denominator != 1 and usual is not None:
        warnings.append(f"line {number}: Frame Time: {text} is taken for milliseconds, {usual} frames a second")
        return written / 1000
    warnings.append(f"line {number}: Frame Time: {text} is taken for frames a second, {float(1 / written):.6g} s each")
    return 1 / written


def _values(lines: list[str], start: int, column_count: int, problems: list[str], warnings: list[str]) -> Floats:
    """(T, C) float64. Where every row has a number for each channel, all are parsed at once; else each is looked at for what is wrong."""
    even = _even_values(lines, start, column_count)
    if even is not None and not problems:
        return even
    rows = [line.split() for line in lines[start:]]
    numbers = [n for n, row in enumerate(rows, start + 1) if row]
    rows = [row for row in rows if row]
    nothing = np.zeros((0, column_count))
    if not rows:
        problems.append(f"line {len(lines)}: there are no frames")
        return nothing
    if any(len(row) != column_count for row in rows):
        rows, numbers = _unwrapped(rows, numbers, column_count, problems, warnings)
    try:
        values = np.array(list(chain.from_iterable(rows)), dtype=np.float64)
    except ValueError:
        problems.extend(_not_numbers(rows, numbers))
        return nothing
    if problems:
        return nothing
    values = values.reshape(-1, column_count)
    wild = ~(np.abs(values) <= MAX_VALUE).all(axis=1)  # NaN compares false, too
    problems.extend(
        f"line {numbers[i]}: a value is infinite, not a number, or beyond {MAX_VALUE:g}" for i in _limited(np.flatnonzero(wild))
    )
    return values


def _even_values(lines: list[str], start: int, column_count: int) -> Floats | None:
    """(T, C) float64 of rows that all have `column_count` numbers within bounds, or None."""
    if not column_count:
        return None
    content = "\n".join(lines[start:]).strip()
    if not content.isascii():
        return None
    letters = np.frombuffer(content.encode("ascii"), np.uint8)
    blank = letters <= ord(" ")
    begins = ~blank
    begins[1:] &= blank[:-1]
    counts = np.diff(np.concatenate([[0], np.cumsum(begins)[letters == ord("\n")], [np.count_nonzero(begins)]]))
    counts = counts[counts > 0]
    if not len(counts) or (counts != column_count).any():
        return None
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("error")
        try:
            values = np.fromstring(content, sep=" ")
        except (ValueError, DeprecationWarning):
            return None
    if values.size != counts.sum() or not (np.abs(values) <= MAX_VALUE).all():
        return None
    return values.reshape(-1, column_count)


def _unwrapped(
    rows: list[list[str]], numbers: list[int], column_count: int, problems: list[str], warnings: list[str]
) -> tuple[list[list[str]], list[int]]:
    """Rows of exactly `column_count` values where lines were wrapped, and the lines where they begin.

    A last row that is too short was cut off: it is left out. Anything else that does not add up is a problem.
    """
    whole: list[list[str]] = []
    starts: list[int] = []
    row: list[str] = []
    for number, piece in zip(numbers, rows, strict=True):
        if not row:
            starts.append(number)
        row.extend(piece)
        if len(row) > column_count:
            wrong = ((n, len(r)) for n, r in zip(numbers, rows, strict=True) if len(r) != column_count)
            problems.extend(
                f"line {n}: expected {column_count} values, one for each channel, found {found}" for n, found in _limited(wrong)
            )
            right = [(r, n) for r, n in zip(rows, numbers, strict=True) if len(r) == column_count]
            return [r for r, _ in right], [n for _, n in right]
        if len(row) == column_count:
            whole.append(row)
            row = []
    if row and whole:
        warnings.append(f"line {starts[-1]}: the last frame is cut short ({len(row)} of {column_count} values) and left out")
    elif row:
        problems.append(f"line {starts[0]}: expected {column_count} values, one for each channel, found {len(row)}")
    return whole, starts[: len(whole)]


def _not_numbers(rows: list[list[str]], numbers: list[int]) -> list[str]:
    wrong = ((number, word) for number, row in zip(numbers, rows, strict=True) for word in row if not _is_float(word))
    return [f"line {number}: expected a number, found {word[:40]!r}" for number, word in _limited(wrong)]


def _is_float(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _limited(found: Iterable[_T]) -> Iterator[_T]:
    """As many as are worth reporting, and one more."""
    return islice(found, MAX_PROBLEMS + 1)

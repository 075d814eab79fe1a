"""The upper half of a BVH file: joints, offsets and channels, line by line, without recursion."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum

MAX_JOINTS = 2000
MAX_OFFSET = 1e9
MAX_PROBLEMS = 20
_PIECES = re.compile(r"[{}]|[^{}]+")


class Channel(StrEnum):
    """What one column of a frame's row moves. Scales, which some exporters write, are read over: a drawn limb keeps its length."""

    X_POSITION = "Xposition"
    Y_POSITION = "Yposition"
    Z_POSITION = "Zposition"
    X_ROTATION = "Xrotation"
    Y_ROTATION = "Yrotation"
    Z_ROTATION = "Zrotation"
    X_SCALE = "Xscale"
    Y_SCALE = "Yscale"
    Z_SCALE = "Zscale"

    @property
    def axis(self) -> int:
        """0, 1, 2 for x, y, z."""
        return "XYZ".index(self.value[0])

    @property
    def is_rotation(self) -> bool:
        return self.value.endswith("rotation")

    @property
    def is_position(self) -> bool:
        return self.value.endswith("position")


_CHANNELS = {channel.value.lower(): channel for channel in Channel}


@dataclass(frozen=True)
class Hierarchy:
    """Names, parents (-1 for the root), offsets and channels of all joints, in file order."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: tuple[tuple[float, float, float], ...]
    channels: tuple[tuple[Channel, ...], ...]


@dataclass
class _Joint:
    name: str
    parent: int
    line: int
    is_end: bool = False
    offset: tuple[float, float, float] | None = None
    channels: tuple[Channel, ...] = ()


@dataclass
class HierarchyReader:
    """Takes a BVH file's lines up to MOTION.

    Attributes:
        problems: "line 12: what is wrong".
        warnings: what was odd but readable.
    """

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _joints: list[_Joint] = field(default_factory=list)
    _open: list[int] = field(default_factory=list)
    _unopened: int | None = None
    _started: bool = False
    _line: int = 0

    def take(self, number: int, line: str) -> bool:
        """Read one line; True if it is MOTION, after which the hierarchy is over, or if more is wrong than is worth reporting."""
        self._line = number
        for piece in _PIECES.finditer(line):
            words = piece[0].split()
            if not words:
                continue
            if words[0].upper() == "MOTION" or len(self.problems) > MAX_PROBLEMS:
                return True
            self._take_words(words)
        return False

    def finish(self) -> Hierarchy:
        """The joints that were read; note what is still missing."""
        if not self._joints and not self.problems:
            self._note("there is no skeleton, expected ROOT")
        for index in self._open:
            self._note(f"{self._joints[index].name} is never closed, expected }}")
        for joint in self._joints:
            if joint.offset is None:
                self.problems.append(f"line {joint.line}: {joint.name} has no OFFSET")
        return Hierarchy(
            names=self._unique_names(),
            parents=tuple(j.parent for j in self._joints),
            offsets=tuple(j.offset or (0.0, 0.0, 0.0) for j in self._joints),
            channels=tuple(j.channels for j in self._joints),
        )

    def _note(self, what: str) -> None:
        self.problems.append(f"line {self._line}: {what}")

    def _take_words(self, words: list[str]) -> None:
        keyword = words[0].upper()
        self._check_order(keyword, words[0])
        match keyword:
            case "HIERARCHY":
                pass
            case "ROOT" | "JOINT":
                self._take_joint(words)
            case "END" | "ENDSITE":
                self._take_end()
            case "{" | "}":
                self._take_brace(keyword)
            case "OFFSET" | "CHANNELS":
                self._take_property(keyword, words[1:])
            case _:
                self._note(f"expected ROOT, JOINT, End Site, OFFSET, CHANNELS or MOTION, found {words[0][:40]!r}")

    def _take_joint(self, words: list[str]) -> None:
        is_root = words[0].upper() == "ROOT"
        if is_root and self._joints:
            self.warnings.append(f"line {self._line}: a second ROOT: the body is looked for in all of them")
        elif not is_root and not self._open:
            self._note("a JOINT outside the ROOT")
        name = " ".join(words[1:])
        if not name:
            self._note(f"{words[0]} has no name")
        self._add(_Joint(name or f"joint {len(self._joints)}", self._parent(), self._line))

    def _take_end(self) -> None:
        if not self._open:
            self._note("an End Site outside the ROOT")
        parent = self._parent()
        name = f"{self._joints[parent].name} End" if parent >= 0 else "End"
        self._add(_Joint(name, parent, self._line, is_end=True))

    def _parent(self) -> int:
        return self._open[-1] if self._open else -1

    def _add(self, joint: _Joint) -> None:
        if len(self._joints) == MAX_JOINTS:
            self._note(f"more than {MAX_JOINTS} joints")
        if len(self._joints) < MAX_JOINTS:
            self._joints.append(joint)
        self._unopened = len(self._joints) - 1

    def _check_order(self, keyword: str, word: str) -> None:
        """HIERARCHY comes first, and { after the line that begins a joint."""
        if not self._started and keyword != "HIERARCHY":
            self._note(f"expected HIERARCHY, found {word[:40]!r}: is this a BVH file?")
        self._started = True
        if self._unopened is not None and keyword != "{":
            self._note(f"expected {{ after {self._joints[self._unopened].name}, found {word[:40]!r}")
            self._open_joint(self._unopened)

    def _take_brace(self, brace: str) -> None:
        if brace == "}" and self._open:
            self._open.pop()
        elif brace == "}":
            self._note("} closes nothing")
        elif self._unopened is None:
            self._note("{ opens nothing, expected ROOT, JOINT or End Site before it")
        else:
            self._open_joint(self._unopened)

    def _open_joint(self, index: int) -> None:
        self._open.append(index)
        self._unopened = None

    def _take_property(self, keyword: str, words: list[str]) -> None:
        if not self._open:
            self._note(f"{keyword} outside a joint")
            return
        joint = self._joints[self._open[-1]]
        if keyword == "OFFSET":
            joint.offset = self._offset(words, joint.name)
        elif joint.is_end:
            self._note(f"{joint.name} is an End Site and can't have channels")
        else:
            joint.channels = self._channels(words, joint.name)

    def _offset(self, words: list[str], name: str) -> tuple[float, float, float]:
        try:
            x, y, z = (float(word) for word in words)
        except ValueError:
            self._note(f"OFFSET of {name}: expected three numbers, found {' '.join(words)[:80]!r}")
            return (0.0, 0.0, 0.0)
        if not all(abs(v) <= MAX_OFFSET and not math.isnan(v) for v in (x, y, z)):
            self._note(f"OFFSET of {name}: a value is infinite, not a number, or beyond {MAX_OFFSET:g}")
            return (0.0, 0.0, 0.0)
        return (x, y, z)

    def _channels(self, words: list[str], name: str) -> tuple[Channel, ...]:
        kinds = words[1:]
        if len(kinds) > len(Channel):
            self._note(f"CHANNELS of {name}: expected at most {len(Channel)}, found {len(kinds)}")
        unknown = [word for word in kinds if word.lower() not in _CHANNELS]
        if unknown:
            self._note(f"CHANNELS of {name}: expected {', '.join(Channel)}, found {unknown[0][:40]!r}")
        if not words or words[0] != str(len(kinds)):
            self._note(f"CHANNELS of {name}: expected a count and as many channels, found {' '.join(words)[:80]!r}")
        return tuple(_CHANNELS[word.lower()] for word in kinds if word.lower() in _CHANNELS)

    def _unique_names(self) -> tuple[str, ...]:
        """Names as given; the second of the same name becomes "name (2)"."""
        counts: dict[str, int] = {}
        taken = {joint.name for joint in self._joints}
        names: list[str] = []
        for joint in self._joints:
            number = counts[joint.name] = counts.get(joint.name, 0) + 1
            name = joint.name
            while number > 1 and name in taken:
                name = f"{joint.name} ({number})"
                number += 1
            if name != joint.name:
                taken.add(name)
                if not joint.is_end:
                    self.warnings.append(f"line {joint.line}: a second joint {joint.name!r} is called {name!r}")
            names.append(name)
        return tuple(names)

"""Model of a power cut: all contents that a disk may have after it, computed from a run that strace recorded.

The model assumes as little as possible. The names that one system call changes are kept or lost together; they are durable once one of
their folders was fsynced afterwards. Any combination of the other changes may be kept or lost. The bytes of a file are durable once it was
fsynced; until then it contains all that was written, half of it, zeros, or the last durable bytes.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, combinations, islice
from pathlib import Path

CALLS = "rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,fsync,fdatasync,write,pwrite64,openat"
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?')
_DESCRIPTOR = re.compile(r"(?:AT_FDCWD|\d+)<([^>]*)>")
_ARGUMENT = re.compile(rf"{_STRING.pattern}|{_DESCRIPTOR.pattern}")


@dataclass(eq=False)
class File:
    """A file: the bytes written to it, and those that are durable."""

    content: bytes = b""
    sure: bytes = b""


@dataclass(eq=False)
class Folder:
    """A folder, as the running program sees it."""

    entries: dict[str, Node] = field(default_factory=dict)


Node = File | Folder
Slot = tuple[Folder, str]


@dataclass(eq=False)
class Change:
    """The names that one system call changes, each with the node that it refers to afterwards, or None."""

    call: str
    names: list[tuple[Slot, Node | None]]


@dataclass(frozen=True)
class Cut:
    """A moment between two system calls: all changes so far, those that may be lost, and the files whose bytes may be."""

    after: str
    changes: tuple[Change, ...]
    unsure: tuple[Change, ...]
    contents: tuple[tuple[File, bytes, bytes], ...]


State = frozenset[tuple[str, int, bytes | None]]
"""Content of a disk: (path, number of the file, its bytes or None for a folder); hard links share a number."""


class Recording:
    """A recorded run; `cuts` are the moments at which the power may fail."""

    def __init__(self, root: Path, before: Path, trace: str) -> None:
        """Replay a trace.

        Args:
            root: the folder of the run.
            before: a copy of the folder before the run.
        """
        self._root = str(root)
        self._top = self._read(before)
        self._first = self._top_entries(self._top)
        self._changes: list[Change] = []
        self._sure: set[Change] = set()
        self._files: list[File] = []
        self.cuts: list[Cut] = []
        for line in _whole(trace.splitlines()):
            if self._replay(line):
                self._cut(line)

    def states(self, *, max_a_cut: int, boring: str) -> dict[State, str]:
        """Every state that a power cut may leave, with the call before it.

        Args:
            max_a_cut: most combinations of changes for one cut.
            boring: changes that match this are kept or lost together.
        """
        found: dict[State, str] = {}
        for cut in self.cuts:
            dull = [change for change in cut.unsure if re.search(boring, change.call)]
            free = [change for change in cut.unsure if change not in set(dull)]
            for lost in islice(_subsets(free), max_a_cut):
                for more in ((), tuple(dull)):
                    self._add(found, cut, lost, more)
        return found

    def state(self, cut: Cut, lost: Iterable[Change], contents: int = 0) -> State | None:
        """The state if the changes `lost` are; None if a folder would be in two places, which no file system allows.

        Args:
            contents: which of the possible contents (0 to 3) files have that were not fsynced.
        """
        entries: dict[Slot, Node | None] = dict(self._first)
        gone = set(lost)
        for change in cut.changes:
            if change not in gone:
                entries.update(change.names)
        contained: dict[Folder, list[tuple[str, Node]]] = {}
        for (folder, name), node in entries.items():
            if node is not None:
                contained.setdefault(folder, []).append((name, node))
        variants = {file: _variants(written, sure)[contents] for file, written, sure in cut.contents}
        numbers: dict[Node, int] = {}
        found: set[tuple[str, int, bytes | None]] = set()
        open_ones: list[tuple[str, Folder]] = [("", self._top)]
        while open_ones:
            path, folder = open_ones.pop()
            for name, node in sorted(contained.get(folder, ()), key=lambda one: one[0]):
                inner = f"{path}/{name}".lstrip("/")
                if isinstance(node, Folder):
                    if node in numbers:
                        return None
                    open_ones.append((inner, node))
                number = numbers.setdefault(node, len(numbers))
                found.add((inner, number, None if isinstance(node, Folder) else variants.get(node, node.sure)))
        return frozenset(found)

    def _add(self, found: dict[State, str], cut: Cut, lost: tuple[Change, ...], more: tuple[Change, ...]) -> None:
        for contents in range(4 if cut.contents else 1):
            state = self.state(cut, (*lost, *more), contents)
            if state is not None:
                lost_calls = ", ".join(change.call for change in lost)
                found.setdefault(state, f"{cut.after}; lost: {lost_calls}{' and what is boring' * bool(more)}; bytes: {contents}")

    # --- replaying ---------------------------------------------------------------------------------------------------

    def _read(self, folder: Path) -> Folder:
        def node(path: Path) -> Node:
            return self._read(path) if path.is_dir() else File(path.read_bytes(), path.read_bytes())

        return Folder({path.name: node(path) for path in folder.iterdir()})

    def _top_entries(self, folder: Folder) -> dict[Slot, Node | None]:
        found: dict[Slot, Node | None] = {}
        for name, node in folder.entries.items():
            found[folder, name] = node
            if isinstance(node, Folder):
                found |= self._top_entries(node)
        return found

    def _replay(self, line: str) -> bool:
        """Apply a call; True if it changed anything below the root."""
        call, _, arguments = line.partition("(")
        arguments, _, result = arguments.rpartition(" = ")
        if result.startswith(("-1", "?")):
            return False
        paths, texts = self._arguments(call, arguments)
        if call in {"fsync", "fdatasync"}:
            return self._synced(paths)
        if call in {"write", "pwrite64"}:
            return self._written(paths, texts)
        if call == "openat":
            return "O_CREAT" in arguments and self._opened(paths[-1], arguments)
        slots = [self._slot(path) for path in paths]
        if None in slots:
            return False
        self._renamed(call, line, [slot for slot in slots if slot is not None])
        return True

    def _arguments(self, call: str, arguments: str) -> tuple[list[str], list[bytes]]:
        """The paths that a call names, each joined with the path of its descriptor; and its strings."""
        paths: list[str] = []
        texts: list[bytes] = []
        base = ""
        for found in _ARGUMENT.finditer(arguments):
            if found[3] is not None:
                base = found[3]
                if call in {"fsync", "fdatasync", "write", "pwrite64"}:
                    paths.append(base)
                continue
            text, _ = codecs.escape_decode(found[1].encode())  # of C strings
            assert found[2] is None, "strace shortened a string"
            texts.append(text)
            paths.append(os.path.join(base, text.decode()))  # noqa: PTH118 - strings, not paths of this machine
        return (paths[:1] if call in {"write", "pwrite64"} else paths), texts

    def _node(self, path: str) -> Node | None:
        if path != self._root and not path.startswith(f"{self._root}/"):
            return None
        node: Node | None = self._top
        for part in filter(None, path.removeprefix(self._root).split("/")):
            node = node.entries.get(part) if isinstance(node, Folder) else None
        return node

    def _slot(self, path: str) -> Slot | None:
        parent, _, name = path.rpartition("/")
        folder = self._node(parent)
        return (folder, name) if isinstance(folder, Folder) else None

    def _synced(self, paths: list[str]) -> bool:
        node = self._node(paths[0])
        if isinstance(node, File):
            node.sure = node.content
        elif node is not None:
            self._sure |= {change for change in self._changes if any(folder is node for (folder, _), _ in change.names)}
        return node is not None

    def _written(self, paths: list[str], texts: list[bytes]) -> bool:
        node = self._node(paths[0])
        if not isinstance(node, File):
            return False
        node.content += texts[0]
        return True

    def _opened(self, path: str, arguments: str) -> bool:
        slot = self._slot(path)
        if slot is None:
            return False
        folder, name = slot
        node = folder.entries.get(name)
        if node is None:
            self._change(f"open {path}", [(slot, self._new_file())])
        elif "O_TRUNC" in arguments and isinstance(node, File):
            node.content = b""
        else:
            return False
        return True

    def _new_file(self) -> File:
        file = File()
        self._files.append(file)
        return file

    def _renamed(self, call: str, line: str, slots: list[Slot]) -> None:
        if call.startswith("mkdir"):
            self._change(line, [(slots[-1], Folder())])
        elif call.startswith(("unlink", "rmdir")):
            self._change(line, [(slots[-1], None)])
        else:
            (folder, name), target = slots
            names: list[tuple[Slot, Node | None]] = [(target, folder.entries[name])]
            self._change(line, names if call.startswith("link") else [((folder, name), None), *names])

    def _change(self, call: str, names: list[tuple[Slot, Node | None]]) -> None:
        for (folder, name), node in names:
            if node is None:
                folder.entries.pop(name, None)
            else:
                folder.entries[name] = node
        self._changes.append(Change(call.replace(self._root, ""), names))

    def _cut(self, line: str) -> None:
        unsure = tuple(change for change in self._changes if change not in self._sure)
        contents = tuple((file, file.content, file.sure) for file in self._files)
        self.cuts.append(Cut(line.replace(self._root, ""), tuple(self._changes), unsure, contents))


def _variants(written: bytes, sure: bytes) -> tuple[bytes, ...]:
    return (written, sure, written[: len(written) // 2], bytes(len(written))) if written != sure else (sure,) * 4


def _subsets(changes: list[Change]) -> Iterator[tuple[Change, ...]]:
    """All subsets, the smallest and the largest first."""
    sizes = sorted(range(len(changes) + 1), key=lambda size: min(size, len(changes) - size))
    return chain.from_iterable(combinations(changes, size) for size in sizes)


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Calls without their thread; those that another thread interrupted are joined."""
    begun: dict[str, str] = {}
    for line in lines:
        thread, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>")
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>", call)
        if resumed:
            call = begun.pop(thread, "") + call[resumed.end() :]
        if re.match(r"[a-z]\w*\(", call):
            yield call


def put(state: State, root: Path) -> None:
    """Write a state into a new folder."""
    root.mkdir(parents=True)
    made: dict[int, Path] = {}
    for path, number, content in sorted(state, key=lambda one: one[0]):
        place = root / path
        if content is None:
            place.mkdir()
        elif number in made:
            place.hardlink_to(made[number])
        else:
            place.write_bytes(content)
            made[number] = place

"""Puts uploads into the inbox, durably and in one piece, as any user of the drop folder could.

An upload is written to a hidden file in the inbox, which the daemon ignores, made durable, looked at by the limits of the reader, and then
renamed to its name. Its sidecar gets its name before. When `accept` returns, a power cut loses nothing.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from daemon.files.durable import open_folder, rename, rename_without_replacing, sync_folder
from daemon.inbox.scanner import SIDECAR_SUFFIX, sidecar_stem
from daemon.options.sidecar import drawing_options
from daemon.settings import Settings
from daemon.spool.layout import Layout
from daemon.web.drawing_ids import KEY_LENGTH, id_in_name, stem_for, upload_id
from daemon.web.drawings import DrawingEntry
from daemon.web.folders import waiting_drawing
from daemon.web.index import Index
from pipeline.adapters.documents.reader import DocumentKind, check_archive, document_kind
from pipeline.adapters.reading.image_kinds import SUFFIXES, ImageKind, kind_of
from pipeline.errors import DecodeError, DecodeReason, OptionError, TransientError
from pipeline.types.decode_limits import DecodeLimits

LIMITS: Final = DecodeLimits()
TEMPORARY: Final = ".web-"
"""Hidden names in the inbox are not drawings."""

STALE_S: Final = 3600.0
_HEAD_BYTES: Final = 2 << 20
_BLOCK_BYTES: Final = 1 << 20


class QueueFull(TransientError):
    """No more drawings are taken for now.

    Attributes:
        retry_after_s: when to try again.
    """

    def __init__(self, summary: str, *, retry_after_s: float, hint: str = "") -> None:
        super().__init__(summary, hint=hint)
        self.retry_after_s = retry_after_s


class KeyReused(OptionError):
    """An idempotency key was used for another drawing."""


@dataclass(frozen=True)
class Accepted:
    """What became of an upload.

    Attributes:
        is_new: it was put into the inbox now; otherwise an earlier request with the same key had done so.
    """

    drawing: DrawingEntry
    is_new: bool


class Draft:
    """A file that is being received. Its blocks are small, so that no other request waits for one."""

    def __init__(self, path: Path) -> None:
        """Create the file. Raises OSError."""
        self.path, self.size = path, 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o660)
        self._hash = hashlib.sha256()

    def write(self, block: bytes) -> None:
        """Add to the file. Raises OSError."""
        self._hash.update(block)
        self.size += len(block)
        _write_all(self._file, block)

    def sync(self) -> None:
        """Make the content durable. Raises OSError."""
        os.fsync(self._file)

    def digest(self) -> bytes:
        """SHA-256 of the content."""
        return self._hash.digest()

    def read_beginning(self, max_bytes: int) -> bytes:
        """At most `max_bytes` bytes from the start."""
        return os.pread(self._file, max_bytes, 0)

    def open(self) -> BinaryIO:
        """The file, to be read from its start, and closed. Nothing may be written any more."""
        file = os.fdopen(os.dup(self._file), "rb")
        file.seek(0)
        return file

    def close(self) -> None:
        """Remove the file, unless it has another name by now."""
        os.close(self._file)
        self.path.unlink(missing_ok=True)


class Intake:
    """The way from a request into the inbox. Its methods block; call them on a thread."""

    def __init__(self, layout: Layout, settings: Settings, index: Index, motions: Sequence[str]) -> None:
        self._layout, self._settings, self._index, self._motions = layout, settings, index, tuple(motions)
        self._naming = threading.Lock()

    def check_room(self, size: int) -> None:
        """Check that there is room for a drawing of `size` bytes. Raises QueueFull."""
        limit = self._settings.web.max_waiting
        if self._index.waiting_count >= limit:
            each_s = self._index.snapshot.seconds_each or 1.0
            raise QueueFull(f"{limit} drawings are waiting: no more are taken", retry_after_s=min(60.0, max(2.0, 10 * each_s)))
        space = os.statvfs(self._layout.inbox)
        if space.f_bavail * space.f_frsize < (self._settings.storage.reserve_mb << 20) + size:
            raise QueueFull("the disk is nearly full: no drawings are taken", retry_after_s=60.0, hint="make room, then try again")

    def check_options(self, options: bytes | None) -> None:
        """Check a sidecar as the worker will. Raises SidecarError."""
        drawing_options(self._settings.animation.options(), (), options, self._motions, self._settings.animation.max_side_px)

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """A hidden file in the inbox, for an upload that arrives during the `with` block."""
        draft = Draft(self._layout.inbox / f"{TEMPORARY}{secrets.token_hex(8)}.part")
        try:
            yield draft
        finally:
            draft.close()

    def accept(self, draft: Draft, name: str, *, options: bytes | None, key: str | None) -> Accepted:
        """Put an image, or a document of several, into the inbox.

        Args:
            draft: the whole file.
            name: the file's name as its user has it; untrusted.
            options: the content of its sidecar, or None.
            key: idempotency key with its owner, or None.
        Raises:
            SidecarError, DecodeError: the options or the image would fail.
            KeyReused: the key came with another drawing before.
            QueueFull: there is no room.
            OSError: the disk refused.
        """
        self.check_options(options)
        suffixes = detect_suffixes(draft, name)
        draft.sync()
        content = hashlib.sha256(draft.digest() + (options or b"")).digest()
        suffix = Path(name).suffix.lower()
        suffix = suffix if suffix in suffixes else suffixes[0]
        if key is None:
            return Accepted(self._publish(draft.path, name, suffix, upload_id(None, content), options), is_new=True)
        with self._naming:  # two requests with one key
            found = self._find(key, content)
            if found is not None:
                return Accepted(found, is_new=False)
            return Accepted(self._publish(draft.path, name, suffix, upload_id(key, content), options), is_new=True)

    def drop_character(
        self, files: Mapping[str, Path | bytes], *, name: str, options: bytes | None, folder: Sequence[str] = (), has_id: bool = True
    ) -> DrawingEntry:
        """Put a character folder into the inbox: its figure is animated as it is, without the models.

        Args:
            files: the names in the folder, and the content of each or a file to copy.
            name: name of the drawing that it came from.
            folder: names of the inbox folders to put it into; made if missing. Results come into the same folders of the outbox.
            has_id: give it the id of an upload; without, it has one only if its name is taken in the inbox.
        Raises:
            SidecarError, QueueFull, OSError: as `accept`.
        """
        self.check_options(options)
        self.check_room(0)
        temporary = self._layout.inbox / f"{TEMPORARY}{secrets.token_hex(8)}.part"
        temporary.mkdir(mode=0o770)
        try:
            for inner, content in files.items():
                _write_durably(temporary / inner, content)
            temporary.chmod(0o770)  # the daemon moves the folder, which may belong to another user of its group
            sync_folder(temporary)
            drawing = self._publish_character(temporary, stem_for(f"{name}.folder"), tuple(folder), options, has_id=has_id)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._index.add(drawing)
        return drawing

    def _publish_character(
        self, temporary: Path, stem: str, folder: tuple[str, ...], options: bytes | None, *, has_id: bool
    ) -> DrawingEntry:
        content = hashlib.sha256(options or b"").digest()
        with self._naming, open_folder(self._layout.inbox, folder, make=True) as inbox:
            final = stem
            if has_id or stem in _stems(inbox):  # a sidecar beside it must not become another drawing's
                final = f"{stem}-{upload_id(None, content)}"
            if options is not None:
                self._write_sidecar(final + SIDECAR_SUFFIX, options, inbox)
            with open_folder(self._layout.inbox) as root:
                rename_without_replacing(temporary.name, root, final, inbox)
            status = _status(final, inbox)
            os.fsync(inbox)
        return waiting_drawing(folder, final, status)

    def remove_stale_files(self, now_s: float) -> None:
        """Remove what an earlier process left: unfinished uploads, and sidecars whose upload never came."""
        with open_folder(self._layout.inbox) as inbox:
            names = set(os.listdir(inbox))  # noqa: PTH208 - by descriptor
            for name in _stale(names):
                with suppress(OSError):
                    if now_s - os.lstat(name, dir_fd=inbox).st_ctime > STALE_S:
                        path = self._layout.inbox / name
                        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else os.unlink(name, dir_fd=inbox)

    def _find(self, key: str, content: bytes) -> DrawingEntry | None:
        wanted = upload_id(key, content)
        found = self._index.find_upload(wanted[: 1 + KEY_LENGTH])
        if found is not None and found.id != wanted:
            raise KeyReused("this Idempotency-Key came with another drawing or other options before", hint="use a new key for each drawing")
        return found

    def _publish(self, temporary: Path, name: str, suffix: str, drawing_id: str, options: bytes | None) -> DrawingEntry:
        """Give a durable file its name in the inbox, durably, and its sidecar before it."""
        self.check_room(0)
        stem = f"{stem_for(name)}-{drawing_id}"
        with open_folder(self._layout.inbox) as inbox:
            if options is not None:
                self._write_sidecar(stem + SIDECAR_SUFFIX, options, inbox)
            rename_without_replacing(temporary.name, inbox, stem + suffix, inbox)
            status = _status(stem + suffix, inbox)
            os.fsync(inbox)
        drawing = waiting_drawing((), stem + suffix, status)
        self._index.add(drawing)
        return drawing

    def _write_sidecar(self, name: str, options: bytes, inbox: int) -> None:
        temporary = self._layout.inbox / f"{TEMPORARY}{secrets.token_hex(8)}.part"
        try:
            _write_durably(temporary, options)
            rename(temporary, name, target_folder=inbox)
            os.fsync(inbox)
        finally:
            temporary.unlink(missing_ok=True)


def _stems(inbox: int) -> set[str]:
    """The names in a folder of the inbox, with and without their suffixes."""
    names = os.listdir(inbox)
    return {*names, *map(sidecar_stem, names)}


def _stale(names: set[str]) -> Iterator[str]:
    images = {sidecar_stem(name) for name in names if not name.endswith(SIDECAR_SUFFIX)}
    for name in names:
        stem = name.removesuffix(SIDECAR_SUFFIX)
        if name.startswith(TEMPORARY) or (name != stem and id_in_name(name) and stem not in images and stem not in names):
            yield name


def detect_suffixes(draft: Draft, name: str) -> tuple[str, ...]:
    """The suffixes of a file's format, by the limits of the reader and without decoding it.

    Raises:
        DecodeError: it is no image or document, or one that no worker would read.
    """
    if draft.size > LIMITS.max_bytes:
        summary = f"the file is too big: expected at most {LIMITS.max_bytes} bytes, found {draft.size}"
        raise DecodeError(DecodeReason.TOO_MANY_BYTES, summary, hint="save it smaller, or as JPEG")
    head = draft.read_beginning(_HEAD_BYTES)
    document = document_kind(head)
    if document is DocumentKind.ZIP:
        with draft.open() as file:
            check_archive(file, name=name)
    return (f".{document.lower()}",) if document else SUFFIXES[_look_at_image(head, draft.size, name)]


def _look_at_image(head: bytes, size: int, name: str) -> ImageKind:
    """The format of an image of `size` bytes that begins with `head`. Raises DecodeError."""
    kind = kind_of(head, name)
    from pipeline.adapters.reading.codecs import open_image

    try:
        open_image(kind, head, LIMITS, name)[0].close()
    except DecodeError:
        raise
    except Exception as error:  # codecs raise almost anything; image_reader lists it
        if size == len(head):
            raise DecodeError(DecodeReason.CORRUPT, f"the {kind} is damaged", hint="open it in another program and save it anew") from error
    return kind


def _write_durably(path: Path, content: Path | bytes) -> None:
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o660)
    try:
        if isinstance(content, bytes):
            _write_all(opened, content)
        else:
            with content.open("rb") as source:
                while block := source.read(_BLOCK_BYTES):
                    _write_all(opened, block)
        os.fsync(opened)
    finally:
        os.close(opened)


def _write_all(opened: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(opened, view) :]


def _status(name: str, inbox: int) -> os.stat_result:
    """The status of an upload; that of the inbox if a daemon has claimed it meanwhile."""
    with suppress(FileNotFoundError):
        return os.lstat(name, dir_fd=inbox)
    return os.fstat(inbox)

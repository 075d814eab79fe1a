"""All errors of the pipeline, as one tree.

    DoodledError
    ├── PermanentError                the same bytes will fail again
    │   ├── DecodeError               a file that can't be read as an image
    │   ├── NoFigureFound             an image without a drawn figure
    │   ├── PredictionRefused         a model server that can't process this image
    │   ├── ShapeError                an array of the wrong shape or dtype
    │   ├── FileProblems              one file, every problem in it at once
    │   │   ├── ConfigError           motion / retarget / scene / character YAML
    │   │   └── MotionFileError       a motion capture file: lines, joints or keys
    │   ├── CharacterError            a character that can't be animated
    │   ├── RetargetError             a motion that can't drive this rig
    │   ├── UnknownName               an unknown motion or retarget name
    │   ├── OptionError               an invalid option of a command
    │   └── BlankAnimation            a finished animation in which nothing is visible
    └── TransientError                the same bytes may succeed later or elsewhere
        ├── UpstreamError             the model server is unavailable
        │   ├── UpstreamUnavailable   down, overloaded, too slow, or answering invalid replies
        │   ├── UpstreamUnauthorized  it does not accept our token
        │   └── UpstreamMisconfigured it lacks the model, or is not a model server
        ├── ModelUnavailable          a model's weights are missing or damaged on this machine
        ├── RenderUnavailable         no OpenGL context could be made
        ├── RenderFailed              OpenGL failed while rendering
        └── OutputFailed              the codec or the disk refused the output

An error says what happened, in which file, what was expected and found, and what to do. Its base class decides about a retry,
not the code that raises it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path


class DoodledError(Exception):
    """Base class of doodled's own errors.

    Attributes:
        summary: one sentence: what is wrong, expected and found.
        path: the file concerned, or None.
        hint: what to do, or "".
    """

    def __init__(self, summary: str, *, path: Path | str | None = None, hint: str = "") -> None:
        self.summary = summary
        self.path = Path(path) if path is not None else None
        self.hint = hint
        super().__init__(summary)

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path is not None else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.summary}{hint}"


@contextmanager
def keep_notes(notes: Iterable[str]) -> Iterator[None]:
    """Add what is known about the input to any of our errors inside: pages that were not looked at may explain why nothing is found."""
    try:
        yield
    except DoodledError as error:
        for note in notes:
            error.add_note(note)
        raise


def notes_of(error: BaseException) -> tuple[str, ...]:
    """The notes that `keep_notes` added to an error."""
    return tuple(getattr(error, "__notes__", ()))


class PermanentError(DoodledError):
    """The same input would fail again."""


class TransientError(DoodledError):
    """The same input may succeed later, or on another machine."""


class ShapeError(PermanentError):
    """An array has another shape or dtype than its type requires."""

    def __init__(self, name: str, *, expected: str, actual: str) -> None:
        self.name = name
        self.expected = expected
        self.actual = actual
        super().__init__(f"{name} must be {expected}, but is {actual}")


class FileProblems(PermanentError):
    """All problems of one file.

    Attributes:
        problems: one line each, "key: what is wrong" or "line 12: what is wrong".
    """

    def __init__(self, path: Path | str, problems: list[str] | tuple[str, ...], *, hint: str = "") -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems), path=path, hint=hint)


class ConfigError(FileProblems):
    """An invalid YAML file (motion, retarget, scene, char_cfg)."""


class MotionFileError(FileProblems):
    """A motion capture file that can't be used; its problems name lines, joints or keys."""


class CharacterError(PermanentError):
    """A character that can't be animated: empty or mismatched mask, joints outside, too small."""


class RetargetError(PermanentError):
    """A motion and a retarget configuration that can't drive this rig."""


class UnknownName(PermanentError):
    """A motion or retarget name that the library does not have.

    Attributes:
        name: the name that was requested.
        known: the names that exist.
        note: what to do, instead of listing the known names.
    """

    def __init__(self, kind: str, name: str, known: tuple[str, ...], *, note: str = "") -> None:
        self.kind = kind
        self.name = name
        self.known = known
        super().__init__(f"there is no {kind} {name!r}", hint=note or (f"known: {', '.join(known)}" if known else ""))


class OptionError(PermanentError):
    """An invalid option, or one that contradicts another."""


class DecodeReason(StrEnum):
    """Why a file could not be read as an image; a closed set that goes into logs."""

    UNREADABLE = "unreadable"
    EMPTY = "empty"
    UNSUPPORTED = "unsupported"
    TRUNCATED = "truncated"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    CORRUPT = "corrupt"


class DecodeError(PermanentError):
    """A file that can't be read as an image.

    Attributes:
        reason: from the closed set.
    """

    def __init__(self, reason: DecodeReason, summary: str, *, path: Path | str | None = None, hint: str = "") -> None:
        self.reason = reason
        super().__init__(summary, path=path, hint=hint)


class NoFigureFound(PermanentError):
    """An image in which no whole drawn figure was found.

    Attributes:
        best_score: of the best candidate, or None if there was none.
    """

    def __init__(self, summary: str, *, best_score: float | None = None, hint: str = "") -> None:
        self.best_score = best_score
        super().__init__(summary, hint=hint)


class PredictionRefused(PermanentError):
    """The model server works, but can't process this image.

    Attributes:
        model: which model.
        status: HTTP status, or None.
    """

    def __init__(self, summary: str, *, model: str, status: int | None = None, hint: str = "") -> None:
        self.model = model
        self.status = status
        super().__init__(summary, hint=hint)


class BlankAnimation(PermanentError):
    """Every frame is empty: the figure is out of view or invisible."""


class UpstreamError(TransientError):
    """The model server is unavailable; the file is not the cause.

    Attributes:
        url: of the server.
        model: which model, or "".
        status: HTTP status of the last attempt, or None.
        attempts: number of requests sent.
        retry_after_s: how long the server asked to wait, or None.
        answers_others: it answered another request right after, so the image may be the cause after all.
    """

    def __init__(
        self,
        summary: str,
        *,
        url: str,
        model: str = "",
        status: int | None = None,
        attempts: int = 1,
        retry_after_s: float | None = None,
        answers_others: bool = False,
        hint: str = "",
    ) -> None:
        self.url = url
        self.model = model
        self.status = status
        self.attempts = attempts
        self.retry_after_s = retry_after_s
        self.answers_others = answers_others
        super().__init__(summary, hint=hint)


class UpstreamUnavailable(UpstreamError):
    """The model server is down, overloaded, too slow, or sends invalid replies."""


class UpstreamUnauthorized(UpstreamError):
    """The model server rejects our token, even when freshly read."""


class UpstreamMisconfigured(UpstreamError):
    """The URL leads to a server without this model, or not to a model server."""


class ModelUnavailable(TransientError):
    """The weights of a model that runs in this process are missing or damaged."""


class RenderUnavailable(TransientError):
    """No OpenGL context could be made.

    Attributes:
        tried: kind of context -> why it failed.
    """

    def __init__(self, tried: dict[str, str], *, hint: str = "") -> None:
        self.tried = dict(tried)
        listing = "; ".join(f"{kind}: {reason}" for kind, reason in tried.items())
        super().__init__(f"no OpenGL context could be made ({listing})", hint=hint)


class RenderFailed(TransientError):
    """OpenGL failed on a context that had worked."""


class OutputFailed(TransientError):
    """A codec or the file system refused the output."""

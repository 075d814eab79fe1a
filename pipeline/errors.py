"""Everything that can go wrong in the pipeline, as one tree.

    DoodledError
    ├── PermanentError                the same bytes will fail again
    │   ├── DecodeError               a file that is no picture we can read
    │   ├── NoFigureFound             a picture without a drawn figure
    │   ├── PredictionRefused         a model server that can't answer for this picture
    │   ├── ShapeError                an array of the wrong shape or dtype
    │   ├── FileProblems              one file, every problem in it at once
    │   │   ├── ConfigError           motion / retarget / scene / character YAML
    │   │   └── MotionFileError       a motion capture file: lines, joints or keys
    │   ├── CharacterError            a character that can't be animated
    │   ├── RetargetError             a motion that can't drive this rig
    │   ├── UnknownName               a motion or retarget name nobody knows
    │   ├── OptionError               an option of a command that makes no sense
    │   └── BlankAnimation            everything ran, and nothing is to be seen
    └── TransientError                the same bytes may succeed later or elsewhere
        ├── UpstreamError             the model server can't answer anybody now
        │   ├── UpstreamUnavailable   down, overloaded, too slow, or answering nonsense
        │   ├── UpstreamUnauthorised  it does not accept our token
        │   └── UpstreamMisconfigured it has no such model, or is no model server
        ├── ModelUnavailable          a network's weights are missing or damaged here
        ├── RenderUnavailable         no OpenGL context could be had
        ├── RenderFailed              OpenGL refused something half-way
        └── OutputFailed              the codec or the disk refused the result

Whoever raises one says what happened, in which file, what was expected and found, and what to do. Whether to try
again is read off the base class, never decided where the error is raised.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path


class DoodledError(Exception):
    """Base of every error that doodled raises on purpose.

    Attributes:
        summary: one sentence for a person: what is wrong, expected and found.
        path: the file that it is about, where there is one.
        hint: what to do about it, or "".
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


class PermanentError(DoodledError):
    """The same input would fail in the same way again."""


class TransientError(DoodledError):
    """The same input may succeed later, or on another machine."""


class ShapeError(PermanentError):
    """An array does not have the shape or dtype that its type promises."""

    def __init__(self, name: str, *, expected: str, actual: str) -> None:
        self.name = name
        self.expected = expected
        self.actual = actual
        super().__init__(f"{name} must be {expected}, but is {actual}")


class FileProblems(PermanentError):
    """One file with everything that is wrong in it.

    Attributes:
        problems: one line each, "key: what is wrong" or "line 12: what is wrong".
    """

    def __init__(self, path: Path | str, problems: list[str] | tuple[str, ...], *, hint: str = "") -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems), path=path, hint=hint)


class ConfigError(FileProblems):
    """A YAML file (motion, retarget, scene, char_cfg) that does not say what it must."""


class MotionFileError(FileProblems):
    """A motion capture file that can't be used; its problems name lines, joints or keys."""


class CharacterError(PermanentError):
    """A character that can't be animated: empty or mismatched mask, joints outside, too small."""


class RetargetError(PermanentError):
    """A motion and a retarget configuration that can't drive this rig."""


class UnknownName(PermanentError):
    """A motion or retarget name that the library does not have.

    Attributes:
        name: what was asked for.
        known: what there is.
        note: what to do, instead of the names that are known.
    """

    def __init__(self, kind: str, name: str, known: tuple[str, ...], *, note: str = "") -> None:
        self.kind = kind
        self.name = name
        self.known = known
        super().__init__(f"there is no {kind} {name!r}", hint=note or (f"known: {', '.join(known)}" if known else ""))


class OptionError(PermanentError):
    """An option that makes no sense, or not with the others."""


class DecodeReason(StrEnum):
    """Why a file could not be read as a picture; a closed set, it goes into logs."""

    UNREADABLE = "unreadable"
    EMPTY = "empty"
    UNSUPPORTED = "unsupported"
    TRUNCATED = "truncated"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    CORRUPT = "corrupt"


class DecodeError(PermanentError):
    """A file that is no picture we can read.

    Attributes:
        reason: from the closed set.
    """

    def __init__(self, reason: DecodeReason, summary: str, *, path: Path | str | None = None, hint: str = "") -> None:
        self.reason = reason
        super().__init__(summary, path=path, hint=hint)


class NoFigureFound(PermanentError):
    """A picture in which no drawn figure was found.

    Attributes:
        best_score: of the best candidate that was not good enough, or None if there was none.
    """

    def __init__(self, summary: str, *, best_score: float | None = None, hint: str = "") -> None:
        self.best_score = best_score
        super().__init__(summary, hint=hint)


class PredictionRefused(PermanentError):
    """The model server works, but not for this picture.

    Attributes:
        model: which model.
        status: HTTP status, or None.
    """

    def __init__(self, summary: str, *, model: str, status: int | None = None, hint: str = "") -> None:
        self.model = model
        self.status = status
        super().__init__(summary, hint=hint)


class BlankAnimation(PermanentError):
    """Every frame came out empty: the figure is out of view, or invisible."""


class UpstreamError(TransientError):
    """The model server can't answer anybody now: no file is to blame.

    Attributes:
        url: of the server.
        model: which model, or "".
        status: HTTP status of the last attempt, or None.
        attempts: how often it was asked.
        retry_after_s: how long it asked us to wait, or None.
        answers_others: it answered another question right after: the picture may be to blame after all.
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
    """The model server is down, overloaded, too slow, or answers nonsense."""


class UpstreamUnauthorised(UpstreamError):
    """The model server does not accept our token, not even one freshly read."""


class UpstreamMisconfigured(UpstreamError):
    """There is no such model, or no model server, behind the URL."""


class ModelUnavailable(TransientError):
    """The weights of a network that runs in this process are missing or damaged: no picture is to blame."""


class RenderUnavailable(TransientError):
    """No OpenGL context could be made.

    Attributes:
        tried: each context kind with the reason why it failed.
    """

    def __init__(self, tried: dict[str, str], *, hint: str = "") -> None:
        self.tried = dict(tried)
        listing = "; ".join(f"{kind}: {reason}" for kind, reason in tried.items())
        super().__init__(f"no OpenGL context could be made ({listing})", hint=hint)


class RenderFailed(TransientError):
    """OpenGL refused an operation on a context that had worked."""


class OutputFailed(TransientError):
    """A codec or the file system refused the result."""

"""`doodled jobs retry`, `approve` and `discard`: decisions about drawings that failed or wait for review, and about hooks' deliveries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from daemon.files.filenames import shown_name, shown_path
from daemon.spool import quarantine
from daemon.spool.events import SpoolEvent, discard_event, retry_event, undelivered_events
from daemon.spool.layout import Layout
from daemon.spool.quarantine import FailedDrawing
from daemon.spool.returns import NameTaken
from daemon.spool.review import DrawingForReview, all_drawings_for_review, approve, discard_review, retry_review
from pipeline.errors import OptionError

NAMES_HINT: Final = "give names or ids from `doodled jobs list`, or --all"

Chosen = FailedDrawing | DrawingForReview | SpoolEvent


@dataclass(frozen=True)
class Selection:
    """What a user decides about.

    Attributes:
        names_or_ids: of drawings that failed or wait for review, and ids of deliveries.
        everything: all failed drawings.
        hooks: all deliveries that were given up.
    """

    names_or_ids: list[str]
    everything: bool = False
    hooks: bool = False


def count_selected(layout: Layout, selection: Selection) -> int:
    """How many drawings and deliveries a selection names. Raises OptionError as `discard_jobs`."""
    return len(_select(layout, selection))


def retry_jobs(layout: Layout, selection: Selection) -> Iterator[str]:
    """Move drawings back to the inbox, with their sidecars, and let events be delivered again; yields each path or id then.

    Raises:
        OptionError: a name is unknown or ambiguous, and nothing is moved; or, after all others are moved, a drawing's folder is damaged.
        NameTaken: after all others are moved, names are taken in the inbox.
    """
    return _move_back(layout, _select(layout, selection))


def approve_jobs(layout: Layout, names_or_ids: list[str], *, everything: bool) -> Iterator[str]:
    """Move drawings from review/ back to the inbox, to be animated as they are; yields the path of each once it is there.

    Raises:
        OptionError: as `retry_jobs`.
    """
    waiting, wanted = all_drawings_for_review(layout), _wanted(names_or_ids)
    if not (wanted or everything):
        raise OptionError("no drawing is named", hint=NAMES_HINT)
    unknown = wanted.difference(*map(_names, waiting))
    if unknown:
        raise OptionError(f"{', '.join(sorted(map(shown_name, unknown)))} is not in review/", hint=NAMES_HINT)
    chosen = [each for each in waiting if everything or _names(each) & wanted]
    return _move_all((partial(approve, layout, each) for each in chosen), layout)


def discard_jobs(layout: Layout, selection: Selection) -> Iterator[str]:
    """Delete drawings that failed or wait for review, and undelivered events; yields the name or id of each once it is deleted.

    Raises:
        OptionError: a name is unknown or ambiguous, and nothing is deleted.
    """
    return _delete(layout, _select(layout, selection))


def _select(layout: Layout, selection: Selection) -> list[Chosen]:
    wanted = _wanted(selection.names_or_ids)
    if not (wanted or selection.everything or selection.hooks):
        raise OptionError("no drawing is named", hint=NAMES_HINT)
    known: list[Chosen] = [*quarantine.all_failed_drawings(layout), *all_drawings_for_review(layout)]
    known += [each.event for each in undelivered_events(layout)]
    unknown = wanted.difference(*map(_names, known))
    if unknown:
        named = ", ".join(sorted(map(shown_name, unknown)))
        raise OptionError(f"nothing in failed/ or review/, and no delivery that was given up, is called {named}", hint=NAMES_HINT)
    uses = Counter(name for each in known for name in _names(each))
    ambiguous = [shown_name(name) for name in sorted(wanted) if uses[name] > 1]
    if ambiguous:
        raise OptionError(f"{', '.join(ambiguous)} is in failed/ and in review/", hint="give the id of one from `doodled jobs list`")

    def is_chosen(each: Chosen) -> bool:
        is_of_all = (selection.everything and isinstance(each, FailedDrawing)) or (selection.hooks and isinstance(each, SpoolEvent))
        return is_of_all or bool(_names(each) & wanted)

    return [each for each in known if is_chosen(each)]


def _wanted(names_or_ids: Iterable[str]) -> set[str]:
    """What a user named; not "", as an unset variable gives it: drawings whose report is damaged have that id."""
    return set(names_or_ids) - {""}


def _names(one: Chosen) -> set[str]:
    """What a user may call it."""
    return {one.id} if isinstance(one, SpoolEvent) else {one.path, one.job_id}


def _move_back(layout: Layout, chosen: list[Chosen]) -> Iterator[str]:
    for each in chosen:
        if isinstance(each, SpoolEvent):
            retry_event(layout, each)
            yield each.id
    yield from _move_all((partial(_retry, layout, each) for each in chosen if not isinstance(each, SpoolEvent)), layout)


def _retry(layout: Layout, one: FailedDrawing | DrawingForReview) -> Path:
    return quarantine.retry(layout, one) if isinstance(one, FailedDrawing) else retry_review(layout, one)


def _move_all(moves: Iterable[Callable[[], Path]], layout: Layout) -> Iterator[str]:
    """Make each move into the inbox; yields the paths. Raises OptionError at the end for those that were refused."""
    refused: list[OptionError] = []
    for move in moves:
        try:
            path = move()
        except OptionError as error:  # a name is taken, or a drawing's folder is damaged
            refused.append(error)
        else:
            yield f"{layout.inbox}/{shown_path(path.relative_to(layout.inbox).parts)}"
    if len(refused) > 1:
        kind = NameTaken if all(isinstance(error, NameTaken) for error in refused) else OptionError
        hints = {error.hint for error in refused}
        summary = f"{len(refused)} stay where they are: {'; '.join(error.summary for error in refused)}"
        raise kind(summary, hint=hints.pop() if len(hints) == 1 else "")
    if refused:
        raise refused[0]


def _delete(layout: Layout, chosen: list[Chosen]) -> Iterator[str]:
    for each in chosen:
        if isinstance(each, SpoolEvent):
            discard_event(layout, each)
            yield each.id
        elif isinstance(each, DrawingForReview):
            discard_review(layout, each)
            yield shown_path(each.path.split("/"))
        else:
            quarantine.discard(layout, each)
            yield shown_path(each.path.split("/"))

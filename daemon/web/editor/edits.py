"""What a user changed about a figure, as the page sends it: plain values, which are checked against the figure where they are applied.

Masks and labels are sent as run lengths, row by row, because they are small, exact and quick to make in a browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daemon.options.inference import InferenceRequest

Pixel = tuple[int, int]
"""Column and row, from the upper left."""

BoxEdges = tuple[int, int, int, int]
"""Left, top, right and bottom, px of the drawing."""


@dataclass(frozen=True)
class Edit:
    """A figure's new state; what is None or missing stays as it was.

    Attributes:
        box: where the figure is cut out; its joints and its mask then are in px of the new crop, and all of them are given.
        joints: locations of the joints that were moved.
        mask: lengths of runs, outside the figure and inside it by turns.
        labels: a `LayerLabel` and the length of its run by turns; none at all if joints and mask are to decide on the layers again.
        has_own_layers: a user decided on these labels; otherwise they are those of a new box, and are valid for these joints only.
    """

    box: BoxEdges | None = None
    joints: Mapping[str, Pixel] = field(default_factory=dict)
    mask: tuple[int, ...] | None = None
    labels: tuple[int, ...] | None = None
    has_own_layers: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was changed."""
        return self == Edit()


@dataclass(frozen=True)
class CutLine:
    """A line that separates a limb from the rest of the figure.

    Attributes:
        limb: name of a `LayerLabel` in lower case, such as "left_arm".
        points: px of the crop.
    """

    limb: str
    points: tuple[Pixel, ...]


@dataclass(frozen=True)
class FigureSource:
    """Where a figure is kept.

    Attributes:
        folder: its character folder; None for a drawing in which no figure was found.
        drawing: the whole drawing, if it was kept, for a new box.
        name: of the figure, for results and messages.
        is_untrusted: other users may have written or replaced its files.
    """

    folder: Path | None
    drawing: Path | None
    name: str
    is_untrusted: bool = False


@dataclass(frozen=True)
class EditorSettings:
    """With what the editor works.

    Attributes:
        inference: where the models run.
        environ: the process's environment.
        retarget: name or file of the retarget configuration; None is the one that fits the motion.
        context: the OpenGL context, a `ContextKind`; None is the first that works.
    """

    inference: InferenceRequest
    environ: Mapping[str, str]
    retarget: str | None = None
    context: str | None = None

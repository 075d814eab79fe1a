"""Run lengths of masks and labels, row by row, as the editor's page sends and receives them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.errors import OptionError
from pipeline.types import Bools, Bytes, LayerLabel


def mask_runs(mask: Bools) -> list[int]:
    """Lengths of the runs of a mask (h, w), outside and inside by turns; the first is outside and may be 0."""
    flat = mask.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0, *lengths] if flat.size and flat[0] else lengths


def mask_of_runs(runs: Sequence[int], width: int, height: int) -> Bools:
    """The mask (h, w) of its runs. Raises OptionError unless they fill it."""
    lengths = _lengths(runs, width * height, "mask")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(height, width)


def label_runs(labels: Bytes) -> list[int]:
    """The labels (h, w) uint8 as a label and the length of its run by turns."""
    flat = labels.ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    lengths = np.diff(np.concatenate([starts, [flat.size]]))
    return np.stack([flat[starts].astype(np.int64), lengths], axis=1).ravel().tolist()


def labels_of_runs(runs: Sequence[int], width: int, height: int) -> Bytes:
    """The labels (h, w) uint8 of their runs. Raises OptionError unless they fill the image with labels."""
    lengths = _lengths(runs[1::2], width * height, "layers")
    labels = np.asarray(runs[::2], np.int64)
    if len(labels) != len(lengths) or not np.isin(labels, list(LayerLabel)).all():
        raise OptionError(f"layers must be labels, 0 to {max(LayerLabel)}, each with the length of its run")
    return np.repeat(labels.astype(np.uint8), lengths).reshape(height, width)


def _lengths(runs: Sequence[int], pixel_count: int, what: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    lengths = np.asarray(runs, np.int64)
    if (lengths < 0).any() or (lengths > pixel_count).any() or int(lengths.sum()) != pixel_count:
        raise OptionError(f"the runs of the {what} must have {pixel_count} px in all (found {int(lengths.sum())})")
    return lengths

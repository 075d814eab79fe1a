"""Reader and writer of layers.png: the layer of each pixel of a character's figure (etc/doc/file-formats.md, "Layers").

A file that doodled wrote records what it was derived from. Until its pixels are edited, it is used only with the same mask and joints, so
that corrected joints are not combined with outdated layers. An edited file is always used.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import CharacterError, FileProblems
from pipeline.files.character_configs import CharacterConfig
from pipeline.files.character_names import LAYERS_NAME, MASK_NAME
from pipeline.files.image_files import read_rgba_with_texts, write_palette_png
from pipeline.mesh.depth import nearest_pixels
from pipeline.types import LAYER_COLORS, Bools, Bytes, LayerLabel

COLOR_TOLERANCE = 60
"""Difference in each channel up to which a pixel has a label's color. Soft brushes leave mixtures, which take the label beside them."""

OPAQUE = 128
"""Alpha from which on a pixel counts."""

UNKNOWN_SHARE = 0.01
"""Share of the figure above which pixels without a label's color are reported."""

_HINT = "without this file, layers are derived from mask and joints"
_OWN_PIXELS, _OWN_FIGURE = "doodled-pixels", "doodled-figure"


def read_layer_labels(path: Path, mask: Bools, config: CharacterConfig) -> tuple[Bytes | None, tuple[str, ...]]:
    """Read the labels (h, w) uint8 of a figure, and notes for the user. None if the file is missing or outdated.

    Colors may be in a palette, or RGB or RGBA.

    Args:
        mask: (h, w) as in mask.png.
    Raises:
        CharacterError: the file can't be read, has another size than the mask, or no label's color in the figure.
    """
    if not path.exists():
        return None, ()
    try:
        rgba, texts = read_rgba_with_texts(path)
    except FileProblems as error:
        raise CharacterError("; ".join(error.problems), path=error.path, hint=_HINT) from error
    (height, width), found = mask.shape, rgba.shape[:2]
    if found != (height, width):
        sizes = f"{LAYERS_NAME} is {found[1]} x {found[0]} px, but {MASK_NAME} is {width} x {height}: expected the same size"
        raise CharacterError(sizes, path=path.parent, hint=_HINT)
    labels = _labels_by_color(rgba)
    if texts.get(_OWN_PIXELS) == _pixels_digest(labels) and texts.get(_OWN_FIGURE) != _figure_digest(mask, config):
        return None, ()
    unknown = mask & (labels == LayerLabel.NONE)
    if unknown.sum() == mask.sum():
        names = ", ".join(f"{label.name.lower().replace('_', ' ')} {LAYER_COLORS[label]}" for label in list(LayerLabel)[1:])
        raise CharacterError(f"{LAYERS_NAME} has no label's color inside the figure: expected {names}", path=path.parent, hint=_HINT)
    notes: tuple[str, ...] = ()
    if unknown.sum() > UNKNOWN_SHARE * mask.sum():
        notes = (f"{int(unknown.sum())} px of the figure have none of the colors of {LAYERS_NAME}; they belong to the layer beside them",)
    return np.where(mask, filled_labels(labels, unknown), np.uint8(LayerLabel.NONE)), notes


def has_edited_layers(path: Path) -> bool:
    """Whether a layers.png was edited by a user, so that it is used with any mask and joints. False if it is missing.

    Raises:
        FileProblems: the file can't be read.
    """
    if not path.exists():
        return False
    rgba, texts = read_rgba_with_texts(path)
    return texts.get(_OWN_PIXELS) != _pixels_digest(_labels_by_color(rgba))


def write_layer_labels(path: Path, labels: Bytes, mask: Bools, config: CharacterConfig, *, are_edited: bool = False) -> None:
    """Write labels (h, w) uint8 as a palette image.

    Args:
        mask, config: what the labels were derived from.
        are_edited: a user decided on them: they stay valid when mask and joints change.
    Raises:
        OutputFailed: the disk refused.
    """
    texts = {} if are_edited else {_OWN_PIXELS: _pixels_digest(labels), _OWN_FIGURE: _figure_digest(mask, config)}
    write_palette_png(path, labels, [LAYER_COLORS[label] for label in LayerLabel], texts)


def _labels_by_color(rgba: Bytes) -> Bytes:
    """The label whose color a pixel has; NONE for other colors and transparent pixels."""
    labels = np.full(rgba.shape[:2], LayerLabel.NONE, np.uint8)
    for label in list(LayerLabel)[1:]:
        lowest, highest = ([level + tolerance for level in LAYER_COLORS[label]] for tolerance in (-COLOR_TOLERANCE, COLOR_TOLERANCE))
        labels[cv2.inRange(rgba, (*lowest, OPAQUE), (*highest, 255)) > 0] = label
    return labels


def filled_labels(labels: Bytes, unknown: Bools) -> Bytes:
    """Labels (h, w) with the nearest one of a layer wherever `unknown` (h, w)."""
    if not unknown.any():
        return labels
    return np.where(unknown, labels[nearest_pixels(labels == LayerLabel.NONE)], labels)


def _pixels_digest(labels: Bytes) -> str:
    return hashlib.sha256(labels.tobytes()).hexdigest()


def _figure_digest(mask: Bools, config: CharacterConfig) -> str:
    joints = [config.joint_names, config.parents.tolist(), config.locations.tolist()]
    digest = hashlib.sha256(repr((mask.shape, joints)).encode())
    digest.update(np.packbits(mask).tobytes())
    return digest.hexdigest()

"""Reduction stage: a character's image at the size of a small output, so that its texture takes a small share of the time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.ink.reduction import reduced
from pipeline.types import Bools, Bytes, Character, CharacterLayer, LayerLabel

INSIDE_LEVEL = 96
"""Threshold of 255 for a reduced pixel to be inside; at a half, thin limbs would break."""


def reduced_character(character: Character, side_px: int) -> Character:
    """The character with an image of at most `side_px` on its longer side; the same object if it is no larger. Joints stay in place."""
    height, width = character.mask.shape
    scale = side_px / max(height, width)
    if scale >= 1.0:
        return character
    size = max(1, round(scale * width)), max(1, round(scale * height))
    mask = _reduced_mask(character.mask, size)
    labels = None if character.layer_labels is None else _reduced_labels(character.layer_labels, size) * mask
    return replace(character, rgba=_reduced(character.rgba, size), mask=mask, layer_labels=labels)


def reduced_layer(layer: CharacterLayer, size: tuple[int, int]) -> CharacterLayer:
    """A layer of a character that is reduced to `size`: width and height, px."""
    if layer.mask.shape == (size[1], size[0]):
        return layer
    return replace(layer, rgb=_reduced(layer.rgb, size), mask=_reduced_mask(layer.mask, size))


def _reduced_mask(mask: Bools, size: tuple[int, int]) -> Bools:
    return _reduced(mask.astype(np.uint8) * np.uint8(255), size) >= INSIDE_LEVEL


def _reduced(image: Bytes, size: tuple[int, int]) -> Bytes:
    """An image, reduced in a tenth of the time of averaging over fractions of pixels. Last rows that fit no block are left out."""
    height, width = image.shape[:2]
    block = max(1, min(width // size[0], height // size[1]))
    return reduced(np.ascontiguousarray(image[: height // block * block, : width // block * block]), size)


def _reduced_labels(labels: Bytes, size: tuple[int, int]) -> Bytes:
    """For each pixel the label that most of it has, NONE aside: the rim of a limb is the limb's, not the body's."""
    present = [label for label in list(LayerLabel)[1:] if (labels == label).any()]
    shares = [_reduced((labels == label).astype(np.uint8) * np.uint8(255), size) for label in present]
    return np.array(present, np.uint8)[np.argmax(shares, axis=0)] if present else np.zeros((size[1], size[0]), np.uint8)

"""Saves an edited figure into its character folder: what was not changed keeps its bytes, and the first version of a file its copy.

In `char_cfg.yaml` only the numbers of joints that were moved change, so comments, keys of other programs, line ends and style stay; two
pages on one folder do not undo each other's joints.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from daemon.web.editor.edits import Edit
from daemon.web.editor.figures import EditableFigure, fitted_labels
from pipeline.errors import DoodledError, OutputFailed
from pipeline.files.annotation_files import OVERLAY_NAME, joint_overlay, write_box
from pipeline.files.character_configs import edited_config, read_character_config
from pipeline.files.character_files import read_character, write_character
from pipeline.files.character_names import BOX_NAME, CONFIG_NAME, DRAWING_NAME, LAYERS_NAME, MASK_NAME, TEXTURE_NAME
from pipeline.files.image_files import read_mask, write_png
from pipeline.files.layer_files import write_layer_labels
from pipeline.pose.limb_labels import derived_labels
from pipeline.types import Character, Drawing, turn_back, turned_pixels

BEFORE_SUFFIX = ".before"
"""Suffix of the copy of a file from before the first save."""

Writer = Callable[[Path], object]


def save_figure(folder: Path, before: EditableFigure, after: EditableFigure, edit: Edit) -> tuple[str, ...]:
    """Save an edit of the figure in a character folder. Returns notes about repairs.

    Args:
        before: as it was read from the folder.
        after: with the edit.
    Raises:
        ConfigError: a joint does not exist, or is outside the image.
        OutputFailed: the disk refused.
    """
    size = (after.width, after.height) if edit.box is not None else None
    writers = _image_writers(before, after, edit)
    text = edited_config(folder / CONFIG_NAME, edit.joints, size)
    if edit.joints or size:
        writers[CONFIG_NAME] = lambda draft: draft.write_bytes(text.encode())
    for name, write in writers.items():
        target = (folder / name).resolve() if name == CONFIG_NAME else folder / name
        try:
            _keep_first_version(folder, name)
            with _replace_atomically(target, like=target if target.exists() else folder / CONFIG_NAME) as draft:
                write(draft)
        except OSError as error:
            raise OutputFailed(f"{name} can't be saved: {error.strerror or error}", path=folder) from error
    if LAYERS_NAME not in writers and (edit.box is not None or edit.labels == ()):
        _discard_layers(folder)
    return _update_derived_images(folder)


def create_figure(folder: Path, figure: EditableFigure, drawing: Drawing | None) -> tuple[str, ...]:
    """Write a figure that has no folder yet, as `doodled annotate` writes it. Returns notes about repairs.

    Raises:
        CharacterError: the mask holds no figure that can be animated.
        OutputFailed: the disk refused.
    """
    character = figure.character(folder / CONFIG_NAME)
    labels = character.layer_labels if character.layer_labels is not None else derived_labels(character)
    write_character(replace(character, layer_labels=labels), folder, turn=figure.config.turn)
    write_png(folder / MASK_NAME, figure.mask.astype(np.uint8) * np.uint8(255))  # with the pieces that have no joint
    if figure.labels is not None and figure.has_own_layers:
        write_layer_labels(folder / LAYERS_NAME, figure.labels, figure.mask, figure.config, are_edited=True)
    if drawing is not None and figure.box is not None:
        write_box(folder / BOX_NAME, figure.box)
        write_png(folder / DRAWING_NAME, drawing.rgb if drawing.alpha is None else np.dstack([drawing.rgb, drawing.alpha]))
    write_png(folder / OVERLAY_NAME, joint_overlay(character))
    return character.repairs


def _image_writers(before: EditableFigure, after: EditableFigure, edit: Edit) -> dict[str, Writer]:
    """What writes each image that changed."""
    writers: dict[str, Writer] = {}
    box = after.box
    if edit.box is not None and box is not None:
        writers[TEXTURE_NAME] = lambda draft: write_png(draft, after.rgba)
        writers[BOX_NAME] = lambda draft: write_box(draft, box)
    if edit.box is not None or not np.array_equal(before.mask, after.mask):
        writers[MASK_NAME] = lambda draft: write_png(draft, after.mask.astype(np.uint8) * np.uint8(255))
    labels = after.labels
    if labels is not None and after.has_own_layers and (before.labels is None or not np.array_equal(before.labels, labels)):
        writers[LAYERS_NAME] = lambda draft: write_layer_labels(draft, labels, after.mask, after.config, are_edited=True)
    elif labels is not None and not after.has_own_layers and MASK_NAME in writers:
        writers[LAYERS_NAME] = lambda draft: write_layer_labels(draft, labels, after.mask, after.config)
    return writers


def _keep_first_version(folder: Path, name: str) -> None:
    first, current = folder / f"{name}{BEFORE_SUFFIX}", folder / name
    if current.exists() and not first.exists():
        with _replace_atomically(first, like=current) as draft:
            draft.write_bytes(current.read_bytes())


def _discard_layers(folder: Path) -> None:
    """Let joints and mask decide on the layers: an empty file is outdated, and derived again."""
    layers = folder / LAYERS_NAME
    if layers.exists():
        _keep_first_version(folder, LAYERS_NAME)
        with _replace_atomically(layers, like=layers) as draft:
            config, mask = read_character_config(folder / CONFIG_NAME), read_mask(folder / MASK_NAME)
            write_layer_labels(draft, np.zeros(mask.shape, np.uint8), ~mask, config)


def _update_derived_images(folder: Path) -> tuple[str, ...]:
    """Update the overlay, and layers that a user did not edit, to what was saved. Returns notes about repairs."""
    name = OVERLAY_NAME
    try:
        character = read_character(folder)
        overlay, layers = folder / OVERLAY_NAME, folder / LAYERS_NAME
        if overlay.exists():
            with _replace_atomically(overlay, like=overlay) as draft:
                write_png(draft, joint_overlay(character))
        name = LAYERS_NAME
        if layers.exists() and character.layer_labels is None:
            _derive_layers(layers, character)
    except (DoodledError, OSError) as error:
        return (f"the figure is saved, but {name} could not be updated: {error}",)
    return character.repairs


def _derive_layers(layers: Path, character: Character) -> None:
    """Derive outdated layers again; a figure that is one layer now needs no file."""
    labels, config = derived_labels(character), read_character_config(layers.parent / CONFIG_NAME)
    if labels is None:
        layers.unlink()
        return
    mask = read_mask(layers.parent / MASK_NAME)
    fitted = fitted_labels(turned_pixels(labels, turn_back(config.turn)), mask)  # pieces without a joint, too
    if fitted is not None:
        with _replace_atomically(layers, like=layers) as draft:
            write_layer_labels(draft, fitted, mask, config)


@contextmanager
def _replace_atomically(path: Path, *, like: Path) -> Iterator[Path]:
    """A temporary file that atomically replaces `path` at the end of the `with` block, with owner and permissions of `like`."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=path.suffix, dir=path.parent)
    draft = Path(name)
    try:
        yield draft
        os.fsync(handle)
        status = like.stat()
        with suppress(PermissionError):
            os.chown(draft, status.st_uid, status.st_gid)
        shutil.copymode(like, draft)
        draft.replace(path)
    finally:
        os.close(handle)
        draft.unlink(missing_ok=True)

"""Reader and writer of AnimatedDrawings' character folders: char_cfg.yaml, mask.png, texture.png (etc/doc/file-formats.md).

A folder may also contain layers.png, which AnimatedDrawings ignores.

AnimatedDrawings asserts or silently loses a limb on small faults. Here they are repaired and reported in `Character.repairs`: a joint
outside the figure moves to its nearest pixel, and pieces of the mask without a joint are removed. Faults whose repair would be a guess
are refused.

A joint's location is a pixel index: pixel (x, y) is at (x / m, 1 - y / m) in the unit square, where m is the image's longer side.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import yaml

from pipeline.errors import CharacterError, ConfigError, FileProblems, OutputFailed
from pipeline.files.character_configs import TURNED, CharacterConfig, read_character_config
from pipeline.files.character_names import CONFIG_NAME, LAYERS_NAME, MASK_NAME, TEXTURE_NAME
from pipeline.files.image_files import read_mask, read_rgba, write_png
from pipeline.files.layer_files import read_layer_labels, write_layer_labels
from pipeline.mesh.outline import excess
from pipeline.types import Bools, Bytes, Character, Floats, LayerLabel, Rig, Turn, turn_back

SMALLEST_FIGURE_PX = 16
# A piece of the mask below this share of the largest piece is a speck: no joint moves onto it.
_SPECK_SHARE = 0.01


def read_character(path: Path) -> Character:
    """Read a character folder, given by its path or by its char_cfg.yaml.

    Raises:
        ConfigError: with all problems of char_cfg.yaml.
        CharacterError: its images are missing, don't match, or hold no figure that can be animated.
    """
    config_path = path / CONFIG_NAME if os.path.isdir(path) else path  # noqa: PTH112 - Path's own fails on long names
    config = read_character_config(config_path)
    folder = config_path.parent
    try:
        rgba, mask = read_rgba(folder / TEXTURE_NAME), read_mask(folder / MASK_NAME)
    except FileProblems as error:
        raise CharacterError("; ".join(error.problems), path=error.path) from error
    _check_sizes(config_path, config, mask, rgba.shape[:2])
    _check_figure(config_path, config, mask)
    labels, notes = read_layer_labels(folder / LAYERS_NAME, mask, config)
    return assembled_character(config, rgba, mask, labels, path=config_path, notes=notes)


def assembled_character(
    config: CharacterConfig, rgba: Bytes, mask: Bools, labels: Bytes | None, *, path: Path, notes: tuple[str, ...] = ()
) -> Character:
    """A character of the content of its files, upright, with small faults repaired.

    Args:
        rgba, mask, labels: as in `Character`, of the size that `config` gives, before they are turned upright.
        path: the char_cfg.yaml, for messages and for the name.
        notes: what else to report beside the repairs.
    Raises:
        CharacterError: the mask holds no figure that can be animated.
    """
    _check_figure(path, config, mask)
    mask, locations, repairs = _mended(config, mask)
    problem = excess(mask)
    if problem:
        hint = "draw it as one shape, without specks and small holes"
        raise CharacterError(f"{MASK_NAME} has no clear outline: {problem}", path=path.parent, hint=hint)
    longer = max(config.width, config.height)
    rest = np.stack([locations[:, 0] / longer, 1 - locations[:, 1] / longer], axis=1)
    rig = Rig(config.joint_names, config.parents, rest)
    labels = None if labels is None else np.where(mask, labels, np.uint8(LayerLabel.NONE))
    character = Character(rgba, mask, rig, path.parent.resolve().name, (*repairs, *notes), labels)
    return character.turned(config.turn)


def character_config(character: Character, *, turn: Turn = 0) -> CharacterConfig:
    """The char_cfg.yaml of a character that is in the orientation of its file; a joint's location is the pixel that contains it."""
    height, width = character.mask.shape
    pixels = np.clip(character.joint_cells(), 0, (width - 1, height - 1))
    return CharacterConfig(width, height, character.rig.joint_names, character.rig.parents, pixels, turn)


def write_character(character: Character, folder: Path, *, turn: Turn = 0) -> None:
    """Write a character as a folder that AnimatedDrawings can read; a joint's location is the pixel that contains it.

    Layers of an earlier character in this folder are removed.

    Args:
        turn: quarter turns by which the image was turned upright. The character is written as it is in the original image, with the turn.
    Raises:
        OutputFailed: the disk refused.
    """
    character = character.turned(turn_back(turn))
    config = character_config(character, turn=turn)
    skeleton = [
        {"loc": [int(x), int(y)], "name": name, "parent": config.joint_names[parent] if parent >= 0 else None}
        for name, parent, (x, y) in zip(config.joint_names, config.parents.tolist(), config.locations, strict=True)
    ]
    turned = {TURNED: turn} if turn else {}
    text = yaml.safe_dump({"height": config.height, "width": config.width, "skeleton": skeleton, **turned}, allow_unicode=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LAYERS_NAME).unlink(missing_ok=True)
        (folder / CONFIG_NAME).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputFailed(f"the character can't be written: {error.strerror or error}", path=folder) from error
    write_png(folder / MASK_NAME, character.mask.astype(np.uint8) * np.uint8(255))
    write_png(folder / TEXTURE_NAME, character.rgba)
    if character.layer_labels is not None:
        write_layer_labels(folder / LAYERS_NAME, character.layer_labels, character.mask, config)


def _check_sizes(path: Path, config: CharacterConfig, mask: Bools, texture_shape: tuple[int, ...]) -> None:
    height, width = mask.shape
    if tuple(texture_shape) != (height, width):
        found = f"{texture_shape[1]} x {texture_shape[0]}"
        raise CharacterError(
            f"{TEXTURE_NAME} is {found} px, but {MASK_NAME} is {width} x {height}: expected the same size", path=path.parent
        )
    if (config.width, config.height) != (width, height):
        sides = (("width", width, config.width), ("height", height, config.height))
        raise ConfigError(path, [f"{name}: expected the images' {own} px, found {said}" for name, own, said in sides if own != said])


def _check_figure(path: Path, config: CharacterConfig, mask: Bools) -> None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise CharacterError(f"{MASK_NAME} is empty: expected the figure in white", path=path.parent)
    longer = max(int(np.ptp(rows)), int(np.ptp(columns))) + 1
    if longer < SMALLEST_FIGURE_PX:
        raise CharacterError(f"the figure is too small: expected at least {SMALLEST_FIGURE_PX} px, found {longer}", path=path.parent)
    child = config.parents >= 0
    bones = config.locations[child] - config.locations[config.parents[child]]
    moving = int(np.count_nonzero(np.any(bones != 0, axis=1)))
    if moving < 2:
        raise CharacterError(f"expected at least 2 joints away from their parents, found {moving}", path=path)


def _mended(config: CharacterConfig, mask: Bools) -> tuple[Bools, Floats, list[str]]:
    """The mask's pieces with joints, joint locations on these pieces, and the repairs.

    Joints on the mask stay, and their pieces are kept. Other joints move to the nearest pixel of those pieces or of any piece that is not a
    speck.
    """
    piece_count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    height, width = mask.shape
    cells = np.floor(config.locations).astype(int)
    framed = np.clip(cells, 0, (width - 1, height - 1))
    held = np.where(np.all(framed == cells, axis=1), pieces[framed[:, 1], framed[:, 0]], 0)
    candidates = areas >= _SPECK_SHARE * areas.max()
    candidates[held] = True
    candidates[0] = False
    locations, repairs = config.locations.copy(), []
    ys, xs = np.nonzero(candidates[pieces]) if not held.all() else (np.zeros(0, int), np.zeros(0, int))
    for joint in np.flatnonzero(held == 0):
        x, y = locations[joint]
        pixel = int(np.argmin((xs - x) ** 2 + (ys - y) ** 2))
        locations[joint] = xs[pixel], ys[pixel]
        held[joint] = pieces[ys[pixel], xs[pixel]]
        repairs.append(
            f"{config.joint_names[joint]} was outside the figure at ({x:g}, {y:g}) px and was moved into it, to ({xs[pixel]}, {ys[pixel]})"
        )
    kept = np.zeros(piece_count, dtype=bool)
    kept[held] = True
    dropped = np.flatnonzero(~kept[1:]) + 1
    if dropped.size:
        what, was = ("a piece", "was") if dropped.size == 1 else (f"{dropped.size} pieces", "were")
        repairs.append(f"{what} of the mask without any joint, {int(areas[dropped].sum())} px in all, {was} left out")
    return kept[pieces], locations, repairs

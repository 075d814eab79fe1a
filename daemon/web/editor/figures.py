"""An editable figure: its image, box, mask, joints and layers, as its files have them, and what an edit makes of them.

All arrays are in the orientation of the files, which may be a quarter turn off the upright figure; only `character` turns them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from daemon.web.editor.edits import BoxEdges, Edit, FigureSource
from daemon.web.editor.runs import labels_of_runs, mask_of_runs
from pipeline.annotate import annotate_box, crop_pixels
from pipeline.errors import CharacterError, FileProblems, OptionError
from pipeline.files.annotation_files import read_box
from pipeline.files.character_configs import CharacterConfig, read_character_config
from pipeline.files.character_files import assembled_character, character_config
from pipeline.files.character_names import BOX_NAME, CONFIG_NAME, LAYERS_NAME, MASK_NAME, TEXTURE_NAME
from pipeline.files.image_files import read_mask, read_rgba
from pipeline.files.layer_files import filled_labels, has_edited_layers, read_layer_labels
from pipeline.ports import Predictor, Stopwatch
from pipeline.pose.limb_labels import derived_labels
from pipeline.stages.rig import JOINTS
from pipeline.types import AnnotatedFigure, Bools, Box, Bytes, Character, Drawing, LayerLabel, turn_back, turned_pixels

MIN_BOX_PX = 16
"""Shortest side of a box that a user draws."""

_ASPECT_TOLERANCE = 0.05
"""A box whose sides have another ratio than the crop, by more than this share, is not the crop's."""


@dataclass(frozen=True, eq=False)
class EditableFigure:
    """A figure with everything that can be corrected.

    Attributes:
        rgba: (h, w, 4) uint8, the crop.
        mask: (h, w) bool.
        config: joints and turn.
        labels: (h, w) uint8, the layers of its layers.png, or None if there is none that is valid.
        has_own_layers: a user decided on the layers; they stay when mask and joints change.
        box: of the crop in the drawing, px; None if that is not known.
        name: for messages.
    """

    rgba: Bytes
    mask: Bools
    config: CharacterConfig
    labels: Bytes | None
    has_own_layers: bool
    box: Box | None
    name: str

    @property
    def height(self) -> int:
        return int(self.mask.shape[0])

    @property
    def width(self) -> int:
        return int(self.mask.shape[1])

    @property
    def is_humanoid(self) -> bool:
        """Whether its joints are those that our models find."""
        return set(self.config.joint_names) == {name for name, _, _ in JOINTS}

    def character(self, path: Path) -> Character:
        """The character as `doodled render` reads it from a folder with this figure, upright.

        Args:
            path: for messages: its char_cfg.yaml.
        Raises:
            CharacterError: the mask holds no figure that can be animated.
        """
        return replace(assembled_character(self.config, self.rgba, self.mask, self.labels, path=path), name=self.name)

    def layers_now(self) -> Bytes | None:
        """The labels (h, w) uint8 that decide how the figure moves: its own, or those that joints and mask give; None for a single layer.

        Raises:
            CharacterError: as `character`.
        """
        if self.labels is not None:
            return self.labels
        derived = derived_labels(self.character(Path(CONFIG_NAME)))
        return None if derived is None else turned_pixels(derived, turn_back(self.config.turn))


def read_figure(source: FigureSource) -> EditableFigure:
    """Read the figure of a character folder.

    Raises:
        ConfigError: with all problems of its char_cfg.yaml.
        CharacterError: its images are missing, damaged or don't match.
    """
    folder = source.folder
    if folder is None:
        raise OptionError("there is no figure yet", hint="draw a box around it")
    config = read_character_config(folder / CONFIG_NAME)
    try:
        rgba, mask = read_rgba(folder / TEXTURE_NAME), read_mask(folder / MASK_NAME)
        has_own_layers = has_edited_layers(folder / LAYERS_NAME)
    except FileProblems as error:
        raise CharacterError("; ".join(error.problems), path=error.path) from error
    size = (config.height, config.width)
    if mask.shape != size or rgba.shape[:2] != size:
        found = f"{mask.shape[1]} x {mask.shape[0]} and {rgba.shape[1]} x {rgba.shape[0]} px"
        expected = f"expected {config.width} x {config.height} px, as {CONFIG_NAME} says"
        raise CharacterError(f"{MASK_NAME} and {TEXTURE_NAME} are {found}: {expected}", path=folder)
    labels, _ = read_layer_labels(folder / LAYERS_NAME, mask, config) if mask.any() else (None, ())
    return EditableFigure(rgba, mask, config, labels, has_own_layers, _read_box(source, config), source.name)


def _read_box(source: FigureSource, config: CharacterConfig) -> Box | None:
    """The box of the crop in the drawing, if there is a drawing and the box fits the crop."""
    if source.folder is None or source.drawing is None:
        return None
    try:
        box = read_box(source.folder / BOX_NAME)
    except FileProblems:
        return None
    is_similar = abs(box.width * config.height - box.height * config.width) <= _ASPECT_TOLERANCE * box.height * config.width
    return box if is_similar else None


def figure_in_box(
    drawing: Drawing, edges: BoxEdges, predictor: Predictor | None, former: EditableFigure | None, *, name: str, stopwatch: Stopwatch
) -> tuple[EditableFigure, tuple[str, ...]]:
    """The figure in a box that a user drew, and notes about it. The pose model is asked for this box only.

    Args:
        predictor: None where no model can run: mask and joints then come from the ink alone.
        former: the figure that is to be cut out anew. Joints that no model knows keep their places in the drawing.
    Raises:
        OptionError: the box is too small or outside the drawing.
        NoFigureFound: nothing is drawn there.
        UpstreamError: the model server is unavailable.
    """
    box = checked_box(drawing, edges)
    turn = former.config.turn if former is not None else 0
    found = annotate_box(drawing, box, predictor, turn=turn, stopwatch=stopwatch)
    figure = _figure_of(found, box, name)
    if former is not None and former.box is not None and not former.is_humanoid:
        figure = replace(figure, config=_moved_into(former, box, figure), labels=None)
    return figure, found.quality.reasons


def checked_box(drawing: Drawing, edges: BoxEdges) -> Box:
    """The box of whole px inside the drawing. Raises OptionError."""
    height, width = drawing.rgb.shape[:2]
    left, right = (min(max(edge, 0), width) for edge in edges[::2])
    top, bottom = (min(max(edge, 0), height) for edge in edges[1::2])
    if right - left < MIN_BOX_PX or bottom - top < MIN_BOX_PX:
        found = f"found {max(0, right - left)} x {max(0, bottom - top)}"
        raise OptionError(f"the box must have at least {MIN_BOX_PX} x {MIN_BOX_PX} px inside the drawing ({found})")
    return Box(left, top, right, bottom)


def edited_figure(figure: EditableFigure | None, edit: Edit, drawing: Drawing | None, *, name: str) -> EditableFigure:
    """A figure after an edit.

    Args:
        figure: as it was; None for a drawing without a figure, for which the edit has a box, a mask and all joints.
        drawing: needed for an edit with a box.
    Raises:
        OptionError: the edit does not fit the figure.
    """
    if edit.box is not None:
        if drawing is None:
            raise OptionError("the drawing of this figure was not kept, so its box can't be changed")
        figure = _cut_anew(figure, drawing, checked_box(drawing, edit.box), name)
    if figure is None:
        raise OptionError("there is no figure yet", hint="draw a box around it")
    config = _with_joints(figure.config, edit)
    mask = figure.mask if edit.mask is None else mask_of_runs(edit.mask, figure.width, figure.height)
    labels: Bytes | None
    if edit.labels == ():
        labels, has_own_layers = None, False
    elif edit.labels is not None:
        labels, has_own_layers = labels_of_runs(edit.labels, figure.width, figure.height), edit.has_own_layers
    else:  # derived layers are valid for the joints that they were derived from
        is_valid = figure.has_own_layers or np.array_equal(config.locations, figure.config.locations)
        labels, has_own_layers = (figure.labels, figure.has_own_layers) if is_valid else (None, False)
    return replace(figure, mask=mask, config=config, labels=fitted_labels(labels, mask), has_own_layers=has_own_layers)


def fitted_labels(labels: Bytes | None, mask: Bools) -> Bytes | None:
    """The labels inside a mask; pixels of it that have none take the nearest."""
    if labels is None or not (labels > LayerLabel.NONE).any():
        return None
    return np.where(mask, filled_labels(labels, mask & (labels == LayerLabel.NONE)), np.uint8(LayerLabel.NONE))


def _with_joints(config: CharacterConfig, edit: Edit) -> CharacterConfig:
    unknown = sorted(set(edit.joints) - set(config.joint_names))
    if unknown:
        raise OptionError(f"{unknown[0]} is no joint of this figure")
    outside = [name for name, (x, y) in edit.joints.items() if not (0 <= x < config.width and 0 <= y < config.height)]
    if outside:
        raise OptionError(f"{outside[0]}: expected a pixel of the image, which is {config.width} x {config.height} px")
    missing = [name for name in config.joint_names if name not in edit.joints]
    if edit.box is not None and missing:
        raise OptionError(f"{missing[0]}: expected a location in the new box")
    locations = [edit.joints.get(name, tuple(at)) for name, at in zip(config.joint_names, config.locations.tolist(), strict=True)]
    return replace(config, locations=np.array(locations, np.float64))


def _cut_anew(figure: EditableFigure | None, drawing: Drawing, box: Box, name: str) -> EditableFigure:
    """A figure in another box, with an empty mask; an edit has all the rest."""
    rgba = crop_pixels(drawing, box)
    height, width = rgba.shape[:2]
    empty = np.zeros((height, width), np.bool_)
    if figure is not None:
        return replace(figure, rgba=rgba, mask=empty, config=replace(figure.config, width=width, height=height), labels=None, box=box)
    names = tuple(joint for joint, _, _ in JOINTS)
    parents = np.array([names.index(parent) if parent else -1 for _, parent, _ in JOINTS], np.int32)
    config = CharacterConfig(width, height, names, parents, np.zeros((len(names), 2)))
    return EditableFigure(rgba, empty, config, None, has_own_layers=False, box=box, name=name)


def _figure_of(found: AnnotatedFigure, box: Box, name: str) -> EditableFigure:
    """An annotated figure in the orientation of its drawing."""
    character = found.character.turned(turn_back(found.turn))
    config = character_config(character, turn=found.turn)
    return EditableFigure(character.rgba, character.mask, config, character.layer_labels, has_own_layers=False, box=box, name=name)


def _moved_into(former: EditableFigure, box: Box, figure: EditableFigure) -> CharacterConfig:
    """Joints at the same places of the drawing in a new crop, or at its nearest pixels."""
    old = former.box or box
    x = (old.left + former.config.locations[:, 0] * old.width / former.width - box.left) * figure.width / box.width
    y = (old.top + former.config.locations[:, 1] * old.height / former.height - box.top) * figure.height / box.height
    locations = np.clip(np.rint(np.stack([x, y], axis=1)), 0, (figure.width - 1, figure.height - 1))
    return replace(former.config, width=figure.width, height=figure.height, locations=locations)

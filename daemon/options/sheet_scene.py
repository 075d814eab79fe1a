"""Build scenes of figures in their places on their own sheet of paper: with the sheet behind them, or several moving together.

A figure's unit is the longer side of its box, so figures of several sizes have several units. A scene has one: the sheet's longer side. A
smaller figure is put further away from the camera, until perspective makes it as large as drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from daemon.options.scene_builder import CharacterClip, Plan, RenderRequest, character_clip, output_file, requested_view
from daemon.options.values import DEFAULT_SIZE, CameraChoice, Size
from pipeline.annotate import crop_pixels
from pipeline.errors import OptionError
from pipeline.ink.paper import has_dark_paper
from pipeline.ink.sheet import paper_light, whitened, without_figures
from pipeline.motion.library import MotionLibrary
from pipeline.stages.frame import camera_over
from pipeline.stages.orientation import turned_drawing
from pipeline.types import Actor, AnnotatedFigure, Bools, Box, Bytes, Character, Drawing, Scene, View

ROOM_ASIDE, ROOM_ABOVE, ROOM_BELOW = 0.15, 0.2, 0.03
"""Room for motions around a figure, as shares of the longer side of its box: the sheet goes on as far, in its own mirror image."""

NO_PAPER_NOTE = "no paper is to be seen around the figure, so it was not whitened"
DARK_NOTE = "the paper is dark, so it was not whitened"


@dataclass(frozen=True, eq=False)
class Sheet:
    """A drawing, upright, and the figures that were found on it.

    Attributes:
        notes: remarks for the user, a sentence each.
    """

    drawing: Drawing
    figures: tuple[AnnotatedFigure, ...]
    notes: tuple[str, ...] = ()
    _backgrounds: dict[tuple[tuple[int, ...], Size], Bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, drawing: Drawing, figures: Sequence[AnnotatedFigure], *, whiten: bool) -> Sheet:
        """The sheet of a drawing as it was read.

        Args:
            whiten: make its paper white, also inside the figures.
        """
        sheet = cls(turned_drawing(drawing, figures[0].turn), tuple(figures))
        if not whiten:
            return sheet
        if has_dark_paper(drawing.rgb):
            return replace(sheet, notes=(DARK_NOTE,))
        rgb = sheet.drawing.rgb
        white = replace(sheet.drawing, rgb=whitened(rgb, paper_light(rgb, sheet.mask(range(len(figures))))[0]))
        return cls(white, tuple(_with_pixels_of(white, figure) for figure in figures))

    def background(self, moving: Sequence[int], window: Box, size: Size) -> Bytes:
        """The sheet without the moving figures, as a frame of `size` shows it, (h, w, 4); made once for all motions."""
        key = (tuple(moving), size)
        if key not in self._backgrounds:
            self._backgrounds[key] = _background(self, moving, window, size)
        return self._backgrounds[key]

    def mask(self, numbers: Sequence[int]) -> Bools:
        """The pixels (H, W) of the figures with the given indices."""
        mask = np.zeros(self.drawing.rgb.shape[:2], np.bool_)
        for number in numbers:
            box, figure = self.figures[number].annotation.box, self.figures[number].character.mask.astype(np.uint8)
            size = int(box.right) - int(box.left), int(box.bottom) - int(box.top)
            part = mask[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]
            part |= cv2.resize(figure, size, interpolation=cv2.INTER_LINEAR) > 0
        return mask


def whitened_character(character: Character) -> tuple[Character, tuple[str, ...]]:
    """A character of which only its own crop is known, on white paper; and notes for the user."""
    rgb = character.rgb
    if has_dark_paper(rgb):
        return character, (DARK_NOTE,)
    hidden = character.mask | (character.rgba[..., 3] < 255)
    if hidden.all():
        return character, (NO_PAPER_NOTE,)
    white = whitened(rgb, paper_light(rgb, hidden)[0])
    return replace(character, rgba=np.dstack([white, character.rgba[..., 3]])), ()


def sheet_plan(
    sheet: Sheet,
    moving: Sequence[int],
    request: RenderRequest,
    environ: Mapping[str, str],
    library: MotionLibrary,
    *,
    name: str,
) -> Plan:
    """The plan for figures that move in their places; the others stay on the paper.

    Args:
        moving: indices of the figures of `sheet` that move.
        name: what the output is named after.
    Raises:
        DoodledError: a motion can't be read; or the camera of AnimatedDrawings is asked for, which does not see the sheet.
    """
    if request.camera is CameraChoice.ORIGINAL:
        raise OptionError("--camera original does not see the sheet of paper", hint="leave it out")
    size, shows_paper = request.size or DEFAULT_SIZE, request.background is not None and request.background.is_paper
    window = _window(sheet, moving, size, shows_paper=shows_paper)
    if shows_paper:
        size = _fitting(window, size)
    height, width = sheet.drawing.rgb.shape[:2]
    unit = max(height, width)
    camera = camera_over(window.left / unit, -window.bottom / unit, window.width / unit, window.height / unit)
    clips = [character_clip(sheet.figures[number].character, request, environ, library) for number in moving]
    actors = tuple(_actor(sheet.figures[number], clip, unit, camera.position) for number, clip in zip(moving, clips, strict=True))
    view = requested_view(View(size.width, size.height, camera=camera), replace(request, size=size))
    if shows_paper:
        view = replace(view, background_image=sheet.background(moving, window, size))
    notes = tuple(dict.fromkeys(note for clip in clips for note in clip.notes))
    output = output_file(name, request, environ)
    return Plan(Scene(actors, view, request.layers), output, clips[0].rate, notes)


def _with_pixels_of(drawing: Drawing, figure: AnnotatedFigure) -> AnnotatedFigure:
    return replace(figure, character=replace(figure.character, rgba=crop_pixels(drawing, figure.annotation.box)))


def _window(sheet: Sheet, moving: Sequence[int], size: Size, *, shows_paper: bool) -> Box:
    """The part of the sheet that the frame shows, px: all of it and the room for the motions; or that room alone, as wide as the frame."""
    height, width = sheet.drawing.rgb.shape[:2]
    rooms = [_room(sheet.figures[number].annotation.box) for number in moving]
    boxes = [*rooms, Box(0, 0, width, height)] if shows_paper else rooms
    around = Box(
        *(min(getattr(b, edge) for b in boxes) for edge in ("left", "top")),
        *(max(getattr(b, edge) for b in boxes) for edge in ("right", "bottom")),
    )
    if shows_paper:
        return around
    aspect = size.width / size.height
    wider, higher = max(0.0, around.height * aspect - around.width) / 2, max(0.0, around.width / aspect - around.height) / 2
    return Box(around.left - wider, around.top - higher, around.right + wider, around.bottom + higher)


def _room(box: Box) -> Box:
    unit = max(box.width, box.height)
    aside, above, below = ROOM_ASIDE * unit, ROOM_ABOVE * unit, ROOM_BELOW * unit
    return Box(box.left - aside, box.top - above, box.right + aside, box.bottom + below)


def _fitting(window: Box, size: Size) -> Size:
    """The largest size of the window's shape within `size`, of even numbers, as video codecs like them."""
    scale = min(size.width / window.width, size.height / window.height)
    return Size(*(max(2, 2 * round(side * scale / 2)) for side in (window.width, window.height)))


def _actor(figure: AnnotatedFigure, clip: CharacterClip, unit: int, camera: tuple[float, float, float]) -> Actor:
    """The figure as far from the camera as makes it as large as drawn, with its root joint where it is drawn."""
    box, (x, y) = figure.annotation.box, figure.character.rig.rest[0].tolist()
    side = max(box.width, box.height)
    scale = side / unit
    across, up = (box.left + x * side) / unit, -(box.top + (1 - y) * side) / unit
    position = (camera[0] + (across - camera[0]) / scale, camera[1] + (up - camera[1]) / scale, camera[2] * (1 - 1 / scale))
    return Actor(clip.character, clip.motion, clip.retarget, position)


def _background(sheet: Sheet, moving: Sequence[int], window: Box, size: Size) -> Bytes:
    """The sheet without the moving figures, at about the size of the frame: (h, w, 4)."""
    rgb, others = sheet.drawing.rgb, [number for number in range(len(sheet.figures)) if number not in moving]
    scale = min(1.0, size.width / window.width)
    small = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    masks = [
        np.asarray(cv2.resize(sheet.mask(numbers).astype(np.float32), small, interpolation=cv2.INTER_AREA) > 0)
        for numbers in (moving, others)
    ]
    paper = without_figures(np.asarray(cv2.resize(rgb, small, interpolation=cv2.INTER_AREA), np.uint8), *masks)
    margins = (-window.top, window.bottom - rgb.shape[0], -window.left, window.right - rgb.shape[1])
    top, bottom, left, right = (max(0, round(margin * scale)) for margin in margins)
    wide = cv2.copyMakeBorder(paper, top, bottom, left, right, cv2.BORDER_REFLECT)
    return np.dstack([wide, np.full(wide.shape[:2], 255, np.uint8)])

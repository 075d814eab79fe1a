"""A character folder whose joints are being moved: what it holds, how it would dance, and how it is saved."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from daemon.commands.render import render
from daemon.plans import RenderRequest
from daemon.stopwatch import WallStopwatch
from pipeline.annotation_files import OVERLAY_NAME, joint_overlay
from pipeline.character_configs import CharacterConfig, moved_joints, read_character_config
from pipeline.character_files import CONFIG_NAME, MASK_NAME, TEXTURE_NAME, read_character
from pipeline.errors import OptionError, OutputFailed, RenderFailed
from pipeline.picture_files import write_png
from pipeline.types import Format

BEFORE_NAME = f"{CONFIG_NAME}.before"
"""The joints as they were before anybody moved them."""

Locations = Mapping[str, tuple[int, int]]
"""Where joints are: x and y of a pixel of the texture, y down."""


@dataclass(frozen=True)
class Shown:
    """How a figure moves with its joints where they are.

    Attributes:
        notes: what was mended for it.
    """

    gif: bytes
    notes: tuple[str, ...]


class CharacterFolder:
    """A folder with char_cfg.yaml, mask.png and texture.png, given itself or by its char_cfg.yaml.

    Args:
        request: how it is shown; its target and output do not matter.
        environ: the process's environment, as `render` wants it.
    Raises:
        ConfigError, CharacterError: it could not be animated as it is.
        OptionError: it is no folder.
    """

    def __init__(self, path: Path, request: RenderRequest, environ: Mapping[str, str]) -> None:
        self.place = path.parent if path.name == CONFIG_NAME else path
        if self.place.is_file():
            hint = "`doodled annotate PICTURE -o DIR` makes one of a picture"
            raise OptionError("expected a character folder, found a file", path=path, hint=hint)
        self._request, self._environ = request, environ
        self._drawing, self._is_over = threading.Lock(), False
        read_character(self.place)

    @property
    def texture(self) -> Path:
        return self.place / TEXTURE_NAME

    @property
    def mask(self) -> Path:
        return self.place / MASK_NAME

    def config(self) -> CharacterConfig:
        """The joints as they are saved."""
        return read_character_config(self.place / CONFIG_NAME)

    def shown(self, locations: Locations, motion: str) -> Shown:
        """The figure dancing with its joints elsewhere; nothing is saved. One at a time: it takes all processors that there are.

        Raises:
            DoodledError: as `render` does.
        """
        text = moved_joints(self.place / CONFIG_NAME, locations)
        with self._drawing:
            if self._is_over:
                raise RenderFailed("doodled joints is about to end")
            return self._drawn(text, motion)

    def _drawn(self, text: str, motion: str) -> Shown:
        with tempfile.TemporaryDirectory(prefix="doodled-joints-") as made:
            draft, output = Path(made) / self.place.resolve().name, Path(made) / "shown.gif"
            draft.mkdir()
            (draft / CONFIG_NAME).write_text(text, encoding="utf-8")
            for name, picture in ((MASK_NAME, self.mask), (TEXTURE_NAME, self.texture)):
                (draft / name).symlink_to(picture.resolve())
            request = replace(self._request, target=draft, output=output, motion=motion, format=Format.GIF)
            done = render(request, self._environ, WallStopwatch())
            return Shown(output.read_bytes(), done.notes)

    def finish(self) -> None:
        """Wait for what is being drawn, and draw no more: OpenGL must not be left in the middle of something when the process ends."""
        with self._drawing:
            self._is_over = True

    def save(self, locations: Locations) -> tuple[str, ...]:
        """Write the joints, all of them or none; what the file said at first is kept beside it. Returns what reading it mends.

        Raises:
            ConfigError: a joint that is not there, or is outside of the picture.
            OutputFailed: the disk refused.
        """
        config, before = self.place / CONFIG_NAME, self.place / BEFORE_NAME
        text = moved_joints(config, locations)
        try:
            if not before.exists():
                shutil.copy2(config, before)
            _replace(config, text)
        except OSError as error:
            raise OutputFailed(f"the joints can't be saved: {error.strerror or error}", path=config) from error
        character = read_character(self.place)
        overlay = self.place / OVERLAY_NAME
        if overlay.exists():
            write_png(overlay, joint_overlay(character))
        return character.repairs


def _replace(path: Path, text: str) -> None:
    """Put `text` into a file's place, with its permissions."""
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        shutil.copymode(path, draft)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)

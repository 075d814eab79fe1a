"""A character folder whose joints are being moved: what it holds, how it would dance, and how it is saved."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from daemon.options.motions import motion_library
from daemon.options.scene_builder import RenderRequest, build_plan
from pipeline.errors import DoodledError, OptionError, OutputFailed, RenderFailed
from pipeline.files.annotation_files import OVERLAY_NAME, joint_overlay
from pipeline.files.character_configs import CharacterConfig, moved_joints, read_character_config
from pipeline.files.character_files import CONFIG_NAME, MASK_NAME, TEXTURE_NAME, read_character
from pipeline.files.picture_files import read_mask, write_png
from pipeline.types import Format

BEFORE_NAME = f"{CONFIG_NAME}.before"
"""The joints as they were before anybody moved them."""

Locations = Mapping[str, tuple[int, int]]
"""Where joints are: x and y of a pixel of the texture, y down."""

Render = Callable[[RenderRequest], tuple[str, ...]]
"""Renders what a request names into its output, and returns the notes for the user. Raises DoodledError."""

_SHADE = 110, 150
"""Grey, and how opaque it is: what lies beside the figure."""


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
        environ: the process's environment.
        render: renders a draft of the folder.
    Raises:
        OptionError: it is no folder.
        DoodledError: it could not be animated as it is, or not with what the request names.
    """

    def __init__(self, path: Path, request: RenderRequest, environ: Mapping[str, str], render: Render) -> None:
        self.place = path.parent if path.name == CONFIG_NAME else path
        if os.path.isfile(self.place):  # noqa: PTH113 - Path's own fails on long names
            hint = "`doodled annotate PICTURE -o DIR` makes one of a picture"
            raise OptionError("expected a character folder, found a file", path=path, hint=hint)
        self._request, self._render = request, render
        self._drawing, self._saving, self._is_over = threading.Lock(), threading.Lock(), False
        build_plan(replace(request, target=self.place / CONFIG_NAME), environ, motion_library(environ))

    @property
    def texture(self) -> Path:
        return self.place / TEXTURE_NAME

    @property
    def mask(self) -> Path:
        return self.place / MASK_NAME

    def shade(self) -> bytes:
        """A PNG that is clear where `render` sees the figure, whatever kind of picture the mask is.

        Raises:
            FileProblems: the mask.
        """
        grey, opacity = _SHADE
        beside = np.where(read_mask(self.mask), 0, opacity).astype(np.uint8)
        made = io.BytesIO()
        Image.fromarray(np.stack([np.full_like(beside, grey), beside], axis=-1), "LA").save(made, "PNG", compress_level=1)
        return made.getvalue()

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
            (draft / CONFIG_NAME).write_bytes(text.encode())
            for name, picture in ((MASK_NAME, self.mask), (TEXTURE_NAME, self.texture)):
                (draft / name).symlink_to(picture.resolve())
            request = replace(self._request, target=draft / CONFIG_NAME, output=output, motion=motion, format=Format.GIF)
            notes = self._render(request)
            return Shown(output.read_bytes(), notes)

    def finish(self) -> None:
        """Wait for what is being saved or drawn, and draw no more: a process that ends in the middle of OpenGL crashes."""
        with self._saving, self._drawing:
            self._is_over = True

    def save(self, locations: Locations) -> tuple[str, ...]:
        """Write the joints, all of them or none; what the file said at first is kept beside it. Returns what reading it mends.

        Raises:
            ConfigError: a joint that is not there, or is outside of the picture.
            OutputFailed: the disk refused.
        """
        config, before = (self.place / CONFIG_NAME).resolve(), self.place / BEFORE_NAME
        with self._saving:
            text = moved_joints(config, locations)
            try:
                if not before.exists():
                    with _replaced(before, like=config) as draft:
                        draft.write_bytes(config.read_bytes())
                with _replaced(config, like=config) as draft:
                    draft.write_bytes(text.encode())
            except OSError as error:
                raise OutputFailed(f"the joints can't be saved: {error.strerror or error}", path=config) from error
            return self._mended()

    def _mended(self) -> tuple[str, ...]:
        """What reading the folder mends, once its overlay shows the joints that are saved."""
        overlay = self.place / OVERLAY_NAME
        try:
            character = read_character(self.place)
            if overlay.exists():
                with _replaced(overlay, like=overlay) as draft:
                    write_png(draft, joint_overlay(character))
        except (DoodledError, OSError) as error:
            return (f"the joints are saved, but {OVERLAY_NAME} is as it was: {error}",)
        return character.repairs


@contextmanager
def _replaced(path: Path, *, like: Path) -> Iterator[Path]:
    """A draft that takes the place of a file, or of a link, at the end, with the owner and the permissions of `like`."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    draft = Path(name)
    try:
        yield draft
        os.fsync(handle)
        found = like.stat()
        with suppress(PermissionError):
            os.chown(draft, found.st_uid, found.st_gid)
        shutil.copymode(like, draft)
        draft.replace(path)
    finally:
        os.close(handle)
        draft.unlink(missing_ok=True)

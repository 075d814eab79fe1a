"""A character folder in the joint editor: its content, previews of its motion, and saving of its joints."""

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
from pipeline.files.character_configs import CharacterConfig, edited_config, read_character_config
from pipeline.files.character_files import read_character
from pipeline.files.character_names import CONFIG_NAME, LAYERS_NAME, MASK_NAME, TEXTURE_NAME
from pipeline.files.layer_files import write_layer_labels
from pipeline.files.picture_files import read_mask, write_png
from pipeline.pose.limb_labels import derived_labels
from pipeline.types import Character, Format, turn_back, turned_pixels

BEFORE_NAME = f"{CONFIG_NAME}.before"
"""Copy of the configuration from before the first save."""

Locations = Mapping[str, tuple[int, int]]
"""Joint locations by name: x and y of a pixel of the texture, y down."""

Render = Callable[[RenderRequest], tuple[str, ...]]
"""Renders what a request names into its output, and returns the notes for the user. Raises DoodledError."""

_SHADE = 110, 150
"""Gray and opacity, 0..255, of the area outside the figure."""


@dataclass(frozen=True)
class Preview:
    """A rendered preview.

    Attributes:
        notes: repairs of the character, as sentences for the user.
    """

    gif: bytes
    notes: tuple[str, ...]


class CharacterFolder:
    """A folder with char_cfg.yaml, mask.png, texture.png and perhaps layers.png.

    Args:
        path: the folder, or its char_cfg.yaml.
        request: options of the previews; target and output are ignored.
        environ: the process's environment.
        render: renders a copy of the folder for a preview.
    Raises:
        OptionError: the path is not a folder.
        DoodledError: the folder can't be animated with this request.
    """

    def __init__(self, path: Path, request: RenderRequest, environ: Mapping[str, str], render: Render) -> None:
        self.place = path.parent if path.name == CONFIG_NAME else path
        if os.path.isfile(self.place):  # noqa: PTH113 - Path's own fails on long names
            hint = "`doodled annotate IMAGE -o DIR` makes one of an image"
            raise OptionError("expected a character folder, found a file", path=path, hint=hint)
        self._request, self._render = request, render
        self._rendering, self._saving, self._is_finished = threading.Lock(), threading.Lock(), False
        build_plan(replace(request, target=self.place / CONFIG_NAME), environ, motion_library(environ))

    @property
    def texture(self) -> Path:
        return self.place / TEXTURE_NAME

    @property
    def mask(self) -> Path:
        return self.place / MASK_NAME

    def shade(self) -> bytes:
        """A PNG that is transparent where `render` sees the figure, for every kind of mask image.

        Raises:
            FileProblems: the mask can't be read.
        """
        gray, opacity = _SHADE
        beside = np.where(read_mask(self.mask), 0, opacity).astype(np.uint8)
        png = io.BytesIO()
        Image.fromarray(np.stack([np.full_like(beside, gray), beside], axis=-1), "LA").save(png, "PNG", compress_level=1)
        return png.getvalue()

    def config(self) -> CharacterConfig:
        """The saved joints."""
        return read_character_config(self.place / CONFIG_NAME)

    def render_preview(self, locations: Locations, motion: str) -> Preview:
        """Render the figure with moved joints, without saving them. One preview at a time, because each uses all processors.

        Raises:
            DoodledError: as `render`.
        """
        text = edited_config(self.place / CONFIG_NAME, locations)
        with self._rendering:
            if self._is_finished:
                raise RenderFailed("doodled joints is stopping")
            return self._render_copy(text, motion)

    def _render_copy(self, text: str, motion: str) -> Preview:
        with tempfile.TemporaryDirectory(prefix="doodled-joints-") as parent:
            draft, output = Path(parent) / self.place.resolve().name, Path(parent) / "preview.gif"
            draft.mkdir()
            (draft / CONFIG_NAME).write_bytes(text.encode())
            for name in (MASK_NAME, TEXTURE_NAME, LAYERS_NAME):
                if (self.place / name).exists():
                    (draft / name).symlink_to((self.place / name).resolve())
            request = replace(self._request, target=draft / CONFIG_NAME, output=output, motion=motion, format=Format.GIF)
            notes = self._render(request)
            return Preview(output.read_bytes(), notes)

    def finish(self) -> None:
        """Wait for a save or preview in progress, and refuse further previews: a process that exits during OpenGL calls crashes."""
        with self._saving, self._rendering:
            self._is_finished = True

    def save(self, locations: Locations) -> tuple[str, ...]:
        """Save joints, all or none; the first save keeps a copy of the original file. Returns notes about repairs.

        Raises:
            ConfigError: a joint does not exist, or is outside the image.
            OutputFailed: the disk refused.
        """
        config, before = (self.place / CONFIG_NAME).resolve(), self.place / BEFORE_NAME
        with self._saving:
            text = edited_config(config, locations)
            try:
                if not before.exists():
                    with _replacing(before, like=config) as draft:
                        draft.write_bytes(config.read_bytes())
                with _replacing(config, like=config) as draft:
                    draft.write_bytes(text.encode())
            except OSError as error:
                raise OutputFailed(f"the joints can't be saved: {error.strerror or error}", path=config) from error
            return self._update_images()

    def _update_images(self) -> tuple[str, ...]:
        """Update the overlay and the layers to the saved joints, if there are any. Returns notes about repairs."""
        name = OVERLAY_NAME
        try:
            character = read_character(self.place)
            self._update_overlay(character)
            name = LAYERS_NAME
            self._update_layers(character)
        except (DoodledError, OSError) as error:
            return (f"the joints are saved, but {name} could not be updated: {error}",)
        return character.repairs

    def _update_overlay(self, character: Character) -> None:
        overlay = self.place / OVERLAY_NAME
        if overlay.exists():
            with _replacing(overlay, like=overlay) as draft:
                write_png(draft, joint_overlay(character))

    def _update_layers(self, character: Character) -> None:
        """Derive the layers again, unless a user edited them; a figure that is one layer now needs no file."""
        layers = self.place / LAYERS_NAME
        if not layers.exists() or character.layer_labels is not None:
            return
        labels, config = derived_labels(character), self.config()
        if labels is None:
            layers.unlink()
            return
        with _replacing(layers, like=layers) as draft:
            write_layer_labels(draft, turned_pixels(labels, turn_back(config.turn)), read_mask(self.mask), config)


@contextmanager
def _replacing(path: Path, *, like: Path) -> Iterator[Path]:
    """A temporary file that atomically replaces `path` at the end of the `with` block, with owner and permissions of `like`."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
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

"""Meshes and textures of characters in one layer, for tests of single stages."""

from __future__ import annotations

import numpy as np

from pipeline.stages.layers import single_layer_character
from pipeline.stages.mesh import Figure, figure_of
from pipeline.stages.sprite import layer_images, sprite_of
from pipeline.types import Character, Mesh, Singles, Sprite


def single_layer_figure(character: Character) -> Figure:
    return figure_of(character, single_layer_character(character))


def single_layer_sprite(character: Character, mesh: Mesh, *, px_per_unit: float, colors: Singles | None = None) -> Sprite:
    layer_of_vertex = np.zeros(len(mesh.vertices), np.int32)
    images, side_px = layer_images(character, single_layer_character(character)), max(character.mask.shape)
    return sprite_of(images, mesh, layer_of_vertex, side_px=side_px, px_per_unit=px_per_unit, colors=colors)

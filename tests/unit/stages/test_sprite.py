"""The image on the mesh: no paper at its edge, about as fine as the screen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sample_scene
from single_layer import single_layer_figure, single_layer_sprite

from pipeline.stages.sprite import bled, inked_alpha, joint_colors, own_opacity, paper_difference, soft_alpha

CHARACTER = sample_scene.character(color=(200, 60, 40))
MESH = single_layer_figure(CHARACTER).mesh


@pytest.mark.parametrize("px_per_unit", [30.0, 60.0, 120.0, 500.0])
def test_wherever_the_sprite_is_visible_it_has_the_figures_color_and_none_of_the_papers(px_per_unit: float) -> None:
    sprite = single_layer_sprite(CHARACTER, MESH, px_per_unit=px_per_unit)
    visible = sprite.rgba[sprite.rgba[..., 3] > 0][:, :3]
    np.testing.assert_allclose(visible, np.broadcast_to((200, 60, 40), visible.shape), atol=2)


def test_it_is_reduced_to_what_the_screen_shows_and_never_enlarged() -> None:
    assert single_layer_sprite(CHARACTER, MESH, px_per_unit=60.0).rgba.shape[:2] == (60, 60)
    assert single_layer_sprite(CHARACTER, MESH, px_per_unit=5000.0).rgba.shape[:2] == (120, 120)
    assert single_layer_sprite(CHARACTER, MESH, px_per_unit=0.001).rgba.shape[:2] == (1, 1)


def test_texture_coordinates_point_at_the_vertex_in_the_image() -> None:
    sprite = single_layer_sprite(CHARACTER, MESH, px_per_unit=500.0)
    px = sprite.uv * sample_scene.SIDE
    np.testing.assert_allclose(px[:, 0], MESH.vertices[:, 0] * sample_scene.SIDE, atol=1e-4)
    np.testing.assert_allclose(px[:, 1], (1 - MESH.vertices[:, 1]) * sample_scene.SIDE, atol=1e-4)


def test_alpha_is_full_inside_half_on_the_rim_and_nothing_outside() -> None:
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    alpha = soft_alpha(mask)
    assert alpha[4, 4] == 255
    assert 110 <= alpha[2, 4] == alpha[4, 6] <= 128
    assert not alpha[~mask].any()


def test_a_line_of_one_pixel_stays_visible() -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, 1:8] = True
    assert soft_alpha(mask)[4, 4] >= 110


def test_the_rim_takes_the_color_behind_it() -> None:
    rgb = np.full((12, 12, 3), 255, np.uint8)
    rgb[4:8, 4:8] = (10, 20, 30)  # ink, inside a mask two pixels wider
    mask = np.zeros((12, 12), bool)
    mask[2:10, 2:10] = True
    result = bled(rgb, mask, 255 - rgb[..., 0], rim_px=2.0)
    assert (result[mask] == (10, 20, 30)).all()


def test_a_thin_line_keeps_the_colors_of_its_middle() -> None:
    rgb = np.full((7, 20, 3), 255, np.uint8)
    rgb[3, :10], rgb[3, 10:] = (255, 0, 0), (0, 0, 255)
    mask = np.zeros((7, 20), bool)
    mask[2:5] = True
    result = bled(rgb, mask, 255 - rgb.min(axis=2), rim_px=3.0)
    assert (result[:, 2] == (255, 0, 0)).all()
    assert (result[:, 17] == (0, 0, 255)).all()


def test_handles_thin_outline_of_a_small_drawing() -> None:
    """A head of 60 px with a line of two soft pixels around white paper: the rim took the color of the paper inside, in gaps and dots."""
    y, x = np.mgrid[:120, :120]
    radius = np.hypot(x - 60, y - 60)
    darkness = np.clip(1.6 - np.abs(radius - 28.5), 0.0, 1.0)
    rgba = np.full((120, 120, 4), 255, np.uint8)
    rgba[..., :3] = np.rint(255 - 255 * darkness)[..., None]
    character = replace(CHARACTER, rgba=rgba, mask=radius <= 30)
    sprite = single_layer_sprite(character, single_layer_figure(character).mesh, px_per_unit=500.0)
    on_line = (np.abs(radius - 28.5) < 0.6) & (sprite.rgba[..., 3] == 255)
    assert on_line.sum() > 30
    assert sprite.rgba[on_line, 0].max() < 60
    assert (sprite.rgba[(radius > 29) & (radius < 32), 0] < 140).all(), "what texture filtering picks up beside the line"
    assert (sprite.rgba[radius < 24, 0] == 255).all()


def test_erased_spot_inside_a_figure_lends_its_hidden_black_to_nothing() -> None:
    y, x = np.mgrid[: sample_scene.SIDE, : sample_scene.SIDE]
    radius, hole = np.hypot(x - 60, y - 60), np.hypot(x - 60, y - 90) < 7
    rgba = np.full((*radius.shape, 4), 255, np.uint8)
    rgba[radius <= 32, :3] = (230, 60, 50)
    rgba[hole] = 0
    character = replace(CHARACTER, rgba=rgba, mask=radius <= 34)
    sprite = single_layer_sprite(character, single_layer_figure(character).mesh, px_per_unit=500.0)
    assert (sprite.rgba[radius <= 40, 0] > 200).all()


def test_joint_colors_differ_between_joints() -> None:
    colors = joint_colors(np.arange(16, dtype=np.int32), 16)
    apart = np.abs(colors[:, None] - colors[None]).sum(axis=-1) + 9 * np.eye(16)
    assert apart.min() > 0.05


def inked_ring(ink: tuple[int, int, int], paper: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A disc in ink on paper, a mask that is three pixels wider, and the disc; the paper darkens to the right."""
    y, x = np.mgrid[:120, :120]
    radius = np.hypot(x - 60, y - 60)
    rgb = np.where((radius < 40)[..., None], ink, paper) - (x * 0.2)[..., None]
    return np.clip(rgb, 0, 255).astype(np.uint8), radius < 43, radius < 40


@pytest.mark.parametrize(
    ("ink", "paper"), [((30, 30, 60), (230, 225, 215)), ((210, 200, 190), (235, 230, 220)), ((240, 240, 240), (60, 70, 65))]
)
def test_the_paper_between_the_masks_edge_and_the_ink_is_not_seen(ink: tuple[int, int, int], paper: tuple[int, int, int]) -> None:
    """Dark ink, faint ink, chalk; in uneven light."""
    rgb, mask, disc = inked_ring(ink, paper)
    alpha = inked_alpha(paper_difference(rgb, mask, reach_px=5), mask)
    rim = mask & ~disc
    assert alpha[rim].mean() < 40
    assert (alpha[disc] == 255).all()
    assert not alpha[~mask].any()


def test_a_figure_of_the_papers_color_is_kept_but_for_its_rim() -> None:
    rgb, mask, _ = inked_ring((230, 225, 215), (230, 225, 215))
    rgb[55:65, 55:65] = 20
    alpha = inked_alpha(paper_difference(rgb, mask, reach_px=5), mask)
    y, x = np.mgrid[:120, :120]
    assert (alpha[np.hypot(x - 60, y - 60) < 37] == 255).all()


@pytest.mark.parametrize("looseness", [0, 7])
def test_what_a_cut_out_texture_hides_is_neither_seen_nor_taken_for_paper(looseness: int) -> None:
    """Its hidden color is black, as its outline is."""
    y, x = np.mgrid[: sample_scene.SIDE, : sample_scene.SIDE]
    radius = np.hypot(x - 60, y - 60)
    rgba = np.full((*radius.shape, 4), (230, 60, 50, 255), np.uint8)
    rgba[radius > 32] = (0, 0, 0, 255)
    rgba[radius > 40] = 0
    character = replace(CHARACTER, rgba=rgba, mask=radius <= 40 + looseness)
    sprite = single_layer_sprite(character, single_layer_figure(character).mesh, px_per_unit=500.0)
    assert not sprite.rgba[(radius > 34) & (radius <= 41), :3].any()
    assert (sprite.rgba[radius < 38, 3] == 255).all()
    assert not sprite.rgba[radius > 41, 3].any()


@pytest.mark.parametrize(("stored", "seen"), [(0, 255), (100, 200), (128, 255), (255, 255)])
def test_pale_washes_and_an_alpha_left_unset_do_not_vanish(stored: int, seen: int) -> None:
    rgba = CHARACTER.rgba.copy()
    rgba[..., 3] = stored
    assert own_opacity(replace(CHARACTER, rgba=rgba)).tolist() == np.full(rgba.shape[:2], seen).tolist()


def test_without_paper_around_nothing_is_taken_away() -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)
    mask = np.ones((20, 20), bool)
    difference = paper_difference(rgb, mask, reach_px=3)
    assert not difference.any()
    np.testing.assert_array_equal(inked_alpha(difference, mask), soft_alpha(mask))

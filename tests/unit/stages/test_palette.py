import numpy as np
import pytest

from pipeline.errors import ShapeError
from pipeline.stages.palette import INVISIBLE_ERROR, palette_of
from pipeline.types import Canvas, Palette, Sprite

CLEAR = (1.0, 1.0, 1.0, 0.0)
WHITE = (1.0, 1.0, 1.0, 1.0)


def sprite(rgb, alpha=None, colors=None):
    rgb = np.asarray(rgb, dtype=np.uint8)
    alpha = np.full(rgb.shape[:2], 255, dtype=np.uint8) if alpha is None else alpha
    return Sprite(np.dstack([rgb, alpha]), np.zeros((3, 2), dtype=np.float32), colors)


def canvas(background=CLEAR, image=None):
    return Canvas(64, 64, background, image, np.eye(4, dtype=np.float32))


def flat(*colors, side=8):
    return np.repeat(np.array(colors, dtype=np.uint8)[None, :, :], side, axis=0)


def looked_up(palette, rgb):
    """What the table makes of colors."""
    red, green, blue = np.moveaxis(np.asarray(rgb, dtype=np.uint8) // 8, -1, 0)
    return palette.colors[palette.lookup[red, green, blue]]


def noise(seed=1, side=90, scatter=12):
    """Noise around a few colors: a crayon drawing, or with little scatter a pencil's."""
    random = np.random.default_rng(seed)
    middles = random.integers(30, 225, (6, 3))
    return np.clip(middles[random.integers(0, 6, (side, side))] + random.normal(0, scatter, (side, side, 3)), 0, 255).astype(np.uint8)


def test_few_colors_are_kept_as_they_are():
    colors = flat((250, 240, 230), (10, 20, 120), (200, 30, 30))
    palette = palette_of([sprite(colors)], canvas())
    assert sorted(map(tuple, palette.colors.tolist())) == sorted(map(tuple, colors[0].tolist()))
    assert np.array_equal(looked_up(palette, colors), colors)


def test_error_is_invisible_where_colors_are_not_limited():
    drawing = noise(scatter=4)
    palette = palette_of([sprite(drawing)], canvas(), max_colors=255)
    error = np.square(looked_up(palette, drawing).astype(float) - drawing).mean()
    assert error < 1.25 * INVISIBLE_ERROR
    assert len(palette.colors) < 255


def test_lookup_answers_almost_as_well_as_a_search():
    drawing = noise(2)
    palette = palette_of([sprite(drawing)], canvas())
    distances = np.square(drawing[..., None, :].astype(float) - palette.colors).sum(axis=-1)
    error = np.square(looked_up(palette, drawing).astype(float) - drawing).sum(axis=-1)
    assert error.mean() < 1.05 * distances.min(axis=-1).mean()


def test_blends_between_colors_are_answered_too():
    palette = palette_of([sprite(flat((0, 0, 0), (255, 255, 255), (255, 0, 0)))], canvas())
    assert looked_up(palette, [[30, 28, 33]])[0].tolist() == [0, 0, 0]
    assert looked_up(palette, [[220, 228, 233]])[0].tolist() == [255, 255, 255]
    assert looked_up(palette, [[240, 40, 40]])[0].tolist() == [255, 0, 0]


def test_plain_background_is_exact():
    background = (200 / 255, 229 / 255, 199 / 255, 1.0)
    palette = palette_of([sprite(noise())], canvas(background))
    assert palette.colors[-1].tolist() == [200, 229, 199]
    assert looked_up(palette, [[200, 229, 199]])[0].tolist() == [200, 229, 199]


def test_colors_of_the_debug_views_are_exact():
    wanted = [(255, 0, 0), (0, 0, 255), (255, 0, 0)]
    palette = palette_of([sprite(noise())], canvas(WHITE), exact=wanted)
    assert palette.colors[-3:].tolist() == [[255, 0, 0], [0, 0, 255], [255, 255, 255]]
    assert np.array_equal(looked_up(palette, np.array(wanted)), wanted)


def test_joint_colors_are_among_the_samples():
    colors = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=np.float32)
    palette = palette_of([sprite(flat((128, 128, 128)), colors=colors)], canvas())
    assert np.array_equal(looked_up(palette, (255 * colors).astype(np.uint8)), (255 * colors).astype(np.uint8))


def test_what_is_transparent_does_not_count():
    rgb = flat((10, 10, 10), (240, 0, 240))
    alpha = np.repeat(np.array([[255, 127]], dtype=np.uint8), 8, axis=0)
    assert palette_of([sprite(rgb, alpha)], canvas()).colors.tolist() == [[10, 10, 10]]


def test_soft_rim_counts_as_it_is_seen_over_a_plain_background():
    alpha = np.repeat(np.array([[255, 128]], dtype=np.uint8), 8, axis=0)
    palette = palette_of([sprite(flat((0, 0, 0), (0, 0, 0)), alpha)], canvas(WHITE))
    assert sorted(palette.colors[:, 0].tolist()) == [0, 127, 255]


def test_every_sprite_counts_the_same_however_large():
    large, small = noise(3, side=200), noise(4, side=10)
    palette = palette_of([sprite(large), sprite(small)], canvas())
    errors = [np.square(looked_up(palette, drawing).astype(float) - drawing).mean() for drawing in (large, small)]
    assert errors[1] < 4 * errors[0]


def test_image_brings_its_colors():
    gradient = np.zeros((40, 256, 4), dtype=np.uint8)
    gradient[..., 1] = np.arange(256)
    gradient[..., 3] = 255
    palette = palette_of([sprite(flat((250, 10, 10)))], canvas(WHITE, gradient))
    assert np.abs(looked_up(palette, gradient[..., :3]).astype(int) - gradient[..., :3]).max() <= 8
    assert looked_up(palette, [[250, 10, 10]])[0].tolist() == [250, 10, 10]


def test_background_behind_a_translucent_image_brings_its_colors_too():
    image = np.full((8, 30, 4), (0, 0, 255, 255), dtype=np.uint8)
    image[:, 10:20, 3] = 51
    image[:, 20:, 3] = 0
    palette = palette_of([sprite(flat((10, 120, 10)))], canvas((1.0, 0.0, 0.0, 1.0), image))
    seen = [[0, 0, 255], [204, 0, 51], [255, 0, 0]]
    assert looked_up(palette, seen).tolist() == seen


@pytest.mark.parametrize("most", [1, 2, 16, 255])
def test_number_of_colors_is_limited(most):
    assert len(palette_of([sprite(noise())], canvas(), max_colors=most).colors) <= most


def test_there_are_no_more_colors_than_in_the_drawing():
    almost_one = flat((100, 100, 100), (101, 100, 100), (200, 200, 200))
    assert len(palette_of([sprite(almost_one)], canvas(), invisible_error=0.0).colors) == 2


def test_drawings_get_few_colors_unless_asked():
    random = np.random.default_rng(5).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    assert len(palette_of([sprite(random)], canvas()).colors) == 63
    assert len(palette_of([sprite(random)], canvas(WHITE)).colors) == 64


@pytest.mark.parametrize("most", [0, 256, 2])
def test_impossible_number_of_colors_is_refused(most):
    with pytest.raises(ShapeError, match="max_colors"):
        palette_of([sprite(noise())], canvas(WHITE), exact=[(1, 2, 3), (4, 5, 6)], max_colors=most)


def test_all_colors_may_be_exact():
    palette = palette_of([sprite(noise())], canvas(WHITE), exact=[(1, 2, 3)], max_colors=2)
    assert palette.colors.tolist() == [[1, 2, 3], [255, 255, 255]]


@pytest.mark.parametrize(("background", "colors"), [(CLEAR, [[0, 0, 0]]), (WHITE, [[255, 255, 255]])])
def test_nothing_to_draw(background, colors):
    nothing = sprite(flat((9, 9, 9)), alpha=np.zeros((8, 1), dtype=np.uint8))
    assert palette_of([], canvas(background)).colors.tolist() == colors
    assert palette_of([nothing], canvas(background)).colors.tolist() == colors


def test_same_drawing_gives_the_same_palette():
    first, second = (palette_of([sprite(noise(6))], canvas(WHITE)) for _ in range(2))
    assert np.array_equal(first.colors, second.colors)
    assert np.array_equal(first.lookup, second.lookup)


def test_axes_of_the_lookup_are_red_green_and_blue():
    palette = palette_of([sprite(flat((255, 0, 0), (0, 255, 0), (0, 0, 255)))], canvas())
    assert palette.lookup.shape == (32, 32, 32)
    corners = [palette.lookup[-1, 0, 0], palette.lookup[0, -1, 0], palette.lookup[0, 0, -1]]
    assert palette.colors[corners].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_lookup_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"Palette\.lookup"):
        Palette(np.zeros((1, 3), np.uint8), np.zeros((64, 64, 64), np.uint8))


def test_background_that_is_shown_as_opaque_is_exact_too():
    assert palette_of([sprite(noise())], canvas((0.2, 0.4, 0.6, 0.5))).colors[-1].tolist() == [51, 102, 153]
    assert [51, 102, 153] not in palette_of([sprite(flat((9, 9, 9)))], canvas((0.2, 0.4, 0.6, 0.4))).colors.tolist()


def test_of_exact_colors_in_one_cell_the_last_is_answered():
    palette = palette_of([sprite(noise())], canvas(WHITE), exact=[(250, 252, 254)])
    assert palette.colors[-2:].tolist() == [[250, 252, 254], [255, 255, 255]]
    assert looked_up(palette, [[250, 252, 254]])[0].tolist() == [255, 255, 255]

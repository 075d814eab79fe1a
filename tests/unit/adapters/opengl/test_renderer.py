"""The renderer's pixels, computed anew in numpy on images of a few pixels.

World units are pixels here unless a test says otherwise: `pixel_canvas` has its world origin at the image's bottom-left corner.
"""

import threading
from fractions import Fraction

import numpy as np
import pytest

from pipeline.adapters.opengl.contexts import GLContext
from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.adapters.opengl.resources import premultiplied
from pipeline.errors import RenderFailed, ShapeError
from pipeline.ports import Renderer
from pipeline.types import Canvas, Frame, Layer, PixelLayout, Sprite, Strokes

pytestmark = pytest.mark.gl

CLEAR = (1.0, 1.0, 1.0, 0.0)
NOW = Fraction(0)


def pixel_canvas(width=8, height=8, background=CLEAR, image=None) -> Canvas:
    projection = np.array([[2 / width, 0, 0, -1], [0, 2 / height, 0, -1], [0, 0, -0.01, 0], [0, 0, 0, 1]], np.float32)
    return Canvas(width, height, background, image, projection)


def quad(left, top, right, bottom, *, height=8, z=0.0) -> Layer:
    """A rectangle, given in image px, of two triangles."""
    corners = [(left, top), (left, bottom), (right, bottom), (right, top)]
    vertices = np.array([(x, height - y) for x, y in corners], np.float32)
    return Layer(vertices, z, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def quad_sprite(rgba, colors=None) -> Sprite:
    return Sprite(np.asarray(rgba, np.uint8), np.array([[0, 0], [0, 1], [1, 1], [1, 0]], np.float32), colors)


def plain(*rgba, size=2) -> Sprite:
    return quad_sprite(np.full((size, size, 4), rgba))


def random_rgba(seed, height, width, lowest_alpha=0):
    rng = np.random.default_rng(seed)
    rgba = rng.integers(0, 256, (height, width, 4))
    rgba[..., 3] = rng.integers(lowest_alpha, 256, (height, width))
    return rgba.astype(np.uint8)


def over(under, rgba):
    """The blend equation on (..., 4) 0..255 premultiplied floats: GL_ONE, GL_ONE_MINUS_SRC_ALPHA, stored as bytes."""
    top = premultiplied(rgba).astype(float)
    return np.rint(top + np.rint(under * (255 - top[..., 3:]) / 255))


def straight(premultiplied_pixels):
    alpha = premultiplied_pixels[..., 3:]
    rgb = np.rint(premultiplied_pixels[..., :3] * 255 / np.maximum(alpha, 1))
    return np.concatenate([np.minimum(rgb, 255), alpha], axis=-1)


def drawn(renderer, canvas, sprites, layers, *, layout=PixelLayout.RGBA, strokes=()):
    """One frame put back into a whole image of zeros, int."""
    with renderer.open_scene(canvas, sprites, layout=layout) as stage:
        return whole(stage.draw(layers, strokes, NOW), canvas)


def whole(frame: Frame, canvas: Canvas):
    height, width = frame.pixels.shape[:2]
    image = np.zeros((canvas.height, canvas.width, 4), int)
    image[frame.top : frame.top + height, frame.left : frame.left + width] = frame.pixels
    return image


def test_implements_the_port(renderer):
    port: Renderer = renderer
    assert "(egl" in port.name or "(osmesa" in port.name


def test_opaque_image_comes_back_unchanged_top_row_first(renderer):
    rgba = random_rgba(1, 4, 3, lowest_alpha=255)
    image = drawn(renderer, pixel_canvas(), [quad_sprite(rgba)], [quad(2, 1, 5, 5)])
    expected = np.zeros((8, 8, 4), int)
    expected[1:5, 2:5] = rgba
    np.testing.assert_array_equal(image, expected)


def test_straight_alpha_is_recovered(renderer):
    rgba = random_rgba(2, 8, 8, lowest_alpha=1)
    image = drawn(renderer, pixel_canvas(), [quad_sprite(rgba)], [quad(0, 0, 8, 8)])
    expected = straight(over(np.zeros((8, 8, 4)), rgba))
    np.testing.assert_array_equal(image[..., 3], rgba[..., 3])
    # A premultiplied byte off by one is 255 / alpha off when straight.
    assert np.all(np.abs(image - expected)[..., :3] <= 1 + 255 / rgba[..., 3:])


def test_invisible_texels_are_nothing(renderer):
    image = drawn(renderer, pixel_canvas(), [plain(200, 100, 50, 0)], [quad(0, 0, 8, 8)])
    assert not image.any()


def test_layers_blend_over_each_other(renderer):
    below, above = random_rgba(3, 8, 8), random_rgba(4, 8, 8)
    image = drawn(
        renderer, pixel_canvas(background=(0.2, 0.4, 0.6, 1.0)), [quad_sprite(below), quad_sprite(above)],
        [quad(0, 0, 8, 8, z=-1.0), quad(0, 0, 8, 8, z=0.0)], layout=PixelLayout.OPAQUE,
    )  # fmt: skip
    expected = over(over(np.full((8, 8, 4), [51, 102, 153, 255], float), below), above)
    assert np.abs(image - expected).max() <= 2
    assert np.all(image[..., 3] == 255)


@pytest.mark.parametrize(("depths", "seen"), [((-1.0, 0.0), "second"), ((0.0, -1.0), "first"), ((0.5, 0.5), "second")])
def test_farther_layers_are_drawn_first(renderer, depths, seen):
    sprites = [plain(255, 0, 0, 255), plain(0, 255, 0, 255)]
    image = drawn(renderer, pixel_canvas(), sprites, [quad(0, 0, 8, 8, z=z) for z in depths])
    assert tuple(image[4, 4]) == ((255, 0, 0, 255) if seen == "first" else (0, 255, 0, 255))


def test_triangles_are_drawn_in_the_order_given(renderer):
    # Two quads in one mesh, on the same place: the left and the right half of the sprite.
    rgba = np.zeros((1, 2, 4), np.uint8)
    rgba[0] = [(255, 0, 0, 255), (0, 0, 255, 255)]
    uv = np.array([(u, v) for u in (0.25, 0.75) for v in (0, 0, 1, 1)], np.float32)
    vertices = np.array([(1, 1), (6, 1), (6, 6), (1, 6)] * 2, np.float32)
    halves = np.array([[[0, 1, 2], [0, 2, 3]], [[4, 5, 6], [4, 6, 7]]], np.int32)
    for last, color in ((0, (255, 0, 0, 255)), (1, (0, 0, 255, 255))):
        triangles = np.concatenate([halves[1 - last], halves[last]])
        image = drawn(renderer, pixel_canvas(), [Sprite(rgba, uv)], [Layer(vertices, 0.0, triangles)])
        assert tuple(image[4, 4]) == color


def test_triangles_side_by_side_neither_overlap_nor_gape(renderer):
    side, cells = 16, 5
    rng = np.random.default_rng(5)
    steps = np.linspace(0, side, cells + 1)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1)
    grid[1:-1, 1:-1] += rng.uniform(-1, 1, (cells - 1, cells - 1, 2))
    number = np.arange((cells + 1) ** 2).reshape(cells + 1, cells + 1)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]).astype(np.int32)
    vertices = grid.reshape(-1, 2).astype(np.float32)
    sprite = Sprite(np.full((4, 4, 4), (90, 160, 30, 128), np.uint8), (vertices / side).astype(np.float32))
    image = drawn(renderer, pixel_canvas(side, side), [sprite], [Layer(vertices, 0.0, triangles)])
    assert np.ptp(image, axis=(0, 1)).max() == 0
    assert image[0, 0, 3] == 128


def test_linear_filter_takes_the_middle_of_two_texels(renderer):
    rgba = np.array([[(0, 0, 0, 255), (200, 100, 50, 255)]], np.uint8)
    image = drawn(renderer, pixel_canvas(), [quad_sprite(rgba)], [quad(0, 0, 8, 8)])
    position = np.clip((np.arange(8) + 0.5) / 8 * 2 - 0.5, 0, 1)
    expected = position[:, None] * np.array([200, 100, 50])
    assert np.abs(image[0, :, :3] - expected).max() <= 2


def test_soft_edges_keep_their_color(renderer):
    """Premultiplied filtering: next to invisible black, red only gets thinner, never darker."""
    rgba = np.array([[(0, 0, 0, 0), (250, 0, 0, 255)]], np.uint8)
    image = drawn(renderer, pixel_canvas(), [quad_sprite(rgba)], [quad(0, 0, 8, 8)])
    visible = image[..., 3] > 0
    soft = visible & (image[..., 3] < 255)
    assert soft.any()
    assert np.abs(image[visible][:, 0] - 250).max() <= 255 / 32


def test_frame_is_cropped_to_the_figure(renderer):
    canvas = pixel_canvas(16, 16)
    with renderer.open_scene(canvas, [plain(9, 9, 9, 255)], layout=PixelLayout.RGBA) as stage:
        frame = stage.draw([quad(4.5, 6, 9, 12, height=16)], [], Fraction(7, 30))
    assert (frame.left, frame.top, frame.pixels.shape) == (3, 5, (8, 7, 4))
    assert frame.pts == Fraction(7, 30)


def test_crop_ends_at_the_canvas(renderer):
    with renderer.open_scene(pixel_canvas(), [plain(9, 9, 9, 255)], layout=PixelLayout.RGBA) as stage:
        frame = stage.draw([quad(-5, -5, 50, 50)], [], NOW)
    assert (frame.left, frame.top, frame.pixels.shape) == (0, 0, (8, 8, 4))
    assert frame.pixels.flags.c_contiguous
    assert np.all(frame.pixels == 9 + 246 * (np.arange(4) == 3))


def test_vertices_of_no_triangle_do_not_widen_the_crop(renderer):
    layer = quad(2, 2, 4, 4)
    stray = Layer(np.concatenate([layer.vertices, [[8, 8]]]).astype(np.float32), 0.0, layer.triangles)
    sprite = plain(9, 9, 9, 255)
    sprite = Sprite(sprite.rgba, np.concatenate([sprite.uv, [[0, 0]]]).astype(np.float32))
    with renderer.open_scene(pixel_canvas(), [sprite], layout=PixelLayout.RGBA) as stage:
        assert stage.draw([stray], [], NOW).pixels.shape == (4, 4, 4)


@pytest.mark.parametrize("layout", [PixelLayout.RGBA, PixelLayout.CUT_OUT])
def test_figure_out_of_view_leaves_an_empty_frame(renderer, layout):
    with renderer.open_scene(pixel_canvas(), [plain(9, 9, 9, 255)], layout=layout) as stage:
        for layers in ([], [quad(20, 20, 30, 30)], [Layer(np.zeros((4, 2), np.float32), 0.0, np.zeros((0, 3), np.int32))]):
            frame = stage.draw(layers, [], NOW)
            assert frame.pixels.size == 0
            assert frame.pixels.shape[2:] == (4,)
        assert stage.draw([quad(2, 2, 4, 4)], [], NOW).pixels.size


def test_nothing_of_the_last_frame_stays(renderer):
    with renderer.open_scene(pixel_canvas(), [plain(255, 0, 0, 255)], layout=PixelLayout.RGBA) as stage:
        for left in (0, 5, 2, 0, 3):
            frame = stage.draw([quad(left, left, left + 3, left + 3)], [], NOW)
            image = whole(frame, pixel_canvas())
            assert image[..., 3].sum() == 9 * 255
        wide = stage.draw([quad(0, 0, 1, 1)], [Strokes(*triangle((7, 7), (8, 7), (8, 8)), filled=True)], NOW)
        assert (whole(wide, pixel_canvas())[1:6, 1:6] == 0).all()


@pytest.mark.parametrize("layout", [PixelLayout.OPAQUE, PixelLayout.RGBA, PixelLayout.CUT_OUT])
def test_figure_that_outgrows_the_last_framebuffer_is_drawn_as_ever(renderer, layout):
    """As on a canvas that is covered, whose framebuffer has the canvas's size from the start."""
    canvas, white = pixel_canvas(200, 150), pixel_canvas(200, 150, background=(1.0, 1.0, 1.0, 1.0))
    sprite = quad_sprite(random_rgba(11, 5, 4, lowest_alpha=255))
    with renderer.open_scene(canvas, [sprite], layout=layout) as stage:
        for left, top, right, bottom in ((190, 140, 199, 149), (10, 20, 90, 60), (30, 5, 60, 145), (-5, -5, 250, 200), (70, 100, 75, 103)):
            layer = quad(left, top, right, bottom, height=150)
            shown = whole(stage.draw([layer], [], NOW), canvas)
            on_white = drawn(renderer, white, [sprite], [layer], layout=PixelLayout.OPAQUE)
            is_figure = shown[..., 3] > 0
            np.testing.assert_array_equal(np.where(is_figure[..., None], shown, 255), on_white)
            assert is_figure.all() or layout is not PixelLayout.OPAQUE


def test_framebuffer_grows_in_few_steps(renderer):
    with renderer.open_scene(pixel_canvas(1000, 1000), [plain(9, 9, 9, 255)], layout=PixelLayout.CUT_OUT) as stage:
        for side in range(10, 1000, 10):
            stage.draw([quad(0, 0, side, side, height=1000)], [], NOW)
        delete = renderer._context.gl.glDeleteFramebuffers
        assert 1 < sum(each is delete for each, _ in stage._targets._objects._names) < 10


def triangle(*corners, rgba=(0.0, 0.0, 1.0, 1.0), height=8):
    """A filled triangle given in image px, as points and colors."""
    points = np.array([(x, height - y, 0) for x, y in corners], np.float32)
    return points, np.tile(np.array(rgba, np.float32), (len(corners), 1))


def test_covered_canvas_is_redrawn_only_where_it_changed_but_comes_whole(renderer):
    canvas = pixel_canvas(16, 16, image=random_rgba(6, 16, 16, lowest_alpha=255))
    sprite = quad_sprite(random_rgba(7, 3, 3))
    with renderer.open_scene(canvas, [sprite], layout=PixelLayout.OPAQUE) as stage:
        for left, top in ((0, 0), (10, 3), (12, 12), (40, 40), (5, 5), (5, 5)):
            layer = quad(left, top, left + 3, top + 3, height=16)
            frame = stage.draw([layer], [], NOW)
            assert (frame.left, frame.top, frame.pixels.shape) == (0, 0, (16, 16, 4))
            once = drawn(renderer, canvas, [sprite], [layer], layout=PixelLayout.OPAQUE)
            np.testing.assert_array_equal(frame.pixels, once)


@pytest.mark.parametrize(
    ("background", "layout", "expected"),
    [
        ((0.2, 0.4, 0.6, 1.0), PixelLayout.RGBA, (51, 102, 153, 255)),
        ((0.2, 0.4, 0.6, 1.0), PixelLayout.OPAQUE, (51, 102, 153, 255)),
        ((0.2, 0.4, 0.6, 0.5), PixelLayout.OPAQUE, (153, 178.5, 204, 255)),
        ((0.2, 0.4, 0.6, 0.0), PixelLayout.OPAQUE, (255, 255, 255, 255)),
        ((0.2, 0.4, 0.6, 0.5), PixelLayout.RGBA, (51, 102, 153, 127)),
    ],
)
def test_background_color(renderer, background, layout, expected):
    image = drawn(renderer, pixel_canvas(3, 2, background), [], [], layout=layout)
    assert image.shape == (2, 3, 4)
    # The color is stored premultiplied: a byte off by one is 255 / alpha off when straight.
    assert np.abs(image - np.array(expected)).max() <= 255 / expected[3]


def test_background_image_is_stretched_over_the_frame(renderer):
    rgba = np.array([[(255, 0, 0, 255), (0, 255, 0, 255)], [(0, 0, 255, 255), (255, 255, 255, 255)]], np.uint8)
    image = drawn(renderer, pixel_canvas(8, 8, image=rgba), [], [])
    for (row, column), color in {(0, 0): rgba[0, 0], (0, 7): rgba[0, 1], (7, 0): rgba[1, 0], (7, 7): rgba[1, 1]}.items():
        assert np.abs(image[row, column] - color).max() <= 1


def test_translucent_image_is_on_the_background_color(renderer):
    rgba = random_rgba(8, 5, 4)
    image = drawn(renderer, pixel_canvas(4, 5, (0.2, 0.4, 0.6, 1.0), rgba), [], [], layout=PixelLayout.OPAQUE)
    expected = over(np.full((5, 4, 4), [51, 102, 153, 255], float), rgba)
    assert np.abs(image - expected).max() <= 1


def cut(rgba):
    """What is less than half there left out."""
    return np.where(rgba[..., 3:] >= 128, rgba, 0).astype(np.uint8)


def behind_cut_outs(*sprites):
    """What an empty pixel holds, (4,) 0..255: the mean of the sprites' soft texels, and alpha 0."""
    rims = [s.rgba[(s.rgba[..., 3] > 0) & (s.rgba[..., 3] < 255)][:, :3].mean(axis=0) for s in sprites]
    return np.rint([*np.mean(rims, axis=0), 0])


def test_alpha_of_one_half_decides_about_a_cut_out(renderer):
    rgba = np.full((1, 4, 4), 9, np.uint8)
    rgba[0, :, 3] = (0, 127, 128, 255)
    canvas = pixel_canvas(4, 1)
    image = drawn(renderer, canvas, [quad_sprite(rgba)], [quad(0, 0, 4, 1, height=1)], layout=PixelLayout.CUT_OUT)
    np.testing.assert_array_equal(image[..., 3], [[0, 0, 128, 255]])


def test_rim_of_a_cut_out_is_mixed_with_the_rims_own_color(renderer):
    """Neither with what the canvas would have behind, nor with black."""
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:, :4] = (250, 10, 20, 255)
    rgba[:, 4:6] = (200, 40, 90, 150)
    rgba[:, 6:] = (0, 0, 0, 0)
    image = drawn(renderer, pixel_canvas(), [quad_sprite(rgba)], [quad(0, 0, 8, 8)], layout=PixelLayout.CUT_OUT)
    assert np.abs(image[:, :4] - (250, 10, 20, 255)).max() == 0
    assert np.abs(image[:, 4:6, :3] - (200, 40, 90)).max() <= 1
    assert np.abs(image[:, 6:] - (200, 40, 90, 0)).max() <= 1


def test_cut_out_is_blended_over_the_color_of_its_rim(renderer):
    sprite = quad_sprite(random_rgba(10, 16, 16))
    canvas = pixel_canvas(16, 16)
    image = drawn(renderer, canvas, [sprite], [quad(0, 0, 16, 16, height=16)], layout=PixelLayout.CUT_OUT)
    expected = over(np.full((16, 16, 4), behind_cut_outs(sprite)), cut(sprite.rgba))
    assert np.abs(image - expected).max() <= 1
    np.testing.assert_array_equal(image[..., 3] > 0, sprite.rgba[..., 3] >= 128)


def test_cut_outs_stay_soft_where_they_lie_on_each_other(renderer):
    below, above = (quad_sprite(random_rgba(seed, 8, 8)) for seed in (3, 4))
    layers = [quad(0, 0, 8, 8, z=-1.0), quad(0, 0, 8, 8, z=0.0)]
    image = drawn(renderer, pixel_canvas(), [below, above], layers, layout=PixelLayout.CUT_OUT)
    first = over(np.full((8, 8, 4), behind_cut_outs(below, above)), cut(below.rgba))
    assert np.abs(image - over(first, cut(above.rgba))).max() <= 2


def test_painted_cut_out_has_a_rim_of_its_paint(renderer):
    rgba = random_rgba(11, 8, 8)
    green = np.tile(np.array([0, 1, 0], np.float32), (4, 1))
    image = drawn(renderer, pixel_canvas(), [quad_sprite(rgba, green)], [quad(0, 0, 8, 8)], layout=PixelLayout.CUT_OUT)
    np.testing.assert_array_equal(image[..., 3], cut(rgba)[..., 3])
    assert np.abs(image[..., :3] - (0, 255, 0)).max() <= 1


def test_background_image_is_cut_out_without_a_mixture(renderer):
    rgba = random_rgba(12, 5, 4)
    image = drawn(renderer, pixel_canvas(4, 5, image=rgba), [plain(9, 9, 9, 255)], [], layout=PixelLayout.CUT_OUT)
    seen = rgba[..., 3] >= 128
    np.testing.assert_array_equal(image[..., 3], 255 * seen)
    assert np.abs(image - rgba)[seen][:, :3].max() <= 1 + 255 / 128


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_nothing_is_cut_out_of_an_opaque_canvas(renderer, alpha):
    rgba = random_rgba(13, 8, 8)
    canvas = pixel_canvas(background=(0.2, 0.4, 0.6, alpha))
    image = drawn(renderer, canvas, [quad_sprite(rgba)], [quad(0, 0, 8, 8)], layout=PixelLayout.CUT_OUT)
    assert np.all(image[..., 3] == 255)
    assert np.abs(image - over(np.full((8, 8, 4), [51, 102, 153, 255], float), rgba)).max() <= 1


def test_background_that_is_less_than_half_there_is_nothing(renderer):
    with renderer.open_scene(pixel_canvas(3, 2, (0.2, 0.4, 0.6, 0.49)), [], layout=PixelLayout.CUT_OUT) as stage:
        assert stage.draw([], [], NOW).pixels.size == 0


def test_strokes_are_drawn_into_cut_outs_as_they_are(renderer):
    strokes = [Strokes(*triangle((0, 0), (0, 8), (8, 8), rgba=(1.0, 0.0, 0.0, 0.4)), filled=True)]
    image = drawn(renderer, pixel_canvas(), [], [], layout=PixelLayout.CUT_OUT, strokes=strokes)
    assert image[6, 1, 3] > 0
    assert image[1, 6, 3] == 0


def perspective(width, height, distance, focal):
    """A pinhole at (0, 0, distance) looking along -z; `focal` = half the image per unit at distance 1."""
    near, far = 0.1, 100.0
    view = np.eye(4)
    view[2, 3] = -distance
    depth = [0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)]
    return (np.array([[focal * height / width, 0, 0, 0], [0, focal, 0, 0], depth, [0, 0, -1, 0]]) @ view).astype(np.float32)


def test_perspective_places_and_shrinks_with_distance(renderer):
    canvas = Canvas(16, 16, CLEAR, None, perspective(16, 16, distance=2.0, focal=2.0))
    square = np.array([[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 0]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    for z in (0.0, -2.0):
        image = drawn(renderer, canvas, [plain(9, 9, 9, 255)], [Layer(square, z, triangles)])
        side = round(0.5 * 2.0 / (2.0 - z) * 8)
        expected = np.zeros((16, 16), bool)
        expected[8 - side : 8, 8 : 8 + side] = True
        np.testing.assert_array_equal(image[..., 3] > 0, expected)


def test_figure_behind_the_camera_is_not_seen(renderer):
    canvas = Canvas(16, 16, CLEAR, None, perspective(16, 16, distance=2.0, focal=2.0))
    square = np.array([[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 0]], np.float32)
    image = drawn(renderer, canvas, [plain(9, 9, 9, 255)], [Layer(square, 3.0, np.array([[0, 1, 2], [0, 2, 3]], np.int32))])
    assert not image.any()


def test_camera_from_behind_turns_the_order_of_depths(renderer):
    view = perspective(16, 16, distance=0.0, focal=2.0) @ np.diag([-1.0, 1.0, -1.0, 1.0])
    canvas = Canvas(16, 16, CLEAR, None, view.astype(np.float32))
    square = np.array([[-5, -5], [-5, 5], [5, 5], [5, -5]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    layers = [Layer(square, 1.0, triangles), Layer(square, 2.0, triangles)]
    image = drawn(renderer, canvas, [plain(255, 0, 0, 255), plain(0, 255, 0, 255)], layers)
    assert tuple(image[8, 8]) == (255, 0, 0, 255)


@pytest.mark.parametrize(("behind", "seen"), [(True, (255, 0, 0, 255)), (False, (0, 0, 255, 255))])
def test_strokes_lie_behind_or_in_front(renderer, behind, seen):
    strokes = [Strokes(*triangle((0, 0), (0, 8), (8, 8)), filled=True, behind=behind)]
    image = drawn(renderer, pixel_canvas(), [plain(255, 0, 0, 255)], [quad(0, 0, 8, 8)], strokes=strokes)
    assert tuple(image[6, 1]) == seen
    assert tuple(image[1, 6]) == (255, 0, 0, 255)


def test_translucent_strokes_blend_straight(renderer):
    strokes = [Strokes(*triangle((0, 0), (0, 8), (8, 8), rgba=(1.0, 0.0, 0.0, 0.4)), filled=True)]
    image = drawn(renderer, pixel_canvas(), [], [], strokes=strokes)
    assert np.abs(image[6, 1] - (255, 0, 0, 102)).max() <= 2


def test_lines_cover_a_row_of_pixels(renderer):
    points, colors = triangle((1, 3.5), (7, 3.5))
    image = drawn(renderer, pixel_canvas(), [], [], strokes=[Strokes(points, colors)])
    covered = np.argwhere(image[..., 3] == 255)
    assert set(covered[:, 0]) == {3}
    assert covered[:, 1].min() <= 1
    assert covered[:, 1].max() >= 6


def test_strokes_without_points_draw_nothing(renderer):
    none = Strokes(np.zeros((0, 3), np.float32), np.zeros((0, 4), np.float32))
    assert not drawn(renderer, pixel_canvas(), [], [], strokes=[none]).any()


def test_painted_sprite_keeps_the_drawings_outline(renderer):
    alpha = random_rgba(11, 8, 8)
    colors = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]], np.float32)
    image = drawn(renderer, pixel_canvas(), [quad_sprite(alpha, colors)], [quad(0, 0, 8, 8)])
    np.testing.assert_array_equal(image[..., 3], alpha[..., 3])
    # Each triangle takes its last vertex's color: 2 below the diagonal, 3 above.
    assert np.argmax(image[7, 0, :3]) == 2
    assert np.argmax(image[0, 7, :3]) == 1


def test_pixels_are_read_only_and_reused(renderer):
    with renderer.open_scene(pixel_canvas(), [plain(1, 2, 3, 255)], layout=PixelLayout.RGBA) as stage:
        first = stage.draw([quad(1, 1, 4, 4)], [], NOW).pixels
        assert np.shares_memory(first, stage.draw([quad(1, 1, 4, 4)], [], NOW).pixels)
        with pytest.raises(ValueError, match="read-only"):
            first[0, 0, 0] = 1


def test_many_draw_orders_are_kept_without_end_but_not_in_memory(renderer):
    layer = quad(0, 0, 8, 8)
    with renderer.open_scene(pixel_canvas(), [plain(1, 2, 3, 255)], layout=PixelLayout.RGBA) as stage:
        for _ in range(200):
            frame = stage.draw([Layer(layer.vertices, 0.0, layer.triangles.copy())], [], NOW)
            assert frame.pixels[4, 4, 3] == 255
        assert len(stage._sprite_batches[0]._orders) <= 64


def test_stages_may_take_turns(renderer):
    with (
        renderer.open_scene(pixel_canvas(), [plain(255, 0, 0, 255)], layout=PixelLayout.RGBA) as red,
        renderer.open_scene(pixel_canvas(), [plain(0, 255, 0, 255)], layout=PixelLayout.CUT_OUT) as green,
    ):
        for _ in range(2):
            assert tuple(red.draw([quad(0, 0, 8, 8)], [], NOW).pixels[4, 4]) == (255, 0, 0, 255)
            assert tuple(green.draw([quad(0, 0, 8, 8)], [], NOW).pixels[4, 4]) == (0, 255, 0, 255)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Layer(np.zeros((3, 2), np.float32), 0.0, np.zeros((1, 3), np.int32)), "Layer.vertices"),
        (Layer(np.zeros((4, 2), np.float64), 0.0, np.zeros((1, 3), np.int32)), "Layer.vertices"),
        (Layer(np.zeros((4, 2), np.float32), 0.0, np.full((1, 3), 4, np.int32)), "Layer.triangles"),
        (Layer(np.zeros((4, 2), np.float32), 0.0, np.full((1, 3), -1, np.int32)), "Layer.triangles"),
        (Layer(np.zeros((4, 2), np.float32), 0.0, np.zeros((1, 3), np.int64)), "Layer.triangles"),
    ],
)
def test_layers_that_do_not_fit_are_refused(renderer, layer, message):
    with renderer.open_scene(pixel_canvas(), [plain(1, 2, 3, 255)], layout=PixelLayout.RGBA) as stage:
        with pytest.raises(ShapeError, match=message):
            stage.draw([layer], [], NOW)
        assert stage.draw([quad(0, 0, 8, 8)], [], NOW).pixels.size


def test_more_layers_than_sprites_are_refused(renderer):
    with (
        renderer.open_scene(pixel_canvas(), [], layout=PixelLayout.RGBA) as stage,
        pytest.raises(ShapeError, match="at most 0"),
    ):
        stage.draw([quad(0, 0, 1, 1)], [], NOW)


@pytest.mark.parametrize(
    ("points", "rgba", "filled"), [((3, 3), (3, 4), False), ((4, 3), (4, 4), True), ((2, 3), (3, 4), False), ((2, 2), (2, 4), False)]
)
def test_strokes_that_do_not_fit_are_refused(renderer, points, rgba, filled):
    strokes = Strokes(np.zeros(points, np.float32), np.zeros(rgba, np.float32), filled=filled)
    with renderer.open_scene(pixel_canvas(), [], layout=PixelLayout.RGBA) as stage, pytest.raises(ShapeError, match="Strokes"):
        stage.draw([], [strokes], NOW)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_coordinates_must_be_finite(renderer, value):
    layer = quad(0, 0, 8, 8)
    layer.vertices[0, 0] = value
    with (
        renderer.open_scene(pixel_canvas(), [plain(1, 2, 3, 255)], layout=PixelLayout.RGBA) as stage,
        pytest.raises(RenderFailed, match="finite"),
    ):
        stage.draw([layer], [], NOW)


def test_opengl_errors_come_out_by_name(renderer):
    context: GLContext = renderer._context
    with renderer.open_scene(pixel_canvas(), [plain(1, 2, 3, 255)], layout=PixelLayout.RGBA) as stage:
        context.gl.glEnable(0xDEAD)
        with pytest.raises(RenderFailed, match=r"GL_INVALID_ENUM while drawing the frame at 0\.500 s"):
            stage.draw([quad(0, 0, 8, 8)], [], Fraction(1, 2))
        assert stage.draw([quad(0, 0, 8, 8)], [], NOW).pixels.size
    context.gl.glEnable(0xDEAD)
    with pytest.raises(RenderFailed, match="before this animation"), renderer.open_scene(pixel_canvas(), [], layout=PixelLayout.RGBA):
        pass


def test_image_beyond_the_driver_is_refused(renderer):
    with (
        pytest.raises(RenderFailed, match=r"draws at most \d+ x \d+ px, not 1048576 x 1"),
        renderer.open_scene(pixel_canvas(1 << 20, 1), [], layout=PixelLayout.RGBA),
    ):
        pass


def test_stage_frees_what_it_made_even_after_an_error(renderer):
    gl = renderer._context.gl

    def fail(stage):
        stage.draw([quad(0, 0, 8, 8)], [], NOW)
        names.extend(name for _, name in stage._sprite_batches[0]._objects._names)
        raise KeyError

    names: list[int] = []
    with pytest.raises(KeyError), renderer.open_scene(pixel_canvas(), [plain(1, 2, 3, 255)], layout=PixelLayout.RGBA) as stage:
        fail(stage)
    assert len(names) > 5
    alive = [
        (is_alive, name)
        for is_alive in (gl.glIsTexture, gl.glIsBuffer, gl.glIsFramebuffer, gl.glIsVertexArray)
        for name in range(1, max(names) + 1)
        if is_alive(name)
    ]
    assert alive == []


def test_two_renderers_in_two_threads(renderer):
    """Each thread has its own context; neither disturbs the other or the session's."""
    kind = renderer._context.kind
    together = threading.Barrier(2, timeout=30)
    images = {}

    def work(red):
        with GLRenderer.open(kind) as own, own.open_scene(pixel_canvas(), [plain(red, 0, 0, 255)], layout=PixelLayout.RGBA) as stage:
            for _ in range(10):
                together.wait()
                images[red] = stage.draw([quad(0, 0, 8, 8)], [], NOW).pixels.copy()

    threads = [threading.Thread(target=work, args=(red,)) for red in (50, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {red: tuple(image[4, 4]) for red, image in images.items()} == {50: (50, 0, 0, 255), 200: (200, 0, 0, 255)}
    assert drawn(renderer, pixel_canvas(), [plain(7, 7, 7, 255)], [quad(0, 0, 8, 8)])[4, 4, 0] == 7


def test_other_threads_are_kept_out(renderer):
    caught = []

    def trespass():
        try:
            renderer._context.make_current()
        except RenderFailed as error:
            caught.append(error)

    thread = threading.Thread(target=trespass)
    thread.start()
    thread.join()
    assert "another thread" in str(caught[0])


def test_two_renderers_in_one_thread_take_turns(renderer):
    with GLRenderer.open(renderer._context.kind) as other:
        assert drawn(other, pixel_canvas(), [plain(1, 1, 1, 255)], [quad(0, 0, 8, 8)])[4, 4, 0] == 1
        assert drawn(renderer, pixel_canvas(), [plain(2, 2, 2, 255)], [quad(0, 0, 8, 8)])[4, 4, 0] == 2
        assert drawn(other, pixel_canvas(), [plain(3, 3, 3, 255)], [quad(0, 0, 8, 8)])[4, 4, 0] == 3
    assert drawn(renderer, pixel_canvas(), [plain(4, 4, 4, 255)], [quad(0, 0, 8, 8)])[4, 4, 0] == 4


def test_shader_that_does_not_compile_is_reported_in_the_drivers_words(renderer, monkeypatch, tmp_path):
    (tmp_path / "shaders").mkdir()
    (tmp_path / "shaders" / "screen.vert").write_text("#version 330 core\nvoid main() { nonsense }\n")
    monkeypatch.setattr("pipeline.adapters.opengl.resources.files", lambda _: tmp_path)
    renderer._programs._linked.pop("screen background", None)
    with pytest.raises(RenderFailed, match=r"compile shader screen\.vert: .+"):
        renderer._programs.get("screen", "background")


def test_stage_sets_all_the_state_it_draws_with(renderer):
    """Whatever another one left behind does not show."""
    gl = renderer._context.gl
    with renderer.open_scene(pixel_canvas(), [plain(9, 9, 9, 128)], layout=PixelLayout.RGBA) as stage:
        before = stage.draw([quad(1, 1, 5, 5)], [], NOW).pixels.copy()
        gl.glBlendFunc(gl.GL_ZERO, gl.GL_ZERO)
        gl.glViewport(0, 0, 1, 1)
        gl.glScissor(0, 0, 1, 1)
        gl.glUseProgram(0)
        gl.glPixelStorei(gl.GL_PACK_ROW_LENGTH, 100)
        np.testing.assert_array_equal(stage.draw([quad(1, 1, 5, 5)], [], NOW).pixels, before)

"""The whole way, with a renderer and an encoder that only take notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import sample_scene
from drawn_person import SHIRT, SKIN, person

from pipeline.animate import animate, mesh_actors, perform, perform_scene, reduced_actor, scene_clock
from pipeline.errors import BlankAnimation, OptionError, RenderFailed
from pipeline.stages.debug_views import BODY_TINT, TINT
from pipeline.types import (
    LAYER_COLORS,
    Actor,
    Animation,
    Camera,
    Canvas,
    Character,
    DebugViews,
    Format,
    Frame,
    Layer,
    LayerLabel,
    LayerMode,
    Mesh,
    OutputClock,
    Palette,
    PixelLayout,
    Scene,
    Sprite,
    Strokes,
    View,
)


@dataclass
class NotingRenderer:
    """Draws nothing; returns frames of the requested size, with a dot in the corner, and records the requests.

    `leaves_out` is the number of a frame from which on not even that is there.
    """

    size: tuple[int, int] = (3, 2)
    name: str = "notes"
    leaves_out: int = 1_000_000
    canvas: Canvas | None = None
    sprites: Sequence[Sprite] = ()
    drawn: list[tuple[list[Layer], list[Strokes], Fraction]] = field(default_factory=list)

    @contextmanager
    def open_scene(self, canvas: Canvas, sprites: Sequence[Sprite], *, layout: PixelLayout) -> Iterator[NotingRenderer]:
        self.canvas, self.sprites = canvas, sprites
        self.layout = layout
        yield self

    def draw(self, layers: Sequence[Layer], strokes: Sequence[Strokes], pts: Fraction) -> Frame:
        pixels = np.zeros((*self.size, 4), np.uint8)
        pixels[:1, :1] = 255 * (len(self.drawn) < self.leaves_out)
        self.drawn.append((list(layers), list(strokes), pts))
        return Frame(pixels, 0, 0, pts)


@dataclass
class NotingEncoder:
    wanted: PixelLayout = PixelLayout.RGBA
    format: Format = Format.GIF
    written: list[Frame] = field(default_factory=list)
    finished: bool = False
    palette: Palette | None = None

    def layout(self, canvas: Canvas) -> PixelLayout:  # noqa: ARG002 - the port's signature
        return self.wanted

    @contextmanager
    def open(self, path: Path, canvas: Canvas, clock: OutputClock, *, palette: Palette | None = None) -> Iterator[NotingEncoder]:  # noqa: ARG002
        self.path, self.clock, self.palette = path, clock, palette
        yield self

    def write(self, frame: Frame) -> None:
        self.written.append(frame)

    def finish(self) -> Animation:
        self.finished = True
        return Animation(self.path, self.format, 0, len(self.written), self.clock.duration, 1, 1, "")


def run(scene: Scene, renderer: NotingRenderer, encoder: NotingEncoder, clock: OutputClock | None = None) -> Animation:
    clock = clock or scene_clock(scene)
    return animate(scene, clock, Path("unused.gif"), renderer=renderer, encoder=encoder, stopwatch=sample_scene.NoStopwatch())


def trembling_scene(layers: LayerMode) -> Scene:
    """A person whose arms touch the body, and whose left wrist moves back and forth in depth by 2 cm."""
    actor = sample_scene.scene(frames=20).actors[0]
    positions = actor.motion.positions.copy()
    positions[:, actor.motion.joint_names.index("LeftWrist"), 2] += np.where(np.arange(20) % 2, 2.0, -2.0)
    return Scene((replace(actor, character=person(), motion=replace(actor.motion, positions=positions)),), View(64, 64), layers)


def test_order_is_steady_only_in_figures_of_several_layers() -> None:
    for mode, is_steady in ((LayerMode.AUTO, True), (LayerMode.OFF, False)):
        scene = trembling_scene(mode)
        (performance,) = perform_scene(scene, scene_clock(scene), stopwatch=sample_scene.NoStopwatch())
        assert (len(performance.meshed.layers) > 1) is is_steady
        assert (len(performance.track.draw_orders) == 1) is is_steady


def sprite_colors(scene: Scene) -> set[tuple[int, ...]]:
    """The opaque colors of the first sprite, in fours of levels."""
    renderer = NotingRenderer()
    run(scene, renderer, NotingEncoder())
    rgba = renderer.sprites[0].rgba
    return {tuple(color) for color in (rgba[rgba[..., 3] == 255][:, :3] // 4).tolist()}


def in_fours(rgb: tuple[int, int, int], label_rgb: tuple[int, int, int]) -> tuple[int, ...]:
    return tuple(round((1 - TINT) * sum(rgb) / 3 + TINT * level) // 4 for level in label_rgb)


def test_view_of_layers_tints_each_layer() -> None:
    scene = Scene((replace(sample_scene.scene(frames=2).actors[0], character=person()),), View(240, 240, debug=DebugViews(layers=True)))
    shown = sprite_colors(scene)
    assert in_fours(SHIRT, BODY_TINT) in shown
    for label in (LayerLabel.RIGHT_ARM, LayerLabel.LEFT_ARM):
        assert in_fours(SKIN, LAYER_COLORS[label]) in shown
    assert not shown & sprite_colors(replace(scene, view=View(240, 240)))


def test_view_of_layers_tints_a_figure_in_one_layer() -> None:
    scene = replace(sample_scene.scene(frames=2, view=View(64, 64, debug=DebugViews(layers=True))), layers=LayerMode.OFF)
    assert sprite_colors(scene) == {in_fours((200, 60, 40), BODY_TINT)}


def test_every_frame_of_the_clock_is_drawn_and_written_at_its_exact_time() -> None:
    renderer, encoder = NotingRenderer(), NotingEncoder()
    scene = sample_scene.scene(frames=9)
    animation = run(scene, renderer, encoder, OutputClock(7, Fraction(1, 24)))
    assert [pts for *_, pts in renderer.drawn] == [frame.pts for frame in encoder.written] == [Fraction(k, 24) for k in range(7)]
    assert encoder.finished
    assert animation.frame_count == 7


def test_the_clock_is_as_long_as_the_longest_motion_at_the_first_ones_rate() -> None:
    short, long = sample_scene.motion(10, rate=30), sample_scene.motion(60, rate=120)
    actors = tuple(Actor(sample_scene.character(), motion, sample_scene.retarget_config()) for motion in (short, long))
    clock = scene_clock(Scene(actors, View()))
    assert clock == OutputClock(15, Fraction(1, 30))
    assert scene_clock(Scene(actors, View()), rate=Fraction(100), max_rate=Fraction(50)) == OutputClock(25, Fraction(1, 50))


def test_a_motion_that_ends_early_stands_still_unless_it_loops() -> None:
    times = OutputClock(20, Fraction(1, 30))
    for loops, moves in ((False, False), (True, True)):
        actor = Actor(sample_scene.character(), sample_scene.motion(8, loops=loops), sample_scene.retarget_config())
        track = perform_scene(Scene((actor,), View()), times, stopwatch=sample_scene.NoStopwatch())[0].track
        assert bool(np.abs(track.joints[19] - track.joints[9]).max() > 1e-6) is moves


def test_figures_travel_only_in_their_layers_and_the_same_order_is_the_same_array() -> None:
    renderer = NotingRenderer()
    run(sample_scene.scene(frames=6), renderer, NotingEncoder())
    first, second = renderer.drawn[0][0][0], renderer.drawn[1][0][0]
    assert first.triangles is second.triangles
    assert first.vertices.dtype == np.float32
    assert first.z == -0.5
    assert np.abs(first.vertices - second.vertices).max() > 0


def test_the_automatic_camera_keeps_every_vertex_of_every_frame_in_the_image() -> None:
    motion = sample_scene.motion(50, step_cm=(6.0, 1.0, 0.0))
    scene = Scene((Actor(sample_scene.character(), motion, sample_scene.retarget_config()),), View(90, 60))
    renderer = NotingRenderer()
    run(scene, renderer, NotingEncoder())
    for (layer,), _, _ in renderer.drawn:
        points = np.column_stack([layer.vertices, np.full(len(layer.vertices), layer.z), np.ones(len(layer.vertices))])
        clip = points @ renderer.canvas.view_projection.T
        assert np.abs(clip[:, :2] / clip[:, 3:]).max() < 1.0


def test_encoders_of_cut_outs_get_a_palette_and_no_others() -> None:
    for layout, expected in ((PixelLayout.CUT_OUT, True), (PixelLayout.RGBA, False)):
        encoder = NotingEncoder(wanted=layout)
        run(sample_scene.scene(), NotingRenderer(), encoder)
        assert (encoder.palette is not None) is expected


def test_debug_views_add_strokes_and_can_leave_the_drawing_out() -> None:
    renderer = NotingRenderer()
    debug = DebugViews(texture=False, rig=True, mesh_lines=True, floor=True, skeleton=True)
    run(sample_scene.scene(view=View(32, 32, debug=debug)), renderer, NotingEncoder())
    layers, strokes, _ = renderer.drawn[0]
    assert layers == []
    assert [s.behind for s in strokes] == [True, False, False, False]
    colors = NotingRenderer()
    run(sample_scene.scene(view=View(32, 32, debug=DebugViews(colors=True))), colors, NotingEncoder())
    assert colors.sprites[0].colors is not None


def test_the_automatic_camera_sees_the_driving_skeleton_too() -> None:
    renderer = NotingRenderer()
    run(sample_scene.scene(view=View(40, 40, debug=DebugViews(skeleton=True))), renderer, NotingEncoder())
    for _, (strokes,), _ in renderer.drawn:
        clip = np.column_stack([strokes.points, np.ones(len(strokes.points))]) @ renderer.canvas.view_projection.T
        assert np.abs(clip[:, :2] / clip[:, 3:]).max() < 1.0


def test_an_animation_in_which_nothing_is_ever_seen_is_an_error_not_a_file() -> None:
    with pytest.raises(BlankAnimation):
        run(sample_scene.scene(), NotingRenderer(size=(0, 0)), encoder := NotingEncoder())
    assert not encoder.finished


@pytest.mark.parametrize("wanted", list(PixelLayout))
@pytest.mark.parametrize("size", [(3, 2), (64, 64)])
def test_frames_in_which_nothing_was_drawn_are_no_success(wanted: PixelLayout, size: tuple[int, int]) -> None:
    """A lost graphics card reports no error, and returns frames of the right size."""
    scene = sample_scene.scene(view=View(64, 64))
    run(scene, NotingRenderer(size=size), NotingEncoder(wanted))
    with pytest.raises(BlankAnimation):
        run(scene, NotingRenderer(size=size, leaves_out=0), encoder := NotingEncoder(wanted))
    assert not encoder.finished
    with pytest.raises(RenderFailed, match="though the figure is in view"):
        run(scene, NotingRenderer(size=size, leaves_out=1), encoder := NotingEncoder(wanted))
    assert not encoder.finished


def test_behind_an_opaque_background_figures_out_of_view_are_noticed_too() -> None:
    away = Camera((50.0, 0.0, 2.0), (0.0, 0.0, 1.0))
    view = View(8, 8, background=(1.0, 1.0, 1.0, 1.0), camera=away)
    with pytest.raises(BlankAnimation):
        run(sample_scene.scene(view=view), NotingRenderer(size=(8, 8)), NotingEncoder())


def test_a_scene_without_anyone_is_refused() -> None:
    with pytest.raises(OptionError, match="at least one character"):
        scene_clock(Scene((), View()))


def test_an_actor_can_be_given_a_mesh() -> None:
    character = sample_scene.character()
    mesh = Mesh(np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]), np.array([(0, 1, 2), (0, 2, 3)], np.int32))
    scene = sample_scene.scene()
    (performance,) = perform_scene(scene, scene_clock(scene), stopwatch=sample_scene.NoStopwatch(), meshes=[mesh])
    assert performance.meshed.figure.mesh is mesh
    assert performance.meshed.actor.character.name == character.name


def wire_person(*, line_px: int) -> Character:
    """A figure of lines, four times as large as the sample."""
    mask = np.zeros((4 * sample_scene.SIDE,) * 2, np.uint8)
    for x, y, parent in sample_scene.JOINTS_PX.values():
        if parent is not None:
            x_before, y_before, _ = sample_scene.JOINTS_PX[parent]
            cv2.line(mask, (4 * x_before, 4 * y_before), (4 * x, 4 * y), 1, line_px)
    rgba = np.full((*mask.shape, 4), 255, np.uint8)
    rgba[mask > 0, :3] = 0
    return Character(rgba, mask.astype(bool), sample_scene.rig())


@pytest.mark.parametrize(("line_px", "is_meshed_again"), [(30, False), (5, True)])
def test_actor_for_a_small_view_is_meshed_again_only_if_its_lines_are_too_thin(line_px: int, is_meshed_again: bool) -> None:
    actor = replace(sample_scene.scene().actors[0], character=wire_person(line_px=line_px))
    (meshed,) = mesh_actors(Scene((actor,), View(600, 600)), stopwatch=sample_scene.NoStopwatch())
    small = Scene((actor,), View(100, 100))
    reduced = reduced_actor(meshed, small)
    assert reduced.actor.character.mask.shape == (200, 200)
    assert [reduced.figure is meshed.figure, reduced.solver is meshed.solver] == [not is_meshed_again] * 2
    assert all(layer.mask.shape == (200, 200) for layer in reduced.layers)
    clock = scene_clock(small)
    (performance,) = perform([reduced], small.view, clock, stopwatch=sample_scene.NoStopwatch())
    animate(
        small,
        clock,
        Path("unused.gif"),
        renderer=(renderer := NotingRenderer()),
        encoder=NotingEncoder(),
        stopwatch=sample_scene.NoStopwatch(),
        performances=[performance],
    )
    assert max(renderer.sprites[0].rgba.shape[:2]) < 200


def test_progress_is_reported_frame_by_frame() -> None:
    told: list[int] = []
    scene = sample_scene.scene(frames=5)
    animate(
        scene,
        scene_clock(scene),
        Path("unused"),
        renderer=NotingRenderer(),
        encoder=NotingEncoder(),
        stopwatch=sample_scene.NoStopwatch(),
        on_frame=told.append,
    )
    assert told == [1, 2, 3, 4, 5]


def test_shorter_clips_do_not_change_what_is_shown_at_a_time() -> None:
    """Frames are a function of time: 25 or 50 frames a second show the same shape at the same moment."""
    scene = sample_scene.scene(frames=31)
    shapes = []
    for rate in (25, 50):
        renderer = NotingRenderer()
        run(scene, renderer, NotingEncoder(), scene_clock(replace(scene), rate=Fraction(rate)))
        shapes.append([layers[0].vertices for layers, *_ in renderer.drawn])
    np.testing.assert_allclose(shapes[1][::2], shapes[0][: len(shapes[1][::2])], atol=1e-6)

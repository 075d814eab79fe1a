"""START HERE. A scene becomes an animation, one line a stage.

    character + motion --retarget--> joints over time --deform--> shapes over time --render--> frames --encode--> file
          |--mesh--> triangles, pins
    (frame: where the camera stands; sprite: the picture on the mesh; palette: the colours of a GIF;
     visibility: whether anything was drawn)

`animated` is the whole way. Stages are pure functions in `pipeline.stages`; the renderer and the encoder are handed in
(`pipeline.ports`) and implemented in `pipeline.adapters`. Frames stream: a few shapes, one frame and the encoder's queue are all that
is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.errors import OptionError
from pipeline.mesh.arap import ArapSolver
from pipeline.motion.resample import clock_times, output_clock
from pipeline.ports import Encoder, Renderer, Stopwatch
from pipeline.stages import debug_views
from pipeline.stages.deform import MovingMesh
from pipeline.stages.frame import framed, px_per_unit
from pipeline.stages.mesh import Figure, figure_of, figure_on
from pipeline.stages.palette import palette_of
from pipeline.stages.retarget import retargeted
from pipeline.stages.sprite import joint_colours, sprite_of
from pipeline.stages.visibility import Sightings
from pipeline.types import (
    Actor,
    Animation,
    Canvas,
    Floats,
    Ints,
    Layer,
    Mesh,
    OutputClock,
    Palette,
    PixelLayout,
    PoseTrack,
    Scene,
    Sprite,
    Strokes,
    View,
)

BOUNDS_STEP = 3
"""The camera looks at every third frame to find the figures' bounds; its margin covers what lies between."""


@dataclass(frozen=True, eq=False)
class Performance:
    """An actor ready to be drawn at any frame of the output."""

    actor: Actor
    figure: Figure
    track: PoseTrack
    moving: MovingMesh

    @property
    def z(self) -> float:
        return float(self.track.root[0, 2])


def scene_clock(scene: Scene, *, rate: Fraction | None = None, max_rate: Fraction | None = None) -> OutputClock:
    """When output frames are shown: as long as the longest motion, at `rate` frames a second or at the first actor's own."""
    if not scene.actors:
        raise OptionError("a scene needs at least one character")
    longest = max(actor.motion.duration for actor in scene.actors)
    return output_clock(longest, scene.actors[0].motion.frame_time, rate=rate, max_rate=max_rate)


def animated(
    scene: Scene,
    clock: OutputClock,
    path: Path,
    *,
    renderer: Renderer,
    encoder: Encoder,
    stopwatch: Stopwatch,
    performances: Sequence[Performance] | None = None,
    on_frame: Callable[[int], None] = lambda _: None,
) -> Animation:
    """Render `scene` at the times of `clock` into a file at `path`.

    Args:
        performances: made by `performed` before, if the caller wants to look at them; they must be of this scene and clock.
        on_frame: told how many frames are done, after each.
    Raises:
        PermanentError: the scene can't be animated, or nothing of it is to be seen (BlankAnimation); the file is removed.
        TransientError: renderer, codec or disk failed; the file is removed.
    """
    performances = performances or performed(scene, clock, stopwatch=stopwatch)
    with stopwatch.lap("scene"):
        canvas = framed(scene.view, [bounds for p in performances for bounds in _bounds(p, scene.view)])
        sprites = [_sprite(p, canvas, scene.view) for p in performances]
        layout = encoder.layout(canvas)
        palette = _palette(layout, sprites, canvas, scene.view)
    sightings = Sightings(canvas, layout)
    with (
        renderer.stage(canvas, sprites, layout=layout) as stage,
        encoder.open(path, canvas, clock, palette=palette) as sink,
    ):
        shots = _shots(performances, scene.view)
        for done, pts in enumerate(clock_times(clock), start=1):
            with stopwatch.lap("deform"):
                layers, strokes = next(shots)
            with stopwatch.lap("render"):
                frame = stage.draw(layers, strokes, pts)
            with stopwatch.lap("encode"):
                sink.write(frame)
            sightings.note(frame, layers)
            on_frame(done)
        sightings.check()
        with stopwatch.lap("write"):
            return sink.finish()


def performed(scene: Scene, clock: OutputClock, *, stopwatch: Stopwatch, meshes: Sequence[Mesh | None] | None = None) -> list[Performance]:
    """Every actor meshed, pinned and driven. `meshes` may give an actor a mesh instead of its own."""
    times = clock_times(clock)
    performances = []
    for actor, mesh in zip(scene.actors, meshes or [None] * len(scene.actors), strict=True):
        with stopwatch.lap("scene"):
            character = actor.character
            figure = figure_of(character) if mesh is None else figure_on(mesh, character.rig, character.mask)
            solver = ArapSolver(figure.mesh, figure.pins)
        with stopwatch.lap("retarget"):
            track = retargeted(character.rig, actor.motion, actor.retarget, times)
        performances.append(Performance(actor, figure, track, MovingMesh(solver, track)))
    return performances


def _bounds(performance: Performance, view: View) -> Iterator[tuple[Floats, float]]:
    """Lowest and highest x, y of what is drawn of an actor over the whole motion, and its z."""
    yield performance.moving.bounds(step=BOUNDS_STEP), performance.z
    skeleton = performance.track.skeleton
    if view.debug.skeleton and skeleton is not None:
        flat = skeleton[..., :2].reshape(-1, 2)
        yield np.stack([flat.min(axis=0), flat.max(axis=0)]), float(skeleton[..., 2].max())


def _sprite(performance: Performance, canvas: Canvas, view: View) -> Sprite:
    figure, character = performance.figure, performance.actor.character
    colours = None
    if view.debug.colours:
        owner_of_vertex = np.zeros(len(figure.mesh.vertices), np.int32)
        owner_of_vertex[figure.mesh.triangles] = figure.owner[:, None]
        colours = joint_colours(owner_of_vertex, len(character.rig.joint_names))
    density = px_per_unit(canvas, performance.track.root[0])
    return sprite_of(character, figure.mesh, px_per_unit=density, colours=colours)


def _palette(layout: PixelLayout, sprites: list[Sprite], canvas: Canvas, view: View) -> Palette | None:
    if layout is not PixelLayout.CUT_OUT:
        return None
    shown = sprites if view.debug.texture or view.debug.colours else []
    return palette_of(shown, canvas, exact=debug_views.stroke_colours(view.debug))


def _shots(performances: Sequence[Performance], view: View) -> Iterator[tuple[list[Layer], list[Strokes]]]:
    """What is drawn in each frame, for as long as anyone asks."""
    shapes = [p.moving.each_shape() for p in performances]
    orders = [_drawn_triangles(p) for p in performances]
    floor = [debug_views.floor_strokes()] if view.debug.floor else []
    is_filled = view.debug.texture or view.debug.colours
    for index, vertices in enumerate(zip(*shapes, strict=True)):
        layers, strokes = [], list(floor)
        for p, shape, triangles in zip(performances, vertices, orders, strict=True):
            if is_filled:
                layers.append(Layer(shape.astype(np.float32), p.z, triangles(int(p.track.order_of_frame[index]))))
            strokes += _overlay(p, shape, index, view)
        yield layers, strokes


def _drawn_triangles(performance: Performance) -> Callable[[int], Ints]:
    """Triangles by number of the draw order, the same array every time, so that the renderer can keep it."""

    @cache
    def triangles(order: int) -> Ints:
        return np.ascontiguousarray(performance.figure.triangles_in(performance.track.draw_orders[order]))

    return triangles


def _overlay(performance: Performance, shape: Floats, index: int, view: View) -> list[Strokes]:
    track, actor, debug = performance.track, performance.actor, view.debug
    strokes = []
    if debug.mesh_lines:
        strokes.append(debug_views.mesh_strokes(shape, performance.figure.mesh.triangles, performance.z))
    if debug.skeleton and track.skeleton is not None:
        strokes.append(debug_views.skeleton_strokes(track.skeleton[index], actor.motion.parents))
    if debug.rig:
        strokes.append(debug_views.rig_strokes(track.joints[index], actor.character.rig.parents, track.root[index]))
    return strokes

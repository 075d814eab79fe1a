"""START HERE. From a scene to an animation file.

    character --thin_lines, layers--> layers --mesh--> triangles, pins --+
    motion --------------------retarget--> joints of each frame ---------+--deform--> vertices of each frame
    vertices --frame, sprite, palette--> camera, textures, colors --render--> frames --encode--> file
    (visibility: whether anything was drawn; reduce: smaller textures for a preview)

`perform_scene` makes what moves (`mesh_actors`, then `perform`), and `animate` draws it. Stages are pure functions in `pipeline.stages`;
renderer and encoder are passed in as ports (`pipeline.ports`) and implemented in `pipeline.adapters`. Frames stream: memory holds each
figure's texture, a few shapes, one frame and the encoder's queue at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.errors import OptionError
from pipeline.mesh.arap import ArapSolver
from pipeline.motion.resample import clock_times, output_clock
from pipeline.ports import Encoder, Renderer, Stopwatch
from pipeline.pose.limb_labels import layer_label
from pipeline.stages import debug_views
from pipeline.stages.deform import MovingMesh
from pipeline.stages.frame import canvas_of_view, px_per_unit
from pipeline.stages.layers import character_layers, single_layer_character
from pipeline.stages.mesh import Figure, figure_of, figure_on
from pipeline.stages.palette import palette_of
from pipeline.stages.reduce import reduced_character, reduced_layer
from pipeline.stages.retarget import placed_track, pose_track
from pipeline.stages.sprite import LayerImage, joint_colors, layer_images, sprite_of
from pipeline.stages.thin_lines import visible_character
from pipeline.stages.visibility import VisibilityCheck
from pipeline.types import (
    Actor,
    Animation,
    Canvas,
    CharacterLayer,
    Floats,
    Ints,
    Layer,
    LayerMode,
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
"""The camera samples every third frame for the figures' bounds; its margin covers the frames between."""

FINER = 2.0
"""Longer side of the images that a preview is made from, in longer sides of its view: a soft edge needs a pixel or two of the image for
each pixel on screen."""


@dataclass(frozen=True, eq=False)
class MeshedActor:
    """An actor with its mesh, ready to be deformed: what all frame times share.

    Attributes:
        images: what the texture shows of each layer; None if that was not made ahead.
    """

    actor: Actor
    layers: tuple[CharacterLayer, ...]
    figure: Figure
    solver: ArapSolver
    images: tuple[LayerImage, ...] | None = None


@dataclass(frozen=True, eq=False)
class Performance:
    """An actor with its mesh and its motion: everything to draw any frame of the output."""

    meshed: MeshedActor
    track: PoseTrack
    moving: MovingMesh

    @property
    def z(self) -> float:
        """The figure's depth in the first frame, world units."""
        return float(self.track.root[0, 2])


def scene_clock(scene: Scene, *, rate: Fraction | None = None, max_rate: Fraction | None = None) -> OutputClock:
    """Times of the output frames: as long as the longest motion, at `rate` frames a second or the first actor's own, at most `max_rate`."""
    if not scene.actors:
        raise OptionError("a scene needs at least one character")
    longest = max(actor.motion.duration for actor in scene.actors)
    return output_clock(longest, scene.actors[0].motion.frame_time, rate=rate, max_rate=max_rate)


def animate(
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
        performances: result of `perform_scene` for this scene and clock, if the caller has it already.
        on_frame: called after each frame with the number of frames done.
    Raises:
        PermanentError: the scene can't be animated, or nothing in it is visible (BlankAnimation); the file is removed.
        TransientError: renderer, codec or disk failed; the file is removed.
    """
    performances = performances or perform_scene(scene, clock, stopwatch=stopwatch)
    with stopwatch.lap("scene"):
        canvas = canvas_of_view(scene.view, [bounds for p in performances for bounds in _bounds(p, scene.view)])
        sprites = [_sprite(p, canvas, scene.view) for p in performances]
        layout = encoder.layout(canvas)
        palette = _palette(layout, sprites, canvas, scene.view)
    visibility_check = VisibilityCheck(canvas, layout)
    with (
        renderer.open_scene(canvas, sprites, layout=layout) as scene_renderer,
        encoder.open(path, canvas, clock, palette=palette) as sink,
    ):
        contents = _frame_contents(performances, scene.view)
        for done, pts in enumerate(clock_times(clock), start=1):
            with stopwatch.lap("deform"):
                layers, strokes = next(contents)
            with stopwatch.lap("render"):
                frame = scene_renderer.draw(layers, strokes, pts)
            with stopwatch.lap("encode"):
                sink.write(frame)
            visibility_check.note(frame, layers)
            on_frame(done)
        visibility_check.check()
        with stopwatch.lap("write"):
            return sink.finish()


def perform_scene(
    scene: Scene, clock: OutputClock, *, stopwatch: Stopwatch, meshes: Sequence[Mesh | None] | None = None
) -> list[Performance]:
    """Mesh every actor, and retarget its motion to it. `meshes` may replace an actor's own mesh."""
    return perform(mesh_actors(scene, stopwatch=stopwatch, meshes=meshes), scene.view, clock, stopwatch=stopwatch)


def mesh_actors(
    scene: Scene, *, stopwatch: Stopwatch, meshes: Sequence[Mesh | None] | None = None, images_too: bool = True
) -> list[MeshedActor]:
    """Mesh every actor.

    Args:
        meshes: may replace an actor's own mesh.
        images_too: make the layers' images meanwhile, on a thread of their own.
    """
    with stopwatch.lap("scene"), ThreadPoolExecutor(1) as pool:
        ahead = pool if images_too and not scene.view.debug.layers else None
        return [_meshed(actor, scene, mesh, ahead) for actor, mesh in zip(scene.actors, meshes or [None] * len(scene.actors), strict=True)]


def _meshed(actor: Actor, scene: Scene, mesh: Mesh | None = None, ahead: Executor | None = None) -> MeshedActor:
    is_layered = mesh is None and scene.layers is LayerMode.AUTO
    character = visible_character(actor.character, scene.view) if is_layered else actor.character
    layers = character_layers(character) if is_layered else single_layer_character(character)
    images = ahead.submit(layer_images, character, layers) if ahead else None
    figure = figure_of(character, layers) if mesh is None else figure_on(mesh, character.rig, character.mask)
    solver = ArapSolver(figure.mesh, figure.pins)
    return MeshedActor(replace(actor, character=character), layers, figure, solver, images.result() if images else None)


def with_images(meshed: MeshedActor) -> MeshedActor:
    """The actor with its layers' images, which outputs of several formats and frame times share."""
    return meshed if meshed.images else replace(meshed, images=layer_images(meshed.actor.character, meshed.layers))


def reduced_actor(meshed: MeshedActor, scene: Scene) -> MeshedActor:
    """An actor for a preview: for `scene`, whose view is smaller than the one that it was meshed for. The same mesh with a smaller image.

    Where lines would be too thin to be seen in the smaller view, the figure is meshed again with wider ones.
    """
    whole, side_px = meshed.actor.character, round(FINER * max(scene.view.width, scene.view.height))
    character = reduced_character(replace(whole, layer_labels=None), side_px)
    if scene.layers is LayerMode.AUTO and visible_character(character, scene.view) is not character:
        return _meshed(replace(meshed.actor, character=reduced_character(whole, side_px)), scene)
    height, width = character.mask.shape
    layers = tuple(reduced_layer(layer, (width, height)) for layer in meshed.layers)
    return replace(meshed, actor=replace(meshed.actor, character=character), layers=layers, images=None)


def perform(actors: Sequence[MeshedActor], view: View, clock: OutputClock, *, stopwatch: Stopwatch) -> list[Performance]:
    """Retarget the motion of every actor to its mesh."""
    times = clock_times(clock)
    performances = []
    for meshed in actors:
        actor, rig = meshed.actor, meshed.actor.character.rig
        with stopwatch.lap("retarget"):
            front_joints = _front_joints(meshed.layers)
            track = pose_track(rig, actor.motion, actor.retarget, times, with_skeleton=view.debug.skeleton, front_joints=front_joints)
            if actor.root_position is not None:
                track = placed_track(track, rig, actor.root_position)
        moving = MovingMesh(meshed.solver, track, meshed.figure.pin_joints)
        performances.append(Performance(meshed, track, moving))
    return performances


def _front_joints(layers: Sequence[CharacterLayer]) -> tuple[int, ...] | None:
    """Joints of the layers that are drawn in front of the body; None for a figure in one layer."""
    return tuple(joint for layer in layers[1:] if not layer.is_behind for joint in layer.bones) if len(layers) > 1 else None


def _bounds(performance: Performance, view: View) -> Iterator[tuple[Floats, float]]:
    """Lowest and highest x, y (2, 2) float64 of what is drawn for an actor in every BOUNDS_STEP-th frame, world units, and its z."""
    yield performance.moving.bounds(step=BOUNDS_STEP), performance.z
    skeleton = performance.track.skeleton
    if view.debug.skeleton and skeleton is not None:
        flat = skeleton[..., :2].reshape(-1, 2)
        yield np.stack([flat.min(axis=0), flat.max(axis=0)]), float(skeleton[..., 2].max())


def _sprite(performance: Performance, canvas: Canvas, view: View) -> Sprite:
    meshed = performance.meshed
    figure, character = meshed.figure, meshed.actor.character
    colors = None
    if view.debug.colors:
        owner_of_vertex = np.zeros(len(figure.mesh.vertices), np.int32)
        owner_of_vertex[figure.mesh.triangles] = figure.owner[:, None]
        colors = joint_colors(owner_of_vertex, len(character.rig.joint_names))
    if view.debug.layers:
        tinted = [debug_views.tinted(layer, layer_label(layer, character.rig.joint_names)) for layer in meshed.layers]
        images = layer_images(character, tinted)
    else:
        images = meshed.images or layer_images(character, meshed.layers)
    density, side_px = px_per_unit(canvas, performance.track.root[0]), max(character.mask.shape)
    return sprite_of(images, figure.mesh, figure.layer_of_vertex, side_px=side_px, px_per_unit=density, colors=colors)


def _palette(layout: PixelLayout, sprites: list[Sprite], canvas: Canvas, view: View) -> Palette | None:
    if layout is not PixelLayout.CUT_OUT:
        return None
    shown = sprites if view.debug.texture or view.debug.colors else []
    return palette_of(shown, canvas, exact=debug_views.stroke_colors(view.debug))


def _frame_contents(performances: Sequence[Performance], view: View) -> Iterator[tuple[list[Layer], list[Strokes]]]:
    """Layers and strokes of each frame."""
    shapes = [p.moving.each_shape() for p in performances]
    orders = [_drawn_triangles(p) for p in performances]
    floor = [debug_views.floor_strokes()] if view.debug.floor else []
    is_filled = view.debug.texture or view.debug.colors
    for index, vertices in enumerate(zip(*shapes, strict=True)):
        layers, strokes = [], list(floor)
        for p, shape, triangles in zip(performances, vertices, orders, strict=True):
            if is_filled:
                layers.append(Layer(shape.astype(np.float32), p.z, triangles(int(p.track.order_of_frame[index]))))
            strokes += _overlay(p, shape, index, view)
        yield layers, strokes


def _drawn_triangles(performance: Performance) -> Callable[[int], Ints]:
    """Triangles by index of the draw order; the same array every time, so that the renderer can cache it by identity."""

    @cache
    def triangles(order: int) -> Ints:
        return np.ascontiguousarray(performance.meshed.figure.triangles_in(performance.track.draw_orders[order]))

    return triangles


def _overlay(performance: Performance, shape: Floats, index: int, view: View) -> list[Strokes]:
    track, actor, debug = performance.track, performance.meshed.actor, view.debug
    strokes = []
    if debug.mesh_lines:
        strokes.append(debug_views.mesh_strokes(shape, performance.meshed.figure.mesh.triangles, performance.z))
    if debug.skeleton and track.skeleton is not None:
        strokes.append(debug_views.skeleton_strokes(track.skeleton[index], actor.motion.parents))
    if debug.rig:
        strokes.append(debug_views.rig_strokes(track.joints[index], actor.character.rig.parents, track.root[index]))
    return strokes

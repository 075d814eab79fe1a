"""Layers of figures whose limbs touch the body.

Figures are drawn here: a head, a trunk, two arms and two legs as filled, outlined shapes, with exactly known joints.
"""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from sample_scene import rig

from daemon.log.stopwatch import WallStopwatch
from daemon.options.motions import motion_library
from pipeline.animate import perform_scene, scene_clock
from pipeline.pose.limb_regions import touching_limbs
from pipeline.stages.layers import character_layers, whole_character
from pipeline.types import Actor, Bools, Character, LayerMode, Scene, View

SIDE = 400
PAPER, INK, SKIN, SHIRT, TROUSERS = (250, 248, 240), (20, 20, 20), (250, 210, 180), (200, 50, 50), (40, 70, 170)
TRUNK = ("root", "hip", "torso", "neck", "right_shoulder", "left_shoulder", "right_hip", "left_hip")


def drawn_person(*, arms: str = "at the side", legs: str = "apart") -> Character:
    """A person of 400 px with arms "at the side", "crossing" or "free", and legs "apart", "together" or in a "skirt"."""
    spread = 16 if legs == "together" else 30
    at = {
        "root": (200, 240), "hip": (200, 240), "torso": (200, 140), "neck": (200, 80),
        "right_shoulder": (162, 145), "left_shoulder": (238, 145),
        "right_hip": (200 - spread, 245), "left_hip": (200 + spread, 245),
        "right_knee": (200 - spread, 300), "left_knee": (200 + spread, 300),
        "right_foot": (200 - spread, 360), "left_foot": (200 + spread, 360),
    }  # fmt: skip
    if arms == "at the side":
        at |= {"right_elbow": (147, 195), "right_hand": (145, 245), "left_elbow": (253, 195), "left_hand": (255, 245)}
    elif arms == "crossing":
        at |= {"right_elbow": (148, 200), "right_hand": (215, 190), "left_elbow": (300, 145), "left_hand": (350, 140)}
    else:
        at |= {"right_elbow": (105, 145), "right_hand": (50, 140), "left_elbow": (295, 145), "left_hand": (350, 140)}
    rgb = np.full((SIDE, SIDE, 3), PAPER, np.uint8)
    mask = np.zeros((SIDE, SIDE), np.uint8)

    def shape(points: list[tuple[int, int]], width: int, color: tuple[int, int, int]) -> None:
        line = np.array(points, np.int32).reshape(-1, 1, 2)
        for canvas, value, thickness in ((rgb, INK, width + 6), (rgb, color, width), (mask, 1, width + 6)):
            cv2.polylines(canvas, [line], isClosed=False, color=value, thickness=thickness)

    for side in ("right", "left"):
        shape([at[f"{side}_hip"], at[f"{side}_knee"], at[f"{side}_foot"]], 26, TROUSERS)
    if legs == "skirt":
        cv2.fillPoly(rgb, [np.array([(160, 220), (240, 220), (290, 340), (110, 340)])], SHIRT)
        cv2.fillPoly(mask, [np.array([(160, 220), (240, 220), (290, 340), (110, 340)])], 1)
    cv2.rectangle(rgb, (163, 130), (237, 250), INK, -1)
    cv2.rectangle(rgb, (166, 133), (234, 247), SHIRT, -1)
    cv2.rectangle(mask, (163, 130), (237, 250), 1, -1)
    for side in ("right", "left"):
        shape([at[f"{side}_shoulder"], at[f"{side}_elbow"], at[f"{side}_hand"]], 20, SKIN)
    cv2.circle(rgb, (200, 90), 43, INK, -1)
    cv2.circle(rgb, (200, 90), 40, SKIN, -1)
    cv2.circle(mask, (200, 90), 43, 1, -1)
    parents = {"hip": "root", "torso": "hip", "neck": "torso", "right_shoulder": "torso", "left_shoulder": "torso",
               "right_hip": "root", "left_hip": "root"}  # fmt: skip
    parents |= {
        f"{s}_{b}": f"{s}_{a}"
        for s in ("right", "left")
        for a, b in (("shoulder", "elbow"), ("elbow", "hand"), ("hip", "knee"), ("knee", "foot"))
    }
    order = [*TRUNK, *(f"{s}_{j}" for s in ("right", "left") for j in ("elbow", "hand", "knee", "foot"))]
    joints = {name: (*at[name], parents.get(name)) for name in order}
    rgba = np.dstack([rgb, np.full((SIDE, SIDE), 255, np.uint8)])
    return Character(rgba, mask.astype(np.bool_), rig(joints, SIDE), name="person")


def torn_shares(character: Character, motion: str, mode: LayerMode) -> np.ndarray:
    """Share of the figure's area that is stretched by more than 1.5, squeezed below 0.5 or turned over, for every frame."""
    library = motion_library({})
    moves = library.motion(motion)
    scene = Scene((Actor(character, moves, library.matching_retarget(moves)),), View(), mode)
    clock = scene_clock(scene, rate=Fraction(6))
    (performance,) = perform_scene(scene, clock, stopwatch=WallStopwatch())
    rest, triangles = performance.figure.mesh.vertices, performance.figure.mesh.triangles

    def edges(points: np.ndarray) -> np.ndarray:
        first, second, third = (points[triangles[:, corner]] for corner in range(3))
        return np.stack([second - first, third - first], axis=-1)

    inverse, area = np.linalg.inv(edges(rest)), np.abs(np.linalg.det(edges(rest)))
    shares = []
    for shape in performance.moving.each_shape():
        gradient = edges(shape) @ inverse
        values = np.linalg.svd(gradient, compute_uv=False)
        torn = (values[:, 0] > 1.5) | (values[:, 1] < 0.5) | (np.linalg.det(gradient) < 0)
        shares.append(area[torn].sum() / area.sum())
    return np.array(shares)


def overlap(first: Bools, second: Bools) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_free_arms_need_no_layer() -> None:
    assert len(character_layers(drawn_person(arms="free"))) == 1


def test_arms_at_the_side_become_layers() -> None:
    """Each with its own joints, and without the shirt beside it."""
    character = drawn_person()
    body, *arms = character_layers(character)
    names = character.rig.joint_names
    assert [[names[pin] for pin in arm.pins] for arm in arms] == [
        ["right_shoulder", "right_elbow", "right_hand"],
        ["left_shoulder", "left_elbow", "left_hand"],
    ]
    assert {names[pin] for pin in body.pins} == set(names) - {"right_elbow", "right_hand", "left_elbow", "left_hand"}
    shirt = np.all(character.rgba[..., :3] == SHIRT, axis=2)
    for arm in arms:
        assert (arm.mask & shirt).sum() < 0.06 * shirt.sum()
    assert (body.mask & shirt).sum() > 0.97 * shirt.sum()


def test_layers_cover_the_figure() -> None:
    for arms in ("at the side", "crossing"):
        character = drawn_person(arms=arms)
        covered = np.any([layer.mask for layer in character_layers(character)], axis=0)
        assert overlap(covered, character.mask) > 0.995


def test_arm_across_the_body_leaves_no_hole() -> None:
    """The body goes on behind it, in its own color."""
    character = drawn_person(arms="crossing")
    body, *_ = character_layers(character)
    inside = np.zeros_like(character.mask)
    inside[150:240, 175:225] = True
    assert body.mask[inside].all()
    colors = body.rgb[inside].astype(int)
    assert (np.abs(colors - SHIRT).max(axis=1) < 40).mean() > 0.9


def test_legs_together_are_cut_apart() -> None:
    regions = touching_limbs(drawn_person(arms="free", legs="together"))
    assert len(regions) == 2
    assert not (regions[0].area & regions[1].area).any()


def test_skirt_is_not_cut() -> None:
    assert len(character_layers(drawn_person(arms="free", legs="skirt"))) == 1


def test_rig_with_other_joint_names_stays_whole() -> None:
    character = drawn_person()
    renamed = tuple(f"joint {number}" for number in range(len(character.rig.joint_names)))
    other = Character(character.rgba, character.mask, type(character.rig)(renamed, character.rig.parents, character.rig.rest), name="other")
    assert character_layers(other)[0].pins == whole_character(other)[0].pins


@pytest.mark.parametrize("motion", ["wave", "dance", "jumping_jacks"])
def test_arms_at_the_side_do_not_tear_the_body(motion: str) -> None:
    character = drawn_person()
    layered, sheet = (torn_shares(character, motion, mode) for mode in LayerMode)
    assert layered.mean() < 0.03
    assert layered.max() < 0.06
    assert sheet.mean() > 3 * layered.mean()

"""Layers of figures whose limbs touch the body.

Figures are drawn here: a head, a trunk, two arms and two legs as filled, outlined shapes, with exactly known joints.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from sample_scene import rig

from daemon.log.stopwatch import WallStopwatch
from daemon.options.motions import motion_library
from pipeline.animate import Performance, perform_scene, scene_clock
from pipeline.ink.regions import dilated, eroded, filled
from pipeline.mesh.arap import ArapSolver
from pipeline.motion.resample import clock_times
from pipeline.pose.hems import hem_row
from pipeline.pose.limb_labels import derived_labels
from pipeline.pose.limb_measures import Limb, LimbJoints
from pipeline.pose.limb_regions import LEG, limbs_of, touches_figure, touching_limbs
from pipeline.stages.deform import MovingMesh
from pipeline.stages.layers import character_layers, single_layer_character
from pipeline.stages.mesh import figure_of
from pipeline.stages.retarget import pose_track
from pipeline.types import MIRRORED_PARTS, Actor, BodyPart, Bools, Bytes, Character, Floats, Ints, LayerLabel, LayerMode, Scene, View
from tests.torn import torn_shares

SIDE = 400
RIGHT_ARM = (BodyPart.RIGHT_UPPER_ARM, BodyPart.RIGHT_LOWER_ARM)
PAPER, INK, SKIN, SHIRT, TROUSERS = (250, 248, 240), (20, 20, 20), (250, 210, 180), (200, 50, 50), (40, 70, 170)
HEAD, HEAD_RADIUS = (200, 90), 43
TRUNK = ("root", "hip", "torso", "neck", "right_shoulder", "left_shoulder", "right_hip", "left_hip")


def drawn_person(*, arms: str = "at the side", legs: str = "apart") -> Character:
    """A person of 400 px with arms "at the side", "beside" it, "crossing", "up" or "free".

    Legs are "apart", "together", in a "skirt" or a "gown".
    """
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
    elif arms == "beside":
        at |= {"right_elbow": (125, 195), "right_hand": (122, 245), "left_elbow": (275, 195), "left_hand": (278, 245)}
    elif arms == "crossing":
        at |= {"right_elbow": (148, 200), "right_hand": (215, 190), "left_elbow": (300, 145), "left_hand": (350, 140)}
    elif arms == "up":
        at |= {"right_elbow": (150, 95), "right_hand": (142, 40), "left_elbow": (250, 95), "left_hand": (258, 40)}
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
    if legs in {"skirt", "gown"}:
        hem = 310 if legs == "skirt" else 385
        outline = [np.array([(160, 220), (240, 220), (290, hem), (110, hem)])]
        cv2.fillPoly(rgb, outline, SHIRT)
        cv2.fillPoly(mask, outline, 1)
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


def performed(character: Character, motion: str, mode: LayerMode) -> Performance:
    """The character in motion, six frames a second."""
    library = motion_library({})
    moves = library.motion(motion)
    scene = Scene((Actor(character, moves, library.matching_retarget(moves)),), View(), mode)
    (performance,) = perform_scene(scene, scene_clock(scene, rate=Fraction(6)), stopwatch=WallStopwatch())
    return performance


def roundness(character: Character, motion: str, mode: LayerMode) -> np.ndarray:
    """The head's height and width, the shorter one through the longer one, for every frame; 1 is round."""
    performance = performed(character, motion, mode)
    at = performance.meshed.figure.mesh.vertices * [1, -1] + [0, 1]
    rim = np.abs(np.linalg.norm(at * SIDE - HEAD, axis=1) - HEAD_RADIUS) < 3
    rim &= performance.meshed.figure.layer_of_vertex == 0
    assert rim.sum() > 8
    extents = np.array([np.linalg.svd(shape[rim] - shape[rim].mean(axis=0), compute_uv=False) for shape in performance.moving.each_shape()])
    start = np.linalg.svd(at[rim] - at[rim].mean(axis=0), compute_uv=False)
    return (extents[:, 1] / extents[:, 0]) / (start[1] / start[0])


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


def test_gown_to_the_ground_is_not_cut_and_hangs_from_the_hips() -> None:
    character = drawn_person(arms="free", legs="gown")
    (gown,) = character_layers(character)
    names = {character.rig.joint_names[pin] for pin in gown.pins}
    assert {"right_hip", "left_hip", "right_hand"} <= names
    assert not {"right_knee", "left_knee", "right_foot", "left_foot"} & names


@pytest.mark.parametrize("legs", ["apart", "together", "skirt"])
def test_legs_that_are_seen_keep_their_joints(legs: str) -> None:
    character = drawn_person(arms="free", legs=legs)
    pinned = {character.rig.joint_names[pin] for layer in character_layers(character) for pin in layer.pins}
    assert {"right_knee", "left_knee", "right_foot", "left_foot"} <= pinned


def test_legs_come_out_from_under_a_skirt() -> None:
    """Each leg is drawn behind the skirt, goes on to its hip, and has the color of what is seen of it."""
    character = drawn_person(arms="free", legs="skirt")
    skirt, *legs = character_layers(character)
    names = character.rig.joint_names
    assert [[names[pin] for pin in leg.pins] for leg in legs] == [
        ["right_hip", "right_knee", "right_foot"],
        ["left_hip", "left_knee", "left_foot"],
    ]
    assert all(leg.is_behind for leg in legs)
    assert not skirt.is_behind
    assert skirt.mask[225:308, 160:240].all()
    assert not skirt.mask[325:].any()
    for leg, column in zip(legs, (170, 230), strict=True):
        assert leg.mask[250:360, column].all()
        assert not leg.mask[330:360, 400 - column].any()
        assert np.abs(leg.rgb[255:305, column].astype(int) - TROUSERS).max() < 60


def test_shorts_that_a_model_names_thighs_stay_with_the_body() -> None:
    """A strip of them stayed behind between the legs."""
    character = drawn_person(legs="skirt")
    parts, rgba = cv2.resize(named_parts(character), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST), character.rgba.copy()
    for left, right in ((156, 198), (202, 244)):
        cv2.rectangle(rgba, (left, 250), (right, 307), (*TROUSERS, 255), cv2.FILLED)
        cv2.rectangle(rgba, (left, 250), (right, 307), (*INK, 255), 3)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for is_side, thigh, shank in (
        (columns < 200, BodyPart.RIGHT_THIGH, BodyPart.RIGHT_SHANK),
        (columns >= 200, BodyPart.LEFT_THIGH, BodyPart.LEFT_SHANK),
    ):
        parts[is_side & (rows > 250) & (rows < 312) & (abs(columns - 200) < 45) & character.mask] = thigh
        parts[is_side & (rows > 310) & character.mask] = shank
    legs = [
        limb for limb in touching_limbs(replace(character, rgba=rgba), parts) if limb.joints in limbs_of(character.rig.joint_names, LEG)
    ]
    assert len(legs) == 2
    assert not any(leg.area[:295].any() for leg in legs)


def test_leg_that_is_a_line_continues_as_a_line_under_the_skirt() -> None:
    """Its mask is wider than the line, as masks are; the paper along it must not become the leg's color."""
    character = drawn_person(arms="free", legs="skirt")
    rgba, mask = character.rgba.copy(), character.mask.astype(np.uint8)
    rgba[311:, :, :3], mask[311:] = PAPER, 0
    for column in (170, 230):
        cv2.line(rgba, (column, 305), (column, 365), (*INK, 255), 4)
        cv2.line(mask, (column, 305), (column, 368), 1, 10)
    thin = replace(character, rgba=rgba, mask=mask.astype(np.bool_))
    for leg, column in zip(character_layers(thin)[1:], (170, 230), strict=True):
        assert np.abs(leg.rgb[255:300, column].astype(int) - INK).max() < 60


def test_bare_legs_that_are_apart_need_no_layer() -> None:
    assert hem_row(*_mask_and_legs(drawn_person(arms="free"))) is None


@pytest.mark.parametrize("motion", ["dance", "jumping_jacks"])
def test_legs_under_a_skirt_do_not_tear_it(motion: str) -> None:
    character = drawn_person(arms="free", legs="skirt")
    layered, sheet = (torn_shares(performed(character, motion, mode)) for mode in LayerMode)
    assert layered.max() < 0.05
    assert sheet.max() > 2 * layered.max()


def test_legs_under_a_skirt_are_drawn_first() -> None:
    character = drawn_person(arms="at the side", legs="skirt")
    layers = character_layers(character)
    figure = figure_of(character, layers)
    layer_of_triangle = figure.layer_of_vertex[figure.triangles_in(tuple(range(len(character.rig.joint_names))))[:, 0]]
    is_behind = np.array([layer.is_behind for layer in layers])[layer_of_triangle]
    count = int(is_behind.sum())
    assert count > 0
    assert is_behind[:count].all()


@pytest.mark.parametrize("arms", ["at the side", "crossing"])
@pytest.mark.parametrize("legs", ["apart", "together", "skirt"])
def test_no_layer_has_a_hole_that_the_figure_lacks(arms: str, legs: str) -> None:
    """The mesh of a layer keeps its shape's holes in every frame: without holes, nothing shows through."""
    character = drawn_person(arms=arms, legs=legs)
    for layer in character_layers(character):
        assert not (filled(layer.mask) & character.mask & ~layer.mask).any()


def _mask_and_legs(character: Character) -> tuple[Bools, np.ndarray]:
    joints = character.joints_px()
    return character.mask, np.stack([joints[[leg.root, leg.middle, leg.end]] for leg in limbs_of(character.rig.joint_names, LEG)])


def named_parts(character: Character) -> Bytes:
    """The body parts of `drawn_person`, arms in front of everything, as coarse as a model names them."""
    parts = np.where(character.mask, np.uint8(BodyPart.TRUNK), np.uint8(BodyPart.NONE))
    at = character.joints_px()
    index = character.rig.joint_names.index
    for side, (upper, lower) in (
        ("right", (BodyPart.RIGHT_UPPER_ARM, BodyPart.RIGHT_LOWER_ARM)),
        ("left", (BodyPart.LEFT_UPPER_ARM, BodyPart.LEFT_LOWER_ARM)),
    ):
        shoulder, elbow, hand = (np.rint(at[index(f"{side}_{joint}")]).astype(int).tolist() for joint in ("shoulder", "elbow", "hand"))
        cv2.line(parts, shoulder, elbow, int(upper), 24)
        cv2.line(parts, elbow, hand, int(lower), 24)
    parts[~character.mask] = BodyPart.NONE
    return np.ascontiguousarray(parts[::4, ::4])


def test_named_parts_show_where_an_arm_ends() -> None:
    character = drawn_person()
    truth = np.isin(cv2.resize(named_parts(character), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST), RIGHT_ARM)
    named, alone = touching_limbs(character, named_parts(character))[0], touching_limbs(character)[0]
    shirt = np.all(character.rgba[..., :3] == SHIRT, axis=2) & ~truth
    assert overlap(named.area, truth) > max(0.75, overlap(alone.area, truth))
    assert (named.area & shirt).sum() < 0.002 * shirt.sum()


def test_thing_held_before_the_body_moves_with_the_arm() -> None:
    character = drawn_person()
    sword, blade = np.zeros_like(character.mask), np.s_[225:237, 135:225]
    sword[blade] = True
    rgba = character.rgba.copy()
    rgba[sword] = (*INK, 255)
    armed = replace(character, rgba=rgba, mask=character.mask | sword)
    parts = cv2.resize(named_parts(armed), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    parts[sword & (parts != BodyPart.RIGHT_LOWER_ARM)] = BodyPart.HELD
    right, _ = touching_limbs(armed, parts)
    assert (right.area & sword).sum() > 0.9 * sword.sum()


def test_parts_are_not_believed_where_joints_contradict_them() -> None:
    character = drawn_person()
    parts = named_parts(character)
    shoulder_row = character.joints_px()[character.rig.joint_names.index("right_shoulder"), 1] / 4
    is_below = np.arange(len(parts))[:, None] > shoulder_row + 6
    regions = touching_limbs(character, np.where((parts > 0) & is_below, np.uint8(BodyPart.TRUNK), parts))
    assert [overlap(one.area, other.area) > 0.95 for one, other in zip(regions, touching_limbs(character), strict=True)] == [True, True]


def test_parts_that_would_tear_an_arm_apart_leave_it_to_rig_and_lines() -> None:
    """A model that takes the middle of the right arm for trunk, and a piece of the trunk far from it for hand."""
    character = drawn_person()
    parts = named_parts(character)
    elbow, hand = (character.joints_px()[character.rig.joint_names.index(f"right_{joint}")] / 4 for joint in ("elbow", "hand"))
    middle = np.rint((elbow + hand) / 2).astype(int)
    cv2.circle(parts, tuple(middle.tolist()), 7, int(BodyPart.TRUNK), cv2.FILLED)
    left_hip = character.joints_px()[character.rig.joint_names.index("left_hip")] / 4
    cv2.circle(parts, tuple(np.rint(left_hip).astype(int).tolist()), 7, int(BodyPart.RIGHT_HAND), cv2.FILLED)
    torn, alone = touching_limbs(character, parts), touching_limbs(character)
    assert [one.joints for one in torn] == [one.joints for one in alone]
    assert overlap(torn[0].area, alone[0].area) > 0.8


def test_toes_that_a_model_gives_to_the_other_foot_stay_with_their_foot() -> None:
    """The other leg is in two pieces then, so that rig and lines decide about it; the toes, which it loses, stayed with the body."""
    person = drawn_person(arms="free", legs="skirt")
    toes = np.zeros_like(person.mask)
    toes[352:376, 100:154] = True
    rgba = person.rgba.copy()
    rgba[toes] = (*TROUSERS, 255)
    character = replace(person, rgba=rgba, mask=person.mask | toes)
    parts = cv2.resize(named_parts(character), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    is_leg = (rows > 310) & character.mask
    parts[is_leg & (columns < 200)], parts[is_leg & (columns >= 200)] = BodyPart.RIGHT_SHANK, BodyPart.LEFT_SHANK
    parts[toes & (columns < 140)] = BodyPart.LEFT_FOOT
    right, left = touching_limbs(character, parts)
    assert right.area[toes].mean() > 0.98
    assert not left.area[toes].any()


def running_figure() -> Character:
    """An oval trunk without clothes; both legs are curved lines that leave it sideways, with ovals for feet."""
    at = {
        "root": (200, 250), "hip": (200, 250), "torso": (200, 150), "neck": (200, 80),
        "right_shoulder": (195, 150), "left_shoulder": (205, 150), "right_elbow": (140, 160), "left_elbow": (260, 160),
        "right_hand": (90, 140), "left_hand": (310, 140), "right_hip": (192, 252), "left_hip": (208, 252),
        "right_knee": (110, 272), "left_knee": (290, 272), "right_foot": (60, 310), "left_foot": (340, 275),
    }  # fmt: skip
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(mask, ((200, 195), (90, 140), 0), 1, cv2.FILLED)
    cv2.circle(mask, HEAD, 45, 1, cv2.FILLED)
    for chain in (("right_shoulder", "right_elbow", "right_hand"), ("left_shoulder", "left_elbow", "left_hand"),
                  ("right_hip", "right_knee", "right_foot"), ("left_hip", "left_knee", "left_foot")):  # fmt: skip
        cv2.polylines(mask, [np.array([at[name] for name in chain], np.int32)], isClosed=False, color=1, thickness=4)
    for side in ("right", "left"):
        cv2.circle(mask, at[f"{side}_hand"], 18, 1, cv2.FILLED)
        cv2.ellipse(mask, (at[f"{side}_foot"], (26, 56), 60), 1, cv2.FILLED)
    template = drawn_person()
    joints = {
        name: (*at[name], template.rig.joint_names[parent] if parent >= 0 else None)
        for name, parent in zip(template.rig.joint_names, template.rig.parents, strict=True)
    }
    rgba = np.dstack([np.where(mask[..., None], np.uint8(90), np.uint8(255)).repeat(3, axis=2), np.full((SIDE, SIDE), 255, np.uint8)])
    return Character(rgba, mask.astype(np.bool_), rig(joints, SIDE), name="runner")


def test_legs_that_run_are_under_no_hem() -> None:
    """The row where an oval trunk ends was taken for the hem of a skirt, and what is seen of the legs above it stayed with the body."""
    character = running_figure()
    assert hem_row(*_mask_and_legs(character)) is None
    assert not {limb.joints for limb in touching_limbs(character)} & set(limbs_of(character.rig.joint_names, LEG))


def test_left_hand_that_a_model_names_right_stays_with_the_left_arm() -> None:
    character = drawn_person()
    left_hand = np.rint(character.joints_px()[character.rig.joint_names.index("left_hand")] / 4).astype(int)
    parts = named_parts(character)
    cv2.circle(parts, tuple(left_hand.tolist()), 6, int(BodyPart.RIGHT_HAND), cv2.FILLED)
    parts[~character.mask[::4, ::4]] = BodyPart.NONE
    right, left = touching_limbs(character, parts)
    assert not right.area[:, SIDE // 2 :].any()
    assert overlap(left.area, touching_limbs(character, named_parts(character))[1].area) > 0.9


def test_hand_that_a_model_sees_twice_is_where_the_arm_ends() -> None:
    """A buckle between the hips moved with the arm whose hand is on the hip."""
    person = drawn_person()
    rgba, buckle = person.rgba.copy(), (SIDE // 2, 236)
    cv2.circle(rgba, buckle, 9, (*SKIN, 255), cv2.FILLED)
    cv2.circle(rgba, buckle, 10, (*INK, 255), 3)
    parts = named_parts(person)
    cv2.circle(parts, (buckle[0] // 4, buckle[1] // 4), 2, int(BodyPart.RIGHT_HAND), cv2.FILLED)
    right, _ = touching_limbs(replace(person, rgba=rgba), parts)
    assert not right.area[:, buckle[0] - 12 :].any()


def test_area_that_no_line_divides_is_not_shared_with_a_hand_beside_it() -> None:
    """Such as a lens of glasses, of which a model takes the nearer part for the hand beside it."""
    character = drawn_person()
    elbow, hand = (character.joints_px()[character.rig.joint_names.index(f"right_{joint}")] for joint in ("elbow", "hand"))
    center = np.rint((elbow + hand) / 2).astype(int) + np.array([36, 0])
    rgba, lens = character.rgba.copy(), np.zeros(character.mask.shape, np.uint8)
    cv2.circle(lens, tuple(center.tolist()), 22, 1, cv2.FILLED)
    cv2.circle(rgba, tuple(center.tolist()), 22, (200, 250, 250, 255), cv2.FILLED)
    cv2.circle(rgba, tuple(center.tolist()), 24, (*INK, 255), 5)
    seen, parts = replace(character, rgba=rgba), cv2.resize(named_parts(character), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    is_lens = (lens > 0) & character.mask
    parts[is_lens & (np.arange(SIDE) < center[0] + 8)] = BodyPart.RIGHT_HAND
    right, _ = touching_limbs(seen, parts)
    assert (right.area & is_lens).sum() < 0.05 * is_lens.sum()


def test_lens_that_a_model_takes_for_a_hand_stays_with_the_body() -> None:
    character, center = drawn_person(arms="crossing"), (192, 158)
    rgba, lens = character.rgba.copy(), np.zeros(character.mask.shape, np.uint8)
    cv2.circle(lens, center, 17, 1, cv2.FILLED)
    cv2.circle(rgba, center, 17, (200, 250, 250, 255), cv2.FILLED)
    cv2.circle(rgba, center, 18, (*INK, 255), 4)
    parts = cv2.resize(named_parts(character), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    cv2.circle(parts, center, 19, int(BodyPart.RIGHT_HAND), cv2.FILLED)
    cv2.line(parts, center, (center[0], 195), int(BodyPart.RIGHT_HAND), 24)
    right = touching_limbs(replace(character, rgba=rgba), parts)[0]
    assert (right.area & (lens > 0)).sum() < 0.05 * lens.sum()


def test_hand_on_a_hip_takes_no_piece_of_the_trousers_along() -> None:
    """A model names a piece of them hand, and the hand's joint is on them."""
    character = drawn_person(arms="crossing")
    corners = (194, 165), (234, 247)
    rgba, inside = character.rgba.copy(), np.zeros(character.mask.shape, np.uint8)
    cv2.rectangle(rgba, *corners, (*TROUSERS, 255), cv2.FILLED)
    cv2.rectangle(rgba, *corners, (*INK, 255), 4)
    cv2.rectangle(inside, *corners, 1, cv2.FILLED)
    parts = cv2.resize(named_parts(character), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    parts[inside > 0] = BodyPart.TRUNK
    cv2.circle(parts, (215, 190), 12, int(BodyPart.RIGHT_HAND), cv2.FILLED)
    right = next(
        limb for limb in touching_limbs(replace(character, rgba=rgba), parts) if limb.area[:, :190].sum() > limb.area[:, 210:].sum()
    )
    assert (right.area & (inside > 0)).sum() < 0.05 * inside.sum()


def test_outline_of_the_body_does_not_hang_from_an_arm() -> None:
    """Where thick outlines of arm and body meet in the armpit, the arm's flood ran down along the body's, which became a spike."""
    person = drawn_person(arms="beside")
    at = dict(zip(person.rig.joint_names, (tuple(point) for point in person.joints_px()), strict=True))
    chain = {"right_shoulder": (162, 145), "right_elbow": (144, 195), "right_hand": (126, 245)}
    rgba = np.full((SIDE, SIDE, 4), (*PAPER, 255), np.uint8)
    body, arm = np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(body, HEAD, HEAD_RADIUS, 1, cv2.FILLED)
    cv2.rectangle(body, (154, 130), (246, 370), 1, cv2.FILLED)
    cv2.polylines(arm, [np.array([*chain.values()])], isClosed=False, color=1, thickness=26)
    for part, color in ((body > 0, SHIRT), (arm > 0, SKIN)):
        rgba[part], rgba[eroded(part, 6)] = (*INK, 255), (*color, 255)
    parents = [person.rig.joint_names[parent] if parent >= 0 else None for parent in person.rig.parents]
    joints = {name: (*(at | chain)[name], parent) for name, parent in zip(at, parents, strict=True)}
    parts = np.where(arm, np.uint8(BodyPart.RIGHT_LOWER_ARM), np.where(body, np.uint8(BodyPart.TRUNK), np.uint8(BodyPart.NONE)))
    character = Character(rgba, (body | arm) > 0, rig(joints, SIDE), name="person")
    hand = person.rig.joint_names.index("right_hand")
    (right,) = (limb for limb in touching_limbs(character, parts[::4, ::4]) if limb.joints.end == hand)
    assert (right.area & (arm > 0)).sum() > 0.95 * arm.sum()
    assert (right.area & ~dilated(arm > 0, 4)).sum() < 20


def test_limb_that_was_not_understood_keeps_still() -> None:
    character = drawn_person()
    labels = derived_labels(character)
    assert labels is not None
    hand = np.rint(character.joints_px()[character.rig.joint_names.index("right_hand")]).astype(int)
    is_arm = labels == LayerLabel.RIGHT_ARM
    is_scrap = is_arm & (np.hypot(*(np.indices(is_arm.shape)[::-1] - hand[:, None, None])) < 12)
    labels[is_arm & ~is_scrap] = LayerLabel.BODY
    layers = character_layers(replace(character, layer_labels=labels))
    moving = {character.rig.joint_names[joint] for layer in layers for joint in layer.pins}
    assert [len(layers), {"right_elbow", "right_hand"} & moving] == [2, set()]
    assert {"left_elbow", "left_hand", "right_shoulder"} <= moving
    assert layers[0].mask[is_scrap].all()


def test_limb_that_does_not_hang_on_its_root_keeps_still() -> None:
    """Such as a forearm that is seen beyond the trunk that covers its upper arm: it flew beside the figure."""
    character = drawn_person()
    labels = derived_labels(character)
    assert labels is not None
    shoulder, elbow, _ = (
        character.joints_px()[character.rig.joint_names.index(f"right_{joint}")] for joint in ("shoulder", "elbow", "hand")
    )
    is_arm = labels == LayerLabel.RIGHT_ARM
    is_upper = is_arm & (np.arange(SIDE)[:, None] < elbow[1] - 5)
    labels[is_upper] = LayerLabel.BODY
    rgba, mask = character.rgba.copy(), character.mask.copy()
    gap = np.s_[round(elbow[1]) - 12 : round(elbow[1]) - 2, : round(shoulder[0]) - 2]
    rgba[gap], mask[gap], labels[gap] = (*PAPER, 255), False, LayerLabel.NONE
    layers = character_layers(replace(character, rgba=rgba, mask=mask, layer_labels=labels))
    moving = {character.rig.joint_names[joint] for layer in layers for joint in layer.pins}
    assert {"right_elbow", "right_hand"} & moving == set()
    assert {"left_elbow", "left_hand"} <= moving


def test_arm_of_which_a_model_sees_nothing_keeps_still() -> None:
    """An arm behind the back took a piece of the dress along."""
    character = drawn_person()
    parts = named_parts(character)
    parts[np.isin(parts, RIGHT_ARM)] = BodyPart.TRUNK
    layers = character_layers(replace(character, layer_labels=derived_labels(character, parts)))
    moving = {character.rig.joint_names[joint] for layer in layers for joint in layer.pins}
    assert len(layers) == 2
    assert not {"right_elbow", "right_hand"} & moving
    assert {"left_elbow", "left_hand", "right_shoulder"} <= moving


def test_left_arm_that_a_model_names_right_is_seen() -> None:
    character = drawn_person()
    parts = named_parts(character)
    for left, right in ((BodyPart.LEFT_UPPER_ARM, BodyPart.RIGHT_UPPER_ARM), (BodyPart.LEFT_LOWER_ARM, BodyPart.RIGHT_LOWER_ARM)):
        parts[parts == left] = right
    both = touching_limbs(character, parts)
    assert [
        overlap(one.area, other.area) > 0.9 for one, other in zip(both, touching_limbs(character, named_parts(character)), strict=True)
    ] == [True, True]


def test_mark_of_an_unseen_hand_leaves_the_other_arm_whole() -> None:
    """The hand is behind the other arm."""
    character = drawn_person()
    names, rest = character.rig.joint_names, character.rig.rest.copy()
    rest[names.index("right_hand")] = rest[names.index("left_elbow")]
    folded = replace(character, rig=replace(character.rig, rest=rest))
    parts = named_parts(character)
    parts[np.isin(parts, RIGHT_ARM)] = BodyPart.TRUNK
    labels = derived_labels(folded, parts)
    assert labels is not None
    assert (labels == LayerLabel.RIGHT_ARM).any()
    left = labels == LayerLabel.LEFT_ARM
    assert np.array_equal(filled(left), left)


def test_legs_under_a_skirt_are_whole_even_if_a_model_sees_none() -> None:
    """Too little of a leg may be visible to tell."""
    character = drawn_person(arms="free", legs="skirt")
    legs, alone = touching_limbs(character, named_parts(character)), touching_limbs(character)
    assert [overlap(one.area, other.area) > 0.9 for one, other in zip(legs, alone, strict=True)] == [True, True]


def test_bent_arm_leaves_the_shirt_between_its_bones_to_the_body() -> None:
    """Though a model takes the shirt there for the arm, which could not be stretched out with it."""
    character = drawn_person(arms="crossing")
    shoulder, elbow, hand = (
        character.joints_px()[character.rig.joint_names.index(f"right_{joint}")] for joint in ("shoulder", "elbow", "hand")
    )
    parts = named_parts(character)
    cv2.fillConvexPoly(parts, np.rint(np.array([shoulder, elbow, hand]) / 4).astype(np.int32), int(BodyPart.RIGHT_UPPER_ARM))
    parts[~character.mask[::4, ::4]] = BodyPart.NONE
    column, row = np.rint(0.4 * shoulder + 0.2 * elbow + 0.4 * hand).astype(int)
    right = next(limb for limb in touching_limbs(character, parts) if character.rig.joint_names[limb.joints.middle] == "right_elbow")
    assert not right.area[row - 2 : row + 3, column - 2 : column + 3].any()


def test_parts_that_show_free_limbs_settle_that_the_figure_is_one_layer() -> None:
    """Without labels, layers would be derived again where the parts are no longer known."""
    character = drawn_person(arms="free")
    labels = derived_labels(character, named_parts(character))
    assert labels is not None
    assert set(np.unique(labels).tolist()) == {LayerLabel.NONE, LayerLabel.BODY}
    assert len(character_layers(replace(character, layer_labels=labels))) == 1
    assert derived_labels(character) is None


def test_parts_with_right_and_left_exchanged_are_understood() -> None:
    character = drawn_person()
    exchanged = np.array(MIRRORED_PARTS, np.uint8)[named_parts(character)]
    for one, other in zip(touching_limbs(character, exchanged), touching_limbs(character, named_parts(character)), strict=True):
        assert one.joints == other.joints
        assert overlap(one.area, other.area) > 0.99


def test_rig_with_other_joint_names_stays_whole() -> None:
    character = drawn_person()
    renamed = tuple(f"joint {number}" for number in range(len(character.rig.joint_names)))
    other = Character(character.rgba, character.mask, type(character.rig)(renamed, character.rig.parents, character.rig.rest), name="other")
    assert character_layers(other)[0].pins == single_layer_character(other)[0].pins


@pytest.mark.parametrize("motion", ["wave", "dance", "jumping_jacks"])
def test_arms_at_the_side_do_not_tear_the_body(motion: str) -> None:
    character = drawn_person()
    layered, sheet = (torn_shares(performed(character, motion, mode)) for mode in LayerMode)
    assert layered.mean() < 0.03
    assert layered.max() < 0.06
    assert sheet.mean() > 3 * layered.mean()


def test_head_stays_round_when_arms_beside_it_come_down() -> None:
    character = drawn_person(arms="up")
    layered, sheet = (roundness(character, "wave", mode) for mode in LayerMode)
    assert layered.min() > 0.9
    assert sheet.min() < 0.85


@pytest.mark.parametrize(("half_width_px", "touches"), [(10.0, True), (40.0, False)])
def test_armpit_of_a_thick_arm_is_no_contact(half_width_px: float, *, touches: bool) -> None:
    """A border of 12 px beyond the shoulder is a tenth of a thin arm's length, and a third of a thick arm's half width."""
    mask, area = np.zeros((200, 200), np.bool_), np.zeros((200, 200), np.bool_)
    mask[60:100, 20:180], area[60:100, 20:180] = True, True
    mask[100:180, 110:122] = True  # the body touches the arm from below
    arm = Limb(LimbJoints(0, 1, 2), np.array([(25.0, 80.0), (85.0, 80.0), (145.0, 80.0)]), half_width=half_width_px)
    assert touches_figure(arm, area, mask) is touches


@pytest.mark.parametrize(("sleeve_px", "touches"), [(15, False), (35, True)])
def test_sleeve_on_the_shirt_is_a_contact_beyond_the_shoulder(sleeve_px: int, *, touches: bool) -> None:
    """A sleeve that hangs on the shirt down to half of the upper arm, 60 px, would pull the shirt up with the arm."""
    mask, area = np.zeros((200, 200), np.bool_), np.zeros((200, 200), np.bool_)
    mask[60:100, 20:180], area[60:100, 20:180] = True, True
    mask[100:180, 20 : 25 + sleeve_px] = True  # the shirt is below the arm
    arm = Limb(LimbJoints(0, 1, 2), np.array([(25.0, 80.0), (85.0, 80.0), (145.0, 80.0)]), half_width=10.0)
    assert touches_figure(arm, area, mask) is touches


def test_handles_gap_beside_an_arm_that_a_thin_bridge_closes() -> None:
    """A few px of mask between wrist and shirt would hold the arm down, and tear the shirt."""
    character = drawn_person(arms="beside")
    assert len(character_layers(character)) == 1
    mask = character.mask.copy()
    mask[228:232, 120:170] = True
    bridged = replace(character, mask=mask)
    names = bridged.rig.joint_names
    assert [[names[bone] for bone in layer.bones] for layer in character_layers(bridged)[1:]] == [["right_elbow", "right_hand"]]
    torn = {mode: torn_shares(performed(bridged, "dance", mode)).mean() for mode in LayerMode}
    assert torn[LayerMode.AUTO] < 0.02 < torn[LayerMode.OFF]


def test_layers_need_hardly_more_vertices() -> None:
    """Slivers where limbs were cut from the body don't ask for small triangles."""
    character = drawn_person(arms="crossing", legs="skirt")
    layers = character_layers(character)
    assert len(layers) > 2
    one, several = (len(figure_of(character, some).mesh.vertices) for some in (single_layer_character(character), layers))
    assert several < 1.8 * one


def test_line_between_arm_and_shirt_stays_with_the_body() -> None:
    """Nothing of a body beside arms is hidden, but for what is behind a hand, so its image stays."""
    character = drawn_person()
    body, *_ = character_layers(character)
    is_changed = (body.rgb != character.rgba[..., :3]).any(axis=2)
    assert is_changed[body.mask].mean() < 0.002


@pytest.mark.parametrize(("arms", "legs"), [("at the side", "together"), ("crossing", "skirt"), ("up", "apart")])
def test_background_shows_through_the_body_in_no_motion(arms: str, legs: str) -> None:
    """Neither within the trunk nor where limbs hang on it, in two frames a second of every built-in motion."""
    character, library = drawn_person(arms=arms, legs=legs), motion_library({})
    layers = character_layers(character)
    assert len(layers) > 1
    figure = figure_of(character, layers)
    solver, triangles = ArapSolver(figure.mesh, figure.pins), figure.mesh.triangles
    trunk = [character.rig.joint_names.index(joint) for joint in TRUNK if joint not in {"root", "neck"}]
    is_trunk = np.isin(figure.owner, trunk) & (figure.layer_of_vertex[triangles[:, 0]] == 0)
    roots = [(layer.pins[0], 0.6 * limb.half_width_px / SIDE) for layer, limb in zip(layers[1:], touching_limbs(character), strict=True)]
    for name in library.names():
        motion = library.motion(name)
        config = library.matching_retarget(motion)
        scene = Scene((Actor(character, motion, config),), View())
        track = pose_track(character.rig, motion, config, clock_times(scene_clock(scene, rate=Fraction(2))), with_skeleton=False)
        for frame, shape in enumerate(MovingMesh(solver, track, figure.pin_joints).each_shape()):
            inside = filled(drawn_triangles(shape - track.root[frame, :2], triangles[is_trunk]))
            for joint, radius in roots:
                inside |= drawn_disc(track.joints[frame, joint], radius)
            hole = inside & ~dilated(drawn_triangles(shape - track.root[frame, :2], triangles), 1)  # a pixel for rounding
            assert not hole.any(), (name, frame)


CANVAS, SCALE = 400, 160.0
"""Side of the canvas on which shapes are compared, px, and its px for the side of the drawing."""


def drawn_triangles(shape: Floats, triangles: Ints) -> Bools:
    """The pixels of triangles; the root joint is in the middle."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    for corners in np.rint((shape * SCALE + CANVAS / 2)[triangles] * 16).astype(np.int32):
        cv2.fillConvexPoly(canvas, corners, 1, shift=4)
    return canvas.astype(np.bool_)


def drawn_disc(center: Floats, radius: float) -> Bools:
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    at = np.rint((center * SCALE + CANVAS / 2) * 16).astype(int).tolist()
    cv2.circle(canvas, at, round(radius * SCALE * 16), 1, cv2.FILLED, shift=4)
    return canvas.astype(np.bool_)


def test_hand_beside_a_free_leg_cuts_no_notch_into_the_body() -> None:
    """Where hand and knee are the nearest bones to the body's edge; a person's limbs that touch are layers."""
    (layer,) = character_layers(drawn_person(arms="free"))
    assert not layer.has_touching_limbs
    (sheet,) = single_layer_character(drawn_person(arms="free"))
    assert sheet.has_touching_limbs

"""The map of a body, whatever its joints are called and whichever way the file's world is set up: `find_body`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_bodies import random_body
from written_bvh import BODY, UPWARDS, waving_bvh

from pipeline.motion.clip import MotionClip
from pipeline.motion.formats.bvh import bvh_from_text
from pipeline.motion.formats.bvh_source import bvh_clip
from pipeline.motion.humanoid.body_map import ENOUGH, BodyMap, find_body
from pipeline.motion.up_axis import UpAxis

ARM, LEG = ("UpperArm", "LowerArm", "Hand"), ("UpperLeg", "LowerLeg", "Foot")


def sided(name: str, left: str, right: str) -> str:
    """The name with its side written as given."""
    if name.startswith("Left"):
        return left.format(name[4:])
    return right.format(name[5:]) if name.startswith("Right") else name


SPELLINGS = {
    "as they are": lambda name: name,
    "lower case": str.lower,
    "side at the end": lambda name: sided(name, "{}_L", "{}_R"),
    "a prefix": lambda name: f"rig:{name}",
    "numbers": lambda name: f"J{[joint[0] for joint in BODY].index(name):02d}",
    "a prefix of the side": lambda name: sided(name, "l{}", "r{}"),
    "German": lambda name: {
        "Hips": "Becken", "Head": "Kopf", "Neck": "Hals", "LeftUpperArm": "Oberarm_links", "RightUpperArm": "Oberarm_rechts",
    }.get(name, name),
}  # fmt: skip


def clip_of(text: str) -> MotionClip:
    return bvh_clip(bvh_from_text(text), "wave")


def found(clip: MotionClip, **settled) -> BodyMap:
    body = find_body(clip.joint_names, clip.parents, clip.positions, rest=clip.rest, **settled)
    assert body is not None
    return body


def limbs(body: BodyMap) -> list[tuple[str, ...]]:
    return [limb.joints[:3] for limb in (body.left_arm, body.right_arm, body.left_leg, body.right_leg)]


def expected(spelt=lambda name: name) -> list[tuple[str, ...]]:
    return [tuple(spelt(f"{side}{part}") for part in parts) for parts in (ARM, LEG) for side in ("Left", "Right")]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_finds_the_limbs_whatever_the_joints_are_called(spelling: str) -> None:
    spelt = SPELLINGS[spelling]
    body = found(clip_of(waving_bvh(names=spelt)))
    assert limbs(body) == expected(spelt)
    assert body.hips == spelt("Hips")
    assert body.trunk[:2] == (spelt("Hips"), spelt("Spine"))
    assert body.head == spelt("Head")
    assert body.confidence > 0.8


@pytest.mark.parametrize("turned", [0.0, 77.0])
@pytest.mark.parametrize("up", UPWARDS)
def test_finds_which_axis_is_up(up: str, turned: float) -> None:
    body = found(clip_of(waving_bvh(names=SPELLINGS["numbers"], up=up, turned=turned)))
    assert body.up is UpAxis(up)
    assert limbs(body) == expected(SPELLINGS["numbers"])


def test_left_is_where_the_names_say_and_a_contradiction_is_a_doubt() -> None:
    swapped = {name: name.replace("Left", "?").replace("Right", "Left").replace("?", "Right") for name, *_ in BODY}
    body = found(clip_of(waving_bvh(names=swapped.__getitem__)))
    assert body.left_leg.start == "LeftUpperLeg"
    assert body.confidence < 0.9
    assert "mirrored" in body.doubts[0]


def test_without_names_and_feet_nothing_says_which_side_is_left_until_facing_does() -> None:
    feetless = [joint for joint in BODY if "Toes" not in joint[0]]
    number = {name: f"J{index}" for index, (name, *_) in enumerate(feetless)}
    parents = {joint[0]: BODY[joint[1]][0] if joint[1] >= 0 else "" for joint in feetless}
    places = [name for name, *_ in feetless]
    joints = [(name, places.index(parents[name]) if parents[name] else -1, offset) for name, _, offset in feetless]
    text = waving_bvh(joints=joints, names=number.__getitem__).replace("OFFSET 0 2 0", "OFFSET 0 0 0")
    body = found(clip_of(text))
    assert "--facing" in body.doubts[-1]
    assert body.confidence < 0.6
    ahead, back = (found(clip_of(text), facing_axis=axis) for axis in (UpAxis.Z, UpAxis.MINUS_Z))
    assert ahead.left_leg.start == number["LeftUpperLeg"]
    assert back.left_leg.start == number["RightUpperLeg"]
    assert ahead.confidence > body.confidence


def test_a_body_that_hangs_on_its_waist_is_found() -> None:
    """Some rigs begin above the hips, with the pelvis below."""
    joints = [("Waist", -1, (0, 0, 0)), ("Pelvis", 0, (0, -8, 0)), ("Spine", 0, (0, 5, 0))]
    joints += [(name, {0: 1, 1: 2}.get(parent, parent + 1), offset) for name, parent, offset in BODY[2:]]
    body = found(clip_of(waving_bvh(joints=joints)))
    assert body.hips == "Pelvis"
    assert body.trunk[1] == "Waist"
    assert limbs(body) == expected()


def test_twist_bones_fingers_props_and_hip_joints_are_no_limbs() -> None:
    joints = list(BODY)
    joints += [
        (f"{side}Finger{n}", joint, (sign * 9, 0, n - 2)) for side, joint, sign in (("Left", 8, 1), ("Right", 12, -1)) for n in range(4)
    ]
    joints += [("LeftUpperLegTwist", 14, (0, -21, 0)), ("RightUpperLegTwist", 18, (0, -21, 0)), ("Sword", 12, (0, 90, 0))]
    joints += [("LeftSkirt", 0, (12, -50, 0)), ("RightSkirt", 0, (-12, -50, 0)), ("LeftEye", 4, (3, 5, 7)), ("RightEye", 4, (-3, 5, 7))]
    assert limbs(found(clip_of(waving_bvh(joints=joints)))) == expected()


def test_collar_bones_come_before_the_shoulders() -> None:
    joints = [*BODY[:6]]
    for side, sign in (("Left", 1), ("Right", -1)):
        first = len(joints)
        joints += [(f"{side}Collar", 2, (sign * 2, 18, 0)), (f"{side}UpperArm", first, (sign * 15, 0, 0))]
        joints += [(f"{side}LowerArm", first + 1, (sign * 27, 0, 0)), (f"{side}Hand", first + 2, (sign * 25, 0, 0))]
    for side, sign in (("Left", 1), ("Right", -1)):
        first = len(joints)
        joints += [(f"{side}UpperLeg", 0, (sign * 10, -3, 0)), (f"{side}LowerLeg", first, (0, -42, 0))]
        joints += [(f"{side}Foot", first + 1, (0, -42, 0)), (f"{side}Toes", first + 2, (0, -5, 12))]
    number = {name: f"J{index}" for index, (name, *_) in enumerate(joints)}
    assert limbs(found(clip_of(waving_bvh(joints=joints, names=number.__getitem__)))) == expected(number.__getitem__)


def test_a_skeleton_without_two_pairs_of_limbs_is_no_body() -> None:
    snake = [(f"Bone{index}", index - 1, (0, 10, 0)) for index in range(12)]
    clip = clip_of(waving_bvh(joints=snake))
    assert find_body(clip.joint_names, clip.parents, clip.positions) is None


def test_joints_that_are_all_at_one_place_are_no_body() -> None:
    clip = clip_of(waving_bvh())
    flat = replace(clip, positions=np.zeros_like(clip.positions))
    assert find_body(flat.joint_names, flat.parents, flat.positions) is None


def test_the_word_of_the_user_is_taken() -> None:
    body = found(clip_of(waving_bvh()), up=UpAxis.MINUS_X)
    assert body.up is UpAxis.MINUS_X


def test_a_lying_body_is_upright_by_its_rest_pose_or_format() -> None:
    clip = clip_of(waving_bvh())
    angles = np.linspace(0, np.pi / 2, len(clip.positions)).clip(max=1.5)
    lying = np.stack(
        [
            positions @ np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])
            for positions, a in zip(clip.positions, angles, strict=True)
        ]
    )
    lying[4:] = lying[-1]
    assert find_body(clip.joint_names, clip.parents, lying).up is UpAxis.Z
    assert find_body(clip.joint_names, clip.parents, lying, declared_up=UpAxis.Y, rest=clip.rest).up is UpAxis.Y
    assert find_body(clip.joint_names, clip.parents, lying, declared_up=UpAxis.Y).confidence > ENOUGH


@pytest.mark.parametrize("jitter_cm", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(20))
def test_finds_the_limbs_of_a_body_at_random(seed: int, jitter_cm: float) -> None:
    """No names, any proportions, props and worlds: a limb is right if its joints are where the body's are."""
    random = np.random.default_rng(seed)
    made, places = random_body(random)
    places = places + random.normal(0, 1, places.shape) * jitter_cm
    body = find_body(made.names, np.array(made.parents, np.int32), places)
    assert body is not None
    assert body.up is UpAxis(made.up)
    for name, joints in made.limbs.items():
        limb = getattr(body, name.replace(" ", "_"))
        for joint, given in zip(limb.joints[:3], joints, strict=True):
            apart = np.abs(places[:, made.names.index(joint)] - places[:, given]).mean()
            assert apart < 2.5 + 2 * jitter_cm, (name, joint, f"J{given}", body.confidence)


def without(*names: str) -> list[tuple[str, int, tuple[float, float, float]]]:
    """The body without some joints and what hangs on them."""
    gone = set()
    for index, (name, parent, _) in enumerate(BODY):
        if name in names or parent in gone:
            gone.add(index)
    kept = [index for index in range(len(BODY)) if index not in gone]
    return [(BODY[index][0], kept.index(BODY[index][1]) if BODY[index][1] >= 0 else -1, BODY[index][2]) for index in kept]


def test_a_body_without_a_head_is_in_doubt_but_moves() -> None:
    body = found(clip_of(waving_bvh(joints=without("Neck"))))
    assert body.head is None
    assert "there is no head above the shoulders" in body.doubts
    assert body.confidence > ENOUGH
    assert limbs(body) == expected()

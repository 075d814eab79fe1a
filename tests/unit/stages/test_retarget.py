"""A motion drives a rig: each rule of etc/doc/algorithm.md on a doll whose numbers are known."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sample_scene

from pipeline.errors import RetargetError
from pipeline.stages.retarget import draw_orders, driven_pose, exchanged_limbs, pose_track, posed_joints
from pipeline.types import AboveCheck, DrawGroup, Motion, ProjectionGroup, ProjectionMethod, RetargetConfig, Rig, Travel

RIG = sample_scene.rig()
CONFIG = sample_scene.retarget_config()


def times(motion: Motion) -> list[Fraction]:
    return [k * motion.frame_time for k in range(motion.frame_count)]


def joint(name: str) -> int:
    return RIG.joint_names.index(name)


def test_a_lifted_forearm_lifts_the_drawings_forearm_at_its_own_length() -> None:
    motion = sample_scene.motion(frames=10)
    track = pose_track(RIG, motion, CONFIG, times(motion))
    forearm = track.joints[:, joint("left_hand")] - track.joints[:, joint("left_elbow")]
    length = np.linalg.norm(RIG.rest[joint("left_hand")] - RIG.rest[joint("left_elbow")])
    angle = np.linspace(0, np.pi / 2, 10)
    np.testing.assert_allclose(forearm, length * np.stack([np.cos(angle), np.sin(angle)], axis=1), atol=1e-9)


def test_what_does_not_move_stays_where_the_motion_points() -> None:
    motion = sample_scene.motion()
    track = pose_track(RIG, motion, CONFIG, times(motion))
    np.testing.assert_allclose(np.ptp(track.joints[:, joint("right_hand")], axis=0), 0.0, atol=1e-12)
    upper = track.joints[0, joint("right_elbow")] - track.joints[0, joint("right_shoulder")]
    assert upper[0] < 0
    assert upper[1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("turn", [0.4, np.pi / 2, -3.0])
def test_where_the_body_faces_in_the_file_makes_no_difference(turn: float) -> None:
    motion = sample_scene.motion(step_cm=(2.0, 0.5, 0.0))
    c, s = np.cos(turn), np.sin(turn)
    turned = replace(motion, positions=motion.positions @ np.array([(c, 0, -s), (0, 1, 0), (s, 0, c)]) + (7.0, 3.0, -5.0))
    expected, found = (pose_track(RIG, m, CONFIG, times(m)) for m in (motion, turned))
    np.testing.assert_allclose(found.joints, expected.joints, atol=1e-9)
    np.testing.assert_allclose(found.root, expected.root, atol=1e-9)


def seen_from_behind(names: tuple[str, ...] = ("shoulder", "elbow", "hand", "hip", "knee", "foot")) -> Rig:
    """The rig with the left and right joints of these names in each other's places."""
    places = dict(zip(RIG.joint_names, RIG.rest, strict=True))
    partner = {f"{side}_{name}": f"{other}_{name}" for side, other in (("left", "right"), ("right", "left")) for name in names}
    return replace(RIG, rest=np.array([places[partner.get(name, name)] for name in RIG.joint_names]))


def from_front(method: ProjectionMethod = ProjectionMethod.FRONTAL) -> RetargetConfig:
    return replace(CONFIG, projection_groups=tuple(replace(group, method=method) for group in CONFIG.projection_groups))


def test_limbs_of_a_figure_seen_from_behind_move_as_those_of_one_that_faces_us() -> None:
    """They would cross in front of it for the whole clip."""
    motion, behind = sample_scene.motion(frames=10), seen_from_behind()
    facing, turned = (pose_track(rig, motion, from_front(), times(motion)) for rig in (RIG, behind))
    own = [joint(name.replace("left", "right") if "left" in name else name.replace("right", "left")) for name in RIG.joint_names]
    np.testing.assert_allclose(turned.joints, facing.joints[:, own], atol=1e-9)
    assert [tuple(own[k] for k in order) for order in turned.draw_orders] == list(facing.draw_orders)


def exchanged(rig: Rig, config: RetargetConfig, motion: Motion | None = None) -> dict[str, str]:
    motion = motion or sample_scene.motion()
    return exchanged_limbs(rig, config, driven_pose(rig, motion, config, times(motion)))


def test_crossed_legs_of_a_runner_are_exchanged_and_the_arms_are_not() -> None:
    runner = exchanged(seen_from_behind(("hip", "knee", "foot")), from_front())
    assert runner["right_foot"] == "left_foot"
    assert "right_hand" not in runner
    assert exchanged(seen_from_behind(("knee", "foot")), from_front()) == {}  # legs that are drawn crossed
    assert exchanged(RIG, from_front()) == {}


def test_limbs_seen_from_the_side_are_never_exchanged() -> None:
    """Arm and leg of one side would swing in step."""
    assert exchanged(seen_from_behind(), from_front(ProjectionMethod.SAGITTAL)) == {}


def test_head_of_a_figure_seen_from_behind_is_driven() -> None:
    """The check of all configurations, whether the head is above the shoulders, took the line between them the other way round."""
    motion = sample_scene.motion(frames=10)
    checked = replace(from_front(), checks=(AboveCheck("neck", "right_shoulder", "left_shoulder"),))
    tilt = np.array([(0.05 if name == "neck" else 0.0, 0.0) for name in RIG.joint_names])
    tilted = [replace(rig, rest=rig.rest + tilt) for rig in (RIG, seen_from_behind())]
    facing, turned = (pose_track(rig, motion, checked, times(motion)).joints[:, joint("neck")] for rig in tilted)
    np.testing.assert_allclose(turned, facing, atol=1e-9)
    assert facing[0, 0] == pytest.approx(0.0, abs=1e-9)


def test_motion_of_a_body_seen_from_behind_drives_limbs_on_its_side() -> None:
    """A flat motion is not turned to the viewer; one whose file has the pairs that it faces by in reverse is turned away."""
    motion = sample_scene.motion()
    behind = replace(motion, facing_pairs=tuple((right, left) for left, right in motion.facing_pairs))
    assert exchanged(seen_from_behind(), from_front(), behind) == {}
    assert exchanged(RIG, from_front(), behind) == {}  # seen as it is, though limbs cross


def test_limbs_are_not_exchanged_in_a_motion_that_shows_them_on_neither_side() -> None:
    """As a runner who is seen from the side in a flat motion."""
    motion = sample_scene.motion(frames=10)
    positions = motion.positions.copy()
    for name in ("LeftKnee", "RightKnee", "LeftElbow", "RightElbow"):
        positions[:, motion.joint_names.index(name), 0] *= np.where(np.arange(10) % 2, 1.0, -1.0)
    assert exchanged(seen_from_behind(), from_front(), replace(motion, positions=positions)) == {}


@pytest.mark.parametrize("missing", ["right_elbow", "left_shoulder", "right_hand"])
def test_limbs_with_different_joints_are_not_exchanged(missing: str) -> None:
    """An elbow without a partner would hang still, or be looked for in a rig that lacks it."""
    joints = {name: place for name, place in sample_scene.JOINTS_PX.items() if name != missing}
    parent = sample_scene.JOINTS_PX[missing][2]
    rig = sample_scene.rig({name: (120 - x, y, parent if above == missing else above) for name, (x, y, above) in joints.items()})
    config = replace(from_front(), checks=(AboveCheck("neck", "left_elbow", "right_hip"),))
    found = exchanged(rig, config)
    assert found.keys() == {f"{side}_{name}" for side in ("right", "left") for name in ("hip", "knee", "foot")}
    pose_track(rig, sample_scene.motion(), config, [Fraction(0)])


def test_the_root_travels_in_the_drawings_proportions() -> None:
    motion = sample_scene.motion(frames=5, step_cm=(8.5, -1.7, 0.0))
    track = pose_track(RIG, motion, CONFIG, times(motion))
    own = sum(np.linalg.norm(RIG.rest[joint(f"left_{a}")] - RIG.rest[joint(f"left_{b}")]) for a, b in (("foot", "knee"), ("knee", "hip")))
    np.testing.assert_allclose(np.diff(track.root[:, 0]), 8.5 * own / 85.0)
    np.testing.assert_allclose(np.diff(track.root[:, 1]), -1.7 * own / 85.0)
    assert (track.root[:, 2] == -0.5).all()


def test_walking_towards_the_viewer_is_not_travel_from_the_front_but_is_from_the_side() -> None:
    motion = sample_scene.motion(frames=5, step_cm=(0.0, 0.0, 4.0))
    front = pose_track(RIG, motion, CONFIG, times(motion))
    np.testing.assert_allclose(front.root[:, 0], 0.0, atol=1e-12)
    side = replace(CONFIG, projection_groups=(ProjectionGroup("all", tuple(sample_scene.MOTION_JOINTS), ProjectionMethod.SAGITTAL),))
    assert np.all(np.diff(pose_track(RIG, motion, side, times(motion)).root[:, 0]) > 0)


def test_pca_chooses_the_plane_in_which_the_group_spreads() -> None:
    pca = replace(CONFIG, projection_groups=(ProjectionGroup("all", tuple(sample_scene.MOTION_JOINTS), ProjectionMethod.PCA),))
    motion = sample_scene.motion()
    assert driven_pose(RIG, motion, pca, times(motion)).planes == {"all": True}


def test_pca_counts_a_joint_once_and_sees_a_root_alone_from_the_side() -> None:
    motion = wild_motion()
    joints = ("RightElbow", "LeftHip")
    groups = [("once", joints), ("again", joints + ("RightElbow",) * 50), ("root", ("Hips",)), ("absent", ("Tail",))]
    others = ProjectionGroup("all", tuple(sample_scene.MOTION_JOINTS), ProjectionMethod.FRONTAL)
    pca = (*(ProjectionGroup(name, members, ProjectionMethod.PCA) for name, members in groups), others)
    planes = driven_pose(RIG, motion, replace(CONFIG, projection_groups=pca), times(motion)).planes
    assert planes == {"once": True, "again": True, "root": False, "absent": False, "all": True}


def test_a_config_fits_a_motion_in_which_all_its_joints_have_a_namespace() -> None:
    """The namespace was left out of the configuration, and not of the motion, of which another joint has none."""
    motion = sample_scene.motion(frames=4, step_cm=(1.0, 2.0, 0.0))
    spelt = {name: f"mixamorig:{name}" for name in motion.joint_names}
    armature = replace(
        motion,
        joint_names=(*spelt.values(), "Armature"),
        parents=np.append(motion.parents, np.int32(0)),
        positions=np.concatenate([motion.positions, motion.positions[:, :1]], axis=1),
        ground_joint=spelt[motion.ground_joint],
        facing_pairs=tuple((spelt[left], spelt[right]) for left, right in motion.facing_pairs),
    )
    expected, found = (pose_track(RIG, each, CONFIG, times(motion)) for each in (motion, armature))
    assert np.array_equal(found.joints, expected.joints)
    assert np.array_equal(found.root, expected.root)
    assert found.draw_orders == expected.draw_orders


def test_of_two_mapped_children_the_last_one_turns_the_parent() -> None:
    """The original's rule: siblings overwrite each other in the rig's order."""
    asked = {"right_hip": np.array([90.0]), "left_hip": np.array([200.0])}
    joints = posed_joints(RIG, asked, 1)
    bone = joints[0, joint("left_hip")] - joints[0, joint("root")]
    assert np.degrees(np.arctan2(bone[1], bone[0])) - 90 == pytest.approx(200 - 360)
    other = joints[0, joint("right_hip")] - joints[0, joint("root")]
    assert np.degrees(np.arctan2(other[1], other[0])) - 90 != pytest.approx(90.0)


def test_a_limb_whose_parent_is_not_mapped_inherits_the_trunks_turn() -> None:
    """An elbow asked to rest where it rests still turns with the torso, since its shoulder is not mapped."""
    rest = {name: np.array([270.0 if name.startswith("left") else 90.0]) for name in ("left_elbow", "right_elbow")}
    joints = posed_joints(RIG, {"torso": np.array([30.0]), **rest}, 1)
    arm = joints[0, joint("left_elbow")] - joints[0, joint("left_shoulder")]
    assert np.degrees(np.arctan2(arm[1], arm[0])) == pytest.approx(30.0)


def test_a_target_below_the_line_is_dropped_from_the_mapping() -> None:
    motion = sample_scene.motion()
    above = replace(CONFIG, checks=(AboveCheck("neck", "right_shoulder", "left_shoulder"),))
    assert "neck" in driven_pose(RIG, motion, above, times(motion)).orientations
    below = replace(CONFIG, checks=(AboveCheck("neck", "left_shoulder", "right_shoulder"),))
    assert "neck" not in driven_pose(RIG, motion, below, times(motion)).orientations


def test_groups_are_drawn_from_far_to_near_and_reversed_inside_when_far() -> None:
    groups = (DrawGroup(("a",), ("hip", "torso")), DrawGroup(("b", "c"), ("left_elbow", "left_hand", "third_arm")))
    depths = {"a": np.array([0.5, 0.5]), "b": np.array([-2.0, 1.0]), "c": np.array([-1.0, 1.0])}
    orders, which = draw_orders(RIG, groups, depths, 2)
    named = [[RIG.joint_names[j] for j in orders[w]] for w in which]
    assert named == [["left_hand", "left_elbow", "hip", "torso"], ["hip", "torso", "left_elbow", "left_hand"]]


def test_frames_with_the_same_order_share_it() -> None:
    motion = sample_scene.motion(frames=40)
    track = pose_track(RIG, motion, CONFIG, times(motion))
    assert len(track.draw_orders) == len(set(track.order_of_frame)) == 1


def trembling(motion: Motion, names: tuple[str, ...], tremor_cm: float) -> Motion:
    """The motion with joints that move back and forth in depth in each frame."""
    positions = motion.positions.copy()
    for name in names:
        positions[:, motion.joint_names.index(name), 2] += tremor_cm * np.where(np.arange(motion.frame_count) % 2, 1.0, -1.0)
    return replace(motion, positions=positions)


def test_order_flickers_with_tremor_unless_it_is_steady() -> None:
    """A tremor of 2 cm, where a leg has 85 cm."""
    motion = trembling(sample_scene.motion(frames=20), ("LeftWrist", "RightAnkle"), 2.0)
    front = [joint("left_elbow"), joint("left_hand")]
    sorted_track = pose_track(RIG, motion, CONFIG, times(motion))
    steady = pose_track(RIG, motion, CONFIG, times(motion), front_joints=front)
    assert (np.diff(sorted_track.order_of_frame) != 0).all()
    assert len(steady.draw_orders) == 1
    assert steady.draw_orders[0].index(joint("left_hand")) > steady.draw_orders[0].index(joint("torso")), "the limb that is drawn in front"
    np.testing.assert_array_equal(steady.joints, sorted_track.joints)
    np.testing.assert_array_equal(steady.root, sorted_track.root)


def test_exchanged_limb_that_is_drawn_in_front_stays_in_front() -> None:
    motion = trembling(sample_scene.motion(frames=20), ("LeftWrist", "RightWrist"), 2.0)
    for side, other in (("left", "right"), ("right", "left")):
        front = [joint(f"{side}_elbow"), joint(f"{side}_hand")]
        (order,) = pose_track(seen_from_behind(), motion, from_front(), times(motion), front_joints=front).draw_orders
        assert order.index(joint(f"{side}_hand")) > order.index(joint("torso"))
        assert order.index(joint(f"{side}_hand")) > order.index(joint(f"{other}_hand"))


def test_margin_of_steady_orders_grows_with_the_figure() -> None:
    motion = trembling(sample_scene.motion(frames=20), ("LeftWrist",), 2.0)
    tiny = replace(motion, positions=0.01 * motion.positions)
    for each in (motion, tiny, replace(motion, scale=3.0)):
        assert len(pose_track(RIG, each, CONFIG, times(each), front_joints=[]).draw_orders) == 1


def test_limb_that_goes_behind_the_body_is_drawn_behind_it_in_steady_orders() -> None:
    motion = sample_scene.motion(frames=20)
    positions = motion.positions.copy()
    positions[10:, motion.joint_names.index("LeftWrist"), 2] -= 30.0
    positions[:10, motion.joint_names.index("LeftWrist"), 2] += 30.0
    track = pose_track(RIG, replace(motion, positions=positions), CONFIG, times(motion), front_joints=[joint("left_hand")])
    is_in_front = [order.index(joint("left_hand")) > order.index(joint("torso")) for order in track.draw_orders]
    assert [is_in_front[order] for order in track.order_of_frame] == [True] * 10 + [False] * 10


def test_any_rate_shows_the_same_movement_between_the_same_ends() -> None:
    motion = sample_scene.motion(frames=31)
    slow, fast = ([Fraction(k, n) for k in range(n + 1)] for n in (10, 120))
    assert np.abs(pose_track(RIG, motion, CONFIG, slow).joints - pose_track(RIG, motion, CONFIG, fast).joints[::12]).max() < 1e-9


def test_everything_that_does_not_fit_is_said_at_once() -> None:
    misfit = replace(
        CONFIG,
        mapping={"left_hand": ("LeftElbow", "LeftPaw"), "tail": ("Hips", "Neck")},
        checks=(AboveCheck("antenna", "right_shoulder", "left_shoulder"),),
        projection_groups=(ProjectionGroup("some", ("Hips", "LeftWrist", "RightWrist", "LeftAnkle"), ProjectionMethod.FRONTAL),),
    )
    with pytest.raises(RetargetError) as refused:
        pose_track(RIG, sample_scene.motion(), misfit, [Fraction(0)])
    for part in ("LeftPaw", "antenna", "RightAnkle", "'all'"):
        assert part in str(refused.value)


def test_a_config_that_drives_nothing_of_this_rig_is_refused() -> None:
    with pytest.raises(RetargetError, match="no joint of the character is driven"):
        pose_track(RIG, sample_scene.motion(), replace(CONFIG, mapping={"tail": ("Hips", "Neck")}), [Fraction(0)])


def test_a_config_that_draws_nothing_of_this_rig_is_refused() -> None:
    groups = (DrawGroup(("Hips",), ("tail", "wing")),)
    with pytest.raises(RetargetError, match="no joint of the character is in a group that is drawn"):
        pose_track(RIG, sample_scene.motion(), replace(CONFIG, draw_groups=groups), [Fraction(0)])


def test_a_motion_whose_legs_have_no_length_is_refused() -> None:
    motion = sample_scene.motion()
    flat = replace(motion, positions=np.zeros_like(motion.positions))
    for each in (flat, replace(motion, scale=1e-320)):
        with pytest.raises(RetargetError, match="no length"):
            pose_track(RIG, each, CONFIG, [Fraction(0)])


# --- against the specification, joint by joint ---------------------------------------------------------------------------


def wild_motion(frames: int = 5, scale: float = 0.02) -> Motion:
    """Every joint somewhere else in every frame, the body turning as it goes; away from the origin, off the floor."""
    still = sample_scene.motion(frames)
    chance = np.random.default_rng(7)
    turns = np.linspace(0.3, 2.1, frames)
    turned = np.stack(
        [
            p @ np.array([(np.cos(a), 0, -np.sin(a)), (0, 1, 0), (np.sin(a), 0, np.cos(a))])
            for p, a in zip(still.positions, turns, strict=True)
        ]
    )
    wander = np.cumsum(chance.normal(scale=8.0, size=(frames, 1, 3)), axis=0) + np.array((40.0, 13.0, -25.0))
    return replace(still, positions=turned + chance.normal(scale=6.0, size=turned.shape) + wander, scale=scale)


class Specified:
    """etc/doc/algorithm.md ("Root path"), with ground positions as complex numbers x + iz, one frame and joint at a time."""

    def __init__(self, motion: Motion) -> None:
        self.names = {name: index for index, name in enumerate(motion.joint_names)}
        self.points = motion.positions * motion.scale
        self.ground = self.points[..., 0] + 1j * self.points[..., 2]
        self.headings = [self._heading(frame, motion) for frame in range(motion.frame_count)]
        self.floor = self.points[0, self.names[motion.ground_joint], 1]

    def _heading(self, frame: int, motion: Motion) -> complex:
        spans = [self.points[frame, self.names[right]] - self.points[frame, self.names[left]] for left, right in motion.facing_pairs]
        mean = sum(span / np.linalg.norm(span) for span in spans)
        ahead = complex(mean[2], -mean[0])
        return ahead / abs(ahead)

    def body(self, frame: int, name: str) -> tuple[float, float, float]:
        """Relative to the root, facing +X."""
        index = self.names[name]
        turned = (self.ground[frame, index] - self.ground[frame, 0]) * self.headings[frame].conjugate()
        return turned.real, self.points[frame, index, 1] - self.points[frame, 0, 1], turned.imag

    def image(self, frame: int, name: str, *, from_front: bool) -> tuple[complex, float]:
        """The point in its plane, x + iy, and its depth."""
        x, y, z = self.body(frame, name)
        return (complex(-z, y), x) if from_front else (complex(x, y), z)

    def path(self, ratio: float, *, from_front: bool) -> list[complex]:
        """The root's way from its start, x + iy."""
        way = [0j]
        for frame in range(1, len(self.points)):
            step = (self.ground[frame, 0] - self.ground[frame - 1, 0]) * self.headings[0].conjugate()
            forward = self.headings[frame] * self.headings[0].conjugate()
            along = -forward.imag * step.real - forward.real * step.imag if from_front else (forward.conjugate() * step).real
            way.append(way[-1] + ratio * complex(along, self.points[frame, 0, 1] - self.points[frame - 1, 0, 1]))
        return way


def degrees_from_up(vector: complex) -> float:
    return float(np.degrees(np.angle(vector / 1j)) % 360)


TWO_PLANES = replace(
    CONFIG,
    starting_location=(0.3, -0.2, 0.7),
    projection_groups=(
        ProjectionGroup("arms", tuple(j for j in sample_scene.MOTION_JOINTS if "Right" not in j), ProjectionMethod.FRONTAL),
        ProjectionGroup("legs", tuple(j for j in sample_scene.MOTION_JOINTS if "Right" in j), ProjectionMethod.SAGITTAL),
    ),
    root_offset=replace(
        CONFIG.root_offset,
        motion_chains=(("LeftAnkle", "LeftKnee", "LeftHip"), ("Neck", "Hips")),
        character_chains=(("left_foot", "left_knee", "left_hip"), ("neck", "torso", "root")),
        projection_group="arms",
    ),
)


@pytest.mark.parametrize("group", ["arms", "legs"])
def test_paths_angles_and_depths_are_those_of_the_specification(group: str) -> None:
    motion = wild_motion()
    expected = Specified(motion)
    config = replace(TWO_PLANES, root_offset=replace(TWO_PLANES.root_offset, projection_group=group))
    driven = driven_pose(RIG, motion, config, times(motion))
    assert driven.planes == {"arms": True, "legs": False}
    for name, (proximal, distal) in config.mapping.items():
        front = "Right" not in distal
        for frame in range(motion.frame_count):
            bone = expected.image(frame, distal, from_front=front)[0] - expected.image(frame, proximal, from_front=front)[0]
            assert driven.orientations[name][frame] == pytest.approx(degrees_from_up(bone))
    for name in sample_scene.MOTION_JOINTS:
        depths = [expected.image(frame, name, from_front="Right" not in name)[1] for frame in range(motion.frame_count)]
        np.testing.assert_allclose(driven.depths[name], depths, atol=1e-12)

    def length(points: list[np.ndarray]) -> float:
        return sum(float(np.linalg.norm(b - a)) for a, b in pairwise(points))

    own = sum(length([RIG.rest[joint(name)] for name in chain]) for chain in config.root_offset.character_chains)
    theirs = sum(length([expected.points[-1, expected.names[name]] for name in chain]) for chain in config.root_offset.motion_chains)
    path = expected.path(own / theirs, from_front=group == "arms")
    np.testing.assert_allclose(driven.root_path, [(at.real, at.imag) for at in path], atol=1e-12)
    track = pose_track(RIG, motion, config, times(motion))
    np.testing.assert_allclose(track.root, [(at.real + 0.3, at.imag - 0.2, 0.7) for at in path], atol=1e-12)


def test_the_skeleton_of_the_debug_view_walks_the_figures_way_seen_from_the_front() -> None:
    motion = wild_motion()
    expected = Specified(motion)
    driven = driven_pose(RIG, motion, TWO_PLANES, times(motion))
    track = pose_track(RIG, motion, TWO_PLANES, times(motion))
    shown = track.skeleton - np.array(TWO_PLANES.starting_location)
    height = expected.points[0, 0, 1] - expected.floor
    for frame in range(motion.frame_count):
        for name, index in expected.names.items():
            x, y, z = expected.body(frame, name)
            across, up = driven.root_path[frame]
            np.testing.assert_allclose(shown[frame, index], (across - z, up + y + height, x), atol=1e-12)
    assert pose_track(RIG, motion, TWO_PLANES, times(motion), with_skeleton=False).skeleton is None


def test_every_bone_that_is_asked_to_points_there_whatever_its_parents_do() -> None:
    """Along a chain of mapped joints; of bones that rest slanted."""
    asked = {"left_knee": np.array([200.0, 10.0]), "left_foot": np.array([165.0, 300.0]), "left_hip": np.array([250.0, 91.0])}
    joints = posed_joints(RIG, asked, 2)
    for parent, child in (("root", "left_hip"), ("left_hip", "left_knee"), ("left_knee", "left_foot")):
        bones = joints[:, joint(child)] - joints[:, joint(parent)]
        np.testing.assert_allclose([degrees_from_up(complex(*bone)) for bone in bones], asked[child])
        np.testing.assert_allclose(np.linalg.norm(bones, axis=1), np.linalg.norm(RIG.rest[joint(child)] - RIG.rest[joint(parent)]))


def test_a_rig_that_nothing_drives_rests_and_its_root_never_turns() -> None:
    rest = RIG.rest - RIG.rest[0]
    np.testing.assert_allclose(posed_joints(RIG, {}, 3), np.repeat(rest[None], 3, axis=0), atol=1e-12)
    np.testing.assert_allclose(posed_joints(RIG, {"root": np.array([77.0])}, 1)[0], rest, atol=1e-12)


@pytest.mark.parametrize(
    ("target", "first", "second", "is_kept"),
    [
        ("left_foot", "left_hip", "left_knee", False),
        ("left_foot", "left_knee", "left_hip", True),
        ("right_knee", "right_hip", "left_shoulder", False),
        ("right_knee", "left_shoulder", "right_hip", True),
        ("torso", "root", "neck", True),  # on the line
        ("right_elbow", "neck", "right_foot", False),
        ("right_elbow", "right_foot", "neck", True),
        ("left_hand", "right_hand", "left_foot", True),
        ("left_hand", "left_foot", "right_hand", False),
        ("neck", "torso", "torso", True),  # one joint twice: a level line
        ("left_foot", "torso", "torso", False),
    ],
)
def test_below_a_line_is_to_the_right_of_the_way_along_it(target: str, first: str, second: str, *, is_kept: bool) -> None:
    motion = sample_scene.motion()
    config = replace(CONFIG, checks=(AboveCheck(target, first, second),))
    assert (target in driven_pose(RIG, motion, config, times(motion)).orientations) == is_kept


def test_pca_looks_at_the_joints_of_its_group_in_all_frames() -> None:
    """Arms that swing to and fro are seen from the side, whatever else there is."""
    motion = sample_scene.motion(frames=9)
    positions = motion.positions.copy()
    names = list(motion.joint_names)
    for name in ("LeftElbow", "LeftWrist"):
        positions[1:, names.index(name), 2] += np.linspace(-300.0, 300.0, 8)
    swinging = replace(motion, positions=positions)
    groups = (
        ProjectionGroup("all", tuple(j for j in names if j not in {"LeftElbow", "LeftWrist"}), ProjectionMethod.PCA),
        ProjectionGroup("arm", ("LeftElbow", "LeftWrist", "no such joint"), ProjectionMethod.PCA),
    )
    driven = driven_pose(RIG, swinging, replace(CONFIG, projection_groups=groups), times(motion))
    assert driven.planes == {"all": True, "arm": False}
    assert "no such joint" not in driven.depths


def test_equally_deep_groups_keep_their_order_and_depth_nought_is_far() -> None:
    groups = tuple(DrawGroup((name,), (first, second)) for name, first, second in (("a", "hip", "torso"), ("b", "left_elbow", "left_hand")))
    orders, which = draw_orders(RIG, groups, {"a": np.array([0.0, 1.0]), "b": np.array([0.0, 1.0])}, 2)
    named = [[RIG.joint_names[j] for j in orders[w]] for w in which]
    assert named == [["torso", "hip", "left_hand", "left_elbow"], ["hip", "torso", "left_elbow", "left_hand"]]
    assert which.dtype == np.int32


def test_many_equally_deep_groups_keep_their_order() -> None:
    """More than a sort that is not stable would leave in their order."""
    names = [name for name in RIG.joint_names if name != "root"] * 3
    groups = tuple(DrawGroup((str(number % 2),), (name,)) for number, name in enumerate(names))
    orders, _ = draw_orders(RIG, groups, {"0": np.array([1.0]), "1": np.array([2.0])}, 1)
    assert [RIG.joint_names[j] for j in orders[0]] == [*names[::2], *names[1::2]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ground_joint": "Floor"}, "has no joint 'Floor'"),
        ({"facing_pairs": (("LeftWing", "RightShoulder"),)}, "has no joint 'LeftWing'"),
    ],
)
def test_what_a_motion_itself_lacks_is_said(change: dict[str, object], told: str) -> None:
    motion = replace(sample_scene.motion(), **change)  # type: ignore[arg-type]
    with pytest.raises(RetargetError, match=f"motion 'lift' {told}$"):
        pose_track(RIG, motion, CONFIG, [Fraction(0)])


def test_limb_lengths_are_those_of_the_last_frame() -> None:
    motion = sample_scene.motion()
    positions = motion.positions.copy()
    positions[-1] = 0.0
    with pytest.raises(RetargetError, match=r"does not fit: the motion's limb chains for the root have no length$"):
        pose_track(RIG, replace(motion, positions=positions), CONFIG, [Fraction(0)])
    with pytest.raises(RetargetError, match=r"does not fit: no joint of the character is driven by the motion$"):
        pose_track(RIG, motion, replace(CONFIG, mapping={"tail": ("Hips", "Neck")}), [Fraction(0)])


def test_a_looping_motion_goes_round_and_another_ends() -> None:
    for loops in (True, False):
        motion = sample_scene.motion(frames=6, loops=loops)
        later = [motion.duration + Fraction(2, 30)]
        found = pose_track(RIG, motion, CONFIG, later).joints
        same = pose_track(RIG, motion, CONFIG, [Fraction(2, 30) if loops else 5 * motion.frame_time]).joints
        np.testing.assert_allclose(found, same, atol=1e-9)


@pytest.mark.parametrize("travel", [Travel.FULL, Travel.IN_PLACE])
def test_loop_goes_on_its_way_between_frames_and_after_a_round(travel: Travel) -> None:
    motion = replace(sample_scene.motion(frames=6, loops=True, step_cm=(2.0, 0.0, 0.0)), travel=travel)
    own = pose_track(RIG, motion, CONFIG, [k * motion.frame_time for k in range(6)]).root
    found = pose_track(RIG, motion, CONFIG, [k * motion.frame_time / 2 for k in range(24)]).root
    np.testing.assert_allclose(np.diff(found[:, 0]), (own[1, 0] - own[0, 0]) / 2, atol=1e-9)
    assert bool(np.ptp(own[:, 0]) > 0.01) == (travel is Travel.FULL)


def test_joints_of_the_root_are_turned_about_it_even_where_it_lies_apart() -> None:
    """In most rigs, root and hip lie in one place."""
    joints = {**sample_scene.JOINTS_PX, "root": (64, 78, None)}
    rig = sample_scene.rig(joints)
    rest = rig.rest - rig.rest[0]
    np.testing.assert_allclose(posed_joints(rig, {}, 1)[0], rest, atol=1e-12)
    turned = posed_joints(rig, {"hip": np.array([123.0]), "root": np.array([50.0])}, 1)[0]
    assert degrees_from_up(complex(*turned[joint("hip")])) == pytest.approx(123.0)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1)[joint("hip")], np.linalg.norm(rest[joint("hip")]))


def test_a_motion_in_meters_is_as_good_as_one_in_centimeters() -> None:
    motion = sample_scene.motion(frames=5, step_cm=(8.5, -1.7, 0.0))
    small = replace(motion, positions=motion.positions / 100, scale=1.0)
    found, expected = (pose_track(RIG, each, CONFIG, times(motion)) for each in (small, motion))
    np.testing.assert_allclose(found.root, expected.root)
    np.testing.assert_allclose(found.joints, expected.joints, atol=1e-9)

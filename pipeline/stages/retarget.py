"""A motion drives a rig: from joints in three dimensions to the figure's joints in two, for all frames at once.

etc/doc/algorithm.md is the specification; AnimatedDrawings' numbers are reproduced to 1e-4 of the figure's size
(`tests/integration/test_agreement.py`). What the drawing keeps is its own limb lengths; what it takes from the motion is the angle of each
mapped bone in its group's projection plane, the path of the root, and which limbs are in front.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from pipeline.errors import RetargetError
from pipeline.motion import facing
from pipeline.motion.configs import spelt_as
from pipeline.motion.footing import path_of_planted_feet, planted_feet
from pipeline.motion.looping import gain_of_round
from pipeline.motion.resample import frame_sampler
from pipeline.motion.steady_order import steady_orders
from pipeline.motion.travel import shown_path
from pipeline.pose.limb_regions import ARM, LEG
from pipeline.types import AboveCheck, DrawGroup, Floats, Ints, Motion, PoseTrack, ProjectionMethod, RetargetConfig, Rig, RootOffset


@dataclass(frozen=True, eq=False)
class DrivenPose:
    """What the motion asks of the drawing, before the rig answers.

    Attributes:
        orientations: mapped character joint -> (T,) degrees counter-clockwise from up: where the bone that ends in it points.
        depths: motion joint -> (T,) depth in its group's plane, growing towards the viewer.
        sideways: motion joint -> (N,) x in its group's plane, growing to the viewer's right, in all frames of the motion.
        planes: projection group -> True if it is seen from the front, False from the side.
        root_path: (T, 2), the figure's path from its start, unit square's scale.
        feet: (T, F, 3) where the motion's feet are in its own world, scaled, not turned.
    """

    orientations: dict[str, Floats]
    depths: dict[str, Floats]
    sideways: dict[str, Floats]
    planes: dict[str, bool]
    root_path: Floats
    feet: Floats = field(repr=False)


ONE_SIDED = 0.5
"""A motion shows a limb clearly on one side of the other one if the mean of their signed distance, sideways, is more than this share of the
mean of its absolute value. The share is 1 in each motion that comes with doodled."""

MARGIN_OF_LEG = 0.05
"""Groups that differ in depth by less than this many leg lengths keep their order, where orders are steady."""


@dataclass(frozen=True)
class Steadiness:
    """Hysteresis of draw orders.

    Attributes:
        margin: difference of depth, world units, below which groups keep their order.
        step_s: seconds from one frame to the next.
        front_joints: joints of the rig whose groups are in front at first where depth does not decide.
        loops: the last frame leads back into the first.
    """

    margin: float
    step_s: float
    front_joints: frozenset[int]
    loops: bool


def pose_track(
    rig: Rig,
    motion: Motion,
    config: RetargetConfig,
    times: Sequence[Fraction],
    *,
    with_skeleton: bool = True,
    front_joints: Collection[int] | None = None,
) -> PoseTrack:
    """The rig's joints at each of `times`, exact seconds from the motion's start; a looping motion goes round.

    Args:
        front_joints: keep draw orders steady, with the groups of these joints in front at first where depth does not decide. None sorts
            by depth in every frame, as AnimatedDrawings does.
        with_skeleton: add the motion's skeleton, which a debug view shows.
    Raises:
        RetargetError: motion and configuration, or configuration and rig, don't fit; all misfits at once.
    """
    config = spelt_as(config, motion.joint_names)
    _check_fit(rig, motion, config)
    driven = driven_pose(rig, motion, config, times)
    partners = exchanged_limbs(rig, config, driven)
    if partners:
        config = _with_limbs_exchanged(config, partners)
        driven = driven_pose(rig, motion, config, times)
    steady = None if front_joints is None else _steadiness(motion, config, times, front_joints)
    joints = posed_joints(rig, driven.orientations, len(times))
    orders, order_of_frame = draw_orders(rig, config.draw_groups, driven.depths, len(times), steady=steady)
    path = shown_path(_footed(rig, motion, config, driven, joints=joints, times=times), times, motion.travel, loops=motion.loops)
    start = np.array(config.starting_location)
    root = np.column_stack([path + start[:2], np.full(len(times), start[2])])
    skeleton = _shown_skeleton(motion, times, path) + start if with_skeleton else None
    return PoseTrack(joints, root, orders, order_of_frame, skeleton)


def placed_track(track: PoseTrack, rig: Rig, root_position: tuple[float, float, float]) -> PoseTrack:
    """The track, moved to begin with the root joint at `root_position`, then up or down until the lowest joint is as high as drawn."""
    drawn, first = (rig.rest - rig.rest[0])[:, 1].min(), (track.joints[0] - track.joints[0, 0])[:, 1].min()
    shift = np.array([root_position[0], root_position[1] + drawn - first, root_position[2]]) - track.root[0] - (*track.joints[0, 0], 0.0)
    return replace(track, root=track.root + shift, skeleton=None if track.skeleton is None else track.skeleton + shift)


def driven_pose(rig: Rig, motion: Motion, config: RetargetConfig, times: Sequence[Fraction]) -> DrivenPose:
    """The motion, turned to the viewer, projected and sampled at `times`."""
    motion = _with_joints(motion, config)
    names = {name: index for index, name in enumerate(motion.joint_names)}
    standing, forward = _set_up(motion, names)
    body = facing.turned_to_x(standing - standing[:, :1], forward[:, None])
    planes = _chosen_planes(body, config, names)
    path = _root_path(rig, standing, forward, config.root_offset, names, from_front=planes[config.root_offset.projection_group])

    sampler = frame_sampler(motion.frame_count, motion.frame_time, times, loops=motion.loops)
    sampled = sampler.sample(body)
    plane_of = {joint: planes[g.name] for g in config.projection_groups for joint in g.joints}
    orientations = {
        joint: facing.angles_from_up(_flattened(sampled[:, names[distal]] - sampled[:, names[proximal]], from_front=plane_of[distal])[0])
        for joint, (proximal, distal) in _applicable_mapping(rig, config).items()
    }
    present = [joint for joint in plane_of if joint in names]
    depths = {joint: _flattened(sampled[:, names[joint]], from_front=plane_of[joint])[1] for joint in present}
    sideways = {joint: _flattened(body[:, names[joint]], from_front=plane_of[joint])[0][:, 0] for joint in present}
    feet = sampler.sample(standing[:, [names[foot] for foot in motion.feet]], gain=gain_of_round(standing[:, 0]))
    return DrivenPose(orientations, depths, sideways, planes, sampler.sample(path, gain=gain_of_round(path)), feet)


def exchanged_limbs(rig: Rig, config: RetargetConfig, driven: DrivenPose) -> dict[str, str]:
    """The joints of limbs that the other arm or leg of the motion has to drive, each with its partner.

    A motion that is shown from the front has its right limbs on the viewer's left. A figure seen from behind has them on the viewer's
    right, as may a runner seen from the side: driven by the limbs of the same name, they would cross for the whole clip. A flat motion of
    a body seen from behind has them on the viewer's right, too, and drives such a figure as it is.

    Args:
        driven: by `config`.
    """
    partners: dict[str, str] = {}
    for limb in (ARM, LEG):
        named = [(f"right_{joint}", f"left_{joint}") for joint in limb]
        pairs = [pair for pair in named if not set(pair).isdisjoint(rig.joint_names)]
        are_whole = {named[0], named[-1]} <= set(pairs) and all(set(pair) <= set(rig.joint_names) for pair in pairs)
        if are_whole and config.mapping.keys() >= set(named[-1]) and _would_cross(rig, config, driven, pairs):
            partners |= {joint: partner for right, left in pairs for joint, partner in ((right, left), (left, right))}
    return partners


def _would_cross(rig: Rig, config: RetargetConfig, driven: DrivenPose, pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether a drawing has the right one of two limbs on the viewer's right, and a motion shows it from the front, clearly on the left.

    Args:
        pairs: right and left joint of the rig, from the limbs' roots to their ends.
    """
    plane_of = {joint: driven.planes[group.name] for group in config.projection_groups for joint in group.joints}
    distals = [(config.mapping[right][1], config.mapping[left][1]) for right, left in pairs if config.mapping.keys() >= {right, left}]
    if not all(plane_of[joint] for pair in distals for joint in pair):
        return False
    x_of = dict(zip(rig.joint_names, rig.rest[:, 0].tolist(), strict=True))
    first_right, first_left = distals[0]  # mostly elbows or knees, which change sides less often than hands and feet
    apart = driven.sideways[first_left] - driven.sideways[first_right]
    are_crossed = all(x_of[right] > x_of[left] for right, left in (pairs[0], pairs[-1]))
    return are_crossed and bool(apart.mean() > ONE_SIDED * np.abs(apart).mean())


def _with_limbs_exchanged(config: RetargetConfig, partners: Mapping[str, str]) -> RetargetConfig:
    """The configuration with each of these joints driven, drawn and checked as its partner was."""

    def exchanged(joint: str) -> str:
        return partners.get(joint, joint)

    return replace(
        config,
        mapping={exchanged(joint): bone for joint, bone in config.mapping.items()},
        draw_groups=tuple(replace(group, joints=tuple(exchanged(joint) for joint in group.joints)) for group in config.draw_groups),
        checks=tuple(AboveCheck(exchanged(check.target), exchanged(check.first), exchanged(check.second)) for check in config.checks),
    )


def posed_joints(rig: Rig, orientations: dict[str, Floats], frames: int) -> Floats:
    """(T, J, 2): the rig's joints relative to its root, with the bones of `orientations` (degrees) turned.

    A mapped joint turns its parent so that the bone between them points as asked. Two consequences are the original's and kept: of several
    mapped children the last one decides their parent's turn, and a limb whose parent is not mapped also inherits the turn of the trunk.
    """
    offsets = rig.rest - rig.rest[np.maximum(rig.parents, 0)]
    rest_angles = facing.angles_from_up(offsets)
    asked = {
        index: orientations[name] - rest_angles[index] for index, name in enumerate(rig.joint_names) if name in orientations and index > 0
    }
    own_turn = np.zeros((len(rig.joint_names), frames))
    for index, turn in asked.items():
        parent = int(rig.parents[index])
        own_turn[parent] = turn - asked.get(parent, 0.0)
    return _forward_kinematics(rig.parents, offsets, np.radians(own_turn))


def draw_orders(
    rig: Rig, groups: Iterable[DrawGroup], depths: dict[str, Floats], frames: int, *, steady: Steadiness | None = None
) -> tuple[tuple[tuple[int, ...], ...], Ints]:
    """Which joints are drawn in which order, back to front, and which of these orders each frame uses.

    Groups go by the mean depth of their drivers, ascending; inside a group the joints go as listed where that depth is positive, else
    reversed. With `steady`, depths that differ by less than its margin change nothing.
    """
    index_of = {name: index for index, name in enumerate(rig.joint_names)}
    members = [tuple(index_of[joint] for joint in group.joints if joint in index_of) for group in groups]
    group_depths = np.stack([np.mean([depths[d] for d in group.depth_drivers], axis=0) for group in groups], axis=1)
    group_order, near = np.argsort(group_depths, axis=1, kind="stable"), group_depths > 0
    if steady is not None:
        is_in_front = np.array([bool(steady.front_joints.intersection(joints)) for joints in members])
        group_order, near = steady_orders(group_depths, steady.margin, step_s=steady.step_s, is_in_front=is_in_front, loops=steady.loops)
    signature = np.concatenate([group_order, near], axis=1)
    distinct, order_of_frame = np.unique(signature, axis=0, return_inverse=True)
    orders = []
    for row in distinct:
        by_depth, is_near = row[: len(members)], row[len(members) :]
        orders.append(tuple(joint for g in by_depth for joint in (members[g] if is_near[g] else members[g][::-1])))
    return tuple(orders), order_of_frame.reshape(frames).astype(np.int32)


def _steadiness(motion: Motion, config: RetargetConfig, times: Sequence[Fraction], front_joints: Collection[int]) -> Steadiness:
    chains = config.root_offset
    leg = _driving_length(motion, chains) / len(chains.motion_chains)
    step = times[1] - times[0] if len(times) > 1 else motion.frame_time
    return Steadiness(MARGIN_OF_LEG * leg, float(step), frozenset(front_joints), loops=motion.loops)


def _footed(rig: Rig, motion: Motion, config: RetargetConfig, driven: DrivenPose, *, joints: Floats, times: Sequence[Fraction]) -> Floats:
    """The root's path with which the motion's planted feet keep their place in the drawing, where the motion asks for it."""
    own_feet = {distal: joint for joint, (_, distal) in config.mapping.items() if joint in rig.joint_names}
    pairs = [(index, rig.joint_names.index(own_feet[foot])) for index, foot in enumerate(motion.feet) if foot in own_feet]
    if not pairs or len(times) < 3:
        return driven.root_path
    chains = config.root_offset
    leg = _driving_length(motion, chains) / len(chains.motion_chains)
    on_ground = planted_feet(driven.feet[:, [index for index, _ in pairs]], leg, float(times[1] - times[0]))
    rest = dict(zip(rig.joint_names, rig.rest, strict=True))
    own_leg = sum(_chain_length([rest[joint] for joint in chain]) for chain in chains.character_chains) / len(chains.character_chains)
    return path_of_planted_feet(driven.root_path, joints[:, [joint for _, joint in pairs]], on_ground, own_leg, times)


def _with_joints(motion: Motion, config: RetargetConfig) -> Motion:
    """The motion with its root and the joints that the configuration and the motion itself name, and no fingers."""
    named = {*config.motion_joints, motion.ground_joint, *motion.feet, *(joint for pair in motion.facing_pairs for joint in pair)}
    kept = [index for index, name in enumerate(motion.joint_names) if index == 0 or name in named]
    return replace(
        motion,
        joint_names=tuple(motion.joint_names[index] for index in kept),
        parents=np.full(len(kept), -1, np.int32),  # the positions are enough to retarget
        positions=motion.positions[:, kept],
    )


def _shown_skeleton(motion: Motion, times: Sequence[Fraction], path: Floats) -> Floats:
    """(T, K, 3) the motion's skeleton in world space, its body facing the viewer, who looks along -z, on its `path` (T, 2)."""
    names = {name: index for index, name in enumerate(motion.joint_names)}
    standing, forward = _set_up(motion, names)
    body = facing.turned_to_x(standing - standing[:, :1], forward[:, None])
    sampled = frame_sampler(motion.frame_count, motion.frame_time, times, loops=motion.loops).sample(body)
    shown = np.stack([-sampled[..., 2], sampled[..., 1], sampled[..., 0]], axis=-1)
    shown[..., :2] += path[:, None]
    shown[..., 1] += standing[0, 0, 1]
    return shown


def _set_up(motion: Motion, names: dict[str, int]) -> tuple[Floats, Floats]:
    """Positions (T, K, 3) in world scale and the directions (T, 3) faced.

    The first frame faces +X, its root is over the origin and its ground joint on the floor.
    """
    lefts = [names[left] for left, _ in motion.facing_pairs]
    rights = [names[right] for _, right in motion.facing_pairs]
    spans = motion.positions[:, rights] - motion.positions[:, lefts]
    first = facing.forward_directions(spans[:1])[0]
    standing = facing.turned_to_x(motion.positions, first) * motion.scale
    forward = facing.turned_to_x(facing.forward_directions(spans), first)
    floor = standing[0, names[motion.ground_joint], 1]
    return standing - np.array([standing[0, 0, 0], floor, standing[0, 0, 2]]), forward


def _chosen_planes(body: Floats, config: RetargetConfig, names: dict[str, int]) -> dict[str, bool]:
    chosen = {}
    for group in config.projection_groups:
        if group.method is ProjectionMethod.PCA:
            present = [names[joint] for joint in dict.fromkeys(group.joints) if joint in names]
            cloud = body[:, present].reshape(-1, 3)
            # The root alone spreads nowhere, and is seen from the side, as in the original.
            chosen[group.name] = bool(cloud.any()) and facing.is_better_seen_from_front(cloud)
        else:
            chosen[group.name] = group.method is ProjectionMethod.FRONTAL
    return chosen


def _flattened(points: Floats, *, from_front: bool) -> tuple[Floats, Floats]:
    """The image (..., 2) of points or vectors (..., 3) in a plane, and their depth (...)."""
    return (facing.frontal if from_front else facing.sagittal)(points)


def _applicable_mapping(rig: Rig, config: RetargetConfig) -> dict[str, tuple[str, str]]:
    mapping = {joint: pair for joint, pair in config.mapping.items() if joint in rig.joint_names}
    position = dict(zip(rig.joint_names, rig.rest, strict=True))
    for check in config.checks:
        line, target = position[check.second] - position[check.first], position[check.target] - position[check.first]
        if not line.any():  # one joint twice: the line is level, as in the original
            line = np.array([1.0, 0.0])
        if line[0] * target[1] - line[1] * target[0] < 0:
            mapping.pop(check.target, None)
    return mapping


def _root_path(rig: Rig, standing: Floats, forward: Floats, offset: RootOffset, names: dict[str, int], *, from_front: bool) -> Floats:
    """(T, 2): the root's path in the image, in the character's proportions."""
    rest = dict(zip(rig.joint_names, rig.rest, strict=True))
    own = sum(_chain_length([rest[joint] for joint in chain]) for chain in offset.character_chains)
    # The original measures after it has walked through the clip. It matters where a chain skips a joint, such as the knee. > 0: checked
    driving = sum(_chain_length([standing[-1, names[joint]] for joint in chain]) for chain in offset.motion_chains)
    steps = np.diff(standing[:, 0], axis=0, prepend=standing[:1, 0])
    across = np.stack([-forward[:, 2], forward[:, 1], -forward[:, 0]], axis=1) if from_front else forward
    flat_steps = np.stack([(across * steps).sum(axis=1), steps[:, 1]], axis=1)
    return np.cumsum(flat_steps, axis=0) * (own / driving)


def _chain_length(points: list[Floats]) -> float:
    return float(np.linalg.norm(np.diff(np.asarray(points), axis=0), axis=1).sum())


def _forward_kinematics(parents: Ints, offsets: Floats, own_turn: Floats) -> Floats:
    """(T, J, 2) from each joint's own turn (J, T), radians; parents come first."""
    turn = own_turn.copy()
    joints = np.zeros((own_turn.shape[1], len(parents), 2))
    for index, parent in enumerate(parents):
        if parent < 0:
            continue
        cosine, sine = np.cos(turn[parent]), np.sin(turn[parent])
        x, y = offsets[index]
        joints[:, index, 0] = joints[:, parent, 0] + cosine * x - sine * y
        joints[:, index, 1] = joints[:, parent, 1] + sine * x + cosine * y
        turn[index] += turn[parent]
    return joints


def _check_fit(rig: Rig, motion: Motion, config: RetargetConfig) -> None:
    """Every name that must exist does; chains have a length."""
    in_planes = {joint for group in config.projection_groups for joint in group.joints}
    drivers = [d for group in config.draw_groups for d in group.depth_drivers]
    chains = config.root_offset
    needed = [*(j for pair in config.mapping.values() for j in pair), *drivers, *(j for c in chains.motion_chains for j in c)]
    needed += [motion.ground_joint, *(j for pair in motion.facing_pairs for j in pair)]
    own = [*(j for c in chains.character_chains for j in c), *(j for c in config.checks for j in (c.target, c.first, c.second))]
    problems = [f"motion {motion.name!r} has no joint {joint!r}" for joint in _absent(needed, motion.joint_names)]
    problems += [f"the character has no joint {joint!r}" for joint in _absent(own, rig.joint_names)]
    flat = [*(distal for _, distal in config.mapping.values()), *drivers]
    problems += [f"motion joint {joint!r} is in no projection group" for joint in _absent(flat, in_planes)]
    if chains.projection_group not in {group.name for group in config.projection_groups}:
        problems.append(f"there is no projection group {chains.projection_group!r} for the root")
    if not any(joint in config.mapping for joint in rig.joint_names):
        problems.append("no joint of the character is driven by the motion")
    if not any(joint in rig.joint_names for group in config.draw_groups for joint in group.joints):
        problems.append("no joint of the character is in a group that is drawn")
    if not problems and not _driving_length(motion, chains) > 0:
        problems.append("the motion's limb chains for the root have no length")
    if problems:
        raise RetargetError(f"retarget configuration {config.name!r} does not fit: " + "; ".join(problems))


def _driving_length(motion: Motion, offset: RootOffset) -> float:
    last = dict(zip(motion.joint_names, motion.positions[-1] * motion.scale, strict=True))  # which may be 1e-320, and leave nothing
    return sum(_chain_length([last[joint] for joint in chain]) for chain in offset.motion_chains)


def _absent(wanted: Iterable[str], present: Iterable[str]) -> list[str]:
    there = set(present)
    return [name for name in dict.fromkeys(wanted) if name not in there]

"""What every clip promises: it closes, stands, bends the right way, and reads well on a drawing."""

import numpy as np
import pytest

SIDES = ("Left", "Right")
LIMB_BONES = (("Shoulder", "Elbow"), ("Elbow", "Wrist"), ("Hip", "Knee"), ("Knee", "Ankle"))
BONES = [("Hips", "Neck"), ("Hips", "Chest"), ("Chest", "Head"), ("Neck", "Head")] + [
    (side + proximal, side + distal) for side in SIDES for proximal, distal in LIMB_BONES
]
FLOOR_CM = 8.0
SLIP_CM = 0.4
LIFT_CM = 1.2
NAMES = [
    *("idle", "wave", "shrug", "dab", "cheer", "fly"),
    *("jump", "jumping_jacks", "march", "hop", "dance", "floss"),
    *("walk", "run", "skip", "tiptoe", "zombie", "bow", "kick"),
    *("clap", "cry", "laugh", "point", "think", "celebrate", "stretch", "air_guitar", "climb"),
    *("sleep", "sit_down", "karate", "moonwalk", "swim", "row", "ballet_turn", "disco"),
]


@pytest.fixture(params=NAMES)
def clip(request, clips):
    return clips[request.param]


def axes(clip):
    """BVH axes of the clip's plane: across and up."""
    return [0, 1] if clip.plane.name == "FRONT" else [2, 1]


def angle_up(clip, positions, side, proximal, distal):
    """(N,) degrees from hanging, outwards (FRONT) or forwards (SIDE)."""
    bone = (positions[side + distal] - positions[side + proximal])[:, axes(clip)]
    sign = -1 if clip.plane.name == "FRONT" and side == "Right" else 1
    return np.degrees(np.unwrap(np.arctan2(sign * bone[:, 0], -bone[:, 1])))


def test_names_are_all(clips):
    """The list above is complete, so that nothing goes untested."""
    assert sorted(clips) == sorted(NAMES)


def test_lasts_two_to_five_seconds(clip):
    """Long enough to be a story, short enough to be a GIF."""
    assert 60 <= clip.frame_count <= 150


def test_loop_closes(clip):
    """No joint is thrown harder over the loop's end than anywhere else: place and speed both match."""
    for name, path in clip.positions().items():
        jolt = np.linalg.norm(np.diff(np.concatenate([path, path[:2]]), 2, axis=0), axis=1)
        assert jolt[-2:].max() <= 1.25 * jolt[:-2].max() + 0.02, name


def test_planted_feet_stay(clip):
    """They move with the floor, if at all, and neither sink nor hover."""
    positions = clip.positions()
    ground = np.broadcast_to(clip.ground, (clip.frame_count,))
    for side, start, stop in clip.planted:
        ankle = positions[f"{side}Ankle"][start:stop]
        slip = np.diff(ankle[:, axes(clip)[0]]) + ground[start : stop - 1]
        assert np.abs(slip).max(initial=0) < SLIP_CM, (side, start)
        assert np.abs(ankle[:, 1] - FLOOR_CM).max() < LIFT_CM, (side, start)


def test_no_foot_is_below_the_floor(clip):
    """Ankles are never lower than where they stand."""
    positions = clip.positions()
    assert min(positions[f"{side}Ankle"][:, 1].min() for side in SIDES) > FLOOR_CM - 0.01


def test_knees_bend_outwards_or_forwards(clip):
    """Never in, never back; and never so far that the heel is in the thigh."""
    positions = clip.positions()
    for side in SIDES:
        bend = angle_up(clip, positions, side, "Hip", "Knee") - angle_up(clip, positions, side, "Knee", "Ankle")
        assert bend.min() > -0.01
        assert bend.max() < 150


def test_elbows_bend_like_elbows(clip):
    """Seen from the side they fold forwards only; from the front an arm may turn, but not break."""
    positions = clip.positions()
    for side in SIDES:
        bend = angle_up(clip, positions, side, "Elbow", "Wrist") - angle_up(clip, positions, side, "Shoulder", "Elbow")
        bend = (bend + 180) % 360 - 180
        assert bend.min() > (-75 if clip.plane.name == "FRONT" else -12), side
        assert bend.max() < 150, side


def test_bones_lie_in_the_plane_that_is_seen(clip):
    """A bone along the line of sight has no angle on the paper; ours keep most of their length in view."""
    positions = clip.positions()
    for proximal, distal in BONES:
        bone = positions[distal] - positions[proximal]
        share = np.linalg.norm(bone[:, axes(clip)], axis=1) / np.linalg.norm(bone, axis=1)
        assert share.min() > 0.85, (proximal, distal)


def test_bones_keep_their_length(clip):
    """Forward kinematics moves joints, it doesn't stretch bones."""
    positions = clip.positions()
    for proximal, distal in BONES:
        if proximal in ("Hips", "Chest"):
            continue
        length = np.linalg.norm(positions[distal] - positions[proximal], axis=1)
        assert np.ptp(length) < 1e-9, (proximal, distal)


def test_figure_stays_about_where_it_is(clip):
    """Little travel: the figure can be shown large."""
    across = clip.positions()["Hips"][:, axes(clip)[0]]
    assert np.ptp(across) < 40

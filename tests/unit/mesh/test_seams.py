"""Limbs that touch in the drawing and not in the body."""

from __future__ import annotations

import numpy as np
import sample_scene

from pipeline.mesh.seams import FAR_BONES, bones_between, cut_apart

RIG = sample_scene.rig()


def joint(name: str) -> int:
    return RIG.joint_names.index(name)


def strip(owners: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Squares side by side, each of two triangles that belong to the joint named."""
    columns = np.arange(len(owners) + 1)
    vertices = np.concatenate([np.stack([columns, 0 * columns], 1), np.stack([columns, 0 * columns + 1], 1)]).astype(float)
    above = len(columns)
    triangles = [t for c in range(len(owners)) for t in ((c, c + 1, above + c + 1), (c, above + c + 1, above + c))]
    return vertices, np.array(triangles, np.int32), np.repeat([joint(name) for name in owners], 2).astype(np.int32)


def test_a_hand_is_far_from_a_knee_and_two_knees_are_not() -> None:
    between = bones_between(RIG.parents)
    assert between[joint("left_hand"), joint("left_knee")] == 7 >= FAR_BONES
    assert between[joint("left_knee"), joint("right_knee")] == 4 < FAR_BONES
    assert between[joint("left_hand"), joint("left_elbow")] == 1


def test_a_hand_on_a_knee_is_cut_from_it_and_each_keeps_its_place() -> None:
    vertices, triangles, owner = strip(["left_elbow", "left_hand", "left_knee", "left_foot"])
    moved, cut = cut_apart(vertices, triangles, owner, RIG.parents)
    assert len(moved) == len(vertices) + 2
    arm, leg = set(cut[:4].ravel()), set(cut[4:].ravel())
    assert not arm & leg
    np.testing.assert_array_equal(moved[cut], vertices[triangles])


def test_neighbors_in_the_body_stay_together() -> None:
    vertices, triangles, owner = strip(["left_hand", "left_elbow", "left_shoulder", "torso", "hip", "left_hip", "left_knee"])
    moved, cut = cut_apart(vertices, triangles, owner, RIG.parents)
    assert moved is vertices
    assert cut is triangles


def test_a_piece_that_nothing_else_would_hold_is_not_cut_off() -> None:
    vertices, triangles, owner = strip(["left_hand", "left_knee", "left_foot"])
    assert cut_apart(vertices, triangles, owner, RIG.parents)[1] is triangles

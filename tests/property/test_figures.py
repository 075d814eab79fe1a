"""What holds for any drawing: a visible figure has pixels, and any keypoints become a rig inside it."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.stages.rig import rigging
from pipeline.stages.segment import mask_by_ink

ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)
NEAR = st.floats(-20, 120)
KEYPOINTS = hnp.arrays(np.float64, (17, 3), elements=st.one_of(ANY, NEAR, st.floats(0, 1)))


@st.composite
def blobs(draw):
    """A mask of a few strokes, in one piece or several."""
    height, width = draw(st.integers(1, 120)), draw(st.integers(1, 120))
    mask = np.zeros((height, width), np.uint8)
    for _ in range(draw(st.integers(1, 5))):
        start, end = ((draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))) for _ in range(2))
        cv2.line(mask, start, end, 1, draw(st.integers(1, 20)))
    return mask > 0


@settings(max_examples=80)
@given(KEYPOINTS, blobs())
def test_any_keypoints_become_a_rig_inside_the_mask(keypoints, mask):
    result = rigging(keypoints, mask)
    joints = (result.rig.rest - [0, 1]) * [1, -1] * max(mask.shape)
    assert np.isfinite(joints).all()
    cells = np.floor(joints + 1e-9).astype(int)
    assert mask[cells[:, 1], cells[:, 0]].all()


@settings(max_examples=40)
@given(
    st.tuples(st.integers(48, 260), st.integers(48, 260)),
    st.integers(90, 250),
    st.floats(0.15, 0.9),
    st.booleans(),
    st.one_of(st.none(), KEYPOINTS),
)
def test_a_visible_figure_is_never_lost(size, paper, strength, is_chalk, keypoints):
    height, width = size
    paper = 255 - paper if is_chalk else paper
    ink = paper + (255 - paper) * strength if is_chalk else paper * (1 - strength)
    rgb = np.full((height, width, 3), paper, np.uint8)
    middle, radius = (width // 2, height // 2), min(height, width) // 4
    cv2.circle(rgb, middle, radius, (ink, ink, ink), max(2, radius // 6))
    mask = mask_by_ink(rgb, keypoints=keypoints)
    assert mask.shape == (height, width)
    assert mask[middle[1], middle[0]]

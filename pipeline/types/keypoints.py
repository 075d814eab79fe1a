"""COCO's 17 keypoints: their order, the limbs and lines that they form, and where each goes in a mirror."""

KEYPOINT_NAMES = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""COCO's keypoints in their order; left and right are the figure's own."""

NOSE = 0
EYES, EARS = (1, 2), (3, 4)
SHOULDERS, ELBOWS, WRISTS = (5, 6), (7, 8), (9, 10)
HIPS, KNEES, ANKLES = (11, 12), (13, 14), (15, 16)
"""Indices of the keypoints; pairs are left, right."""

FIRST_BODY_KEYPOINT = SHOULDERS[0]
"""The joints of trunk and limbs begin here; those before it are in the face."""

ARMS = ((SHOULDERS[0], ELBOWS[0], WRISTS[0]), (SHOULDERS[1], ELBOWS[1], WRISTS[1]))
LEGS = ((HIPS[0], KNEES[0], ANKLES[0]), (HIPS[1], KNEES[1], ANKLES[1]))
"""Root, middle and tip of each arm and leg; left, right."""

LIMB_BONES = ((SHOULDERS, ELBOWS), (ELBOWS, WRISTS), (HIPS, KNEES), (KNEES, ANKLES))
"""Inner and outer ends of the bones of arms and legs."""

MIRRORED_KEYPOINTS = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
"""Where each keypoint goes in a mirror: the figure's own left becomes its right."""

SKELETON = (*(bone for root, middle, tip in (*ARMS, *LEGS) for bone in ((root, middle), (middle, tip))), SHOULDERS, HIPS)
"""The lines with which keypoints are shown: arms, legs, shoulders, hips."""

"""Keypoints and limbs: heat maps, letterboxes, poses read from a mask, repair of joints."""

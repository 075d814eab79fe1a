"""Keypoints and limbs: inputs and outputs of the networks, heat maps, poses read from a mask, repair of joints."""

"""A map of the body for any humanoid skeleton, found from hierarchy, bone lengths, symmetry and movement; names are hints.

    body_tree -> limb_pairs -> limbs, trunk -> orientation -> body_map (the result, with confidence and reasons)
    body_config: the map as a retarget configuration

Everything works on joint positions in the world, so rest pose, bone axes and rotation orders of the file make no difference.
"""

"""What is known about the joint names that motion capture programs write.

Four families are met: our own clips ("LeftElbow", "LeftHandTip"), CMU's conversions ("LeftElbow", "LFingers"), FAIR's ("LeftForeArm",
"LeftHandEnd") and those of Mixamo and Rokoko ("LeftForeArm", often as "mixamorig:LeftForeArm").
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pipeline.motion.bvh import UpAxis
from pipeline.types import Floats

# A namespace ends at the last colon, or, where there is none, at the first underscore.
_NAMESPACE = re.compile(r"(.*:|[^:_]*_)(?=.)")

# Left-right pairs that span a body, trunk's upper and lower end; of each end the first pair that a skeleton has is taken.
_UPPER_PAIRS = ("Shoulder", "Arm", "UpperArm", "UpArm", "Collar", "Clavicle")
_LOWER_PAIRS = ("UpLeg", "Hip", "Thigh", "UpperLeg")
_LOWEST = ("Foot", "Ankle", "ToeBase", "Toe", "Toes")
_HIGHEST = ("Head", "Neck", "Chest", "Spine")
# How a side is written, the left one first.
_SIDES = (
    ("Left{}", "Right{}"),
    ("L{}", "R{}"),
    ("{}_L", "{}_R"),
    ("{}.L", "{}.R"),
    ("L_{}", "R_{}"),
    ("Left_{}", "Right_{}"),
    ("{}Left", "{}Right"),
)


def without_namespace(names: Sequence[str]) -> tuple[str, ...]:
    """The names without a prefix such as "mixamorig:" or "mixamorig_", if every one of them has the same."""
    found = [_NAMESPACE.match(name) for name in names]
    prefixes = {match[1] if match else "" for match in found}
    if len(names) < 2 or len(prefixes) != 1:
        return tuple(names)
    (prefix,) = prefixes
    return tuple(name.removeprefix(prefix) for name in names)


def namespace_of(wanted: Sequence[str], names: Sequence[str]) -> str:
    """The prefix under which `names` have every one of `wanted`, such as "mixamorig:"; "" if they have them as they are, or not at all."""
    known = set(names)
    prefixes = dict.fromkeys(["", *(match[0] for name in names if (match := _NAMESPACE.match(name)))])
    return next((prefix for prefix in prefixes if all(prefix + name in known for name in wanted)), "")


def facing_pairs(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of joints that span the body from left to right: one at the shoulders, one at the hips, as far as they are known by name."""
    pairs = (_side_pair(names, _UPPER_PAIRS), _side_pair(names, _LOWER_PAIRS))
    return tuple(pair for pair in pairs if pair)


def ground_joint(names: Sequence[str], first_frame: Floats) -> str:
    """The joint that stands on the floor: a left foot if one is known by name, else the lowest in `first_frame`, (K, 3) with y up."""
    pair = _side_pair(names, _LOWEST)
    return pair[0] if pair else names[int(np.argmin(first_frame[:, 1]))]


def up_axis(names: Sequence[str], positions: Floats) -> UpAxis:
    """Which of y and z points up in `positions` (T, K, 3): from foot to head on average, or the one along which the figure is longer."""
    pair = _side_pair(names, _LOWEST)
    top = next((name for name in _HIGHEST if name in names), None)
    if pair and top:
        feet = (positions[:, names.index(pair[0])] + positions[:, names.index(pair[1])]) / 2
        reach = (positions[:, names.index(top)] - feet).mean(axis=0)
    else:
        reach = np.ptp(positions, axis=1).mean(axis=0)
    return UpAxis.Z if reach[2] > abs(reach[1]) else UpAxis.Y


def _side_pair(names: Sequence[str], parts: Sequence[str]) -> tuple[str, str] | None:
    written = {name.lower(): name for name in names}
    for part in parts:
        for left, right in _SIDES:
            pair = (written.get(left.format(part).lower()), written.get(right.format(part).lower()))
            if pair[0] and pair[1]:
                return (pair[0], pair[1])
    return None

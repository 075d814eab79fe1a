"""A tree of nodes with translations, rotations and scales, some of them animated: where the nodes are in the world over time.

What glTF calls a node hierarchy (glTF 2.0, section 3.5) and FBX a scene.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.errors import MotionFileError
from pipeline.types import Floats

MAX_NODE_FRAMES = 1_500_000
"""Seven minutes of 60 nodes at 60 Hz; 128 bytes are needed for each."""
_RATES = (24, 25, 30, 50, 60, 120)
FARTHEST = 1e9


@dataclass(frozen=True, eq=False)
class NodeSpace:
    """A node's space in its parent's: translation (3,), rotation (4,) as x, y, z, w, and scale (3,); or a whole matrix (4, 4)."""

    translation: Floats
    rotation: Floats
    scale: Floats
    matrix: Floats | None = None


@dataclass(frozen=True, eq=False)
class AnimationChannel:
    """One animated property of a node: at `times` (N,) s the values (N, C); cubic ones (N, 3, C) with tangents."""

    node: int
    path: str
    times: Floats
    values: Floats
    interpolation: str

    def sampled(self, times: Floats) -> Floats:
        """The values (T, C) at `times`; before the first and after the last key these are held (section 3.11 and appendix C)."""
        after = np.clip(np.searchsorted(self.times, times, side="right"), 1, max(1, len(self.times) - 1))
        before = after - 1
        if len(self.times) == 1:
            values = self.values[[0] * len(times)]
            return values[:, 1] if self.interpolation == "CUBICSPLINE" else values
        span = self.times[after] - self.times[before]
        part = np.clip(np.divide(times - self.times[before], span, out=np.zeros_like(times), where=span > 0), 0.0, 1.0)[:, None]
        if self.interpolation == "CUBICSPLINE":
            sampled = _cubic(self.values[before], self.values[after], part, span[:, None])
        elif self.interpolation == "STEP":
            sampled = np.where(part < 1, self.values[before], self.values[after])
        elif self.path == "rotation":
            sampled = _slerp(self.values[before], self.values[after], part)
        else:
            sampled = self.values[before] + part * (self.values[after] - self.values[before])
        return _unit(sampled) if self.path == "rotation" else sampled


def _cubic(first: Floats, second: Floats, t: Floats, span: Floats) -> Floats:
    leaving, arriving = span * first[:, 2], span * second[:, 0]
    cubic: Floats = (
        (2 * t**3 - 3 * t**2 + 1) * first[:, 1]
        + (t**3 - 2 * t**2 + t) * leaving
        + (3 * t**2 - 2 * t**3) * second[:, 1]
        + (t**3 - t**2) * arriving
    )
    return cubic


def _slerp(first: Floats, second: Floats, t: Floats) -> Floats:
    first, second = _unit(first), _unit(second)
    cosine = (first * second).sum(axis=1, keepdims=True)
    second = np.where(cosine < 0, -second, second)
    angle = np.arccos(np.clip(np.abs(cosine), -1.0, 1.0))
    sine = np.sin(angle)
    near = sine < 1e-6
    safe = np.where(near, 1.0, sine)
    a = np.where(near, 1 - t, np.sin((1 - t) * angle) / safe)
    b = np.where(near, t, np.sin(t * angle) / safe)
    slerp: Floats = a * first + b * second
    return slerp


def _unit(quaternions: Floats) -> Floats:
    lengths = np.linalg.norm(quaternions, axis=1, keepdims=True)
    return np.where(lengths > 1e-9, quaternions / np.maximum(lengths, 1e-9), np.array([0.0, 0.0, 0.0, 1.0]))


def check_tree(parents: Sequence[int], path: Path) -> list[int]:
    """Nodes with parents before their children.

    Raises:
        MotionFileError: a node is below itself.
    """
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(parents):
        children.setdefault(parent, []).append(node)
    order: list[int] = list(children.get(-1, []))
    for node in order:  # grows while it is walked through
        order.extend(children.get(node, []))
    if len(order) != len(parents):
        stuck = min(set(range(len(parents))) - set(order))
        raise MotionFileError(path, [f"nodes[{stuck}] is below itself"])
    return order


def with_ancestors(joints: Iterable[int], parents: Sequence[int]) -> set[int]:
    """The joints and all nodes above them."""
    needed: set[int] = set()
    for joint in joints:
        node = joint
        while node >= 0 and node not in needed:
            needed.add(node)
            node = parents[node]
    return needed


def nearest_above(joints: Sequence[int], parents: Sequence[int]) -> list[int]:
    """Of each joint the index of the nearest other joint above it, or -1."""
    index_of = {node: index for index, node in enumerate(joints)}
    found = []
    for joint in joints:
        node = parents[joint]
        while node >= 0 and node not in index_of:
            node = parents[node]
        found.append(index_of.get(node, -1))
    return found


def sample_times(channels: Sequence[AnimationChannel], node_count: int, path: Path) -> tuple[Floats, Fraction]:
    """Evenly spaced times over an animation, s, at about the rate of its keys, and the time between two.

    Raises:
        MotionFileError: nothing moves, or too much is to be computed.
    """
    if not channels:
        raise MotionFileError(path, ["the animation moves no joint of the skeleton"])
    first = min(float(channel.times[0]) for channel in channels)
    last = max(float(channel.times[-1]) for channel in channels)
    gaps = np.concatenate([np.diff(channel.times[:2000]) for channel in channels[:200]])
    gaps = gaps[gaps > 1e-4]
    usual = 1 / float(np.median(gaps)) if len(gaps) else 30.0
    rate = next((rate for rate in _RATES if rate >= 0.98 * usual), _RATES[-1]) if usual > 20 else 30
    count = round((last - first) * rate) + 1 if last - first < 1e6 else MAX_NODE_FRAMES + 1
    if count * node_count > MAX_NODE_FRAMES:
        raise MotionFileError(
            path, [f"{last - first:g} s of {node_count} nodes at {rate} frames a second, expected at most {MAX_NODE_FRAMES} in all"]
        )
    return first + np.arange(count) / rate, Fraction(1, rate)


def joint_positions(
    parents: Sequence[int],
    joints: Sequence[int],
    space: Callable[[int], NodeSpace],
    channels: Sequence[AnimationChannel],
    times: Floats,
    *,
    path: Path,
) -> Floats:
    """(T, K, 3): where the joints are in the world at `times` (T,) s.

    Args:
        space: the space of a node where nothing moves it.
    Raises:
        MotionFileError: a node is below itself, or a joint is infinitely far away.
    """
    moved: dict[int, dict[str, Floats]] = {}
    for channel in channels:
        moved.setdefault(channel.node, {})[channel.path] = channel.sampled(times)
    needed = with_ancestors(joints, parents)
    index_of = {node: index for index, node in enumerate(joints)}
    positions = np.empty((len(times), len(joints), 3))
    spaces: dict[int, Floats] = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for node in check_tree(parents, path):
            if node not in needed:
                continue
            local = _local(space(node), moved.get(node, {}))
            spaces[node] = local if parents[node] < 0 else spaces[parents[node]] @ local
            if node in index_of:
                positions[:, index_of[node]] = spaces[node][:, :3, 3]
    if not (np.abs(positions) <= FARTHEST).all():
        raise MotionFileError(path, ["a joint is infinitely far away"])
    return positions


def _local(space: NodeSpace, moved: dict[str, Floats]) -> Floats:
    """(T or 1, 4, 4): a node's space in its parent's."""
    if space.matrix is not None and not moved:
        return space.matrix[None]
    translation = moved.get("translation", space.translation[None])
    x, y, z, w = moved.get("rotation", space.rotation[None]).T
    scale = moved.get("scale", space.scale[None])
    local = np.zeros((max(len(translation), len(x), len(scale)), 4, 4))
    local[:, 0] = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), 0 * x], axis=1)
    local[:, 1] = np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), 0 * x], axis=1)
    local[:, 2] = np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), 0 * x], axis=1)
    local[:, :3, :3] *= scale[:, None, :]
    local[:, :3, 3] = translation
    local[:, 3, 3] = 1.0
    return local

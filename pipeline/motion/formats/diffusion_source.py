"""Joint positions in .npy files: HumanML3D's 22 joints, which motion diffusion models write, and SMPL's 24.

Taken are positions (T, 22, 3) in any order of these axes, and HumanML3D's features (T, 263), from which the positions are recovered as
its authors do (Guo et al. 2022, "Generating Diverse and Natural 3D Human Motions from Text", section 3; `recover_from_ric`).
"""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from pathlib import Path
from tokenize import TokenError

import numpy as np

from pipeline.errors import MotionFileError
from pipeline.motion.clip import MAX_JOINT_FRAMES, MotionClip
from pipeline.motion.humanoid.body_map import BodyMap, LimbMap
from pipeline.motion.up_axis import UpAxis
from pipeline.types import Floats

FRAME_TIME = Fraction(1, 20)
"""HumanML3D has 20 frames a second (its paper, section 3); the files don't say it."""
MAX_BYTES = 256 << 20
FEATURES = 263
_NO_ARRAY = (ValueError, TypeError, OverflowError, RecursionError, EOFError, SyntaxError, TokenError)
"""What numpy raises at a damaged header, which it evaluates as a Python literal."""
JOINTS = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle", "spine3", "left_foot",
    "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)


class DiffusionSource:
    """numpy arrays of 22 or 24 joints, or of HumanML3D's features."""

    title = "HumanML3D .npy"
    suffixes = frozenset({".npy"})

    def read(self, path: Path, clip: str | None) -> MotionClip:
        """The file's clip, or one of several by its number. Raises as `MotionSource.read` does."""
        positions, count = _positions(path, clip)
        if not len(positions) or positions.size > 3 * MAX_JOINT_FRAMES:
            raise MotionFileError(path, [f"{len(positions)} frames, expected 1 to {MAX_JOINT_FRAMES // 24}"])
        if not (np.abs(positions) <= 1e6).all():
            frame, joint = np.argwhere(~(np.abs(positions) <= 1e6))[0][:2]
            raise MotionFileError(path, [f"frame {frame}, joint {JOINTS[joint]}: a value is infinite, not a number, or beyond 1e6"])
        joints = positions.shape[1]
        notes = [f"the file does not say its rate: {1 / FRAME_TIME} frames a second are taken, HumanML3D's"]
        if count > 1 and clip is None:
            notes.append(f"the clip is the first of {count}; FILE#1 to FILE#{count - 1} ask for another")
        return MotionClip(
            name=path.stem,
            joint_names=JOINTS[:joints],
            parents=np.array(_PARENTS[:joints], dtype=np.int32),
            positions=np.ascontiguousarray(positions),
            frame_time=FRAME_TIME,
            up=UpAxis.Y,
            body=_BODY,
            notes=tuple(notes),
        )


def _limb(side: str, *parts: str) -> LimbMap:
    return LimbMap(*(f"{side}_{part}" for part in parts))


_BODY = BodyMap(
    hips="pelvis",
    trunk=("pelvis", "spine1", "spine2", "spine3", "neck"),
    neck="neck",
    head="head",
    left_arm=_limb("left", "shoulder", "elbow", "wrist"),
    right_arm=_limb("right", "shoulder", "elbow", "wrist"),
    left_leg=_limb("left", "hip", "knee", "ankle", "foot"),
    right_leg=_limb("right", "hip", "knee", "ankle", "foot"),
    up=UpAxis.Y,
    confidence=1.0,
    reasons=("joints of SMPL, whose order is fixed",),
)


def _positions(path: Path, clip: str | None) -> tuple[Floats, int]:
    """(T, J, 3) of one clip, and how many clips there are."""
    array = _array(path)
    count = 1
    if array.ndim == 4 or (array.ndim == 3 and array.shape[2] == FEATURES):
        count = len(array)
        number = int(clip) if clip is not None and clip.isdecimal() and len(clip) < 6 else 0 if clip is None else -1
        if not 0 <= number < count:
            raise MotionFileError(path, [f"there is no clip {clip!r}, expected a number below {count}"])
        array = array[number]
    elif clip is not None:
        raise MotionFileError(path, [f"there is no clip {clip!r}: the file has one, without a name"])
    if array.ndim == 2 and array.shape[1] == FEATURES:
        return _recovered(_as_float64(array)), count
    if array.ndim == 2 and array.shape[1] in {66, 72}:
        array = array.reshape(len(array), -1, 3)
    orders = [
        order for order in permutations(range(3)) if array.ndim == 3 and array.shape[order[1]] in {22, 24} and array.shape[order[2]] == 3
    ]
    if not orders:
        raise MotionFileError(path, [f"expected positions (frames, 22, 3) or features (frames, {FEATURES}), found an array {array.shape}"])
    return _as_float64(array.transpose(min(orders, key=lambda order: (array.shape[order[1]] != 22, order)))), count


def _as_float64(array: Floats) -> Floats:
    with np.errstate(invalid="ignore", over="ignore"):  # checked afterwards
        return array.astype(np.float64)


def _array(path: Path) -> Floats:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise MotionFileError(path, [f"the file is too big: expected at most {MAX_BYTES} bytes"])
        array = np.load(path, allow_pickle=False, mmap_mode="r")
    except OSError as error:
        raise MotionFileError(path, [f"the file can't be read: {error.strerror or error}"]) from error
    except _NO_ARRAY as error:
        hint = (
            "it may hold Python objects, which are not read: save its motion array alone"
            if "objects" in str(error) or "pickle" in str(error)
            else ""
        )
        raise MotionFileError(path, ["this is no array of numbers"], hint=hint) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise MotionFileError(path, ["this is no array of numbers"])
    return array


def _recovered(features: Floats) -> Floats:
    """Positions (T, 22, 3) from features: turning speed about y, the root's speed and height, joints relative to the root."""
    with np.errstate(over="ignore", invalid="ignore"):
        half = np.concatenate([[0.0], np.cumsum(features[:-1, 0])])
        cosine, sine = np.cos(2 * half), np.sin(2 * half)

        def turned(points: Floats) -> Floats:
            """Turned back by the body's heading."""
            c, s = (angle.reshape(-1, *[1] * (points.ndim - 2)) for angle in (cosine, sine))
            x, y, z = points[..., 0], points[..., 1], points[..., 2]
            return np.stack([c * x - s * z, y, s * x + c * z], axis=-1)

        steps = np.zeros((len(features), 3))
        steps[1:, 0], steps[1:, 2] = features[:-1, 1], features[:-1, 2]
        root = np.cumsum(turned(steps), axis=0)
        root[:, 1] = features[:, 3]
        joints = turned(features[:, 4:67].reshape(-1, 21, 3))
        joints[..., 0] += root[:, None, 0]
        joints[..., 2] += root[:, None, 2]
        recovered: Floats = np.concatenate([root[:, None], joints], axis=1)
    return recovered

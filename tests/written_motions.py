"""The wave of `written_bvh` in other formats: GLB, keypoints, HumanML3D's array, ASCII FBX."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation
from written_bvh import BODY, waving_bvh

from pipeline.motion.formats.bvh import bvh_from_text
from pipeline.motion.formats.kinematics import world_positions

FRAMES = 24
RATE = 24


def lift(frame: float) -> float:
    """Degrees of the left arm about z in a frame."""
    return -85 + 160 * frame / (FRAMES - 1)


def wave_positions(**options: Any) -> dict[str, np.ndarray]:
    """Where each joint of the wave is, (T, 3)."""
    bvh = bvh_from_text(waving_bvh(frames=FRAMES, **options))
    return dict(zip(bvh.joint_names, world_positions(bvh).transpose(1, 0, 2), strict=True))


def quaternions(degrees: Sequence[float]) -> np.ndarray:
    return np.stack([Rotation.from_euler("z", angle, degrees=True).as_quat() for angle in degrees])


def wave_gltf(*, interpolation: str = "LINEAR", clips: Sequence[str] = ("wave",), skin: bool = True) -> tuple[dict[str, Any], bytes]:
    """The JSON and the buffer of a glTF file; the arm has a key every six frames or so."""
    keys = np.linspace(0, FRAMES - 1, 5)
    times = (keys / RATE).astype("<f4")
    arm = quaternions([lift(key) for key in keys]).astype("<f4")
    if interpolation == "CUBICSPLINE":
        slopes = np.gradient(arm, times, axis=0)
        arm = np.stack([slopes, arm, slopes], axis=1).astype("<f4")
    still = np.array([[0, 90, 0]] * len(keys), "<f4")
    parts = [times.tobytes(), arm.tobytes(), still.tobytes()]
    starts = [0, len(parts[0]), len(parts[0]) + len(parts[1])]
    nodes = [{"name": name, "translation": list(offset)} for name, _, offset in BODY]
    for index, node in enumerate(nodes):
        children = [child for child, (_, parent, _) in enumerate(BODY) if parent == index]
        node.update({"children": children} if children else {})
    nodes[[name for name, *_ in BODY].index("RightUpperArm")]["rotation"] = quaternions([80])[0].tolist()
    nodes.append({"name": "Armature", "children": [0], "rotation": [0, 0, 0, 1]})
    moved = [name for name, *_ in BODY].index("LeftUpperArm")
    animation = {
        "samplers": [{"input": 0, "output": 1, "interpolation": interpolation}, {"input": 0, "output": 2}],
        "channels": [
            {"sampler": 0, "target": {"node": moved, "path": "rotation"}},
            {"sampler": 1, "target": {"node": 0, "path": "translation"}},
        ],
    }
    root = {
        "asset": {"version": "2.0"},
        "nodes": nodes,
        "animations": [{"name": clip, **animation} for clip in clips],
        "buffers": [{"byteLength": sum(map(len, parts))}],
        "bufferViews": [{"buffer": 0, "byteOffset": start, "byteLength": len(part)} for start, part in zip(starts, parts, strict=True)],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": len(keys), "type": "SCALAR"},
            {"bufferView": 1, "componentType": 5126, "count": arm.size // 4, "type": "VEC4"},
            {"bufferView": 2, "componentType": 5126, "count": len(keys), "type": "VEC3"},
        ],
        **({"skins": [{"joints": list(range(len(BODY)))}]} if skin else {}),
    }
    return root, b"".join(parts)


def glb(root: dict[str, Any], binary: bytes) -> bytes:
    """A GLB file."""
    text = json.dumps(root).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


COCO = (
    *("nose", "", "", "", ""),
    *(f"{side}{part}" for part in ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot") for side in ("Left", "Right")),
)
MEDIAPIPE = {11: "LeftUpperArm", 13: "LeftLowerArm", 15: "LeftHand", 23: "LeftUpperLeg", 25: "LeftLowerLeg", 27: "LeftFoot"}
BODY_25 = {2: "RightUpperArm", 3: "RightLowerArm", 4: "RightHand", 9: "RightUpperLeg", 10: "RightLowerLeg", 11: "RightFoot"}


def coco_frames(*, width: float = 640, height: float = 480) -> np.ndarray:
    """(T, 17, 3) x, y, confidence of the wave in an image, y down."""
    places = wave_positions()
    frames = np.zeros((FRAMES, 17, 3))
    for place, name in enumerate(COCO):
        at = places["Head" if name in {"", "nose"} else name]
        frames[:, place] = np.stack([width / 2 + at[:, 0], height - 200 - at[:, 1], np.full(FRAMES, 0.9)], axis=1)
    return frames


def points_33(*, three: bool) -> list[list[dict[str, float]]]:
    """MediaPipe's landmarks, in an image (shares of its sides) or in its world (m, y down, z away from the camera)."""
    places = wave_positions()
    frames = []
    for frame in range(FRAMES):
        points = [{"x": 0.0, "y": 0.0, "z": 0.0, "visibility": 0.0} for _ in range(33)]
        named = {0: "Head", **MEDIAPIPE, **{place + 1: name.replace("Left", "Right") for place, name in MEDIAPIPE.items()}}
        for place, name in named.items():
            x, y, z = places[name][frame]
            at = (x / 100, -(y - 90) / 100, -z / 100) if three else (0.5 + x / 640, 0.4 - (y - 90) / 480, 0.0)
            points[place] = {"x": at[0], "y": at[1], "z": at[2], "visibility": 0.95}
        frames.append(points)
    return frames


def openpose_frames() -> list[dict[str, Any]]:
    """OpenPose's JSON, one object a frame, BODY_25."""
    places = wave_positions()
    named = {0: "Head", 1: "Neck", 8: "Hips", **BODY_25, **{p + 3: name.replace("Right", "Left") for p, name in BODY_25.items()}}
    frames = []
    for frame in range(FRAMES):
        flat = np.zeros((25, 3))
        for place, name in named.items():
            flat[place] = (320 + places[name][frame, 0], 280 - places[name][frame, 1], 0.8)
        frames.append({"version": 1.3, "people": [{"pose_keypoints_2d": flat.ravel().tolist()}]})
    return frames


SMPL = (
    "Hips", "LeftUpperLeg", "RightUpperLeg", "Spine", "LeftLowerLeg", "RightLowerLeg", "Chest", "LeftFoot", "RightFoot", "Chest",
    "LeftToes", "RightToes", "Neck", "Chest", "Chest", "Head", "LeftUpperArm", "RightUpperArm", "LeftLowerArm", "RightLowerArm", "LeftHand",
    "RightHand",
)  # fmt: skip


def smpl_positions() -> np.ndarray:
    """(T, 22, 3)."""
    places = wave_positions()
    return np.stack([places[name] for name in SMPL], axis=1)


def wave_fbx() -> str:
    """An ASCII FBX 7.4 file with the body as limb nodes, and a curve that lifts the left arm."""
    ticks = 46186158000
    objects, links, number = [], [], {}
    for index, (name, parent, offset) in enumerate(BODY):
        number[index] = 1000 + index
        x, y, z = (0, 90, 0) if parent < 0 else offset
        turn = 80 if name == "RightUpperArm" else 0
        objects.append(
            f'\tModel: {number[index]}, "Model::{name}", "LimbNode" {{\n\t\tVersion: 232\n\t\tProperties70:  {{\n'
            f'\t\t\tP: "Lcl Translation", "Lcl Translation", "", "A",{x},{y},{z}\n'
            f'\t\t\tP: "Lcl Rotation", "Lcl Rotation", "", "A",0,0,{turn}\n\t\t}}\n\t}}\n'
        )
        links.append(f'\tC: "OO",{number[index]},{number[parent] if parent >= 0 else 0}\n')
    times = ",".join(str(int(frame * ticks / RATE)) for frame in range(FRAMES))
    values = ",".join(f"{lift(frame):.6f}" for frame in range(FRAMES))
    objects.append('\tAnimationStack: 2000, "AnimStack::wave", "" {\n\t\tProperties70:  {\n')
    objects.append(f'\t\t\tP: "LocalStop", "KTime", "Time", "",{int((FRAMES - 1) * ticks / RATE)}\n\t\t}}\n\t}}\n')
    objects.append('\tAnimationLayer: 2001, "AnimLayer::base", "" {\n\t}\n')
    objects.append(
        '\tAnimationCurveNode: 2002, "AnimCurveNode::R", "" {\n\t\tProperties70:  {\n\t\t\tP: "d|X", "Number", "", "A",0\n'
        '\t\t\tP: "d|Y", "Number", "", "A",0\n\t\t\tP: "d|Z", "Number", "", "A",0\n\t\t}\n\t}\n'
    )
    objects.append(
        f'\tAnimationCurve: 2003, "AnimCurve::", "" {{\n\t\tDefault: 0\n\t\tKeyVer: 4008\n'
        f"\t\tKeyTime: *{FRAMES} {{\n\t\t\ta: {times}\n\t\t}}\n"
        f"\t\tKeyValueFloat: *{FRAMES} {{\n\t\t\ta: {values}\n\t\t}}\n\t\tKeyAttrFlags: *1 {{\n\t\t\ta: 4\n\t\t}}\n"
        "\t\tKeyAttrDataFloat: *4 {\n\t\t\ta: 0,0,0,0\n\t\t}\n"
        f"\t\tKeyAttrRefCount: *1 {{\n\t\t\ta: {FRAMES}\n\t\t}}\n\t}}\n"
    )
    arm = number[[name for name, *_ in BODY].index("LeftUpperArm")]
    links += [f'\tC: "OP",2002,{arm}, "Lcl Rotation"\n', '\tC: "OP",2003,2002, "d|Z"\n']
    links += ['\tC: "OO",2002,2001\n', '\tC: "OO",2001,2000\n']
    settings = (
        'GlobalSettings:  {\n\tVersion: 1000\n\tProperties70:  {\n\t\tP: "UpAxis", "int", "Integer", "",1\n'
        '\t\tP: "UnitScaleFactor", "double", "Number", "",1\n\t\tP: "TimeMode", "enum", "", "",11\n\t}\n}\n'
    )
    return (
        "; FBX 7.4.0 project file\nFBXHeaderExtension:  {\n\tFBXHeaderVersion: 1003\n\tFBXVersion: 7400\n}\n"
        + settings
        + "Objects:  {\n"
        + "".join(objects)
        + "}\nConnections:  {\n"
        + "".join(links)
        + "}\n"
    )

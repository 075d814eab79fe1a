"""glTF 2.0 files, as far as skeletal animation needs them: .gltf, .glb, .vrm, .vrma.

Read by ourselves on json and numpy: the packages that parse glTF give its JSON as objects and leave accessors, interpolation and the
scene graph, which are what is needed here, to the caller. Section numbers are those of the Khronos glTF 2.0 specification.

Untrusted input: sizes, counts, indices, cycles and non-finite numbers are checked; other files are read only from the same folder.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import numpy as np

from pipeline.errors import MotionFileError
from pipeline.files.bounded import read_bounded
from pipeline.motion.formats.scene_graph import AnimationChannel, check_tree
from pipeline.types import Floats

MAX_BYTES = 256 << 20
MAX_NODES = 20_000
MAX_KEYS = 2_000_000
_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942  # section 4.4
_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_COUNTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


@dataclass(frozen=True, eq=False)
class GltfFile:
    """A parsed file: its JSON, and the way to its numbers.

    Attributes:
        root: the JSON object.
    """

    path: Path
    root: Mapping[str, Any]
    binary: bytes
    _buffers: dict[int, bytes] = field(default_factory=dict)
    _numbers: dict[int, Floats] = field(default_factory=dict)

    def objects(self, key: str) -> Sequence[Mapping[str, Any]]:
        """A top-level array of objects, empty where it is missing.

        Raises:
            MotionFileError: it is something else.
        """
        found = self.root.get(key, [])
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise MotionFileError(self.path, [f"{key}: expected a list of objects"])
        return found

    def item(self, key: str, index: object, where: str) -> Mapping[str, Any]:
        """One object of a top-level array, by an index that the file gives."""
        items = self.objects(key)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(items):
            raise MotionFileError(self.path, [f"{where}: expected the number of one of {len(items)} {key}, found {index!r}"])
        return items[index]

    def numbers(self, accessor_index: object, where: str) -> Floats:
        """An accessor's values (N, components) float64, normalized integers as fractions (section 3.6.2)."""
        accessor = self.item("accessors", accessor_index, where)
        if accessor_index not in self._numbers:
            self._numbers[cast("int", accessor_index)] = self._read_numbers(accessor, where)
        return self._numbers[cast("int", accessor_index)]

    def _read_numbers(self, accessor: Mapping[str, Any], where: str) -> Floats:
        count, components = self._integer(accessor, "count", where), _COUNTS.get(str(accessor.get("type")), 0)
        kind = _COMPONENTS.get(accessor.get("componentType", 0))
        if not components or kind is None or count > MAX_KEYS:
            raise MotionFileError(self.path, [f"{where}: an accessor of a type, or with a count, that is not read"])
        dtype = np.dtype(kind)
        values = np.zeros((count, components))
        if "bufferView" in accessor:
            values[:] = self._strided(accessor, dtype, (count, components), where)
        if "sparse" in accessor:
            self._replace_sparse(accessor, values, dtype, where)
        if accessor.get("normalized") and dtype.kind in "iu":
            values = np.maximum(values / np.iinfo(dtype).max, -1.0)
        if not np.isfinite(values).all():
            raise MotionFileError(self.path, [f"{where}: a value is infinite or not a number"])
        return values

    def _strided(self, accessor: Mapping[str, Any], dtype: np.dtype[Any], shape: tuple[int, int], where: str) -> Floats:
        view = self.item("bufferViews", accessor.get("bufferView"), where)
        start = self._integer(view, "byteOffset", where, 0) + self._integer(accessor, "byteOffset", where, 0)
        width = shape[1] * dtype.itemsize
        stride = self._integer(view, "byteStride", where, 0) or width
        content = self._buffer(view.get("buffer"), where)
        end = start + stride * (shape[0] - 1) + width if shape[0] else start
        if stride < width or end > len(content) or shape[0] * shape[1] > len(content):
            raise MotionFileError(self.path, [f"{where}: its numbers lie outside the file's data"])
        rows = np.ndarray(shape, dtype, content, start, (stride, dtype.itemsize))
        with np.errstate(invalid="ignore"):  # signaling NaN: all are looked for afterwards
            return rows.astype(np.float64)

    def _replace_sparse(self, accessor: Mapping[str, Any], values: Floats, dtype: np.dtype[Any], where: str) -> None:
        sparse = accessor["sparse"]
        if not isinstance(sparse, dict) or not all(isinstance(sparse.get(key), dict) for key in ("indices", "values")):
            raise MotionFileError(self.path, [f"{where}: expected indices and values in sparse"])
        count = self._integer(sparse, "count", where)
        index_type = _COMPONENTS.get(sparse["indices"].get("componentType", 0))
        if index_type is None or np.dtype(index_type).kind != "u":
            raise MotionFileError(self.path, [f"{where}: expected unsigned indices in sparse"])
        indices = self._strided(sparse["indices"], np.dtype(index_type), (count, 1), where)[:, 0].astype(np.int64)
        if len(indices) and indices.max() >= len(values):
            raise MotionFileError(self.path, [f"{where}: an index in sparse is beyond its accessor"])
        values[indices] = self._strided(sparse["values"], dtype, (count, values.shape[1]), where)

    def _integer(self, values: Mapping[str, Any], key: str, where: str, default: int | None = None) -> int:
        found = values.get(key, default)
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= 1 << 40:
            raise MotionFileError(self.path, [f"{where}: {key}: expected a whole number, found {found!r:.40}"])
        return found

    def _buffer(self, index: object, where: str) -> bytes:
        buffer = self.item("buffers", index, where)
        key = int(index) if isinstance(index, int) else 0
        if key not in self._buffers:
            uri = buffer.get("uri")
            self._buffers[key] = self.binary if uri is None and key == 0 else self._fetch(uri, where)
        return self._buffers[key]

    def _fetch(self, uri: object, where: str) -> bytes:
        if not isinstance(uri, str):
            raise MotionFileError(self.path, [f"{where}: a buffer without data"])
        if uri.startswith("data:"):
            try:
                return base64.b64decode(uri.partition(",")[2], validate=True)
            except (binascii.Error, ValueError) as error:
                raise MotionFileError(self.path, [f"{where}: a buffer's data are not base64"]) from error
        name = unquote(uri)
        if "/" in name or "\\" in name or name in {"", ".", ".."} or "\0" in name or ":" in name:
            raise MotionFileError(self.path, [f"{where}: a buffer is in {uri[:80]!r}, expected a file in the same folder"])
        return read_bounded(self.path.with_name(name), max_bytes=MAX_BYTES, error=MotionFileError)


def read_gltf(path: Path) -> GltfFile:
    """A glTF file in JSON or binary form.

    Raises:
        MotionFileError: it can't be read, or is none.
    """
    content = read_bounded(path, max_bytes=MAX_BYTES, error=MotionFileError)
    binary = b""
    if content[:4] == b"glTF":
        content, binary = _chunks(path, content)
    try:
        root = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise MotionFileError(path, ["this is no glTF file: its JSON can't be read"]) from error
    asset = root.get("asset") if isinstance(root, dict) else None
    version = asset.get("version") if isinstance(asset, dict) else None
    if not str(version).startswith("2."):
        raise MotionFileError(path, [f"expected glTF 2.0, found version {version!r:.20}"])
    file = GltfFile(path, root, binary)
    if len(file.objects("nodes")) > MAX_NODES:
        raise MotionFileError(path, [f"{len(file.objects('nodes'))} nodes, expected at most {MAX_NODES}"])
    return file


def _chunks(path: Path, content: bytes) -> tuple[bytes, bytes]:
    """The JSON and the binary chunk of a GLB file (section 4)."""
    chunks: dict[int, bytes] = {}
    offset = 12
    while offset + 8 <= len(content):
        length, kind = struct.unpack_from("<II", content, offset)
        if offset + 8 + length > len(content):
            raise MotionFileError(path, ["the file is cut short"])
        chunks.setdefault(kind, content[offset + 8 : offset + 8 + length])
        offset += 8 + length + (-length % 4)
    if _JSON_CHUNK not in chunks:
        raise MotionFileError(path, ["this GLB file has no JSON in it"])
    return chunks[_JSON_CHUNK], chunks.get(_BINARY_CHUNK, b"")


def animation_channels(file: GltfFile, number: int) -> list[AnimationChannel]:
    """The channels of an animation that move nodes."""
    animation = file.objects("animations")[number]
    samplers, channels = animation.get("samplers"), animation.get("channels")
    where = f"animations[{number}]"
    if not isinstance(samplers, list) or not isinstance(channels, list):
        raise MotionFileError(file.path, [f"{where}: expected samplers and channels"])
    found = []
    for index, channel in enumerate(channels):
        at = f"{where}.channels[{index}]"
        target = channel.get("target") if isinstance(channel, dict) else None
        if not isinstance(target, dict) or target.get("path") not in {"translation", "rotation", "scale"} or "node" not in target:
            continue
        file.item("nodes", target["node"], at)
        sampler = channel.get("sampler")
        if not isinstance(sampler, int) or not 0 <= sampler < len(samplers) or not isinstance(samplers[sampler], dict):
            raise MotionFileError(file.path, [f"{at}: expected one of {len(samplers)} samplers, found {sampler!r:.40}"])
        found.append(_channel(file, samplers[sampler], int(target["node"]), str(target["path"]), at))
    return found


def _channel(file: GltfFile, sampler: Mapping[str, Any], node: int, path: str, where: str) -> AnimationChannel:
    times = file.numbers(sampler.get("input"), where)[:, 0]
    values = file.numbers(sampler.get("output"), where)
    interpolation = str(sampler.get("interpolation", "LINEAR"))
    size = 4 if path == "rotation" else 3
    keys = 3 * len(times) if interpolation == "CUBICSPLINE" else len(times)
    if not len(times) or values.shape != (keys, size) or np.any(np.diff(times) < 0):
        raise MotionFileError(file.path, [f"{where}: expected {keys} values of {size} numbers at rising times, found {values.shape}"])
    if interpolation == "CUBICSPLINE":
        values = values.reshape(len(times), 3, size)
    return AnimationChannel(node, path, times, values, interpolation)


def node_parents(file: GltfFile) -> list[int]:
    """The parent of every node, -1 for roots.

    Raises:
        MotionFileError: a node has two parents, or is below itself.
    """
    nodes = file.objects("nodes")
    parents = [-1] * len(nodes)
    for index, node in enumerate(nodes):
        children = node.get("children", [])
        for child in children if isinstance(children, list) else []:
            file.item("nodes", child, f"nodes[{index}].children")
            if parents[child] >= 0:
                raise MotionFileError(file.path, [f"nodes[{child}] has two parents, {parents[child]} and {index}"])
            parents[child] = index
    check_tree(parents, file.path)
    return parents


def numbers_of(file: GltfFile, node: int, key: str, default: Sequence[float]) -> Floats:
    """A node's translation, rotation, scale or matrix."""
    found = file.objects("nodes")[node].get(key, list(default))
    is_right = isinstance(found, list) and len(found) == len(default)
    if not is_right or not all(isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in found):
        raise MotionFileError(file.path, [f"nodes[{node}].{key}: expected {len(default)} numbers, found {found!r:.60}"])
    return np.array(found, dtype=np.float64)

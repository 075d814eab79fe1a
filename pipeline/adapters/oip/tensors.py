"""Tensors in requests and replies of the Open Inference Protocol, as JSON or as binary data behind it.

Protocol: kserve.github.io, "Open Inference Protocol (V2)", Inference Request and Response JSON Objects; Triton Inference Server,
"Binary Tensor Data Extension". A request always asks for binary outputs, as that extension has it: servers without it ignore the parameter
and answer in JSON. Replies are untrusted input.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from pipeline.adapters.model_server.failures import InvalidReply
from pipeline.adapters.model_server.http import HttpReply, RequestBody
from pipeline.types import Bytes, Singles

JSON_LENGTH_HEADER: Final = "Inference-Header-Content-Length"
SHAPES: Final[Mapping[str, tuple[int | str, ...]]] = {
    "centres": (1, "cells", "cells"),
    "sides": (4, "cells", "cells"),
    "joints": (17, "cells", "cells"),
    "mask": (1, "side", "side"),
    "presence": (18,),
    "parts": (18, "part cells", "part cells"),
}
"""Of each output for one image. The same word means the same number in all outputs of a reply; `side` is the input's."""
_MAX_CELLS: Final = 4096


def request_body(input_name: str, squares: Bytes, outputs: Sequence[str], *, is_binary: bool) -> RequestBody:
    """Body of an inference request.

    Args:
        squares: (n, S, S, 3) uint8.
        outputs: names on the server.
        is_binary: send the tensor behind the JSON.
    """
    tensor: dict[str, Any] = {"name": input_name, "shape": list(squares.shape), "datatype": "UINT8"}
    request = {"inputs": [tensor], "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in outputs]}
    if not is_binary:
        tensor["data"] = squares.ravel().tolist()
        return RequestBody(json.dumps(request, separators=(",", ":")).encode(), "application/json")
    content = squares.tobytes()
    tensor["parameters"] = {"binary_data_size": len(content)}
    head = json.dumps(request).encode()
    return RequestBody(head + content, "application/octet-stream", headers={JSON_LENGTH_HEADER: str(len(head))})


def tensors(reply: HttpReply, outputs: Mapping[str, str], count: int, side: int) -> list[Singles]:
    """The outputs in a reply, in the order asked for.

    Args:
        outputs: our names, and those on the server.
        count: images in the request.
        side: of the squares in the request, px.
    Raises:
        InvalidReply: the reply does not follow the protocol, or has outputs of other shapes.
    """
    head, rest = _parts(reply)
    entries = _entries(head)
    found: dict[str, Singles] = {}
    for entry in entries:
        name = entry.get("name")
        size = _binary_size(entry)
        if size is not None and size > len(rest):
            raise InvalidReply(f"output {name} is cut off")
        content, rest = (rest[:size], rest[size:]) if size is not None else (None, rest)
        if name in outputs.values():
            found[str(name)] = _array(entry, content, f"output {name}")
    missing = [name for name in outputs.values() if name not in found]
    if missing:
        raise InvalidReply(f"it lacks the output {', '.join(missing)}")
    sizes: dict[str, int] = {"side": side}
    for ours, theirs in outputs.items():
        _check_shape(found[theirs].shape, (count, *SHAPES[ours]), sizes, f"output {theirs}")
    return [found[theirs] for theirs in outputs.values()]


def _parts(reply: HttpReply) -> tuple[bytes, memoryview]:
    """JSON and binary data of a reply."""
    if not reply.json_length:
        return reply.body, memoryview(b"")
    length = int(reply.json_length) if reply.json_length.isascii() and reply.json_length.isdigit() else -1
    if not 0 <= length <= len(reply.body):
        raise InvalidReply(f"{JSON_LENGTH_HEADER} must be a length within the reply, found {reply.json_length[:20]!r}")
    return reply.body[:length], memoryview(reply.body)[length:]


def _entries(head: bytes) -> list[dict[str, Any]]:
    try:
        content = json.loads(head)
    except (ValueError, RecursionError):
        raise InvalidReply("it is not valid JSON") from None
    entries = content.get("outputs") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidReply("it has no list of outputs")
    return entries


def _binary_size(entry: Mapping[str, Any]) -> int | None:
    parameters = entry.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        return None
    if not isinstance(size, int) or size < 0:
        raise InvalidReply("binary_data_size must be a number of bytes")
    return size


def _array(entry: Mapping[str, Any], content: memoryview | None, where: str) -> Singles:
    shape = entry.get("shape")
    if entry.get("datatype") != "FP32" or not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise InvalidReply(f"{where} must be FP32 with a shape")
    try:
        with np.errstate(over="ignore"):
            values = np.frombuffer(content, "<f4") if content is not None else np.array(entry.get("data"), np.float32).ravel()
        array = values.reshape(shape)
    except (ValueError, TypeError, OverflowError):
        raise InvalidReply(f"{where} does not have as many numbers as its shape") from None
    if not np.isfinite(array).all():
        raise InvalidReply(f"{where} has values that are no numbers")
    return np.asarray(array, np.float32)


def _check_shape(found: tuple[int, ...], expected: tuple[int | str, ...], sizes: dict[str, int], where: str) -> None:
    """Check a shape, and fill in the sizes that it shows."""
    fits = len(found) == len(expected) and all(
        0 < size <= _MAX_CELLS and size == (sizes.setdefault(wanted, size) if isinstance(wanted, str) else wanted)
        for size, wanted in zip(found, expected, strict=True)
    )
    if not fits:
        raise InvalidReply(f"{where} must have the shape {[sizes.get(str(each), each) for each in expected]}, found {list(found)}")

"""Hand-made servers of the Open Inference Protocol with our real models, in the dialects of three servers.

Made after their published documents, not recorded: Triton's `docs/protocol` (extension_binary_data.md), OpenVINO Model Server's
`docs/model_server_rest_api_kfs.md`, and MLServer 1.7, which answers in JSON only. `tests/integration/test_mlserver.py` has a real MLServer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import onnxruntime

from pipeline.adapters.embedded import DETECTOR, MODELS, POSE
from tests.unit.adapters.model_server.stub_server import Canned, Received

FILES = {"doodled_detector": DETECTOR, "doodled_pose": POSE}
DATATYPES = {"tensor(uint8)": "UINT8", "tensor(float)": "FP32"}


class Dialect(StrEnum):
    """Whose replies are imitated."""

    TRITON = "triton"
    OVMS = "ovms"
    MLSERVER = "mlserver"

    @property
    def is_binary(self) -> bool:
        """Whether it knows the binary tensor data extension."""
        return self is not Dialect.MLSERVER

    @property
    def platform(self) -> str:
        """In a model's metadata."""
        return {Dialect.TRITON: "onnxruntime_onnx", Dialect.OVMS: "OpenVINO", Dialect.MLSERVER: ""}[self]


@dataclass
class OpenInference:
    """Replies of a server: give it to a stub server as `on_request`.

    Attributes:
        renamed: names of outputs, by our names.
        described: changes of a model's metadata.
    """

    dialect: Dialect
    renamed: dict[str, str] = field(default_factory=dict)
    described: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._sessions = {name: onnxruntime.InferenceSession(str(MODELS / file)) for name, file in FILES.items()}

    def __call__(self, received: Received) -> Canned:
        name, *rest = received.path.removeprefix("/v2/models/").split("/")
        if rest[:1] == ["versions"]:
            rest = rest[2:]
        if not received.path.startswith("/v2/models/") or name not in FILES:
            return Canned(404, {"error": f"Request for unknown model: '{name}' is not found"})
        session = self._sessions[name]
        return self._infer(name, session, received) if rest == ["infer"] else Canned(content=self._metadata(name, session))

    def _metadata(self, name: str, session: onnxruntime.InferenceSession) -> dict[str, object]:
        tensors = {
            key: [{"name": self._name(each.name), "datatype": DATATYPES[each.type], "shape": [-1, *each.shape[1:]]} for each in each_of]
            for key, each_of in (("inputs", session.get_inputs()), ("outputs", session.get_outputs()))
        }
        return {"name": name, "versions": ["1"], "platform": self.dialect.platform, **tensors, **self.described}

    def _infer(self, name: str, session: onnxruntime.InferenceSession, received: Received) -> Canned:
        length = received.headers.get("Inference-Header-Content-Length")
        if length is not None and not self.dialect.is_binary:
            return Canned(422, {"error": "not valid JSON"})
        head, rest = (received.body[: int(length)], received.body[int(length) :]) if length else (received.body, b"")
        request = json.loads(head)
        (tensor,) = request["inputs"]
        values = np.frombuffer(rest, np.uint8) if length else np.array(tensor["data"], np.uint8)
        if length and tensor["parameters"]["binary_data_size"] != len(rest):
            return Canned(400, {"error": "unexpected size of binary data"})
        wanted = [output["name"] for output in request["outputs"]]
        ours = {self._name(each.name): each.name for each in session.get_outputs()}
        arrays = session.run([ours[each] for each in wanted], {tensor["name"]: values.reshape(tensor["shape"])})
        outputs, binary = [], b""
        for output, array in zip(request["outputs"], arrays, strict=True):
            entry: dict[str, object] = {"name": output["name"], "datatype": "FP32", "shape": list(array.shape)}
            if self.dialect.is_binary and output.get("parameters", {}).get("binary_data"):
                entry["parameters"] = {"binary_data_size": array.nbytes}
                binary += array.tobytes()
            else:
                entry["data"] = array.ravel().tolist()
            outputs.append(entry)
        answer = json.dumps({"model_name": name, "model_version": "1", "outputs": outputs}).encode()
        if not binary:
            return Canned(content=answer)
        return Canned(200, answer + binary, "application/octet-stream", {"Inference-Header-Content-Length": str(len(answer))})

    def _name(self, ours: str) -> str:
        return self.renamed.get(ours, ours)

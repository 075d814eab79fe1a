"""Runtime of MLServer for our models: ONNX Runtime on the CPU. MLServer's packages have none for ONNX that is maintained."""

from __future__ import annotations

import os

# Since 1.29, ONNX Runtime's Linux wheels send telemetry (a device id and the loaded models) unless this is set before the import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri


class OnnxModel(MLModel):
    """A model with one input; its outputs are those of the file that the request names, or all."""

    async def load(self) -> bool:
        """Open the session."""
        self._session = onnxruntime.InferenceSession(await get_model_uri(self.settings), providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Run the model."""
        wanted = [output.name for output in payload.outputs or ()] or self._outputs
        squares = NumpyCodec.decode_input(payload.inputs[0])
        try:
            arrays = self._session.run(wanted, {payload.inputs[0].name: squares})
        except Exception as error:  # ONNX Runtime's errors have no common base
            raise InferenceError(str(error)) from error
        outputs = [NumpyCodec.encode_output(name, array) for name, array in zip(wanted, arrays, strict=True)]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)

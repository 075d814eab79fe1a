"""Predictor port in process: detector and pose model on ONNX Runtime's CPU provider.

Owns the sessions: created once, kept warm, with a bounded number of threads. TorchServe's handlers use this class, too, with other
providers. `pipeline.adapters.own_models` has what does not depend on where the models run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.adapters.own_models import OwnModels
from pipeline.adapters.own_outputs import DETECTOR_OUTPUTS, POSE_OUTPUTS
from pipeline.errors import ModelUnavailable
from pipeline.types import Bytes, Singles

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# Since 1.29, ONNX Runtime's Linux wheels send telemetry (a device id and the loaded models) unless this is set before the import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

MODELS: Final = Path(__file__).resolve().parents[1] / "models"
DETECTOR: Final = "detector.onnx"
POSE: Final = "pose.onnx"
CPU: Final = "CPUExecutionProvider"
_REINSTALL: Final = "install doodled again: its models come with it"


class EmbeddedPredictor(OwnModels):
    """Runs the models that ship with doodled. Thread-safe."""

    def __init__(self, models: Path = MODELS, *, threads: int = 2, providers: Sequence[str] = (CPU,)) -> None:
        """Load both models.

        Args:
            models: folder of `detector.onnx` and `pose.onnx`.
            threads: upper bound for each call.
            providers: ONNX Runtime's execution providers, the preferred one first.
        Raises:
            ModelUnavailable: a file is missing, damaged or of another model.
        """
        super().__init__(
            _Network(models / DETECTOR, DETECTOR_OUTPUTS, threads=threads, providers=providers),
            _Network(models / POSE, POSE_OUTPUTS, threads=threads, providers=providers),
        )


class _Network:
    """One model's session: squares (N, S, S, 3) uint8 in, named outputs out."""

    def __init__(self, path: Path, outputs: tuple[str, ...], *, threads: int, providers: Sequence[str]) -> None:
        self._path = path
        if not path.is_file():
            raise ModelUnavailable("this model's weights are missing", path=path, hint=_REINSTALL)
        self._session = _session(path, threads, providers)
        inputs, known = self._session.get_inputs(), {output.name for output in self._session.get_outputs()}
        shape = inputs[0].shape
        if len(inputs) != 1 or inputs[0].type != "tensor(uint8)" or len(shape) != 4 or not set(outputs) <= known:
            expected = f"one uint8 input (N, S, S, 3) and the outputs {', '.join(outputs)}"
            found = f"{', '.join(f'{i.name} {i.type} {i.shape}' for i in inputs)} and {', '.join(sorted(known))}"
            raise ModelUnavailable(f"expected a model with {expected}, found {found}", path=path, hint=_REINSTALL)
        self._outputs = known
        self._input = inputs[0].name
        self.side = int(shape[1])

    def answer(self, squares: Bytes, outputs: Sequence[str]) -> list[Singles]:
        """See `pipeline.adapters.own_models.Model`."""
        try:
            names = [name for name in outputs if name in self._outputs]
            return list(self._session.run(names, {self._input: np.ascontiguousarray(squares)}))
        except _foreign_errors() as error:
            raise ModelUnavailable(f"ONNX Runtime can't run this model: {error}", path=self._path) from error


def _session(path: Path, threads: int, providers: Sequence[str]) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised, not logged
    options.enable_cpu_mem_arena = False  # it would keep 20 MB between calls, and makes none faster
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leaves the cores to other work between calls
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=list(providers))
    except _foreign_errors() as error:
        raise ModelUnavailable(f"ONNX Runtime can't read this model: {error}", path=path, hint=_REINSTALL) from error


def _foreign_errors() -> tuple[type[Exception], ...]:
    """All error classes of ONNX Runtime; they have no common base."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    classes: list[Any] = [value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)]
    return (*classes, RuntimeError, ValueError)

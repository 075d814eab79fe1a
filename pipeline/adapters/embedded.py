"""The detector and the pose network in this process, on ONNX Runtime's CPU provider, as `pipeline.ports.Predictor`.

Owns the sessions: made once, kept warm, with a bounded number of threads. What the networks are shown and what their answers mean is in
`pipeline.stages.figures_seen`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.errors import ModelUnavailable
from pipeline.stages import figures_seen
from pipeline.types import Bytes, Detection, Floats, Singles, checked

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MODELS: Final = Path(__file__).resolve().parents[1] / "models"
DETECTOR: Final = "detector.onnx"
POSE: Final = "pose.onnx"
_REINSTALL: Final = "install doodled again: its networks come with it"


class EmbeddedPredictor:
    """Runs the networks that come with doodled. Thread-safe."""

    def __init__(self, models: Path = MODELS, *, threads: int = 2) -> None:
        """Load both networks.

        Args:
            models: folder of `detector.onnx` and `pose.onnx`.
            threads: at most so many for each call.
        Raises:
            ModelUnavailable: a file is missing, damaged or of another network.
        """
        self._detector = _Network(models / DETECTOR, outputs=("centres", "sides"), threads=threads)
        self._pose = _Network(models / POSE, outputs=("joints", "mask", "presence"), threads=threads)

    def detections(self, rgb: Bytes) -> tuple[Detection, ...]:
        """As in `pipeline.ports.Predictor`."""
        checked("rgb", rgb, ("H", "W", 3), np.uint8)
        whole = figures_seen.whole_view(rgb, self._detector.side)
        centres, sides = self._detector.answer(whole.pixels[None])
        proposals = figures_seen.proposals(centres[0], sides[0], whole, rgb)
        if not proposals:
            return ()
        views = [figures_seen.close_view(rgb, proposal, self._pose.side) for proposal in proposals]
        answers = self._pose_answers(views)
        found = [figures_seen.detection(*each, rgb) for each in zip(proposals, views, answers, strict=True)]
        return figures_seen.without_doubles(found)

    def keypoints(self, rgb: Bytes) -> Floats:
        """As in `pipeline.ports.Predictor`."""
        checked("rgb", rgb, ("h", "w", 3), np.uint8)
        view = figures_seen.crop_view(rgb, self._pose.side)
        return figures_seen.keypoints(view, self._pose_answers([view])[0], rgb)

    def _pose_answers(self, views: list[figures_seen.View]) -> list[figures_seen.PoseAnswer]:
        joints, masks, presence = self._pose.answer(figures_seen.with_mirrors(views))
        return figures_seen.pose_answers(joints, masks, presence)


class _Network:
    """One network's session: squares (N, S, S, 3) uint8 in, its named outputs out."""

    def __init__(self, path: Path, *, outputs: tuple[str, ...], threads: int) -> None:
        self._path, self._outputs = path, list(outputs)
        if not path.is_file():
            raise ModelUnavailable("this network's weights are missing", path=path, hint=_REINSTALL)
        self._session = _session(path, threads)
        inputs, known = self._session.get_inputs(), {output.name for output in self._session.get_outputs()}
        shape = inputs[0].shape
        if len(inputs) != 1 or inputs[0].type != "tensor(uint8)" or len(shape) != 4 or not set(outputs) <= known:
            expected = f"one uint8 input (N, S, S, 3) and the outputs {', '.join(outputs)}"
            found = f"{', '.join(f'{i.name} {i.type} {i.shape}' for i in inputs)} and {', '.join(sorted(known))}"
            raise ModelUnavailable(f"expected a network with {expected}, found {found}", path=path, hint=_REINSTALL)
        self._input = inputs[0].name
        self.side = int(shape[1])

    def answer(self, squares: Bytes) -> list[Singles]:
        """The outputs that were asked for."""
        try:
            return list(self._session.run(self._outputs, {self._input: np.ascontiguousarray(squares)}))
        except _foreign_errors() as error:
            raise ModelUnavailable(f"ONNX Runtime can't run this network: {error}", path=self._path) from error


def _session(path: Path, threads: int) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others need the cores between calls
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _foreign_errors() as error:
        raise ModelUnavailable(f"ONNX Runtime can't read this network: {error}", path=path, hint=_REINSTALL) from error


def _foreign_errors() -> tuple[type[Exception], ...]:
    """Every error class of ONNX Runtime: they have no common base."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    classes: list[Any] = [value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)]
    return (*classes, RuntimeError, ValueError)

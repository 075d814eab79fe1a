"""Predictor port in process: detector and pose model on ONNX Runtime's CPU provider.

Owns the sessions: created once, kept warm, with a bounded number of threads. TorchServe's handlers use this class, too, with other
providers. `pipeline.stages.figures_seen` prepares the inputs and decodes the outputs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.errors import ModelUnavailable, ShapeError
from pipeline.stages import figures_seen
from pipeline.stages.figures_seen import NetworkView, PoseAnswer, Proposal
from pipeline.types import Bytes, Detection, Pose, Singles, checked

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# Since 1.29, ONNX Runtime's Linux wheels send telemetry (a device id and the loaded models) unless this is set before the import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

MODELS: Final = Path(__file__).resolve().parents[1] / "models"
DETECTOR: Final = "detector.onnx"
POSE: Final = "pose.onnx"
CPU: Final = "CPUExecutionProvider"
Look = tuple[Proposal, NetworkView, PoseAnswer]
_REINSTALL: Final = "install doodled again: its networks come with it"


class EmbeddedPredictor:
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
        self._detector = _Network(models / DETECTOR, ("centres", "sides"), threads=threads, providers=providers)
        wanted, more = ("joints", "mask", "presence"), ("parts",)
        self._pose = _Network(models / POSE, wanted, threads=threads, providers=providers, optional=more)

    def detections(self, rgb: Bytes, *, least_score: float = 0.0) -> tuple[Detection, ...]:
        """See `pipeline.ports.Predictor`."""
        return self.detections_in([rgb], least_score=least_score)[0]

    def pose(self, rgb: Bytes) -> Pose:
        """See `pipeline.ports.Predictor`."""
        return self.poses_in([rgb])[0]

    def detections_in(self, pictures: Sequence[Bytes], *, least_score: float = 0.0) -> list[tuple[Detection, ...]]:
        """Find the figures in each of several images, in one batch. Images in which nothing can score so high are not looked at closely."""
        for picture in pictures:
            _check(picture)
        wholes = [figures_seen.whole_view(picture, self._detector.side) for picture in pictures]
        centers, sides = self._detector.answer(np.stack([whole.pixels for whole in wholes]))
        proposals = [figures_seen.proposals(*each) for each in zip(centers, sides, wholes, pictures, strict=True)]
        worth_it = [of_one if any(figures_seen.can_score(one, least_score) for one in of_one) else [] for of_one in proposals]
        close = [(pictures[place], one, place) for place, of_one in enumerate(worth_it) for one in of_one]
        looks = self._looks([(picture, one) for picture, one, _ in close])
        found: list[list[Detection]] = [[] for _ in pictures]
        for (picture, _, place), (one, view, answer) in zip(close, looks, strict=True):
            found[place].append(figures_seen.detection(one, view, answer, picture))
        return [figures_seen.without_doubles(of_one) for of_one in found]

    def poses_in(self, crops: Sequence[Bytes]) -> list[Pose]:
        """Find joints and mask in each of several crops, in one batch."""
        for crop in crops:
            _check(crop)
        views = [figures_seen.crop_view(crop, self._pose.side) for crop in crops]
        return [figures_seen.pose(*each) for each in zip(views, self._pose_answers(views), crops, strict=True)]

    def _looks(self, close: Sequence[tuple[Bytes, Proposal]]) -> list[Look]:
        """Refine each proposal with a close view, and with a second one if the first moved the box far and the second moves it less."""
        views = [figures_seen.close_view(picture, one, self._pose.side) for picture, one in close]
        looks = [(one, view, answer) for (_, one), view, answer in zip(close, views, self._box_answers(views), strict=True)]
        again = []
        for row, ((picture, one), look) in enumerate(zip(close, looks, strict=True)):
            after = figures_seen.moved(*look, picture)
            if not figures_seen.is_settled(one, after):
                again.append((row, after))
        views = [figures_seen.close_view(close[row][0], after, self._pose.side) for row, after in again]
        for (row, after), view, answer in zip(again, views, self._box_answers(views), strict=True):
            if figures_seen.is_settled(after, figures_seen.moved(after, view, answer, close[row][0])):
                looks[row] = (after, view, answer)  # otherwise the box drifts to a neighboring object
        return looks

    def _box_answers(self, views: list[NetworkView]) -> list[PoseAnswer]:
        return figures_seen.box_answers(*self._pose.answer(figures_seen.stacked(views))) if views else []

    def _pose_answers(self, views: list[NetworkView]) -> list[PoseAnswer]:
        return figures_seen.pose_answers(*self._pose.answer(figures_seen.with_mirrors(views))) if views else []


def _check(rgb: Bytes) -> None:
    checked("rgb", rgb, ("H", "W", 3), np.uint8)
    if not rgb.size:
        raise ShapeError("rgb", expected="a picture with pixels", actual=str(rgb.shape))


class _Network:
    """One model's session: squares (N, S, S, 3) uint8 in, named outputs out."""

    def __init__(
        self, path: Path, outputs: tuple[str, ...], *, threads: int, providers: Sequence[str], optional: tuple[str, ...] = ()
    ) -> None:
        self._path = path
        if not path.is_file():
            raise ModelUnavailable("this network's weights are missing", path=path, hint=_REINSTALL)
        self._session = _session(path, threads, providers)
        inputs, known = self._session.get_inputs(), {output.name for output in self._session.get_outputs()}
        shape = inputs[0].shape
        if len(inputs) != 1 or inputs[0].type != "tensor(uint8)" or len(shape) != 4 or not set(outputs) <= known:
            expected = f"one uint8 input (N, S, S, 3) and the outputs {', '.join(outputs)}"
            found = f"{', '.join(f'{i.name} {i.type} {i.shape}' for i in inputs)} and {', '.join(sorted(known))}"
            raise ModelUnavailable(f"expected a network with {expected}, found {found}", path=path, hint=_REINSTALL)
        self._outputs = [*outputs, *(name for name in optional if name in known)]
        self._input = inputs[0].name
        self.side = int(shape[1])

    def answer(self, squares: Bytes) -> list[Singles]:
        """The requested outputs, and the optional ones that this model has."""
        try:
            return list(self._session.run(self._outputs, {self._input: np.ascontiguousarray(squares)}))
        except _foreign_errors() as error:
            raise ModelUnavailable(f"ONNX Runtime can't run this network: {error}", path=self._path) from error


def _session(path: Path, threads: int, providers: Sequence[str]) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised, not logged
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leaves the cores to other work between calls
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=list(providers))
    except _foreign_errors() as error:
        raise ModelUnavailable(f"ONNX Runtime can't read this network: {error}", path=path, hint=_REINSTALL) from error


def _foreign_errors() -> tuple[type[Exception], ...]:
    """All error classes of ONNX Runtime; they have no common base."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    classes: list[Any] = [value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)]
    return (*classes, RuntimeError, ValueError)

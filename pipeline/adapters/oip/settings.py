"""Settings of the client for the Open Inference Protocol beside those of every model server: what models and tensors are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from pipeline.adapters.model_server.settings import ServerSettings
from pipeline.adapters.own_outputs import DETECTOR_OUTPUTS, OPTIONAL_POSE_OUTPUTS, POSE_OUTPUTS
from pipeline.errors import OptionError

OUTPUTS: Final = (*DETECTOR_OUTPUTS, *POSE_OUTPUTS, *OPTIONAL_POSE_OUTPUTS)


@dataclass(frozen=True)
class OipSettings(ServerSettings):
    """Settings of the client for the Open Inference Protocol.

    Attributes:
        tensor_names: what the server calls an output that has another name than in our models: (ours, the server's).
        max_reply_bytes: five figures, as JSON, take 10 MB.

    Raises: as `ServerSettings`; OptionError also for an unknown output.
    """

    detector: str = "doodled_detector"
    pose_estimator: str = "doodled_pose"
    tensor_names: tuple[tuple[str, str], ...] = ()
    max_reply_bytes: int = 64 * 1024 * 1024

    title: ClassVar[str] = "the model server"

    def __post_init__(self) -> None:
        super().__post_init__()
        for ours, theirs in self.tensor_names:
            if ours not in OUTPUTS or not theirs:
                raise OptionError(f"tensor_names must rename one of {', '.join(OUTPUTS)}, found {f'{ours}={theirs}'!r}")

    def name_of(self, output: str) -> str:
        """What the server calls an output of our models."""
        return dict(self.tensor_names).get(output, output)

"""Options of the commands that run models: in this process, or on which model servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from daemon.options.inference import InferenceChoice, InferenceRequest
from pipeline.errors import OptionError

MODELS: Final = "Models"

InferenceOption = Annotated[
    InferenceChoice | None,
    typer.Option(
        "--inference",
        metavar="|".join(InferenceChoice),
        help="Run the models in this process, on TorchServe, or on a server of the Open Inference Protocol "
        "(default: embedded; a server if a URL is set).",
        rich_help_panel=MODELS,
    ),
]
OipUrlsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--oip-url",
        metavar="URL",
        help="Address of a server of the Open Inference Protocol (Triton, OpenVINO Model Server, MLServer); may be given several times.",
        rich_help_panel=MODELS,
    ),
]
UrlsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--torchserve-url", metavar="URL", help="Inference address of a TorchServe; may be given several times.", rich_help_panel=MODELS
    ),
]
KeyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--torchserve-key-file",
        metavar="FILE",
        help="TorchServe's key_file.json, or a file that contains only the inference key.",
        rich_help_panel=MODELS,
    ),
]


def requested_models(
    inference: InferenceChoice | None, torchserve_url: list[str] | None, torchserve_key_file: Path | None, oip_url: list[str] | None
) -> InferenceRequest:
    """The request that these options stand for. Raises OptionError if they name servers of both protocols."""
    if torchserve_url and oip_url:
        raise OptionError("--torchserve-url and --oip-url exclude each other")
    if oip_url:
        return InferenceRequest(inference or InferenceChoice.OIP, tuple(oip_url))
    return InferenceRequest(inference, tuple(torchserve_url or ()), torchserve_key_file)

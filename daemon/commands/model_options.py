"""Options of the commands that run models: in this process, or on which TorchServe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from daemon.options.inference import InferenceChoice

MODELS: Final = "Models"

InferenceOption = Annotated[
    InferenceChoice | None,
    typer.Option(
        "--inference",
        metavar="|".join(InferenceChoice),
        help="Run the models in this process or on TorchServe (default: embedded; torchserve if a URL is set).",
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

"""Options that several commands share, with their help and shell completion."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.options.values import Background, CameraChoice, FrameRate, Overlay, Size
from pipeline.adapters.opengl.contexts import ContextKind
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.motion.up_axis import UpAxis
from pipeline.types import Format, LayerMode, Travel

APPEARANCE = "Appearance"
REPORTS = "Reports"


def _one_of(kind: type[StrEnum]) -> str:
    return "|".join(kind)


def _background(metavar: str, what: str) -> Any:  # noqa: ANN401 - as typer.Option's
    return typer.Option(
        "--background",
        parser=Background.parse,
        metavar=metavar,
        help=f"{what} (default: transparent, or white if the format has no alpha).",
        rich_help_panel=APPEARANCE,
    )


def _size(default: str) -> Any:  # noqa: ANN401 - as typer.Option's
    return typer.Option(
        "--size", parser=Size.parse, metavar="WxH", help=f"Width and height in pixels (default: {default}).", rich_help_panel=APPEARANCE
    )


def _rate(default: str) -> Any:  # noqa: ANN401 - as typer.Option's
    return typer.Option(
        "--fps",
        parser=FrameRate.parse,
        metavar="N|native",
        help=f"Frames a second (default: {default}; at most 50 in a GIF).",
        rich_help_panel=APPEARANCE,
    )


def _camera(default: str) -> Any:  # noqa: ANN401 - as typer.Option's
    return typer.Option(
        "--camera",
        metavar=_one_of(CameraChoice),
        help=f"auto keeps the figure in view, original is AnimatedDrawings' camera (default: {default}).",
        rich_help_panel=APPEARANCE,
    )


def _motion_names(incomplete: str) -> list[str]:
    return sorted(path.stem for path in asset_folder(AssetKind.MOTIONS).glob("*.yaml") if path.stem.startswith(incomplete))


def _retarget_names(incomplete: str) -> list[str]:
    return sorted(path.stem for path in asset_folder(AssetKind.RETARGET).glob("*.yaml") if path.stem.startswith(incomplete))


# Defaults are in round brackets: rich takes square ones for markup.
MotionOption = Annotated[
    str | None,
    typer.Option(
        "--motion",
        "-m",
        metavar="NAME|FILE",
        help="A motion's name (see `doodled motions`), its YAML file, or a motion capture file, FILE#CLIP (default: wave).",
        autocompletion=_motion_names,
    ),
]
MotionsOption = Annotated[
    str | None,
    typer.Option(
        "--motion",
        "-m",
        metavar="NAME|FILE,...",
        help="Motions by name (see `doodled motions`) or file, with commas between them, or all: an animation each (default: wave).",
        autocompletion=_motion_names,
    ),
]
RetargetOption = Annotated[
    str | None,
    typer.Option(
        "--retarget",
        metavar="NAME|FILE",
        help="Name or YAML file of a retarget configuration (default: the one that fits the motion's joints).",
        rich_help_panel=APPEARANCE,
        autocompletion=_retarget_names,
    ),
]
TravelOption = Annotated[
    Travel | None,
    typer.Option(
        "--travel",
        metavar=_one_of(Travel),
        help="The camera follows, the figure moves in place, or the whole path is in view (default: follow; full for a YAML file).",
        rich_help_panel=APPEARANCE,
    ),
]
LoopOption = Annotated[
    bool, typer.Option("--loop", help="Find frames of the motion that can be played as a loop.", rich_help_panel=APPEARANCE)
]
UpOption = Annotated[
    UpAxis | None,
    typer.Option(
        "--up", metavar=_one_of(UpAxis), help="Which axis of the motion's file points up (default: detected).", rich_help_panel=APPEARANCE
    ),
]
FacingOption = Annotated[
    UpAxis | None,
    typer.Option(
        "--facing",
        metavar=_one_of(UpAxis),
        help="Which axis of the motion's file the body faces at first (default: detected).",
        rich_help_panel=APPEARANCE,
    ),
]
SizeOption = Annotated[Size | None, _size("500x500, or the scene file's")]
DrawingSizeOption = Annotated[Size | None, _size("500x500")]
RateOption = Annotated[FrameRate | None, _rate("25; native for a scene file")]
DrawingRateOption = Annotated[FrameRate | None, _rate("25")]
BackgroundOption = Annotated[Background | None, _background("COLOR|IMAGE", "Color or image behind the figure")]
DrawingBackgroundOption = Annotated[
    Background | None, _background("COLOR|IMAGE|paper", "Color or image behind the figure, or its own sheet of paper")
]
CameraOption = Annotated[CameraChoice | None, _camera("auto, or the scene file's")]
DrawingCameraOption = Annotated[CameraChoice | None, _camera("auto")]
FormatOption = Annotated[
    Format | None,
    typer.Option("--format", metavar=_one_of(Format), help="Format of the output (default: by the suffix of --output, else gif)."),
]
ShowOption = Annotated[
    list[Overlay] | None,
    typer.Option(
        "--show", metavar=_one_of(Overlay), help="Draw this debug view, too; may be given several times.", rich_help_panel=APPEARANCE
    ),
]
LayersOption = Annotated[
    LayerMode,
    typer.Option(
        "--layers",
        metavar=_one_of(LayerMode),
        help="auto moves limbs that touch the body apart from it, off keeps the figure in one sheet.",
        rich_help_panel=APPEARANCE,
    ),
]
GLOption = Annotated[
    ContextKind | None,
    typer.Option(
        "--gl", metavar=_one_of(ContextKind), help="The OpenGL context to use (default: the first that works).", rich_help_panel=APPEARANCE
    ),
]
TimingsOption = Annotated[
    Path | None, typer.Option("--timings", metavar="FILE", help="Write the seconds of each stage as JSON.", rich_help_panel=REPORTS)
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="The file to write, or an existing folder for files named after the input (default: the working directory).",
    ),
]
DrawingArgument = Annotated[Path, typer.Argument(metavar="IMAGE", help="A photograph or scan of a drawn figure.")]
DrawingsArgument = Annotated[
    list[Path], typer.Argument(metavar="IMAGE", help="Photographs or scans of drawn figures, also PDF and ZIP files of several.")
]
AllFiguresOption = Annotated[
    bool, typer.Option("--all-figures", help="Animate every figure that is found, each in a file of its own, instead of only the best.")
]
TogetherOption = Annotated[
    bool,
    typer.Option("--together", help="Animate every figure in one file, each in its place in the drawing.", rich_help_panel=APPEARANCE),
]
WhitenOption = Annotated[
    bool, typer.Option("--whiten", help="Make the paper inside the figure white, whatever its light and color.", rich_help_panel=APPEARANCE)
]
TargetArgument = Annotated[
    Path,
    typer.Argument(metavar="CHARACTER|SCENE", help="A character folder (char_cfg.yaml, mask.png, texture.png) or a scene file (mvc YAML)."),
]
DumpOption = Annotated[
    Path | None,
    typer.Option("--dump", metavar="FILE.npz", help="Write joints and vertices of each frame, for comparisons.", rich_help_panel=REPORTS),
]
MeshOption = Annotated[
    Path | None,
    typer.Option(
        "--mesh",
        metavar="FILE.npz",
        help="Deform this mesh (rest_vertices, triangles) instead of a generated one.",
        rich_help_panel=APPEARANCE,
    ),
]
KeepAnnotationsOption = Annotated[
    Path | None,
    typer.Option(
        "--keep-annotations",
        metavar="DIR",
        help="Write mask, joints and cut-out of the figure as a character folder.",
        rich_help_panel=REPORTS,
    ),
]
PreviewOption = Annotated[
    bool,
    typer.Option(
        "--preview",
        help="Before each animation, write a still and eight small frames of it: NAME.preview.png and NAME.preview.gif.",
        rich_help_panel=REPORTS,
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only the output's path; no notes, timings or progress.", rich_help_panel=REPORTS)
]

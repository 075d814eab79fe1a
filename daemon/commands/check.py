"""`doodled check`: OpenGL contexts, codecs and models of this machine."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.options.inference import InferenceChoice, InferenceRequest, open_predictor, server_predictor
from pipeline.adapters.opengl.context_reports import describe_contexts
from pipeline.errors import DoodledError
from pipeline.types import Format

CODECS = {
    Format.GIF: (),
    Format.MP4: ("libx264",),
    Format.WEBM: ("libvpx-vp9",),
    Format.WEBP: (),
    Format.APNG: (),
}
"""The FFmpeg encoders that a format needs; GIF, WebP and APNG need none."""


def check_machine(environ: Mapping[str, str], inference: InferenceRequest) -> tuple[str, bool]:
    """Try contexts, codecs and models; returns what works as text, and whether this machine can animate a drawing."""
    contexts = describe_contexts(environ)
    lines = ["OpenGL contexts, in the order in which they are tried:"]
    for context in contexts:
        state = f"{context.driver}, OpenGL {context.version}" if context.available else f"no: {context.reason}"
        lines.append(f"  {context.kind}: {state}")
    lines.append("Formats:")
    lines += [f"  {kind}: {_codec_state(kind)}" for kind in CODECS]
    model_lines, has_models = _models(inference.resolve(environ))
    lines += model_lines
    can_render = any(context.available for context in contexts)
    if not can_render:
        lines.append("This machine can't render: it has no OpenGL. On Debian or Ubuntu: apt-get install libegl1 libgl1-mesa-dri libopengl0")
    if not has_models:
        lines.append("This machine can't animate drawings, only character folders: not every model answers")
    return "\n".join(lines), can_render and has_models


def _models(request: InferenceRequest) -> tuple[list[str], bool]:
    """State of the models as lines, and whether each works on one server at least; a server gets a tiny prediction request for each."""
    if request.choice is None or request.choice is InferenceChoice.EMBEDDED:
        try:
            with open_predictor(request, {}):
                return ["Models: embedded, loaded"], True
        except DoodledError as error:
            return [f"Models: embedded, no: {error}"], False
    predictor = server_predictor(request)
    try:
        models = predictor.health()
    finally:
        predictor.close()
    lines = [f"Models: {request.choice.label}"]
    for model in models:
        details = "" if model.workers is None else f", {model.workers_ready} of {model.workers} workers ready"
        details += "" if model.batch_size is None else f", batches of {model.batch_size}"
        state = f"answers in {model.duration_s * 1000:.0f} ms{details}" if model.ready else f"no: {model.problem}"
        lines.append(f"  {model.url} {model.model}: {state}")
    return lines, {each.model for each in models} == {each.model for each in models if each.ready}


def _codec_state(kind: Format) -> str:
    missing = missing_codecs(kind)
    return f"missing {', '.join(missing)}" if missing else "yes"


def missing_codecs(kind: Format) -> list[str]:
    """The FFmpeg encoders that a format needs and that this machine lacks."""
    import av

    return [name for name in CODECS[kind] if name not in av.codecs_available]

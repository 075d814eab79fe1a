"""`doodled check`: OpenGL contexts, codecs and models of this machine."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.options.inference import InferenceChoice, InferenceRequest, open_predictor, torchserve_settings
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
    """Try contexts, codecs and models; returns what works as text, and whether this machine can render."""
    contexts = describe_contexts(environ)
    lines = ["OpenGL contexts, in the order in which they are tried:"]
    for context in contexts:
        state = f"{context.driver}, OpenGL {context.version}" if context.available else f"no: {context.reason}"
        lines.append(f"  {context.kind}: {state}")
    lines.append("Formats:")
    lines += [f"  {kind}: {_codec_state(kind)}" for kind in CODECS]
    lines += _model_lines(inference.resolve(environ))
    can_render = any(context.available for context in contexts)
    if not can_render:
        lines.append("This machine can't render: it has no OpenGL. On Debian or Ubuntu: apt-get install libegl1 libgl1-mesa-dri libopengl0")
    return "\n".join(lines), can_render


def _model_lines(request: InferenceRequest) -> list[str]:
    """State of the models; a TorchServe gets a tiny prediction request for each."""
    if request.choice is InferenceChoice.EMBEDDED:
        try:
            with open_predictor(request, {}):
                return ["Models: embedded, loaded"]
        except DoodledError as error:
            return [f"Models: embedded, no: {error}"]
    from pipeline.adapters.torchserve.predictor import TorchServePredictor

    predictor = TorchServePredictor(torchserve_settings(request))
    try:
        models = predictor.health()
    finally:
        predictor.close()
    lines = ["Models: TorchServe"]
    for model in models:
        details = "" if model.workers is None else f", {model.workers_ready} of {model.workers} workers ready"
        details += "" if model.batch_size is None else f", batches of {model.batch_size}"
        state = f"answers in {model.duration_s * 1000:.0f} ms{details}" if model.ready else f"no: {model.problem}"
        lines.append(f"  {model.url} {model.model}: {state}")
    return lines


def _codec_state(kind: Format) -> str:
    missing = missing_codecs(kind)
    return f"missing {', '.join(missing)}" if missing else "yes"


def missing_codecs(kind: Format) -> list[str]:
    """The FFmpeg encoders that a format needs and that this machine lacks."""
    import av

    return [name for name in CODECS[kind] if name not in av.codecs_available]

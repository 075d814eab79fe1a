"""`doodled check`: what this machine offers."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.options.inference import InferenceChoice, InferenceRequest, opened_predictor, torchserve_settings
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
"""The encoders of FFmpeg that a format needs; the others are written with Pillow or by ourselves."""


def machine_report(environ: Mapping[str, str], inference: InferenceRequest) -> tuple[str, bool]:
    """What can be used, as text, and whether anything could be rendered at all."""
    contexts = describe_contexts(environ)
    lines = ["OpenGL contexts, in the order in which they are tried:"]
    for context in contexts:
        state = f"{context.driver}, OpenGL {context.version}" if context.available else f"no: {context.reason}"
        lines.append(f"  {context.kind}: {state}")
    lines.append("Formats:")
    lines += [f"  {kind}: {_codec_state(names)}" for kind, names in CODECS.items()]
    lines += _inference_lines(inference.settled(environ))
    can_render = any(context.available for context in contexts)
    if not can_render:
        lines.append("Nothing can be rendered here. On Debian or Ubuntu: apt-get install libegl1 libgl1-mesa-dri libopengl0")
    return "\n".join(lines), can_render


def _inference_lines(settled: InferenceRequest) -> list[str]:
    """How the networks fare; a TorchServe is asked for a tiny prediction of each model."""
    if settled.choice is InferenceChoice.EMBEDDED:
        try:
            with opened_predictor(settled, {}):
                return ["Networks: embedded, loaded"]
        except DoodledError as error:
            return [f"Networks: embedded, no: {error}"]
    from pipeline.adapters.torchserve.predictor import TorchServePredictor

    predictor = TorchServePredictor(torchserve_settings(settled))
    try:
        fares = predictor.health()
    finally:
        predictor.close()
    lines = ["Networks: TorchServe"]
    for model in fares:
        told = "" if model.workers is None else f", {model.workers_ready} of {model.workers} workers ready"
        told += "" if model.batch_size is None else f", batches of {model.batch_size}"
        state = f"answers in {model.duration_s * 1000:.0f} ms{told}" if model.ready else f"no: {model.problem}"
        lines.append(f"  {model.url} {model.model}: {state}")
    return lines


def _codec_state(names: tuple[str, ...]) -> str:
    import av

    missing = [name for name in names if name not in av.codecs_available]
    return f"missing {', '.join(missing)}" if missing else "yes"

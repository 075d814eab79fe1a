"""A trained network as one ONNX file: `python export.py pose --checkpoint RUN/pose.pt --out pipeline/models/pose.onnx`.

The file's input is (N, S, S, 3) uint8, any N. Its weights are stored in half precision, which halves the file without a measurable loss,
and converted to single precision as the session loads. The file's outputs are compared with the network's.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from network import new_network
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

OUTPUTS = {"pose": ("joints", "mask", "presence", "parts"), "detector": ("centres", "sides", "mask")}
"""Names of each network's outputs, in their order."""

SMALLEST_HALVED = 256
"""Weights with fewer values stay in single precision: halving them saves next to nothing."""


class FromImages(nn.Module):
    """A network that takes (N, S, S, 3) uint8."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return self.network(images.permute(0, 3, 1, 2).to(torch.float32) * (1.0 / 255.0))


def export_network(name: str, checkpoint: Path, out: Path) -> dict[str, float]:
    """Write a checkpoint's averaged weights as the ONNX file `out`.

    Args:
        name: of the network, a key of OUTPUTS.
    Returns:
        The file's size, MB, and the greatest difference between its logits and the network's on random pixels.
    """
    state = torch.load(checkpoint, weights_only=True)
    config = state["config"]
    network = new_network(name, config)
    network.load_state_dict(state["average"])
    whole = FromImages(network).eval()
    side = config["side"]
    images = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, side, side, 3), dtype=np.uint8))
    batch = {0: "pictures"}
    torch.onnx.export(
        whole,
        (images,),
        str(out),
        input_names=["pictures"],
        output_names=list(OUTPUTS[name]),
        dynamic_axes={"pictures": batch} | dict.fromkeys(OUTPUTS[name], batch),
        opset_version=17,
        dynamo=False,
    )
    model = with_half_weights(onnx.load(str(out)))
    helper.set_model_props(model, {"step": str(state["step"]), "licence": "MIT"})
    onnx.checker.check_model(model)
    onnx.save(model, str(out))
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    answers = session.run(list(OUTPUTS[name]), {"pictures": images.numpy()})
    with torch.no_grad():
        wanted = [part.numpy() for part in whole(images)]
    apart = max(float(np.abs(mine - theirs).max()) for mine, theirs in zip(answers, wanted, strict=True))
    return {"megabytes": round(out.stat().st_size / 1e6, 2), "greatest_difference": round(apart, 4)}


def with_half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model, changed in place: larger weights are float16, each with a cast to float32, which ONNX Runtime folds."""
    graph, casts, halved = model.graph, [], []
    for weight in list(graph.initializer):
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < SMALLEST_HALVED:
            continue
        graph.initializer.remove(weight)
        halved.append(numpy_helper.from_array(values.astype(np.float16), f"{weight.name}_half"))
        casts.append(helper.make_node("Cast", [f"{weight.name}_half"], [weight.name], to=TensorProto.FLOAT))
    graph.initializer.extend(halved)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def main() -> None:
    """Export one of the two networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=sorted(OUTPUTS))
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    print(json.dumps(export_network(arguments.network, arguments.checkpoint, arguments.out)))


if __name__ == "__main__":
    main()

"""Begin a training with the weights of a checkpoint, or of an exported ONNX file where no checkpoint is left, wherever they fit.

In an ONNX file, most batch normalizations are folded into the convolutions before them. They are unfolded with statistics measured on
images, so that the network's outputs are the file's, and it can be trained as before. Normalizations after depthwise convolutions are in
the file unfolded, since a cast keeps the exporter from folding them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

WEIGHTED = ("Conv", "Gemm")
"""ONNX operators with a weight and perhaps a bias."""

HALVED = "_half"
"""What `export.with_half_weights` adds to the names of the weights that it halves."""


def inherit(network: nn.Module, relative: Path, images: Tensor) -> list[str]:
    """Copy into `network` the weights of a checkpoint (.pt) or an exported network (.onnx) that fit by name and shape.

    Args:
        relative: the file.
        images: (N, 3, S, S) float32 0..1, on which an ONNX file's normalizations are measured.
    Returns:
        The sorted names of what keeps its initial weights: parameters after a checkpoint, layers after an ONNX file.
    """
    if relative.suffix == ".onnx":
        return _from_onnx(network, relative, images)
    learned = torch.load(relative, weights_only=True)["average"]
    mine = network.state_dict()
    fitting = {name: value for name, value in learned.items() if name in mine and mine[name].shape == value.shape}
    network.load_state_dict(mine | fitting)
    return sorted(name for name in mine if name not in fitting)


def _from_onnx(network: nn.Module, path: Path, images: Tensor) -> list[str]:
    """Copy into `network` the weights of an ONNX file that fit; the sorted names of the layers that keep their own."""
    layers = dict(network.named_modules())
    new = {name for name, layer in layers.items() if isinstance(layer, nn.Conv2d | nn.Linear)}
    folded: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []
    model = onnx.load(str(path))
    values = {value.name.removesuffix(HALVED): numpy_helper.to_array(value).astype(np.float32) for value in model.graph.initializer}
    _copy_norms(model, layers, values)
    for name, (weight, bias) in _weights(model, values).items():
        layer = layers.get(name)
        if not isinstance(layer, nn.Conv2d | nn.Linear) or tuple(layer.weight.shape) != weight.shape:
            continue
        new.discard(name)
        parent, _, place = name.rpartition(".")
        after = layers.get(f"{parent}.{int(place) + 1}") if place.isdigit() else None
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight))
            if layer.bias is not None:
                layer.bias.copy_(torch.from_numpy(bias))
            elif bias.size and isinstance(layer, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                _leave_as_it_is(after)
                after.bias.copy_(torch.from_numpy(bias))
                folded.append((layer, after))
    _unfold(network, folded, images)
    return sorted(new)


def _weights(model: onnx.ModelProto, values: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Weight and bias of each convolution and linear layer, by the name of its module; no bias is an empty one."""
    return {
        _module_name(node.name): (values[node.input[1]], values[node.input[2]] if len(node.input) > 2 else np.empty(0))
        for node in model.graph.node
        if node.op_type in WEIGHTED
    }


def _copy_norms(model: onnx.ModelProto, layers: dict[str, nn.Module], values: dict[str, np.ndarray]) -> None:
    """Copy the parameters and statistics of the normalizations that the file has unfolded."""
    for node in model.graph.node:
        norm = layers.get(_module_name(node.name))
        if node.op_type == "BatchNormalization" and isinstance(norm, nn.BatchNorm2d):
            fields = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
            with torch.no_grad():
                for field, name in zip(fields, node.input[1:], strict=True):
                    field.copy_(torch.from_numpy(values[name]))  # type: ignore[union-attr]


def _module_name(node: str) -> str:
    """The module that a node belongs to: `down8.1.first.0` of `/network/down8/down8.1/first/first.0/Conv`."""
    kept: list[str] = []
    for scope in node.strip("/").split("/")[1:-1]:
        if kept and scope.startswith(f"{kept[-1]}."):
            kept[-1] = scope
        else:
            kept.append(scope)
    return ".".join(kept)


def _leave_as_it_is(norm: nn.BatchNorm2d) -> None:
    """Set a normalization so that it only adds its bias."""
    norm.weight.fill_(1.0)
    norm.running_mean.zero_()  # type: ignore[union-attr]
    norm.running_var.fill_(1.0 - norm.eps)  # type: ignore[union-attr]


def _unfold(network: nn.Module, folded: list[tuple[nn.Conv2d, nn.BatchNorm2d]], images: Tensor) -> None:
    """Give normalizations the statistics of their inputs, and parameters that undo them, so that the network's outputs stay the same.

    The filters before them are scaled to unit length, and the statistics with them.
    """
    measured: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def measure(norm: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        values = inputs[0].float()
        measured[norm] = values.mean(dim=(0, 2, 3)), values.var(dim=(0, 2, 3))

    hooks = [norm.register_forward_hook(measure) for _, norm in folded]
    was_training = network.training
    network.eval()
    with torch.no_grad():
        network(images)
        for hook in hooks:
            hook.remove()
        for layer, norm in folded:
            mean, variance = measured[norm]
            length = layer.weight.flatten(1).norm(dim=1).clamp_min(1e-6)
            layer.weight.div_(length[:, None, None, None])
            norm.running_mean.copy_(mean / length)  # type: ignore[union-attr]
            norm.running_var.copy_(variance / length**2)  # type: ignore[union-attr]
            norm.weight.copy_((variance / length**2 + norm.eps).sqrt() * length)
            norm.bias.add_(mean)
    network.train(was_training)

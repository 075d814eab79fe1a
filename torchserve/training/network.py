"""Both networks: U-Nets with heads of their own for each task.

The pose network begins with an encoder that has seen photographs (`encoder.py`): with the same number of drawings it learns more from
them. The detector is of plain 3x3 convolutions. Its input's own mean and spread are taken out of it, so that pale pencil and thick marker
look alike, and given beside the raw colors, so that nothing is lost.
"""

from __future__ import annotations

from typing import Any

import encoder
import torch
from encoder import Encoder, Levels
from torch import Tensor, nn

KEYPOINT_COUNT, PART_COUNT = 17, 18
FIRST_GAIN = 0.2
IS_BFLOAT16_FAST = torch.backends.cpu.get_cpu_capability() == "AVX512"
"""Without AVX-512, convolutions in bfloat16 take at least 20 times as long as in single precision."""


class Block(nn.Sequential):
    """3x3 convolution, batch normalization, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """Two blocks with a skip connection. Nearly an identity at first, so that a network trained without this layer can go on."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Block(channels, channels)
        self.second = Block(channels, channels)
        nn.init.constant_(self.second[1].weight, FIRST_GAIN)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class Backbone(nn.Module):
    """A U-Net from what `seen` makes of an image; S must be a multiple of 32.

    Little is done at stride 2, where convolutions cost most and know least. Levels meet by addition, which is cheaper than stacking.

    Args:
        widths: channels at strides 2, 4, 8, 16, 32.
        depth: residual pairs at the three lowest levels on the way down.
    """

    def __init__(self, widths: tuple[int, ...], depth: int) -> None:
        super().__init__()
        first, second, third, fourth, fifth = widths
        self.down4 = nn.Sequential(Block(6, first, stride=2), Block(first, second, stride=2), Block(second, second))
        self.down8 = nn.Sequential(Block(second, third, stride=2), *(Residual(third) for _ in range(depth)))
        self.down16 = nn.Sequential(Block(third, fourth, stride=2), *(Residual(fourth) for _ in range(depth)))
        self.down32 = nn.Sequential(Block(fourth, fifth, stride=2), *(Residual(fifth) for _ in range(depth)))
        self.whole = nn.Linear(fifth, fifth)
        self.lift16 = nn.Conv2d(fifth, fourth, 1)
        self.lift8 = nn.Conv2d(fourth, third, 1)
        self.lift4 = nn.Conv2d(third, second, 1)
        self.up16 = Block(fourth, fourth)
        self.up8 = Block(third, third)
        self.up4 = Block(second, second)
        self.twice = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, pixels: Tensor) -> Tensor:
        """Features at stride 4 of (N, 6, S, S)."""
        at4 = self.down4(pixels)
        at8 = self.down8(at4)
        at16 = self.down16(at8)
        at32 = self.down32(at16)
        whole = at32.mean(dim=(2, 3))
        at32 = at32 + self.whole(whole)[:, :, None, None]
        at16 = self.up16(at16 + self.twice(self.lift16(at32)))
        at8 = self.up8(at8 + self.twice(self.lift8(at16)))
        up: Tensor = self.up4(at4 + self.twice(self.lift4(at8)))
        return up


def input_channels(rgb: Tensor) -> Tensor:
    """(N, 3, S, S) 0..1 to (N, 6, S, S): the colors without their own mean and spread, and as they are."""
    mean = rgb.mean(dim=(2, 3), keepdim=True)
    centerd = rgb - mean
    spread = (centerd * centerd).mean(dim=(1, 2, 3), keepdim=True).sqrt()
    return torch.cat([centerd / (spread + 0.03) * 0.5, rgb * 2.0 - 1.0], dim=1)


class Decoder(nn.Module):
    """Features of an `Encoder` from the coarsest level to stride 4, each combined with the coarser ones.

    Levels meet by addition, which is cheaper than stacking.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        _, second, third, fourth, fifth = widths
        _, given4, given8, given16, given32 = encoder.WIDTHS
        self.side32, self.side16 = nn.Conv2d(given32, fifth, 1), nn.Conv2d(given16, fourth, 1)
        self.side8, self.side4 = nn.Conv2d(given8, third, 1), nn.Conv2d(given4, second, 1)
        self.whole = nn.Linear(fifth, fifth)
        self.lift16, self.lift8, self.lift4 = nn.Conv2d(fifth, fourth, 1), nn.Conv2d(fourth, third, 1), nn.Conv2d(third, second, 1)
        self.up16 = nn.Sequential(Block(fourth, fourth), Residual(fourth))
        self.up8 = nn.Sequential(Block(third, third), Residual(third))
        self.up4 = nn.Sequential(Block(second, second), Residual(second))
        self.twice = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, levels: Levels) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features at strides 4, 8 and 16, and of the whole (N, C)."""
        at32 = self.side32(levels.at32)
        whole = at32.mean(dim=(2, 3))
        at32 = at32 + self.whole(whole)[:, :, None, None]
        at16 = self.up16(self.side16(levels.at16) + self.twice(self.lift16(at32)))
        at8 = self.up8(self.side8(levels.at8) + self.twice(self.lift8(at16)))
        return self.up4(self.side4(levels.at4) + self.twice(self.lift4(at8))), at8, at16, whole


class PoseNetwork(nn.Module):
    """Joints, mask and body parts of the one figure in the middle of a square crop.

    Joints and parts are voted for at several strides: far ones know what the figure's parts are, near ones where they are. The mask is
    drawn from the features at stride 4, which know which lines are the figure's, beside those at stride 2, which know where exactly they
    end; parts are drawn from both, too.

    Args:
        widths: channels of the decoder at strides 2, 4, 8, 16, 32.

    Forward:
        rgb (N, 3, S, S) 0..1 -> joint logits (N, 17, S/4, S/4), each a softmax over the places; mask logits (N, 1, S, S);
        presence logits (N, 18): each joint is in the drawing, and last: there is a drawn humanoid at all, and it is upright; part logits
        (N, 18, S/2, S/2), a softmax over `BodyPart` at each place.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        first, second, third, fourth, fifth = widths
        self.encoder = Encoder()
        self.decoder = Decoder(widths)
        self.joints = nn.Conv2d(second, KEYPOINT_COUNT, 1)
        self.joints8 = _silent(nn.Conv2d(third, KEYPOINT_COUNT, 1))
        self.joints16 = _silent(nn.Conv2d(fourth, KEYPOINT_COUNT, 1))
        self.wider = nn.Upsample(scale_factor=2, mode="bilinear")
        self.fine = nn.Conv2d(encoder.WIDTHS[0], first, 1)
        self.inside = nn.Sequential(nn.Conv2d(second, 4 * first, 1), nn.PixelShuffle(2))
        self.outline = nn.Sequential(Block(first, first), Block(first, first), nn.Conv2d(first, 4, 3, padding=1), nn.PixelShuffle(2))
        self.parts2 = _silent(nn.Conv2d(first, PART_COUNT, 1))
        self.parts4 = _silent(nn.Conv2d(second, PART_COUNT, 1))
        self.parts8 = _silent(nn.Conv2d(third, PART_COUNT, 1))
        self.parts16 = _silent(nn.Conv2d(fourth, PART_COUNT, 1))
        self.presence = nn.Sequential(nn.Linear(fifth, 128), nn.ReLU(inplace=True), nn.Linear(128, KEYPOINT_COUNT + 1))

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        levels = self.encoder(rgb)
        at4, at8, at16, whole = self.decoder(levels)
        joints = self.joints(at4) + self.wider(self.joints8(at8) + self.wider(self.joints16(at16)))
        edges = self.outline[1](self.outline[0](self.fine(levels.at2) + self.inside(at4)))
        coarse = self.parts4(at4) + self.wider(self.parts8(at8) + self.wider(self.parts16(at16)))
        parts = self.parts2(edges) + self.wider(coarse)
        return joints, self.outline[3](self.outline[2](edges)), self.presence(whole), parts


def new_network(name: str, config: dict[str, Any]) -> nn.Module:
    """The network `name` with the sizes that its table of the configuration gives."""
    if name == "pose":
        return PoseNetwork(tuple(config["widths"]))
    return DetectorNetwork(tuple(config["widths"]), config["depth"])


def _silent(layer: nn.Conv2d) -> nn.Conv2d:
    """A layer that says nothing at first."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class DetectorNetwork(nn.Module):
    """Figures in a whole image, in the manner of CenterNet (Zhou et al. 2019, section 4).

    Forward:
        rgb (N, 3, S, S) 0..1 -> center logits (N, 1, S/4, S/4); sides (N, 4, S/4, S/4): left, top, right, bottom of the box as distances
        from the cell's middle, as shares of S; mask logits (N, 1, S/2, S/2) of all figures together.
    """

    def __init__(self, widths: tuple[int, ...], depth: int) -> None:
        super().__init__()
        self.backbone = Backbone(widths, depth)
        self.heads = nn.Sequential(Block(widths[1], widths[1]), nn.Conv2d(widths[1], 5, 1))
        self.mask = nn.Sequential(nn.Conv2d(widths[1], 4, 3, padding=1), nn.PixelShuffle(2))
        with torch.no_grad():
            self.heads[1].bias[0] = -4.0  # centers are rare
            self.heads[1].bias[1:] = -1.5

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        at4 = self.backbone(input_channels(rgb))
        heads = self.heads(at4)
        return heads[:, :1], nn.functional.softplus(heads[:, 1:]), self.mask(at4)

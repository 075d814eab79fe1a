"""Both networks: a U-Net of plain 3x3 convolutions, with heads of its own for each task.

Plain convolutions, because on a CPU they train and run faster than depthwise ones. The input's own mean and spread are taken out of it, so
that pale pencil and thick marker look alike, and given beside the raw colours, so that nothing is lost.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

KEYPOINT_COUNT = 17
FIRST_GAIN = 0.2


class Block(nn.Sequential):
    """3x3 convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """Two blocks beside an identity, which is nearly all that there is at first: a network that was learnt without this one can go on."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Block(channels, channels)
        self.second = Block(channels, channels)
        nn.init.constant_(self.second[1].weight, FIRST_GAIN)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class Backbone(nn.Module):
    """A U-Net from what `seen` makes of a picture to features at stride 4; S must be a multiple of 32.

    Little is done at stride 2, where convolutions cost most and know least. Levels meet by addition, which is cheaper than stacking.

    Args:
        widths: channels at strides 2, 4, 8, 16, 32.
        depth: residual pairs at the three lowest levels.
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

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 6, S, S) to features at stride 4 (N, widths[1], S/4, S/4) and of the whole (N, widths[4])."""
        at4 = self.down4(pixels)
        at8 = self.down8(at4)
        at16 = self.down16(at8)
        at32 = self.down32(at16)
        whole = at32.mean(dim=(2, 3))
        at32 = at32 + self.whole(whole)[:, :, None, None]
        at16 = self.up16(at16 + self.twice(self.lift16(at32)))
        at8 = self.up8(at8 + self.twice(self.lift8(at16)))
        return self.up4(at4 + self.twice(self.lift4(at8))), whole


def seen(rgb: Tensor) -> Tensor:
    """(N, 3, S, S) 0..1 to (N, 6, S, S): the colours without their own mean and spread, and as they are."""
    mean = rgb.mean(dim=(2, 3), keepdim=True)
    centred = rgb - mean
    spread = (centred * centred).mean(dim=(1, 2, 3), keepdim=True).sqrt()
    return torch.cat([centred / (spread + 0.03) * 0.5, rgb * 2.0 - 1.0], dim=1)


class PoseNetwork(nn.Module):
    """Joints and mask of the one figure in the middle of a square crop.

    The mask is drawn from the features and, once more, from the pixels of each cell: the features know which lines are the figure's, the
    pixels where exactly they end.

    Forward:
        rgb (N, 3, S, S) 0..1 -> joint logits (N, 17, S/4, S/4), each a softmax over the places; mask logits (N, 1, S, S);
        presence logits (N, 18): each joint is in the drawing, and last: there is a drawn humanoid at all.
    """

    def __init__(self, widths: tuple[int, ...], depth: int) -> None:
        super().__init__()
        self.backbone = Backbone(widths, depth)
        self.joints = nn.Conv2d(widths[1], KEYPOINT_COUNT, 1)
        self.detail = nn.Conv2d(6, widths[1], 4, stride=4)
        self.mask = nn.Sequential(Block(widths[1], widths[1]), nn.Conv2d(widths[1], 16, 3, padding=1), nn.PixelShuffle(4))
        self.presence = nn.Sequential(nn.Linear(widths[4], 128), nn.ReLU(inplace=True), nn.Linear(128, KEYPOINT_COUNT + 1))

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pixels = seen(rgb)
        at4, whole = self.backbone(pixels)
        return self.joints(at4), self.mask(at4 + self.detail(pixels)), self.presence(whole)


class DetectorNetwork(nn.Module):
    """Figures in a whole picture, in the manner of CenterNet (Zhou et al. 2019, section 4).

    Forward:
        rgb (N, 3, S, S) 0..1 -> centre logits (N, 1, S/4, S/4); sides (N, 4, S/4, S/4): left, top, right, bottom of the box as distances
        from the cell's middle, as shares of S; mask logits (N, 1, S/2, S/2) of all figures together.
    """

    def __init__(self, widths: tuple[int, ...], depth: int) -> None:
        super().__init__()
        self.backbone = Backbone(widths, depth)
        self.heads = nn.Sequential(Block(widths[1], widths[1]), nn.Conv2d(widths[1], 5, 1))
        self.mask = nn.Sequential(nn.Conv2d(widths[1], 4, 3, padding=1), nn.PixelShuffle(2))
        with torch.no_grad():
            self.heads[1].bias[0] = -4.0  # centres are rare
            self.heads[1].bias[1:] = -1.5

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        at4, _ = self.backbone(seen(rgb))
        heads = self.heads(at4)
        return heads[:, :1], nn.functional.softplus(heads[:, 1:]), self.mask(at4)

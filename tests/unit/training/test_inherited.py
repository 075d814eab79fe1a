"""A network that begins with an exported file's weights answers as the file does, and its normalizations fit what they see."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "torchserve" / "training"))

torch = pytest.importorskip("torch", reason="the training needs torch, which doodled itself does without")
pytest.importorskip("onnx", reason="the training needs onnx, which doodled itself does without")

from export import export_network  # noqa: E402  # after the test that torch is there
from inherited import inherit  # noqa: E402
from network import DetectorNetwork, new_network  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""We ask for torch's older exporter, which warns that it is deprecated."""

WIDTHS, SIDE = (4, 8, 8, 16, 16), 64


CONFIGS = {
    "detector": {"widths": list(WIDTHS), "depth": 1, "side": SIDE},
    "pose": {"widths": list(WIDTHS), "side": SIDE},
}


def write_networks(folder, name):
    """A small network with normalizations that are not at rest, and in `folder` its checkpoint and its ONNX file."""
    torch.manual_seed(4)
    network = new_network(name, CONFIGS[name])
    network.train()
    with torch.no_grad():
        for value in network.parameters():
            value.add_(torch.randn_like(value), alpha=0.05)  # no two layers alike, which the exporter would store once, and none silent
        for _ in range(20):
            network(torch.rand(8, 3, SIDE, SIDE))
    network.eval()
    torch.save({"average": network.state_dict(), "config": CONFIGS[name], "step": 20}, folder / f"{name}.pt")
    export_network(name, folder / f"{name}.pt", folder / f"{name}.onnx")
    return network


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A detector, and the folder with its files."""
    folder = tmp_path_factory.mktemp("networks")
    return write_networks(folder, "detector"), folder


@pytest.mark.parametrize("name", ["detector", "pose"])
@pytest.mark.parametrize("suffix", [".pt", ".onnx"])
def test_it_answers_as_the_one_that_it_inherits_from(tmp_path, name, suffix):
    network = write_networks(tmp_path, name)
    torch.manual_seed(5)
    heir = new_network(name, CONFIGS[name])
    assert inherit(heir, (tmp_path / name).with_suffix(suffix), torch.rand(16, 3, SIDE, SIDE)) == []
    heir.eval()
    shown = torch.rand(2, 3, SIDE, SIDE)
    with torch.no_grad():
        for mine, theirs in zip(heir(shown), network(shown), strict=True):
            np.testing.assert_allclose(mine.numpy(), theirs.numpy(), atol=0.02)  # weights are exported in half precision


def test_normalizations_fit_what_they_see(learned):
    """So that the network trains from where it was: in a batch like the measured one, nothing changes."""
    _, folder = learned
    heir = DetectorNetwork(WIDTHS, 1)
    shown = torch.rand(16, 3, SIDE, SIDE)
    inherit(heir, folder / "detector.onnx", shown)
    with torch.no_grad():
        still = heir.eval()(shown)
        learning = heir.train()(shown)
    for one, other in zip(still, learning, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=0.05)


def test_layers_of_another_shape_begin_anew(learned):
    _, folder = learned
    heir = DetectorNetwork((*WIDTHS[:4], 24), 1)
    new = inherit(heir, folder / "detector.onnx", torch.rand(4, 3, SIDE, SIDE))
    assert "backbone.whole" in new
    assert "backbone.down4.0.0" not in new

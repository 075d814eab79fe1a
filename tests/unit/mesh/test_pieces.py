"""Separate pieces of a mask, joined by bars."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pipeline.mesh.pieces import bridged


def test_pieces_are_joined_by_the_shortest_bars_and_one_piece_is_left_alone() -> None:
    mask = np.zeros((40, 90), bool)
    mask[10:30, 5:25] = mask[15:20, 35:45] = mask[0:4, 80:84] = True
    joined = bridged(mask)
    assert ndimage.label(joined, np.ones((3, 3)))[1] == 1
    assert (joined & ~mask)[17, 30]
    assert joined[mask].all()
    assert bridged(joined) is joined


def test_bridging_many_specks_ends() -> None:
    mask = np.random.default_rng(0).random((40, 40)) > 0.93
    assert ndimage.label(bridged(mask), np.ones((3, 3)))[1] == 1


def test_only_the_largest_pieces_are_bridged() -> None:
    mask = np.zeros((300, 300), bool)
    mask[::10, ::10] = True
    mask[100:150, 100:150] = True
    joined = bridged(mask)
    assert joined[100:150, 100:150].all()
    assert ndimage.label(joined, structure=np.ones((3, 3)))[1] == 1
    assert (mask & ~joined).sum() > 750  # most of the 875 specks

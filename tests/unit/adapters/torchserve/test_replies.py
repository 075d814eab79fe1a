"""Which replies of TorchServe are accepted, and which are refused."""

from __future__ import annotations

import base64
import contextlib
import json
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.adapters.model_server.failures import InvalidReply, NoFigureInReply
from pipeline.adapters.torchserve.replies import detections, pose

FIGURE = {"class_name": "humanoid", "bbox": [10, 20, 30, 60], "score": 0.5}
POINTS = [[5.0 * row, 3.0 * row, 0.8] for row in range(17)]


def found(*entries, **changes):
    return detections(json.dumps([*entries] or [FIGURE | changes]).encode(), width=100, height=80)


def png(gray) -> str:
    return base64.b64encode(cv2.imencode(".png", gray)[1].tobytes()).decode()


def figure_with(**layers):
    return pose(json.dumps([{"keypoints": POINTS, **layers}]).encode(), width=100, height=80)


def joints(points, **choices):
    return pose(json.dumps([{"keypoints": points}]).encode(), width=100, height=80, **choices).keypoints


def test_a_detection():
    """A detection has a box and a score, and may have no mask."""
    (detection,) = found()
    assert (detection.box.left, detection.box.top, detection.box.right, detection.box.bottom) == (10, 20, 30, 60)
    assert (detection.score, detection.mask) == (0.5, None)


def test_best_first():
    """The order of the reply does not matter; no detection gives an empty tuple."""
    scores = [detection.score for detection in found(FIGURE | {"score": 0.2}, FIGURE | {"score": 0.9}, FIGURE)]
    assert scores == [0.9, 0.5, 0.2]
    assert detections(b"[]", width=9, height=9) == ()


def test_a_small_excess_is_clipped():
    """Networks overshoot the border, and a score may exceed 1 a little."""
    (detection,) = found(bbox=[-3.0, -1, 104.9, 85], score=1.02)
    assert (detection.box.left, detection.box.top, detection.box.right, detection.box.bottom) == (0, 0, 100, 80)
    assert detection.score == 1.0


@pytest.mark.parametrize(
    "changes",
    [
        {"bbox": [-50, 0, 10, 10]},
        {"bbox": [0, 0, 10, 200]},
        {"bbox": [30, 20, 10, 60]},
        {"bbox": [10, 60, 30, 20]},
        {"bbox": [-3, 20, -1, 60]},
        {"bbox": [1, 2, 3]},
        {"bbox": "1 2 3 4"},
        {"bbox": [1, 2, None, 4]},
        {"bbox": [True, 2, 3, 4]},
        {"bbox": [10**400, 2, 3, 4]},
        {"score": 7},
        {"score": "0.5"},
        {"score": None},
        {"class_name": 1},
        {"mask": "?"},
        {"mask": base64.b64encode(b"no png, but long enough to hold a header").decode()},
        {"mask": []},
        {"mask": [[1, 0], [1]]},
        {"mask": [[1, "x"]]},
        {"mask": [[1e308 * 10]]},
        {"mask": [[3, 0], [0, 0]]},
        {"mask": {"rle": 1}},
        {"mask": 3},
    ],
)
def test_malformed_detection_is_refused(changes):
    """Wrong types, a wrong order, places far outside and numbers that are not finite are an InvalidReply, never another exception."""
    with pytest.raises(InvalidReply):
        found(**changes)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing",
        b"{}",
        b"null",
        b"[1]",
        b"[[]]",
        b'[{"bbox": [0,0,1,1]}]',
        b"\xff\xfe",
        b"[" * 100_000,
        b"[" + b"{}," * 1000 + b"{}]",
    ],
)
def test_malformed_list_of_detections_is_refused(body):
    """Any other bytes are an InvalidReply."""
    with pytest.raises(InvalidReply):
        detections(body, width=10, height=10)
    with pytest.raises(InvalidReply):
        pose(body, width=10, height=10)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(number):
    """Python's JSON reader accepts them."""
    with pytest.raises(InvalidReply):
        detections(b'[{"class_name": "humanoid", "bbox": [0, 0, %s, 5], "score": 1}]' % number.encode(), width=9, height=9)


def test_masks():
    """A PNG's 0..255 and a list's 0..1 become float32 0..1."""
    gray = np.array([[0, 255, 51], [255, 0, 102]], dtype=np.uint8)
    for mask in (png(gray), (gray / 255.0).tolist()):
        (detection,) = found(mask=mask)
        assert detection.mask.dtype == np.float32
        np.testing.assert_allclose(detection.mask, gray / 255.0, atol=1e-6)
    assert found(mask=None)[0].mask is None


def test_parts():
    """A PNG of body parts stays as it is; none is None."""
    named = np.array([[0, 3, 17], [4, 15, 0]], np.uint8)
    np.testing.assert_array_equal(figure_with(parts=png(named)).parts, named)
    assert figure_with().parts is None


@pytest.mark.parametrize("parts", [[[1, 2]], png(np.full((4, 4), 18, np.uint8))])
def test_malformed_body_parts_are_refused(parts):
    """The parts are a list, or have a number that is no body part."""
    with pytest.raises(InvalidReply, match="figure 0: parts"):
        figure_with(parts=parts)


def test_mask_that_would_unpack_to_gigabytes_is_refused():
    """Its size is read before it is unpacked."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    with pytest.raises(InvalidReply, match="too big"):
        found(mask=base64.b64encode(bomb).decode())


def test_truncated_mask_is_refused():
    """A truncated mask must not become a half-empty one."""
    content = base64.b64decode(png(np.zeros((9, 9), dtype=np.uint8)))
    with pytest.raises(InvalidReply, match="damaged"):
        found(mask=base64.b64encode(content[:30]).decode())


def test_keypoints():
    """(17, 3) float64, scaled to the crop that was asked about; scores are not scaled."""
    result = joints(POINTS, scale=2.0)
    assert (result.shape, result.dtype) == ((17, 3), np.float64)
    np.testing.assert_allclose(result[3], [30.0, 18.0, 0.8])


def test_keypoints_outside_are_moved_to_the_border():
    """A point a little outside keeps its score; one far outside gets the score 0."""
    points = [[50.0, 40.0, 0.8] for _ in range(17)]
    points[0], points[1] = [-4.0, 82.0, 0.9], [400.0, 20.0, 0.9]
    result = joints(points)
    np.testing.assert_allclose(result[:2], [[0.0, 80.0, 0.9], [100.0, 20.0, 0.0]])


def test_the_surest_of_several_skeletons():
    """The one with the best mean score counts."""
    other = [[1.0, 1.0, 0.9]] * 17
    body = json.dumps([{"keypoints": POINTS}, {"keypoints": other}]).encode()
    np.testing.assert_allclose(pose(body, width=100, height=80).keypoints[:, 2], 0.9)


def test_reply_without_a_skeleton():
    """The reply is valid, and has no figure."""
    with pytest.raises(NoFigureInReply):
        pose(b"[]", width=9, height=9)


@pytest.mark.parametrize(
    "points",
    [POINTS[:16], [*POINTS, [1, 1, 1]], [[1, 2]] * 17, [[1, 2, "x"]] * 17, [[1, 2, 9]] * 17, None, [7] * 17, [[5000, 5000, 1]] * 17],
)
def test_malformed_keypoints_are_refused(points):
    """There are not 17, or not three numbers each, or all of them are elsewhere."""
    with pytest.raises(InvalidReply):
        joints(points)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=5)
)
ENTRY = st.fixed_dictionaries({"class_name": st.just("humanoid"), "bbox": JSON, "score": JSON, "keypoints": JSON, "mask": JSON})


@settings(max_examples=60)
@given(st.lists(ENTRY, max_size=3) | JSON)
def test_any_json_is_an_answer_or_refused(content):
    """Any JSON gives an answer inside the image, or InvalidReply."""
    body = json.dumps(content).encode()
    with contextlib.suppress(InvalidReply):
        for detection in detections(body, width=100, height=80):
            assert 0 <= detection.box.left < detection.box.right <= 100
            assert 0.0 <= detection.score <= 1.0
    with contextlib.suppress(InvalidReply):
        assert np.all(np.isfinite(pose(body, width=100, height=80).keypoints))

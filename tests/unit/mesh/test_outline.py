"""From a mask to triangles."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.mesh import outline
from pipeline.mesh.triangles import signed_areas


def triangulated(mask: np.ndarray, spacing: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    loops = [outline.subdivided(loop, spacing=spacing) for loop in outline.outlines(mask, tolerance_px=0.5)]
    return outline.triangulation(loops, outline.interior_grid(mask, spacing=spacing), mask)


def two_fingers(gap: int) -> np.ndarray:
    mask = np.zeros((60, 40), bool)
    mask[40:55, 5:35] = True
    mask[5:40, 5:20] = True
    mask[5:40, 20 + gap : 35] = True
    return mask


@pytest.mark.parametrize("gap", [1, 2, 3, 8])
def test_no_triangle_reaches_across_the_gap_between_two_limbs(gap: int) -> None:
    points, triangles = triangulated(two_fingers(gap), spacing=12.0)
    corners = points[triangles]
    in_fingers = corners[:, :, 1].max(axis=1) < 38
    left, right = corners[in_fingers][..., 0].min(axis=1), corners[in_fingers][..., 0].max(axis=1)
    assert not np.any((left < 20) & (right > 20 + gap))


def test_the_triangles_cover_the_mask() -> None:
    mask = two_fingers(6)
    points, triangles = triangulated(mask)
    assert np.abs(signed_areas(points, triangles)).sum() == pytest.approx(mask.sum(), rel=0.05)


def test_a_hole_stays_a_hole() -> None:
    mask = np.zeros((50, 50), np.uint8)
    cv2.circle(mask, (25, 25), 20, 1, -1)
    cv2.circle(mask, (25, 25), 8, 0, -1)
    points, triangles = triangulated(mask.astype(bool))
    centroids = points[triangles].mean(axis=1)
    assert np.linalg.norm(centroids - 25.5, axis=1).min() > 6.5


def test_a_line_one_pixel_wide_has_an_inside() -> None:
    mask = np.zeros((30, 30), bool)
    mask[5:25, 14] = True
    points, triangles = triangulated(mask)
    assert len(triangles) >= 2
    assert np.ptp(points[:, 1]) == pytest.approx(19.5, abs=0.1)


def test_every_point_belongs_to_a_triangle_and_no_triangle_is_flat() -> None:
    points, triangles = triangulated(two_fingers(4))
    assert set(triangles.ravel()) == set(range(len(points)))
    assert np.abs(signed_areas(points, triangles)).min() > 0


def test_outlines_that_share_an_edge_are_not_halved_there() -> None:
    left = np.array([(1.0, 1.0), (11.0, 1.0), (11.0, 11.0), (1.0, 11.0)])
    points, triangles = outline.triangulation([left, left + np.array((10.0, 0.0))], np.zeros((0, 2)), np.zeros((12, 22), bool))
    assert sorted(points.tolist()) == [[x, y] for x in (1.0, 11.0, 21.0) for y in (1.0, 11.0)]
    assert np.abs(signed_areas(points, triangles)).tolist() == [50.0] * 4


def test_subdividing_keeps_the_corners_and_bounds_the_steps() -> None:
    corners = np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 1.0)])
    fine = outline.subdivided(corners, spacing=2.0)
    steps = np.linalg.norm(np.roll(fine, -1, axis=0) - fine, axis=1)
    assert steps.max() <= 2.0
    assert all((fine == corner).all(axis=1).any() for corner in corners)


def checkerboard(side: int, square: int) -> np.ndarray:
    row, column = np.mgrid[:side, :side] // square
    return np.asarray((row + column) % 2 == 0)


def test_checkerboard_exceeds_the_longest_edge() -> None:
    assert outline.excess(checkerboard(500, 1)) == "its edge is too long: expected at most 100000 px, found 500000"
    assert not outline.excess(checkerboard(500, 10))


def test_dots_exceed_the_most_pieces() -> None:
    dots = np.zeros((90, 90), bool)
    dots[::10, ::10] = True
    assert outline.excess(dots) == "it is in too many pieces: expected at most 64, found 81"
    assert not outline.excess(dots[:80, :80])


def test_recovery_stops_at_the_most_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outline, "MAX_POINTS", 20)
    mask = two_fingers(1)
    loops = outline.outlines(mask, tolerance_px=0.5)
    points, triangles = outline.triangulation(loops, np.zeros((0, 2)), mask)
    assert len(points) <= 2 * 20
    assert len(triangles)

"""Usable processors: CPU affinity and quotas of control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.worker.cpu_quota import processor_count

ALLOWED = 8


@pytest.fixture(autouse=True)
def allowed(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(ALLOWED)))


def count(folder: Path, ours: str, **files: str) -> int:
    """Count with the given files of the control groups; a double underscore in a name is a slash, a hyphen a dot."""
    for name, content in files.items():
        path = folder / "cgroup" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(path.name.replace("-", ".")).write_text(content)
    (folder / "ours").write_text(ours)
    return processor_count(folder / "cgroup", folder / "ours")


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("max 100000", ALLOWED), ("200000 100000", 2), ("150000 100000", 2), ("10000 100000", 1), ("9900000 100000", ALLOWED)],
)
def test_reads_limit_of_container(limit, expected, tmp_path):
    assert count(tmp_path, "0::/\n", **{"cpu-max": limit}) == expected


def test_limit_of_outer_group_counts(tmp_path):
    files = {"system-slice__doodled-service__cpu-max": "max 100000", "system-slice__cpu-max": "300000 100000"}
    folder = tmp_path / "cgroup/system-slice/doodled-service"
    folder.mkdir(parents=True)
    assert count(tmp_path, "0::/system-slice/doodled-service\n", **files) == 3


def test_host_path_in_container_means_top_group(tmp_path):
    assert count(tmp_path, "0::/docker/0123abc\n", **{"cpu-max": "200000 100000"}) == 2


def test_reads_cgroup_v1(tmp_path):
    ours = "4:memory:/\n3:cpu,cpuacct:/docker/0123\n0::/\n"
    assert count(tmp_path, ours, **{"cpu__cpu-cfs_quota_us": "400000\n", "cpu__cpu-cfs_period_us": "100000\n"}) == 4
    assert count(tmp_path, ours, **{"cpu__cpu-cfs_quota_us": "-1\n", "cpu__cpu-cfs_period_us": "100000\n"}) == ALLOWED


@pytest.mark.parametrize("ours", ["", "nonsense\n", "0::/\n"])
def test_without_limit_affinity_counts(ours, tmp_path):
    assert count(tmp_path, ours) == ALLOWED

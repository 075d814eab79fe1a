"""Jobs on a Dask cluster whose machines vanish: each has a network namespace of its own, whose cable is pulled."""

from __future__ import annotations

from pathlib import Path

import pytest
from dask_networks import Forbidden, animate_through_troubles, slow_drawings

pytest.importorskip("distributed", reason="the extra doodled[dask] is not installed")

DRAWINGS = 24


def test_machine_cut_off_scheduler_restarted_machine_killed(tmp_path: Path) -> None:
    try:
        cluster = animate_through_troubles(tmp_path, slow_drawings(tmp_path / "drawings", DRAWINGS))
    except Forbidden as error:
        pytest.skip(f"namespaces are forbidden here: {error}")
    done = cluster.records("job.done")
    assert {record["host"] for record in done} == {"west", "east"}
    assert {record["attempt"] for record in done} == {1}
    assert {record["reason"] for record in cluster.records("job.deferred")} <= {"no_worker"}
    assert not cluster.records("job.retried")

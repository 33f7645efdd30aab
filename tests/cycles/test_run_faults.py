"""What can befall a run and needs no cluster: a second driver, a driver that is killed, an array that does the rest.

The same functions do it to a cluster (`test_ray_faults`, where Ray is installed).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="there is none on Windows")
from cluster_faults import PARTITIONS, driver_elsewhere, make_ground, when_receipts

from cycles.runners.chosen import LOCAL
from cycles.runs.one_partition import compute_alone
from cycles.runs.run import missing_partitions
from demo.night import DemoFiles
from model.errors import LockedError


@pytest.mark.skipif(sys.platform == "win32", reason="the driver is killed with SIGKILL")
def test_a_second_driver_is_refused_and_an_array_goes_on_where_the_first_was_killed(
    books: Path, files: DemoFiles, tmp_path: Path
) -> None:
    ground = make_ground(books, files, tmp_path)
    with ground.case() as case:
        with driver_elsewhere(case, "here") as first:
            when_receipts(case, 1, lambda: None)
            with pytest.raises(LockedError, match=rf"is in use: process {first.pid} on .* \(cycle run"):
                case.run(LOCAL)
            first.kill()
            first.wait()
        left = missing_partitions(case.planned)
        assert 0 < len(left) < PARTITIONS
        for number in reversed(left):
            compute_alone(case.workspace, case.planned.run_id, number)
        assert case.outcome() == "the same bytes"

"""The Ray runner on a cluster of this machine: the bytes of the local one, lost workers, mistakes that are told.

Ray comes with the extra `ray`; without it these tests are skipped.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fragile_worker import die_always, die_once
from ray_machines import MODULES
from whole_night import PLANNED, digest, request

from cycles.runners.attempts import attempts
from cycles.runners.chosen import runner_asked
from cycles.runners.ray_runner import run_on_ray
from cycles.runners.runner import ROUNDS
from cycles.runners.tasks import Task
from cycles.runs.plan import plan_cycle
from cycles.runs.run import run_cycle
from demo.night import DemoFiles
from model.codes import RunnerName
from model.errors import ControlError
from model.progress import Silent
from store.workspace import Workspace, open_workspace

pytest.importorskip("ray")
TASKS = [Task("/nowhere", "bill-x", partition) for partition in range(4)]


@pytest.fixture(autouse=True)
def _modules_for_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the workers of a cluster import what the tests import."""
    monkeypatch.setenv("PYTHONPATH", MODULES["PYTHONPATH"])


def test_ray_leaves_the_bytes_of_the_local_runner(
    workspace: Workspace, books: Path, files: DemoFiles, tmp_path: Path
) -> None:
    local = plan_cycle(workspace, request(files, partitions=4))
    run_cycle(workspace, local.run_id, workers=1, progress=Silent(), at=PLANNED, actor="night")

    shutil.copytree(books, tmp_path / "ray")
    other = open_workspace(tmp_path / "ray")
    planned = plan_cycle(other, request(files, partitions=4))
    asked = runner_asked(RunnerName.RAY, None)
    run_cycle(other, planned.run_id, workers=2, progress=Silent(), at=PLANNED, actor="night", runner=asked)
    assert digest(other) == digest(workspace)
    assert sorted((note.partition, note.runner) for note in attempts(planned.folder)) == [(n, "ray") for n in range(4)]


def test_what_a_killed_worker_left_is_computed_again() -> None:
    receipts = list(run_on_ray(die_once, TASKS, workers=2, address="local"))
    tried = {receipt.partition: receipt.counts["attempt"] for receipt in receipts}
    assert sorted(tried) == [0, 1, 2, 3]
    assert tried[1] == 2


def test_a_partition_whose_worker_always_dies_ends_the_run_with_its_number() -> None:
    with pytest.raises(ControlError, match=rf"partitions 2: lost {ROUNDS} times"):
        list(run_on_ray(die_always, TASKS, workers=2, address="local"))

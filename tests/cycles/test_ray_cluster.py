"""A Ray cluster of several machines, played by processes here, of which one is taken away.

Ray comes with the extra `ray`; without it these tests are skipped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fragile_worker import take_time

from cycles.runners.ray_runner import SETTINGS, run_on_ray
from cycles.runners.tasks import Task

pytest.importorskip("ray")
ROOT = Path(__file__).parents[2]
TASKS = [Task("/nowhere", "bill-x", partition) for partition in range(8)]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head without processors, and two machines with one each."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests' / 'cycles'}")
    from ray.cluster_utils import Cluster  # after its settings

    small = {"object_store_memory": 80 << 20}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False} | small)
    for _ in range(2):
        made.add_node(num_cpus=1, **small)
    made.wait_for_nodes()
    try:
        yield made
    finally:
        made.shutdown()


def test_what_a_machine_had_when_it_was_taken_away_is_computed_elsewhere(cluster: Any) -> None:
    gone = threading.Timer(4.0, cluster.remove_node, [cluster.worker_nodes.copy().pop()], {"allow_graceful": False})
    gone.start()
    began = time.monotonic()
    receipts = list(run_on_ray(take_time, TASKS, workers=2, address=cluster.address))
    gone.join()
    assert sorted(receipt.partition for receipt in receipts) == [task.partition for task in TASKS]
    assert max(receipt.counts["attempt"] for receipt in receipts) == 2, "the machine was gone before it had work"
    assert time.monotonic() - began < 120.0

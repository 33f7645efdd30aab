"""What can befall a run on a cluster, each fault done to a whole run: the bytes of one process, or nothing and why.

Ray comes with the extra `ray`; without it these tests are skipped. `python -m cluster_faults` prints them as a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray")
from cluster_faults import FAULTS, Ground, make_ground, runners_table
from ray_machines import Machines, machines, may_use_namespaces

from demo.night import DemoFiles

NAMESPACES = {"cut link", "full disk on one machine", "machine with other code"}


@pytest.fixture(scope="module")
def ray() -> Iterator[Machines]:
    with machines(2) as made:
        yield made


@pytest.fixture(scope="module")
def ground(books: Path, files: DemoFiles, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return make_ground(books, files, tmp_path_factory.mktemp("cluster"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leaves_the_same_bytes_or_nothing_and_the_reason(fault: str, ground: Ground, ray: Machines) -> None:
    if fault in NAMESPACES and not may_use_namespaces():
        pytest.skip("needs Linux and root: namespaces of networks, mounts and names")
    with ground.case() as case:
        outcome = FAULTS[fault][1](case, ray)
    if fault == "machine with other code":
        assert outcome.startswith("nothing published: partition ")
        assert "has another version of Billmill" in outcome
    else:
        assert outcome.startswith("the same bytes"), outcome


def test_all_runners_leave_one_digest(ground: Ground, ray: Machines) -> None:
    rows = list(runners_table(ground, ray))
    assert len(rows) == 4 + may_use_namespaces()
    assert len({digests for _, *digests in map(list, rows) for digests in [tuple(digests)]}) == 1, rows

"""Facts in two times: whatever order the clocks of two commands say, one version of a row counts at any time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from cycles.setup import init_workspace
from store.control import control, transaction
from store.facts import facts, record_facts

NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [-9, 0, 9])
def test_one_version_of_a_row_is_known_at_any_time(tmp_path: Path, seconds: int) -> None:
    """A command that waited for the lock brings an earlier time than the one that held it."""
    workspace = init_workspace(tmp_path / "w", name="x", at=NOON, actor="ana")
    times = [NOON - timedelta(hours=1), NOON, NOON + timedelta(seconds=seconds)]
    with control(workspace, purpose="test") as connection:
        for name, at in zip(("first", "second", "third"), times, strict=True):
            with transaction(connection):
                record_facts(connection, "branches", pl.DataFrame({"branch_id": ["N"], "name": [name]}), recorded_at=at)
        for step in range(-20, 21):
            known = facts(connection, "branches", known_at=NOON + timedelta(seconds=step))
            assert known.height == 1, step
        assert known["name"].to_list() == facts(connection, "branches")["name"].to_list() == ["third"]
        before = facts(connection, "branches", known_at=NOON - timedelta(seconds=1))
    assert before["name"].to_list() == ["first"]

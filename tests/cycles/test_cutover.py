"""What an agreement brings from the system before: its banks, until a cycle here moves them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from cycles.publishing.carried import banks_before, opening_banks, refuse_moved_banks
from cycles.setup import init_workspace
from model.accounts import OpeningBanks
from model.rating import BankBalances
from model.schema import arranged, polars_schema
from store.control import control, transaction
from store.facts import record_facts

AT, LATER = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
DUE = pl.DataFrame({"agreement_id": ["S1", "S2"], "start_date": [date(2026, 6, 1)] * 2})


def test_a_bank_from_before_is_carried_until_a_cycle_moves_it(tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path / "w", name="x", at=AT, actor="ops")
    brought = [("S1", "net", "*", 7_000, date(2026, 6, 1)), ("S1", "net", "peak", 500, date(2026, 6, 1))]
    moved = [("S1", "net", "", 4_000, date(2026, 7, 1))]
    with control(workspace, purpose="test") as connection:
        with transaction(connection):
            frame = pl.DataFrame(brought, schema=polars_schema(OpeningBanks), orient="row")
            record_facts(connection, "opening_banks", arranged(OpeningBanks, frame), recorded_at=AT)
        first = opening_banks(connection, DUE, AT)
        assert first.select("tou", "balance").rows() == [("", 7_000), ("peak", 500)]
        # A first run was planned with it and moves it: that is in order.
        closing = arranged(BankBalances, pl.DataFrame(moved, schema=polars_schema(BankBalances), orient="row"))
        refuse_moved_banks(connection, "run", first, closing)
        with transaction(connection):
            record_facts(connection, "bank_balance", closing, recorded_at=LATER)
        assert opening_banks(connection, DUE, LATER).select("tou", "balance").rows() == [("", 4_000), ("peak", 500)]
        # The first bill, rated again, still finds what was brought.
        assert banks_before(connection, DUE, LATER).select("tou", "balance").rows() == [("", 7_000), ("peak", 500)]

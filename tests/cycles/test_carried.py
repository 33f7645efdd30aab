"""What a cycle leaves to the next ones is there once, is planned with the next cycle, and moves in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from whole_night import PLANNED, RECEIVED, bill_cycle, request

import cycles.runs.partition
from accounts.importing import import_files
from cycles.bills.rerate import known_load
from cycles.publishing.carried import banks_before, refuse_moved_banks
from cycles.publishing.publish import publish_run
from cycles.runs.folders import run_folder
from cycles.runs.plan import plan_cycle
from demo.night import DemoFiles
from model.errors import ControlError
from model.rating import BankBalances, History, Rated, RatingInput
from model.schema import arranged, polars_schema
from rating.stages import rate
from store.control import Connection, control, query, transaction
from store.facts import facts, record_facts
from store.workspace import Workspace

NOVEMBER = (
    "cycle_id,bill_group,period_start_date,period_end_date,window_open_date,window_close_date\n"
    "{cycle},{group},2026-11-01,2026-12-01,2026-11-01,2026-12-10\n"
)
COUNTS = "SELECT (SELECT count(*) FROM quantity_history), (SELECT count(*) FROM bank_balance)"


def rate_and_carry(given: RatingInput) -> Rated:
    """Rate; leave 7 kW of each point in the history, and 5 kWh more in each agreement's bank than it had."""
    rated = rate(given)
    billed = given.due.join(rated.parked, on="agreement_id", how="anti")
    history = billed.select(
        "service_point_id", pl.lit("kw").alias("quantity_id"), pl.col("start_date").alias("period_start_date"),
        pl.col("end_date").alias("period_end_date"), pl.lit(7_000).alias("quantity"),
        pl.lit(1_000).alias("unit_size"), pl.lit(False).alias("is_estimated"), pl.lit("bill").alias("source"),
    )  # fmt: skip
    carried = billed.join(
        given.banks.select("agreement_id", "balance"), on="agreement_id", how="left", validate="1:1"
    ).select(
        "agreement_id", pl.lit("net").alias("bank_id"), pl.lit("").alias("tou"),
        pl.col("balance").fill_null(0) + 5_000, pl.col("end_date").alias("as_of_date"),
    )  # fmt: skip
    return replace(
        rated,
        history=arranged(History, history.unique().sort("service_point_id", "period_start_date")),
        banks=arranged(BankBalances, carried.sort("agreement_id")),
    )


def test_a_published_cycle_leaves_its_values_once_and_the_next_one_finds_them(
    workspace: Workspace, files: DemoFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cycles.runs.partition, "rate", rate_and_carry)
    run = bill_cycle(workspace, files)
    assert not publish_run(workspace, run, at=PLANNED + timedelta(hours=1), actor="night").is_new
    with control(workspace, purpose="test") as connection:
        billed = query(connection, "SELECT DISTINCT agreement_id FROM segment_key")["agreement_id"]
        history, banks = query(connection, COUNTS).row(0)
        before = facts(connection, "bank_balance", known_at=PLANNED - timedelta(seconds=1))
        group, name = query(connection, "SELECT bill_group, cycle_id FROM cycles").row(0)
    assert banks == len(billed) and before.is_empty()
    calendar = tmp_path / "cycles.csv"
    calendar.write_text(NOVEMBER.format(cycle="2026-11", group=group))
    import_files(workspace, [calendar], all_or_nothing=True, recorded_at=RECEIVED, actor="night")
    known = {"cycle_id": "2026-11", "business_date": date(2026, 12, 2), "known_at": PLANNED + timedelta(days=28)}
    following = plan_cycle(workspace, request(files, **known))
    folder = run_folder(workspace, following.run_id) / "plan"
    carried = pl.read_parquet(folder / "banks.parquet")
    due = pl.read_parquet(folder / "due.parquet")["agreement_id"]
    assert carried["agreement_id"].to_list() == sorted(set(due) & set(billed))
    assert set(carried["balance"]) == {5_000}
    seen = pl.read_parquet(folder / "history.parquet")
    assert 0 < seen.height <= history and set(seen["quantity"]) == {7_000}
    assert {"banks.parquet", "history.parquet", "attributes.parquet"} <= set(following.content["files"])
    assert name != "2026-11"


def balances(*rows: tuple[str, int, int]) -> pl.DataFrame:
    """Return bank balances: agreement, balance, day of November."""
    full = [(agreement, "net", "", balance, date(2026, 11, day)) for agreement, balance, day in rows]
    return pl.DataFrame(full, schema=polars_schema(BankBalances), orient="row")


@pytest.mark.parametrize(
    ("now", "opening", "is_moved"),
    [
        ([], [], False),
        ([("G1", 5, 1)], [("G1", 5, 1)], False),
        ([("G1", 5, 1)], [], True),  # another run has opened the bank
        ([("G1", 6, 1)], [("G1", 5, 1)], True),  # another run has moved it
        ([("G1", 5, 2)], [("G1", 5, 1)], True),  # or taken it on to another day
        ([("G2", 5, 1)], [], False),  # a bank that this run does not close
    ],
)
def test_a_run_moves_banks_only_from_where_its_plan_found_them(
    workspace: Workspace, now: list[tuple[str, int, int]], opening: list[tuple[str, int, int]], is_moved: bool
) -> None:
    def publish(connection: Connection) -> None:
        refuse_moved_banks(connection, "run-1", balances(*opening), balances(("G1", 9, 30)))

    with control(workspace, purpose="test") as connection:
        record_facts(connection, "bank_balance", balances(*now), recorded_at=PLANNED)
        if is_moved:
            with pytest.raises(ControlError, match="first: bank `net` of `G1`"):
                publish(connection)
        else:
            publish(connection)


def test_what_days_began_with_is_found_though_the_bank_has_moved_on(workspace: Workspace) -> None:
    due = pl.DataFrame({"agreement_id": ["G1", "G1"], "start_date": [date(2026, 11, 11), date(2026, 11, 21)]})
    steps = [(("G1", 5, 11), 0), (("G1", 6, 30), 1), (("G1", 7, 11), 2), (("G2", 1, 11), 2)]
    with control(workspace, purpose="test") as connection:
        for row, hours in steps:  # opening, closing, the opening corrected, another agreement
            at = PLANNED + timedelta(hours=hours)
            record_facts(connection, "bank_balance", balances(row), recorded_at=at)
        found = [
            banks_before(connection, due, PLANNED + timedelta(hours=hours))["balance"].to_list()
            for hours in (-1, 0, 1, 2)
        ]
    assert found == [[], [5], [5], [7]]


def test_loads_known_at_a_time_are_those_before_the_first_that_came_later(workspace: Workspace) -> None:
    def received(seq: int, minutes: int) -> str:
        at = PLANNED + timedelta(minutes=minutes)
        return f"({seq}, 'land', 'x', 'x', '{at.isoformat()}', 0, 0, '', '')"

    # The third command waited for the lock: its time is before that of the second.
    rows = [received(1, -20), received(2, -5), received(3, -10), received(4, 10), received(5, 5), received(6, 30)]
    plan = {"known_at": PLANNED.isoformat(), "seq_max": 3}
    with control(workspace, purpose="test") as connection, transaction(connection):
        connection.execute("DELETE FROM load")
        connection.execute(f"INSERT INTO load VALUES {', '.join(rows)}")
        found = {
            minutes: known_load(connection, plan, PLANNED + timedelta(minutes=minutes))
            for minutes in (-21, -20, -7, -5, 0, 1, 7, 10, 30)
        }
        skewed = known_load(connection, {**plan, "seq_max": 4}, PLANNED + timedelta(minutes=1))
    assert found == {-21: 0, -20: 1, -7: 1, -5: 3, 0: 3, 1: 3, 7: 3, 10: 5, 30: 6}
    # A load of a later time that the plan used all the same is not forgotten afterwards.
    assert skewed == 4

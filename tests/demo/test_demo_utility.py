"""The tables of the demo utility: sizes, references, events."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from demo.draws import block_count
from demo.roster import draw_roster
from demo.utility import Utility, draw_utility

SEED = 7


@pytest.fixture(scope="module")
def utility() -> Utility:
    return draw_utility(2_000, SEED)


def test_the_same_seed_gives_the_same_tables() -> None:
    first = draw_utility(300, SEED).frames()
    draw_roster.cache_clear()
    second = draw_utility(300, SEED).frames()
    assert all(first[name].equals(second[name]) for name in first)


def test_another_seed_gives_other_people() -> None:
    assert not draw_utility(50, 1).customers.equals(draw_utility(50, 2).customers)


@pytest.mark.parametrize("points", [0, 1, 50, 999, 1_000, 1_001])
def test_a_utility_has_exactly_the_points_asked_for(points: int) -> None:
    assert draw_utility(points, SEED).service_points.height == points


@pytest.mark.parametrize(("points", "blocks"), [(0, 0), (1, 1), (1_000, 1), (1_001, 2)])
def test_a_block_holds_a_thousand_points(points: int, blocks: int) -> None:
    assert block_count(points) == blocks


def test_a_small_utility_is_the_beginning_of_a_large_one(utility: Utility) -> None:
    small, large = draw_utility(50, SEED).frames(), utility.frames()
    for name, frame in small.items():
        unknown = frame.join(large[name], how="anti", on=frame.columns, nulls_equal=True)
        # The last premise is cut off in the middle, so only what stands on its points may be missing.
        assert unknown.height == 0, name


@pytest.mark.parametrize(
    ("table", "column", "target"),
    [
        ("accounts", "customer_id", "customers"),
        ("accounts", "branch_id", "branches"),
        ("premises", "branch_id", "branches"),
        ("service_points", "premise_id", "premises"),
        ("meters", "service_point_id", "service_points"),
        ("channels", "service_point_id", "service_points"),
        ("agreements", "account_id", "accounts"),
        ("agreements", "service_point_id", "service_points"),
    ],
)
@pytest.mark.parametrize("points", [50, 2_000])
def test_every_reference_resolves(utility: Utility, table: str, column: str, target: str, points: int) -> None:
    frames = (utility if points == 2_000 else draw_utility(points, SEED)).frames()
    assert frames[table].join(frames[target], how="anti", on=column).height == 0


@pytest.mark.parametrize(
    ("table", "grain"),
    [
        ("customers", ["customer_id"]),
        ("accounts", ["account_id"]),
        ("premises", ["premise_id"]),
        ("service_points", ["service_point_id"]),
        ("meters", ["meter_id", "installed_date"]),
        ("channels", ["channel_id"]),
        ("agreements", ["agreement_id", "start_date"]),
    ],
)
def test_every_row_has_its_own_key(utility: Utility, table: str, grain: list[str]) -> None:
    frame = utility.frames()[table]
    assert frame.select(grain).n_unique() == frame.height


def test_all_events_happen_in_two_thousand_points(utility: Utility) -> None:
    counts = dict(utility.events().group_by("event").len().iter_rows())
    assert set(counts) == {
        "move", "move_out", "connection", "meter_exchange", "register_exchange", "rollover",
        "end_read_missing", "start_read_missing", "read_decreased", "no_reads",
    }  # fmt: skip


def test_about_one_point_in_two_hundred_is_parked_for_a_stated_cause(utility: Utility) -> None:
    reasons = utility.events().drop_nulls("park_reason")
    assert 6 <= reasons.height <= 16
    assert set(reasons["park_reason"]) == {
        "end_read_missing", "start_read_missing", "read_rejected", "intervals_missing",
    }  # fmt: skip


def test_a_move_is_two_agreements_that_share_the_day(utility: Utility) -> None:
    moves = utility.events().filter(pl.col("event") == "move")
    agreed = utility.agreements.join(moves, how="inner", on="service_point_id")
    left = agreed.filter(pl.col("end_date").is_not_null())
    came = agreed.filter(pl.col("start_date") == pl.col("event_date"))
    pairs = left.join(came, how="full", on="service_point_id", suffix="_new", coalesce=True)
    assert pairs.height > 10
    assert (pairs["end_date"] == pairs["start_date_new"]).all()
    assert (pairs["account_id"] != pairs["account_id_new"]).all()


def test_an_exchange_is_two_meters_that_share_the_day(utility: Utility) -> None:
    exchanges = utility.events().filter(pl.col("event").str.ends_with("_exchange"))
    meters = utility.meters.join(exchanges, how="inner", on="service_point_id").sort("service_point_id", "meter_id")
    days = meters.group_by("service_point_id").agg(
        pl.len(), pl.col("removed_date").first(), pl.col("installed_date").last()
    )
    assert (days["len"] == 2).all()
    assert (days["removed_date"] == days["installed_date"]).all()


def test_half_of_the_points_are_electricity(utility: Utility) -> None:
    share = utility.service_points.filter(pl.col("commodity") == "electricity").height / 2_000
    assert 0.45 <= share <= 0.53


@pytest.mark.parametrize(("suffix", "low", "high"), [("B1", 0.15, 0.25), ("Q1", 0.025, 0.07)])
def test_shares_of_export_and_of_large_customers(utility: Utility, suffix: str, low: float, high: float) -> None:
    counts = dict(utility.channels.group_by("suffix").len().iter_rows())
    assert low <= counts[suffix] / counts["E1"] <= high


def test_tariffs_fit_the_channels(utility: Utility) -> None:
    with_suffix = utility.agreements.join(
        utility.channels.group_by("service_point_id").agg(pl.col("suffix").sort()), how="left", on="service_point_id"
    )
    kinds = {tariff: set(map(tuple, found)) for tariff, found in with_suffix.group_by("tariff_id").agg("suffix").rows()}
    assert kinds == {
        "res-flat": {("E1",), ("B1", "E1")},
        "res-tou": {("E1",)},
        "res-block": {("E1",)},
        "biz-demand": {("E1", "Q1")},
        "gas-home": {("G1",)},
        "water-home": {("W1",)},
        "heat-home": {("H1",)},
    }


def test_three_branches_in_queensland_keep_the_markets_clock(utility: Utility) -> None:
    zones = utility.service_points.join(utility.premises, how="left", on="premise_id")
    brisbane = zones.filter(pl.col("tz_name") == "Australia/Brisbane")
    assert set(brisbane["branch_id"]) == {"MOR", "COR", "DAR"}
    assert zones["branch_id"].n_unique() == 9


def test_the_cycle_is_the_month_with_ten_days_window(utility: Utility) -> None:
    assert utility.cycles.rows() == [
        ("2026-10", "monthly", date(2026, 10, 1), date(2026, 11, 1), date(2026, 11, 1), date(2026, 11, 11),
         *[None] * 6)
    ]  # fmt: skip


def test_a_leap_february_is_a_period_like_any_other() -> None:
    leap = draw_utility(50, SEED, period_start=date(2028, 2, 1), period_end=date(2028, 3, 1))
    assert leap.cycle_id == "2028-02"
    assert leap.history_start_date == date(2028, 1, 11)

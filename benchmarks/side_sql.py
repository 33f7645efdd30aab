"""The month of `benchmarks.side_by_side` in DuckDB SQL, as an analyst writes it: on wide days and on long rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl

from benchmarks.determinants_data import wide_files
from benchmarks.side_tariff import PERIODS, demand_price, edge_wh, masks, supply_cents, tier_price
from demo.lake import INTERVAL_MINUTES
from model.reads import slot_columns

Work = Callable[[], pl.DataFrame]
SLOTS = slot_columns(INTERVAL_MINUTES)


def wide_determinants(folder: Path) -> Work:
    """Sums of columns for each kind of day and period, and the greatest of the columns of the peak."""
    return _wide(folder, _as_items)


def wide_lines(folder: Path) -> Work:
    """As `wide_determinants`, then tiers, demand, the daily charge and the tax."""
    return _wide(folder, _as_lines)


def long_determinants(folder: Path) -> Work:
    """One row per interval joined with the calendar."""
    return _long(folder, _as_items)


def long_lines(folder: Path) -> Work:
    """As `long_determinants`, then tiers, demand, the daily charge and the tax."""
    return _long(folder, _as_lines)


def _wide(folder: Path, then: Callable[[str, int], str]) -> Work:
    calendar = pl.read_parquet(folder / "calendar.parquet")
    days, kinds = masks(calendar)
    connection = duckdb.connect()
    connection.register("days", days.to_arrow())
    connection.register("channels", pl.read_parquet(folder / "channels.parquet").to_arrow())
    files = ", ".join(f"'{path}'" for path in wide_files(folder))
    sums = ", ".join(f"sum({_by_kind(kinds, period, _sum)})::BIGINT AS {period}" for period in PERIODS)
    sql = (
        f"SELECT r.channel_no, {sums}, max({_by_kind(kinds, 'peak', _greatest)}) * 4 AS w_max "
        f"FROM read_parquet([{files}]) r JOIN channels c USING (channel_no) "
        "JOIN days d ON d.zone_no = c.zone_no AND d.day = r.day GROUP BY ALL"
    )
    return _asked(connection, then(sql, calendar["day"].n_unique()))


def _long(folder: Path, then: Callable[[str, int], str]) -> Work:
    calendar = pl.read_parquet(folder / "calendar.parquet")
    connection = duckdb.connect()
    connection.register("calendar", calendar.to_arrow())
    connection.sql("SET TimeZone = 'UTC'")
    sums = ", ".join(f"coalesce(sum(r.wh) FILTER (c.tou = '{period}'), 0)::BIGINT AS {period}" for period in PERIODS)
    sql = (
        f"SELECT r.channel_no, {sums}, coalesce(max(r.wh) FILTER (c.tou = 'peak'), 0) * 4 AS w_max "
        f"FROM read_parquet('{folder / 'long' / '*.parquet'}') r "
        "JOIN calendar c ON c.zone_no = r.zone_no AND c.start_utc = r.start_utc GROUP BY ALL"
    )
    return _asked(connection, then(sql, calendar["day"].n_unique()))


def _asked(connection: duckdb.DuckDBPyConnection, sql: str) -> Work:
    def work() -> pl.DataFrame:
        rows: pl.DataFrame = connection.sql(sql).pl()
        return rows

    return work


def _as_items(sql: str, _: int) -> str:
    return f"SELECT * FROM (UNPIVOT ({sql}) ON {', '.join(PERIODS)}, w_max INTO NAME item VALUE amount)"


def _as_lines(sql: str, days: int) -> str:
    """Return the SQL of all lines in cents: every amount is rounded once, half a cent up; nothing is below zero."""
    amounts = {}
    for period in PERIODS:
        edge = edge_wh(period, days)
        amounts[f"energy.{period}.1"] = f"(least({period}, {edge}) * {tier_price(period, 1)} + 50000) // 100000"
        amounts[f"energy.{period}.2"] = f"(greatest({period} - {edge}, 0) * {tier_price(period, 2)} + 50000) // 100000"
    amounts["demand"] = f"(w_max * {demand_price()} + 500) // 1000"
    amounts["supply"] = str(supply_cents(days))
    listed = ", ".join(f'({amount})::BIGINT AS "{item}"' for item, amount in amounts.items())
    names = ", ".join(f'"{item}"' for item in amounts)
    before_tax = " + ".join(f'"{item}"' for item in amounts)
    return (
        f"WITH found AS ({sql}), charged AS (SELECT channel_no, {listed} FROM found), "
        f"billed AS (SELECT *, ({before_tax} + 5) // 10 AS gst FROM charged) "
        f"SELECT * FROM (UNPIVOT billed ON {names}, gst INTO NAME item VALUE amount)"
    )


def _by_kind(kinds: list[list[str]], period: str, of_slots: Callable[[list[str]], str]) -> str:
    """Return the SQL that asks the slots of a period, for each kind of day that has it."""
    branches = []
    for number, periods in enumerate(kinds):
        slots = [SLOTS[slot] for slot, name in enumerate(periods) if name == period]
        if slots:
            branches.append(f"WHEN {number} THEN {of_slots(slots)}")
    return f"CASE d.mask_no {' '.join(branches)} ELSE 0 END"


def _sum(slots: list[str]) -> str:
    return " + ".join(f"{slot}::BIGINT" for slot in slots)


def _greatest(slots: list[str]) -> str:
    return f"greatest({', '.join(slots)})::BIGINT"

"""The days of published bills as other facts have them, for many bills at once, pass by pass.

A pass is what is rated at once: a cycle, of which an account has one bill. A second bill of an account in the cycle
comes in a pass of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from accounts.membership import FAR_DATE
from accounts.selection import Cycle
from cycles.rebill.choice import Chosen

_HEADER = ["cycle_id", "cycle_start_date", "cycle_end_date"]


@dataclass(frozen=True)
class Pass:
    """Bills that are rated at once."""

    name: str
    cycle: Cycle
    bills: pl.DataFrame
    """Chosen.bills of the pass"""
    then: pl.DataFrame
    """model.rating.DueAgreements of which they were made, run_id"""
    due: pl.DataFrame
    """The same days as facts have them, without their partition; bill_id is the new bill's"""


def passes_of(chosen: Chosen, known: Mapping[str, pl.DataFrame]) -> list[Pass]:
    """Return the passes in order of time."""
    both = pl.concat([chosen.due.select(*_HEADER), chosen.owed.select(*_HEADER)])
    header = both.unique(maintain_order=True).unique("cycle_id", maintain_order=True)
    then = chosen.due.join(chosen.bills.select("bill_id", "turn"), on="bill_id", how="inner", validate="m:1")
    due = _days_now(chosen, then, header, known)
    found = []
    for row in header.sort("cycle_start_date", "cycle_id").iter_rows(named=True):  # a row per cycle
        start, end, name = row["cycle_start_date"], row["cycle_end_date"], row["cycle_id"]
        of_cycle = chosen.bills.filter(pl.col("cycle_id") == name)
        turns = pl.concat([of_cycle["turn"], due.filter(pl.col("cycle_id") == name)["turn"]])
        for turn in turns.unique().sort().to_list():
            is_mine = (pl.col("cycle_id") == name) & (pl.col("turn") == turn)
            found.append(
                Pass(
                    name if turn == 0 else f"{name}~{turn}",
                    Cycle(name, "", start, end, start, end),
                    of_cycle.filter(pl.col("turn") == turn),
                    then.filter(is_mine).drop("turn"),
                    due.filter(is_mine).drop("turn").sort("agreement_id", "start_date"),
                )
            )
    return found


def _days_now(
    chosen: Chosen, then: pl.DataFrame, header: pl.DataFrame, known: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Return the due agreements of today for the days of bills, with `turn`.

    Days stay on their bill; those that went to another account come to its first bill of the cycle, a new one where it
    has none; those that are owed come on a new one. None is added that no bill had.
    """
    ids = pl.concat([
        chosen.bills.select("bill_id", "account_id", "cycle_id", "turn", "new_id"),
        chosen.owed.select("bill_id", "account_id", "cycle_id", "turn", "new_id").unique(),
    ])  # fmt: skip
    then = pl.concat([then.select(chosen.due.columns), chosen.owed.select(chosen.due.columns)])
    spans = _joined(
        then.select(pl.col("bill_id").alias("old_id"), "cycle_id", "service_point_id", "start_date", "end_date"),
        ["old_id", "cycle_id", "service_point_id"],
    ).join(ids.select(pl.col("bill_id").alias("old_id"), pl.col("account_id").alias("payer_id")), on="old_id",
           how="inner", validate="m:1")  # fmt: skip
    pieces = (
        known["agreements"].drop("tariff_id")
        .join(spans, on="service_point_id", how="inner", suffix="_billed", validate="m:m")
        .with_columns(
            start_date=pl.max_horizontal("start_date", "start_date_billed"),
            end_date=pl.min_horizontal(pl.col("end_date").fill_null(FAR_DATE), "end_date_billed"),
        )
        .filter(pl.col("start_date") < pl.col("end_date"))
    )  # fmt: skip
    own = pieces.filter(pl.col("account_id") == pl.col("payer_id")).join(
        ids.select(pl.col("bill_id").alias("old_id"), "new_id", "turn"), on="old_id", how="inner", validate="m:1"
    )
    first = ids.filter(pl.col("turn") == 0).select("account_id", "cycle_id", "new_id", "turn").unique()
    moved = (
        pieces.filter(pl.col("account_id") != pl.col("payer_id"))
        .join(first, on=["account_id", "cycle_id"], how="left", validate="m:1")
        .with_columns(pl.format("{}.{}", "account_id", "cycle_id").alias("stem"))
        .join(chosen.revisions, on="stem", how="left", validate="m:1")
    )
    fresh = moved.with_columns(
        pl.col("new_id").fill_null(pl.format("{}.r{}", "stem", pl.col("revision").fill_null(0))),
        pl.col("turn").fill_null(0),
    )
    placed = _joined(
        pl.concat([own, fresh.select(own.columns)]).select(
            "new_id", "turn", "cycle_id", "agreement_id", "start_date", "end_date"
        ),
        ["new_id", "turn", "cycle_id", "agreement_id"],
    )
    return (
        placed.rename({"new_id": "bill_id"})
        .join(known["agreements"].drop("start_date", "end_date"), on="agreement_id", how="inner", validate="m:1")
        .join(known["accounts"], on="account_id", how="inner", validate="m:1")
        .join(known["service_points"], on="service_point_id", how="inner", validate="m:1")
        .join(header, on="cycle_id", how="inner", validate="m:1")
    )


def _joined(spans: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Put spans of the same keys together where one begins on the day on which the other ends."""
    begins = (pl.col("start_date") > pl.col("end_date").cum_max().shift(1)).over(keys).fill_null(value=False)
    return (
        spans.sort(*keys, "start_date")
        .with_columns(begins.cast(pl.Int32).alias("begins"))
        .with_columns(pl.col("begins").cum_sum().over(keys).alias("span"))
        .group_by(*keys, "span", maintain_order=True)
        .agg(pl.col("start_date").min(), pl.col("end_date").max())
        .drop("span")
    )

"""Bills made anew beside the published ones, in columns: what becomes another, line by line, and what stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from cycles.publishing.left_behind import LeftBehind
from cycles.runs.partition import Work
from model.rating import BillLines, Rated
from model.schema import polars_schema

BACK_BILLING = "back_billing_limit"
LINE_KEY = ["agreement_id", "component_id", "season", "tou", "tier", "period_start_date"]
# What makes a line another one; what only tells of it (text, version, quality of reads) does not.
_SAID = [
    "period_end_date", "quantity", "unit_size", "rate", "fixed", "share_part", "share_whole", "amount_minor",
    "memo_minor", "currency", "category", "tax_code", "gl_account",
]  # fmt: skip
LINES: dict[str, pl.DataType] = {
    "new_id": pl.String(), **{name: polars_schema(BillLines)[name] for name in LINE_KEY}, "line_text": pl.String(),
    "category": pl.String(), "old_minor": pl.Int64(), "new_minor": pl.Int64(), "apart_minor": pl.Int64(),
    "is_other": pl.Boolean(), "cause": pl.String(),
}  # fmt: skip
"""Columns of lines side by side, with their causes."""
_CHANGED = {"new_id": pl.String}


@dataclass(frozen=True)
class Made:
    """What a pass made of candidates."""

    lines: pl.DataFrame
    """model.rating.BillLines, bill_id is the new bill's"""
    parked: pl.DataFrame
    """new_id, reason: why a bill cannot be made anew"""
    history: pl.DataFrame
    """new_id and model.rating.History"""
    banks: pl.DataFrame
    """new_id and model.rating.BankBalances"""


def made_of(work: Work) -> Made:
    """Return what a work that was rated gives for each new bill."""
    assert work.rated is not None and work.rating_input is not None
    rated: Rated = work.rated
    due = work.rating_input.due.select(
        pl.col("bill_id").alias("new_id"), "agreement_id", "service_point_id", "start_date", "end_date"
    )
    firsts = due.group_by("new_id", "agreement_id", "service_point_id").agg(
        pl.col("start_date").min().alias("period_start_date")
    )
    parked = rated.parked.join(due.select("new_id", "agreement_id", "start_date"), on=["agreement_id", "start_date"],
                               how="inner", validate="1:1")  # fmt: skip
    told = parked.sort("new_id", "reason").group_by("new_id", maintain_order=True).agg(
        pl.format("{}: {}: {}", "agreement_id", "reason", "detail").first().alias("reason")
    )  # fmt: skip
    places = firsts.select("new_id", "service_point_id", "period_start_date").unique()
    return Made(
        rated.lines,
        told,
        rated.history.join(places, on=["service_point_id", "period_start_date"], how="inner", validate="m:m"),
        rated.banks.join(firsts.select("new_id", "agreement_id"), on="agreement_id", how="inner", validate="m:1"),
    )


def joined(parts: Sequence[Made]) -> Made:
    """Return what several passes made."""
    return Made(*(pl.concat(frames) for frames in zip(*((p.lines, p.parked, p.history, p.banks) for p in parts),
                                                     strict=True)))  # fmt: skip


def compared_lines(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Return lines of old and new bills side by side: new_id, LINE_KEY, texts, old_minor, new_minor, apart_minor.

    `old` has `new_id`, the bill that takes its place. `is_other` is true where a line says something else. A line that
    one side does not have is null there.
    """
    before = old.select("new_id", *LINE_KEY, "line_text", *_SAID)
    after = new.select(pl.col("bill_id").alias("new_id"), *LINE_KEY, "line_text", *_SAID)
    key = ["new_id", *LINE_KEY]
    both = after.join(before, on=key, how="full", suffix="_old", coalesce=True, validate="1:1")
    other = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_old")) for name in _SAID)
    return both.select(
        *key,
        pl.coalesce("line_text", "line_text_old").alias("line_text"),
        pl.coalesce("category", "category_old").alias("category"),
        pl.col("amount_minor_old").alias("old_minor"),
        pl.col("amount_minor").alias("new_minor"),
        (pl.col("amount_minor").fill_null(0) - pl.col("amount_minor_old").fill_null(0)).alias("apart_minor"),
        other.alias("is_other"),
    ).sort(key)


def state_apart(made: Made, left: LeftBehind, ids: pl.DataFrame) -> pl.DataFrame:
    """Return the new bills that leave something else to later ones than the bills did (`ids`: bill_id, new_id)."""
    spans = left.spans.join(ids, on="bill_id", how="inner", validate="m:1")
    starts = spans.select("new_id", "service_point_id", pl.col("start_date").alias("period_start_date")).unique()
    history = left.history.join(starts, on=["service_point_id", "period_start_date"], how="inner", validate="m:m")
    ends = spans.select("new_id", "agreement_id", pl.col("end_date").alias("as_of_date")).unique()
    banks = left.banks.join(ends, on=["agreement_id", "as_of_date"], how="inner", validate="m:m")
    of_history = [
        "new_id",
        "service_point_id",
        "quantity_id",
        "period_start_date",
        "period_end_date",
        "quantity",
        "unit_size",
    ]
    of_banks = ["new_id", "agreement_id", "bank_id", "tou", "balance", "as_of_date"]
    found = [pl.DataFrame(schema=_CHANGED)]
    for columns, before, after in ((of_history, history, made.history), (of_banks, banks, made.banks)):
        sides = (before.select(columns), after.select(columns))
        found += [first.join(second, on=columns, how="anti").select("new_id") for first, second in (sides, sides[::-1])]
    return pl.concat(found).unique()

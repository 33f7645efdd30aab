"""A supply's own past beside its bill: the usual use and amount per day, the last bill, estimates in a row."""

from __future__ import annotations

import polars as pl

from cycles.review.rules import ReviewRules

SUPPLY = ["account_id", "service_point_id"]
_NO = "supply_no"  # of a supply of a bill, within one call
_MONTHS = 12


def per_day(amount: str) -> pl.Expr:
    """Return an amount a day, in whole smallest or minor units, towards zero."""
    days = (pl.col("period_end_date") - pl.col("period_start_date")).dt.total_days()
    return (pl.col(amount).abs() // days * pl.col(amount).sign()).cast(pl.Int64)


def with_past(use: pl.DataFrame, past: pl.DataFrame, rules: ReviewRules) -> pl.DataFrame:
    """Add to each supply of a bill (model.review.BillUse) what its past bills say.

    compared, usual_use, use_spread, usual_day (amount a day), last_day, last_tariff, last_end, past_estimates.
    `compared` is 0 when there is no past to compare with.
    """
    daily = use.with_row_index(_NO).with_columns(use_day=per_day("quantity"), amount_day=per_day("amount_minor"))
    before = _before(daily, past)
    usual = _usual(before, rules)
    last = before.filter(pl.col("place") == 0).select(
        _NO, last_day="past_amount_day", last_tariff="past_tariff_id", last_end="past_end_date"
    )
    in_row = before.filter(pl.col("place") < pl.col("broken_at")).group_by(_NO).agg(
        pl.len().cast(pl.Int32).alias("past_estimates")
    )  # fmt: skip
    joined = daily
    for frame in (usual, last, in_row):
        joined = joined.join(frame, on=_NO, how="left", validate="1:1", maintain_order="left")
    return joined.drop(_NO).with_columns(pl.col("compared", "past_estimates").fill_null(0))


def _before(daily: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each supply and each of its past bills, the last first: its `place` from 0 on.

    `broken_at` is the place of the last bill that rests on no estimate, or one behind the first of all.
    """
    earlier = past.select(
        *SUPPLY, past_unit="unit", past_currency="currency", past_bill_id="bill_id", past_tariff_id="tariff_id",
        past_start_date="period_start_date", past_end_date="period_end_date", past_estimated="is_estimated",
        past_use_day=per_day("quantity"), past_amount_day=per_day("amount_minor"),
    )  # fmt: skip
    now = daily.select(_NO, *SUPPLY, "unit", "currency", "period_start_date")
    # Use in another unit, or money in another currency, is nothing to compare with.
    met = now.join(earlier, on=SUPPLY, how="inner", validate="m:m").filter(
        pl.col("past_end_date") <= pl.col("period_start_date"),
        pl.col("unit") == pl.col("past_unit"),
        pl.col("currency") == pl.col("past_currency"),
    )
    met = met.drop(*SUPPLY, "unit", "currency", "past_unit", "past_currency")
    placed = _placed(met, "past_end_date", "past_bill_id", descending=True)
    read = placed.filter(~pl.col("past_estimated")).group_by(_NO).agg(pl.col("place").min().alias("broken_at"))
    return placed.join(read, on=_NO, how="left", validate="m:1", maintain_order="left").with_columns(
        pl.col("broken_at").fill_null(pl.col("count"))
    )


def _usual(before: pl.DataFrame, rules: ReviewRules) -> pl.DataFrame:
    """Return medians over the last bills of the same season, where there are enough of them, else over the last."""
    apart = (pl.col("past_start_date").dt.month() - pl.col("period_start_date").dt.month()).cast(pl.Int32).abs()
    near = pl.min_horizontal(apart, _MONTHS - apart) <= rules.season_months
    recent = before.filter(
        pl.col("place") < rules.past_bills, pl.min_horizontal("count", rules.past_bills) >= rules.past_least
    ).with_columns(is_near=near)
    enough = recent.group_by(_NO).agg(pl.col("is_near").sum() >= rules.past_least).rename({"is_near": "has_season"})
    chosen = recent.join(enough, on=_NO, how="left", validate="m:1").filter(pl.col("is_near") | ~pl.col("has_season"))
    usual = _middle(chosen, "past_use_day").rename({"past_use_day": "usual_use"})
    day = _middle(chosen, "past_amount_day").select(_NO, usual_day="past_amount_day")
    spread = chosen.join(usual.select(_NO, "usual_use"), on=_NO, how="left", validate="m:1").with_columns(
        use_spread=(pl.col("past_use_day") - pl.col("usual_use")).abs()
    )
    apart_from_it = _middle(spread, "use_spread").select(_NO, "use_spread")
    return (
        usual.select(_NO, "usual_use", compared=pl.col("count").cast(pl.Int32))
        .join(day, on=_NO, how="left", validate="1:1")
        .join(apart_from_it, on=_NO, how="left", validate="1:1")
    )


def _middle(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the row with the middle value of each supply; of an even count the lower of the two.

    It stays an integer that was there, and one sort by numbers is much faster than a median for each supply.
    """
    placed = _placed(frame.select(_NO, name), name)
    return placed.filter(pl.col("place") == (pl.col("count") - 1) // 2)


def _placed(frame: pl.DataFrame, *names: str, descending: bool = False) -> pl.DataFrame:
    """Sort the rows of each supply and number them from 0; `count` says how many it has."""
    ordered = frame.sort(_NO, *names, descending=[False, *([descending] * len(names))])
    at = pl.int_range(pl.len(), dtype=pl.Int64)
    starts = ordered.with_columns(at.alias("at")).group_by(_NO, maintain_order=True).agg(
        pl.col("at").first().alias("first"), pl.len().cast(pl.Int64).alias("count")
    )  # fmt: skip
    return (
        ordered.drop("count", strict=False)
        .with_columns(at.alias("at"))
        .join(starts, on=_NO, how="left", validate="m:1", maintain_order="left")
        .with_columns(place=pl.col("at") - pl.col("first"))
        .drop("at", "first")
    )

"""A supply's own past beside its bill: the usual use and amount per day, the last bill, estimates in a row."""

from __future__ import annotations

import polars as pl

from cycles.review_rules import ReviewRules

SUPPLY = ["account_id", "service_point_id"]
_KEYS = ["bill_id", "agreement_id"]
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
    daily = use.with_columns(use_day=per_day("quantity"), amount_day=per_day("amount_minor"))
    before = _before(daily, past)
    usual = _usual(before, rules)
    last = before.filter(pl.col("place") == 0).select(
        *_KEYS, last_day="past_amount_day", last_tariff="past_tariff_id", last_end="past_end_date"
    )
    in_row = before.filter(pl.col("is_in_row")).group_by(_KEYS).agg(pl.len().cast(pl.Int32).alias("past_estimates"))
    joined = daily
    for frame in (usual, last, in_row):
        joined = joined.join(frame, on=_KEYS, how="left", validate="1:1", maintain_order="left")
    return joined.with_columns(pl.col("compared", "past_estimates").fill_null(0))


def _before(daily: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each supply and each of its past bills, the last first, numbered from 0."""
    earlier = past.select(
        *SUPPLY, "unit", "currency", past_bill_id="bill_id", past_tariff_id="tariff_id",
        past_start_date="period_start_date", past_end_date="period_end_date", past_estimated="is_estimated",
        past_use_day=per_day("quantity"), past_amount_day=per_day("amount_minor"),
    )  # fmt: skip
    now = daily.select(*_KEYS, *SUPPLY, "unit", "currency", "period_start_date")
    # Use in another unit, or money in another currency, is nothing to compare with.
    return (
        now.join(earlier, on=[*SUPPLY, "unit", "currency"], how="inner", validate="m:m")
        .filter(pl.col("past_end_date") <= pl.col("period_start_date"))
        .sort(*_KEYS, "past_end_date", "past_bill_id", descending=[False, False, True, True])
        .with_columns(place=pl.int_range(pl.len()).over(_KEYS))
        .with_columns(is_in_row=pl.col("past_estimated").cum_min().over(_KEYS).cast(pl.Boolean))
    )


def _usual(before: pl.DataFrame, rules: ReviewRules) -> pl.DataFrame:
    """Return medians over the last bills of the same season, where there are enough of them, else over the last."""
    apart = (pl.col("past_start_date").dt.month() - pl.col("period_start_date").dt.month()).cast(pl.Int32).abs()
    near = pl.min_horizontal(apart, _MONTHS - apart) <= rules.season_months
    recent = before.filter(pl.col("place") < rules.past_bills).with_columns(is_near=near)
    chosen = recent.filter(
        pl.col("is_near") | (pl.col("is_near").sum().over(_KEYS) < rules.past_least),
        pl.len().over(_KEYS) >= rules.past_least,
    ).with_columns(usual_use=_median("past_use_day").over(_KEYS), usual_day=_median("past_amount_day").over(_KEYS))
    apart_from_it = (pl.col("past_use_day") - pl.col("usual_use")).abs().alias("use_apart")
    return (
        chosen.with_columns(apart_from_it)
        .group_by(_KEYS, maintain_order=True)
        .agg(
            pl.len().cast(pl.Int32).alias("compared"),
            pl.col("usual_use", "usual_day").first(),
            _median("use_apart").alias("use_spread"),
        )
    )


def _median(name: str) -> pl.Expr:
    """Return the middle value; of an even count the lower of the two, so that it stays an integer that was there."""
    return pl.col(name).sort().get((pl.len() - 1) // 2)

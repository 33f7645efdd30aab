"""Agreements and quantities for the benchmark of tariffs: one bill each for June 2026, spread over the tariffs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
from pandera.typing.polars import DataFrame

from benchmarks.tariff_files import SHAPES
from model.rating import DueAgreements
from model.schema import arranged
from rating.given import GivenQuantities

START, END = date(2026, 6, 1), date(2026, 7, 1)
_BY_PERIOD = ("tou", "seasonal", "demand")
_OF_POWER = ("demand", "formula")


def due_agreements(tariffs: Sequence[str], agreements: int) -> DataFrame[DueAgreements]:
    """Return agreements that take turns over the tariffs; an agreement is an account, and has one bill."""
    number = pl.col("number").cast(pl.String).str.zfill(8)
    same = {
        "branch_id": "B", "revenue_class": "residential", "payment_days": 14, "currency": "USD", "premise_id": "P",
        "commodity": "electricity", "tz_name": "America/Chicago", "start_date": START, "end_date": END,
        "cycle_id": "month", "cycle_start_date": START, "cycle_end_date": END, "partition": 0,
    }  # fmt: skip
    places = np.arange(agreements) % len(tariffs)
    frame = pl.DataFrame({"number": np.arange(agreements), "tariff_id": pl.Series(tariffs)[places]})
    named = frame.with_columns(
        *(number.alias(name) for name in ("agreement_id", "account_id", "customer_id", "service_point_id")),
        pl.format("{}.r0", number).alias("bill_id"),
        *(pl.lit(value).alias(name) for name, value in same.items()),
    )
    return arranged(DueAgreements, named)


def given_quantities(due: DataFrame[DueAgreements], seed: int) -> DataFrame[GivenQuantities]:
    """Return what each agreement used: 50 to 2,000 kWh, by period where its tariff prices so, and its power."""
    draw = np.random.default_rng(seed)
    shape = pl.col("tariff_id").str.slice(0, pl.col("tariff_id").str.len_chars() - 7)
    used = due.select("agreement_id", shape.alias("shape")).with_columns(
        pl.Series("wh", draw.integers(50_000, 2_000_000, len(due))),
        pl.Series("peak_e2", draw.integers(10, 60, len(due))),
        pl.Series("w", draw.integers(500, 15_000, len(due))),
    )
    assert set(used["shape"].unique()) <= set(SHAPES), "tariffs are those of `tariff_files`"
    peak = pl.col("wh") * pl.col("peak_e2") // 100
    by_period = used.filter(pl.col("shape").is_in(_BY_PERIOD))
    parts = [
        _rows(used.filter(~pl.col("shape").is_in(_BY_PERIOD)), "kwh", "", pl.col("wh")),
        _rows(by_period, "kwh", "peak", peak),
        _rows(by_period, "kwh", "off_peak", pl.col("wh") - peak),
        _rows(used.filter(pl.col("shape") == "demand"), "kw", "peak", pl.col("w")),
        _rows(used.filter(pl.col("shape") == "formula"), "kw", "", pl.col("w")),
    ]
    return arranged(GivenQuantities, pl.concat(parts).sort("agreement_id", "quantity_id", "tou"))


def _rows(frame: pl.DataFrame, quantity_id: str, tou: str, quantity: pl.Expr) -> pl.DataFrame:
    return frame.select(
        "agreement_id", pl.lit(quantity_id).alias("quantity_id"), pl.lit(tou).alias("tou"), quantity.alias("quantity")
    )

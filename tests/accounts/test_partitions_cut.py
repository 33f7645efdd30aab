"""Accounts are cut into partitions by cost, whatever order their agreements come in and whatever channels they have."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from accounts.selection import cut_partitions

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)


def due(*agreements: tuple[str, str, str]) -> pl.DataFrame:
    """Return agreements (agreement, account, service point) that are due for October."""
    keys = pl.DataFrame(agreements, schema=["agreement_id", "account_id", "service_point_id"], orient="row")
    texts = {
        "bill_id": "B", "customer_id": "C", "branch_id": "N", "revenue_class": "residential", "currency": "AUD",
        "premise_id": "P", "commodity": "electricity", "tz_name": "UTC", "tariff_id": "flat", "cycle_id": "2026-10",
    }  # fmt: skip
    return keys.with_columns(
        *(pl.lit(text).alias(name) for name, text in texts.items()), payment_days=pl.lit(14), start_date=OCTOBER,
        end_date=NOVEMBER, cycle_start_date=OCTOBER, cycle_end_date=NOVEMBER,
    )  # fmt: skip


def channels(*of_points: tuple[str, date | None, date | None]) -> pl.DataFrame:
    """Return channels of service points, from a day up to another, numbered in this order from 1."""
    schema = {"service_point_id": pl.String, "start_date": pl.Date, "end_date": pl.Date}
    return pl.DataFrame(of_points, schema=schema, orient="row").with_columns(
        channel_no=pl.int_range(1, pl.len() + 1, dtype=pl.Int32), channel_id=pl.lit("K"),
        measure=pl.lit("import_energy"), interval_minutes=pl.lit(15, pl.Int32),
    )  # fmt: skip


@pytest.mark.parametrize("days", [(date(2020, 1, 1), OCTOBER), (NOVEMBER, None)])
def test_an_account_whose_channels_are_of_other_days_has_a_partition(days: tuple[date, date | None]) -> None:
    agreements, cut = cut_partitions(
        due(("S1", "A1", "E1"), ("S2", "A2", "E2")), channels(("E1", None, None), ("E2", *days)), cost_each=10**9
    )
    assert agreements.select("agreement_id", "partition").rows() == [("S1", 0), ("S2", 0)]
    assert cut.select("agreement_id", "channel_no").rows() == [("S1", 1)]


@pytest.mark.parametrize("order", [("S1", "S2", "S3"), ("S3", "S1", "S2")])
def test_rows_come_by_partition_and_agreement_in_whatever_order_they_are_given(order: tuple[str, ...]) -> None:
    # A1 has the channels 2 and 4, A3 the channel 1, A2 the channel 3: as they lie on disk A3 is first.
    known = {"S1": ("S1", "A1", "E1"), "S2": ("S2", "A2", "E2"), "S3": ("S3", "A3", "E3")}
    points = channels(("E3", None, None), ("E1", None, None), ("E2", None, None), ("E1", None, None))
    agreements, cut = cut_partitions(due(*(known[name] for name in order)), points, cost_each=10**9, partitions=3)
    assert agreements.select("partition", "agreement_id").rows() == [(0, "S3"), (1, "S1"), (2, "S2")]
    assert cut.select("partition", "agreement_id", "channel_no").rows() == [
        (0, "S3", 1), (1, "S1", 2), (1, "S1", 4), (2, "S2", 3)
    ]  # fmt: skip

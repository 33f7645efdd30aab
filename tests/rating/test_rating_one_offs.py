"""One-off charges as lines: each amount and tax beside a slow twin in fractions."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from rating_rows import (
    JUNE,
    Row,
    book,
    channel,
    component,
    due,
    price,
    quantity,
    rating_input,
    season_days,
    usage_row,
    version,
    windows,
)

from model.events import OneOffCharges
from model.rating import Rated
from model.schema import arranged, polars_schema
from rating.stages import rate

BOOK = book(
    versions=[version()], quantities=[quantity()], components=[component()], prices=[price("energy")],
    season_days=season_days(), tou_windows=windows(),
)  # fmt: skip


def charge(number: int = 1, **said: object) -> Row:
    return {
        "charge_id": f"E{number}", "agreement_id": "A1-1", "charge_date": JUNE[0], "component_id": "fee",
        "line_text": "Visit", "quantity": 1, "unit": "charge", "unit_size": 1, "price_e9": 45_500_000_000,
        "tax_code": None, "tax_percent": None, "currency": "AUD", "gl_account": "451", "state": "approved",
        "proposed_by": "ops", "decided_by": None,
    } | said  # fmt: skip


def rated(charges: list[Row], used: int = 1_000) -> Rated:
    given_ = rating_input(BOOK, [due()], [channel(interval_minutes=0)], usage=[usage_row(1, *JUNE, used)])
    frame = pl.DataFrame(charges, schema=polars_schema(OneOffCharges), orient="row")
    return rate(replace(given_, charges=arranged(OneOffCharges, frame)))


def one_offs(found: Rated) -> list[tuple[object, ...]]:
    lines = found.lines.filter(pl.col("determinant").str.starts_with("E"))
    return lines.select("line_no", "component_id", "quantity", "amount_minor", "gl_account").rows()


def half_away(exact: Fraction) -> int:
    size = int(abs(exact) + Fraction(1, 2))
    return size if exact >= 0 else -size


def test_a_fee_and_its_tax_stand_after_the_lines_of_the_tariff() -> None:
    found = rated([charge(tax_code="GST", tax_percent=Decimal(10))])
    assert one_offs(found) == [(2, "fee", 1, 4550, "451"), (3, "fee.tax", 4550, 455, "241")]
    assert found.lines["tax_code"].to_list() == [None, None, "GST"]


def test_who_is_parked_keeps_the_fee_for_the_next_bill() -> None:
    given_ = rating_input(BOOK, [due()], [channel(interval_minutes=0)], usage=[])
    frame = arranged(OneOffCharges, pl.DataFrame([charge()], schema=polars_schema(OneOffCharges), orient="row"))
    found = rate(replace(given_, charges=frame))
    assert found.lines.is_empty() and found.parked.height == 1


@settings(max_examples=50, deadline=None)
@given(
    amounts=st.lists(
        st.tuples(
            st.integers(0, 10**9),
            st.sampled_from([1, 1_000, 1_000_000]),
            st.integers(-(10**12), 10**12),
            st.integers(0, 300_000),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_each_amount_and_each_tax_is_rounded_once(amounts: list[tuple[int, int, int, int]]) -> None:
    rows = [
        charge(number, quantity=size, unit_size=unit, price_e9=price_e9, tax_code="T",
               tax_percent=Decimal(tax).scaleb(-4))
        for number, (size, unit, price_e9, tax) in enumerate(amounts)
    ]  # fmt: skip
    expected = []
    for size, unit, price_e9, tax in amounts:
        minor = half_away(Fraction(size * price_e9 * 100, unit * 10**9))
        expected += [minor, half_away(Fraction(minor * tax, 10**6))]
    assert [line[3] for line in one_offs(rated(rows))] == expected


def test_a_long_first_period_owes_more_than_one_price_per_cycle() -> None:
    rate_book = book(
        versions=[version()], quantities=[quantity()],
        components=[component("supply", kind="cycle")], prices=[price("supply", price_e9=30 * 10**9)],
        season_days=season_days(), tou_windows=windows(),
    )  # fmt: skip
    # 45 days from 1 June, in a cycle of 30 days from 16 June: 30.00 x 45 / 30
    row = due(date(2026, 6, 1), date(2026, 7, 16), cycle_start_date=date(2026, 6, 16), cycle_end_date=date(2026, 7, 16))
    found = rate(
        rating_input(
            rate_book, [row], [channel(interval_minutes=0)], usage=[usage_row(1, row["start_date"], row["end_date"], 0)]
        )
    )
    assert found.lines["amount_minor"].to_list() == [4500]

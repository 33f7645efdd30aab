"""Quality gates: an agreement is parked when more of its reads than allowed are estimated, edited or in doubt."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rating_rows import JUNE, Row, book, channel, component, day_rows, due, price, rating_input

from model.codes import Quality
from model.metering import QualityGates
from model.rating import Rated
from model.reads import RegisterUsage
from model.schema import arranged
from rating.gates import GATED
from rating.stages import rate

FLAT = {"components": [component()], "prices": [price()]}
Gate = tuple[str, str, str, str]  # tariff, measure, quality, percent


def rated(days: list[Row], *gates: Gate) -> Rated:
    table = pl.DataFrame(
        [(*keys, Decimal(percent)) for *keys, percent in gates],
        schema={"tariff_id": pl.String, "measure": pl.String, "quality": pl.String,
                "share_percent_max": pl.Decimal(6, 3)},
        orient="row",
    )  # fmt: skip
    given_input = rating_input(book(**FLAT), [due()], [channel()], {15: days})
    return rate(replace(given_input, gates=arranged(QualityGates, table)))


def said(found: Rated) -> list[tuple[object, ...]]:
    return found.parked.select("reason", "detail", "owner").rows()


def spoilt(count: int, quality: int) -> list[Row]:
    """June at 15 minutes: 2,880 intervals, the first `count` of the first day of a quality."""
    days = day_rows(1, *JUNE, 100)
    flags = bytes([quality] * count + [0] * (96 - count))
    days[0] |= {"worst": quality, "flags": flags if count < 96 else None}
    return days


@pytest.mark.parametrize(
    ("count", "percent", "is_parked"),
    [
        (72, "2.5", False),  # exactly 2.5 % of 2,880
        (73, "2.5", True),
        (72, "2.499", True),
        (96, "3.333", True),  # 3.33333... %
        (96, "3.334", False),
        (1, "0", True),
        (0, "0", False),
    ],
)
def test_the_share_is_compared_exactly(count: int, percent: str, is_parked: bool) -> None:
    days = spoilt(count, Quality.ESTIMATED) if count else day_rows(1, *JUNE, 100)
    share = f"{count * 15} of 43200 minutes of import_energy are estimated, more than {Decimal(percent):.3f} %"
    expected = [("quality_limit", share, "metering")]
    assert said(rated(days, ("*", "*", "estimated", percent))) == (expected if is_parked else [])


@pytest.mark.parametrize("quality", list(Quality))
def test_each_quality_has_its_gate(quality: Quality) -> None:
    if quality is Quality.MISSING:  # parks without a gate
        return
    gates = [("*", "*", name, "0") for name in GATED]
    names = [name for name, qualities in GATED.items() if quality in qualities]
    details = [str(detail) for _, detail, _ in said(rated(spoilt(5, quality), *gates))]
    assert len(details) == len(names)
    assert all(f"are {name}," in detail for name, detail in zip(names, details, strict=True))


def test_without_a_gate_estimates_are_billed() -> None:
    assert said(rated(spoilt(96, Quality.ESTIMATED))) == []


@pytest.mark.parametrize(
    ("gates", "is_parked"),
    [
        ([("*", "*", "estimated", "0"), ("t", "*", "estimated", "50")], False),  # the tariff's own says more
        ([("*", "*", "estimated", "50"), ("t", "*", "estimated", "0")], True),
        ([("*", "*", "estimated", "0"), ("*", "import_energy", "estimated", "50")], False),
        ([("*", "import_energy", "estimated", "0"), ("t", "*", "estimated", "50")], False),
        ([("other", "*", "estimated", "0")], False),
        ([("*", "water_volume", "estimated", "0")], False),
    ],
)
def test_the_gate_that_says_most_of_the_agreement_counts(gates: list[Gate], is_parked: bool) -> None:
    assert bool(said(rated(spoilt(96, Quality.ESTIMATED), *gates))) == is_parked


def test_the_days_between_readings_count_whole() -> None:
    """Two readings of June: ten days up to a customer's, twenty after it."""
    half = date(2026, 6, 11)
    rows = [(7, JUNE[0], half, Quality.CUSTOMER), (7, half, JUNE[1], Quality.ACTUAL)]
    usage = pl.DataFrame(
        [
            {"channel_no": 7, "meter_id": "M", "from_date": first, "to_date": after, "quantity": 500,
             "quality": int(quality), "is_rejected": False, "seq": 1}
            for _, first, after, quality in rows
        ]
    )  # fmt: skip
    register = channel() | {"channel_no": 7, "channel_id": "7", "interval_minutes": 0}
    whole = rating_input(book(**FLAT), [due()], [register], {})
    for percent, is_parked in (("33.333", True), ("33.334", False)):
        gates = pl.DataFrame([("*", "*", "customer", Decimal(percent))], orient="row",
                             schema=["tariff_id", "measure", "quality", "share_percent_max"])  # fmt: skip
        found = rate(replace(whole, usage=arranged(RegisterUsage, usage), gates=arranged(QualityGates, gates)))
        assert [reason for reason, _, _ in said(found)] == ["quality_limit"] * is_parked


@given(
    days=st.lists(st.lists(st.integers(0, 7), min_size=96, max_size=96), min_size=1, max_size=3),
    name=st.sampled_from(sorted(GATED)),
    thousandths=st.integers(0, 20_000),
)
@settings(max_examples=40, deadline=None)
def test_gates_agree_with_fractions(days: list[list[int]], name: str, thousandths: int) -> None:
    rows = day_rows(1, *JUNE, 100)
    for row, marks in zip(rows, days, strict=False):
        is_mixed = len(set(marks)) > 1
        row |= {"worst": max(marks), "flags": bytes(marks) if is_mixed else None}
    share = Fraction(sum(mark in GATED[name] for marks in days for mark in marks), 2_880)
    found = said(rated(rows, ("*", "*", name, str(Decimal(thousandths) / 1000))))
    assert bool(found) == (share > Fraction(thousandths, 100_000))
    assert JUNE[1] - JUNE[0] == timedelta(days=30)

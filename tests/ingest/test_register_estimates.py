"""Readings of registers that did not come. Quantities are litres; a dial shows thousands of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from math import floor

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_registers import meter, reads
from vee_frames import channel_numbers

from ingest.estimates.methods_registers import DUE_SCHEMA, before_reading, estimate_readings
from ingest.rules.rules import DEFAULT_RULES, RuleSet
from ingest.vee.registers import usage_between_reads
from model.accounts import ChannelNumbers, Meters
from model.schema import arranged

ON = date(2026, 7, 1)
Reading = tuple[str, date, str, int]


def due(channel: int = 1, dials: int = 5, multiplier: int = 1, installed: date = date(2024, 1, 1)) -> dict[str, object]:
    return {
        "channel_no": channel, "meter_id": "M1", "installed_date": installed, "dials": dials, "multiplier": multiplier,
        "measure": "water_volume", "branch_id": "N",
    }  # fmt: skip


def estimate(
    *readings: Reading,
    rules: RuleSet = DEFAULT_RULES,
    intervals: int | None = None,
    others: tuple[Reading, ...] = (),
    **of_meter: int,
) -> dict[str, object]:
    """Estimate the reading of meter M1 at ON; `others` are readings of channel 2, of the same class."""
    both = pl.concat([reads(*readings), reads(*others, channel=2)])
    numbers = channel_numbers((1, 2)).with_columns(interval_minutes=pl.lit(0), branch_id=pl.lit("N"))
    meters = [meter(**of_meter), meter("M2", point="SP2")]  # type: ignore[arg-type]
    is_read = pl.col("read_kind") != "estimate"
    usage, _ = usage_between_reads(
        both.filter(is_read), arranged(Meters, pl.DataFrame(meters)),  # type: ignore[arg-type]
        arranged(ChannelNumbers, numbers), rules,
    )  # fmt: skip
    beside = pl.DataFrame({"channel_no": [1], "use": [intervals]}, schema={"channel_no": pl.Int32, "use": pl.Int64})
    classes = numbers.select("channel_no", measure=pl.lit("water_volume"), branch_id="branch_id")
    asked = pl.DataFrame([due(**of_meter)], schema=DUE_SCHEMA)  # type: ignore[arg-type]
    return estimate_readings(asked, both, usage, beside.drop_nulls(), classes, on=ON, rules=rules).row(0, named=True)


def at(day: date, reading: int, kind: str = "regular", name: str = "M1") -> Reading:
    return (name, day, kind, reading)


MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)


def test_between_two_readings_the_use_is_shared_by_days() -> None:
    """40 days, 30 of them before the day: 30/40 of 4,001 are 3,000.75, so 3,001."""
    found = estimate(at(JUNE, 10_000), at(date(2026, 7, 11), 14_001))
    assert (found["method"], found["reading"], found["use"]) == ("linear", 13_001, 3_001)
    assert found["next_date"] == date(2026, 7, 11)


def test_intervals_beside_a_register_move_it_on() -> None:
    assert estimate(at(JUNE, 10_000), intervals=1_234)["reading"] == 11_234
    # Through a transformer of 40 the reading moves a fortieth: 1,234 / 40 = 30.85, and the use follows the reading.
    found = estimate(at(JUNE, 10_000), intervals=1_234, multiplier=40)
    assert (found["method"], found["reading"], found["use"]) == ("intervals", 10_031, 1_240)


def test_last_year_times_the_trend() -> None:
    """June 2025 was 3,000; May 2026 was 2,200 against 2,000 in May 2025: 3,000 x 1.1 = 3,300."""
    year = [at(date(2025, 5, 1), 0), at(date(2025, 6, 1), 2_000), at(date(2025, 7, 1), 5_000)]
    found = estimate(*year, at(MAY, 20_000), at(JUNE, 22_200))
    assert (found["method"], found["reading"]) == ("scalar", 25_500)


def test_last_year_without_a_trend_stands_as_it_was() -> None:
    year = [at(date(2025, 6, 1), 2_000), at(date(2025, 7, 1), 5_000)]
    assert estimate(*year, at(JUNE, 22_200))["reading"] == 25_200


def test_average_daily_use_of_the_past_year() -> None:
    """8,000 in 31 days of May: 30 days are 7,741.9, so 7,742. The days before May used 1,000 in 30."""
    found = estimate(at(MAY, 2_000), at(JUNE, 10_000))
    assert (found["method"], found["reading"], found["low"], found["high"]) == ("daily_use", 17_742, 7_741, 7_742)
    found = estimate(at(date(2026, 4, 1), 1_000), at(MAY, 2_000), at(JUNE, 10_000))
    # 9,000 in 61 days: 4,426.2 for 30; the lowest month alone would give 1,000, the highest 7,741.9.
    assert (found["reading"], found["low"], found["high"]) == (14_426, 999, 7_742)


def test_a_new_meter_takes_the_use_of_its_class() -> None:
    others = (at(MAY, 0, name="M2"), at(JUNE, 3_100, name="M2"))  # 100 a day
    found = estimate(at(JUNE, 500, "install"), others=others)
    assert (found["method"], found["reading"], found["low"]) == ("class", 3_500, None)


def test_a_register_rolls_over_in_an_estimate_too() -> None:
    found = estimate(at(MAY, 95_000_000), at(JUNE, 98_100_000))
    assert (found["reading"], found["use"]) == (1_100_000, 3_000_000)


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        ([], "no_reading_before"),
        ([at(JUNE, 500)], "no_method"),
        ([at(JUNE, 50_000), at(date(2026, 7, 11), 40_000)], "read_decreased"),
        ([at(date(2026, 1, 1), 0), at(date(2026, 3, 30), 900)], "too_long"),  # 93 days before the day
        ([at(date(2026, 1, 1), 0), at(date(2026, 3, 31), 900)], None),
    ],
)
def test_what_cannot_be_estimated_says_why(readings: list[Reading], reason: str | None) -> None:
    found = estimate(*readings)
    assert found["reason"] == reason
    assert (found["reading"] is None) == (reason is not None)


def test_no_more_than_so_many_estimates_follow_each_other() -> None:
    past = [at(date(2026, 1, 1), 0), at(date(2026, 2, 1), 3_100)]
    made = [at(date(2026, month, 1), 3_100 * month, "estimate") for month in (3, 4, 5, 6)]
    assert estimate(*past, *made)["reason"] == "too_many_estimates"
    assert estimate(*past, *made[1:])["reason"] is None
    found = before_reading(pl.DataFrame([due()], schema=DUE_SCHEMA), reads(*past, *made), ON)
    assert found.select("from_date", "reading", "successive").rows() == [(JUNE, 18_600, 4)]


def test_the_order_of_methods_is_that_of_the_rule_set() -> None:
    readings = [at(MAY, 2_000), at(JUNE, 10_000)]
    assert estimate(*readings, intervals=5)["method"] == "intervals"
    rules = replace(DEFAULT_RULES, register_methods=("daily_use", "intervals"))
    assert estimate(*readings, intervals=5, rules=rules)["method"] == "daily_use"


@given(
    steps=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 10**9)), min_size=1, max_size=5),
    multiplier=st.sampled_from([1, 7, 400]),
    until=st.integers(1, 60),
    following=st.one_of(st.none(), st.tuples(st.integers(1, 60), st.integers(0, 10**9))),
)
@settings(max_examples=100, deadline=None)
def test_readings_agree_with_fractions(
    steps: list[tuple[int, int]], multiplier: int, until: int, following: tuple[int, int] | None
) -> None:
    last = ON - timedelta(days=until)
    days = [last - timedelta(days=sum(length for length, _ in steps[place:])) for place in range(len(steps))] + [last]
    shown = [sum(step for _, step in steps[:place]) for place in range(len(steps) + 1)]
    readings = [at(day, reading) for day, reading in zip(days, shown, strict=True)]
    if following is not None:
        readings.append(at(ON + timedelta(days=following[0]), shown[-1] + following[1]))
        exact = Fraction(following[1] * until, until + following[0]) * multiplier
    else:
        exact = Fraction(sum(step for _, step in steps) * multiplier * until, sum(length for length, _ in steps))
    rules = replace(DEFAULT_RULES, register_methods=("linear", "daily_use"))
    found = estimate(*readings, rules=rules, dials=12, multiplier=multiplier)
    milli = floor(exact * 1_000)
    step = floor(Fraction(milli, 1_000 * multiplier) + Fraction(1, 2))
    assert (found["reading"], found["use"]) == (shown[-1] + step, step * multiplier)

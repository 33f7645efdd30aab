from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rating_rows import (
    JUNE,
    Row,
    book,
    channel,
    component,
    due,
    factor,
    peak_hours,
    price,
    quantity,
    rating_input,
    reasons,
    season_days,
    usage_row,
    version,
    windows,
)

from model.rating import Rated
from model.tariff import RateBook
from rating.stages import rate


def gas_book(change: date | None = None) -> RateBook:
    versions = [version()] if change is None else [version(valid_to=change), version("t@2", valid_from=change)]
    names = [row["version_id"] for row in versions]
    return book(
        versions=versions,
        quantities=[quantity("m3", name, measure="gas_volume", unit="m3") for name in names],
        components=[component("gas", name, quantity_id="m3") for name in names],
        prices=[price("gas", version_id=name) for name in names],
        season_days=[row for name in names for row in season_days(name)],
        tou_windows=[row for name in names for row in windows(name)],
    )


def rate_usage(usage: list[Row], rate_book: RateBook | None = None, **given_: object) -> Rated:
    channels = [channel(measure="gas_volume", interval_minutes=0)]
    return rate(rating_input(rate_book or gas_book(), [due(**given_)], channels, usage=usage))  # type: ignore[arg-type]


def quantities(rated: Rated) -> list[tuple[int, str]]:
    return rated.lines.select("quantity", "split_method").rows()


def test_two_readings_on_the_boundaries_give_their_difference() -> None:
    assert quantities(rate_usage([usage_row(1, *JUNE, 54_321)])) == [(54_321, "register")]


def test_a_use_that_reaches_over_the_boundaries_is_shared_by_days_and_rounded_down_along_one_curve() -> None:
    # 61 days from 12 May, 1,000 L: 20 days before June, 50 to its end: 819 - 327.
    assert quantities(rate_usage([usage_row(1, date(2026, 5, 12), date(2026, 7, 12), 1_000)])) == [(492, "days")]


def test_a_price_change_shares_a_register_by_days_without_losing_a_litre() -> None:
    change = date(2026, 6, 11)
    rated = rate_usage([usage_row(1, *JUNE, 1_000)], gas_book(change))
    assert quantities(rated) == [(333, "days"), (667, "days")]
    on_reading = [usage_row(1, JUNE[0], change, 10), usage_row(1, change, JUNE[1], 20)]
    assert quantities(rate_usage(on_reading, gas_book(change))) == [(10, "register"), (20, "register")]


def test_an_exchanged_meter_follows_the_one_before() -> None:
    usage = [
        usage_row(1, JUNE[0], date(2026, 6, 9), 100),
        usage_row(1, date(2026, 6, 9), date(2026, 6, 9), 5, meter_id="M2"),
        usage_row(1, date(2026, 6, 9), JUNE[1], 300, meter_id="M3", quality=4, seq=7),
    ]
    rated = rate_usage(usage[:1] + usage[2:])
    assert quantities(rated) == [(400, "register")]
    assert rated.lines.select("is_estimated", "reads_seq").row(0) == (True, 7)
    # Two readings of one day: what they count between them is not lost.
    assert rate_usage(
        [usage[0], usage[1] | {"from_date": date(2026, 6, 8), "to_date": date(2026, 6, 8)}, usage[2]]
    ).lines["quantity"].to_list() == [405]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ([], "start_read_missing"),
        ([usage_row(1, date(2026, 6, 2), JUNE[1], 10)], "start_read_missing"),
        ([usage_row(1, date(2026, 5, 1), date(2026, 5, 31), 10)], "end_read_missing"),
        ([usage_row(1, JUNE[0], date(2026, 6, 30), 10)], "end_read_missing"),
        ([usage_row(1, *JUNE, 10)], None),
        ([usage_row(1, *JUNE, 10, is_rejected=True)], "read_rejected"),
        ([usage_row(1, *JUNE, 10), usage_row(1, JUNE[1], date(2026, 8, 1), 10, is_rejected=True)], None),
        ([usage_row(1, date(2026, 5, 1), JUNE[0], 9, is_rejected=True), usage_row(1, *JUNE, 10)], None),
    ],
)
def test_readings_must_reach_both_boundaries_and_be_accepted(usage: list[Row], expected: str | None) -> None:
    assert reasons(rate_usage(usage)) == ({} if expected is None else {"A1-1": expected})


@given(
    days=st.lists(st.integers(1, 40), min_size=3, max_size=6),
    used=st.lists(st.integers(0, 10**9), min_size=6, max_size=6),
    change=st.integers(1, 29),
)
@settings(max_examples=4, deadline=None)
def test_successive_cycles_bill_exactly_what_the_register_counted(
    days: list[int], used: list[int], change: int
) -> None:
    start = JUNE[0] - timedelta(days=days[0])
    usage, day = [], start
    for length, amount in zip([*days, 90], used, strict=False):
        usage.append(usage_row(1, day, day + timedelta(days=length), amount))
        day += timedelta(days=length)
    bounds = [start, start + timedelta(days=change), start + timedelta(days=change + 17), day]
    bounds = sorted({min(bound, day) for bound in bounds})
    dues = [
        due(first, last, bill_id=f"b{first}", agreement_id="A1-1", cycle_id=str(first))
        for first, last in pairwise(bounds)
    ]
    channels = [channel(measure="gas_volume", interval_minutes=0)]
    rated = rate(rating_input(gas_book(), dues, channels, usage=usage))
    assert rated.lines["quantity"].sum() == sum(row["quantity"] for row in usage)


@pytest.mark.parametrize(("by_tou", "expected"), [(True, {"A1-1": "no_channel"}), (False, {})])
def test_a_register_cannot_be_priced_by_period(by_tou: bool, expected: dict[str, str]) -> None:
    prices = [price("gas", tou=tou) for tou in ("peak", "off")] if by_tou else [price("gas")]
    rate_book = book(
        quantities=[quantity("m3", measure="gas_volume", unit="m3")],
        components=[component("gas", quantity_id="m3", by_tou=by_tou)],
        prices=prices,
        tou_windows=windows(spans=peak_hours),
    )
    assert reasons(rate_usage([usage_row(1, *JUNE, 10)], rate_book)) == expected


def test_a_register_has_no_maximum() -> None:
    rate_book = book(
        quantities=[quantity("kw", agg="max", measure="gas_volume")],
        components=[component("demand", quantity_id="kw", is_peak=True)],
        prices=[price("demand")],
    )
    rated = rate_usage([usage_row(1, *JUNE, 10)], rate_book)
    assert rated.parked.select("reason", "detail").row(0) == (
        "no_channel", "quantity kw needs intervals (a maximum), channel 1 is a register without them",
    )  # fmt: skip


def heated_book(change: date, weights: dict[date, int]) -> RateBook:
    """Gas of which each day has the share of its degree days."""
    plain = gas_book(change)
    names = plain.versions["version_id"].to_list()
    degree_days = [
        factor("degree_days", weight * 10**9, day, day + timedelta(days=1)) for day, weight in sorted(weights.items())
    ]
    return book(
        versions=plain.versions.to_dicts(),
        quantities=[
            quantity("m3", name, measure="gas_volume", unit="m3", split_factor="degree_days") for name in names
        ],
        components=plain.components.to_dicts(), prices=plain.prices.to_dicts(),
        season_days=plain.season_days.to_dicts(), tou_windows=plain.tou_windows.to_dicts(), factors=degree_days,
    )  # fmt: skip


CHANGE = date(2026, 6, 16)


def june_weights(cold: int, warm: int) -> dict[date, int]:
    return {date(2026, 6, day): cold if day < 16 else warm for day in range(1, 31)}


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        # 15 days of 2 and 15 of 1: 100 x 30 / 45 = 66.7, rounded down along the curve, and the rest.
        (june_weights(2, 1), [(66, "weights"), (34, "weights")]),
        (june_weights(0, 7), [(0, "weights"), (100, "weights")]),
        # No degree day at all, as in summer: by days.
        (june_weights(0, 0), [(50, "days"), (50, "days")]),
    ],
)
def test_use_between_readings_is_shared_by_degree_days(weights: dict[date, int], parts: list[tuple[int, str]]) -> None:
    rated = rate_usage([usage_row(1, *JUNE, 100)], heated_book(CHANGE, weights))
    assert quantities(rated) == parts


def test_a_day_without_its_weight_is_parked() -> None:
    weights = june_weights(2, 1)
    del weights[date(2026, 6, 20)]
    rated = rate_usage([usage_row(1, *JUNE, 100)], heated_book(CHANGE, weights))
    assert reasons(rated) == {"A1-1": "no_factor"}


@st.composite
def heated(draw: st.DrawFn) -> tuple[list[Row], date, dict[date, int]]:
    """Readings that cover June, a day on which the price changes, and a weight for every day from first to last."""
    before, after = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    first, last = JUNE[0] - timedelta(days=before), JUNE[1] + timedelta(days=after)
    inner = draw(st.sets(st.integers(1, (last - first).days - 1), max_size=3))
    days = [first, *(first + timedelta(days=place) for place in sorted(inner)), last]
    usage = [usage_row(1, begin, end, draw(st.integers(0, 10**7))) for begin, end in pairwise(days)]
    weight = st.sampled_from([0, 0, 1, 3, 17])
    weights = {first + timedelta(days=place): draw(weight) for place in range((last - first).days)}
    return usage, JUNE[0] + timedelta(days=draw(st.integers(1, 29))), weights


def shares(row: Row, begin: date, end: date, weights: dict[date, int]) -> tuple[int, bool]:
    """What of one use falls on [begin, end), and whether by weights: day by day, in whole fractions."""
    first, last = row["from_date"], row["to_date"]
    begin, end = max(begin, first), min(end, last)
    if begin >= end:
        return 0, False
    dates = [first + timedelta(days=place) for place in range((last - first).days)]
    is_weighted = (begin, end) != (first, last) and any(weights[day] for day in dates)
    worth = {day: Fraction(weights[day] if is_weighted else 1) for day in dates}
    whole = sum(worth.values())
    to_begin, to_end = (
        row["quantity"] * sum(worth[day] for day in dates if day < edge) / whole for edge in (begin, end)
    )
    return int(to_end) - int(to_begin), is_weighted


@given(heated())
@settings(max_examples=60, deadline=None)
def test_use_shared_by_degree_days_is_that_of_its_slow_twin(case: tuple[list[Row], date, dict[date, int]]) -> None:
    usage, change, weights = case
    expected = []
    for begin, end in ((JUNE[0], change), (change, JUNE[1])):
        parts = [shares(row, begin, end, weights) for row in usage]
        is_whole = {begin, end} <= {row[edge] for row in usage for edge in ("from_date", "to_date")}
        by_weights = "weights" if any(is_weighted for _, is_weighted in parts) else "days"
        expected.append((sum(share for share, _ in parts), "register" if is_whole else by_weights))
    assert quantities(rate_usage(usage, heated_book(change, weights))) == expected

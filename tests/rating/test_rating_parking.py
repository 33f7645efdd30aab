from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest
from rating_rows import (
    JUNE,
    Row,
    amounts,
    book,
    channel,
    component,
    day_row,
    day_rows,
    due,
    price,
    quantity,
    rate_flat_days,
    rating_input,
    reasons,
    season_days,
    version,
    windows,
)

from model.codes import ParkReason
from rating import determinants
from rating.coverage import incomplete
from rating.parking import OWNER
from rating.stages import rate

FLAT = {"components": [component()], "prices": [price()]}
DAY = date(2026, 6, 10)


def parked_detail(days: list[Row], channels: list[Row] | None = None) -> list[tuple[str, str]]:
    rated = rate(rating_input(book(**FLAT), [due()], [channel()] if channels is None else channels, {15: days}))
    return rated.parked.select("reason", "detail").rows()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda row: None,
        lambda row: row | {"worst": 8},
        lambda row: row | {"v95": None},
        lambda row: row | {"n": 95},
        lambda row: row | {"n": 100},
    ],
    ids=["no row", "worst quality is missing", "a null slot", "a slot short", "slots too many"],
)
def test_a_day_without_all_its_intervals_parks_the_agreement(spoil: Callable[[Row], Row | None]) -> None:
    rows = [row if row["day"] != DAY else spoil(row) for row in day_rows(1, *JUNE, 100)]
    found = parked_detail([row for row in rows if row is not None])
    assert found == [("intervals_missing", "channel 1: intervals are missing on 1 days, the first is 2026-06-10")]


@pytest.mark.parametrize(
    ("from_date", "to_date", "first_read", "is_asked"),
    [
        (None, None, JUNE[0], False),
        (None, None, DAY, True),
        (DAY, None, DAY, False),
        (None, DAY, JUNE[0], False),
        (date(2026, 6, 9), None, DAY, True),
    ],
)
def test_days_are_looked_for_one_by_one_only_where_some_are_missing(
    monkeypatch: pytest.MonkeyPatch, from_date: date | None, to_date: date | None, first_read: date, is_asked: bool
) -> None:
    asked = []
    monkeypatch.setattr(determinants, "incomplete", lambda *given: asked.append(given) or incomplete(*given))
    mine = [channel(from_date=from_date, to_date=to_date), channel(2)]
    rows = day_rows(1, first_read, to_date or JUNE[1], 100) + day_rows(2, *JUNE, 100)
    found = [reason for reason, _ in parked_detail(rows, mine)]
    assert (bool(asked), "intervals_missing" in found) == (is_asked, is_asked)


def test_a_null_beyond_the_last_slot_of_the_day_is_no_gap() -> None:
    assert parked_detail(day_rows(1, *JUNE, 100)) == []


def test_all_days_are_missing_when_no_read_has_come() -> None:
    assert parked_detail([]) == [
        ("intervals_missing", "channel 1: intervals are missing on 30 days, the first is 2026-06-01")
    ]


@pytest.mark.parametrize(("worst", "is_estimated"), [(0, False), (1, False), (2, True), (4, True), (7, True)])
def test_a_line_is_estimated_when_a_slot_is_substituted_or_worse(worst: int, is_estimated: bool) -> None:
    days = day_rows(1, *JUNE, 100)
    days[3] |= {"worst": worst, "seq": 42}
    rated = rate(rating_input(book(**FLAT), [due()], [channel()], {15: days}))
    assert rated.lines.select("is_estimated", "reads_seq").rows() == [(is_estimated, 42)]


def test_a_quantity_without_channel_parks_unless_it_is_optional() -> None:
    assert parked_detail([], channels=[]) == [
        ("no_channel", "quantity kwh needs a channel of import_energy, service point S1 has none")
    ]
    charges = [component(), component("supply", kind="daily", position=2)]
    prices = [price(), price("supply", 1_000_000_000)]
    optional = book(quantities=[quantity(is_optional=True)], components=charges, prices=prices)
    rated = rate(rating_input(optional, [due()], []))
    assert amounts(rated) == [("supply", "", 0, 30, 3000)]  # what is not measured has no line


@pytest.mark.parametrize(
    ("versions", "days"),
    [
        ([version(valid_from=date(2026, 6, 2))], "2026-06-01 to 2026-06-01"),
        ([version(valid_to=date(2026, 6, 30))], "2026-06-30 to 2026-06-30"),
        ([version(valid_to=date(2026, 6, 5)), version("t@2", valid_from=date(2026, 6, 8), valid_to=date(2026, 6, 20))],
         "2026-06-05 to 2026-06-07, 2026-06-20 to 2026-06-30"),
        ([version(tariff_id="other")], "2026-06-01 to 2026-06-30"),
    ],
)  # fmt: skip
def test_days_without_a_tariff_version_are_named(versions: list[Row], days: str) -> None:
    tables = {"season_days": season_days() + season_days("t@2"), "tou_windows": windows() + windows("t@2")}
    rated = rate_flat_days(book(versions=versions, **FLAT, **tables), 100)
    assert rated.parked.select("reason", "detail", "stage", "owner").rows() == [
        ("no_tariff_version", f"tariff t has no version for {days}; expected one for every day", "segments", "tariffs")
    ]


def test_a_version_without_an_end_holds_until_the_next() -> None:
    tables = {
        "versions": [version(), version("t@2", valid_from=DAY)],
        "quantities": [quantity(), quantity(version_id="t@2")],
        "components": [component(), component(version_id="t@2")],
        "prices": [price(), price(version_id="t@2")],
        "season_days": season_days() + season_days("t@2"),
        "tou_windows": windows() + windows("t@2"),
    }
    assert rate_flat_days(book(**tables), 100).segments["days"].to_list() == [9, 21]


def test_a_tariff_in_another_currency_parks_the_agreement() -> None:
    rated = rate_flat_days(book(**FLAT), 100, currency="NZD")
    assert rated.parked.select("reason", "detail").rows() == [
        ("currency_mismatch", "tariff version t@1 prices in AUD, the account is kept in NZD")
    ]


def test_a_period_without_price_parks_the_agreement_only_when_it_occurs() -> None:
    def spans(season: str, day_class: int) -> list[tuple[int, int, str]]:
        return [(0, 1440, "weekend" if day_class in (6, 7) else "week")]

    rate_book = book(components=[component(by_tou=True)], prices=[price(tou="week")], tou_windows=windows(spans=spans))
    week = rate_flat_days(rate_book, 100, start=date(2026, 6, 1), end=date(2026, 6, 6))
    assert reasons(week) == {}
    with_saturday = rate_flat_days(rate_book, 100, start=date(2026, 6, 1), end=date(2026, 6, 7))
    assert with_saturday.parked.select("reason", "detail").rows() == [
        ("no_price", "charge energy of version t@1 has no price for season ``, period `weekend` from 2026-06-01")
    ]


def test_a_bill_is_whole_or_not_at_all() -> None:
    dues = [
        due(agreement_id="A1-1"), due(agreement_id="A1-2", service_point_id="S2"),
        due(account_id="A2", agreement_id="A2-1"),
    ]  # fmt: skip
    channels = [channel(1, "A1-1"), channel(2, "A1-2"), channel(3, "A2-1")]
    days = [row for number in (1, 3) for row in day_rows(number, *JUNE, 100)]
    rated = rate(rating_input(book(**FLAT), dues, channels, {15: days}))
    assert rated.lines["agreement_id"].to_list() == ["A2-1"]
    assert rated.determinants["agreement_id"].to_list() == ["A2-1"]
    assert rated.parked.select("agreement_id", "reason", "detail").rows() == [
        ("A1-1", "sibling_parked", "agreement A1-2 of the same bill is parked: intervals_missing"),
        ("A1-2", "intervals_missing", "channel 2: intervals are missing on 30 days, the first is 2026-06-01"),
    ]


def test_a_maximum_over_channels_of_different_lengths_is_parked() -> None:
    rate_book = book(
        quantities=[quantity("kw", agg="max")],
        components=[component("demand", quantity_id="kw", is_peak=True)],
        prices=[price("demand")],
    )
    days = {15: day_rows(1, *JUNE, 1), 30: [day_row(2, row["day"], 1, minutes=30) for row in day_rows(1, *JUNE, 1)]}
    rated = rate(rating_input(rate_book, [due()], [channel(1), channel(2, interval_minutes=30)], days))
    assert rated.parked.select("reason", "detail").rows() == [
        ("no_channel", "maximum kw needs channels of one interval length, found 15 and 30 minutes")
    ]


def test_nothing_due_gives_empty_tables() -> None:
    rated = rate(rating_input(book(**FLAT), [], []))
    assert [len(frame) for frame in (rated.segments, rated.slices, rated.determinants, rated.lines, rated.parked)] == [
        0
    ] * 5


def test_every_reason_has_an_owner() -> None:
    assert set(OWNER) == set(ParkReason)
    assert pl.Series(list(OWNER.values())).is_in(["metering", "tariffs", "accounts", "billing"]).all()

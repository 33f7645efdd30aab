"""Events and interval prices: files read, recorded in two times, and cut at civil days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tariff_sheets import SAMPLES

from model.errors import InputError
from model.facts import fact_table_sql
from model.feeds import FEEDS
from model.tariff import RateBook
from model.zones import day_slots, day_start_utc
from tariffs.compile import compile_tariffs
from tariffs.dated_csv import RowsAdded
from tariffs.events import add_events, list_events
from tariffs.feeds import with_feeds
from tariffs.interval_prices import add_prices, list_prices

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
TUESDAY = datetime(2026, 6, 2, 8, tzinfo=UTC)
OSLO, CHICAGO, ADELAIDE, KOLKATA = "Europe/Oslo", "America/Chicago", "Australia/Adelaide", "Asia/Kolkata"


def opened_tables() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect()
    opened.execute("SET TimeZone = 'UTC'")
    for name in FEEDS:
        opened.execute(fact_table_sql(name))
    return opened


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    opened = opened_tables()
    yield opened
    opened.close()


def call(connection: duckdb.DuckDBPyConnection, rows: str, at: datetime = MONDAY, header: str = "") -> RowsAdded:
    text = (header or "event_series,start,end,source") + "\n" + rows
    return add_events(connection, text.encode(), "events.csv", recorded_at=at)


def publish(connection: duckdb.DuckDBPyConnection, rows: str, at: datetime = MONDAY, more: str = "") -> RowsAdded:
    text = f"series_id,start,value,source{more}\n{rows}"
    return add_prices(connection, text.encode(), "prices.csv", recorded_at=at)


def hourly(first: str, *values: object, series: str = "spot", minutes: int = 60) -> str:
    """Rows of a series from an instant on."""
    start = datetime.fromisoformat(first)
    return "".join(
        f"{series},{(start + timedelta(minutes=place * minutes)).isoformat()},{value},exchange\n"
        for place, value in enumerate(values)
    )


def using(*series: str) -> RateBook:
    """A rate book whose versions use these series of events and prices."""
    book = compile_tariffs([])
    called = pl.DataFrame([{"version_id": "t", "tou": "e", "event_series": name, "position": 1} for name in series])
    priced = pl.DataFrame({"series_id": list(series)})
    quantities = pl.concat([book.quantities, priced], how="diagonal")
    return RateBook(
        **(book.frames() | {"event_windows": called, "quantities": quantities})  # type: ignore[arg-type]
    )


def fed(
    connection: duckdb.DuckDBPyConnection, tz_name: str, start: date, end: date, known_at: datetime | None = None,
    series: tuple[str, ...] = ("op", "spot"),
) -> RateBook:  # fmt: skip
    periods = pl.DataFrame({"tz_name": [tz_name], "start_date": [start], "end_date": [end]})
    return with_feeds(connection, using(*series), periods, known_at=known_at)


def events(book: RateBook) -> list[tuple[Any, ...]]:
    return book.events.select("day", "from_minute", "to_minute").rows()


def prices(book: RateBook) -> dict[date, tuple[int, list[int | None]]]:
    return {row[0]: row[1:] for row in book.series_days.select("day", "interval_minutes", "values_e9").rows()}


def test_an_event_is_told_by_offset_or_on_the_clock_of_a_zone(connection: duckdb.DuckDBPyConnection) -> None:
    rows = (
        "op,2026-07-14T16:00:00-05:00,2026-07-14T21:00:00-05:00,notice 1,\n"
        "op,2026-07-15 16:00,2026-07-15 21:00,notice 2,America/Chicago\n"
        "op,2026-07-16T21:00Z,2026-07-17T02:00Z,notice 3,Europe/Oslo\n"
    )
    added = call(connection, rows, header="event_series,start,end,source,zone")
    assert (added.new, added.rejected.height) == (3, 0)
    assert events(fed(connection, CHICAGO, date(2026, 7, 1), date(2026, 8, 1))) == [
        (date(2026, 7, 14), 960, 1260), (date(2026, 7, 15), 960, 1260), (date(2026, 7, 16), 960, 1260),
    ]  # fmt: skip


def test_an_event_is_cut_at_midnight_of_the_customers_zone(connection: duckdb.DuckDBPyConnection) -> None:
    call(connection, "op,2026-07-14T20:00-05:00,2026-07-14T22:00-05:00,x\n")
    # 01:00 to 03:00 in UTC: 06:30 to 08:30 in India, 10:30 to 12:30 in Adelaide, past midnight to 23:00 + 3 in Oslo.
    assert events(fed(connection, KOLKATA, date(2026, 7, 14), date(2026, 7, 16))) == [(date(2026, 7, 15), 390, 510)]
    call(connection, "op,2026-07-20T23:00+02:00,2026-07-21T01:30+02:00,x\n")
    assert events(fed(connection, OSLO, date(2026, 7, 20), date(2026, 7, 22))) == [
        (date(2026, 7, 20), 1380, 1440), (date(2026, 7, 21), 0, 90),
    ]  # fmt: skip
    assert events(fed(connection, OSLO, date(2026, 7, 21), date(2026, 7, 22))) == [(date(2026, 7, 21), 0, 90)]


def test_the_hour_that_comes_twice_is_told_apart(connection: duckdb.DuckDBPyConnection) -> None:
    call(connection, "op,2022-11-06T01:00-06:00,2022-11-06T02:00-06:00,the second one\n")
    assert events(fed(connection, CHICAGO, date(2022, 11, 6), date(2022, 11, 7))) == [(date(2022, 11, 6), 120, 180)]


def test_an_event_is_corrected_called_off_and_known_as_of_before(connection: duckdb.DuckDBPyConnection) -> None:
    july = (CHICAGO, date(2026, 7, 1), date(2026, 8, 1))
    first = "op,2026-07-14T16:00-05:00,2026-07-14T21:00-05:00,x\nop,2026-07-15T16:00-05:00,2026-07-15T18:00-05:00,x\n"
    call(connection, first)
    again = call(connection, first, TUESDAY)
    assert (again.new, again.changed, again.same) == (0, 0, 2)
    changed = call(
        connection, "op,2026-07-14T16:00-05:00,2026-07-14T20:00-05:00,y\nop,2026-07-15T21:00Z,cancelled,y\n", TUESDAY
    )
    assert (changed.new, changed.changed, changed.same) == (0, 2, 0)
    assert events(fed(connection, *july)) == [(date(2026, 7, 14), 960, 1200)]
    assert events(fed(connection, *july, known_at=MONDAY)) == [
        (date(2026, 7, 14), 960, 1260), (date(2026, 7, 15), 960, 1080),
    ]  # fmt: skip
    assert events(fed(connection, *july, known_at=MONDAY - timedelta(1))) == []
    utc = [datetime(2026, 7, 14, 21, tzinfo=UTC), datetime(2026, 7, 15, 1, tzinfo=UTC)]
    assert list_events(connection).rows() == [("op", 1, 1, *utc)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Op!,2026-07-14T16:00Z,2026-07-14T17:00Z,x,", "bad_event_series"),
        ("op,2026-07-14T16:00,2026-07-14T17:00,x,", "bad_time"),  # neither offset nor zone
        ("op,2026-07-14T16:00,2026-07-14T17:00,x,Mars/Base", "bad_zone"),
        ("op,2022-11-06T01:30,2022-11-06T04:00,x,America/Chicago", "bad_time"),  # the clock shows it twice
        ("op,2022-03-13T02:30,2022-03-13T04:00,x,America/Chicago", "bad_time"),  # the clock never shows it
        ("op,2026-07-14T16:00:30Z,2026-07-14T17:00Z,x,", "bad_time"),
        ("op,2026-02-30T16:00Z,2026-07-14T17:00Z,x,", "bad_time"),
        ("op,2026-07-14T16:00Z,later,x,", "bad_time"),
        ("op,2026-07-14T16:00Z,,x,", "bad_time"),
        ("op,2026-07-14T16:00Z,2026-07-14T16:00Z,x,", "empty_period"),
        ("op,2026-07-14T16:00Z,2026-07-14T17:00Z,,", "source_missing"),
        ("op,2026-07-10T01:00+01:00,2026-07-10T02:00Z,x,", "doubled"),
        ("op,2026-07-10T02:59Z,2026-07-10T04:00Z,x,", "overlap"),
        ("op,2026-07-11T02:59Z,2026-07-11T04:00Z,x,", "overlap"),
        ("op,2026-07-11T01:00Z,2026-07-11T02:01Z,x,", "overlap"),
    ],
)
def test_an_event_that_cannot_be_used_is_rejected_with_its_line(
    connection: duckdb.DuckDBPyConnection, row: str, reason: str
) -> None:
    header = "event_series,start,end,source,zone"
    call(connection, "op,2026-07-11T02:00Z,2026-07-11T03:00Z,x,\n", header=header)
    added = call(connection, f"op,2026-07-10T00:00Z,2026-07-10T03:00Z,x,\n{row}\n", TUESDAY, header=header)
    lines = added.rejected.select("line", "reason").rows()
    assert (3, reason) in lines
    assert added.new == (0 if (2, "overlap") in lines else 1)


def test_events_that_meet_do_not_overlap_and_one_may_move_when_it_is_called_off(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    rows = "op,2026-07-10T00:00Z,2026-07-10T03:00Z,x\nop,2026-07-10T03:00Z,2026-07-10T05:00Z,x\n"
    assert call(connection, rows).rejected.is_empty()
    moved = call(connection, "op,2026-07-10T00:00Z,cancelled,y\nop,2026-07-10T00:30Z,2026-07-10T03:00Z,y\n", TUESDAY)
    assert (moved.new, moved.changed, moved.rejected.height) == (1, 1, 0)


@pytest.mark.parametrize("data", [b"", b"event_series,start\nop,1\n", b"event_series,start,end,source,place\n"])
def test_a_file_that_is_no_list_of_events_is_refused(connection: duckdb.DuckDBPyConnection, data: bytes) -> None:
    expected = (
        r"events\.csv: expected a CSV file with the columns event_series, start, end, source and, if need be, zone"
    )
    with pytest.raises(InputError, match=expected):
        add_events(connection, data, "events.csv", recorded_at=MONDAY)


def test_prices_of_an_hour_lie_on_the_civil_day_of_the_customer(connection: duckdb.DuckDBPyConnection) -> None:
    day = date(2026, 6, 8)
    added = publish(connection, hourly("2026-06-08T00:00+02:00", *range(-3, 21)))
    assert (added.new, added.changed, added.same, added.rejected.height) == (24, 0, 0, 0)
    assert prices(fed(connection, OSLO, day, day + timedelta(1))) == {
        day: (60, [number * 10**9 for number in range(-3, 21)])
    }
    # Hours of UTC cut the days of India at half hours: hour 1 begins at half past three there.
    found = prices(fed(connection, KOLKATA, day, day + timedelta(1)))[day]
    assert found[0] == 30
    assert found[1][:7] == [None] * 7 and found[1][7:10] == [-3 * 10**9] * 2 + [-2 * 10**9]


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_on_which_the_clock_changes_has_its_own_number_of_prices(
    connection: duckdb.DuckDBPyConnection, day: date, hours: int
) -> None:
    publish(connection, hourly(day_start_utc(OSLO, day).isoformat(), *range(hours)))
    assert prices(fed(connection, OSLO, day, day + timedelta(1))) == {
        day: (60, [number * 10**9 for number in range(hours)])
    }


def test_market_time_is_laid_on_the_days_of_another_zone(connection: duckdb.DuckDBPyConnection) -> None:
    # Half hours of UTC+10; Adelaide is half an hour behind, so its day begins in the second of them.
    publish(connection, hourly("2026-06-08T00:00+10:00", *range(50), minutes=30))
    found = prices(fed(connection, ADELAIDE, date(2026, 6, 8), date(2026, 6, 9)))
    assert found == {date(2026, 6, 8): (30, [number * 10**9 for number in range(1, 49)])}


def test_a_day_with_intervals_of_two_lengths_has_the_shorter_ones(connection: duckdb.DuckDBPyConnection) -> None:
    publish(connection, hourly("2026-06-08T00:00Z", 1, 2))
    publish(connection, hourly("2026-06-08T02:00Z", *range(3, 91), minutes=15), TUESDAY)
    minutes, values = prices(fed(connection, "UTC", date(2026, 6, 8), date(2026, 6, 9)))[date(2026, 6, 8)]
    assert minutes == 15
    assert values == [10**9] * 4 + [2 * 10**9] * 4 + [number * 10**9 for number in range(3, 91)]


def test_a_price_is_corrected_and_the_old_one_known_as_of_before(connection: duckdb.DuckDBPyConnection) -> None:
    day = date(2026, 6, 8)
    publish(connection, hourly("2026-06-08T00:00Z", *[1] * 24))
    again = publish(connection, hourly("2026-06-08T00:00Z", *[1] * 24), TUESDAY)
    assert (again.new, again.changed, again.same) == (0, 0, 24)
    assert connection.execute("SELECT count(*) FROM interval_prices").fetchall() == [(1,)]
    changed = publish(connection, "spot,2026-06-08T05:00Z,7.5,correction,60\n", TUESDAY, ",interval_minutes")
    assert (changed.new, changed.changed, changed.same) == (0, 1, 0)
    now, then = (fed(connection, "UTC", day, day + timedelta(1), known_at=at) for at in (None, MONDAY))
    assert prices(now)[day][1] == [10**9] * 5 + [75 * 10**8] + [10**9] * 18
    assert prices(then)[day][1] == [10**9] * 24
    assert connection.execute("SELECT source FROM interval_prices WHERE superseded_at IS NULL").fetchall() == [
        ("correction; exchange",)
    ]


def test_missing_prices_stay_missing(connection: duckdb.DuckDBPyConnection) -> None:
    publish(connection, hourly("2026-06-08T00:00Z", 1, 2) + hourly("2026-06-08T04:00Z", 5))
    found = prices(fed(connection, "UTC", date(2026, 6, 8), date(2026, 6, 10)))
    assert found == {date(2026, 6, 8): (60, [10**9, 2 * 10**9, None, None, 5 * 10**9] + [None] * 19)}
    first, last = datetime(2026, 6, 8, tzinfo=UTC), datetime(2026, 6, 8, 5, tzinfo=UTC)
    assert list_prices(connection).rows() == [("spot", 60, 3, first, last)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Spot,2026-06-08T06:00Z,1,x,60", "bad_series_id"),
        ("spot,2026-06-08T06:00,1,x,60", "bad_time"),
        ("spot,2026-06-08T06:07Z,1,x,60", "bad_time"),
        ("spot,2026-06-08T06:00Z,1,x,20", "bad_interval"),
        ("other,2026-06-08T06:00Z,1,x,", "bad_interval"),  # one row tells no step
        ("spot,2026-06-08T06:00Z,,x,60", "bad_value"),
        ("spot,2026-06-08T06:00Z,1e3,x,60", "bad_value"),
        ("spot,2026-06-08T06:00Z,1,,60", "source_missing"),
        ("spot,2026-06-08T02:00+02:00,1,x,60", "doubled"),
        ("spot,2026-06-08T00:30Z,1,x,30", "overlap"),
        ("spot,2026-06-08T03:15Z,1,x,15", "overlap"),
        ("spot,2026-06-08T02:30Z,1,x,60", "overlap"),
    ],
)
def test_a_price_that_cannot_be_used_is_rejected_with_its_line(
    connection: duckdb.DuckDBPyConnection, row: str, reason: str
) -> None:
    publish(connection, "spot,2026-06-08T03:00Z,1,x,60\n", more=",interval_minutes")
    added = publish(connection, f"spot,2026-06-08T00:00Z,1,x,60\n{row}\n", TUESDAY, ",interval_minutes")
    assert (3, reason) in added.rejected.select("line", "reason").rows()


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_prices_recorded_in_any_parts_are_those_of_one_file(data: st.DataObject) -> None:
    """Each civil day has the price of the interval in which each of its minutes lies."""
    tz_name = data.draw(st.sampled_from([OSLO, CHICAGO, ADELAIDE, KOLKATA, "Australia/Lord_Howe", "Asia/Kathmandu"]))
    day = data.draw(st.sampled_from([date(2026, 3, 29), date(2026, 4, 5), date(2026, 10, 4), date(2026, 11, 1)]))
    minutes = data.draw(st.sampled_from([5, 15, 30, 60]))
    begins = day_start_utc(tz_name, day)
    length = 5 * day_slots(tz_name, day, 5)
    count = -(-length // minutes)
    values = data.draw(st.lists(st.integers(1 - 10**9, 10**9 - 1), min_size=count, max_size=count))
    rows = hourly(begins.isoformat(), *values, minutes=minutes).splitlines(keepends=True)
    opened = opened_tables()
    places = data.draw(st.permutations(range(len(rows))))
    half = data.draw(st.integers(0, len(rows)))
    for some in (places[:half], places[half:]):
        stated = "".join(f"{rows[place].strip()},{minutes}\n" for place in sorted(some))
        added = publish(opened, stated, more=",interval_minutes")
        assert added.rejected.is_empty()
    found = prices(fed(opened, tz_name, day, day + timedelta(1))).get(day)
    opened.close()
    assert found is not None
    part, slots = found
    for place, value in enumerate(slots):
        at = place * part // minutes
        is_cut = (at + 1) * minutes > length  # an interval that reaches over the end of the day
        assert value == (None if is_cut else values[at] * 10**9)


def test_a_book_that_uses_no_series_gets_none(connection: duckdb.DuckDBPyConnection) -> None:
    call(connection, "op,2026-07-14T16:00Z,2026-07-14T17:00Z,x\n")
    publish(connection, hourly("2026-06-08T00:00Z", *[1] * 24))
    book = fed(connection, "UTC", date(2026, 6, 1), date(2026, 8, 1), series=("other",))
    assert book.events.is_empty() and book.series_days.is_empty()


def test_the_sample_files_are_taken_whole(connection: duckdb.DuckDBPyConnection) -> None:
    events_file = add_events(connection, (SAMPLES / "events.csv").read_bytes(), "events.csv", recorded_at=MONDAY)
    prices_file = add_prices(connection, (SAMPLES / "day-ahead.csv").read_bytes(), "day-ahead.csv", recorded_at=MONDAY)
    assert (events_file.new, events_file.rejected.height) == (2, 0)
    assert (prices_file.new, prices_file.rejected.height) == (24, 0)

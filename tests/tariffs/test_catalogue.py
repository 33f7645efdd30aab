from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import duckdb
import polars as pl
import pytest
from tariff_sheets import SAMPLES, SHEET, sheet

from model.errors import InputError, TariffError
from model.facts import fact_table_sql
from model.feeds import FEEDS
from model.tariff import RATE_BOOK_TABLES
from store.control import query
from tariffs.approval import Decision, approve_tariff
from tariffs.catalogue import add_tariff, load_rate_book, load_tariff, tables_ddl
from tariffs.dated_csv import RowsAdded
from tariffs.factors import add_factors, load_factors
from tariffs.states import version_states

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
TUESDAY = datetime(2026, 6, 2, 8, tzinfo=UTC)
WEDNESDAY = datetime(2026, 6, 3, 8, tzinfo=UTC)
HEADER = "factor_id,valid_from,valid_to,value,source\n"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    opened = duckdb.connect()
    opened.execute("SET TimeZone = 'UTC'")
    for statement in (*tables_ddl(), *(fact_table_sql(name) for name in FEEDS)):
        opened.execute(statement)
    yield opened
    opened.close()


def supply_price(connection: duckdb.DuckDBPyConnection, known_at: datetime | None = None) -> int:
    prices = load_rate_book(connection, known_at=known_at).prices
    return int(prices.filter(pl.col("component_id") == "supply")["price_e9"].item())


def add(connection: duckdb.DuckDBPyConnection, text: str, at: datetime) -> str:
    """Add a text as one person and approve it as another."""
    added = add_tariff(connection, text, "sample.toml", recorded_at=at, recorded_by="ana")
    approve_tariff(connection, added.tariff_id, Decision("mira", at, {}, waiver="the test proves it"))
    return added.outcome


def put(connection: duckdb.DuckDBPyConnection, rows: str, at: datetime = MONDAY) -> RowsAdded:
    return add_factors(connection, (HEADER + rows).encode(), "factors.csv", recorded_at=at, recorded_by="ana")


def test_adding_the_same_file_twice_changes_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    assert add(connection, SHEET, MONDAY) == "new"
    before = query(connection, "SELECT * FROM tariff_file")
    assert add(connection, SHEET, TUESDAY) == "unchanged"
    assert query(connection, "SELECT * FROM tariff_file").equals(before)


def test_a_changed_file_supersedes_and_the_old_one_is_known_as_of_before(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    add(connection, SHEET, MONDAY)
    assert add(connection, sheet(("price = 1.10", "price = 1.20")), TUESDAY) == "changed"
    assert supply_price(connection) == 1_200_000_000
    assert supply_price(connection, known_at=TUESDAY) == 1_200_000_000
    assert supply_price(connection, known_at=MONDAY) == 1_100_000_000
    assert connection.execute("SELECT count(*) FROM tariff_file").fetchall() == [(2,)]


def test_a_text_that_waited_for_the_lock_is_not_learned_before_the_one_it_replaces(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    add(connection, SHEET, TUESDAY)
    assert add(connection, sheet(("price = 1.10", "price = 1.20")), MONDAY) == "changed"
    assert supply_price(connection) == supply_price(connection, known_at=TUESDAY) == 1_200_000_000
    assert load_rate_book(connection, known_at=MONDAY).versions.is_empty()


def test_nothing_was_known_before_the_first_file(connection: duckdb.DuckDBPyConnection) -> None:
    add(connection, SHEET, TUESDAY)
    assert load_rate_book(connection, known_at=MONDAY).versions.is_empty()


def test_a_refused_file_is_not_recorded(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(TariffError):
        add(connection, sheet(("price = 1.10", "prise = 1.10")), MONDAY)
    assert connection.execute("SELECT count(*) FROM tariff_file").fetchall() == [(0,)]


def test_the_rate_book_holds_all_tariffs_whatever_the_order_of_adding(connection: duckdb.DuckDBPyConnection) -> None:
    for path in sorted(SAMPLES.glob("*.toml"), reverse=True):
        text = path.read_text(encoding="utf-8")
        added = add_tariff(connection, text, path.name, recorded_at=MONDAY, recorded_by="ana")
        approve_tariff(connection, added.tariff_id, Decision("mira", MONDAY, {added.content_hash: None}))
    book = load_rate_book(connection)
    # Fourteen of tariffs, and two of res-green: its rider changes once. The rider alone has none.
    assert book.versions.height == 16
    assert "green-energy" not in book.versions["tariff_id"].to_list()
    assert book.versions["version_id"].is_sorted()
    assert book.versions["version_id"].n_unique() == 16
    listed = version_states(connection)
    assert [one.file_name for one in listed[:2]] == ["biz-demand.toml", "biz-large.toml"]
    assert set(book.frames()) == set(RATE_BOOK_TABLES)


def test_a_tariff_is_read_back_as_it_was_written(connection: duckdb.DuckDBPyConnection) -> None:
    add(connection, SHEET, MONDAY)
    assert load_tariff(connection, "sample").title == "Sample"


def test_a_tariff_that_is_not_there_is_named_with_one_spelt_alike(connection: duckdb.DuckDBPyConnection) -> None:
    add(connection, SHEET, MONDAY)
    with pytest.raises(TariffError, match="tariff `samples`: expected a tariff of the catalogue, found none") as caught:
        load_tariff(connection, "samples")
    assert caught.value.hint == "did you mean `sample`?"


def test_a_factor_without_values_is_a_warning_and_no_error(connection: duckdb.DuckDBPyConnection) -> None:
    text = (SAMPLES / "biz-demand.toml").read_text(encoding="utf-8")
    first = add_tariff(connection, text, "biz-demand.toml", recorded_at=MONDAY, recorded_by="ana")
    assert first.warnings == (
        "tariff `biz-demand`: factor `fuel_clause_aud_kwh` has no values yet; add them before the first bill",
    )
    data = (SAMPLES / "factors.csv").read_bytes()
    added = add_factors(connection, data, "factors.csv", recorded_at=MONDAY, recorded_by="ana")
    assert (added.new, added.changed, added.same, added.rejected.height) == (2, 0, 0, 0)
    assert add_tariff(connection, text, "biz-demand.toml", recorded_at=TUESDAY, recorded_by="ana").warnings == ()


def test_the_sample_factors_change_on_11_october(connection: duckdb.DuckDBPyConnection) -> None:
    data = (SAMPLES / "factors.csv").read_bytes()
    add_factors(connection, data, "factors.csv", recorded_at=MONDAY, recorded_by="ana")
    assert load_rate_book(connection).factors.select("valid_from", "valid_to", "value_e9").rows() == [
        (date(2026, 1, 1), date(2026, 10, 11), 12_400_000),
        (date(2026, 10, 11), None, 13_150_000),
    ]


def test_the_same_factors_twice_change_nothing_and_a_new_value_supersedes(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    put(connection, "fuel,2026-01-01,,0.01,x\n", MONDAY)
    again = put(connection, "fuel,2026-01-01,,0.010,x\n", TUESDAY)
    assert (again.new, again.changed, again.same) == (0, 0, 1)
    changed = put(connection, "fuel,2026-01-01,,0.02,x\n", WEDNESDAY)
    assert (changed.new, changed.changed, changed.same) == (0, 1, 0)
    assert load_factors(connection)["value_e9"].to_list() == [20_000_000]
    assert load_factors(connection, known_at=TUESDAY)["value_e9"].to_list() == [10_000_000]


def test_an_open_value_holds_until_the_next_of_its_series(connection: duckdb.DuckDBPyConnection) -> None:
    put(connection, "fuel,2026-01-01,,0.01,x\nother,2026-02-01,,5,x\n")
    put(connection, "fuel,2026-03-01,,0.02,x\n", TUESDAY)
    assert load_factors(connection).select("factor_id", "valid_from", "valid_to").rows() == [
        ("fuel", date(2026, 1, 1), date(2026, 3, 1)),
        ("fuel", date(2026, 3, 1), None),
        ("other", date(2026, 2, 1), None),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.000000001", 1),
        ("-0.0124", -12_400_000),
        ("+3", 3_000_000_000),
        ("999999999.999999999", 10**18 - 1),
        ("-0.000000001", -1),
        ("12.", None),
        (".5", None),
        ("1000000000", None),
        ("0.0000000001", None),
        ("1e3", None),
        ("ten", None),
    ],
)
def test_a_value_is_read_exactly_or_refused(
    connection: duckdb.DuckDBPyConnection, text: str, expected: int | None
) -> None:
    added = put(connection, f"fuel,2026-01-01,,{text},x\n")
    assert load_factors(connection)["value_e9"].to_list() == ([] if expected is None else [expected])
    assert added.rejected["reason"].to_list() == (["bad_value"] if expected is None else [])


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        (
            "Fuel!,2026-01-01,,1,x",
            "bad_factor_id",
            "expected small letters, digits, `_`, and after a point the text that chooses it, found `Fuel!`",
        ),
        ("fuel,1 Jan,,1,x", "bad_date", "expected a date such as 2026-01-01, found `1 Jan`"),
        ("fuel,2026-02-29,,1,x", "bad_date", "expected a date such as 2026-01-01, found `2026-02-29`"),
        ("fuel,2026-01-01,soon,1,x", "bad_date", "expected a date such as 2026-01-01, found `soon`"),
        ("fuel,2026-01-01,2026-01-01,1,x", "empty_period", "expected a day after valid_from, found `2026-01-01`"),
        ("fuel,2026-01-01,,1,", "source_missing", "expected where the value was published, found ``"),
        (
            "good,2026-05-01,,2,x",
            "doubled",
            "expected one value for each first day, found `2026-05-01`",
        ),
        (
            "good,2026-04-01,2026-05-02,2,x",
            "overlap",
            "expected a period that no other value of the series overlaps, found one that does",
        ),
        (
            "good,2026-05-31,2026-07-01,2,x",
            "overlap",
            "expected a period that no other value of the series overlaps, found one that does",
        ),
    ],
)
def test_a_bad_row_is_rejected_with_its_line_and_the_others_are_taken(
    connection: duckdb.DuckDBPyConnection, row: str, reason: str, detail: str
) -> None:
    first = put(connection, "good,2026-05-01,2026-06-01,1,x\n")
    assert first.rejected.is_empty()
    added = put(connection, f"good,2026-05-01,2026-06-01,1,x\n{row}\nother,2026-01-01,,7,x\n", TUESDAY)
    assert added.rejected.select("line", "reason", "detail", "text").rows() == [(3, reason, detail, row)]
    assert (added.new, added.changed, added.same) == (1, 0, 1)


def test_periods_that_meet_do_not_overlap(connection: duckdb.DuckDBPyConnection) -> None:
    rows = "fuel,2026-02-01,2026-03-01,2,x\nfuel,2026-01-01,2026-02-01,1,x\n"
    assert put(connection, rows).rejected.is_empty()


def test_a_period_inside_a_longer_one_overlaps_even_when_another_lies_between(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    put(connection, "fuel,2026-01-01,2026-12-31,1,x\n")
    added = put(connection, "fuel,2027-02-01,2027-03-01,2,x\nfuel,2026-05-01,2026-06-01,3,x\n", TUESDAY)
    assert added.rejected.select("line", "reason").rows() == [(3, "overlap")]
    both = put(connection, "oil,2026-01-01,2026-12-31,1,x\noil,2026-02-01,2026-03-01,2,x\noil,2026-05-01,,3,x\n")
    assert both.rejected["line"].to_list() == [2, 3, 4]


@pytest.mark.parametrize("data", [b"", b"factor_id,value\nfuel,1\n", b"\xff\xfe\x00", b"a,b\n1,2,3\n"])
def test_a_file_that_is_no_list_of_factors_is_refused(connection: duckdb.DuckDBPyConnection, data: bytes) -> None:
    with pytest.raises(InputError, match=r"factors\.csv: expected a CSV file with the columns factor_id"):
        add_factors(connection, data, "factors.csv", recorded_at=MONDAY, recorded_by="ana")


def test_a_file_with_a_header_only_adds_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    added = put(connection, "")
    assert (added.new, added.changed, added.same, added.rejected.height) == (0, 0, 0, 0)


@pytest.mark.parametrize("seconds", [-9, 0, 9])
def test_one_value_of_a_factor_is_known_at_any_time(connection: duckdb.DuckDBPyConnection, seconds: int) -> None:
    """A command that waited for the lock brings an earlier time than the one that held it."""
    times = [MONDAY - timedelta(hours=1), MONDAY, MONDAY + timedelta(seconds=seconds)]
    for value, at in zip(("0.1", "0.2", "0.3"), times, strict=True):
        put(connection, f"fuel,2026-01-01,,{value},sheet\n", at)
    known = [
        load_factors(connection, known_at=MONDAY + timedelta(seconds=step))["value_e9"].to_list()
        for step in range(-20, 21)
    ]
    assert all(len(values) == 1 for values in known), known
    assert known[0] == [100_000_000] and known[-1] == [300_000_000]
    assert load_factors(connection)["value_e9"].to_list() == [300_000_000]

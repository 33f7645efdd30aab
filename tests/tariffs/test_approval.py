"""Drafts, approval by another person, retiring: what is in force when, and what was known of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import duckdb
import pytest
from tariff_sheets import SHEET, sheet

from model.errors import ControlError, TariffError
from model.facts import fact_table_sql
from model.feeds import FEEDS
from store.control import query
from tariffs.approval import Approved, Decision, approve_tariff, retire_tariff
from tariffs.catalogue import add_tariff, load_rate_book, tables_ddl
from tariffs.factors import add_factors
from tariffs.states import version_states

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (datetime(2026, 6, day, 8, tzinfo=UTC) for day in (1, 2, 3, 4))
JULY, AUGUST, OCTOBER = date(2026, 7, 1), date(2026, 8, 1), date(2026, 10, 1)
FIRST = date(2026, 1, 1)
CHARGES = SHEET[SHEET.index("[versions.charges.energy]") :]
EXAMPLE = """
[[examples]]
name = "a day"
period = [2026-06-01, 2026-06-02]
usage = { kwh = { peak = 0, off_peak = 0 } }
expect = { supply = 1.10 }
source = "worked by hand"
"""


def second_version(valid_from: date, *, supply: str = "1.20") -> str:
    """Return the sheet with a second version, whose supply charge is another."""
    charges = CHARGES.replace("price = 1.10", f"price = {supply}")
    return f'{SHEET}\n[[versions]]\nvalid_from = {valid_from}\nsource = "Price list 2"\n\n{charges}'


@pytest.fixture
def books() -> Iterator[duckdb.DuckDBPyConnection]:
    opened = duckdb.connect()
    opened.execute("SET TimeZone = 'UTC'")
    for statement in (*tables_ddl(), *(fact_table_sql(name) for name in FEEDS)):
        opened.execute(statement)
    yield opened
    opened.close()


def add(books: duckdb.DuckDBPyConnection, text: str, at: datetime = MONDAY, by: str = "ana") -> str:
    return add_tariff(books, text, "sample.toml", recorded_at=at, recorded_by=by).content_hash


def approve(
    books: duckdb.DuckDBPyConnection, at: datetime = TUESDAY, *, by: str = "mira", only: date | None = None
) -> Approved:
    return approve_tariff(books, "sample", Decision(by, at, {}, waiver="a test"), valid_from=only)


def retire(books: duckdb.DuckDBPyConnection, end_date: date, at: datetime = WEDNESDAY) -> tuple[date, ...]:
    return retire_tariff(books, "sample", end_date=end_date, reason="replaced", at=at, actor="ana").versions


def in_force(books: duckdb.DuckDBPyConnection, at: datetime | None = None) -> list[tuple[date, date | None, int]]:
    """Return first day, day after the last, and the supply charge in 10^-9 of a dollar, of what would be billed."""
    book = load_rate_book(books, known_at=at)
    supply = book.prices.filter(book.prices["component_id"] == "supply").select("version_id", "price_e9")
    rows = book.versions.join(supply, on="version_id", how="left", validate="1:1")
    return rows.sort("valid_from").select("valid_from", "valid_to", "price_e9").rows()


def states(books: duckdb.DuckDBPyConnection, at: datetime | None = None) -> list[tuple[date, date | None, str]]:
    return [(one.valid_from, one.valid_to, one.state.value) for one in version_states(books, known_at=at)]


def test_a_draft_is_not_billed_until_another_person_approves_it(books: duckdb.DuckDBPyConnection) -> None:
    add(books, SHEET)
    assert in_force(books) == [] and states(books) == [(FIRST, None, "draft")]
    assert approve(books).versions == (FIRST,)
    assert in_force(books) == [(FIRST, None, 1_100_000_000)] and states(books) == [(FIRST, None, "approved")]
    assert in_force(books, MONDAY) == [] and states(books, MONDAY) == [(FIRST, None, "draft")]


def test_approving_again_changes_nothing(books: duckdb.DuckDBPyConnection) -> None:
    add(books, SHEET)
    approve(books)
    before = query(books, "SELECT * FROM tariff_state")
    again = approve(books, WEDNESDAY, by="zoe")
    assert not again.is_new and query(books, "SELECT * FROM tariff_state").equals(before)
    assert not approve(books, WEDNESDAY, only=FIRST).is_new


def test_who_added_the_file_cannot_approve_it(books: duckdb.DuckDBPyConnection) -> None:
    add(books, SHEET)
    with pytest.raises(ControlError) as caught:
        approve(books, by="ana")
    assert str(caught.value) == (
        "tariff `sample` was added by ana; the same person cannot approve it\n"
        "hint: another person approves: billmill tariff approve sample --by NAME"
    )
    assert in_force(books) == []


def test_who_added_a_text_that_was_replaced_can_approve_the_new_one(books: duckdb.DuckDBPyConnection) -> None:
    add(books, SHEET, by="mira")
    add(books, sheet(("price = 1.10", "price = 1.20")), TUESDAY, by="ana")
    assert approve(books, WEDNESDAY, by="mira").versions == (FIRST,)


def test_a_file_without_a_worked_bill_needs_a_reason(books: duckdb.DuckDBPyConnection) -> None:
    add(books, SHEET)
    with pytest.raises(ControlError) as caught:
        approve_tariff(books, "sample", Decision("mira", TUESDAY, {}))
    assert str(caught.value) == (
        "tariff `sample`: expected at least one worked bill ([[examples]]), found none\n"
        "hint: write one from the sheet and add the file again, or say why not: --without-examples REASON"
    )
    approve(books)
    assert query(books, "SELECT reason FROM tariff_state").rows() == [("a test",)]


def test_a_worked_bill_that_fails_blocks_the_approval(books: duckdb.DuckDBPyConnection) -> None:
    text_hash = add(books, SHEET + EXAMPLE)
    problem = TariffError("example `a day`: a cent apart", hint="look at it")
    with pytest.raises(ControlError, match="a cent apart\nhint: look at it"):
        approve_tariff(books, "sample", Decision("mira", TUESDAY, {text_hash: problem}, waiver="does not help"))
    assert approve_tariff(books, "sample", Decision("mira", TUESDAY, {text_hash: None})).versions == (FIRST,)


def test_a_text_that_came_after_the_proof_is_not_approved(books: duckdb.DuckDBPyConnection) -> None:
    text_hash = add(books, SHEET + EXAMPLE)
    add(books, SHEET + EXAMPLE + "# mended\n", TUESDAY)
    with pytest.raises(ControlError, match="was changed while it was being approved"):
        approve_tariff(books, "sample", Decision("mira", WEDNESDAY, {text_hash: None}))


def test_a_changed_price_waits_while_the_old_one_is_billed(books: duckdb.DuckDBPyConnection) -> None:
    add(books, SHEET)
    approve(books)
    add(books, sheet(("price = 1.10", "price = 1.20")), WEDNESDAY)
    assert in_force(books) == [(FIRST, None, 1_100_000_000)]
    assert states(books) == [(FIRST, None, "approved"), (FIRST, None, "draft")]
    approve(books, THURSDAY)
    assert in_force(books) == [(FIRST, None, 1_200_000_000)] and states(books) == [(FIRST, None, "approved")]
    assert in_force(books, WEDNESDAY) == [(FIRST, None, 1_100_000_000)]


def test_a_comment_needs_no_approval(books: duckdb.DuckDBPyConnection) -> None:
    add(books, SHEET)
    approve(books)
    add(books, SHEET + "# as printed\n", WEDNESDAY)
    assert states(books) == [(FIRST, None, "approved")] and not approve(books, THURSDAY).is_new


def test_a_version_ends_where_the_next_one_begins_once_that_is_approved(books: duckdb.DuckDBPyConnection) -> None:
    add(books, SHEET)
    approve(books)
    add(books, second_version(JULY), WEDNESDAY)
    assert states(books) == [(FIRST, None, "approved"), (JULY, None, "draft")]
    assert in_force(books) == [(FIRST, None, 1_100_000_000)]
    approve(books, THURSDAY)
    assert in_force(books) == [(FIRST, JULY, 1_100_000_000), (JULY, None, 1_200_000_000)]
    # The first version was approved in another text: its id is that of the file as it is now.
    assert {one.approved_at for one in version_states(books)} == {TUESDAY, THURSDAY}


def test_one_version_is_approved_and_the_other_waits(books: duckdb.DuckDBPyConnection) -> None:
    add(books, second_version(JULY))
    assert approve(books, only=JULY).versions == (JULY,)
    assert states(books) == [(FIRST, JULY, "draft"), (JULY, None, "approved")]
    assert in_force(books) == [(JULY, None, 1_200_000_000)]
    with pytest.raises(TariffError) as caught:
        approve(books, only=AUGUST)
    assert str(caught.value) == (
        "tariff `sample`: expected a version from 2026-08-01, found none\n"
        "hint: versions begin on 2026-01-01, 2026-07-01"
    )


def test_a_version_that_the_file_leaves_out_is_withdrawn_with_its_approval(books: duckdb.DuckDBPyConnection) -> None:
    add(books, second_version(JULY))
    approve(books)
    add(books, second_version(AUGUST), WEDNESDAY)  # the change is put off for a month
    assert in_force(books)[1] == (JULY, None, 1_200_000_000)
    done = approve(books, THURSDAY)
    assert (done.versions, done.withdrawn) == ((AUGUST,), (JULY,))
    assert in_force(books) == [(FIRST, AUGUST, 1_100_000_000), (AUGUST, None, 1_200_000_000)]


def test_only_the_named_version_is_touched_when_one_is_named(books: duckdb.DuckDBPyConnection) -> None:
    add(books, second_version(JULY))
    approve(books)
    add(books, second_version(AUGUST, supply="1.30"), WEDNESDAY)
    assert approve(books, THURSDAY, only=AUGUST).withdrawn == ()
    assert [row[:2] for row in in_force(books)] == [(FIRST, JULY), (JULY, AUGUST), (AUGUST, None)]


@pytest.mark.parametrize(
    ("end_date", "expected", "touched"),
    [
        (OCTOBER, [(FIRST, JULY), (JULY, OCTOBER)], (JULY,)),
        (date(2026, 7, 2), [(FIRST, JULY), (JULY, date(2026, 7, 2))], (JULY,)),
        (JULY, [(FIRST, JULY)], (FIRST, JULY)),  # the second never held a day, and the first must not grow
        (date(2026, 6, 30), [(FIRST, date(2026, 6, 30))], (FIRST, JULY)),
        (FIRST, [], (FIRST, JULY)),
    ],
)
def test_a_retired_tariff_holds_until_its_last_day(
    books: duckdb.DuckDBPyConnection,
    end_date: date,
    expected: list[tuple[date, date]],
    touched: tuple[date, ...],
) -> None:
    add(books, second_version(JULY))
    approve(books)
    assert retire(books, end_date) == touched
    assert [row[:2] for row in in_force(books)] == expected
    assert [row[:2] for row in in_force(books, TUESDAY)] == [(FIRST, JULY), (JULY, None)]


def test_retiring_again_from_the_same_day_changes_nothing(books: duckdb.DuckDBPyConnection) -> None:
    add(books, second_version(JULY))
    approve(books)
    assert retire(books, JULY) == (FIRST, JULY)
    before = query(books, "SELECT * FROM tariff_state ORDER BY ALL")
    assert retire(books, JULY, THURSDAY) == ()
    assert query(books, "SELECT * FROM tariff_state ORDER BY ALL").equals(before)


def test_a_retired_tariff_stays_retired_until_its_version_is_named(books: duckdb.DuckDBPyConnection) -> None:
    add(books, SHEET)
    approve(books)
    retire(books, JULY)
    assert states(books) == [(FIRST, JULY, "retired")]
    assert not approve(books, THURSDAY).is_new
    assert approve(books, THURSDAY, only=FIRST).versions == (FIRST,)
    assert states(books) == [(FIRST, None, "approved")]


@pytest.mark.parametrize(
    ("end_date", "told"),
    [
        (
            date(2025, 12, 31),
            "tariff `sample`: expected a day from 2026-01-01 on, its first, found 2025-12-31\n"
            "hint: the day is the first on which it no longer holds",
        ),
        (
            date(2026, 8, 2),
            "tariff `sample`: expected a day before 2026-08-01, on which it ends already, found 2026-08-02\n"
            "hint: to let it hold longer: billmill tariff approve sample --version 2026-01-01 --by NAME",
        ),
    ],
)
def test_a_tariff_is_retired_within_its_days(books: duckdb.DuckDBPyConnection, end_date: date, told: str) -> None:
    add(books, SHEET)
    approve(books)
    assert retire(books, AUGUST) == (FIRST,)
    with pytest.raises(TariffError) as caught:
        retire(books, end_date, THURSDAY)
    assert str(caught.value) == told
    assert retire(books, JULY, THURSDAY) == (FIRST,)  # earlier is possible


def test_a_draft_cannot_be_retired(books: duckdb.DuckDBPyConnection) -> None:
    add(books, SHEET)
    with pytest.raises(TariffError, match="expected an approved version to retire, found none"):
        retire(books, JULY)


def test_a_decision_that_waited_for_the_lock_is_not_made_before_what_it_decides(
    books: duckdb.DuckDBPyConnection,
) -> None:
    add(books, SHEET, WEDNESDAY)
    approve(books, MONDAY)
    assert in_force(books, TUESDAY) == [] and in_force(books, WEDNESDAY) == [(FIRST, None, 1_100_000_000)]


@pytest.mark.parametrize(("first_day", "is_warned"), [("2026-01-01", False), ("2026-01-02", True)])
def test_a_factor_without_a_value_on_the_first_day_is_a_warning(
    books: duckdb.DuckDBPyConnection, first_day: str, is_warned: bool
) -> None:
    add(books, sheet(("price = 1.10", 'price = { factor = "fuel" }')))
    row = f"factor_id,valid_from,valid_to,value,source\nfuel,{first_day},,0.01,x\n"
    add_factors(books, row.encode(), "factors.csv", recorded_at=MONDAY, recorded_by="ana")
    told = (
        "tariff `sample` version 2026-01-01: factor `fuel` has no value on its first day; "
        "who is billed for a day without one is parked"
    )
    assert approve(books).warnings == ((told,) if is_warned else ())

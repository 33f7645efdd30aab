"""Faults planted in good books, one at a time: each is found by the invariant that it breaks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sample_ledger import RUN, close_november, sample_ledger

from cycles.books.controls import all_offenders, check_books, offenders_of, prepare_checks
from cycles.books.periods import BEGINNING, changed_periods, period_digest
from cycles.books.queries import CHECKS
from model.errors import ControlError
from store.control import Connection, control, transaction
from store.workspace import Workspace

LATER = date(2026, 12, 31)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Connection]]:
    workspace = sample_ledger(tmp_path_factory.mktemp("ledger") / "w")
    with control(workspace, purpose="test") as connection:
        with transaction(connection):
            close_november(connection, period_digest(connection, BEGINNING, date(2026, 12, 1)))
        yield workspace, connection


# A table of the lake, altered: the view over its files is put aside for one over other rows.
def altered(view: str, change: str) -> str:
    return (
        f"CREATE TEMP TABLE altered AS SELECT * {change} FROM {view}; "
        f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT * FROM altered"
    )


def legs(journal: str, *given: tuple[str, str, int], reverses: str = "NULL", day: str = "2026-12-05") -> str:
    """SQL that inserts a journal of branch north."""
    rows = ", ".join(
        f"('{journal}', {number}, '{kind}', 'north', '{gl}', {amount}, 'USD', DATE '{day}', {reverses})"
        for number, (kind, gl, amount) in enumerate(given, start=1)
    )
    columns = "journal_id, leg_no, kind, branch_id, gl_account, amount_minor, currency, booked_date, reverses_id"
    return f"INSERT INTO posted_line ({columns}) VALUES {rows}"


FAULTS: dict[str, tuple[str, str]] = {
    "a leg is dropped": (
        "DELETE FROM posted_line WHERE journal_id = 'late_fee-1/J' AND leg_no = 2", "I1 journal_balance",
    ),
    "a leg is off by one": (
        "UPDATE posted_line SET amount_minor = amount_minor + 1 WHERE journal_id = 'payment-1/J' AND leg_no = 1",
        "I1 journal_balance",
    ),
    "a journal is lost": ("DELETE FROM posted_line WHERE journal_id = 'payment-2/J'", "I1 posting_has_journal"),
    "a journal nobody posted": (
        legs("payment-9/J", ("payment", "131", 5), ("payment", "242.1", -5)), "I1 posting_has_journal",
    ),
    "a leg is in another branch": (
        "UPDATE posted_line SET branch_id = 'south' WHERE journal_id = 'late_fee-1/J' AND leg_no = 2",
        "I2 trial_balance",
    ),
    "an item is off by one": (
        "UPDATE posted_item SET amount_minor = amount_minor + 1 WHERE item_id = 'late_fee-1/I'",
        "I3 control_is_open_items",
    ),
    "an item is lost": ("DELETE FROM posted_item WHERE item_id = 'debit_adjustment-1/I'", "I3 control_is_open_items"),
    "the journal of an allocation is lost": (
        "DELETE FROM posted_line WHERE journal_id = 'payment-1/I>A1.C.r0/I'", "I3 control_is_open_items",
    ),
    "a bill is posted for less than it says": (
        "UPDATE posted_line SET amount_minor = amount_minor - sign(amount_minor) "
        "WHERE journal_id = 'A2.C.r0/J'", "I4 invoice_is_bill_is_receivable",
    ),
    "a line is lost": (altered("books_line", "EXCLUDE ()").replace(
        "FROM books_line;", "FROM books_line WHERE component_id <> 'daily';").replace("* EXCLUDE ()", "*"),
        "I4 invoice_is_bill_is_receivable",
    ),
    "a debt is settled twice over": (
        "UPDATE allocation SET amount_minor = amount_minor * 2 WHERE debit_item_id = 'A1.C.r0/I'",
        "I5 never_more_than_open",
    ),
    "an account pays for another": (
        "UPDATE allocation SET debit_item_id = 'A2.C.r0/I' WHERE debit_item_id = 'A1.C.r0/I'", "I5 allocation_fits",
    ),
    "what pays a bill that stands is released": (
        "INSERT INTO allocation SELECT * REPLACE (-amount_minor AS amount_minor) FROM allocation "
        "WHERE debit_item_id = 'A1.C.r0/I'", "I5 allocation_fits",
    ),
    "a write-off leaves the debt open": (
        "DELETE FROM allocation WHERE credit_item_id = 'write_off-1/I'", "I5 settles_its_item",
    ),
    "days are billed twice": (
        "INSERT INTO segment_key VALUES ('S1', DATE '2026-10-20', DATE '2026-11-20', 0, 'A1.D.r0', 'R2')",
        "I6 no_day_twice",
    ),
    "a place is billed to two agreements": (
        "INSERT INTO agreements SELECT * REPLACE ('S9' AS agreement_id) FROM agreements WHERE agreement_id = 'S1'; "
        f"INSERT INTO segment_key VALUES ('S9', DATE '2026-10-31', DATE '2026-11-20', 0, 'A1.D.r0', '{RUN}')",
        "I6 no_place_twice",
    ),
    "the last bill is skipped": ("DELETE FROM segment_key WHERE agreement_id = 'S2'", "I6 no_gap_to_cut_off"),
    "a day inside is skipped": (
        "UPDATE segment_key SET period_start_date = DATE '2026-10-02' WHERE agreement_id = 'S1'",
        "I6 no_gap_to_cut_off",
    ),
    "a reversal is not exact": (
        "UPDATE posted_line SET amount_minor = amount_minor + sign(amount_minor) "
        "WHERE journal_id = 'unbilled-2026-11-30-north-USD/R'", "I7 exact_negation",
    ),
    "a reversal is in another account": (
        "UPDATE posted_line SET gl_account = '442' "
        "WHERE journal_id = 'unbilled-2026-11-30-north-USD/R' AND gl_account = '440'", "I7 exact_negation",
    ),
    "a journal is reversed twice": (
        "INSERT INTO posted_line SELECT * REPLACE ('again/R' AS journal_id) FROM journal_line "
        "WHERE journal_id = 'unbilled-2026-11-30-north-USD/R'", "I7 reversed_once",
    ),
    "a reversal is reversed": (
        legs("x/R", ("unbilled_reversal", "173", 5_806), ("unbilled_reversal", "440", -5_806),
             reverses="'unbilled-2026-11-30-north-USD/R'"), "I7 reversed_once",
    ),
    "a reversal of nothing": (
        legs("x/R", ("unbilled_reversal", "173", 1), ("unbilled_reversal", "440", -1), reverses="'y/J'"),
        "I7 reversed_once",
    ),
    "a bill is taken back twice": (
        "INSERT INTO reversed_bill VALUES ('A1.C.r0', 'A1.C.r0.x', 'R2', ''), ('A1.C.r0', 'A1.C.r0.y', 'R3', '')",
        "I7 bill_reversed_once",
    ),
    "a reversal is taken back": (
        "INSERT INTO reversed_bill VALUES ('A1.C.r0', 'A1.C.r0.x', 'R2', ''), ('A1.C.r0.x', 'A1.C.r0.y', 'R3', '')",
        "I7 bill_reversed_once",
    ),
    "something is booked in a closed month": (
        legs("x/J", ("unbilled", "173", 5), ("unbilled", "440", -5), day="2026-11-25"), "I8 closed_stays_closed",
    ),
    "a closed month changes in a way that keeps its sums": (
        "UPDATE posted_line SET gl_account = '442' WHERE gl_account = '440' AND booked_date < DATE '2026-12-01'",
        "I8 hash_of_closed",
    ),
    "a deposit leaks": (
        "UPDATE posted_line SET gl_account = '242.1' WHERE gl_account = '235' AND kind = 'allocation'",
        "I10 deposits_held",
    ),
    "a tax is booked as revenue": (
        "UPDATE posted_line SET amount_minor = amount_minor + CASE gl_account WHEN '241' THEN 1 ELSE -1 END "
        "WHERE journal_id = 'A1.C.r0/J' AND gl_account IN ('241', '440')", "I11 tax_of_bill",
    ),
    "a tax has another rate": (
        altered("books_line", "REPLACE (CASE category WHEN 'tax' THEN 11 ELSE rate END::DECIMAL(18,9) AS rate)"),
        "I11 tax_is_base_by_rate",
    ),
    "a number is skipped": (
        altered("books_invoice", "REPLACE (series_no + 1 AS series_no)"), "I14 numbers_are_gapless",
    ),
    "a number was given and no invoice has it": (
        "UPDATE invoice_series SET last_no = 2 WHERE series = 'north-2026'", "I14 numbers_are_gapless",
    ),
    "an allocation is dated back": (
        "UPDATE allocation SET booked_date = DATE '2026-11-25' WHERE debit_item_id = 'late_fee-1/I'",
        "I15 roll_forward",
    ),
    "a run loses an agreement": ("UPDATE run SET billed = 1", "I16 selected_is_settled"),
    "the same inputs are billed twice": (
        "INSERT INTO run SELECT * REPLACE ('R2' AS run_id) FROM run", "I17 same_inputs_once",
    ),
    "money came from no channel": (
        legs("x/J", ("unbilled", "131", 5), ("unbilled", "242.1", -5)), "I18 cash_is_channels",
    ),
}  # fmt: skip


def found(connection: Connection) -> set[str]:
    broken = {check.name for check in CHECKS if offenders_of(connection, check).height}
    return broken | ({"I8 hash_of_closed"} if changed_periods(connection).height else set())


def test_good_books_have_no_offenders(books: tuple[Workspace, Connection]) -> None:
    checks, offenders = all_offenders(*books, business_date=LATER)
    assert offenders.rows() == []
    assert checks.height == len(CHECKS)
    check_books(*books, RUN)  # nor does a publish find any


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(books: tuple[Workspace, Connection], fault: str) -> None:
    workspace, connection = books
    sql, invariant = FAULTS[fault]
    connection.execute("BEGIN TRANSACTION")
    try:
        prepare_checks(workspace, connection, None, business_date=LATER)
        connection.execute(sql)
        assert invariant in found(connection)
    finally:
        connection.execute("ROLLBACK")


AT_PUBLISH = {check.name for check in CHECKS if check.at_publish}
# What a run's own files could bring, beside what stands posted: `books_leg` are its legs.
OF_RUN = {
    "a bill books a credit": (
        "CREATE OR REPLACE TEMP VIEW books_leg AS SELECT * REPLACE ('242' AS gl_account) FROM posted_line "
        "WHERE journal_id = 'late_fee-1/J' AND leg_no = 1", "I3 control_is_open_items",
    ),
    "a bill books a deposit": (
        "CREATE OR REPLACE TEMP VIEW books_leg AS SELECT * REPLACE ('235' AS gl_account) FROM posted_line "
        "WHERE journal_id = 'late_fee-1/J' AND leg_no = 1", "I10 deposits_held",
    ),
    "a bill books cash": (
        "CREATE OR REPLACE TEMP VIEW books_leg AS SELECT * REPLACE ('131' AS gl_account) FROM posted_line "
        "WHERE journal_id = 'late_fee-1/J' AND leg_no = 1", "I18 cash_is_channels",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "invariant"), [fault for fault in FAULTS.values() if fault[1] in AT_PUBLISH] + list(OF_RUN.values())
)
def test_a_publish_finds_what_it_could_bring(books: tuple[Workspace, Connection], sql: str, invariant: str) -> None:
    workspace, connection = books
    connection.execute("BEGIN TRANSACTION")
    try:
        prepare_checks(workspace, connection, RUN)
        connection.execute(sql)
        due = {invariant, "I8 closed_stays_closed"}  # a leg of a closed month is told there
        assert any(offenders_of(connection, check).height for check in CHECKS if check.name in due)
    finally:
        connection.execute("ROLLBACK")


def test_every_invariant_but_that_of_energy_has_a_fault_that_breaks_it() -> None:
    # Energy is compared when a run is staged: `tests/cycles/test_controls.py` plants that one.
    names = {check.name for check in CHECKS} | {"I8 hash_of_closed"}
    assert names - {invariant for _, invariant in FAULTS.values()} == {"I9 energy_is_accounted_for"}


def test_a_fault_stops_the_books_with_the_ids_that_it_concerns(books: tuple[Workspace, Connection]) -> None:
    workspace, connection = books
    connection.execute("BEGIN TRANSACTION")
    try:
        connection.execute(
            "UPDATE posted_line SET amount_minor = 4001 WHERE journal_id = 'late_fee-1/J' AND leg_no = 1"
        )
        message = "first: I1 journal_balance of `late_fee-1/J`: expected 0, found 1; concerns `late_fee-1/J`"
        with pytest.raises(ControlError, match=message):
            check_books(workspace, connection)
    finally:
        connection.execute("ROLLBACK")


def test_a_gap_is_work_for_somebody_and_stops_nothing(books: tuple[Workspace, Connection]) -> None:
    workspace, connection = books
    connection.execute("BEGIN TRANSACTION")
    try:
        connection.execute("DELETE FROM segment_key WHERE agreement_id = 'S2'")
        check_books(workspace, connection)
    finally:
        connection.execute("ROLLBACK")

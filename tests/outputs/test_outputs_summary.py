"""The control sheet of a run."""

from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
from polars.testing import assert_frame_equal
from sample_books import ISSUE_DATE, books, due_frame, due_row, line, lines_frame
from sample_workspace import run_row

from model.controls import EnergyControls
from model.rating import Parked
from model.schema import arranged, empty
from outputs.bills import build_bills
from outputs.summary import RunSummary, describe_run, run_summary


def _summary(energy: pl.DataFrame | None = None) -> RunSummary:
    frames = books()
    return run_summary(frames["due"], frames["lines"], frames["bills"], frames["parked"], energy)


def test_branches_count_accounts_and_add_up_in_major_units() -> None:
    assert _summary().by_branch.rows() == [
        ("north", "USD", 1, 1, 0, 0, Decimal("60.00"), Decimal("6.00"), Decimal("66.00")),
        ("south", "USD", 2, 1, 1, 1, Decimal("25.00"), Decimal("0.00"), Decimal("25.00")),
        ("all", "USD", 3, 2, 1, 1, Decimal("85.00"), Decimal("6.00"), Decimal("91.00")),
    ]


def test_commodities_count_agreements_due_billed_and_parked() -> None:
    assert _summary().by_commodity.rows() == [
        ("electricity", "USD", 2, 1, 1, 3, Decimal("60.00"), Decimal("6.00"), Decimal("66.00")),
        ("water", "USD", 1, 1, 0, 1, Decimal("25.00"), Decimal("0.00"), Decimal("25.00")),
    ]


def test_parked_shows_reason_owner_an_example_and_its_detail() -> None:
    assert _summary().parked.rows() == [
        ("intervals_missing", "metering", 1, 1, "S3", "expected 2976 intervals, found 2880")
    ]


def test_energy_is_summed_over_partitions() -> None:
    row = {"branch_id": "north", "measure": "import_energy", "read": 100, "billed": 60, "parked": 30, "unpriced": 10}
    controls = arranged(EnergyControls, pl.DataFrame([row | {"partition": 0}, row | {"partition": 1}]))
    assert _summary(controls).energy.rows() == [("import_energy", 200, 120, 60, 20, "Wh")]


def test_the_largest_bills_come_first_and_credits_apart() -> None:
    rows = [
        line(bill_id=f"A{no}.C.r0", account_id=f"A{no}", agreement_id=f"S{no}", amount_minor=amount)
        for no, amount in enumerate([500, -20, 700, 0, 5, 1, 2, -30], start=1)
    ]
    due = due_frame(
        [due_row(bill_id=r["bill_id"], account_id=r["account_id"], agreement_id=r["agreement_id"]) for r in rows]
    )
    lines = lines_frame(rows)
    summary = run_summary(due, lines, build_bills(lines, due, ISSUE_DATE), empty(Parked))
    assert summary.top_bills["total"].to_list() == [Decimal(text) for text in ("7.00", "5.00", "0.05", "0.02", "0.01")]
    assert summary.negative_bills["bill_id"].to_list() == ["A8.C.r0", "A2.C.r0"]


def test_currencies_are_never_added_up_together() -> None:
    yen = {"bill_id": "A9.C.r0", "account_id": "A9", "agreement_id": "S9", "currency": "JPY"}
    lines = lines_frame([line(), line(**yen)])
    due = due_frame([due_row(), due_row(**yen)])
    summary = run_summary(due, lines, build_bills(lines, due, ISSUE_DATE), empty(Parked))
    assert summary.by_commodity.select("currency", "total").rows() == [
        ("JPY", Decimal("5000.00")),  # the yen has no minor unit
        ("USD", Decimal("50.00")),
    ]


def test_an_empty_run_has_empty_tables() -> None:
    frames = {name: frame.clear() for name, frame in books().items()}
    assert run_summary(frames["due"], frames["lines"], frames["bills"], frames["parked"]).tables() == {}


def test_the_order_of_rows_does_not_matter() -> None:
    frames = {name: frame.reverse() for name, frame in books().items()}
    turned = run_summary(frames["due"], frames["lines"], frames["bills"], frames["parked"]).tables()
    for title, frame in _summary().tables().items():
        assert_frame_equal(turned[title], frame)


def test_a_run_is_described_before_and_after_it_is_published() -> None:
    planned = run_row("bill-C-1", "planned") | {
        "billed": None, "parked": None, "net_minor": None, "tax_minor": None, "total_minor": None, "approved_by": None,
    }  # fmt: skip
    described = describe_run(planned)
    assert described["agreements"] == "3 due = ? billed + ? parked"
    assert described["published"] == "not yet" and "total" not in described
    done = planned | {
        "billed": 2, "parked": 1, "net_minor": 8500, "tax_minor": 600, "total_minor": 9100, "approved_by": "Eve",
        "published_at": datetime(2026, 11, 2, 9, tzinfo=UTC),
    }  # fmt: skip
    assert describe_run(done, "USD")["total"] == "91.00 USD"
    assert describe_run(done)["total"] == "9,100 minor units"

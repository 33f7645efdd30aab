"""Each invariant finds a planted fault, and nothing in sound books."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from sample_books import END, START, books, due_frame, due_row, line, lines_frame

from ledger.invariants import Books, check_all, segments_do_not_overlap, selected_is_billed_or_parked
from ledger.quantities import billed_quantities
from model.rating import Determinants, Parked, Segments
from model.schema import arranged, empty
from model.tariff import Quantities
from outputs.invoices import number_invoices


def _sound() -> Books:
    frames = books()
    numbered = number_invoices(frames["bills"], frames["lines"], {"north-2026": 41})
    keys = frames["bills"].join(frames["due"].select("bill_id", "agreement_id"), on="bill_id", how="left")
    energy = pl.DataFrame({"branch_id": ["north"], "measure": ["import_energy"], "quantity": [250_000]})
    return Books(
        **frames,
        invoices=numbered.invoices,
        invoice_taxes=numbered.invoice_taxes,
        first_numbers={"north-2026": 41},
        live_bills=frames["bills"].select("bill_id", "account_id", "cycle_id"),
        segment_keys=keys.select("agreement_id", "period_start_date", "period_end_date"),
        energy_read=energy,
        energy_billed=energy.with_columns(quantity=pl.lit(200_000)),
        energy_parked=energy.with_columns(quantity=pl.lit(50_000)),
    )


def _add(name: str, where: pl.Expr, by: int) -> pl.Expr:
    return pl.when(where).then(pl.col(name) + by).otherwise(pl.col(name)).alias(name)


_IS_A1 = pl.col("bill_id") == "A1.C.r0"
_IS_RECEIVABLE = pl.col("gl_account") == "142"


def _number(first: int, second: int) -> pl.DataFrame:
    """Invoices of both bills in one series, with these numbers."""
    invoices = _sound().invoices
    assert invoices is not None
    return invoices.with_columns(series=pl.lit("north-2026"), series_no=pl.Series([first, second], dtype=pl.Int64))


# fault -> what the books then are, and the (invariant, subject, expected, found) that must be among the offenders
FAULTS: dict[str, tuple[Callable[[Books], Books], tuple[str, str, str, str]]] = {
    "a leg is dropped": (
        lambda b: replace(b, journal_lines=b.journal_lines.filter(pl.col("gl_account") != "241")),
        ("journal_balance", "A1.C.r0/J", "0", "600"),
    ),
    "a leg is a cent off": (
        lambda b: replace(
            b, journal_lines=b.journal_lines.with_columns(_add("amount_minor", pl.col("gl_account") == "460", 1))
        ),
        ("journal_balance", "A2.C.r0/J", "0", "1"),
    ),
    "a leg is in another currency": (
        lambda b: replace(
            b,
            journal_lines=b.journal_lines.with_columns(
                currency=pl.when(pl.col("gl_account") == "460").then(pl.lit("AUD")).otherwise("currency")
            ),
        ),
        ("journal_balance", "A2.C.r0/J", "0", "-2500"),
    ),
    "net of a bill is a cent off": (
        lambda b: replace(b, bills=b.bills.with_columns(_add("net_minor", _IS_A1, 1))),
        ("bill_net_is_sum_of_lines", "A1.C.r0", "6000", "6001"),
    ),
    "tax of a bill is a cent off": (
        lambda b: replace(b, bills=b.bills.with_columns(_add("tax_minor", _IS_A1, -1))),
        ("bill_tax_is_sum_of_lines", "A1.C.r0", "600", "599"),
    ),
    "total of a bill is a cent off": (
        lambda b: replace(b, bills=b.bills.with_columns(_add("total_minor", _IS_A1, 1))),
        ("bill_total_is_sum_of_lines", "A1.C.r0", "6600", "6601"),
    ),
    "a line is lost": (
        lambda b: replace(b, lines=b.lines.filter(pl.col("component_id") != "daily")),
        ("bill_count_is_sum_of_lines", "A1.C.r0", "2", "3"),
    ),
    "a bill is lost": (
        lambda b: replace(b, bills=b.bills.filter(~_IS_A1)),
        ("bill_total_is_sum_of_lines", "A1.C.r0", "6600", "nothing"),
    ),
    "a line is billed twice": (
        lambda b: replace(b, lines=pl.concat([b.lines, b.lines.filter(pl.col("component_id") == "volume")])),
        ("lines_equal_debits", "south/USD", "5000", "2500"),
    ),
    "the receivable is a cent short": (
        lambda b: replace(b, journal_lines=b.journal_lines.with_columns(_add("amount_minor", _IS_RECEIVABLE, -1))),
        ("bill_total_is_receivable", "A2.C.r0", "2500", "2499"),
    ),
    "an open item is missing": (
        lambda b: replace(b, open_items=b.open_items.filter(~_IS_A1)),
        ("bill_total_is_open_item", "A1.C.r0", "6600", "nothing"),
    ),
    "an open item belongs to no bill": (
        lambda b: replace(b, open_items=b.open_items.with_columns(bill_id=pl.lit("X") + pl.col("bill_id"))),
        ("bill_total_is_open_item", "XA1.C.r0", "nothing", "6600"),
    ),
    "a receivable is another account's": (
        lambda b: replace(b, journal_lines=b.journal_lines.with_columns(account_id=pl.lit("A1"))),
        ("bill_total_is_receivable", "A2.C.r0", "2500", "nothing"),
    ),
    "an open item is another account's": (
        lambda b: replace(b, open_items=b.open_items.with_columns(account_id=pl.lit("A2"))),
        ("bill_total_is_open_item", "A1.C.r0", "nothing", "6600"),
    ),
    "an open item is in another branch's books": (
        lambda b: replace(b, open_items=b.open_items.with_columns(branch_id=pl.lit("north"))),
        ("bill_total_is_open_item", "A2.C.r0", "2500", "nothing"),
    ),
    "credits of a branch are lost": (
        lambda b: replace(b, journal_lines=b.journal_lines.filter(pl.col("gl_account") != "440")),
        ("lines_equal_credits", "north/USD", "6600", "600"),
    ),
    "a parked agreement is forgotten": (
        lambda b: replace(b, parked=empty(Parked)),
        ("selected_is_billed_or_parked", "S3 from 2026-10-01", "billed or parked", "neither"),
    ),
    "a branch does not count up": (
        lambda b: replace(b, parked=empty(Parked)),
        ("branch_selected_is_billed_plus_parked", "south", "2", "1"),
    ),
    "an agreement is billed and parked": (
        lambda b: replace(b, parked=pl.concat([b.parked, b.parked.with_columns(agreement_id=pl.lit("S1"))])),
        ("selected_is_billed_or_parked", "S1 from 2026-10-01", "billed or parked", "billed and parked"),
    ),
    "an agreement is billed that was not selected": (
        lambda b: replace(b, due=b.due.filter(pl.col("agreement_id") != "S1")),
        ("selected_is_billed_or_parked", "S1", "not selected", "billed"),
    ),
    "an agreement is parked that was not selected": (
        lambda b: replace(b, due=b.due.filter(pl.col("agreement_id") != "S3")),
        ("selected_is_billed_or_parked", "S3", "not selected", "parked"),
    ),
    "a series starts late": (
        lambda b: replace(b, invoices=_number(42, 43)),
        ("invoice_numbers_gapless", "north-2026", "41", "42"),
    ),
    "a series has a gap": (
        lambda b: replace(b, invoices=_number(41, 43)),
        ("invoice_numbers_gapless", "north-2026", "42", "43"),
    ),
    "a number is given twice": (
        lambda b: replace(b, invoices=_number(41, 41)),
        ("invoice_numbers_gapless", "north-2026", "42", "41"),
    ),
    "a printed number stands twice": (
        lambda b: replace(b, invoices=b.invoices.with_columns(invoice_no=pl.lit("N"))),
        ("invoice_no_once", "N", "1", "2"),
    ),
    "a bill has two invoices": (
        lambda b: replace(b, invoices=b.invoices.with_columns(bill_id=pl.lit("A1.C.r0"))),
        ("bill_id_once", "A1.C.r0", "1", "2"),
    ),
    "a bill has no invoice": (
        lambda b: replace(b, invoices=b.invoices.filter(~_IS_A1)),
        ("invoice_total_is_bill", "A1.C.r0", "6600", "nothing"),
    ),
    "an invoice is a cent off": (
        lambda b: replace(b, invoices=b.invoices.with_columns(_add("tax_minor", _IS_A1, 1))),
        ("invoice_tax_is_bill", "A1.C.r0", "600", "601"),
    ),
    "a tax is missing from an invoice": (
        lambda b: replace(b, invoice_taxes=b.invoice_taxes.clear()),
        ("invoice_tax_is_sum_of_codes", "north-2026-0000041", "600", "0"),
    ),
    "an account was billed in the cycle before": (
        lambda b: replace(
            b,
            live_bills=pl.concat(
                [b.live_bills, pl.DataFrame([("A1.C.r1", "A1", "C")], schema=b.live_bills.schema, orient="row")]
            ),
        ),
        ("one_live_bill", "A1/C", "1", "2"),
    ),
    "a day is billed twice": (
        lambda b: replace(
            b,
            segment_keys=pl.concat(
                [
                    b.segment_keys,
                    pl.DataFrame(
                        [("S1", date(2026, 10, 31), date(2026, 12, 1))], schema=b.segment_keys.schema, orient="row"
                    ),
                ]
            ),
        ),
        ("segments_do_not_overlap", "S1", "start on or after 2026-11-01", "2026-10-31"),
    ),
    "energy is lost": (
        lambda b: replace(b, energy_parked=b.energy_parked.clear()),
        ("energy_is_billed_or_parked", "north/import_energy", "250000", "200000"),
    ),
}


def test_sound_books_have_no_offenders() -> None:
    assert check_all(_sound()).rows() == []


def test_books_before_numbering_are_checked_without_invoices() -> None:
    assert check_all(Books(**books())).rows() == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    plant, offender = FAULTS[fault]
    assert offender in check_all(plant(_sound())).rows()


def test_empty_books_meet() -> None:
    sound = _sound()
    cleared = {name: value.clear() if isinstance(value, pl.DataFrame) else value for name, value in vars(sound).items()}
    assert check_all(Books(**cleared)).rows() == []


@pytest.mark.parametrize(
    ("second_start", "found"),
    [
        (date(2026, 11, 1), 0),  # starts where the first ends: periods are half-open
        (date(2026, 10, 31), 1),  # a day earlier
    ],
)
def test_segments_touch_but_do_not_overlap(second_start: date, found: int) -> None:
    keys = pl.DataFrame(
        [("S1", START, END), ("S1", second_start, date(2026, 12, 1)), ("S2", START, END)],
        schema=["agreement_id", "period_start_date", "period_end_date"],
        orient="row",
    )
    assert segments_do_not_overlap(keys).height == found


def test_a_long_period_is_seen_behind_a_short_one() -> None:
    keys = pl.DataFrame(
        [
            ("S1", date(2026, 1, 1), date(2026, 12, 1)),
            ("S1", date(2026, 2, 1), date(2026, 3, 1)),
            ("S1", date(2026, 4, 1), date(2026, 5, 1)),  # follows the second, but lies inside the first
        ],
        schema=["agreement_id", "period_start_date", "period_end_date"],
        orient="row",
    )
    assert segments_do_not_overlap(keys)["found"].to_list() == ["2026-02-01", "2026-04-01"]


def test_an_agreement_that_changes_tariff_is_settled_in_both_parts() -> None:
    change = date(2026, 10, 15)
    due = due_frame([due_row(end_date=change), due_row(start_date=change)])
    first = line(period_end_date=change)
    second = line(period_start_date=change)
    assert selected_is_billed_or_parked(due, lines_frame([first, second]), empty(Parked)).is_empty()
    only_first = selected_is_billed_or_parked(due, lines_frame([first]), empty(Parked))
    assert ("selected_is_billed_or_parked", "S1 from 2026-10-15", "billed or parked", "neither") in only_first.rows()


def test_billed_energy_is_counted_once_however_many_quantities_measure_it() -> None:
    quantity = {
        "version_id": "V", "kind": "measured", "schedule": "", "level": 0, "is_by_part": True,
        "measure": "import_energy", "agg": "sum",
        "tou": "", "is_optional": False, "unit": "kWh",
        "unit_size": 1000, "n": 1, "distinct_days": True, "interval_minutes": 0, "is_rolling": False,
        "netting": "none", "is_less_optional": False, "price_factor_e9": 10**9, "price_adder_e9": 0,
    }  # fmt: skip
    quantities = arranged(
        Quantities,
        pl.DataFrame(
            [
                quantity | {"quantity_id": "all"},
                quantity | {"quantity_id": "peak_only", "tou": "peak"},
                quantity | {"quantity_id": "demand", "agg": "max"},
                quantity | {"quantity_id": "net", "less_measure": "export_energy", "netting": "interval"},
            ]
        ),
    )
    segments = arranged(
        Segments,
        pl.DataFrame([{"agreement_id": "S1", "segment_no": 1, "version_id": "V", "start_date": START, "end_date": END,
                       "days": 31, "cycle_days": 31}]),
    )  # fmt: skip
    rows = [("all", "peak", "sum", 100, True), ("all", "off", "sum", 300, False), ("net", "super", "sum", 7, False),
            ("peak_only", "peak", "sum", 100, True), ("demand", "peak", "max", 9000, False)]  # fmt: skip
    determinants = arranged(
        Determinants,
        pl.DataFrame(
            [
                {"agreement_id": "S1", "segment_no": 1, "slice_no": 1, "quantity_id": q, "tou": tou, "agg": agg,
                 "quantity": value, "is_estimated": estimated, "split_method": "interval", "reads_seq": 1}
                for q, tou, agg, value, estimated in rows
            ]
        ),
    )  # fmt: skip
    billed = billed_quantities(determinants, segments, quantities, due_frame())
    assert billed.rows() == [("north", "electricity", "import_energy", 400, 100)]  # 100 peak and 300 off peak

"""The controls that the books must meet. Each returns its offenders; an empty frame means that it is met.

Every check is an aggregate over columns, so all of them run at every publish, not only in tests. Sums are taken in
128 bits. Amounts are in minor units, quantities in smallest units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from ledger.chart import GL_RECEIVABLE
from ledger.reversal import SUFFIX as REVERSAL_SUFFIX
from ledger.rows import first_of_each
from model.schema import arranged, column, empty


class Violations(pa.DataFrameModel):
    """What does not meet. Grain: invariant, subject_id, and the pair of figures that differ."""

    invariant: str = column("Stable name of the invariant")
    subject_id: str = column("Bill, journal, agreement, series or branch that breaks it")
    expected: str = column("What should stand there")
    found: str = column("What stands there")

    class Config:
        strict = True
        metadata = {"grain": ["invariant", "subject_id", "expected", "found"]}


@dataclass(frozen=True)
class Books:
    """The frames of one run that the controls compare. What is None is not there yet, and is not checked."""

    due: pl.DataFrame
    """model.rating.DueAgreements"""
    lines: pl.DataFrame
    """model.rating.BillLines"""
    parked: pl.DataFrame
    """model.rating.Parked"""
    bills: pl.DataFrame
    """model.bills.Bills of this run"""
    journal_lines: pl.DataFrame
    """model.ledger.JournalLines"""
    open_items: pl.DataFrame
    """model.ledger.OpenItems"""
    invoices: pl.DataFrame | None = None
    """model.bills.Invoices"""
    invoice_taxes: pl.DataFrame | None = None
    """model.bills.InvoiceTaxes"""
    first_numbers: Mapping[str, int] | None = None
    """Series -> the number that this run's first invoice must have; 1 for a series that is not named."""
    live_bills: pl.DataFrame | None = None
    """bill_id, account_id, cycle_id of all bills that stand, those of this run among them"""
    segment_keys: pl.DataFrame | None = None
    """agreement_id, period_start_date, period_end_date of all that stands, this run's among them"""
    energy_read: pl.DataFrame | None = None
    """branch_id, measure, quantity: what was read in the periods that are due"""
    energy_billed: pl.DataFrame | None = None
    energy_parked: pl.DataFrame | None = None


def check_all(books: Books) -> DataFrame[Violations]:
    """Return the offenders of every invariant whose frames are there, in a fixed order."""
    found: list[pl.DataFrame] = [
        journals_balance(books.journal_lines),
        bills_equal_lines(books.bills, books.lines),
        receivables_match(books.bills, books.journal_lines, books.open_items),
        controls_meet(books.lines, books.journal_lines),
        selected_is_billed_or_parked(books.due, books.lines, books.parked),
    ]
    if books.live_bills is not None:
        found.append(one_live_bill(books.live_bills))
    if books.segment_keys is not None:
        found.append(segments_do_not_overlap(books.segment_keys))
    if books.invoices is not None:
        found.append(numbers_are_gapless(books.invoices, books.first_numbers or {}))
        found.append(invoices_equal_bills(books.invoices, books.bills))
        if books.invoice_taxes is not None:
            found.append(taxes_equal_invoices(books.invoice_taxes, books.invoices))
    if books.energy_read is not None:
        assert books.energy_billed is not None and books.energy_parked is not None, "energy needs all three frames"
        found.append(energy_is_accounted_for(books.energy_read, books.energy_billed, books.energy_parked))
    return arranged(Violations, pl.concat(found).sort("invariant", "subject_id", "expected", "found"))


def journals_balance(journal_lines: pl.DataFrame) -> DataFrame[Violations]:
    """The legs of each journal sum to zero in each currency."""
    sums = journal_lines.group_by("journal_id", "currency").agg(_sum128("amount_minor"))
    return _violations(
        sums.filter(pl.col("amount_minor") != 0),
        "journal_balance",
        pl.col("journal_id"),
        pl.lit("0"),
        pl.col("amount_minor"),
    )


def bills_equal_lines(bills: pl.DataFrame, lines: pl.DataFrame) -> DataFrame[Violations]:
    """Net, tax, total and count of each bill are those of its lines; no bill without lines, no line without a bill."""
    amount = pl.col("amount_minor").cast(pl.Int128)
    of_tax = pl.when(pl.col("category") == "tax").then(amount).otherwise(0)
    split = lines.select("bill_id", amount.alias("expected_total"), of_tax.alias("expected_tax"))
    summed = (
        split.group_by("bill_id")
        .agg(pl.col("expected_total", "expected_tax").sum(), pl.len().alias("expected_count"))
        .with_columns(expected_net=pl.col("expected_total") - pl.col("expected_tax"))
    )
    both = bills.join(summed, how="full", on="bill_id", coalesce=True, validate="1:1")
    pairs = [("net", "net_minor"), ("tax", "tax_minor"), ("total", "total_minor"), ("count", "line_count")]
    return _concat(
        _differing(both, f"bill_{name}_is_sum_of_lines", pl.col("bill_id"), f"expected_{name}", column_name)
        for name, column_name in pairs
    )


def receivables_match(
    bills: pl.DataFrame, journal_lines: pl.DataFrame, open_items: pl.DataFrame
) -> DataFrame[Violations]:
    """The total of each bill is its receivable leg and its open item; its account, branch and currency are theirs."""
    whose = ["bill_id", "account_id", "branch_id", "currency"]
    total = bills.select(*whose, pl.col("total_minor").cast(pl.Int128))
    receivable = journal_lines.filter(pl.col("gl_account") == GL_RECEIVABLE)
    legs = receivable.group_by(whose).agg(_sum128("amount_minor").alias("leg"))
    items = open_items.group_by(whose).agg(_sum128("amount_minor").alias("item"))
    with_legs = total.join(legs, how="full", on=whose, coalesce=True, validate="1:1")
    with_items = total.join(items, how="full", on=whose, coalesce=True, validate="1:1")
    return _concat(
        [
            _differing(with_legs, "bill_total_is_receivable", pl.col("bill_id"), "total_minor", "leg"),
            _differing(with_items, "bill_total_is_open_item", pl.col("bill_id"), "total_minor", "item"),
        ]
    )


def controls_meet(lines: pl.DataFrame, journal_lines: pl.DataFrame) -> DataFrame[Violations]:
    """In each branch and currency the lines sum to the debits of the receivable and to the credits against it."""
    keys = ["branch_id", "currency"]
    is_receivable = pl.col("gl_account") == GL_RECEIVABLE
    amount = pl.col("amount_minor").cast(pl.Int128)
    of_lines = lines.group_by(keys).agg(amount.sum().alias("lines"))
    of_legs = journal_lines.group_by(keys).agg(
        amount.filter(is_receivable).sum().alias("debits"), (amount.filter(~is_receivable).sum() * -1).alias("credits")
    )
    both = of_lines.join(of_legs, how="full", on=keys, coalesce=True, validate="1:1")
    subject = pl.concat_str("branch_id", pl.lit("/"), "currency")
    return _concat(
        [
            _differing(both, "lines_equal_debits", subject, "lines", "debits"),
            _differing(both, "lines_equal_credits", subject, "lines", "credits"),
        ]
    )


def selected_is_billed_or_parked(due: pl.DataFrame, lines: pl.DataFrame, parked: pl.DataFrame) -> DataFrame[Violations]:
    """Every due agreement is billed or parked, never both, never neither; nothing else is; branches count up."""
    keys = ["agreement_id", "start_date"]
    due = due.select(*keys, "end_date", "branch_id")
    # A bill that takes another back bills nobody: what it negates need not be due.
    told = first_of_each(lines, ["bill_id", "agreement_id", "period_start_date"])
    made = told.filter(~pl.col("bill_id").str.ends_with(REVERSAL_SUFFIX))
    billed = _billed_agreements(due, made)
    strangers = made.join(due.select("agreement_id"), how="anti", on="agreement_id").select("agreement_id").unique()
    not_due = parked.join(due.select(keys), how="anti", on=keys).select("agreement_id")
    once = due.join(billed.with_columns(is_billed=pl.lit(True)), how="left", on=keys, validate="1:1").join(
        parked.select(keys).unique().with_columns(is_parked=pl.lit(True)), how="left", on=keys, validate="1:1"
    )
    is_billed, is_parked = pl.col("is_billed").fill_null(False), pl.col("is_parked").fill_null(False)
    expected = pl.lit("billed or parked")
    unsettled = once.filter(is_billed == is_parked).with_columns(
        outcome=pl.when(is_billed).then(pl.lit("billed and parked")).otherwise(pl.lit("neither"))
    )
    period = pl.concat_str("agreement_id", pl.lit(" from "), pl.col("start_date").cast(pl.String))
    name = "selected_is_billed_or_parked"
    return _concat(
        [
            _violations(unsettled, name, period, expected, pl.col("outcome")),
            _violations(strangers, name, pl.col("agreement_id"), pl.lit("not selected"), pl.lit("billed")),
            _violations(not_due, name, pl.col("agreement_id"), pl.lit("not selected"), pl.lit("parked")),
            _branch_counts(due, due.join(billed, how="semi", on=keys), parked),
        ]
    )


def numbers_are_gapless(invoices: pl.DataFrame, first_numbers: Mapping[str, int]) -> DataFrame[Violations]:
    """Each series goes on at its next number, without gap or repetition; each invoice number and bill stands once.

    `first_numbers` maps a series to the number its first invoice must have; 1 for a series that is not named.
    """
    starts = pl.DataFrame(
        {"series": list(first_numbers), "first": list(first_numbers.values())},
        schema={"series": pl.String, "first": pl.Int64},
    )
    runs = (
        invoices.select("series", "series_no")
        .sort("series", "series_no")
        .join(starts, how="left", on="series", validate="m:1")
        .with_columns(due_no=pl.col("first").fill_null(1) + pl.int_range(pl.len()).over("series"))
        .filter(pl.col("series_no") != pl.col("due_no"))
        .group_by("series", maintain_order=True)
        .first()
    )
    doubled = [
        _violations(
            invoices.group_by(key).len("times").filter(pl.col("times") > 1),
            f"{key}_once",
            pl.col(key),
            pl.lit("1"),
            pl.col("times"),
        )
        for key in ("invoice_no", "bill_id")
        if not _come_once(invoices[key])
    ]
    gaps = _violations(runs, "invoice_numbers_gapless", pl.col("series"), pl.col("due_no"), pl.col("series_no"))
    return _concat([gaps, *doubled])


def invoices_equal_bills(invoices: pl.DataFrame, bills: pl.DataFrame) -> DataFrame[Violations]:
    """Every bill has its invoice, every invoice its bill, with the same net, tax and total."""
    figures = ["net_minor", "tax_minor", "total_minor"]
    ours = bills.select("bill_id", *(pl.col(name).alias(f"bill_{name}") for name in figures))
    # A bill with two invoices is told by `numbers_are_gapless`; here it is compared twice, which is why not 1:1.
    theirs = invoices.select("bill_id", *figures)
    if _are_beside(ours["bill_id"], theirs["bill_id"]):
        both = ours.with_columns(theirs.drop("bill_id"))
    else:
        both = ours.join(theirs, how="full", on="bill_id", coalesce=True, validate="1:m")
    return _concat(
        _differing(both, f"invoice_{name.removesuffix('_minor')}_is_bill", pl.col("bill_id"), f"bill_{name}", name)
        for name in figures
    )


def taxes_equal_invoices(invoice_taxes: pl.DataFrame, invoices: pl.DataFrame) -> DataFrame[Violations]:
    """The taxes by code of each invoice sum to its tax."""
    # By the place of its rows, where those of an invoice stand together: numbers are added up sooner than texts.
    of_codes = invoice_taxes.select("invoice_no", "tax_minor", run=pl.col("invoice_no").rle_id())
    summed = of_codes.group_by("run", maintain_order=True).agg(
        pl.col("invoice_no").first(), _sum128("tax_minor").alias("by_code")
    )
    if not _come_once(summed["invoice_no"]):
        summed = summed.group_by("invoice_no").agg(pl.col("by_code").sum())
    once = invoices.select("invoice_no", "tax_minor")
    if _are_beside(once["invoice_no"], summed["invoice_no"]):
        both = once.with_columns(summed["by_code"])
    else:
        both = once.unique().join(
            summed.select("invoice_no", "by_code"), how="full", on="invoice_no", coalesce=True, validate="m:1"
        )
    # An invoice without tax has no tax rows, and a sum over no rows is zero.
    filled = both.with_columns(pl.col("by_code").fill_null(0))
    return _differing(filled, "invoice_tax_is_sum_of_codes", pl.col("invoice_no"), "tax_minor", "by_code")


def one_live_bill(live_bills: pl.DataFrame) -> DataFrame[Violations]:
    """An account has one bill that stands in a cycle."""
    counted = live_bills.group_by("account_id", "cycle_id").agg(pl.col("bill_id").n_unique().alias("count"))
    subject = pl.concat_str("account_id", pl.lit("/"), "cycle_id")
    return _violations(counted.filter(pl.col("count") > 1), "one_live_bill", subject, pl.lit("1"), pl.col("count"))


def segments_do_not_overlap(segment_keys: pl.DataFrame) -> DataFrame[Violations]:
    """No day of an agreement is billed twice: each period starts at or after the end of all before it."""
    latest_end = pl.col("period_end_date").cum_max().shift(1).over("agreement_id")
    # Of most agreements one period stands: only where there are several can two of them overlap.
    overlapping = (
        segment_keys.filter(pl.col("agreement_id").is_duplicated())
        .sort("agreement_id", "period_start_date", "period_end_date")
        .with_columns(billed_to=latest_end)
        .filter(pl.col("period_start_date") < pl.col("billed_to"))
    )
    return _violations(
        overlapping,
        "segments_do_not_overlap",
        pl.col("agreement_id"),
        pl.concat_str(pl.lit("start on or after "), pl.col("billed_to").cast(pl.String)),
        pl.col("period_start_date"),
    )


def energy_is_accounted_for(read: pl.DataFrame, billed: pl.DataFrame, parked: pl.DataFrame) -> DataFrame[Violations]:
    """What was read is billed or parked, in each branch and measure.

    Each frame has branch_id, measure and quantity (smallest units of the measure) in any number of rows.
    """
    keys = ["branch_id", "measure"]
    done = pl.concat([billed.select(*keys, "quantity"), parked.select(*keys, "quantity")])
    of_read = read.group_by(keys).agg(_sum128("quantity").alias("read"))
    of_done = done.group_by(keys).agg(_sum128("quantity").alias("done"))
    both = of_read.join(of_done, how="full", on=keys, coalesce=True, validate="1:1")
    filled = both.with_columns(pl.col("read", "done").fill_null(0))  # a sum over no rows is zero
    return _differing(
        filled, "energy_is_billed_or_parked", pl.concat_str("branch_id", pl.lit("/"), "measure"), "read", "done"
    )


def _billed_agreements(due: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Return the due agreements that have lines in their period, by grain. A tariff change gives one two rows."""
    pieces = lines.select("agreement_id", "period_start_date").unique()
    inside = pieces.join(
        due.select("agreement_id", "start_date", "end_date"), how="inner", on="agreement_id", validate="m:m"
    ).filter(pl.col("period_start_date").is_between(pl.col("start_date"), pl.col("end_date"), closed="left"))
    return inside.select("agreement_id", "start_date").unique()


def _branch_counts(due: pl.DataFrame, billed: pl.DataFrame, parked: pl.DataFrame) -> DataFrame[Violations]:
    """Compare the count of due agreements with billed + parked in each branch."""
    counts = [
        frame.group_by("branch_id").agg(pl.len().cast(pl.Int64).alias(name))
        for name, frame in (("selected", due), ("billed", billed), ("parked", parked))
    ]
    joined = counts[0]
    for other in counts[1:]:
        joined = joined.join(other, how="full", on="branch_id", coalesce=True, validate="1:1")
    totals = joined.with_columns(pl.exclude("branch_id").fill_null(0)).with_columns(
        settled=pl.col("billed") + pl.col("parked")
    )
    return _differing(totals, "branch_selected_is_billed_plus_parked", pl.col("branch_id"), "selected", "settled")


def _come_once(texts: pl.Series) -> bool:
    """Tell whether no text comes twice: of sorted ones neighbours are compared."""
    if texts.is_sorted():
        return not bool((texts == texts.shift(1)).any())
    return texts.n_unique() == texts.len()


def _are_beside(ours: pl.Series, theirs: pl.Series) -> bool:
    """Tell whether rows of two frames are about the same, one by one, and each once: then they need no join."""
    return ours.equals(theirs) and _come_once(ours)


def _sum128(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Int128).sum()


def _differing(
    frame: pl.DataFrame, invariant: str, subject: pl.Expr, expected: str, found: str
) -> DataFrame[Violations]:
    """Return the rows where two figures differ; a figure that is missing on one side differs."""
    differing = frame.filter(pl.col(expected).cast(pl.Int128).ne_missing(pl.col(found).cast(pl.Int128)))
    return _violations(differing, invariant, subject, pl.col(expected), pl.col(found))


def _violations(
    frame: pl.DataFrame, invariant: str, subject: pl.Expr, expected: pl.Expr, found: pl.Expr
) -> DataFrame[Violations]:
    if frame.is_empty():
        return empty(Violations)
    rows = frame.select(
        invariant=pl.lit(invariant),
        subject_id=subject.cast(pl.String),
        expected=expected.cast(pl.String).fill_null("nothing"),
        found=found.cast(pl.String).fill_null("nothing"),
    )
    return arranged(Violations, rows)


def _concat(frames: Iterable[pl.DataFrame]) -> DataFrame[Violations]:
    return arranged(Violations, pl.concat(frames))

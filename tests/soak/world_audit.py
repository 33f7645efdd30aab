"""The auditor: what every account must have been billed in the end, worked out from the truth alone.

Reads what Billmill publishes, as any analyst can, and shares no code with it. Fractions, and one rounding per line.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
from world_truth import BOOKS, END, FIRST, Agreement, Point, Price, Truth, days_between, slots_of

Row = dict[str, Any]
DAY = timedelta(days=1)
IMMUTABLE = ("bills", "bill_lines", "journal_lines", "invoices", "invoice_taxes", "open_items")
"""What is published once and never changes."""


def rows_of(path: Path, sql: str) -> list[Row]:
    """Return what the analysts' database answers."""
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(sql)
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def published_rows(path: Path) -> dict[str, set[str]]:
    """Return all rows that may never change, by table."""
    return {name: {repr(sorted(row.items())) for row in rows_of(path, f"FROM {name}")} for name in IMMUTABLE}


def money_in_full(path: Path) -> list[tuple[Any, ...]]:
    """Return all that was billed, in an order of its own: the same for every way of computing it."""
    lines = rows_of(path, "SELECT * FROM bill_lines ORDER BY bill_id, line_no")
    return [tuple(line.items()) for line in lines]


def audit(path: Path, truth: Truth) -> list[str]:
    """Return what nobody can explain; nothing when the books are right."""
    bills = {row["bill_id"]: row for row in rows_of(path, "FROM bills")}
    lines = rows_of(path, "FROM bill_lines ORDER BY bill_id, line_no")
    taken = {row["reverses_id"] for row in bills.values() if row["reverses_id"] is not None}
    standing = [line for line in lines if not _is_undone(bills[line["bill_id"]], taken)]
    found = [
        *check_credit_notes(bills, lines),
        *check_totals(bills, lines),
        *check_days(truth, standing),
        *check_amounts(truth, standing, bills),
        *check_taxes(truth, standing),
        *check_intervals(truth, standing),
        *check_registers(truth, standing),
        *check_numbers(path),
        *check_journals(path, bills),
        *check_owed(path, truth, bills),
    ]
    return [*found, *truth.log] if found else []


def _is_undone(bill: Row, taken: set[str]) -> bool:
    return bill["reverses_id"] is not None or bill["bill_id"] in taken


def check_credit_notes(bills: dict[str, Row], lines: list[Row]) -> Iterator[str]:
    """A bill is taken back at most once, and line by line."""
    by_bill = defaultdict(list)
    for line in lines:
        said = (line["agreement_id"], line["component_id"], line["tou"], line["period_start_date"], line["rate"])
        by_bill[line["bill_id"]].append((*said, line["quantity"], line["amount_minor"]))
    times = Counter(row["reverses_id"] for row in bills.values() if row["reverses_id"] is not None)
    yield from (f"{bill}: taken back {count} times" for bill, count in times.items() if count > 1)
    for row in bills.values():
        if row["reverses_id"] is not None:
            negated = Counter((*said, -quantity, -amount) for *said, quantity, amount in by_bill[row["reverses_id"]])
            if negated != Counter(by_bill[row["bill_id"]]):
                yield f"{row['bill_id']}: does not negate {row['reverses_id']} line by line"


def check_totals(bills: dict[str, Row], lines: list[Row]) -> Iterator[str]:
    """A bill is the sum of its lines."""
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        sums[line["bill_id"]] += line["amount_minor"]
    for name, row in bills.items():
        if sums[name] != row["total_minor"] or row["net_minor"] + row["tax_minor"] != row["total_minor"]:
            yield f"{name}: total {row['total_minor']}, lines {sums[name]}"


def check_days(truth: Truth, standing: list[Row]) -> Iterator[str]:
    """Each day of each agreement stands on one line of the standing charge; the levy on all but the waived days."""
    counted: dict[str, Counter[date]] = {"supply": Counter(), "levy": Counter()}
    days: dict[tuple[str, str], Counter[date]] = defaultdict(Counter)
    for line in standing:
        if line["component_id"] in counted:
            span = days_between(line["period_start_date"], line["period_end_date"])
            days[line["agreement_id"], line["component_id"]].update(span)
            if line["quantity"] != len(span):
                yield f"{line['line_id']}: {line['quantity']} days billed, {len(span)} in the period"
    for agreement in truth.agreements.values():
        life = days_between(agreement.start, min(agreement.end, END))
        expected = {"supply": life, "levy": [day for day in life if not agreement.is_social(day)]}
        for component, wanted in expected.items():
            apart = days[agreement.agreement_id, component]
            apart.subtract(wanted)
            for day, times in _first_of_each(apart):
                yield f"{agreement.agreement_id}: {component} of {day} is billed {times + (day in wanted)} times"


def _first_of_each(apart: Counter[date]) -> Iterator[tuple[date, int]]:
    wrong = sorted((day, times) for day, times in apart.items() if times)
    yield from (pair for n, pair in enumerate(wrong) if not n or pair[0] != wrong[n - 1][0] + DAY)


def check_amounts(truth: Truth, standing: list[Row], bills: dict[str, Row]) -> Iterator[str]:
    """Each line is its quantity at the price that is right now, rounded once; one price holds on all its days."""
    for line in standing:
        agreement = truth.agreements.get(line["agreement_id"])
        if agreement is None or line["account_id"] != agreement.account_id:
            yield f"{line['line_id']}: billed to {line['account_id']}, the truth says {agreement}"
            continue
        first, last = line["period_start_date"], line["period_end_date"] - DAY
        if line["component_id"] == "vat":
            continue
        price = price_on(truth, agreement, first)
        if price is not price_on(truth, agreement, last):
            yield f"{line['line_id']}: the price changes between {first} and {last}"
        rate = {"energy": price.of_use.get(line["tou"]), "supply": price.supply, "levy": price.levy}[
            line["component_id"]
        ]
        size = 1000 if line["component_id"] == "energy" else 1
        exact = Fraction(line["quantity"], size) * Fraction(rate or 0)
        if rate is None or half_up(exact * 100) != line["amount_minor"]:
            yield f"{line['line_id']}: {line['amount_minor']} billed, {float(exact):.4f} expected"
        currency = BOOKS[truth.points[agreement.point_id].book][1]
        if {line["currency"], bills[line["bill_id"]]["currency"]} != {currency}:
            yield f"{line['line_id']}: in {line['currency']}, expected {currency}"


def price_on(truth: Truth, agreement: Agreement, day: date) -> Price:
    """Return the price of an agreement's tariff on a day."""
    versions = truth.prices[f"{agreement.kind}-{truth.points[agreement.point_id].book}"]
    return [version for version in versions if version.valid_from <= day][-1]


def half_up(exact: Fraction) -> int:
    """Round half away from zero."""
    whole = (2 * abs(exact) + 1) // 2
    return int(whole) if exact >= 0 else -int(whole)


def check_taxes(truth: Truth, standing: list[Row]) -> Iterator[str]:
    """A tax line is its percentage of the charges of its agreement and days."""
    charged, taxes = defaultdict(list), []
    for line in standing:
        if line["component_id"] == "vat":
            taxes.append(line)
        else:
            charged[line["bill_id"], line["agreement_id"]].append(line)
    taxed: Counter[str] = Counter()
    for tax in taxes:
        first, after = tax["period_start_date"], tax["period_end_date"]
        # A price that changes inside the days of a tax line parts the charges, not the tax.
        mine = [line for line in charged[tax["bill_id"], tax["agreement_id"]]
                if first <= line["period_start_date"] and line["period_end_date"] <= after]  # fmt: skip
        taxed.update(line["line_id"] for line in mine)
        point = _point_of(truth, tax)
        base = sum(line["amount_minor"] for line in mine)
        if point is None or half_up(Fraction(base) * Fraction(BOOKS[point.book][2]) / 100) != tax["amount_minor"]:
            yield f"{tax['line_id']}: tax {tax['amount_minor']} of {base}"
    for lines in charged.values():
        yield from (f"{line['line_id']}: taxed {taxed[line['line_id']]} times" for line in lines
                    if taxed[line["line_id"]] != 1)  # fmt: skip


def check_intervals(truth: Truth, standing: list[Row]) -> Iterator[str]:
    """Energy of an interval point is what was used in the line's days and hours; what nobody read is an estimate."""
    for line in standing:
        point = _point_of(truth, line)
        if point is None or not point.minutes or line["component_id"] != "energy":
            continue
        days = days_between(line["period_start_date"], line["period_end_date"])
        used = sum(_used(point, day, line["tou"]) for day in days)
        unknown = [day for day in days if day in point.never_read]
        if unknown and not line["is_estimated"]:
            yield f"{line['line_id']}: {unknown[0]} was never read, and the line is no estimate"
        if not unknown and (line["quantity"] != used or line["is_estimated"]):
            kind = "estimated" if line["is_estimated"] else "read"
            yield f"{line['line_id']}: {line['quantity']} Wh billed as {kind}, {used} used"


def _used(point: Point, day: date, tou: str) -> int:
    periods = (period for _, period in slots_of(point.zone, day, point.minutes))
    return sum(value for value, period in zip(point.use[day], periods, strict=True) if tou in {"", period})


def _point_of(truth: Truth, line: Row) -> Point | None:
    agreement = truth.agreements.get(line["agreement_id"])
    return None if agreement is None else truth.points[agreement.point_id]


def check_registers(truth: Truth, standing: list[Row]) -> Iterator[str]:
    """Between two days that a register was read on and a bill ends on, the bills hold what it counted there."""
    for point in truth.points.values():
        if point.minutes:
            continue
        spans = [line for line in standing if line["component_id"] == "energy" and _point_of(truth, line) is point]
        edges = {FIRST, END} | {end for _, _, end in truth.cycles if end not in point.never_read}
        edges |= {day for a in truth.agreements.values() if a.point_id == point.point_id for day in (a.start, a.end)}
        edges -= {day for line in spans for day in edges if line["period_start_date"] < day < line["period_end_date"]}
        edges -= point.never_read
        for first, after in _pairs(sorted(edges)):
            inside = [line for line in spans if first <= line["period_start_date"] < after]
            billed = sum(line["quantity"] for line in inside)
            used = point.used(first, after)
            if not any(
                a.start < after and first < a.end for a in truth.agreements.values() if a.point_id == point.point_id
            ):
                used = 0  # nobody is supplied
            if billed != used:
                told = ", ".join(f"{line['line_id']} {line['quantity']}" for line in inside)
                yield f"{point.point_id} {first} to {after}: {billed} L billed, {used} used: {told}"


def _pairs(days: list[date]) -> Iterable[tuple[date, date]]:
    return pairwise(days)


def check_numbers(path: Path) -> Iterator[str]:
    """Invoice numbers have no gap in their series, and each bill has one document."""
    series = "SELECT series, count(*) AS n, min(series_no) AS first, max(series_no) AS last, "
    series += "count(DISTINCT bill_id) AS bills"
    for row in rows_of(path, f"{series} FROM invoices GROUP BY series ORDER BY series"):
        if (row["first"], row["last"], row["bills"]) != (1, row["n"], row["n"]):
            yield f"series {row['series']}: numbers {row['first']} to {row['last']} for {row['bills']} bills"
    for row in rows_of(path, "SELECT bill_id FROM bills ANTI JOIN invoices USING (bill_id)"):
        yield f"{row['bill_id']}: has no document"


def check_journals(path: Path, bills: dict[str, Row]) -> Iterator[str]:
    """Journals sum to zero in their currency; what is receivable of bills is the bills less those taken back."""
    for row in rows_of(path, "SELECT journal_id, sum(amount_minor)::BIGINT AS apart FROM ledger_lines "
                             "GROUP BY journal_id, currency, branch_id HAVING apart <> 0"):  # fmt: skip
        yield f"journal {row['journal_id']}: {row['apart']} apart"
    legs = rows_of(path, "SELECT bill_id, sum(amount_minor)::BIGINT AS due FROM journal_lines "
                         "WHERE gl_account = '142' GROUP BY bill_id")  # fmt: skip
    due = {row["bill_id"]: row["due"] for row in legs}
    for name, bill in bills.items():
        if due.get(name, 0) != bill["total_minor"]:
            yield f"{name}: receivable {due.get(name)}, bill {bill['total_minor']}"


def check_owed(path: Path, truth: Truth, bills: dict[str, Row]) -> Iterator[str]:
    """What is open of an account is its bills less what was paid."""
    expected: dict[str, int] = defaultdict(int)
    for bill in bills.values():
        expected[bill["account_id"]] += bill["total_minor"]
    for account, amount in truth.postings:
        expected[account] += amount
    found = rows_of(path, "SELECT account_id, sum(open_minor)::BIGINT AS due FROM open_amounts GROUP BY account_id")
    open_ = {row["account_id"]: row["due"] for row in found}
    for account in sorted({*expected, *open_}, key=str):
        if expected[account] != open_.get(account, 0):
            yield f"{account}: {open_.get(account, 0)} open, expected {expected[account]}"

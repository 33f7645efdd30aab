"""Faults put into our own code while it runs, and what catches each: the slow twin, a control, an auditor by hand.

A fault is a function whose source is changed in one place and compiled again, in its module and wherever it was
imported. A scenario then does a small piece of work and says what told of the fault; none may stay silent.
"""

from __future__ import annotations
import __future__

import inspect
import re
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random

from bill_strategies import Bills, make_given_bills, make_read_bills
from books_by_hand import REGISTER_HEADER, WATER_LATE, CommandLine, Ended, june_ready
from counts import Count
from faults_by_hand import by_hand
from pandera.errors import SchemaError, SchemaErrors
from polars.exceptions import PolarsError
from rating_strategies import make_case
from soak import rated
from twin import differences

from model.errors import BillmillError
from store.control import control, query
from store.workspace import open_workspace

RUN = "bill-2026-06-20260702-1"
TWIN_SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Fault:
    """A change of `place` (module:function): `old` becomes `new`; `scenario` is what must tell of it."""

    what: str
    place: str
    old: str
    new: str
    scenario: str


def faults(scenario: str, *rows: tuple[str, str, str, str]) -> list[Fault]:
    return [Fault(*row, scenario) for row in rows]


FAULTS = [
    *faults(
        "twin",
        ("half up cuts the tie", "rating.rounding:rounded_minor", ".then(above | tie)", ".then(above)"),
        ("half even rounds ties up", "rating.rounding:rounded_minor", "(tie & (whole % 2 == 1))", "tie"),
        ("up forgets what is below a cent", "rating.rounding:rounded_minor", "(rest > 0) | cut", "rest > step"),
        ("the sign is lost", "rating.rounding:rounded_minor", '.otherwise(wide("amount_e15").sign())', ".otherwise(1)"),
        ("a share is rounded half up", "rating.rounding:divide_toward_zero", "numerator.abs() // denominator",
         "(numerator.abs() * 2 + denominator) // (denominator * 2)"),
        ("days count the last one", "rating.segments:_days", ".cast(pl.Int32)", ".cast(pl.Int32) + 1"),
        ("a version holds a day longer", "rating.segments:cut_segments",
         'pl.min_horizontal("end_date", "valid_to").alias', 'pl.min_horizontal("end_date", pl.col("valid_to") + pl.duration(days=1)).alias'),
        ("a tier begins one unit later", "rating.charges:tier_quantity", "- lower)", "- lower - 1)"),
        ("a tier forgets its upper edge", "rating.charges:tier_quantity", "pl.min_horizontal(total, upper)", "total"),
        ("volume takes every tier", "rating.charges:_tiered", '(method == "volume") & reached', 'method == "volume"'),
        ("the tier's edge is the next tier's", "rating.charges:_tiered", 'pl.col("quantity") <= pl.col("upper")',
         'pl.col("quantity") < pl.col("upper")'),
        ("a package that is begun is free", "rating.charges:_packed", ' + pl.col("package_size") - 1)', ")"),
        ("free units are charged", "rating.charges:_packed", '- pl.col("package_free")', '- 0 * pl.col("package_free")'),
        ("a tax inside its base is not grossed up", "rating.taxes:_whole_e9", '- pl.col("inside_e9")', "- 0"),
        ("a tax that is contained is added", "rating.taxes:_whole_e9", "+ contained", "+ 0 * contained"),
        ("a tax of the quantity in place of money", "rating.taxes:_percentages", "* minor_e15()", "* int128(1)"),
        ("a floor is always owed", "rating.taxes:_limits", "limit > base", "limit < base"),
        ("a floor is added to the base", "rating.taxes:_limits", "divide_toward_zero(limit - base, whole)", "divide_toward_zero(limit, whole)"),
        ("a bill that is cut owes the whole price", "rating.charges:_is_cut", "!=", "=="),
        ("a reading is shared by one day more", "rating.registers:_parts", "* begin // length", "* (begin + 1) // length"),
    ),
    *faults(
        "month",
        ("posting drops the taxes", "ledger.post:_credit_legs", 'pl.col("amount_minor") != 0', 'pl.col("side") != 2'),
        ("posting is off by one", "ledger.post:_receivable_legs", 'pl.col("total_minor")', 'pl.col("total_minor") + 1'),
        ("posting turns the signs", "ledger.post:_credit_legs", '-summed_minor("amount_minor")', 'summed_minor("amount_minor")'),
        ("both sides doubled", "ledger.post:_open_items", 'pl.col("total_minor")', 'pl.col("total_minor") * 2'),
        ("an open item is lost", "ledger.post:_open_items", 'items.sort("item_id")', 'items.sort("item_id").head(1)'),
        ("a number is left out", "outputs.invoices:number_invoices", "pl.int_range(pl.len())", "(pl.int_range(pl.len()) * 2)"),
        ("numbers begin at two", "outputs.invoices:number_invoices", "fill_null(1)", "fill_null(2)"),
        ("an invoice's tax is doubled", "outputs.invoices:_taxes", 'tax_minor=pl.col("amount_minor")', 'tax_minor=pl.col("amount_minor") * 2'),
        ("the last number is not kept", "cycles.publishing.numbering:keep_numbers", "number - 1", "number - 2"),
        ("an account is skipped", "accounts.selection:select_due", '.sort("agreement_id")', '.sort("agreement_id").head(-1)'),
        ("the last day is billed twice", "accounts.selection:select_due", "pl.lit(cycle.period_end_date)", "pl.lit(cycle.period_end_date) + pl.duration(days=1)"),
        ("a file is written and not registered", "store.lake:register_files", "_row(file, owner) for file in files", "_row(file, owner) for file in files[1:]"),
        ("a manifest has another count", "store.lake:write_lake_file", "digest, frame.height", "digest, frame.height + 1"),
        ("the analysts see runs that are not published", "outputs.analytics:_published_paths", "r.state = ?", "r.state <> ?"),
        ("the audit does not chain", "store.audit:entry_hash", "content_hash(before, number", "content_hash(number"),
        ("the multiplier is lost", "ingest.vee.registers:_judge_pairs", '* pl.col("multiplier").cast(pl.Int128)', "* 2"),
        ("landing loses the last row", "ingest.landing.write:write_readings", "REGISTER_TABLE, readings)", "REGISTER_TABLE, readings.head(-1))"),
    ),
    *faults(
        "correction",
        ("a reversal keeps the sign of its lines", "ledger.reversal:reverse_bills", "*(-pl.col(name) for name in _NEGATED)", "*(pl.col(name) for name in _NEGATED)"),
        ("a reversal leaves its journal as it was", "ledger.reversal:reverse_bills", '-pl.col("amount_minor"),\n        pl.lit(JournalKind', 'pl.col("amount_minor"),\n        pl.lit(JournalKind'),
        ("a reversal is a cent off", "ledger.reversal:reverse_bills", '-pl.col("net_minor", "tax_minor", "total_minor")', '-pl.col("net_minor", "tax_minor", "total_minor") - 1'),
        ("a reversal does not name its bill", "ledger.reversal:reverse_bills", 'pl.col("bill_id").alias("reverses_id")', 'pl.lit(None, pl.String).alias("reverses_id")'),
        ("a reversal settles nothing", "ledger.reversal:settle_reversals", 'pl.col("open") > 0', 'pl.col("open") < 0'),
        ("a reversal settles twice over", "ledger.reversal:settle_reversals", 'pl.col("open").alias("amount_minor")', '(pl.col("open") * 2).alias("amount_minor")'),
        ("credit notes share the invoices' series", "outputs.invoices:_series", 'f"-{CREDIT_SERIES}-"', '"-"'),
        ("a payment settles more than is open", "ledger.allocate:allocate", 'pl.col("end_minor") - pl.col', 'pl.col("end_minor") * 2 - pl.col'),
        ("a payment settles nothing", "ledger.allocate:allocate", 'pl.col("amount_minor") > 0', 'pl.col("amount_minor") < 0'),
        ("a credit counts below zero", "ledger.allocate:_ends", ".abs()", ""),
        ("what paid a bill stays with it", "ledger.reversal:released", '-pl.col("amount_minor")', '-0 * pl.col("amount_minor")'),
        ("what is released moves no money", "ledger.allocate:release_journals", "legs.with_columns", "legs.clear().with_columns"),
    ),
    *faults(
        "by_hand",
        ("tiers leave out what is below zero", "rating.charges:tier_quantity", "(tier == 1)", "(tier == 0)"),
        ("two readings of one day lose their use", "rating.registers:_parts", "overlaps | instant", "overlaps"),
        ("channels of a measure are not added up", "rating.determinants:_summed", 'pl.col("quantity").sum()', 'pl.col("quantity").max()'),
        ("a difference of sums adds them", "rating.determinants:_with_differences", '-pl.col("quantity")', 'pl.col("quantity")'),
        ("accounts pay for each other", "ledger.allocate:_ends", ".over(_OF_ONE)", ""),
        ("the day of 25 hours has 24", "model.zones:day_slots", "return minutes // interval_minutes", "return 1_440 // interval_minutes"),
        ("a day begins with the one of UTC", "ingest.landing.place_intervals:_clock_of", "tz_name)", '"UTC")'),
        ("an estimate is marked as a gap", "ingest.vee.judge:_edited_days", "Quality.ESTIMATED", "Quality.MISSING"),
        ("a gap that stays is nobody's work", "ingest.vee.findings:_worded", "otherwise(pl.lit(Severity.FAIL.value))", "otherwise(pl.lit(Severity.INFO.value))"),
        ("a register that rolled over counts down", "ingest.vee.registers:_judge_pairs", ".then(full_scale)", ".then(0)"),
        ("every fall of a register is a rollover", "ingest.vee.registers:_judge_pairs", "is_less & (step", "is_less | (step"),
    ),
]  # fmt: skip


@contextmanager
def seeded(fault: Fault) -> Iterator[None]:
    """Put a fault into the code for as long as the block lasts.

    Raises:
        AssertionError: the source has no such place any more; the fault is to be written anew.
    """
    module_name, name = fault.place.split(":")
    module = import_module(module_name)
    original = getattr(module, name)
    source = textwrap.dedent(inspect.getsource(original))
    assert fault.old in source, f"{fault.place} no longer has `{fault.old}`"
    space = dict(vars(module))
    exec(
        compile(
            source.replace(fault.old, fault.new), f"<{fault.what}>", "exec", flags=__future__.annotations.compiler_flag
        ),
        space,
    )
    held = [other for other in list(sys.modules.values()) if vars(other).get(name) is original]
    for other in held:
        setattr(other, name, space[name])
    try:
        yield
    finally:
        for other in held:
            setattr(other, name, original)


@cache
def drawn(seed: int) -> tuple[Bills, ...]:
    """Return bills of drawn tariffs, by given quantities and by reads, and accounts whose reads are odd."""
    random = Random(seed)
    odd = (Bills(make_case(random), None) for _ in range(4))
    return make_given_bills(random, 8, 160), make_read_bills(random, 8, 40), *odd


def twin(_: Path) -> str:
    """Rate drawn bills beside the slow twin; return the first difference."""
    for seed in TWIN_SEEDS:
        for bills in drawn(seed):
            found = differences(bills.given, rated(bills), bills.quantities)
            if found:
                return f"the slow twin: {str(found[0])[:80]}"
    return ""


def make_books(folder: Path) -> None:
    """Make books of June before its plan, and the same with June published."""
    command = CommandLine(folder / "ready")
    june_ready(command, folder)
    shutil.copytree(folder / "ready", folder / "published")
    assert not _billed(CommandLine(folder / "published"), "2026-07-02")


def _billed(command: CommandLine, day: str) -> str:
    """Bill June; return who refused, or nothing."""
    planned = command("cycle", "plan", "2026-06", "--business-date", day, "--by", "ops", "--json")
    if planned.code:
        return f"cycle plan: {_error(planned)}"
    run = planned.json["run_id"]
    for words in (("run", run, "--workers", 1, "--parked-limit", 100, "--by", "ops"),
                  ("approve", run, "--by", "mira"), ("publish", run, "--by", "ops")):  # fmt: skip
        ended = command("cycle", *words)
        if ended.code:
            return f"cycle {words[0]}: {_error(ended)}"
    return ""


def _error(ended: Ended) -> str:
    return next((line for line in ended.err.splitlines() if "error" in line), ended.err)


def _rows(command: CommandLine, sql: str) -> list[tuple[object, ...]]:
    with control(open_workspace(command.workspace), purpose="test") as connection:
        return query(connection, sql).rows()


_ITEMS = "SELECT bill_id, amount_minor FROM open_item WHERE bill_id IS NOT NULL ORDER BY bill_id"
_BALANCE = "SELECT coalesce(account_id, ''), sum(amount_minor)::BIGINT FROM journal_line WHERE gl_account IN ('142', '242') GROUP BY ALL ORDER BY ALL"
_SEEN = "SELECT count(*) AS n, sum(total) AS total FROM invoices"


def _audited(command: CommandLine, *expected: tuple[str, str, object]) -> str:
    """Return the first thing that is not as it was worked by hand; then what `verify` and `ledger check` find."""
    for what, sql, value in expected:
        found: object
        if sql == _SEEN:
            ended = command("query", sql, "--format", "csv")
            found = ended.out.splitlines()[1] if ended.code == 0 else ended.err
        else:
            found = _rows(command, sql)
        if found != value:
            return f"auditor: {what}"
    offenders = command("ledger", "check", "--business-date", "2026-07-05").out.partition("Offenders")[2].splitlines()
    # Days that were taken back stand unbilled: the one offender that correction leaves.
    found_wrong = [line for line in offenders if re.match(r"I\d+ ", line) and not line.startswith("I6 ")]
    if found_wrong:
        return f"ledger check: {found_wrong[0][:60]}"
    return f"verify: {_error(ended)}" if (ended := command("verify")).code else ""


def month(books: Path) -> str:
    """Bill June, land what came late, bill again; A1 owes 265.10, A2 61.60, A3 30.46.

    A3: 12.345 kL at 2.00 are 24.69, 30 days at 0.10 are 3.00, GST 10 % of 27.69 is 2.77.
    """
    command = CommandLine(books / "ready")
    told = _billed(command, "2026-07-02")
    if told:
        return told
    (books / "late.csv").write_text(REGISTER_HEADER + WATER_LATE)
    command("reads", "land", books / "late.csv")
    told = _billed(command, "2026-07-05")
    bills = [("A1.2026-06.r0", 26_510), ("A2.2026-06.r0", 6_160), ("A3.2026-06.r0", 3_046)]
    return told or _audited(
        command, ("items of June", _ITEMS, bills),
        ("balances", _BALANCE, [("A1", 26_510), ("A2", 6_160), ("A3", 3_046)]), ("invoices", _SEEN, "3,357.16"),
    )  # fmt: skip


def correction(books: Path) -> str:
    """A1 pays 300.00 of 265.10; A2 pays 10.00 of 61.60, then its bill is taken back.

    A1 has a credit of 34.90, A2 of 10.00; settled are 265.10, 10.00, and 51.60 by the reversal.
    """
    command = CommandLine(books / "published")
    for account, amount in (("A1", 300), ("A2", 10)):
        paid = command(
            "ledger", "post", "payment", "--account", account, "--amount", amount, "--business-date", "2026-07-03"
        )
        if paid.code:
            return f"ledger post: {_error(paid)}"
    planned = command(
        "bill", "cancel", "A2.2026-06.r0", "--business-date", "2026-07-03", "--why", "x", "--by", "ops", "--json"
    )
    if planned.code:
        return f"bill cancel: {_error(planned)}"
    run = planned.json["run_id"]
    for words in (
        ("run", run, "--workers", 1, "--by", "ops"),
        ("approve", run, "--by", "mira"),
        ("publish", run, "--by", "ops"),
    ):
        ended = command("cycle", *words)
        if ended.code:
            return f"cycle {words[0]}: {_error(ended)}"
    settled = "SELECT sum(amount_minor)::BIGINT FROM allocation"
    series = "SELECT series, last_no::BIGINT FROM invoice_series ORDER BY series"
    return _audited(
        command, ("what is settled", settled, [(26_510 + 1_000 + 5_160,)]),
        ("balances", _BALANCE, [("A1", -3_490), ("A2", -1_000)]),
        ("series", series, [("N-2026", 2), ("N-CR-2026", 1)]), ("invoices", _SEEN, "3,265.10"),
    )  # fmt: skip


SCENARIOS: dict[str, Callable[[Path], str]] = {
    "twin": twin, "by_hand": by_hand, "month": month, "correction": correction
}  # fmt: skip
WITHOUT_BOOKS = ("twin", "by_hand")
# How a fault stops the work by itself: our own assertions and tables, or the engine's arithmetic.
_STOPS = (AssertionError, BillmillError, SchemaError, SchemaErrors, PolarsError)


def caught_by(fault: Fault, books: Path, folder: Path) -> str:
    """Return what told of a fault in its scenario on a copy of the books; empty when nothing did."""
    if fault.scenario not in WITHOUT_BOOKS:
        shutil.copytree(books, folder)
    with seeded(fault):
        try:
            return SCENARIOS[fault.scenario](folder)
        except _STOPS as error:
            return f"stopped by {type(error).__name__}: {(str(error).splitlines() or [''])[0][:80]}"


def soak(seed: int, seconds: float) -> list[Count]:
    """Seed the faults in an order drawn from `seed`, until all were or the time is up."""
    until, done, silent = time.monotonic() + seconds, 0, list[str]()
    order = list(FAULTS)
    Random(seed).shuffle(order)
    with tempfile.TemporaryDirectory() as name:
        books = Path(name) / "books"
        books.mkdir()
        make_books(books)
        for number, fault in enumerate(order):
            if time.monotonic() > until:
                break
            done += 1
            if not caught_by(fault, books, Path(name) / str(number)):
                silent.append(fault.what)
    return [Count("faults in code", done, len(silent), f"of {len(order)}; " + "; ".join(silent))]

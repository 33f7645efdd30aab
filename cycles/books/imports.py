"""`ledger import`: payments, opening balances, deposits and adjustments from a file, each once."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl

from cycles.books.acts import LedgerRules, book, closed_until, ledger_act, ledger_rules
from cycles.books.post import posting_id
from model.errors import ControlError, InputError
from model.ledger import JournalKind
from model.money import CURRENCY_EXPONENT
from model.postings import Postings, PostingState
from model.schema import arranged
from store.audit import record
from store.control import Connection, query
from store.files import read_bytes
from store.workspace import Workspace

COLUMNS = ("channel", "batch", "reference", "account_id", "amount", "booked_date")
OPTIONAL = ("kind", "currency", "due_date", "bill_id", "gl_account", "branch_id", "why")
# Kinds that name nothing but an account, or a bill of it; the others are posted one by one.
BULK_KINDS = (
    JournalKind.PAYMENT, JournalKind.OPENING_BALANCE, JournalKind.OPENING_CREDIT, JournalKind.OPENING_DEPOSIT,
    JournalKind.DEPOSIT_BILLED, JournalKind.DEPOSIT_INTEREST, JournalKind.CREDIT_ADJUSTMENT,
    JournalKind.DEBIT_ADJUSTMENT, JournalKind.LATE_FEE, JournalKind.RECOVERY,
)  # fmt: skip
_REJECTS = {"line": pl.Int64, "reason": pl.String, "detail": pl.String}
_KEY = ["channel", "batch", "reference"]
_DECIMALS_MOST = 4


@dataclass(frozen=True)
class PostingsImported:
    """What an import did, in rows; `rejects` has line, reason, detail."""

    booked: int
    proposed: int
    known: int
    in_suspense: int
    total: dict[str, int]
    """Currency -> sum of what was taken, in minor units."""
    rejects: pl.DataFrame


def import_postings(
    workspace: Workspace, path: Path, kind: JournalKind, *, control_total: Decimal | None, at: datetime, actor: str
) -> PostingsImported:
    """Import a file of postings: the good rows are taken, bad ones rejected with line and reason; one transaction.

    A row is known by channel, batch and reference: importing it again changes nothing, and the same key with another
    content is rejected. A payment whose account is not known waits in suspense, in the books of its `branch_id`.

    Raises:
        InputError: the file cannot be read, or its columns are not those expected.
        ControlError: the amounts do not sum to the control total; nothing is taken.
    """
    rules = ledger_rules(workspace)
    rows = _read(path, kind)
    _check_total(path, rows, control_total)
    with ledger_act(workspace, purpose="ledger import") as connection:
        judged = _judged(connection, rows)
        rejects = judged.filter(pl.col("reason").is_not_null()).select(list(_REJECTS)).sort("line")
        good = arranged(Postings, _postings(judged.filter(pl.col("reason").is_null()), rules, actor))
        known = _known(connection)
        new = arranged(Postings, good.join(known, how="anti", on="posting_id"))
        booked = book(connection, new, rules, recorded_at=at)
        totals = new.group_by("currency").agg(pl.col("amount_minor").sum()).sort("currency")
        done = PostingsImported(
            booked, new.height - booked, good.height - new.height,
            new.filter(pl.col("kind") == JournalKind.SUSPENSE.value).height, dict(totals.rows()), rejects,
        )  # fmt: skip
        if new.height:
            detail = f"{booked} booked, {done.proposed} proposed, {done.known} known, {rejects.height} rejected"
            record(connection, at=at, actor=actor, action="import_postings", subject=path.name, detail=detail)
    return done


def _read(path: Path, kind: JournalKind) -> pl.DataFrame:
    try:
        text = pl.read_csv(io.BytesIO(read_bytes(path)), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        first = str(error).splitlines()[0]
        raise InputError(f"file `{path.name}` is not readable as csv: {first}", hint="export it again") from error
    missing = sorted(set(COLUMNS) - set(text.columns))
    unknown = sorted(set(text.columns) - {*COLUMNS, *OPTIONAL})
    if missing or unknown:
        what = ([f"missing {', '.join(missing)}"] if missing else []) + (
            [f"unknown {', '.join(unknown)}"] if unknown else []
        )
        header = ",".join((*COLUMNS, *OPTIONAL))
        raise InputError(f"file `{path.name}`: columns of postings expected; {'; '.join(what)}", hint=header)
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name in OPTIONAL if name not in text.columns]
    stripped = pl.all().str.strip_chars().replace("", None)
    named = text.with_columns(absent).with_columns(stripped)
    return (
        named.with_columns(pl.col("kind").fill_null(kind.value))
        .with_row_index("line", offset=2)
        .with_columns(pl.col("line").cast(pl.Int64))
    )


def _check_total(path: Path, rows: pl.DataFrame, control_total: Decimal | None) -> None:
    if control_total is None:
        return
    found = sum((Decimal(text) for text in rows.filter(_is_amount())["amount"]), Decimal(0))
    if found != control_total:
        raise ControlError(
            f"file `{path.name}`: its amounts sum to {found}, the control total is {control_total}",
            hint="nothing was taken; ask the channel for the whole batch",
        )


def _is_amount() -> pl.Expr:
    return pl.col("amount").str.contains(rf"^-?[0-9]{{1,15}}(\.[0-9]{{1,{_DECIMALS_MOST}}})?$")


def _judged(connection: Connection, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with account, branch, currency, amount and dates found, and the reason of those rejected."""
    accounts = query(
        connection,
        "SELECT account_id, branch_id AS own_branch, currency AS own_currency FROM accounts "
        "WHERE superseded_at IS NULL",
    )
    # Money in suspense has no account that says its currency; in a utility of one there is nothing to ask.
    currencies = accounts["own_currency"].unique()
    only = currencies.item() if currencies.len() == 1 else None
    exponents = pl.DataFrame({"currency": list(CURRENCY_EXPONENT), "exponent": list(CURRENCY_EXPONENT.values())})
    found = rows.join(accounts, how="left", on="account_id", validate="m:1").with_columns(
        # A payment always has a place: money of an account that nobody knows waits in suspense.
        kind=pl.when((pl.col("kind") == "payment") & pl.col("own_branch").is_null())
        .then(pl.lit(JournalKind.SUSPENSE.value)).otherwise(pl.col("kind")),
        currency=pl.coalesce("currency", "own_currency", pl.lit(only, dtype=pl.String)),
        branch_id=pl.coalesce("own_branch", "branch_id"),
        booked=pl.col("booked_date").str.to_date("%Y-%m-%d", strict=False),
        due=pl.col("due_date").str.to_date("%Y-%m-%d", strict=False),
    ).join(exponents, how="left", on="currency", validate="m:1")  # fmt: skip
    branches = query(connection, "SELECT branch_id, TRUE AS has_branch FROM branches WHERE superseded_at IS NULL")
    bills = query(
        connection,
        """SELECT bill_id, any_value(account_id) AS bill_account FROM journal_line
           WHERE kind = 'bill' AND bill_id NOT IN (SELECT bill_id FROM reversed_bill)
           GROUP BY bill_id HAVING sum(amount_minor) FILTER (gl_account = '142') <> 0""",
    )
    placed = (
        found.join(branches, how="left", on="branch_id", validate="m:1")
        .join(bills, how="left", on="bill_id", validate="m:1")
        .with_columns(amount_minor=_minor())
        .sort("line")
    )
    before = _known(connection)
    named = placed.with_columns(posting_id=_posting_ids(placed))
    both = named.join(before, how="left", on="posting_id", validate="m:1", suffix="_known")
    return both.sort("line").with_columns(_reasons(closed_until(connection)))


def _known(connection: Connection) -> pl.DataFrame:
    return query(
        connection,
        """SELECT posting_id, kind, account_id, currency, amount_minor, booked_date FROM posting
           WHERE superseded_at IS NULL""",
    )


def _minor() -> pl.Expr:
    """Return the amount in minor units; null when it is none, or has more decimals than its currency."""
    text = pl.when(_is_amount()).then(pl.col("amount"))
    wide = text.cast(pl.Decimal(38, _DECIMALS_MOST), strict=False)
    units = (wide * pl.lit(10**_DECIMALS_MOST, dtype=pl.Decimal(38, 0))).cast(pl.Int128)
    step = pl.lit(10, dtype=pl.Int128).pow(_DECIMALS_MOST - pl.col("exponent"))
    return pl.when(units % step == 0).then(units // step).cast(pl.Int64)


def _posting_ids(rows: pl.DataFrame) -> pl.Series:
    # A payment in suspense keeps the name that it has as a payment: it is the same money when its account is known.
    kind = pl.col("kind").replace(JournalKind.SUSPENSE.value, JournalKind.PAYMENT.value)
    keys = rows.select(kind, *_KEY)
    return pl.Series([posting_id(*key) for key in keys.iter_rows()], dtype=pl.String)


def _reasons(open_from: date | None) -> list[pl.Expr]:
    """Return `reason` and `detail` of a row that cannot be taken; the first that holds."""
    closed = pl.col("booked") < pl.lit(open_from, dtype=pl.Date) if open_from is not None else pl.lit(value=False)
    named = ("kind", "account_id", "currency")
    is_same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_known")) for name in named)
    was_suspense = pl.col("kind_known") == JournalKind.SUSPENSE.value
    same = (is_same | was_suspense) & (
        pl.col("amount_minor").eq_missing(pl.col("amount_minor_known"))
        & pl.col("booked").eq_missing(pl.col("booked_date_known"))
    )
    needs_bill = pl.col("kind").is_in([JournalKind.CREDIT_ADJUSTMENT.value, JournalKind.DEBIT_ADJUSTMENT.value])
    kinds = [kind.value for kind in (*BULK_KINDS, JournalKind.SUSPENSE)]
    tests: list[tuple[pl.Expr, str, pl.Expr]] = [
        (pl.any_horizontal(pl.col(_KEY).is_null()), "key_missing", pl.lit("channel, batch and reference are needed")),
        (
            pl.any_horizontal(pl.col(_KEY).str.contains(r"[\x00-\x1f\x7f]")),
            "value_not_allowed", pl.lit("expected channel, batch and reference without control characters"),
        ),
        (~pl.col("kind").is_in(kinds), "kind_unknown", pl.format("kind `{}` is not posted from a file", "kind")),
        (
            pl.struct(_KEY).is_first_distinct().not_(),
            "key_twice", pl.lit("channel, batch and reference stand in the file before"),
        ),
        (
            pl.col("own_branch").is_null() & (pl.col("kind") != JournalKind.SUSPENSE.value),
            "account_unknown", pl.format("account `{}` is not known", pl.col("account_id").fill_null("")),
        ),
        (
            pl.col("has_branch").is_null(), "branch_unknown",
            pl.lit("account is not known: name the branch whose suspense it waits in (branch_id)"),
        ),
        (
            pl.col("exponent").is_null() | (pl.col("currency") != pl.coalesce("own_currency", "currency")),
            "currency_wrong", pl.format("currency `{}` is not that of the account", pl.col("currency").fill_null("")),
        ),
        (
            pl.col("amount_minor").is_null() | (pl.col("amount_minor") <= 0), "amount_wrong",
            pl.format("expected an amount above zero, found `{}`", pl.col("amount").fill_null("")),
        ),
        (
            pl.col("booked").is_null() | (pl.col("due").is_null() & pl.col("due_date").is_not_null()), "date_wrong",
            pl.format("expected a date like 2026-10-01, found `{}`", pl.col("booked_date").fill_null("")),
        ),
        (
            pl.col("bill_id").is_not_null() & pl.col("bill_account").ne_missing(pl.col("account_id")),
            "bill_unknown", pl.format("bill `{}` is no bill of the account that stands", "bill_id"),
        ),
        (
            needs_bill & pl.col("bill_id").is_null() & pl.col("gl_account").is_null(),
            "bill_missing", pl.lit("an adjustment names its bill, or a revenue account (gl_account)"),
        ),
        (
            pl.col("kind_known").is_not_null() & ~same,
            "key_taken", pl.lit("channel, batch and reference were posted before with another content"),
        ),
        (
            pl.col("kind_known").is_null() & closed, "period_closed",
            pl.format("{} is in a closed period; book it on {} or later", "booked_date", pl.lit(str(open_from))),
        ),
    ]  # fmt: skip
    reason, detail = pl.lit(None, dtype=pl.String), pl.lit(None, dtype=pl.String)
    for test, name, words in reversed(tests):
        reason = pl.when(test).then(pl.lit(name)).otherwise(reason)
        detail = pl.when(test).then(words).otherwise(detail)
    return [reason.alias("reason"), detail.alias("detail")]


def _postings(rows: pl.DataFrame, rules: LedgerRules, actor: str) -> pl.DataFrame:
    state = pl.when(rules.waits()).then(pl.lit(PostingState.PROPOSED.value))
    return rows.with_columns(
        state=state.otherwise(pl.lit(PostingState.BOOKED.value)), booked_date=pl.col("booked"),
        due_date=pl.col("due"), made_by=pl.lit(actor),
        account_id=pl.when(pl.col("own_branch").is_not_null()).then("account_id"),
    )  # fmt: skip

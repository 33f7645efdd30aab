"""`ledger post` and `ledger approve`: one posting, checked; where it must, another person approves it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from cycles.books.acts import (
    LedgerRules,
    book,
    ledger_act,
    ledger_rules,
    posting_rows,
    refuse_closed,
)
from cycles.books.reports import chart
from ledger.chart import (
    GL_DEPOSITS,
    GL_RECEIVABLE,
    GL_RECEIVABLE_DEPOSIT,
    GL_RECEIVABLE_FEE,
    GL_REFUNDS,
    GL_SUSPENSE,
)
from ledger.templates import TEMPLATES, Template
from model.errors import ConfigError, ControlError
from model.ids import content_hash
from model.ledger import JournalKind
from model.money import CURRENCY_EXPONENT, format_minor
from model.postings import PostingState
from store.audit import record
from store.control import Connection, query
from store.workspace import Workspace

# Kinds that hand back what an account or branch has in a ledger account: never more than is there.
_LIMITED_BY = {
    JournalKind.DEPOSIT_APPLIED: GL_DEPOSITS,
    JournalKind.DEPOSIT_REFUND: GL_DEPOSITS,
    JournalKind.PAYOUT: GL_REFUNDS,
    JournalKind.IDENTIFY: GL_SUSPENSE,
}
# Control accounts of the items that a kind settles.
_SETTLES = {
    JournalKind.WAIVER: (GL_RECEIVABLE_FEE,),
    JournalKind.WRITE_OFF: (GL_RECEIVABLE, GL_RECEIVABLE_FEE),
    JournalKind.DEPOSIT_CANCELLED: (GL_RECEIVABLE_DEPOSIT,),
}
_NEEDS_NO_REASON = (JournalKind.PAYMENT, JournalKind.SUSPENSE)
_ADJUSTMENTS = (JournalKind.CREDIT_ADJUSTMENT, JournalKind.DEBIT_ADJUSTMENT)


@dataclass(frozen=True)
class PostingAsked:
    """One posting as somebody asks for it. `amount` is in major units; left out it is what the item has open."""

    kind: JournalKind
    booked_date: date
    account_id: str | None = None
    amount: Decimal | None = None
    branch_id: str | None = None
    currency: str | None = None
    due_date: date | None = None
    bill_id: str | None = None
    item_id: str | None = None
    other_account_id: str | None = None
    gl_account: str | None = None
    reference: str | None = None
    why: str = ""


@dataclass(frozen=True)
class PostingMade:
    """What posting did. `is_new` is False when the same was posted before."""

    posting_id: str
    state: str
    amount_minor: int
    currency: str
    is_new: bool


def post_one(workspace: Workspace, asked: PostingAsked, *, at: datetime, actor: str) -> PostingMade:
    """Post once; asking for the same again changes nothing, unless a reference tells the two apart.

    Raises:
        ConfigError: account, bill, item or amount are not such that it can be posted.
        ControlError: the period is closed.
    """
    rules, template = ledger_rules(workspace), TEMPLATES[asked.kind]
    if not asked.why.strip() and asked.kind not in _NEEDS_NO_REASON:
        raise ConfigError("option --why: expected a reason, found nothing", hint="say in a sentence why")
    if asked.reference is not None and not asked.reference.isprintable():
        shown = "".join(sign if sign.isprintable() else "?" for sign in asked.reference)
        raise ConfigError(f"option --reference: expected text without control characters, found `{shown}`")
    with ledger_act(workspace, purpose="ledger post") as connection:
        _check_gl_account(connection, asked.gl_account)
        row = _row(connection, asked, template) | {"why": asked.why.strip(), "made_by": actor}
        known = _posting(connection, row["posting_id"])
        if known is not None:
            return PostingMade(row["posting_id"], known["state"], row["amount_minor"], row["currency"], is_new=False)
        refuse_closed(connection, asked.booked_date, f"posting {asked.kind.value}")
        _check_amount(connection, row)
        waits = bool(pl.DataFrame([row], infer_schema_length=1).select(rules.waits()).item())
        state = (PostingState.PROPOSED if waits else PostingState.BOOKED).value
        _keep(connection, row | {"state": state}, rules, action="post", at=at, actor=actor)
    return PostingMade(row["posting_id"], state, row["amount_minor"], row["currency"], is_new=True)


def _check_gl_account(connection: Connection, gl_account: str | None) -> None:
    if gl_account is not None and gl_account not in chart(connection)["gl_account"]:
        raise ConfigError(
            f"ledger account `{gl_account}` is not in the chart",
            hint="billmill ledger accounts list; a new one: billmill ledger accounts set",
        )


def decide_posting(
    workspace: Workspace, posting_id: str, *, is_refused: bool, why: str, at: datetime, actor: str
) -> PostingMade:
    """Approve a proposed posting, which books it, or refuse it. Deciding the same again changes nothing.

    Raises:
        ConfigError: there is no such posting, it was decided otherwise, or it can no longer be booked.
        ControlError: the same person made it, or its period was closed meanwhile.
    """
    wanted = PostingState.REFUSED if is_refused else PostingState.BOOKED
    with ledger_act(workspace, purpose="ledger approve") as connection:
        row = _posting(connection, posting_id)
        if row is None:
            raise ConfigError(f"posting `{posting_id}` is not known", hint="billmill ledger postings --state proposed")
        made = PostingMade(posting_id, wanted.value, row["amount_minor"], row["currency"], is_new=True)
        if row["state"] == wanted.value:
            return PostingMade(posting_id, wanted.value, row["amount_minor"], row["currency"], is_new=False)
        if row["state"] != PostingState.PROPOSED.value:
            raise ConfigError(f"posting `{posting_id}` is {row['state']}; it can no longer become {wanted.value}")
        if row["made_by"] == actor and not is_refused:
            raise ControlError(
                f"posting `{posting_id}` was made by {actor}; the same person cannot approve it",
                hint="another person approves: billmill ledger approve ID --by NAME",
            )
        if not is_refused:
            refuse_closed(connection, row["booked_date"], f"posting `{posting_id}`")
            _check_amount(connection, row)
        decided = row | {"state": wanted.value, "approved_by": None if is_refused else actor}
        action = "refuse_posting" if is_refused else "approve_posting"
        _keep(connection, decided, ledger_rules(workspace), action=action, at=at, actor=actor, said=why)
    return made


def _keep(
    connection: Connection, row: dict[str, Any], rules: LedgerRules, *, action: str, at: datetime, actor: str,
    said: str = "",
) -> None:  # fmt: skip
    book(connection, posting_rows([row]), rules, recorded_at=at)
    amount = f"{format_minor(row['amount_minor'], row['currency'])} {row['currency']}"
    subject = row["account_id"] or row["branch_id"]
    detail = f"{row['kind']} {amount} for {subject}, {row['state']}: {said or row['why'] or ''}"
    record(connection, at=at, actor=actor, action=action, subject=row["posting_id"], detail=detail)


def posting_id(kind: str, *key: object) -> str:
    """Return the id of a posting: its kind, and a hash of what names it. 80 bits keep millions apart."""
    return f"{kind}-{content_hash(kind, *key)[:20]}"


def _posting(connection: Connection, wanted: str) -> dict[str, Any] | None:
    rows = query(
        connection,
        "SELECT * EXCLUDE (recorded_at, superseded_at) FROM posting WHERE posting_id = ? AND superseded_at IS NULL",
        [wanted],
    )
    return None if rows.is_empty() else rows.row(0, named=True)


def _row(connection: Connection, asked: PostingAsked, template: Template) -> dict[str, Any]:
    """Return the posting that is asked for, with branch, currency and amount filled in."""
    for name in template.about:
        if getattr(asked, name) is None:
            option = {"item_id": "--item", "other_account_id": "--to-account"}[name]
            raise ConfigError(f"posting {asked.kind.value}: option {option} is missing")
    account = _account(connection, asked.account_id) if asked.account_id is not None else None
    if account is None and template.needs_account:
        raise ConfigError(f"posting {asked.kind.value}: expected an account, found none", hint="name it: --account A1")
    item, other = _item(connection, asked), _other(connection, asked, account)
    # Money in suspense belongs to no account yet: it is in the books of the branch named, or of the account found.
    place = item or account or {"branch_id": asked.branch_id} | (other or {})
    branch = asked.branch_id if account is None and asked.branch_id else place["branch_id"]
    currency = account["currency"] if account else other["currency"] if other else asked.currency
    if branch is None or currency is None:
        raise ConfigError(f"posting {asked.kind.value}: it needs --branch and --currency, for it has no account")
    if asked.currency not in (None, currency):
        raise ConfigError(f"posting {asked.kind.value}: the account is in {currency}, found {asked.currency}")
    _check_branch(connection, branch)
    _check_bill(connection, asked)
    amount = item["open_minor"] if asked.amount is None and item else minor_of(asked.amount, currency)
    named = asked.reference or content_hash(
        asked.account_id, amount, asked.bill_id, asked.item_id, asked.other_account_id, branch, currency
    )[:16]  # fmt: skip
    key = ("ledger", str(asked.booked_date), named)
    return {
        "posting_id": posting_id(asked.kind.value, *key), "kind": asked.kind.value, "account_id": asked.account_id,
        "branch_id": branch, "currency": currency, "amount_minor": amount, "booked_date": asked.booked_date,
        "due_date": asked.due_date, "bill_id": asked.bill_id, "item_id": asked.item_id,
        "other_account_id": asked.other_account_id, "other_branch_id": other["branch_id"] if other else None,
        "gl_account": _revenue(asked), "channel": key[0], "batch": key[1], "reference": key[2],
        "approved_by": None,
    }  # fmt: skip


def minor_of(amount: Decimal | None, currency: str) -> int:
    """Return an amount of major units in minor ones.

    Raises:
        ConfigError: there is none, or it has more decimals than the currency.
    """
    if amount is None:
        raise ConfigError("option --amount: expected an amount, found nothing", hint="for example --amount 12.50")
    if currency not in CURRENCY_EXPONENT:
        raise ConfigError(f"currency `{currency}` is not known", hint="an ISO 4217 code, such as AUD")
    minor = amount.scaleb(CURRENCY_EXPONENT[currency])
    if minor != minor.to_integral_value() or abs(minor) >= 2**63:
        raise ConfigError(f"amount {amount}: expected at most {CURRENCY_EXPONENT[currency]} decimals of {currency}")
    return int(minor)


def _revenue(asked: PostingAsked) -> str | None:
    if asked.kind in _ADJUSTMENTS and asked.bill_id is None and asked.gl_account is None:
        raise ConfigError(
            f"posting {asked.kind.value}: it needs a bill to share its amount by, or a revenue account",
            hint="--bill BILL, or --gl 451 for one that is about no bill and has no tax",
        )
    return asked.gl_account if asked.bill_id is None else None


def _account(connection: Connection, account_id: str) -> dict[str, Any]:
    rows = query(
        connection,
        "SELECT branch_id, currency FROM accounts WHERE account_id = ? AND superseded_at IS NULL",
        [account_id],
    )
    if rows.is_empty():
        raise ConfigError(f"account `{account_id}` is not known", hint="check its spelling; billmill ledger items")
    return rows.row(0, named=True)


def _other(connection: Connection, asked: PostingAsked, account: dict[str, Any] | None) -> dict[str, Any] | None:
    if asked.other_account_id is None:
        return None
    other = _account(connection, asked.other_account_id)
    if asked.other_account_id == asked.account_id or (account and other["currency"] != account["currency"]):
        raise ConfigError(
            f"option --to-account: expected another account in the same currency, found `{asked.other_account_id}` "
            f"in {other['currency']}"
        )
    return other


def _check_branch(connection: Connection, branch_id: str) -> None:
    rows = query(connection, "SELECT 1 FROM branches WHERE branch_id = ? AND superseded_at IS NULL", [branch_id])
    if rows.is_empty():
        raise ConfigError(f"branch `{branch_id}` is not known", hint="check its spelling")


def _item(connection: Connection, asked: PostingAsked) -> dict[str, Any] | None:
    if asked.item_id is None:
        return None
    rows = query(connection, "SELECT * FROM open_amount WHERE item_id = ?", [asked.item_id])
    if rows.is_empty() or rows.item(0, "account_id") != asked.account_id:
        raise ConfigError(
            f"item `{asked.item_id}` is none of account `{asked.account_id}`",
            hint=f"billmill ledger items --account {asked.account_id}",
        )
    return rows.row(0, named=True)


def _check_bill(connection: Connection, asked: PostingAsked) -> None:
    if asked.bill_id is None:
        return
    rows = query(
        connection,
        """SELECT any_value(account_id) AS account_id, sum(amount_minor) FILTER (gl_account = ?)::BIGINT AS total
           FROM journal_line WHERE bill_id = ? AND kind = 'bill'
           AND bill_id NOT IN (SELECT bill_id FROM reversed_bill)""",
        [GL_RECEIVABLE, asked.bill_id],
    ).row(0, named=True)
    if rows["account_id"] is None or rows["account_id"] != asked.account_id:
        raise ConfigError(
            f"bill `{asked.bill_id}` is no published bill of account `{asked.account_id}` that stands",
            hint=f"billmill ledger statement {asked.account_id}",
        )
    if rows["total"] == 0:
        raise ConfigError(f"bill `{asked.bill_id}` comes to zero: there is nothing to share by", hint="use --gl")


def _check_amount(connection: Connection, row: dict[str, Any]) -> None:
    """Refuse an amount of zero, of the wrong sign, or above what there is to settle, apply or hand back."""
    kind, amount, currency = JournalKind(row["kind"]), row["amount_minor"], row["currency"]
    if amount == 0 or (amount < 0 and kind is not JournalKind.CASH_ROUNDING):
        raise ConfigError(
            f"posting {kind.value}: expected an amount above zero, found {format_minor(amount, currency)}"
        )
    if TEMPLATES[kind].settles:
        _refuse_above(row, query(
            connection, "SELECT open_minor FROM open_amount WHERE item_id = ?", [row["item_id"]]
        ).item(), f"open on item `{row['item_id']}`")  # fmt: skip
        _check_class(connection, row)
    if kind is JournalKind.REFUND:
        held = query(
            connection,
            "SELECT coalesce(-sum(open_minor), 0)::BIGINT FROM open_amount "
            "WHERE account_id = ? AND currency = ? AND open_minor < 0",
            [row["account_id"], currency],
        ).item()
        _refuse_above(row, held, f"in credits of account `{row['account_id']}`")
    if kind in _LIMITED_BY:
        held = query(
            connection,
            "SELECT coalesce(-sum(amount_minor), 0)::BIGINT FROM journal_line WHERE gl_account = ? AND currency = ? "
            "AND account_id IS NOT DISTINCT FROM ? AND branch_id = ?",
            [
                _LIMITED_BY[kind], currency, None if kind is JournalKind.IDENTIFY else row["account_id"],
                row["branch_id"],
            ],
        ).item()  # fmt: skip
        _refuse_above(row, held, f"in ledger account {_LIMITED_BY[kind]}")


def _check_class(connection: Connection, row: dict[str, Any]) -> None:
    """A waiver is about a fee, a cancelled deposit about a deposit, a write-off about neither credit nor deposit."""
    gl_account = query(connection, "SELECT gl_account FROM open_amount WHERE item_id = ?", [row["item_id"]]).item()
    kind = JournalKind(row["kind"])
    if gl_account not in _SETTLES[kind]:
        expected = " or ".join(_SETTLES[kind])
        raise ConfigError(
            f"item `{row['item_id']}` stands in {gl_account}: {kind.value} is for items in {expected}",
            hint="a fee is waived, a deposit cancelled, a bill or fee written off",
        )


def _refuse_above(row: dict[str, Any], limit: int, what: str) -> None:
    if row["amount_minor"] > limit:
        amount, most = (format_minor(value, row["currency"]) for value in (row["amount_minor"], max(limit, 0)))
        raise ConfigError(f"posting {row['kind']} of {amount} {row['currency']}: {most} is {what}")

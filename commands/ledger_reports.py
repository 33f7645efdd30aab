"""The commands of the ledger that only read: balances, items, statements, reports, checks, export."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from commands.context import HERE, JsonOption, WorkspaceOption, now, open_books, print_result, talk
from commands.ledger import DAY, ledger_app
from model.errors import ConfigError, ExitCode

__all__ = ["ledger_app"]

AtOption = Annotated[
    datetime | None, typer.Option("--at", formats=DAY, help="As booked up to the end of this day.", show_default="all")
]


@ledger_app.command("balance")
def ledger_balance(
    account: Annotated[str, typer.Argument(help="Account.")],
    at: AtOption = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show what an account owes (above zero) or has, by ledger account.

    Example: `billmill ledger balance A000001`
    """
    from cycles.books.reports import account_balance
    from outputs.ledger_screens import print_money

    frame = account_balance(open_books(workspace), account, at=at.date() if at else None)
    print_result(json, frame, lambda: print_money(frame, nothing=f"{account} owes nothing and has nothing"))


@ledger_app.command("items")
def ledger_items(
    account: Annotated[str | None, typer.Option("--account", help="Only of this account.")] = None,
    branch: Annotated[str | None, typer.Option("--branch", help="Only of this branch.")] = None,
    due_before: Annotated[datetime | None, typer.Option("--due-before", formats=DAY, help="Due before a day.")] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """List items that have something open: above zero is owed, below is a credit.

    Example: `billmill ledger items --branch DAR --due-before 2026-12-01`
    """
    from cycles.books.reports import open_items_of
    from outputs.ledger_screens import print_money

    day = due_before.date() if due_before else None
    frame = open_items_of(open_books(workspace), account=account, branch=branch, due_before=day)
    print_result(json, frame, lambda: print_money(frame, nothing="nothing is open"))


@ledger_app.command("postings")
def ledger_postings(
    state: Annotated[str | None, typer.Option("--state", help="proposed, booked, refused.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="Only of this account.")] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """List postings that are no bill, with who made and who approved them.

    Example: `billmill ledger postings --state proposed`
    """
    from cycles.books.reports import postings_of
    from outputs.ledger_screens import print_money

    frame = postings_of(open_books(workspace), state=state, account=account)
    print_result(json, frame, lambda: print_money(frame, nothing="no postings"))


@ledger_app.command("statement")
def ledger_statement(
    account: Annotated[str, typer.Argument(help="Account.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show the moves of an account and its balance after each.

    Example: `billmill ledger statement A000001`
    """
    from cycles.books.reports import account_statement
    from outputs.ledger_screens import print_money

    frame = account_statement(open_books(workspace), account)
    print_result(json, frame, lambda: print_money(frame, nothing=f"nothing was ever booked for {account}"))


@ledger_app.command("trial-balance")
def ledger_trial_balance(
    at: AtOption = None,
    branch: Annotated[str | None, typer.Option("--branch", help="Only of this branch.")] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show debits, credits and balance of each ledger account by branch; each branch sums to zero.

    Example: `billmill ledger trial-balance --at 2026-11-30`
    """
    from cycles.books.reports import trial_balance
    from outputs.ledger_screens import print_money

    frame = trial_balance(open_books(workspace), at=at.date() if at else None, branch=branch)
    print_result(json, frame, lambda: print_money(frame, nothing="nothing is booked"))


@ledger_app.command("reconcile")
def ledger_reconcile(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """Compare by branch: bills, receivable legs and open items of bills; control accounts and what is open.

    Exit code 4 when a branch does not meet.

    Example: `billmill ledger reconcile`
    """
    from cycles.books.reports import reconciliation
    from outputs.ledger_screens import print_money

    frame = reconciliation(open_books(workspace))
    print_result(json, frame, lambda: print_money(frame, nothing="nothing is booked"))
    if not frame["meets"].all():
        raise typer.Exit(ExitCode.BLOCKED_BY_CONTROL)


@ledger_app.command("roll-forward")
def ledger_roll_forward(
    from_: Annotated[datetime, typer.Option("--from", formats=DAY, help="First day.")],
    to: Annotated[datetime, typer.Option("--to", formats=DAY, help="Day after the last.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show opening + debits - credits = closing of what customers owe, by branch.

    Example: `billmill ledger roll-forward --from 2026-11-01 --to 2026-12-01`
    """
    from cycles.books.reports import roll_forward
    from outputs.ledger_screens import print_money

    frame = roll_forward(open_books(workspace), from_date=from_.date(), to_date=to.date())
    print_result(json, frame, lambda: print_money(frame, nothing="nothing is booked"))


@ledger_app.command("check")
def ledger_check(
    business_date: Annotated[
        datetime | None,
        typer.Option("--business-date", formats=DAY, help="Cycles closed by then are billed.", show_default="today"),
    ] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Check every invariant of the books and name what breaks it; closed periods are hashed anew.

    Exit code 4 when there are offenders.

    Example: `billmill ledger check`
    """
    from cycles.books.reports import checked_books
    from outputs.ledger_screens import print_checks

    day = (business_date or now()).date()
    checks, offenders = checked_books(open_books(workspace), business_date=day)
    print_result(json, {"checks": checks, "offenders": offenders}, lambda: print_checks(checks, offenders))
    if offenders.height:
        raise typer.Exit(ExitCode.BLOCKED_BY_CONTROL)


@ledger_app.command("export")
def ledger_export(
    format: Annotated[str, typer.Option("--format", help="hledger or beancount.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file.", show_default="stdout")] = None,
    from_: Annotated[datetime | None, typer.Option("--from", formats=DAY, help="First day.")] = None,
    to: Annotated[datetime | None, typer.Option("--to", formats=DAY, help="Day after the last.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Write the journals as text for hledger or beancount; what is before --from is one opening transaction.

    Example: `billmill ledger export --format beancount --out books.beancount`
    """
    from cycles.books.export import export_ledger
    from outputs.ledger_text import LEDGER_FORMATS
    from store.files import write_bytes_atomic

    if format not in LEDGER_FORMATS:
        raise ConfigError(f"option --format: `{format}` is none", hint=f"one of {', '.join(LEDGER_FORMATS)}")
    days = {"from_date": from_.date() if from_ else None, "to_date": to.date() if to else None}
    text = export_ledger(open_books(workspace), format, **days)  # type: ignore[arg-type]  # one of LEDGER_FORMATS
    if out is None:
        print(text, end="")
    else:
        write_bytes_atomic(out.resolve(), text.encode())
        talk(f"wrote {out}")

"""The commands of the ledger that change the books: post, approve, import, fees, allocate, unbilled, close."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from commands.context import (
    HERE,
    ByOption,
    JsonOption,
    WorkspaceOption,
    amount_asked,
    command_group,
    now,
    open_books,
    print_result,
    talk,
    who_acts,
)
from model.errors import ConfigError, ExitCode

ledger_app = command_group("The ledger: postings, open items, periods, reports, export.")
ledger_accounts_app = command_group("The chart of accounts: our numbers, and the utility's own.")
ledger_app.add_typer(ledger_accounts_app, name="accounts")

DAY = ["%Y-%m-%d"]
DateOption = Annotated[
    datetime | None,
    typer.Option("--business-date", formats=DAY, help="Day on which it counts.", show_default="today"),
]
WhyOption = Annotated[str, typer.Option("--why", help="Why, in a sentence.")]


@ledger_app.command("post")
def ledger_post(
    kind: Annotated[str, typer.Argument(help="What: payment, credit_adjustment, late_fee, write_off ... (docs).")],
    account: Annotated[str | None, typer.Option("--account", help="Account that it is for.")] = None,
    amount: Annotated[str | None, typer.Option("--amount", show_default="open", help="Amount, major units.")] = None,
    business_date: DateOption = None,
    due: Annotated[
        datetime | None, typer.Option("--due", formats=DAY, help="Day by which a debt is to be paid.")
    ] = None,
    bill: Annotated[str | None, typer.Option("--bill", help="Bill that shares an adjustment, tax and all.")] = None,
    item: Annotated[str | None, typer.Option("--item", help="Open item to waive or write off.")] = None,
    to_account: Annotated[str | None, typer.Option("--to-account", help="Account that takes a debt or money.")] = None,
    gl: Annotated[str | None, typer.Option("--gl", help="Revenue account of an adjustment without a bill.")] = None,
    branch: Annotated[str | None, typer.Option("--branch", help="Branch, where no account says it.")] = None,
    currency: Annotated[str | None, typer.Option("--currency", help="Currency, where no account says it.")] = None,
    reference: Annotated[str | None, typer.Option("--reference", help="Tells two postings apart.")] = None,
    why: WhyOption = "",
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Post once; where it must, a second person approves it. The same again changes nothing.

    Example: `billmill ledger post credit_adjustment --account A1 --bill A1.2026-06.r0 --amount 12.50 --why "leak"`
    """
    from cycles.books.post import PostingAsked, post_one
    from model.ledger import JournalKind
    from model.postings import WITHOUT_POSTING
    from outputs.ledger_screens import print_posting

    kinds = [known.value for known in JournalKind if known not in WITHOUT_POSTING]
    named = kind.replace("-", "_")
    if named not in kinds:
        raise ConfigError(f"posting `{kind}` is not known", hint=f"one of {', '.join(kinds)}")
    asked = PostingAsked(
        JournalKind(named), (business_date or now()).date(), account, amount_asked(amount, "--amount"), branch,
        currency, due.date() if due else None, bill, item, to_account, gl, reference, why,
    )  # fmt: skip
    made = post_one(open_books(workspace), asked, at=now(), actor=who_acts(by))
    print_result(json, asdict(made), lambda: print_posting(asdict(made)))
    if made.state == "proposed":
        talk(f"next: another person: billmill ledger approve {made.posting_id} --by NAME")


@ledger_app.command("approve")
def ledger_approve(
    posting: Annotated[str, typer.Argument(help="Posting that waits.")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse it: it is never booked.")] = False,
    why: WhyOption = "",
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Approve a posting, which books it, or refuse it. Whoever made it cannot approve it.

    Example: `billmill ledger approve write_off-0f1e2d3c4b5a69788796 --by mira`
    """
    from cycles.books.post import decide_posting
    from outputs.ledger_screens import print_posting

    opened = open_books(workspace)
    made = decide_posting(opened, posting, is_refused=refuse, why=why, at=now(), actor=who_acts(by))
    print_result(json, asdict(made), lambda: print_posting(asdict(made)))


@ledger_app.command("import")
def ledger_import(
    file: Annotated[Path, typer.Argument(help="CSV: channel, batch, reference, account_id, amount, booked_date ...")],
    kind: Annotated[str, typer.Option("--kind", help="What rows are that do not say it themselves.")] = "payment",
    control_total: Annotated[
        str | None, typer.Option("--control-total", help="Refuse the file unless its amounts sum to this.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Import payments, opening balances, deposits, adjustments. Importing a file twice changes nothing.

    Exit code 3 when rows were rejected; the good ones are taken.

    Example: `billmill ledger import payments.csv --control-total 1204.50`
    """
    from cycles.books.imports import BULK_KINDS, import_postings
    from outputs.ledger_screens import print_imported

    named = {known.value: known for known in BULK_KINDS}
    if kind not in named:
        raise ConfigError(f"kind `{kind}` is not posted from a file", hint=f"one of {', '.join(named)}")
    total = amount_asked(control_total, "--control-total")
    opened = open_books(workspace)
    done = import_postings(opened, file, named[kind], control_total=total, at=now(), actor=who_acts(by))
    print_result(json, vars(done), lambda: print_imported(vars(done)))
    if done.rejects.height:
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)


@ledger_app.command("fees")
def ledger_fees(
    business_date: DateOption = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Charge late fees by the rule of billmill.toml: each step of an overdue item once.

    Example: `billmill ledger fees --business-date 2026-12-01`
    """
    from cycles.books.fees import charge_late_fees
    from outputs.ledger_screens import print_fees

    day = (business_date or now()).date()
    done = charge_late_fees(open_books(workspace), business_date=day, at=now(), actor=who_acts(by))
    print_result(json, asdict(done), lambda: print_fees(asdict(done)))


@ledger_app.command("allocate")
def ledger_allocate(
    business_date: DateOption = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Let credits that are open settle debts: the oldest due first, unless billmill.toml says otherwise.

    Example: `billmill ledger allocate --business-date 2026-11-05`
    """
    from cycles.books.fees import allocate_open

    day = (business_date or now()).date()
    made = allocate_open(open_books(workspace), business_date=day, at=now(), actor=who_acts(by))
    print_result(json, {"allocations": made}, lambda: print(f"{made} allocations on {day}"))


@ledger_app.command("unbilled")
def ledger_unbilled(
    at: Annotated[datetime, typer.Option("--at", formats=DAY, help="Last day of the month.")],
    post: Annotated[bool, typer.Option("--post", help="Book it, and take it back on the next day.")] = False,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Estimate revenue supplied and not billed, from what the last bills came to a day; with --post book it.

    Example: `billmill ledger unbilled --at 2026-10-31 --post`
    """
    from cycles.books.unbilled import unbilled_at
    from outputs.ledger_screens import print_unbilled

    done = unbilled_at(open_books(workspace), at.date(), is_booked=post, at=now(), actor=who_acts(by))
    value = {"booked": done.is_booked, "new": done.is_new, "rows": done.found.rows, "unknown": done.found.unknown}
    rows, unknown = done.found.rows, done.found.unknown
    print_result(json, value, lambda: print_unbilled(rows, unknown, is_booked=done.is_booked, is_new=done.is_new))
    if not done.is_booked and done.found.rows.height:
        talk(f"next: billmill ledger unbilled --at {at.date()} --post")


@ledger_app.command("close")
def ledger_close(
    period: Annotated[str, typer.Argument(help="Month, such as 2026-10.")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Close a month: nothing is booked in it any more, and a hash of what was is kept.

    Example: `billmill ledger close 2026-10`
    """
    from cycles.books.periods import close_period

    done = close_period(open_books(workspace), period, at=now(), actor=who_acts(by))
    when = "closed" if done.is_new else "closed before"
    print_result(json, asdict(done), lambda: print(f"{period} {when}: {done.legs:,} legs, sha256 {done.sha256}"))


@ledger_accounts_app.command("list")
def ledger_accounts_list(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """List the chart of accounts: ours, the utility's number and name, the type.

    Example: `billmill ledger accounts list`
    """
    from cycles.books.accounts import ledger_accounts
    from outputs.console import print_frame

    frame = ledger_accounts(open_books(workspace))
    print_result(json, frame, lambda: print_frame(frame, limit=frame.height))


@ledger_accounts_app.command("set")
def ledger_accounts_set(
    gl_account: Annotated[str, typer.Argument(help="Account as journals name it, such as 142.")],
    number: Annotated[str | None, typer.Option("--number", help="The utility's own number.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="The utility's own name.")] = None,
    type: Annotated[str | None, typer.Option("--type", help="asset, liability, income, expense.")] = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
) -> None:
    """Give an account the utility's own number, name or type, in reports and exports. Journals stay as they are.

    Example: `billmill ledger accounts set 142 --number 1200 --name "Trade debtors"`
    """
    from cycles.books.accounts import set_account
    from model.postings import AccountType

    kinds = [known.value for known in AccountType]
    if type is not None and type not in kinds:
        raise ConfigError(f"option --type: `{type}` is none", hint=f"one of {', '.join(kinds)}")
    is_new = set_account(
        open_books(workspace), gl_account, number=number, name=name, account_type=type, at=now(), actor=who_acts(by)
    )
    print(f"{gl_account} set" if is_new else f"{gl_account} was so before")

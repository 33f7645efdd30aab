"""`cycle exclude`, `include`, `hold`, `unhold`: what a run is published without, and who is not billed for now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.context import now, print_result, talk
from commands.option_sets import SIGNING, Signing, with_options

AccountsOption = Annotated[list[str] | None, typer.Option("--account", help="Account; may be repeated.")]
BillsOption = Annotated[list[str] | None, typer.Option("--bill", help="Bill; may be repeated.")]
ListOption = Annotated[
    Path | None, typer.Option("--list", help="CSV file with a column account_id or bill_id, one a line.")
]


@with_options()
def cycle_exclude(
    run: Annotated[str, typer.Argument(help="Run that is computed and not published.")],
    account: AccountsOption = None,
    bill: BillsOption = None,
    file: ListOption = None,
    signing: Signing = SIGNING,
) -> None:
    """Keep bills out of a run: it is published without them, and their accounts stay due.

    Example: `billmill cycle exclude bill-2026-10-20261104-1 --account A-17 --why "meter is being tested"`
    """
    _exclude(run, account, bill, file, signing, is_excluded=True)


@with_options()
def cycle_include(
    run: Annotated[str, typer.Argument(help="Run that is computed and not published.")],
    account: AccountsOption = None,
    bill: BillsOption = None,
    file: ListOption = None,
    signing: Signing = SIGNING,
) -> None:
    """Let bills that were excluded into their run again.

    Example: `billmill cycle include bill-2026-10-20261104-1 --account A-17 --why "the test was good"`
    """
    _exclude(run, account, bill, file, signing, is_excluded=False)


@with_options()
def cycle_hold(
    account: AccountsOption = None,
    file: ListOption = None,
    list_held: Annotated[bool, typer.Option("--show", help="Show the accounts that are held, and change nothing.")] = (
        False
    ),
    signing: Signing = SIGNING,
) -> None:
    """Hold accounts: from the next plan on they are parked with reason `held`, until `cycle unhold`.

    Example: `billmill cycle hold --list complaints.csv --why "ombudsman 2026/114"`
    """
    if list_held:
        from cycles.runs.holds import list_holds
        from cycles.runs.scope import of_own_branches
        from outputs.console import print_frame
        from store.control import control

        opened = signing.books()
        with control(opened, purpose="cycle hold") as connection:
            rows = of_own_branches(opened, list_holds(connection))
        print_result(signing.json, rows, lambda: print_frame(rows, nothing="no account is held"))
        return
    _hold(account, file, signing, is_held=True)


@with_options()
def cycle_unhold(
    account: AccountsOption = None,
    file: ListOption = None,
    signing: Signing = SIGNING,
) -> None:
    """Let accounts go that were held: the next plan bills them.

    Example: `billmill cycle unhold --account A-17 --why "settled"`
    """
    _hold(account, file, signing, is_held=False)


def _exclude(
    run: str, account: list[str] | None, bill: list[str] | None, file: Path | None, signing: Signing, *,
    is_excluded: bool,
) -> None:  # fmt: skip
    from accounts.id_lists import read_ids
    from cycles.review.exclusions import exclude_bills

    listed = {} if file is None else read_ids(file, ("account_id", "bill_id"))
    done = exclude_bills(
        signing.books(), run, bills=[*(bill or ()), *listed.get("bill_id", ())],
        accounts=[*(account or ()), *listed.get("account_id", ())], why=signing.why, is_excluded=is_excluded, at=now(),
        actor=signing.actor,
    )  # fmt: skip
    verb = "kept out" if is_excluded else "let in again"
    before = f", {done.same:,} were before" if done.same else ""
    value = {"run_id": run, "bills": done.bills, "new": done.new, "same": done.same, "void": done.voided}
    print_result(
        signing.json, value, lambda: print(f"{done.new:,} {'bill' if done.new == 1 else 'bills'} {verb}{before}")
    )
    if done.voided:
        talk(f"approval is void, to be given again: {', '.join(done.voided)}")


def _hold(account: list[str] | None, file: Path | None, signing: Signing, *, is_held: bool) -> None:
    from accounts.id_lists import read_ids
    from cycles.runs.holds import hold_accounts

    listed = [] if file is None else read_ids(file, ("account_id",))["account_id"]
    done = hold_accounts(
        signing.books(), [*(account or ()), *listed], why=signing.why, is_held=is_held, at=now(), actor=signing.actor
    )
    verb = "held" if is_held else "free"
    before = f", {done.same:,} were before" if done.same else ""
    value = {"accounts": done.accounts, "new": done.new, "same": done.same}
    print_result(
        signing.json, value, lambda: print(f"{done.new:,} {'account' if done.new == 1 else 'accounts'} {verb}{before}")
    )

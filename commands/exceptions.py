"""`exceptions`: the work lists of billing. List, show, give to somebody, accept, keep out, take back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

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
from commands.filters import (
    AgeOption,
    BranchOption,
    Filters,
    OfOption,
    OwnerOption,
    SeverityOption,
    YesOption,
)
from commands.option_sets import SIGNING, Signing, with_options
from model.errors import ConfigError

if TYPE_CHECKING:
    from cycles.work.exception_decisions import ExceptionOutcome
    from cycles.work.exceptions import AskedExceptions
    from model.review import ReviewState

exceptions_app = command_group("Exceptions: bills to look at, parked agreements, what a cycle left unbilled.")

IdsArgument = Annotated[
    list[str] | None, typer.Argument(help="Exceptions: ids or their beginnings.", show_default=False)
]
RunOption = Annotated[list[str] | None, typer.Option("--run", help="Only of this run; may be repeated.")]
CodeOption = Annotated[list[str] | None, typer.Option("--code", help="Only with this code; may be repeated.")]
AccountOption = Annotated[list[str] | None, typer.Option("--account", help="Only of this account; may be repeated.")]
AmountOption = Annotated[
    str | None, typer.Option("--min-amount", help="Only bills of so much or more, in their currency: 12.50.")
]
StateOption = Annotated[str, typer.Option("--state", help="open, accepted, excluded, past or all.")]


@dataclass(frozen=True)
class ExceptionFilters(Filters):
    """The filters that all commands on exceptions share."""

    run: RunOption = None
    code: CodeOption = None
    severity: SeverityOption = None
    branch: BranchOption = None
    of: OfOption = None
    account: AccountOption = None
    age: AgeOption = None
    min_amount: AmountOption = None

    def asked(self, ids: list[str] | None, state: str) -> AskedExceptions:
        """Return what is asked for: these ids, or what the filters say, in a state."""
        from cycles.work.exceptions import AskedExceptions

        return AskedExceptions(
            ids=tuple(ids or ()), runs=tuple(self.run or ()), codes=tuple(self.code or ()),
            severities=tuple(self.severity or ()), branches=tuple(self.branch or ()), owners=tuple(self.of or ()),
            accounts=tuple(self.account or ()), age_days=self.age,
            amount_least=amount_asked(self.min_amount, "--min-amount", at_least=0), state=state,
        )  # fmt: skip

    def to_decide(self, ids: list[str] | None, state: str) -> AskedExceptions:
        """Return what a decision is about: ids, whatever their state, or a filter among those in a state."""
        if bool(ids) != self.is_empty:
            found = "both" if ids else "neither"
            raise ConfigError(
                f"expected ids of exceptions, or filters such as --code, found {found}",
                hint="billmill exceptions list shows ids, --help the filters",
            )
        return self.asked(ids, "all" if ids else state)


NO_FILTERS = ExceptionFilters()


@exceptions_app.command("list")
@with_options(of=OwnerOption)
def exceptions_list(
    chosen: ExceptionFilters = NO_FILTERS,
    state: StateOption = "open",
    business_date: Annotated[
        datetime | None, typer.Option("--business-date", formats=["%Y-%m-%d"], show_default="today")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows shown.")] = 50,
    csv: Annotated[bool, typer.Option("--csv", help="All rows as CSV on stdout.")] = False,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """List exceptions as work: stopped bills first, then parked agreements, then what somebody should look at.

    Example: `billmill exceptions list --severity stop --branch north`
    """
    from cycles.work.exceptions import exceptions
    from outputs.exceptions_screen import print_exceptions
    from store.csv_text import csv_for_people

    asked = chosen.asked(None, state)
    day = business_date.date() if business_date else now().date()
    rows = exceptions(open_books(workspace), asked, day)
    if csv:
        typer.echo(csv_for_people(rows), nl=False)
        return
    print_result(json, rows, lambda: print_exceptions(rows, limit))


@exceptions_app.command("show")
def exceptions_show(
    exception: Annotated[str, typer.Argument(help="Exception: its id or the beginning of it.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show an exception: what it is about, with which figures, whose it is, what was decided.

    Example: `billmill exceptions show A-17.2026-10.r0/high_use`
    """
    from cycles.work.exception_page import exception_page
    from outputs.exceptions_screen import print_exception

    row, history = exception_page(open_books(workspace), exception, now().date())
    print_result(json, row | {"history": history}, lambda: print_exception(row, history))


@exceptions_app.command("assign")
@with_options()
def exceptions_assign(
    ids: IdsArgument = None,
    owner: Annotated[str, typer.Option("--owner", help="Who gets them.")] = "",
    chosen: ExceptionFilters = NO_FILTERS,
    yes: YesOption = False,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Give exceptions to somebody. Those of nobody are their desk's, or their branch's.

    Example: `billmill exceptions assign --code end_read_missing --branch north --owner lena --yes`
    """
    from cycles.work.exception_decisions import assign_exceptions

    asked = chosen.to_decide(ids, "open")
    outcome = assign_exceptions(
        open_books(workspace), asked, owner, actor=who_acts(by), at=now(), is_recorded=bool(ids) or yes
    )
    _tell(outcome, f"given to {owner}", json)


@exceptions_app.command("accept")
@with_options()
def exceptions_accept(
    ids: IdsArgument = None,
    chosen: ExceptionFilters = NO_FILTERS,
    yes: YesOption = False,
    signing: Signing = SIGNING,
) -> None:
    """Accept exceptions: they are explained. A bill that was stopped goes out once all of its stops are accepted.

    Example: `billmill exceptions accept A-17.2026-10.r0/shock_bill --why "new swimming pool, read confirmed"`
    """
    from model.review import ReviewState

    asked = chosen.to_decide(ids, "open")
    _decide(ReviewState.ACCEPTED, "accepted", asked, signing, is_recorded=bool(ids) or yes)


@exceptions_app.command("exclude")
@with_options()
def exceptions_exclude(
    ids: IdsArgument = None,
    chosen: ExceptionFilters = NO_FILTERS,
    yes: YesOption = False,
    signing: Signing = SIGNING,
) -> None:
    """Keep the bills of exceptions out of their run; their accounts stay due.

    Example: `billmill exceptions exclude --run bill-2026-10-20261104-1 --code high_use --why "read again" --yes`
    """
    from model.review import ReviewState

    asked = chosen.to_decide(ids, "open")
    _decide(ReviewState.EXCLUDED, "kept out", asked, signing, is_recorded=bool(ids) or yes)


@exceptions_app.command("release")
@with_options()
def exceptions_release(
    ids: IdsArgument = None,
    chosen: ExceptionFilters = NO_FILTERS,
    yes: YesOption = False,
    signing: Signing = SIGNING,
) -> None:
    """Take back what was decided: the exceptions are open again, bills that were excluded are in their run again.

    Example: `billmill exceptions release A-17.2026-10.r0/high_use --why "wrong account"`
    """
    from model.review import ReviewState

    asked = chosen.to_decide(ids, "all")
    _decide(ReviewState.OPEN, "released", asked, signing, is_recorded=bool(ids) or yes)


def _decide(state: ReviewState, verb: str, asked: AskedExceptions, signing: Signing, *, is_recorded: bool) -> None:
    from cycles.work.exception_decisions import ExceptionDecision, decide_exceptions

    decision = ExceptionDecision(state, signing.why, signing.actor, now())
    _tell(decide_exceptions(signing.books(), asked, decision, is_recorded=is_recorded), verb, signing.json)


def _tell(outcome: ExceptionOutcome, verb: str, as_json: bool) -> None:
    from outputs.decided_screen import print_decided

    recorded = outcome.is_recorded
    value = {
        "recorded": recorded, "new": outcome.new, "same": outcome.same, "void": outcome.voided,
        "exceptions": outcome.taken["exception_id"].to_list(), "left": outcome.refused,
    }  # fmt: skip
    by = ("code", "severity", "branch_id")
    print_result(
        as_json,
        value,
        lambda: print_decided(
            outcome.found, verb, outcome.things, by, new=outcome.new, same=outcome.same, recorded=recorded
        ),
    )
    if outcome.voided:
        talk(f"approval is void, to be given again: {', '.join(outcome.voided)}")
    if not recorded and outcome.taken.height:
        talk("add --yes to do it")

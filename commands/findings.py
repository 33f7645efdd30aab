"""`billmill findings`: the work lists of VEE. List and show findings, decide about them, give them to somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.context import (
    HERE,
    ByOption,
    JsonOption,
    WorkspaceOption,
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
from model.codes import FindingState
from model.errors import ConfigError

if TYPE_CHECKING:
    from cycles.work.finding_decisions import FindingOutcome
    from cycles.work.findings import Asked

findings_app = command_group("Findings of VEE: work lists, decisions, owners.")

IdsArgument = Annotated[list[str] | None, typer.Argument(help="Findings: ids or their beginnings.", show_default=False)]
RuleOption = Annotated[list[str] | None, typer.Option("--rule", "--code", help="Only of this rule; may be repeated.")]
ReasonOption = Annotated[list[str] | None, typer.Option("--reason", help="Only with this reason; may be repeated.")]
FromOption = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of reads.")]
ToOption = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Day after the last.")]
RunOption = Annotated[int | None, typer.Option("--run", help="Only of this run of VEE, by its load.")]


@dataclass(frozen=True)
class FindingFilters(Filters):
    """The filters that commands on many findings share."""

    rule: RuleOption = None
    reason: ReasonOption = None
    severity: SeverityOption = None
    branch: BranchOption = None
    of: OfOption = None
    age: AgeOption = None
    from_date: FromOption = None
    to_date: ToOption = None
    run: RunOption = None

    def asked(self, ids: list[str] | None, state: str, *, parks: bool = False) -> Asked:
        """Return what is asked for: these ids, or what the filters say, in a state."""
        from cycles.work.findings import Asked

        return Asked(
            ids=tuple(ids or ()), rules=tuple(self.rule or ()), reasons=tuple(self.reason or ()),
            severities=tuple(self.severity or ()), branches=tuple(self.branch or ()), owners=tuple(self.of or ()),
            age_days=self.age, from_date=_day(self.from_date), to_date=_day(self.to_date), state=state, seq=self.run,
            parks=parks,
        )  # fmt: skip


NO_FILTERS = FindingFilters()


@findings_app.command("list")
@with_options(of=OwnerOption)
def findings_list(
    chosen: FindingFilters = NO_FILTERS,
    state: Annotated[
        str, typer.Option("--state", help="open, proposed, accepted, edited, estimated, overtaken or all.")
    ] = "open",
    parks: Annotated[bool, typer.Option("--parks", help="Only those that park an account, or would.")] = False,
    business_date: Annotated[
        datetime | None, typer.Option("--business-date", formats=["%Y-%m-%d"], show_default="today")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows shown.")] = 50,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """List findings of VEE as work: those that moved most money first.

    The money is the energy moved at the average price of the account's last bill, or at its tariff's first energy
    price: for the order of work, never for a bill.

    Example: `billmill findings list --severity fail --branch DAR`
    """
    from cycles.work.findings import work_list
    from outputs.findings_screen import print_findings

    asked = chosen.asked(None, state, parks=parks)
    rows = work_list(open_books(workspace), asked, _day(business_date) or now().date())
    print_result(json, rows, lambda: print_findings(rows, limit))


@findings_app.command("show")
def findings_show(
    finding: Annotated[str, typer.Argument(help="Finding: its id or the beginning of it.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show a finding: rule and threshold, what came and what is used, effect, decisions, a chart of the day.

    Example: `billmill findings show 8b6415f9`
    """
    from cycles.work.finding_page import finding_page
    from outputs.findings_screen import print_finding

    page = finding_page(open_books(workspace), finding, now().date())
    print_result(
        json, page.as_dict(), lambda: print_finding(page.row, page.story, page.readings, page.estimates, page.history)
    )


@findings_app.command("accept")
@with_options()
def findings_accept(
    ids: IdsArgument = None,
    chosen: FindingFilters = NO_FILTERS,
    yes: YesOption = False,
    signing: Signing = SIGNING,
) -> None:
    """Accept findings: a refused value stands as it came from the next run of VEE on; a kept one or an estimate stays.

    Example: `billmill findings accept 8b6415f9 --why "customer confirms a test of the sprinklers"`
    """
    _decide(FindingState.ACCEPTED, "accepted", ids, chosen, signing, yes=yes)


@findings_app.command("estimate")
@with_options()
def findings_estimate(
    ids: IdsArgument = None,
    chosen: FindingFilters = NO_FILTERS,
    yes: YesOption = False,
    signing: Signing = SIGNING,
) -> None:
    """Have the values of findings estimated by the next run of VEE, as gaps are.

    Example: `billmill findings estimate 3fa94c10 --why "register shows no such use"`
    """
    _decide(FindingState.ESTIMATED, "set to be estimated", ids, chosen, signing, yes=yes)


@findings_app.command("release")
@with_options()
def findings_release(
    ids: IdsArgument = None,
    chosen: FindingFilters = NO_FILTERS,
    yes: YesOption = False,
    signing: Signing = SIGNING,
) -> None:
    """Take back what was decided: the findings are open again, and the next run of VEE judges their days anew.

    Example: `billmill findings release 8b6415f9 --why "wrong meter"`
    """
    _decide(FindingState.OPEN, "released", ids, chosen, signing, yes=yes)


@findings_app.command("edit")
@with_options()
def findings_edit(
    ids: Annotated[list[str], typer.Argument(help="Finding; with --approve there may be several.")],
    value: Annotated[
        str | None, typer.Option("--value", help="Energy of the slots together, in kWh, m3, ...; shared evenly.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="File with a value for each slot, one a line.")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Approve what another person proposed.")] = False,
    signing: Signing = SIGNING,
) -> None:
    """Propose values for the slots of a finding; once another person approves them the next run of VEE uses them.

    Example: `billmill findings edit 8b6415f9 --value 6.2 --why "check meter"`
    """
    from cycles.work.finding_decisions import FindingDecision, approve_edits, propose_edit
    from cycles.work.finding_edits import edit_values

    opened, actor = signing.books(), signing.actor
    if approve:
        if value is not None or file is not None:
            raise ConfigError("option --approve: expected no values beside it", hint="propose first, approve then")
        _tell(approve_edits(opened, ids, actor=actor, at=now()), "approved", signing.json)
        return
    if len(ids) != 1:
        raise ConfigError(f"expected one finding to edit, found {len(ids)}", hint="edit them one by one")
    values = edit_values(opened, ids[0], value=value, file=file, business_date=now().date())
    decision = FindingDecision(FindingState.EDITED, signing.why, actor, now())
    outcome = propose_edit(opened, ids[0], values, decision)
    _tell(outcome, "edited", signing.json)
    talk(f"next, another person: billmill findings edit {ids[0]} --approve --by NAME")


@findings_app.command("assign")
@with_options()
def findings_assign(
    ids: IdsArgument = None,
    owner: Annotated[str, typer.Option("--owner", help="Who gets them.")] = "",
    chosen: FindingFilters = NO_FILTERS,
    yes: YesOption = False,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Give findings to somebody. Those of nobody are their branch's, as the workspace's configuration says.

    Example: `billmill findings assign --branch DAR --severity fail --owner lena --yes`
    """
    from cycles.work.finding_decisions import assign

    asked = chosen.asked(ids, _state_asked(ids, chosen, FindingState.OPEN.value))
    is_recorded = bool(ids) or yes
    outcome = assign(
        open_books(workspace), asked, owner, actor=who_acts(by), at=now(), is_recorded=is_recorded
    )  # fmt: skip
    _tell(outcome, f"given to {owner}", json)


def _decide(
    state: FindingState, verb: str, ids: list[str] | None, chosen: FindingFilters, signing: Signing, *, yes: bool
) -> None:
    from cycles.work.finding_decisions import FindingDecision, decide

    wanted = "all" if state is FindingState.OPEN else FindingState.OPEN.value
    asked = chosen.asked(ids, _state_asked(ids, chosen, wanted))
    decision = FindingDecision(state, signing.why, signing.actor, now())
    outcome = decide(signing.books(), asked, decision, is_recorded=bool(ids) or yes)
    _tell(outcome, verb, signing.json)
    if outcome.is_recorded:
        days = outcome.taken["day"]
        talk(_next_run(days.min(), days.max()))  # type: ignore[arg-type]  # days of rows that exist


def _state_asked(ids: list[str] | None, chosen: FindingFilters, wanted: str) -> str:
    """Return which states to look among: any for findings that are named, else those that can be wanted."""
    if ids and not chosen.is_empty:
        hint = "leave one of them out; --reason is a filter, why you decide goes with --why"
        raise ConfigError("expected ids of findings, or filters such as --rule, found both", hint=hint)
    if not ids and chosen.is_empty:
        hint = "billmill findings list shows ids, --help the filters"
        raise ConfigError("expected ids of findings, or filters such as --rule, found neither", hint=hint)
    return "all" if ids else wanted


def _tell(outcome: FindingOutcome, verb: str, as_json: bool) -> None:
    from outputs.decided_screen import print_decided

    recorded = outcome.is_recorded
    value = {
        "recorded": recorded, "new": outcome.new, "same": outcome.same,
        "findings": outcome.taken["finding_id"].to_list(), "left": outcome.refused,
    }  # fmt: skip
    by = ("rule", "reason", "severity", "branch_id")
    print_result(
        as_json,
        value,
        lambda: print_decided(
            outcome.found, verb, outcome.things, by, new=outcome.new, same=outcome.same, recorded=recorded
        ),
    )
    if not recorded and outcome.taken.height:
        talk("add --yes to do it")


def _next_run(first: date, last: date) -> str:
    from datetime import timedelta

    return f"next: billmill reads vee --from {first} --to {last + timedelta(days=1)}"


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()

"""`cycle`: plan, run, status, approve, publish, abandon; the calendar and the night beside it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from commands.calendar import cycle_calendar, cycle_list, cycle_ready
from commands.context import (
    HERE,
    AddressOption,
    ByOption,
    JsonOption,
    RunnerOption,
    WorkspaceOption,
    command_group,
    now,
    open_books,
    print_result,
    progress_shown,
    talk,
    who_acts,
    workers_asked,
)
from commands.exclusions import cycle_exclude, cycle_hold, cycle_include, cycle_unhold
from commands.night import cycle_night
from model.codes import RunnerName
from model.errors import ExitCode

if TYPE_CHECKING:
    from cycles.runs.run import RunResult
    from store.workspace import Workspace

_ParkedLimit = Annotated[
    float, typer.Option("--parked-limit", help="Exit code 3 when more than this percentage is parked.")
]

cycle_app = command_group("A billing cycle: its calendar, plan, run, review, approve, publish; the night that does it.")
cycle_app.command("calendar")(cycle_calendar)
cycle_app.command("list")(cycle_list)
cycle_app.command("ready")(cycle_ready)
cycle_app.command("night")(cycle_night)
cycle_app.command("exclude")(cycle_exclude)
cycle_app.command("include")(cycle_include)
cycle_app.command("hold")(cycle_hold)
cycle_app.command("unhold")(cycle_unhold)


@cycle_app.command("plan")
def cycle_plan(
    cycle: Annotated[str, typer.Argument(help="Cycle of the calendar, for example 2026-10.")],
    business_date: Annotated[datetime, typer.Option("--business-date", formats=["%Y-%m-%d"], help="Date of the run.")],
    branch: Annotated[list[str] | None, typer.Option("--branch", help="Only this branch; may be repeated.")] = None,
    sequence: Annotated[int, typer.Option("--sequence", min=1, help="Number of the run on that date.")] = 1,
    partitions: Annotated[
        int | None, typer.Option("--partitions", min=1, show_default="by cost", help="Parts computed one by one.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Plan a billing run: what is due, from which reads and tariffs, in which partitions. Shows; changes no bill.

    Example: `billmill cycle plan 2026-10 --business-date 2026-11-04`
    """
    from cycles.runs.plan import PlanRequest, plan_cycle
    from outputs.console import print_facts
    from outputs.screens import describe_plan

    request = PlanRequest(
        cycle, business_date.date(), tuple(branch or ()), sequence, partitions, known_at=now(), actor=who_acts(by)
    )
    planned = plan_cycle(open_books(workspace), request)
    shown = {
        key: planned.content[key] for key in ("run_id", "selected", "accounts", "partitions", "seq_max", "fingerprint")
    }
    print_result(json, shown | {"new": planned.is_new}, lambda: print_facts(describe_plan(planned.content)))
    talk(
        f"next: billmill cycle run {planned.run_id}"
        if planned.is_new
        else f"planned before; see: billmill cycle status {planned.run_id}"
    )


@cycle_app.command("run")
def cycle_run(
    run: Annotated[str, typer.Argument(help="Run, as `cycle plan` named it.")],
    workers: Annotated[int | None, typer.Option("--workers", min=1, show_default="cores", help="Processes.")] = None,
    runner: RunnerOption = RunnerName.LOCAL,
    address: AddressOption = None,
    parked_limit: _ParkedLimit = 2.0,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Compute a planned run and check its controls. Killed and run again, it goes on where it was.

    Example: `billmill cycle run bill-2026-10-20261104-1`
    """
    from cycles.runners.chosen import runner_asked
    from cycles.runs.run import run_cycle

    opened = open_books(workspace)
    asked = runner_asked(runner, address)
    with progress_shown(json) as progress:
        result = run_cycle(
            opened, run, workers=workers_asked(workers), progress=progress, at=now(), actor=who_acts(by), runner=asked
        )
    _tell_lost(opened, run)
    _tell_run(opened, run, result, parked_limit, json)


@cycle_app.command("run-partition")
def cycle_run_partition(
    run: Annotated[str, typer.Argument(help="Run, as `cycle plan` named it.")],
    index: Annotated[int, typer.Option("--index", min=0, help="Partition, counted from 0.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Compute one partition of a planned run: a task of a job array. Computed before, it changes nothing.

    Many may run at once, on machines that share the workspace's folder; then `cycle commit`.

    Example: `billmill cycle run-partition bill-2026-10-20261104-1 --index 3`
    """
    from cycles.runs.one_partition import compute_alone
    from outputs.console import print_facts

    with progress_shown(json) as progress:
        receipt, is_new = compute_alone(open_books(workspace), run, index, progress)
    value = {"run_id": run, "partition": index, "new": is_new, "rows": receipt.counts, "totals": receipt.totals}
    facts = {
        "run": run, "partition": index, "computed": "now" if is_new else "before; nothing changed",
        "agreements": receipt.counts["due"], "bills": receipt.counts["bills"], "parked": receipt.counts["parked"],
    }  # fmt: skip
    print_result(json, value, lambda: print_facts(facts))


@cycle_app.command("commit")
def cycle_commit(
    run: Annotated[str, typer.Argument(help="Run whose partitions were computed one by one.")],
    parked_limit: _ParkedLimit = 2.0,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Commit a run whose partitions all have a receipt, and check its controls. Done before, it changes nothing.

    Example: `billmill cycle commit bill-2026-10-20261104-1`
    """
    from cycles.runs.run import commit_run

    opened = open_books(workspace)
    result = commit_run(opened, run, at=now(), actor=who_acts(by))
    _tell_run(opened, run, result, parked_limit, json)


def _tell_lost(opened: Workspace, run: str) -> None:
    """Say on stderr which attempts left nothing, and why."""
    from cycles.runs.followed import followed

    for failed in followed(opened, run).failures:
        talk(failed.sentence())


def _tell_run(opened: Workspace, run: str, result: RunResult, parked_limit: float, json: bool) -> None:
    """Print what a run came to, and end with exit code 3 when more of it is parked than the limit."""
    from cycles.runs.status import next_step
    from cycles.status import run_currency
    from outputs.console import print_facts
    from outputs.screens import describe_result

    state, totals = result.state.value, result.totals
    facts = describe_result(run, state, totals, run_currency(opened, run), result.computed)
    print_result(
        json, {"run_id": run, "state": state, "computed": result.computed, **totals}, lambda: print_facts(facts)
    )
    following = next_step(run, result.state)
    talk(following and f"next: {following}")
    selected, parked = totals["selected"], totals["parked"]
    if parked * 100 > parked_limit * selected:
        talk(f"{parked} of {selected} agreements are parked, more than {parked_limit} %: billmill run show {run}")
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)


@cycle_app.command("status")
def cycle_status(
    run: Annotated[str | None, typer.Argument(help="Run; all open ones when left out.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and follow; on a terminal.")] = False,
    every: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks.")] = 1.0,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Say where runs stand: from due to published, approvals, exceptions, totals beside the last cycle, next step.

    Example: `billmill cycle status --watch`
    """
    from cycles.runs.status import RunWatch
    from outputs.console import stdout
    from outputs.status_screen import print_status, watch_status

    looked = RunWatch(open_books(workspace), run)
    console = stdout()
    if watch and console.is_terminal and not json:
        watch_status(console, looked.look, now, every)
        return
    found = looked.read()
    print_result(json, found, lambda: print_status(console, found, now()))


@cycle_app.command("approve")
def cycle_approve(
    run: Annotated[str, typer.Argument(help="Validated run.")],
    branch: Annotated[list[str] | None, typer.Option("--branch", help="Only this branch; may be repeated.")] = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Approve the branches of a validated run; the last one approves the run. Who made something in it cannot.

    Example: `billmill cycle approve bill-2026-10-20261104-1 --branch north --by mira`
    """
    from cycles.review.review import approve_branches

    done = approve_branches(open_books(workspace), run, at=now(), actor=who_acts(by), branches=branch or ())
    value = {"run_id": run, "approved": done.new, "waiting": done.waiting, "new": bool(done.new)}
    waiting = ", ".join(done.waiting)
    told = f"{run} approved by {who_acts(by)}" + (f": {', '.join(done.new)}" if done.new else " before")
    print_result(json, value, lambda: print(told))
    talk(f"waiting: {waiting}" if done.waiting else f"next: billmill cycle publish {run}")


@cycle_app.command("publish")
def cycle_publish(
    run: Annotated[str, typer.Argument(help="Approved run.")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Publish an approved run in one transaction: bills, journals, invoice numbers, the analysts' database.

    Example: `billmill cycle publish bill-2026-10-20261104-1`
    """
    from cycles.publishing.publish import publish_run
    from cycles.status import run_currency
    from outputs.console import print_facts
    from outputs.screens import money_text

    opened = open_books(workspace)
    done = publish_run(opened, run, at=now(), actor=who_acts(by))
    total = money_text(done.total_minor, run_currency(opened, run))
    published = "now" if done.is_new else "before; nothing changed"
    facts = {"run": run, "published": published, "invoices": done.invoices, "total": total}
    value = {"run_id": run, "invoices": done.invoices, "total_minor": done.total_minor, "new": done.is_new}
    print_result(json, value, lambda: print_facts(facts))


@cycle_app.command("abandon")
def cycle_abandon(
    run: Annotated[str, typer.Argument(help="Run that is not published.")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
) -> None:
    """Give up a run that is not published; its accounts are due again.

    Example: `billmill cycle abandon bill-2026-10-20261104-1`
    """
    from cycles.review.review import abandon_run

    abandon_run(open_books(workspace), run, at=now(), actor=who_acts(by))
    print(f"{run} abandoned")

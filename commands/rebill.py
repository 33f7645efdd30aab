"""`rebill`: find published bills that become others, plan their replacement, show it, apply it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

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
    progress_shown,
    talk,
    who_acts,
    workers_asked,
)

rebill_app = command_group("Published bills whose inputs changed: plan, show, apply their replacement.")
_DAY = ["%Y-%m-%d"]
CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write the bills as CSV to this file, lines beside it.")]


@rebill_app.command("plan")
def rebill_plan(
    business_date: Annotated[datetime, typer.Option("--business-date", formats=_DAY, help="Date of the run.")],
    why: Annotated[str, typer.Option("--why", help="Why; kept with each bill that is taken back.")],
    since: Annotated[
        datetime | None, typer.Option("--since", formats=_DAY, help="Bills with days from this on.")
    ] = None,
    cycle: Annotated[list[str] | None, typer.Option("--cycle", help="Only this cycle; repeatable.")] = None,
    account: Annotated[list[str] | None, typer.Option("--account", help="Only this account; repeatable.")] = None,
    tariff: Annotated[list[str] | None, typer.Option("--tariff", help="Only this tariff; repeatable.")] = None,
    branch: Annotated[list[str] | None, typer.Option("--branch", help="Only this branch; repeatable.")] = None,
    cause: Annotated[
        list[str] | None,
        typer.Option("--cause", help="Only this: read, tariff, factor, agreement, cancelled, ...; repeatable."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Rate also bills of which no input changed.")] = False,
    csv: CsvOption = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Find published bills that become others with what is known now, and plan a run that replaces them.

    Looks at late and edited reads, tariffs, factors, agreements, meters, attributes and history, and at days of
    cancelled bills that no cycle bills any more; rates all candidates, keeps those that change, tells the cause of each
    line. Shows; changes no bill.

    Example: `billmill rebill plan --tariff RES --business-date 2026-11-20 --why "price of the order of 1 July"`
    """
    from cycles.rebill.choice import RebillRequest
    from cycles.rebill.plan import plan_rebill

    request = RebillRequest(
        business_date.date(), now(), who_acts(by), why, since.date() if since else None, tuple(cycle or ()),
        tuple(account or ()), tuple(tariff or ()), tuple(branch or ()), tuple(cause or ()), everything,
    )  # fmt: skip
    _show(plan_rebill(open_books(workspace), request), csv, json)


@rebill_app.command("show")
def rebill_show(
    run: Annotated[str, typer.Argument(help="Run, as `rebill plan` named it.")],
    csv: CsvOption = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show a rebill plan again: by branch, by cause, the largest changes.

    Example: `billmill rebill show rebill-0a1b2c3d4e5f-20261120-1`
    """
    from cycles.rebill.plan import read_rebill

    _show(read_rebill(open_books(workspace), run), csv, json)


@rebill_app.command("apply")
def rebill_apply(
    run: Annotated[str, typer.Argument(help="Run, as `rebill plan` named it.")],
    workers: Annotated[int | None, typer.Option("--workers", min=1, show_default="cores", help="Processes.")] = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Compute a planned rebill: each bill is taken back and its days billed again, exactly as the plan showed.

    Refused when what its bills rest on has changed since. Killed and run again, it goes on where it was. Another person
    approves it, then it is published: `cycle approve`, `cycle publish`.

    Example: `billmill rebill apply rebill-0a1b2c3d4e5f-20261120-1`
    """
    from cycles.rebill.apply import apply_rebill
    from cycles.runs.status import next_step
    from cycles.status import run_currency
    from outputs.console import print_facts
    from outputs.screens import describe_result

    opened = open_books(workspace)
    with progress_shown(json) as progress:
        done = apply_rebill(
            opened, run, workers=workers_asked(workers), progress=progress, at=now(), actor=who_acts(by)
        )
    state = done.state.value
    facts = describe_result(run, state, done.totals, run_currency(opened, run), done.computed)
    print_result(
        json, {"run_id": run, "state": state, "computed": done.computed, **done.totals}, lambda: print_facts(facts)
    )
    following = next_step(run, done.state)
    talk(following and f"next: {following}")


def _show(found: Any, csv: Path | None, json: bool) -> None:
    from outputs.rebill_screen import print_rebill, rebill_sheet
    from store.csv_text import csv_for_people
    from store.files import write_bytes_atomic

    plan = found.planned.content if found.planned else None
    sheet = rebill_sheet(found.bills, found.lines) if found.bills.height else {}
    keys = ("run_id", "taken_back", "accounts", "before_minor", "after_minor", "fingerprint")
    told = {key: plan[key] for key in keys} if plan else {"run_id": None, "taken_back": 0}
    print_result(
        json,
        told | sheet | {"bills": found.bills, "lines": found.lines},
        lambda: print_rebill(plan, found.bills, found.lines),
    )
    if csv is not None:
        target = csv.resolve()
        write_bytes_atomic(target, csv_for_people(found.bills).encode())
        write_bytes_atomic(target.with_name(f"{target.stem}-lines.csv"), csv_for_people(found.lines).encode())
    talk(f"next: billmill rebill apply {plan['run_id']}" if plan else "nothing to apply")

"""`billmill bill final`: agreements that have ended, billed at once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from commands.context import HERE, ByOption, JsonOption, WorkspaceOption, now, open_books, print_result, talk, who_acts
from model.errors import ConfigError


def bill_final(
    business_date: Annotated[datetime, typer.Option("--business-date", formats=["%Y-%m-%d"], help="Date of the bill.")],
    agreements: Annotated[
        list[str] | None, typer.Argument(help="Agreements that have ended; none for all that have.")
    ] = None,
    cycle: Annotated[str | None, typer.Option("--cycle", help="Cycle that holds their last days.")] = None,
    branch: Annotated[list[str] | None, typer.Option("--branch", help="Only this branch; may be repeated.")] = None,
    sequence: Annotated[int, typer.Option("--sequence", min=1, help="Number of the run on that date.")] = 1,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Plan the final bills of agreements that have ended, before their cycle's window opens.

    The run goes on as any other: run, approve, publish. The cycle's own run then leaves out the days that are billed.

    Example: `billmill bill final S-17 --business-date 2026-06-16`
    """
    from cycles.runs.finals import cycle_of_end
    from cycles.runs.plan import PlanRequest, plan_cycle
    from outputs.console import print_facts
    from outputs.screens import describe_plan

    books = open_books(workspace)
    asked = tuple(sorted(set(agreements or ())))
    if cycle is None and not asked:
        raise ConfigError("expected agreements or --cycle, found neither", hint="billmill bill final --help")
    request = PlanRequest(
        cycle or cycle_of_end(books, asked), business_date.date(), tuple(branch or ()), sequence, None,
        known_at=now(), actor=who_acts(by), finals=asked,
    )  # fmt: skip
    planned = plan_cycle(books, request)
    shown = {key: planned.content[key] for key in ("run_id", "selected", "accounts", "partitions", "fingerprint")}
    print_result(json, shown | {"new": planned.is_new}, lambda: print_facts(describe_plan(planned.content)))
    talk(f"next: billmill cycle run {planned.run_id}")

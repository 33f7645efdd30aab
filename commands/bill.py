"""The commands of bills: show one, explain one, rate one again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

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
from commands.finals import bill_final
from model.errors import ConfigError, ExitCode

bill_app = command_group("Bills: show one, explain one, rate one again; those whose reads changed.")
bill_app.command("final")(bill_final)


@bill_app.command("show")
def bill_show(
    bill: Annotated[str, typer.Argument(help="Bill or invoice number.")],
    run: Annotated[str | None, typer.Option("--run", help="Run of a bill that is not published yet.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the bill as a page to this file.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Show a bill as text, or write it as a page with its usage chart.

    Example: `billmill bill show A000001.2026-10.r0 --html bill.html`
    """
    from cycles.bills.again import bill_document
    from outputs.documents import render_html, render_text
    from store.files import write_bytes_atomic

    document = bill_document(open_books(workspace), bill, run)
    if html is None:
        print(render_text(document))
    else:
        write_bytes_atomic(html.resolve(), render_html(document).encode())
        print(html)


@bill_app.command("explain")
def bill_explain(
    bill: Annotated[str, typer.Argument(help="Bill or invoice number.")],
    run: Annotated[str | None, typer.Option("--run", help="Run of a bill that is not published yet.")] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Explain every cent: line, determinant, tiers, tariff clause, reads; and compute the bill again.

    Exit code 4 when computing it again gives other lines.

    Example: `billmill bill explain A000001.2026-10.r0`
    """
    from cycles.bills.again import explain_bill

    explained = explain_bill(open_books(workspace), bill, run)
    print_result(json, {"same": explained.is_same, "text": explained.text}, lambda: print("\n".join(explained.text)))
    if not explained.is_same:
        raise typer.Exit(ExitCode.BLOCKED_BY_CONTROL)


@bill_app.command("rerate")
def bill_rerate(
    bill: Annotated[str, typer.Argument(help="Published bill or invoice number.")],
    as_known_at: Annotated[
        str | None,
        typer.Option(
            "--as-known-at", help="Time such as 2026-11-04T09:30:00Z; UTC unless it says.", show_default="now"
        ),
    ] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Rate a published bill's days again with what is known now, or was at a time, and compare line by line.

    Posts nothing. Each line that differs names its cause where one kind of input explains it: tariff, factor, read,
    agreement (accounts, meters, attributes), history.

    Example: `billmill bill rerate A000001.2026-10.r0 --as-known-at 2026-11-20T00:00:00Z`
    """
    from cycles.bills.rerate import rerate_bill
    from outputs.rerate_screen import print_rerated

    found = rerate_bill(open_books(workspace), bill, _time_of(as_known_at))
    print_result(json, found.as_dict(), lambda: print_rerated(found.as_dict()))


@bill_app.command("cancel")
def bill_cancel(
    business_date: Annotated[datetime, typer.Option("--business-date", formats=["%Y-%m-%d"], help="Date of the run.")],
    why: Annotated[str, typer.Option("--why", help="Why they are taken back; kept with each of them.")],
    bills: Annotated[list[str] | None, typer.Argument(help="Published bills or invoice numbers.")] = None,
    account: Annotated[list[str] | None, typer.Option("--account", help="Bills of this account; repeatable.")] = None,
    run: Annotated[list[str] | None, typer.Option("--run", help="Bills of this run; repeatable.")] = None,
    cycle: Annotated[list[str] | None, typer.Option("--cycle", help="Bills of this cycle; repeatable.")] = None,
    branch: Annotated[list[str] | None, typer.Option("--branch", help="Bills of this branch; repeatable.")] = None,
    sequence: Annotated[int, typer.Option("--sequence", min=1, help="Number of the run on that date.")] = 1,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Take published bills back: each by a bill that negates it line by line, whose document is a credit note.

    Named are bills, or all that stand and meet every option. A run of its own is planned and computed; another person
    approves it, then it is published. The days are due again in their cycle's window, or by a rebill.

    Example: `billmill bill cancel A000001.2026-10.r0 --business-date 2026-11-20 --why "meter of the neighbour"`
    """
    from cycles.rebill.cancel import CancelRequest, plan_cancel
    from cycles.runs.run import run_cycle
    from cycles.runs.status import next_step
    from cycles.status import run_currency
    from outputs.console import print_facts
    from outputs.screens import money_text

    opened, at, actor = open_books(workspace), now(), who_acts(by)
    request = CancelRequest(
        tuple(bills or ()), tuple(account or ()), tuple(run or ()), tuple(cycle or ()), tuple(branch or ()), why,
        business_date.date(), sequence, known_at=at, actor=actor,
    )  # fmt: skip
    planned = plan_cancel(opened, request)
    with progress_shown(json) as progress:
        result = run_cycle(opened, planned.run_id, workers=workers_asked(1), progress=progress, at=at, actor=actor)
    count, minor = planned.content["taken_back"], -planned.content["total_minor"]
    total = money_text(minor, run_currency(opened, planned.run_id))
    facts = {"run": planned.run_id, "state": result.state.value, "bills taken back": count, "total": total}
    value = {"run_id": planned.run_id, "state": result.state.value, "bills": count, "total_minor": minor}
    print_result(json, value, lambda: print_facts(facts))
    following = next_step(planned.run_id, result.state)
    talk(following and f"next: {following}")


@bill_app.command("late")
def bill_late(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """List published bills whose reads changed since: late actuals in place of estimates, corrections, edits.

    With --json quantities are in smallest units. What a bill comes to with them: `billmill bill rerate`.

    Example: `billmill bill late`
    """
    from cycles.rebill.late_reads import rebill_candidates
    from outputs.console import print_frame
    from outputs.reads_report import in_readable_units

    frame = rebill_candidates(open_books(workspace))
    nothing = "no published bill rests on reads that changed"
    print_result(json, frame, lambda: print_frame(in_readable_units(frame), nothing=nothing))
    if frame.height:
        talk(f"next: billmill bill rerate {frame['bill_id'][0]}")


def _time_of(text: str | None) -> datetime:
    """Return the time that an option says; now when it is left out.

    Raises:
        ConfigError: it is no time.
    """
    if text is None:
        return now()
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "write it as 2026-11-04T09:30:00Z, or as a day: 2026-11-04"
        raise ConfigError(f"--as-known-at: expected a time, found `{text}`", hint=hint) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

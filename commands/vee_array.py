"""`reads vee-plan`, `vee-block` and `vee-commit`: a validation whose blocks a scheduler's job array judges."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from commands.context import (
    HERE,
    ByOption,
    JsonOption,
    WorkspaceOption,
    now,
    open_books,
    print_result,
    progress_shown,
    talk,
    who_acts,
)

_PlanArgument = Annotated[str, typer.Argument(help="Plan, as `reads vee-plan` named it.")]


def reads_vee_plan(
    from_date: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day judged.")],
    to_date: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Day after the last.")],
    channels: Annotated[
        int | None, typer.Option("--channels", min=1, show_default="8192", help="Channels in a block, at most.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Plan a validation in blocks of channels that tasks judge one by one. Shows; changes nothing in the books.

    Then `reads vee-block` for each, and `reads vee-commit`. Another that is planned takes the place of this one.

    Example: `billmill reads vee-plan --from 2026-10-01 --to 2026-11-01`
    """
    from cycles.runners.vee_array import plan_blocks
    from ingest.vee.blocks import CHANNELS_PER_BLOCK
    from outputs.console import print_facts

    plan, is_new = plan_blocks(
        open_books(workspace), from_date=from_date.date(), to_date=to_date.date(), received_at=now(),
        channels_per_block=channels or CHANNELS_PER_BLOCK,
    )  # fmt: skip
    facts = {
        "plan": plan.name, "days": f"{plan.from_date} to {plan.to_date} (not included)",
        "channels": plan.channels, "blocks": plan.blocks,
    }  # fmt: skip
    value = {"plan": plan.name, "channels": plan.channels, "blocks": plan.blocks, "new": is_new}
    print_result(json, value, lambda: print_facts(facts))
    planned = "" if is_new else "planned before; "
    talk(f"{planned}next: billmill reads vee-block {plan.name} --index 0, and so on to {plan.blocks - 1}")


def reads_vee_block(
    plan: _PlanArgument,
    index: Annotated[int, typer.Option("--index", min=0, help="Block, counted from 0.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Judge one block of a planned validation: a task of a job array. Judged before, it changes nothing.

    Many may run at once, on machines that share the workspace's folder; then `reads vee-commit`.

    Example: `billmill reads vee-block vee-2026-10-01-0f3a5c7e9b1d2468 --index 3`
    """
    from cycles.runners.vee_array import judge_alone
    from outputs.console import print_facts

    with progress_shown(json) as progress:
        receipt, is_new = judge_alone(open_books(workspace), plan, index, progress)
    facts = {
        "plan": plan, "block": index, "judged": "now" if is_new else "before; nothing changed",
        "channels": receipt.counts["channels"],
    }  # fmt: skip
    value = {"plan": plan, "block": index, "new": is_new, "channels": receipt.counts["channels"]}
    print_result(json, value, lambda: print_facts(facts))


def reads_vee_commit(
    plan: _PlanArgument,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Take what the blocks of a planned validation found into the books. Done before, it changes nothing.

    Refused when reads, edits, rules or accounts have changed since it was planned.

    Example: `billmill reads vee-commit vee-2026-10-01-0f3a5c7e9b1d2468`
    """
    from cycles.runners.vee_array import commit_blocks
    from outputs.console import print_facts
    from outputs.reads_report import vee_figures, vee_findings
    from outputs.screens import print_vee

    done = commit_blocks(open_books(workspace), plan, at=now(), actor=who_acts(by))
    value = {"plan": plan, "load": done.seq, "new": done.report is not None}
    if done.report is None:
        load = "nothing was new" if done.seq is None else f"load {done.seq}"
        facts = {"plan": plan, "committed": "before; nothing changed", "written": load}
        print_result(json, value, lambda: print_facts(facts))
        return
    report = done.report
    found = {**vee_figures(report), "findings": vee_findings(report)}
    print_result(json, value | found, lambda: print_vee(report))

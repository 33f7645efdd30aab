"""Keeping the books: `verify`, `rebuild`, `backup`, `restore`, `repair`, and the audit."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from commands.context import (
    HERE,
    JsonOption,
    WorkspaceOption,
    command_group,
    open_books,
    print_result,
    progress_shown,
)
from model.errors import ExitCode

audit_app = command_group("Who did what: list, show.")


def add_keeping(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    app.command("verify")(verify)
    app.add_typer(audit_app, name="audit")


def verify(
    deep: Annotated[bool, typer.Option("--deep", help="Also compute the published bills again.")] = False,
    against: Annotated[
        Path | None, typer.Option("--against", help="Folder of a backup, to tell which byte was changed.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Compare every file, run, row and link with what was left. Exit code 4 when anything differs.

    Example: `billmill verify --deep`
    """
    from cycles.verify import verify_workspace
    from outputs.keep_screens import print_verified

    with progress_shown(json) as progress:
        found = verify_workspace(open_books(workspace), deep=deep, against=against, progress=progress)
    value = {"problems": found.problems, "orphans": list(found.orphans), **found.counts}
    print_result(json, value, lambda: print_verified(found.problems, found.counts, found.orphans))
    if found.problems.height:
        raise typer.Exit(ExitCode.BLOCKED_BY_CONTROL)


@audit_app.command("list")
def audit_list(
    actor: Annotated[str | None, typer.Option("--actor", help="Who acted.")] = None,
    action: Annotated[str | None, typer.Option("--action", help="What was done: import, land, publish.")] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="From this day on, in UTC.")
    ] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="Part of what it was done on.")] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """List who did what, the last first.

    Example: `billmill audit list --action publish --since 2026-11-01`
    """
    from cycles.audit_trail import audit_entries
    from outputs.console import print_frame

    day = since.date() if since else None
    frame = audit_entries(open_books(workspace), actor=actor, action=action, since=day, subject=subject)
    print_result(json, frame, lambda: print_frame(frame, nothing="no entry is like that"))


@audit_app.command("show")
def audit_show(
    entry: Annotated[int, typer.Argument(min=1, help="Number of the entry.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show an entry of the audit with its hash and the one before it.

    Example: `billmill audit show 12`
    """
    from cycles.audit_trail import audit_entry
    from outputs.console import print_facts

    found = audit_entry(open_books(workspace), entry)
    print_result(json, found, lambda: print_facts(found))

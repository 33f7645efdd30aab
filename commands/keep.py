"""Keeping the books: `verify`, `rebuild`, `backup`, `restore`, `repair`, and the audit."""

from __future__ import annotations

from datetime import datetime
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
)
from model.errors import ExitCode

audit_app = command_group("Who did what: list, show.")


def add_keeping(app: typer.Typer, panel: str) -> None:
    """Add the commands of this module that are in no group to the application, in a panel of its help."""
    for command in (verify, backup, restore, rebuild, repair):
        app.command(command.__name__, rich_help_panel=panel)(command)


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
    from cycles.verify.workspace import verify_workspace
    from outputs.keep_screens import print_verified

    with progress_shown(json) as progress:
        found = verify_workspace(open_books(workspace), deep=deep, against=against, progress=progress)
    value = {"problems": found.problems, "orphans": list(found.orphans), **found.counts}
    print_result(json, value, lambda: print_verified(found.problems, found.counts, found.orphans))
    if found.problems.height:
        raise typer.Exit(ExitCode.BLOCKED_BY_CONTROL)


def rebuild(
    into: Annotated[
        Path | None, typer.Option("--into", help="Folder for the rebuilt database.", show_default="`rebuilt` beside")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of control.duckdb.")] = False,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Make the books again from Parquet and manifests, and compare them with the control database.

    Exit code 4 when a table differs, unless the rebuilt one takes its place; what is replaced is kept in `backups/`.

    Example: `billmill rebuild --into rebuilt`
    """
    from cycles.verify.rebuild import rebuild_books, replace_control
    from outputs.keep_screens import print_rebuilt

    opened = open_books(workspace)
    folder = into or opened.root.with_name(f"{opened.root.name}.rebuilt")
    done = rebuild_books(opened, folder, to_replace=replace)
    value = {"path": done.path, "runs": done.runs, "kept": done.kept, "tables": done.compared, "gone": list(done.gone)}
    print_result(json, value, lambda: print_rebuilt(done.compared, done.runs, done.kept, done.gone))
    if replace:
        kept = replace_control(opened, done, at=now(), actor=who_acts(by))
        talk("control.duckdb replaced" + (f"; the old one is in {kept}" if kept else "") + "\nnext: billmill verify")
        return
    talk(f"rebuilt in {done.path}; to put it in place: billmill rebuild --replace")
    if not done.compared["is_same"].all():
        raise typer.Exit(ExitCode.BLOCKED_BY_CONTROL)


def backup(
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder of the backups.", show_default="NAME.backup beside")
    ] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Copy the workspace, checked by hash; what a folder of backups holds already is not copied again.

    Example: `billmill backup --to /mnt/other/books`
    """
    from outputs.console import print_facts
    from store.copies import make_backup

    opened = open_books(workspace)
    folder = to or opened.root.with_name(f"{opened.root.name}.backup")
    with progress_shown(json) as progress:
        made = make_backup(opened, folder, progress=progress)
    facts = {
        "backup": made.path, "files": len(made.files), "copied": made.copied,
        "bytes": sum(file.bytes for file in made.files), "audit entry": made.entry_no,
    }  # fmt: skip
    print_result(json, {name.replace(" ", "_"): value for name, value in facts.items()}, lambda: print_facts(facts))


def restore(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="Folder of the backups.")],
    into: Annotated[
        Path | None, typer.Option("--into", help="Empty folder for the workspace.", show_default="the workspace")
    ] = None,
    same_lake: Annotated[
        bool, typer.Option("--same-lake", help="Work in the bucket of the backup's workspace, which is no more.")
    ] = False,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Restore the newest backup to an empty folder; in a workspace, put back what is missing or damaged.

    Example: `billmill restore /mnt/other/books --into drill`
    """
    from cycles.verify.restore import restore as restore_from
    from outputs.console import print_facts

    with progress_shown(json) as progress:
        done = restore_from(source, into or workspace, progress=progress, same_lake=same_lake)
    facts = {
        "workspace": done.root,
        "backup": done.backup,
        "files": len(done.put_back),
        "replaced": done.kept or "none",
    }
    print_result(json, facts | {"put_back": list(done.put_back)}, lambda: print_facts(facts))
    talk(f"next: billmill verify --workspace {done.root}")


def repair(workspace: WorkspaceOption = HERE, by: ByOption = None, json: JsonOption = False) -> None:
    """Make a control database open again whose write-ahead log is torn or damaged; the originals are kept.

    Exit code 4 when acts are gone: they are listed, and have to be done again.

    Example: `billmill repair`
    """
    from outputs.keep_screens import print_repaired
    from store.repair import repair_control

    done = repair_control(open_books(workspace), at=now(), actor=who_acts(by))
    value = {"kept": done.kept, "cut_at": done.cut_at, "bytes_cut": done.bytes_cut, "lost": done.lost}
    print_result(json, value, lambda: print_repaired(done.kept, done.cut_at, done.bytes_cut, done.lost))
    if done.kept is not None:
        talk("next: billmill verify")
    if done.lost:
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
    from cycles.verify.audit_trail import audit_entries
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
    from cycles.verify.audit_trail import audit_entry
    from outputs.console import print_facts

    found = audit_entry(open_books(workspace), entry)
    print_result(json, found, lambda: print_facts(found))

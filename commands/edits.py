"""`billmill reads edit`: values of persons, proposed by one and approved by another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.context import HERE, ByOption, JsonOption, WorkspaceOption, now, open_books, print_result, talk, who_acts
from model.errors import ConfigError


def reads_edit(
    file: Annotated[
        Path | None, typer.Argument(help="CSV: channel_id, from, to, kind, reason; value or total; meter_id.")
    ] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="Channel, instead of a file.")] = None,
    start: Annotated[str, typer.Option("--from", help="First day, or time: local, or UTC with a Z.")] = "",
    end: Annotated[str, typer.Option("--to", help="Day or time after the last.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="value, agreed, customer, zero, estimate or restore.")] = "value",
    value: Annotated[str, typer.Option("--value", help="Of each interval (kWh, m3); of a register its dials.")] = "",
    total: Annotated[str, typer.Option("--total", help="Of all intervals, shared equally.")] = "",
    meter: Annotated[str, typer.Option("--meter", help="Meter of a reading, where several hang.")] = "",
    reason: Annotated[str, typer.Option("--reason", "--why", help="Why; kept with the edit.")] = "",
    approve: Annotated[list[str] | None, typer.Option("--approve", help="Approve this edit; may be repeated.")] = None,
    refuse: Annotated[list[str] | None, typer.Option("--refuse", help="Refuse this edit; may be repeated.")] = None,
    shown: Annotated[bool, typer.Option("--list", help="List the edits.")] = False,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Propose values for intervals or registers, approve or refuse what another person proposed, list.

    What landed never changes: an approved edit stands above it, and another edit of kind `restore` undoes it. Kind
    `estimate` sets values aside so that VEE estimates them. Exit code 4 when an edit must not be approved.

    Example: `billmill reads edit --channel SP1/E1 --from 2026-10-05 --to 2026-10-06 --total 24.5 --reason "on site"`
    """
    asked = [name for name, is_asked in (
        ("a file", file), ("--channel", channel), ("--approve", approve), ("--refuse", refuse), ("--list", shown)
    ) if is_asked]  # fmt: skip
    if len(asked) != 1:
        raise ConfigError(
            f"expected one of a file, --channel, --approve, --refuse, --list; found {' and '.join(asked) or 'none'}",
            hint="billmill reads edit --help",
        )
    if approve or refuse:
        _decide(approve, refuse, reason, workspace, who_acts(by), json=json)
    elif shown:
        _list(workspace, json=json)
    else:
        from ingest.edits.edits import propose_edits
        from ingest.edits.rows import EditRow, read_edit_file
        from outputs.edit_screens import print_proposed, proposed_rows
        from store.files import read_bytes

        if file is not None:
            rows = read_edit_file(file.name, read_bytes(file))
        else:
            rows = [EditRow(channel or "", start, end, kind, reason, value, total, meter)]
        done = propose_edits(open_books(workspace), rows, at=now(), actor=who_acts(by))
        print_result(json, proposed_rows(done), lambda: print_proposed(done))
        waiting = " ".join(f"--approve {one.edit_id}" for one in done if one.state == "proposed")
        talk(f"next, another person: billmill reads edit {waiting} --by NAME" if waiting else None)


def _decide(
    approve: list[str] | None, refuse: list[str] | None, reason: str, workspace: Path, actor: str, *, json: bool
) -> None:
    from ingest.edits.approvals import approve_edits, refuse_edits
    from outputs.edit_screens import decided_rows, print_decided

    books = open_books(workspace)
    if approve:
        done = approve_edits(books, approve, at=now(), actor=actor)
    else:
        if not reason:
            raise ConfigError("option --refuse: expected a --reason, found none", hint="say why, for who proposed it")
        done = refuse_edits(books, refuse or [], note=reason, at=now(), actor=actor)
    print_result(json, decided_rows(done), lambda: print_decided(done, actor))


def _list(workspace: Path, *, json: bool) -> None:
    from ingest.edits.approvals import listed_edits
    from outputs.console import print_frame

    frame = listed_edits(open_books(workspace))
    print_result(json, frame, lambda: print_frame(frame, nothing="no edits"))

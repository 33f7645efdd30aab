"""`billmill event`: what happens at service points and on accounts, recorded with all that it changes."""

from __future__ import annotations

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
from model.errors import ConfigError

if TYPE_CHECKING:
    from cycles.events import Recorded

event_app = command_group("Events: move-in and move-out, meters, rates, disconnection, tests, one-off charges.")
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="KEY=VALUE that the kind asks for; may be repeated.")
]


@event_app.command("add")
def event_add(
    kind: Annotated[str, typer.Argument(help="Kind, for example move_in; see docs/events.md.")],
    date: Annotated[str, typer.Option("--date", help="Day at whose start it takes effect.")],
    why: Annotated[str, typer.Option("--why", help="Why; kept with the event.")],
    said: SetOption = None,
    evidence: Annotated[str, typer.Option("--evidence", help="Where the proof is.")] = "",
    event_id: Annotated[str, typer.Option("--id", help="Id of the event.", show_default="from its content")] = "",
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Record an event and all that it changes, in one transaction. The same event again changes nothing.

    Example: `billmill event add move_out --date 2026-06-16 --set agreement=S1 --set reading=9350 --why "form 12"`
    """
    from accounts.events import read_event
    from cycles.events import record_events

    event = read_event(kind, date, _pairs(said or []), why=why, evidence=evidence, event_id=event_id)
    done = record_events(open_books(workspace), [event], at=now(), actor=who_acts(by))
    _told(done, json=json)


@event_app.command("import")
def event_import(
    file: Annotated[
        Path,
        typer.Argument(help="CSV: event_id, kind, date, account, agreement, point, meter, details, why, evidence."),
    ],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Record the events of a file in its order: all of them, or none.

    Example: `billmill event import events.csv`
    """
    from accounts.events import read_event_file
    from cycles.events import record_events
    from store.files import read_bytes

    events = read_event_file(file.name, read_bytes(file))
    _told(record_events(open_books(workspace), events, at=now(), actor=who_acts(by)), json=json)


@event_app.command("check")
def event_check(
    file: Annotated[Path | None, typer.Argument(help="CSV of events to try; nothing is kept.")] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Say what the events of a file would change; without a file, list one-off charges that are on no bill yet.

    Example: `billmill event check events.csv`
    """
    from accounts.events import read_event_file
    from cycles.events import check_events, waiting_charges
    from outputs.console import print_frame
    from store.files import read_bytes

    books = open_books(workspace)
    if file is None:
        frame = waiting_charges(books)
        print_result(json, frame, lambda: print_frame(frame, nothing="no one-off charge waits"))
    else:
        events = read_event_file(file.name, read_bytes(file))
        _told(check_events(books, events, at=now(), actor=who_acts(None)), json=json)


@event_app.command("list")
def event_list(
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind.")] = None,
    point: Annotated[str | None, typer.Option("--point", help="Only at this service point.")] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """List events in order of their day.

    Example: `billmill event list --point E1`
    """
    from cycles.events import listed_events
    from outputs.console import print_frame

    frame = listed_events(open_books(workspace), kind=kind, point=point)
    print_result(json, frame, lambda: print_frame(frame, nothing="no events"))


@event_app.command("show")
def event_show(
    event: Annotated[str, typer.Argument(help="Event.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show an event, who recorded it, its charge, and the bill that took that up.

    Example: `billmill event show 3f2a9c1b7d04`
    """
    from cycles.events import event_story
    from outputs.console import print_facts

    story = event_story(open_books(workspace), event)
    shown = dict(story["event"])
    for number, part in enumerate((*story["charges"], *story["bills"], *story["audit"]), start=1):
        shown |= {f"{number}. {key}": value for key, value in part.items()}
    print_result(json, story, lambda: print_facts({key: str(value) for key, value in shown.items()}))


@event_app.command("approve")
def event_approve(
    events: Annotated[list[str], typer.Argument(help="Events whose charge waits.")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse instead: it is never billed.")] = False,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Approve the charges of events as a second person; all, or none. Exit code 4 for who recorded them.

    Example: `billmill event approve 3f2a9c1b7d04 --by mira`
    """
    from cycles.events import decide_charges
    from model.events import ChargeState

    state = ChargeState.REFUSED if refuse else ChargeState.APPROVED
    done = decide_charges(open_books(workspace), events, state, at=now(), actor=who_acts(by))
    told = [f"{one}: {state.value}" for one in done] or [f"nothing new: {state.value} before"]
    print_result(json, {"decided": done, "state": state.value}, lambda: print("\n".join(told)))


def _pairs(said: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in said:
        key, sign, value = text.partition("=")
        if not sign or key in found:
            raise ConfigError(f"--set: expected KEY=VALUE, each key once, found `{text}`")
        found[key] = value
    return found


def _told(done: list[Recorded], *, json: bool) -> None:
    lines = [
        f"{one.event_id}  {one.kind} on {one.event_date}: "
        + (f"changes {', '.join(one.changed) or 'readings alone'}" if one.is_new else "recorded before")
        for one in done
    ]
    print_result(json, [one.as_dict() for one in done], lambda: print("\n".join(lines)))
    waiting = " ".join(one.event_id for one in done if one.waits)
    talk(f"next, another person: billmill event approve {waiting} --by NAME" if waiting else None)
    billed = sorted({bill for one in done for bill in one.billed})
    talk(f"{len(billed)} published bills hold days from then on; first: billmill bill rerate {billed[0]}"
         if billed else None)  # fmt: skip

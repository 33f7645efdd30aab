"""`billmill reads route`: routes for handhelds."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.context import (
    HERE,
    ByOption,
    JsonOption,
    WorkspaceOption,
    command_group,
    open_books,
    print_result,
    talk,
    who_acts,
)
from model.errors import ExitCode

if TYPE_CHECKING:
    from ingest.routes.layout import RouteLayout

route_app = command_group("Reading routes for handhelds.")


@route_app.command("out")
def reads_route_out(
    output: Annotated[Path, typer.Argument(help="File to write.")],
    day: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Day on which it will be read.")],
    route: Annotated[str | None, typer.Option("--route", help="Only this route.")] = None,
    cycle: Annotated[str | None, typer.Option("--cycle", help="Only what this cycle bills.")] = None,
    layout: Annotated[str, typer.Option("--layout", help="billmill, autoread, or a TOML file.")] = "billmill",
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Write the route file of a handheld: a record per register, with its last reading and the limits of the next.

    Exit code 3 when registers had to stay out because a key of theirs does not fit the layout.

    Example: `billmill reads route out north.txt --route NORTH --date 2026-11-02`
    """
    from ingest.routes.sheet import write_route
    from outputs.console import print_frame
    from store.files import write_bytes_atomic

    written = write_route(open_books(workspace), _layout(layout), day=day.date(), route=route, cycle=cycle)
    write_bytes_atomic(output.resolve(), written.text.encode("ascii"))
    value = {"file": str(output), "records": written.records, "aside": written.aside}
    print_result(json, value, lambda: print(f"{output}: {written.records} records"))
    if written.aside.height:
        if not json:
            print_frame(written.aside, nothing="")
        talk(f"{written.aside.height} registers stayed out")
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)


@route_app.command("in")
def reads_route_in(
    files: Annotated[list[Path], typer.Argument(help="Files that came back from handhelds.")],
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="Date of the route, if no file says it."),
    ] = None,
    layout: Annotated[str, typer.Option("--layout", help="billmill, autoread, or a TOML file.")] = "billmill",
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Land routes that came back in a layout that does not name itself; those of our own land by `reads land` as well.

    Dates without a year are those nearest to the date of the route. What was not read is rejected as `not_read`, with
    the code of the reader. Exit codes as for `reads land`.

    Example: `billmill reads route in north.dat --layout autoread --date 2026-11-02`
    """
    from functools import partial

    from commands.landing import land_and_tell
    from ingest.formats.detect import Reading
    from ingest.formats.tables.routes import read_route
    from model.ids import content_hash

    stated = _layout(layout)
    dated = day.date() if day else None
    reading = Reading(
        f"route {content_hash(stated)} {dated or 'undated'}", partial(read_route, layout=stated, route_date=dated)
    )
    land_and_tell(files, open_books(workspace), by=who_acts(by), json=json, reading=reading)


def _layout(name: str) -> RouteLayout:
    from ingest.routes.builtin import BUILTIN, builtin_layout
    from ingest.routes.layout import parse_layout
    from store.files import read_text

    if name in BUILTIN:
        return builtin_layout(name)
    return parse_layout(read_text(Path(name)), name)

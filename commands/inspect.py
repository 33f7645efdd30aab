"""`billmill reads inspect`: what meter files hold, without a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.context import JsonOption, MappingOption, print_result, reading_of, talk
from model.errors import ExitCode


def reads_inspect(
    files: Annotated[list[Path], typer.Argument(help="Meter files of any format, or .zip and .gz of them.")],
    mapping: MappingOption = None,
    json: JsonOption = False,
) -> None:
    """Say what meter files hold without landing them: channels, readings, exact totals, days, qualities, bad lines.

    Needs no workspace. Exit code 3 when lines of a file or a file of several are to be looked at, 2 when no file was
    usable.

    Example: `billmill reads inspect reads/*.csv`
    """
    from ingest.describe.files import describe_files
    from outputs.inspect_report import inspected_file, inspected_in_all, print_inspected

    found = list(describe_files(files, reading_of(mapping)))
    print_result(json, [inspected_file(facts) for facts in found], lambda: print_inspected(found))
    if not json:
        talk(inspected_in_all(found))
    usable = sum(facts.is_usable for facts in found)
    if not usable:
        talk("error: no file could be used")
        raise typer.Exit(ExitCode.REFUSED)
    if any(facts.rejects.height for facts in found):
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)

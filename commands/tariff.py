"""`billmill tariff`: tariff files, their life in the catalogue, dated factors."""

from __future__ import annotations

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
    talk,
    who_acts,
)
from model.errors import ExitCode

tariff_app = command_group("Tariffs: check and add files, list, show; dated factors.")


@tariff_app.command("add")
def tariff_add(
    files: Annotated[list[Path], typer.Argument(help="Tariff files (TOML).")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Check tariff files and add them. A changed file supersedes the one before; nothing is overwritten.

    A file is refused when one of its worked bills (`[[examples]]`) does not come out to the cent.

    Example: `billmill tariff add data/samples/tariffs/tx-res-tou.toml`
    """
    import polars as pl

    from cycles.tariff_check import add_tariffs
    from outputs.console import print_frame

    added = pl.DataFrame(add_tariffs(open_books(workspace), files, at=now(), actor=who_acts(by)))
    print_result(json, added, lambda: print_frame(added))


@tariff_app.command("check")
def tariff_check(
    files: Annotated[list[Path], typer.Argument(help="Tariff files (TOML).")],
    json: JsonOption = False,
) -> None:
    """Check tariff files and rate their worked bills (`[[examples]]`); no workspace is needed, nothing is added.

    Exit code 2 when a file cannot be used or an example does not come out to the cent.

    Example: `billmill tariff check data/samples/tariffs/*.toml`
    """
    from cycles.tariff_check import check_tariff_file

    reports = [check_tariff_file(path) for path in files]
    shown = [line for report in reports for line in report.as_lines()]
    print_result(json, [report.as_dict() for report in reports], lambda: print("\n".join(shown)))
    if failed := sum(not report.holds for report in reports):
        talk(f"{failed} of {len(reports)} files cannot be added as they are")
        raise typer.Exit(ExitCode.REFUSED)


@tariff_app.command("factors")
def tariff_factors(
    file: Annotated[Path, typer.Argument(help="CSV: factor_id, valid_from, valid_to, value, source.")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Add dated factors, such as a fuel clause, that tariffs use as prices.

    Example: `billmill tariff factors data/samples/tariffs/factors.csv`
    """
    from outputs.screens import print_counts
    from tariffs.library import add_factor_file

    added = add_factor_file(open_books(workspace), file, at=now(), actor=who_acts(by))
    counts, rejects = {"new": added.new, "changed": added.changed, "same": added.same}, added.rejected
    print_result(json, {**counts, "rejects": rejects}, lambda: print_counts(counts, rejects))
    if rejects.height:
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)


@tariff_app.command("list")
def tariff_list(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """List the tariffs and their versions.

    Example: `billmill tariff list`
    """
    from outputs.console import print_frame
    from tariffs.library import tariff_versions

    frame = tariff_versions(open_books(workspace))
    print_result(json, frame, lambda: print_frame(frame, nothing="no tariffs yet: billmill tariff add FILES"))


@tariff_app.command("show")
def tariff_show(
    tariff: Annotated[str, typer.Argument(help="Tariff, or a tariff file.")],
    workspace: WorkspaceOption = HERE,
) -> None:
    """Show a tariff as a person reads it: versions, prices, the week as a grid.

    Example: `billmill tariff show res-tou`
    """
    from tariffs.library import describe_file, describe_tariff

    path = Path(tariff)
    print("\n".join(describe_file(path) if path.suffix == ".toml" else describe_tariff(open_books(workspace), tariff)))

"""`billmill tariff`: tariff files, their life in the catalogue, dated factors."""

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
    talk,
    who_acts,
)
from commands.feeds import event_app, series_app
from commands.quote import tariff_compare, tariff_quote
from model.errors import ConfigError, ExitCode

tariff_app = command_group("Tariffs: check, add, approve and retire; list, show, compare; dated factors.")
factor_app = command_group("Dated factors, such as a fuel clause, that tariffs use as prices.")
tariff_app.add_typer(factor_app, name="factor")
tariff_app.add_typer(event_app, name="event")
tariff_app.add_typer(series_app, name="series")
tariff_app.command("quote")(tariff_quote)
tariff_app.command("compare")(tariff_compare)


@tariff_app.command("add")
def tariff_add(
    files: Annotated[list[Path], typer.Argument(help="Tariff files (TOML).")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Check tariff files and add them as drafts. Another person approves them before they are billed.

    A changed file supersedes the one before; nothing is overwritten, and what is approved stays in force until then.
    A file is refused when one of its worked bills (`[[examples]]`) does not come out to the cent.

    Example: `billmill tariff add data/samples/tariffs/tx-res-tou.toml`
    """
    import polars as pl

    from cycles.quotes.tariff_check import add_tariffs
    from outputs.console import print_frame

    added = pl.DataFrame(add_tariffs(open_books(workspace), files, at=now(), actor=who_acts(by)))
    print_result(json, added, lambda: print_frame(added))
    if changed := added.filter(added["outcome"] != "unchanged")["tariff"].to_list():
        talk(f"next, another person: billmill tariff approve {' '.join(changed)} --by NAME")


@tariff_app.command("check")
def tariff_check(
    files: Annotated[list[Path], typer.Argument(help="Tariff files (TOML).")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Check tariff files and rate their worked bills (`[[examples]]`); no workspace is needed, nothing is added.

    Riders of a tariff are looked for among the files, beside it as ID.toml, then in the workspace if there is one.
    Exit code 2 when a file cannot be used or an example does not come out to the cent.

    Example: `billmill tariff check data/samples/tariffs/*.toml`
    """
    from cycles.quotes.tariff_check import check_tariff_files

    reports = check_tariff_files(files, lambda: open_books(workspace))
    shown = [line for report in reports for line in report.as_lines()]
    print_result(json, [report.as_dict() for report in reports], lambda: print("\n".join(shown)))
    if failed := sum(not report.holds for report in reports):
        talk(f"{failed} of {len(reports)} files cannot be added as they are")
        raise typer.Exit(ExitCode.REFUSED)


@tariff_app.command("import-urdb")
def tariff_import_urdb(
    file: Annotated[
        Path, typer.Argument(help="Records of OpenEI's rate database: JSON of the API, or a record a line.")
    ],
    out: Annotated[Path | None, typer.Option(help="Folder for the tariff files; without it they are printed.")] = None,
    rate: Annotated[str | None, typer.Option(help="Only the record with this label.")] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Zone of the clock times, which records do not know; else America/New_York.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Turn records of OpenEI's utility rate database (URDB) into tariff files, to be checked and added.

    What a record leaves open stands as a comment in its file. A record whose bill would be a guess is refused with a
    tag: see docs/urdb.md. Exit code 2 when all are refused, 3 when some are.

    Example: `billmill tariff import-urdb data/samples/urdb/records.json --out tariffs --timezone America/Chicago`
    """
    from tariffs.urdb.importing import import_records, report_lines

    imported = import_records(file, out=out, label=rate, timezone=timezone)
    lines = report_lines(imported) if out else [record.text for record in imported if record.text]
    print_result(json, [record.as_dict() for record in imported], lambda: print("\n".join(lines)))
    if out is None and not json:
        talk("\n".join(report_lines(imported)))
    if refused := sum(bool(record.refusals) for record in imported):
        raise typer.Exit(ExitCode.REFUSED if refused == len(imported) else ExitCode.PARKED_ABOVE_LIMIT)


@factor_app.command("add")
def tariff_factor_add(
    file: Annotated[Path, typer.Argument(help="CSV: factor_id, valid_from, valid_to, value, source.")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Add values of dated factors, such as a fuel clause, that tariffs use as prices.

    Example: `billmill tariff factor add data/samples/tariffs/factors.csv`
    """
    from outputs.screens import print_counts
    from tariffs.library import add_factor_file

    added = add_factor_file(open_books(workspace), file, at=now(), actor=who_acts(by))
    counts, rejects = {"new": added.new, "changed": added.changed, "same": added.same}, added.rejected
    print_result(json, {**counts, "rejects": rejects}, lambda: print_counts(counts, rejects))
    if rejects.height:
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)


@tariff_app.command("approve")
def tariff_approve(
    tariffs: Annotated[list[str] | None, typer.Argument(help="Tariffs.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Every tariff with something to approve.")] = False,
    version: Annotated[
        datetime | None, typer.Option("--version", formats=["%Y-%m-%d"], help="Only the version from this day.")
    ] = None,
    without_examples: Annotated[
        str | None, typer.Option("--without-examples", metavar="REASON", help="Why a file needs no worked bill.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Approve what tariff files say, so that it is billed. Whoever added a file cannot.

    The worked bills are rated again. Approving the same again changes nothing; all of the tariffs are approved, or
    none. Exit code 4 when one of them must not be approved.

    Example: `billmill tariff approve res-tou --by mira`
    """
    from cycles.quotes.tariff_check import approve_tariffs
    from outputs.tariff_screens import approvals, print_approvals

    if bool(tariffs) == every:
        raise ConfigError("expected tariffs, or --all of them", hint="see what waits: billmill tariff list")
    if version is not None and len(tariffs or ()) != 1:
        raise ConfigError("option --version: expected it with one tariff", hint="approve them one by one")
    done = approve_tariffs(
        open_books(workspace), None if every else tariffs, at=now(), actor=who_acts(by),
        valid_from=version and version.date(), waiver=without_examples,
    )  # fmt: skip
    print_result(json, approvals(done), lambda: print_approvals(done, who_acts(by)))
    for warning in (warning for approved in done for warning in approved.warnings):
        talk(f"warning: {warning}")


@tariff_app.command("retire")
def tariff_retire(
    tariff: Annotated[str, typer.Argument(help="Tariff.")],
    from_date: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day on which it no longer holds.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept, and told beside who is parked.")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Retire a tariff: from that day on nobody is billed by it; days before stay as they are.

    Example: `billmill tariff retire res-block --from 2027-01-01 --reason "Decision 12/2026: replaced by res-tou"`
    """
    from outputs.tariff_screens import retirement_text
    from tariffs.lifecycle import retire

    retired, beyond = retire(
        open_books(workspace), tariff, end_date=from_date.date(), reason=reason, at=now(), actor=who_acts(by)
    )
    value = vars(retired) | {"new": bool(retired.versions), "agreements_beyond": beyond}
    print_result(json, value, lambda: print(retirement_text(retired)))
    if beyond:
        talk(f"{beyond:,} agreements run on it from {retired.end_date} on: they will be parked as no_tariff_version")


@tariff_app.command("list")
def tariff_list(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """List the versions of all tariffs: draft, approved or retired, by whom, and the agreements in their days.

    Example: `billmill tariff list`
    """
    from outputs.tariff_screens import print_versions
    from tariffs.lifecycle import tariff_versions

    frame = tariff_versions(open_books(workspace))
    print_result(json, frame, lambda: print_versions(frame))
    if waiting := frame.filter(frame["state"] == "draft")["tariff_id"].n_unique():
        told = "1 tariff waits" if waiting == 1 else f"{waiting} tariffs wait"
        talk(f"{told} for approval: billmill tariff approve TARIFF --by NAME, or --all")


@tariff_app.command("show")
def tariff_show(
    tariff: Annotated[str, typer.Argument(help="Tariff, or a tariff file.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show a tariff as a person reads it: versions, prices, the week as a grid.

    Example: `billmill tariff show res-tou`
    """
    from outputs.tariff_page import print_tariff
    from tariffs.library import describe_file, describe_tariff

    path = Path(tariff)
    page = describe_file(path) if path.suffix == ".toml" else describe_tariff(open_books(workspace), tariff)
    print_result(json, page.as_dict(), lambda: print_tariff(page))


@tariff_app.command("diff")
def tariff_diff(
    tariff: Annotated[str, typer.Argument(help="Tariff, or a tariff file.")],
    other: Annotated[str | None, typer.Argument(help="Another to compare it with.", show_default=False)] = None,
    from_date: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="A day on which the old version holds.")
    ] = None,
    to_date: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="A day on which the new version holds.")
    ] = None,
    impact: Annotated[bool, typer.Option("--impact", help="Also rate the bills of a cycle both ways.")] = False,
    cycle: Annotated[
        str | None, typer.Option("--cycle", help="Cycle of --impact.", show_default="the last one billed")
    ] = None,
    branch: Annotated[list[str] | None, typer.Option("--branch", help="Only this branch; may be repeated.")] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Tell in words what two versions or two files say differently: prices, tiers, windows, texts, rounding.

    One tariff alone: what approving its drafts would change, or how its last two versions differ. With `--impact`
    every account that the tariff billed in a cycle is rated by the old and by the new version: how many bills rise or
    fall, by how much and where, and who would be parked. Nothing is posted.

    Example: `billmill tariff diff res-tou --from 2026-10-15 --to 2026-10-16`
    """
    from commands.quote import impact_of
    from outputs.impact_screen import print_impact
    from outputs.tariff_screens import print_sections
    from tariffs.comparison import compare_dates, compare_drafts, compare_tariffs

    if (from_date is None) != (to_date is None) or (other is not None and from_date is not None):
        raise ConfigError("expected --from and --to with one tariff, or two tariffs without", hint="see --help")
    if not impact and (cycle is not None or branch):
        raise ConfigError("options --cycle and --branch are of --impact", hint="add --impact")
    if from_date is not None and to_date is not None:
        sections = compare_dates(lambda: open_books(workspace), tariff, from_date.date(), to_date.date())
    elif other is not None:
        sections = compare_tariffs(lambda: open_books(workspace), tariff, other)
    else:
        sections = compare_drafts(lambda: open_books(workspace), tariff)
    words = [section.as_dict() for section in sections]
    if not impact:
        print_result(json, words, lambda: print_sections(sections))
        return
    days = None if from_date is None or to_date is None else (from_date.date(), to_date.date())
    told = impact_of(open_books(workspace), (tariff, other), days, (cycle, tuple(branch or ())), as_json=json)
    print_result(json, {"sections": words, "impact": told}, lambda: print_impact(sections, told))

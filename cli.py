"""The commands of Billmill: read options, call one function, print."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer.core import TyperGroup

from commands.bill import bill_app
from commands.context import (
    HERE,
    ByOption,
    Clock,
    JsonOption,
    MappingOption,
    WorkspaceOption,
    command_group,
    now,
    open_books,
    print_result,
    progress_shown,
    reading_of,
    talk,
    who_acts,
)
from commands.edits import reads_edit
from commands.estimates import reads_estimate
from commands.findings import findings_app
from commands.inspect import reads_inspect
from commands.routes import route_app
from commands.rules import rules_app
from commands.tariff import tariff_app
from model.errors import BillmillError, ConfigError, ExitCode


class _Commands(TyperGroup):
    """All commands: one that is interrupted, or whose reader has seen enough, ends without a traceback."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # typer's context is click's
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, RuntimeError) as error:
            if isinstance(error, RuntimeError) and str(error) != "Query interrupted":  # how DuckDB tells of Ctrl-C
                raise
            talk("interrupted; nothing is lost, run the same command again")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            _leave_stdout()
            raise typer.Exit(ExitCode.DONE) from None


app = typer.Typer(
    name="billmill",
    cls=_Commands,
    help="Bill a utility: meter reads in; bills, ledger and invoices out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _group(name: str, text: str) -> typer.Typer:
    group = command_group(text)
    app.add_typer(group, name=name)
    return group


accounts_app = _group("accounts", "Customers, accounts, premises, service points, meters, channels, agreements.")
app.add_typer(tariff_app, name="tariff")
reads_app = _group("reads", "Meter reads: inspect and land files, validate and estimate, edit.")
reads_app.add_typer(route_app, name="route")
reads_app.command("edit")(reads_edit)
reads_app.command("estimate")(reads_estimate)
reads_app.add_typer(rules_app, name="rules")
cycle_app = _group("cycle", "A billing cycle: plan, run, review, approve, publish.")
app.add_typer(findings_app, name="findings")
app.add_typer(bill_app, name="bill")
run_app = _group("run", "Runs: list, show.")


@app.callback()
def _options(
    clock: Annotated[
        datetime | None, typer.Option("--clock", hidden=True, help="Act as of this time in UTC: for tests and replays.")
    ] = None,
) -> None:
    Clock.fixed = clock.replace(tzinfo=UTC) if clock else None


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Empty or new folder.")],
    name: Annotated[str, typer.Option("--name", help="Name of the utility.")] = "utility",
    by: ByOption = None,
) -> None:
    """Make a workspace.

    Example: `billmill init books --name "Wattle & Tide"`
    """
    from cycles.setup import init_workspace

    workspace = init_workspace(folder, name=name, at=now(), actor=who_acts(by))
    print(f"workspace {workspace.root}")
    talk(f"next: billmill accounts import FILES --workspace {folder}")


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Empty or new folder.")] = Path("demo-utility"),
    points: Annotated[int, typer.Option("--points", min=50, help="Service points.")] = 2_000,
    seed: Annotated[int, typer.Option("--seed", help="Another seed draws another utility.")] = 2026,
    workers: Annotated[int | None, typer.Option("--workers", min=1, show_default="cores", help="Processes.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Replace a demo that is there already.")] = False,
    json: JsonOption = False,
) -> None:
    """Draw a utility of 9 branches and bill a month of it: files in, invoices out, every step as a command does it.

    Example: `billmill demo demo-utility`
    """
    from demo.chain import run_demo
    from demo.report import print_report

    with progress_shown(json) as progress:
        report = run_demo(
            folder, points=points, seed=seed, workers=_workers(workers), fresh=fresh, progress=progress, at=now()
        )
    print_result(json, report.as_dict(), lambda: print_report(report))


@accounts_app.command("import")
def accounts_import(
    paths: Annotated[list[Path], typer.Argument(help="Files named after their tables, or folders of them.")],
    workspace: WorkspaceOption = HERE,
    all_or_nothing: Annotated[bool, typer.Option("--all-or-nothing", help="One bad row keeps everything out.")] = False,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Import reference data from CSV or Parquet. Importing the same again changes nothing.

    Exit code 3 when rows were rejected and the rest was recorded, 2 when nothing was.

    Example: `billmill accounts import accounts.csv meters.csv`
    """
    from accounts.importing import import_files
    from outputs.screens import imported_rows, print_import

    report = import_files(
        open_books(workspace), paths, all_or_nothing=all_or_nothing, recorded_at=now(), actor=who_acts(by)
    )
    value = {"recorded": report.is_recorded, "counts": imported_rows(report), "rejects": report.rejects}
    print_result(json, value, lambda: print_import(report))
    if not report.is_recorded:
        talk("nothing was recorded (--all-or-nothing)")
        raise typer.Exit(ExitCode.REFUSED)
    if report.rejects.height:
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)


@reads_app.command("land")
def reads_land(
    files: Annotated[list[Path], typer.Argument(help="Meter files of any format, or .zip and .gz of them.")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    mapping: MappingOption = None,
    carry: Annotated[
        bool,
        typer.Option("--carry", help="Carry what is finer than the smallest unit to the next interval of the day."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Land meter files: parse, match to channels, store. Landing a file again changes nothing.

    Bad lines go to quarantine with file, line and reason. Exit code 3 when there were any, 2 when no file was usable.
    A file lands again when it is read otherwise: by another mapping, or with `--carry`.

    Example: `billmill reads land reads/*.csv`
    """
    from commands.landing import land_and_tell

    land_and_tell(
        files, open_books(workspace), by=who_acts(by), json=json, reading=reading_of(mapping), is_carried=carry
    )


reads_app.command("inspect")(reads_inspect)


@reads_app.command("vee")
def reads_vee(
    from_date: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day judged.")],
    to_date: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Day after the last.")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Validate intervals, estimate gaps, keep the findings. What was good is never written again.

    Example: `billmill reads vee --from 2026-10-01 --to 2026-11-01`
    """
    from ingest.vee.run import run_vee
    from outputs.reads_report import vee_figures, vee_findings
    from outputs.screens import print_vee

    first, after = from_date.date(), to_date.date()
    with progress_shown(json) as progress:
        report = run_vee(
            open_books(workspace),
            from_date=first,
            to_date=after,
            received_at=now(),
            progress=progress,
            actor=who_acts(by),
        )
    print_result(json, {**vee_figures(report), "findings": vee_findings(report)}, lambda: print_vee(report))


@reads_app.command("report")
def reads_report(
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    run: Annotated[int | None, typer.Option("--run", help="Run of VEE, by its load.", show_default="the last")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Write a run of VEE as one page: counts, shares by day, the worst findings with plots, channels with trouble.

    The file loads nothing from outside; it opens in any browser, light or dark, and prints on A4.

    Example: `billmill reads report --out vee.html`
    """
    from cycles.vee_report import vee_report
    from outputs.vee_html import vee_page
    from store.files import write_bytes_atomic

    page = vee_page(vee_report(open_books(workspace), run, now().date()))
    write_bytes_atomic(out.resolve(), page.encode())
    print(out)


@cycle_app.command("plan")
def cycle_plan(
    cycle: Annotated[str, typer.Argument(help="Cycle of the calendar, for example 2026-10.")],
    business_date: Annotated[datetime, typer.Option("--business-date", formats=["%Y-%m-%d"], help="Date of the run.")],
    branch: Annotated[list[str] | None, typer.Option("--branch", help="Only this branch; may be repeated.")] = None,
    sequence: Annotated[int, typer.Option("--sequence", min=1, help="Number of the run on that date.")] = 1,
    partitions: Annotated[
        int | None, typer.Option("--partitions", min=1, show_default="by cost", help="Parts computed one by one.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Plan a billing run: what is due, from which reads and tariffs, in which partitions. Shows; changes no bill.

    Example: `billmill cycle plan 2026-10 --business-date 2026-11-04`
    """
    from cycles.plan import PlanRequest, plan_cycle
    from outputs.console import print_facts
    from outputs.screens import describe_plan

    request = PlanRequest(
        cycle, business_date.date(), tuple(branch or ()), sequence, partitions, known_at=now(), actor=who_acts(by)
    )
    planned = plan_cycle(open_books(workspace), request)
    shown = {
        key: planned.content[key] for key in ("run_id", "selected", "accounts", "partitions", "seq_max", "fingerprint")
    }
    print_result(json, shown | {"new": planned.is_new}, lambda: print_facts(describe_plan(planned.content)))
    talk(
        f"next: billmill cycle run {planned.run_id}"
        if planned.is_new
        else f"planned before; see: billmill cycle status {planned.run_id}"
    )


@cycle_app.command("run")
def cycle_run(
    run: Annotated[str, typer.Argument(help="Run, as `cycle plan` named it.")],
    workers: Annotated[int | None, typer.Option("--workers", min=1, show_default="cores", help="Processes.")] = None,
    parked_limit: Annotated[
        float, typer.Option("--parked-limit", help="Exit code 3 when more than this percentage is parked.")
    ] = 2.0,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Compute a planned run and check its controls. Killed and run again, it goes on where it was.

    Example: `billmill cycle run bill-2026-10-20261104-1`
    """
    from cycles.run import run_cycle
    from cycles.status import next_step, run_currency
    from outputs.console import print_facts
    from outputs.screens import describe_result

    opened = open_books(workspace)
    with progress_shown(json) as progress:
        result = run_cycle(opened, run, workers=_workers(workers), progress=progress, at=now(), actor=who_acts(by))
    state, totals = result.state.value, result.totals
    facts = describe_result(run, state, totals, run_currency(opened, run), result.computed)
    print_result(
        json, {"run_id": run, "state": state, "computed": result.computed, **totals}, lambda: print_facts(facts)
    )
    following = next_step(run, result.state)
    talk(following and f"next: {following}")
    selected, parked = totals["selected"], totals["parked"]
    if parked * 100 > parked_limit * selected:
        talk(f"{parked} of {selected} agreements are parked, more than {parked_limit} %: billmill run show {run}")
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)


@cycle_app.command("status")
def cycle_status(
    run: Annotated[str | None, typer.Argument(help="Run; all open ones when left out.")] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Say where runs stand: state, partitions, billed, parked, next step.

    Example: `billmill cycle status`
    """
    from cycles.status import run_status
    from outputs.console import print_frame

    frame = run_status(open_books(workspace), run)
    print_result(json, frame, lambda: print_frame(frame, nothing="no run is open; all of them: billmill run list"))


@cycle_app.command("approve")
def cycle_approve(
    run: Annotated[str, typer.Argument(help="Validated run.")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
) -> None:
    """Approve a validated run. Whoever planned it cannot.

    Example: `billmill cycle approve bill-2026-10-20261104-1 --by mira`
    """
    from cycles.review import approve_run

    is_new = approve_run(open_books(workspace), run, at=now(), actor=who_acts(by))
    print(f"{run} approved by {who_acts(by)}" + ("" if is_new else " before"))
    talk(f"next: billmill cycle publish {run}")


@cycle_app.command("publish")
def cycle_publish(
    run: Annotated[str, typer.Argument(help="Approved run.")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Publish an approved run in one transaction: bills, journals, invoice numbers, the analysts' database.

    Example: `billmill cycle publish bill-2026-10-20261104-1`
    """
    from cycles.publish import publish_run
    from cycles.status import run_currency
    from outputs.console import print_facts
    from outputs.screens import money_text

    opened = open_books(workspace)
    done = publish_run(opened, run, at=now(), actor=who_acts(by))
    total = money_text(done.total_minor, run_currency(opened, run))
    published = "now" if done.is_new else "before; nothing changed"
    facts = {"run": run, "published": published, "invoices": done.invoices, "total": total}
    value = {"run_id": run, "invoices": done.invoices, "total_minor": done.total_minor, "new": done.is_new}
    print_result(json, value, lambda: print_facts(facts))


@cycle_app.command("abandon")
def cycle_abandon(
    run: Annotated[str, typer.Argument(help="Run that is not published.")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
) -> None:
    """Give up a run that is not published; its accounts are due again.

    Example: `billmill cycle abandon bill-2026-10-20261104-1`
    """
    from cycles.review import abandon_run

    abandon_run(open_books(workspace), run, at=now(), actor=who_acts(by))
    print(f"{run} abandoned")


@run_app.command("list")
def run_list(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """List the runs.

    Example: `billmill run list`
    """
    from cycles.status import all_runs
    from outputs.console import print_frame

    frame = all_runs(open_books(workspace))
    nothing = "no runs yet: billmill cycle plan CYCLE --business-date DATE"
    print_result(json, frame, lambda: print_frame(frame.drop("total_minor"), nothing=nothing))


@run_app.command("show")
def run_show(
    run: Annotated[str, typer.Argument(help="Run.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show a run: control totals by branch and commodity, what is parked and why.

    Example: `billmill run show bill-2026-10-20261104-1`
    """
    from cycles.status import run_details
    from outputs.screens import print_run

    found = run_details(open_books(workspace), run)
    sheet = found.summary.named() if found.summary else {}
    print_result(json, found.row | sheet, lambda: print_run(found.facts, found.summary))


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT statement.")],
    format: Annotated[str, typer.Option("--format", help="table, csv, json or parquet.")] = "table",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write instead of stdout.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Ask the analysts' database, read only.

    Example: `billmill query "SELECT branch_id, sum(total) FROM invoices GROUP BY ALL"`
    """
    from outputs.query import query_analytics
    from store.files import write_bytes_atomic

    if format == "parquet" and output is None:
        raise ConfigError("parquet is not for a terminal", hint="name a file: --output result.parquet")
    result = query_analytics(open_books(workspace), sql, format)
    data = result if isinstance(result, bytes) else result.encode()
    if output is None:
        sys.stdout.write(data.decode())
    else:
        write_bytes_atomic(output.resolve(), data)
        print(output)


def _workers(asked: int | None) -> int:
    return asked or os.cpu_count() or 1


def _leave_stdout() -> None:
    """Point stdout nowhere: the reader of a pipe has seen enough, and what is still buffered must not fail at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> NoReturn:
    """Run the command line; errors that a user can mend are printed without a traceback."""
    code: object = ExitCode.DONE
    try:
        app()
    except SystemExit as ended:
        code = ended.code
    except BillmillError as error:
        talk(f"error: {error}")
        code = error.exit_code
    except OSError as error:  # a full disk, a folder that may not be written
        talk(f"error: {error.strerror}: `{error.filename}`\nhint: mend this and run the same command again")
        code = ExitCode.REFUSED
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_stdout()
    sys.exit(int(code) if isinstance(code, int) else ExitCode.REFUSED)


if __name__ == "__main__":
    main()

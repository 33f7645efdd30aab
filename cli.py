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
    Commands,
    JsonOption,
    WorkspaceOption,
    command_group,
    now,
    open_books,
    print_result,
    progress_shown,
    talk,
    who_acts,
    workers_asked,
)
from commands.cycle import cycle_app
from commands.events import event_app
from commands.exceptions import exceptions_app
from commands.findings import findings_app
from commands.keep import add_keeping, audit_app
from commands.ledger_reports import ledger_app
from commands.parallel import compare_app
from commands.reads import reads_app
from commands.rebill import rebill_app
from commands.roles import roles_app
from commands.runs import run_app
from commands.tariff import tariff_app
from model.errors import BillmillError, ConfigError, ExitCode
from store.memory import keep_freed_memory


class _Root(TyperGroup):
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


app = Commands(
    name="billmill",
    cls=_Root,
    help="Bill a utility: meter reads in; bills, ledger and invoices out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["--help", "-h"]},
)


accounts_app = command_group("Customers, accounts, premises, service points, meters, channels, agreements.")
# The help names commands in the order of an operator's day.
PANELS: dict[str, dict[str, typer.Typer]] = {
    "What bills rest on": {
        "accounts": accounts_app, "event": event_app, "tariff": tariff_app, "reads": reads_app,
        "findings": findings_app,
    },
    "Billing": {"cycle": cycle_app, "exceptions": exceptions_app, "run": run_app, "bill": bill_app},
    "Corrections and cutover": {"rebill": rebill_app, "compare": compare_app},
    "The books": {"ledger": ledger_app, "audit": audit_app, "roles": roles_app},
}  # fmt: skip
for _panel, _groups in PANELS.items():
    for _name, _commands in _groups.items():
        app.add_typer(_commands, name=_name, rich_help_panel=_panel)


@app.callback()
def _options(
    clock: Annotated[
        datetime | None, typer.Option("--clock", hidden=True, help="Act as of this time in UTC: for tests and replays.")
    ] = None,
) -> None:
    Clock.fixed = clock.replace(tzinfo=UTC) if clock else None


@app.command(rich_help_panel="Begin, and ask")
def init(
    folder: Annotated[Path, typer.Argument(help="Empty or new folder.")],
    name: Annotated[str, typer.Option("--name", help="Name of the utility.")] = "utility",
    lake: Annotated[
        str | None, typer.Option("--lake", help="`s3://BUCKET/PREFIX` of an object store.", show_default="the folder")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", help="Address of a store other than Amazon's.", show_default="Amazon's")
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", help="Region of the store.", show_default="the environment's")
    ] = None,
    by: ByOption = None,
) -> None:
    """Make a workspace; its lake lies in the folder, or in an object store (credentials: from the environment).

    Example: `billmill init books --name "Wattle & Tide"`
    """
    from cycles.setup import init_workspace
    from store.workspace import lake_settings

    asked = {"url": lake, "endpoint": endpoint, "region": region}
    given = {key: value for key, value in asked.items() if value is not None}
    settings = lake_settings(given or None, "option --lake")
    workspace = init_workspace(folder, name=name, at=now(), actor=who_acts(by), lake=settings)
    print(f"workspace {workspace.root}")
    talk(f"next: billmill accounts import FILES --workspace {folder}")


@app.command(rich_help_panel="Begin, and ask")
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
            folder, points=points, seed=seed, workers=workers_asked(workers), fresh=fresh, progress=progress, at=now()
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


@app.command(rich_help_panel="Begin, and ask")
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


add_keeping(app, "Keeping the books safe")


def _leave_stdout() -> None:
    """Point stdout nowhere: the reader of a pipe has seen enough, and what is still buffered must not fail at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _database_errors() -> tuple[type[Exception], ...]:
    """Return what DuckDB raises; nothing where no command has loaded it, for it is slow to load."""
    duckdb = sys.modules.get("duckdb")
    return (duckdb.Error,) if duckdb is not None else ()


def main() -> NoReturn:
    """Run the command line; errors that a user can mend are printed without a traceback."""
    keep_freed_memory()
    code: object = ExitCode.DONE
    try:
        app()
    except SystemExit as ended:
        code = ended.code
    except BillmillError as error:
        talk(f"error: {error}")
        code = error.exit_code
    except _database_errors() as error:  # a full disk, memory that does not suffice, a damaged file
        told = str(error).partition("\n")[0]
        talk(
            f"error: the database could not go on: {told}\n"
            "hint: what was not told as done does not count; make room or mend the disk, run the same command again, "
            "then `billmill verify`"
        )
        code = ExitCode.REFUSED
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

"""`compare`: a run beside a legacy system's bills; explanations, sign-off, opening balances."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.context import (
    HERE,
    ByOption,
    Commands,
    Group,
    JsonOption,
    WorkspaceOption,
    now,
    open_books,
    print_result,
    progress_shown,
    talk,
    who_acts,
)
from model.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from store.workspace import Workspace

compare_app = Commands(
    cls=Group,
    help="A parallel run: bills beside those of a legacy system, each difference with its cause.",
    invoke_without_command=True,
    rich_markup_mode="markdown",
)
ComparisonOption = Annotated[
    str | None, typer.Option("--comparison", help="Comparison, as `compare` named it.", show_default="the last")
]


@compare_app.callback()
def compare(
    context: typer.Context,
    legacy: Annotated[
        Path | None, typer.Option("--legacy", help="CSV or Parquet of the legacy system's lines.")
    ] = None,
    run: Annotated[str | None, typer.Option("--run", help="Run that is compared; it need not be published.")] = None,
    opening: Annotated[
        Path | None, typer.Option("--opening", help="CSV of the legacy system's balances by account, instead of lines.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="TOML: columns, numbers, days, what the codes stand for.")
    ] = None,
    tolerance: Annotated[
        str, typer.Option("--tolerance", help="Differences up to this are within tolerance.")
    ] = "0.01",
    threshold: Annotated[
        float, typer.Option("--threshold", help="Exit code 3 when more than this percentage of the lines is open.")
    ] = 0.1,
    control_total: Annotated[
        str | None, typer.Option("--control-total", help="What the file adds up to, as who made it says.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the report as one page to this file.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write every difference to this file.")] = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Compare a run with a legacy system's bills, line by line; each difference is reckoned again to find its cause.

    Exit code 3 when more lines than the threshold are unexplained or beyond tolerance and nobody has said why.

    Example: `billmill compare --legacy legacy.csv --run bill-2026-10-20261104-1 --out cutover.html`
    """
    if context.invoked_subcommand is not None:
        return
    opened = open_books(workspace)
    if opening is not None:
        _compare_opening(opened, opening, mapping, json)
        return
    if legacy is None or run is None:
        raise ConfigError("compare: expected --legacy FILE and --run RUN", hint="billmill compare --help")
    from cycles.legacy.compare import CompareRequest, compare_run
    from cycles.legacy.sums import parallel_report
    from outputs.parallel_html import parallel_page
    from outputs.parallel_screen import as_csv, print_compared
    from store.files import write_bytes_atomic

    total = None if control_total is None else _amount("--control-total", control_total)
    request = CompareRequest(
        run, legacy, mapping, _amount("--tolerance", tolerance), total, at=now(), actor=who_acts(by)
    )
    with progress_shown(json) as progress:
        compared = compare_run(opened, request, progress)
    report = parallel_report(opened, compared, threshold)
    if out is not None:
        write_bytes_atomic(out.resolve(), parallel_page(report).encode())
    if csv is not None:
        write_bytes_atomic(csv.resolve(), as_csv(report).encode())
    print_result(json, report.as_dict(), lambda: print_compared(report))
    talk(f"next: {report.next_step}")
    if report.is_above:
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)


@compare_app.command("explain")
def compare_explain(
    subject: Annotated[str, typer.Argument(help="Class, for example rounding, or the id of one difference.")],
    code: Annotated[str, typer.Option("--code", help="Code of the explanation, as the utility names it.")],
    why: Annotated[str, typer.Option("--why", help="Why the difference is right, or who mends it.")],
    comparison: ComparisonOption = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
) -> None:
    """Say why lines differ: all of a class, or one. What was said last counts; nothing is overwritten.

    Example: `billmill compare explain rounding --code R1 --why "legacy cuts the third decimal"`
    """
    from cycles.legacy.signing import explain_differences

    told = explain_differences(
        open_books(workspace), comparison, subject, code=code, why=why, at=now(), actor=who_acts(by)
    )
    print(f"{told.count} differences of {told.comparison_id} explained by {code}" + ("" if told.is_new else " before"))
    talk(f"next: {told.next_step}")


@compare_app.command("sign-off")
def compare_sign_off(
    comparison: ComparisonOption = None, workspace: WorkspaceOption = HERE, by: ByOption = None
) -> None:
    """Sign a comparison in which every difference is within tolerance or explained. By a second person.

    Example: `billmill compare sign-off --by mira`
    """
    from cycles.legacy.signing import sign_off

    signed = sign_off(open_books(workspace), comparison, at=now(), actor=who_acts(by))
    print(f"{signed.comparison_id} signed by {signed.actor}" + ("" if signed.is_new else " before"))
    print(f"signed: {signed.sha256}")


def _compare_opening(workspace: Workspace, path: Path, mapping: Path | None, json: bool) -> None:
    from cycles.legacy.opening import compare_opening
    from outputs.parallel_screen import print_opening

    proof = compare_opening(workspace, path, mapping)
    print_result(json, proof.as_dict(), lambda: print_opening(proof.as_dict()))
    if not proof.is_proved:
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)


def _amount(option: str, text: str) -> Decimal:
    """Return the amount that an option says.

    Raises:
        ConfigError: it is none.
    """
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise ConfigError(f"{option}: expected an amount such as 0.01, found `{text}`")
    return found

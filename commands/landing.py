"""Landing as commands do it: with progress, its report on stdout and its exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands.context import now, print_result, progress_shown, talk
from model.errors import ExitCode

if TYPE_CHECKING:
    from ingest.formats.detect import Reading
    from store.workspace import Workspace


def land_and_tell(
    files: Sequence[Path],
    workspace: Workspace,
    *,
    by: str,
    json: bool,
    reading: Reading | None = None,
    is_carried: bool = False,
) -> None:
    """Land meter files and say what became of them; exit code 3 when lines were rejected, 2 when no file was usable."""
    from ingest.landing.land import land_files
    from ingest.landing.report import LandStatus
    from outputs.reads_report import landed_files, rejected_lines, unfit_lines
    from outputs.screens import landing_next, print_landing, unusable_files

    with progress_shown(json) as progress:
        report = land_files(
            workspace, files, received_at=now(), progress=progress, actor=by, reading=reading, is_carried=is_carried
        )
    value = {
        "files": landed_files(report),
        "rejected": rejected_lines(report),
        "unfit_readings": unfit_lines(report),
        "touched_bills": report.touched_bills,
    }
    print_result(json, value, lambda: print_landing(report, workspace.quarantine))
    if report.count(LandStatus.UNUSABLE) == len(report.files):
        talk(unusable_files(report))
        raise typer.Exit(ExitCode.REFUSED)
    talk(landing_next(report))
    if report.rejected:
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)

"""The review of a run: what its bills took, and those that somebody should look at, written beside its manifest."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.review.bill_checks import check_bills
from cycles.review.bill_use import past_use, use_of
from cycles.review.rules import rules_from
from cycles.runners.tasks import lake_file_from
from cycles.runs.folders import run_folder, run_table
from model.errors import ControlError
from model.ids import content_hash
from model.review import BillFindings
from model.schema import arranged, column_names, empty
from store.control import Connection
from store.facts import facts
from store.files import create_only
from store.lake import LakeFile, scan_lake, write_lake_file
from store.workspace import Workspace

_NAME = "review.json"
# The same season of the year before last is the farthest past that counts.
_PAST_DAYS = 800


def review_run(workspace: Workspace, connection: Connection, plan: dict[str, Any], manifest: dict[str, Any]) -> None:
    """Find what to look at among the bills of a computed run. Called again it writes the same bytes.

    The past is what was published up to the time as of which the run was planned, whatever came since.
    """
    lines, bills = (run_table(workspace, manifest, name) for name in ("bill_lines", "bills"))
    headers = bills.collect()
    use = use_of(lines, headers.lazy())
    known_at = datetime.fromisoformat(plan["known_at"])
    first = headers["period_start_date"].min()
    since = (first if isinstance(first, date) else known_at.date()) - timedelta(days=_PAST_DAYS)
    accounts = headers.select("account_id").unique()
    past = past_use(workspace, connection, known_at=known_at, since=since, accounts=accounts)
    found = check_bills(headers, use, past, _terms(connection, plan, known_at), rules_from(plan.get("review", {})))
    folder = f"runs/{manifest['run_id']}/tables"
    files = [
        write_lake_file(workspace, "bill_findings", folder, found),
        write_lake_file(workspace, "bill_use", folder, use),
    ]
    listed = [asdict(file) for file in files]
    counts = dict(found.group_by("code").len().sort("code").iter_rows())  # a row per code
    text = json.dumps({"files": listed, "counts": counts}, indent=1, sort_keys=True, default=str).encode()
    path = run_folder(workspace, manifest["run_id"]) / _NAME
    if not create_only(path, text) and path.read_bytes() != text:
        raise ControlError(
            f"run `{manifest['run_id']}` has a review already, of other bills",
            hint="files of the run were changed; abandon it and plan again with a higher --sequence",
        )


def review_files(folder: Path) -> list[LakeFile]:
    """Return the files that the review of a run wrote; none before it, and none of a run that has no review."""
    path = folder / _NAME
    return [lake_file_from(item) for item in json.loads(path.read_bytes())["files"]] if path.is_file() else []


def review_digest(folder: Path) -> str:
    """Return the hash of what the review of a run wrote."""
    return content_hash(*(file.sha256 for file in review_files(folder)))


def bill_findings(workspace: Workspace, run_id: str) -> DataFrame[BillFindings]:
    """Return what the review of a run found; nothing before it."""
    files = [file for file in review_files(run_folder(workspace, run_id)) if file.table == "bill_findings"]
    if not files:
        return empty(BillFindings)
    return arranged(BillFindings, scan_lake(workspace, files).select(column_names(BillFindings)).collect())


def _terms(connection: Connection, plan: dict[str, Any], known_at: datetime) -> pl.DataFrame:
    """Return the agreements' own days, as known when the run was planned, and the length of its cycle."""
    start, end = (date.fromisoformat(plan["cycle"][name]) for name in ("period_start_date", "period_end_date"))
    return facts(connection, "agreements", known_at=known_at).select(
        "agreement_id", supplied_from="start_date", supplied_to="end_date",
        cycle_days=pl.lit((end - start).days, dtype=pl.Int64),
    )  # fmt: skip

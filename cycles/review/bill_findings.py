"""The review of a run: what its bills took, and those that somebody should look at, written beside its manifest."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.review.bill_checks import HEADERS, check_bills
from cycles.review.parts import Part, parts_of
from cycles.review.rules import ReviewRules, rules_from
from cycles.review.standing_use import past_of_parts
from cycles.review.whole_run import CLASS, counted_use, largest_bills, whole_run
from cycles.runners.tasks import lake_file_from
from cycles.runs.folders import run_folder
from model.errors import ControlError
from model.ids import content_hash
from model.review import BillFindings, BillUse
from model.schema import arranged, column_names, empty
from store.control import Connection
from store.facts import facts
from store.files import create_only
from store.lake import LakeFile, scan_lake, write_lake_file
from store.workspace import Workspace

_NAME = "review.json"
_PAST = ".past"
# The same season of the year before last is the farthest past that counts.
_PAST_DAYS = 800


def review_run(workspace: Workspace, connection: Connection, plan: dict[str, Any], manifest: dict[str, Any]) -> None:
    """Find what to look at among the bills of a computed run. Called again it writes the same bytes.

    The past is what was published up to the time as of which the run was planned, whatever came since. The bills are
    looked at part by part: first for what the whole run comes to, then each part beside it.
    """
    rules = rules_from(plan.get("review", {}))
    folder = run_folder(workspace, manifest["run_id"])
    parts = parts_of(folder, manifest)
    seen = [_seen(workspace, rules, part) for part in parts]
    run = whole_run([one.counted for one in seen], [one.largest for one in seen], rules.top)
    known_at = datetime.fromisoformat(plan["known_at"])
    first = min((one.first for one in seen if one.first is not None), default=known_at.date())
    since = first - timedelta(days=_PAST_DAYS)
    found: list[pl.DataFrame] = []
    files: list[LakeFile] = []
    with past_of_parts(workspace, connection, parts, folder / _PAST, known_at=known_at, since=since) as past_of:
        for place, part in enumerate(parts):
            use = arranged(BillUse, part.use(workspace).collect())
            terms = _terms(connection, plan, known_at, use["agreement_id"])
            rows = check_bills(
                part.headers(workspace).select(HEADERS).collect(), use, past_of(place), terms, rules, run
            )
            files.append(write_lake_file(workspace, "bill_findings", f"runs/{manifest['run_id']}/tables", rows))
            found.append(rows.group_by("code").len())
    _keep(workspace, manifest["run_id"], [*files, *(file for part in parts for file in part.used)], pl.concat(found))


@dataclass(frozen=True)
class _Seen:
    """What a part of a run leaves for the whole of it."""

    counted: pl.DataFrame
    largest: pl.DataFrame
    first: date | None


def _seen(workspace: Workspace, rules: ReviewRules, part: Part) -> _Seen:
    bills = part.headers(workspace).select("bill_id", "branch_id", "currency", "total_minor", "period_start_date")
    headers = bills.collect()
    first = headers["period_start_date"].min()
    use = part.use(workspace).select(*CLASS, "quantity", "period_start_date", "period_end_date")
    return _Seen(
        counted_use(use.collect()), largest_bills(headers, rules.top), first if isinstance(first, date) else None
    )


def _keep(workspace: Workspace, run_id: str, files: list[LakeFile], counted: pl.DataFrame) -> None:
    """Write the list of what a review wrote, with its findings counted by code."""
    counts = dict(counted.group_by("code").agg(pl.col("len").sum()).sort("code").iter_rows())  # a row per code
    listed = [asdict(file) for file in dict.fromkeys(files)]  # parts in which nothing was found are one file
    text = json.dumps({"files": listed, "counts": counts}, indent=1, sort_keys=True, default=str).encode()
    path = run_folder(workspace, run_id) / _NAME
    if not create_only(path, text) and path.read_bytes() != text:
        raise ControlError(
            f"run `{run_id}` has a review already, of other bills",
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
    rows = scan_lake(workspace, files).select(column_names(BillFindings)).sort("finding_id")
    return arranged(BillFindings, rows.collect())


def _terms(connection: Connection, plan: dict[str, Any], known_at: datetime, agreements: pl.Series) -> pl.DataFrame:
    """Return agreements' own days, as known when the run was planned, and the length of its cycle."""
    start, end = (date.fromisoformat(plan["cycle"][name]) for name in ("period_start_date", "period_end_date"))
    return facts(connection, "agreements", known_at=known_at, among=agreements).select(
        "agreement_id", supplied_from="start_date", supplied_to="end_date",
        cycle_days=pl.lit((end - start).days, dtype=pl.Int64),
    )  # fmt: skip

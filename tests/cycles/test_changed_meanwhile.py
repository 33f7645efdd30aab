"""What changes between plan and publish, or after publishing, loses no day and bills none twice."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from whole_night import PLANNED, request

from accounts.importing import import_files
from cycles.publishing.publish import publish_run
from cycles.review.review import approve_run
from cycles.runs.plan import plan_cycle
from cycles.runs.run import run_cycle
from demo.night import DemoFiles
from model.errors import ControlError
from model.progress import Silent
from store.control import control, query
from store.facts import facts
from store.workspace import Workspace


def to_approved(workspace: Workspace, files: DemoFiles, branch: str, sequence: int) -> str:
    run = plan_cycle(workspace, request(files, branches=(branch,), sequence=sequence)).run_id
    run_cycle(workspace, run, workers=1, progress=Silent(), at=PLANNED, actor="night")
    approve_run(workspace, run, at=PLANNED, actor="mira")
    return run


def test_a_bill_is_not_published_twice_when_its_agreements_were_renamed(
    workspace: Workspace, files: DemoFiles, tmp_path: Path
) -> None:
    with control(workspace, purpose="test") as connection:
        agreements, accounts = facts(connection, "agreements"), facts(connection, "accounts")
    branch = accounts["branch_id"][0]
    first = to_approved(workspace, files, branch, 1)
    # Every agreement is written anew under another id: the old one never was, the new one has its days.
    ended = pl.col("start_date").dt.offset_by("1d").alias("end_date")
    old = agreements.with_columns(pl.lit(date(2000, 1, 1)).alias("start_date")).with_columns(ended)
    new = agreements.with_columns(pl.col("agreement_id") + "N")
    pl.concat([old, new]).write_csv(tmp_path / "agreements.csv")
    report = import_files(
        workspace, [tmp_path / "agreements.csv"], all_or_nothing=True, recorded_at=PLANNED, actor="night"
    )
    assert report.is_recorded, report.rejects
    second = to_approved(workspace, files, branch, 2)
    assert publish_run(workspace, first, at=PLANNED, actor="night").invoices > 0
    with pytest.raises(ControlError, match=r"have been published since it was planned; first: `.*\.r0`"):
        publish_run(workspace, second, at=PLANNED, actor="night")
    with control(workspace, purpose="test") as connection:
        bills = query(connection, "SELECT bill_id FROM open_item")["bill_id"]
    assert bills.is_unique().all()

"""The same bytes: whatever the partitions, workers and order; and running twice changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from whole_night import PLANNED, bill_cycle, digest, prepare_books, request

from cycles.publishing.publish import publish_run
from cycles.runners.tasks import Task
from cycles.runs.partition import compute_partition
from cycles.runs.plan import plan_cycle
from cycles.runs.run import run_cycle
from demo.night import DemoFiles
from model.errors import ControlError, StaleError
from model.progress import Silent
from store.control import control, query
from store.lake import lake_files, scan_lake
from store.workspace import Workspace, open_workspace

ORDER = {
    "bill_lines": "line_id",
    "parked": "agreement_id",
    "journal_lines": ["journal_id", "leg_no"],
    "invoices": "invoice_no",
}


def published(workspace: Workspace) -> dict[str, pl.DataFrame]:
    with control(workspace, purpose="test") as connection:
        found = {table: lake_files(connection, table) for table in ORDER}
    return {table: scan_lake(workspace, found[table]).collect().sort(ORDER[table]) for table in ORDER}


def test_partitions_and_workers_do_not_show_in_the_rows(
    workspace: Workspace, books: Path, files: DemoFiles, tmp_path: Path
) -> None:
    bill_cycle(workspace, files, workers=1, partitions=1)
    shutil.copytree(books, tmp_path / "other")
    other = open_workspace(tmp_path / "other")
    bill_cycle(other, files, workers=2, partitions=5)
    for table, rows in published(workspace).items():
        assert rows.equals(published(other)[table]), table


def test_many_workers_write_the_bytes_of_one(
    workspace: Workspace, books: Path, files: DemoFiles, tmp_path: Path
) -> None:
    bill_cycle(workspace, files, workers=1, partitions=8)
    expected = digest(workspace)
    for workers in (2, 3, 8):
        shutil.copytree(books, tmp_path / f"of_{workers}")
        other = open_workspace(tmp_path / f"of_{workers}")
        bill_cycle(other, files, workers=workers, partitions=8)
        assert digest(other) == expected, f"{workers} workers"


def test_a_run_that_goes_on_computes_only_what_has_no_receipt(workspace: Workspace, files: DemoFiles) -> None:
    run = plan_cycle(workspace, request(files, partitions=3)).run_id
    compute_partition(Task(str(workspace.root), run, 1))
    result = run_cycle(workspace, run, workers=1, progress=Silent(), at=PLANNED, actor="night")
    assert result.computed == 2


def test_every_step_again_changes_nothing(workspace: Workspace, files: DemoFiles) -> None:
    run = bill_cycle(workspace, files)
    before = digest(workspace)
    prepare_books(workspace.root, files)
    assert bill_cycle(workspace, files) == run
    assert digest(workspace) == before


def test_the_same_run_with_other_inputs_is_refused(workspace: Workspace, files: DemoFiles) -> None:
    plan_cycle(workspace, request(files))
    assert not plan_cycle(workspace, request(files)).is_new
    with control(workspace, purpose="test") as connection:
        connection.execute("UPDATE accounts SET payment_days = payment_days + 1")
    with pytest.raises(StaleError, match="is planned with other inputs"):
        plan_cycle(workspace, request(files))
    assert plan_cycle(workspace, request(files, sequence=2)).is_new


def test_a_plan_that_was_touched_is_not_run(workspace: Workspace, files: DemoFiles) -> None:
    planned = plan_cycle(workspace, request(files))
    path = planned.folder / "plan" / "due.parquet"
    pl.read_parquet(path).head(1).write_parquet(path)
    with pytest.raises(StaleError, match=r"file `due\.parquet` of the plan .* was changed"):
        run_cycle(workspace, planned.run_id, workers=1, progress=Silent(), at=PLANNED, actor="night")


def test_a_run_is_not_published_before_it_is_approved(workspace: Workspace, files: DemoFiles) -> None:
    planned = plan_cycle(workspace, request(files))
    with pytest.raises(ControlError, match="is planned; it cannot become published now"):
        publish_run(workspace, planned.run_id, at=PLANNED, actor="night")


def test_two_runs_over_the_same_accounts_cannot_both_be_published(workspace: Workspace, files: DemoFiles) -> None:
    rival = plan_cycle(workspace, request(files, sequence=2)).run_id
    bill_cycle(workspace, files)
    run_error = pytest.raises(ControlError, match="segments_do_not_overlap")
    with run_error:
        run_cycle(workspace, rival, workers=1, progress=Silent(), at=PLANNED, actor="night")
    with control(workspace, purpose="test") as connection:
        assert query(connection, "SELECT count(*) FROM invoice_series").item() > 0


def test_what_is_selected_is_billed_or_parked_and_invoices_have_no_gaps(workspace: Workspace, files: DemoFiles) -> None:
    bill_cycle(workspace, files)
    with control(workspace, purpose="test") as connection:
        run = query(connection, "SELECT selected, billed, parked, total_minor FROM run").row(0)
        series = query(connection, "SELECT sum(last_no) FROM invoice_series").item()
        balance = query(connection, "SELECT sum(amount_minor) FROM journal_line").item()
    rows = published(workspace)
    assert run[0] == run[1] + run[2]
    assert rows["invoices"].height == series
    assert rows["invoices"]["total_minor"].sum() == run[3]
    assert balance == 0

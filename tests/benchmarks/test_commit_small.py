"""A hundred drawn partitions through commit and publish: every key and every number once, whatever is held at once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from benchmarks.commit_data import DRAWN_AT, draw_run
from cycles.publishing import numbering
from cycles.publishing.numbering import number_run
from cycles.publishing.publish import publish_run
from cycles.review.review import approve_run
from cycles.runners.tasks import read_receipt, receipt_path
from cycles.runs import listed
from cycles.runs.folders import read_manifest, run_folder
from cycles.runs.run import commit_run
from cycles.verify.runs import find_runs
from model.errors import ControlError
from store.control import control, query
from store.lake import scan_lake
from store.workspace import open_workspace

PARTITIONS, KEYS = 100, 2_000  # 20 keys of 11 accounts in each
# Of a partition's 11 accounts the first is parked, with its electricity and water.
PARKED, PARKED_KEYS = 100, 200


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(os, "fsync", os.fsync)  # drawing leaves files to the system; put back afterwards
    return tmp_path / "books"


def test_a_hundred_partitions_are_committed_and_published(books: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = draw_run(books, PARTITIONS, KEYS, 1, _nobody)
    workspace = open_workspace(drawn.root)
    monkeypatch.setattr(listed, "_LISTED", 100)  # of 900 files
    assert commit_run(workspace, drawn.run_id, at=DRAWN_AT, actor="night").totals["billed"] == KEYS - PARKED_KEYS
    manifest = read_manifest(run_folder(workspace, drawn.run_id))
    assert manifest["unmet"] == [] and len(manifest["receipts"]) == PARTITIONS
    with control(workspace, purpose="test") as connection:
        folder = run_folder(workspace, drawn.run_id)
        at_once = number_run(workspace, connection, folder, manifest, is_whole=True)
        monkeypatch.setattr(numbering, "_TOGETHER", 120)  # each of nine branches, of 222 agreements, in two parts
        monkeypatch.setattr(numbering, "_SAMPLED_EVERY", 7)
        in_parts = number_run(workspace, connection, folder, manifest, is_whole=False)
        assert len(at_once.files) == 2 and len(in_parts.files) == 36
        whole, parts = (
            scan_lake(workspace, [file for file in found.files if file.table == "invoices"]).collect()
            for found in (at_once, in_parts)
        )
        assert parts.equals(whole) and in_parts.next_numbers == at_once.next_numbers
        with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):  # and no part waits for ever
            broken.setattr(numbering, "count_series", lambda bills: 1 / 0)
            number_run(workspace, connection, folder, manifest, is_whole=False)
    approve_run(workspace, drawn.run_id, at=DRAWN_AT, actor="second")
    published = publish_run(workspace, drawn.run_id, at=DRAWN_AT, actor="night")
    assert published.invoices == PARTITIONS * 11 - PARKED
    with control(workspace, purpose="test") as connection:
        keys = "SELECT count(*), count(DISTINCT agreement_id), count(DISTINCT bill_id) FROM segment_key"
        billed = KEYS - PARKED_KEYS
        assert query(connection, keys).row(0) == (billed, billed, published.invoices)
        items = query(connection, "SELECT count(*), sum(amount_minor)::BIGINT FROM open_item")
        assert items.row(0) == (published.invoices, published.total_minor)
        legs = query(connection, "SELECT sum(amount_minor)::BIGINT, count(DISTINCT journal_id) FROM journal_line")
        assert legs.row(0) == (0, published.invoices)
        runs = find_runs(workspace, connection)
        lists = [file for file in runs.named if "/files-" in file.path]
        assert runs.problems == [] and len(lists) == 2  # the manifest's, and that of what was published


def test_what_a_partition_says_does_not_meet_is_looked_at(books: Path) -> None:
    drawn = draw_run(books, 8, 160, 1, _nobody)
    workspace = open_workspace(drawn.root)
    folder = run_folder(workspace, drawn.run_id)
    receipt = read_receipt(folder, 7)
    assert receipt is not None and receipt.offenders == 0
    totals = receipt.totals | {"bills_minor": receipt.totals["bills_minor"] + 1}
    counts = receipt.counts | {"due": 19}  # of 20: one was never looked at
    path = receipt_path(folder, 7)
    path.unlink()
    path.write_bytes(replace(receipt, totals=totals, counts=counts).as_json())
    with pytest.raises(ControlError, match="first: run_totals_meet of `due_rows`: expected 160, found 159"):
        commit_run(workspace, drawn.run_id, at=DRAWN_AT, actor="night")
    told = pl.read_csv(folder / "controls.csv")["subject_id"].to_list()
    assert told == ["due_rows", "lines_minor", "net_and_tax_minor"]


def _nobody(_: str) -> None:
    """Tell nobody what is drawn."""

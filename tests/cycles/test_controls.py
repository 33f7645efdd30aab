"""A run whose controls do not meet goes nowhere, and says why."""

from __future__ import annotations

import polars as pl
import pytest
from whole_night import PLANNED, bill_cycle, prepare_books, request

import cycles.runs.partition
from cycles.bills.again import explain_bill
from cycles.publishing.publish import publish_run
from cycles.review.review import abandon_run, approve_run
from cycles.runs.plan import plan_cycle
from cycles.runs.run import run_cycle
from demo.night import DemoFiles
from ingest.vee.run import run_vee
from ledger.post import Posted, post_bills
from model.errors import ControlError
from model.progress import Silent
from store.audit import broken_entries
from store.control import control, query
from store.workspace import Workspace


def compute(workspace: Workspace, run: str) -> None:
    run_cycle(workspace, run, workers=1, progress=Silent(), at=PLANNED, actor="night")


def state(workspace: Workspace, run: str) -> str:
    with control(workspace, purpose="test") as connection:
        return str(query(connection, "SELECT state FROM run WHERE run_id = ?", [run]).item())


def test_a_leg_that_is_lost_stops_the_run(
    workspace: Workspace, files: DemoFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(*given: object) -> Posted:
        posted = post_bills(*given)  # type: ignore[arg-type]
        return Posted(posted.journal_lines.filter(pl.col("leg_no") != 2), posted.open_items)  # type: ignore[arg-type]

    monkeypatch.setattr(cycles.runs.partition, "post_bills", forgetful)
    planned = plan_cycle(workspace, request(files))
    with pytest.raises(ControlError, match="controls do not meet; first: journal_balance"):
        compute(workspace, planned.run_id)
    assert state(workspace, planned.run_id) == "staged"
    assert (planned.folder / "controls.csv").read_text().startswith("invariant,subject_id,expected,found")
    with pytest.raises(ControlError, match="is staged; it cannot become approved now"):
        approve_run(workspace, planned.run_id, at=PLANNED, actor="mira")


def test_energy_that_rating_loses_stops_the_run(
    workspace: Workspace, files: DemoFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = cycles.runs.partition.rate

    def careless(given: object) -> object:
        rated = rate(given)  # type: ignore[arg-type]
        one = pl.col("quantity") - (pl.int_range(pl.len()) == 0).cast(pl.Int64)
        object.__setattr__(
            rated, "determinants", rated.determinants.sort("quantity", descending=True).with_columns(one)
        )
        return rated

    monkeypatch.setattr(cycles.runs.partition, "rate", careless)
    planned = plan_cycle(workspace, request(files))
    with pytest.raises(ControlError, match="energy"):
        compute(workspace, planned.run_id)


def test_whoever_planned_a_run_cannot_approve_it(workspace: Workspace, files: DemoFiles) -> None:
    run = plan_cycle(workspace, request(files)).run_id
    compute(workspace, run)
    with pytest.raises(ControlError, match="was planned by night; the same person cannot approve it"):
        approve_run(workspace, run, at=PLANNED, actor="night")
    assert approve_run(workspace, run, at=PLANNED, actor="mira")
    assert not approve_run(workspace, run, at=PLANNED, actor="mira")


def test_an_abandoned_run_makes_room_for_the_next(workspace: Workspace, files: DemoFiles) -> None:
    first = plan_cycle(workspace, request(files)).run_id
    abandon_run(workspace, first, at=PLANNED, actor="night")
    with pytest.raises(ControlError, match="is abandoned"):
        compute(workspace, first)
    second = plan_cycle(workspace, request(files, sequence=2)).run_id
    compute(workspace, second)
    approve_run(workspace, second, at=PLANNED, actor="mira")
    assert publish_run(workspace, second, at=PLANNED, actor="night").is_new
    with pytest.raises(ControlError, match="is published; it cannot become abandoned now"):
        abandon_run(workspace, second, at=PLANNED, actor="night")


def test_a_bill_is_explained_as_it_was_known_after_everything_has_changed(
    workspace: Workspace, files: DemoFiles
) -> None:
    run = bill_cycle(workspace, files)
    with control(workspace, purpose="test") as connection:
        bill = query(connection, "SELECT min(bill_id) FROM segment_key WHERE run_id = ?", [run]).item()
        connection.execute("UPDATE tariff_file SET text = replace(text, 'price = 0.', 'price = 9.')")
        connection.execute("UPDATE agreements SET end_date = DATE '2026-10-02'")
        assert broken_entries(connection) == []
    explained = explain_bill(workspace, bill)
    assert explained.is_same and explained.text[-1].startswith("Computed again")


def test_judging_again_after_publishing_changes_nothing(workspace: Workspace, files: DemoFiles) -> None:
    bill_cycle(workspace, files)
    prepare_books(workspace.root, files)
    start, end = files.business_date.replace(month=10, day=1), files.business_date.replace(day=1)
    assert run_vee(workspace, from_date=start, to_date=end, received_at=PLANNED).seq is None
